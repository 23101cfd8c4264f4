// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Path MTU discovery: probes and their answers on a flow. */
#include "flow_util.h"
#include "path.h"
#include "path_util.h"
#include "probe.h"
#include "test_util.h"
#include "tx.h"
#include "udp.h"
#include "vectors.h"
#include "wire.h"

#define LINK	1472
#define BASE	IPCP_BASE_LEN

static void describe_pdu(const struct pdu_vector *v, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s type %u counter %llu",
		 v->cipher, v->type, v->counter);
}

KUNIT_ARRAY_PARAM(pdu, pdu_vectors, describe_pdu);

/* A PROBE of the vectors is answered with an ECHO of its number and size. */
static void probe_packets_of_the_vectors_are_handled(struct kunit *test)
{
	const struct pdu_vector *v = test->param_value;
	size_t len = strlen(v->plain) / 2;
	struct ipcp_flow *one, *two;
	u8 answer[64];
	const u8 *plain;
	unsigned int n = sizeof(answer);

	if (v->type != IPCP_PDU_CONFIRM || len == 1)
		return;
	plain = unhex(test, v->plain);
	test_pair(test, &one, &two);
	KUNIT_EXPECT_TRUE(test, ipcp_probe_handle(two, plain, len));
	if (*plain == IPCP_CONFIRM_ECHO) {
		KUNIT_EXPECT_NULL(test, test_receive_now());
		return;
	}
	KUNIT_EXPECT_EQ(test, len, 1200 - IPCP_OVERHEAD);
	test_open_packet(test, one, answer, &n);
	KUNIT_EXPECT_EQ(test, n, IPCP_PROBE_LEN);
	KUNIT_EXPECT_EQ(test, answer[0], IPCP_CONFIRM_ECHO);
	KUNIT_EXPECT_MEMEQ(test, answer + 1, plain + 1, 4);
}

static const struct bad_case {
	const char *desc;
	u8 msg[8];
	unsigned int len;
	bool good;
} bads[] = {
	{ "shortest PROBE", { 8, 0, 1, 0, 33 }, 5, true },
	{ "padded PROBE", { 8, 0, 1, 0, 36 }, 8, true },
	{ "ECHO", { 16, 0, 1, 4, 0xb0 }, 5, true },
	{ "PROBE without a size", { 8, 0, 1 }, 3, false },
	{ "PROBE, a byte short", { 8, 0, 1, 0 }, 4, false },
	{ "PROBE of another size", { 8, 0, 1, 0, 37 }, 8, false },
	{ "PROBE with other padding", { 8, 0, 1, 0, 36, 0, 0, 1 }, 8, false },
	{ "ECHO with padding", { 16, 0, 1, 4, 0xb0, 0 }, 6, false },
	{ "short ECHO", { 16, 0, 1, 4 }, 4, false },
	{ "PROBE and ECHO", { 24, 0, 1, 0, 33 }, 5, false },
	{ "PROBE and SEEN", { 9, 0, 1, 0, 33 }, 5, false },
	{ "long CONFIRM", { 1, 0, 1, 0, 33 }, 5, false },
	{ "unknown flag", { 32, 0, 1, 0, 33 }, 5, false },
};

KUNIT_ARRAY_PARAM_DESC(bad, bads, desc);

static void a_malformed_probe_is_dropped(struct kunit *test)
{
	const struct bad_case *c = test->param_value;
	struct ipcp_flow *one, *two;
	struct ipcp_epoch *ep;

	test_pair(test, &one, &two);
	ep = test_tx(one);
	KUNIT_ASSERT_EQ(test, ipcp_tx_spare(one, ep, c->msg, c->len, 0), 0);
	test_carry(test);
	test_work(two);
	KUNIT_EXPECT_EQ(test, test_drops(two, IPCP_DROP_MALFORMED), !c->good);
	if (!c->good || c->msg[0] == IPCP_CONFIRM_ECHO)
		KUNIT_EXPECT_NULL(test, test_receive_now());
}

/* Send without a lookup of the link: loopback is never probed. */
static int xmit_unseen(struct ipcp_flow *flow, struct sk_buff *skb)
{
	struct ipcp_bind *bind = rcu_dereference(flow->bind);

	return ipcp_udp_xmit_to(flow->net, flow->slot, &bind->ends, skb);
}

static const struct ipcp_path_ops unseen_path = {
	.xmit = xmit_unseen,
	.received = ipcp_udp_received,
};

/* Give a flow a link that can be probed. */
static void set_link(struct ipcp_flow *flow)
{
	struct ipcp_probe_link l = { .size = LINK, .hint = LINK };

	flow->path = &unseen_path;
	ipcp_probe_link(flow, &l);
}

