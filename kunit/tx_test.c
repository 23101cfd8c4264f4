// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Sending: unique counters in order, leaves, and the limits of an epoch, for
 * data and for all packets.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/sched/task.h>

#include "cb.h"
#include "control.h"
#include "flow_util.h"
#include "inflight.h"
#include "keyrot.h"
#include "leaf.h"
#include "path_util.h"
#include "test_util.h"
#include "tx.h"
#include "udp-int.h"
#include "udp.h"

#define SHORT	IPCP_PPL_SHIFT_MIN

/* Create a connected end with leaves of 2^@shift packets. */
static struct ipcp_flow *new_sender(struct kunit *test, unsigned int shift)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);

	flow->ppl_shift = shift;
	test_next(test, flow);
	test_settle(test, flow);
	test_connect(flow, flow);
	return flow;
}

static int send_data(struct kunit *test, struct ipcp_flow *flow, size_t len)
{
	struct sk_buff *skb = ipcp_tx_alloc(len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_zero(skb, len);
	return test_send(flow, skb);
}

static int send_control(struct ipcp_flow *flow)
{
	static const u8 payload[3];

	return ipcp_tx_current(flow, IPCP_PDU_SEALED, payload, sizeof(payload));
}

static u64 counter_of_next(struct kunit *test)
{
	struct sk_buff *skb = test_receive(test);
	u64 counter = test_header(test, skb).counter;

	kfree_skb(skb);
	return counter;
}

/* Move to counter @n as if all packets before it had been sent. */
static void go_to(struct kunit *test, struct ipcp_flow *flow, u64 n)
{
	unsigned int dir = ipcp_tx_dir(&flow->rk);
	struct ipcp_epoch *ep = test_tx(flow);
	struct ipcp_leaves *lv = &ep->leaves[dir];

	while (test_leaf(&lv->cur)->no < n >> ep->ppl_shift) {
		KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(ep, dir), 0);
		test_use(ep, dir, test_leaf(&lv->next));
		cond_resched();
	}
	atomic64_set(&ep->sent, n);
}

/* Also while the worker has not run yet, and in an epoch that is not the newest. */
static void the_worker_is_called_once_when_a_rekey_is_due(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test, SHORT);

	go_to(test, flow, 7 * (ipcp_tx_limit(SHORT) / 8) + BIT(SHORT) / 2);
	test_count_kicks(flow);
	for (int i = 0; i < 5; i++) {
		KUNIT_EXPECT_EQ(test, send_data(test, flow, 0), 0);
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
	{ "the same, without waiting", 1350, GFP_ATOMIC },
	{ "of more than a page", PAGE_SIZE, GFP_KERNEL },
	{ "of a jumbo packet", 8900, GFP_KERNEL },
	{ "the longest", 65000, GFP_KERNEL },
};

KUNIT_ARRAY_PARAM_DESC(alloc, allocs, desc);

/* Several buffers are in use at once, without overlap. */
static void a_buffer_has_room_for_all_around_its_message(struct kunit *test)
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
	struct ipcp_flow *flow = new_sender(test, SHORT);

	for (u64 n = 0; n < 5 << SHORT; n++) {
		KUNIT_ASSERT_EQ(test, n % 3 ? send_data(test, flow, n) :
					      send_control(flow), 0);
		KUNIT_ASSERT_EQ(test, counter_of_next(test),
				ipcp_tx_counter(n, SHORT));
	}
	KUNIT_EXPECT_EQ(test, atomic64_read(&test_tx(flow)->sent), 5 << SHORT);
}

static void what_is_sent_is_counted(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test, SHORT);
	struct ipcp_stats sum;

	flow->last_tx = jiffies - TEST_TIME;
	KUNIT_EXPECT_EQ(test, send_data(test, flow, 100), 0);
	KUNIT_EXPECT_EQ(test, send_data(test, flow, 0), 0);
	KUNIT_EXPECT_EQ(test, send_control(flow), 0);
	ipcp_stats_sum(flow->stats, &sum);
	KUNIT_EXPECT_EQ(test, sum.tx_packets, 2);	/* messages only */
	KUNIT_EXPECT_EQ(test, sum.tx_bytes, 100);
	KUNIT_EXPECT_TRUE(test, time_after(flow->last_tx, jiffies - TEST_TIME));
}

