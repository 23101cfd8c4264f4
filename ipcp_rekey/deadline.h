/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_DEADLINE_H
#define _IPCP_DEADLINE_H

#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/typecheck.h>

/*
 * When a worker is to run next: the earliest of its deadlines. Each deadline
 * lies ahead, and the worker comes back for it, or has passed, and is acted on
 * now. One comparison says which, so that none is lost between two looks at the
 * clock; and a deadline that has passed is never a reason to come back, or the
 * worker would run without a pause.
 */

/**
 * ipcp_deadline_never() - Begin without a deadline
 *
 * Return: jiffies so far ahead that somebody kicks the worker before.
 */
static inline unsigned long ipcp_deadline_never(void)
{
	return jiffies + MAX_JIFFY_OFFSET / 2;
}

/**
 * ipcp_deadline_add() - Come back at a deadline, if it lies ahead
 * @next: jiffies when to come back; moved to an earlier time only
 * @at: jiffies of the deadline
 *
 * Return: true if the deadline lies ahead; false if it has passed: the caller
 * is to act on it, so that it is no deadline any more.
 */
static inline bool __must_check ipcp_deadline_add(unsigned long *next,
						  unsigned long at)
{
	if (time_after_eq(jiffies, at))
		return false;
	if (time_before(at, *next))
		*next = at;
	return true;
}

/**
 * ipcp_deadline_in() - Come back after a time
 * @next: jiffies when to come back; moved to an earlier time only
 * @delay: jiffies from now; one at least
 *
 * Return: jiffies when that is.
 */
static inline unsigned long ipcp_deadline_in(unsigned long *next,
					     unsigned long delay)
{
	unsigned long at = jiffies + max(delay, 1UL);

	if (time_before(at, *next))
		*next = at;
	return at;
}

/**
 * ipcp_deadline_delay() - What to give to queue_delayed_work()
 * @next: jiffies when to come back
 *
 * Return: jiffies from now; 0 if the time came while the worker ran, which
 * acts on the deadline then.
 */
static inline unsigned long ipcp_deadline_delay(unsigned long next)
{
	unsigned long now = jiffies;

	return time_after(next, now) ? next - now : 0;
}

#endif /* _IPCP_DEADLINE_H */
