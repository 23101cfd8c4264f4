// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Receiving several packets in one buffer: whatever the layout of its memory,
 * all good packets are read in order, and shared memory is not written.
 */
#include "flow_util.h"
#include "path_util.h"
#include "rx.h"
#include "segs_util.h"
#include "tx.h"

KUNIT_ARRAY_PARAM_DESC(shape, test_shapes, desc);

static void packets_of_one_leaf_stay_in_one_buffer(struct kunit *test)
{
	const struct test_shape *shape = test->param_value;
	struct test_segs_ends e = test_segs_new_ends(test);
	struct sk_buff_head *queue = &e.to[0]->n_rb.queue;
	struct sk_buff *pkts[TEST_SEGS], *skb;
	unsigned int len;

	for (int i = 0; i < TEST_SEGS; i++)
		pkts[i] = test_segs_say(test, &e, 0,
					i == TEST_SEGS - 1 ? 40 : 100);
	skb = test_segs_merge(test, shape, pkts, TEST_SEGS);
	test_segs_arrive(test, shape, skb);
	KUNIT_EXPECT_EQ(test, skb_queue_len(queue), 1);
	KUNIT_EXPECT_EQ(test, skb_peek(queue) == skb, shape->whole);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&e.to[0]->n_rb), TEST_SEGS);
	for (int i = 0; i < TEST_SEGS; i++) {
		KUNIT_EXPECT_EQ(test, test_segs_hear(e.to[0], &len), i);
		KUNIT_EXPECT_EQ(test, len, i == TEST_SEGS - 1 ? 40 : 100);
	}
	KUNIT_EXPECT_EQ(test, test_segs_hear(e.to[0], NULL), -1);
	KUNIT_EXPECT_EQ(test, e.to[0]->n_rb.bytes, 0);
}

/* Contents of the packets */

static void forged(struct sk_buff **pkts)
{
	pkts[2]->data[IPCP_HDR_LEN] ^= 1;
}

static void all_forged(struct sk_buff **pkts)
{
	for (int i = 0; i < TEST_SEGS; i++)
		pkts[i]->data[IPCP_HDR_LEN] ^= 1;
}

static void repeated(struct sk_buff **pkts)
{
	memcpy(pkts[3]->data, pkts[1]->data, pkts[3]->len);
}

static void no_version(struct sk_buff **pkts)
{
	pkts[4]->data[0] = 0;
}

static void no_epoch(struct sk_buff **pkts)
{
	pkts[0]->data[1] += IPCP_EPOCH_SLOTS;
}

static void cut_off(struct sk_buff **pkts)
{
	skb_trim(pkts[TEST_SEGS - 1], IPCP_OVERHEAD - 1);
}

static const struct content {
	const char *desc;
	void (*change)(struct sk_buff **pkts);
	unsigned int lost;	/* one bit per packet */
	enum ipcp_drop reason;
	bool stray;		/* belongs to no flow */
} contents[] = {
	{ "one is forged", forged, BIT(2), IPCP_DROP_AUTH },
	{ "all are forged", all_forged, BIT(TEST_SEGS) - 1, IPCP_DROP_AUTH },
	{ "one is repeated", repeated, BIT(3), IPCP_DROP_REPLAY },
	{ "one is of an unknown version", no_version, BIT(4),
	  IPCP_DROP_VERSION, true },
	{ "one is of an unknown epoch", no_epoch, BIT(0), IPCP_DROP_EPOCH },
	{ "the last is truncated", cut_off, BIT(TEST_SEGS - 1), IPCP_DROP_SHORT,
	  true },
};

static unsigned long dropped(struct test_segs_ends *e, const struct content *c)
{
	struct ipcp_drops sum;

	if (!c->stray)
		return test_drops(e->to[0], c->reason);
	ipcp_drops_sum(test_net()->drops, &sum);
	return sum.drops[c->reason];
}