static void a_message_leaves_with_the_overhead_and_no_more(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test, SHORT);
	struct sk_buff *skb;
	struct ipcp_hdr hdr;

	KUNIT_EXPECT_EQ(test, send_data(test, flow, 100), 0);
	skb = test_receive(test);
	hdr = test_header(test, skb);
	KUNIT_EXPECT_EQ(test, skb->len, 100 + IPCP_OVERHEAD);
	KUNIT_EXPECT_EQ(test, hdr.type, IPCP_PDU_DATA);
	KUNIT_EXPECT_EQ(test, hdr.epoch, 1);
	KUNIT_EXPECT_EQ(test, hdr.eid, flow->peer_eid);
	kfree_skb(skb);
}

/* A quarter leaves enough time to prepare; earlier preparation costs memory. */
static void the_next_leaf_is_due_when_a_quarter_was_sent(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test, SHORT);
	struct ipcp_epoch *ep = test_tx(flow);
	struct ipcp_leaves *lv = &ep->leaves[ipcp_tx_dir(&flow->rk)];

	for (u64 n = 0; n < 3 << SHORT; n++) {
		unsigned int sent = n % BIT(SHORT);

		test_keyrot(flow);
		if (sent)	/* else the previous leaf is current */
			KUNIT_ASSERT_EQ(test, !test_leaf(&lv->next),
					sent < BIT(SHORT) / 4);
		KUNIT_ASSERT_EQ(test, send_data(test, flow, 1), 0);
		counter_of_next(test);
	}
}

static void the_worker_is_called_for_the_next_leaf(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test, SHORT);
	struct ipcp_epoch *ep = test_tx(flow);
	struct ipcp_leaves *lv = &ep->leaves[ipcp_tx_dir(&flow->rk)];

	enable_delayed_work(&flow->work);
	for (u64 n = 0; n < 3 << SHORT; n++) {
		KUNIT_ASSERT_EQ(test, send_data(test, flow, 1), 0);
		counter_of_next(test);
		flush_workqueue(ipcp_wq);
		if (n % BIT(SHORT) == BIT(SHORT) / 4)
			KUNIT_EXPECT_NOT_NULL(test, test_leaf(&lv->next));
	}
	KUNIT_EXPECT_EQ(test, test_leaf(&lv->cur)->no, 2);
}

static void the_end_of_an_epoch_is_kept_for_control(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test, SHORT);
	u64 limit = ipcp_tx_limit(SHORT), n;

	n = ipcp_tx_data_limit(SHORT) - 1;
	go_to(test, flow, n);
	KUNIT_EXPECT_TRUE(test, ipcp_tx_ready(flow));
	KUNIT_EXPECT_EQ(test, send_data(test, flow, 1), 0);
	KUNIT_EXPECT_EQ(test, counter_of_next(test), ipcp_tx_counter(n++, SHORT));
	KUNIT_EXPECT_FALSE(test, ipcp_tx_ready(flow));
	KUNIT_EXPECT_EQ(test, send_data(test, flow, 1), -EKEYEXPIRED);
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_EP_EXPIRED,
					 &test_tx(flow)->flags));

	for (; n < limit; n++) {
		KUNIT_ASSERT_EQ(test, send_control(flow), 0);
		KUNIT_ASSERT_EQ(test, counter_of_next(test),
				ipcp_tx_counter(n, SHORT));
	}
	KUNIT_EXPECT_EQ(test, send_control(flow), -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, send_data(test, flow, 1), -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, atomic64_read(&test_tx(flow)->sent), limit);
}

