// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Leaf keys in use: prepared ahead, found by number, retired in order. The keys
 * are those of the vectors' flow, seed 0.
 */
#include "flow_util.h"
#include "heap.h"
#include "leaf.h"
#include "test_util.h"
#include "vectors.h"

#define LAST	(IPCP_LEAF_TOTAL - 1)
#define RX	IPCP_DIR_INITIATOR	/* the responder receives in it */
#define TX	IPCP_DIR_RESPONDER

/* Create the first epoch of a responder, which receives in direction 0. */
static struct ipcp_epoch *new_epoch(struct kunit *test)
{
	struct ipcp_flow *flow =
		test_pending(test, RESPONDER,
			     IPCP_REKEY_CIPHER_CHACHA20_POLY1305);

	KUNIT_ASSERT_EQ(test, test_park(test, flow, 0, 0, 1), 0);
	return test_newest(flow);
}

/*
 * Look up a leaf. Return: 0 or a negative errno; for the sending direction,
 * -ENOENT is the only error.
 */
static int found(struct kunit *test, struct ipcp_epoch *ep, unsigned int dir,
		 unsigned int no)
{
	struct ipcp_leaf *leaf = NULL;
	int err = 0;

	rcu_read_lock();
	if (dir == RX)
		err = ipcp_leaf_lookup(ep, no, &leaf);
	else
		leaf = ipcp_leaf_find(&ep->leaves[dir], no);
	rcu_read_unlock();
	if (dir == RX)
		KUNIT_EXPECT_EQ(test, !err, !!leaf);
	if (leaf)
		KUNIT_EXPECT_EQ(test, leaf->no, no);
	return leaf ? 0 : err ?: -ENOENT;
}

/* Use a leaf. Derive it unless it is prepared. */
static void go_to(struct kunit *test, struct ipcp_epoch *ep, unsigned int dir,
		  unsigned int no)
{
	struct ipcp_leaf *leaf;

	rcu_read_lock();
	leaf = ipcp_leaf_find(&ep->leaves[dir], no);
	rcu_read_unlock();
	if (!leaf)
		leaf = ipcp_leaf_derive_jump(ep, no);
	KUNIT_ASSERT_FALSE(test, IS_ERR(leaf));
	KUNIT_ASSERT_TRUE(test, test_use(ep, dir, leaf));
	KUNIT_EXPECT_PTR_EQ(test, test_leaf(&ep->leaves[dir].cur), leaf);
}

static void step(struct kunit *test, struct ipcp_epoch *ep, unsigned int dir)
{
	unsigned int no = test_leaf(&ep->leaves[dir].cur)->no;

	KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(ep, dir), 0);
	go_to(test, ep, dir, no + 1);
}

static void an_epoch_begins_with_its_first_leaf(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);

	for (int dir = 0; dir < IPCP_DIRS; dir++) {
		KUNIT_EXPECT_EQ(test, found(test, ep, dir, 0), 0);
		KUNIT_EXPECT_EQ(test, ep->leaves[dir].used, 1);
	}
	KUNIT_EXPECT_EQ(test, found(test, ep, RX, 1), -EAGAIN);
	KUNIT_EXPECT_EQ(test, found(test, ep, RX, 2), -ERANGE);
	KUNIT_EXPECT_EQ(test, found(test, ep, RX, LAST), -ERANGE);
	KUNIT_EXPECT_EQ(test, found(test, ep, TX, 1), -ENOENT);
}

static void the_next_leaf_is_prepared_once(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaf *next;

	KUNIT_EXPECT_EQ(test, ipcp_leaf_prepare(ep, 0), 0);
	next = test_leaf(&ep->leaves[0].next);
	KUNIT_ASSERT_NOT_NULL(test, next);
	KUNIT_EXPECT_EQ(test, next->no, 1);
	KUNIT_EXPECT_EQ(test, found(test, ep, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, ipcp_leaf_prepare(ep, 0), 0);
	KUNIT_EXPECT_PTR_EQ(test, test_leaf(&ep->leaves[0].next), next);
	KUNIT_EXPECT_EQ(test, test_leaf(&ep->leaves[0].cur)->no, 0);
	KUNIT_EXPECT_NULL(test, test_leaf(&ep->leaves[1].next));
}

static const struct flow_leaf_vector *vector_of(unsigned int dir, unsigned int no)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(flow_leaf_vectors); i++)
		if (flow_leaf_vectors[i].dir == dir &&
		    flow_leaf_vectors[i].node * IPCP_LEAVES + flow_leaf_vectors[i].leaf == no)
			return &flow_leaf_vectors[i];
	return NULL;
}

