/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_DEADLINE_H
#define _IPCP_DEADLINE_H

#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/typecheck.h>

/*
 * Compute when a worker has to run next: at the earliest of its deadlines. A
 * deadline either lies ahead, and the worker runs again for it, or it has
 * passed, and the worker acts on it now. A single comparison with jiffies
 * decides which, so no deadline is lost between two reads of the clock. A
 * deadline that has passed never requeues the worker, which would then run
 * without a pause.
 */

/**
 * ipcp_deadline_never() - Start without a deadline
 *
 * Return: jiffies at half of MAX_JIFFY_OFFSET ahead. A worker without deadlines
 * runs again then, which ipcp_epoch_stay_old() relies on.
 */
static inline unsigned long ipcp_deadline_never(void)
{
	return jiffies + MAX_JIFFY_OFFSET / 2;
}

/**
 * ipcp_deadline_add() - Run again at a deadline if it lies ahead
 * @next: (in/out) jiffies of the next run; only moved to an earlier time
 * @at: jiffies of the deadline
 *
 * Return: true if the deadline lies ahead; false if it has passed. In that case
 * the caller acts on it and thereby removes it.
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
 * ipcp_deadline_in() - Run again after a delay
 * @next: (in/out) jiffies of the next run; only moved to an earlier time
 * @delay: delay in jiffies; 0 is rounded up to 1
 *
 * Return: jiffies at the end of the delay.
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
 * ipcp_deadline_delay() - Return the delay for queue_delayed_work()
 * @next: jiffies of the next run
 *
 * Return: delay in jiffies; 0 if the time has passed while the worker ran, in
 * which case it acts on the deadline in the next run.
 */
static inline unsigned long ipcp_deadline_delay(unsigned long next)
{
	unsigned long now = jiffies;

	return time_after(next, now) ? next - now : 0;
}

#endif /* _IPCP_DEADLINE_H */
