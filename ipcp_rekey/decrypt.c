// SPDX-License-Identifier: GPL-2.0
/*
 * Opening received packets: finding and deriving their keys, decrypting, and
 * what follows from a packet that authenticated.
 *
 * A packet in a buffer of its own is opened in place, in memory that nobody
 * else has; one of a train is opened into memory of its reader, since the stack
 * may share a train's memory with others.
 */
#include <linux/skbuff.h>

#include "notify.h"
#include "rx-int.h"
#include "trace.h"
#include "udp.h"
#include "wire.h"

/**
 * ipcp_find_leaf() - Find the key of a buffer's packets
 * @flow: flow
 * @cb: what is known of it; its leaf out
 *
 * Looks, without writing, if a packet is a repeat.
 *
 * Context: Any context.
 * Return: why to drop it; IPCP_DROP_NONE without a leaf if that is to be
 * derived first.
 */
enum ipcp_drop ipcp_find_leaf(struct ipcp_flow *flow, struct ipcp_skb_cb *cb)
{
	enum ipcp_drop reason = IPCP_DROP_NONE;
	struct ipcp_epoch *ep;
	int err = -ENOKEY;

	rcu_read_lock();
	ep = ipcp_epoch_find(flow, cb->epoch);
	if (ep)
		err = ipcp_leaf_lookup(ep, ipcp_rx_dir(&flow->rk),
				       ipcp_ctr_leaf(cb->counter), &cb->leaf);
	if (err == -ENOKEY)
		reason = IPCP_DROP_EPOCH;
	else if (err == -EKEYEXPIRED)
		reason = IPCP_DROP_LATE;
	else if (!err && !cb->seg_len)
		reason = ipcp_replay_check(cb->leaf->replay,
					   ipcp_ctr_seq(cb->counter));
	rcu_read_unlock();
	return reason;
}

/**
 * ipcp_look_again() - Find the key of a buffer that was queued without
 * @flow: flow
 * @skb: buffer, not opened yet
 * @derive: out; its leaf has to be derived first
 *
 * Context: Any context.
 * Return: why to drop it.
 */
enum ipcp_drop ipcp_look_again(struct ipcp_flow *flow, struct sk_buff *skb,
			       bool *derive)
{
	struct ipcp_skb_cb *cb = ipcp_cb(skb);
	enum ipcp_drop reason = IPCP_DROP_NONE;

	if (!cb->leaf)
		reason = ipcp_find_leaf(flow, cb);
	*derive = !reason && !cb->leaf;
	return reason;
}

/*
 * An authentic packet says that the peer was there when it came, which may be
 * long ago if nobody read it.
 */
static void peer_was_there(struct ipcp_flow *flow, unsigned long arrived)
{
	unsigned long timeout = READ_ONCE(flow->peer_timeout);

	if (time_before(READ_ONCE(flow->last_rx), arrived))
		WRITE_ONCE(flow->last_rx, arrived);
	if (unlikely(ipcp_rbuff_flags(&flow->n_rb) & IPCP_RB_FLOWPEER) &&
	    (!timeout || time_before(jiffies, arrived + timeout)) &&
	    ipcp_rbuff_change(&flow->n_rb, 0, IPCP_RB_FLOWPEER))
		ipcp_notify(flow, IPCP_REKEY_EVENT_PEER_BACK, flow->rk.epoch,
			    0);
}

/* An authentic packet with the highest counter yet says where the peer is. */
static void track_peer(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		       struct sk_buff *skb, u64 counter)
{
	u64 highest = READ_ONCE(ep->highest);

	do {
		if (counter <= highest)
			return;
	} while (!try_cmpxchg64(&ep->highest, &highest, counter));
	if (ep->no == READ_ONCE(flow->rk.newest) ||
	    ep == rcu_access_pointer(flow->tx))
		ipcp_udp_roam(flow, skb, ep, counter);
	if (unlikely(ipcp_rx_watermark(counter)))
		ipcp_flow_kick(flow);
}

/*
 * Does this packet make the leaf after its own due? Once in a leaf; or twice, by
 * two readers at a time, which does not hurt.
 */
static bool rx_begins_next(struct ipcp_leaf *leaf, u64 counter)
{
	if (likely(READ_ONCE(leaf->begun)) ||
	    ipcp_ctr_seq(counter) < IPCP_RX_AHEAD)
		return false;
	WRITE_ONCE(leaf->begun, true);
	return true;
}

/*
 * A packet authenticated, or so it seems: lets it pass once, and does what
 * follows from it. @skb says when it came, and from where.
 */
static enum ipcp_drop accept_authentic(struct ipcp_flow *flow,
				       struct ipcp_leaf *leaf, u8 type,
				       u64 counter, struct sk_buff *skb,
				       unsigned int len)
{
	unsigned int dir = ipcp_rx_dir(&flow->rk);
	struct ipcp_epoch *ep = leaf->epoch;
	enum ipcp_drop reason;
	bool work;

	spin_lock(&leaf->lock);
	reason = leaf->abandoned ? IPCP_DROP_LATE :
		 ipcp_replay_commit(leaf->replay, ipcp_ctr_seq(counter));
	spin_unlock(&leaf->lock);
	if (unlikely(reason))
		return reason;

	trace_ipcp_rx(flow, type, ep->no, counter, dir, len);
	peer_was_there(flow, ipcp_cb(skb)->arrived);
	track_peer(flow, ep, skb, counter);
	if (type == IPCP_PDU_DATA) {
		ipcp_keyrot_observe(flow, ep, true);
		work = rx_begins_next(leaf, counter);
		if (unlikely(leaf != rcu_access_pointer(ep->leaves[dir].cur)))
			work |= ipcp_leaf_advance(ep, dir, leaf);
		if (unlikely(work))
			ipcp_flow_kick(flow);
	}
	return IPCP_DROP_NONE;
}

