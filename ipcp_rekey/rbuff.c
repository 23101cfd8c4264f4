// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * rbuff: the ring between the network and a flow's reader.
 */
#include "rbuff.h"
#include "users.h"

/**
 * ipcp_rbuff_init() - Initialise a ring
 * @rb: ring
 * @consumer: consumer to wake; consumes the caller's reference
 */
void ipcp_rbuff_init(struct ipcp_rbuff *rb, struct ipcp_consumer *consumer)
{
	skb_queue_head_init(&rb->queue);
	rb->packets = 0;
	rb->bytes = 0;
	rb->quota = IPCP_QUEUE_FREE;
	rb->grown = false;
	rb->closed = false;
	rb->user = NULL;
	ipcp_rbflags_init(&rb->flags, consumer);
}

/*
 * True if a share of the ring, in quarters, has room, and the user has memory
 * left. Reserves that memory if necessary. Locking: queue.lock.
 */
static __always_inline bool make_room(struct ipcp_rbuff *rb, unsigned int size,
				      unsigned int count, unsigned int quarters)
{
	if (rb->packets + count > IPCP_RB_PACKETS / 4 * quarters ||
	    rb->bytes + size > IPCP_RB_BYTES / 4 * quarters)
		return false;
	while (unlikely(rb->bytes + size > rb->quota)) {
		if (!ipcp_user_reserve(rb->user, IPCP_QUEUE_STEP))
			return false;
		WRITE_ONCE(rb->quota, rb->quota + IPCP_QUEUE_STEP);
		if (rb->user && rb->quota == IPCP_QUEUE_FREE + IPCP_QUEUE_STEP)
			WRITE_ONCE(rb->grown, true);
	}
	return true;
}

static __always_inline enum ipcp_drop write_share(struct ipcp_rbuff *rb,
						  struct sk_buff *skb,
						  unsigned int count,
						  unsigned int quarters)
{
	enum ipcp_drop reason = IPCP_DROP_NONE;

	spin_lock_bh(&rb->queue.lock);
	if (unlikely(rb->closed)) {
		reason = IPCP_DROP_CLOSED;
	} else if (likely(make_room(rb, skb->truesize, count, quarters))) {
		WRITE_ONCE(rb->packets, rb->packets + count);
		rb->bytes += skb->truesize;
		__skb_queue_tail(&rb->queue, skb);
	} else {
		reason = IPCP_DROP_RING_FULL;
	}
	spin_unlock_bh(&rb->queue.lock);

	if (likely(!reason))
		ipcp_rbflags_wake(&rb->flags, EPOLLIN | EPOLLRDNORM);
	return reason;
}

/**
 * ipcp_rbuff_write() - Add a buffer at the end
 * @rb: ring
 * @skb: buffer; consumed on success
 * @count: messages in it
 *
 * Context: Any context but hard interrupts.
 * Return: IPCP_DROP_NONE, or why the buffer was not added.
 */
enum ipcp_drop ipcp_rbuff_write(struct ipcp_rbuff *rb, struct sk_buff *skb,
				unsigned int count)
{
	return write_share(rb, skb, count, 4);
}

/**
 * ipcp_rbuff_write_most() - Add a buffer at the end, and leave a quarter of the
 * ring free
 * @rb: ring
 * @skb: buffer; consumed on success
 * @count: messages in it
 *
 * Context: Any context but hard interrupts.
 * Return: as ipcp_rbuff_write().
 */
enum ipcp_drop ipcp_rbuff_write_most(struct ipcp_rbuff *rb, struct sk_buff *skb,
				     unsigned int count)
{
	return write_share(rb, skb, count, 3);
}

/**
 * __ipcp_rbuff_taken() - Count messages read from a buffer that stays queued
 * @rb: ring, locked
 * @count: number of messages
 */
void __ipcp_rbuff_taken(struct ipcp_rbuff *rb, unsigned int count)
{
	lockdep_assert_held(&rb->queue.lock);
	WRITE_ONCE(rb->packets, rb->packets - count);
}

/**
 * __ipcp_rbuff_link() - Put a removed buffer back at the front
 * @rb: ring, locked
 * @skb: buffer of __ipcp_rbuff_unlink(); consumed
 * @count: number of unread messages in the buffer
 *
 * The ring may then exceed its limits and its quota, by one buffer for each
 * reader.
 */
void __ipcp_rbuff_link(struct ipcp_rbuff *rb, struct sk_buff *skb,
		       unsigned int count)
{
	lockdep_assert_held(&rb->queue.lock);
	WRITE_ONCE(rb->packets, rb->packets + count);
	rb->bytes += skb->truesize;
	__skb_queue_head(&rb->queue, skb);
}

/**
 * __ipcp_rbuff_unlink() - Remove a buffer from the ring
 * @rb: ring, locked
 * @skb: buffer in the ring; afterwards the caller owns it
 * @count: number of unread messages in the buffer
 */
void __ipcp_rbuff_unlink(struct ipcp_rbuff *rb, struct sk_buff *skb,
			 unsigned int count)
{
	__ipcp_rbuff_taken(rb, count);
	rb->bytes -= skb->truesize;
	__skb_unlink(skb, &rb->queue);
}

/**
 * ipcp_rbuff_take_grown() - Test and clear whether the quota has grown
 * @rb: ring
 *
 * Takes the lock, so that the caller sees the grown quota. A writer sets @grown
 * again when the quota grows after the next trim.
 *
 * Context: Any context but hard interrupts.
 * Return: true if the caller is the one to kick the worker.
 */
bool ipcp_rbuff_take_grown(struct ipcp_rbuff *rb)
{
	bool grown;

	spin_lock_bh(&rb->queue.lock);
	grown = rb->grown;
	WRITE_ONCE(rb->grown, false);
	spin_unlock_bh(&rb->queue.lock);
	return grown;
}

/**
 * ipcp_rbuff_trim() - Release the memory that an empty ring has reserved
 * @rb: ring
 *
 * Readers do not call this, since a ring in use is empty every now and then.
 *
 * Context: Process context.
 */
void ipcp_rbuff_trim(struct ipcp_rbuff *rb)
{
	spin_lock_bh(&rb->queue.lock);
	if (rb->quota > IPCP_QUEUE_FREE && skb_queue_empty(&rb->queue)) {
		ipcp_user_release(rb->user, rb->quota - IPCP_QUEUE_FREE);
		WRITE_ONCE(rb->quota, IPCP_QUEUE_FREE);
	}
	spin_unlock_bh(&rb->queue.lock);
}