static void the_next_seed_ends_the_standstill(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test, SHORT);

	atomic64_set(&test_tx(flow)->sent, ipcp_tx_limit(SHORT));
	KUNIT_EXPECT_EQ(test, send_data(test, flow, 1), -EKEYEXPIRED);
	test_next(test, flow);
	test_settle(test, flow);
	KUNIT_EXPECT_EQ(test, send_data(test, flow, 1), 0);
	KUNIT_EXPECT_EQ(test, counter_of_next(test), 0);
}

static void an_epoch_that_is_too_old_carries_no_data(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test, SHORT);

	flow->max_age = TEST_TIME;
	test_tx(flow)->parked -= TEST_TIME / 2;
	KUNIT_EXPECT_EQ(test, send_data(test, flow, 1), 0);
	KUNIT_EXPECT_TRUE(test, ipcp_tx_ready(flow));
	test_tx(flow)->parked -= TEST_TIME;
	KUNIT_EXPECT_EQ(test, send_data(test, flow, 1), -EKEYEXPIRED);
	KUNIT_EXPECT_FALSE(test, ipcp_tx_ready(flow));
	KUNIT_EXPECT_EQ(test, send_control(flow), 0);
}

static void without_keys_nothing_is_sent(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test, SHORT);

	ipcp_keyrot_drop(flow);
	KUNIT_EXPECT_EQ(test, send_data(test, flow, 1), -EAGAIN);
	KUNIT_EXPECT_EQ(test, send_control(flow), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, ipcp_tx_ready(flow));
}

/* The epoch was closed before the send. */
static void an_epoch_that_ended_sends_nothing(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test, SHORT);
	struct ipcp_epoch *ep = test_hold(test, test_tx(flow));

	ipcp_keyrot_drop(flow);
	KUNIT_EXPECT_EQ(test, ipcp_tx_control(flow, ep, IPCP_PDU_CLOSE, NULL, 0),
			-EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, test_drops(flow, IPCP_DROP_TX_NOKEY), 1);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), 0);
}

static const struct local_case {
	const char *name;
	u32 local;		/* address that the peer knows */
	u32 source;		/* address that the packets have */
} local_cases[] = {
	{ "none known: routing chooses", 0, INADDR_LOOPBACK },
	{ "the address that routing chooses", INADDR_LOOPBACK, INADDR_LOOPBACK },
	{ "another one of this host", 0x7f000009, 0x7f000009 },
	{ "one that is gone", 0xc0000201, INADDR_LOOPBACK },
	{ "a broadcast address", INADDR_BROADCAST, INADDR_LOOPBACK },
	{ "a multicast address", 0xe0000001, INADDR_LOOPBACK },
};

KUNIT_ARRAY_PARAM_DESC(local, local_cases, name);

static void packets_leave_from_the_address_that_the_peer_knows(struct kunit *test)
{
	const struct local_case *c = test->param_value;
	struct ipcp_flow *flow = new_sender(test, SHORT);
	struct sk_buff *skb;

	test_bind(flow, test_bound_port(flow), c->local);
	/* twice: the second one by the cached route */
	for (int i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, send_data(test, flow, 1), 0);
		skb = test_receive(test);
		KUNIT_EXPECT_EQ(test, ntohl(ip_hdr(skb)->saddr), c->source);
		kfree_skb(skb);
	}
}

/* The socket of a flow says which port its packets leave from. */
static void packets_leave_from_the_socket_of_the_flow(struct kunit *test)
{
	static const u8 slots[] = { 0, IPCP_NET_GROUP };
	__be16 ports[ARRAY_SIZE(slots)];
	struct ipcp_flow *flow = new_sender(test, SHORT);
	struct sk_buff *skb;

	for (int i = 0; i < ARRAY_SIZE(slots); i++) {
		flow->slot = slots[i];
		KUNIT_ASSERT_EQ(test, send_data(test, flow, 1), 0);
		skb = test_receive(test);
		ports[i] = udp_hdr(skb)->source;
		kfree_skb(skb);
	}
	KUNIT_EXPECT_EQ(test, ports[0], htons(IPCP_REKEY_PORT));
	KUNIT_EXPECT_NE(test, ports[1], htons(IPCP_REKEY_PORT));
}

