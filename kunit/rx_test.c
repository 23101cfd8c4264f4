// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Receiving: which packets are dropped and why, which are read and in which
 * order, and that no packet is lost when keys are wiped.
 */
#include <linux/unaligned.h>

#include "cb.h"
#include "control.h"
#include "flow_util.h"
#include "keyrot.h"
#include "leaf.h"
#include "path_util.h"
#include "reader.h"
#include "rx.h"
#include "test_util.h"
#include "tx.h"
#include "upcall.h"

#define SHORT	IPCP_PPL_SHIFT_MIN
#define LEAF	BIT(SHORT)	/* packets per leaf */
#define OTHER_ADDRESS	0x7f000009	/* 127.0.0.9, on loopback, too */

/* Two ends of a flow with short leaves. Messages go from @from to @to. */
struct ends {
	struct ipcp_flow *from;
	struct ipcp_flow *to;
	u32 said;
};

static struct ends new_ends(struct kunit *test)
{
	struct ends e = {};

	test_pair(test, &e.from, &e.to);
	e.from->ppl_shift = SHORT;
	for (int i = 0; i < 2; i++) {
		struct ipcp_flow *flow = i ? e.from : e.to;

		test_next(test, flow);
		test_settle(test, flow);
	}
	return e;
}

/* Send a message with the next number, from 0 on. Return: its packet. */
static struct sk_buff *say(struct kunit *test, struct ends *e)
{
	struct sk_buff *skb = ipcp_tx_alloc(sizeof(e->said), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_data(skb, &e->said, sizeof(e->said));
	e->said++;
	KUNIT_ASSERT_EQ(test, test_send(e->from, skb), 0);
	return test_receive(test);
}

static void lose(struct kunit *test, struct ends *e, unsigned int n)
{
	while (n--)
		kfree_skb(say(test, e));
}

/* Receive a packet, and do the worker's part of it. */
static void deliver(struct ends *e, struct sk_buff *skb)
{
	test_deliver(skb);
	ipcp_rx_drain(e->to);
	test_keyrot(e->to);
}

static void arrive(struct kunit *test, struct ends *e, unsigned int n)
{
	while (n--)
		deliver(e, say(test, e));
}

static struct sk_buff *say_control(struct kunit *test, struct ends *e, u8 type,
				   size_t len)
{
	/* as a CONFIRM it gets no answer */
	static const u8 payload[4] = { IPCP_CONFIRM_DONE };

	KUNIT_ASSERT_EQ(test, ipcp_tx_current(e->from, type, payload, len), 0);
	return test_receive(test);
}

static void expect_heard(struct kunit *test, struct ends *e, u32 from, u32 to)
{
	for (u32 no = from; no < to; no++)
		KUNIT_EXPECT_EQ(test, test_hear(e->to), no);
	KUNIT_EXPECT_EQ(test, test_hear(e->to), -1);
}

static unsigned long stray(enum ipcp_drop reason)
{
	struct ipcp_drops sum;

	ipcp_drops_sum(test_net()->drops, &sum);
	return sum.drops[reason];
}

static void what_is_sent_is_read_in_order_over_all_leaves(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct ipcp_stats sum;

	/* nothing is read before all have arrived */
	arrive(test, &e, 10 * LEAF);
	expect_heard(test, &e, 0, 10 * LEAF);
	ipcp_stats_sum(e.to->stats, &sum);
	KUNIT_EXPECT_EQ(test, sum.rx_packets, 10 * LEAF);
	KUNIT_EXPECT_EQ(test, sum.rx_bytes, 10 * LEAF * sizeof(u32));
	for (int i = 0; i < IPCP_DROP_MAX; i++)
		KUNIT_EXPECT_EQ(test, sum.drops[i], 0);
}

static void short_reorder_over_a_leafs_end_is_tolerated(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct sk_buff *late;

	lose(test, &e, LEAF - 1);
	late = say(test, &e);
	arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), LEAF);
	test_deliver(late);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), LEAF - 1);
}

static void what_comes_after_two_leaves_is_too_late(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct sk_buff *late = say(test, &e);

	arrive(test, &e, 2 * LEAF);
	expect_heard(test, &e, 1, 2 * LEAF + 1);
	test_deliver(late);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), -1);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_LATE), 1);
}

