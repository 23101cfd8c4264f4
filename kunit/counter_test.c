// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Arithmetic of packet counters, leaves and limits, at every boundary. */
#include "keysched.h"
#include "test_util.h"

#define SEQS	BIT(IPCP_LEAF_SHIFT)

static const struct parts_case {
	const char *desc;
	u64 counter;
	unsigned int node;
	unsigned int leaf;	/* within the node */
	u32 seq;
} parts_cases[] = {
	{ "first packet", 0, 0, 0, 0 },
	{ "second packet", 1, 0, 0, 1 },
	{ "last of a leaf", SEQS - 1, 0, 0, SEQS - 1 },
	{ "first of the next leaf", SEQS, 0, 1, 0 },
	{ "last of a node", (1ULL << 26) - 1, 0, 63, SEQS - 1 },
	{ "first of the next node", 1ULL << 26, 1, 0, 0 },
	{ "last counter of 32 bits", U32_MAX, 63, 63, SEQS - 1 },
	{ "first counter past 32 bits", 1ULL << 32, 64, 0, 0 },
	{ "first of the last node", 127ULL << 26, 127, 0, 0 },
	{ "last packet", IPCP_CTR_LIMIT - 1, 127, 63, SEQS - 1 },
};

KUNIT_ARRAY_PARAM_DESC(parts, parts_cases, desc);

static void a_counter_consists_of_node_leaf_and_sequence_number(struct kunit *test)
{
	const struct parts_case *c = test->param_value;
	unsigned int leaf = ipcp_ctr_leaf(c->counter);

	KUNIT_EXPECT_EQ(test, leaf, c->node * IPCP_LEAVES + c->leaf);
	KUNIT_EXPECT_EQ(test, ipcp_leaf_node(leaf), c->node);
	KUNIT_EXPECT_EQ(test, ipcp_leaf_index(leaf), c->leaf);
	KUNIT_EXPECT_EQ(test, ipcp_ctr_seq(c->counter), c->seq);
	KUNIT_EXPECT_EQ(test, ipcp_ctr_make(leaf, c->seq), c->counter);
}

static void the_counters_of_an_epoch_have_33_bits(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, IPCP_CTR_LIMIT, 1ULL << 33);
	KUNIT_EXPECT_EQ(test, IPCP_LEAF_TOTAL, 8192);
}

static const struct tx_case {
	const char *desc;
	unsigned int shift;
	u64 n;
	unsigned int leaf;
	u32 seq;
} tx_cases[] = {
	{ "2^6 first", 6, 0, 0, 0 },
	{ "2^6 last of leaf 0", 6, 63, 0, 63 },
	{ "2^6 first of leaf 1", 6, 64, 1, 0 },
	{ "2^6 last of node 0", 6, 64 * 64 - 1, 63, 63 },
	{ "2^6 first of node 1", 6, 64 * 64, 64, 0 },
	{ "2^6 last of the epoch", 6, (8192ULL << 6) - 1, 8191, 63 },
	{ "2^12 last of leaf 0", 12, 4095, 0, 4095 },
	{ "2^12 first of leaf 1", 12, 4096, 1, 0 },
	{ "2^12 last of the epoch", 12, (8192ULL << 12) - 1, 8191, 4095 },
	{ "2^19 first of leaf 8191", 19, 8191ULL << 19, 8191, 0 },
	{ "2^20 first", 20, 0, 0, 0 },
	{ "2^20 last of leaf 0", 20, SEQS - 1, 0, SEQS - 1 },
	{ "2^20 first of leaf 1", 20, SEQS, 1, 0 },
	{ "2^20 first of node 1", 20, 1ULL << 26, 64, 0 },
	{ "2^20 past 32 bits", 20, 1ULL << 32, 4096, 0 },
	{ "2^20 last of the epoch", 20, IPCP_CTR_LIMIT - 1, 8191, SEQS - 1 },
};

KUNIT_ARRAY_PARAM_DESC(tx, tx_cases, desc);

static void a_sender_uses_the_configured_packets_per_leaf(struct kunit *test)
{
	const struct tx_case *c = test->param_value;
	u64 counter = ipcp_tx_counter(c->n, c->shift);

	KUNIT_EXPECT_EQ(test, ipcp_ctr_leaf(counter), c->leaf);
	KUNIT_EXPECT_EQ(test, ipcp_ctr_seq(counter), c->seq);
}

/* Check every packet of an epoch with the shortest leaves. */
static void no_counter_is_used_twice(struct kunit *test)
{
	const unsigned int shift = IPCP_PPL_SHIFT_MIN;
	u64 last = ipcp_tx_counter(0, shift);
	u64 n, counter;

	for (n = 1; n < ipcp_tx_limit(shift); n++, last = counter) {
		counter = ipcp_tx_counter(n, shift);
		if (counter <= last || ipcp_ctr_seq(counter) >= 1U << shift)
			break;
	}
	KUNIT_EXPECT_EQ(test, n, ipcp_tx_limit(shift));
	KUNIT_EXPECT_LT(test, last, IPCP_CTR_LIMIT);
}

static const unsigned int shifts[] = {
	6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
};

static void describe_shift(const unsigned int *shift, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "2^%u packets a leaf", *shift);
}

