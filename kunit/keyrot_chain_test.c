// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The chain: each exchange names the chain that its seed is mixed with. A chain
 * is wiped with the keys, or once no exchange can name it any more.
 */
#include "flow_util.h"
#include "heap.h"
#include "leaf.h"
#include "rekey.h"
#include "state.h"
#include "test_util.h"
#include "vectors.h"

#define NEXT	1	/* epoch after epoch 0, which exchange 1 delivered */

static u64 id_of(struct kunit *test, const struct chain_vector *v)
{
	u64 id;

	memcpy(&id, unhex_len(test, v->id, sizeof(id)), sizeof(id));
	return id;
}

/* Park the seed of a vector as an honest agent would. */
static void park_vector(struct kunit *test, struct ipcp_flow *flow,
			unsigned int i)
{
	struct ipcp_delivery d = {
		.epoch = i, .exchange = i,
		.chain = i ? id_of(test, &chain_vectors[i - 1]) :
			     IPCP_CHAIN_FRESH,
	};

	if (flow->rk.initiator && i)
		d.exchange = test_claim(test, flow);
	memcpy(&d.seed, unhex_len(test, chain_vectors[i].seed, sizeof(d.seed)),
	       sizeof(d.seed));
	KUNIT_ASSERT_EQ(test, ipcp_keyrot_park(flow, &d, NULL), 0);
}

KUNIT_ARRAY_PARAM(role, test_roles, test_describe_role);

static void each_epoch_has_the_keys_of_the_vectors(struct kunit *test)
{
	const enum test_role role = *(const enum test_role *)test->param_value;
	struct ipcp_flow *flow =
		test_pending(test, role, IPCP_REKEY_CIPHER_CHACHA20_POLY1305);

	for (unsigned int i = 0; i < ARRAY_SIZE(chain_vectors); i++) {
		const struct chain_vector *v = &chain_vectors[i];
		struct ipcp_leaf *leaf;

		park_vector(test, flow, i);
		leaf = test_leaf(&test_newest(flow)->leaves[0].cur);
		KUNIT_EXPECT_MEMEQ(test, &leaf->aead.key,
				   unhex_len(test, v->leaf, IPCP_KEY_LEN),
				   IPCP_KEY_LEN);
		KUNIT_EXPECT_MEMEQ(test, &flow->rk.chain,
				   unhex_len(test, v->chain, IPCP_KEY_LEN),
				   IPCP_KEY_LEN);
		KUNIT_EXPECT_EQ(test, flow->rk.chain_id, id_of(test, v));
		test_settle(test, flow);
		if (!i)
			KUNIT_ASSERT_EQ(test, ipcp_state_allocated(flow), 0);
	}
}

/* Chains that an exchange may name. */
enum chain_name {
	OF_NEWEST,	/* the next seed is mixed with it */
	OF_BEFORE,	/* the newest seed was mixed with it */
	UNKNOWN,
	FRESH,
};

static const struct naming_case {
	const char *desc;
	enum test_role role;
	bool replaces;		/* the newest epoch, not heard in yet */
	bool fresh;		/* the peer was asked, and was silent */
	bool no_keys;
	enum chain_name chain;
	int err;
} namings[] = {
	{ "initiator, the newest chain", INITIATOR, 0, 0, 0, OF_NEWEST, 0 },
	{ "initiator, an older chain", INITIATOR, 0, 0, 0, OF_BEFORE, -ESTALE },
	{ "initiator, an unknown chain", INITIATOR, 0, 0, 0, UNKNOWN, -ESTALE },
	{ "initiator, no chain", INITIATOR, 0, 0, 0, FRESH, -ESTALE },
	{ "initiator, no chain after silence", INITIATOR, 0, 1, 0, FRESH, 0 },
	{ "initiator without keys, no chain", INITIATOR, 0, 0, 1, FRESH, 0 },
	{ "initiator without keys, the old chain", INITIATOR, 0, 0, 1,
	  OF_NEWEST, -ESTALE },
	{ "responder, the newest chain", RESPONDER, 0, 0, 0, OF_NEWEST, 0 },
	{ "responder, an older chain", RESPONDER, 0, 0, 0, OF_BEFORE, -ESTALE },
	{ "responder, an unknown chain", RESPONDER, 0, 0, 0, UNKNOWN, -ESTALE },
	{ "responder, no chain", RESPONDER, 0, 0, 0, FRESH, -ESTALE },
	{ "responder, no chain after silence", RESPONDER, 0, 1, 0, FRESH, 0 },
	{ "responder without keys, no chain", RESPONDER, 0, 0, 1, FRESH, 0 },
	{ "responder without keys, the old chain", RESPONDER, 0, 0, 1,
	  OF_NEWEST, -ESTALE },
	{ "replacement, the same chain", RESPONDER, 1, 0, 0, OF_BEFORE, 0 },
	{ "replacement, the chain of the replaced epoch", RESPONDER, 1, 0, 0,
	  OF_NEWEST, -ESTALE },
	{ "replacement, no chain", RESPONDER, 1, 0, 0, FRESH, -ESTALE },
	{ "replacement, no chain after silence", RESPONDER, 1, 1, 0, FRESH, 0 },
};

