// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Received packets that wait for their leaf to be derived.
 *
 * Up to IPCP_WAIT_NEXT packets wait for the next leaf. That leaf is derived
 * ahead of time, so there are few of them. A packet of a leaf farther ahead is
 * either forged or comes after the loss of a whole leaf. Up to IPCP_WAIT_JUMP
 * packets wait for such a leaf, and only if the leaf was granted a derivation.
 * Few derivations are granted per second. So forged packets of leaves far ahead
 * take no places from packets of the next leaf, and forged packets of the next
 * leaf take places only until that leaf is derived.
 *
 * The packets of a leaf stay in order. A packet that arrives while the worker
 * decrypts others of its leaf is queued behind them, as long as there is room. If
 * others only wait, though their leaf is derived, the receiver decrypts them first.
 */
#include <linux/jiffies.h>

#include "cb.h"
#include "waiting.h"

/**
 * ipcp_waiting_init() - Initialise an empty queue
 * @w: (output) waiting packets
 */
void ipcp_waiting_init(struct ipcp_waiting *w)
{
	memset(w, 0, sizeof(*w));
	skb_queue_head_init(&w->queue);
	w->drained = IPCP_NO_LEAF;
}

/* Return the slot of a leaf that was granted a derivation, or NULL. */
static struct ipcp_jump *find_jump(struct ipcp_waiting *w, u32 leaf)
{
	for (int i = 0; i < IPCP_JUMP_LEAVES; i++)
		if (w->jumps[i].count && w->jumps[i].leaf == leaf)
			return &w->jumps[i];
	return NULL;
}

/* Grant a derivation to a leaf far ahead, if a grant and a slot are left. */
static struct ipcp_jump *grant_jump(struct ipcp_waiting *w, u32 leaf)
{
	if (!w->filled ||
	    time_after_eq64(get_jiffies_64(), w->filled_at + HZ)) {
		w->grants = IPCP_JUMPS_PER_SECOND;
		w->filled_at = get_jiffies_64();
		w->filled = true;
	}
	for (int i = 0; w->grants && i < IPCP_JUMP_LEAVES; i++) {
		if (w->jumps[i].count)
			continue;
		w->jumps[i].leaf = leaf;
		w->grants--;
		return &w->jumps[i];
	}
	return NULL;
}

/* Take a place for one more packet of a leaf. Return false if there is none. */
static bool take_place(struct ipcp_waiting *w, u32 leaf, bool far)
{
	struct ipcp_jump *jump = find_jump(w, leaf);

	lockdep_assert_held(&w->queue.lock);
	if (!jump && !far) {
		if (w->next >= IPCP_WAIT_NEXT)
			return false;
		w->next++;
		return true;
	}
	if (!jump)
		jump = grant_jump(w, leaf);
	if (!jump || jump->count >= IPCP_WAIT_JUMP)
		return false;
	jump->count++;
	return true;
}

static void leave_place(struct ipcp_waiting *w, u32 leaf)
{
	struct ipcp_jump *jump = find_jump(w, leaf);

	if (jump)
		jump->count--;
	else
		w->next--;
}

/**
 * ipcp_waiting_add() - Queue a packet until its leaf is derived
 * @w: waiting packets
 * @skb: packet; consumed on success
 * @far: true if the packet's leaf is farther ahead than the next one
 *
 * Context: Any context but hard interrupts.
 * Return: IPCP_DROP_NONE, or why the packet cannot wait.
 */
enum ipcp_drop ipcp_waiting_add(struct ipcp_waiting *w, struct sk_buff *skb,
				bool far)
{
	enum ipcp_drop reason = IPCP_DROP_NONE;

	spin_lock_bh(&w->queue.lock);
	if (w->closed)
		reason = IPCP_DROP_CLOSED;
	else if (!take_place(w, ipcp_cb_leaf_id(skb), far))
		reason = IPCP_DROP_AHEAD;
	else
		__skb_queue_tail(&w->queue, skb);
	spin_unlock_bh(&w->queue.lock);
	return reason;
}

static bool any_of(struct ipcp_waiting *w, u32 leaf)
{
	struct sk_buff *skb;

	lockdep_assert_held(&w->queue.lock);
	skb_queue_walk(&w->queue, skb)
		if (ipcp_cb_leaf_id(skb) == leaf)
			return true;
	return false;
}