static void a_loss_of_whole_leaves_is_jumped_over(struct kunit *test)
{
	struct ends e = new_ends(test);

	lose(test, &e, 5 * LEAF + 7);
	arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 5 * LEAF + 7);
	lose(test, &e, 100 * LEAF);
	arrive(test, &e, LEAF);
	expect_heard(test, &e, 105 * LEAF + 8, 106 * LEAF + 8);
}

/* Change the counter of a packet, so that its tag is wrong. */
static void forge(struct sk_buff *skb, u64 counter)
{
	put_unaligned_be32(counter, skb->data + 4);
	skb->data[3] = counter >> 32;
}

static void few_jumps_are_tried_for_who_forges(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct sk_buff *skb;

	e.to->waiting.grants = IPCP_JUMPS_PER_SECOND;
	e.to->waiting.filled = true;
	e.to->waiting.filled_at = get_jiffies_64() + TEST_TIME;	/* no second passes */
	for (unsigned int i = 0; i < IPCP_JUMPS_PER_SECOND + 3; i++) {
		skb = say(test, &e);
		forge(skb, ipcp_ctr_make(1000 + 10 * i, 0));
		deliver(&e, skb);
		KUNIT_EXPECT_EQ(test, test_hear(e.to), -1);
	}
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AUTH),
			IPCP_JUMPS_PER_SECOND);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AHEAD), 3);

	arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), e.said - 1);
	e.to->waiting.filled_at = get_jiffies_64() - HZ;	/* one passed */
	lose(test, &e, 20 * LEAF);
	arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), e.said - 1);
}

static void a_packet_is_read_once(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct sk_buff *skb = say(test, &e);
	struct sk_buff *again = skb_copy(skb, GFP_KERNEL);
	struct sk_buff *later = skb_copy(skb, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, again);
	KUNIT_ASSERT_NOT_NULL(test, later);
	test_deliver(skb);
	test_deliver(again);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&e.to->n_rb), 1);
	expect_heard(test, &e, 0, 1);
	test_deliver(later);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&e.to->n_rb), 0);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_REPLAY), 2);
}

static void what_does_not_authenticate_changes_nothing(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct ipcp_epoch *ep = test_newest(e.to);
	u64 end = ep->rx_end;

	for (unsigned int byte = 0; byte < sizeof(u32) + IPCP_TAG_LEN; byte++) {
		struct sk_buff *skb = say(test, &e);

		skb->data[IPCP_HDR_LEN + byte] ^= 1;
		test_deliver(skb);
		KUNIT_EXPECT_EQ(test, test_hear(e.to), -1);
	}
	KUNIT_EXPECT_EQ(test, atomic64_read(&e.to->auth_failures),
			sizeof(u32) + IPCP_TAG_LEN);
	KUNIT_EXPECT_EQ(test, ep->rx_end, end);
	arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), e.said - 1);
}

static void no_flow(struct ends *e, struct sk_buff *skb)
{
	put_unaligned_be32(~e->to->eid, skb->data + 8);
}

static void cut(struct ends *e, struct sk_buff *skb)
{
	skb_trim(skb, IPCP_OVERHEAD - 1);
}

static void nothing_left(struct ends *e, struct sk_buff *skb)
{
	skb_trim(skb, 0);
}

static void other_version(struct ends *e, struct sk_buff *skb)
{
	skb->data[0] += 0x10;
}

static void other_type(struct ends *e, struct sk_buff *skb)
{
	skb->data[0] |= 0x0f;
}

static void other_epoch(struct ends *e, struct sk_buff *skb)
{
	skb->data[1] += IPCP_EPOCH_SLOTS;
}

static void flow_without_keys(struct ends *e, struct sk_buff *skb)
{
	ipcp_keyrot_drop(e->to);
}

static void flow_that_is_gone(struct ends *e, struct sk_buff *skb)
{
	e->to->state = IPCP_REKEY_FLOW_STATE_DEALLOCATED;
}

static void flow_not_encrypted(struct ends *e, struct sk_buff *skb)
{
	e->to->rk.encrypted = false;
}

static void clear_text(struct ends *e, struct sk_buff *skb)
{
	memset(skb->data, 0, IPCP_HDR_LEN);
	skb->data[0] = 0x10 | IPCP_PDU_CTRL;
}

