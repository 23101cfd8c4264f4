// SPDX-License-Identifier: GPL-2.0
/*
 * Sending: claim a counter, seal, hand to the stack.
 *
 * All that may wait comes first: memory, the copy from the program, room, the
 * next leaf key. Then bottom halves go off, the counter is claimed, and they
 * stay off until the stack has the packet; so no writer overtakes another by
 * more than the receiver's window. The leaf is at hand before its counter is
 * claimed, so no counter is claimed in vain; none is ever given back.
 */
#include <linux/indirect_call_wrapper.h>
#include <linux/skbuff.h>
#include <linux/slab.h>

#include "cb.h"
#include "path.h"
#include "inflight.h"
#include "leaf.h"
#include "local.h"
#include "notify.h"
#include "segs.h"
#include "trace.h"
#include "tx.h"
#include "udp.h"
#include "wire.h"

#define IPCP_HEADROOM \
	(LL_MAX_HEADER + sizeof(struct ipv6hdr) + sizeof(struct udphdr) + \
	 IPCP_HDR_LEN)

static_assert(sizeof(struct ipv6hdr) + sizeof(struct udphdr) + IPCP_HDR_LEN ==
	      IPCP_TX_HEADROOM);

/**
 * ipcp_tx_alloc() - Get a buffer for a message
 * @len: length of the message in bytes
 * @gfp: how
 *
 * Context: As @gfp.
 * Return: an empty buffer with room for the message and all around it, or NULL.
 */
struct sk_buff *ipcp_tx_alloc(size_t len, gfp_t gfp)
{
	struct sk_buff *skb;

	skb = alloc_skb(IPCP_HEADROOM + len + IPCP_TAG_LEN, gfp);
	if (skb)
		skb_reserve(skb, IPCP_HEADROOM);
	return skb;
}

/**
 * ipcp_tx_room() - May one more message be sent?
 * @flow: flow
 *
 * Context: Any context.
 * Return: false while too many are on their way through the stack.
 */
bool ipcp_tx_room(const struct ipcp_flow *flow)
{
	return atomic_read(&flow->inflight->count) - IPCP_INFLIGHT_FLOW <
	       IPCP_TX_QUEUE;
}

/**
 * struct ipcp_sent - a train on its way through the stack
 * @out: count that it is in
 * @count: its messages
 */
struct ipcp_sent {
	struct ipcp_inflight *out;
	unsigned int count;
};

/*
 * The last message of the flow on its way lets go of the module. RCU keeps the
 * count and who sleeps there, if others let go of them meanwhile, and the code
 * that follows the put: freeing a module waits for a grace period.
 */
static void tx_inflight_done(struct ipcp_inflight *out, unsigned int count)
{
	unsigned int left;

	rcu_read_lock();
	left = ipcp_inflight_sub(out, count) & ~IPCP_INFLIGHT_FLOW;
	if (left < IPCP_TX_QUEUE && left + count >= IPCP_TX_QUEUE - 8)
		ipcp_consumer_wake(out->consumer, EPOLLOUT | EPOLLWRNORM);
	if (!left)
		module_put(THIS_MODULE);
	rcu_read_unlock();
}

static void one_destructor(struct sk_buff *skb)
{
	tx_inflight_done(skb_shinfo(skb)->destructor_arg, 1);
}

static void segs_destructor(struct sk_buff *skb)
{
	struct ipcp_sent *s = skb_shinfo(skb)->destructor_arg;

	tx_inflight_done(s->out, s->count);
	kfree(s);
}

/*
 * Counts messages until the stack frees them. The caller holds the module, and
 * the flow, which has its share of the count.
 */
static void tx_inflight_start(struct ipcp_flow *flow, struct sk_buff *skb,
			      struct ipcp_sent *s)
{
	struct ipcp_inflight *out = flow->inflight;
	unsigned int count = s ? s->count : 1;

	if (atomic_add_return(count, &out->count) == IPCP_INFLIGHT_FLOW + count)
		__module_get(THIS_MODULE);
	skb_shinfo(skb)->destructor_arg = s ? (void *)s : out;
	skb->destructor = s ? segs_destructor : one_destructor;
}

/*
 * Claims the numbers of the next packets, up to @want of one leaf, and has the
 * key for them. Under RCU, which keeps the leaf. How many it got;
 * -EINPROGRESS, with nothing claimed, if the leaf has to be prepared first;
 * -EKEYEXPIRED at the limit.
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
			/* Unless somebody moved on since the count was read. */
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

/* Do these packets of one leaf make the next one due? Once in a leaf. */
static bool tx_begins_next(const struct ipcp_epoch *ep, u64 n,
			   unsigned int count)
{
	unsigned int before = n & (BIT_ULL(ep->ppl_shift) - 1);
	unsigned int ahead = IPCP_TX_AHEAD(ep->ppl_shift);

	return before < ahead && before + count >= ahead;
}

