// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* A network for the suites: the loopback device, and a socket in the middle. */
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/net_namespace.h>
#include <net/udp.h>
#include <net/udp_tunnel.h>

#include "aead.h"
#include "compat/udp_tunnel.h"
#include "flow_util.h"
#include "leaf.h"
#include "path_util.h"
#include "reader.h"
#include "rx.h"
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

/* For kunit_suite.suite_init: the module's sockets, and the test's. */
int test_path_open(struct kunit_suite *suite)
{
	struct udp_port_cfg cfg = {
		.family = AF_INET,
		.local_ip.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct ipcp_net *ipn = test_net();
	int err;

	err = open_loopback();
	if (err)
		return err;
	mutex_lock(&ipn->agent_lock);
	err = ipcp_udp_open(ipn, 0, 0, NULL);
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

/* For kunit_suite.suite_exit. */
void test_path_close(struct kunit_suite *suite)
{
	struct ipcp_net *ipn = test_net();

	if (path)
		ipcp_udp_sock_release(path);
	path = NULL;
	mutex_lock(&ipn->agent_lock);
	ipcp_udp_close(ipn);
	mutex_unlock(&ipn->agent_lock);
}

/* The next packet that has been sent, or NULL. */
struct sk_buff *test_receive_now(void)
{
	int err;

	return skb_recv_udp(path->sk, MSG_DONTWAIT, &err);
}

/* For kunit_suite.init: forgets what the test before left. */
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

/* What the flow sends is for the peer, and goes to the path. */
void test_connect(struct ipcp_flow *flow, struct ipcp_flow *peer)
{
	flow->peer_eid = peer->eid;
	write_lock_bh(&flow->peer_lock);
	flow->peer.sin.sin_family = AF_INET;
	flow->peer.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	flow->peer.sin.sin_port = path_port();
	write_unlock_bh(&flow->peer_lock);
}

/* Two ends of one flow, both in epoch 0. */
void test_pair(struct kunit *test, struct ipcp_flow **initiator,
	       struct ipcp_flow **responder)
{
	*initiator = test_end(test, INITIATOR, 0);
	*responder = test_end(test, RESPONDER, 0);
	test_connect(*initiator, *responder);
	test_connect(*responder, *initiator);
}

/* The next packet that was sent. It is there, or on its way. */
struct sk_buff *test_receive(struct kunit *test)
{
	struct sk_buff *skb;
	int err;

	skb = skb_recv_udp(path->sk, 0, &err);
	KUNIT_ASSERT_NOT_NULL_MSG(test, skb, "no packet: %d", err);
	return skb;
}

/* As if it had come in from the path, in a softirq. */
void test_deliver(struct sk_buff *skb)
{
	skb->dev = NULL;
	skb_dst_drop(skb);
	udp_hdr(skb)->source = path_port();
	local_bh_disable();
	rcu_read_lock();
	ipcp_rx(test_net(), skb);
	rcu_read_unlock();
	local_bh_enable();
}

/* Reads the next message, of a number: that, or -1. */
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

/* Carries the next packet to whom it is for. */
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
 * Opens the next packet with the keys that the peer @at has for it, without
 * receiving it. @payload has room for @len bytes, which are set.
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

/* Packets that the flow sent, in the epochs that it has. */
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
