// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The switch to a new epoch: the flow takes the epoch, the peer is heard in it,
 * and this side sends in it once the peer is known to have the keys.
 */
#include "control.h"
#include "flow_util.h"
#include "rekey.h"
#include "test_util.h"
#include "wire.h"

static void taking_a_pending_seed_activates_its_epoch(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);
	struct test_waker *sleeper;

	test_next(test, flow);
	sleeper = test_sleep(test, flow->n_rb.flags.consumer);
	KUNIT_EXPECT_TRUE(test, ipcp_registry_take_pending(flow));

	KUNIT_EXPECT_EQ(test, ipcp_registry_get_epoch(flow), 1);
	KUNIT_EXPECT_FALSE(test, ipcp_registry_rekey_pending(flow));
	KUNIT_EXPECT_FALSE(test, ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_REKEY);
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_EP_ACTIVE,
					 &test_newest(flow)->flags));
	KUNIT_EXPECT_GE(test, sleeper->wakes, 1);
}

static void a_seed_can_be_taken_only_once(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);

	KUNIT_EXPECT_FALSE(test, ipcp_registry_take_pending(flow));
	KUNIT_EXPECT_FALSE(test, ipcp_keyrot_activate(flow));
	test_next(test, flow);
	KUNIT_EXPECT_TRUE(test, ipcp_keyrot_activate(flow));
	KUNIT_EXPECT_FALSE(test, ipcp_keyrot_activate(flow));
	KUNIT_EXPECT_EQ(test, ipcp_registry_get_epoch(flow), 1);
}

static const struct promote_case {
	const char *desc;
	enum test_role role;
	bool first;		/* there is no older epoch */
	bool taken;
	bool observed;
	bool grace_over;
	bool sends;
} promotes[] = {
	{ "initiator, parked", INITIATOR, 0, 0, 0, 0, false },
	{ "initiator, observed", INITIATOR, 0, 0, 1, 0, false },
	{ "initiator, grace over", INITIATOR, 0, 0, 0, 1, false },
	{ "initiator, taken", INITIATOR, 0, 1, 0, 0, false },
	{ "initiator, taken, observed", INITIATOR, 0, 1, 1, 0, true },
	{ "initiator, taken, grace over", INITIATOR, 0, 1, 0, 1, true },
	{ "initiator, first, not taken", INITIATOR, 1, 0, 0, 1, false },
	{ "initiator, first, taken", INITIATOR, 1, 1, 0, 0, true },
	{ "responder, parked", RESPONDER, 0, 0, 0, 0, false },
	{ "responder, observed", RESPONDER, 0, 0, 1, 0, false },
	{ "responder, observed, grace over", RESPONDER, 0, 0, 1, 1, false },
	{ "responder, taken", RESPONDER, 0, 1, 0, 0, false },
	{ "responder, taken, grace over", RESPONDER, 0, 1, 0, 1, false },
	{ "responder, taken, observed", RESPONDER, 0, 1, 1, 0, true },
	{ "responder, first, taken, grace over", RESPONDER, 1, 1, 0, 1, false },
	{ "responder, first, taken, observed", RESPONDER, 1, 1, 1, 0, true },
};

KUNIT_ARRAY_PARAM_DESC(promote, promotes, desc);

static struct ipcp_flow *parked(struct kunit *test, const struct promote_case *c)
{
	struct ipcp_flow *flow;

	if (!c->first) {
		flow = test_end(test, c->role, 0);
		test_next(test, flow);
		return flow;
	}
	flow = test_pending(test, c->role,
			    IPCP_REKEY_CIPHER_CHACHA20_POLY1305);
	KUNIT_ASSERT_EQ(test, test_park(test, flow, 1, 1, 1), 0);
	return flow;
}

static void a_taken_epoch_is_promoted_once_the_peer_has_the_keys(struct kunit *test)
{
	const struct promote_case *c = test->param_value;
	struct ipcp_flow *flow = parked(test, c);
	struct ipcp_epoch *ep = test_newest(flow);
	struct ipcp_epoch *before = test_epoch(flow, 0);

	if (c->observed)
		ipcp_keyrot_observe(flow, ep, false);
	if (c->taken)
		KUNIT_EXPECT_TRUE(test, ipcp_keyrot_activate(flow));
	if (c->grace_over)
		ep->parked -= flow->grace;
	ipcp_keyrot_promote(flow);

	KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), c->sends ? ep : before);
	KUNIT_EXPECT_EQ(test, test_bit(IPCP_EP_SENDING, &ep->flags), c->sends);
	/* until this side sends in it, a writer must check again */
	KUNIT_EXPECT_EQ(test, test_bit(IPCP_FLOW_PROMOTE, &flow->bits),
			c->taken && !c->sends);
}

static void hearing_the_peer_in_a_taken_epoch_promotes_it(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);
	struct test_waker *sleeper;
	struct ipcp_epoch *ep;

	test_next(test, flow);
	ep = test_newest(flow);
	KUNIT_EXPECT_TRUE(test, ipcp_keyrot_activate(flow));
	sleeper = test_sleep(test, flow->n_rb.flags.consumer);
	ipcp_keyrot_observe(flow, ep, false);

	KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), ep);
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 1);	/* wakes writers */
	KUNIT_EXPECT_TRUE(test, sleeper->events & EPOLLOUT);
}

