// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Key schedule: test vectors and wiping. Once a direction has entered a node,
 * no byte is left from which its past keys could be derived.
 */
#include <crypto/sha2.h>

#include "keysched.h"
#include "test_util.h"
#include "vectors.h"

static_assert(IPCP_NODES == VECTOR_NODES);
static_assert(IPCP_LEAVES == VECTOR_LEAVES);
static_assert(IPCP_LEAF_SHIFT == VECTOR_LEAF_PACKETS_SHIFT);

/* Create the schedule of the vectors' root seed. */
static struct ipcp_keysched *new_schedule(struct kunit *test)
{
	struct ipcp_keysched *ks = kunit_kzalloc(test, sizeof(*ks), GFP_KERNEL);
	struct ipcp_node_keys *nodes =
		kunit_kzalloc(test, sizeof(*nodes), GFP_KERNEL);
	struct ipcp_root root;

	KUNIT_ASSERT_NOT_NULL(test, ks);
	KUNIT_ASSERT_NOT_NULL(test, nodes);
	memcpy(root.bytes, unhex_len(test, vector_root, sizeof(root)),
	       sizeof(root));
	ipcp_keysched_init(ks, nodes, &root);
	KUNIT_EXPECT_TRUE(test, wiped(&root, sizeof(root)));
	return ks;
}

static struct ipcp_leaf_keys *new_leaves(struct kunit *test)
{
	struct ipcp_leaf_keys *leaves =
		kunit_kzalloc(test, sizeof(*leaves), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, leaves);
	return leaves;
}

static bool holds(const struct ipcp_keysched *ks, const struct ipcp_key *key)
{
	const u8 *mem = (const u8 *)ks->nodes;
	size_t i;

	for (i = 0; i <= sizeof(*ks->nodes) - sizeof(*key); i++)
		if (!memcmp(mem + i, key, sizeof(*key)))
			return true;
	return false;
}

static void describe_chain(const struct chain_vector *v, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "epoch %td", v - chain_vectors);
}

KUNIT_ARRAY_PARAM(chain, chain_vectors, describe_chain);

static void a_seed_is_mixed_with_the_previous_chain(struct kunit *test)
{
	const struct chain_vector *v = test->param_value;
	struct ipcp_chain chain = {}, next;
	struct ipcp_seed seed;
	struct ipcp_root root;
	u64 id;

	if (v > chain_vectors)
		memcpy(&chain, unhex_len(test, v[-1].chain, sizeof(chain)),
		       sizeof(chain));
	memcpy(&seed, unhex_len(test, v->seed, sizeof(seed)), sizeof(seed));
	ipcp_chain_mix(&root, &chain, &seed);
	ipcp_chain_next(&next, &root);
	id = ipcp_chain_id(&next);

	KUNIT_EXPECT_TRUE(test, wiped(&seed, sizeof(seed)));
	KUNIT_EXPECT_MEMEQ(test, &root, unhex_len(test, v->root, sizeof(root)),
			   sizeof(root));
	KUNIT_EXPECT_MEMEQ(test, &next, unhex_len(test, v->chain, sizeof(next)),
			   sizeof(next));
	KUNIT_EXPECT_MEMEQ(test, &id, unhex_len(test, v->id, sizeof(id)),
			   sizeof(id));
}

static void root_expands_to_the_nodes_of_the_vectors(struct kunit *test)
{
	struct ipcp_keysched *ks = new_schedule(test);
	u8 digest[SHA256_DIGEST_SIZE];
	unsigned int i;

	sha256((u8 *)ks->nodes, sizeof(*ks->nodes), digest);
	KUNIT_EXPECT_MEMEQ(test, digest,
			   unhex_len(test, vector_nodes_sha256, sizeof(digest)),
			   sizeof(digest));
	for (i = 0; i < ARRAY_SIZE(node_vectors); i++)
		KUNIT_EXPECT_MEMEQ(test, &ks->nodes->key[node_vectors[i].node],
				   unhex_len(test, node_vectors[i].key,
					     IPCP_KEY_LEN), IPCP_KEY_LEN);
	KUNIT_EXPECT_EQ(test, ks->entered[0], -1);
	KUNIT_EXPECT_EQ(test, ks->entered[1], -1);
}