KUNIT_ARRAY_PARAM_DESC(naming, namings, desc);

/*
 * Create an end with two seeds, both taken and confirmed, and a third one if it
 * will be replaced.
 * @older: (output) name of the chain that the newest seed was mixed with
 */
static struct ipcp_flow *new_end_after(struct kunit *test, enum test_role role,
				       bool third, u64 *older)
{
	struct ipcp_flow *flow = test_end(test, role, 0);

	*older = flow->rk.chain_id;
	test_next(test, flow);
	test_settle(test, flow);
	if (third) {
		*older = flow->rk.chain_id;
		test_next(test, flow);
	}
	return flow;
}

static struct ipcp_flow *new_end(struct kunit *test, enum test_role role,
				 bool third)
{
	u64 older;

	return new_end_after(test, role, third, &older);
}

static u32 next_exchange(struct kunit *test, struct ipcp_flow *flow, bool fresh)
{
	u32 exchange = flow->rk.exchange + 1;
	struct ipcp_claim claim;

	if (fresh)
		test_silence(test, flow, exchange);
	if (!flow->rk.initiator)
		return exchange;
	if (!fresh)
		return test_claim(test, flow);
	KUNIT_ASSERT_EQ(test, ipcp_registry_claim_fresh(test_net(), flow->id,
							NULL, &claim), 1);
	ipcp_flow_put(claim.flow);
	KUNIT_EXPECT_EQ(test, claim.chain, IPCP_CHAIN_FRESH);
	return claim.exchange;
}

static void a_seed_is_mixed_with_the_chain_that_its_exchange_names(struct kunit *test)
{
	const struct naming_case *c = test->param_value;
	u64 older;
	struct ipcp_flow *flow = new_end_after(test, c->role, c->replaces,
					       &older);
	u64 chain = flow->rk.chain_id;
	struct ipcp_delivery d = {
		.epoch = flow->rk.newest + !c->replaces,
	};
	struct ipcp_root root;

	d.chain = c->chain == OF_NEWEST ? chain :
		  c->chain == OF_BEFORE ? older :
		  c->chain == UNKNOWN ? ~chain : IPCP_CHAIN_FRESH;
	if (c->no_keys)
		ipcp_keyrot_drop(flow);
	d.generation = flow->rk.drops;
	d.exchange = next_exchange(test, flow, c->fresh);

	test_seed(&d.seed, 77);
	ipcp_chain_mix(&root, c->chain == FRESH ? &(struct ipcp_chain) {} :
			      c->chain == OF_BEFORE ? &flow->rk.before :
						      &flow->rk.chain, &d.seed);
	KUNIT_EXPECT_EQ(test, test_park_as(test, flow, 77, &d), c->err);
	if (!c->err) {
		struct ipcp_chain next;

		ipcp_chain_next(&next, &root);
		KUNIT_EXPECT_MEMEQ(test, &flow->rk.chain, &next, sizeof(next));
	} else {
		KUNIT_EXPECT_EQ(test, flow->rk.chain_id,
				c->no_keys ? IPCP_CHAIN_FRESH : chain);
	}
}

