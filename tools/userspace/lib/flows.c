// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The table of flows, and the translation of device errors. */
#include <fcntl.h>
#include <unistd.h>

#include <ouroboros/dev.h>

#include "flows.h"

static struct flow flows[FLOWS_END] = {
	[0 ... FLOWS_END - 1] = {
		.use = PTHREAD_RWLOCK_INITIALIZER,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	},
};

/*
 * No descriptor from here on has been a flow. Atomic; changes while opening is
 * held.
 */
static int end = FLOWS_FIRST;

/* Held while descriptors are opened that are not in the table yet. */
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

/*
 * Take all locks, so that fork() copies complete state, and each descriptor with
 * its entry.
 */
static void before_fork(void)
{
	int fd;

	pthread_mutex_lock(&opening);
	for (fd = FLOWS_FIRST; fd < flows_end(); fd++)
		pthread_mutex_lock(&flows[fd].lock);
}

static void after_fork(void)
{
	int fd;

	for (fd = flows_end() - 1; fd >= FLOWS_FIRST; fd--)
		pthread_mutex_unlock(&flows[fd].lock);
	pthread_mutex_unlock(&opening);
}

/*
 * Reset what the other threads held: threads inside a call on a flow, or about
 * to allocate or deallocate one, exist in the parent only.
 */
static void after_fork_in_child(void)
{
	int fd, cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	for (fd = FLOWS_FIRST; fd < flows_end(); fd++) {
		pthread_rwlock_init(&flows[fd].use, NULL);
		if (flows[fd].state == FLOW_ENDING)
			flows[fd].state = FLOW_THERE;
		else if (flows[fd].state == FLOW_COMING)
			flows_unreserve(fd);
	}
	after_fork();
	pthread_setcancelstate(cancel, NULL);
}

/*
 * Before any handler of the program: its handlers may call the library. A handler
 * that is added while another thread forks would not be part of that fork.
 */
static __attribute__((constructor)) void expect_forks(void)
{
	pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* Return the entry of a descriptor, or NULL if it is out of range. */
struct flow *flows_at(int fd)
{
	return fd >= 0 && fd < FLOWS_END ? &flows[fd] : NULL;
}

/* Return the end of the range of descriptors that have been flows. */
int flows_end(void)
{
	return __atomic_load_n(&end, __ATOMIC_RELAXED);
}

/*
 * Make fork() wait until flows_unlock(). In between, the caller opens descriptors,
 * and closes those that it does not reserve.
 */
void flows_lock(void)
{
	pthread_mutex_lock(&opening);
}

void flows_unlock(void)
{
	pthread_mutex_unlock(&opening);
}

/*
 * Duplicate fd to a descriptor in the range of flows, for a flow to come. Return
 * -EBADF if there is none. Locking: requires flows_lock().
 */
int flows_reserve(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, FLOWS_FIRST);

	if (high < 0)
		return -EBADF;
	if (high >= FLOWS_END) {
		close(high);
		return -EBADF;
	}
	__atomic_store_n(&flows[high].state, FLOW_COMING, __ATOMIC_RELAXED);
	if (high >= flows_end())
		__atomic_store_n(&end, high + 1, __ATOMIC_RELAXED);
	return high;
}

/*
 * Close a reserved descriptor, whose flow does not come. Locking: requires
 * flows_lock().
 */
void flows_unreserve(int fd)
{
	__atomic_store_n(&flows[fd].state, FLOW_NONE, __ATOMIC_RELAXED);
	close(fd);
}

static void fill(struct flow *flow, const qosspec_t *qos)
{
	rests_drop(flow);
	flow->qos = *qos;
	flow->rcv_limited = false;
	flow->snd_limited = false;
	flow->set = NULL;
	flow->over = false;
	__atomic_store_n(&flow->flags, FLOWFDEFAULT, __ATOMIC_RELAXED);
	__atomic_store_n(&flow->state, FLOW_THERE, __ATOMIC_RELEASE);
}