static void expect_rest(struct kunit *test, const struct content *c,
			const struct test_shape *shape)
{
	unsigned int lost = hweight32(c->lost);
	struct test_segs_ends e = test_segs_new_ends(test);
	unsigned long before = dropped(&e, c);
	struct sk_buff *pkts[TEST_SEGS];

	for (int i = 0; i < TEST_SEGS; i++)
		pkts[i] = test_segs_say(test, &e, 0, 100);
	c->change(pkts);
	test_segs_arrive(test, shape,
			 test_segs_merge(test, shape, pkts, TEST_SEGS));
	for (int i = 0; i < TEST_SEGS; i++)
		if (!(c->lost & BIT(i)))
			KUNIT_EXPECT_EQ_MSG(test, test_segs_hear(e.to[0], NULL),
					    i, "%s", c->desc);
	KUNIT_EXPECT_EQ(test, test_segs_hear(e.to[0], NULL), -1);
	KUNIT_EXPECT_EQ_MSG(test, dropped(&e, c) - before, lost, "%s", c->desc);
	KUNIT_EXPECT_EQ(test, e.to[0]->n_rb.bytes, 0);
}

static void good_packets_beside_bad_ones_are_read(struct kunit *test)
{
	for (int i = 0; i < ARRAY_SIZE(contents); i++)
		expect_rest(test, &contents[i], test->param_value);
}

static void a_buffer_of_two_flows_is_delivered_to_each_flow(struct kunit *test)
{
	const struct test_shape *shape = test->param_value;
	struct test_segs_ends e = test_segs_new_ends(test);
	struct sk_buff *pkts[TEST_SEGS];

	for (int i = 0; i < TEST_SEGS; i++)
		pkts[i] = test_segs_say(test, &e, i & 1, 100);
	test_segs_arrive(test, shape,
			 test_segs_merge(test, shape, pkts, TEST_SEGS));
	for (int i = 0; i < TEST_SEGS; i++)
		KUNIT_EXPECT_EQ(test, test_segs_hear(e.to[i & 1], NULL), i);
	for (int i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, test_segs_hear(e.to[i], NULL), -1);
}

static void each_flow_is_charged_for_its_own_packets(struct kunit *test)
{
	struct test_segs_ends e = test_segs_new_ends(test);
	struct sk_buff *pkts[TEST_SEGS], *alone;

	for (int i = 0; i < TEST_SEGS; i++)
		pkts[i] = test_segs_say(test, &e, i & 1, 100);
	test_segs_arrive(test, test_shapes,
			 test_segs_merge(test, test_shapes, pkts, TEST_SEGS));
	/* bound: each packet in a buffer of its own, with headers */
	alone = alloc_skb(200, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, alone);
	for (int i = 0; i < 2; i++)
		KUNIT_EXPECT_LE(test, e.to[i]->n_rb.bytes,
				TEST_SEGS / 2 * alone->truesize);
	kfree_skb(alone);
}

/* Forged packets are not charged, even if merged with a good one. */
static void only_good_packets_of_a_buffer_are_charged(struct kunit *test)
{
	const struct test_shape *shape = test->param_value;
	struct test_segs_ends e = test_segs_new_ends(test);
	struct sk_buff *pkts[TEST_SEGS];

	for (int i = 0; i < TEST_SEGS; i++) {
		pkts[i] = test_segs_say(test, &e, 0, 4000);
		if (i)
			pkts[i]->data[IPCP_HDR_LEN] ^= 1;
	}
	test_segs_arrive(test, shape,
			 test_segs_merge(test, shape, pkts, TEST_SEGS));
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&e.to[0]->n_rb), 1);
	KUNIT_EXPECT_LE(test, e.to[0]->n_rb.bytes, SKB_TRUESIZE(0) + 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, test_segs_hear(e.to[0], NULL), 0);
}

