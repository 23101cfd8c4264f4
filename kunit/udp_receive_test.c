// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Receiving from the sockets: datagrams are queued as the stack does. */
#include <linux/skbuff.h>
#include <net/checksum.h>
#include <net/udp.h>

#include "flow_util.h"
#include "path_util.h"
#include "udp-int.h"

#define BUDGET	64		/* buffers that a softirq receives at a time */
#define BEYOND	6
#define LEN	100

static unsigned long bad_checksums(void)
{
	struct ipcp_drops sum;

	ipcp_drops_sum(test_net()->drops, &sum);
	return sum.drops[IPCP_DROP_CHECKSUM];
}

static struct ipcp_udp_sock *first_socket(void)
{
	struct ipcp_udp_sock *us;

	rcu_read_lock();
	us = ipcp_udp_sock(test_net(), 0, AF_INET);
	rcu_read_unlock();
	return us;
}

/* Queue a datagram at a socket, as the stack does in a softirq. */
static void queue_at(struct kunit *test, struct ipcp_udp_sock *us,
		     struct sk_buff *skb)
{
	skb_dst_drop(skb);
	local_bh_disable();
	rcu_read_lock();
	KUNIT_EXPECT_EQ(test, __udp_enqueue_schedule_skb(us->sk, skb), 0);
	rcu_read_unlock();
	local_bh_enable();
}

/* Send a packet. Return: the datagram, as if a device had summed it up. */
static struct sk_buff *summed(struct kunit *test, struct ipcp_flow *from,
			      u32 fault)
{
	struct sk_buff *skb;

	KUNIT_ASSERT_EQ(test, test_send_data(test, from, LEN), 0);
	skb = test_receive(test);
	skb->ip_summed = CHECKSUM_COMPLETE;
	skb->csum_complete_sw = 0;
	skb->csum_valid = 0;
	skb->csum = csum_sub((__force __wsum)fault,
			     skb_checksum(skb, 0, skb->len, 0));
	return skb;
}

/*
 * The device has found a wrong checksum, but the datagram has the right one.
 * The kernel reports the device, once.
 */
static void a_wrong_checksum_of_the_device_is_no_reason_to_drop(struct kunit *test)
{
	struct ipcp_flow *from, *to;
	unsigned long before = bad_checksums();

	test_pair(test, &from, &to);
	queue_at(test, first_socket(), summed(test, from, 0));
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&to->n_rb), 1);
	KUNIT_EXPECT_EQ(test, bad_checksums(), before);
}

static void a_datagram_with_a_wrong_checksum_is_dropped(struct kunit *test)
{
	struct ipcp_flow *from, *to;
	unsigned long before = bad_checksums();

	test_pair(test, &from, &to);
	queue_at(test, first_socket(), summed(test, from, 1));
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&to->n_rb), 0);
	KUNIT_EXPECT_EQ(test, bad_checksums(), before + 1);
}

static unsigned int runs;

static void count_run(struct work_struct *work)
{
	runs++;
}

static void a_softirq_leaves_buffers_beyond_its_budget_to_a_work_item(struct kunit *test)
{
	struct ipcp_udp_sock *us = first_socket();
	work_func_t rest = us->rest.func;
	struct ipcp_flow *from, *to;
	struct sk_buff_head sent;

	test_pair(test, &from, &to);
	__skb_queue_head_init(&sent);
	for (int i = 0; i < BUDGET + BEYOND; i++) {
		KUNIT_ASSERT_EQ(test, test_send_data(test, from, LEN), 0);
		__skb_queue_tail(&sent, test_receive(test));
	}
	runs = 0;
	us->rest.func = count_run;
	set_bit(0, &us->receiving);	/* all but the last wait for a receiver */
	while (skb_queue_len(&sent) > 1)
		queue_at(test, us, __skb_dequeue(&sent));
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&to->n_rb), 0);
	clear_bit(0, &us->receiving);
	queue_at(test, us, __skb_dequeue(&sent));
	flush_work(&us->rest);
	us->rest.func = rest;
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&to->n_rb), BUDGET);
	KUNIT_EXPECT_EQ(test, runs, 1);
	KUNIT_EXPECT_TRUE(test, test_bit(0, &us->receiving));

	rest(&us->rest);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&to->n_rb), BUDGET + BEYOND);
	KUNIT_EXPECT_FALSE(test, test_bit(0, &us->receiving));
}

static struct kunit_case udp_receive_test_cases[] = {
	KUNIT_CASE(a_wrong_checksum_of_the_device_is_no_reason_to_drop),
	KUNIT_CASE(a_datagram_with_a_wrong_checksum_is_dropped),
	KUNIT_CASE(a_softirq_leaves_buffers_beyond_its_budget_to_a_work_item),
	{}
};

static struct kunit_suite udp_receive_test_suite = {
	.name = "ipcp_udp_receive",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = udp_receive_test_cases,
};

kunit_test_suite(udp_receive_test_suite);
