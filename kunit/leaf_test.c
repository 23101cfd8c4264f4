// SPDX-License-Identifier: GPL-2.0
/*
 * Leaf keys in use: prepared ahead, found by number, left behind in order. The
 * keys are those of the vectors' root, seed 0.
 */
#include "flow_util.h"
#include "heap.h"
#include "test_util.h"
#include "vectors.h"

#define LAST	(IPCP_LEAF_TOTAL - 1)

/* The first epoch of a responder, which receives in direction 0. */
static struct ipcp_epoch *new_epoch(struct kunit *test)
{
	struct ipcp_flow *flow =
		test_pending(test, RESPONDER,
			     IPCP_REKEY_CIPHER_CHACHA20_POLY1305);

	KUNIT_ASSERT_EQ(test, test_park(test, flow, 0, 0, 1), 0);
	return test_newest(flow);
}

static int lookup(struct ipcp_epoch *ep, unsigned int dir, unsigned int no,
		  struct ipcp_leaf **leaf)
{
	int err;

	rcu_read_lock();
	err = ipcp_leaf_lookup(ep, dir, no, leaf);
	rcu_read_unlock();
	return err;
}

/* What lookup says of a leaf, and that what it finds is that leaf. */
static int found(struct kunit *test, struct ipcp_epoch *ep, unsigned int dir,
		 unsigned int no)
{
	struct ipcp_leaf *leaf;
	int err = lookup(ep, dir, no, &leaf);

	KUNIT_EXPECT_EQ(test, !err, !!leaf);
	if (leaf)
		KUNIT_EXPECT_EQ(test, leaf->no, no);
	ipcp_leaf_put(leaf);
	return err;
}

/* Moves on to the leaf, by one or by a jump. */
static void go_to(struct kunit *test, struct ipcp_epoch *ep, unsigned int dir,
		  unsigned int no)
{
	struct ipcp_leaf *leaf;

	if (found(test, ep, dir, no) == -EAGAIN)
		KUNIT_ASSERT_EQ(test, ipcp_leaf_try_jump(ep, no), 0);
	KUNIT_ASSERT_EQ(test, lookup(ep, dir, no, &leaf), 0);
	test_advance(ep, dir, leaf);
	KUNIT_EXPECT_PTR_EQ(test, test_leaf(&ep->leaves[dir].cur), leaf);
	ipcp_leaf_put(leaf);
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
		KUNIT_EXPECT_EQ(test, found(test, ep, dir, 1), -EAGAIN);
		KUNIT_EXPECT_EQ(test, found(test, ep, dir, LAST), -EAGAIN);
		KUNIT_EXPECT_EQ(test, ep->leaves[dir].used, 1);
	}
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

static const struct leaf_vector *vector_of(unsigned int dir, unsigned int no)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(leaf_vectors); i++)
		if (leaf_vectors[i].dir == dir &&
		    leaf_vectors[i].node * IPCP_LEAVES + leaf_vectors[i].leaf == no)
			return &leaf_vectors[i];
	return NULL;
}

/* In an array of keys. */
static bool held(const void *mem, size_t size, const struct ipcp_key *key)
{
	for (size_t i = 0; i + sizeof(*key) <= size; i += sizeof(*key))
		if (!memcmp(mem + i, key, sizeof(*key)))
			return true;
	return false;
}

/* A key in use is in its leaf, and nowhere else it could be taken again. */
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

