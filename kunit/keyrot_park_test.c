// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Parking: which seeds are accepted; a refused seed changes nothing. */
#include "flow_util.h"
#include "heap.h"
#include "rekey.h"
#include "state.h"
#include "test_util.h"
#include "vectors.h"

#define FIRST_EPOCH	7	/* delivered by exchange 1 */

static void close_now(struct ipcp_flow *flow)
{
	flow->state = IPCP_REKEY_FLOW_STATE_DEALLOC_PENDING;
}

static void closed(struct ipcp_flow *flow)
{
	flow->state = IPCP_REKEY_FLOW_STATE_DEALLOCATED;
}

static void no_keys_agreed(struct ipcp_flow *flow)
{
	flow->rk.encrypted = false;
}

static void not_done(struct ipcp_flow *flow)
{
	clear_bit(IPCP_EP_CONFIRMED, &test_newest(flow)->flags);
}

static void claimed(struct ipcp_flow *flow)
{
	flow->rk.in_flight = true;
	flow->rk.claim = 2;
}

static void claim_cleared(struct ipcp_flow *flow)
{
	claimed(flow);
	ipcp_registry_clear_in_flight(flow, 2, 0);
}

static const struct refusal_case {
	const char *desc;
	enum test_role role;
	void (*before)(struct ipcp_flow *flow);
	unsigned int seed;
	u8 epoch;
	u32 exchange;
	int err;
} refusals[] = {
	{ "closing flow", RESPONDER, close_now, 2, 8, 2, -ESHUTDOWN },
	{ "closed flow", RESPONDER, closed, 2, 8, 2, -ESHUTDOWN },
	{ "flow without encryption", RESPONDER, no_keys_agreed, 2, 8, 2,
	  -EOPNOTSUPP },
	{ "seed used before", RESPONDER, NULL, 1, 8, 2, -EKEYREJECTED },
	{ "exchange that delivered already", RESPONDER, NULL, 2, 8, 1,
	  -EALREADY },
	{ "earlier exchange", RESPONDER, NULL, 2, 8, 0, -ESTALE },
	{ "exchange from before the numbers wrapped", RESPONDER, NULL, 2, 8,
	  U32_MAX, -ESTALE },
	{ "exchange half the number space ahead", RESPONDER, NULL, 2, 8,
	  0x80000001, -ESTALE },
	{ "epoch in use", RESPONDER, NULL, 2, 7, 2, -EINVAL },
	{ "epoch before the one in use", RESPONDER, NULL, 2, 6, 2, -EINVAL },
	{ "next epoch but one", RESPONDER, NULL, 2, 9, 2, -EINVAL },
	{ "epoch in use not confirmed", RESPONDER, not_done, 2, 8, 2, -EBUSY },

	{ "closing flow of the initiator", INITIATOR, close_now, 2, 8, 2,
	  -ESHUTDOWN },
	{ "seed used before, claimed", INITIATOR, claimed, 1, 8, 2,
	  -EKEYREJECTED },
	{ "claim that delivered already", INITIATOR, NULL, 2, 8, 1, -EALREADY },
	{ "no claim", INITIATOR, NULL, 2, 8, 2, -ESTALE },
	{ "another claim", INITIATOR, claimed, 2, 8, 3, -ESTALE },
	{ "claim before the one in flight", INITIATOR, claimed, 2, 8, 1,
	  -ESTALE },
	{ "claim that was cleared", INITIATOR, claim_cleared, 2, 8, 2, -ESTALE },
	{ "claim, epoch in use", INITIATOR, claimed, 2, 7, 2, -EINVAL },
	{ "claim, next epoch but one", INITIATOR, claimed, 2, 9, 2, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(refusal, refusals, desc);

static void a_refused_seed_changes_nothing(struct kunit *test)
{
	const struct refusal_case *c = test->param_value;
	struct ipcp_flow *flow = test_end(test, c->role, FIRST_EPOCH);
	struct ipcp_epoch __rcu *slots[IPCP_EPOCH_SLOTS];
	struct ipcp_rk rk;

	if (c->before)
		c->before(flow);
	rk = flow->rk;
	memcpy(slots, flow->slots, sizeof(slots));

	KUNIT_EXPECT_EQ(test, test_park(test, flow, c->seed, c->epoch,
					c->exchange), c->err);

	KUNIT_EXPECT_MEMEQ(test, &flow->rk, &rk, sizeof(rk));
	KUNIT_EXPECT_MEMEQ(test, flow->slots, slots, sizeof(slots));
	KUNIT_EXPECT_EQ(test, ipcp_rbflags(&flow->n_rb.flags),
			IPCP_RB_RD | IPCP_RB_WR);
	KUNIT_EXPECT_EQ(test, flow->rekeys, 0);
}

static void drop_keys(void *flow)
{
	((struct ipcp_flow *)flow)->rk.drops++;
}

static void close_flow(void *flow)
{
	close_now(flow);
}

static void deliver(void *flow)
{
	((struct ipcp_flow *)flow)->rk.exchange++;
}

static const struct meanwhile_case {
	const char *desc;
	void (*happens)(void *flow);
	int err;
} meanwhiles[] = {
	{ "all keys are dropped", drop_keys, -ESTALE },
	{ "the flow is closed", close_flow, -ESHUTDOWN },
	{ "the same exchange delivers", deliver, -EALREADY },
};

KUNIT_ARRAY_PARAM_DESC(meanwhile, meanwhiles, desc);

/* The flow may change while the seed is expanded. */
static void a_seed_refused_after_its_expansion_leaves_no_memory(struct kunit *test)
{
	const struct meanwhile_case *c = test->param_value;
	struct ipcp_flow *flow = test_end(test, RESPONDER, FIRST_EPOCH);
	struct heap_watch *w = heap_watch(test);
	struct ipcp_delivery d = {
		.epoch = 8, .exchange = 2, .chain = test_chain(flow, 8),
	};

	test_seed(&d.seed, 2);
	heap_secret(w, &d.seed, sizeof(d.seed));
	w->size = sizeof(struct ipcp_node_keys);
	w->hook = c->happens;
	w->arg = flow;

	heap_begin(w);
	KUNIT_EXPECT_EQ(test, ipcp_keyrot_park(flow, &d, NULL), c->err);
	heap_end(w);

	KUNIT_EXPECT_TRUE(test, wiped(&d.seed, sizeof(d.seed)));
	KUNIT_EXPECT_NULL(test, test_epoch(flow, 8));
	KUNIT_EXPECT_NOT_NULL(test, test_epoch(flow, FIRST_EPOCH));
	KUNIT_EXPECT_FALSE(test, flow->rk.has_pending);
	test_drain();
	heap_expect_nothing_left(test, w);
}

KUNIT_ARRAY_PARAM(role, test_roles, test_describe_role);

static void a_parked_seed_is_pending_and_wakes_pollers(struct kunit *test)
{
	const enum test_role role = *(const enum test_role *)test->param_value;
	struct ipcp_flow *flow = test_end(test, role, FIRST_EPOCH);
	struct test_waker *sleeper = test_sleep(test, flow->n_rb.flags.consumer);

	ipcp_keyrot_due(flow, IPCP_REKEY_DUE_REQUEST);
	atomic64_set(&flow->auth_failures, 5);
	test_next(test, flow);

	KUNIT_EXPECT_TRUE(test, ipcp_registry_rekey_pending(flow));
	KUNIT_EXPECT_EQ(test, flow->rk.newest, FIRST_EPOCH + 1);
	KUNIT_EXPECT_EQ(test, flow->rk.exchange, 2);
	KUNIT_EXPECT_EQ(test, ipcp_registry_get_epoch(flow), FIRST_EPOCH);
	KUNIT_EXPECT_TRUE(test, ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_REKEY);
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 1);
	KUNIT_EXPECT_TRUE(test, sleeper->events & EPOLLPRI);
	KUNIT_EXPECT_FALSE(test, flow->rk.in_flight);
	KUNIT_EXPECT_EQ(test, flow->rk.due, 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&flow->auth_failures), 0);
	KUNIT_EXPECT_EQ(test, flow->rekeys, 1);
	KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), test_epoch(flow, FIRST_EPOCH));
}

