// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Sending several messages in one buffer: how many are sent, and failures. */
#include "bind.h"
#include "cb.h"
#include "flow_util.h"
#include "inflight.h"
#include "keyrot.h"
#include "leaf.h"
#include "path_util.h"
#include "tx.h"

/* Create a buffer of several messages, each containing its number. */
static struct sk_buff *several(struct kunit *test, unsigned int count)
{
	struct sk_buff *skb;
	struct ipcp_cursor c;

	skb = ipcp_tx_segs_alloc(sizeof(u32), sizeof(u32), count, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	ipcp_cursor_init(&c, skb, 0);
	for (u32 i = 0; i < count; i++)
		*(u32 *)ipcp_tx_next(&c, sizeof(i)) = i;
	return skb;
}

static void a_buffer_is_sent_as_far_as_counters_last(struct kunit *test)
{
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);
	u64 limit = ipcp_tx_data_limit(TEST_SHORT);
	struct ipcp_stats sum;
	struct sk_buff *skb;

	test_go_to(test, flow, limit - 3);
	KUNIT_EXPECT_EQ(test, ipcp_tx_send(flow, several(test, 8)), 3);
	skb = test_receive(test);
	KUNIT_EXPECT_EQ(test, test_header(test, skb).counter,
			ipcp_tx_counter(limit - 3, TEST_SHORT));
	kfree_skb(skb);
	KUNIT_EXPECT_EQ(test, atomic64_read(&test_tx(flow)->sent), limit);
	ipcp_stats_sum(flow->stats, &sum);
	KUNIT_EXPECT_EQ(test, sum.tx_packets, 3);
	KUNIT_EXPECT_EQ(test, sum.tx_bytes, 3 * sizeof(u32));
}

static void each_message_without_a_route_is_counted(struct kunit *test)
{
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);
	struct ipcp_stats sum;

	ipcp_bind_free_rcu(rcu_replace_pointer(flow->bind, NULL, true));
	KUNIT_EXPECT_EQ(test, ipcp_tx_send(flow, several(test, 8)), -EDESTADDRREQ);
	ipcp_stats_sum(flow->stats, &sum);
	KUNIT_EXPECT_EQ(test, sum.drops[IPCP_DROP_TX_ROUTE], 8);
	KUNIT_EXPECT_EQ(test, sum.tx_packets, 0);
	KUNIT_EXPECT_EQ(test, sum.tx_bytes, 0);
}

static void take_keys(struct kunit *test, struct ipcp_flow *flow)
{
	ipcp_keyrot_drop(flow);
}

static void use_up(struct kunit *test, struct ipcp_flow *flow)
{
	test_go_to(test, flow, ipcp_tx_data_limit(TEST_SHORT));
}

static void leave_leaf(struct kunit *test, struct ipcp_flow *flow)
{
	atomic64_set(&test_tx(flow)->sent, 2 * BIT_ULL(TEST_SHORT));
}

static const struct kept_case {
	const char *desc;
	void (*without)(struct kunit *test, struct ipcp_flow *flow);
	int err;
} kepts[] = {
	{ "no key", take_keys, -ENOKEY },
	{ "keys used up", use_up, -EKEYEXPIRED },
	{ "a leaf that is not derived", leave_leaf, -EINPROGRESS },
};

KUNIT_ARRAY_PARAM_DESC(kept, kepts, desc);

static void a_try_without_a_key_leaves_the_buffer_unchanged(struct kunit *test)
{
	const struct kept_case *c = test->param_value;
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);
	struct sk_buff *skb = several(test, 3);
	unsigned int len = skb->len;
	struct ipcp_skb_cb cb = *ipcp_cb(skb);

	c->without(test, flow);
	KUNIT_EXPECT_EQ(test, ipcp_tx_try(flow, skb), c->err);
	KUNIT_EXPECT_EQ(test, skb->len, len);
	KUNIT_EXPECT_MEMEQ(test, ipcp_cb(skb), &cb, sizeof(cb));
	KUNIT_EXPECT_NULL(test, skb->destructor);
	kfree_skb(skb);
}

static void messages_of_a_direct_flow_are_read_in_order(struct kunit *test)
{
	struct ipcp_flow *mate = test_flow(test), *flow = test_flow(test);

	set_bit(IPCP_FLOW_DIRECT, &flow->bits);
	rcu_assign_pointer(flow->mate, ipcp_flow_get(mate));
	KUNIT_EXPECT_EQ(test, ipcp_tx_try(flow, several(test, 3)), 3);
	KUNIT_EXPECT_EQ(test, ipcp_tx_try(flow, several(test, 2)), 2);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&mate->n_rb), 5);
	for (int i = 0; i < 5; i++) {
		KUNIT_EXPECT_EQ(test, test_hear(mate), i % 3);
		KUNIT_EXPECT_EQ(test, atomic_read(&flow->inflight->count),
				IPCP_INFLIGHT_FLOW + (i < 2 ? 5 : i < 4 ? 2 : 0));
	}
	RCU_INIT_POINTER(flow->mate, NULL);
	ipcp_flow_put(mate);
}

/* Two writers find the last leaf missing, and the first one sends in it. */
static void an_overtaken_writer_sends_in_the_last_leaf(struct kunit *test)
{
	const unsigned int shift = ilog2(IPCP_CTRL_RESERVE) + 1;
	u64 last = (u64)(IPCP_LEAF_TOTAL - 1) << shift;
	struct ipcp_flow *flow = test_sender(test, shift);
	struct sk_buff *first = several(test, 2), *second = several(test, 3);

	test_go_to(test, flow, last - 1);
	atomic64_set(&test_tx(flow)->sent, last);
	KUNIT_ASSERT_EQ(test, ipcp_tx_try(flow, first), -EINPROGRESS);
	KUNIT_ASSERT_EQ(test, ipcp_tx_try(flow, second), -EINPROGRESS);
	KUNIT_EXPECT_EQ(test, ipcp_tx_prepare(flow), 0);
	KUNIT_EXPECT_EQ(test, ipcp_tx_try(flow, first), 2);
	KUNIT_EXPECT_EQ(test, ipcp_tx_prepare(flow), 0);
	KUNIT_EXPECT_EQ(test, ipcp_tx_try(flow, second), 3);
	KUNIT_EXPECT_EQ(test, atomic64_read(&test_tx(flow)->sent), last + 5);
}

static struct kunit_case tx_segs_test_cases[] = {
	KUNIT_CASE(a_buffer_is_sent_as_far_as_counters_last),
	KUNIT_CASE(each_message_without_a_route_is_counted),
	KUNIT_CASE_PARAM(a_try_without_a_key_leaves_the_buffer_unchanged,
			 kept_gen_params),
	KUNIT_CASE(an_overtaken_writer_sends_in_the_last_leaf),
	KUNIT_CASE(messages_of_a_direct_flow_are_read_in_order),
	{}
};

static struct kunit_suite tx_segs_test_suite = {
	.name = "ipcp_tx_segs",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = tx_segs_test_cases,
};

kunit_test_suite(tx_segs_test_suite);
