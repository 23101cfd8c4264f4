// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Flows and sets after fork(): parent and child do not affect each other's
 * copies, and no lock of the child is held by a thread of the parent.
 */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "pair.h"

#define LIMIT	60	/* seconds */
#define FORKS	100

static const struct timespec now = { 0, 0 };
static const struct timespec soon = { 0, 20000000 };

static int woken;	/* number of waits that ended with an event */

int __real_epoll_pwait2(int epfd, struct epoll_event *events, int max,
			const struct timespec *timeo, const sigset_t *mask);
int __wrap_epoll_pwait2(int epfd, struct epoll_event *events, int max,
			const struct timespec *timeo, const sigset_t *mask);

int __wrap_epoll_pwait2(int epfd, struct epoll_event *events, int max,
			const struct timespec *timeo, const sigset_t *mask)
{
	int n = __real_epoll_pwait2(epfd, events, max, timeo, mask);

	woken += n > 0;
	return n;
}

/* Two flows in a set, and one outside. */
struct flows {
	struct pair a;
	struct pair b;
	struct pair outside;
	fset_t *set;
};

static struct flows make_flows(void)
{
	struct flows flows = {
		.a = make_pair(),
		.b = make_pair(),
		.outside = make_pair(),
		.set = fset_create(),
	};

	assert_int_equal(fset_add(flows.set, flows.a.fd), 0);
	assert_int_equal(fset_add(flows.set, flows.b.fd), 0);
	return flows;
}

static void end_flows(struct flows *flows)
{
	fset_destroy(flows->set);
	end_pair(&flows->a);
	end_pair(&flows->b);
	end_pair(&flows->outside);
}

/* Run a function in a child; true if the function returns true, and in time. */
static bool child(bool (*run)(struct flows *), struct flows *flows)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		alarm(LIMIT);
		_exit(!run(flows));
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

/* True if the set has a message of this flow, and no other event. */
static bool has_message(fset_t *set, int fd)
{
	fqueue_t *fq = fqueue_create();
	bool has = fevent(set, fq, &now) == 1 && fqueue_next(fq) == fd &&
		   fqueue_type(fq) == FLOW_PKT && fqueue_next(fq) < 0;

	fqueue_destroy(fq);
	return has;
}

static bool has_nothing(fset_t *set)
{
	fqueue_t *fq = fqueue_create();
	bool nothing = fevent(set, fq, &soon) == -ETIMEDOUT;

	fqueue_destroy(fq);
	return nothing;
}

static bool end_them(struct flows *flows)
{
	return !flow_dealloc(flows->a.fd) && !flow_dealloc(flows->b.fd);
}

static bool remove_one(struct flows *flows)
{
	fset_del(flows->set, flows->a.fd);
	return !fset_has(flows->set, flows->a.fd) &&
	       fset_has(flows->set, flows->b.fd);
}

static bool empty_it(struct flows *flows)
{
	fset_zero(flows->set);
	return has_nothing(flows->set);
}

static bool destroy_it(struct flows *flows)
{
	fset_destroy(flows->set);
	return true;
}

static void a_child_does_not_change_the_set_of_its_parent(void **state)
{
	static bool (*const run[])(struct flows *) = {
		end_them, remove_one, empty_it, destroy_it,
	};
	struct flows flows;
	char c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(run) / sizeof(run[0]); i++) {
		flows = make_flows();
		assert_true(child(run[i], &flows));
		send_text(&flows.a, "x");
		assert_true(has_message(flows.set, flows.a.fd));
		assert_int_equal(flow_read(flows.a.fd, &c, 1), 1);
		assert_int_equal(flow_read(flows.a.fd, &c, 1), 0);
		send_text(&flows.b, "x");
		assert_true(has_message(flows.set, flows.b.fd));
		end_flows(&flows);
	}
}

static bool add_one(struct flows *flows)
{
	return !fset_add(flows->set, flows->outside.fd) &&
	       has_message(flows->set, flows->outside.fd);
}

/* The parent must not even wake up: its wait would become a busy loop. */
static void a_child_adds_nothing_to_the_set_of_its_parent(void **state)
{
	struct flows flows = make_flows();

	(void)state;
	send_text(&flows.outside, "x");
	assert_true(child(add_one, &flows));
	woken = 0;
	assert_true(has_nothing(flows.set));
	assert_int_equal(woken, 0);
	end_flows(&flows);
}

/* The end of b was reported before the fork, and is not reported again. */
static bool use_it(struct flows *flows)
{
	char buf[8];

	if (!has_message(flows->set, flows->a.fd) ||
	    flow_read(flows->a.fd, buf, sizeof(buf)) != 1 ||
	    !has_nothing(flows->set) || fset_add(flows->set, flows->outside.fd))
		return false;
	send_text(&flows->outside, "x");
	return has_message(flows->set, flows->outside.fd);
}

static bool use_it_and_fork(struct flows *flows)
{
	char buf[8];

	return use_it(flows) && child(remove_one, flows) &&
	       has_message(flows->set, flows->outside.fd) &&
	       flow_read(flows->outside.fd, buf, sizeof(buf)) == 1;
}

static void a_child_uses_its_copy_of_a_set(void **state)
{
	struct flows flows = make_flows();
	fqueue_t *fq = fqueue_create();

	(void)state;
	assert_int_equal(shutdown(flows.b.peer, SHUT_RDWR), 0);
	assert_int_equal(fevent(flows.set, fq, &now), 1);
	assert_int_equal(fqueue_next(fq), flows.b.fd);
	assert_int_equal(fqueue_type(fq), FLOW_DEALLOC);
	send_text(&flows.a, "x");
	assert_true(child(use_it_and_fork, &flows));
	assert_true(has_nothing(flows.set));
	fqueue_destroy(fq);
	end_flows(&flows);
}

