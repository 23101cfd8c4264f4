// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Deallocation of a flow.
 */
#include <time.h>
#include <unistd.h>

#include <ouroboros/dev.h>

#include "flows.h"

#define RUNNING_NS	10000000	/* time in which a call ends unless it sleeps */

/*
 * Wait until no thread is in a call on the flow, and take the flow down to wake
 * those that sleep. A call that merely runs ends soon, and is no reason to take
 * the flow down, which ends the flow for other processes, too. On return
 * flow->use is held for writing.
 */
static void end_calls(int fd, struct flow *flow)
{
	const struct ipcp_set down = { .mask = IPCP_SET_DOWN, .down = 1 };
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += RUNNING_NS;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	if (!pthread_rwlock_clockwrlock(&flow->use, CLOCK_MONOTONIC, &at))
		return;
	ipcp_dev_set(fd, &down);
	pthread_rwlock_wrlock(&flow->use);
}

int flow_dealloc(int fd)
{
	struct flow *flow = flows_at(fd);
	int there = FLOW_THERE;
	int cancel;

	if (!flow)
		return -EINVAL;
	if (!__atomic_compare_exchange_n(&flow->state, &there, FLOW_ENDING, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return -ENOTALLOC;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	end_calls(fd, flow);
	sets_forget(fd, flow);
	/* under this lock fork() copies both descriptor and flow, or neither */
	pthread_mutex_lock(&flow->lock);
	rests_drop(flow);
	__atomic_store_n(&flow->state, FLOW_NONE, __ATOMIC_RELEASE);
	close(fd);
	pthread_mutex_unlock(&flow->lock);
	pthread_rwlock_unlock(&flow->use);
	pthread_setcancelstate(cancel, NULL);
	return 0;
}
