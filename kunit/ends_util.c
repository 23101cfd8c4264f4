// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Two ends of a flow, and packets between them to lose, change or deliver. */
#include <linux/unaligned.h>

#include "ends_util.h"
#include "flow_util.h"
#include "path_util.h"
#include "rx.h"
#include "tx.h"

struct test_ends test_new_ends(struct kunit *test)
{
	struct test_ends e = {};

	test_pair(test, &e.from, &e.to);
	e.from->ppl_shift = TEST_SHORT;
	for (int i = 0; i < 2; i++) {
		struct ipcp_flow *flow = i ? e.from : e.to;

		test_next(test, flow);
		test_settle(test, flow);
	}
	return e;
}

/* Send a message with the next number, from 0 on. Return: its packet. */
struct sk_buff *test_say(struct kunit *test, struct test_ends *e)
{
	struct sk_buff *skb = ipcp_tx_alloc(sizeof(e->said), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_data(skb, &e->said, sizeof(e->said));
	e->said++;
	KUNIT_ASSERT_EQ(test, test_send(e->from, skb), 0);
	return test_receive(test);
}

void test_lose(struct kunit *test, struct test_ends *e, unsigned int n)
{
	while (n--)
		kfree_skb(test_say(test, e));
}

/* Deliver a packet, and do the worker's part of receiving. */
void test_let_in(struct test_ends *e, struct sk_buff *skb)
{
	test_deliver(skb);
	ipcp_rx_drain(e->to);
	test_keyrot(e->to);
}

void test_arrive(struct kunit *test, struct test_ends *e, unsigned int n)
{
	while (n--)
		test_let_in(e, test_say(test, e));
}

struct sk_buff *test_say_control(struct kunit *test, struct test_ends *e,
				 u8 type, size_t len)
{
	/* a CONFIRM with DONE gets no answer */
	static const u8 payload[4] = { IPCP_CONFIRM_DONE };

	KUNIT_ASSERT_EQ(test, ipcp_tx_current(e->from, type, payload, len), 0);
	return test_receive(test);
}

void test_expect_heard(struct kunit *test, struct test_ends *e, u32 from,
		       u32 to)
{
	for (u32 no = from; no < to; no++)
		KUNIT_EXPECT_EQ(test, test_hear(e->to), no);
	KUNIT_EXPECT_EQ(test, test_hear(e->to), -1);
}

/* Change the counter of a packet, so that its tag is wrong. */
void test_forge(struct sk_buff *skb, u64 counter)
{
	put_unaligned_be32(counter, skb->data + 4);
	skb->data[3] = counter >> 32;
}