static void a_replacement_does_not_continue_the_chain_it_replaces(struct kunit *test)
{
	struct ipcp_flow *flow = new_end(test, RESPONDER, true);
	struct ipcp_chain before = flow->rk.before;

	for (unsigned int i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, test_park(test, flow, 10 + i,
						flow->rk.newest,
						flow->rk.exchange + 1), 0);
		KUNIT_EXPECT_MEMEQ(test, &flow->rk.before, &before,
				   sizeof(before));
	}
}

static void the_responder_keeps_the_older_chain_until_the_peer_is_heard(struct kunit *test)
{
	struct ipcp_flow *flow = new_end(test, RESPONDER, false);
	struct ipcp_chain chain = flow->rk.chain;

	test_next(test, flow);
	KUNIT_EXPECT_MEMEQ(test, &flow->rk.before, &chain, sizeof(chain));
	/* packets of the old epoch prove nothing */
	ipcp_keyrot_observe(flow, test_epoch(flow, NEXT), true);
	KUNIT_EXPECT_MEMEQ(test, &flow->rk.before, &chain, sizeof(chain));
	ipcp_keyrot_observe(flow, test_newest(flow), false);
	KUNIT_EXPECT_TRUE(test, wiped(&flow->rk.before, sizeof(chain)));
	KUNIT_EXPECT_EQ(test, flow->rk.before_id, IPCP_CHAIN_FRESH);
}

static void the_initiator_keeps_only_the_newest_chain(struct kunit *test)
{
	struct ipcp_flow *flow = new_end(test, INITIATOR, true);

	KUNIT_EXPECT_TRUE(test, wiped(&flow->rk.before,
				      sizeof(flow->rk.before)));
	KUNIT_EXPECT_FALSE(test, wiped(&flow->rk.chain,
				       sizeof(flow->rk.chain)));
}

static void dropping_the_keys_wipes_all_chains(struct kunit *test)
{
	const enum test_role role = *(const enum test_role *)test->param_value;
	struct ipcp_flow *flow = new_end(test, role, true);
	u32 generation = flow->rk.drops;

	ipcp_keyrot_drop(flow);
	KUNIT_EXPECT_TRUE(test, wiped(&flow->rk.before,
				      sizeof(flow->rk.before)));
	KUNIT_EXPECT_TRUE(test, wiped(&flow->rk.chain, sizeof(flow->rk.chain)));
	KUNIT_EXPECT_EQ(test, flow->rk.chain_id, IPCP_CHAIN_FRESH);
	KUNIT_EXPECT_EQ(test, flow->rk.drops, generation + 1);
}

static void a_seed_of_another_generation_is_refused(struct kunit *test)
{
	const enum test_role role = *(const enum test_role *)test->param_value;
	struct ipcp_flow *flow = new_end(test, role, false);
	struct ipcp_delivery d = { .epoch = 77, .chain = IPCP_CHAIN_FRESH };

	d.generation = flow->rk.drops;
	ipcp_keyrot_drop(flow);
	d.exchange = next_exchange(test, flow, false);
	KUNIT_EXPECT_EQ(test, test_park_as(test, flow, 77, &d), -ESTALE);
	d.generation = flow->rk.drops;
	KUNIT_EXPECT_EQ(test, test_park_as(test, flow, 77, &d), 0);
}

/* Park a fresh seed while the flow has keys. */
static struct ipcp_epoch *recover(struct kunit *test, struct ipcp_flow *flow)
{
	struct ipcp_delivery d = {
		.epoch = flow->rk.newest + 1, .chain = IPCP_CHAIN_FRESH,
		.generation = flow->rk.drops,
		.exchange = next_exchange(test, flow, true),
	};

	KUNIT_ASSERT_EQ(test, test_park_as(test, flow, 77, &d), 0);
	return test_newest(flow);
}

