// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Sending: claim counters, seal the packets and pass them to the stack.
 *
 * A buffer (tx-buf.c) has one packet or many, and the same code sends both.
 *
 * Everything that may sleep comes first: allocating memory, copying from the
 * program, waiting for room, and deriving the next leaf key. Then bottom halves
 * are disabled, a counter is claimed, and bottom halves stay disabled until the
 * stack has the packet. So no writer overtakes another by more than the
 * receiver's replay window. A counter is claimed only after its leaf was found,
 * so no counter is wasted for lack of a key. Claimed counters are never reused.
 */
#include <linux/indirect_call_wrapper.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <net/net_debug.h>

#include "cb.h"
#include "inflight.h"
#include "leaf.h"
#include "notify.h"
#include "path.h"
#include "segs.h"
#include "trace.h"
#include "tx.h"
#include "udp.h"
#include "wire.h"

/* Messages in flight */

/*
 * The last message in flight of a flow drops the module reference. RCU keeps
 * the count and the consumer, even if others drop their references meanwhile.
 * Running past module_put() is safe, too: ipcp_exit() waits until each task has
 * left the module.
 */
static void tx_inflight_done(struct ipcp_inflight *out, unsigned int count)
{
	unsigned int left;

	rcu_read_lock();
	left = ipcp_inflight_sub(out, count) & ~IPCP_INFLIGHT_FLOW;
	if (left < IPCP_TX_QUEUE && left + count >= IPCP_TX_QUEUE)
		ipcp_consumer_wake(out->consumer, EPOLLOUT | EPOLLWRNORM);
	if (!left)
		module_put(THIS_MODULE);
	rcu_read_unlock();
}

/*
 * destructor_arg is the address of the flow's count plus the number of messages
 * in the buffer less one, so the alignment must leave room for that number.
 */
static_assert(__alignof__(struct ipcp_inflight) >= IPCP_SEGS_MAX);

static void tx_destructor(struct sk_buff *skb)
{
	unsigned long arg = (unsigned long)skb_shinfo(skb)->destructor_arg;
	unsigned long less_one = arg & (IPCP_SEGS_MAX - 1);

	tx_inflight_done((struct ipcp_inflight *)(arg - less_one),
			 less_one + 1);
}

/*
 * Count messages as in flight until the buffer is freed. The caller holds a
 * module reference and the flow, whose share keeps the count.
 */
static void tx_inflight_start(struct ipcp_flow *flow, struct sk_buff *skb,
			      unsigned int count)
{
	struct ipcp_inflight *out = flow->inflight;

	DEBUG_NET_WARN_ON_ONCE(skb_zcopy(skb));
	if (atomic_add_return(count, &out->count) == IPCP_INFLIGHT_FLOW + count)
		__module_get(THIS_MODULE);
	skb_shinfo(skb)->destructor_arg = (u8 *)out + count - 1;
	skb->destructor = tx_destructor;
}

/* Counters and keys */

/*
 * Claim the counters of the next packets, up to @want of one leaf, and return
 * the leaf. Context: under RCU, which keeps the leaf. Return: the number of
 * counters claimed, from @n on; or, with nothing claimed, -EINPROGRESS if the
 * leaf has to be prepared first, or -EKEYEXPIRED at the limit.
 */
static int claim_counters(struct ipcp_epoch *ep, const struct ipcp_leaves *lv,
			  u64 limit, unsigned int want, u64 *n,
			  struct ipcp_leaf **leaf)
{
	u64 ppl = BIT_ULL(ep->ppl_shift);
	s64 sent = atomic64_read(&ep->sent);
	u64 got;

	do {
		if (sent >= limit)
			return -EKEYEXPIRED;
		*leaf = ipcp_leaf_find(lv, sent >> ep->ppl_shift);
		if (unlikely(!*leaf)) {
			/* Retry if another sender has changed ->sent. */
			if (atomic64_read(&ep->sent) == sent)
				return -EINPROGRESS;
			sent = atomic64_read(&ep->sent);
			continue;
		}
		got = min3((u64)want, limit - sent, ppl - (sent & (ppl - 1)));
		if (atomic64_try_cmpxchg(&ep->sent, &sent, sent + got))
			break;
	} while (1);
	*n = sent;
	return got;
}