/* From the first leaf to the last, one by one. */
static void all_leaves_have_the_keys_of_the_vectors(struct kunit *test)
{
	const unsigned int dir = *(const unsigned int *)test->param_value;
	struct ipcp_epoch *ep = new_epoch(test);
	unsigned int vectors = 0;

	for (unsigned int no = 0;; no++) {
		struct ipcp_leaf *cur = test_leaf(&ep->leaves[dir].cur);
		const struct leaf_vector *v = vector_of(dir, no);

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
	KUNIT_EXPECT_EQ(test, ipcp_leaf_prepare(ep, dir), -EKEYEXPIRED);
	KUNIT_EXPECT_TRUE(test, wiped(ep->leaves[dir].set.keys,
				      sizeof(struct ipcp_leaf_keys)));
}

static void a_receiver_keeps_the_leaf_before(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);

	step(test, ep, 0);
	KUNIT_EXPECT_EQ(test, found(test, ep, 0, 0), 0);
	step(test, ep, 0);
	KUNIT_EXPECT_EQ(test, found(test, ep, 0, 0), -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, found(test, ep, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, found(test, ep, 0, 2), 0);
}

static void a_sender_leaves_its_leaf_behind_at_once(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);

	step(test, ep, 1);
	KUNIT_EXPECT_EQ(test, found(test, ep, 1, 0), -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, found(test, ep, 1, 1), 0);
}

static void it_only_goes_forward_and_to_leaves_it_has(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaf *first, *second, *third;

	KUNIT_ASSERT_EQ(test, lookup(ep, 0, 0, &first), 0);
	step(test, ep, 0);
	KUNIT_ASSERT_EQ(test, lookup(ep, 0, 1, &second), 0);
	KUNIT_EXPECT_FALSE(test, test_advance(ep, 0, first));
	KUNIT_EXPECT_FALSE(test, test_advance(ep, 0, second));
	step(test, ep, 0);
	KUNIT_ASSERT_EQ(test, lookup(ep, 0, 2, &third), 0);

	/* A leaf that was never there, though its number fits. */
	first->no = 3;
	KUNIT_EXPECT_FALSE(test, test_advance(ep, 0, first));
	KUNIT_EXPECT_PTR_EQ(test, test_leaf(&ep->leaves[0].cur), third);
	KUNIT_EXPECT_EQ(test, ep->leaves[0].used, 3);

	ipcp_keyrot_drop(ep->flow);
	KUNIT_EXPECT_FALSE(test, test_advance(third->epoch, 0, third));
	ipcp_leaf_put(first);
	ipcp_leaf_put(second);
	ipcp_leaf_put(third);
}

/* Moving on to a leaf that is there is a matter of pointers. */
static void the_worker_is_not_called_for_a_crossing(struct kunit *test)
{
	const unsigned int dir = *(const unsigned int *)test->param_value;
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaves *lv = &ep->leaves[dir];

	for (int i = 0; i < 3; i++) {
		KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(ep, dir), 0);
		KUNIT_EXPECT_FALSE(test, test_advance(ep, dir,
						      test_leaf(&lv->next)));
	}
	KUNIT_EXPECT_EQ(test, test_leaf(&lv->cur)->no, 3);
	KUNIT_EXPECT_FALSE(test, test_bit(IPCP_FLOW_OPEN_CLOSED,
					  &ep->flow->bits));
	KUNIT_EXPECT_FALSE(test, ipcp_leaf_next_due(ep, dir));
}

/* What a jump leaves behind is wiped when the leaf after it is prepared. */
static void the_worker_is_called_after_a_jump(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaf *leaf;

	KUNIT_ASSERT_EQ(test, ipcp_leaf_try_jump(ep, 5), 0);
	KUNIT_ASSERT_EQ(test, lookup(ep, 0, 5, &leaf), 0);
	KUNIT_EXPECT_TRUE(test, test_advance(ep, 0, leaf));
	KUNIT_EXPECT_TRUE(test, ipcp_leaf_next_due(ep, 0));
	KUNIT_EXPECT_EQ(test, ep->leaves[0].set.next, 1);
	test_keyrot(ep->flow);
	KUNIT_EXPECT_EQ(test, ep->leaves[0].set.next, 7);
	ipcp_leaf_put(leaf);
}