static bool too_old(const struct ipcp_flow *flow, const struct ipcp_epoch *ep)
{
	return flow->max_age &&
	       time_after(jiffies, ep->parked + flow->max_age);
}

static void tell_expired(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	if (!test_and_set_bit(IPCP_EP_EXPIRED, &ep->flags)) {
		ipcp_notify(flow, IPCP_REKEY_EVENT_EXPIRED, ep->no,
			    ep->exchange);
		ipcp_flow_kick(flow);
	}
}

static u64 limit_of(const struct ipcp_epoch *ep, u8 type)
{
	return type == IPCP_PDU_DATA ? ipcp_tx_data_limit(ep->ppl_shift) :
				       ipcp_tx_limit(ep->ppl_shift);
}

/*
 * Seals up to @want packets of @len bytes of message each, but the last of the
 * train that has @last, with counters of one leaf. Returns how many, or an
 * error as claim_counters().
 */
static int seal_packets(struct ipcp_flow *flow, struct ipcp_epoch *ep, u8 type,
			struct ipcp_cursor *c, unsigned int want,
			unsigned int len, unsigned int last)
{
	struct ipcp_hdr hdr = { .type = type, .epoch = ep->no,
				.eid = flow->peer_eid };
	unsigned int dir = ipcp_tx_dir(&flow->rk);
	struct ipcp_leaves *lv = &ep->leaves[dir];
	struct ipcp_leaf *leaf;
	int got, err;
	u64 n;

	got = claim_counters(ep, lv, limit_of(ep, type), want, &n, &leaf);
	if (unlikely(got < 0)) {
		if (got == -EKEYEXPIRED)
			tell_expired(flow, ep);
		return got;
	}
	if (unlikely(tx_begins_next(ep, n, got) ||
		     (ipcp_tx_watermark(n + got, ep->ppl_shift) &&
		      !(READ_ONCE(flow->rk.due) & IPCP_REKEY_DUE_WATERMARK))))
		ipcp_flow_kick(flow);
	if (unlikely(leaf == rcu_access_pointer(lv->next)))
		ipcp_leaf_used(ep, leaf);

	for (int i = 0; i < got; i++) {
		unsigned int bytes = i + 1 < want ? len : last;
		u8 *pkt = ipcp_cursor_next(c, bytes + IPCP_OVERHEAD);

		hdr.counter = ipcp_tx_counter(n + i, ep->ppl_shift);
		ipcp_wire_build(pkt, &hdr);
		trace_ipcp_tx(flow, &hdr, dir, bytes);
		err = ipcp_aead_seal(&leaf->aead, pkt, bytes, hdr.counter);
		if (unlikely(err))
			return err;
	}
	return got;
}

static void touch_tx(struct ipcp_flow *flow)
{
	if (time_before(READ_ONCE(flow->last_tx), jiffies))
		WRITE_ONCE(flow->last_tx, jiffies);
}

/* Was nothing claimed, so that the buffer is as it was, and the caller's? */
static bool buffer_is_kept(int err)
{
	return err == -EINPROGRESS || err == -EKEYEXPIRED || err == -ENOKEY;
}

static int xmit(struct ipcp_flow *flow, struct sk_buff *skb)
{
	const struct ipcp_path_ops *path = READ_ONCE(flow->path);

	return INDIRECT_CALL_1(path->xmit, ipcp_udp_xmit, flow, skb);
}

/*
 * Sends a packet in an epoch. Takes the buffer, unless buffer_is_kept(): then
 * the leaf key has to be prepared first, or there is none any more.
 */
static int send_in(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		   struct sk_buff *skb, u8 type)
{
	unsigned int len = skb->len;
	struct ipcp_cursor c;
	int err;

	__skb_push(skb, IPCP_HDR_LEN);
	__skb_put(skb, IPCP_TAG_LEN);
	ipcp_cursor_init(&c, skb, 0);
	err = seal_packets(flow, ep, type, &c, 1, len, len);
	if (unlikely(err < 0)) {
		if (buffer_is_kept(err)) {
			__skb_pull(skb, IPCP_HDR_LEN);
			__skb_trim(skb, len);
		} else {
			kfree_skb(skb);
		}
		return err;
	}
	touch_tx(flow);
	if (type == IPCP_PDU_DATA) {
		tx_inflight_start(flow, skb, NULL);
		this_cpu_inc(flow->stats->tx_packets);
		this_cpu_add(flow->stats->tx_bytes, len);
	}
	return xmit(flow, skb);
}

/*
 * Sends a train in an epoch, or what of it got counters. Takes the buffer and
 * @s unless buffer_is_kept(). How many messages were sent, or an error.
 */
