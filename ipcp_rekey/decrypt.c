// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Decryption, and handling of packets that authenticate: update the replay
 * window, the leaf and epoch that the peer uses, the time at which the peer was
 * heard, and the address of the peer. A packet that does not authenticate only
 * changes the counts of failures and drops, and may kick the worker.
 *
 * No reference to the leaf is taken: RCU keeps the leaf and its key until the
 * packet is handled. A packet whose leaf is retired in the meantime is too
 * late.
 */
#include <linux/indirect_call_wrapper.h>
#include <linux/mm.h>
#include <linux/skbuff.h>

#include "cb.h"
#include "decrypt.h"
#include "keyrot.h"
#include "leaf.h"
#include "notify.h"
#include "path.h"
#include "trace.h"
#include "udp.h"
#include "wire.h"

/* True if no other buffer holds the pages of the fragments. */
static bool frags_are_ours(const struct sk_buff *skb)
{
	const struct skb_shared_info *info = skb_shinfo(skb);

	/* The page pool counts references to its pages elsewhere. */
	if (info->nr_frags && skb->pp_recycle)
		return false;
	for (int i = 0; i < info->nr_frags; i++) {
		struct page *page = skb_frag_page(&info->frags[i]);

		if (!page || page_count(page) != 1)
			return false;
	}
	return true;
}

/**
 * ipcp_decrypt_in_place() - Test whether a buffer may be overwritten
 * @skb: received buffer
 *
 * A buffer must not be overwritten if its memory is shared: with a clone; with
 * a user process or a file that owns the pages of the fragments; with a copy
 * that shares fragments (pskb_copy()), since neither copy is marked; or, after
 * GRO built a list of buffers, possibly with a clone of one of them.
 *
 * Context: Any context.
 * Return: true if the memory of @skb is not shared.
 */
bool ipcp_decrypt_in_place(const struct sk_buff *skb)
{
	return !skb_cloned(skb) && !skb_has_shared_frag(skb) &&
	       !skb_has_frag_list(skb) && frags_are_ours(skb);
}

static void peer_is_there(struct ipcp_flow *flow)
{
	unsigned long now = jiffies;

	if (READ_ONCE(flow->last_rx) != now) {
		WRITE_ONCE(flow->last_rx, now);
		/* Pairs with the change of the flag in check_peer(). */
		smp_mb();
	}
	if (unlikely(ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_FLOWPEER) &&
	    ipcp_rbflags_change(&flow->n_rb.flags, 0, IPCP_RB_FLOWPEER))
		ipcp_notify(flow, IPCP_REKEY_EVENT_PEER_BACK, READ_ONCE(flow->rk.epoch), 0);
}

/*
 * Track the address of the peer. Only a packet with the highest counter so far,
 * in the newest epoch in which the peer was observed, may change the address. A
 * packet in a lingering epoch may not.
 */
static void track_peer(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		       const struct sk_buff *skb, u64 counter)
{
	const struct ipcp_path_ops *path = READ_ONCE(flow->path);
	u64 end = READ_ONCE(ep->rx_end);

	do {
		if (counter < end)
			return;
	} while (!try_cmpxchg64(&ep->rx_end, &end, counter + 1));
	if (likely(ep->no == READ_ONCE(flow->rk.observed)))
		INDIRECT_CALL_1(path->received, ipcp_udp_received,
				flow, skb, ep, counter);
	if (unlikely(ipcp_rx_watermark(counter) &&
		     ipcp_epoch_watermark(ep, IPCP_EP_RX_WATERMARK)))
		ipcp_flow_kick(flow);
}

/* Commit a decrypted packet to the replay window, so it is accepted once. */
static enum ipcp_drop accept_once(struct ipcp_flow *flow,
				  struct ipcp_leaf *leaf, u8 type, u64 counter,
				  unsigned int len)
{
	struct ipcp_epoch *ep = leaf->epoch;
	enum ipcp_drop reason;

	spin_lock(&leaf->lock);
	reason = ipcp_replay_commit(leaf->replay, ipcp_ctr_seq(counter));
	spin_unlock(&leaf->lock);
	if (unlikely(reason))
		return reason;
	if (unlikely(!ipcp_leaf_received(ep, leaf, counter)))
		return IPCP_DROP_LATE;

	trace_ipcp_rx(flow, type, ep->no, counter, ipcp_rx_dir(&flow->rk), len);
	return IPCP_DROP_NONE;
}

/*
 * Update the state of the peer after an accepted packet. @skb gives the source
 * address.
 */
static void follow_peer(struct ipcp_flow *flow, struct ipcp_epoch *ep, bool data,
			u64 counter, const struct sk_buff *skb)
{
	ipcp_keyrot_observe(flow, ep, data);
	peer_is_there(flow);
	track_peer(flow, ep, skb, counter);
}