static void the_kernel_takes_a_pending_seed_after_the_grace_time(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);
	struct ipcp_epoch *ep;
	unsigned long next;

	test_next(test, flow);
	ep = test_newest(flow);
	next = test_keyrot(flow);
	KUNIT_EXPECT_TRUE(test, ipcp_registry_rekey_pending(flow));
	KUNIT_EXPECT_EQ(test, next, ep->parked + flow->grace);

	ep->parked -= flow->grace;
	test_keyrot(flow);
	KUNIT_EXPECT_FALSE(test, ipcp_registry_rekey_pending(flow));
	KUNIT_EXPECT_EQ(test, ipcp_registry_get_epoch(flow), 1);
	KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), ep);
}

static void the_initiator_sends_in_a_taken_epoch_after_the_grace_time(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);
	struct ipcp_epoch *ep;

	test_next(test, flow);
	ep = test_newest(flow);
	KUNIT_EXPECT_TRUE(test, ipcp_keyrot_activate(flow));
	test_keyrot(flow);
	KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), test_epoch(flow, 0));
	ep->parked -= flow->grace;
	test_keyrot(flow);
	KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), ep);
}

static void only_data_or_the_sending_flag_shows_that_the_peer_sends(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);
	struct ipcp_epoch *ep;

	test_next(test, flow);
	ep = test_newest(flow);
	ipcp_keyrot_observe(flow, ep, false);
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_EP_OBSERVED, &ep->flags));
	KUNIT_EXPECT_FALSE(test, test_bit(IPCP_EP_PEER_SENDING, &ep->flags));
	ipcp_keyrot_observe(flow, ep, true);
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_EP_PEER_SENDING, &ep->flags));
}

static void the_first_packet_starts_the_linger_time(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);
	struct ipcp_epoch *ep;
	unsigned long linger;

	test_next(test, flow);
	ep = test_newest(flow);
	ipcp_keyrot_observe(flow, ep, true);
	linger = ep->linger;
	KUNIT_EXPECT_TRUE(test, time_in_range(linger, jiffies,
					      jiffies + flow->linger_time));
	flow->linger_time *= 2;
	ipcp_keyrot_observe(flow, ep, true);
	KUNIT_EXPECT_EQ(test, ep->linger, linger);
}

KUNIT_ARRAY_PARAM(role, test_roles, test_describe_role);

static void epoch_numbers_wrap_after_255(struct kunit *test)
{
	const enum test_role role = *(const enum test_role *)test->param_value;
	struct ipcp_flow *flow = test_end(test, role, 250);

	for (u8 epoch = 251; epoch != 10; epoch++) {
		test_next(test, flow);
		KUNIT_ASSERT_EQ(test, test_newest(flow)->no, epoch);
		test_settle(test, flow);
		KUNIT_EXPECT_EQ(test, ipcp_registry_get_epoch(flow), epoch);
		KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), test_newest(flow));
		KUNIT_EXPECT_NOT_NULL(test, test_epoch(flow, epoch - 1));
		KUNIT_EXPECT_NULL(test, test_epoch(flow, epoch + 1));
		test_newest(flow)->linger = jiffies;
		test_keyrot(flow);
		KUNIT_EXPECT_NULL(test, test_epoch(flow, epoch - 1));
	}
	KUNIT_EXPECT_EQ(test, flow->rekeys, 15);
	KUNIT_EXPECT_EQ(test, flow->linger_cut, 0);
}

static void a_flow_without_keys_has_nothing_to_do(struct kunit *test)
{
	struct ipcp_flow *flow =
		test_pending(test, INITIATOR,
			     IPCP_REKEY_CIPHER_CHACHA20_POLY1305);

	KUNIT_EXPECT_TRUE(test, time_after(test_keyrot(flow),
					   jiffies + TEST_TIME));
	ipcp_keyrot_promote(flow);
	KUNIT_EXPECT_FALSE(test, ipcp_keyrot_activate(flow));
	KUNIT_EXPECT_NULL(test, test_tx(flow));
}

static struct kunit_case switch_test_cases[] = {
	KUNIT_CASE(taking_a_pending_seed_activates_its_epoch),
	KUNIT_CASE(a_seed_can_be_taken_only_once),
	KUNIT_CASE_PARAM(a_taken_epoch_is_promoted_once_the_peer_has_the_keys,
			 promote_gen_params),
	KUNIT_CASE(hearing_the_peer_in_a_taken_epoch_promotes_it),
	KUNIT_CASE(the_kernel_takes_a_pending_seed_after_the_grace_time),
	KUNIT_CASE(the_initiator_sends_in_a_taken_epoch_after_the_grace_time),
	KUNIT_CASE(only_data_or_the_sending_flag_shows_that_the_peer_sends),
	KUNIT_CASE(the_first_packet_starts_the_linger_time),
	KUNIT_CASE_PARAM(epoch_numbers_wrap_after_255, role_gen_params),
	KUNIT_CASE(a_flow_without_keys_has_nothing_to_do),
	{}
};

static struct kunit_suite switch_test_suite = {
	.name = "ipcp_keyrot_switch",
	.test_cases = switch_test_cases,
};

kunit_test_suite(switch_test_suite);