/* Open the sockets again, with the mark of another agent. */
static void set_mark(struct kunit *test, u32 mark)
{
	const struct ipcp_udp_settings settings = { .mark = mark };
	struct ipcp_net *ipn = test_net();

	mutex_lock(&ipn->agent_lock);
	KUNIT_EXPECT_EQ(test, ipcp_udp_open(ipn, &settings, NULL), 0);
	mutex_unlock(&ipn->agent_lock);
}

static void expect_socket_mark(struct kunit *test, u32 mark)
{
	struct ipcp_udp_sock *us;
	unsigned int n = 0;

	rcu_read_lock();
	for (unsigned int i = 0; i < 2 * IPCP_NET_SLOTS; i++) {
		us = ipcp_udp_sock(test_net(), i / 2, i & 1 ? AF_INET6 : AF_INET);
		if (!us)
			continue;
		KUNIT_EXPECT_EQ(test, READ_ONCE(us->sk->sk_mark), mark);
		n++;
	}
	rcu_read_unlock();
	KUNIT_EXPECT_GE(test, n, 1);
}

/* The mark routes packets, and what ICMP says of their path. */
static void packets_and_sockets_have_the_mark_of_the_agent(struct kunit *test)
{
	static const u32 marks[] = { 7, 9, 0 };
	struct ipcp_flow *flow = new_sender(test, SHORT);
	struct sk_buff *skb;

	for (int i = 0; i < ARRAY_SIZE(marks); i++) {
		KUNIT_EXPECT_EQ(test, send_data(test, flow, 1), 0);
		kfree_skb(test_receive(test));
		set_mark(test, marks[i]);
		expect_socket_mark(test, marks[i]);
		KUNIT_EXPECT_EQ(test, send_data(test, flow, 1), 0);
		skb = test_receive(test);
		KUNIT_EXPECT_EQ(test, skb->mark, marks[i]);
		kfree_skb(skb);
	}
}

/* A counter is used up even if its packet cannot be sent. */
static void a_packet_that_cannot_go_does_not_give_its_number_back(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test, SHORT);

	ipcp_bind_free_rcu(rcu_replace_pointer(flow->bind, NULL, true));
	KUNIT_EXPECT_EQ(test, send_data(test, flow, 1), -EDESTADDRREQ);
	test_connect(flow, flow);
	KUNIT_EXPECT_EQ(test, send_data(test, flow, 65508), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, test_drops(flow, IPCP_DROP_TX_ROUTE), 2);
	KUNIT_EXPECT_EQ(test, send_data(test, flow, 1), 0);
	KUNIT_EXPECT_EQ(test, counter_of_next(test), 2);
}

static void too_many_on_their_way_make_writers_wait(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test, SHORT);

	KUNIT_EXPECT_TRUE(test, ipcp_tx_room(flow));
	atomic_add(IPCP_TX_QUEUE, &flow->inflight->count);
	KUNIT_EXPECT_FALSE(test, ipcp_tx_room(flow));
	atomic_sub(1, &flow->inflight->count);
	KUNIT_EXPECT_TRUE(test, ipcp_tx_room(flow));
	atomic_sub(IPCP_TX_QUEUE - 1, &flow->inflight->count);
}

static void what_has_left_is_not_on_its_way(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test, SHORT);

	KUNIT_EXPECT_EQ(test, send_data(test, flow, 1), 0);
	counter_of_next(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&flow->inflight->count),
			IPCP_INFLIGHT_FLOW);
	KUNIT_EXPECT_EQ(test, refcount_read(&flow->refs), 2);
}

/* Create a buffer of several messages, each with its number. */
static struct sk_buff *several(struct kunit *test, unsigned int count)
{
	struct sk_buff *skb;
	struct ipcp_cursor c;

