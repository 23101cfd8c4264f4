// SPDX-License-Identifier: GPL-2.0
/*
 * Jumps: a receiver tries a leaf far ahead, on copies, for a packet that anybody
 * may have sent; once one authenticated, it goes there.
 */
#include "flow_util.h"
#include "test_util.h"
#include "vectors.h"

#define RX	IPCP_DIR_INITIATOR	/* of a responder */

static struct ipcp_epoch *new_epoch(struct kunit *test)
{
	struct ipcp_flow *flow =
		test_pending(test, RESPONDER,
			     IPCP_REKEY_CIPHER_CHACHA20_POLY1305);

	KUNIT_ASSERT_EQ(test, test_park(test, flow, 0, 0, 1), 0);
	return test_newest(flow);
}

static struct ipcp_leaf *find(struct ipcp_epoch *ep, unsigned int no)
{
	struct ipcp_leaf *leaf;

	rcu_read_lock();
	leaf = ipcp_leaf_find(&ep->leaves[RX], no);
	rcu_read_unlock();
	return leaf;
}

/* The leaf far ahead, with packets received under it. */
static struct ipcp_leaf *jump(struct kunit *test, struct ipcp_epoch *ep,
			      unsigned int no, u32 packets)
{
	struct ipcp_leaf *leaf;

	KUNIT_ASSERT_EQ(test, ipcp_leaf_try_jump(ep, no), 0);
	leaf = find(ep, no);
	KUNIT_ASSERT_NOT_NULL(test, leaf);
	for (u32 seq = 0; seq < packets; seq++)
		KUNIT_EXPECT_EQ(test, ipcp_replay_commit(leaf->replay, seq),
				IPCP_DROP_NONE);
	return leaf;
}

static const struct where_case {
	const char *desc;
	unsigned int no;
} wheres[] = {
	{ "the next but one", 2 },
	{ "the end of the node", 63 },
	{ "the next node", 64 },
	{ "the last leaf", IPCP_LEAF_TOTAL - 1 },
};

KUNIT_ARRAY_PARAM_DESC(where, wheres, desc);

static void a_jump_has_the_key_and_changes_nothing_else(struct kunit *test)
{
	const struct where_case *c = test->param_value;
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaf *cur = test_leaf(&ep->leaves[RX].cur);
	struct ipcp_leaf_set set = ep->leaves[RX].set;
	struct ipcp_keysched ks = ep->ks;
	struct ipcp_leaf *leaf = jump(test, ep, c->no, 0);
	u8 state[IPCP_NODES];

	memcpy(state, ks.state, sizeof(state));
	for (unsigned int i = 0; i < ARRAY_SIZE(leaf_vectors); i++) {
		const struct leaf_vector *v = &leaf_vectors[i];

		if (v->dir == RX && v->node * IPCP_LEAVES + v->leaf == c->no)
			KUNIT_EXPECT_MEMEQ(test, &leaf->aead.key,
					   unhex_len(test, v->key, IPCP_KEY_LEN),
					   IPCP_KEY_LEN);
	}
	KUNIT_EXPECT_PTR_EQ(test, test_leaf(&ep->leaves[RX].cur), cur);
	KUNIT_EXPECT_EQ(test, ep->leaves[RX].set.node, set.node);
	KUNIT_EXPECT_EQ(test, ep->leaves[RX].set.next, set.next);
	KUNIT_EXPECT_EQ(test, ep->ks.entered[RX], ks.entered[RX]);
	KUNIT_EXPECT_MEMEQ(test, ep->ks.state, state, sizeof(state));
}

static void a_leaf_that_is_there_needs_no_jump(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaf *leaf = jump(test, ep, 100, 0);

	KUNIT_EXPECT_EQ(test, ipcp_leaf_try_jump(ep, 0), 0);
	KUNIT_EXPECT_EQ(test, ipcp_leaf_try_jump(ep, 100), 0);
	KUNIT_EXPECT_PTR_EQ(test, find(ep, 100), leaf);
	KUNIT_EXPECT_PTR_EQ(test, test_leaf(&ep->leaves[RX].jump[0]), leaf);
	KUNIT_EXPECT_NULL(test, test_leaf(&ep->leaves[RX].jump[1]));
}

/* What nothing was received under makes room: it can be derived anew. */
static void forged_jumps_make_room(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);

	for (unsigned int no = 10; no < 200; no += 10) {
		jump(test, ep, no, 0);
		KUNIT_EXPECT_NOT_NULL(test, find(ep, no));
	}
	/* the oldest went first */
	for (unsigned int no = 10; no < 200; no += 10)
		KUNIT_EXPECT_EQ(test, !!find(ep, no),
				no > 190 - 10 * IPCP_JUMP_LEAVES);
}

static void there_is_room_before_one_is_given_up(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);

	for (unsigned int no = 10; no < 10 + IPCP_JUMP_LEAVES; no++)
		jump(test, ep, no, 0);
	for (unsigned int no = 10; no < 10 + IPCP_JUMP_LEAVES; no++)
		KUNIT_EXPECT_NOT_NULL(test, find(ep, no));
}

