// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Sending: unique counters in order, leaves, and the limits of an epoch for
 * data and for control packets.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/sched/task.h>

#include "control.h"
#include "flow_util.h"
#include "inflight.h"
#include "keyrot.h"
#include "leaf.h"
#include "path.h"
#include "path_util.h"
#include "tx.h"
#include "udp.h"

/* Only once, even while the worker has not run yet. */
static void the_worker_is_scheduled_once_when_a_rekey_is_due(struct kunit *test)
{
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);

	test_go_to(test, flow,
		   7 * (ipcp_tx_limit(TEST_SHORT) / 8) + BIT(TEST_SHORT) / 2);
	test_count_kicks(flow);
	for (int i = 0; i < 5; i++) {
		KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 0), 0);
		KUNIT_EXPECT_EQ(test, test_kicks(flow), !i);
		kfree_skb(test_receive(test));
	}
	test_keyrot(flow);
	KUNIT_EXPECT_TRUE(test, flow->rk.due & IPCP_REKEY_DUE_WATERMARK);
}

static const struct alloc_case {
	const char *desc;
	size_t len;
	gfp_t gfp;
} allocs[] = {
	{ "empty", 0, GFP_KERNEL },
	{ "short", 64, GFP_KERNEL },
	{ "of a packet on Ethernet", 1350, GFP_KERNEL },
	{ "of a packet on Ethernet, atomic", 1350, GFP_ATOMIC },
	{ "of more than a page", PAGE_SIZE, GFP_KERNEL },
	{ "of a jumbo packet", 8900, GFP_KERNEL },
	{ "the longest", 65000, GFP_KERNEL },
};

KUNIT_ARRAY_PARAM_DESC(alloc, allocs, desc);

/* Buffers in use at the same time do not overlap. */
static void a_buffer_has_room_for_all_headers_and_the_tag(struct kunit *test)
{
	const struct alloc_case *c = test->param_value;
	struct sk_buff_head all;
	struct sk_buff *skb;
	u8 no = 0;

	__skb_queue_head_init(&all);
	for (int i = 0; i < 30; i++) {
		skb = ipcp_tx_alloc(c->len, c->gfp);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		__skb_queue_tail(&all, skb);
		KUNIT_EXPECT_EQ(test, skb->len, 0);
		KUNIT_EXPECT_GE(test, skb_headroom(skb),
				LL_MAX_HEADER + IPCP_TX_HEADROOM);
		KUNIT_ASSERT_GE(test, skb_tailroom(skb), c->len + IPCP_TAG_LEN);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((ulong)skb->head,
						   __alignof__(u64)));
		memset(skb->head, i, skb_end_offset(skb));
	}
	while ((skb = __skb_dequeue(&all))) {
		KUNIT_EXPECT_PTR_EQ(test, memchr_inv(skb->head, no++,
						     skb_end_offset(skb)), NULL);
		kfree_skb(skb);
	}
}

static void packets_are_numbered_across_leaves(struct kunit *test)
{
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);

	for (unsigned int n = 0; n < 5 << TEST_SHORT; n++) {
		KUNIT_ASSERT_EQ(test, n % 3 ? test_send_data(test, flow, n) :
					      test_send_control(flow), 0);
		KUNIT_ASSERT_EQ(test, test_next_counter(test),
				ipcp_tx_counter(n, TEST_SHORT));
	}
	KUNIT_EXPECT_EQ(test, atomic64_read(&test_tx(flow)->sent), 5 << TEST_SHORT);
}

static void sent_messages_are_counted(struct kunit *test)
{
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);
	struct ipcp_stats sum;

	flow->last_tx = jiffies - TEST_TIME;
	KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 100), 0);
	KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 0), 0);
	KUNIT_EXPECT_EQ(test, test_send_control(flow), 0);
	ipcp_stats_sum(flow->stats, &sum);
	KUNIT_EXPECT_EQ(test, sum.tx_packets, 2);	/* messages only */
	KUNIT_EXPECT_EQ(test, sum.tx_bytes, 100);
	KUNIT_EXPECT_TRUE(test, time_after(flow->last_tx, jiffies - TEST_TIME));
}

