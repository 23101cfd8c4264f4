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
#include <linux/scatterlist.h>
#include <linux/skbuff.h>

#include "event.h"
#include "flow.h"
#include "rx.h"
#include "trace.h"
#include "tx.h"
#include "udp.h"
#include "wire.h"

#define IPCP_HEADROOM \
	(LL_MAX_HEADER + sizeof(struct ipv6hdr) + sizeof(struct udphdr) + \
	 IPCP_HDR_LEN)

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
	return atomic_read(&flow->tx_queued) < IPCP_TX_QUEUE;
}

/*
 * The last packet of the flow on its way lets go of the module. The code that
 * follows the put is safe: freeing a module waits for a grace period of RCU.
 */
static void tx_destructor(struct sk_buff *skb)
{
	struct ipcp_flow *flow = skb_shinfo(skb)->destructor_arg;
	int left;

	rcu_read_lock();
	left = atomic_dec_return(&flow->tx_queued);
	if (left < IPCP_TX_QUEUE && left >= IPCP_TX_QUEUE - 8)
		ipcp_rbuff_wake(&flow->n_rb, EPOLLOUT | EPOLLWRNORM);
	ipcp_flow_put(flow);
	if (!left)
		module_put(THIS_MODULE);
	rcu_read_unlock();
}

/* Counts a message until the stack frees it. The caller holds the module. */
static void account(struct ipcp_flow *flow, struct sk_buff *skb)
{
	if (atomic_inc_return(&flow->tx_queued) == 1)
		__module_get(THIS_MODULE);
	skb_shinfo(skb)->destructor_arg = ipcp_flow_get(flow);
	skb->destructor = tx_destructor;
}

/*
 * Claims the number of the next packet, and has the leaf key for it. Under RCU,
 * which keeps the leaf. -EINPROGRESS, with nothing claimed, if the leaf has to
 * be prepared first; -EKEYEXPIRED at the limit.
 */
static int claim(struct ipcp_epoch *ep, const struct ipcp_leaves *lv, u64 limit,
		 u64 *n, struct ipcp_leaf **leaf)
{
	s64 sent = atomic64_read(&ep->sent);

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
		if (atomic64_try_cmpxchg(&ep->sent, &sent, sent + 1))
			break;
	} while (1);
	*n = sent;
	return 0;
}

static bool too_old(const struct ipcp_flow *flow, const struct ipcp_epoch *ep)
{
	return flow->max_age &&
	       time_after(jiffies, ep->parked + flow->max_age);
}

static void expired(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	if (!test_and_set_bit(IPCP_EP_EXPIRED, &ep->flags)) {
		ipcp_event(flow, IPCP_REKEY_EVENT_EXPIRED, ep->no, ep->exchange);
		ipcp_flow_kick(flow);
	}
}

static u64 limit_of(const struct ipcp_epoch *ep, u8 type)
{
	return type == IPCP_PDU_DATA ? ipcp_tx_data_limit(ep->ppl_shift) :
				       ipcp_tx_limit(ep->ppl_shift);
}

static int seal(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		const struct ipcp_leaf *leaf, struct sk_buff *skb, u8 type,
		u64 counter)
{
	struct ipcp_hdr hdr = {
		.type = type,
		.epoch = ep->no,
		.counter = counter,
		.eid = flow->peer_eid,
	};
	unsigned int len = skb->len;
	struct scatterlist sg[2];

	skb_put(skb, IPCP_TAG_LEN);
	sg_init_table(sg, 2);
	sg_set_buf(&sg[1], skb->data, len + IPCP_TAG_LEN);
	ipcp_wire_build(skb_push(skb, IPCP_HDR_LEN), &hdr);
	sg_set_buf(&sg[0], skb->data, IPCP_HDR_LEN);
	trace_ipcp_tx(flow, &hdr, ipcp_tx_dir(&flow->rk), len);
	return ipcp_aead_seal(&leaf->aead, sg, len, counter);
}

/*
 * Sends a message in an epoch. Takes the buffer but for -EINPROGRESS, which
 * says that the leaf key has to be prepared first.
 */
static int send_in(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		   struct sk_buff *skb, u8 type)
{
	unsigned int dir = ipcp_tx_dir(&flow->rk);
	struct ipcp_leaves *lv = &ep->leaves[dir];
	unsigned int len = skb->len;
	struct ipcp_leaf *leaf;
	u64 n;
	int err;

	err = claim(ep, lv, limit_of(ep, type), &n, &leaf);
	if (unlikely(err)) {
		if (err == -EKEYEXPIRED) {
			expired(flow, ep);
			kfree_skb(skb);
		}
		return err;
	}
	if (unlikely(n + 1 == IPCP_TX_AHEAD(ep->ppl_shift) ||
		     ipcp_tx_watermark(n, ep->ppl_shift)))
		ipcp_flow_kick(flow);
	if (unlikely(leaf == rcu_access_pointer(lv->next)) &&
	    ipcp_leaf_advance(ep, dir, leaf))
		ipcp_flow_kick(flow);

	err = seal(flow, ep, leaf, skb, type,
		   ipcp_tx_counter(n, ep->ppl_shift));
	if (err) {
		kfree_skb(skb);
		return err;
	}
	if (time_before(READ_ONCE(flow->last_tx), jiffies))
		WRITE_ONCE(flow->last_tx, jiffies);
	if (type == IPCP_PDU_DATA) {
		account(flow, skb);
		this_cpu_inc(flow->stats->tx_packets);
		this_cpu_add(flow->stats->tx_bytes, len);
	}
	return ipcp_udp_xmit(flow, skb);
}

static struct ipcp_epoch *tx_epoch(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep;

	rcu_read_lock();
	ep = rcu_dereference(flow->tx);
	if (ep && !refcount_inc_not_zero(&ep->refs))
		ep = NULL;
	rcu_read_unlock();
	return ep;
}

static int prepare(struct ipcp_flow *flow, struct ipcp_epoch *ep)
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
	ready = ep && !too_old(flow, ep) &&
		atomic64_read(&ep->sent) < ipcp_tx_data_limit(ep->ppl_shift);
	rcu_read_unlock();
	return ready;
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
	int err;

	for (;;) {
		struct ipcp_epoch *ep;

		local_bh_disable();
		rcu_read_lock();
		ep = rcu_dereference(flow->tx);
		if (unlikely(!ep)) {
			err = -EAGAIN;
		} else if (unlikely(too_old(flow, ep))) {
			expired(flow, ep);
			err = -EKEYEXPIRED;
		} else {
			err = send_in(flow, ep, skb, IPCP_PDU_DATA);
			skb = err == -EINPROGRESS ? skb : NULL;
		}
		rcu_read_unlock();
		local_bh_enable();
		if (likely(err != -EINPROGRESS))
			break;

		ep = tx_epoch(flow);
		err = ep ? prepare(flow, ep) : 0;
		if (ep)
			ipcp_epoch_put(ep);
		/* No key left in an epoch that made way: there is a newer. */
		if (err && (err != -EKEYEXPIRED ||
			    ep == rcu_access_pointer(flow->tx)))
			break;
	}
	kfree_skb(skb);
	return err;
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
		if (err != -EINPROGRESS)
			return err;
		err = prepare(flow, ep);
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