	skb = ipcp_tx_segs_alloc(sizeof(u32), sizeof(u32), count, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	ipcp_cursor_init(&c, skb, 0);
	for (u32 i = 0; i < count; i++)
		*(u32 *)ipcp_tx_next(&c, sizeof(i)) = i;
	return skb;
}

static void several_go_as_far_as_there_are_counters(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test, SHORT);
	u64 limit = ipcp_tx_data_limit(SHORT);
	struct ipcp_stats sum;
	struct sk_buff *skb;

	go_to(test, flow, limit - 3);
	KUNIT_EXPECT_EQ(test, ipcp_tx_send(flow, several(test, 8)), 3);
	skb = test_receive(test);
	KUNIT_EXPECT_EQ(test, test_header(test, skb).counter,
			ipcp_tx_counter(limit - 3, SHORT));
	kfree_skb(skb);
	KUNIT_EXPECT_EQ(test, atomic64_read(&test_tx(flow)->sent), limit);
	ipcp_stats_sum(flow->stats, &sum);
	KUNIT_EXPECT_EQ(test, sum.tx_packets, 3);
	KUNIT_EXPECT_EQ(test, sum.tx_bytes, 3 * sizeof(u32));
}

static void take_keys(struct kunit *test, struct ipcp_flow *flow)
{
	ipcp_keyrot_drop(flow);
}

static void use_up(struct kunit *test, struct ipcp_flow *flow)
{
	go_to(test, flow, ipcp_tx_data_limit(SHORT));
}

static void leave_leaf(struct kunit *test, struct ipcp_flow *flow)
{
	atomic64_set(&test_tx(flow)->sent, 2 * BIT_ULL(SHORT));
}

static const struct kept_case {
	const char *desc;
	void (*without)(struct kunit *test, struct ipcp_flow *flow);
	int err;
} kepts[] = {
	{ "no key", take_keys, -ENOKEY },
	{ "no key left", use_up, -EKEYEXPIRED },
	{ "a leaf that is not derived", leave_leaf, -EINPROGRESS },
};

KUNIT_ARRAY_PARAM_DESC(kept, kepts, desc);

static void a_try_that_finds_no_key_leaves_the_buffer_as_it_was(struct kunit *test)
{
	const struct kept_case *c = test->param_value;
	struct ipcp_flow *flow = new_sender(test, SHORT);
	struct sk_buff *skb = several(test, 3);
	unsigned int len = skb->len;
	struct ipcp_skb_cb cb = *ipcp_cb(skb);

	c->without(test, flow);
	KUNIT_EXPECT_EQ(test, ipcp_tx_try(flow, skb), c->err);
	KUNIT_EXPECT_EQ(test, skb->len, len);
	KUNIT_EXPECT_MEMEQ(test, ipcp_cb(skb), &cb, sizeof(cb));
	KUNIT_EXPECT_NULL(test, skb->destructor);
	kfree_skb(skb);
}

static void several_to_a_consumer_of_this_host_are_read_in_order(struct kunit *test)
{
	struct ipcp_flow *mate = test_flow(test), *flow = test_flow(test);

	set_bit(IPCP_FLOW_DIRECT, &flow->bits);
	rcu_assign_pointer(flow->mate, ipcp_flow_get(mate));
	KUNIT_EXPECT_EQ(test, ipcp_tx_try(flow, several(test, 3)), 3);
	KUNIT_EXPECT_EQ(test, ipcp_tx_try(flow, several(test, 2)), 2);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&mate->n_rb), 5);
	for (int i = 0; i < 5; i++) {
		KUNIT_EXPECT_EQ(test, test_hear(mate), i % 3);
		KUNIT_EXPECT_EQ(test, atomic_read(&flow->inflight->count),
				IPCP_INFLIGHT_FLOW + (i < 2 ? 5 : i < 4 ? 2 : 0));
	}
	RCU_INIT_POINTER(flow->mate, NULL);
	ipcp_flow_put(mate);
}

