// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Receiving a packet. The header is parsed, the flow and the leaf are looked
 * up, and the packet is decrypted at once. Then its message is queued, in the
 * ring if it is data and otherwise for the flow's worker. So forged and
 * replayed packets take no place in queues, and queued messages need no key.
 *
 * A packet whose leaf is not derived yet waits for the worker (waiting.c).
 * Buffers arrive in rx-segs.c, which splits those of several packets.
 */
#include <linux/skbuff.h>
#include <net/dsfield.h>

#include "cb.h"
#include "decrypt.h"
#include "leaf.h"
#include "registry.h"
#include "rx.h"
#include "trace.h"
#include "upcall.h"
#include "wire.h"

/**
 * ipcp_rx_stray() - Count a dropped packet that belongs to no flow
 * @ipn: namespace
 * @reason: why the packet is dropped
 * @len: length of the packet in bytes
 *
 * Context: Any context.
 */
void ipcp_rx_stray(struct ipcp_net *ipn, enum ipcp_drop reason, unsigned int len)
{
	this_cpu_inc(ipn->drops->drops[reason]);
	trace_ipcp_drop(0, reason, len);
}

static void rx_drop_stray(struct ipcp_net *ipn, struct sk_buff *skb,
			  enum ipcp_drop reason)
{
	ipcp_rx_stray(ipn, reason, skb->len);
	kfree_skb(skb);
}

/**
 * ipcp_rx_allowed() - Check that a flow may receive in its state
 * @flow: flow
 *
 * Context: Any context.
 * Return: true from when the flow is made encrypted until it has ended.
 */
bool ipcp_rx_allowed(const struct ipcp_flow *flow)
{
	switch (READ_ONCE(flow->state)) {
	case IPCP_REKEY_FLOW_STATE_ALLOC_PENDING:
	case IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING:
	case IPCP_REKEY_FLOW_STATE_ALLOCATED:
	case IPCP_REKEY_FLOW_STATE_DEALLOC_PENDING:
		/*
		 * Pairs with smp_store_release() in ipcp_registry_set_rekey():
		 * the direction to receive in is known.
		 */
		return smp_load_acquire(&flow->rk.encrypted);
	}
	return false;
}

/* Decrypted messages */

/**
 * ipcp_rx_data() - Queue messages for the reader
 * @flow: flow
 * @skb: decrypted messages; consumed
 *
 * Context: Under RCU, with bottom halves off.
 */
void ipcp_rx_data(struct ipcp_flow *flow, struct sk_buff *skb)
{
	enum ipcp_drop reason;

	reason = ipcp_flow_queue(flow, skb, ipcp_cb(skb)->left);
	if (unlikely(reason))
		ipcp_flow_drop_all(flow, skb, reason);
}

static void queue_control(struct ipcp_flow *flow, struct sk_buff *skb)
{
	enum ipcp_drop reason = IPCP_DROP_NONE;

	spin_lock_bh(&flow->ctl.lock);
	/*
	 * Checked under the lock, so nothing is queued any more after the purge
	 * in ipcp_state_finish().
	 */
	if (!ipcp_rx_allowed(flow))
		reason = IPCP_DROP_CLOSED;
	else if (skb_queue_len(&flow->ctl) >= IPCP_CTL_QUEUE)
		reason = IPCP_DROP_CTRL_FULL;
	else
		__skb_queue_tail(&flow->ctl, skb);
	spin_unlock_bh(&flow->ctl.lock);
	if (unlikely(reason))
		ipcp_flow_drop_all(flow, skb, reason);
	else
		ipcp_flow_kick(flow);
}

/* CLOSE has no payload, so a flag is enough and nothing is queued. */
static void take_close(struct ipcp_flow *flow, struct sk_buff *skb)
{
	if (skb->len) {
		ipcp_flow_drop_all(flow, skb, IPCP_DROP_MALFORMED);
		return;
	}
	set_bit(IPCP_FLOW_CLOSE_CAME, &flow->bits);
	ipcp_flow_kick(flow);
	consume_skb(skb);
}

