// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Network of the suites: the loopback device, with a test socket in between. */
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/net_namespace.h>
#include <net/udp.h>
#include <net/udp_tunnel.h>

#include "aead.h"
#include "cb.h"
#include "flow_util.h"
#include "leaf.h"
#include "path_util.h"
#include "reader.h"
#include "rx.h"
#include "tx.h"
#include "udp.h"

static struct socket *path;

static int open_loopback(void)
{
	int err;

	rtnl_lock();
	err = dev_open(init_net.loopback_dev, NULL);
	rtnl_unlock();
	return err;
}

/* Open the sockets of the module and of the test, as kunit_suite.suite_init. */
int test_path_open(struct kunit_suite *suite)
{
	struct udp_port_cfg cfg = {
		.family = AF_INET,
		.local_ip.s_addr = htonl(INADDR_LOOPBACK),
	};
	const struct ipcp_udp_settings settings = { };
	struct ipcp_net *ipn = test_net();
	int err;

	err = open_loopback();
	if (err)
		return err;
	mutex_lock(&ipn->agent_lock);
	err = ipcp_udp_open(ipn, &settings, NULL);
	mutex_unlock(&ipn->agent_lock);
	if (err)
		return err;
	err = udp_sock_create(&init_net, &cfg, &path);
	if (err) {
		path = NULL;
		return err;
	}
	path->sk->sk_rcvtimeo = 60 * HZ;
	return 0;
}

/* Close the sockets, as kunit_suite.suite_exit. */
void test_path_close(struct kunit_suite *suite)
{
	struct ipcp_net *ipn = test_net();

	if (path)
		sock_release(path);
	path = NULL;
	mutex_lock(&ipn->agent_lock);
	ipcp_udp_close(ipn);
	mutex_unlock(&ipn->agent_lock);
}

/* Return: the next packet that was sent, or NULL. */
struct sk_buff *test_receive_now(void)
{
	int err;

	return skb_recv_udp(path->sk, MSG_DONTWAIT, &err);
}

/* Drop the packets of the previous test, as kunit_suite.init. */
int test_path_clear(struct kunit *test)
{
	struct sk_buff *skb;

	while ((skb = test_receive_now()))
		kfree_skb(skb);
	return 0;
}

static __be16 path_port(void)
{
	return inet_sk(path->sk)->inet_sport;
}

/* Address the packets of a flow to a port. @local is the source, or 0. */
void test_bind(struct ipcp_flow *flow, __be16 port, u32 local)
{
	const struct ipcp_ends ends = {
		.peer.sin = {
			.sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
			.sin_port = port,
		},
		.local.in.s_addr = htonl(local),
	};

	WARN_ON(ipcp_bind_set(flow, &ends));
}

/* Address the packets of a flow to the peer, through the test's socket. */
void test_connect(struct ipcp_flow *flow, struct ipcp_flow *peer)
{
	flow->peer_eid = peer->eid;
	test_bind(flow, path_port(), INADDR_LOOPBACK);
}

/* Return: the port that the packets of a flow go to. */
__be16 test_bound_port(struct ipcp_flow *flow)
{
	struct ipcp_ends ends;

	ipcp_bind_get(flow, &ends);
	return ends.peer.sin.sin_port;
}

/* Return: the address that the packets of a flow leave from. */
u32 test_bound_local(struct ipcp_flow *flow)
{
	struct ipcp_ends ends;

	ipcp_bind_get(flow, &ends);
	return ntohl(ends.local.in.s_addr);
}

/* Create the two ends of a flow, both in epoch 0. */
void test_pair(struct kunit *test, struct ipcp_flow **initiator,
	       struct ipcp_flow **responder)
{
	*initiator = test_end(test, INITIATOR, 0);
	*responder = test_end(test, RESPONDER, 0);
	test_connect(*initiator, *responder);
	test_connect(*responder, *initiator);
}

/* Receive the next packet, which was sent already. */
struct sk_buff *test_receive(struct kunit *test)
{
	struct sk_buff *skb;
	int err;

	skb = skb_recv_udp(path->sk, 0, &err);
	KUNIT_ASSERT_NOT_NULL_MSG(test, skb, "no packet: %d", err);
	return skb;
}