static int send_segs_in(struct ipcp_flow *flow, struct ipcp_epoch *ep,
			struct sk_buff *skb, unsigned int len,
			struct ipcp_sent *s)
{
	unsigned int seg_len = len + IPCP_OVERHEAD;
	unsigned int last = skb->len - (s->count - 1) * seg_len - IPCP_OVERHEAD;
	unsigned int done = 0;
	struct ipcp_cursor c;
	int err = 0;

	ipcp_cursor_init(&c, skb, 0);
	while (done < s->count && err >= 0) {
		err = seal_packets(flow, ep, IPCP_PDU_DATA, &c, s->count - done,
				   len, last);
		done += max(err, 0);
	}
	if (unlikely(!done)) {
		if (!buffer_is_kept(err)) {
			kfree_skb(skb);
			kfree(s);
		}
		return err;
	}
	if (unlikely(done < s->count)) {
		/* No room is needed to cut fragments off. */
		pskb_trim(skb, seg_len * done);
		s->count = done;
		last = len;
	}
	if (done > 1)
		ipcp_segs_set_gso(skb, seg_len, done);
	touch_tx(flow);
	tx_inflight_start(flow, skb, s);
	this_cpu_add(flow->stats->tx_packets, done);
	this_cpu_add(flow->stats->tx_bytes, (done - 1) * len + last);
	err = xmit(flow, skb);
	return err ?: done;
}

static struct ipcp_epoch *tx_epoch(struct ipcp_flow *flow)
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
 * ipcp_tx_ready() - Would a message find a key now?
 * @flow: flow
 *
 * Context: Any context.
 * Return: false while this side may not send yet, or not any more.
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
 * Into the ring of the other end, where it counts as on its way until it was
 * read. What finds no room there is lost, as is what comes from elsewhere. Takes
 * the buffer, unless it is buffer_is_kept(). Under RCU.
 */
static int send_direct(struct ipcp_flow *flow, struct sk_buff *skb)
{
	struct ipcp_flow *mate = rcu_dereference(flow->mate);
	enum ipcp_drop reason;

	if (unlikely(!mate))
		return -ENOKEY;	/* not seen here yet */
	*ipcp_cb(skb) = (struct ipcp_skb_cb) { .left = 1,
					       .type = IPCP_PDU_DATA };
	touch_tx(flow);
	this_cpu_inc(flow->stats->tx_packets);
	this_cpu_add(flow->stats->tx_bytes, skb->len);
	tx_inflight_start(flow, skb, NULL);
	reason = ipcp_rbuff_write(&mate->n_rb, skb, 1);
	if (reason)
		ipcp_flow_drop(mate, skb, reason);
	return 0;
}

/**
 * ipcp_tx_prepare() - See that the next leaf to send with is there
 * @flow: flow
 *
 * Context: Process context, may sleep.
 * Return: 0 if it is worth to try again; as ipcp_leaf_prepare().
 */
int ipcp_tx_prepare(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep = tx_epoch(flow);
	int err = ep ? prepare_leaf(flow, ep) : 0;

	if (ep)
		ipcp_epoch_put(ep);
	/* No key left in an epoch that made way: there is a newer. */
	if (err == -EKEYEXPIRED && ep != rcu_access_pointer(flow->tx))
		return 0;
	return err;
}

/*
 * Sends one message, or a train if there is @s. Takes what it is given, unless
 * that is buffer_is_kept(): -ENOKEY says that there is no epoch to send in.
 */
static int try_send(struct ipcp_flow *flow, struct sk_buff *skb,
		    unsigned int len, struct ipcp_sent *s)
{
	struct ipcp_epoch *ep;
	int err;

	local_bh_disable();
	rcu_read_lock();
	ep = rcu_dereference(flow->tx);
	if (unlikely(!ep)) {
		err = ipcp_flow_is_direct(flow) && !s ?
			send_direct(flow, skb) : -ENOKEY;
	} else if (unlikely(too_old(flow, ep))) {
		tell_expired(flow, ep);
		err = -EKEYEXPIRED;
	} else {
		err = s ? send_segs_in(flow, ep, skb, len, s) :
			  send_in(flow, ep, skb, IPCP_PDU_DATA);
	}
	rcu_read_unlock();
	local_bh_enable();
	return err;
}

/* The same, preparing the key if need be. Takes all that it is given. */
static int send_data(struct ipcp_flow *flow, struct sk_buff *skb,
		     unsigned int len, struct ipcp_sent *s)
{
	int err;

	do {
		err = try_send(flow, skb, len, s);
		if (likely(!buffer_is_kept(err)))
			return err;
		if (err == -EINPROGRESS)
			err = ipcp_tx_prepare(flow);
	} while (!err);
	kfree_skb(skb);
	kfree(s);
	return err == -ENOKEY ? -EAGAIN : err;
}

