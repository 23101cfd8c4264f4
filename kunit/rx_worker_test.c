// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Receiving: the events that schedule the worker, and how often. */
#include "ends_util.h"
#include "flow_util.h"
#include "leaf.h"
#include "path_util.h"
#include "rx.h"

/* Move the sender to a leaf, as if all earlier packets had been sent. */
static void go_to_leaf(struct kunit *test, struct test_ends *e, unsigned int no)
{
	test_go_to(test, e->from, (u64)no << TEST_SHORT);
}

static void the_next_leaf_is_due_after_a_quarter_of_a_leaf(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct ipcp_leaves *lv =
		&test_newest(e.to)->leaves[ipcp_rx_dir(&e.to->rk)];

	for (u32 n = 0; n < 3 * TEST_LEAF; n++) {
		test_arrive(test, &e, 1);
		KUNIT_ASSERT_EQ(test, test_hear(e.to), n);
		test_keyrot(e.to);
		KUNIT_ASSERT_EQ(test, !test_leaf(&lv->next),
				n % TEST_LEAF < IPCP_RX_AHEAD);
	}
}

static void the_worker_is_scheduled_for_the_next_leaf(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct ipcp_leaves *lv =
		&test_newest(e.to)->leaves[ipcp_rx_dir(&e.to->rk)];

	enable_delayed_work(&e.to->work);
	for (u32 n = 0; n < 3 * TEST_LEAF; n++) {
		test_deliver(test_say(test, &e));
		KUNIT_ASSERT_EQ(test, test_hear(e.to), n);
		flush_workqueue(ipcp_wq);
		if (n % TEST_LEAF == IPCP_RX_AHEAD)
			KUNIT_EXPECT_NOT_NULL(test, test_leaf(&lv->next));
	}
	KUNIT_EXPECT_EQ(test, test_leaf(&lv->cur)->no, 2);
}

/* In the newest epoch, and in a lingering one, for which no re-key is due. */
static void the_worker_is_scheduled_once_after_the_watermark(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);

	go_to_leaf(test, &e, IPCP_REKEY_WATERMARK_LEAF - 1);
	test_arrive(test, &e, 1);
	go_to_leaf(test, &e, IPCP_REKEY_WATERMARK_LEAF);
	test_arrive(test, &e, 1);
	KUNIT_EXPECT_TRUE(test, e.to->rk.due & IPCP_REKEY_DUE_WATERMARK);
	test_next(test, e.to);
	KUNIT_EXPECT_EQ(test, e.to->rk.due, 0);
	test_count_kicks(e.to);
	for (int i = 0; i < 5; i++) {
		test_deliver(test_say(test, &e));
		KUNIT_EXPECT_EQ(test, test_kicks(e.to), 0);
	}
}

static void the_first_packet_after_the_watermark_schedules_the_worker(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);

	go_to_leaf(test, &e, IPCP_REKEY_WATERMARK_LEAF - 1);
	test_arrive(test, &e, TEST_LEAF - 1);
	test_lose(test, &e, 1);
	KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(test_newest(e.to), ipcp_rx_dir(&e.to->rk)), 0);
	KUNIT_ASSERT_EQ(test, e.to->rk.due, 0);
	test_count_kicks(e.to);
	/* The first packet also starts a leaf, so that the worker may run twice. */
	test_deliver(test_say(test, &e));
	KUNIT_EXPECT_GE(test, test_kicks(e.to), 1);
	for (int i = 0; i < 4; i++) {
		test_deliver(test_say(test, &e));
		KUNIT_EXPECT_EQ(test, test_kicks(e.to), 0);
	}
	test_keyrot(e.to);
	KUNIT_EXPECT_TRUE(test, e.to->rk.due & IPCP_REKEY_DUE_WATERMARK);
}

/* The worker has to wipe the keys that the jump skipped. */
static void a_jump_schedules_the_worker(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct ipcp_leaves *lv =
		&test_newest(e.to)->leaves[ipcp_rx_dir(&e.to->rk)];

	test_lose(test, &e, 10 * TEST_LEAF);
	test_count_kicks(e.to);
	test_deliver(test_say(test, &e));
	KUNIT_EXPECT_EQ(test, test_kicks(e.to), 1);	/* waiting packet */
	ipcp_rx_drain(e.to);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 10 * TEST_LEAF);
	KUNIT_EXPECT_EQ(test, test_kicks(e.to), 1);	/* skipped keys */
	KUNIT_EXPECT_EQ(test, lv->set.next, 1);
	test_keyrot(e.to);
	KUNIT_EXPECT_EQ(test, lv->set.next, 12);
}

static struct kunit_case rx_worker_test_cases[] = {
	KUNIT_CASE(the_next_leaf_is_due_after_a_quarter_of_a_leaf),
	KUNIT_CASE(the_worker_is_scheduled_for_the_next_leaf),
	KUNIT_CASE(the_worker_is_scheduled_once_after_the_watermark),
	KUNIT_CASE(the_first_packet_after_the_watermark_schedules_the_worker),
	KUNIT_CASE(a_jump_schedules_the_worker),
	{}
};

static struct kunit_suite rx_worker_test_suite = {
	.name = "ipcp_rx_worker",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = rx_worker_test_cases,
};

kunit_test_suite(rx_worker_test_suite);
