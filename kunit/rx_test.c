// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Receiving: which packets are dropped and why, which are read and in which
 * order, and that no packet is lost when keys are wiped.
 */
#include <linux/unaligned.h>

#include "ends_util.h"
#include "fail_nth.h"
#include "flow_util.h"
#include "heap.h"
#include "keyrot.h"
#include "path_util.h"
#include "reader.h"
#include "rx.h"

#define OTHER_ADDRESS	0x7f000009	/* 127.0.0.9, on loopback, too */

static unsigned long stray(enum ipcp_drop reason)
{
	struct ipcp_drops sum;

	ipcp_drops_sum(test_net()->drops, &sum);
	return sum.drops[reason];
}

static void messages_are_read_in_order_across_leaves(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct ipcp_stats sum;

	/* no message is read before all packets have arrived */
	test_arrive(test, &e, 10 * TEST_LEAF);
	test_expect_heard(test, &e, 0, 10 * TEST_LEAF);
	ipcp_stats_sum(e.to->stats, &sum);
	KUNIT_EXPECT_EQ(test, sum.rx_packets, 10 * TEST_LEAF);
	KUNIT_EXPECT_EQ(test, sum.rx_bytes, 10 * TEST_LEAF * sizeof(u32));
	for (int i = 0; i < IPCP_DROP_MAX; i++)
		KUNIT_EXPECT_EQ(test, sum.drops[i], 0);
}

static void reordering_across_a_leaf_boundary_is_tolerated(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct sk_buff *late;

	test_lose(test, &e, TEST_LEAF - 1);
	late = test_say(test, &e);
	test_arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), TEST_LEAF);
	test_deliver(late);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), TEST_LEAF - 1);
}

static void a_packet_two_leaves_behind_is_too_late(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct sk_buff *late = test_say(test, &e);

	test_arrive(test, &e, 2 * TEST_LEAF);
	test_expect_heard(test, &e, 1, 2 * TEST_LEAF + 1);
	test_deliver(late);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), -1);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_LATE), 1);
}

static void a_receiver_jumps_over_lost_leaves(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);

	test_lose(test, &e, 5 * TEST_LEAF + 7);
	test_arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 5 * TEST_LEAF + 7);
	test_lose(test, &e, 100 * TEST_LEAF);
	test_arrive(test, &e, TEST_LEAF);
	test_expect_heard(test, &e, 105 * TEST_LEAF + 8, 106 * TEST_LEAF + 8);
}

static void a_packet_is_read_once(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct sk_buff *skb = test_say(test, &e);
	struct sk_buff *again = skb_copy(skb, GFP_KERNEL);
	struct sk_buff *later = skb_copy(skb, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, again);
	KUNIT_ASSERT_NOT_NULL(test, later);
	test_deliver(skb);
	test_deliver(again);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&e.to->n_rb), 1);
	test_expect_heard(test, &e, 0, 1);
	test_deliver(later);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&e.to->n_rb), 0);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_REPLAY), 2);
}

static void forged_packets_change_nothing(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct ipcp_epoch *ep = test_newest(e.to);
	u64 end = ep->rx_end;

	for (unsigned int byte = 0; byte < sizeof(u32) + IPCP_TAG_LEN; byte++) {
		struct sk_buff *skb = test_say(test, &e);

		skb->data[IPCP_HDR_LEN + byte] ^= 1;
		test_deliver(skb);
		KUNIT_EXPECT_EQ(test, test_hear(e.to), -1);
	}
	KUNIT_EXPECT_EQ(test, atomic64_read(&e.to->auth_failures),
			sizeof(u32) + IPCP_TAG_LEN);
	KUNIT_EXPECT_EQ(test, ep->rx_end, end);
	test_arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), e.said - 1);
}

static void no_flow(struct test_ends *e, struct sk_buff *skb)
{
	put_unaligned_be32(~e->to->eid, skb->data + 8);
}

