// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * A flood of forged packets with the right endpoint id and epoch, without a
 * reader: no authentic packet is dropped for any reason. Each forged packet is
 * dropped and counted.
 */
#include <linux/unaligned.h>

#include "flow_util.h"
#include "keyrot.h"
#include "leaf.h"
#include "path_util.h"
#include "reader.h"
#include "rx.h"
#include "segs.h"
#include "tx.h"

#define REAL		1000	/* messages, at most the size of the ring */
#define PER_REAL	10	/* forged packets for each message */
#define BEFORE		500	/* messages in the first leaf of the flood */

enum where { CURRENT, NEXT, FAR };

static const struct flood {
	const char *desc;
	enum where where;
	unsigned int shift;
	bool together;
} floods[] = {
	{ "in the current leaf of 2^12", CURRENT, 12, false },
	{ "in the current leaf of 2^20", CURRENT, 20, false },
	{ "in the next leaf of 2^12", NEXT, 12, false },
	{ "in the next leaf of 2^20", NEXT, 20, false },
	{ "far ahead of a leaf of 2^12", FAR, 12, false },
	{ "far ahead of a leaf of 2^20", FAR, 20, false },
	{ "in the current leaf of 2^12, in one buffer", CURRENT, 12, true },
	{ "in the current leaf of 2^20, in one buffer", CURRENT, 20, true },
	{ "in the next leaf of 2^12, in one buffer", NEXT, 12, true },
	{ "in the next leaf of 2^20, in one buffer", NEXT, 20, true },
	{ "far ahead of a leaf of 2^12, in one buffer", FAR, 12, true },
	{ "far ahead of a leaf of 2^20, in one buffer", FAR, 20, true },
};

KUNIT_ARRAY_PARAM_DESC(flood, floods, desc);

static struct sk_buff *say(struct kunit *test, struct ipcp_flow *from, u32 no)
{
	struct sk_buff *skb = ipcp_tx_alloc(sizeof(no), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_data(skb, &no, sizeof(no));
	KUNIT_ASSERT_EQ(test, test_send(from, skb), 0);
	skb = test_receive(test);
	KUNIT_ASSERT_EQ(test, skb_linearize(skb), 0);
	return skb;
}

/* Do the worker's part of receiving. */
static void work(struct ipcp_flow *flow)
{
	ipcp_rx_drain(flow);
	test_keyrot(flow);
}

/* Return: the counter of forged packet @n, sent with a real one of @leaf. */
static u64 forged_counter(const struct flood *f, unsigned int leaf,
			  unsigned int n)
{
	unsigned int seq = (n * 7919) & (BIT(f->shift) - 1);

	switch (f->where) {
	case CURRENT:
		return ipcp_ctr_make(leaf, seq);
	case NEXT:
		return ipcp_ctr_make(1, seq);
	default:
		return ipcp_ctr_make(100 + n % 1000, seq);
	}
}

static void forge(u8 *pkt, unsigned int len, u64 counter)
{
	put_unaligned_be32(counter, pkt + 4);
	pkt[3] = counter >> 32;
	pkt[len - 1] ^= 1;
}

static void deliver_each(struct kunit *test, const struct flood *f,
			 struct sk_buff *real, u64 counter, unsigned int n)
{
	for (unsigned int i = 0; i < PER_REAL; i++) {
		struct sk_buff *skb = skb_copy(real, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, skb);
		forge(skb->data, skb->len,
		      forged_counter(f, ipcp_ctr_leaf(counter), n + i));
		test_deliver(skb);
	}
	test_deliver(real);
}

/* Merge packets of one length and address as GRO does, the real one last. */
static void deliver_together(struct kunit *test, const struct flood *f,
			     struct sk_buff *real, u64 counter, unsigned int n)
{
	unsigned int len = real->len;
	struct sk_buff *skb;

	skb = skb_copy_expand(real, skb_headroom(real), PER_REAL * len,
			      GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	for (unsigned int i = 0; i < PER_REAL; i++) {
		u8 *pkt = skb->data + i * len;

		skb_put_data(skb, real->data, len);
		forge(pkt, len,
		      forged_counter(f, ipcp_ctr_leaf(counter), n + i));
	}
	ipcp_segs_set_gso(skb, len, PER_REAL + 1);
	kfree_skb(real);
	test_deliver(skb);
}

/* Move the sender near the end of its leaf, and prepare the receiver's next. */
static void near_the_end(struct kunit *test, const struct flood *f,
			 struct ipcp_flow *from, struct ipcp_flow *to)
{
	atomic64_set(&test_tx(from)->sent, BIT(f->shift) - BEFORE);
	KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(test_newest(to),
						ipcp_rx_dir(&to->rk)), 0);
}

static void expect_only_forged_dropped(struct kunit *test, const struct flood *f,
				       struct ipcp_flow *to)
{
	unsigned int refused = test_drops(to, IPCP_DROP_AUTH);
	struct ipcp_stats sum;
	u64 dropped = 0;

	/* a forged counter may be ahead, used before, or of a retired leaf */
	refused += test_drops(to, IPCP_DROP_AHEAD);
	refused += test_drops(to, IPCP_DROP_REPLAY);
	refused += test_drops(to, IPCP_DROP_LATE);
	KUNIT_EXPECT_EQ(test, refused, REAL * PER_REAL);
	KUNIT_EXPECT_EQ(test, test_drops(to, IPCP_DROP_AHEAD) > 0,
			f->where == FAR);
	ipcp_stats_sum(to->stats, &sum);
	for (int i = 0; i < IPCP_DROP_MAX; i++)
		dropped += sum.drops[i];
	KUNIT_EXPECT_EQ(test, dropped, REAL * PER_REAL);
}

static void no_authentic_packet_is_dropped_in_a_flood(struct kunit *test)
{
	const struct flood *f = test->param_value;
	struct ipcp_flow *from, *to;
	struct ipcp_leaves *lv;

	test_pair(test, &from, &to);
	from->ppl_shift = f->shift;
	for (int i = 0; i < 2; i++) {
		test_next(test, i ? from : to);
		test_settle(test, i ? from : to);
	}
	near_the_end(test, f, from, to);
	for (unsigned int i = 0; i < REAL; i++) {
		struct sk_buff *real = say(test, from, i);
		u64 counter = test_header(test, real).counter;

		if (f->together)
			deliver_together(test, f, real, counter, i * PER_REAL);
		else
			deliver_each(test, f, real, counter, i * PER_REAL);
		work(to);
		cond_resched();
	}
	lv = &test_newest(to)->leaves[ipcp_rx_dir(&to->rk)];
	KUNIT_EXPECT_EQ(test, test_leaf(&lv->cur)->no, 1);
	for (unsigned int i = 0; i < REAL; i++)
		KUNIT_EXPECT_EQ(test, test_hear(to), i);
	KUNIT_EXPECT_EQ(test, test_hear(to), -1);
	expect_only_forged_dropped(test, f, to);
}

static struct kunit_case flood_test_cases[] = {
	KUNIT_CASE_PARAM(no_authentic_packet_is_dropped_in_a_flood,
			 flood_gen_params),
	{}
};

static struct kunit_suite flood_test_suite = {
	.name = "ipcp_flood",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = flood_test_cases,
};

kunit_test_suite(flood_test_suite);
