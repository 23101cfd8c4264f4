// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Receiving: packets that wait until the keys of their leaf are derived, and
 * the limits for forged packets.
 */
#include "ends_util.h"
#include "flow_util.h"
#include "leaf.h"
#include "path_util.h"
#include "rx.h"

static void jumps_for_forged_packets_are_rate_limited(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct sk_buff *skb;

	e.to->waiting.grants = IPCP_JUMPS_PER_SECOND;
	e.to->waiting.filled = true;
	e.to->waiting.filled_at = get_jiffies_64() + TEST_TIME;	/* no second passes */
	for (unsigned int i = 0; i < IPCP_JUMPS_PER_SECOND + 3; i++) {
		skb = test_say(test, &e);
		test_forge(skb, ipcp_ctr_make(1000 + 10 * i, 0));
		test_let_in(&e, skb);
		KUNIT_EXPECT_EQ(test, test_hear(e.to), -1);
	}
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AUTH),
			IPCP_JUMPS_PER_SECOND);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AHEAD), 3);

	test_arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), e.said - 1);
	e.to->waiting.filled_at = get_jiffies_64() - HZ;	/* one passed */
	test_lose(test, &e, 20 * TEST_LEAF);
	test_arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), e.said - 1);
}

/* While the worker is late, packets of the next leaf wait in order. */
static void packets_wait_for_the_next_leaf_in_order(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);

	test_lose(test, &e, TEST_LEAF);
	for (int i = 0; i < 4; i++)
		test_deliver(test_say(test, &e));
	KUNIT_EXPECT_EQ(test, skb_queue_len(&e.to->waiting.queue), 4);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), -1);

	ipcp_rx_drain(e.to);
	test_deliver(test_say(test, &e));
	test_expect_heard(test, &e, TEST_LEAF, TEST_LEAF + 5);
	KUNIT_EXPECT_EQ(test, e.to->waiting.next, 0);
}

/* Send and deliver packets of a leaf that is not derived, then derive the leaf. */
static void wait_then_derive(struct kunit *test, struct test_ends *e,
			     unsigned int n)
{
	struct ipcp_epoch *ep = test_newest(e->to);

	while (n--)
		test_deliver(test_say(test, e));
	KUNIT_EXPECT_EQ(test, test_hear(e->to), -1);
	KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(ep, ipcp_rx_dir(&e->to->rk)), 0);
}

/* The worker may be late, or busy with forged packets of other leaves. */
static void waiting_packets_of_a_derived_leaf_are_received_with_the_next(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);

	test_lose(test, &e, TEST_LEAF);
	wait_then_derive(test, &e, 5);
	test_deliver(test_say(test, &e));
	test_expect_heard(test, &e, TEST_LEAF, TEST_LEAF + 6);
	KUNIT_EXPECT_EQ(test, e.to->waiting.next, 0);
}

/* A sender can keep neither the worker at one leaf nor packets waiting. */
static void packets_wait_while_the_worker_decrypts_others_of_their_leaf(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct ipcp_waiting *w = &e.to->waiting;
	struct sk_buff_head batch;
	u32 leaf;

	test_lose(test, &e, TEST_LEAF);
	wait_then_derive(test, &e, 3);
	leaf = ipcp_waiting_first(w);
	KUNIT_EXPECT_EQ(test, leaf & U16_MAX, 1);
	ipcp_waiting_take(w, leaf, &batch);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&batch), 3);
	KUNIT_EXPECT_EQ(test, w->next, 0);
	__skb_queue_purge(&batch);	/* the worker decrypts them */
	test_deliver(test_say(test, &e));
	KUNIT_EXPECT_EQ(test, w->next, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), -1);

	ipcp_waiting_done(w);
	test_deliver(test_say(test, &e));
	test_expect_heard(test, &e, TEST_LEAF + 3, TEST_LEAF + 5);
	KUNIT_EXPECT_FALSE(test, ipcp_waiting_has(w, leaf));
	KUNIT_EXPECT_EQ(test, ipcp_waiting_first(w), IPCP_NO_LEAF);
}