static enum ipcp_drop count_forged(struct ipcp_flow *flow, int err)
{
	if (err != -EBADMSG)
		return IPCP_DROP_NOMEM;
	if (atomic64_inc_return(&flow->auth_failures) == IPCP_AUTH_FAILURES)
		ipcp_flow_kick(flow);
	return IPCP_DROP_AUTH;
}

/**
 * ipcp_decrypt_packet() - Decrypt a packet in its buffer, and update the flow
 * @flow: flow
 * @leaf: key of the packet
 * @skb: one packet without its header, which precedes the data; on success the
 *	message. The memory is replaced if it is shared.
 *
 * Context: Under RCU, with bottom halves off.
 * Return: reason to drop the packet, or IPCP_DROP_NONE.
 */
enum ipcp_drop ipcp_decrypt_packet(struct ipcp_flow *flow,
				   struct ipcp_leaf *leaf, struct sk_buff *skb)
{
	const struct ipcp_skb_cb *cb = ipcp_cb(skb);
	enum ipcp_drop reason;
	u8 *pkt;
	int err;

	if (skb_linearize_cow(skb))
		return IPCP_DROP_NOMEM;
	/* The segment size was that of the datagram, and not of the message. */
	if (unlikely(skb_is_gso(skb)))
		skb_gso_reset(skb);
	pkt = skb->data - IPCP_HDR_LEN;
	err = ipcp_aead_open(&leaf->aead, pkt, pkt, skb->len, cb->counter);
	if (unlikely(err))
		return count_forged(flow, err);
	__skb_trim(skb, skb->len - IPCP_TAG_LEN);
	reason = accept_once(flow, leaf, cb->type, cb->counter, skb->len);
	if (likely(!reason))
		follow_peer(flow, leaf->epoch, cb->type == IPCP_PDU_DATA,
			    cb->counter, skb);
	return reason;
}

/*
 * Decrypt the next of several packets, but do not accept it yet. @out is room
 * for the packet, which is copied there first; or NULL to decrypt in place.
 * Inlined, since this is called for each packet of a buffer.
 */
static __always_inline enum ipcp_drop
decrypt_one(struct ipcp_flow *flow, struct ipcp_leaf *leaf, struct ipcp_cursor *c,
	    unsigned int len, u8 *out, u64 *counter)
{
	u8 *pkt = ipcp_cursor_next(c, len);
	enum ipcp_drop reason;
	int err;

	if (out) {
		if (likely(pkt))
			memcpy(out, pkt, len);
		else
			skb_copy_bits(c->skb, c->pos - len, out, len);
		pkt = out;
	}
	/*
	 * The packet may have changed since it was parsed. The tag
	 * authenticates the whole header; the fields checked here decide
	 * whether this key may be tried, and with which nonce.
	 */
	if (unlikely(len < IPCP_OVERHEAD))
		return IPCP_DROP_SHORT;
	*counter = ipcp_wire_counter(pkt);
	if (unlikely(!ipcp_wire_is_data(pkt) ||
		     ipcp_ctr_leaf(*counter) != leaf->no))
		return IPCP_DROP_MALFORMED;
	reason = ipcp_replay_check(leaf->replay, ipcp_ctr_seq(*counter));
	if (unlikely(reason))
		return reason;
	err = ipcp_aead_open(&leaf->aead, pkt, pkt, len - IPCP_HDR_LEN, *counter);
	return unlikely(err) ? count_forged(flow, err) : IPCP_DROP_NONE;
}

/**
 * ipcp_decrypt_seg() - Decrypt the next of several packets into other memory
 * @flow: flow
 * @leaf: key of the packets
 * @c: start of the packet; advanced to the next packet
 * @len: length of the packet in bytes, with header and tag
 * @out: room for @len bytes, where the message follows the header; the packet
 *	is copied here first, since others may write to a shared buffer
 * @end: (in/out) highest accepted counter plus one; unchanged if the packet is
 *	dropped
 *
 * Context: Under RCU, with bottom halves off.
 * Return: reason to drop the packet, or IPCP_DROP_NONE.
 */
enum ipcp_drop ipcp_decrypt_seg(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
				struct ipcp_cursor *c, unsigned int len,
				u8 *out, u64 *end)
{
	enum ipcp_drop reason;
	u64 counter;

	reason = decrypt_one(flow, leaf, c, len, out, &counter);
	if (likely(!reason))
		reason = accept_once(flow, leaf, IPCP_PDU_DATA, counter,
				     len - IPCP_OVERHEAD);
	if (likely(!reason))
		*end = max(*end, counter + 1);
	return reason;
}

