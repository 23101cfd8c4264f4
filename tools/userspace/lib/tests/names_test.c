// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Serving the names that are bound to a program. A socket replaces the endpoint
 * of a name, and its other end the agent and the peers. Other tests cover the
 * kernel side, with a device.
 */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <ouroboros/dev.h>

#include "bind.h"
#include "flows.h"

#define NAMES	2
#define LIMIT	60	/* seconds */
#define FORKS	400

static char bindings[] = "/tmp/ipcp-names.XXXXXX";

/* Results of the agent for a name, and the endpoint that asked last. */
static struct {
	int refusal;		/* errno of the call itself, or 0 */
	int error;		/* errno of the answer, or 0 */
	int asked;		/* number of requests */
	int accepted;		/* number of flows */
	int fd;
	int agent;		/* the other end of fd */
} names[NAMES];

static int last_open[2];

static uint32_t asked_timeout;	/* of the last flow_alloc() or of a peer */

static int slow;		/* flow_alloc() waits until the other end reads */
static int allocating;		/* calls that wait or have ended */

int __real_ipcp_bind_each(const char *path, ipcp_bind_fn fn, void *arg);
int __wrap_ipcp_bind_each(const char *path, ipcp_bind_fn fn, void *arg);
int __wrap_ipcp_dev_open(int flags);
int __wrap_ipcp_dev_listen(int fd, const char *name, unsigned int backlog);
int __wrap_ipcp_dev_alloc(int fd, const char *name, const struct ipcp_qos *qos,
			  int64_t timeout);
int __wrap_ipcp_dev_info(int fd, struct ipcp_info *info);
int __wrap_ipcp_dev_accept(int fd, unsigned int flags, int64_t timeout,
			   struct ipcp_qos *qos);

int __wrap_ipcp_bind_each(const char *path, ipcp_bind_fn fn, void *arg)
{
	(void)path;
	return __real_ipcp_bind_each(bindings, fn, arg);
}

int __wrap_ipcp_dev_open(int flags)
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
			  (flags & O_NONBLOCK ? SOCK_NONBLOCK : 0), 0,
			  last_open) ? -errno : last_open[0];
}