static void a_packet_is_the_message_plus_the_overhead(struct kunit *test)
{
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);
	struct sk_buff *skb;
	struct ipcp_hdr hdr;

	KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 100), 0);
	skb = test_receive(test);
	hdr = test_header(test, skb);
	KUNIT_EXPECT_EQ(test, skb->len, 100 + IPCP_OVERHEAD);
	KUNIT_EXPECT_EQ(test, hdr.type, IPCP_PDU_DATA);
	KUNIT_EXPECT_EQ(test, hdr.epoch, 1);
	KUNIT_EXPECT_EQ(test, hdr.eid, flow->peer_eid);
	kfree_skb(skb);
}

/* After a quarter, enough time is left; earlier preparation costs memory. */
static void the_next_leaf_is_due_after_a_quarter_of_a_leaf(struct kunit *test)
{
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);
	struct ipcp_epoch *ep = test_tx(flow);
	struct ipcp_leaves *lv = &ep->leaves[ipcp_tx_dir(&flow->rk)];

	for (u64 n = 0; n < 3 << TEST_SHORT; n++) {
		unsigned int sent = n % BIT(TEST_SHORT);

		test_keyrot(flow);
		if (sent)	/* else the previous leaf is current */
			KUNIT_ASSERT_EQ(test, !test_leaf(&lv->next),
					sent < BIT(TEST_SHORT) / 4);
		KUNIT_ASSERT_EQ(test, test_send_data(test, flow, 1), 0);
		test_next_counter(test);
	}
}

static void the_worker_is_scheduled_for_the_next_leaf(struct kunit *test)
{
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);
	struct ipcp_epoch *ep = test_tx(flow);
	struct ipcp_leaves *lv = &ep->leaves[ipcp_tx_dir(&flow->rk)];

	enable_delayed_work(&flow->work);
	for (u64 n = 0; n < 3 << TEST_SHORT; n++) {
		KUNIT_ASSERT_EQ(test, test_send_data(test, flow, 1), 0);
		test_next_counter(test);
		flush_workqueue(ipcp_wq);
		if (n % BIT(TEST_SHORT) == BIT(TEST_SHORT) / 4)
			KUNIT_EXPECT_NOT_NULL(test, test_leaf(&lv->next));
	}
	KUNIT_EXPECT_EQ(test, test_leaf(&lv->cur)->no, 2);
}

static void the_end_of_an_epoch_is_reserved_for_control(struct kunit *test)
{
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);
	u64 limit = ipcp_tx_limit(TEST_SHORT), n;

	n = ipcp_tx_data_limit(TEST_SHORT) - 1;
	test_go_to(test, flow, n);
	KUNIT_EXPECT_TRUE(test, ipcp_tx_ready(flow));
	KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 1), 0);
	KUNIT_EXPECT_EQ(test, test_next_counter(test),
			ipcp_tx_counter(n++, TEST_SHORT));
	KUNIT_EXPECT_FALSE(test, ipcp_tx_ready(flow));
	KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 1), -EKEYEXPIRED);
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_EP_EXPIRED,
					 &test_tx(flow)->flags));

	for (; n < limit; n++) {
		KUNIT_ASSERT_EQ(test, test_send_control(flow), 0);
		KUNIT_ASSERT_EQ(test, test_next_counter(test),
				ipcp_tx_counter(n, TEST_SHORT));
	}
	KUNIT_EXPECT_EQ(test, test_send_control(flow), -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 1), -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, atomic64_read(&test_tx(flow)->sent), limit);
}

static void the_next_seed_lets_an_exhausted_flow_send_again(struct kunit *test)
{
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);

	atomic64_set(&test_tx(flow)->sent, ipcp_tx_limit(TEST_SHORT));
	KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 1), -EKEYEXPIRED);
	test_next(test, flow);
	test_settle(test, flow);
	KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 1), 0);
	KUNIT_EXPECT_EQ(test, test_next_counter(test), 0);
}

static void an_epoch_past_its_maximum_age_carries_no_data(struct kunit *test)
{
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);

	flow->max_age = TEST_TIME;
	test_tx(flow)->parked -= TEST_TIME / 2;
	KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 1), 0);
	KUNIT_EXPECT_TRUE(test, ipcp_tx_ready(flow));
	test_tx(flow)->parked -= TEST_TIME;
	KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 1), -EKEYEXPIRED);
	KUNIT_EXPECT_FALSE(test, ipcp_tx_ready(flow));
	KUNIT_EXPECT_EQ(test, test_send_control(flow), 0);
}

