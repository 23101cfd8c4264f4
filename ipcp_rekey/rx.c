// SPDX-License-Identifier: GPL-2.0
/*
 * Arrival. A packet is only parsed, its flow and key are found by what its
 * header says, and an obvious repeat is dropped; then it waits, in the ring if
 * it is data and otherwise for the flow's worker. Who reads it, or the worker,
 * decrypts it (decrypt.c, reader.c). All that is written to a flow's state is
 * written after the packet authenticated.
 *
 * A buffer in the ring holds a reference on the leaf key of its packets, so the
 * key may be left behind and they can still be opened. They then are, by the
 * worker, so that the key can be wiped without waiting for the reader.
 *
 * A packet whose leaf was not derived yet is queued without; it is derived when
 * its turn comes. The reader takes packets in the ring's order, so only a
 * forged one, or one after the loss of a whole leaf, is farther ahead than the
 * leaf that is prepared: those are tried on copies, and few of them a second.
 *
 * A train may be of packets that the stack has put together, of several flows
 * even. It is taken apart where the flow, the leaf or the kind of packet
 * changes; what remains of it goes into the ring whole.
 */
#include <linux/skbuff.h>

#include "confirm.h"
#include "registry.h"
#include "rx-int.h"
#include "trace.h"
#include "upcall.h"
#include "wire.h"

/**
 * ipcp_rx_drop() - Drop what is left of a received buffer
 * @flow: flow
 * @skb: buffer; freed
 * @reason: why
 *
 * Context: Any context.
 */
void ipcp_rx_drop(struct ipcp_flow *flow, struct sk_buff *skb,
		  enum ipcp_drop reason)
{
	unsigned int more = ipcp_cb(skb)->left - 1;

	ipcp_release_leaf(skb);
	this_cpu_add(flow->stats->drops[reason], more);
	ipcp_flow_drop(flow, skb, reason);
}

static void queue_data(struct ipcp_flow *flow, struct sk_buff *skb)
{
	struct ipcp_leaf *leaf = ipcp_cb(skb)->leaf;
	bool closed;

	/* The reader may let go of both; RCU, that we are under, keeps them. */
	if (!ipcp_rbuff_write(&flow->n_rb, skb, ipcp_cb(skb)->left)) {
		ipcp_rx_drop(flow, skb, IPCP_DROP_RING_FULL);
		return;
	}
	/*
	 * The worker looks into the ring after a leaf was marked closed. If it
	 * looked before the packet came in, the mark can be seen here.
	 */
	closed = leaf && READ_ONCE(leaf->retired);
	if (unlikely(closed)) {
		set_bit(IPCP_FLOW_OPEN_CLOSED, &flow->bits);
		ipcp_flow_kick(flow);
	}
}

static void queue_control(struct ipcp_flow *flow, struct sk_buff *skb)
{
	if (skb_queue_len_lockless(&flow->ctl) >= IPCP_CTL_QUEUE) {
		ipcp_rx_drop(flow, skb, IPCP_DROP_RING_FULL);
		return;
	}
	skb_queue_tail(&flow->ctl, skb);
	ipcp_flow_kick(flow);
}

static bool may_receive(const struct ipcp_flow *flow)
{
	switch (READ_ONCE(flow->state)) {
	case IPCP_REKEY_FLOW_STATE_ALLOC_PENDING:
	case IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING:
	case IPCP_REKEY_FLOW_STATE_ALLOCATED:
	case IPCP_REKEY_FLOW_STATE_DEALLOC_PENDING:
		/* Paired with set_rekey: the direction is known then. */
		return smp_load_acquire(&flow->rk.encrypted);
	}
	return false;
}

static void rx_stray(struct ipcp_net *ipn, struct sk_buff *skb,
		     enum ipcp_drop reason)
{
	this_cpu_inc(ipn->drops->drops[reason]);
	trace_ipcp_drop(0, reason, skb->len);
	kfree_skb(skb);
}