static const struct arrival_case {
	const char *desc;
	void (*change)(struct ends *e, struct sk_buff *skb);
	enum ipcp_drop reason;
	bool flow;	/* counted by the flow */
} arrivals[] = {
	{ "for no flow", no_flow, IPCP_DROP_EID, false },
	{ "cut", cut, IPCP_DROP_SHORT, false },
	{ "empty", nothing_left, IPCP_DROP_SHORT, false },
	{ "of another version", other_version, IPCP_DROP_VERSION, false },
	{ "of no type", other_type, IPCP_DROP_TYPE, false },
	{ "for an agent that is not there", clear_text, IPCP_DROP_CTRL_FULL,
	  false },
	{ "of no epoch", other_epoch, IPCP_DROP_EPOCH, true },
	{ "for a flow without keys", flow_without_keys, IPCP_DROP_EPOCH, true },
	{ "for a flow that is gone", flow_that_is_gone, IPCP_DROP_STATE, true },
	{ "for a flow without encryption", flow_not_encrypted, IPCP_DROP_STATE,
	  true },
};

KUNIT_ARRAY_PARAM_DESC(arrival, arrivals, desc);

static void what_cannot_be_for_anybody_is_dropped_on_arrival(struct kunit *test)
{
	const struct arrival_case *c = test->param_value;
	struct ends e = new_ends(test);
	struct sk_buff *skb = say(test, &e);
	unsigned long before;

	c->change(&e, skb);
	before = c->flow ? test_drops(e.to, c->reason) : stray(c->reason);
	test_deliver(skb);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&e.to->n_rb), 0);
	KUNIT_EXPECT_EQ(test, c->flow ? test_drops(e.to, c->reason) :
					stray(c->reason), before + 1);
}

static void a_full_ring_drops_what_comes_last(struct kunit *test)
{
	struct ends e = new_ends(test);

	arrive(test, &e, IPCP_RB_PACKETS + 3);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_RING_FULL), 3);
	expect_heard(test, &e, 0, IPCP_RB_PACKETS);
}

static void control_packets_wait_in_a_queue_of_their_own(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct sk_buff_head said;

	/* Sent first, since the worker may run and empty the queue. */
	__skb_queue_head_init(&said);
	for (int i = 0; i < IPCP_CTL_QUEUE + 2; i++)
		__skb_queue_tail(&said,
				 say_control(test, &e, IPCP_PDU_CONFIRM, 1));
	while (!skb_queue_empty(&said))
		test_deliver(__skb_dequeue(&said));
	ipcp_rx_drain(e.to);	/* the last packets are of the next leaf */
	KUNIT_EXPECT_EQ(test, skb_queue_len(&e.to->ctl), IPCP_CTL_QUEUE);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_CTRL_FULL), 2);
	arrive(test, &e, 1);
	ipcp_control_work(e.to);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&e.to->ctl), 0);
	expect_heard(test, &e, 0, 1);
}

/* The reader is slow, and the keys are wiped. */
static void what_waits_is_read_after_its_epoch_ended(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct ipcp_epoch *old = test_hold(test, test_newest(e.to));

	arrive(test, &e, 3 * LEAF);
	test_next(test, e.to);
	test_settle(test, e.to);
	test_newest(e.to)->linger = jiffies;
	test_keyrot(e.to);
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_EP_RETIRED, &old->flags));
	expect_heard(test, &e, 0, 3 * LEAF);
}

/* A flood of forged and repeated packets arrives without a reader. */
static void what_is_forged_or_repeated_takes_no_place(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct sk_buff *skb = say(test, &e), *copy;

	for (unsigned int i = 0; i < 2 * IPCP_RB_PACKETS; i++) {
		copy = skb_copy(skb, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, copy);
		if (i & 1)
			forge(copy, ipcp_ctr_make(0, i % LEAF));
		test_deliver(copy);
	}
	kfree_skb(skb);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&e.to->n_rb), 1);
	arrive(test, &e, IPCP_RB_PACKETS - 1);
	expect_heard(test, &e, 0, IPCP_RB_PACKETS);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_RING_FULL), 0);
}

/* While the worker is late, packets of the next leaf wait in order. */
static void packets_wait_for_the_next_leaf_in_order(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct ipcp_epoch *ep = test_newest(e.to);

	lose(test, &e, LEAF);
	for (int i = 0; i < 3; i++)
		test_deliver(say(test, &e));
	KUNIT_EXPECT_EQ(test, test_hear(e.to), -1);
	/* the key is there now, but earlier packets wait */
	KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(ep, ipcp_rx_dir(&e.to->rk)), 0);
	test_deliver(say(test, &e));
	KUNIT_EXPECT_EQ(test, skb_queue_len(&e.to->waiting.queue), 4);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), -1);

	ipcp_rx_drain(e.to);
	test_deliver(say(test, &e));
	expect_heard(test, &e, LEAF, LEAF + 5);
	KUNIT_EXPECT_EQ(test, e.to->waiting.next, 0);
}