static void deliver(struct ipcp_flow *flow, struct sk_buff *skb)
{
	switch (ipcp_cb(skb)->type) {
	case IPCP_PDU_DATA:
		ipcp_rx_data(flow, skb);
		break;
	case IPCP_PDU_CLOSE:
		take_close(flow, skb);
		break;
	default:
		queue_control(flow, skb);
	}
}

/**
 * ipcp_rx_dsfield() - Return the traffic class of a received packet
 * @skb: buffer of the packet
 *
 * Context: Any context.
 * Return: the traffic class, or 0 if the buffer is of neither IPv4 nor IPv6.
 */
u8 ipcp_rx_dsfield(const struct sk_buff *skb)
{
	switch (skb->protocol) {
	case htons(ETH_P_IP):
		return ipv4_get_dsfield(ip_hdr(skb));
	case htons(ETH_P_IPV6):
		return ipv6_get_dsfield(ipv6_hdr(skb));
	}
	return 0;
}

/* One packet */

static enum ipcp_drop drop_reason(int err)
{
	switch (err) {
	case -ENOKEY:
		return IPCP_DROP_EPOCH;
	case -EKEYEXPIRED:
		return IPCP_DROP_LATE;
	default:
		return IPCP_DROP_NOMEM;
	}
}

/**
 * ipcp_rx_find_leaf() - Look up the leaf of a packet
 * @flow: flow
 * @epoch: epoch of the packet
 * @counter: counter of the packet
 * @leaf: (output) the leaf, if found
 *
 * Context: Under RCU.
 * Return: as ipcp_leaf_lookup(), and -ENOKEY if there is no such epoch.
 */
int ipcp_rx_find_leaf(struct ipcp_flow *flow, u8 epoch, u64 counter,
		      struct ipcp_leaf **leaf)
{
	struct ipcp_epoch *ep = ipcp_epoch_find(flow, epoch);

	return ep ? ipcp_leaf_lookup(ep, ipcp_ctr_leaf(counter), leaf) :
		    -ENOKEY;
}

/* Decrypt and deliver a packet. Context: under RCU, with bottom halves off. */
static enum ipcp_drop rx_decrypt(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
				 struct sk_buff *skb)
{
	enum ipcp_drop reason;

	reason = ipcp_replay_check(leaf->replay,
				   ipcp_ctr_seq(ipcp_cb(skb)->counter));
	ipcp_cb(skb)->exchange = leaf->epoch->exchange;
	if (likely(!reason))
		reason = ipcp_decrypt_packet(flow, leaf, skb);
	if (likely(!reason))
		deliver(flow, skb);
	else
		ipcp_flow_drop_all(flow, skb, reason);
	return reason;
}

static void wait_for_leaf(struct ipcp_flow *flow, struct sk_buff *skb, bool far)
{
	enum ipcp_drop reason = ipcp_waiting_add(&flow->waiting, skb, far);

	if (reason)
		ipcp_flow_drop_all(flow, skb, reason);
	else
		ipcp_flow_kick(flow);
}

/*
 * The leaf was derived, but earlier packets are not decrypted yet. To keep the
 * order, decrypt them first, or queue the packet behind those that the worker
 * decrypts. If the queue is full, decrypt the packet now.
 */
static void rx_behind(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
		      struct sk_buff *skb)
{
	struct sk_buff_head earlier;

	if (ipcp_waiting_take_over(&flow->waiting, ipcp_cb_leaf_id(skb), &earlier)) {
		__skb_queue_tail(&earlier, skb);
		while ((skb = __skb_dequeue(&earlier)))
			rx_decrypt(flow, leaf, skb);
	} else if (!ipcp_waiting_add(&flow->waiting, skb, false)) {
		ipcp_flow_kick(flow);
	} else {
		rx_decrypt(flow, leaf, skb);
	}
}

