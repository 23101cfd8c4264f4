// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Sets of flows, implemented with epoll. A readable flow is reported as long as
 * it is readable; each silence of the peer, and the end of a flow, are reported
 * once.
 */
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "flows.h"

#define EVENTS	256	/* maximum number of epoll events in one call */

struct flow_set {
	int epfd;
	int silences;		/* second epoll instance, watched by epfd */
	unsigned int forks;	/* value of forks when epfd was made */
};

struct event {
	int fd;
	uint32_t entry;		/* as in struct flow */
	enum fqtype type;
};

struct fqueue {
	size_t count;
	size_t next;
	/* for each epoll event of the two instances, and for each rest */
	struct event events[3 * EVENTS];
};

/* Protects set membership of flows, and what was reported about them. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static uint32_t entries;	/* number of additions of flows to sets */

/* Number of fork() calls between the first process and this one. */
static unsigned int forks;

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

static void after_fork_in_child(void)
{
	forks++;
	after_fork();
}

/* When the library is loaded; flows.c says why. */
static __attribute__((constructor)) void expect_forks(void)
{
	pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* close() is a cancellation point, and the caller may hold the lock. */
static void close_set(const fset_t *set)
{
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	if (set->epfd >= 0)
		close(set->epfd);
	if (set->silences >= 0)
		close(set->silences);
	pthread_setcancelstate(cancel, NULL);
}

/*
 * Make the epoll instances of a set. Silent peers are watched edge-triggered,
 * in an instance of their own: no event reports that the peer was heard again.
 */
static int open_set(fset_t *set)
{
	struct epoll_event ev = { .events = EPOLLIN };	/* of no flow */
	int err;

	set->forks = forks;
	set->epfd = epoll_create1(EPOLL_CLOEXEC);
	set->silences = epoll_create1(EPOLL_CLOEXEC);
	if (set->epfd >= 0 && set->silences >= 0 &&
	    !epoll_ctl(set->epfd, EPOLL_CTL_ADD, set->silences, &ev))
		return 0;
	err = -errno;
	close_set(set);
	return err;
}

fset_t *fset_create(void)
{
	fset_t *set = malloc(sizeof(*set));

	if (!set)
		return NULL;
	if (open_set(set)) {
		free(set);
		return NULL;
	}
	return set;
}

void fset_destroy(fset_t *set)
{
	if (!set)
		return;
	fset_zero(set);
	close_set(set);
	free(set);
}

/*
 * Watch a flow, or stop watching it. The event also carries the entry number,
 * since the descriptor may belong to another flow when the event is handled.
 */
static int watch(const fset_t *set, int op, int fd)
{
	uint64_t data = (uint64_t)flows_at(fd)->entry << 32 | fd;
	struct epoll_event ev = {
		.events = EPOLLIN,
		.data.u64 = data,
	};
	struct epoll_event silence = {
		.events = EPOLLRDHUP | EPOLLET,
		.data.u64 = data,
	};
	int err;

	if (epoll_ctl(set->epfd, op, fd, &ev))
		return -errno;
	if (!epoll_ctl(set->silences, op, fd, &silence))
		return 0;
	err = -errno;
	epoll_ctl(set->epfd, EPOLL_CTL_DEL, fd, NULL);
	return err;
}

static int watch_flows(const fset_t *set, const fset_t *own)
{
	const struct flow *flow;
	int fd, err = 0;

	for (fd = FLOWS_FIRST; !err && fd < flows_end(); fd++) {
		flow = flows_at(fd);
		if (flow->set == set && !flow->over)
			err = watch(own, EPOLL_CTL_ADD, fd);
	}
	return err;
}

/*
 * Give a child its own epoll instances when the child first needs the set,
 * since changes to shared instances affect the parent, too. Locking: requires
 * lock.
 */
static int make_own(fset_t *set)
{
	struct flow_set own;
	int err;

	if (set->forks == forks)
		return 0;
	err = open_set(&own);
	if (err)
		return err;
	err = watch_flows(set, &own);
	close_set(err ? &own : set);
	if (!err)
		*set = own;
	return err;
}

/* Locking: requires lock. */
static void leave(struct flow *flow, int fd)
{
	if (!flow->over && flow->set->forks == forks)
		watch(flow->set, EPOLL_CTL_DEL, fd);
	flow->set = NULL;
}

/* Remove a flow from its set before the flow is deallocated. */
void sets_forget(int fd, struct flow *flow)
{
	pthread_mutex_lock(&lock);
	if (flow->set)
		leave(flow, fd);
	flow->entry = 0;
	pthread_mutex_unlock(&lock);
}

void fset_zero(fset_t *set)
{
	int fd;

	if (!set)
		return;
	pthread_mutex_lock(&lock);
	for (fd = 0; fd < flows_end(); fd++)
		if (flows_at(fd)->set == set)
			leave(flows_at(fd), fd);
	pthread_mutex_unlock(&lock);
}

static int enter(fset_t *set, struct flow *flow, int fd)
{
	int err;

	if (flow->set)
		return -EPERM;
	err = make_own(set);
	if (err)
		return err;
	flow->over = false;
	flow->entry = ++entries;
	err = watch(set, EPOLL_CTL_ADD, fd);
	if (err)
		return err;
	flow->set = set;
	return 0;
}

int fset_add(fset_t *set, int fd)
{
	struct flow *flow;
	int err;

	if (!set)
		return -EINVAL;
	flow = flows_get(fd, &err);
	if (!flow)
		return -EINVAL;
	pthread_mutex_lock(&lock);
	err = enter(set, flow, fd);
	pthread_mutex_unlock(&lock);
	flows_put(flow);
	return err;
}

bool fset_has(const fset_t *set, int fd)
{
	struct flow *flow = flows_at(fd);
	bool has;

	if (!set || !flow)
		return false;
	pthread_mutex_lock(&lock);
	has = flow->set == set;
	pthread_mutex_unlock(&lock);
	return has;
}

void fset_del(fset_t *set, int fd)
{
	struct flow *flow = flows_at(fd);

	if (!set || !flow)
		return;
	pthread_mutex_lock(&lock);
	if (flow->set == set)
		leave(flow, fd);
	pthread_mutex_unlock(&lock);
}

fqueue_t *fqueue_create(void)
{
	return calloc(1, sizeof(fqueue_t));
}

void fqueue_destroy(fqueue_t *fq)
{
	free(fq);
}

/*
 * True if an event is left. Skip events of flows that were deallocated since:
 * the descriptor may belong to another flow.
 */
static bool has_event(fqueue_t *fq)
{
	const struct event *event = fq->events + fq->next;

	pthread_mutex_lock(&lock);
	while (fq->next < fq->count &&
	       flows_at(event->fd)->entry != event->entry) {
		fq->next++;
		event++;
	}
	pthread_mutex_unlock(&lock);
	return fq->next < fq->count;
}

int fqueue_next(fqueue_t *fq)
{
	if (!fq)
		return -EINVAL;
	return has_event(fq) ? fq->events[fq->next++].fd : -EPERM;
}

enum fqtype fqueue_type(fqueue_t *fq)
{
	if (!fq)
		return -EINVAL;
	return fq->next ? fq->events[fq->next - 1].type : (enum fqtype)-EPERM;
}

/* Locking: requires lock. */
static void tell(fqueue_t *fq, int fd, enum fqtype type)
{
	fq->events[fq->count++] = (struct event) {
		.fd = fd,
		.entry = flows_at(fd)->entry,
		.type = type,
	};
}

/* Report flows with the rest of a message, which the kernel does not know. */
static void tell_rests(const fset_t *set, fqueue_t *fq)
{
	int fd;

	if (!rests_any())
		return;
	pthread_mutex_lock(&lock);
	for (fd = FLOWS_FIRST; fd < flows_end() && fq->count < EVENTS; fd++)
		if (flows_at(fd)->set == set && rests_waiting(flows_at(fd)))
			tell(fq, fd, FLOW_PKT);
	pthread_mutex_unlock(&lock);
}

/*
 * Report the end of a flow, unless a message or the rest of one is left to
 * read; tell_rests() reports a rest. Then stop watching the flow, since the
 * kernel reports the end permanently.
 */
static void tell_end(fset_t *set, fqueue_t *fq, int fd, uint32_t events)
{
	struct flow *flow = flows_at(fd);
	struct ipcp_info info;

	if (rests_waiting(flow))
		return;
	if (!ipcp_dev_info(fd, &info) && info.queued &&
	    info.rb_flags & IPCP_RB_RD) {
		tell(fq, fd, FLOW_PKT);
		return;
	}
	watch(set, EPOLL_CTL_DEL, fd);
	flow->over = true;
	tell(fq, fd, events & EPOLLERR ? FLOW_DOWN : FLOW_DEALLOC);
}

/*
 * Return the flow of an event, or -1 if the flow was removed meanwhile, or
 * another thread reported its end. Locking: requires lock.
 */
static int flow_of(const fset_t *set, uint64_t data)
{
	int fd = data & UINT32_MAX;
	const struct flow *flow = flows_at(fd);

	return flow->set == set && flow->entry == data >> 32 && !flow->over ?
	       fd : -1;
}

/* Locking: requires lock. */
static void tell_one(fset_t *set, fqueue_t *fq, uint64_t data, uint32_t events)
{
	int fd = flow_of(set, data);

	if (fd < 0)
		return;
	if (events & EPOLLHUP)
		tell_end(set, fq, fd, events);
	else if (events & EPOLLIN)
		tell(fq, fd, FLOW_PKT);
}

/* Report peers that have become silent. Locking: requires lock. */
static void tell_silences(fset_t *set, fqueue_t *fq)
{
	struct epoll_event events[EVENTS];
	int i, n, fd, cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	n = epoll_wait(set->silences, events, EVENTS, 0);
	pthread_setcancelstate(cancel, NULL);
	for (i = 0; i < n; i++) {
		fd = flow_of(set, events[i].data.u64);
		if (fd >= 0 && !(events[i].events & EPOLLHUP))
			tell(fq, fd, FLOW_PEER);
	}
}

/* Report events from the kernel. Wait only if no event is queued already. */
static int tell_events(fset_t *set, fqueue_t *fq, const struct timespec *left)
{
	static const struct timespec none;
	struct epoll_event events[EVENTS];
	bool silent = false;
	int i, n;

	n = epoll_pwait2(set->epfd, events, EVENTS, fq->count ? &none : left,
			 NULL);
	if (n < 0)
		return -errno;
	pthread_mutex_lock(&lock);
	for (i = 0; i < n; i++) {
		if (events[i].data.u64)
			tell_one(set, fq, events[i].data.u64, events[i].events);
		else
			silent = true;
	}
	if (silent)
		tell_silences(set, fq);
	pthread_mutex_unlock(&lock);
	return 0;
}

ssize_t fevent(fset_t *set, fqueue_t *fq, const struct timespec *timeo)
{
	const struct timespec *wait;
	struct timespec left;
	struct limit limit;
	int err;

	if (!set || !fq)
		return -EINVAL;
	if (has_event(fq))
		return 1;
	pthread_mutex_lock(&lock);
	err = make_own(set);
	pthread_mutex_unlock(&lock);
	if (err)
		return err;
	limit_start(&limit, timeo);
	do {
		fq->count = 0;
		fq->next = 0;
		tell_rests(set, fq);
		wait = limit_left(&limit, &left);
		err = tell_events(set, fq, wait);
		if (fq->count)
			return 1;
		if (err)
			return err;
	} while (!wait || wait->tv_sec || wait->tv_nsec);
	return -ETIMEDOUT;
}
