// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* The registry functions of a re-key, with their names in Ouroboros. */
#include <linux/pid_namespace.h>

#include "flow_util.h"
#include "rekey.h"
#include "state.h"
#include "test_util.h"
#include "trace.h"

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

static void set_rekey_determines_the_initiator(struct kunit *test)
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

static void set_rekey_succeeds_only_once(struct kunit *test)
{
	struct ipcp_flow *flow = test_pending(test, INITIATOR, CIPHER);

	KUNIT_EXPECT_FALSE(test,
			   ipcp_registry_set_rekey(flow, IPCP_REKEY_CIPHER_AES_128_GCM, false));
	KUNIT_EXPECT_EQ(test, flow->cipher, CIPHER);
}

static void get_epoch_returns_the_epoch_last_taken(struct kunit *test)
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

static void rekey_pending_is_true_from_park_to_take(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);

	KUNIT_EXPECT_FALSE(test, ipcp_registry_rekey_pending(flow));
	test_next(test, flow);
	KUNIT_EXPECT_TRUE(test, ipcp_registry_rekey_pending(flow));
	KUNIT_EXPECT_TRUE(test, ipcp_registry_take_pending(flow));
	KUNIT_EXPECT_FALSE(test, ipcp_registry_rekey_pending(flow));
	KUNIT_EXPECT_FALSE(test, ipcp_registry_take_pending(flow));
}

static void an_encrypted_flow_has_no_n_1_pid_and_is_not_direct(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);

	KUNIT_EXPECT_EQ(test, ipcp_registry_get_n_1_pid(flow, &init_pid_ns), 0);
	KUNIT_EXPECT_FALSE(test, ipcp_registry_is_direct(flow));
}

/* A flow within this host never gets keys, whatever an agent requests. */
static void set_rekey_refuses_a_direct_flow(struct kunit *test)
{
	struct ipcp_flow *flow = test_flow(test);

	flow->state = IPCP_REKEY_FLOW_STATE_ALLOC_PENDING;
	set_bit(IPCP_FLOW_DIRECT, &flow->bits);
	KUNIT_EXPECT_FALSE(test, ipcp_registry_set_rekey(flow, CIPHER, false));
	KUNIT_EXPECT_FALSE(test, flow->rk.encrypted);
}

static void clear_in_flight_ends_only_the_claim_in_flight(struct kunit *test)
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

/* Claim the flow if due, and end the claim as failed. Return: true if due. */
static bool try_claim(struct ipcp_flow *flow, unsigned long hold)
{
	struct ipcp_claim c;

	if (!ipcp_registry_snapshot_rekey_due(test_net(), 0, 0, &c, 1))
		return false;
	ipcp_flow_put(c.flow);
	return c.flow == flow &&
	       !ipcp_registry_clear_in_flight(flow, c.exchange, hold);
}

static void a_failed_claim_may_delay_the_next_one(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);

	KUNIT_EXPECT_TRUE(test, try_claim(flow, 0));
	KUNIT_EXPECT_TRUE(test, try_claim(flow, TEST_TIME));
	KUNIT_EXPECT_FALSE(test, try_claim(flow, 0));
	flow->rk.retry_at = get_jiffies_64();	/* the time has passed */
	KUNIT_EXPECT_TRUE(test, try_claim(flow, TEST_TIME));
	KUNIT_EXPECT_FALSE(test, try_claim(flow, 0));
	/* a request ends the delay, and so does the next seed */
	ipcp_registry_request(flow);
	KUNIT_EXPECT_TRUE(test, try_claim(flow, TEST_TIME));
	KUNIT_EXPECT_FALSE(test, try_claim(flow, 0));
	test_next(test, flow);
	test_settle(test, flow);
	KUNIT_EXPECT_TRUE(test, try_claim(flow, 0));
}

/* The answer with the claim may be lost: the agent had no memory for it. */
static void a_claim_that_is_lost_gives_way_to_another(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);
	u32 lost = test_claim(test, flow), exchange;
	struct ipcp_claim c;

	KUNIT_EXPECT_EQ(test, ipcp_registry_snapshot_rekey_due(test_net(), 0, 0, &c, 1), 0);
	flow->rk.retry_at = get_jiffies_64();	/* the time has passed */
	exchange = test_claim(test, flow);
	KUNIT_EXPECT_EQ(test, test_park(test, flow, 2, 1, lost), -ESTALE);
	KUNIT_EXPECT_EQ(test, test_park(test, flow, 2, 1, exchange), 0);
}

/* DUE events of a flow. */
struct dues {
	const struct ipcp_flow *flow;
	unsigned int count;
};

static void on_event(void *data, const struct ipcp_flow *flow, u32 event,
		     u8 epoch, u32 exchange)
{
	struct dues *dues = data;

	if (flow == dues->flow && event == IPCP_REKEY_EVENT_DUE)
		dues->count++;
}

static void stop_counting(void *data)
{
	unregister_trace_ipcp_event(on_event, data);
	tracepoint_synchronize_unregister();
}

static void each_request_is_reported(struct kunit *test)
{
	struct dues *dues = kunit_kzalloc(test, sizeof(*dues), GFP_KERNEL);
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);

	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "the kernel has no tracepoints");
	KUNIT_ASSERT_NOT_NULL(test, dues);
	dues->flow = flow;
	KUNIT_ASSERT_EQ(test, register_trace_ipcp_event(on_event, dues), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, stop_counting, dues), 0);
	for (unsigned int i = 1; i <= 3; i++) {
		ipcp_registry_request(flow);
		KUNIT_EXPECT_EQ(test, dues->count, i);
		KUNIT_EXPECT_EQ(test, flow->rk.due, IPCP_REKEY_DUE_REQUEST);
	}
}

static void claims_and_allocations_lapse_with_the_agent(struct kunit *test)
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
	/* no agent will answer this allocation any more */
	KUNIT_EXPECT_EQ(test, asks->state, IPCP_REKEY_FLOW_STATE_DEALLOCATED);
	KUNIT_EXPECT_EQ(test, asks->error, ENOTCONN);
	/* the peer may still be heard */
	KUNIT_EXPECT_EQ(test, answers->state,
			IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING);
	KUNIT_EXPECT_EQ(test, fresh->state, IPCP_REKEY_FLOW_STATE_INIT);
}

static void a_claim_with_exchange_number_0_lapses(struct kunit *test)
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
	KUNIT_CASE_PARAM(set_rekey_determines_the_initiator,
			 set_rekey_gen_params),
	KUNIT_CASE(set_rekey_succeeds_only_once),
	KUNIT_CASE(get_epoch_returns_the_epoch_last_taken),
	KUNIT_CASE(rekey_pending_is_true_from_park_to_take),
	KUNIT_CASE(an_encrypted_flow_has_no_n_1_pid_and_is_not_direct),
	KUNIT_CASE(set_rekey_refuses_a_direct_flow),
	KUNIT_CASE(clear_in_flight_ends_only_the_claim_in_flight),
	KUNIT_CASE(a_failed_claim_may_delay_the_next_one),
	KUNIT_CASE(a_claim_that_is_lost_gives_way_to_another),
	KUNIT_CASE(each_request_is_reported),
	KUNIT_CASE(claims_and_allocations_lapse_with_the_agent),
	KUNIT_CASE(a_claim_with_exchange_number_0_lapses),
	{}
};

static struct kunit_suite rekey_test_suite = {
	.name = "ipcp_registry_rekey",
	.test_cases = rekey_test_cases,
};

kunit_test_suite(rekey_test_suite);