/* True if these packets make the next leaf due, which happens once per leaf. */
static bool tx_begins_next(const struct ipcp_epoch *ep, u64 n,
			   unsigned int count)
{
	unsigned int before = n & (BIT_ULL(ep->ppl_shift) - 1);
	unsigned int ahead = IPCP_TX_AHEAD(ep->ppl_shift);

	return before < ahead && before + count >= ahead;
}

static bool too_old(const struct ipcp_flow *flow, const struct ipcp_epoch *ep)
{
	unsigned long max_age = READ_ONCE(flow->max_age);

	return max_age && time_after(jiffies, READ_ONCE(ep->parked) + max_age);
}

static void tell_expired(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	if (!test_and_set_bit(IPCP_EP_EXPIRED, &ep->flags)) {
		ipcp_notify(flow, IPCP_REKEY_EVENT_EXPIRED, ep->no,
			    ep->exchange);
		ipcp_flow_kick(flow);
	}
}

/* The reserve is for control packets that a re-key may need. */
static u64 limit_of(const struct ipcp_epoch *ep, const struct ipcp_skb_cb *cb)
{
	return cb->type == IPCP_PDU_DATA || cb->spare ?
				       ipcp_tx_data_limit(ep->ppl_shift) :
				       ipcp_tx_limit(ep->ppl_shift);
}

/*
 * Seal up to @want packets from the cursor on, with counters of one leaf. Each
 * packet but the last of the buffer has @seg_len bytes. Return the number of
 * packets sealed, an error as claim_counters(), or an error of the cipher.
 */
static int seal_packets(struct ipcp_flow *flow, struct ipcp_epoch *ep,
			struct ipcp_cursor *c, unsigned int want,
			unsigned int seg_len)
{
	const struct ipcp_skb_cb *cb = ipcp_cb(c->skb);
	struct ipcp_hdr hdr = { .type = cb->type, .epoch = ep->no,
				.eid = READ_ONCE(flow->peer_eid) };
	unsigned int dir = ipcp_tx_dir(&flow->rk);
	struct ipcp_leaves *lv = &ep->leaves[dir];
	struct ipcp_leaf *leaf;
	int got, err;
	u64 n;

	got = claim_counters(ep, lv, limit_of(ep, cb), want, &n, &leaf);
	if (unlikely(got < 0)) {
		if (got == -EKEYEXPIRED && !cb->spare)
			tell_expired(flow, ep);
		return got;
	}
	if (unlikely(tx_begins_next(ep, n, got) ||
		     (ipcp_tx_watermark(n + got, ep->ppl_shift) &&
		      ipcp_epoch_watermark(ep, IPCP_EP_TX_WATERMARK))))
		ipcp_flow_kick(flow);
	if (unlikely(leaf == rcu_access_pointer(lv->next)))
		ipcp_leaf_used(ep, leaf);

	/* The counters of one leaf are consecutive. */
	hdr.counter = ipcp_tx_counter(n, ep->ppl_shift);
	for (int i = 0; i < got; i++, hdr.counter++) {
		unsigned int len = ipcp_seg_len(c->skb, c->pos, seg_len);
		u8 *pkt = ipcp_cursor_next(c, len);

		len -= IPCP_OVERHEAD;
		ipcp_wire_build(pkt, &hdr);
		trace_ipcp_tx(flow, &hdr, dir, len);
		err = ipcp_aead_seal(&leaf->aead, pkt, len, hdr.counter);
		if (unlikely(err))
			return err;
	}
	return got;
}

static void touch_tx(struct ipcp_flow *flow)
{
	unsigned long now = jiffies;

	if (READ_ONCE(flow->last_tx) != now)
		WRITE_ONCE(flow->last_tx, now);
}

/*
 * Pass a buffer to the path, which consumes the buffer. Callers send a buffer or
 * its messages again after some errors: replace these, which come from routing.
 */
static int xmit(struct ipcp_flow *flow, struct sk_buff *skb)
{
	const struct ipcp_path_ops *path = READ_ONCE(flow->path);
	int err = INDIRECT_CALL_1(path->xmit, ipcp_udp_xmit, flow, skb);

	if (likely(!err))
		return 0;
	if (err == -EAGAIN || ipcp_tx_kept(err))
		return -ENETUNREACH;
	return err == -ENOMEM ? -ENOBUFS : err;
}

