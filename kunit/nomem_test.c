// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Out of memory: each allocation of a call fails in turn, until the call
 * succeeds. A failed call undoes its changes, leaves no key in freed memory,
 * and can be repeated.
 */
#include "fail_nth.h"
#include "flow_util.h"
#include "heap.h"
#include "keyrot.h"
#include "leaf.h"
#include "session.h"
#include "state.h"
#include "test_util.h"
#include "vectors.h"

#define RX	IPCP_DIR_INITIATOR	/* the responder receives in it */

static const struct cipher_case {
	const char *desc;
	u16 cipher;
} ciphers[] = {
	{ "aes-256-gcm", IPCP_REKEY_CIPHER_AES_256_GCM },
	{ "chacha20-poly1305", IPCP_REKEY_CIPHER_CHACHA20_POLY1305 },
};

KUNIT_ARRAY_PARAM_DESC(cipher, ciphers, desc);

/* Watch the heap for the second seed of the vectors, and for its keys. */
static struct heap_watch *watch_keys(struct kunit *test)
{
	struct heap_watch *w = heap_watch(test);

	heap_secret(w, unhex_len(test, chain_vectors[1].seed, IPCP_KEY_LEN),
		    IPCP_KEY_LEN);
	for (unsigned int i = 0; i < 2; i++)
		heap_secret(w, unhex_len(test, next_node_vectors[i].key,
					 IPCP_KEY_LEN), IPCP_KEY_LEN);
	for (unsigned int i = 0; i < 4; i++)
		heap_secret(w, unhex_len(test, next_leaf_vectors[i].key,
					 IPCP_KEY_LEN), IPCP_KEY_LEN);
	KUNIT_ASSERT_FALSE(test, w->lost);
	return w;
}

/*
 * Skip where debug objects allocate in between: debug objects tolerate a
 * failure, so a failed allocation need not be one of the call.
 */
static void each_failure_counts(struct kunit *test)
{
	if (IS_ENABLED(CONFIG_DEBUG_OBJECTS))
		kunit_skip(test, "debug objects fail among the rest");
	failing_allocations(test);
}

/* Make the n-th allocation of a call fail. Return: false if it has fewer. */
static bool call_failing(struct heap_watch *w, unsigned int n, int *err,
			 int (*call)(void *arg), void *arg)
{
	bool did;

	heap_begin(w);
	fail_nth(n);
	*err = call(arg);
	did = fail_nth_did();
	heap_end(w);
	return did;
}

/* Repeat the call until it succeeds. Return: the number of failures. */
static unsigned int fail_until_it_works(struct kunit *test,
					struct heap_watch *w,
					int (*call)(void *arg), void *arg)
{
	unsigned int n;
	int err;

	for (n = 1; call_failing(w, n, &err, call, arg) && n < 100; n++) {
		KUNIT_EXPECT_EQ_MSG(test, err, -ENOMEM, "allocation %u", n);
		test_drain();
		heap_expect_nothing_left(test, w);
		if (err != -ENOMEM)
			return 0;
	}
	KUNIT_EXPECT_EQ(test, err, 0);
	return n - 1;
}

/* Create an end in the epoch of the first seed of the vectors. */
static struct ipcp_flow *new_end(struct kunit *test, u16 cipher)
{
	struct ipcp_flow *flow = test_pending(test, RESPONDER, cipher);

	KUNIT_ASSERT_EQ(test, test_park(test, flow, 0, 0, 1), 0);
	test_settle(test, flow);
	return flow;
}

/* Park the second seed of the vectors. */
static int park(void *arg)
{
	struct ipcp_delivery d = {
		.epoch = 1, .exchange = 2, .chain = test_chain(arg, 1),
	};
	int err;

	if (hex2bin(d.seed.bytes, chain_vectors[1].seed, sizeof(d.seed)))
		return -EINVAL;
	err = ipcp_keyrot_park(arg, &d, NULL);
	return wiped(&d.seed, sizeof(d.seed)) ? err : -EKEYREJECTED;
}

static struct ipcp_epoch *vectors_epoch(struct kunit *test, u16 cipher)
{
	struct ipcp_flow *flow = new_end(test, cipher);

	KUNIT_ASSERT_EQ(test, park(flow), 0);
	return test_newest(flow);
}

static void each_failed_allocation_fails_the_park(struct kunit *test)
{
	const struct cipher_case *c = test->param_value;
	struct ipcp_flow *flow = new_end(test, c->cipher);
	struct heap_watch *w = watch_keys(test);
	unsigned int failed;

	each_failure_counts(test);
	failed = fail_until_it_works(test, w, park, flow);
	/* the epoch, its nodes, and for each direction a set and a leaf */
	KUNIT_EXPECT_GE(test, failed, 6);
	KUNIT_EXPECT_EQ(test, flow->rekeys, 1);
	KUNIT_EXPECT_NOT_NULL(test, test_epoch(flow, 1));
	test_settle(test, flow);
}

static void a_failed_park_leaves_the_flow_unchanged(struct kunit *test)
{
	const struct cipher_case *c = test->param_value;
	struct ipcp_flow *flow = new_end(test, c->cipher);
	struct heap_watch *w = watch_keys(test);
	struct ipcp_rk rk = flow->rk;
	int err;

	each_failure_counts(test);
	KUNIT_EXPECT_TRUE(test, call_failing(w, 3, &err, park, flow));
	KUNIT_EXPECT_EQ(test, err, -ENOMEM);
	KUNIT_EXPECT_MEMEQ(test, &flow->rk, &rk, sizeof(rk));
	KUNIT_EXPECT_FALSE(test, ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_REKEY);
	KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), test_epoch(flow, 0));
	KUNIT_EXPECT_NULL(test, test_epoch(flow, 1));
}