static void describe_fork(const struct fork_vector *v, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "node %u direction %u", v->node,
		 v->dir);
}

KUNIT_ARRAY_PARAM(fork, fork_vectors, describe_fork);

/* When a direction enters a node, the other's fork replaces the node key. */
static void entering_a_node_leaves_the_fork_of_the_other_direction(struct kunit *test)
{
	const struct fork_vector *v = test->param_value;
	struct ipcp_keysched *ks = new_schedule(test);
	struct ipcp_key node = ks->nodes->key[v->node];

	ipcp_keysched_enter(ks, !v->dir, v->node);

	KUNIT_EXPECT_MEMEQ(test, &ks->nodes->key[v->node],
			   unhex_len(test, v->key, IPCP_KEY_LEN), IPCP_KEY_LEN);
	KUNIT_EXPECT_EQ(test, ks->state[v->node],
			v->dir ? IPCP_SLOT_FORK_1 : IPCP_SLOT_FORK_0);
	KUNIT_EXPECT_FALSE(test, holds(ks, &node));
}

static void describe_leaf(const struct leaf_vector *v, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "direction %u node %u leaf %u",
		 v->dir, v->node, v->leaf);
}

KUNIT_ARRAY_PARAM(leaf, leaf_vectors, describe_leaf);

static void expect_leaf(struct kunit *test, struct ipcp_keysched *ks,
			const struct leaf_vector *v)
{
	struct ipcp_leaf_keys *leaves = new_leaves(test);

	KUNIT_ASSERT_TRUE(test, ipcp_keysched_peek(ks, v->dir, v->node, leaves));
	KUNIT_EXPECT_MEMEQ(test, &leaves->key[v->leaf],
			   unhex_len(test, v->key, IPCP_KEY_LEN), IPCP_KEY_LEN);
}

static void node_expands_to_the_leaves_of_the_vectors(struct kunit *test)
{
	expect_leaf(test, new_schedule(test), test->param_value);
}

static void leaves_do_not_depend_on_the_other_direction(struct kunit *test)
{
	const struct leaf_vector *v = test->param_value;
	struct ipcp_keysched *ks = new_schedule(test);

	ipcp_keysched_enter(ks, !v->dir, IPCP_NODES - 1);

	expect_leaf(test, ks, v);
}

static void leaves_do_not_depend_on_skipped_nodes(struct kunit *test)
{
	const struct leaf_vector *v = test->param_value;
	struct ipcp_keysched *ks = new_schedule(test);

	if (v->node > 0)
		ipcp_keysched_enter(ks, v->dir, v->node - 1);
	if (v->node > 1)
		ipcp_keysched_enter(ks, !v->dir, v->node - 2);

	expect_leaf(test, ks, v);
}

static void peek_changes_nothing(struct kunit *test)
{
	struct ipcp_keysched *ks = new_schedule(test);
	struct ipcp_leaf_keys *leaves = new_leaves(test);
	struct ipcp_node_keys *nodes =
		kunit_kzalloc(test, sizeof(*nodes), GFP_KERNEL);
	struct ipcp_keysched before;

	KUNIT_ASSERT_NOT_NULL(test, nodes);
	ipcp_keysched_enter(ks, 0, 3);
	before = *ks;
	*nodes = *ks->nodes;

	KUNIT_EXPECT_TRUE(test, ipcp_keysched_peek(ks, 0, 4, leaves));
	KUNIT_EXPECT_TRUE(test, ipcp_keysched_peek(ks, 0, 127, leaves));
	KUNIT_EXPECT_TRUE(test, ipcp_keysched_peek(ks, 1, 0, leaves));
	KUNIT_EXPECT_TRUE(test, ipcp_keysched_peek(ks, 1, 3, leaves));
	KUNIT_EXPECT_FALSE(test, ipcp_keysched_peek(ks, 0, 3, leaves));

	KUNIT_EXPECT_MEMEQ(test, ks, &before, sizeof(before));
	KUNIT_EXPECT_MEMEQ(test, ks->nodes, nodes, sizeof(*nodes));
}