/* A sender can neither keep the worker busy with a leaf nor packets waiting. */
static void a_leaf_is_waited_for_until_its_last_batch(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct ipcp_waiting *w = &e.to->waiting;
	struct sk_buff_head batch;
	struct sk_buff *skb;
	u32 leaf;

	lose(test, &e, LEAF);
	for (int last = 0; last < 2; last++) {
		for (int i = 0; i < 3; i++)
			test_deliver(say(test, &e));
		leaf = ipcp_waiting_first(w);
		KUNIT_EXPECT_EQ(test, leaf & U16_MAX, 1);
		ipcp_waiting_take(w, leaf, &batch, last);
		KUNIT_EXPECT_EQ(test, skb_queue_len(&batch), 3);
		KUNIT_EXPECT_EQ(test, w->next, 0);
		KUNIT_EXPECT_EQ(test, ipcp_waiting_has(w, leaf), !last);
		while ((skb = __skb_dequeue(&batch)))
			kfree_skb(skb);
	}
	KUNIT_EXPECT_EQ(test, ipcp_waiting_first(w), IPCP_NO_LEAF);
}

/* Forged packets fill the queue for the next leaf, which is then derived. */
static void a_packet_whose_leaf_is_there_needs_no_place(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct ipcp_epoch *ep = test_newest(e.to);
	struct sk_buff *late;

	lose(test, &e, LEAF);
	late = say(test, &e);
	for (unsigned int i = 0; i < IPCP_WAIT_NEXT; i++) {
		struct sk_buff *skb = skb_copy(late, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, skb);
		forge(skb, ipcp_ctr_make(1, 1 + i % (LEAF - 1)));
		test_deliver(skb);
	}
	KUNIT_ASSERT_EQ(test, e.to->waiting.next, IPCP_WAIT_NEXT);
	KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(ep, ipcp_rx_dir(&e.to->rk)), 0);
	test_deliver(late);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), e.said - 1);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AHEAD), 0);
	ipcp_rx_drain(e.to);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AUTH), IPCP_WAIT_NEXT);
}

/* After a loss of all keys a new epoch may have the same number. */
static void a_confirm_says_nothing_of_other_keys_with_its_number(struct kunit *test)
{
	struct ends e = new_ends(test);
	u8 epoch = test_newest(e.to)->no;
	u32 exchange = test_newest(e.to)->exchange;

	test_deliver(say_control(test, &e, IPCP_PDU_CONFIRM, 1));
	ipcp_keyrot_drop(e.to);
	KUNIT_ASSERT_EQ(test, test_park(test, e.to, 77, epoch, exchange + 1), 0);
	ipcp_control_work(e.to);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_EPOCH), 1);
	KUNIT_EXPECT_FALSE(test, test_bit(IPCP_EP_OBSERVED,
					  &test_newest(e.to)->flags));
}

static const struct bound_case {
	const char *desc;
	unsigned int leaves;	/* leaves ahead */
	unsigned int packets;
} bounds[] = {
	{ "for the next leaf", 1, IPCP_WAIT_NEXT },
	{ "for a leaf far ahead", 20, IPCP_WAIT_JUMP },
};

KUNIT_ARRAY_PARAM_DESC(bound, bounds, desc);

static void only_so_many_wait(struct kunit *test)
{
	const struct bound_case *c = test->param_value;
	struct ends e = new_ends(test);

	for (unsigned int i = 0; i < c->packets + 3; i++) {
		struct sk_buff *skb = say(test, &e);

		forge(skb, ipcp_ctr_make(c->leaves, i));
		test_deliver(skb);
	}
	KUNIT_EXPECT_EQ(test, skb_queue_len(&e.to->waiting.queue), c->packets);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AHEAD), 3);
	ipcp_rx_drain(e.to);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AUTH), c->packets);
	KUNIT_EXPECT_TRUE(test, skb_queue_empty(&e.to->waiting.queue));
}