/* Count @done messages with @bytes bytes that were sent. */
static void count_sent(struct ipcp_flow *flow, unsigned int done,
		       unsigned int bytes)
{
	this_cpu_add(flow->stats->tx_packets, done);
	this_cpu_add(flow->stats->tx_bytes, bytes);
}

/*
 * Note a packet that path MTU discovery waits for. At most one packet in
 * several seconds is noted, so usually nothing is written.
 */
static void note_length(struct ipcp_flow *flow, unsigned int len)
{
	u32 note = READ_ONCE(flow->probe.note);

	if (unlikely(len > note) &&
	    cmpxchg(&flow->probe.note, note, IPCP_PROBE_NOTE_NONE) == note)
		ipcp_flow_kick(flow);
}

/*
 * Send a buffer in an epoch, or only its first packets if there are not enough
 * counters. Consume the buffer, unless ipcp_tx_kept() is true for the error:
 * then the leaf key has to be prepared first, or the epoch is exhausted. Return
 * the number of packets sent, or an error.
 */
static int send_in(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		   struct sk_buff *skb)
{
	unsigned int count = ipcp_cb(skb)->left, done = 0;
	unsigned int seg_len = ipcp_cb(skb)->seg_len;
	bool data = ipcp_cb(skb)->type == IPCP_PDU_DATA;
	struct ipcp_cursor c;
	unsigned int bytes;
	int err;

	ipcp_cursor_init(&c, skb, 0);
	do {
		err = seal_packets(flow, ep, &c, count - done, seg_len);
		done += max(err, 0);
	} while (unlikely(done < count) && err > 0);
	if (unlikely(!done)) {
		if (!ipcp_tx_kept(err))
			kfree_skb(skb);
		return err;
	}
	if (unlikely(done < count))
		ipcp_tx_segs_trim(skb, done);
	if (done > 1)
		ipcp_segs_set_gso(skb, seg_len, done);
	touch_tx(flow);
	bytes = skb->len - done * IPCP_OVERHEAD;
	if (data) {
		note_length(flow, seg_len);
		tx_inflight_start(flow, skb, done);
	}
	err = xmit(flow, skb);
	if (unlikely(err))
		return err;
	if (data)
		count_sent(flow, done, bytes);
	return done;
}

/**
 * ipcp_tx_epoch() - Return the epoch that a flow sends in
 * @flow: flow
 *
 * Context: Any context.
 * Return: epoch with a reference, or NULL if there is none.
 */
struct ipcp_epoch *ipcp_tx_epoch(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep;

	rcu_read_lock();
	ep = ipcp_epoch_get(rcu_dereference(flow->tx));
	rcu_read_unlock();
	return ep;
}

static int prepare_leaf(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	return ipcp_leaf_prepare(ep, ipcp_tx_dir(&flow->rk));
}

/**
 * ipcp_tx_ready() - Check that messages can be sent with the current keys
 * @flow: flow
 *
 * Context: Any context.
 * Return: false if this side has no epoch to send in yet, or if that epoch has
 * expired.
 */
bool ipcp_tx_ready(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep;
	bool ready;

	rcu_read_lock();
	ep = rcu_dereference(flow->tx);
	if (ep)
		ready = !too_old(flow, ep) && atomic64_read(&ep->sent) <
			ipcp_tx_data_limit(ep->ppl_shift);
	else
		ready = ipcp_flow_is_direct(flow);
	rcu_read_unlock();
	return ready;
}

/*
 * Write a buffer to the ring of the other end of a direct flow. Its messages
 * count as in flight until they are read. If the ring is full, the messages are
 * lost, like messages from other hosts. Consume the buffer, unless
 * ipcp_tx_kept() is true for the error. Context: under RCU.
 */
