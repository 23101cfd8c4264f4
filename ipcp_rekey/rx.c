// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving. On arrival a packet is only parsed, its flow and key are found
 * by what its header says, and an obvious repeat is dropped; then it waits, in
 * the ring if it is data and otherwise for the flow's worker. Who reads it, or
 * the worker, decrypts it. All that is written to a flow's state is written
 * after the packet authenticated.
 *
 * A packet in the ring holds a reference on its leaf key, so the key may be
 * left behind and the packet can still be opened. It then is, by the worker and
 * in place, so that the key can be wiped without waiting for the reader.
 *
 * A packet whose leaf was not derived yet is queued without; it is derived when
 * its turn comes. The reader takes packets in the ring's order, so only a
 * forged one, or one after the loss of a whole leaf, is farther ahead than the
 * leaf that is prepared: those are tried on copies, and few of them a second.
 */
#include <linux/scatterlist.h>
#include <linux/skbuff.h>

#include "confirm.h"
#include "event.h"
#include "flow.h"
#include "registry.h"
#include "rx.h"
#include "trace.h"
#include "udp.h"
#include "upcall.h"
#include "wire.h"

/**
 * struct ipcp_skb_cb - what is known of a received packet
 * @leaf: its key, with a reference; NULL if not found yet, or not needed more
 * @counter: its counter
 * @epoch: its epoch
 * @type: enum ipcp_pdu_type
 * @opened: it is plaintext already
 */
struct ipcp_skb_cb {
	struct ipcp_leaf *leaf;
	u64 counter;
	u8 epoch;
	u8 type;
	bool opened;
};

static struct ipcp_skb_cb *cb_of(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct ipcp_skb_cb) > sizeof(skb->cb));
	return (struct ipcp_skb_cb *)skb->cb;
}

static void release_leaf(struct sk_buff *skb)
{
	ipcp_leaf_put(cb_of(skb)->leaf);
	cb_of(skb)->leaf = NULL;
}

static void drop(struct ipcp_flow *flow, struct sk_buff *skb,
		 enum ipcp_drop reason)
{
	release_leaf(skb);
	ipcp_flow_drop(flow, skb, reason);
}

/* Finds the key of a packet and looks, without writing, if it is a repeat. */
static enum ipcp_drop find_leaf(struct ipcp_flow *flow, struct ipcp_skb_cb *cb)
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
	else if (!err)
		reason = ipcp_replay_check(cb->leaf->replay,
					   ipcp_ctr_seq(cb->counter));
	rcu_read_unlock();
	return reason;
}

static void queue_data(struct ipcp_flow *flow, struct sk_buff *skb)
{
	struct ipcp_leaf *leaf = cb_of(skb)->leaf;
	bool closed;

	/* The reader may free both once the packet is in the ring. */
	rcu_read_lock();
	if (!ipcp_rbuff_write(&flow->n_rb, skb)) {
		rcu_read_unlock();
		drop(flow, skb, IPCP_DROP_RING_FULL);
		return;
	}
	/*
	 * The worker looks into the ring after a leaf was marked closed. If it
	 * looked before the packet came in, the mark can be seen here.
	 */
	closed = leaf && READ_ONCE(leaf->closed);
	rcu_read_unlock();
	if (unlikely(closed)) {
		set_bit(IPCP_FLOW_OPEN_CLOSED, &flow->bits);
		ipcp_flow_kick(flow);
	}
}