static void only_so_many_leaves_far_ahead_are_waited_for(struct kunit *test)
{
	struct ends e = new_ends(test);

	for (unsigned int i = 0; i < IPCP_JUMP_LEAVES + 2; i++) {
		struct sk_buff *skb = say(test, &e);

		forge(skb, ipcp_ctr_make(100 + i, 0));
		test_deliver(skb);
	}
	KUNIT_EXPECT_EQ(test, skb_queue_len(&e.to->waiting.queue),
			IPCP_JUMP_LEAVES);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AHEAD), 2);
	ipcp_rx_drain(e.to);
}

static void a_forged_jump_leaves_nothing(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct ipcp_leaves *lv =
		&test_newest(e.to)->leaves[ipcp_rx_dir(&e.to->rk)];
	struct ipcp_leaf *cur = test_leaf(&lv->cur);
	struct sk_buff *skb = say(test, &e);

	forge(skb, ipcp_ctr_make(100, 5));
	deliver(&e, skb);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AUTH), 1);
	KUNIT_EXPECT_PTR_EQ(test, test_leaf(&lv->cur), cur);
	KUNIT_EXPECT_EQ(test, lv->used, 1);
	arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 1);
}

static void a_peer_that_is_heard_is_back(struct kunit *test)
{
	struct ends e = new_ends(test);

	ipcp_rbflags_change(&e.to->n_rb.flags, IPCP_RB_FLOWPEER, 0);
	e.to->last_rx = jiffies - TEST_TIME;
	arrive(test, &e, 1);
	KUNIT_EXPECT_TRUE(test, time_after(e.to->last_rx, jiffies - TEST_TIME));
	KUNIT_EXPECT_FALSE(test, ipcp_rbflags(&e.to->n_rb.flags) & IPCP_RB_FLOWPEER);
}

static void the_highest_packet_says_where_the_peer_is(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct sk_buff *older = say(test, &e);
	__be16 port = test_bound_port(e.to);

	test_bind(e.to, htons(1), INADDR_LOOPBACK);
	arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 1);
	KUNIT_EXPECT_EQ(test, test_bound_port(e.to), port);

	test_bind(e.to, htons(1), INADDR_LOOPBACK);
	test_deliver(older);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 0);
	KUNIT_EXPECT_EQ(test, test_bound_port(e.to), htons(1));
}

/* The lowest counter is the highest of an epoch, too, while it is the only one. */
static void the_first_packet_says_where_the_peer_is(struct kunit *test)
{
	struct ends e = new_ends(test);
	__be16 port = test_bound_port(e.to);
	struct sk_buff *skb = say(test, &e);

	KUNIT_ASSERT_EQ(test, test_header(test, skb).counter, 0);
	test_bind(e.to, htons(1), INADDR_LOOPBACK);
	deliver(&e, skb);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 0);
	KUNIT_EXPECT_EQ(test, test_bound_port(e.to), port);
}

static void the_highest_packet_says_which_address_of_ours_the_peer_knows(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct sk_buff *older = say(test, &e);
	__be16 port = test_bound_port(e.to);

	test_bind(e.to, port, OTHER_ADDRESS);
	arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 1);
	KUNIT_EXPECT_EQ(test, test_bound_local(e.to), INADDR_LOOPBACK);

	test_bind(e.to, port, OTHER_ADDRESS);
	test_deliver(older);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 0);
	KUNIT_EXPECT_EQ(test, test_bound_local(e.to), OTHER_ADDRESS);
}

static void close_takes_the_flow_down_but_not_what_waits(struct kunit *test)
{
	struct ends e = new_ends(test);

	arrive(test, &e, 2);
	test_deliver(say_control(test, &e, IPCP_PDU_CLOSE, 0));
	ipcp_control_work(e.to);
	KUNIT_EXPECT_TRUE(test, ipcp_rbflags(&e.to->n_rb.flags) & IPCP_RB_FLOWDOWN);
	KUNIT_EXPECT_EQ(test, e.to->error, ESHUTDOWN);
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_FLOW_CLOSE_SEEN, &e.to->bits));
	expect_heard(test, &e, 0, 2);
}

static void sealed_messages_go_to_the_agent(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct ipcp_upcall *up;

	KUNIT_ASSERT_EQ(test, test_with_agent(test, test_net()), 0);
	test_deliver(say_control(test, &e, IPCP_PDU_SEALED, 3));
	ipcp_control_work(e.to);
	up = ipcp_upcall_next(test_net());
	KUNIT_ASSERT_NOT_NULL(test, up);
	KUNIT_EXPECT_EQ(test, up->type, IPCP_REKEY_UPCALL_TYPE_SEALED);
	KUNIT_EXPECT_EQ(test, up->flow_id, e.to->id);
	KUNIT_EXPECT_EQ(test, up->epoch, 1);
	KUNIT_EXPECT_EQ(test, up->skb->len, 3);
	ipcp_upcall_free(up);
}

