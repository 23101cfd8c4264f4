// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* The ring towards the reader: order, bounds and wakeups. */
#include <linux/poll.h>

#include "flow_util.h"
#include "rbuff.h"
#include "test_util.h"
#include "users.h"

static void free_ring(void *data)
{
	struct ipcp_rbuff *rb = data;

	__skb_queue_purge(&rb->queue);
	ipcp_consumer_put(rb->flags.consumer);
}

static struct ipcp_rbuff *new_ring(struct kunit *test)
{
	struct ipcp_rbuff *rb = kunit_kzalloc(test, sizeof(*rb), GFP_KERNEL);
	struct ipcp_consumer *consumer = test_consumer();

	KUNIT_ASSERT_NOT_NULL(test, rb);
	KUNIT_ASSERT_NOT_NULL(test, consumer);
	ipcp_rbuff_init(rb, consumer);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, free_ring, rb), 0);
	return rb;
}

/* Create a packet with a number in it, charged as @size bytes. */
static struct sk_buff *packet(struct kunit *test, u32 no, unsigned int size)
{
	struct sk_buff *skb = alloc_skb(sizeof(no), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_data(skb, &no, sizeof(no));
	skb->truesize = size;
	return skb;
}

static bool put(struct kunit *test, struct ipcp_rbuff *rb, u32 no,
		unsigned int size)
{
	struct sk_buff *skb = packet(test, no, size);
	enum ipcp_drop reason = ipcp_rbuff_write(rb, skb, 1);

	if (!reason)
		return true;
	KUNIT_EXPECT_EQ(test, reason, rb->closed ? IPCP_DROP_CLOSED :
						   IPCP_DROP_RING_FULL);
	kfree_skb(skb);		/* the caller still owns the buffer */
	return false;
}

/* Take the first packet. Return: its number, or -1. */
static s64 get(struct ipcp_rbuff *rb)
{
	struct sk_buff *skb;
	s64 no = -1;

	spin_lock_bh(&rb->queue.lock);
	skb = skb_peek(&rb->queue);
	if (skb)
		__ipcp_rbuff_unlink(rb, skb, 1);
	spin_unlock_bh(&rb->queue.lock);
	if (skb)
		no = *(u32 *)skb->data;
	kfree_skb(skb);
	return no;
}

static void a_new_ring_is_empty_and_may_be_read_and_written(struct kunit *test)
{
	struct ipcp_rbuff *rb = new_ring(test);

	KUNIT_EXPECT_TRUE(test, ipcp_rbuff_empty(rb));
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(rb), 0);
	KUNIT_EXPECT_EQ(test, ipcp_rbflags(&rb->flags), IPCP_RB_RD | IPCP_RB_WR);
	KUNIT_EXPECT_EQ(test, get(rb), -1);
}

static void a_queued_packet_is_read_back(struct kunit *test)
{
	struct ipcp_rbuff *rb = new_ring(test);

	KUNIT_EXPECT_TRUE(test, put(test, rb, 42, 100));
	KUNIT_EXPECT_FALSE(test, ipcp_rbuff_empty(rb));
	KUNIT_EXPECT_EQ(test, rb->bytes, 100);
	KUNIT_EXPECT_EQ(test, get(rb), 42);
	KUNIT_EXPECT_TRUE(test, ipcp_rbuff_empty(rb));
	KUNIT_EXPECT_EQ(test, rb->bytes, 0);
}

static void a_ring_is_filled_and_drained_in_order(struct kunit *test)
{
	struct ipcp_rbuff *rb = new_ring(test);
	u32 i;

	for (i = 0; i < IPCP_RB_PACKETS; i++) {
		KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(rb), i);
		KUNIT_EXPECT_TRUE(test, put(test, rb, i, 1));
	}
	KUNIT_EXPECT_FALSE(test, put(test, rb, i, 1));
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(rb), IPCP_RB_PACKETS);

	KUNIT_EXPECT_EQ(test, get(rb), 0);
	KUNIT_EXPECT_TRUE(test, put(test, rb, i, 1));
	for (i = 1; i <= IPCP_RB_PACKETS; i++)
		KUNIT_EXPECT_EQ(test, get(rb), i);
	KUNIT_EXPECT_TRUE(test, ipcp_rbuff_empty(rb));
}

