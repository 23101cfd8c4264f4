// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Jumps: a receiver derives a leaf far ahead on copies of its keys, since any
 * host may have sent the packet. Once a packet of the leaf authenticates, the
 * receiver moves to the leaf.
 */
#include "flow_util.h"
#include "leaf.h"
#include "test_util.h"
#include "vectors.h"

#define RX	IPCP_DIR_INITIATOR	/* the responder's receive direction */

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

static struct ipcp_leaf *derive(struct kunit *test, struct ipcp_epoch *ep,
				unsigned int no)
{
	struct ipcp_leaf *leaf = ipcp_leaf_derive_jump(ep, no);

	KUNIT_ASSERT_FALSE(test, IS_ERR(leaf));
	KUNIT_EXPECT_EQ(test, leaf->no, no);
	return leaf;
}

/* Derive a leaf, and receive an authentic packet of the leaf. */
static struct ipcp_leaf *jump(struct kunit *test, struct ipcp_epoch *ep,
			      unsigned int no)
{
	struct ipcp_leaf *leaf = derive(test, ep, no);

	KUNIT_ASSERT_TRUE(test, test_use(ep, RX, leaf));
	return leaf;
}

static const struct where_case {
	const char *desc;
	unsigned int no;
} wheres[] = {
	{ "the next leaf but one", 2 },
	{ "the last leaf of the node", 63 },
	{ "the first leaf of the next node", 64 },
	{ "the last leaf", IPCP_LEAF_TOTAL - 1 },
};

KUNIT_ARRAY_PARAM_DESC(where, wheres, desc);

static void deriving_a_jump_gives_the_key_and_changes_no_state(struct kunit *test)
{
	const struct where_case *c = test->param_value;
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaf *cur = test_leaf(&ep->leaves[RX].cur);
	struct ipcp_leaf_set set = ep->leaves[RX].set;
	struct ipcp_keysched ks = ep->ks;
	struct ipcp_leaf *leaf = derive(test, ep, c->no);

	for (unsigned int i = 0; i < ARRAY_SIZE(flow_leaf_vectors); i++) {
		const struct flow_leaf_vector *v = &flow_leaf_vectors[i];

		if (v->dir == RX && v->node * IPCP_LEAVES + v->leaf == c->no)
			KUNIT_EXPECT_MEMEQ(test, &leaf->aead.key,
					   unhex_len(test, v->key, IPCP_KEY_LEN),
					   IPCP_KEY_LEN);
	}
	ipcp_leaf_free(leaf);
	KUNIT_EXPECT_NULL(test, find(ep, c->no));
	KUNIT_EXPECT_PTR_EQ(test, test_leaf(&ep->leaves[RX].cur), cur);
	KUNIT_EXPECT_EQ(test, ep->leaves[RX].set.node, set.node);
	KUNIT_EXPECT_EQ(test, ep->leaves[RX].set.next, set.next);
	KUNIT_EXPECT_EQ(test, ep->ks.entered[RX], ks.entered[RX]);
	KUNIT_EXPECT_MEMEQ(test, ep->ks.state, ks.state, sizeof(ks.state));
}

static void a_jump_is_found_only_after_an_authentic_packet(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaf *leaf = derive(test, ep, 100);

	KUNIT_EXPECT_NULL(test, find(ep, 100));
	KUNIT_EXPECT_TRUE(test, test_use(ep, RX, leaf));
	KUNIT_EXPECT_PTR_EQ(test, find(ep, 100), leaf);
}

static void a_jump_to_the_current_or_an_older_leaf_fails(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);

	jump(test, ep, 100);
	for (unsigned int no = 0; no <= 100; no += 50)
		KUNIT_EXPECT_EQ(test, PTR_ERR(ipcp_leaf_derive_jump(ep, no)),
				-EKEYEXPIRED);
}

static void a_far_jump_retires_all_leaves_before_it(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaf *leaf;

	KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(ep, RX), 0);
	leaf = jump(test, ep, 90);
	KUNIT_EXPECT_PTR_EQ(test, test_leaf(&ep->leaves[RX].cur), leaf);
	KUNIT_EXPECT_NULL(test, test_leaf(&ep->leaves[RX].prev));
	KUNIT_EXPECT_NULL(test, find(ep, 0));
	KUNIT_EXPECT_NULL(test, find(ep, 1));

	/* and no earlier key is left once the next leaf is prepared */
	KUNIT_EXPECT_TRUE(test, ipcp_leaf_next_due(ep, RX));
	KUNIT_EXPECT_EQ(test, ipcp_leaf_prepare(ep, RX), 0);
	KUNIT_EXPECT_EQ(test, test_leaf(&ep->leaves[RX].next)->no, 91);
	KUNIT_EXPECT_EQ(test, ep->leaves[RX].set.node, 1);
	KUNIT_EXPECT_EQ(test, ep->leaves[RX].set.next, 91 - 64 + 1);
	KUNIT_EXPECT_EQ(test, ep->ks.entered[RX], 1);
}

/* Packets that the jump overtook may be of the leaf just before. */
static void a_jump_over_the_next_leaf_keeps_the_next_leaf(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaf *next;

	KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(ep, RX), 0);
	next = test_leaf(&ep->leaves[RX].next);
	jump(test, ep, 2);
	KUNIT_EXPECT_PTR_EQ(test, find(ep, 1), next);
	KUNIT_EXPECT_NULL(test, find(ep, 0));
}

static void a_jump_that_another_jump_overtook_is_refused(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaf *late = derive(test, ep, 5);
	struct ipcp_leaf *same = derive(test, ep, 9);
	struct ipcp_leaf *leaf = jump(test, ep, 9);

	KUNIT_EXPECT_FALSE(test, test_use(ep, RX, late));
	KUNIT_EXPECT_FALSE(test, test_use(ep, RX, same));
	KUNIT_EXPECT_PTR_EQ(test, find(ep, 9), leaf);
	KUNIT_EXPECT_NULL(test, find(ep, 5));
	ipcp_leaf_free(late);
	ipcp_leaf_free(same);
}

static void a_jump_can_follow_another_jump(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);

	for (unsigned int no = 50; no < IPCP_LEAF_TOTAL - 1; no += 777) {
		jump(test, ep, no);
		KUNIT_EXPECT_EQ(test, ipcp_leaf_prepare(ep, RX), 0);
		KUNIT_EXPECT_NOT_NULL(test, find(ep, no + 1));
	}
}

static struct kunit_case jump_test_cases[] = {
	KUNIT_CASE_PARAM(deriving_a_jump_gives_the_key_and_changes_no_state,
			 where_gen_params),
	KUNIT_CASE(a_jump_is_found_only_after_an_authentic_packet),
	KUNIT_CASE(a_jump_to_the_current_or_an_older_leaf_fails),
	KUNIT_CASE(a_far_jump_retires_all_leaves_before_it),
	KUNIT_CASE(a_jump_over_the_next_leaf_keeps_the_next_leaf),
	KUNIT_CASE(a_jump_that_another_jump_overtook_is_refused),
	KUNIT_CASE(a_jump_can_follow_another_jump),
	{}
};

static struct kunit_suite jump_test_suite = {
	.name = "ipcp_leaf_jump",
	.test_cases = jump_test_cases,
};

kunit_test_suite(jump_test_suite);