static int prepare(void *ep)
{
	return ipcp_leaf_prepare(ep, RX);
}

static void each_failed_allocation_fails_the_next_leaf(struct kunit *test)
{
	const struct cipher_case *c = test->param_value;
	struct ipcp_epoch *ep = vectors_epoch(test, c->cipher);
	struct heap_watch *w = watch_keys(test);
	unsigned int failed = 0;

	each_failure_counts(test);
	/* reach the second node */
	for (unsigned int no = 1; no <= IPCP_LEAVES; no++) {
		struct ipcp_leaf *leaf;

		failed += fail_until_it_works(test, w, prepare, ep);
		leaf = test_leaf(&ep->leaves[RX].next);
		KUNIT_ASSERT_NOT_NULL(test, leaf);
		KUNIT_ASSERT_TRUE(test, test_use(ep, RX, leaf));
		KUNIT_ASSERT_PTR_EQ(test, test_leaf(&ep->leaves[RX].cur), leaf);
		w->count = 0;	/* the leaf stays allocated */
	}
	KUNIT_EXPECT_GE(test, failed, IPCP_LEAVES);
	KUNIT_EXPECT_EQ(test, ep->leaves[RX].set.node, 1);
	KUNIT_EXPECT_EQ(test, ep->leaves[RX].used, IPCP_LEAVES + 1);
}

struct jump {
	struct ipcp_epoch *ep;
	struct ipcp_leaf *leaf;
};

static int jump(void *arg)
{
	struct jump *j = arg;

	j->leaf = ipcp_leaf_derive_jump(j->ep, IPCP_LEAVES);
	return PTR_ERR_OR_ZERO(j->leaf);
}

static void each_failed_allocation_fails_the_jump(struct kunit *test)
{
	const struct cipher_case *c = test->param_value;
	struct jump j = { .ep = vectors_epoch(test, c->cipher) };
	struct heap_watch *w = watch_keys(test);

	each_failure_counts(test);
	/* a leaf, and a set of copied keys */
	KUNIT_EXPECT_GE(test, fail_until_it_works(test, w, jump, &j), 2);
	KUNIT_ASSERT_FALSE(test, IS_ERR(j.leaf));
	KUNIT_EXPECT_EQ(test, j.ep->leaves[RX].set.node, 0);
	ipcp_leaf_free(j.leaf);
	heap_expect_nothing_left(test, w);
}

struct new_flow {
	struct ipcp_consumer *consumer;
	struct ipcp_payer payer;
	struct ipcp_flow *flow;
};

static int make_flow(void *arg)
{
	static const struct ipcp_qos qos = { .loss = 1 };
	struct new_flow *new = arg;

	new->flow = ipcp_session_new(test_net(), "kunit", &qos, &new->payer,
				     new->consumer);
	return PTR_ERR_OR_ZERO(new->flow);
}

/* Some allocations have a fallback, so a failure may be tolerated. */
static void a_failed_flow_creation_undoes_all_charges(struct kunit *test)
{
	struct ipcp_user *user = kunit_kzalloc(test, sizeof(*user), GFP_KERNEL);
	struct new_flow new = { .payer.user = user };
	unsigned int flows = ipcp_registry_count(test_net());
	struct heap_watch *w = heap_watch(test);
	unsigned int failed = 0;
	bool did = true;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, user);
	refcount_set(&user->refs, 1);
	new.consumer = test_consumer();
	KUNIT_ASSERT_NOT_NULL(test, new.consumer);
	failing_allocations(test);
	for (unsigned int n = 1; did; n++) {
		did = call_failing(w, n, &err, make_flow, &new);
		if (err) {
			KUNIT_EXPECT_EQ(test, err, -ENOMEM);
			failed++;
		} else {
			KUNIT_EXPECT_EQ(test, atomic_read(&user->objects), 1);
			ipcp_state_destroy(new.flow);
			ipcp_flow_put(new.flow);
		}
		test_drain();
		heap_expect_nothing_left(test, w);
		KUNIT_EXPECT_EQ(test, atomic_read(&user->objects), 0);
		KUNIT_EXPECT_EQ(test, refcount_read(&user->refs), 1);
		KUNIT_EXPECT_EQ(test, atomic_long_read(&user->bytes), 0);
		KUNIT_EXPECT_EQ(test, refcount_read(&new.consumer->refs), 1);
		KUNIT_EXPECT_EQ(test, ipcp_registry_count(test_net()), flows);
	}
	KUNIT_EXPECT_EQ(test, err, 0);
	/*
	 * The flow and its name. Debug objects are allocated in between when
	 * their pool runs low, so the count may skip the name.
	 */
	KUNIT_EXPECT_GE(test, failed,
			IS_ENABLED(CONFIG_DEBUG_OBJECTS) ? 1 : 2);
	ipcp_consumer_put(new.consumer);
}

static struct kunit_case nomem_test_cases[] = {
	KUNIT_CASE_PARAM(each_failed_allocation_fails_the_park,
			 cipher_gen_params),
	KUNIT_CASE_PARAM(a_failed_park_leaves_the_flow_unchanged,
			 cipher_gen_params),
	KUNIT_CASE_PARAM(each_failed_allocation_fails_the_next_leaf,
			 cipher_gen_params),
	KUNIT_CASE_PARAM(each_failed_allocation_fails_the_jump,
			 cipher_gen_params),
	KUNIT_CASE(a_failed_flow_creation_undoes_all_charges),
	{}
};

static struct kunit_suite nomem_test_suite = {
	.name = "ipcp_nomem",
	.test_cases = nomem_test_cases,
};

kunit_test_suite(nomem_test_suite);
