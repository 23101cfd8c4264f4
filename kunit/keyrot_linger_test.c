// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The lifetime of the keys of an old epoch: receiving keys stay for the linger
 * time, sending keys until the promotion to a newer epoch.
 */
#include "flow_util.h"
#include "test_util.h"

/* Create an end in epoch @no + 1 that still has epoch @no. */
static struct ipcp_flow *rekeyed(struct kunit *test, enum test_role role, u8 no)
{
	struct ipcp_flow *flow = test_end(test, role, no);

	test_next(test, flow);
	test_settle(test, flow);
	return flow;
}

static void old_keys_stay_for_the_linger_time_and_no_longer(struct kunit *test)
{
	struct ipcp_flow *flow = rekeyed(test, RESPONDER, 0);
	struct ipcp_epoch *old = test_hold(test, test_epoch(flow, 0));
	unsigned long next = test_keyrot(flow);

	KUNIT_EXPECT_PTR_EQ(test, test_epoch(flow, 0), old);
	KUNIT_EXPECT_EQ(test, next, test_newest(flow)->linger);

	test_newest(flow)->linger = jiffies;
	test_keyrot(flow);
	KUNIT_EXPECT_NULL(test, test_epoch(flow, 0));
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_EP_RETIRED, &old->flags));
	KUNIT_EXPECT_NULL(test, old->ks.nodes);
	KUNIT_EXPECT_EQ(test, flow->leaves_done[0], 1);
	KUNIT_EXPECT_EQ(test, flow->leaves_done[1], 1);
	KUNIT_EXPECT_EQ(test, flow->linger_cut, 0);
}

static void old_keys_stay_until_the_peer_sends_in_newer_ones(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);

	flow->linger_time = 0;
	test_next(test, flow);
	KUNIT_EXPECT_TRUE(test, ipcp_keyrot_activate(flow));
	ipcp_keyrot_observe(flow, test_newest(flow), false);
	test_keyrot(flow);
	KUNIT_EXPECT_NOT_NULL(test, test_epoch(flow, 0));

	ipcp_keyrot_observe(flow, test_newest(flow), true);
	test_keyrot(flow);
	KUNIT_EXPECT_NULL(test, test_epoch(flow, 0));
}

static void old_keys_stay_while_they_are_used_for_sending(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);

	flow->linger_time = 0;
	test_next(test, flow);
	ipcp_keyrot_observe(flow, test_newest(flow), true);
	test_keyrot(flow);
	KUNIT_EXPECT_NOT_NULL(test, test_epoch(flow, 0));
	KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), test_epoch(flow, 0));
}

static const u8 numbers[] = { 0, 1, 2, 3, 252, 253, 254, 255 };

static void describe_number(const u8 *no, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "epoch %u", *no);
}

KUNIT_ARRAY_PARAM(number, numbers, describe_number);

/* The linger of a later epoch does not end it, whichever their slots are. */
static void an_old_epoch_ends_with_the_linger_of_the_next_epoch(struct kunit *test)
{
	const u8 no = *(const u8 *)test->param_value;
	struct ipcp_flow *flow = rekeyed(test, RESPONDER, no);

	test_next(test, flow);
	test_settle(test, flow);
	test_keyrot(flow);
	KUNIT_EXPECT_NOT_NULL(test, test_epoch(flow, no));

	test_epoch(flow, no + 1)->linger = jiffies;
	test_keyrot(flow);
	KUNIT_EXPECT_NULL(test, test_epoch(flow, no));
	KUNIT_EXPECT_NOT_NULL(test, test_epoch(flow, no + 1));
	KUNIT_EXPECT_NOT_NULL(test, test_epoch(flow, no + 2));
}

static void the_fifth_epoch_cuts_the_linger_of_the_first(struct kunit *test)
{
	const u8 no = *(const u8 *)test->param_value;
	struct ipcp_flow *flow = test_end(test, RESPONDER, no);
	struct ipcp_epoch *old = test_hold(test, test_newest(flow));

	for (int i = 1; i < IPCP_EPOCH_SLOTS; i++) {
		test_next(test, flow);
		test_settle(test, flow);
		test_keyrot(flow);
	}
	KUNIT_EXPECT_PTR_EQ(test, test_epoch(flow, no), old);

	test_next(test, flow);
	KUNIT_EXPECT_EQ(test, flow->linger_cut, 1);
	KUNIT_EXPECT_NULL(test, test_epoch(flow, no));
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_EP_RETIRED, &old->flags));
	for (u8 i = 1; i <= IPCP_EPOCH_SLOTS; i++)
		KUNIT_EXPECT_NOT_NULL(test, test_epoch(flow, no + i));
}