static const struct malformed_case {
	const char *desc;
	u8 type;
	size_t len;
	enum ipcp_drop reason;
} malformed[] = {
	{ "CONFIRM without flags", IPCP_PDU_CONFIRM, 0, IPCP_DROP_MALFORMED },
	{ "CONFIRM with more than flags", IPCP_PDU_CONFIRM, 2,
	  IPCP_DROP_MALFORMED },
	{ "CLOSE that says something", IPCP_PDU_CLOSE, 1, IPCP_DROP_MALFORMED },
	{ "SEALED for an agent that is not there", IPCP_PDU_SEALED, 1,
	  IPCP_DROP_CTRL_FULL },
};

KUNIT_ARRAY_PARAM_DESC(malformed, malformed, desc);

static void control_that_makes_no_sense_is_dropped(struct kunit *test)
{
	const struct malformed_case *c = test->param_value;
	struct ends e = new_ends(test);

	test_deliver(say_control(test, &e, c->type, c->len));
	ipcp_control_work(e.to);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, c->reason), 1);
	KUNIT_EXPECT_FALSE(test, ipcp_rbflags(&e.to->n_rb.flags) & IPCP_RB_FLOWDOWN);
}

static void control_far_ahead_moves_the_leaf_as_data_does(struct kunit *test)
{
	struct ends e = new_ends(test);
	unsigned int dir = ipcp_rx_dir(&e.to->rk);

	lose(test, &e, 3 * LEAF);
	deliver(&e, say_control(test, &e, IPCP_PDU_CONFIRM, 1));
	KUNIT_EXPECT_EQ(test, skb_queue_len(&e.to->ctl), 1);
	ipcp_control_work(e.to);
	KUNIT_EXPECT_EQ(test, test_newest(e.to)->rx_end,
			ipcp_ctr_make(3, 0) + 1);
	KUNIT_EXPECT_EQ(test, test_leaf(&test_newest(e.to)->leaves[dir].cur)->no,
			3);
	arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 3 * LEAF);
	KUNIT_EXPECT_EQ(test, test_leaf(&test_newest(e.to)->leaves[dir].cur)->no,
			3);
}

static void the_next_leaf_is_due_when_the_peer_sends(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct ipcp_leaves *lv =
		&test_newest(e.to)->leaves[ipcp_rx_dir(&e.to->rk)];

	for (u32 n = 0; n < 3 * LEAF; n++) {
		arrive(test, &e, 1);
		KUNIT_ASSERT_EQ(test, test_hear(e.to), n);
		test_keyrot(e.to);
		KUNIT_ASSERT_EQ(test, !test_leaf(&lv->next),
				n % LEAF < IPCP_RX_AHEAD);
	}
}

static void the_worker_is_called_for_the_next_leaf(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct ipcp_leaves *lv =
		&test_newest(e.to)->leaves[ipcp_rx_dir(&e.to->rk)];

	enable_delayed_work(&e.to->work);
	for (u32 n = 0; n < 3 * LEAF; n++) {
		test_deliver(say(test, &e));
		KUNIT_ASSERT_EQ(test, test_hear(e.to), n);
		flush_workqueue(ipcp_wq);
		if (n % LEAF == IPCP_RX_AHEAD)
			KUNIT_EXPECT_NOT_NULL(test, test_leaf(&lv->next));
	}
	KUNIT_EXPECT_EQ(test, test_leaf(&lv->cur)->no, 2);
}

/* Let the sender be at a leaf, as if it had sent all packets before it. */
static void go_to_leaf(struct kunit *test, struct ends *e, unsigned int no)
{
	unsigned int dir = ipcp_tx_dir(&e->from->rk);
	struct ipcp_epoch *ep = test_tx(e->from);

	while (test_leaf(&ep->leaves[dir].cur)->no < no) {
		KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(ep, dir), 0);
		test_use(ep, dir, test_leaf(&ep->leaves[dir].next));
		cond_resched();
	}
	atomic64_set(&ep->sent, (u64)no << SHORT);
}