/* Return: true if an array of keys contains the key. */
static bool held(const void *mem, size_t size, const struct ipcp_key *key)
{
	for (size_t i = 0; i + sizeof(*key) <= size; i += sizeof(*key))
		if (!memcmp(mem + i, key, sizeof(*key)))
			return true;
	return false;
}

/* Expect the key in none of the places from which a key is taken. */
static void expect_spent(struct kunit *test, struct ipcp_epoch *ep,
			 unsigned int dir, const struct ipcp_key *key)
{
	KUNIT_EXPECT_FALSE(test, held(ep->leaves[dir].set.keys,
				      sizeof(struct ipcp_leaf_keys), key));
	KUNIT_EXPECT_FALSE(test, held(ep->ks.nodes,
				      sizeof(struct ipcp_node_keys), key));
}

static const unsigned int dirs[] = { 0, 1 };

static void describe_dir(const unsigned int *dir, char *desc)
{
	strscpy(desc, *dir ? "sender" : "receiver", KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(dir, dirs, describe_dir);

/* Compare all leaves, from the first to the last. */
static void all_leaves_have_the_keys_of_the_vectors(struct kunit *test)
{
	const unsigned int dir = *(const unsigned int *)test->param_value;
	struct ipcp_epoch *ep = new_epoch(test);
	unsigned int vectors = 0;

	for (unsigned int no = 0;; no++) {
		struct ipcp_leaf *cur = test_leaf(&ep->leaves[dir].cur);
		const struct flow_leaf_vector *v = vector_of(dir, no);

		KUNIT_ASSERT_EQ(test, cur->no, no);
		expect_spent(test, ep, dir, &cur->aead.key);
		if (v) {
			KUNIT_EXPECT_MEMEQ(test, &cur->aead.key,
					   unhex_len(test, v->key, IPCP_KEY_LEN),
					   IPCP_KEY_LEN);
			vectors++;
		}
		if (no == LAST)
			break;
		step(test, ep, dir);
		cond_resched();
	}
	KUNIT_EXPECT_GT(test, vectors, 4);
	KUNIT_EXPECT_EQ(test, ep->leaves[dir].used, IPCP_LEAF_TOTAL);
	KUNIT_EXPECT_TRUE(test, wiped(ep->leaves[dir].set.keys,
				      sizeof(struct ipcp_leaf_keys)));
}

/* As another packet or sender makes the last leaf the current one meanwhile. */
static void preparing_at_the_last_leaf_succeeds(struct kunit *test)
{
	const unsigned int dir = *(const unsigned int *)test->param_value;
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaf *last;

	while (test_leaf(&ep->leaves[dir].cur)->no < LAST - 1) {
		step(test, ep, dir);
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, found(test, ep, dir, LAST), dir == RX ? -EAGAIN : -ENOENT);
	step(test, ep, dir);
	last = test_leaf(&ep->leaves[dir].cur);
	KUNIT_EXPECT_EQ(test, ipcp_leaf_prepare(ep, dir), 0);
	KUNIT_EXPECT_EQ(test, found(test, ep, dir, LAST), 0);
	KUNIT_EXPECT_PTR_EQ(test, test_leaf(&ep->leaves[dir].cur), last);
	KUNIT_EXPECT_NULL(test, test_leaf(&ep->leaves[dir].next));
}

static void a_receiver_keeps_the_previous_leaf(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);

	step(test, ep, 0);
	KUNIT_EXPECT_EQ(test, found(test, ep, 0, 0), 0);
	step(test, ep, 0);
	KUNIT_EXPECT_EQ(test, found(test, ep, 0, 0), -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, found(test, ep, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, found(test, ep, 0, 2), 0);
}

static void a_sender_drops_the_previous_leaf_at_once(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);

	step(test, ep, TX);
	KUNIT_EXPECT_EQ(test, found(test, ep, TX, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, found(test, ep, TX, 1), 0);
}

static bool receive(struct ipcp_epoch *ep, struct ipcp_leaf *leaf, u32 seq)
{
	bool received;

	local_bh_disable();
	rcu_read_lock();
	received = ipcp_leaf_received(ep, leaf, ipcp_ctr_make(leaf->no, seq));
	rcu_read_unlock();
	local_bh_enable();
	return received;
}

static void a_high_sequence_number_retires_the_previous_leaf(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaf *leaf;

	step(test, ep, RX);
	leaf = test_leaf(&ep->leaves[RX].cur);
	KUNIT_EXPECT_TRUE(test, receive(ep, leaf, IPCP_LEAF_LEAVE_SEQ - 1));
	KUNIT_EXPECT_EQ(test, found(test, ep, RX, 0), 0);
	KUNIT_EXPECT_TRUE(test, receive(ep, leaf, IPCP_LEAF_LEAVE_SEQ));
	KUNIT_EXPECT_EQ(test, found(test, ep, RX, 0), -EKEYEXPIRED);
	KUNIT_EXPECT_TRUE(test, receive(ep, leaf, IPCP_LEAF_LEAVE_SEQ + 1));
}

static void a_leaf_begun_at_a_high_sequence_number_has_no_previous_leaf(struct kunit *test)
{
	struct ipcp_leaf *leaf;
	struct ipcp_epoch *ep;

	for (u32 seq = IPCP_LEAF_LEAVE_SEQ - 1; seq <= IPCP_LEAF_LEAVE_SEQ; seq++) {
		ep = new_epoch(test);
		KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(ep, RX), 0);
		leaf = test_leaf(&ep->leaves[RX].next);
		KUNIT_EXPECT_TRUE(test, receive(ep, leaf, seq));
		KUNIT_EXPECT_EQ(test, found(test, ep, RX, 1), 0);
		KUNIT_EXPECT_EQ(test, found(test, ep, RX, 0),
				seq < IPCP_LEAF_LEAVE_SEQ ? 0 : -EKEYEXPIRED);
	}

	/* a jump over a leaf that was prepared, which would be kept */
	ep = new_epoch(test);
	KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(ep, RX), 0);
	leaf = ipcp_leaf_derive_jump(ep, 2);
	KUNIT_ASSERT_FALSE(test, IS_ERR(leaf));
	KUNIT_EXPECT_TRUE(test, receive(ep, leaf, IPCP_LEAF_LEAVE_SEQ));
	KUNIT_EXPECT_EQ(test, found(test, ep, RX, 2), 0);
	KUNIT_EXPECT_EQ(test, found(test, ep, RX, 1), -EKEYEXPIRED);
}