static void rx_flow(struct ipcp_flow *flow, struct sk_buff *skb)
{
	const struct ipcp_skb_cb *cb = ipcp_cb(skb);
	struct ipcp_leaf *leaf;
	int err;

	err = ipcp_rx_find_leaf(flow, cb->epoch, cb->counter, &leaf);
	if (unlikely(err == -EAGAIN || err == -ERANGE))
		wait_for_leaf(flow, skb, err == -ERANGE);
	else if (unlikely(err))
		ipcp_flow_drop_all(flow, skb, drop_reason(err));
	else if (unlikely(ipcp_waiting_has(&flow->waiting, ipcp_cb_leaf_id(skb))))
		rx_behind(flow, leaf, skb);
	else
		rx_decrypt(flow, leaf, skb);
}

/**
 * ipcp_rx_packet() - Receive a packet in a buffer of its own
 * @ipn: namespace
 * @skb: packet; consumed
 *
 * Context: Under RCU, with bottom halves off.
 */
void ipcp_rx_packet(struct ipcp_net *ipn, struct sk_buff *skb)
{
	struct ipcp_flow *flow;
	enum ipcp_drop reason;
	struct ipcp_hdr hdr;

	if (!pskb_may_pull(skb, min(skb->len, IPCP_HDR_LEN))) {
		rx_drop_stray(ipn, skb, IPCP_DROP_NOMEM);
		return;
	}
	reason = ipcp_wire_parse(skb->data, skb->len, &hdr);
	if (reason) {
		rx_drop_stray(ipn, skb, reason);
		return;
	}
	__skb_pull(skb, IPCP_HDR_LEN);
	if (hdr.type == IPCP_PDU_CTRL) {
		reason = ipcp_upcall_ctrl(ipn, skb, 0);
		if (reason)
			rx_drop_stray(ipn, skb, reason);
		return;
	}
	flow = ipcp_registry_by_eid(ipn, hdr.eid);
	if (!flow) {
		rx_drop_stray(ipn, skb, IPCP_DROP_EID);
		return;
	}
	*ipcp_cb(skb) = (struct ipcp_skb_cb) {
		.counter = hdr.counter,
		.left = 1,
		.epoch = hdr.epoch,
		.type = hdr.type,
		.dsfield = ipcp_rx_dsfield(skb),
	};
	if (ipcp_rx_allowed(flow))
		rx_flow(flow, skb);
	else
		ipcp_flow_drop_all(flow, skb, IPCP_DROP_STATE);
}

/* Packets that waited for the worker */

/*
 * Derive the leaf that packets wait for. Return NULL if lookups find the leaf
 * now, a leaf to try if it is far ahead, or an error.
 */
static struct ipcp_leaf *derive_for(struct ipcp_flow *flow, u32 id)
{
	struct ipcp_leaf *leaf;
	struct ipcp_epoch *ep;
	int err = -ENOKEY;

	rcu_read_lock();
	ep = ipcp_epoch_get(ipcp_epoch_find(flow, id >> 16));
	if (ep)
		err = ipcp_leaf_lookup(ep, id & U16_MAX, &leaf);
	rcu_read_unlock();
	if (!ep)
		return ERR_PTR(err);
	leaf = NULL;
	if (err == -EAGAIN)
		err = ipcp_leaf_prepare(ep, ipcp_rx_dir(&flow->rk));
	if (err == -ERANGE) {
		leaf = ipcp_leaf_derive_jump(ep, id & U16_MAX);
		err = PTR_ERR_OR_ZERO(leaf);
	}
	ipcp_epoch_put(ep);
	return err ? ERR_PTR(err) : leaf;
}

