// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* The flags word of a ring, and the consumer that is woken when it changes. */
#include <linux/indirect_call_wrapper.h>
#include <linux/slab.h>

#include "rbflags.h"
#include "wait.h"

/**
 * ipcp_consumer_put() - Drop a reference
 * @consumer: consumer; freed a grace period after the last reference
 *
 * Context: Any context.
 */
void ipcp_consumer_put(struct ipcp_consumer *consumer)
{
	if (refcount_dec_and_test(&consumer->refs))
		kfree_rcu(consumer, rcu);
}

/**
 * ipcp_consumer_wake() - Wake a consumer
 * @consumer: consumer that the caller has a reference to, or that RCU keeps
 * @events: EPOLL* that may be true now
 *
 * Context: Any context.
 */
void ipcp_consumer_wake(struct ipcp_consumer *consumer, __poll_t events)
{
	INDIRECT_CALL_1(consumer->ops->wake, ipcp_wait_wake, consumer, events);
}

/**
 * ipcp_rbflags_init() - Initialise a flags word to allow reading and writing
 * @flags: flags word
 * @consumer: consumer to wake; consumes the caller's reference
 */
void ipcp_rbflags_init(struct ipcp_rbflags *flags,
		       struct ipcp_consumer *consumer)
{
	atomic_set(&flags->word, IPCP_RB_RD | IPCP_RB_WR);
	flags->consumer = consumer;
}

/**
 * ipcp_rbflags_change() - Set and clear flags atomically, and wake the consumer
 * @flags: flags word
 * @set: IPCP_RB_* to set
 * @clear: IPCP_RB_* to clear
 *
 * Context: Any context.
 * Return: the flags that changed.
 */
int ipcp_rbflags_change(struct ipcp_rbflags *flags, int set, int clear)
{
	int old = atomic_read(&flags->word);
	__poll_t events = IPCP_WAKE_FLAGS;
	int new;

	do {
		new = (old & ~clear) | set;
	} while (!atomic_try_cmpxchg(&flags->word, &old, new));

	/* An edge-triggered EPOLLRDHUP is a new silence of the peer. */
	if (new & ~old & IPCP_RB_FLOWPEER)
		events |= EPOLLRDHUP;
	if (new & ~old & IPCP_RB_FLOWDOWN)
		events |= EPOLLHUP | EPOLLERR;
	if (old != new)
		ipcp_rbflags_wake(flags, events);
	return old ^ new;
}