/* Two writers miss the last leaf, and one of them is there first. */
static void a_writer_that_was_overtaken_sends_in_the_last_leaf(struct kunit *test)
{
	const unsigned int shift = ilog2(IPCP_CTRL_RESERVE) + 1;
	u64 last = (u64)(IPCP_LEAF_TOTAL - 1) << shift;
	struct ipcp_flow *flow = new_sender(test, shift);
	struct sk_buff *first = several(test, 2), *second = several(test, 3);

	go_to(test, flow, last - 1);
	atomic64_set(&test_tx(flow)->sent, last);
	KUNIT_ASSERT_EQ(test, ipcp_tx_try(flow, first), -EINPROGRESS);
	KUNIT_ASSERT_EQ(test, ipcp_tx_try(flow, second), -EINPROGRESS);
	KUNIT_EXPECT_EQ(test, ipcp_tx_prepare(flow), 0);
	KUNIT_EXPECT_EQ(test, ipcp_tx_try(flow, first), 2);
	KUNIT_EXPECT_EQ(test, ipcp_tx_prepare(flow), 0);
	KUNIT_EXPECT_EQ(test, ipcp_tx_try(flow, second), 3);
	KUNIT_EXPECT_EQ(test, atomic64_read(&test_tx(flow)->sent), last + 5);
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

/* Start the task, and return when it waits for a lock that the caller holds. */
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
	{ "SEALED", send_control, IPCP_PDU_SEALED },
	{ "CLOSE", ipcp_control_close, IPCP_PDU_CLOSE },
};

KUNIT_ARRAY_PARAM_DESC(control, controls, desc);

/* The sender has the old epoch, and waits for its next leaf. */
static void control_goes_in_the_epoch_that_replaced_its_own(struct kunit *test)
{
	const struct control_case *c = test->param_value;
	struct sender s = { .flow = new_sender(test, SHORT), .send = c->send };
	struct ipcp_epoch *ep = test_hold(test, test_tx(s.flow));
	struct sk_buff *skb;
	struct ipcp_hdr hdr;

	atomic64_set(&ep->sent, BIT_ULL(SHORT));
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
	KUNIT_CASE_PARAM(a_buffer_has_room_for_all_around_its_message,
			 alloc_gen_params),
	KUNIT_CASE(packets_are_numbered_across_leaves),
	KUNIT_CASE(the_worker_is_called_once_when_a_rekey_is_due),
	KUNIT_CASE(what_is_sent_is_counted),
	KUNIT_CASE(a_message_leaves_with_the_overhead_and_no_more),
	KUNIT_CASE(the_next_leaf_is_due_when_a_quarter_was_sent),
	KUNIT_CASE(the_worker_is_called_for_the_next_leaf),
	KUNIT_CASE(the_end_of_an_epoch_is_kept_for_control),
	KUNIT_CASE(the_next_seed_ends_the_standstill),
	KUNIT_CASE(an_epoch_that_is_too_old_carries_no_data),
	KUNIT_CASE(without_keys_nothing_is_sent),
	KUNIT_CASE(an_epoch_that_ended_sends_nothing),
	KUNIT_CASE_PARAM(packets_leave_from_the_address_that_the_peer_knows, local_gen_params),
	KUNIT_CASE(packets_leave_from_the_socket_of_the_flow),
	KUNIT_CASE(packets_and_sockets_have_the_mark_of_the_agent),
	KUNIT_CASE(a_packet_that_cannot_go_does_not_give_its_number_back),
	KUNIT_CASE(too_many_on_their_way_make_writers_wait),
	KUNIT_CASE(what_has_left_is_not_on_its_way),
	KUNIT_CASE(several_go_as_far_as_there_are_counters),
	KUNIT_CASE_PARAM(a_try_that_finds_no_key_leaves_the_buffer_as_it_was,
			 kept_gen_params),
	KUNIT_CASE(a_writer_that_was_overtaken_sends_in_the_last_leaf),
	KUNIT_CASE_PARAM(control_goes_in_the_epoch_that_replaced_its_own,
			 control_gen_params),
	KUNIT_CASE(several_to_a_consumer_of_this_host_are_read_in_order),
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
