// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Claims: the flows that an agent may re-key, and their exchange numbers. */
#include "flow_util.h"
#include "rekey.h"
#include "state.h"
#include "test_util.h"

#define CIPHER	IPCP_REKEY_CIPHER_CHACHA20_POLY1305

static struct ipcp_claim claims[8];

/* Claim flows and drop their references. Return: the number of flows. */
static int snapshot(u32 only, unsigned long min_age, int max)
{
	int n = ipcp_registry_snapshot_rekey_due(test_net(), only, min_age,
						 claims, max);

	for (int i = 0; i < n; i++)
		ipcp_flow_put(claims[i].flow);
	return n;
}

static void not_allocated(struct ipcp_flow *flow)
{
	flow->state = IPCP_REKEY_FLOW_STATE_DEALLOC_PENDING;
}

static void not_encrypted(struct ipcp_flow *flow)
{
	flow->rk.encrypted = false;
}

static void responder(struct ipcp_flow *flow)
{
	flow->rk.initiator = false;
}

static void in_flight(struct ipcp_flow *flow)
{
	flow->rk.in_flight = true;
	flow->rk.retry_at = get_jiffies_64() + TEST_TIME;
}

static void forgotten(struct ipcp_flow *flow)
{
	flow->rk.in_flight = true;
	flow->rk.retry_at = get_jiffies_64();
}

static void pending(struct ipcp_flow *flow)
{
	flow->rk.has_pending = true;
}

static void went_down(struct ipcp_flow *flow)
{
	ipcp_state_down(flow, ESHUTDOWN, NULL);
}

static void not_done(struct ipcp_flow *flow)
{
	clear_bit(IPCP_EP_CONFIRMED, &test_newest(flow)->flags);
}

static void lost(struct ipcp_flow *flow)
{
	not_done(flow);
	test_give_up(test_newest(flow));
}

static void no_keys(struct ipcp_flow *flow)
{
	ipcp_keyrot_drop(flow);
}

static void peer_silent(struct ipcp_flow *flow)
{
	ipcp_rbflags_change(&flow->n_rb.flags, IPCP_RB_FLOWPEER, 0);
}

static void nothing(struct ipcp_flow *flow)
{
}

static const struct due_case {
	const char *desc;
	void (*before)(struct ipcp_flow *flow);
	bool due;
} dues[] = {
	{ "an allocated, encrypted, settled flow", nothing, true },
	{ "the peer is silent", peer_silent, true },
	{ "confirmation of the newest epoch overdue", lost, true },
	{ "no keys", no_keys, true },
	{ "a claim whose time has passed", forgotten, true },
	{ "newest epoch not confirmed yet", not_done, false },
	{ "not allocated", not_allocated, false },
	{ "not encrypted", not_encrypted, false },
	{ "the responder's end", responder, false },
	{ "claimed already", in_flight, false },
	{ "a seed that is not taken yet", pending, false },
	{ "flow down", went_down, false },
};

KUNIT_ARRAY_PARAM_DESC(due, dues, desc);

static void only_flows_that_can_be_rekeyed_are_claimed(struct kunit *test)
{
	const struct due_case *c = test->param_value;
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);

	c->before(flow);
	KUNIT_EXPECT_EQ(test, snapshot(flow->id, 0, 8), c->due);
	if (c->due)
		ipcp_registry_clear_in_flight(flow, claims[0].exchange, 0);
	KUNIT_EXPECT_EQ(test, snapshot(0, 0, 8), c->due);
}

static void a_claim_names_the_epoch_and_exchange_to_deliver(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 255);

	ipcp_keyrot_due(flow, IPCP_REKEY_DUE_REQUEST);
	KUNIT_ASSERT_EQ(test, snapshot(0, TEST_TIME, 8), 1);
	KUNIT_EXPECT_PTR_EQ(test, claims[0].flow, flow);
	KUNIT_EXPECT_EQ(test, claims[0].epoch, 0);
	KUNIT_EXPECT_EQ(test, claims[0].due, IPCP_REKEY_DUE_REQUEST);
	KUNIT_EXPECT_EQ(test, claims[0].exchange, 2);
	KUNIT_EXPECT_TRUE(test, flow->rk.in_flight);
	KUNIT_EXPECT_EQ(test, test_park(test, flow, 2, claims[0].epoch,
					claims[0].exchange), 0);
}

static const struct age_case {
	const char *desc;
	unsigned long age;
	u32 due;
	bool only;
	bool claimed;
} ages[] = {
	{ "too young", TEST_TIME / 2, 0, false, false },
	{ "old enough", TEST_TIME, 0, false, true },
	{ "too young, with a reason", 0, IPCP_REKEY_DUE_WATERMARK, false, true },
	{ "too young, claimed by flow id", 0, 0, true, true },
};

KUNIT_ARRAY_PARAM_DESC(age, ages, desc);

static void a_claim_needs_a_minimum_age_a_reason_or_the_flow_id(struct kunit *test)
{
	const struct age_case *c = test->param_value;
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);

	test_newest(flow)->parked -= c->age;
	if (c->due)
		ipcp_keyrot_due(flow, c->due);
	KUNIT_EXPECT_EQ(test, snapshot(c->only ? flow->id : 0, TEST_TIME, 8),
			c->claimed);
}

