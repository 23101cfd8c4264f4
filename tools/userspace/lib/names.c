// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Allocate flows to a name, and accept flows for the names that the program is
 * bound to. All waiting is in ppoll(), where a thread can be cancelled.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ouroboros/dev.h>

#include "bind.h"
#include "flows.h"

static void give_up(void *fd)
{
	flows_lock();
	flows_unreserve(*(int *)fd);
	flows_unlock();
}

/* Cancel state of this thread when it entered the call. */
static __thread int cancel;

/* Wait in ppoll(), the only cancellation point of these calls. */
static int wait_for(struct pollfd *fds, nfds_t count, const struct limit *limit)
{
	struct timespec left;
	int ret;

	pthread_setcancelstate(cancel, NULL);
	ret = ppoll(fds, count, limit_left(limit, &left), NULL);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	return ret < 0 ? -errno : ret;
}

/*
 * Without a timeout a peer is never lost, which is 0 here. For the kernel 0 is
 * its default, and the maximum is as good as none.
 */
static struct ipcp_qos to_kernel(const qosspec_t *qs)
{
	return (struct ipcp_qos) {
		.bandwidth = qs->bandwidth,
		.delay = qs->delay,
		.loss = qs->loss,
		.ber = qs->ber,
		.max_gap = qs->max_gap,
		.timeout = qs->timeout ? qs->timeout : UINT32_MAX,
		.availability = qs->availability,
		.in_order = qs->in_order,
	};
}

static qosspec_t from_kernel(const struct ipcp_qos *qos)
{
	uint32_t timeout = qos->timeout ? qos->timeout : DEFAULT_PEER_TIMEOUT;

	return (qosspec_t) {
		.delay = qos->delay,
		.bandwidth = qos->bandwidth,
		.availability = qos->availability,
		.loss = qos->loss,
		.ber = qos->ber,
		.in_order = qos->in_order,
		.max_gap = qos->max_gap,
		.timeout = timeout == UINT32_MAX ? 0 : timeout,
	};
}

/* Open an endpoint at a descriptor in the range of flows. */
static int open_high(void)
{
	int low, high;

	flows_lock();
	low = ipcp_dev_open(O_NONBLOCK);
	if (low < 0) {
		high = flow_errno(IPCP_DEV_OPEN, low);
	} else {
		high = flows_reserve(low);
		close(low);
	}
	flows_unlock();
	return high;
}

/* Return the result of a completed allocation. */
static int outcome(int fd)
{
	struct ipcp_info info;
	int err = ipcp_dev_info(fd, &info);

	if (err)
		return err;
	if (info.state == IPCP_STATE_ALLOCATED)
		return 0;
	return info.error ? -(int)info.error : -ECONNABORTED;
}

/*
 * Request a flow and wait without a time limit, since the kernel enforces the
 * time limit of an allocation.
 */
static int allocate(int fd, const char *dst, const qosspec_t *qs, int64_t ns)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	const struct limit none = { .none = true };
	struct ipcp_qos qos = to_kernel(qs);
	int err = ipcp_dev_alloc(fd, dst, &qos, ns);

	if (err && err != -EINPROGRESS)
		return err;
	err = wait_for(&pfd, 1, &none);
	if (err < 0)
		return err;
	err = outcome(fd);
	return err ? err : ipcp_dev_nonblock(fd, false);
}

static int alloc_uncancelled(const char *dst, const qosspec_t *qos, int64_t ns)
{
	int fd = open_high();
	int err;

	if (fd < 0)
		return fd;
	pthread_cleanup_push(give_up, &fd);
	err = allocate(fd, dst, qos, ns);
	pthread_cleanup_pop(err != 0);
	if (err)
		return flow_errno(IPCP_DEV_ALLOC, err);
	flows_add(fd, qos);
	return fd;
}

int flow_alloc(const char *dst, qosspec_t *qs, const struct timespec *timeo)
{
	qosspec_t qos = qs ? *qs : qos_raw;
	int fd;

	if (!dst)
		return -EINVAL;
	/* messages with bit errors fail authentication */
	qos.ber = 1;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	fd = alloc_uncancelled(dst, &qos, timeo ? flow_limit(timeo) :
						  IPCP_TIMEOUT_DEFAULT);
	if (fd >= 0 && qs)
		*qs = qos;
	pthread_setcancelstate(cancel, NULL);
	return fd;
}