static void *read_one(void *arg)
{
	char c;

	return flow_read(*(int *)arg, &c, 1) == 1 ? NULL : arg;
}

static void *end_one(void *arg)
{
	return flow_dealloc(*(int *)arg) ? arg : NULL;
}

/* Start a thread that reads a flow, and wait until it is in the call. */
static pthread_t start_reader(int *fd)
{
	pthread_rwlock_t *use = &flows_at(*fd)->use;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, read_one, fd), 0);
	while (!pthread_rwlock_trywrlock(use)) {
		pthread_rwlock_unlock(use);
		sched_yield();
	}
	return thread;
}

static void assert_ends_well(pthread_t thread)
{
	void *ret;

	assert_int_equal(pthread_join(thread, &ret), 0);
	assert_null(ret);
}

static bool end_a(struct flows *flows)
{
	return !flow_dealloc(flows->a.fd) &&
	       flow_dealloc(flows->a.fd) == -ENOTALLOC;
}

static void a_child_can_end_a_flow_that_a_parent_thread_reads(void **state)
{
	struct flows flows = make_flows();
	pthread_t reader = start_reader(&flows.a.fd);

	(void)state;
	assert_true(child(end_a, &flows));
	send_text(&flows.a, "x");
	assert_ends_well(reader);
	end_flows(&flows);
}

/* A thread of the parent waits for the reader; the child has neither thread. */
static void a_child_can_end_a_flow_that_the_parent_is_ending(void **state)
{
	struct flows flows = make_flows();
	pthread_t reader = start_reader(&flows.a.fd), ender;
	int *at = &flows_at(flows.a.fd)->state;

	(void)state;
	assert_int_equal(pthread_create(&ender, NULL, end_one, &flows.a.fd), 0);
	while (__atomic_load_n(at, __ATOMIC_ACQUIRE) != FLOW_ENDING)
		sched_yield();
	assert_true(child(end_a, &flows));
	send_text(&flows.a, "x");
	assert_ends_well(reader);
	assert_ends_well(ender);
	close(flows.a.peer);
	flows.a = make_pair();
	end_flows(&flows);
}

static int downs;	/* number of times that a flow was taken down */

int __wrap_ipcp_dev_set(int fd, const struct ipcp_set *set);

int __wrap_ipcp_dev_set(int fd, const struct ipcp_set *set)
{
	(void)fd;
	downs += set->mask == IPCP_SET_DOWN;
	return 0;
}

static int later;	/* seconds */

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	int err = __real_clock_gettime(id, ts);

	ts->tv_sec += later;
	return err;
}

static int running;

/* A call on a flow that runs until the flow is being deallocated. */
static void *run_call(void *arg)
{
	int err;
	struct flow *flow = flows_get(*(int *)arg, &err);

	__atomic_store_n(&running, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&flow->state, __ATOMIC_ACQUIRE) != FLOW_ENDING)
		sched_yield();
	flows_put(flow);
	return NULL;
}

/*
 * Taking a flow down would end it for a child, too. A call on a slow machine
 * may last longer than flow_dealloc() waits, so let it wait for an hour more.
 */
static void a_call_that_does_not_sleep_takes_no_flow_down(void **state)
{
	struct pair pair;
	pthread_t thread;
	int i;

	(void)state;
	downs = 0;
	later = 3600;
	for (i = 0; i < FORKS; i++) {
		pair = make_pair();
		running = 0;
		assert_int_equal(pthread_create(&thread, NULL, run_call, &pair.fd),
				 0);
		while (!__atomic_load_n(&running, __ATOMIC_ACQUIRE))
			sched_yield();
		end_pair(&pair);
		assert_ends_well(thread);
	}
	later = 0;
	assert_int_equal(downs, 0);
}

static int stop;

/* Take and release all locks in a loop. */
static void *use_locks(void *arg)
{
	struct flows *flows = arg;
	uint32_t flags;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		fset_del(flows->set, flows->a.fd);
		fset_add(flows->set, flows->a.fd);
		fccntl(flows->a.fd, FLOWGFLAGS, &flags);
	}
	return NULL;
}

static bool use_all(struct flows *flows)
{
	uint32_t flags;

	fset_del(flows->set, flows->a.fd);
	return !fset_add(flows->set, flows->a.fd) &&
	       !fccntl(flows->a.fd, FLOWGFLAGS, &flags) && end_them(flows);
}

static void no_lock_of_a_child_is_held_by_a_thread_of_the_parent(void **state)
{
	struct flows flows = make_flows();
	pthread_t thread;
	int i, failed = 0;

	(void)state;
	stop = 0;
	assert_int_equal(pthread_create(&thread, NULL, use_locks, &flows), 0);
	for (i = 0; i < FORKS && !failed; i++)
		failed = !child(use_all, &flows);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	assert_ends_well(thread);
	assert_false(failed);
	end_flows(&flows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_does_not_change_the_set_of_its_parent),
		cmocka_unit_test(a_child_adds_nothing_to_the_set_of_its_parent),
		cmocka_unit_test(a_child_uses_its_copy_of_a_set),
		cmocka_unit_test(a_child_can_end_a_flow_that_a_parent_thread_reads),
		cmocka_unit_test(a_child_can_end_a_flow_that_the_parent_is_ending),
		cmocka_unit_test(a_call_that_does_not_sleep_takes_no_flow_down),
		cmocka_unit_test(no_lock_of_a_child_is_held_by_a_thread_of_the_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