static void cut(struct test_ends *e, struct sk_buff *skb)
{
	skb_trim(skb, IPCP_OVERHEAD - 1);
}

static void nothing_left(struct test_ends *e, struct sk_buff *skb)
{
	skb_trim(skb, 0);
}

static void other_version(struct test_ends *e, struct sk_buff *skb)
{
	skb->data[0] += 0x10;
}

static void other_type(struct test_ends *e, struct sk_buff *skb)
{
	skb->data[0] |= 0x0f;
}

static void other_epoch(struct test_ends *e, struct sk_buff *skb)
{
	skb->data[1] += IPCP_EPOCH_SLOTS;
}

static void flow_without_keys(struct test_ends *e, struct sk_buff *skb)
{
	ipcp_keyrot_drop(e->to);
}

static void flow_that_is_gone(struct test_ends *e, struct sk_buff *skb)
{
	e->to->state = IPCP_REKEY_FLOW_STATE_DEALLOCATED;
}

static void flow_not_encrypted(struct test_ends *e, struct sk_buff *skb)
{
	e->to->rk.encrypted = false;
}

static void clear_text(struct test_ends *e, struct sk_buff *skb)
{
	memset(skb->data, 0, IPCP_HDR_LEN);
	skb->data[0] = 0x10 | IPCP_PDU_CTRL;
}

static const struct arrival_case {
	const char *desc;
	void (*change)(struct test_ends *e, struct sk_buff *skb);
	enum ipcp_drop reason;
	bool flow;	/* counted by the flow */
} arrivals[] = {
	{ "for an unknown endpoint id", no_flow, IPCP_DROP_EID, false },
	{ "truncated", cut, IPCP_DROP_SHORT, false },
	{ "empty", nothing_left, IPCP_DROP_SHORT, false },
	{ "of another version", other_version, IPCP_DROP_VERSION, false },
	{ "of an unknown type", other_type, IPCP_DROP_TYPE, false },
	{ "for an absent agent", clear_text, IPCP_DROP_CTRL_FULL,
	  false },
	{ "of an unknown epoch", other_epoch, IPCP_DROP_EPOCH, true },
	{ "for a flow without keys", flow_without_keys, IPCP_DROP_EPOCH, true },
	{ "for a deallocated flow", flow_that_is_gone, IPCP_DROP_STATE, true },
	{ "for a flow without encryption", flow_not_encrypted, IPCP_DROP_STATE,
	  true },
};

KUNIT_ARRAY_PARAM_DESC(arrival, arrivals, desc);

static void undeliverable_packets_are_dropped_on_arrival(struct kunit *test)
{
	const struct arrival_case *c = test->param_value;
	struct test_ends e = test_new_ends(test);
	struct sk_buff *skb = test_say(test, &e);
	unsigned long before;

	c->change(&e, skb);
	before = c->flow ? test_drops(e.to, c->reason) : stray(c->reason);
	test_deliver(skb);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&e.to->n_rb), 0);
	KUNIT_EXPECT_EQ(test, c->flow ? test_drops(e.to, c->reason) :
					stray(c->reason), before + 1);
}

static void a_full_ring_drops_the_newest_packets(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);

	test_arrive(test, &e, IPCP_RB_PACKETS + 3);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_RING_FULL), 3);
	test_expect_heard(test, &e, 0, IPCP_RB_PACKETS);
}

/* The reader is slow, and the keys are wiped. */
static void queued_messages_are_read_after_their_epoch_ended(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct ipcp_epoch *old = test_hold(test, test_newest(e.to));

	test_arrive(test, &e, 3 * TEST_LEAF);
	test_next(test, e.to);
	test_settle(test, e.to);
	test_newest(e.to)->linger = jiffies;
	test_keyrot(e.to);
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_EP_RETIRED, &old->flags));
	test_expect_heard(test, &e, 0, 3 * TEST_LEAF);
}