static void what_makes_room_is_not_received_under(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaf *first, *leaf;

	first = jump(test, ep, 10, 0);
	for (unsigned int no = 11; no < 10 + IPCP_JUMP_LEAVES; no++)
		jump(test, ep, no, 0);
	rcu_read_lock();
	KUNIT_EXPECT_EQ(test, ipcp_leaf_lookup(ep, RX, 10, &leaf), 0);
	rcu_read_unlock();
	KUNIT_ASSERT_PTR_EQ(test, leaf, first);
	jump(test, ep, 100, 0);
	KUNIT_EXPECT_NULL(test, find(ep, 10));
	KUNIT_EXPECT_TRUE(test, leaf->abandoned);
	KUNIT_EXPECT_TRUE(test, leaf->retired);
	ipcp_leaf_put(leaf);
}

static void jumps_that_were_received_under_stay(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);

	for (unsigned int no = 10; no < 10 + IPCP_JUMP_LEAVES; no++)
		jump(test, ep, no, 1);
	KUNIT_EXPECT_EQ(test, ipcp_leaf_try_jump(ep, 100), -ENOSPC);
	for (unsigned int no = 10; no < 10 + IPCP_JUMP_LEAVES; no++) {
		KUNIT_EXPECT_NOT_NULL(test, find(ep, no));
		KUNIT_EXPECT_FALSE(test, find(ep, no)->abandoned);
	}
}

static void going_to_a_jump_leaves_what_is_before_behind(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaf *leaf;

	KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(ep, RX), 0);
	jump(test, ep, 70, 1);
	leaf = jump(test, ep, 90, 1);
	jump(test, ep, 110, 1);
	KUNIT_EXPECT_TRUE(test, test_advance(ep, RX, leaf));

	KUNIT_EXPECT_PTR_EQ(test, test_leaf(&ep->leaves[RX].cur), leaf);
	KUNIT_EXPECT_EQ(test, test_leaf(&ep->leaves[RX].prev)->no, 0);
	KUNIT_EXPECT_NULL(test, find(ep, 1));
	KUNIT_EXPECT_NULL(test, find(ep, 70));
	KUNIT_EXPECT_NOT_NULL(test, find(ep, 110));
	KUNIT_EXPECT_EQ(test, ipcp_leaf_try_jump(ep, 70), -EKEYEXPIRED);

	/* and of the keys before it nothing is left once the next is there */
	KUNIT_EXPECT_EQ(test, ipcp_leaf_prepare(ep, RX), 0);
	KUNIT_EXPECT_EQ(test, test_leaf(&ep->leaves[RX].next)->no, 91);
	KUNIT_EXPECT_EQ(test, ep->leaves[RX].set.node, 1);
	KUNIT_EXPECT_EQ(test, ep->leaves[RX].set.next, 91 - 64 + 1);
	KUNIT_EXPECT_EQ(test, ep->ks.entered[RX], 1);
}

/* Derived anew it would let pass again what it had let pass. */
static void a_jump_that_becomes_the_next_leaf_keeps_its_window(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaf *leaf = jump(test, ep, 1, 3);

	KUNIT_EXPECT_EQ(test, ipcp_leaf_prepare(ep, RX), 0);
	KUNIT_EXPECT_PTR_EQ(test, test_leaf(&ep->leaves[RX].next), leaf);
	KUNIT_EXPECT_PTR_EQ(test, find(ep, 1), leaf);
	KUNIT_EXPECT_NULL(test, test_leaf(&ep->leaves[RX].jump[0]));
	KUNIT_EXPECT_EQ(test, ipcp_replay_check(leaf->replay, 2),
			IPCP_DROP_REPLAY);
	test_advance(ep, RX, leaf);
	KUNIT_EXPECT_PTR_EQ(test, test_leaf(&ep->leaves[RX].cur), leaf);
}

static void a_jump_from_a_jump_works(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);

	for (unsigned int no = 50; no < IPCP_LEAF_TOTAL; no += 777) {
		struct ipcp_leaf *leaf = jump(test, ep, no, 1);

		KUNIT_EXPECT_TRUE(test, test_advance(ep, RX, leaf));
		KUNIT_EXPECT_EQ(test, ipcp_leaf_prepare(ep, RX), 0);
		KUNIT_EXPECT_NOT_NULL(test, find(ep, no + 1));
	}
}

static struct kunit_case jump_test_cases[] = {
	KUNIT_CASE_PARAM(a_jump_has_the_key_and_changes_nothing_else,
			 where_gen_params),
	KUNIT_CASE(a_leaf_that_is_there_needs_no_jump),
	KUNIT_CASE(forged_jumps_make_room),
	KUNIT_CASE(there_is_room_before_one_is_given_up),
	KUNIT_CASE(what_makes_room_is_not_received_under),
	KUNIT_CASE(jumps_that_were_received_under_stay),
	KUNIT_CASE(going_to_a_jump_leaves_what_is_before_behind),
	KUNIT_CASE(a_jump_that_becomes_the_next_leaf_keeps_its_window),
	KUNIT_CASE(a_jump_from_a_jump_works),
	{}
};

static struct kunit_suite jump_test_suite = {
	.name = "ipcp_leaf_jump",
	.test_cases = jump_test_cases,
};

kunit_test_suite(jump_test_suite);