/**
 * struct decrypted - packets of a buffer that were decrypted in place
 * @base: counter of the first packet of the leaf; set if any packet was
 *	decrypted
 * @seqs: sequence number of each decrypted packet in the leaf
 * @why: reason to drop the packet, or IPCP_DROP_NONE
 */
struct decrypted {
	u64 base;
	u32 seqs[IPCP_SEGS_MAX];
	u8 why[IPCP_SEGS_MAX];
};

static void decrypt_all(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
			struct ipcp_cursor *c, unsigned int seg_len,
			unsigned int count, struct decrypted *o)
{
	for (unsigned int i = 0; i < count; i++) {
		unsigned int len = ipcp_seg_len(c->skb, c->pos, seg_len);
		u64 counter;

		o->why[i] = decrypt_one(flow, leaf, c, len, NULL, &counter);
		if (unlikely(o->why[i]))
			continue;
		o->seqs[i] = ipcp_ctr_seq(counter);
		o->base = counter - o->seqs[i];
	}
}

/*
 * Commit decrypted packets to the replay window, as accept_once() does, but
 * take the lock once. Return a bitmap of the accepted packets, and in @next the
 * highest accepted counter plus one, or 0.
 */
static u64 accept_all(struct ipcp_leaf *leaf, struct decrypted *o,
		      unsigned int count, u64 *next)
{
	u64 good = 0;
	u32 end = 0;

	spin_lock(&leaf->lock);
	for (unsigned int i = 0; i < count; i++) {
		if (unlikely(o->why[i]))
			continue;
		o->why[i] = ipcp_replay_commit(leaf->replay, o->seqs[i]);
		if (unlikely(o->why[i]))
			continue;
		good |= BIT_ULL(i);
		end = max(end, o->seqs[i] + 1);
	}
	spin_unlock(&leaf->lock);

	*next = good ? o->base + end : 0;
	if (likely(!good || ipcp_leaf_received(leaf->epoch, leaf, *next - 1)))
		return good;
	for (unsigned int i = 0; i < count; i++)
		o->why[i] = o->why[i] ?: IPCP_DROP_LATE;
	*next = 0;
	return 0;
}

/* Count the packets that are dropped, and trace those that were accepted. */
static void report_segs(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
			const struct sk_buff *skb, unsigned int pos,
			unsigned int seg_len, unsigned int count,
			const struct decrypted *o)
{
	for (unsigned int i = 0; i < count; i++, pos += seg_len) {
		unsigned int len = ipcp_seg_len(skb, pos, seg_len);

		if (o->why[i])
			ipcp_flow_dropped(flow, len, o->why[i]);
		else
			trace_ipcp_rx(flow, IPCP_PDU_DATA, leaf->epoch->no,
				      o->base + o->seqs[i],
				      ipcp_rx_dir(&flow->rk), len - IPCP_OVERHEAD);
	}
}

/**
 * ipcp_decrypt_segs() - Decrypt several packets in place
 * @flow: flow
 * @leaf: key of the packets
 * @c: start of the packets, each contiguous in memory that is not shared
 * @seg_len: length of each packet but the last of the buffer, in bytes
 * @count: number of packets, at most IPCP_SEGS_MAX
 * @end: (output) highest accepted counter plus one; 0 if none was accepted
 *
 * Context: Under RCU, with bottom halves off.
 * Return: bitmap of the accepted packets. The others were counted as dropped.
 */
u64 ipcp_decrypt_segs(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
		      struct ipcp_cursor *c, unsigned int seg_len,
		      unsigned int count, u64 *end)
{
	struct decrypted o __uninitialized;
	unsigned int pos = c->pos;
	u64 good;

	decrypt_all(flow, leaf, c, seg_len, count, &o);
	good = accept_all(leaf, &o, count, end);
	if (unlikely(trace_ipcp_rx_enabled() || hweight64(good) != count))
		report_segs(flow, leaf, c->skb, pos, seg_len, count, &o);
	return good;
}

/**
 * ipcp_decrypt_follow() - Update the flow after accepted packets
 * @flow: flow
 * @leaf: key of the packets
 * @skb: buffer that contained the packets
 * @end: highest accepted counter plus one, of ipcp_decrypt_seg() or _segs(); 0
 *	if no packet was accepted
 *
 * Called once for all packets of a flow and leaf in a buffer, or for 64 of them:
 * all packets in a buffer have the same source.
 *
 * Context: Under RCU, with bottom halves off.
 */
void ipcp_decrypt_follow(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
			 const struct sk_buff *skb, u64 end)
{
	if (end)
		follow_peer(flow, leaf->epoch, true, end - 1, skb);
}