/* A packet socket, for example, holds a clone. The peer may send it again. */
static void a_shared_packet_that_cannot_be_copied_is_dropped(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct sk_buff *skb = test_say(test, &e), *again, *shared;
	bool failed;

	failing_allocations(test);
	again = skb_copy(skb, GFP_KERNEL);
	shared = skb_clone(skb, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, again);
	KUNIT_ASSERT_NOT_NULL(test, shared);
	fail_nth(1);
	test_deliver(skb);
	failed = fail_nth_did();
	kfree_skb(shared);
	KUNIT_EXPECT_TRUE(test, failed);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_NOMEM), 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), -1);
	test_deliver(again);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 0);
}

/* A flood of forged and repeated packets arrives without a reader. */
static void forged_and_repeated_packets_take_no_ring_space(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct sk_buff *skb = test_say(test, &e), *copy;

	for (unsigned int i = 0; i < 2 * IPCP_RB_PACKETS; i++) {
		copy = skb_copy(skb, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, copy);
		if (i & 1)
			test_forge(copy, ipcp_ctr_make(0, i % TEST_LEAF));
		test_deliver(copy);
	}
	kfree_skb(skb);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&e.to->n_rb), 1);
	test_arrive(test, &e, IPCP_RB_PACKETS - 1);
	test_expect_heard(test, &e, 0, IPCP_RB_PACKETS);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_RING_FULL), 0);
}

static void an_authentic_packet_clears_the_flowpeer_flag(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);

	ipcp_rbflags_change(&e.to->n_rb.flags, IPCP_RB_FLOWPEER, 0);
	e.to->last_rx = jiffies - TEST_TIME;
	test_arrive(test, &e, 1);
	KUNIT_EXPECT_TRUE(test, time_after(e.to->last_rx, jiffies - TEST_TIME));
	KUNIT_EXPECT_FALSE(test, ipcp_rbflags(&e.to->n_rb.flags) & IPCP_RB_FLOWPEER);
}

static void only_the_highest_packet_updates_the_peer_address(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct sk_buff *older = test_say(test, &e);
	__be16 port = test_bound_port(e.to);

	test_bind(e.to, htons(1), INADDR_LOOPBACK);
	test_arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 1);
	KUNIT_EXPECT_EQ(test, test_bound_port(e.to), port);

	test_bind(e.to, htons(1), INADDR_LOOPBACK);
	test_deliver(older);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 0);
	KUNIT_EXPECT_EQ(test, test_bound_port(e.to), htons(1));
}

/* Counter 0 is the highest of an epoch while no other packet has arrived. */
static void the_first_packet_of_an_epoch_updates_the_peer_address(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	__be16 port = test_bound_port(e.to);
	struct sk_buff *skb = test_say(test, &e);

	KUNIT_ASSERT_EQ(test, test_header(test, skb).counter, 0);
	test_bind(e.to, htons(1), INADDR_LOOPBACK);
	test_let_in(&e, skb);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 0);
	KUNIT_EXPECT_EQ(test, test_bound_port(e.to), port);
}

static void only_the_highest_packet_updates_the_local_address(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct sk_buff *older = test_say(test, &e);
	__be16 port = test_bound_port(e.to);

	test_bind(e.to, port, OTHER_ADDRESS);
	test_arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 1);
	KUNIT_EXPECT_EQ(test, test_bound_local(e.to), INADDR_LOOPBACK);

	test_bind(e.to, port, OTHER_ADDRESS);
	test_deliver(older);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 0);
	KUNIT_EXPECT_EQ(test, test_bound_local(e.to), OTHER_ADDRESS);
}

