// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Messages in flight in a queue that may keep them indefinitely: the objects
 * that they hold references to, and the objects that they must not hold.
 */
#include <net/dst.h>
#include <net/dst_cache.h>
#include <net/route.h>

#include "flow_util.h"
#include "inflight.h"
#include "path_util.h"
#include "rx.h"
#include "test_util.h"
#include "tx.h"
#include "udp.h"
#include "users.h"

#define MESSAGES	3
#define UID		4250

static void put_consumer(void *consumer)
{
	ipcp_consumer_put(consumer);
}

/* Return: a consumer with a reference for the test. */
static struct ipcp_consumer *new_consumer(struct kunit *test)
{
	struct ipcp_consumer *consumer = test_consumer();

	KUNIT_ASSERT_NOT_NULL(test, consumer);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_consumer, consumer),
			0);
	return consumer;
}

/* Return: bytes that the user has reserved, or -1 if the user is gone. */
static long user_bytes(void)
{
	struct ipcp_user *user = ipcp_user_find(KUIDT_INIT(UID));
	long bytes = user ? atomic_long_read(&user->bytes) : -1;

	ipcp_user_put(user);
	return bytes;
}

/*
 * Create a flow of the user that sends into the ring of @mate, which charges no
 * user. The test takes the messages from this ring, as a queue would.
 */
static struct ipcp_flow *new_sender(struct kunit *test, struct ipcp_consumer *consumer,
				    struct ipcp_flow *mate)
{
	struct ipcp_flow *flow = test_flow_of_user(test, UID, consumer);

	set_bit(IPCP_FLOW_DIRECT, &flow->bits);
	/* The test's reference to @mate outlives this flow. */
	rcu_assign_pointer(flow->mate, mate);
	return flow;
}

/* Send a message of @len bytes. Return: 0 or a negative errno. */
static int send_one(struct kunit *test, struct ipcp_flow *flow, unsigned int len)
{
	struct sk_buff *skb = ipcp_tx_alloc(len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_zero(skb, len);
	return test_send(flow, skb);
}

/* Send messages and take them off the ring. */
static void send(struct kunit *test, struct ipcp_flow *flow,
		 struct ipcp_flow *mate, unsigned int n,
		 struct sk_buff_head *taken)
{
	struct ipcp_rbuff *rb = &mate->n_rb;

	__skb_queue_head_init(taken);
	for (unsigned int i = 0; i < n; i++) {
		struct sk_buff *skb = ipcp_tx_alloc(0, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, skb);
		KUNIT_ASSERT_EQ(test, test_send(flow, skb), 0);
		spin_lock_bh(&rb->queue.lock);
		skb = skb_peek(&rb->queue);
		__ipcp_rbuff_unlink(rb, skb, 1);
		spin_unlock_bh(&rb->queue.lock);
		__skb_queue_tail(taken, skb);
	}
}

static void free_one(struct sk_buff_head *taken)
{
	kfree_skb(__skb_dequeue(taken));
}

/* Fill the route cache of the flow. Return: the route, held by the test. */
static struct dst_entry *find_route(struct kunit *test, struct ipcp_flow *flow)
{
	struct sk_buff *skb = ipcp_tx_alloc(0, GFP_KERNEL);
	struct ipcp_bind *bind;
	struct rtable *rt;
	__be32 saddr;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	test_connect(flow, flow);
	/* A route of the same jiffy as the cache's reset counts as older. */
	bind = rcu_dereference_protected(flow->bind, true);
	bind->dst.reset_ts = jiffies - 1;
	local_bh_disable();
	rcu_read_lock();
	KUNIT_EXPECT_EQ(test, ipcp_udp_xmit(flow, skb), 0);
	rt = dst_cache_get_ip4(&bind->dst, &saddr);
	rcu_read_unlock();
	local_bh_enable();
	kfree_skb(test_receive(test));
	KUNIT_ASSERT_NOT_NULL(test, rt);
	return &rt->dst;
}

static void messages_hold_their_user_but_no_route_or_namespace(struct kunit *test)
{
	int living = atomic_read(&test_net()->living), refs;
	struct ipcp_flow *mate = test_flow(test), *flow;
	struct ipcp_consumer *consumer = new_consumer(test);
	struct sk_buff_head taken;
	struct dst_entry *route;

	flow = new_sender(test, consumer, mate);
	route = find_route(test, flow);
	refs = rcuref_read(&route->__rcuref);
	send(test, flow, mate, MESSAGES, &taken);
	KUNIT_EXPECT_EQ(test, atomic_read(&test_net()->living), living + 2);

	test_end_flow(test, flow);
	test_drain();
	KUNIT_EXPECT_EQ(test, rcuref_read(&route->__rcuref), refs - 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&test_net()->living), living + 1);

	KUNIT_EXPECT_GT(test, user_bytes(), 0);
	__skb_queue_purge(&taken);
	KUNIT_EXPECT_EQ(test, user_bytes(), -1);
	dst_release(route);
}

