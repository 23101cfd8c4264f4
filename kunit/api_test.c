// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Flows of kernel code: messages and leaf keys that wait for memory, and
 * metadata of messages.
 */
#include "api-int.h"
#include "cb.h"
#include "fail_nth.h"
#include "flow_util.h"
#include "heap.h"
#include "inflight.h"
#include "path_util.h"
#include "rx.h"
#include "state.h"
#include "tx.h"
#include "users.h"
#include "wire.h"

#define UID		4252
#define MESSAGES	3

static int take_flow(struct ipcp_kflow *k)
{
	ipcp_kflow_set_priv(k, k);
	return 0;
}

/* The last message. */
static struct {
	unsigned int len;
	u16 queue;
	bool redirected;
} heard;

static void hear(struct ipcp_kflow *k, struct sk_buff *skb)
{
	heard.len = skb->len;
	heard.queue = skb_get_queue_mapping(skb);
	heard.redirected = skb_is_redirected(skb);
	consume_skb(skb);
}

static const struct ipcp_kflow_ops ops = {
	.receive = hear,
	.accept = take_flow,
};

static void release(void *k)
{
	ipcp_kflow_release(k);
}

/*
 * Create a flow of kernel code. Its packets go to the test's socket. Each leaf
 * has TEST_LEAF packets.
 */
static struct ipcp_kflow *new_kflow(struct kunit *test)
{
	struct ipcp_consumer *consumer;
	struct ipcp_kflow *k;
	struct ipcp_flow *flow;

	consumer = ipcp_api_spawn(test_net(), &ops, NULL, false);
	KUNIT_ASSERT_NOT_NULL(test, consumer);
	k = container_of(consumer, struct ipcp_kflow, consumer);
	flow = test_flow_of_user(test, UID, consumer);
	ipcp_consumer_put(consumer);	/* the flow has its own reference */
	flow->ppl_shift = TEST_SHORT;
	test_allocate(test, flow, INITIATOR, 0);
	test_connect(flow, flow);
	ipcp_api_accept(ipcp_flow_get(flow));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, release, k), 0);
	KUNIT_ASSERT_PTR_EQ(test, ipcp_kflow_priv(k), k);
	flush_work(&k->soft);
	return k;
}