static const struct bytes_case {
	const char *desc;
	unsigned int first;
	unsigned int second;
	bool room;
} bytes_cases[] = {
	{ "to the last byte", IPCP_RB_BYTES - 300, 300, true },
	{ "one byte too many", IPCP_RB_BYTES - 300, 301, false },
	{ "all in one packet", 0, IPCP_RB_BYTES, true },
	{ "a single packet too big", 0, IPCP_RB_BYTES + 1, false },
};

KUNIT_ARRAY_PARAM_DESC(bytes, bytes_cases, desc);

static void a_ring_is_bounded_in_bytes_of_memory(struct kunit *test)
{
	const struct bytes_case *c = test->param_value;
	struct ipcp_rbuff *rb = new_ring(test);

	if (c->first)
		KUNIT_EXPECT_TRUE(test, put(test, rb, 0, c->first));
	KUNIT_EXPECT_EQ(test, put(test, rb, 1, c->second), c->room);
	KUNIT_EXPECT_EQ(test, rb->bytes, c->room ? IPCP_RB_BYTES : c->first);
}

static struct ipcp_user *new_user(struct kunit *test)
{
	struct ipcp_user *user = kunit_kzalloc(test, sizeof(*user), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, user);
	return user;
}

static void the_user_is_charged_in_steps_until_the_ring_is_trimmed(struct kunit *test)
{
	struct ipcp_rbuff *rb = new_ring(test);

	rb->user = new_user(test);
	KUNIT_EXPECT_TRUE(test, put(test, rb, 0, IPCP_QUEUE_FREE));
	KUNIT_EXPECT_EQ(test, atomic_long_read(&rb->user->bytes), 0);
	KUNIT_EXPECT_FALSE(test, rb->grown);
	KUNIT_EXPECT_FALSE(test, ipcp_rbuff_reserved(rb));
	KUNIT_EXPECT_TRUE(test, put(test, rb, 1, 1));
	KUNIT_EXPECT_TRUE(test, ipcp_rbuff_take_grown(rb));
	KUNIT_EXPECT_FALSE(test, ipcp_rbuff_take_grown(rb));
	KUNIT_EXPECT_TRUE(test, ipcp_rbuff_reserved(rb));
	KUNIT_EXPECT_EQ(test, atomic_long_read(&rb->user->bytes),
			IPCP_QUEUE_STEP);
	KUNIT_EXPECT_TRUE(test, put(test, rb, 2, 2 * IPCP_QUEUE_STEP));
	KUNIT_EXPECT_FALSE(test, rb->grown);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&rb->user->bytes),
			3 * IPCP_QUEUE_STEP);
	get(rb);
	get(rb);
	ipcp_rbuff_trim(rb);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&rb->user->bytes),
			3 * IPCP_QUEUE_STEP);
	get(rb);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&rb->user->bytes),
			3 * IPCP_QUEUE_STEP);
	ipcp_rbuff_trim(rb);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&rb->user->bytes), 0);
	KUNIT_EXPECT_TRUE(test, put(test, rb, 3, IPCP_QUEUE_FREE + 1));
	KUNIT_EXPECT_TRUE(test, ipcp_rbuff_take_grown(rb));
}

static void rings_of_one_user_share_a_limit(struct kunit *test)
{
	struct ipcp_rbuff *one = new_ring(test), *other = new_ring(test);
	struct ipcp_user *user = new_user(test);

	one->user = user;
	other->user = user;
	atomic_long_set(&user->bytes, ipcp_user_max_bytes() - IPCP_QUEUE_STEP);
	KUNIT_EXPECT_TRUE(test, put(test, one, 0, IPCP_QUEUE_FREE + 1));
	KUNIT_EXPECT_FALSE(test, put(test, other, 0, IPCP_QUEUE_FREE + 1));
	KUNIT_EXPECT_TRUE(test, put(test, other, 0, IPCP_QUEUE_FREE));
	KUNIT_EXPECT_EQ(test, atomic_long_read(&user->bytes),
			ipcp_user_max_bytes());
	get(one);
	ipcp_rbuff_trim(one);
	KUNIT_EXPECT_TRUE(test, put(test, other, 1, 1));
}