/**
 * __ipcp_waiting_has() - Slow path of ipcp_waiting_has()
 * @w: waiting packets
 * @leaf: leaf
 *
 * Context: Any context but hard interrupts.
 * Return: as ipcp_waiting_has().
 */
bool __ipcp_waiting_has(struct ipcp_waiting *w, u32 leaf)
{
	bool has;

	spin_lock_bh(&w->queue.lock);
	has = w->drained == leaf || any_of(w, leaf);
	spin_unlock_bh(&w->queue.lock);
	return has;
}

/**
 * ipcp_waiting_first() - Return the leaf of the packet that has waited longest
 * @w: waiting packets
 *
 * Context: Any context but hard interrupts.
 * Return: the leaf, or IPCP_NO_LEAF if no packet waits.
 */
u32 ipcp_waiting_first(struct ipcp_waiting *w)
{
	struct sk_buff *skb;
	u32 leaf;

	spin_lock_bh(&w->queue.lock);
	skb = skb_peek(&w->queue);
	leaf = skb ? ipcp_cb_leaf_id(skb) : IPCP_NO_LEAF;
	spin_unlock_bh(&w->queue.lock);
	return leaf;
}

/* Remove all packets of a leaf, in order of arrival. */
static void take_leaf(struct ipcp_waiting *w, u32 leaf,
		      struct sk_buff_head *batch)
{
	struct sk_buff *skb, *tmp;

	lockdep_assert_held(&w->queue.lock);
	skb_queue_walk_safe(&w->queue, skb, tmp) {
		if (ipcp_cb_leaf_id(skb) != leaf)
			continue;
		leave_place(w, leaf);
		__skb_unlink(skb, &w->queue);
		__skb_queue_tail(batch, skb);
	}
}

/**
 * ipcp_waiting_take() - Remove all packets of a leaf
 * @w: waiting packets
 * @leaf: leaf
 * @batch: (output) packets in order of arrival, owned by the caller
 *
 * Unless @batch is empty, further packets of the leaf have to wait until
 * ipcp_waiting_done() or the next call.
 *
 * Context: The flow's worker.
 */
void ipcp_waiting_take(struct ipcp_waiting *w, u32 leaf,
		       struct sk_buff_head *batch)
{
	__skb_queue_head_init(batch);
	spin_lock_bh(&w->queue.lock);
	WRITE_ONCE(w->drained, leaf);
	/*
	 * Set ->drained before the queue is empty. Pairs with smp_rmb() in
	 * ipcp_waiting_has().
	 */
	smp_wmb();
	take_leaf(w, leaf, batch);
	if (skb_queue_empty(batch))
		WRITE_ONCE(w->drained, IPCP_NO_LEAF);
	spin_unlock_bh(&w->queue.lock);
}

/**
 * ipcp_waiting_done() - Note that the packets taken last are decrypted
 * @w: waiting packets
 *
 * Packets that arrived meanwhile may still wait.
 *
 * Context: The flow's worker.
 */
void ipcp_waiting_done(struct ipcp_waiting *w)
{
	spin_lock_bh(&w->queue.lock);
	WRITE_ONCE(w->drained, IPCP_NO_LEAF);
	spin_unlock_bh(&w->queue.lock);
}

/**
 * ipcp_waiting_take_over() - Remove all packets of a leaf, unless the worker does
 * @w: waiting packets
 * @leaf: leaf
 * @batch: (output) packets in order of arrival, owned by the caller
 *
 * Context: A receiver, with bottom halves off.
 * Return: false if the worker is decrypting packets of the leaf.
 */
bool ipcp_waiting_take_over(struct ipcp_waiting *w, u32 leaf,
			    struct sk_buff_head *batch)
{
	bool may;

	__skb_queue_head_init(batch);
	spin_lock(&w->queue.lock);
	may = w->drained != leaf;
	if (may)
		take_leaf(w, leaf, batch);
	spin_unlock(&w->queue.lock);
	return may;
}

/**
 * ipcp_waiting_close() - Refuse further packets, and remove a packet
 * @w: waiting packets
 *
 * Context: Process context.
 * Return: a packet, owned by the caller, or NULL if none is left.
 */
struct sk_buff *ipcp_waiting_close(struct ipcp_waiting *w)
{
	struct sk_buff *skb;

	spin_lock_bh(&w->queue.lock);
	w->closed = true;
	skb = __skb_dequeue(&w->queue);
	if (skb)
		leave_place(w, ipcp_cb_leaf_id(skb));
	spin_unlock_bh(&w->queue.lock);
	return skb;
}
