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
#include <net/sock.h>

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

/**
 * struct sleeper - a task that sleeps in the wait queue
 * @entry: entry in the queue
 * @events: EPOLL* that the task waits for
 */
struct sleeper {
	struct wait_queue_entry entry;
	__poll_t events;
};

/* Leave a task asleep if none of its events may be true now. */
static int wake_sleeper(struct wait_queue_entry *entry, unsigned int mode,
			int flags, void *key)
{
	struct sleeper *s = container_of(entry, struct sleeper, entry);

	if (key && !(key_to_poll(key) & s->events))
		return 0;
	return autoremove_wake_function(entry, mode, flags, key);
}

/**
 * ipcp_wait_until() - Sleep until a flow is ready
 * @wait: wait queue of the flow's file
 * @events: EPOLL* to be woken for
 * @ready: condition; may be true only after a wakeup with one of @events
 * @flow: flow
 * @timeo: time limit in jiffies
 *
 * As wait_event_interruptible_timeout(), but for wakeups with other events the
 * task stays asleep, so packets that arrive do not wake writers.
 *
 * Context: Process context, sleeps.
 * Return: the jiffies that are left, at least 1; 0 after the time limit; or
 * -ERESTARTSYS.
 */
long ipcp_wait_until(struct ipcp_wait *wait, __poll_t events,
		     bool (*ready)(const struct ipcp_flow *flow),
		     const struct ipcp_flow *flow, long timeo)
{
	struct sleeper s = { .events = events };
	long signal, left = timeo;

	init_wait_entry(&s.entry, 0);
	s.entry.func = wake_sleeper;
	for (;;) {
		signal = prepare_to_wait_event(&wait->wq, &s.entry,
					       TASK_INTERRUPTIBLE);
		if (ready(flow)) {
			left = max(left, 1L);
			break;
		}
		if (signal)
			left = signal;
		if (left <= 0)
			break;
		left = schedule_timeout(left);
	}
	finish_wait(&wait->wq, &s.entry);
	return left;
}

/**
 * ipcp_wait_slept() - Evaluate the result of a wait
 * @left: return value of ipcp_wait_until(), or of
 *	wait_event_interruptible_timeout()
 * @timeo: (in/out) remaining time in jiffies
 *
 * Return: 0; -ETIMEDOUT; or the errno for a signal.
 */
int ipcp_wait_slept(long left, long *timeo)
{
	if (left < 0)
		return sock_intr_errno(*timeo);
	if (!left)
		return -ETIMEDOUT;
	*timeo = left;
	return 0;
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
