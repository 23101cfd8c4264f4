// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The wait queue of a file, which is the consumer of the file's flow.
 *
 * Update the queue or a flag, then wake. Sleepers queue themselves before
 * checking, so no wakeup is lost. The barrier in wq_has_sleeper() pairs with
 * the one in poll_wait() and prepare_to_wait().
 */
#include <linux/slab.h>

#include "owner.h"
#include "wait.h"

/**
 * ipcp_wait_wake() - Wake the sleepers
 * @consumer: consumer in a struct ipcp_wait
 * @events: EPOLL* that may be true now
 *
 * Context: Any context.
 */
void ipcp_wait_wake(struct ipcp_consumer *consumer, __poll_t events)
{
	struct ipcp_wait *wait = ipcp_wait_of(consumer);

	if (wq_has_sleeper(&wait->wq))
		wake_up_interruptible_poll(&wait->wq, events);
}

/* An accepted flow gets a file, and so a wait queue, of its own. */
static struct ipcp_consumer *wait_spawn(struct ipcp_consumer *server)
{
	struct ipcp_wait *wait = ipcp_wait_new();

	return wait ? &wait->consumer : NULL;
}

const struct ipcp_consumer_ops ipcp_wait_ops = {
	.wake = ipcp_wait_wake,
	.spawn = wait_spawn,
};

/**
 * ipcp_wait_new() - Create a wait queue
 *
 * Context: Process context, may sleep.
 * Return: the wait queue, with one reference for the caller, or NULL.
 */
struct ipcp_wait *ipcp_wait_new(void)
{
	struct ipcp_wait *wait = kzalloc(sizeof(*wait), IPCP_GFP_PAYER);

	static_assert(offsetof(struct ipcp_wait, consumer) == 0);
	if (!wait)
		return NULL;
	ipcp_consumer_init(&wait->consumer, &ipcp_wait_ops);
	init_waitqueue_head(&wait->wq);
	return wait;
}