/* Fill the socket, which is writable again once the agent has read all. */
static void fill(int fd)
{
	static const char text[4096];

	while (send(fd, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
}

int __wrap_ipcp_dev_listen(int fd, const char *name, unsigned int backlog)
{
	int i = name[0] - '0', other = !i;

	assert_int_equal(fd, last_open[0]);
	assert_int_equal(backlog, 0);
	names[i].asked++;
	if (names[i].refusal) {
		close(last_open[1]);
		return -names[i].refusal;
	}
	/* the number of a closed descriptor is reused */
	if (names[other].fd == fd)
		names[other].fd = -1;
	names[i].fd = fd;
	names[i].agent = last_open[1];
	fill(fd);
	if (fcntl(fd, F_GETFL) & O_NONBLOCK)
		return -EINPROGRESS;
	/* a blocking file waits for the answer, as the kernel does */
	return send(fd, "", 1, 0) < 0 ? -errno : -names[i].error;
}

int __wrap_ipcp_dev_alloc(int fd, const char *name, const struct ipcp_qos *qos,
			  int64_t timeout)
{
	(void)name;
	(void)timeout;
	asked_timeout = qos->timeout;
	if (slow) {
		fill(fd);
		__atomic_add_fetch(&allocating, 1, __ATOMIC_RELEASE);
	}
	return -EINPROGRESS;
}

int __wrap_ipcp_dev_info(int fd, struct ipcp_info *info)
{
	int i;

	memset(info, 0, sizeof(*info));
	info->state = IPCP_STATE_ALLOCATED;
	for (i = 0; i < NAMES; i++)
		if (names[i].fd == fd)
			info->error = names[i].error;
	return 0;
}

int __wrap_ipcp_dev_accept(int fd, unsigned int flags, int64_t timeout,
			   struct ipcp_qos *qos)
{
	char c;
	int i;

	(void)flags;
	(void)timeout;
	memset(qos, 0, sizeof(*qos));
	qos->timeout = asked_timeout;
	if (recv(fd, &c, 1, MSG_DONTWAIT) != 1)
		return -errno;
	for (i = 0; i < NAMES; i++)
		names[i].accepted += names[i].fd == fd;
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static void drain(int fd)
{
	char buf[4096];

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

static void grant(int i)
{
	drain(names[i].agent);
}

static void refuse(int i, int error)
{
	names[i].error = error;
	close(names[i].agent);
}

/* A peer requests a flow to the name; it is accepted and ended. */
static void assert_served(int i)
{
	int fd;

	assert_int_equal(send(names[i].agent, "x", 1, 0), 1);
	fd = flow_accept(NULL, NULL);
	assert_true(fd >= FLOWS_FIRST);
	assert_int_equal(flow_dealloc(fd), 0);
}

/* Run a function in a child; true if the function returns true, and in time. */
static bool child(bool (*run)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		/* before the alarm of the parent, so that the case fails */
		alarm(LIMIT / 4);
		_exit(!run());
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

/* True if no descriptor in the range of flows is open. */
static bool has_no_flow(void)
{
	int fd;

	for (fd = FLOWS_FIRST; fd < FLOWS_END; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return false;
	return true;
}

static void *allocate(void *fd)
{
	*(int *)fd = flow_alloc("other", NULL, NULL);
	/* a call that fails at once does not wait, and is noticed by end_allocation() */
	__atomic_add_fetch(&allocating, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Start a thread that waits in flow_alloc() for the other end. */
static pthread_t start_allocation(int *fd)
{
	pthread_t thread;

	allocating = 0;
	slow = 1;
	assert_int_equal(pthread_create(&thread, NULL, allocate, fd), 0);
	while (!__atomic_load_n(&allocating, __ATOMIC_ACQUIRE))
		sched_yield();
	return thread;
}

static void end_allocation(pthread_t thread, const int *fd)
{
	drain(last_open[1]);
	assert_int_equal(pthread_join(thread, NULL), 0);
	slow = 0;
	assert_true(*fd >= FLOWS_FIRST);
	assert_int_equal(flow_dealloc(*fd), 0);
	close(last_open[1]);
}

/* What a handler of the program does before a fork, if anything. */
static struct {
	bool wanted;
	pthread_t thread;
	int fd;
} during;

static void allocate_before_fork(void)
{
	if (during.wanted)
		during.thread = start_allocation(&during.fd);
}

/* The first case, since the call is to be the first of the process. */
static void a_thread_may_make_the_first_call_while_a_fork_begins(void **state)
{
	bool none;

	(void)state;
	during.wanted = true;
	none = child(has_no_flow);
	during.wanted = false;
	end_allocation(during.thread, &during.fd);
	assert_true(none);
}

static void a_flow_that_a_thread_allocates_during_fork_is_the_parents(void **state)
{
	pthread_t thread;
	bool none;
	int fd;

	(void)state;
	thread = start_allocation(&fd);
	none = child(has_no_flow);
	end_allocation(thread, &fd);
	assert_true(none);
}

static const struct timespec soon = { 0, 20000000 };

static void assert_asked(int first, int second)
{
	assert_int_equal(names[0].asked, first);
	assert_int_equal(names[1].asked, second);
}

/* The cases depend on their order, since the names are those of the process. */
static void accept_times_out_while_the_agent_does_not_answer(void **state)
{
	(void)state;
	assert_int_equal(flow_accept(NULL, &soon), -ETIMEDOUT);
	assert_int_equal(flow_accept(NULL, &soon), -ETIMEDOUT);
	assert_asked(1, 1);
}

static void *accept_one(void *arg)
{
	flow_accept(NULL, NULL);
	return arg;
}

static void a_thread_that_waits_for_the_agent_can_be_cancelled(void **state)
{
	pthread_t thread;
	void *ret;

	(void)state;
	/* the address sanitizer reports the exit of the thread as an error */
	if (SANITIZED)
		return;
	assert_int_equal(pthread_create(&thread, NULL, accept_one, NULL), 0);
	assert_int_equal(pthread_cancel(thread), 0);
	assert_int_equal(pthread_join(thread, &ret), 0);
	assert_ptr_equal(ret, PTHREAD_CANCELED);
}

static void ignore(int number)
{
	(void)number;
}

/* The timer is periodic: a signal arrives even if the wait begins late. */
static void a_signal_ends_the_wait(void **state)
{
	const struct itimerval every = { { 0, 10000 }, { 0, 10000 } };
	const struct itimerval never = { 0 };
	const struct sigaction sa = { .sa_handler = ignore };

	(void)state;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	assert_int_equal(flow_accept(NULL, NULL), -EINTR);
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_DFL);
	alarm(LIMIT);
	assert_asked(1, 1);
}

static void accept_fails_if_all_names_are_refused(void **state)
{
	(void)state;
	refuse(0, ENOTCONN);
	refuse(1, EACCES);
	assert_int_equal(flow_accept(NULL, NULL), -EPERM);
	assert_asked(1, 1);
}

static void a_refused_name_is_requested_again(void **state)
{
	(void)state;
	names[0].refusal = EUSERS;
	names[1].error = 0;
	assert_int_equal(flow_accept(NULL, &soon), -ETIMEDOUT);
	assert_asked(2, 2);
	grant(1);
	assert_served(1);
	assert_asked(3, 2);
	names[0].refusal = 0;
	names[0].error = 0;
	assert_int_equal(flow_accept(NULL, &soon), -ETIMEDOUT);
	assert_asked(4, 2);
	grant(0);
	assert_served(0);
	assert_served(1);
	assert_asked(4, 2);
}

static void a_busy_name_does_not_keep_others_waiting(void **state)
{
	int i, fd;

	(void)state;
	for (i = 0; i < NAMES; i++) {
		assert_int_equal(send(names[i].agent, "xxxxxx", 6, 0), 6);
		names[i].accepted = 0;
	}
	for (i = 0; i < 12; i++) {
		fd = flow_accept(NULL, NULL);
		assert_true(fd >= FLOWS_FIRST);
		assert_int_equal(flow_dealloc(fd), 0);
		assert_int_equal(names[0].accepted + names[1].accepted, i + 1);
		assert_true(abs(names[0].accepted - names[1].accepted) <= 1);
	}
}

/* Accept a flow of a peer that asked for this timeout. */
static void assert_accepted(uint32_t kernel, uint32_t program)
{
	qosspec_t qos;
	int fd;

	asked_timeout = kernel;
	assert_int_equal(send(names[0].agent, "x", 1, 0), 1);
	fd = flow_accept(&qos, NULL);
	assert_true(fd >= FLOWS_FIRST);
	assert_int_equal(qos.timeout, program);
	assert_int_equal(flow_dealloc(fd), 0);
}

/* Allocate a flow with this timeout. */
static void assert_allocated(uint32_t program, uint32_t kernel)
{
	qosspec_t qos = qos_raw, got;
	int fd;

	qos.timeout = program;
	fd = flow_alloc("other", &qos, NULL);
	assert_true(fd >= FLOWS_FIRST);
	assert_int_equal(asked_timeout, kernel);
	assert_int_equal(fccntl(fd, FLOWGQOSSPEC, &got), 0);
	assert_int_equal(got.timeout, program);
	assert_int_equal(flow_dealloc(fd), 0);
	close(last_open[1]);
}

static void a_peer_timeout_of_0_is_none(void **state)
{
	(void)state;
	assert_allocated(0, UINT32_MAX);
	assert_allocated(7000, 7000);
	assert_accepted(UINT32_MAX, 0);
	assert_accepted(7000, 7000);
	/* the peer left it to the kernel */
	assert_accepted(0, DEFAULT_PEER_TIMEOUT);
}

/* True if each descriptor in the range of flows is a flow, and can be closed. */
static bool has_only_flows(void)
{
	int fd;

	for (fd = FLOWS_FIRST; fd < FLOWS_END; fd++)
		if (fcntl(fd, F_GETFD) >= 0 && flow_dealloc(fd))
			return false;
	return true;
}

/* The library keeps no other descriptor of an endpoint that it opened. */
static bool has_only_flows_at_their_numbers(void)
{
	return fcntl(last_open[0], F_GETFD) < 0 && has_only_flows();
}

static int stop;

static void *allocate_many(void *arg)
{
	int fd;

	while (arg && !__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		fd = flow_alloc("other", NULL, NULL);
		if (fd < FLOWS_FIRST || flow_dealloc(fd))
			arg = NULL;
		close(last_open[1]);
	}
	return arg;
}

static void *accept_many(void *arg)
{
	int fd;

	while (arg && !__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		if (send(names[0].agent, "x", 1, 0) != 1)
			return NULL;
		fd = flow_accept(NULL, NULL);
		if (fd < FLOWS_FIRST || flow_dealloc(fd))
			arg = NULL;
	}
	return arg;
}

/* Fork while a thread opens and closes flows. */
static void assert_forks_well(void *(*open)(void *), bool (*run)(void))
{
	pthread_t thread;
	bool well = true;
	void *ret;
	int i;

	stop = 0;
	assert_int_equal(pthread_create(&thread, NULL, open, &stop), 0);
	for (i = 0; i < FORKS && well; i++)
		well = child(run);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, &ret), 0);
	assert_non_null(ret);
	assert_true(well);
}

static void a_child_has_a_whole_flow_or_none(void **state)
{
	(void)state;
	assert_forks_well(allocate_many, has_only_flows_at_their_numbers);
	assert_forks_well(accept_many, has_only_flows);
}

static int setup(void **state)
{
	int fd, i;

	(void)state;
	/* cases look at all descriptors in the range of flows */
	close_range(3, FLOWS_END, 0);
	fd = mkstemp(bindings);
	for (i = 0; i < NAMES; i++) {
		names[i].fd = -1;
		dprintf(fd, "names_test %d\n", i);
	}
	dprintf(fd, "other 0\n");
	/* a call that hangs fails the test */
	alarm(LIMIT);
	return fd < 0 || close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(bindings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_may_make_the_first_call_while_a_fork_begins),
		cmocka_unit_test(accept_times_out_while_the_agent_does_not_answer),
		cmocka_unit_test(a_thread_that_waits_for_the_agent_can_be_cancelled),
		cmocka_unit_test(a_signal_ends_the_wait),
		cmocka_unit_test(accept_fails_if_all_names_are_refused),
		cmocka_unit_test(a_refused_name_is_requested_again),
		cmocka_unit_test(a_busy_name_does_not_keep_others_waiting),
		cmocka_unit_test(a_peer_timeout_of_0_is_none),
		cmocka_unit_test(a_flow_that_a_thread_allocates_during_fork_is_the_parents),
		cmocka_unit_test(a_child_has_a_whole_flow_or_none),
	};

	pthread_atfork(allocate_before_fork, NULL, NULL);
	return cmocka_run_group_tests(tests, setup, teardown);
}
