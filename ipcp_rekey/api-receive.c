// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Softirq part of the flows of kernel code. A wakeup queues a work item that
 * activates a pending seed, receives the messages in the ring, sends the
 * messages held for a key, and reports state changes. The workqueue runs the
 * item on one CPU at a time, so the order is kept. A wakeup while the item runs
 * makes it run again.
 */
#include <linux/skbuff_ref.h>

#include "aead.h"
#include "api-int.h"
#include "cb.h"
#include "rekey.h"
#include "segs.h"
#include "tx.h"
#include "wire.h"

#define IPCP_BUDGET	64	/* buffers received per run of the work */
#define IPCP_COPYBREAK	256	/* longest message that is always copied */

/* Take the first buffer out of the ring. Return NULL if the ring is empty. */
static struct sk_buff *take_buffer(struct ipcp_kflow *k)
{
	struct ipcp_rbuff *rb = &k->flow->n_rb;
	struct sk_buff *skb;

	spin_lock(&rb->queue.lock);
	skb = skb_peek(&rb->queue);
	if (skb)
		__ipcp_rbuff_unlink(rb, skb, ipcp_cb(skb)->left);
	spin_unlock(&rb->queue.lock);
	return skb;
}

static void deliver_message(struct ipcp_kflow *k, struct sk_buff *skb,
			    u8 dsfield)
{
	this_cpu_inc(k->flow->stats->rx_packets);
	this_cpu_add(k->flow->stats->rx_bytes, skb->len);
	ipcp_kflow_cb(skb)->dsfield = dsfield;
	if (skb_is_nonlinear(skb))
		k->ops->receive_paged(k, skb);
	else
		k->ops->receive(k, skb);
}

/* Deliver the only message of a buffer, without the metadata of the packet. */
static void receive_one(struct ipcp_kflow *k, struct sk_buff *skb)
{
	u8 dsfield = ipcp_cb(skb)->dsfield;

	skb_orphan(skb);	/* owned by the sender if the flow is direct */
	skb_scrub_packet(skb, true);
	skb_clear_hash(skb);
	skb_set_queue_mapping(skb, 0);
	skb_reset_redirect(skb);
	skb->ip_summed = CHECKSUM_NONE;
	memset(skb->cb, 0, sizeof(skb->cb));
	deliver_message(k, skb, dsfield);
}

/* Add the message of a cursor's last packet as a fragment, without a copy. */
static void share_message(struct sk_buff *skb, const struct ipcp_cursor *c,
			  unsigned int len)
{
	const skb_frag_t *frag = &skb_shinfo(c->skb)->frags[c->frag - 1];
	unsigned int at = c->pos - len - c->begin + IPCP_HDR_LEN;

	skb_frag_ref(c->skb, c->frag - 1);
	skb_add_rx_frag(skb, 0, skb_frag_page(frag), skb_frag_off(frag) + at,
			len - IPCP_OVERHEAD, len);
}

/*
 * Return the next of several messages in a buffer of its own, or NULL. Short
 * messages are copied, since a fragment pins the memory of all messages.
 */
static struct sk_buff *next_of(struct ipcp_kflow *k, struct ipcp_cursor *c,
			       unsigned int len)
{
	const u8 *pkt = ipcp_cursor_next(c, len);
	unsigned int msg_len = len - IPCP_OVERHEAD;
	bool paged = k->ops->receive_paged && msg_len > IPCP_COPYBREAK && c->frag;
	struct sk_buff *skb;

	skb = ipcp_tx_alloc(paged ? IPCP_KFLOW_PULL : msg_len, GFP_ATOMIC);
	if (unlikely(!skb))
		ipcp_flow_dropped(k->flow, len, IPCP_DROP_NOMEM);
	else if (paged)
		share_message(skb, c, len);
	else
		skb_put_data(skb, pkt + IPCP_HDR_LEN, msg_len);
	return skb;
}

static void receive_segs(struct ipcp_kflow *k, struct sk_buff *segs)
{
	const struct ipcp_skb_cb *cb = ipcp_cb(segs);
	struct ipcp_cursor c;

	ipcp_cursor_init(&c, segs, cb->pos);
	for (unsigned int i = 0; i < cb->left; i++) {
		unsigned int len = ipcp_seg_len(segs, c.pos, cb->seg_len);
		struct sk_buff *skb = next_of(k, &c, len);

		if (skb)
			deliver_message(k, skb, cb->dsfield);
	}
	consume_skb(segs);
}

/* Receive queued buffers. True if the budget ran out, so there may be more. */
static bool receive_ring(struct ipcp_kflow *k)
{
	for (int i = 0; i < IPCP_BUDGET; i++) {
		struct sk_buff *skb = take_buffer(k);

		if (!skb)
			return false;
		if (ipcp_cb(skb)->seg_len)
			receive_segs(k, skb);
		else
			receive_one(k, skb);
	}
	return true;
}

/*
 * Return the longest message, and in bit 32 whether a search may still change
 * it: the consumer is told when either changes.
 */
static u64 view_mtu(const struct ipcp_flow *flow)
{
	return READ_ONCE(flow->mtu) | (u64)READ_ONCE(flow->probe.searching) << 32;
}

/*
 * Report the state if it has changed or, while the flow is up, if view_mtu()
 * has. The end of the flow is reported only after all messages were received.
 */
static void tell_state(struct ipcp_kflow *k)
{
	unsigned int state = ipcp_api_state(k);
	u64 mtu = view_mtu(k->flow);

	/* A sender that saw the flow up may hold a message after the end was told. */
	if (state == IPCP_KFLOW_DOWN)
		ipcp_api_drop_held(k);
	if (state == k->told && (mtu == k->told_mtu || !(state & IPCP_KFLOW_UP)))
		return;
	if (state == IPCP_KFLOW_DOWN && !ipcp_rbuff_empty(&k->flow->n_rb))
		return;
	k->told = state;
	k->told_mtu = mtu;
	if (k->ops->changed)
		k->ops->changed(k, state);
}

/**
 * ipcp_api_soft_work() - Run the softirq part of a flow after a wakeup
 * @work: @soft of a struct ipcp_kflow
 *
 * Context: The soft work of the flow, in a softirq.
 */
void ipcp_api_soft_work(struct work_struct *work)
{
	struct ipcp_kflow *k = container_of(work, struct ipcp_kflow, soft);
	bool more;

	if (unlikely(!ipcp_aead_ready())) {
		mod_delayed_work(ipcp_wq, &k->slow, 0);	/* requeues this work */
		return;
	}
	ipcp_registry_take_pending(k->flow);
	tell_state(k);
	more = receive_ring(k);
	if (READ_ONCE(k->holding))
		ipcp_api_send_held(k);
	if (test_bit(IPCP_KF_NO_ROOM, &k->bits) && ipcp_api_room(k)) {
		clear_bit(IPCP_KF_NO_ROOM, &k->bits);
		if (k->ops->room)
			k->ops->room(k);
	}
	tell_state(k);
	if (more)
		ipcp_api_run_soon(k);
}