/* The flow still sends in epoch 0, since no newer one is observed. */
static void a_flow_stops_sending_in_an_epoch_whose_slot_is_reused(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);

	for (int i = 1; i < IPCP_EPOCH_SLOTS; i++) {
		test_next(test, flow);
		KUNIT_EXPECT_TRUE(test, ipcp_keyrot_activate(flow));
		KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), test_epoch(flow, 0));
		/* allow the next claim */
		test_give_up(test_newest(flow));
	}
	test_next(test, flow);
	KUNIT_EXPECT_NULL(test, test_tx(flow));
	KUNIT_EXPECT_NULL(test, test_epoch(flow, 0));
	KUNIT_EXPECT_TRUE(test, ipcp_keyrot_activate(flow));
	KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), test_newest(flow));
}

/* Return: true if the epoch can derive a key of the direction. */
static bool has_keys(struct kunit *test, struct ipcp_epoch *ep, unsigned int dir)
{
	struct ipcp_leaf_keys *out = kunit_kzalloc(test, sizeof(*out),
						   GFP_KERNEL);
	bool any;

	KUNIT_ASSERT_NOT_NULL(test, out);
	any = ep->leaves[dir].set.keys;
	any = any || rcu_access_pointer(ep->leaves[dir].prev) ||
	      rcu_access_pointer(ep->leaves[dir].cur) ||
	      rcu_access_pointer(ep->leaves[dir].next);
	for (unsigned int node = 0; node < IPCP_NODES; node++)
		any |= ipcp_keysched_peek(&ep->ks, dir, node, out);
	return any;
}

static void no_sending_keys_of_the_old_epoch_are_left_after_promotion(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);
	unsigned int tx = ipcp_tx_dir(&flow->rk), rx = ipcp_rx_dir(&flow->rk);
	struct ipcp_epoch *old = test_newest(flow);

	test_next(test, flow);
	KUNIT_EXPECT_TRUE(test, ipcp_keyrot_activate(flow));
	test_keyrot(flow);
	KUNIT_EXPECT_TRUE(test, has_keys(test, old, tx));

	ipcp_keyrot_observe(flow, test_newest(flow), false);	/* promotes */
	test_keyrot(flow);
	KUNIT_EXPECT_PTR_EQ(test, test_epoch(flow, 0), old);
	KUNIT_EXPECT_FALSE(test, has_keys(test, old, tx));
	KUNIT_EXPECT_TRUE(test, has_keys(test, old, rx));
	test_keyrot(flow);		/* a second run changes nothing */
	KUNIT_EXPECT_TRUE(test, has_keys(test, test_newest(flow), tx));
}

static void a_dropped_epoch_has_no_keys(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);
	struct ipcp_epoch *ep = test_hold(test, test_newest(flow));

	ipcp_keyrot_drop(flow);
	KUNIT_EXPECT_FALSE(test, has_keys(test, ep, 0));
	KUNIT_EXPECT_FALSE(test, has_keys(test, ep, 1));
}

static struct kunit_case linger_test_cases[] = {
	KUNIT_CASE(old_keys_stay_for_the_linger_time_and_no_longer),
	KUNIT_CASE(old_keys_stay_until_the_peer_sends_in_newer_ones),
	KUNIT_CASE(old_keys_stay_while_they_are_used_for_sending),
	KUNIT_CASE_PARAM(an_old_epoch_ends_with_the_linger_of_the_next_epoch,
			 number_gen_params),
	KUNIT_CASE_PARAM(the_fifth_epoch_cuts_the_linger_of_the_first,
			 number_gen_params),
	KUNIT_CASE(a_flow_stops_sending_in_an_epoch_whose_slot_is_reused),
	KUNIT_CASE(no_sending_keys_of_the_old_epoch_are_left_after_promotion),
	KUNIT_CASE(a_dropped_epoch_has_no_keys),
	{}
};

static struct kunit_suite linger_test_suite = {
	.name = "ipcp_keyrot_linger",
	.test_cases = linger_test_cases,
};

kunit_test_suite(linger_test_suite);