static int send_direct(struct ipcp_flow *flow, struct sk_buff *skb)
{
	struct ipcp_flow *mate = rcu_dereference(flow->mate);
	unsigned int count = ipcp_cb(skb)->left;
	enum ipcp_drop reason;

	if (unlikely(!mate))
		return -ENOKEY;	/* not set yet, or this end has ended */
	touch_tx(flow);
	tx_inflight_start(flow, skb, count);
	count_sent(flow, count, skb->len - count * IPCP_OVERHEAD);
	/* A message left by ipcp_tx_segs_trim() may be in a fragment. */
	if (count == 1 && !skb_is_nonlinear(skb)) {
		__skb_pull(skb, IPCP_HDR_LEN);
		__skb_trim(skb, skb->len - IPCP_TAG_LEN);
		ipcp_cb(skb)->seg_len = 0;
	}
	reason = ipcp_flow_queue(mate, skb, count);
	if (unlikely(reason))
		ipcp_flow_drop_all(mate, skb, reason);
	return count;
}

/**
 * ipcp_tx_prepare() - Prepare the next leaf to send with
 * @flow: flow
 *
 * Context: Process context, may sleep.
 * Return: 0 if the caller should try to send again, else an error as
 * ipcp_leaf_prepare().
 */
int ipcp_tx_prepare(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep = ipcp_tx_epoch(flow);
	int err = ep ? prepare_leaf(flow, ep) : 0;

	if (ep)
		ipcp_epoch_put(ep);
	/* The epoch is exhausted but flow->tx has moved on: retry there. */
	if (err == -EKEYEXPIRED && ep != rcu_access_pointer(flow->tx))
		return 0;
	return err;
}

/**
 * ipcp_tx_try() - Send messages without sleeping
 * @flow: flow
 * @skb: buffer from ipcp_tx_wrap() or ipcp_tx_segs_alloc(); consumed, except on
 *	-EINPROGRESS, -EKEYEXPIRED and -ENOKEY
 *
 * Context: Any context but hard interrupts. The caller holds a module
 * reference.
 * Return: the number of messages sent, which are the first of the buffer;
 * -EINPROGRESS if ipcp_tx_prepare() has to be called first; -EKEYEXPIRED or
 * -ENOKEY until the next seed; else an error as ipcp_tx_send().
 */
int ipcp_tx_try(struct ipcp_flow *flow, struct sk_buff *skb)
{
	struct ipcp_epoch *ep;
	int err;

	if (unlikely(!ipcp_tx_reserve(flow, skb))) {
		ipcp_flow_drop_all(flow, skb, IPCP_DROP_NOMEM);
		return -EDQUOT;
	}
	local_bh_disable();
	rcu_read_lock();
	ep = rcu_dereference(flow->tx);
	if (unlikely(!ep)) {
		err = ipcp_flow_is_direct(flow) ? send_direct(flow, skb) :
						  -ENOKEY;
	} else if (unlikely(too_old(flow, ep))) {
		tell_expired(flow, ep);
		err = -EKEYEXPIRED;
	} else {
		err = send_in(flow, ep, skb);
	}
	rcu_read_unlock();
	local_bh_enable();
	return err;
}

/**
 * ipcp_tx_send() - Send messages, and derive the leaf key if necessary
 * @flow: flow
 * @skb: buffer from ipcp_tx_wrap() or ipcp_tx_segs_alloc(); consumed
 *
 * Context: Process context, may sleep. The caller holds a module reference.
 * Return: the number of messages sent, which are the first of the buffer;
 * -EAGAIN if the flow has no key to send with yet; -EKEYEXPIRED until the next
 * seed; -EDQUOT if the user's queues hold too much; -EMSGSIZE; a routing error;
 * -ENOMEM.
 */
int ipcp_tx_send(struct ipcp_flow *flow, struct sk_buff *skb)
{
	int err;

	do {
		err = ipcp_tx_try(flow, skb);
		if (likely(!ipcp_tx_kept(err)))
			return err;
		if (err == -EINPROGRESS)
			err = ipcp_tx_prepare(flow);
	} while (!err);
	kfree_skb(skb);
	return err == -ENOKEY ? -EAGAIN : err;
}

/*
 * Send a control packet in an epoch. Consume the buffer, unless the epoch is
 * exhausted or was retired. Return 0, or an error.
 */