static void older_epochs_stay_until_the_peer_uses_a_fresh_one(struct kunit *test)
{
	const enum test_role role = *(const enum test_role *)test->param_value;
	struct ipcp_flow *flow = new_end(test, role, false);
	struct ipcp_epoch *ep = recover(test, flow);

	test_keyrot(flow);
	KUNIT_EXPECT_NOT_NULL(test, test_epoch(flow, 0));
	KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), test_epoch(flow, NEXT));

	/* heard: the peer has no older keys, so the seed is taken at once */
	ipcp_keyrot_observe(flow, ep, false);
	KUNIT_EXPECT_FALSE(test, flow->rk.has_pending);
	KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), ep);
	test_keyrot(flow);
	KUNIT_EXPECT_NULL(test, test_epoch(flow, 0));
	KUNIT_EXPECT_NULL(test, test_epoch(flow, NEXT));
	KUNIT_EXPECT_PTR_EQ(test, test_newest(flow), ep);
}

static void a_claim_names_the_chain_and_the_generation(struct kunit *test)
{
	struct ipcp_flow *flow = new_end(test, INITIATOR, false);
	struct ipcp_claim claim;

	flow->rk.drops = 5;
	KUNIT_ASSERT_EQ(test, ipcp_registry_snapshot_rekey_due(test_net(),
							       flow->id, 0,
							       &claim, 1), 1);
	ipcp_flow_put(claim.flow);
	KUNIT_EXPECT_EQ(test, claim.chain, flow->rk.chain_id);
	KUNIT_EXPECT_EQ(test, claim.generation, flow->rk.drops);
	KUNIT_EXPECT_NE(test, claim.chain, IPCP_CHAIN_FRESH);
}

static void end_claim(struct kunit *test, struct ipcp_flow *flow, u32 exchange)
{
	KUNIT_ASSERT_EQ(test, ipcp_registry_clear_in_flight(flow, exchange, 0), 0);
}

static void lose_claim(struct kunit *test, struct ipcp_flow *flow, u32 exchange)
{
	flow->rk.retry_at = get_jiffies_64();	/* the time has passed */
}

static const struct fresh_case {
	const char *desc;
	void (*over)(struct kunit *test, struct ipcp_flow *flow, u32 exchange);
} freshes[] = {
	{ "a claim that ended", end_claim },
	{ "a claim that was lost", lose_claim },
};

KUNIT_ARRAY_PARAM_DESC(fresh, freshes, desc);

static void a_former_fresh_claim_permits_no_fresh_seed(struct kunit *test)
{
	const struct fresh_case *c = test->param_value;
	struct ipcp_flow *flow = new_end(test, INITIATOR, false);
	struct ipcp_delivery d = {
		.epoch = flow->rk.newest + 1, .chain = IPCP_CHAIN_FRESH,
		.generation = flow->rk.drops,
	};

	c->over(test, flow, next_exchange(test, flow, true));
	d.exchange = next_exchange(test, flow, false);
	KUNIT_EXPECT_EQ(test, test_park_as(test, flow, 77, &d), -ESTALE);
}

static struct kunit_case chain_test_cases[] = {
	KUNIT_CASE_PARAM(each_epoch_has_the_keys_of_the_vectors,
			 role_gen_params),
	KUNIT_CASE_PARAM(a_seed_is_mixed_with_the_chain_that_its_exchange_names,
			 naming_gen_params),
	KUNIT_CASE(a_replacement_does_not_continue_the_chain_it_replaces),
	KUNIT_CASE(the_responder_keeps_the_older_chain_until_the_peer_is_heard),
	KUNIT_CASE(the_initiator_keeps_only_the_newest_chain),
	KUNIT_CASE_PARAM(dropping_the_keys_wipes_all_chains, role_gen_params),
	KUNIT_CASE_PARAM(a_seed_of_another_generation_is_refused,
			 role_gen_params),
	KUNIT_CASE_PARAM(older_epochs_stay_until_the_peer_uses_a_fresh_one,
			 role_gen_params),
	KUNIT_CASE(a_claim_names_the_chain_and_the_generation),
	KUNIT_CASE_PARAM(a_former_fresh_claim_permits_no_fresh_seed,
			 fresh_gen_params),
	{}
};

static struct kunit_suite chain_test_suite = {
	.name = "ipcp_keyrot_chain",
	.test_cases = chain_test_cases,
};

kunit_test_suite(chain_test_suite);
