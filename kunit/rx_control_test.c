// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Receiving control packets, and sending those that keep a flow alive. */
#include "control.h"
#include "ends_util.h"
#include "flow_util.h"
#include "keyrot.h"
#include "path_util.h"
#include "rx.h"
#include "tx.h"
#include "upcall.h"

static void control_packets_have_a_bounded_queue_of_their_own(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct sk_buff_head said;

	/* Send all packets first: the worker may run and empty the queue. */
	__skb_queue_head_init(&said);
	for (int i = 0; i < IPCP_CTL_QUEUE + 2; i++)
		__skb_queue_tail(&said, test_say_control(test, &e,
							 IPCP_PDU_CONFIRM, 1));
	while (!skb_queue_empty(&said))
		test_deliver(__skb_dequeue(&said));
	ipcp_rx_drain(e.to);	/* the last packets are of the next leaf */
	KUNIT_EXPECT_EQ(test, skb_queue_len(&e.to->ctl), IPCP_CTL_QUEUE);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_CTRL_FULL), 2);
	test_arrive(test, &e, 1);
	ipcp_control_work(e.to);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&e.to->ctl), 0);
	test_expect_heard(test, &e, 0, 1);
}

/* After the loss of all keys, a new epoch may have the number of an old one. */
static void a_confirm_does_not_apply_to_a_new_epoch_of_its_number(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	u8 epoch = test_newest(e.to)->no;
	u32 exchange = test_newest(e.to)->exchange;

	test_deliver(test_say_control(test, &e, IPCP_PDU_CONFIRM, 1));
	ipcp_keyrot_drop(e.to);
	KUNIT_ASSERT_EQ(test, test_park(test, e.to, 77, epoch, exchange + 1), 0);
	ipcp_control_work(e.to);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_EPOCH), 1);
	KUNIT_EXPECT_FALSE(test, test_bit(IPCP_EP_OBSERVED,
					  &test_newest(e.to)->flags));
}

static void close_takes_the_flow_down_but_keeps_queued_messages(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);

	test_arrive(test, &e, 2);
	test_deliver(test_say_control(test, &e, IPCP_PDU_CLOSE, 0));
	ipcp_control_work(e.to);
	KUNIT_EXPECT_TRUE(test, ipcp_rbflags(&e.to->n_rb.flags) & IPCP_RB_FLOWDOWN);
	KUNIT_EXPECT_EQ(test, e.to->error, ESHUTDOWN);
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_FLOW_CLOSE_SEEN, &e.to->bits));
	test_expect_heard(test, &e, 0, 2);
}

static void close_needs_no_room_in_the_control_queue(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);

	for (int i = 0; i <= IPCP_CTL_QUEUE; i++)
		test_let_in(&e, test_say_control(test, &e, IPCP_PDU_CONFIRM, 1));
	KUNIT_ASSERT_EQ(test, test_drops(e.to, IPCP_DROP_CTRL_FULL), 1);
	test_let_in(&e, test_say_control(test, &e, IPCP_PDU_CLOSE, 0));
	KUNIT_EXPECT_EQ(test, test_drops(e.to, IPCP_DROP_CTRL_FULL), 1);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&e.to->ctl), IPCP_CTL_QUEUE);
	ipcp_control_work(e.to);
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_FLOW_CLOSE_SEEN, &e.to->bits));
	KUNIT_EXPECT_TRUE(test, ipcp_rbflags(&e.to->n_rb.flags) & IPCP_RB_FLOWDOWN);
}

static void sealed_messages_go_to_the_agent(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct ipcp_upcall *up;

	KUNIT_ASSERT_EQ(test, test_with_agent(test, test_net()), 0);
	test_deliver(test_say_control(test, &e, IPCP_PDU_SEALED, 3));
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
	{ "CLOSE with a payload", IPCP_PDU_CLOSE, 1, IPCP_DROP_MALFORMED },
	{ "SEALED without an agent", IPCP_PDU_SEALED, 1,
	  IPCP_DROP_CTRL_FULL },
};