static void a_timeout_retires_the_previous_leaf(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);
	unsigned long until, next;

	KUNIT_EXPECT_FALSE(test, ipcp_leaf_retire_late(ep, &until));
	step(test, ep, RX);
	KUNIT_ASSERT_TRUE(test, ipcp_leaf_retire_late(ep, &until));
	KUNIT_EXPECT_TRUE(test, time_after(until, jiffies));
	next = test_keyrot(ep->flow);
	KUNIT_EXPECT_EQ(test, found(test, ep, RX, 0), 0);
	KUNIT_EXPECT_TRUE(test, time_before_eq(next, until));

	test_leaf(&ep->leaves[RX].cur)->since -=
		msecs_to_jiffies(IPCP_LEAF_LEAVE_MS);
	test_keyrot(ep->flow);
	KUNIT_EXPECT_EQ(test, found(test, ep, RX, 0), -EKEYEXPIRED);
	KUNIT_EXPECT_FALSE(test, ipcp_leaf_retire_late(ep, &until));
}

/* A lookup found the leaf before it was retired, and RCU keeps it. */
static void a_leaf_retired_after_its_lookup_passes_no_packet(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaf *first = test_leaf(&ep->leaves[RX].cur);
	struct ipcp_leaf *third = ipcp_leaf_derive_jump(ep, 2);

	KUNIT_ASSERT_FALSE(test, IS_ERR(third));
	local_bh_disable();
	rcu_read_lock();
	KUNIT_EXPECT_TRUE(test, ipcp_leaf_received(ep, third,
						   ipcp_ctr_make(2, 0)));
	KUNIT_EXPECT_FALSE(test, ipcp_leaf_received(ep, first,
						    ipcp_ctr_make(0, 7)));
	rcu_read_unlock();
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, found(test, ep, RX, 0), -EKEYEXPIRED);
	KUNIT_EXPECT_PTR_EQ(test, test_leaf(&ep->leaves[RX].cur), third);
	KUNIT_EXPECT_EQ(test, ep->leaves[RX].used, 2);
}

