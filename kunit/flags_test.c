// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* The flags word: changes, wakeups, and concurrent changes. */
#include <linux/completion.h>
#include <linux/kthread.h>

#include "flow_util.h"
#include "test_util.h"
#include "wait.h"

#define START	(IPCP_RB_RD | IPCP_RB_WR)

static void free_consumer(void *data)
{
	struct ipcp_rbuff *rb = data;

	ipcp_consumer_put(rb->flags.consumer);
}

static struct ipcp_rbuff *new_ring(struct kunit *test)
{
	struct ipcp_rbuff *rb = kunit_kzalloc(test, sizeof(*rb), GFP_KERNEL);
	struct ipcp_consumer *consumer = test_consumer();

	KUNIT_ASSERT_NOT_NULL(test, rb);
	KUNIT_ASSERT_NOT_NULL(test, consumer);
	ipcp_rbuff_init(rb, consumer);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, free_consumer, rb), 0);
	return rb;
}

static const struct flag_case {
	const char *desc;
	int flag;
} flags[] = {
	{ "RD", IPCP_RB_RD },
	{ "WR", IPCP_RB_WR },
	{ "FLOWDOWN", IPCP_RB_FLOWDOWN },
	{ "FLOWPEER", IPCP_RB_FLOWPEER },
	{ "REKEY", IPCP_RB_REKEY },
};

KUNIT_ARRAY_PARAM_DESC(flag, flags, desc);

static void each_flag_is_a_separate_bit(struct kunit *test)
{
	const struct flag_case *c = test->param_value;
	struct ipcp_rbuff *rb = new_ring(test);

	ipcp_rbflags_change(&rb->flags, 0, c->flag);
	KUNIT_EXPECT_EQ(test, ipcp_rbflags(&rb->flags), START & ~c->flag);
	KUNIT_EXPECT_EQ(test, ipcp_rbflags_change(&rb->flags, c->flag, 0), c->flag);
	KUNIT_EXPECT_EQ(test, ipcp_rbflags(&rb->flags), START | c->flag);
	KUNIT_EXPECT_EQ(test, ipcp_rbflags_change(&rb->flags, 0, c->flag), c->flag);
	KUNIT_EXPECT_EQ(test, ipcp_rbflags(&rb->flags), START & ~c->flag);
}

static void each_change_wakes_all_sleepers(struct kunit *test)
{
	const struct flag_case *c = test->param_value;
	struct ipcp_rbuff *rb = new_ring(test);
	struct test_waker *one = test_sleep(test, rb->flags.consumer);
	struct test_waker *other = test_sleep(test, rb->flags.consumer);
	const __poll_t all = EPOLLIN | EPOLLOUT | EPOLLPRI;
	const __poll_t end = EPOLLHUP | EPOLLERR;

	ipcp_rbflags_change(&rb->flags, c->flag, 0);
	ipcp_rbflags_change(&rb->flags, 0, c->flag);
	ipcp_rbflags_change(&rb->flags, c->flag, 0);
	/* RD and WR were set already */
	KUNIT_EXPECT_EQ(test, one->wakes, START & c->flag ? 2 : 3);
	KUNIT_EXPECT_EQ(test, other->wakes, one->wakes);
	KUNIT_EXPECT_EQ(test, one->events & all, all);
	/* epoll would repeat EPOLLRDHUP at each of these */
	KUNIT_EXPECT_EQ(test, one->events & end,
			c->flag == IPCP_RB_FLOWDOWN ? end : 0);
	/* the end of a silence is no edge of EPOLLRDHUP, nor are other flags */
	KUNIT_EXPECT_EQ(test, one->events & EPOLLRDHUP,
			c->flag == IPCP_RB_FLOWPEER ? EPOLLRDHUP : 0);
	one->events = 0;
	ipcp_rbflags_change(&rb->flags, 0, c->flag);
	KUNIT_EXPECT_EQ(test, one->events & EPOLLRDHUP, 0);
}

static void an_update_without_a_change_wakes_no_sleeper(struct kunit *test)
{
	const struct flag_case *c = test->param_value;
	struct ipcp_rbuff *rb = new_ring(test);
	struct test_waker *sleeper;

	ipcp_rbflags_change(&rb->flags, c->flag, 0);
	sleeper = test_sleep(test, rb->flags.consumer);
	KUNIT_EXPECT_EQ(test, ipcp_rbflags_change(&rb->flags, c->flag, 0), 0);
	KUNIT_EXPECT_EQ(test, ipcp_rbflags_change(&rb->flags, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, ipcp_rbflags_change(&rb->flags, c->flag, c->flag), 0);
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 0);
}

static void flags_are_set_and_cleared_in_one_step(struct kunit *test)
{
	struct ipcp_rbuff *rb = new_ring(test);
	struct test_waker *sleeper = test_sleep(test, rb->flags.consumer);

	KUNIT_EXPECT_EQ(test,
			ipcp_rbflags_change(&rb->flags,
					    IPCP_RB_FLOWDOWN | IPCP_RB_RD,
					    IPCP_RB_WR | IPCP_RB_REKEY),
			IPCP_RB_FLOWDOWN | IPCP_RB_WR);
	KUNIT_EXPECT_EQ(test, ipcp_rbflags(&rb->flags),
			IPCP_RB_FLOWDOWN | IPCP_RB_RD);
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 1);
}

struct changer {
	struct ipcp_rbuff *rb;
	int flag;
	unsigned int lost;
	struct completion done;
};