/* In the newest epoch, and in one that lingers, for which no re-key is due. */
static void the_worker_is_called_once_after_the_watermark(struct kunit *test)
{
	struct ends e = new_ends(test);

	go_to_leaf(test, &e, IPCP_REKEY_WATERMARK_LEAF - 1);
	arrive(test, &e, 1);
	go_to_leaf(test, &e, IPCP_REKEY_WATERMARK_LEAF);
	arrive(test, &e, 1);
	KUNIT_EXPECT_TRUE(test, e.to->rk.due & IPCP_REKEY_DUE_WATERMARK);
	test_next(test, e.to);
	KUNIT_EXPECT_EQ(test, e.to->rk.due, 0);
	test_count_kicks(e.to);
	for (int i = 0; i < 5; i++) {
		test_deliver(say(test, &e));
		KUNIT_EXPECT_EQ(test, test_kicks(e.to), 0);
	}
}

static void a_first_packet_after_the_watermark_calls_the_worker(struct kunit *test)
{
	struct ends e = new_ends(test);

	go_to_leaf(test, &e, IPCP_REKEY_WATERMARK_LEAF - 1);
	arrive(test, &e, LEAF - 1);
	lose(test, &e, 1);
	KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(test_newest(e.to), ipcp_rx_dir(&e.to->rk)), 0);
	KUNIT_ASSERT_EQ(test, e.to->rk.due, 0);
	test_count_kicks(e.to);
	for (int i = 0; i < 5; i++) {
		test_deliver(say(test, &e));
		KUNIT_EXPECT_EQ(test, test_kicks(e.to), !i);
	}
	test_keyrot(e.to);
	KUNIT_EXPECT_TRUE(test, e.to->rk.due & IPCP_REKEY_DUE_WATERMARK);
}

/* The worker wipes what a jump has passed, so it must be called. */
static void a_jump_calls_the_worker(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct ipcp_leaves *lv =
		&test_newest(e.to)->leaves[ipcp_rx_dir(&e.to->rk)];

	lose(test, &e, 10 * LEAF);
	test_count_kicks(e.to);
	test_deliver(say(test, &e));
	KUNIT_EXPECT_EQ(test, test_kicks(e.to), 1);	/* for the packet that waits */
	ipcp_rx_drain(e.to);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 10 * LEAF);
	KUNIT_EXPECT_EQ(test, test_kicks(e.to), 1);	/* for the keys before it */
	KUNIT_EXPECT_EQ(test, lv->set.next, 1);
	test_keyrot(e.to);
	KUNIT_EXPECT_EQ(test, lv->set.next, 12);
}

static void what_is_forged_wakes_nobody(struct kunit *test)
{
	static const unsigned int leaves[] = { 0, 1, 100 };
	struct ends e = new_ends(test);
	struct test_waker *sleeper = test_sleep(test, e.to->n_rb.flags.consumer);
	struct sk_buff *skb;

	for (int i = 0; i < ARRAY_SIZE(leaves); i++) {
		skb = say(test, &e);
		forge(skb, ipcp_ctr_make(leaves[i], 40));
		deliver(&e, skb);
	}
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_AUTH), ARRAY_SIZE(leaves));
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 0);
	skb = say(test, &e);
	test_deliver(skb_copy(skb, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 1);
	KUNIT_EXPECT_EQ(test, sleeper->events, EPOLLIN | EPOLLRDNORM);
	test_deliver(skb);	/* a repetition */
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 1);
}

/* Idle ends send keepalives alone, over many leaves. */
static void keepalives_alone_move_the_leaves_of_both_ends(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct ipcp_flow *ends[] = { e.from, e.to };

	e.to->ppl_shift = SHORT;
	for (int i = 1; i >= 0; i--) {	/* the leaves of both are short */
		test_next(test, ends[i]);
		test_settle(test, ends[i]);
	}
	for (unsigned int n = 0; n < 5 * LEAF; n++) {
		struct ipcp_flow *from = ends[n & 1], *to = ends[!(n & 1)];

		ipcp_control_keepalive(from);
		test_carry(test);
		ipcp_rx_drain(to);
		ipcp_control_work(to);
		test_keyrot(to);
	}
	for (int i = 0; i < 2; i++) {
		struct ipcp_leaves *lv =
			&test_newest(ends[i])->leaves[ipcp_rx_dir(&ends[i]->rk)];

		KUNIT_EXPECT_EQ(test, test_drops(ends[i], IPCP_DROP_AHEAD), 0);
		KUNIT_EXPECT_EQ(test, test_drops(ends[i], IPCP_DROP_LATE), 0);
		KUNIT_EXPECT_GE(test, test_leaf(&lv->cur)->no, 2);
	}
	arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 0);
}