/* Seed 0 is the seed of the test vectors. */
static void a_parked_epoch_has_the_keys_of_the_vectors(struct kunit *test)
{
	const enum test_role role = *(const enum test_role *)test->param_value;
	struct ipcp_flow *flow =
		test_pending(test, role, IPCP_REKEY_CIPHER_CHACHA20_POLY1305);
	struct ipcp_epoch *ep;

	KUNIT_ASSERT_EQ(test, test_park(test, flow, 0, 0, 1), 0);
	ep = test_epoch(flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, ep);
	for (unsigned int i = 0; i < ARRAY_SIZE(flow_leaf_vectors); i++) {
		const struct flow_leaf_vector *v = &flow_leaf_vectors[i];

		if (v->node || v->leaf)
			continue;
		KUNIT_EXPECT_MEMEQ(test, unhex_len(test, v->key, IPCP_KEY_LEN),
				   &test_leaf(&ep->leaves[v->dir].cur)->aead.key,
				   IPCP_KEY_LEN);
	}
}

static const struct first_case {
	const char *desc;
	u8 epoch;
	u32 exchange;
} firsts[] = {
	{ "0, exchange 0", 0, 0 },
	{ "255, the last exchange", 255, U32_MAX },
	{ "100, an exchange in the middle", 100, 0x80000000 },
};