static void a_closed_ring_refuses_packets(struct kunit *test)
{
	struct ipcp_rbuff *rb = new_ring(test);

	KUNIT_EXPECT_TRUE(test, put(test, rb, 0, 1));
	rb->closed = true;
	KUNIT_EXPECT_FALSE(test, put(test, rb, 1, 1));
	KUNIT_EXPECT_EQ(test, get(rb), 0);
	KUNIT_EXPECT_EQ(test, get(rb), -1);
}

static void each_packet_wakes_readers(struct kunit *test)
{
	struct ipcp_rbuff *rb = new_ring(test);
	struct test_waker *reader = test_sleep(test, rb->flags.consumer);

	put(test, rb, 0, 1);
	put(test, rb, 1, 1);
	KUNIT_EXPECT_EQ(test, reader->wakes, 2);
	KUNIT_EXPECT_EQ(test, reader->events, EPOLLIN | EPOLLRDNORM);
}

static void a_refused_packet_wakes_no_reader(struct kunit *test)
{
	struct ipcp_rbuff *rb = new_ring(test);
	struct test_waker *reader = test_sleep(test, rb->flags.consumer);

	KUNIT_EXPECT_FALSE(test, put(test, rb, 0, IPCP_RB_BYTES + 1));
	KUNIT_EXPECT_EQ(test, reader->wakes, 0);
}

/* Queued packets can be read whatever the flags are. */
static void flags_do_not_affect_queued_packets(struct kunit *test)
{
	struct ipcp_rbuff *rb = new_ring(test);

	put(test, rb, 1, 1);
	ipcp_rbflags_change(&rb->flags, IPCP_RB_FLOWDOWN | IPCP_RB_FLOWPEER,
			    IPCP_RB_RD | IPCP_RB_WR);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(rb), 1);
	KUNIT_EXPECT_EQ(test, get(rb), 1);
}

static void a_ring_holds_one_reference_to_its_consumer(struct kunit *test)
{
	struct ipcp_rbuff *rb = new_ring(test);
	struct ipcp_consumer *consumer = ipcp_consumer_get(rb->flags.consumer);

	KUNIT_EXPECT_EQ(test, refcount_read(&consumer->refs), 2);
	ipcp_consumer_put(consumer);
	KUNIT_EXPECT_EQ(test, refcount_read(&consumer->refs), 1);
}

static struct kunit_case rbuff_test_cases[] = {
	KUNIT_CASE(a_new_ring_is_empty_and_may_be_read_and_written),
	KUNIT_CASE(a_queued_packet_is_read_back),
	KUNIT_CASE(a_ring_is_filled_and_drained_in_order),
	KUNIT_CASE_PARAM(a_ring_is_bounded_in_bytes_of_memory,
			 bytes_gen_params),
	KUNIT_CASE(the_user_is_charged_in_steps_until_the_ring_is_trimmed),
	KUNIT_CASE(rings_of_one_user_share_a_limit),
	KUNIT_CASE(a_closed_ring_refuses_packets),
	KUNIT_CASE(each_packet_wakes_readers),
	KUNIT_CASE(a_refused_packet_wakes_no_reader),
	KUNIT_CASE(flags_do_not_affect_queued_packets),
	KUNIT_CASE(a_ring_holds_one_reference_to_its_consumer),
	{}
};

static struct kunit_suite rbuff_test_suite = {
	.name = "ipcp_rbuff",
	.test_cases = rbuff_test_cases,
};

kunit_test_suite(rbuff_test_suite);