/* A task sees its own flag change, whatever other tasks do to their flags. */
static int change_often(void *data)
{
	struct changer *c = data;

	for (int i = 0; i < 20000; i++) {
		int set = i % 2 ? c->flag : 0;

		if (ipcp_rbflags_change(&c->rb->flags, set, c->flag ^ set) != c->flag ||
		    (ipcp_rbflags(&c->rb->flags) & c->flag) != set)
			c->lost++;
		if (i % 100 == 0)
			cond_resched();
	}
	kthread_complete_and_exit(&c->done, 0);
}

static void no_flag_change_is_lost_among_concurrent_ones(struct kunit *test)
{
	struct ipcp_rbuff *rb = new_ring(test);
	struct changer *c;

	c = kunit_kcalloc(test, ARRAY_SIZE(flags), sizeof(*c), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, c);
	ipcp_rbflags_change(&rb->flags, IPCP_RB_RD | IPCP_RB_WR | IPCP_RB_FLOWDOWN |
			  IPCP_RB_FLOWPEER | IPCP_RB_REKEY, 0);
	for (int i = 0; i < ARRAY_SIZE(flags); i++) {
		struct task_struct *task;

		c[i].rb = rb;
		c[i].flag = flags[i].flag;
		init_completion(&c[i].done);
		task = kthread_run(change_often, &c[i], "flags-%s", flags[i].desc);
		/* do not wait for a thread that was not started */
		if (IS_ERR(task))
			complete(&c[i].done);
		KUNIT_EXPECT_FALSE(test, IS_ERR(task));
	}
	for (int i = 0; i < ARRAY_SIZE(flags); i++) {
		wait_for_completion(&c[i].done);
		KUNIT_EXPECT_EQ(test, c[i].lost, 0);
	}
}

enum { READER, WRITER };

static atomic_t looks[2];
static bool ready;

static bool reader_looks(const struct ipcp_flow *flow)
{
	atomic_inc(&looks[READER]);
	return READ_ONCE(ready);
}

static bool writer_looks(const struct ipcp_flow *flow)
{
	atomic_inc(&looks[WRITER]);
	return READ_ONCE(ready);
}

/**
 * struct sleeper - a task that sleeps in the wait queue of a file
 * @wait: wait queue of the file
 * @writer: true for a writer, false for a reader
 * @task: the task
 * @done: completed when the task ends
 */
struct sleeper {
	struct ipcp_wait *wait;
	bool writer;
	struct task_struct *task;
	struct completion done;
};

static int sleep(void *data)
{
	struct sleeper *s = data;

	ipcp_wait_until(s->wait, s->writer ? IPCP_WAIT_WRITE : IPCP_WAIT_READ,
			s->writer ? writer_looks : reader_looks, NULL,
			MAX_SCHEDULE_TIMEOUT);
	kthread_complete_and_exit(&s->done, 0);
}

/* Wait until a task sleeps after it has checked its condition @times times. */
static void until_asleep(struct sleeper *s, int times)
{
	while (READ_ONCE(s->task->__state) != TASK_INTERRUPTIBLE ||
	       atomic_read(&looks[s->writer]) < times)
		schedule_timeout_uninterruptible(1);
}

static const struct wake_case {
	const char *desc;
	__poll_t events;
	bool wakes[2];
} wakes[] = {
	{ "a packet", EPOLLIN | EPOLLRDNORM, { true, false } },
	{ "room to send", EPOLLOUT | EPOLLWRNORM, { false, true } },
	{ "a changed flag", IPCP_WAKE_ALL, { true, true } },
};

KUNIT_ARRAY_PARAM_DESC(wake, wakes, desc);

static void readers_and_writers_are_woken_for_their_events_only(struct kunit *test)
{
	const struct wake_case *c = test->param_value;
	struct ipcp_consumer *consumer = test_consumer();
	struct sleeper s[2];

	KUNIT_ASSERT_NOT_NULL(test, consumer);
	WRITE_ONCE(ready, false);
	for (int i = 0; i < 2; i++) {
		atomic_set(&looks[i], 0);
		s[i].wait = ipcp_wait_of(consumer);
		s[i].writer = i == WRITER;
		init_completion(&s[i].done);
		s[i].task = kthread_run(sleep, &s[i], "ipcp-sleeper");
		KUNIT_ASSERT_FALSE(test, IS_ERR(s[i].task));
		until_asleep(&s[i], 1);
	}
	for (int n = 1; n <= 3; n++) {
		ipcp_consumer_wake(consumer, c->events);
		for (int i = 0; i < 2; i++)
			until_asleep(&s[i], c->wakes[i] ? 1 + n : 1);
	}
	for (int i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&looks[i]), c->wakes[i] ? 4 : 1);
	WRITE_ONCE(ready, true);
	ipcp_consumer_wake(consumer, IPCP_WAKE_ALL);
	for (int i = 0; i < 2; i++)
		wait_for_completion(&s[i].done);
	ipcp_consumer_put(consumer);
}

static struct kunit_case flags_test_cases[] = {
	KUNIT_CASE_PARAM(each_flag_is_a_separate_bit, flag_gen_params),
	KUNIT_CASE_PARAM(each_change_wakes_all_sleepers, flag_gen_params),
	KUNIT_CASE_PARAM(an_update_without_a_change_wakes_no_sleeper,
			 flag_gen_params),
	KUNIT_CASE(flags_are_set_and_cleared_in_one_step),
	KUNIT_CASE(no_flag_change_is_lost_among_concurrent_ones),
	KUNIT_CASE_PARAM(readers_and_writers_are_woken_for_their_events_only,
			 wake_gen_params),
	{}
};

static struct kunit_suite flags_test_suite = {
	.name = "ipcp_flags",
	.test_cases = flags_test_cases,
};

kunit_test_suite(flags_test_suite);