static void a_keepalive_does_not_use_the_reserve(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct ipcp_epoch *ep = test_tx(e.from);
	u64 limit = ipcp_tx_data_limit(SHORT);

	go_to_leaf(test, &e, (limit - 1) >> SHORT);
	atomic64_set(&ep->sent, limit - 1);
	for (int i = 0; i < 3; i++)
		ipcp_control_keepalive(e.from);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), limit);
	kfree_skb(test_receive(test));
	KUNIT_EXPECT_NULL(test, test_receive_now());
	kfree_skb(say_control(test, &e, IPCP_PDU_SEALED, 3));
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), limit + 1);
}

static void what_nobody_will_read_is_dropped(struct kunit *test)
{
	struct ends e = new_ends(test);

	arrive(test, &e, 2);
	test_deliver(say_control(test, &e, IPCP_PDU_CONFIRM, 1));
	lose(test, &e, LEAF);
	test_deliver(say(test, &e));	/* waits for its leaf */
	ipcp_rx_purge(e.to);
	KUNIT_EXPECT_TRUE(test, ipcp_rbuff_empty(&e.to->n_rb));
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_CLOSED), 4);
	/* and no packet is queued after that */
	test_deliver(say(test, &e));
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_CLOSED), 5);
}

static struct kunit_case rx_test_cases[] = {
	KUNIT_CASE(what_is_sent_is_read_in_order_over_all_leaves),
	KUNIT_CASE(short_reorder_over_a_leafs_end_is_tolerated),
	KUNIT_CASE(what_comes_after_two_leaves_is_too_late),
	KUNIT_CASE(a_loss_of_whole_leaves_is_jumped_over),
	KUNIT_CASE(few_jumps_are_tried_for_who_forges),
	KUNIT_CASE(a_packet_is_read_once),
	KUNIT_CASE(what_does_not_authenticate_changes_nothing),
	KUNIT_CASE_PARAM(what_cannot_be_for_anybody_is_dropped_on_arrival,
			 arrival_gen_params),
	KUNIT_CASE(a_full_ring_drops_what_comes_last),
	KUNIT_CASE(control_packets_wait_in_a_queue_of_their_own),
	KUNIT_CASE(what_waits_is_read_after_its_epoch_ended),
	KUNIT_CASE(what_is_forged_or_repeated_takes_no_place),
	KUNIT_CASE(packets_wait_for_the_next_leaf_in_order),
	KUNIT_CASE(a_leaf_is_waited_for_until_its_last_batch),
	KUNIT_CASE(a_packet_whose_leaf_is_there_needs_no_place),
	KUNIT_CASE(a_confirm_says_nothing_of_other_keys_with_its_number),
	KUNIT_CASE_PARAM(only_so_many_wait, bound_gen_params),
	KUNIT_CASE(only_so_many_leaves_far_ahead_are_waited_for),
	KUNIT_CASE(a_forged_jump_leaves_nothing),
	KUNIT_CASE(a_peer_that_is_heard_is_back),
	KUNIT_CASE(the_highest_packet_says_where_the_peer_is),
	KUNIT_CASE(the_first_packet_says_where_the_peer_is),
	KUNIT_CASE(the_highest_packet_says_which_address_of_ours_the_peer_knows),
	KUNIT_CASE(close_takes_the_flow_down_but_not_what_waits),
	KUNIT_CASE(sealed_messages_go_to_the_agent),
	KUNIT_CASE_PARAM(control_that_makes_no_sense_is_dropped,
			 malformed_gen_params),
	KUNIT_CASE(control_far_ahead_moves_the_leaf_as_data_does),
	KUNIT_CASE(the_next_leaf_is_due_when_the_peer_sends),
	KUNIT_CASE(the_worker_is_called_for_the_next_leaf),
	KUNIT_CASE(the_worker_is_called_once_after_the_watermark),
	KUNIT_CASE(a_first_packet_after_the_watermark_calls_the_worker),
	KUNIT_CASE(a_jump_calls_the_worker),
	KUNIT_CASE(what_is_forged_wakes_nobody),
	KUNIT_CASE(keepalives_alone_move_the_leaves_of_both_ends),
	KUNIT_CASE(a_keepalive_does_not_use_the_reserve),
	KUNIT_CASE(what_nobody_will_read_is_dropped),
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