KUNIT_ARRAY_PARAM_DESC(malformed, malformed, desc);

static void malformed_and_undeliverable_control_is_dropped(struct kunit *test)
{
	const struct malformed_case *c = test->param_value;
	struct test_ends e = test_new_ends(test);

	test_deliver(test_say_control(test, &e, c->type, c->len));
	ipcp_control_work(e.to);
	KUNIT_EXPECT_EQ(test, test_drops(e.to, c->reason), 1);
	KUNIT_EXPECT_FALSE(test, ipcp_rbflags(&e.to->n_rb.flags) & IPCP_RB_FLOWDOWN);
}

static void control_far_ahead_moves_the_leaf_as_data_does(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	unsigned int dir = ipcp_rx_dir(&e.to->rk);

	test_lose(test, &e, 3 * TEST_LEAF);
	test_let_in(&e, test_say_control(test, &e, IPCP_PDU_CONFIRM, 1));
	KUNIT_EXPECT_EQ(test, skb_queue_len(&e.to->ctl), 1);
	ipcp_control_work(e.to);
	KUNIT_EXPECT_EQ(test, test_newest(e.to)->rx_end,
			ipcp_ctr_make(3, 0) + 1);
	KUNIT_EXPECT_EQ(test, test_leaf(&test_newest(e.to)->leaves[dir].cur)->no,
			3);
	test_arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 3 * TEST_LEAF);
	KUNIT_EXPECT_EQ(test, test_leaf(&test_newest(e.to)->leaves[dir].cur)->no,
			3);
}

/* Idle ends send only keepalives, over many leaves. */
static void keepalives_alone_move_the_leaves_of_both_ends(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct ipcp_flow *ends[] = { e.from, e.to };

	e.to->ppl_shift = TEST_SHORT;
	for (int i = 1; i >= 0; i--) {	/* the leaves of both are short */
		test_next(test, ends[i]);
		test_settle(test, ends[i]);
	}
	for (unsigned int n = 0; n < 5 * TEST_LEAF; n++) {
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
	test_arrive(test, &e, 1);
	KUNIT_EXPECT_EQ(test, test_hear(e.to), 0);
}

static void a_keepalive_does_not_use_the_reserve(struct kunit *test)
{
	struct test_ends e = test_new_ends(test);
	struct ipcp_epoch *ep = test_tx(e.from);
	u64 limit = ipcp_tx_data_limit(TEST_SHORT);

	test_go_to(test, e.from, limit - 1);
	for (int i = 0; i < 3; i++)
		ipcp_control_keepalive(e.from);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), limit);
	kfree_skb(test_receive(test));
	KUNIT_EXPECT_NULL(test, test_receive_now());
	kfree_skb(test_say_control(test, &e, IPCP_PDU_SEALED, 3));
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), limit + 1);
}

static struct kunit_case rx_control_test_cases[] = {
	KUNIT_CASE(control_packets_have_a_bounded_queue_of_their_own),
	KUNIT_CASE(a_confirm_does_not_apply_to_a_new_epoch_of_its_number),
	KUNIT_CASE(close_takes_the_flow_down_but_keeps_queued_messages),
	KUNIT_CASE(close_needs_no_room_in_the_control_queue),
	KUNIT_CASE(sealed_messages_go_to_the_agent),
	KUNIT_CASE_PARAM(malformed_and_undeliverable_control_is_dropped,
			 malformed_gen_params),
	KUNIT_CASE(control_far_ahead_moves_the_leaf_as_data_does),
	KUNIT_CASE(keepalives_alone_move_the_leaves_of_both_ends),
	KUNIT_CASE(a_keepalive_does_not_use_the_reserve),
	{}
};

static struct kunit_suite rx_control_test_suite = {
	.name = "ipcp_rx_control",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = rx_control_test_cases,
};

kunit_test_suite(rx_control_test_suite);