/* A buffer with all in its control block but the leaf and the time. */
static void rx_flow(struct ipcp_net *ipn, struct sk_buff *skb, u32 eid)
{
	struct ipcp_flow *flow = ipcp_registry_by_eid(ipn, eid);
	struct ipcp_skb_cb *cb = ipcp_cb(skb);
	enum ipcp_drop reason;

	if (!flow) {
		this_cpu_add(ipn->drops->drops[IPCP_DROP_EID], cb->left - 1);
		rx_stray(ipn, skb, IPCP_DROP_EID);
		return;
	}
	cb->arrived = jiffies;
	reason = may_receive(flow) ? ipcp_find_leaf(flow, cb) : IPCP_DROP_STATE;
	if (reason)
		ipcp_rx_drop(flow, skb, reason);
	else if (cb->type == IPCP_PDU_DATA)
		queue_data(flow, skb);
	else
		queue_control(flow, skb);
}

static void rx_packet(struct ipcp_net *ipn, struct sk_buff *skb)
{
	enum ipcp_drop reason;
	struct ipcp_hdr hdr;

	if (!pskb_may_pull(skb, min(skb->len, IPCP_HDR_LEN))) {
		rx_stray(ipn, skb, IPCP_DROP_NOMEM);
		return;
	}
	reason = ipcp_wire_parse(skb->data, skb->len, &hdr);
	if (reason) {
		rx_stray(ipn, skb, reason);
		return;
	}
	__skb_pull(skb, IPCP_HDR_LEN);
	if (hdr.type == IPCP_PDU_CTRL) {
		reason = ipcp_upcall_ctrl(ipn, skb);
		if (reason)
			rx_stray(ipn, skb, reason);
		return;
	}
	*ipcp_cb(skb) = (struct ipcp_skb_cb) {
		.counter = hdr.counter,
		.left = 1,
		.epoch = hdr.epoch,
		.type = hdr.type,
	};
	rx_flow(ipn, skb, hdr.eid);
}

/* One packet of a train, in a buffer of its own with all that we look at. */
static void rx_alone(struct ipcp_net *ipn, const struct sk_buff *train,
		     unsigned int pos, unsigned int len)
{
	int headers = -skb_network_offset(train);
	struct sk_buff *skb = alloc_skb(headers + len, GFP_ATOMIC);

	if (!skb) {
		this_cpu_inc(ipn->drops->drops[IPCP_DROP_NOMEM]);
		return;
	}
	skb_put_data(skb, skb_network_header(train), headers);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, skb_transport_offset(train) + headers);
	__skb_pull(skb, headers);
	skb->protocol = train->protocol;
	skb->skb_iif = train->skb_iif;
	skb_copy_bits(train, pos, skb_put(skb, len), len);
	rx_packet(ipn, skb);
}

/**
 * struct seg_run - packets of a train that belong together
 * @head: header of the first, as it was then
 * @hdr: the same, parsed
 * @pos: where it begins
 * @count: how many
 */
struct seg_run {
	u8 head[IPCP_HDR_LEN];
	struct ipcp_hdr hdr;
	unsigned int pos;
	unsigned int count;
};

/* Is this one more of them? It needs no parsing then. */
static bool joins_run(const struct seg_run *seg_run, const u8 *pkt,
		      unsigned int len)
{
	return seg_run->count && seg_run->hdr.type == IPCP_PDU_DATA &&
	       len >= IPCP_OVERHEAD && ipcp_wire_alike(seg_run->head, pkt) &&
	       ipcp_ctr_leaf(seg_run->hdr.counter) ==
	       ipcp_ctr_leaf(ipcp_wire_counter(pkt));
}

/* Begins another, if this packet is well formed. Why to drop it, if not. */
static enum ipcp_drop begin_run(struct seg_run *seg_run, unsigned int pos,
				const u8 *pkt, unsigned int len)
{
	enum ipcp_drop reason;

	/* Its memory may change: what is parsed is what is kept. */
	memcpy(seg_run->head, pkt, min(len, IPCP_HDR_LEN));
	reason = ipcp_wire_parse(seg_run->head, len, &seg_run->hdr);
	seg_run->pos = pos;
	seg_run->count = !reason;
	return reason;
}