static void packets_of_two_leaves_are_read_in_order(struct kunit *test)
{
	const struct test_shape *shape = test->param_value;
	struct test_segs_ends e = test_segs_new_ends(test);
	struct sk_buff *pkts[TEST_SEGS];

	for (unsigned int i = 0; i < TEST_LEAF - 2; i++)
		kfree_skb(test_segs_say(test, &e, 0, 100));
	for (int i = 0; i < TEST_SEGS; i++)
		pkts[i] = test_segs_say(test, &e, 0, 100);
	test_segs_arrive(test, shape,
			 test_segs_merge(test, shape, pkts, TEST_SEGS));
	/* the second leaf was not derived yet */
	ipcp_rx_drain(e.to[0]);
	for (int i = 0; i < TEST_SEGS; i++)
		KUNIT_EXPECT_EQ(test, test_segs_hear(e.to[0], NULL),
				TEST_LEAF - 2 + i);
	KUNIT_EXPECT_EQ(test, test_segs_hear(e.to[0], NULL), -1);
}

/* Send a SEALED packet of the length of the others, so that they can merge. */
static struct sk_buff *say_sealed(struct kunit *test, struct test_segs_ends *e,
				  unsigned int len)
{
	static const u8 payload[200];

	KUNIT_ASSERT_EQ(test, ipcp_tx_current(e->from[0], IPCP_PDU_SEALED,
					      payload, len), 0);
	return test_receive(test);
}

static void control_packets_in_a_buffer_go_to_the_control_queue(struct kunit *test)
{
	const struct test_shape *shape = test->param_value;
	struct test_segs_ends e = test_segs_new_ends(test);
	struct sk_buff *pkts[TEST_SEGS];
	u32 no = 0;

	for (int i = 0; i < TEST_SEGS; i++)
		pkts[i] = i == 2 ? say_sealed(test, &e, 100) :
				   test_segs_say(test, &e, 0, 100);
	test_segs_arrive(test, shape,
			 test_segs_merge(test, shape, pkts, TEST_SEGS));
	KUNIT_EXPECT_EQ(test, skb_queue_len(&e.to[0]->ctl), 1);
	while (no < TEST_SEGS - 1) {
		KUNIT_ASSERT_EQ(test, test_segs_hear(e.to[0], NULL), no);
		no++;
	}
	KUNIT_EXPECT_EQ(test, test_segs_hear(e.to[0], NULL), -1);
}

static int scarce_order = INT_MAX;	/* lowest order that fails */
static unsigned long tried_orders;

struct page *test_alloc_pages(gfp_t gfp, unsigned int order);

/* Called by segs.c; see scarce_pages.h. */
struct page *test_alloc_pages(gfp_t gfp, unsigned int order)
{
	__set_bit(order, &tried_orders);
	return order < scarce_order ? alloc_pages(gfp, order) : NULL;
}

static void end_scarcity(void *unused)
{
	scarce_order = INT_MAX;
}

static const struct scarcity {
	const char *desc;
	int order;
	unsigned long tried;
	unsigned int buffers;
} scarcities[] = {
	{ "of 8 pages and more", 3, BIT(3) | BIT(2) | BIT(1), 1 },
	{ "of 4 pages and more", 2, BIT(3) | BIT(2) | BIT(1), 1 },
	{ "of 2 pages and more", 1, BIT(3) | BIT(2) | BIT(1) | BIT(0), 1 },
	{ "of any size", 0, BIT(3) | BIT(2) | BIT(1) | BIT(0), TEST_SEGS },
};

KUNIT_ARRAY_PARAM_DESC(scarcity, scarcities, desc);

/* Memory is fragmented. The packets are copied, since the buffer is cloned. */
static void failing_page_allocations_lose_no_packet(struct kunit *test)
{
	const struct test_shape *shape = &test_shapes[ARRAY_SIZE(test_shapes) - 1];
	const struct scarcity *c = test->param_value;
	struct test_segs_ends e = test_segs_new_ends(test);
	struct sk_buff *pkts[TEST_SEGS], *skb;

	KUNIT_ASSERT_TRUE(test, shape->cloned);
	for (int i = 0; i < TEST_SEGS; i++)
		pkts[i] = test_segs_say(test, &e, 0, 3900);
	skb = test_segs_merge(test, shape, pkts, TEST_SEGS);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, end_scarcity, NULL), 0);
	scarce_order = c->order;
	tried_orders = 0;
	test_segs_arrive(test, shape, skb);
	end_scarcity(NULL);
	KUNIT_EXPECT_EQ(test, tried_orders, c->tried);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&e.to[0]->n_rb.queue), c->buffers);
	for (int i = 0; i < TEST_SEGS; i++)
		KUNIT_EXPECT_EQ(test, test_segs_hear(e.to[0], NULL), i);
	KUNIT_EXPECT_EQ(test, test_drops(e.to[0], IPCP_DROP_NOMEM), 0);
}