/* The peer may have moved since it sent in the older epoch. */
static void a_packet_of_a_lingering_epoch_never_updates_the_peer_address(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct ipcp_epoch *old = test_hold(test, test_newest(e.to));
	struct sk_buff *late = test_say(test, &e);
	u64 counter = test_header(test, late).counter;

	for (int i = 0; i < 2; i++) {
		test_next(test, i ? e.from : e.to);
		test_settle(test, i ? e.from : e.to);
	}
	test_bind(e.to, htons(1), OTHER_ADDRESS);
	test_deliver(late);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 0);
	KUNIT_EXPECT_PTR_NE(test, test_newest(e.to), old);
	KUNIT_EXPECT_EQ(test, old->rx_end, counter + 1);	/* the highest */
	KUNIT_EXPECT_EQ(test, test_bound_port(e.to), htons(1));
	KUNIT_EXPECT_EQ(test, test_bound_local(e.to), OTHER_ADDRESS);

	test_arrive(test, &e, 1);	/* in the newest epoch */
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 1);
	KUNIT_EXPECT_NE(test, test_bound_port(e.to), htons(1));
	KUNIT_EXPECT_EQ(test, test_bound_local(e.to), INADDR_LOOPBACK);
}

static void forged_and_repeated_packets_wake_no_reader(struct kunit *test)
{
	static const unsigned int leaves[] = { 0, 1, 100 };
	struct test_ends e = test_new_ends(test);
	struct test_waker *sleeper = test_sleep(test, e.to->n_rb.flags.consumer);
	struct sk_buff *skb;

	for (int i = 0; i < ARRAY_SIZE(leaves); i++) {
		skb = test_say(test, &e);
		test_forge(skb, ipcp_ctr_make(leaves[i], 40));
		test_let_in(&e, skb);
	}
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AUTH), ARRAY_SIZE(leaves));
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 0);
	skb = test_say(test, &e);
	test_deliver(skb_copy(skb, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 1);
	KUNIT_EXPECT_EQ(test, sleeper->events, EPOLLIN | EPOLLRDNORM);
	test_deliver(skb);	/* a repetition */
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 1);
}

static void packets_of_a_purged_flow_are_dropped(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);

	test_arrive(test, &e, 2);
	test_deliver(test_say_control(test, &e, IPCP_PDU_CONFIRM, 1));
	test_lose(test, &e, TEST_LEAF);
	test_deliver(test_say(test, &e));	/* waits for its leaf */
	ipcp_rx_purge(e.to);
	KUNIT_EXPECT_TRUE(test, ipcp_rbuff_empty(&e.to->n_rb));
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_CLOSED), 4);
	/* no packet is queued after the purge */
	test_deliver(test_say(test, &e));
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_CLOSED), 5);
}

static struct kunit_case rx_test_cases[] = {
	KUNIT_CASE(messages_are_read_in_order_across_leaves),
	KUNIT_CASE(reordering_across_a_leaf_boundary_is_tolerated),
	KUNIT_CASE(a_packet_two_leaves_behind_is_too_late),
	KUNIT_CASE(a_receiver_jumps_over_lost_leaves),
	KUNIT_CASE(a_packet_is_read_once),
	KUNIT_CASE(forged_packets_change_nothing),
	KUNIT_CASE_PARAM(undeliverable_packets_are_dropped_on_arrival,
			 arrival_gen_params),
	KUNIT_CASE(a_full_ring_drops_the_newest_packets),
	KUNIT_CASE(queued_messages_are_read_after_their_epoch_ended),
	KUNIT_CASE(a_shared_packet_that_cannot_be_copied_is_dropped),
	KUNIT_CASE(forged_and_repeated_packets_take_no_ring_space),
	KUNIT_CASE(an_authentic_packet_clears_the_flowpeer_flag),
	KUNIT_CASE(only_the_highest_packet_updates_the_peer_address),
	KUNIT_CASE(the_first_packet_of_an_epoch_updates_the_peer_address),
	KUNIT_CASE(only_the_highest_packet_updates_the_local_address),
	KUNIT_CASE(a_packet_of_a_lingering_epoch_never_updates_the_peer_address),
	KUNIT_CASE(forged_and_repeated_packets_wake_no_reader),
	KUNIT_CASE(packets_of_a_purged_flow_are_dropped),
	{}
};

static struct kunit_suite rx_test_suite = {
	.name = "ipcp_rx",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = rx_test_cases,
};

kunit_test_suite(rx_test_suite);