static void send_data(struct kunit *test, struct ipcp_flow *flow,
		      unsigned int len)
{
	struct sk_buff *skb = ipcp_tx_alloc(len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_zero(skb, len);
	KUNIT_ASSERT_EQ(test, test_send(flow, skb), 0);
}

static void only_a_packet_above_the_base_size_is_noted(struct kunit *test)
{
	struct ipcp_flow *one, *two;

	test_pair(test, &one, &two);
	set_link(one);
	KUNIT_EXPECT_EQ(test, one->mtu, LINK - IPCP_OVERHEAD);
	KUNIT_EXPECT_EQ(test, one->probe.note, BASE);
	send_data(test, one, BASE - IPCP_OVERHEAD);
	KUNIT_EXPECT_EQ(test, one->probe.note, BASE);
	kfree_skb(test_receive(test));
	send_data(test, one, BASE - IPCP_OVERHEAD + 1);
	KUNIT_EXPECT_EQ(test, one->probe.note, IPCP_PROBE_NOTE_NONE);
	kfree_skb(test_receive(test));
}

/* On a slow machine the worker sends the probe again at once. */
static void deliver_all(void)
{
	struct sk_buff *skb;

	while ((skb = test_receive_now()))
		test_deliver(skb);
}

static void an_answered_probe_confirms_the_size(struct kunit *test)
{
	struct ipcp_flow *one, *two;
	struct sk_buff *skb;
	unsigned long next;

	test_pair(test, &one, &two);
	set_link(one);
	send_data(test, one, BASE);
	kfree_skb(test_receive(test));
	next = jiffies + TEST_TIME;
	ipcp_probe_work(one, &next);
	KUNIT_EXPECT_TRUE(test, time_before(next, jiffies + HZ));
	skb = test_receive(test);
	KUNIT_EXPECT_EQ(test, skb->len, LINK);
	test_deliver(skb);
	deliver_all();
	test_work(two);
	deliver_all();
	test_work(one);
	KUNIT_EXPECT_TRUE(test, one->probe.confirmed);
	KUNIT_EXPECT_EQ(test, one->probe.note, BASE);
	KUNIT_EXPECT_NULL(test, test_receive_now());
}

/* Nothing is sent, so no data makes a search worthwhile. */
static void a_message_that_is_too_long_makes_the_search_begin(struct kunit *test)
{
	struct ipcp_flow *one, *two;

	test_pair(test, &one, &two);
	set_link(one);
	one->probe.size = BASE;
	one->probe.raise_at = jiffies - 1;
	test_work(one);
	KUNIT_EXPECT_EQ(test, one->probe.phase, IPCP_PROBE_REST);
	ipcp_flow_too_long(one);
	test_work(one);
	KUNIT_EXPECT_EQ(test, one->probe.phase, IPCP_PROBE_SEARCH);
	kfree_skb(test_receive(test));
}

static int xmit_nowhere(struct ipcp_flow *flow, struct sk_buff *skb)
{
	kfree_skb(skb);
	return -ENETUNREACH;
}

static const struct ipcp_path_ops no_path = {
	.xmit = xmit_nowhere,
	.received = ipcp_udp_received,
};

/* The route disappears after the search has found a size. */
static void an_aborted_search_keeps_the_size_found_so_far(struct kunit *test)
{
	struct ipcp_flow *one, *two;
	unsigned long next = jiffies + TEST_TIME;

	test_pair(test, &one, &two);
	set_link(one);
	one->path = &no_path;
	one->mtu = BASE - IPCP_OVERHEAD;
	one->probe.size = BASE;
	one->probe.phase = IPCP_PROBE_SEARCH;
	one->probe.searching = true;
	one->probe.top = LINK;
	one->probe.candidate = LINK;
	one->probe.rounds = 1;
	one->probe.best = 1392;
	one->probe.at = jiffies;
	ipcp_probe_work(one, &next);
	KUNIT_EXPECT_EQ(test, one->probe.size, 1392);
	KUNIT_EXPECT_EQ(test, one->mtu, 1392 - IPCP_OVERHEAD);
	KUNIT_EXPECT_FALSE(test, one->probe.searching);
}

/* The reserve is only for packets that a re-key may need. */
static void a_probe_does_not_use_the_reserve(struct kunit *test)
{
	struct ipcp_flow *one, *two;
	struct ipcp_epoch *ep;
	u8 flags = 0;
	u64 limit;

	test_pair(test, &one, &two);
	ep = test_tx(one);
	limit = ipcp_tx_data_limit(ep->ppl_shift);
	atomic64_set(&ep->sent, limit);
	KUNIT_EXPECT_EQ(test, ipcp_tx_spare(one, ep, &flags, 1, 0),
			-EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), limit);
	KUNIT_EXPECT_FALSE(test, test_bit(IPCP_EP_EXPIRED, &ep->flags));
	KUNIT_EXPECT_NULL(test, test_receive_now());
}

static struct kunit_case probe_packet_test_cases[] = {
	KUNIT_CASE_PARAM(probe_packets_of_the_vectors_are_handled,
			 pdu_gen_params),
	KUNIT_CASE_PARAM(a_malformed_probe_is_dropped, bad_gen_params),
	KUNIT_CASE(only_a_packet_above_the_base_size_is_noted),
	KUNIT_CASE(an_answered_probe_confirms_the_size),
	KUNIT_CASE(a_message_that_is_too_long_makes_the_search_begin),
	KUNIT_CASE(an_aborted_search_keeps_the_size_found_so_far),
	KUNIT_CASE(a_probe_does_not_use_the_reserve),
	{}
};

static struct kunit_suite probe_packet_test_suite = {
	.name = "ipcp_probe_packet",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = probe_packet_test_cases,
};

kunit_test_suite(probe_packet_test_suite);
