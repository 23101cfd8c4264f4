// SPDX-License-Identifier: GPL-2.0
/*
 * rbuff: the ring between the network and a flow's reader, and the flags word.
 *
 * State first, hint second: whoever changes the queue or a flag does so before
 * the wake-up, and whoever sleeps looks at them after having queued itself, so
 * no change can be missed. A full memory barrier before the wake-up, paired
 * with the one of poll_wait() and prepare_to_wait(), makes that true where the
 * wake-up is left out because nobody sleeps.
 */
#include <linux/poll.h>
#include <linux/slab.h>

#include "owner.h"
#include "rbuff.h"

/**
 * ipcp_wait_new() - Make a place to sleep
 *
 * Context: Process context.
 * Return: it, with one reference, or NULL.
 */
struct ipcp_wait *ipcp_wait_new(void)
{
	struct ipcp_wait *wait = kzalloc(sizeof(*wait), GFP_KERNEL_ACCOUNT);

	if (!wait)
		return NULL;
	refcount_set(&wait->refs, 1);
	init_waitqueue_head(&wait->wq);
	return wait;
}

/**
 * ipcp_wait_put() - Let go of it
 * @wait: may be NULL; freed a grace period of RCU after the last reference
 *
 * Context: Any context.
 */
void ipcp_wait_put(struct ipcp_wait *wait)
{
	if (wait && refcount_dec_and_test(&wait->refs))
		kfree_rcu(wait, rcu);
}

/**
 * ipcp_wait_wake() - Wake who sleeps there
 * @wait: held, or under RCU
 * @events: EPOLL* that may be true now
 *
 * Context: Any context.
 */
void ipcp_wait_wake(struct ipcp_wait *wait, __poll_t events)
{
	if (wq_has_sleeper(&wait->wq))
		wake_up_interruptible_poll(&wait->wq, events);
}

/**
 * ipcp_rbuff_init() - Initialise
 * @rb: ring
 * @wait: whom to wake; the caller's reference goes to the ring
 */
void ipcp_rbuff_init(struct ipcp_rbuff *rb, struct ipcp_wait *wait)
{
	skb_queue_head_init(&rb->queue);
	rb->packets = 0;
	rb->bytes = 0;
	rb->quota = IPCP_QUEUE_FREE;
	rb->user = NULL;
	atomic_set(&rb->flags, IPCP_RB_RD | IPCP_RB_WR);
	rb->wait = wait;
}

/**
 * ipcp_rbuff_wake() - Wake who waits for these events
 * @rb: ring
 * @events: EPOLL* that may be true now
 *
 * Context: Any context.
 */
void ipcp_rbuff_wake(struct ipcp_rbuff *rb, __poll_t events)
{
	ipcp_wait_wake(rb->wait, events);
}

/* Is there room, and may the user have it? Under the lock. */
static bool make_room(struct ipcp_rbuff *rb, unsigned int size,
		      unsigned int count)
{
	if (rb->packets + count > IPCP_RB_PACKETS ||
	    rb->bytes + size > IPCP_RB_BYTES)
		return false;
	while (unlikely(rb->bytes + size > rb->quota)) {
		if (!ipcp_user_reserve(rb->user, IPCP_QUEUE_STEP))
			return false;
		rb->quota += IPCP_QUEUE_STEP;
	}
	return true;
}

/**
 * ipcp_rbuff_write() - Add a buffer at the end
 * @rb: ring
 * @skb: the ring's on success, else still the caller's
 * @count: packets in it
 *
 * Context: Any context but hard interrupts.
 * Return: false if the ring is full.
 */
bool ipcp_rbuff_write(struct ipcp_rbuff *rb, struct sk_buff *skb,
		      unsigned int count)
{
	bool room;

	spin_lock_bh(&rb->queue.lock);
	room = make_room(rb, skb->truesize, count);
	if (room) {
		WRITE_ONCE(rb->packets, rb->packets + count);
		rb->bytes += skb->truesize;
		__skb_queue_tail(&rb->queue, skb);
	}
	spin_unlock_bh(&rb->queue.lock);

	if (room)
		ipcp_rbuff_wake(rb, EPOLLIN | EPOLLRDNORM);
	return room;
}

/**
 * __ipcp_rbuff_taken() - Packets were read of a buffer that stays
 * @rb: ring, locked
 * @count: how many
 */
void __ipcp_rbuff_taken(struct ipcp_rbuff *rb, unsigned int count)
{
	lockdep_assert_held(&rb->queue.lock);
	WRITE_ONCE(rb->packets, rb->packets - count);
}

/**
 * __ipcp_rbuff_unlink() - Take a buffer out
 * @rb: ring, locked
 * @skb: buffer in it, the caller's afterwards
 * @count: packets that are left in it
 */
void __ipcp_rbuff_unlink(struct ipcp_rbuff *rb, struct sk_buff *skb,
			 unsigned int count)
{
	__ipcp_rbuff_taken(rb, count);
	rb->bytes -= skb->truesize;
	__skb_unlink(skb, &rb->queue);
	if (rb->quota > IPCP_QUEUE_FREE && skb_queue_empty(&rb->queue)) {
		ipcp_user_release(rb->user, rb->quota - IPCP_QUEUE_FREE);
		rb->quota = IPCP_QUEUE_FREE;
	}
}

/**
 * ipcp_rbuff_change() - Set and clear flags in one step, and wake for it
 * @rb: ring
 * @set: IPCP_RB_* to set
 * @clear: IPCP_RB_* to clear
 *
 * Context: Any context.
 * Return: the flags that did change.
 */
int ipcp_rbuff_change(struct ipcp_rbuff *rb, int set, int clear)
{
	int old = atomic_read(&rb->flags);
	int new;

	do {
		new = (old & ~clear) | set;
	} while (!atomic_try_cmpxchg(&rb->flags, &old, new));

	if (old != new)
		ipcp_rbuff_wake(rb, EPOLLIN | EPOLLRDNORM | EPOLLOUT |
				EPOLLWRNORM | EPOLLPRI | EPOLLRDHUP |
				EPOLLHUP | EPOLLERR);
	return old ^ new;
}