static int try_control(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		       struct sk_buff *skb)
{
	int err;

	do {
		local_bh_disable();
		rcu_read_lock();
		err = send_in(flow, ep, skb);
		rcu_read_unlock();
		local_bh_enable();
		if (err != -EINPROGRESS)
			return min(err, 0);
		err = prepare_leaf(flow, ep);
	} while (!err);
	if (ipcp_tx_kept(err))
		return err;
	ipcp_flow_drop(flow, skb, IPCP_DROP_TX_NOKEY);
	return err;
}

/* Send a control packet in an epoch. Consumes the buffer. */
static int send_control(struct ipcp_flow *flow, struct ipcp_epoch *ep,
			struct sk_buff *skb)
{
	int err = try_control(flow, ep, skb);

	if (ipcp_tx_kept(err))
		ipcp_flow_drop(flow, skb, IPCP_DROP_TX_NOKEY);
	return err;
}

/* Allocate a control packet with its payload and @pad zero bytes, or NULL. */
static struct sk_buff *control_packet(u8 type, const void *payload, size_t len,
				      size_t pad)
{
	struct sk_buff *skb = ipcp_tx_alloc(len + pad, GFP_KERNEL | __GFP_NOWARN);

	if (!skb)
		return NULL;
	skb_put_data(skb, payload, len);
	skb_put_zero(skb, pad);
	ipcp_tx_wrap(skb, type, 0);
	return skb;
}

/**
 * ipcp_tx_control() - Send a control packet
 * @flow: flow
 * @ep: epoch to send it in, with a reference
 * @type: IPCP_PDU_CONFIRM, _SEALED or _CLOSE
 * @payload: plaintext
 * @len: length of the plaintext in bytes
 *
 * Context: Process context, may sleep.
 * Return: 0, or a negative errno.
 */
int ipcp_tx_control(struct ipcp_flow *flow, struct ipcp_epoch *ep, u8 type,
		    const void *payload, size_t len)
{
	struct sk_buff *skb = control_packet(type, payload, len, 0);

	return skb ? send_control(flow, ep, skb) : -ENOMEM;
}

/**
 * ipcp_tx_spare() - Send a CONFIRM that no re-key depends on
 * @flow: flow
 * @ep: epoch to send it in, with a reference
 * @payload: plaintext
 * @len: length of the plaintext in bytes
 * @pad: number of zero bytes to append to the plaintext
 *
 * The packet does not count against the reserve of the epoch for re-keys.
 *
 * Context: Process context, may sleep.
 * Return: 0; -EKEYEXPIRED if only that reserve is left; else as
 * ipcp_tx_control().
 */
int ipcp_tx_spare(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		  const void *payload, size_t len, size_t pad)
{
	struct sk_buff *skb = control_packet(IPCP_PDU_CONFIRM, payload, len, pad);

	if (!skb)
		return -ENOMEM;
	ipcp_cb(skb)->spare = true;
	return send_control(flow, ep, skb);
}

/**
 * ipcp_tx_current() - Send a control packet in the epoch that data is sent in
 * @flow: flow
 * @type: IPCP_PDU_SEALED or IPCP_PDU_CLOSE
 * @payload: plaintext
 * @len: length of the plaintext in bytes
 *
 * If this side can no longer send in that epoch, since a newer one has replaced
 * it meanwhile, the packet is sent in the newer one.
 *
 * Context: Process context, may sleep.
 * Return: as ipcp_tx_control(), and -EAGAIN if there is no such epoch.
 */
int ipcp_tx_current(struct ipcp_flow *flow, u8 type, const void *payload,
		    size_t len)
{
	struct ipcp_epoch *ep = ipcp_tx_epoch(flow);
	struct sk_buff *skb;
	bool replaced;
	int err;

	if (!ep)
		return -EAGAIN;
	skb = control_packet(type, payload, len, 0);
	if (!skb) {
		ipcp_epoch_put(ep);
		return -ENOMEM;
	}
	do {
		err = try_control(flow, ep, skb);
		replaced = ep != rcu_access_pointer(flow->tx);
		ipcp_epoch_put(ep);
		if (!ipcp_tx_kept(err))
			return err;
		ep = replaced ? ipcp_tx_epoch(flow) : NULL;
	} while (ep);
	ipcp_flow_drop(flow, skb, IPCP_DROP_TX_NOKEY);
	return err;
}