static int send_byte(struct kunit *test, struct ipcp_kflow *k, u8 byte)
{
	struct sk_buff *skb = ipcp_kflow_buffer(1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_u8(skb, byte);
	return ipcp_kflow_send(k, skb);
}

static unsigned int held(struct ipcp_kflow *k)
{
	struct ipcp_kflow_info info;

	flush_work(&k->soft);
	ipcp_kflow_info(k, &info);
	return info.held;
}

/* Send messages that are held, since the next leaf has no key yet. */
static void hold_messages(struct kunit *test, struct ipcp_kflow *k)
{
	test_go_to(test, k->flow, TEST_LEAF - 1);
	disable_delayed_work_sync(&k->slow);
	KUNIT_ASSERT_EQ(test, send_byte(test, k, 0), 0);
	kfree_skb(test_receive(test));
	for (u8 i = 1; i <= MESSAGES; i++)
		KUNIT_ASSERT_EQ(test, send_byte(test, k, i), 0);
	KUNIT_ASSERT_EQ(test, held(k), MESSAGES);
}

static void messages_are_held_until_the_next_leaf_has_a_key(struct kunit *test)
{
	struct ipcp_kflow *k = new_kflow(test);

	hold_messages(test, k);
	KUNIT_EXPECT_NULL(test, test_receive_now());
	enable_delayed_work(&k->slow);
	ipcp_api_slow_work(&k->slow.work);
	KUNIT_EXPECT_EQ(test, held(k), 0);
	for (unsigned int i = 0; i < MESSAGES; i++)
		KUNIT_EXPECT_EQ(test, test_next_counter(test),
				ipcp_ctr_make(1, i));
}

static void messages_wait_for_a_seed_once_the_packets_of_an_epoch_are_sent(struct kunit *test)
{
	struct ipcp_kflow *k = new_kflow(test);
	struct ipcp_kflow_info info;

	test_go_to(test, k->flow, ipcp_tx_data_limit(TEST_SHORT));
	for (u8 i = 0; i < MESSAGES; i++)
		KUNIT_ASSERT_EQ(test, send_byte(test, k, i), 0);
	KUNIT_EXPECT_EQ(test, held(k), MESSAGES);
	ipcp_kflow_info(k, &info);
	KUNIT_EXPECT_TRUE(test, info.state & IPCP_KFLOW_KEYLESS);
	KUNIT_EXPECT_EQ(test, info.stalls, 1);
	KUNIT_EXPECT_NULL(test, test_receive_now());

	test_next(test, k->flow);
	flush_work(&k->soft);	/* takes the seed */
	ipcp_keyrot_observe(k->flow, test_newest(k->flow), true);
	KUNIT_EXPECT_EQ(test, held(k), 0);
	ipcp_kflow_info(k, &info);
	KUNIT_EXPECT_FALSE(test, info.state & IPCP_KFLOW_KEYLESS);
}

static void held_messages_wait_for_memory_of_the_user_and_are_not_lost(struct kunit *test)
{
	struct ipcp_kflow *k = new_kflow(test);
	struct ipcp_inflight *out = k->flow->inflight;
	struct ipcp_user *user = k->flow->payer.user;
	long before;

	hold_messages(test, k);
	ipcp_inflight_trim(out);
	before = atomic_long_read(&user->bytes);
	atomic_long_set(&user->bytes, ipcp_user_max_bytes());
	ipcp_api_slow_work(&k->slow.work);
	KUNIT_EXPECT_EQ(test, held(k), MESSAGES);
	KUNIT_EXPECT_EQ(test, test_drops(k->flow, IPCP_DROP_NOMEM), 0);
	KUNIT_EXPECT_TRUE(test, ipcp_tx_refused(k->flow));
	KUNIT_EXPECT_NULL(test, test_receive_now());

	/* A later message cannot be held. */
	KUNIT_EXPECT_EQ(test, send_byte(test, k, 0), -EDQUOT);
	KUNIT_EXPECT_EQ(test, held(k), MESSAGES);
	KUNIT_EXPECT_EQ(test, test_drops(k->flow, IPCP_DROP_NOMEM), 1);

	atomic_long_set(&user->bytes, before);
	out->refused = jiffies - HZ;
	test_work(k->flow);
	KUNIT_EXPECT_EQ(test, held(k), 0);
	for (unsigned int i = 0; i < MESSAGES; i++)
		KUNIT_EXPECT_EQ(test, test_next_counter(test),
				ipcp_ctr_make(1, i));
}

/*
 * Return the memory charged to the user of a flow for held messages. The soft work
 * reserves memory for messages in flight while it tries to send them.
 */
static long charged(struct ipcp_kflow *k)
{
	flush_work(&k->soft);
	ipcp_inflight_trim(k->flow->inflight);
	return atomic_long_read(&k->flow->payer.user->bytes);
}

/* Half of the limit is left for messages in flight. */
static void held_messages_are_charged_to_the_user(struct kunit *test)
{
	struct ipcp_kflow *k = new_kflow(test);
	struct ipcp_user *user = k->flow->payer.user;
	long idle, half = ipcp_user_max_bytes() / 2;
	struct sk_buff *skb;
	unsigned int bytes;

	idle = charged(k);
	hold_messages(test, k);
	skb = ipcp_kflow_buffer(1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_u8(skb, 0);
	bytes = skb->truesize;
	KUNIT_EXPECT_EQ(test, charged(k), idle + MESSAGES * bytes);

	atomic_long_add(half - idle - (MESSAGES + 1) * bytes, &user->bytes);
	KUNIT_EXPECT_EQ(test, ipcp_kflow_send(k, skb), 0);
	KUNIT_EXPECT_EQ(test, charged(k), half);
	KUNIT_EXPECT_EQ(test, send_byte(test, k, 0), -EDQUOT);
	KUNIT_EXPECT_EQ(test, charged(k), half);
	atomic_long_sub(half - idle - (MESSAGES + 1) * bytes, &user->bytes);

	ipcp_api_slow_work(&k->slow.work);
	KUNIT_EXPECT_EQ(test, held(k), 0);
	for (unsigned int i = 0; i <= MESSAGES; i++)
		kfree_skb(test_receive(test));
	KUNIT_EXPECT_EQ(test, charged(k), idle);
}

static void messages_held_at_the_end_of_a_flow_are_not_charged(struct kunit *test)
{
	struct ipcp_kflow *k = new_kflow(test);
	long idle = charged(k);

	hold_messages(test, k);
	KUNIT_EXPECT_GT(test, charged(k), idle);
	ipcp_state_down(k->flow, ESHUTDOWN, "the test ends the flow");
	KUNIT_EXPECT_EQ(test, held(k), 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&k->flow->payer.user->bytes), idle);
}

/* Hold a message as a sender does that saw the flow up. */
static void hold_late(struct kunit *test, struct ipcp_kflow *k)
{
	struct sk_buff *skb = ipcp_kflow_buffer(1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_ASSERT_TRUE(test, ipcp_user_reserve_held(k->flow->payer.user,
						       skb->truesize));
	skb_queue_tail(&k->held, skb);
	WRITE_ONCE(k->holding, true);
	ipcp_api_run_soon(k);
}

static void a_message_held_after_the_end_was_told_is_dropped(struct kunit *test)
{
	struct ipcp_kflow *k = new_kflow(test);
	long idle = charged(k);

	ipcp_state_down(k->flow, ESHUTDOWN, "the test ends the flow");
	flush_work(&k->soft);
	hold_late(test, k);
	KUNIT_EXPECT_EQ(test, held(k), 0);
	KUNIT_EXPECT_EQ(test, charged(k), idle);
	KUNIT_EXPECT_EQ(test, test_drops(k->flow, IPCP_DROP_TX_NOKEY), 1);
}

/* Runs of the slow work, in place of which only the time is noted. */
static struct {
	struct completion run;
	unsigned long at;
} slow;

static void note_run(struct work_struct *work)
{
	slow.at = jiffies;
	complete(&slow.run);
}

static void a_key_that_found_no_memory_is_derived_later_not_at_once(struct kunit *test)
{
	struct ipcp_kflow *k = new_kflow(test);
	unsigned long before;

	failing_allocations(test);
	hold_messages(test, k);
	enable_delayed_work(&k->slow);
	init_completion(&slow.run);
	k->slow.work.func = note_run;
	before = jiffies;
	fail_nth(1);
	ipcp_api_slow_work(&k->slow.work);
	KUNIT_EXPECT_TRUE(test, fail_nth_did());

	/* The soft work, which has run since, has left the retry to the timer. */
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&slow.run, TEST_TIME), 0);
	KUNIT_EXPECT_TRUE(test, time_after_eq(slow.at, before + HZ / 10));
	KUNIT_EXPECT_EQ(test, held(k), MESSAGES);

	k->slow.work.func = ipcp_api_slow_work;
	queue_delayed_work(ipcp_wq, &k->slow, 0);
	flush_delayed_work(&k->slow);
	KUNIT_EXPECT_EQ(test, held(k), 0);
	for (unsigned int i = 0; i < MESSAGES; i++)
		KUNIT_EXPECT_EQ(test, test_next_counter(test),
				ipcp_ctr_make(1, i));
}

