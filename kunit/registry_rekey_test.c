// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* The registry functions of a re-key, with their names in Ouroboros. */
#include <linux/pid_namespace.h>

#include "flow_util.h"
#include "rekey.h"
#include "state.h"
#include "test_util.h"

#define CIPHER	IPCP_REKEY_CIPHER_CHACHA20_POLY1305

static const struct set_rekey_case {
	const char *desc;
	u8 state;
	bool taken;
	bool initiator;
} set_rekeys[] = {
	{ "INIT", IPCP_REKEY_FLOW_STATE_INIT, false },
	{ "ALLOC_PENDING", IPCP_REKEY_FLOW_STATE_ALLOC_PENDING, true, true },
	{ "ACCEPT_PENDING", IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING, true, false },
	{ "ALLOCATED", IPCP_REKEY_FLOW_STATE_ALLOCATED, false },
	{ "DEALLOC_PENDING", IPCP_REKEY_FLOW_STATE_DEALLOC_PENDING, false },
	{ "DEALLOCATED", IPCP_REKEY_FLOW_STATE_DEALLOCATED, false },
};

KUNIT_ARRAY_PARAM_DESC(set_rekey, set_rekeys, desc);

static void set_rekey_settles_who_initiates(struct kunit *test)
{
	const struct set_rekey_case *c = test->param_value;
	struct ipcp_flow *flow = test_flow(test);

	flow->state = c->state;
	KUNIT_EXPECT_EQ(test, ipcp_registry_set_rekey(flow, CIPHER, false), c->taken);
	KUNIT_EXPECT_EQ(test, flow->rk.encrypted, c->taken);
	KUNIT_EXPECT_EQ(test, flow->rk.initiator, c->initiator);
	KUNIT_EXPECT_EQ(test, flow->cipher, c->taken ? CIPHER : 0);
	KUNIT_EXPECT_EQ(test, flow->rk.epoch, 0);
	KUNIT_EXPECT_FALSE(test, flow->rk.in_flight);
	KUNIT_EXPECT_FALSE(test, flow->rk.has_pending);
}

static void set_rekey_is_once_and_for_all(struct kunit *test)
{
	struct ipcp_flow *flow = test_pending(test, INITIATOR, CIPHER);

	KUNIT_EXPECT_FALSE(test,
			   ipcp_registry_set_rekey(flow, IPCP_REKEY_CIPHER_AES_128_GCM, false));
	KUNIT_EXPECT_EQ(test, flow->cipher, CIPHER);
}

static void get_epoch_is_what_the_program_took(struct kunit *test)
{
	struct ipcp_flow *plain = test_flow(test);
	struct ipcp_flow *flow = test_end(test, RESPONDER, 255);

	KUNIT_EXPECT_EQ(test, ipcp_registry_get_epoch(plain), -ENOENT);
	KUNIT_EXPECT_EQ(test, ipcp_registry_get_epoch(flow), 255);
	test_next(test, flow);
	KUNIT_EXPECT_EQ(test, ipcp_registry_get_epoch(flow), 255);
	ipcp_registry_take_pending(flow);
	KUNIT_EXPECT_EQ(test, ipcp_registry_get_epoch(flow), 0);
}

static void rekey_pending_is_from_park_to_take(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);

	KUNIT_EXPECT_FALSE(test, ipcp_registry_rekey_pending(flow));
	test_next(test, flow);
	KUNIT_EXPECT_TRUE(test, ipcp_registry_rekey_pending(flow));
	KUNIT_EXPECT_TRUE(test, ipcp_registry_take_pending(flow));
	KUNIT_EXPECT_FALSE(test, ipcp_registry_rekey_pending(flow));
	KUNIT_EXPECT_FALSE(test, ipcp_registry_take_pending(flow));
}

static void the_kernel_itself_carries_the_packets(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);

	KUNIT_EXPECT_EQ(test, ipcp_registry_get_n_1_pid(flow, &init_pid_ns), 0);
	KUNIT_EXPECT_FALSE(test, ipcp_registry_is_direct(flow));
}

/* A flow within this host never gets keys, whatever an agent requests. */
static void a_direct_flow_is_never_to_be_re_keyed(struct kunit *test)
{
	struct ipcp_flow *flow = test_flow(test);

	flow->state = IPCP_REKEY_FLOW_STATE_ALLOC_PENDING;
	set_bit(IPCP_FLOW_DIRECT, &flow->bits);
	KUNIT_EXPECT_FALSE(test, ipcp_registry_set_rekey(flow, CIPHER, false));
	KUNIT_EXPECT_FALSE(test, flow->rk.encrypted);
}

static void clear_in_flight_is_for_the_claim_in_flight(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);
	u32 exchange;

	KUNIT_EXPECT_EQ(test, ipcp_registry_clear_in_flight(flow, 1, 0), -ESTALE);
	exchange = test_claim(test, flow);
	KUNIT_EXPECT_EQ(test, ipcp_registry_clear_in_flight(flow, exchange - 1, 0),
			-ESTALE);
	KUNIT_EXPECT_EQ(test, ipcp_registry_clear_in_flight(flow, exchange + 1, 0),
			-ESTALE);
	KUNIT_EXPECT_TRUE(test, flow->rk.in_flight);
	KUNIT_EXPECT_EQ(test, ipcp_registry_clear_in_flight(flow, exchange, 0), 0);
	KUNIT_EXPECT_FALSE(test, flow->rk.in_flight);
	KUNIT_EXPECT_EQ(test, ipcp_registry_clear_in_flight(flow, exchange, 0),
			-ESTALE);
}