static const struct refused_case {
	const char *desc;
	int entered[IPCP_DIRS];	/* -1: not yet */
	unsigned int dir;
	unsigned int node;
	bool refused;
} refused_cases[] = {
	{ "first node of a new epoch", { -1, -1 }, 0, 0, false },
	{ "last node of a new epoch", { -1, -1 }, 1, IPCP_NODES - 1, false },
	{ "entered node", { 0, -1 }, 0, 0, true },
	{ "node before the one entered", { 9, -1 }, 0, 8, true },
	{ "first node after the last was entered", { 127, -1 }, 0, 0, true },
	{ "next node", { 9, -1 }, 0, 10, false },
	{ "node entered by the other direction", { 9, -1 }, 1, 9, false },
	{ "node entered by both directions", { 9, 9 }, 1, 9, true },
	{ "no such node", { -1, -1 }, 0, IPCP_NODES, true },
	{ "no such direction", { -1, -1 }, IPCP_DIRS, 0, true },
	{ "past the last node", { 127, 127 }, 1, IPCP_NODES, true },
};

KUNIT_ARRAY_PARAM_DESC(refused, refused_cases, desc);

static void peek_refuses_past_and_invalid_nodes(struct kunit *test)
{
	const struct refused_case *c = test->param_value;
	struct ipcp_keysched *ks = new_schedule(test);
	struct ipcp_leaf_keys *leaves = new_leaves(test);
	unsigned int dir;

	for (dir = 0; dir < IPCP_DIRS; dir++)
		if (c->entered[dir] >= 0)
			ipcp_keysched_enter(ks, dir, c->entered[dir]);

	KUNIT_EXPECT_EQ(test, ipcp_keysched_peek(ks, c->dir, c->node, leaves),
			!c->refused);
	KUNIT_EXPECT_EQ(test, wiped(leaves, sizeof(*leaves)), c->refused);
}

/* The moves of both directions, in order. */
struct step {
	unsigned int dir;
	unsigned int node;
};

static const struct walk {
	const char *desc;
	struct step step[4];
	unsigned int steps;
} walks[] = {
	{ "one direction, first node", { { 0, 0 } }, 1 },
	{ "one direction, last node at once", { { 1, 127 } }, 1 },
	{ "one direction, three nodes", { { 0, 0 }, { 0, 1 }, { 0, 2 } }, 3 },
	{ "both, the same node", { { 0, 5 }, { 1, 5 } }, 2 },
	{ "both, the second one behind", { { 0, 9 }, { 1, 4 } }, 2 },
	{ "both, the second one ahead", { { 0, 4 }, { 1, 9 } }, 2 },
	{ "overtaking", { { 0, 4 }, { 1, 9 }, { 0, 60 }, { 1, 60 } }, 4 },
	{ "to the end", { { 0, 127 }, { 1, 0 }, { 1, 127 } }, 3 },
	{ "the same node again", { { 0, 7 }, { 0, 7 }, { 1, 7 } }, 3 },
	{ "not backwards", { { 0, 7 }, { 0, 3 }, { 1, 2 }, { 1, 0 } }, 4 },
};

KUNIT_ARRAY_PARAM_DESC(walk, walks, desc);

/* Return: the fork of direction @dir at node @node, in a new schedule. */
static struct ipcp_key fork_of(struct kunit *test, unsigned int dir,
			       unsigned int node)
{
	struct ipcp_keysched *ks = new_schedule(test);

	ipcp_keysched_enter(ks, !dir, node);
	return ks->nodes->key[node];
}

static void expect_slot(struct kunit *test, const struct ipcp_keysched *ks,
			const struct ipcp_keysched *fresh, const int past[2],
			unsigned int node)
{
	bool is_past[2] = { past[0] >= (int)node, past[1] >= (int)node };
	const struct ipcp_key *slot = &ks->nodes->key[node];
	struct ipcp_key fork;

	if (is_past[0] && is_past[1]) {
		KUNIT_EXPECT_TRUE_MSG(test, wiped(slot, sizeof(*slot)),
				      "node %u", node);
	} else if (is_past[0] || is_past[1]) {
		fork = fork_of(test, is_past[0], node);
		KUNIT_EXPECT_MEMEQ_MSG(test, slot, &fork, sizeof(fork),
				       "node %u", node);
	} else {
		KUNIT_EXPECT_MEMEQ_MSG(test, slot, &fresh->nodes->key[node],
				       sizeof(*slot), "node %u", node);
	}
}