static void one_flow_can_be_claimed_by_its_id(struct kunit *test)
{
	struct ipcp_flow *first = test_end(test, INITIATOR, 0);
	struct ipcp_flow *second = test_end(test, INITIATOR, 0);

	KUNIT_EXPECT_EQ(test, snapshot(second->id, 0, 8), 1);
	KUNIT_EXPECT_PTR_EQ(test, claims[0].flow, second);
	KUNIT_EXPECT_FALSE(test, first->rk.in_flight);
}

/* A missing id does not select the next flow, and no flow has id 0. */
static void an_unknown_flow_id_claims_nothing(struct kunit *test)
{
	struct ipcp_flow *first = test_end(test, INITIATOR, 0);
	struct ipcp_flow *second = test_end(test, INITIATOR, 0);

	ipcp_registry_del(first);
	KUNIT_EXPECT_EQ(test, snapshot(first->id, 0, 8), 0);
	KUNIT_EXPECT_EQ(test, snapshot(second->id + 1, 0, 8), 0);
	KUNIT_EXPECT_FALSE(test, second->rk.in_flight);
}

static void flows_are_claimed_in_order_and_no_more_than_requested(struct kunit *test)
{
	struct ipcp_flow *flow[5];

	for (int i = 0; i < ARRAY_SIZE(flow); i++)
		flow[i] = test_end(test, INITIATOR, 0);
	flow[1]->rk.has_pending = true;

	KUNIT_EXPECT_EQ(test, snapshot(0, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, snapshot(0, 0, 2), 2);
	KUNIT_EXPECT_PTR_EQ(test, claims[0].flow, flow[0]);
	KUNIT_EXPECT_PTR_EQ(test, claims[1].flow, flow[2]);
	KUNIT_ASSERT_EQ(test, snapshot(0, 0, 8), 2);
	KUNIT_EXPECT_PTR_EQ(test, claims[0].flow, flow[3]);
	KUNIT_EXPECT_PTR_EQ(test, claims[1].flow, flow[4]);
	KUNIT_EXPECT_EQ(test, snapshot(0, 0, 8), 0);
}

static const struct number_case {
	const char *desc;
	u32 first;
} numbers[] = {
	{ "after 0", 0 },
	{ "after 7", 7 },
	{ "past the middle", 0x7fffffff },
	{ "from the upper half", 0x90000000 },
	{ "past the end", U32_MAX - 1 },
	{ "after the end", U32_MAX },
};

KUNIT_ARRAY_PARAM_DESC(number, numbers, desc);

static void exchange_numbers_do_not_repeat(struct kunit *test)
{
	const struct number_case *c = test->param_value;
	struct ipcp_flow *flow = test_pending(test, INITIATOR, CIPHER);
	u32 expected = c->first;

	KUNIT_ASSERT_EQ(test, test_park(test, flow, 1, 0, c->first), 0);
	test_settle(test, flow);
	KUNIT_ASSERT_EQ(test, ipcp_state_allocated(flow), 0);
	for (int i = 0; i < 6; i++) {
		u32 exchange = test_claim(test, flow);

		KUNIT_EXPECT_EQ(test, exchange, ++expected);
		if (i % 3 == 2) {
			KUNIT_EXPECT_EQ(test, test_park(test, flow, 2 + i,
							flow->rk.newest + 1,
							exchange), 0);
			test_settle(test, flow);
		} else {
			ipcp_registry_clear_in_flight(flow, exchange, 0);
		}
	}
}

static void a_claim_holds_a_reference_to_its_flow(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);

	KUNIT_EXPECT_EQ(test, ipcp_registry_snapshot_rekey_due(test_net(), 0, 0,
							       claims, 1), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&flow->refs), 3);
	ipcp_flow_put(claims[0].flow);
	KUNIT_EXPECT_EQ(test, snapshot(0, 0, 8), 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&flow->refs), 2);
}

static struct kunit_case claim_test_cases[] = {
	KUNIT_CASE_PARAM(only_flows_that_can_be_rekeyed_are_claimed,
			 due_gen_params),
	KUNIT_CASE(a_claim_names_the_epoch_and_exchange_to_deliver),
	KUNIT_CASE_PARAM(a_claim_needs_a_minimum_age_a_reason_or_the_flow_id,
			 age_gen_params),
	KUNIT_CASE(one_flow_can_be_claimed_by_its_id),
	KUNIT_CASE(an_unknown_flow_id_claims_nothing),
	KUNIT_CASE(flows_are_claimed_in_order_and_no_more_than_requested),
	KUNIT_CASE_PARAM(exchange_numbers_do_not_repeat, number_gen_params),
	KUNIT_CASE(a_claim_holds_a_reference_to_its_flow),
	{}
};

static struct kunit_suite claim_test_suite = {
	.name = "ipcp_registry_claim",
	.test_cases = claim_test_cases,
};

kunit_test_suite(claim_test_suite);