/* Forged packets fill the queue for the next leaf, which is then derived. */
static void a_packet_of_a_derived_leaf_bypasses_the_full_queue(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct ipcp_epoch *ep = test_newest(e.to);
	struct sk_buff *late;

	test_lose(test, &e, TEST_LEAF);
	late = test_say(test, &e);
	for (unsigned int i = 0; i < IPCP_WAIT_NEXT; i++) {
		struct sk_buff *skb = skb_copy(late, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, skb);
		test_forge(skb, ipcp_ctr_make(1, 1 + i % (TEST_LEAF - 1)));
		test_deliver(skb);
	}
	KUNIT_ASSERT_EQ(test, e.to->waiting.next, IPCP_WAIT_NEXT);
	KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(ep, ipcp_rx_dir(&e.to->rk)), 0);
	test_deliver(late);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), e.said - 1);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AHEAD), 0);
	ipcp_rx_drain(e.to);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AUTH), IPCP_WAIT_NEXT);
}

static const struct bound_case {
	const char *desc;
	unsigned int leaves;	/* leaves ahead */
	unsigned int packets;
} bounds[] = {
	{ "for the next leaf", 1, IPCP_WAIT_NEXT },
	{ "for a leaf far ahead", 20, IPCP_WAIT_JUMP },
};

KUNIT_ARRAY_PARAM_DESC(bound, bounds, desc);

static void waiting_packets_are_bounded(struct kunit *test)
{
	const struct bound_case *c = test->param_value;
	struct test_ends e = test_new_ends(test);

	for (unsigned int i = 0; i < c->packets + 3; i++) {
		struct sk_buff *skb = test_say(test, &e);

		test_forge(skb, ipcp_ctr_make(c->leaves, i));
		test_deliver(skb);
	}
	KUNIT_EXPECT_EQ(test, skb_queue_len(&e.to->waiting.queue), c->packets);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AHEAD), 3);
	ipcp_rx_drain(e.to);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AUTH), c->packets);
	KUNIT_EXPECT_TRUE(test, skb_queue_empty(&e.to->waiting.queue));
}

static void awaited_leaves_far_ahead_are_bounded(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);

	for (unsigned int i = 0; i < IPCP_JUMP_LEAVES + 2; i++) {
		struct sk_buff *skb = test_say(test, &e);

		test_forge(skb, ipcp_ctr_make(100 + i, 0));
		test_deliver(skb);
	}
	KUNIT_EXPECT_EQ(test, skb_queue_len(&e.to->waiting.queue),
			IPCP_JUMP_LEAVES);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AHEAD), 2);
	ipcp_rx_drain(e.to);
}

static void a_forged_jump_changes_nothing(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct ipcp_leaves *lv =
		&test_newest(e.to)->leaves[ipcp_rx_dir(&e.to->rk)];
	struct ipcp_leaf *cur = test_leaf(&lv->cur);
	struct sk_buff *skb = test_say(test, &e);

	test_forge(skb, ipcp_ctr_make(100, 5));
	test_let_in(&e, skb);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AUTH), 1);
	KUNIT_EXPECT_PTR_EQ(test, test_leaf(&lv->cur), cur);
	KUNIT_EXPECT_EQ(test, lv->used, 1);
	test_arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 1);
}

static struct kunit_case rx_wait_test_cases[] = {
	KUNIT_CASE(jumps_for_forged_packets_are_rate_limited),
	KUNIT_CASE(packets_wait_for_the_next_leaf_in_order),
	KUNIT_CASE(waiting_packets_of_a_derived_leaf_are_received_with_the_next),
	KUNIT_CASE(packets_wait_while_the_worker_decrypts_others_of_their_leaf),
	KUNIT_CASE(a_packet_of_a_derived_leaf_bypasses_the_full_queue),
	KUNIT_CASE_PARAM(waiting_packets_are_bounded, bound_gen_params),
	KUNIT_CASE(awaited_leaves_far_ahead_are_bounded),
	KUNIT_CASE(a_forged_jump_changes_nothing),
	{}
};

static struct kunit_suite rx_wait_test_suite = {
	.name = "ipcp_rx_wait",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = rx_wait_test_cases,
};

kunit_test_suite(rx_wait_test_suite);