/*
 * Check each slot: the node key if no direction entered the node, the other's
 * fork if one direction did, zeros if both did. A slot has no room for anything
 * else, so the past of each direction is wiped, whatever the other does.
 */
static void each_direction_wipes_its_own_past_keys(struct kunit *test)
{
	const struct walk *walk = test->param_value;
	struct ipcp_keysched *ks = new_schedule(test);
	const struct ipcp_keysched *fresh = new_schedule(test);
	int past[2] = { -1, -1 };
	unsigned int i;

	for (i = 0; i < walk->steps; i++) {
		const struct step *step = &walk->step[i];

		ipcp_keysched_enter(ks, step->dir, step->node);
		past[step->dir] = max_t(int, past[step->dir], step->node);
	}

	for (i = 0; i < IPCP_NODES; i++)
		expect_slot(test, ks, fresh, past, i);
	KUNIT_EXPECT_EQ(test, ks->entered[0], past[0]);
	KUNIT_EXPECT_EQ(test, ks->entered[1], past[1]);
}

static void a_wiped_schedule_is_zero_and_yields_no_keys(struct kunit *test)
{
	struct ipcp_keysched *ks = new_schedule(test);
	struct ipcp_node_keys *nodes = ks->nodes;
	struct ipcp_leaf_keys *leaves = new_leaves(test);

	ipcp_keysched_enter(ks, 0, 2);
	ipcp_keysched_wipe(ks);

	KUNIT_EXPECT_TRUE(test, wiped(nodes, sizeof(*nodes)));
	KUNIT_EXPECT_NULL(test, ks->nodes);
	KUNIT_EXPECT_FALSE(test, ipcp_keysched_peek(ks, 0, 3, leaves));
	KUNIT_EXPECT_FALSE(test, ipcp_keysched_peek(ks, 1, 0, leaves));
	KUNIT_EXPECT_TRUE(test, wiped(leaves, sizeof(*leaves)));
	ipcp_keysched_enter(ks, 1, 5);	/* no effect without nodes */
	ipcp_keysched_wipe(ks);
}

static void a_zeroed_schedule_can_be_wiped(struct kunit *test)
{
	struct ipcp_keysched ks = {};
	struct ipcp_leaf_keys *leaves = new_leaves(test);

	ipcp_keysched_wipe(&ks);

	KUNIT_EXPECT_FALSE(test, ipcp_keysched_peek(&ks, 0, 1, leaves));
}

static struct kunit_case keysched_test_cases[] = {
	KUNIT_CASE_PARAM(a_seed_is_mixed_with_the_previous_chain,
			 chain_gen_params),
	KUNIT_CASE(root_expands_to_the_nodes_of_the_vectors),
	KUNIT_CASE_PARAM(entering_a_node_leaves_the_fork_of_the_other_direction,
			 fork_gen_params),
	KUNIT_CASE_PARAM(node_expands_to_the_leaves_of_the_vectors,
			 leaf_gen_params),
	KUNIT_CASE_PARAM(leaves_do_not_depend_on_the_other_direction,
			 leaf_gen_params),
	KUNIT_CASE_PARAM(leaves_do_not_depend_on_skipped_nodes,
			 leaf_gen_params),
	KUNIT_CASE(peek_changes_nothing),
	KUNIT_CASE_PARAM(peek_refuses_past_and_invalid_nodes,
			 refused_gen_params),
	KUNIT_CASE_PARAM(each_direction_wipes_its_own_past_keys,
			 walk_gen_params),
	KUNIT_CASE(a_wiped_schedule_is_zero_and_yields_no_keys),
	KUNIT_CASE(a_zeroed_schedule_can_be_wiped),
	{}
};

static struct kunit_suite keysched_test_suite = {
	.name = "ipcp_keysched",
	.test_cases = keysched_test_cases,
};

kunit_test_suite(keysched_test_suite);