/*
 * The consumer may forward the message. Its packets keep their order only if
 * all are sent from the same queue.
 */
static void a_message_does_not_have_the_queue_of_its_packet(struct kunit *test)
{
	struct ipcp_kflow *k = new_kflow(test);
	struct sk_buff *skb = ipcp_kflow_buffer(7, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_zero(skb, 7);
	skb_record_rx_queue(skb, 2);
	skb_set_redirected(skb, true);
	*ipcp_cb(skb) = (struct ipcp_skb_cb) { .left = 1, .type = IPCP_PDU_DATA };
	local_bh_disable();
	rcu_read_lock();
	ipcp_rx_data(k->flow, skb);
	rcu_read_unlock();
	local_bh_enable();
	flush_work(&k->soft);
	KUNIT_EXPECT_EQ(test, heard.len, 7);
	KUNIT_EXPECT_EQ(test, heard.queue, 0);
	KUNIT_EXPECT_FALSE(test, heard.redirected);
}

/* The sender of a zerocopy buffer, and how often it was told of its end. */
static struct {
	struct ubuf_info uarg;
	unsigned int told;
} sender;

static void tell_sender(struct sk_buff *skb, struct ubuf_info *uarg, bool zerocopy)
{
	if (uarg == &sender.uarg)
		sender.told++;
}

static const struct ubuf_info_ops sender_ops = { .complete = tell_sender };

/* The stack makes such a linear buffer of an empty datagram. */
static void a_zerocopy_buffer_is_copied_and_its_sender_told_once(struct kunit *test)
{
	struct ipcp_kflow *k = new_kflow(test);
	struct sk_buff *skb = ipcp_kflow_buffer(1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_u8(skb, 0);
	sender.told = 0;
	sender.uarg.ops = &sender_ops;
	sender.uarg.flags = SKBFL_ZEROCOPY_FRAG | SKBFL_DONT_ORPHAN;
	skb_zcopy_init(skb, &sender.uarg);
	KUNIT_EXPECT_EQ(test, ipcp_kflow_send(k, skb), 0);
	KUNIT_EXPECT_EQ(test, sender.told, 1);

	skb = test_receive(test);
	KUNIT_EXPECT_NULL(test, skb_zcopy(skb));
	kfree_skb(skb);
	KUNIT_EXPECT_EQ(test, sender.told, 1);
}

/* What is true while a device sends the packet of a message. */
static struct {
	struct packet_type tap;
	struct ipcp_inflight *of;
	int in_flight;
	bool redirected;
} sending;

static int look_at_packet(struct sk_buff *skb, struct net_device *dev,
			  struct packet_type *pt, struct net_device *orig_dev)
{
	if (skb->pkt_type == PACKET_OUTGOING) {
		sending.in_flight = atomic_read(&sending.of->count) -
				    IPCP_INFLIGHT_FLOW;
		sending.redirected = skb_is_redirected(skb);
	}
	kfree_skb(skb);
	return 0;
}

/* Send a message, with a look at its packet in the device. */
static void send_looking(struct kunit *test, struct ipcp_kflow *k,
			 struct sk_buff *skb)
{
	sending.of = k->flow->inflight;
	sending.in_flight = -1;
	sending.redirected = false;
	sending.tap.type = htons(ETH_P_ALL);
	sending.tap.dev = init_net.loopback_dev;
	sending.tap.func = look_at_packet;
	dev_add_pack(&sending.tap);
	KUNIT_EXPECT_EQ(test, ipcp_kflow_send(k, skb), 0);
	dev_remove_pack(&sending.tap);
	kfree_skb(test_receive(test));
}

/* A buffer with the least headroom that is not copied before it is sealed. */
static struct sk_buff *tight_buffer(struct kunit *test)
{
	unsigned int room = IPCP_TX_HEADROOM + HH_DATA_MOD;
	struct sk_buff *skb = alloc_skb(room + 1 + IPCP_TAG_LEN, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reserve(skb, room);
	skb_put_u8(skb, 0);
	return skb;
}

static void need_no_headroom(void *dev)
{
	((struct net_device *)dev)->needed_headroom = 0;
}

/* The device of the path needs headroom until the end of the test. */
static void need_headroom(struct kunit *test)
{
	struct net_device *dev = init_net.loopback_dev;

	KUNIT_ASSERT_EQ(test, kunit_add_action(test, need_no_headroom, dev), 0);
	dev->needed_headroom = 64;
}

static void a_message_is_in_flight_until_a_device_that_needs_headroom_sends(struct kunit *test)
{
	struct ipcp_kflow *k = new_kflow(test);

	need_headroom(test);
	send_looking(test, k, tight_buffer(test));
	KUNIT_EXPECT_EQ(test, sending.in_flight, 1);
}

static void a_packet_without_memory_for_headers_is_counted_as_nomem(struct kunit *test)
{
	struct ipcp_kflow *k = new_kflow(test);
	struct sk_buff *skb;

	failing_allocations(test);
	need_headroom(test);
	/* the route is kept */
	KUNIT_ASSERT_EQ(test, ipcp_kflow_send(k, tight_buffer(test)), 0);
	kfree_skb(test_receive(test));
	skb = tight_buffer(test);
	fail_nth(1);
	KUNIT_EXPECT_EQ(test, ipcp_kflow_send(k, skb), -ENOBUFS);
	KUNIT_EXPECT_TRUE(test, fail_nth_did());
	KUNIT_EXPECT_EQ(test, test_drops(k->flow, IPCP_DROP_NOMEM), 1);
	KUNIT_EXPECT_EQ(test, test_drops(k->flow, IPCP_DROP_TX_ROUTE), 0);
}

static void the_packet_of_a_redirected_message_is_not_redirected(struct kunit *test)
{
	struct ipcp_kflow *k = new_kflow(test);
	struct sk_buff *skb = ipcp_kflow_buffer(1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_u8(skb, 0);
	skb_set_redirected(skb, false);
	send_looking(test, k, skb);
	KUNIT_EXPECT_EQ(test, sending.in_flight, 1);
	KUNIT_EXPECT_FALSE(test, sending.redirected);
}

static void the_packet_of_a_message_has_no_timestamps_to_report(struct kunit *test)
{
	struct ipcp_kflow *k = new_kflow(test);
	struct sk_buff *skb = ipcp_kflow_buffer(1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_u8(skb, 0);
	skb_shinfo(skb)->tx_flags = SKBTX_SCHED_TSTAMP | SKBTX_SW_TSTAMP;
	KUNIT_EXPECT_EQ(test, ipcp_kflow_send(k, skb), 0);
	skb = test_receive(test);
	KUNIT_EXPECT_EQ(test, skb_shinfo(skb)->tx_flags, 0);
	kfree_skb(skb);
}

/* Wait until the flows of the previous test are freed, too. */
static int begin(struct kunit *test)
{
	test_drain();
	memset(&heard, 0, sizeof(heard));
	return test_path_clear(test);
}

static struct kunit_case api_test_cases[] = {
	KUNIT_CASE(messages_are_held_until_the_next_leaf_has_a_key),
	KUNIT_CASE(messages_wait_for_a_seed_once_the_packets_of_an_epoch_are_sent),
	KUNIT_CASE(held_messages_wait_for_memory_of_the_user_and_are_not_lost),
	KUNIT_CASE(held_messages_are_charged_to_the_user),
	KUNIT_CASE(messages_held_at_the_end_of_a_flow_are_not_charged),
	KUNIT_CASE(a_message_held_after_the_end_was_told_is_dropped),
	KUNIT_CASE(a_key_that_found_no_memory_is_derived_later_not_at_once),
	KUNIT_CASE(a_message_does_not_have_the_queue_of_its_packet),
	KUNIT_CASE(a_zerocopy_buffer_is_copied_and_its_sender_told_once),
	KUNIT_CASE(a_message_is_in_flight_until_a_device_that_needs_headroom_sends),
	KUNIT_CASE(a_packet_without_memory_for_headers_is_counted_as_nomem),
	KUNIT_CASE(the_packet_of_a_redirected_message_is_not_redirected),
	KUNIT_CASE(the_packet_of_a_message_has_no_timestamps_to_report),
	{}
};

static struct kunit_suite api_test_suite = {
	.name = "ipcp_api",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = begin,
	.test_cases = api_test_cases,
};

kunit_test_suite(api_test_suite);