static void a_flow_without_keys_sends_nothing(struct kunit *test)
{
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);

	ipcp_keyrot_drop(flow);
	KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 1), -EAGAIN);
	KUNIT_EXPECT_EQ(test, test_send_control(flow), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, ipcp_tx_ready(flow));
}

/* The epoch was closed before the send. */
static void a_closed_epoch_sends_nothing(struct kunit *test)
{
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);
	struct ipcp_epoch *ep = test_hold(test, test_tx(flow));

	ipcp_keyrot_drop(flow);
	KUNIT_EXPECT_EQ(test, ipcp_tx_control(flow, ep, IPCP_PDU_CLOSE, NULL, 0),
			-EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, test_drops(flow, IPCP_DROP_TX_NOKEY), 1);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), 0);
}

/* A counter is used up even if its packet cannot be sent. */
static void an_unsendable_packet_uses_up_its_counter(struct kunit *test)
{
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);

	ipcp_bind_free_rcu(rcu_replace_pointer(flow->bind, NULL, true));
	KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 1), -EDESTADDRREQ);
	test_connect(flow, flow);
	KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 65508), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, test_drops(flow, IPCP_DROP_TX_ROUTE), 2);
	KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 1), 0);
	KUNIT_EXPECT_EQ(test, test_next_counter(test), 2);
}

/* Errors that a path may return, and what callers see. */
static const struct lost_case {
	const char *desc;
	int err;
	int seen;
} losts[] = {
	{ "without a route", -EHOSTUNREACH, -EHOSTUNREACH },
	{ "with an error after which callers try again", -EAGAIN, -ENETUNREACH },
	{ "with the error for a leaf to prepare", -EINPROGRESS, -ENETUNREACH },
	{ "with the error for an exhausted epoch", -EKEYEXPIRED, -ENETUNREACH },
	{ "with the error for a missing key", -ENOKEY, -ENETUNREACH },
	{ "for lack of memory", -ENOMEM, -ENOBUFS },
};

KUNIT_ARRAY_PARAM_DESC(lost, losts, desc);

static int path_error;

static int xmit_lost(struct ipcp_flow *flow, struct sk_buff *skb)
{
	kfree_skb(skb);
	return path_error;
}

static const struct ipcp_path_ops lossy_path = {
	.xmit = xmit_lost,
	.received = ipcp_udp_received,
};

static void a_message_lost_by_the_path_is_not_sent_again(struct kunit *test)
{
	const struct lost_case *c = test->param_value;
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);
	const struct ipcp_path_ops *before = flow->path;

	path_error = c->err;
	flow->path = &lossy_path;
	KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 1), c->seen);
	KUNIT_EXPECT_EQ(test, atomic64_read(&test_tx(flow)->sent), 1);
	flow->path = before;
}

static void too_many_packets_in_flight_make_writers_wait(struct kunit *test)
{
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);

	KUNIT_EXPECT_TRUE(test, ipcp_tx_room(flow));
	atomic_add(IPCP_TX_QUEUE, &flow->inflight->count);
	KUNIT_EXPECT_FALSE(test, ipcp_tx_room(flow));
	atomic_sub(1, &flow->inflight->count);
	KUNIT_EXPECT_TRUE(test, ipcp_tx_room(flow));
	atomic_sub(IPCP_TX_QUEUE - 1, &flow->inflight->count);
}

static void sent_packets_are_not_in_flight(struct kunit *test)
{
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);

	KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 1), 0);
	test_next_counter(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&flow->inflight->count),
			IPCP_INFLIGHT_FLOW);
	KUNIT_EXPECT_EQ(test, refcount_read(&flow->refs), 2);
}

/* A task that sends one control packet. */
struct sender {
	struct ipcp_flow *flow;
	int (*send)(struct ipcp_flow *flow);
	struct task_struct *task;
	struct completion begun, done;
	int err;
};

static int send_once(void *arg)
{
	struct sender *s = arg;

	complete(&s->begun);
	s->err = s->send(s->flow);
	kthread_complete_and_exit(&s->done, 0);
}