static void memory_in_flight_is_reserved_in_steps_until_it_is_trimmed(struct kunit *test)
{
	struct ipcp_flow *mate = test_flow(test), *flow;
	struct ipcp_consumer *consumer = new_consumer(test);
	struct sk_buff_head taken, more;
	long bytes;

	flow = new_sender(test, consumer, mate);
	KUNIT_EXPECT_EQ(test, user_bytes(), IPCP_QUEUE_FREE);
	send(test, flow, mate, 1, &taken);
	bytes = user_bytes();
	KUNIT_EXPECT_GE(test, bytes, IPCP_QUEUE_FREE +
			IPCP_INFLIGHT_STEP * skb_peek(&taken)->truesize);
	send(test, flow, mate, IPCP_INFLIGHT_STEP - 1, &more);
	KUNIT_EXPECT_EQ(test, user_bytes(), bytes);
	skb_queue_splice_tail_init(&more, &taken);
	send(test, flow, mate, 1, &more);
	KUNIT_EXPECT_EQ(test, user_bytes(), 2 * bytes - IPCP_QUEUE_FREE);

	__skb_queue_purge(&taken);
	ipcp_inflight_trim(flow->inflight);
	KUNIT_EXPECT_EQ(test, user_bytes(), 2 * bytes - IPCP_QUEUE_FREE);
	__skb_queue_purge(&more);
	ipcp_inflight_trim(flow->inflight);
	KUNIT_EXPECT_EQ(test, user_bytes(), IPCP_QUEUE_FREE);
}

static void memory_of_freed_messages_is_not_kept_for_longer_ones(struct kunit *test)
{
	struct ipcp_flow *mate = test_flow(test), *flow;
	struct ipcp_consumer *consumer = new_consumer(test);
	struct sk_buff_head taken;

	flow = new_sender(test, consumer, mate);
	send(test, flow, mate, IPCP_INFLIGHT_STEP + 1, &taken);
	KUNIT_EXPECT_EQ(test, flow->inflight->quota, 2 * IPCP_INFLIGHT_STEP);
	__skb_queue_purge(&taken);
	KUNIT_EXPECT_EQ(test, send_one(test, flow, 900), 0);
	KUNIT_EXPECT_EQ(test, flow->inflight->quota, IPCP_INFLIGHT_STEP);
	ipcp_rx_purge(mate);
}

static void a_flow_without_messages_at_the_limit_releases_its_memory(struct kunit *test)
{
	struct ipcp_flow *mate = test_flow(test), *flow;
	struct ipcp_consumer *consumer = new_consumer(test);
	struct sk_buff_head taken;
	unsigned long reserved;

	flow = new_sender(test, consumer, mate);
	send(test, flow, mate, 1, &taken);
	reserved = flow->inflight->reserved;
	atomic_long_set(&flow->payer.user->bytes, ipcp_user_max_bytes());
	KUNIT_EXPECT_EQ(test, send_one(test, flow, 900), -EDQUOT);
	KUNIT_EXPECT_EQ(test, user_bytes(), ipcp_user_max_bytes());
	__skb_queue_purge(&taken);
	KUNIT_EXPECT_EQ(test, send_one(test, flow, 900), -EDQUOT);
	KUNIT_EXPECT_EQ(test, user_bytes(), ipcp_user_max_bytes() - reserved);
	KUNIT_EXPECT_EQ(test, flow->inflight->quota, 0);
	atomic_long_set(&flow->payer.user->bytes, IPCP_QUEUE_FREE);
}