/* Pass a packet to the module as the path does in a softirq. */
void test_deliver(struct sk_buff *skb)
{
	skb->dev = NULL;
	skb_dst_drop(skb);
	udp_hdr(skb)->source = path_port();
	ipcp_cb(skb)->slot = 0;
	local_bh_disable();
	rcu_read_lock();
	ipcp_rx(test_net(), skb);
	rcu_read_unlock();
	local_bh_enable();
}

/* Read the next message. Return: the number in it, or -1. */
s64 test_hear(struct ipcp_flow *flow)
{
	struct ipcp_reader r;
	const u8 *msg;
	s64 no = -1;

	ipcp_reader_init(&r, flow);
	if (ipcp_reader_next(&r, &msg) == sizeof(u32))
		no = *(const u32 *)msg;
	ipcp_reader_end(&r);
	return no;
}

/* Deliver the next packet to its receiver. */
void test_carry(struct kunit *test)
{
	test_deliver(test_receive(test));
}

struct ipcp_hdr test_header(struct kunit *test, const struct sk_buff *skb)
{
	struct ipcp_hdr hdr;

	KUNIT_ASSERT_EQ(test, ipcp_wire_parse(skb->data, skb->len, &hdr),
			IPCP_DROP_NONE);
	return hdr;
}

/*
 * Decrypt the next packet with the keys of the peer @at, without receiving it.
 * @payload has room for @len bytes; @len is set to the length of the payload.
 */
struct ipcp_hdr test_open_packet(struct kunit *test, struct ipcp_flow *at,
				 u8 *payload, unsigned int *len)
{
	struct sk_buff *skb = test_receive(test);
	struct ipcp_hdr hdr = test_header(test, skb);
	unsigned int n = skb->len - IPCP_OVERHEAD;
	struct ipcp_epoch *ep = test_epoch(at, hdr.epoch);
	struct ipcp_leaf *leaf;

	KUNIT_ASSERT_EQ(test, hdr.eid, at->eid);
	KUNIT_ASSERT_NOT_NULL(test, ep);
	rcu_read_lock();
	leaf = ipcp_leaf_find(&ep->leaves[ipcp_rx_dir(&at->rk)],
			      ipcp_ctr_leaf(hdr.counter));
	rcu_read_unlock();
	KUNIT_ASSERT_NOT_NULL(test, leaf);
	KUNIT_ASSERT_EQ(test, skb_linearize(skb), 0);
	KUNIT_ASSERT_LE(test, n, *len);

	local_bh_disable();
	KUNIT_EXPECT_EQ(test, ipcp_aead_open(&leaf->aead, skb->data, skb->data,
					     skb->len - IPCP_HDR_LEN,
					     hdr.counter), 0);
	local_bh_enable();
	memcpy(payload, skb->data + IPCP_HDR_LEN, n);
	*len = n;
	kfree_skb(skb);
	return hdr;
}

/* Create a connected end with leaves of 2^@shift packets. */
struct ipcp_flow *test_sender(struct kunit *test, unsigned int shift)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);

	flow->ppl_shift = shift;
	test_next(test, flow);
	test_settle(test, flow);
	test_connect(flow, flow);
	return flow;
}

int test_send_data(struct kunit *test, struct ipcp_flow *flow, size_t len)
{
	struct sk_buff *skb = ipcp_tx_alloc(len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_zero(skb, len);
	return test_send(flow, skb);
}

int test_send_control(struct ipcp_flow *flow)
{
	static const u8 payload[3];

	return ipcp_tx_current(flow, IPCP_PDU_SEALED, payload, sizeof(payload));
}

/* Receive the next packet. Return: its counter. */
u64 test_next_counter(struct kunit *test)
{
	struct sk_buff *skb = test_receive(test);
	u64 counter = test_header(test, skb).counter;

	kfree_skb(skb);
	return counter;
}

/* Return: the number of packets that the flow sent in its current epochs. */
u64 test_sent(struct ipcp_flow *flow)
{
	u64 sent = 0;

	for (int i = 0; i < IPCP_EPOCH_SLOTS; i++) {
		struct ipcp_epoch *ep;

		ep = rcu_dereference_protected(flow->slots[i], true);
		if (ep)
			sent += atomic64_read(&ep->sent);
	}
	return sent;
}

unsigned long test_drops(const struct ipcp_flow *flow, enum ipcp_drop reason)
{
	struct ipcp_stats sum;

	ipcp_stats_sum(flow->stats, &sum);
	return sum.drops[reason];
}