/* Keys skipped by a jump are wiped when the leaf after it is prepared. */
static void the_worker_wipes_keys_skipped_by_a_jump(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);

	go_to(test, ep, RX, 5);
	KUNIT_EXPECT_TRUE(test, ipcp_leaf_next_due(ep, RX));
	KUNIT_EXPECT_EQ(test, ep->leaves[RX].set.next, 1);
	test_keyrot(ep->flow);
	KUNIT_EXPECT_EQ(test, ep->leaves[RX].set.next, 7);
}

static void an_epoch_without_keys_has_no_leaves(struct kunit *test)
{
	struct ipcp_epoch *ep = test_hold(test, new_epoch(test));

	step(test, ep, RX);
	KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(ep, RX), 0);
	ipcp_keyrot_drop(ep->flow);

	for (unsigned int no = 0; no < 80; no++)
		KUNIT_EXPECT_EQ(test, found(test, ep, RX, no), -ENOKEY);
	KUNIT_EXPECT_EQ(test, ipcp_leaf_prepare(ep, RX), -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, PTR_ERR(ipcp_leaf_derive_jump(ep, 70)),
			-EKEYEXPIRED);
}

static const struct ipcp_key *key_of(struct ipcp_leaf *leaf)
{
	return &leaf->aead.key;
}

/* A lookup may use the key for a grace period; then the key is wiped. */
static void a_retired_key_is_wiped_after_a_grace_period(struct kunit *test)
{
	unsigned long until;
	struct ipcp_epoch *ep = new_epoch(test);
	struct heap_watch *w = heap_watch(test);
	struct ipcp_leaf *leaf;
	struct ipcp_key key;

	heap_begin(w);
	KUNIT_EXPECT_EQ(test, ipcp_leaf_prepare(ep, RX), 0);
	heap_end(w);
	leaf = test_leaf(&ep->leaves[RX].next);
	key = *key_of(leaf);
	heap_secret(w, &key, sizeof(key));
	go_to(test, ep, RX, 1);
	step(test, ep, RX);
	KUNIT_EXPECT_EQ(test, found(test, ep, RX, 1), 0);

	rcu_read_lock();
	test_leaf(&ep->leaves[RX].cur)->since -=
		msecs_to_jiffies(IPCP_LEAF_LEAVE_MS);
	KUNIT_EXPECT_FALSE(test, ipcp_leaf_retire_late(ep, &until));
	KUNIT_EXPECT_EQ(test, found(test, ep, RX, 1), -EKEYEXPIRED);
	KUNIT_EXPECT_MEMEQ(test, key_of(leaf), &key, sizeof(key));
	KUNIT_EXPECT_GE(test, w->count, 1);	/* debug objects count, too */
	rcu_read_unlock();
	test_drain();
	heap_expect_nothing_left(test, w);
}

static struct kunit_case leaf_test_cases[] = {
	KUNIT_CASE(an_epoch_begins_with_its_first_leaf),
	KUNIT_CASE(the_next_leaf_is_prepared_once),
	KUNIT_CASE_PARAM(all_leaves_have_the_keys_of_the_vectors,
			 dir_gen_params),
	KUNIT_CASE_PARAM(preparing_at_the_last_leaf_succeeds, dir_gen_params),
	KUNIT_CASE(a_receiver_keeps_the_previous_leaf),
	KUNIT_CASE(a_sender_drops_the_previous_leaf_at_once),
	KUNIT_CASE(a_high_sequence_number_retires_the_previous_leaf),
	KUNIT_CASE(a_leaf_begun_at_a_high_sequence_number_has_no_previous_leaf),
	KUNIT_CASE(a_timeout_retires_the_previous_leaf),
	KUNIT_CASE(a_leaf_retired_after_its_lookup_passes_no_packet),
	KUNIT_CASE(the_worker_wipes_keys_skipped_by_a_jump),
	KUNIT_CASE(an_epoch_without_keys_has_no_leaves),
	KUNIT_CASE(a_retired_key_is_wiped_after_a_grace_period),
	{}
};

static struct kunit_suite leaf_test_suite = {
	.name = "ipcp_leaf",
	.test_cases = leaf_test_cases,
};

kunit_test_suite(leaf_test_suite);