KUNIT_ARRAY_PARAM_DESC(first, firsts, desc);

static void the_first_epoch_may_have_any_number(struct kunit *test)
{
	const struct first_case *c = test->param_value;

	for (enum test_role role = INITIATOR; role <= RESPONDER; role++) {
		struct ipcp_flow *flow;

		flow = test_pending(test, role,
				    IPCP_REKEY_CIPHER_CHACHA20_POLY1305);
		KUNIT_EXPECT_EQ(test, test_park(test, flow, 1, c->epoch,
						c->exchange), 0);
		KUNIT_EXPECT_NOT_NULL(test, test_epoch(flow, c->epoch));
		test_settle(test, flow);
		KUNIT_EXPECT_EQ(test, ipcp_state_allocated(flow), 0);
		test_next(test, flow);
		KUNIT_EXPECT_EQ(test, flow->rk.exchange, c->exchange + 1);
		KUNIT_EXPECT_NOT_NULL(test, test_epoch(flow, c->epoch + 1));
	}
}

static void recently_used_seeds_are_refused(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);
	unsigned int next;

	for (int i = 0; i < IPCP_SEEDS_KEPT; i++) {
		test_next(test, flow);
		test_settle(test, flow);
	}
	next = flow->rk.nseeds + 1;
	for (unsigned int seed = 2; seed < next; seed++)
		KUNIT_EXPECT_EQ(test, test_park(test, flow, seed,
						flow->rk.newest + 1,
						flow->rk.exchange + 1),
				-EKEYREJECTED);
	KUNIT_EXPECT_EQ(test, test_park(test, flow, next, flow->rk.newest + 1,
					flow->rk.exchange + 1), 0);
}

static void an_epoch_with_an_overdue_confirmation_admits_the_next(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, FIRST_EPOCH);

	not_done(flow);
	test_give_up(test_newest(flow));
	KUNIT_EXPECT_EQ(test, test_park(test, flow, 2, FIRST_EPOCH + 1, 2), 0);
}

static void the_initiator_checks_the_confirmation_only_at_the_claim(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, FIRST_EPOCH);
	u32 exchange = test_claim(test, flow);

	not_done(flow);
	KUNIT_EXPECT_EQ(test, test_park(test, flow, 2, FIRST_EPOCH + 1,
					exchange), 0);
}

static struct kunit_case park_test_cases[] = {
	KUNIT_CASE_PARAM(a_refused_seed_changes_nothing, refusal_gen_params),
	KUNIT_CASE_PARAM(a_seed_refused_after_its_expansion_leaves_no_memory,
			 meanwhile_gen_params),
	KUNIT_CASE_PARAM(a_parked_seed_is_pending_and_wakes_pollers,
			 role_gen_params),
	KUNIT_CASE_PARAM(a_parked_epoch_has_the_keys_of_the_vectors,
			 role_gen_params),
	KUNIT_CASE_PARAM(the_first_epoch_may_have_any_number, first_gen_params),
	KUNIT_CASE(recently_used_seeds_are_refused),
	KUNIT_CASE(an_epoch_with_an_overdue_confirmation_admits_the_next),
	KUNIT_CASE(the_initiator_checks_the_confirmation_only_at_the_claim),
	{}
};

static struct kunit_suite park_test_suite = {
	.name = "ipcp_keyrot_park",
	.test_cases = park_test_cases,
};

kunit_test_suite(park_test_suite);