static void the_worker_is_called_for_packets_that_wait(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_leaf *held;

	KUNIT_ASSERT_EQ(test, lookup(ep, 0, 0, &held), 0);
	for (unsigned int no = 1; no <= 2; no++) {
		struct ipcp_leaf *next;

		KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(ep, 0), 0);
		next = test_leaf(&ep->leaves[0].next);
		/* a receiver keeps the leaf before: the second leaves it */
		KUNIT_EXPECT_EQ(test, test_advance(ep, 0, next), no == 2);
	}
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_FLOW_OPEN_CLOSED,
					 &ep->flow->bits));
	ipcp_leaf_put(held);
}

static void a_closed_epoch_has_no_leaves(struct kunit *test)
{
	struct ipcp_epoch *ep = test_hold(test, new_epoch(test));

	step(test, ep, 0);
	KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(ep, 0), 0);
	KUNIT_ASSERT_EQ(test, ipcp_leaf_try_jump(ep, 70), 0);
	ipcp_keyrot_drop(ep->flow);

	for (unsigned int no = 0; no < 80; no++)
		KUNIT_EXPECT_EQ(test, found(test, ep, 0, no), -ENOKEY);
	KUNIT_EXPECT_EQ(test, ipcp_leaf_prepare(ep, 0), -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, ipcp_leaf_try_jump(ep, 70), -ENOKEY);
}

static const struct ipcp_key *key_of(struct ipcp_leaf *leaf)
{
	return &leaf->aead.key;
}

/* Who holds it, as a packet in the ring does, can open with it to the end. */
static void a_key_that_is_held_outlives_its_leaf_and_epoch(struct kunit *test)
{
	struct ipcp_epoch *ep = new_epoch(test);
	struct ipcp_flow *flow = ep->flow;
	struct heap_watch *w = heap_watch(test);
	struct ipcp_leaf *leaf;
	struct ipcp_key key;

	heap_begin(w);
	KUNIT_EXPECT_EQ(test, ipcp_leaf_prepare(ep, 0), 0);
	heap_end(w);
	KUNIT_EXPECT_EQ(test, lookup(ep, 0, 1, &leaf), 0);
	key = *key_of(leaf);
	heap_secret(w, &key, sizeof(key));
	go_to(test, ep, 0, 1);
	step(test, ep, 0);
	KUNIT_EXPECT_FALSE(test, leaf->retired);
	clear_bit(IPCP_FLOW_OPEN_CLOSED, &flow->bits);

	step(test, ep, 0);
	KUNIT_EXPECT_TRUE(test, leaf->retired);
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_FLOW_OPEN_CLOSED, &flow->bits));
	ipcp_keyrot_drop(flow);
	test_drain();
	KUNIT_EXPECT_MEMEQ(test, key_of(leaf), &key, sizeof(key));
	KUNIT_EXPECT_GE(test, w->count, 1);	/* debug objects count, too */

	ipcp_leaf_put(leaf);
	test_drain();
	heap_expect_nothing_left(test, w);
}

static struct kunit_case leaf_test_cases[] = {
	KUNIT_CASE(an_epoch_begins_with_its_first_leaf),
	KUNIT_CASE(the_next_leaf_is_prepared_once),
	KUNIT_CASE_PARAM(all_leaves_have_the_keys_of_the_vectors,
			 dir_gen_params),
	KUNIT_CASE(a_receiver_keeps_the_leaf_before),
	KUNIT_CASE(a_sender_leaves_its_leaf_behind_at_once),
	KUNIT_CASE(it_only_goes_forward_and_to_leaves_it_has),
	KUNIT_CASE_PARAM(the_worker_is_not_called_for_a_crossing,
			 dir_gen_params),
	KUNIT_CASE(the_worker_is_called_after_a_jump),
	KUNIT_CASE(the_worker_is_called_for_packets_that_wait),
	KUNIT_CASE(a_closed_epoch_has_no_leaves),
	KUNIT_CASE(a_key_that_is_held_outlives_its_leaf_and_epoch),
	{}
};

static struct kunit_suite leaf_test_suite = {
	.name = "ipcp_leaf",
	.test_cases = leaf_test_cases,
};

kunit_test_suite(leaf_test_suite);
