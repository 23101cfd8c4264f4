// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Reading several packets in one buffer: sharing, taking and putting back. */
#include "flow_util.h"
#include "path_util.h"
#include "reader.h"
#include "rx.h"
#include "segs_util.h"

static void several_readers_share_a_buffer(struct kunit *test)
{
	struct test_segs_ends e = test_segs_new_ends(test);
	struct ipcp_reader readers[2];
	struct sk_buff *pkts[TEST_SEGS];
	const u8 *msg;

	for (int i = 0; i < TEST_SEGS; i++)
		pkts[i] = test_segs_say(test, &e, 0, 100);
	test_segs_arrive(test, test_shapes,
			 test_segs_merge(test, test_shapes, pkts, TEST_SEGS));
	for (int i = 0; i < 2; i++)
		ipcp_reader_init(&readers[i], e.to[0]);
	for (int i = 0; i < TEST_SEGS; i++) {
		KUNIT_ASSERT_EQ(test, ipcp_reader_next(&readers[i & 1], &msg),
				100);
		KUNIT_EXPECT_EQ(test, *(const u32 *)msg, i);
	}
	for (int i = 0; i < 2; i++)
		ipcp_reader_end(&readers[i]);
	KUNIT_EXPECT_TRUE(test, ipcp_rbuff_empty(&e.to[0]->n_rb));
}

/* Take a buffer of TEST_SEGS messages whole, and read two of them. */
static void take_two_of_all(struct kunit *test, struct test_segs_ends *e,
			    struct ipcp_reader *r)
{
	struct sk_buff *pkts[TEST_SEGS];
	const u8 *msg;

	for (int i = 0; i < TEST_SEGS; i++)
		pkts[i] = test_segs_say(test, e, 0, 100);
	test_segs_arrive(test, test_shapes,
			 test_segs_merge(test, test_shapes, pkts, TEST_SEGS));
	ipcp_reader_init(r, e->to[0]);
	r->want = TEST_SEGS;
	for (int i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, ipcp_reader_next(r, &msg), 100);
		KUNIT_EXPECT_EQ(test, *(const u32 *)msg, i);
		KUNIT_EXPECT_TRUE(test, ipcp_rbuff_empty(&e->to[0]->n_rb));
	}
}

static void the_rest_of_a_buffer_taken_whole_is_put_back(struct kunit *test)
{
	struct test_segs_ends e = test_segs_new_ends(test);
	struct ipcp_reader r;

	take_two_of_all(test, &e, &r);
	ipcp_reader_end(&r);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&e.to[0]->n_rb), TEST_SEGS - 2);
	for (int i = 2; i < TEST_SEGS; i++)
		KUNIT_EXPECT_EQ(test, test_segs_hear(e.to[0], NULL), i);
	KUNIT_EXPECT_EQ(test, e.to[0]->n_rb.bytes, 0);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&e.to[0]->n_rb), 0);
}

/* Another reader waits, since the ring is empty while the buffer is taken. */
static void a_buffer_put_back_wakes_waiting_readers(struct kunit *test)
{
	struct test_segs_ends e = test_segs_new_ends(test);
	struct test_waker *waker;
	struct ipcp_reader r;

	take_two_of_all(test, &e, &r);
	waker = test_sleep(test, e.to[0]->n_rb.flags.consumer);
	ipcp_reader_end(&r);
	KUNIT_EXPECT_EQ(test, waker->wakes, 1);
	KUNIT_EXPECT_EQ(test, waker->events, EPOLLIN | EPOLLRDNORM);
	KUNIT_EXPECT_EQ(test, test_segs_hear(e.to[0], NULL), 2);
	KUNIT_EXPECT_EQ(test, waker->wakes, 1);
}

static void an_earlier_reader_continues_a_buffer_put_back(struct kunit *test)
{
	struct test_segs_ends e = test_segs_new_ends(test);
	struct ipcp_reader one, all;
	struct sk_buff *pkts[TEST_SEGS];
	const u8 *msg;

	for (int i = 0; i < TEST_SEGS; i++)
		pkts[i] = test_segs_say(test, &e, 0, 100);
	test_segs_arrive(test, test_shapes,
			 test_segs_merge(test, test_shapes, pkts, TEST_SEGS));
	ipcp_reader_init(&one, e.to[0]);
	ipcp_reader_init(&all, e.to[0]);
	all.want = TEST_SEGS;
	KUNIT_EXPECT_EQ(test, ipcp_reader_next(&one, &msg), 100);
	KUNIT_EXPECT_EQ(test, ipcp_reader_next(&all, &msg), 100);
	KUNIT_EXPECT_EQ(test, ipcp_reader_next(&one, &msg), -EAGAIN);
	ipcp_reader_end(&all);
	for (int i = 2; i < TEST_SEGS; i++) {
		KUNIT_ASSERT_EQ(test, ipcp_reader_next(&one, &msg), 100);
		KUNIT_EXPECT_EQ(test, *(const u32 *)msg, i);
	}
	ipcp_reader_end(&one);
	KUNIT_EXPECT_EQ(test, e.to[0]->n_rb.bytes, 0);
}

static void nothing_is_put_back_into_a_closed_ring(struct kunit *test)
{
	struct test_segs_ends e = test_segs_new_ends(test);
	struct ipcp_reader r;

	take_two_of_all(test, &e, &r);
	ipcp_rx_purge(e.to[0]);
	ipcp_reader_end(&r);
	KUNIT_EXPECT_TRUE(test, ipcp_rbuff_empty(&e.to[0]->n_rb));
	KUNIT_EXPECT_EQ(test, test_drops(e.to[0], IPCP_DROP_CLOSED),
			TEST_SEGS - 2);
}

static struct kunit_case rx_segs_read_test_cases[] = {
	KUNIT_CASE(several_readers_share_a_buffer),
	KUNIT_CASE(the_rest_of_a_buffer_taken_whole_is_put_back),
	KUNIT_CASE(a_buffer_put_back_wakes_waiting_readers),
	KUNIT_CASE(an_earlier_reader_continues_a_buffer_put_back),
	KUNIT_CASE(nothing_is_put_back_into_a_closed_ring),
	{}
};

static struct kunit_suite rx_segs_read_test_suite = {
	.name = "ipcp_rx_segs_read",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = rx_segs_read_test_cases,
};

kunit_test_suite(rx_segs_read_test_suite);
