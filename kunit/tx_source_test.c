// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Sending: source address, source port and mark of the packets. */
#include <net/udp.h>

#include "flow_util.h"
#include "path_util.h"
#include "udp.h"
#include "udp-int.h"

static const struct local_case {
	const char *name;
	u32 local;		/* address that the peer knows */
	u32 source;		/* address that the packets have */
} local_cases[] = {
	{ "none known: routing chooses", 0, INADDR_LOOPBACK },
	{ "the address that routing chooses", INADDR_LOOPBACK, INADDR_LOOPBACK },
	{ "another address of this host", 0x7f000009, 0x7f000009 },
	{ "an address that is gone", 0xc0000201, INADDR_LOOPBACK },
	{ "a broadcast address", INADDR_BROADCAST, INADDR_LOOPBACK },
	{ "a multicast address", 0xe0000001, INADDR_LOOPBACK },
};

KUNIT_ARRAY_PARAM_DESC(local, local_cases, name);

static void packets_leave_from_the_address_known_to_the_peer(struct kunit *test)
{
	const struct local_case *c = test->param_value;
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);
	struct sk_buff *skb;

	test_bind(flow, test_bound_port(flow), c->local);
	/* twice: the second packet uses the cached route */
	for (int i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, test_send_data(test, flow, 1), 0);
		skb = test_receive(test);
		KUNIT_EXPECT_EQ(test, ntohl(ip_hdr(skb)->saddr), c->source);
		kfree_skb(skb);
	}
}

/* The socket of a flow determines the source port of its packets. */
static void packets_leave_from_the_socket_of_the_flow(struct kunit *test)
{
	static const u8 slots[] = { 0, IPCP_NET_GROUP };
	__be16 ports[ARRAY_SIZE(slots)];
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);
	struct sk_buff *skb;

	for (int i = 0; i < ARRAY_SIZE(slots); i++) {
		flow->slot = slots[i];
		KUNIT_ASSERT_EQ(test, test_send_data(test, flow, 1), 0);
		skb = test_receive(test);
		ports[i] = udp_hdr(skb)->source;
		kfree_skb(skb);
	}
	KUNIT_EXPECT_EQ(test, ports[0], htons(IPCP_REKEY_PORT));
	KUNIT_EXPECT_NE(test, ports[1], htons(IPCP_REKEY_PORT));
}

/* "ss -K" aborts sockets. The flows still send from the port they are known by. */
static void aborted_sockets_keep_their_ports(struct kunit *test)
{
	static const u8 slots[] = { 0, IPCP_NET_GROUP };
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);
	struct sk_buff *skb;
	struct sock *sk;
	__be16 port;

	for (int i = 0; i < ARRAY_SIZE(slots); i++) {
		rcu_read_lock();
		sk = ipcp_udp_sock(test_net(), slots[i], AF_INET)->sk;
		rcu_read_unlock();
		port = inet_sk(sk)->inet_sport;
		KUNIT_EXPECT_NE(test, port, 0);
		udp_abort(sk, ECONNABORTED);
		KUNIT_EXPECT_EQ(test, inet_sk(sk)->inet_sport, port);
		KUNIT_EXPECT_TRUE(test, sk_hashed(sk));
		flow->slot = slots[i];
		KUNIT_ASSERT_EQ(test, test_send_data(test, flow, 1), 0);
		skb = test_receive(test);
		KUNIT_EXPECT_EQ(test, udp_hdr(skb)->source, port);
		kfree_skb(skb);
	}
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

/* The mark selects the route of packets, and of ICMP errors about them. */
static void packets_and_sockets_have_the_mark_of_the_agent(struct kunit *test)
{
	static const u32 marks[] = { 7, 9, 0 };
	struct ipcp_flow *flow = test_sender(test, TEST_SHORT);
	struct sk_buff *skb;

	for (int i = 0; i < ARRAY_SIZE(marks); i++) {
		KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 1), 0);
		kfree_skb(test_receive(test));
		set_mark(test, marks[i]);
		expect_socket_mark(test, marks[i]);
		KUNIT_EXPECT_EQ(test, test_send_data(test, flow, 1), 0);
		skb = test_receive(test);
		KUNIT_EXPECT_EQ(test, skb->mark, marks[i]);
		kfree_skb(skb);
	}
}

static struct kunit_case tx_source_test_cases[] = {
	KUNIT_CASE_PARAM(packets_leave_from_the_address_known_to_the_peer,
			 local_gen_params),
	KUNIT_CASE(packets_leave_from_the_socket_of_the_flow),
	KUNIT_CASE(aborted_sockets_keep_their_ports),
	KUNIT_CASE(packets_and_sockets_have_the_mark_of_the_agent),
	{}
};

static struct kunit_suite tx_source_test_suite = {
	.name = "ipcp_tx_source",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = tx_source_test_cases,
};

kunit_test_suite(tx_source_test_suite);