/* The run is complete. Takes the train if it was all of it. */
static bool rx_run(struct ipcp_net *ipn, struct sk_buff *train,
		   const struct seg_run *seg_run)
{
	unsigned int seg_len = skb_shinfo(train)->gso_size;
	bool all = seg_run->count == ipcp_segs_count(train);
	struct sk_buff *skb;

	if (!seg_run->count)
		return false;
	if (seg_run->count == 1) {
		rx_alone(ipn, train, seg_run->pos,
			 ipcp_seg_len(train, seg_run->pos, seg_len));
		return false;
	}
	skb = all ? train : skb_clone(train, GFP_ATOMIC);
	if (!skb) {
		this_cpu_add(ipn->drops->drops[IPCP_DROP_NOMEM],
			     seg_run->count);
		return false;
	}
	*ipcp_cb(skb) = (struct ipcp_skb_cb) {
		.counter = seg_run->hdr.counter,
		.pos = seg_run->pos,
		.left = seg_run->count,
		.seg_len = seg_len,
		.epoch = seg_run->hdr.epoch,
		.type = IPCP_PDU_DATA,
	};
	rx_flow(ipn, skb, seg_run->hdr.eid);
	return all;
}

/* The next packet of a train: where it is, or a copy of its header. */
static const u8 *next_packet(struct ipcp_cursor *c, unsigned int len,
			     u8 copy[IPCP_HDR_LEN])
{
	const u8 *pkt = ipcp_cursor_next(c, len);

	if (likely(pkt))
		return pkt;
	skb_copy_bits(c->skb, c->pos - len, copy, min(len, IPCP_HDR_LEN));
	return copy;
}

static void rx_segs(struct ipcp_net *ipn, struct sk_buff *skb)
{
	unsigned int seg_len = skb_shinfo(skb)->gso_size;
	struct seg_run seg_run = { };
	struct ipcp_cursor c;
	bool taken = false;

	ipcp_cursor_init(&c, skb, 0);
	while (c.pos < skb->len) {
		unsigned int pos = c.pos, len = ipcp_seg_len(skb, pos, seg_len);
		u8 copy[IPCP_HDR_LEN] __uninitialized;
		const u8 *pkt = next_packet(&c, len, copy);
		enum ipcp_drop reason;

		if (likely(joins_run(&seg_run, pkt, len))) {
			seg_run.count++;
			continue;
		}
		rx_run(ipn, skb, &seg_run);	/* not all: here is one more */
		reason = begin_run(&seg_run, pos, pkt, len);
		if (reason) {
			this_cpu_inc(ipn->drops->drops[reason]);
			trace_ipcp_drop(0, reason, len);
		}
	}
	taken = rx_run(ipn, skb, &seg_run);
	if (!taken)
		consume_skb(skb);
}

/**
 * ipcp_rx() - A datagram came in, or several of one sender in one buffer
 * @ipn: namespace
 * @skb: its data begins with our header; taken
 *
 * Context: Softirq or task, under RCU.
 */
void ipcp_rx(struct ipcp_net *ipn, struct sk_buff *skb)
{
	if (!skb_is_gso(skb) || skb->len <= skb_shinfo(skb)->gso_size)
		rx_packet(ipn, skb);
	else if (skb_shinfo(skb)->gso_size < IPCP_OVERHEAD)
		rx_stray(ipn, skb, IPCP_DROP_SHORT);
	else
		rx_segs(ipn, skb);
}

static enum ipcp_drop handle_close(struct ipcp_flow *flow, struct sk_buff *skb)
{
	if (skb->len)
		return IPCP_DROP_MALFORMED;
	set_bit(IPCP_FLOW_CLOSE_SEEN, &flow->bits);
	if (READ_ONCE(flow->state) == IPCP_REKEY_FLOW_STATE_ALLOCATED &&
	    !(ipcp_rbuff_flags(&flow->n_rb) & IPCP_RB_FLOWDOWN)) {
		set_bit(IPCP_FLOW_PEER_CLOSED, &flow->bits);
		ipcp_flow_down(flow, ESHUTDOWN, "the peer closed the flow");
	}
	return IPCP_DROP_NONE;
}

