// SPDX-License-Identifier: GPL-2.0
/*
 * The flags word of a ring, and where its users sleep.
 *
 * Update the queue or a flag, then wake. Sleepers queue themselves before
 * checking, so no wakeup is lost. The barrier in wq_has_sleeper() pairs with the
 * one in poll_wait() and prepare_to_wait().
 */
#include <linux/slab.h>

#include "rbflags.h"

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
 * ipcp_rbflags_init() - Initialise: reading and writing are allowed
 * @flags: flags word
 * @wait: where users sleep; consumes the caller's reference
 */
void ipcp_rbflags_init(struct ipcp_rbflags *flags, struct ipcp_wait *wait)
{
	atomic_set(&flags->word, IPCP_RB_RD | IPCP_RB_WR);
	flags->wait = wait;
}

/**
 * ipcp_rbflags_change() - Set and clear flags in one step, and wake for it
 * @flags: flags word
 * @set: IPCP_RB_* to set
 * @clear: IPCP_RB_* to clear
 *
 * Context: Any context.
 * Return: the flags that did change.
 */
int ipcp_rbflags_change(struct ipcp_rbflags *flags, int set, int clear)
{
	int old = atomic_read(&flags->word);
	int new;

	do {
		new = (old & ~clear) | set;
	} while (!atomic_try_cmpxchg(&flags->word, &old, new));

	if (old != new)
		ipcp_rbflags_wake(flags, IPCP_WAKE_ALL);
	return old ^ new;
}