static void the_worker_trims_memory_that_was_idle_for_a_time(struct kunit *test)
{
	struct ipcp_flow *mate = test_flow(test), *flow;
	struct ipcp_consumer *consumer = new_consumer(test);
	struct sk_buff_head taken;
	unsigned long before;

	flow = new_sender(test, consumer, mate);
	test_work(flow);
	KUNIT_EXPECT_EQ(test, flow->trim_at, 0);
	send(test, flow, mate, 1, &taken);
	test_work(flow);
	KUNIT_EXPECT_NE(test, flow->trim_at, 0);
	before = jiffies;
	flow->trim_at = before - HZ;
	test_work(flow);
	KUNIT_EXPECT_GT(test, user_bytes(), IPCP_QUEUE_FREE);
	KUNIT_EXPECT_TRUE(test, time_after(flow->trim_at, before));
	__skb_queue_purge(&taken);
	KUNIT_EXPECT_GT(test, user_bytes(), IPCP_QUEUE_FREE);
	flow->trim_at = jiffies - HZ;
	test_work(flow);
	KUNIT_EXPECT_EQ(test, user_bytes(), IPCP_QUEUE_FREE);
	KUNIT_EXPECT_EQ(test, flow->trim_at, 0);
}

static void a_refused_sender_is_counted_and_woken_later(struct kunit *test)
{
	struct ipcp_flow *mate = test_flow(test), *flow;
	struct ipcp_consumer *consumer = new_consumer(test);
	struct test_waker *sleeper = test_sleep(test, consumer);

	flow = new_sender(test, consumer, mate);
	KUNIT_EXPECT_FALSE(test, ipcp_tx_refused(flow));
	atomic_long_set(&flow->payer.user->bytes, ipcp_user_max_bytes());
	KUNIT_EXPECT_EQ(test, send_one(test, flow, 1), -EDQUOT);
	KUNIT_EXPECT_EQ(test, test_drops(flow, IPCP_DROP_NOMEM), 1);
	KUNIT_EXPECT_TRUE(test, ipcp_tx_refused(flow));

	flow->inflight->refused = jiffies + TEST_TIME;	/* not yet */
	test_work(flow);
	KUNIT_EXPECT_TRUE(test, ipcp_tx_refused(flow));
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 0);
	flow->inflight->refused = jiffies - HZ;
	test_work(flow);
	KUNIT_EXPECT_FALSE(test, ipcp_tx_refused(flow));
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 1);
	KUNIT_EXPECT_TRUE(test, sleeper->events & EPOLLOUT);
	atomic_long_set(&flow->payer.user->bytes, IPCP_QUEUE_FREE);
}

static void a_user_at_the_limit_cannot_send(struct kunit *test)
{
	struct ipcp_flow *mate = test_flow(test), *flow;
	struct ipcp_consumer *consumer = new_consumer(test);
	struct sk_buff_head taken;
	struct sk_buff *skb;
	long before;

	flow = new_sender(test, consumer, mate);
	before = user_bytes();
	atomic_long_set(&flow->payer.user->bytes, ipcp_user_max_bytes());
	skb = ipcp_tx_alloc(0, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_EXPECT_EQ(test, test_send(flow, skb), -EDQUOT);
	KUNIT_EXPECT_EQ(test, atomic_read(&flow->inflight->count),
			IPCP_INFLIGHT_FLOW);
	atomic_long_set(&flow->payer.user->bytes, before);
	send(test, flow, mate, 1, &taken);
	__skb_queue_purge(&taken);
}

static void the_last_message_releases_the_consumer_and_module(struct kunit *test)
{
	struct ipcp_flow *mate = test_flow(test), *flow;
	struct ipcp_consumer *consumer = new_consumer(test);
	int modules = test_module_refs();
	struct sk_buff_head taken;

	flow = new_sender(test, consumer, mate);
	send(test, flow, mate, MESSAGES, &taken);
	KUNIT_EXPECT_EQ(test, test_module_refs(), modules + test_is_module());
	test_end_flow(test, flow);
	test_drain();
	while (skb_queue_len(&taken)) {
		KUNIT_EXPECT_EQ(test, refcount_read(&consumer->refs), 2);
		KUNIT_EXPECT_EQ(test, test_module_refs(),
				modules + test_is_module());
		free_one(&taken);
	}
	KUNIT_EXPECT_EQ(test, refcount_read(&consumer->refs), 1);
	KUNIT_EXPECT_EQ(test, test_module_refs(), modules);
}

static void a_flow_that_ends_last_releases_the_consumer_and_module(struct kunit *test)
{
	struct ipcp_flow *mate = test_flow(test), *flow;
	struct ipcp_consumer *consumer = new_consumer(test);
	int modules = test_module_refs();
	struct sk_buff_head taken;

	flow = new_sender(test, consumer, mate);
	for (int i = 0; i < 2; i++) {
		send(test, flow, mate, MESSAGES, &taken);
		KUNIT_EXPECT_EQ(test, atomic_read(&flow->inflight->count),
				IPCP_INFLIGHT_FLOW + MESSAGES);
		__skb_queue_purge(&taken);
		KUNIT_EXPECT_EQ(test, atomic_read(&flow->inflight->count),
				IPCP_INFLIGHT_FLOW);
		KUNIT_EXPECT_EQ(test, test_module_refs(), modules);
	}
	test_end_flow(test, flow);
	test_drain();
	KUNIT_EXPECT_EQ(test, refcount_read(&consumer->refs), 1);
	KUNIT_EXPECT_EQ(test, test_module_refs(), modules);
}

static void freed_messages_wake_senders_that_wait_for_room(struct kunit *test)
{
	struct ipcp_flow *mate = test_flow(test), *flow;
	struct ipcp_consumer *consumer = new_consumer(test);
	struct test_waker *sleeper = test_sleep(test, consumer);
	struct sk_buff_head taken;

	flow = new_sender(test, consumer, mate);
	send(test, flow, mate, IPCP_TX_QUEUE, &taken);
	KUNIT_EXPECT_FALSE(test, ipcp_tx_room(flow));
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 0);
	free_one(&taken);
	KUNIT_EXPECT_TRUE(test, ipcp_tx_room(flow));
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 1);
	KUNIT_EXPECT_TRUE(test, sleeper->events & EPOLLOUT);

	/* There was room already: no sender waits. */
	free_one(&taken);
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 1);
	__skb_queue_purge(&taken);
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 1);

	/* Messages wake senders after the end of their flow, too. */
	send(test, flow, mate, IPCP_TX_QUEUE, &taken);
	test_end_flow(test, flow);
	test_drain();
	sleeper->wakes = 0;
	free_one(&taken);
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 1);
	__skb_queue_purge(&taken);
}

