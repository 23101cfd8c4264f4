// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Sets of flows, by epoll. A flow that can be read is told of as long as it can
 * be; that its peer is silent, or that it is over, once.
 */
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "flows.h"

#define EVENTS	256	/* at a time */

struct flow_set {
	int epfd;
};

struct event {
	int fd;
	enum fqtype type;
};

struct fqueue {
	size_t count;
	size_t next;
	/* two an epoll event, and what is read in part */
	struct event events[3 * EVENTS];
};

/* Which flow is in which set, and what was told of it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

fset_t *fset_create(void)
{
	fset_t *set = malloc(sizeof(*set));

	if (!set)
		return NULL;
	set->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (set->epfd < 0) {
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
	close(set->epfd);
	free(set);
}

static int watch(const fset_t *set, int op, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	return epoll_ctl(set->epfd, op, fd, &ev) ? -errno : 0;
}

/* Under the lock. */
static void leave(struct flow *flow, int fd)
{
	if (!flow->over)
		watch(flow->set, EPOLL_CTL_DEL, fd, 0);
	flow->set = NULL;
}

/* The flow goes. */
void sets_forget(int fd, struct flow *flow)
{
	pthread_mutex_lock(&lock);
	if (flow->set)
		leave(flow, fd);
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
	err = watch(set, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLRDHUP);
	if (err)
		return err;
	flow->set = set;
	flow->quiet = false;
	flow->over = false;
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

int fqueue_next(fqueue_t *fq)
{
	if (!fq)
		return -EINVAL;
	return fq->next < fq->count ? fq->events[fq->next++].fd : -EPERM;
}

enum fqtype fqueue_type(fqueue_t *fq)
{
	if (!fq)
		return -EINVAL;
	return fq->next ? fq->events[fq->next - 1].type : (enum fqtype)-EPERM;
}

static void tell(fqueue_t *fq, int fd, enum fqtype type)
{
	fq->events[fq->count++] = (struct event) { fd, type };
}

/* Messages that were read in part; the kernel does not know of them. */
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

/* The kernel shows the end for ever, so it is asked no more. */
static void tell_end(fset_t *set, fqueue_t *fq, int fd, uint32_t events)
{
	struct flow *flow = flows_at(fd);
	struct ipcp_info info;

	if (!ipcp_dev_info(fd, &info) && info.queued &&
	    info.rb_flags & IPCP_RB_RD) {
		tell(fq, fd, FLOW_PKT);
		return;
	}
	watch(set, EPOLL_CTL_DEL, fd, 0);
	flow->over = true;
	tell(fq, fd, events & EPOLLERR ? FLOW_DOWN : FLOW_DEALLOC);
}

/* Under the lock. */
static void tell_one(fset_t *set, fqueue_t *fq, int fd, uint32_t events)
{
	struct flow *flow = flows_at(fd);

	/* it was taken out since, or the end was told to another thread */
	if (flow->set != set || flow->over)
		return;
	if (events & EPOLLHUP) {
		tell_end(set, fq, fd, events);
		return;
	}
	if (events & EPOLLIN)
		tell(fq, fd, FLOW_PKT);
	if (events & EPOLLRDHUP && !flow->quiet) {
		flow->quiet = true;
		watch(set, EPOLL_CTL_MOD, fd, EPOLLIN);
		tell(fq, fd, FLOW_PEER);
	} else if (events & EPOLLIN && flow->quiet) {
		/* it was heard again, so it may fall silent again */
		flow->quiet = false;
		watch(set, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLRDHUP);
	}
}

/* What the kernel knows, after a while if there is nothing else to tell. */
static int tell_events(fset_t *set, fqueue_t *fq, const struct timespec *left)
{
	static const struct timespec none;
	struct epoll_event events[EVENTS];
	int i, n;

	n = epoll_pwait2(set->epfd, events, EVENTS, fq->count ? &none : left,
			 NULL);
	if (n < 0)
		return -errno;
	pthread_mutex_lock(&lock);
	for (i = 0; i < n; i++)
		tell_one(set, fq, events[i].data.fd, events[i].events);
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
	if (fq->next < fq->count)
		return 1;
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
