// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The notifiers of suspend and of a cloned machine: no key is left when a
 * notifier returns, whatever else runs. Each leaf key holds a reference to its
 * epoch, so the epoch's reference count tells the number of keys.
 */
#include <linux/kthread.h>

#include "flow_util.h"
#include "keyrot.h"
#include "leaf.h"
#include "netns.h"
#include "path_util.h"
#include "reader.h"
#include "registry.h"
#include "rx.h"
#include "tx.h"

#define TIMES	TEST_RACES(500)	/* calls of each notifier */

static void copied(void)
{
	ipcp_netns_copied();
}

static void slept(void)
{
	ipcp_netns_sleep();
	ipcp_netns_wake();
}

static const struct notice {
	const char *desc;
	void (*give)(void);
} notices[] = {
	{ "the machine was cloned", copied },
	{ "the machine suspends", slept },
};

KUNIT_ARRAY_PARAM_DESC(notice, notices, desc);

struct traffic {
	struct ipcp_flow *from;
	struct ipcp_flow *to;
	unsigned long sent;
	struct mutex turn;	/* held while the thread may have references */
};

static void read_all(struct ipcp_flow *flow)
{
	struct ipcp_reader r;
	const u8 *msg;

	ipcp_reader_init(&r, flow);
	while (ipcp_reader_next(&r, &msg) >= 0)
		continue;
	ipcp_reader_end(&r);
}

/* Send a message, and derive leaf keys. Both fail while the flow has no key. */
static void send_one(struct traffic *t)
{
	struct sk_buff *skb = ipcp_tx_alloc(sizeof(u32), GFP_KERNEL);

	if (skb) {
		skb_put_zero(skb, sizeof(u32));
		if (!test_send(t->from, skb))
			t->sent++;
	}
	while ((skb = test_receive_now()))
		test_deliver(skb);
	ipcp_rx_drain(t->to);
	read_all(t->to);
}

static int send_for_ever(void *arg)
{
	struct traffic *t = arg;

	while (!kthread_should_stop()) {
		mutex_lock(&t->turn);
		send_one(t);
		mutex_unlock(&t->turn);
		schedule();
	}
	return 0;
}

static void stop_traffic(void *task)
{
	kthread_stop(task);
}

/* Move to the next epoch, whose keys are the only ones of the flow. */
static struct ipcp_epoch *next_epoch(struct kunit *test, struct ipcp_flow *flow)
{
	test_next(test, flow);
	test_settle(test, flow);
	return test_hold(test, test_newest(flow));
}

static void no_key_is_left_when_the_notifier_returns(struct kunit *test)
{
	const struct notice *notice = test->param_value;
	struct task_struct *task;
	struct traffic t = {};

	mutex_init(&t.turn);
	test_pair(test, &t.from, &t.to);
	t.from->ppl_shift = IPCP_PPL_SHIFT_MIN;
	task = kthread_run(send_for_ever, &t, "ipcp_traffic");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, stop_traffic,
							task), 0);
	for (int i = 0; i < TIMES; i++) {
		struct ipcp_epoch *to = next_epoch(test, t.to);
		struct ipcp_epoch *from = next_epoch(test, t.from);

		for (int turns = 0; turns < i % 100; turns++)
			schedule();
		notice->give();
		/* only the test's own references are left */
		mutex_lock(&t.turn);
		KUNIT_EXPECT_EQ(test, refcount_read(&to->refs), 1);
		KUNIT_EXPECT_EQ(test, refcount_read(&from->refs), 1);
		mutex_unlock(&t.turn);
	}
	kunit_release_action(test, stop_traffic, task);
	KUNIT_EXPECT_GT(test, t.sent, 0);
}

static struct kunit_case live_keys_test_cases[] = {
	KUNIT_CASE_PARAM(no_key_is_left_when_the_notifier_returns,
			 notice_gen_params),
	{}
};

static struct kunit_suite live_keys_test_suite = {
	.name = "ipcp_live_keys",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = live_keys_test_cases,
};

kunit_test_suite(live_keys_test_suite);
