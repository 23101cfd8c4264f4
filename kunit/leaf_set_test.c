// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* The leaf keys of a node are taken in order, each at most once. */
#include "keysched.h"
#include "test_util.h"

#define KEY	sizeof(struct ipcp_key)

/* All bytes of key i are i + 1, so that no key looks wiped. */
static void fill(struct ipcp_leaf_set *ls, unsigned int node)
{
	unsigned int i;

	for (i = 0; i < IPCP_LEAVES; i++)
		memset(&ls->keys->key[i], i + 1, KEY);
	ipcp_leaf_set_fill(ls, node);
}

static struct ipcp_leaf_set *new_set(struct kunit *test)
{
	struct ipcp_leaf_set *ls = kunit_kzalloc(test, sizeof(*ls), GFP_KERNEL);
	struct ipcp_leaf_keys *keys =
		kunit_kmalloc(test, sizeof(*keys), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ls);
	KUNIT_ASSERT_NOT_NULL(test, keys);
	memset(keys, 0xa5, sizeof(*keys));
	ipcp_leaf_set_init(ls, keys);
	return ls;
}

static void expect_key(struct kunit *test, const struct ipcp_key *key,
		       unsigned int leaf)
{
	struct ipcp_key expected;

	memset(&expected, leaf + 1, KEY);
	KUNIT_EXPECT_MEMEQ_MSG(test, key, &expected, KEY, "leaf %u", leaf);
}

/* Expect wiped keys before @next, and intact keys from @next on. */
static void expect_left(struct kunit *test, const struct ipcp_leaf_set *ls,
			unsigned int next)
{
	unsigned int i;

	KUNIT_EXPECT_EQ(test, ls->next, next);
	KUNIT_EXPECT_TRUE(test, wiped(ls->keys, next * KEY));
	for (i = next; i < IPCP_LEAVES; i++)
		expect_key(test, &ls->keys->key[i], i);
}

static void a_new_set_is_empty(struct kunit *test)
{
	struct ipcp_leaf_set *ls = new_set(test);
	struct ipcp_key key = {};

	KUNIT_EXPECT_EQ(test, ls->node, -1);
	KUNIT_EXPECT_TRUE(test, wiped(ls->keys, sizeof(*ls->keys)));
	KUNIT_EXPECT_FALSE(test, ipcp_leaf_peek(ls, 0, &key));
	KUNIT_EXPECT_FALSE(test, ipcp_leaf_take(ls, IPCP_LEAVES - 1, &key));
	KUNIT_EXPECT_TRUE(test, wiped(&key, KEY));
}

static const struct take_case {
	const char *desc;
	unsigned int leaf[3];	/* in this order */
	unsigned int takes;
} take_cases[] = {
	{ "the first", { 0 }, 1 },
	{ "the first two", { 0, 1 }, 2 },
	{ "a jump", { 0, 40 }, 2 },
	{ "the last at once", { 63 }, 1 },
	{ "up to the last", { 1, 62, 63 }, 3 },
};

KUNIT_ARRAY_PARAM_DESC(take, take_cases, desc);

static void take_moves_a_key_and_wipes_all_earlier_keys(struct kunit *test)
{
	const struct take_case *c = test->param_value;
	struct ipcp_leaf_set *ls = new_set(test);
	struct ipcp_key key;
	unsigned int i;

	fill(ls, 0);
	for (i = 0; i < c->takes; i++) {
		KUNIT_EXPECT_TRUE(test, ipcp_leaf_take(ls, c->leaf[i], &key));
		expect_key(test, &key, c->leaf[i]);
		expect_left(test, ls, c->leaf[i] + 1);
	}
}

static void peek_copies_a_key_and_keeps_it(struct kunit *test)
{
	struct ipcp_leaf_set *ls = new_set(test);
	struct ipcp_key key;
	unsigned int i;

	fill(ls, 0);
	for (i = 0; i < IPCP_LEAVES; i++) {
		KUNIT_EXPECT_TRUE(test, ipcp_leaf_peek(ls, i, &key));
		expect_key(test, &key, i);
	}
	expect_left(test, ls, 0);
}

static void past_and_invalid_leaves_yield_no_key(struct kunit *test)
{
	static const unsigned int gone[] = { 0, 19, 20, IPCP_LEAVES, ~0U };
	struct ipcp_leaf_set *ls = new_set(test);
	struct ipcp_key key = {};
	unsigned int i;

	fill(ls, 0);
	KUNIT_ASSERT_TRUE(test, ipcp_leaf_take(ls, 20, &key));
	ipcp_key_wipe(&key);

	for (i = 0; i < ARRAY_SIZE(gone); i++) {
		KUNIT_EXPECT_FALSE(test, ipcp_leaf_peek(ls, gone[i], &key));
		KUNIT_EXPECT_FALSE(test, ipcp_leaf_take(ls, gone[i], &key));
	}
	KUNIT_EXPECT_TRUE(test, wiped(&key, KEY));
	expect_left(test, ls, 21);
}

static void a_wiped_set_is_zero_and_yields_no_key(struct kunit *test)
{
	struct ipcp_leaf_set none = {};
	struct ipcp_leaf_set *ls = new_set(test);
	struct ipcp_key key;

	fill(ls, 0);
	ipcp_leaf_set_wipe(ls);
	ipcp_leaf_set_wipe(&none);

	KUNIT_EXPECT_TRUE(test, wiped(ls->keys, sizeof(*ls->keys)));
	KUNIT_EXPECT_FALSE(test, ipcp_leaf_peek(ls, 0, &key));
	KUNIT_EXPECT_FALSE(test, ipcp_leaf_peek(&none, 0, &key));
}

static struct kunit_case leaf_set_test_cases[] = {
	KUNIT_CASE(a_new_set_is_empty),
	KUNIT_CASE_PARAM(take_moves_a_key_and_wipes_all_earlier_keys,
			 take_gen_params),
	KUNIT_CASE(peek_copies_a_key_and_keeps_it),
	KUNIT_CASE(past_and_invalid_leaves_yield_no_key),
	KUNIT_CASE(a_wiped_set_is_zero_and_yields_no_key),
	{}
};

static struct kunit_suite leaf_set_test_suite = {
	.name = "ipcp_leaf_set",
	.test_cases = leaf_set_test_cases,
};

kunit_test_suite(leaf_set_test_suite);