/* A name that this program serves, or has requested from the agent. */
struct name {
	char *text;
	int fd;			/* endpoint; -1 if the name was refused */
	bool granted;		/* the agent has granted the name */
};

/*
 * The names that this program serves: its bindings at the time of its first
 * accept. The next call requests a refused name again; threads that already
 * wait continue without that name.
 */
static struct {
	pthread_mutex_t lock;
	struct name *names;
	nfds_t count;
	nfds_t first;		/* name that the next list begins with */
	int err;		/* error of the last name that was refused */
	char exe[PATH_MAX];
} served = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void before_fork(void)
{
	pthread_mutex_lock(&served.lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&served.lock);
}

/* When the library is loaded; flows.c says why. */
static __attribute__((constructor)) void expect_forks(void)
{
	pthread_atfork(before_fork, after_fork, after_fork);
}

/* Remember a name if this program is bound to it. */
static int note_ours(const char *program, const char *name, void *arg)
{
	struct name *more;
	char *text;

	(void)arg;
	if (!ipcp_bind_is(program, served.exe))
		return 0;
	more = realloc(served.names, (served.count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	served.names = more;
	text = strdup(name);
	if (!text)
		return -ENOMEM;
	more[served.count++] = (struct name) { .text = text, .fd = -1 };
	return 0;
}

static int find_exe(void)
{
	static const char gone[] = " (deleted)";
	ssize_t len = readlink("/proc/self/exe", served.exe,
			       sizeof(served.exe) - 1);
	size_t tail = sizeof(gone) - 1;

	if (len < 0)
		return -errno;
	served.exe[len] = '\0';
	/* the program file was replaced while the program runs */
	if ((size_t)len > tail && !strcmp(served.exe + len - tail, gone))
		served.exe[len - tail] = '\0';
	return 0;
}

static int find_names(void)
{
	int err;

	if (served.count)
		return 0;
	err = find_exe();
	if (!err)
		err = ipcp_bind_each(ipcp_bindings, note_ours, NULL);
	if (!err)
		return served.count ? 0 : -ENAME;
	while (served.count)
		free(served.names[--served.count].text);
	return err;
}

/* Request a name from the agent without waiting for the answer. */
static int ask(struct name *name)
{
	int fd = ipcp_dev_open(O_NONBLOCK);
	int err;

	if (fd < 0)
		return flow_errno(IPCP_DEV_OPEN, fd);
	err = ipcp_dev_listen(fd, name->text, 0);
	if (err && err != -EINPROGRESS) {
		close(fd);
		return flow_errno(IPCP_DEV_LISTEN, err);
	}
	name->fd = fd;
	name->granted = !err;
	return 0;
}

/* Request all names that this program does not serve yet. */
static int ask_for_names(void)
{
	nfds_t i;
	int err, failed;

	pthread_mutex_lock(&served.lock);
	err = find_names();
	for (i = 0; !err && i < served.count; i++) {
		if (served.names[i].fd >= 0)
			continue;
		/* try the others, too: they may be granted */
		failed = ask(&served.names[i]);
		if (failed)
			served.err = failed;
	}
	pthread_mutex_unlock(&served.lock);
	return err;
}

/* Record the agent's answer. Locking: requires served.lock. */
static void note_answer(struct name *name)
{
	struct ipcp_info info;
	int err = ipcp_dev_info(name->fd, &info);

	if (!err)
		err = -(int)info.error;
	if (!err) {
		name->granted = true;
		return;
	}
	served.err = flow_errno(IPCP_DEV_LISTEN, err);
	close(name->fd);
	name->fd = -1;
}

/*
 * Record the answers that have arrived. Poll each endpoint again, since another
 * thread may have closed the polled one and reused its number.
 */
static void note_answers(void)
{
	struct pollfd pfd = { .events = POLLOUT };
	nfds_t i;

	pthread_mutex_lock(&served.lock);
	for (i = 0; i < served.count; i++) {
		pfd.fd = served.names[i].fd;
		if (pfd.fd >= 0 && !served.names[i].granted &&
		    poll(&pfd, 1, 0) > 0)
			note_answer(&served.names[i]);
	}
	pthread_mutex_unlock(&served.lock);
}

/*
 * Return a list for poll() of the served names and of the names that the agent
 * has not answered yet. If the list is empty, return NULL and set *err. Each
 * list begins with another name, since the first ready one is accepted.
 */
static struct pollfd *listeners(nfds_t *count, int *err)
{
	const struct name *name;
	struct pollfd *fds;
	nfds_t i;

	*count = 0;
	pthread_mutex_lock(&served.lock);
	fds = malloc(served.count * sizeof(*fds));
	for (i = 0; fds && i < served.count; i++) {
		name = &served.names[(served.first + i) % served.count];
		if (name->fd >= 0)
			fds[(*count)++] = (struct pollfd) {
				.fd = name->fd,
				.events = name->granted ? POLLIN : POLLOUT,
			};
	}
	served.first++;
	*err = fds ? served.err : -ENOMEM;
	pthread_mutex_unlock(&served.lock);
	if (*count)
		return fds;
	free(fds);
	return NULL;
}

/*
 * Accept a flow of a name at a descriptor in the range of flows. Reserve the
 * descriptor first, so that no accepted flow is lost. Locking: requires
 * flows_lock(), and does not wait.
 */
static int accept_high(int listener, qosspec_t *qos)
{
	int high = flows_reserve(listener);
	struct ipcp_qos asked;
	int low;

	if (high < 0)
		return high;
	low = ipcp_dev_accept(listener, 0, IPCP_TIMEOUT_DEFAULT, &asked);
	if (low < 0) {
		flows_unreserve(high);
		return low;
	}
	dup3(low, high, O_CLOEXEC);
	close(low);
	*qos = from_kernel(&asked);
	return high;
}

static int accept_one(int listener, qosspec_t *qos)
{
	int fd;

	flows_lock();
	fd = accept_high(listener, qos);
	flows_unlock();
	return fd;
}

/*
 * Record the agent's answers, and accept a flow of the first ready name. Return
 * -EAGAIN if there is none, or if another thread took the flow.
 */
static int accept_any(const struct pollfd *fds, nfds_t count, qosspec_t *qos)
{
	bool answered = false;
	int fd = -EAGAIN;
	nfds_t i;

	for (i = 0; i < count; i++) {
		if (!fds[i].revents)
			continue;
		if (fds[i].events == POLLOUT)
			answered = true;
		else if (fd == -EAGAIN)
			fd = accept_one(fds[i].fd, qos);
	}
	if (answered)
		note_answers();
	return fd;
}

/*
 * Wait for the result of listeners(), and free it. Return -ETIMEDOUT after the
 * time limit, or -EAGAIN if there is no flow to accept.
 */
static int accept_from(struct pollfd *fds, nfds_t count, qosspec_t *qos,
		       const struct limit *limit)
{
	int ret;

	pthread_cleanup_push(free, fds);
	ret = wait_for(fds, count, limit);
	if (ret > 0)
		ret = accept_any(fds, count, qos);
	else if (!ret)
		ret = -ETIMEDOUT;
	pthread_cleanup_pop(1);
	return ret;
}

static int accept_uncancelled(qosspec_t *qos, const struct limit *limit)
{
	struct pollfd *fds;
	nfds_t count;
	int ret = ask_for_names();

	if (ret)
		return ret;
	do {
		fds = listeners(&count, &ret);
		if (!fds)
			return ret;
		ret = accept_from(fds, count, qos, limit);
	} while (ret == -EAGAIN);
	return flow_errno(IPCP_DEV_ACCEPT, ret);
}

int flow_accept(qosspec_t *qs, const struct timespec *timeo)
{
	struct limit limit;
	qosspec_t qos;
	int fd;

	limit_start(&limit, timeo);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	fd = accept_uncancelled(&qos, &limit);
	if (fd >= 0)
		flows_add(fd, &qos);
	if (fd >= 0 && qs)
		*qs = qos;
	pthread_setcancelstate(cancel, NULL);
	return fd;
}