static enum ipcp_drop count_forged(struct ipcp_flow *flow, int err)
{
	if (err != -EBADMSG)
		return IPCP_DROP_NOMEM;
	if (atomic_inc_return(&flow->auth_failures) == IPCP_AUTH_FAILURES)
		ipcp_flow_kick(flow);
	return IPCP_DROP_AUTH;
}

/**
 * ipcp_decrypt_packet() - Open a packet in its buffer, and account for it
 * @flow: flow
 * @skb: buffer with a leaf; no train. Its message when that went well
 *
 * Context: Bottom halves are off.
 * Return: why to drop it.
 */
enum ipcp_drop ipcp_decrypt_packet(struct ipcp_flow *flow, struct sk_buff *skb)
{
	struct ipcp_skb_cb *cb = ipcp_cb(skb);
	enum ipcp_drop reason;
	u8 *pkt;
	int err;

	/* In place, and only in memory that nobody else has. */
	if (skb_linearize_cow(skb))
		return IPCP_DROP_NOMEM;
	pkt = skb->data - IPCP_HDR_LEN;
	err = ipcp_aead_open(&cb->leaf->aead, pkt, pkt, skb->len, cb->counter);
	if (unlikely(err))
		return count_forged(flow, err);
	__skb_trim(skb, skb->len - IPCP_TAG_LEN);
	reason = accept_authentic(flow, cb->leaf, cb->type, cb->counter, skb,
				  skb->len);
	cb->decrypted = !reason;
	return reason;
}

/**
 * ipcp_decrypt_seg() - Open the next packet of a train, and account for it
 * @flow: flow
 * @leaf: key of the train's packets
 * @c: where the packet begins; moves on to the next
 * @len: length of the packet in bytes, with header and tag
 * @out: room for as much; the message is after the header
 *
 * Context: Bottom halves are off.
 * Return: why to drop it.
 */
enum ipcp_drop ipcp_decrypt_seg(struct ipcp_flow *flow,
				struct ipcp_leaf *leaf, struct ipcp_cursor *c,
				unsigned int len, u8 *out)
{
	u8 *pkt = ipcp_cursor_next(c, len);
	enum ipcp_drop reason;
	u64 counter;
	int err;

	if (unlikely(!pkt)) {
		skb_copy_bits(c->skb, c->pos - len, out, len);
		pkt = out;
	}
	/*
	 * Its memory may be another's, too, and not be what it was when it was
	 * parsed. All of the header is authenticated; what is looked at here
	 * says whether this key may be tried, and with which nonce.
	 */
	if (unlikely(len < IPCP_OVERHEAD))
		return IPCP_DROP_SHORT;
	counter = ipcp_wire_counter(pkt);
	if (unlikely(!ipcp_wire_is_data(pkt) ||
		     ipcp_ctr_leaf(counter) != leaf->no))
		return IPCP_DROP_MALFORMED;
	reason = ipcp_replay_check(leaf->replay, ipcp_ctr_seq(counter));
	if (unlikely(reason))
		return reason;
	err = ipcp_aead_open(&leaf->aead, pkt, out, len - IPCP_HDR_LEN,
			     counter);
	if (unlikely(err))
		return count_forged(flow, err);
	return accept_authentic(flow, leaf, IPCP_PDU_DATA, counter, c->skb,
				len - IPCP_OVERHEAD);
}

/* Is there a derivation left for a packet far ahead? */
static bool jump_allowed(struct ipcp_flow *flow)
{
	bool allowed;

	spin_lock_bh(&flow->lock);
	if (time_after_eq(jiffies, flow->jumps_at + HZ)) {
		flow->jumps = IPCP_JUMPS_PER_SECOND;
		flow->jumps_at = jiffies;
	}
	allowed = flow->jumps;
	if (allowed)
		flow->jumps--;
	spin_unlock_bh(&flow->lock);
	return allowed;
}

/**
 * ipcp_derive_leaf() - Derive the leaf that a buffer needs
 * @flow: flow
 * @cb: what is known of it
 *
 * Context: Process context, may sleep.
 * Return: why to drop it; IPCP_DROP_NONE says that it is worth looking again.
 */
enum ipcp_drop ipcp_derive_leaf(struct ipcp_flow *flow,
				const struct ipcp_skb_cb *cb)
{
	unsigned int no = ipcp_ctr_leaf(cb->counter);
	unsigned int dir = ipcp_rx_dir(&flow->rk);
	struct ipcp_epoch *ep;
	struct ipcp_leaf *cur;
	bool next;
	int err;

	rcu_read_lock();
	ep = ipcp_epoch_find(flow, cb->epoch);
	cur = ep ? rcu_dereference(ep->leaves[dir].cur) : NULL;
	if (!cur || !refcount_inc_not_zero(&ep->refs)) {
		rcu_read_unlock();
		return IPCP_DROP_EPOCH;
	}
	/* If the current leaf moves on meanwhile, it is there: look again. */
	next = no <= cur->no + 1;
	rcu_read_unlock();

	if (next)
		err = ipcp_leaf_prepare(ep, dir);
	else if (jump_allowed(flow))
		err = ipcp_leaf_try_jump(ep, no);
	else
		err = -ENOSPC;
	ipcp_epoch_put(ep);
	switch (err) {
	case 0:
		return IPCP_DROP_NONE;
	case -ENOSPC:
		return IPCP_DROP_AHEAD;
	case -ENOMEM:
		return IPCP_DROP_NOMEM;
	case -ENOKEY:
		return IPCP_DROP_EPOCH;
	default:
		return IPCP_DROP_LATE;
	}
}

