// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The end of keys, for each reason: no memory is left, no freed memory contains
 * a secret, and a flow that lost all keys can be re-keyed.
 */
#include "flow_util.h"
#include "heap.h"
#include "netns.h"
#include "state.h"
#include "test_util.h"

static void drop(struct kunit *test, struct ipcp_flow *flow)
{
	ipcp_keyrot_drop(flow);
}

static void destroy(struct kunit *test, struct ipcp_flow *flow)
{
	ipcp_state_destroy(flow);
}

static void linger(struct kunit *test, struct ipcp_flow *flow)
{
	test_settle(test, flow);
	test_next(test, flow);
	test_settle(test, flow);
	test_newest(flow)->linger = jiffies;
	test_keyrot(flow);
}

static void cut_linger(struct kunit *test, struct ipcp_flow *flow)
{
	for (int i = 0; i < IPCP_EPOCH_SLOTS; i++) {
		test_settle(test, flow);
		test_next(test, flow);
	}
}

static const struct end_case {
	const char *desc;
	void (*end)(struct kunit *test, struct ipcp_flow *flow);
} ends[] = {
	{ "all keys dropped", drop },
	{ "flow destroyed", destroy },
	{ "linger over", linger },
	{ "slot reused", cut_linger },
};

KUNIT_ARRAY_PARAM_DESC(end, ends, desc);

static void secret(struct heap_watch *w, const struct ipcp_key *key)
{
	heap_secret(w, key, sizeof(*key));
}

static void keys_that_ended_leave_neither_memory_nor_secrets(struct kunit *test)
{
	const struct end_case *c = test->param_value;
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);
	struct heap_watch *w = heap_watch(test);
	struct ipcp_delivery d = {
		.epoch = 1, .exchange = 2, .chain = test_chain(flow, 1),
	};
	struct ipcp_epoch *ep;

	test_seed(&d.seed, 2);
	heap_secret(w, &d.seed, sizeof(d.seed));
	heap_begin(w);
	KUNIT_ASSERT_EQ(test, ipcp_keyrot_park(flow, &d, NULL), 0);
	heap_end(w);
	KUNIT_EXPECT_TRUE(test, wiped(&d.seed, sizeof(d.seed)));

	ep = test_newest(flow);
	secret(w, &ep->ks.nodes->key[1]);
	secret(w, &ep->ks.nodes->key[IPCP_NODES - 1]);
	for (int dir = 0; dir < IPCP_DIRS; dir++) {
		secret(w, &ep->leaves[dir].set.keys->key[IPCP_LEAVES - 1]);
		secret(w, &test_leaf(&ep->leaves[dir].cur)->aead.key);
	}
	c->end(test, flow);
	test_drain();
	heap_expect_nothing_left(test, w);
}

static void dropping_the_keys_ends_all_epochs_and_the_claim(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 5);
	u32 exchange;

	test_next(test, flow);
	ipcp_keyrot_activate(flow);
	test_give_up(test_newest(flow));
	exchange = test_claim(test, flow);
	ipcp_keyrot_drop(flow);

	KUNIT_EXPECT_NULL(test, test_tx(flow));
	for (int i = 0; i < IPCP_EPOCH_SLOTS; i++)
		KUNIT_EXPECT_NULL(test, rcu_access_pointer(flow->slots[i]));
	KUNIT_EXPECT_FALSE(test, flow->rk.in_flight);
	KUNIT_EXPECT_EQ(test, test_park(test, flow, 3, 7, exchange), -ESTALE);
}

static void dropping_the_keys_drops_a_pending_seed(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 5);

	test_next(test, flow);
	ipcp_keyrot_drop(flow);
	KUNIT_EXPECT_FALSE(test, ipcp_registry_rekey_pending(flow));
	KUNIT_EXPECT_FALSE(test, ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_REKEY);
	KUNIT_EXPECT_FALSE(test, ipcp_keyrot_activate(flow));
	KUNIT_EXPECT_EQ(test, ipcp_registry_get_epoch(flow), 5);
}

KUNIT_ARRAY_PARAM(role, test_roles, test_describe_role);

/* Without keys a flow accepts any epoch number, but refuses used seeds. */
static void a_flow_that_lost_its_keys_can_be_rekeyed(struct kunit *test)
{
	const enum test_role role = *(const enum test_role *)test->param_value;
	struct ipcp_flow *flow = test_end(test, role, 5);
	u32 exchange = 2;

	ipcp_netns_copied();
	KUNIT_EXPECT_EQ(test, flow->rk.due, IPCP_REKEY_DUE_NO_KEYS);
	if (role == INITIATOR)
		exchange = test_claim(test, flow);

	KUNIT_EXPECT_EQ(test, test_park(test, flow, 1, 99, exchange),
			-EKEYREJECTED);
	KUNIT_EXPECT_EQ(test, test_park(test, flow, 2, 99, exchange), 0);
	test_settle(test, flow);
	KUNIT_EXPECT_EQ(test, ipcp_registry_get_epoch(flow), 99);
	KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), test_newest(flow));
	KUNIT_EXPECT_EQ(test, flow->rk.due, 0);
}

static void a_flow_without_encryption_has_no_keys_to_lose(struct kunit *test)
{
	struct ipcp_flow *flow = test_flow(test);

	ipcp_netns_copied();
	KUNIT_EXPECT_EQ(test, flow->rk.due, 0);
	KUNIT_EXPECT_EQ(test, flow->rk.drops, 0);
}

static struct kunit_case wipe_test_cases[] = {
	KUNIT_CASE_PARAM(keys_that_ended_leave_neither_memory_nor_secrets,
			 end_gen_params),
	KUNIT_CASE(dropping_the_keys_ends_all_epochs_and_the_claim),
	KUNIT_CASE(dropping_the_keys_drops_a_pending_seed),
	KUNIT_CASE_PARAM(a_flow_that_lost_its_keys_can_be_rekeyed,
			 role_gen_params),
	KUNIT_CASE(a_flow_without_encryption_has_no_keys_to_lose),
	{}
};

static struct kunit_suite wipe_test_suite = {
	.name = "ipcp_keyrot_wipe",
	.test_cases = wipe_test_cases,
};

kunit_test_suite(wipe_test_suite);