/* Buffers of one packet that have a segment size nevertheless */

static const struct single_case {
	const char *desc;
	unsigned int segs;	/* of the datagram, as the segment size tells */
	unsigned int type;
	bool cloned;
} singles[] = {
	{ "of a packet as long as a segment", 1, SKB_GSO_UDP_L4, false },
	{ "of a cloned packet as long as a segment", 1, SKB_GSO_UDP_L4, true },
	{ "of a datagram to be fragmented", 3, SKB_GSO_UDP, false },
	{ "of a cloned datagram to be fragmented", 3, SKB_GSO_UDP, true },
	{ "of a datagram of an untrusted source", 3,
	  SKB_GSO_UDP | SKB_GSO_DODGY, false },
};

KUNIT_ARRAY_PARAM_DESC(single, singles, desc);

static void a_single_message_has_no_segment_size(struct kunit *test)
{
	const struct single_case *c = test->param_value;
	struct test_segs_ends e = test_segs_new_ends(test);
	struct sk_buff *skb = test_segs_say(test, &e, 0, 100), *other = NULL;
	unsigned int size = DIV_ROUND_UP(skb->len, c->segs), len;
	const struct sk_buff *got;

	skb_shinfo(skb)->gso_size = size;
	skb_shinfo(skb)->gso_segs = c->segs;
	skb_shinfo(skb)->gso_type = c->type;
	if (c->cloned) {
		other = skb_clone(skb, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, other);
	}
	test_deliver(skb);
	got = skb_peek(&e.to[0]->n_rb.queue);
	KUNIT_ASSERT_NOT_NULL(test, got);
	KUNIT_EXPECT_EQ(test, skb_shinfo(got)->gso_size, 0);
	KUNIT_EXPECT_EQ(test, skb_shinfo(got)->gso_segs, 0);
	KUNIT_EXPECT_EQ(test, skb_shinfo(got)->gso_type, 0);
	if (other)
		KUNIT_EXPECT_EQ(test, skb_shinfo(other)->gso_size, size);
	kfree_skb(other);
	KUNIT_EXPECT_EQ(test, test_segs_hear(e.to[0], &len), 0);
	KUNIT_EXPECT_EQ(test, len, 100);
	KUNIT_EXPECT_EQ(test, test_segs_hear(e.to[0], NULL), -1);
}

static struct kunit_case rx_segs_test_cases[] = {
	KUNIT_CASE_PARAM(packets_of_one_leaf_stay_in_one_buffer,
			 shape_gen_params),
	KUNIT_CASE_PARAM(good_packets_beside_bad_ones_are_read,
			 shape_gen_params),
	KUNIT_CASE_PARAM(a_buffer_of_two_flows_is_delivered_to_each_flow,
			 shape_gen_params),
	KUNIT_CASE(each_flow_is_charged_for_its_own_packets),
	KUNIT_CASE_PARAM(only_good_packets_of_a_buffer_are_charged,
			 shape_gen_params),
	KUNIT_CASE_PARAM(packets_of_two_leaves_are_read_in_order,
			 shape_gen_params),
	KUNIT_CASE_PARAM(control_packets_in_a_buffer_go_to_the_control_queue,
			 shape_gen_params),
	KUNIT_CASE_PARAM(failing_page_allocations_lose_no_packet,
			 scarcity_gen_params),
	KUNIT_CASE_PARAM(a_single_message_has_no_segment_size,
			 single_gen_params),
	{}
};

static struct kunit_suite rx_segs_test_suite = {
	.name = "ipcp_rx_segs",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = rx_segs_test_cases,
};

kunit_test_suite(rx_segs_test_suite);