/* Wait until the flows of the previous test are freed, too. */
static int begin(struct kunit *test)
{
	test_drain();
	return test_path_clear(test);
}

static const struct together_case {
	const char *desc;
	unsigned int count;
} togethers[] = {
	{ "two", 2 },
	{ "the maximum", IPCP_SEGS_MAX },
};

KUNIT_ARRAY_PARAM_DESC(together, togethers, desc);

static void messages_in_one_buffer_count_until_the_buffer_is_freed(struct kunit *test)
{
	const struct together_case *c = test->param_value;
	struct ipcp_flow *mate = test_flow(test), *flow;
	struct ipcp_consumer *consumer = new_consumer(test);
	struct sk_buff *skb;

	flow = new_sender(test, consumer, mate);
	skb = ipcp_tx_segs_alloc(1, 1, c->count, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_EXPECT_EQ(test, ipcp_tx_send(flow, skb), c->count);
	KUNIT_EXPECT_EQ(test, atomic_read(&flow->inflight->count),
			IPCP_INFLIGHT_FLOW + c->count);
	ipcp_rx_purge(mate);
	KUNIT_EXPECT_EQ(test, atomic_read(&flow->inflight->count),
			IPCP_INFLIGHT_FLOW);
}

static struct kunit_case inflight_test_cases[] = {
	KUNIT_CASE(messages_hold_their_user_but_no_route_or_namespace),
	KUNIT_CASE(memory_in_flight_is_reserved_in_steps_until_it_is_trimmed),
	KUNIT_CASE(memory_of_freed_messages_is_not_kept_for_longer_ones),
	KUNIT_CASE(a_flow_without_messages_at_the_limit_releases_its_memory),
	KUNIT_CASE(the_worker_trims_memory_that_was_idle_for_a_time),
	KUNIT_CASE(a_refused_sender_is_counted_and_woken_later),
	KUNIT_CASE(a_user_at_the_limit_cannot_send),
	KUNIT_CASE(the_last_message_releases_the_consumer_and_module),
	KUNIT_CASE(a_flow_that_ends_last_releases_the_consumer_and_module),
	KUNIT_CASE(freed_messages_wake_senders_that_wait_for_room),
	KUNIT_CASE_PARAM(messages_in_one_buffer_count_until_the_buffer_is_freed,
			 together_gen_params),
	{}
};

static struct kunit_suite inflight_test_suite = {
	.name = "ipcp_inflight",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = begin,
	.test_cases = inflight_test_cases,
};

kunit_test_suite(inflight_test_suite);