/**
 * ipcp_tx_try() - Send a message without waiting for anything
 * @flow: flow
 * @skb: as ipcp_tx_data() takes it; taken but for the errors that say so
 *
 * Context: Any context but hard interrupts, of somebody who holds the module.
 * Return: 0; with the buffer still the caller's: -EINPROGRESS until
 * ipcp_tx_prepare(), -EKEYEXPIRED or -ENOKEY until the next seed; else as
 * ipcp_tx_data().
 */
int ipcp_tx_try(struct ipcp_flow *flow, struct sk_buff *skb)
{
	return try_send(flow, skb, skb->len, NULL);
}

/**
 * ipcp_tx_data() - Send a message of the program
 * @flow: flow
 * @skb: of ipcp_tx_alloc(), the message in it; taken
 *
 * Context: Process context of somebody who holds the module, may sleep.
 * Return: 0; -EAGAIN the flow has no key to send with yet; -EKEYEXPIRED until
 * the next seed; -EMSGSIZE; what routing says; -ENOMEM.
 */
int ipcp_tx_data(struct ipcp_flow *flow, struct sk_buff *skb)
{
	return send_data(flow, skb, skb->len, NULL);
}

/**
 * ipcp_tx_segs_alloc() - Get a buffer for messages to be sent as a train
 * @len: length of each message in bytes, at most IPCP_SEGS_BYTES with overhead
 * @last: length of the last, not more
 * @count: how many, 2 to IPCP_SEGS_MAX
 * @gfp: how
 *
 * Each message is to be written IPCP_HDR_LEN bytes into its packet; there are
 * IPCP_OVERHEAD bytes more of a packet than of its message.
 *
 * Context: As @gfp.
 * Return: buffer or NULL.
 */
struct sk_buff *ipcp_tx_segs_alloc(unsigned int len, unsigned int last,
				   unsigned int count, gfp_t gfp)
{
	struct sk_buff *skb;

	skb = ipcp_segs_alloc(IPCP_HEADROOM, len + IPCP_OVERHEAD, count, gfp);
	if (skb && last < len)
		pskb_trim(skb, skb->len - (len - last));
	return skb;
}

/**
 * ipcp_tx_segs() - Send several messages of the program at once
 * @flow: flow
 * @skb: of ipcp_tx_segs_alloc(), the messages in it; taken
 * @len: length of each but the last
 * @count: how many
 *
 * Context: Process context of somebody who holds the module, may sleep.
 * Return: how many were sent, the first ones; or as ipcp_tx_data().
 */
int ipcp_tx_segs(struct ipcp_flow *flow, struct sk_buff *skb, unsigned int len,
		 unsigned int count)
{
	struct ipcp_sent *s = kmalloc(sizeof(*s), GFP_KERNEL);

	if (!s) {
		kfree_skb(skb);
		return -ENOMEM;
	}
	s->out = flow->inflight;
	s->count = count;
	return send_data(flow, skb, len, s);
}

/**
 * ipcp_tx_control() - Send a packet of the module's own
 * @flow: flow
 * @ep: epoch to send it in, with a reference
 * @type: IPCP_PDU_CONFIRM, _SEALED or _CLOSE
 * @payload: plaintext
 * @len: length of it
 *
 * Context: Process context, may sleep.
 * Return: as ipcp_tx_data().
 */
int ipcp_tx_control(struct ipcp_flow *flow, struct ipcp_epoch *ep, u8 type,
		    const void *payload, size_t len)
{
	struct sk_buff *skb = ipcp_tx_alloc(len, GFP_KERNEL);
	int err;

	if (!skb)
		return -ENOMEM;
	skb_put_data(skb, payload, len);
	do {
		local_bh_disable();
		rcu_read_lock();
		err = send_in(flow, ep, skb, type);
		rcu_read_unlock();
		local_bh_enable();
		if (!buffer_is_kept(err))
			return err;
		if (err == -EINPROGRESS)
			err = prepare_leaf(flow, ep);
	} while (!err);
	this_cpu_inc(flow->stats->drops[IPCP_DROP_TX_NOKEY]);
	kfree_skb(skb);
	return err;
}

/**
 * ipcp_tx_current() - The same, in the epoch that data goes in
 * @flow: flow
 * @type: IPCP_PDU_SEALED or IPCP_PDU_CLOSE
 * @payload: plaintext
 * @len: length of it
 *
 * Context: Process context, may sleep.
 * Return: as ipcp_tx_data(); -EAGAIN if there is no such epoch.
 */
int ipcp_tx_current(struct ipcp_flow *flow, u8 type, const void *payload,
		    size_t len)
{
	struct ipcp_epoch *ep = tx_epoch(flow);
	int err;

	if (!ep)
		return -EAGAIN;
	err = ipcp_tx_control(flow, ep, type, payload, len);
	ipcp_epoch_put(ep);
	return err;
}
