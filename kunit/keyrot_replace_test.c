// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Replacement: a later exchange may deliver the same epoch again until the peer
 * is heard in it, since the responder cannot know whether its answer arrived.
 */
#include "flow_util.h"
#include "heap.h"
#include "rekey.h"
#include "test_util.h"

#define NEXT	1	/* parked twice; the first epoch is 0 */

static void not_taken(struct kunit *test, struct ipcp_flow *flow)
{
}

static void taken(struct kunit *test, struct ipcp_flow *flow)
{
	KUNIT_ASSERT_TRUE(test, ipcp_registry_take_pending(flow));
}

static void given_up(struct kunit *test, struct ipcp_flow *flow)
{
	taken(test, flow);
	test_give_up(test_newest(flow));
}

static const struct replace_case {
	const char *desc;
	void (*before)(struct kunit *test, struct ipcp_flow *flow);
} replaces[] = {
	{ "not taken", not_taken },
	{ "taken", taken },
	{ "taken, confirmation overdue", given_up },
};

KUNIT_ARRAY_PARAM_DESC(replace, replaces, desc);

static void an_epoch_is_replaced_while_the_peer_is_not_heard_in_it(struct kunit *test)
{
	const struct replace_case *c = test->param_value;
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);
	struct ipcp_epoch *old;

	test_next(test, flow);
	old = test_hold(test, test_newest(flow));
	c->before(test, flow);

	KUNIT_EXPECT_EQ(test, test_park(test, flow, 3, NEXT, 3), 0);

	KUNIT_EXPECT_PTR_NE(test, test_newest(flow), old);
	KUNIT_EXPECT_EQ(test, test_newest(flow)->exchange, 3);
	KUNIT_EXPECT_EQ(test, atomic64_read(&test_newest(flow)->sent), 0);
	KUNIT_EXPECT_TRUE(test, ipcp_registry_rekey_pending(flow));
	KUNIT_EXPECT_TRUE(test, ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_REKEY);
	KUNIT_EXPECT_FALSE(test, test_bit(IPCP_EP_ACTIVE,
					  &test_newest(flow)->flags));
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_EP_RETIRED, &old->flags));
	KUNIT_EXPECT_EQ(test, flow->linger_cut, 0);
	KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), test_epoch(flow, 0));
}

/* The responder does not send in its first epoch before the peer is heard. */
static void the_first_epoch_is_replaced_too(struct kunit *test)
{
	struct ipcp_flow *flow =
		test_pending(test, RESPONDER,
			     IPCP_REKEY_CIPHER_CHACHA20_POLY1305);

	KUNIT_EXPECT_EQ(test, test_park(test, flow, 1, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, test_park(test, flow, 2, 0, 2), 0);
	test_settle(test, flow);
	KUNIT_EXPECT_EQ(test, test_tx(flow)->exchange, 2);
}

static void a_replaced_epoch_cannot_be_observed(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);
	struct ipcp_epoch *old;

	test_next(test, flow);
	old = test_hold(test, test_newest(flow));
	KUNIT_ASSERT_EQ(test, test_park(test, flow, 3, NEXT, 3), 0);
	taken(test, flow);

	ipcp_keyrot_observe(flow, old, true);
	KUNIT_EXPECT_FALSE(test, test_bit(IPCP_EP_OBSERVED, &old->flags));
	KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), test_epoch(flow, 0));
}

static void an_epoch_that_the_peer_was_heard_in_is_not_replaced(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);
	struct ipcp_epoch *ep;

	test_next(test, flow);
	ep = test_newest(flow);
	ipcp_keyrot_observe(flow, ep, false);
	KUNIT_EXPECT_EQ(test, test_park(test, flow, 3, NEXT, 3), -EINVAL);
	KUNIT_EXPECT_PTR_EQ(test, test_newest(flow), ep);
}

/* The peer's kernel already has the seed that the initiator parked. */
static void the_initiator_replaces_no_epoch(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);
	struct ipcp_epoch *ep;

	test_next(test, flow);
	ep = test_newest(flow);
	taken(test, flow);
	test_give_up(ep);
	KUNIT_EXPECT_EQ(test, test_park(test, flow, 3, NEXT,
					test_claim(test, flow)), -EINVAL);
	KUNIT_EXPECT_PTR_EQ(test, test_newest(flow), ep);
}

static void replaced_keys_leave_neither_memory_nor_secrets(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);
	struct heap_watch *w = heap_watch(test);
	struct ipcp_delivery d = {
		.epoch = NEXT, .exchange = 2, .chain = test_chain(flow, NEXT),
	};
	struct ipcp_epoch *ep;

	test_seed(&d.seed, 2);
	heap_secret(w, &d.seed, sizeof(d.seed));
	heap_begin(w);
	KUNIT_EXPECT_EQ(test, ipcp_keyrot_park(flow, &d, NULL), 0);
	heap_end(w);

	ep = test_newest(flow);
	heap_secret(w, &ep->ks.nodes->key[1], IPCP_KEY_LEN);
	heap_secret(w, &ep->leaves[0].set.keys->key[1], IPCP_KEY_LEN);
	heap_secret(w, &test_leaf(&ep->leaves[0].cur)->aead.key, IPCP_KEY_LEN);
	heap_secret(w, &test_leaf(&ep->leaves[1].cur)->aead.key, IPCP_KEY_LEN);
	KUNIT_EXPECT_EQ(test, test_park(test, flow, 3, NEXT, 3), 0);
	test_drain();
	heap_expect_nothing_left(test, w);
}

static struct kunit_case replace_test_cases[] = {
	KUNIT_CASE_PARAM(an_epoch_is_replaced_while_the_peer_is_not_heard_in_it,
			 replace_gen_params),
	KUNIT_CASE(the_first_epoch_is_replaced_too),
	KUNIT_CASE(a_replaced_epoch_cannot_be_observed),
	KUNIT_CASE(an_epoch_that_the_peer_was_heard_in_is_not_replaced),
	KUNIT_CASE(the_initiator_replaces_no_epoch),
	KUNIT_CASE(replaced_keys_leave_neither_memory_nor_secrets),
	{}
};

static struct kunit_suite replace_test_suite = {
	.name = "ipcp_keyrot_replace",
	.test_cases = replace_test_cases,
};

kunit_test_suite(replace_test_suite);