static enum ipcp_drop handle_confirm(struct ipcp_flow *flow,
				     struct ipcp_epoch *ep,
				     const struct sk_buff *skb)
{
	u8 flags;

	if (skb->len != 1)
		return IPCP_DROP_MALFORMED;
	flags = *skb->data;
	ipcp_keyrot_observe(flow, ep, flags & IPCP_CONFIRM_SENDING);
	return ipcp_confirm_rcv(flow, ep, flags) ? IPCP_DROP_NONE :
						   IPCP_DROP_MALFORMED;
}

/* What an authentic control packet says. SEALED takes the buffer. */
static enum ipcp_drop handle_control(struct ipcp_flow *flow,
				     struct ipcp_epoch *ep,
				     struct sk_buff **skb)
{
	switch (ipcp_cb(*skb)->type) {
	case IPCP_PDU_CONFIRM:
		return handle_confirm(flow, ep, *skb);
	case IPCP_PDU_CLOSE:
		ipcp_keyrot_observe(flow, ep, false);
		return handle_close(flow, *skb);
	case IPCP_PDU_SEALED:
		ipcp_keyrot_observe(flow, ep, false);
		return ipcp_upcall_sealed(flow, ep->no, skb);
	}
	return IPCP_DROP_TYPE;
}

/* Sees that a control packet has its leaf. Process context, may sleep. */
static enum ipcp_drop get_control_leaf(struct ipcp_flow *flow,
				       struct sk_buff *skb)
{
	enum ipcp_drop reason;
	bool derive;

	reason = ipcp_look_again(flow, skb, &derive);
	if (!derive)
		return reason;
	reason = ipcp_derive_leaf(flow, ipcp_cb(skb));
	if (reason)
		return reason;
	reason = ipcp_look_again(flow, skb, &derive);
	return derive ? IPCP_DROP_AHEAD : reason;
}

static enum ipcp_drop rx_control_one(struct ipcp_flow *flow,
				     struct sk_buff **skb)
{
	enum ipcp_drop reason = get_control_leaf(flow, *skb);
	struct ipcp_epoch *ep;

	if (reason)
		return reason;
	local_bh_disable();
	reason = ipcp_decrypt_packet(flow, *skb);
	local_bh_enable();
	if (reason)
		return reason;

	ep = ipcp_cb(*skb)->leaf->epoch;
	refcount_inc(&ep->refs);
	ipcp_release_leaf(*skb);
	reason = handle_control(flow, ep, skb);
	ipcp_epoch_put(ep);
	return reason;
}

/**
 * ipcp_rx_control() - Handle the control packets that came
 * @flow: flow
 *
 * Context: The flow's worker.
 */
void ipcp_rx_control(struct ipcp_flow *flow)
{
	struct sk_buff *skb;

	for (int i = 0; i < IPCP_CTL_QUEUE; i++) {
		enum ipcp_drop reason;

		skb = skb_dequeue(&flow->ctl);
		if (!skb)
			return;
		reason = rx_control_one(flow, &skb);
		if (reason)
			ipcp_rx_drop(flow, skb, reason);
		else
			consume_skb(skb);	/* NULL if it went on */
	}
	ipcp_flow_kick(flow);	/* the other work is not to wait for the rest */
}

/**
 * ipcp_rx_purge() - Drop all that waits
 * @flow: flow that nobody reads any more
 *
 * Context: Process context.
 */
void ipcp_rx_purge(struct ipcp_flow *flow)
{
	struct ipcp_rbuff *rb = &flow->n_rb;
	struct sk_buff *skb;

	for (;;) {
		spin_lock_bh(&rb->queue.lock);
		skb = skb_peek(&rb->queue);
		if (skb)
			__ipcp_rbuff_unlink(rb, skb, ipcp_cb(skb)->left);
		spin_unlock_bh(&rb->queue.lock);
		if (!skb)
			break;
		ipcp_rx_drop(flow, skb, IPCP_DROP_CLOSED);
	}
	while ((skb = skb_dequeue(&flow->ctl)))
		ipcp_rx_drop(flow, skb, IPCP_DROP_CLOSED);
}