/* Claims the flow if it is due, and ends the claim as failed. Returns whether. */
static bool try_claim(struct ipcp_flow *flow, unsigned long hold)
{
	struct ipcp_claim c;

	if (!ipcp_registry_snapshot_rekey_due(test_net(), 0, 0, &c, 1))
		return false;
	ipcp_flow_put(c.flow);
	return c.flow == flow &&
	       !ipcp_registry_clear_in_flight(flow, c.exchange, hold);
}

static void a_claim_that_failed_may_hold_off_the_next(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);

	KUNIT_EXPECT_TRUE(test, try_claim(flow, 0));
	KUNIT_EXPECT_TRUE(test, try_claim(flow, TEST_TIME));
	KUNIT_EXPECT_FALSE(test, try_claim(flow, 0));
	flow->rk.retry_at = jiffies;	/* the time has passed */
	KUNIT_EXPECT_TRUE(test, try_claim(flow, TEST_TIME));
	KUNIT_EXPECT_FALSE(test, try_claim(flow, 0));
	/* a request does not wait, nor does a claim of this very flow */
	ipcp_registry_request(flow);
	KUNIT_EXPECT_TRUE(test, try_claim(flow, TEST_TIME));
	KUNIT_EXPECT_FALSE(test, try_claim(flow, 0));
	test_next(test, flow);
	test_settle(test, flow);
	KUNIT_EXPECT_TRUE(test, try_claim(flow, 0));
}

static void an_agent_that_goes_leaves_no_claim(struct kunit *test)
{
	struct ipcp_flow *claimed = test_end(test, INITIATOR, 0);
	struct ipcp_flow *idle = test_end(test, INITIATOR, 0);
	struct ipcp_flow *asks = test_pending(test, INITIATOR, CIPHER);
	struct ipcp_flow *answers = test_pending(test, RESPONDER, CIPHER);
	struct ipcp_flow *fresh = test_flow(test);
	u32 exchange = test_claim(test, claimed);

	ipcp_registry_lapse(test_net());

	KUNIT_EXPECT_FALSE(test, claimed->rk.in_flight);
	KUNIT_EXPECT_EQ(test, claimed->state, IPCP_REKEY_FLOW_STATE_ALLOCATED);
	KUNIT_EXPECT_EQ(test, test_park(test, claimed, 2, 1, exchange), -ESTALE);
	KUNIT_EXPECT_EQ(test, idle->state, IPCP_REKEY_FLOW_STATE_ALLOCATED);
	/* no agent will answer it any more */
	KUNIT_EXPECT_EQ(test, asks->state, IPCP_REKEY_FLOW_STATE_DEALLOCATED);
	KUNIT_EXPECT_EQ(test, asks->error, ENOTCONN);
	/* the peer may still be heard */
	KUNIT_EXPECT_EQ(test, answers->state,
			IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING);
	KUNIT_EXPECT_EQ(test, fresh->state, IPCP_REKEY_FLOW_STATE_INIT);
}

static void a_claim_of_any_number_lapses(struct kunit *test)
{
	struct ipcp_flow *flow = test_pending(test, INITIATOR, CIPHER);

	KUNIT_ASSERT_EQ(test, test_park(test, flow, 1, 0, U32_MAX), 0);
	test_settle(test, flow);
	KUNIT_ASSERT_EQ(test, ipcp_state_allocated(flow), 0);
	KUNIT_EXPECT_EQ(test, test_claim(test, flow), 0);
	ipcp_registry_lapse(test_net());
	KUNIT_EXPECT_FALSE(test, flow->rk.in_flight);
}

static struct kunit_case rekey_test_cases[] = {
	KUNIT_CASE_PARAM(set_rekey_settles_who_initiates, set_rekey_gen_params),
	KUNIT_CASE(set_rekey_is_once_and_for_all),
	KUNIT_CASE(get_epoch_is_what_the_program_took),
	KUNIT_CASE(rekey_pending_is_from_park_to_take),
	KUNIT_CASE(the_kernel_itself_carries_the_packets),
	KUNIT_CASE(a_direct_flow_is_never_to_be_re_keyed),
	KUNIT_CASE(clear_in_flight_is_for_the_claim_in_flight),
	KUNIT_CASE(a_claim_that_failed_may_hold_off_the_next),
	KUNIT_CASE(an_agent_that_goes_leaves_no_claim),
	KUNIT_CASE(a_claim_of_any_number_lapses),
	{}
};

static struct kunit_suite rekey_test_suite = {
	.name = "ipcp_registry_rekey",
	.test_cases = rekey_test_cases,
};

kunit_test_suite(rekey_test_suite);