KUNIT_ARRAY_PARAM(shift, shifts, describe_shift);

static void the_last_packets_are_reserved_for_control(struct kunit *test)
{
	const unsigned int shift = *(const unsigned int *)test->param_value;
	u64 limit = ipcp_tx_limit(shift);
	u64 data = ipcp_tx_data_limit(shift);

	KUNIT_EXPECT_EQ(test, limit, 8192ULL << shift);
	KUNIT_EXPECT_EQ(test, limit - data, IPCP_CTRL_RESERVE);
	KUNIT_EXPECT_EQ(test, ipcp_tx_left(0, shift), data);
	KUNIT_EXPECT_EQ(test, ipcp_tx_left(data - 1, shift), 1);
	KUNIT_EXPECT_EQ(test, ipcp_tx_left(data, shift), 0);
	KUNIT_EXPECT_EQ(test, ipcp_tx_left(limit - 1, shift), 0);
	KUNIT_EXPECT_EQ(test, ipcp_tx_left(limit, shift), 0);
	KUNIT_EXPECT_EQ(test, ipcp_ctr_leaf(ipcp_tx_counter(limit - 1, shift)),
			IPCP_LEAF_TOTAL - 1);
}

static void a_rekey_is_due_with_an_eighth_left_to_send(struct kunit *test)
{
	const unsigned int shift = *(const unsigned int *)test->param_value;
	u64 first = 7ULL * (ipcp_tx_limit(shift) / 8);

	KUNIT_EXPECT_FALSE(test, ipcp_tx_watermark(0, shift));
	KUNIT_EXPECT_FALSE(test, ipcp_tx_watermark(first - 1, shift));
	KUNIT_EXPECT_TRUE(test, ipcp_tx_watermark(first, shift));
	KUNIT_EXPECT_TRUE(test, ipcp_tx_watermark(ipcp_tx_limit(shift) - 1,
						  shift));
	/* and long before data stops */
	KUNIT_EXPECT_GT(test, ipcp_tx_left(first, shift), IPCP_CTRL_RESERVE);
}

/* Sender and receiver are due at the same packet. */
static void a_rekey_is_due_with_an_eighth_left_to_receive(struct kunit *test)
{
	const unsigned int shift = *(const unsigned int *)test->param_value;
	u64 first = 7ULL * (ipcp_tx_limit(shift) / 8);

	KUNIT_EXPECT_FALSE(test, ipcp_rx_watermark(0));
	KUNIT_EXPECT_FALSE(test,
			   ipcp_rx_watermark(ipcp_tx_counter(first - 1, shift)));
	KUNIT_EXPECT_TRUE(test,
			  ipcp_rx_watermark(ipcp_tx_counter(first, shift)));
	KUNIT_EXPECT_TRUE(test, ipcp_rx_watermark(IPCP_CTR_LIMIT - 1));
}

static void rx_left_counts_the_packets_that_the_peer_can_still_send(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, ipcp_rx_left(0), IPCP_CTR_LIMIT);
	KUNIT_EXPECT_EQ(test, ipcp_rx_left(IPCP_CTR_LIMIT - 1), 1);
	KUNIT_EXPECT_EQ(test, ipcp_rx_left(IPCP_CTR_LIMIT), 0);
}

static const struct ppl_case {
	u32 ppl;
	bool valid;
} ppl_cases[] = {
	{ 0, false }, { 1, false }, { 32, false }, { 63, false },
	{ 64, true }, { 65, false }, { 96, false }, { 128, true },
	{ 4096, true }, { SEQS - 1, false }, { SEQS, true },
	{ SEQS + 1, false }, { 2 * SEQS, false }, { 1U << 31, false },
	{ U32_MAX, false },
};

static void describe_ppl(const struct ppl_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u", c->ppl);
}

KUNIT_ARRAY_PARAM(ppl, ppl_cases, describe_ppl);

static void packets_per_leaf_are_a_power_of_two(struct kunit *test)
{
	const struct ppl_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, ipcp_ppl_valid(c->ppl), c->valid);
}

static struct kunit_case counter_test_cases[] = {
	KUNIT_CASE_PARAM(a_counter_consists_of_node_leaf_and_sequence_number,
			 parts_gen_params),
	KUNIT_CASE(the_counters_of_an_epoch_have_33_bits),
	KUNIT_CASE_PARAM(a_sender_uses_the_configured_packets_per_leaf,
			 tx_gen_params),
	KUNIT_CASE(no_counter_is_used_twice),
	KUNIT_CASE_PARAM(the_last_packets_are_reserved_for_control,
			 shift_gen_params),
	KUNIT_CASE_PARAM(a_rekey_is_due_with_an_eighth_left_to_send,
			 shift_gen_params),
	KUNIT_CASE_PARAM(a_rekey_is_due_with_an_eighth_left_to_receive,
			 shift_gen_params),
	KUNIT_CASE(rx_left_counts_the_packets_that_the_peer_can_still_send),
	KUNIT_CASE_PARAM(packets_per_leaf_are_a_power_of_two, ppl_gen_params),
	{}
};

static struct kunit_suite counter_test_suite = {
	.name = "ipcp_counter",
	.test_cases = counter_test_cases,
};

kunit_test_suite(counter_test_suite);