/* Start the task. Return once it waits for a lock that the caller holds. */
static void start_sender(struct kunit *test, struct sender *s)
{
	init_completion(&s->begun);
	init_completion(&s->done);
	s->task = kthread_create(send_once, s, "ipcp_sender");
	KUNIT_ASSERT_FALSE(test, IS_ERR(s->task));
	get_task_struct(s->task);
	wake_up_process(s->task);
	wait_for_completion(&s->begun);
	while (READ_ONCE(s->task->__state) != TASK_UNINTERRUPTIBLE &&
	       !completion_done(&s->done))
		schedule();
	put_task_struct(s->task);
}

static const struct control_case {
	const char *desc;
	int (*send)(struct ipcp_flow *flow);
	u8 type;
} controls[] = {
	{ "SEALED", test_send_control, IPCP_PDU_SEALED },
	{ "CLOSE", ipcp_control_close, IPCP_PDU_CLOSE },
};

KUNIT_ARRAY_PARAM_DESC(control, controls, desc);

/* The sender has looked up the old epoch, and waits for its next leaf. */
static void control_is_sent_in_the_epoch_that_replaced_its_own(struct kunit *test)
{
	const struct control_case *c = test->param_value;
	struct sender s = {
		.flow = test_sender(test, TEST_SHORT), .send = c->send,
	};
	struct ipcp_epoch *ep = test_hold(test, test_tx(s.flow));
	struct sk_buff *skb;
	struct ipcp_hdr hdr;

	atomic64_set(&ep->sent, BIT_ULL(TEST_SHORT));
	mutex_lock(&ep->derive);
	start_sender(test, &s);
	test_next(test, s.flow);
	test_settle(test, s.flow);
	ipcp_leaves_retire(ep, &ep->leaves[ipcp_tx_dir(&s.flow->rk)]);
	mutex_unlock(&ep->derive);
	wait_for_completion(&s.done);

	KUNIT_ASSERT_EQ(test, s.err, 0);
	KUNIT_EXPECT_EQ(test, test_drops(s.flow, IPCP_DROP_TX_NOKEY), 0);
	skb = test_receive(test);
	hdr = test_header(test, skb);
	KUNIT_EXPECT_EQ(test, hdr.type, c->type);
	KUNIT_EXPECT_EQ(test, hdr.epoch, test_tx(s.flow)->no);
	KUNIT_EXPECT_NE(test, hdr.epoch, ep->no);
	KUNIT_EXPECT_EQ(test, hdr.counter, 0);
	kfree_skb(skb);
}

static struct kunit_case tx_test_cases[] = {
	KUNIT_CASE_PARAM(a_buffer_has_room_for_all_headers_and_the_tag,
			 alloc_gen_params),
	KUNIT_CASE(packets_are_numbered_across_leaves),
	KUNIT_CASE(the_worker_is_scheduled_once_when_a_rekey_is_due),
	KUNIT_CASE(sent_messages_are_counted),
	KUNIT_CASE(a_packet_is_the_message_plus_the_overhead),
	KUNIT_CASE(the_next_leaf_is_due_after_a_quarter_of_a_leaf),
	KUNIT_CASE(the_worker_is_scheduled_for_the_next_leaf),
	KUNIT_CASE(the_end_of_an_epoch_is_reserved_for_control),
	KUNIT_CASE(the_next_seed_lets_an_exhausted_flow_send_again),
	KUNIT_CASE(an_epoch_past_its_maximum_age_carries_no_data),
	KUNIT_CASE(a_flow_without_keys_sends_nothing),
	KUNIT_CASE(a_closed_epoch_sends_nothing),
	KUNIT_CASE(an_unsendable_packet_uses_up_its_counter),
	KUNIT_CASE_PARAM(a_message_lost_by_the_path_is_not_sent_again,
			 lost_gen_params),
	KUNIT_CASE(too_many_packets_in_flight_make_writers_wait),
	KUNIT_CASE(sent_packets_are_not_in_flight),
	KUNIT_CASE_PARAM(control_is_sent_in_the_epoch_that_replaced_its_own,
			 control_gen_params),
	{}
};

static struct kunit_suite tx_test_suite = {
	.name = "ipcp_tx",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = tx_test_cases,
};

kunit_test_suite(tx_test_suite);