/* Decrypt a packet that waited, with @jump if lookups cannot find its leaf. */
static enum ipcp_drop rx_waited(struct ipcp_flow *flow, struct ipcp_leaf *jump,
				struct sk_buff *skb)
{
	const struct ipcp_skb_cb *cb = ipcp_cb(skb);
	struct ipcp_leaf *leaf = jump;
	enum ipcp_drop reason;
	int err = 0;

	local_bh_disable();
	rcu_read_lock();
	if (!jump)
		err = ipcp_rx_find_leaf(flow, cb->epoch, cb->counter, &leaf);
	if (err) {
		reason = err == -EAGAIN || err == -ERANGE ?
			IPCP_DROP_AHEAD : drop_reason(err);
		ipcp_flow_drop_all(flow, skb, reason);
	} else {
		reason = rx_decrypt(flow, leaf, skb);
	}
	rcu_read_unlock();
	local_bh_enable();
	return reason;
}

/*
 * Decrypt packets that waited. @jump is the leaf for rx_waited(). It becomes
 * NULL once a packet authenticated, since the leaf then belongs to the epoch.
 */
static void decrypt_batch(struct ipcp_flow *flow, struct ipcp_leaf **jump,
			  struct sk_buff_head *batch)
{
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(batch))) {
		if (IS_ERR(*jump))
			ipcp_flow_drop_all(flow, skb, drop_reason(PTR_ERR(*jump)));
		else if (!rx_waited(flow, *jump, skb))
			*jump = NULL;	/* now owned by the epoch */
	}
}

/* Decrypt the packets that wait for a leaf, and those that arrive meanwhile. */
static void drain_leaf(struct ipcp_flow *flow, u32 id)
{
	struct ipcp_leaf *jump = derive_for(flow, id);
	struct sk_buff_head batch;

	for (int i = 0; i < IPCP_WAIT_ROUNDS; i++) {
		ipcp_waiting_take(&flow->waiting, id, &batch);
		if (skb_queue_empty(&batch))
			break;
		decrypt_batch(flow, &jump, &batch);
		cond_resched();
	}
	ipcp_waiting_done(&flow->waiting);
	if (!IS_ERR_OR_NULL(jump))
		ipcp_leaf_free(jump);
}

/**
 * ipcp_rx_drain() - Decrypt packets that waited for their leaf
 * @flow: flow
 *
 * Handle as many leaves as packets may wait for at a time. If more arrive
 * meanwhile, queue the worker again, so that its other work is not delayed.
 *
 * Context: The flow's worker.
 */
void ipcp_rx_drain(struct ipcp_flow *flow)
{
	u32 leaf = IPCP_NO_LEAF;

	for (int i = 0; i < IPCP_JUMP_LEAVES + IPCP_EPOCH_SLOTS; i++) {
		leaf = ipcp_waiting_first(&flow->waiting);
		if (leaf == IPCP_NO_LEAF)
			return;
		drain_leaf(flow, leaf);
	}
	ipcp_flow_kick(flow);
}

/**
 * ipcp_rx_purge() - Drop all queued packets, and refuse further ones
 * @flow: flow that has no reader any more
 *
 * Context: Process context.
 */
void ipcp_rx_purge(struct ipcp_flow *flow)
{
	struct ipcp_rbuff *rb = &flow->n_rb;
	struct sk_buff *skb;

	for (;;) {
		spin_lock_bh(&rb->queue.lock);
		rb->closed = true;
		skb = skb_peek(&rb->queue);
		if (skb)
			__ipcp_rbuff_unlink(rb, skb, ipcp_cb(skb)->left);
		spin_unlock_bh(&rb->queue.lock);
		if (!skb)
			break;
		ipcp_flow_drop_all(flow, skb, IPCP_DROP_CLOSED);
	}
	while ((skb = ipcp_waiting_close(&flow->waiting)))
		ipcp_flow_drop_all(flow, skb, IPCP_DROP_CLOSED);
	while ((skb = skb_dequeue(&flow->ctl)))
		ipcp_flow_drop_all(flow, skb, IPCP_DROP_CLOSED);
}