/* Mark a reserved descriptor as a flow. */
void flows_add(int fd, const qosspec_t *qos)
{
	struct flow *flow = &flows[fd];

	/* wait for flow_dealloc() if it still uses this number */
	pthread_rwlock_wrlock(&flow->use);
	fill(flow, qos);
	pthread_rwlock_unlock(&flow->use);
}

/*
 * Get a flow, which stays valid until flows_put(). Return NULL on failure, with
 * the reason in *err.
 */
struct flow *flows_get(int fd, int *err)
{
	struct flow *flow = flows_at(fd);

	*err = flow ? -ENOTALLOC : -EBADF;
	if (!flow || __atomic_load_n(&flow->state, __ATOMIC_ACQUIRE) != FLOW_THERE)
		return NULL;
	pthread_rwlock_rdlock(&flow->use);
	if (__atomic_load_n(&flow->state, __ATOMIC_ACQUIRE) == FLOW_THERE)
		return flow;
	pthread_rwlock_unlock(&flow->use);
	return NULL;
}

void flows_put(void *flow)
{
	pthread_rwlock_unlock(&((struct flow *)flow)->use);
}

/* Not supported: there are no broadcast layers. */
int flow_join(const char *bc, const struct timespec *timeo)
{
	(void)bc;
	(void)timeo;
	return -ENOTSUP;
}

static int to_get_flow(enum ipcp_dev_op op, int err)
{
	switch (err) {
	case ENOENT:
	case ENXIO:
	case ENODEV:		/* no module */
	case ENOTCONN:		/* no agent */
		return -EIRMD;
	case EACCES:
		return -EPERM;
	case EHOSTUNREACH:
		return op == IPCP_DEV_ALLOC ? -ENAME : -EHOSTUNREACH;
	case EKEYREJECTED:
		return -EAUTH;
	case EPROTO:
		return -ECRYPT;
	case EMFILE:
		return -EBADF;
	default:
		return -err;
	}
}

/**
 * flow_errno() - translate a device error for this interface
 * @op: the operation that failed
 * @err: negative errno
 *
 * Return: the value that the library call returns.
 */
int flow_errno(enum ipcp_dev_op op, int err)
{
	if (op < IPCP_DEV_READ)
		return to_get_flow(op, -err);
	switch (-err) {
	case ESHUTDOWN:
		return -EFLOWDOWN;
	case EPIPE:
		return -EFLOWPEER;
	case ENOTCONN:
		return -ENOTALLOC;
	default:
		return err;
	}
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Start a time limit; NULL means none. */
void limit_start(struct limit *limit, const struct timespec *timeo)
{
	int64_t ns = flow_limit(timeo);

	limit->none = ns == IPCP_TIMEOUT_NONE;
	if (__builtin_add_overflow(now(), ns, &limit->at))
		limit->at = INT64_MAX;
}

/* Return the time left, or NULL if there is no limit. */
const struct timespec *limit_left(const struct limit *limit,
				  struct timespec *left)
{
	int64_t ns;

	if (limit->none)
		return NULL;
	ns = limit->at - now();
	if (ns < 0)
		ns = 0;
	left->tv_sec = ns / 1000000000;
	left->tv_nsec = ns % 1000000000;
	return left;
}

/**
 * flow_limit() - convert a time limit for the device
 * @timeo: the limit, or NULL for none
 *
 * Return: nanoseconds, at least 1, since 0 is IPCP_TIMEOUT_DEFAULT; or
 * IPCP_TIMEOUT_NONE.
 */
int64_t flow_limit(const struct timespec *timeo)
{
	if (!timeo || timeo->tv_sec >= INT64_MAX / 1000000000)
		return IPCP_TIMEOUT_NONE;
	if (timeo->tv_sec < 0 || (!timeo->tv_sec && timeo->tv_nsec <= 0))
		return 1;
	return (int64_t)timeo->tv_sec * 1000000000 + timeo->tv_nsec;
}