static void queue_control(struct ipcp_flow *flow, struct sk_buff *skb)
{
	if (skb_queue_len_lockless(&flow->ctl) >= IPCP_CTL_QUEUE) {
		drop(flow, skb, IPCP_DROP_RING_FULL);
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

static void rx_flow(struct ipcp_flow *flow, struct sk_buff *skb,
		    const struct ipcp_hdr *hdr)
{
	struct ipcp_skb_cb *cb = cb_of(skb);
	enum ipcp_drop reason;

	*cb = (struct ipcp_skb_cb) {
		.counter = hdr->counter,
		.epoch = hdr->epoch,
		.type = hdr->type,
	};
	reason = may_receive(flow) ? find_leaf(flow, cb) : IPCP_DROP_STATE;
	if (reason)
		drop(flow, skb, reason);
	else if (hdr->type == IPCP_PDU_DATA)
		queue_data(flow, skb);
	else
		queue_control(flow, skb);
}

static void rx_stray(struct ipcp_net *in, struct sk_buff *skb,
		     enum ipcp_drop reason)
{
	this_cpu_inc(in->drops->drops[reason]);
	trace_ipcp_drop(0, reason, skb->len);
	kfree_skb(skb);
}

/**
 * ipcp_rx() - A datagram came in
 * @in: namespace
 * @skb: its data begins with our header; taken
 *
 * Context: Softirq or task, under RCU.
 */
void ipcp_rx(struct ipcp_net *in, struct sk_buff *skb)
{
	struct ipcp_flow *flow;
	enum ipcp_drop reason;
	struct ipcp_hdr hdr;

	if (!pskb_may_pull(skb, min(skb->len, IPCP_HDR_LEN))) {
		rx_stray(in, skb, IPCP_DROP_NOMEM);
		return;
	}
	reason = ipcp_wire_parse(skb->data, skb->len, &hdr);
	if (reason) {
		rx_stray(in, skb, reason);
		return;
	}
	__skb_pull(skb, IPCP_HDR_LEN);
	if (hdr.type == IPCP_PDU_CTRL) {
		reason = ipcp_upcall_ctrl(in, skb);
		if (reason)
			rx_stray(in, skb, reason);
		return;
	}
	flow = ipcp_registry_by_eid(in, hdr.eid);
	if (!flow) {
		rx_stray(in, skb, IPCP_DROP_EID);
		return;
	}
	rx_flow(flow, skb, &hdr);
}

/* The first authentic packet says that the peer is there, or there again. */
static void peer_is_there(struct ipcp_flow *flow)
{
	if (time_before(READ_ONCE(flow->last_rx), jiffies))
		WRITE_ONCE(flow->last_rx, jiffies);
	if (unlikely(ipcp_rbuff_flags(&flow->n_rb) & IPCP_RB_FLOWPEER) &&
	    ipcp_rbuff_change(&flow->n_rb, 0, IPCP_RB_FLOWPEER))
		ipcp_event(flow, IPCP_REKEY_EVENT_PEER_BACK, flow->rk.epoch, 0);
}

/* An authentic packet with the highest counter yet says where the peer is. */
static void track(struct ipcp_flow *flow, struct ipcp_epoch *ep,
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

/* Is it time to prepare the leaf after this one? Once in an epoch. */
static bool next_is_due(struct ipcp_epoch *ep, u64 counter)
{
	return counter >= IPCP_RX_AHEAD &&
	       !test_bit(IPCP_EP_RX_AHEAD, &ep->flags) &&
	       !test_and_set_bit(IPCP_EP_RX_AHEAD, &ep->flags);
}

static int decrypt(const struct ipcp_leaf *leaf, struct sk_buff *skb, u64 ctr)
{
	struct scatterlist sg[2];

	/* In place, and only in memory that nobody else has. */
	if (skb_linearize_cow(skb))
		return -ENOMEM;
	sg_init_table(sg, 2);
	sg_set_buf(&sg[0], skb->data - IPCP_HDR_LEN, IPCP_HDR_LEN);
	sg_set_buf(&sg[1], skb->data, skb->len);
	return ipcp_aead_open(&leaf->aead, sg, skb->len, ctr);
}

/*
 * Opens a packet that holds its leaf, and accounts for it. Any context but
 * hard interrupts.
 */
static enum ipcp_drop open_packet(struct ipcp_flow *flow, struct sk_buff *skb)
{
	unsigned int dir = ipcp_rx_dir(&flow->rk);
	struct ipcp_skb_cb *cb = cb_of(skb);
	struct ipcp_leaf *leaf = cb->leaf;
	struct ipcp_epoch *ep = leaf->epoch;
	enum ipcp_drop reason;
	bool due;
	int err;

	err = decrypt(leaf, skb, cb->counter);
	if (err == -EBADMSG) {
		if (atomic_inc_return(&flow->auth_failures) == IPCP_AUTH_FAILURES)
			ipcp_flow_kick(flow);
		return IPCP_DROP_AUTH;
	}
	if (err)
		return IPCP_DROP_NOMEM;

	spin_lock_bh(&leaf->lock);
	reason = leaf->abandoned ? IPCP_DROP_LATE :
		 ipcp_replay_commit(leaf->replay, ipcp_ctr_seq(cb->counter));
	spin_unlock_bh(&leaf->lock);
	if (reason)
		return reason;

	__skb_trim(skb, skb->len - IPCP_TAG_LEN);
	trace_ipcp_rx(flow, cb->type, cb->epoch, cb->counter,
		      dir, skb->len);
	peer_is_there(flow);
	track(flow, ep, skb, cb->counter);
	if (cb->type == IPCP_PDU_DATA) {
		ipcp_keyrot_observe(flow, ep, true);
		due = next_is_due(ep, cb->counter);
		if (unlikely(leaf != rcu_access_pointer(ep->leaves[dir].cur)))
			due |= ipcp_leaf_advance(ep, dir, leaf);
		if (unlikely(due))
			ipcp_flow_kick(flow);
	}
	cb->opened = true;
	return IPCP_DROP_NONE;
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

/*
 * Derives the leaf that a packet needs. Process context, may sleep.
 * IPCP_DROP_NONE says that it is worth looking for the leaf again.
 */
static enum ipcp_drop derive_leaf(struct ipcp_flow *flow, u8 epoch,
				  unsigned int no)
{
	unsigned int dir = ipcp_rx_dir(&flow->rk);
	struct ipcp_epoch *ep;
	struct ipcp_leaf *cur;
	bool next;
	int err;

	rcu_read_lock();
	ep = ipcp_epoch_find(flow, epoch);
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

/* Is the key of this packet going? */
static bool has_to_open(struct ipcp_flow *flow, struct sk_buff *skb)
{
	const struct ipcp_skb_cb *cb = cb_of(skb);

	if (cb->opened)
		return false;
	return cb->epoch != READ_ONCE(flow->rk.newest) ||
	       (cb->leaf && READ_ONCE(cb->leaf->closed));
}

/*
 * Looks for the leaf of a packet that was queued without. *derive says that it
 * has to be derived first.
 */
static enum ipcp_drop look_again(struct ipcp_flow *flow, struct sk_buff *skb,
				 bool *derive)
{
	struct ipcp_skb_cb *cb = cb_of(skb);
	enum ipcp_drop reason = IPCP_DROP_NONE;

	if (!cb->leaf)
		reason = find_leaf(flow, cb);
	*derive = !reason && !cb->leaf;
	return reason;
}

/*
 * Opens a packet that stays in the ring, under the ring's lock. *derive says
 * that its leaf has to be derived first.
 */
static enum ipcp_drop open_in_ring(struct ipcp_flow *flow, struct sk_buff *skb,
				   bool *derive)
{
	struct ipcp_rbuff *rb = &flow->n_rb;
	enum ipcp_drop reason;

	lockdep_assert_held(&rb->queue.lock);
	reason = look_again(flow, skb, derive);
	if (*derive)
		return IPCP_DROP_NONE;
	if (!reason) {
		/* What is shared is copied: it may change its size. */
		rb->bytes -= skb->truesize;
		reason = open_packet(flow, skb);
		rb->bytes += skb->truesize;
	}
	release_leaf(skb);
	return reason;
}

/* The first packet in the ring that has to be opened. */
static struct sk_buff *next_to_open(struct ipcp_flow *flow)
{
	struct sk_buff *skb;

	skb_queue_walk(&flow->n_rb.queue, skb)
		if (has_to_open(flow, skb))
			return skb;
	return NULL;
}

static struct sk_buff *first_packet(struct ipcp_flow *flow)
{
	return skb_peek(&flow->n_rb.queue);
}

/* Drops the packet that comes first, if it is still the one without a key. */
static void drop_same(struct ipcp_flow *flow,
		      struct sk_buff *(*first)(struct ipcp_flow *flow),
		      const struct ipcp_skb_cb *cb, enum ipcp_drop reason)
{
	struct ipcp_rbuff *rb = &flow->n_rb;
	struct sk_buff *skb;

	spin_lock_bh(&rb->queue.lock);
	skb = first(flow);
	if (skb && !cb_of(skb)->leaf && !cb_of(skb)->opened &&
	    cb_of(skb)->counter == cb->counter && cb_of(skb)->epoch == cb->epoch)
		__ipcp_rbuff_unlink(rb, skb);
	else
		skb = NULL;
	spin_unlock_bh(&rb->queue.lock);
	if (skb)
		drop(flow, skb, reason);
}

/**
 * ipcp_rx_open_queued() - Open what waits in the ring under keys that go
 * @flow: flow
 *
 * Opens in place what is queued of all epochs but the newest, and of leaves
 * that were left behind.
 *
 * Context: The flow's worker.
 */
void ipcp_rx_open_queued(struct ipcp_flow *flow)
{
	struct ipcp_rbuff *rb = &flow->n_rb;

	/* Each round opens, drops or derives for one packet. */
	for (int i = 0; i < 2 * IPCP_RB_PACKETS; i++) {
		enum ipcp_drop reason;
		struct ipcp_skb_cb want;
		struct sk_buff *skb;
		bool derive;

		spin_lock_bh(&rb->queue.lock);
		skb = next_to_open(flow);
		if (!skb) {
			spin_unlock_bh(&rb->queue.lock);
			return;
		}
		want = *cb_of(skb);
		reason = open_in_ring(flow, skb, &derive);
		if (reason)
			__ipcp_rbuff_unlink(rb, skb);
		spin_unlock_bh(&rb->queue.lock);

		if (reason)
			drop(flow, skb, reason);
		if (!derive)
			continue;
		reason = derive_leaf(flow, want.epoch,
				     ipcp_ctr_leaf(want.counter));
		if (reason)
			drop_same(flow, next_to_open, &want, reason);
		cond_resched();
	}
	/* More came all the time: the other work is not to wait for it. */
	set_bit(IPCP_FLOW_OPEN_CLOSED, &flow->bits);
	ipcp_flow_kick(flow);
}

/**
 * ipcp_rx_probe() - Open what came last, to see whether the peer is there
 * @flow: flow that nobody reads
 *
 * Context: The flow's worker.
 */
void ipcp_rx_probe(struct ipcp_flow *flow)
{
	struct ipcp_rbuff *rb = &flow->n_rb;
	enum ipcp_drop reason;

	do {
		struct sk_buff *skb;
		bool derive;

		reason = IPCP_DROP_NONE;
		spin_lock_bh(&rb->queue.lock);
		skb = skb_peek_tail(&rb->queue);
		if (skb && !cb_of(skb)->opened)
			reason = open_in_ring(flow, skb, &derive);
		if (reason)
			__ipcp_rbuff_unlink(rb, skb);
		spin_unlock_bh(&rb->queue.lock);
		if (reason)
			drop(flow, skb, reason);
		cond_resched();
	} while (reason);	/* the ring gets shorter */
}

/*
 * Takes the first packet out of the ring if its key is there, or says which
 * leaf to derive for it. NULL with *derive false: the ring is empty.
 */
static struct sk_buff *pop(struct ipcp_flow *flow, enum ipcp_drop *reason,
			   bool *derive, struct ipcp_skb_cb *want)
{
	struct ipcp_rbuff *rb = &flow->n_rb;
	struct sk_buff *skb;

	*reason = IPCP_DROP_NONE;
	*derive = false;
	spin_lock_bh(&rb->queue.lock);
	skb = skb_peek(&rb->queue);
	if (!skb)
		goto unlock;
	if (!cb_of(skb)->opened)
		*reason = look_again(flow, skb, derive);
	if (*derive) {
		*want = *cb_of(skb);
		skb = NULL;
	} else {
		__ipcp_rbuff_unlink(rb, skb);
	}
unlock:
	spin_unlock_bh(&rb->queue.lock);
	return skb;
}

/**
 * ipcp_rx_read() - Take the next message that authenticates
 * @flow: flow
 *
 * Context: Process context, may sleep to derive a key.
 * Return: it, or NULL if the ring is empty, or a ring full was dropped since.
 */
struct sk_buff *ipcp_rx_read(struct ipcp_flow *flow)
{
	for (int i = 0; i < 2 * IPCP_RB_PACKETS; i++) {
		struct ipcp_skb_cb want;
		enum ipcp_drop reason;
		struct sk_buff *skb;
		bool derive;

		skb = pop(flow, &reason, &derive, &want);
		if (derive) {
			reason = derive_leaf(flow, want.epoch,
					     ipcp_ctr_leaf(want.counter));
			if (reason)
				drop_same(flow, first_packet, &want, reason);
			continue;
		}
		if (!skb)
			return NULL;
		if (!reason && !cb_of(skb)->opened) {
			local_bh_disable();
			reason = open_packet(flow, skb);
			local_bh_enable();
		}
		if (!reason) {
			release_leaf(skb);
			this_cpu_inc(flow->stats->rx_packets);
			this_cpu_add(flow->stats->rx_bytes, skb->len);
			return skb;
		}
		drop(flow, skb, reason);
		cond_resched();
	}
	return NULL;
}

static enum ipcp_drop handle_close(struct ipcp_flow *flow, struct sk_buff *skb)
{
	if (skb->len)
		return IPCP_DROP_MALFORMED;
	set_bit(IPCP_FLOW_CLOSE_SEEN, &flow->bits);
	if (READ_ONCE(flow->state) == IPCP_REKEY_FLOW_STATE_ALLOCATED)
		ipcp_flow_down(flow, ESHUTDOWN, "the peer closed the flow");
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
	switch (cb_of(*skb)->type) {
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

static enum ipcp_drop rx_control_one(struct ipcp_flow *flow,
				     struct sk_buff **skb)
{
	struct ipcp_skb_cb *cb = cb_of(*skb);
	enum ipcp_drop reason = IPCP_DROP_NONE;
	struct ipcp_epoch *ep;

	if (!cb->leaf) {
		reason = find_leaf(flow, cb);
		if (!reason && !cb->leaf)
			reason = derive_leaf(flow, cb->epoch,
					     ipcp_ctr_leaf(cb->counter));
		if (!reason && !cb->leaf)
			reason = find_leaf(flow, cb);
		if (!reason && !cb->leaf)
			reason = IPCP_DROP_AHEAD;
	}
	if (!reason) {
		local_bh_disable();
		reason = open_packet(flow, *skb);
		local_bh_enable();
	}
	if (reason)
		return reason;

	ep = cb->leaf->epoch;
	refcount_inc(&ep->refs);
	release_leaf(*skb);
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
			drop(flow, skb, reason);
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
			__ipcp_rbuff_unlink(rb, skb);
		spin_unlock_bh(&rb->queue.lock);
		if (!skb)
			break;
		drop(flow, skb, IPCP_DROP_CLOSED);
	}
	while ((skb = skb_dequeue(&flow->ctl)))
		drop(flow, skb, IPCP_DROP_CLOSED);
}
