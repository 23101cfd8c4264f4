// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * When senders, and the worker, look up the packet sizes of the route. Tests set
 * the cached size to a value other than the route's, which only a lookup
 * overwrites.
 */
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/net_namespace.h>
#include <net/route.h>

#include "flow_util.h"
#include "path_util.h"
#include "probe.h"
#include "tx.h"

#define MTU	1500		/* of the loopback device */
#define LINK	1472		/* longest packet with this MTU */
#define TRIES	1000		/* to run within one jiffy */

static int set_mtu(unsigned int mtu)
{
	int err;

	rtnl_lock();
	err = dev_set_mtu(init_net.loopback_dev, mtu);
	rtnl_unlock();
	return err;
}

static void restore_mtu(void *mtu)
{
	WARN_ON(set_mtu((unsigned long)mtu));
}

/* Create an end on a link with the MTU of these tests. */
static struct ipcp_flow *new_sender(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);
	unsigned long before = READ_ONCE(init_net.loopback_dev->mtu);

	KUNIT_ASSERT_EQ(test, set_mtu(MTU), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, restore_mtu,
							(void *)before), 0);
	test_connect(flow, flow);
	return flow;
}

static struct ipcp_bind *bind_of(struct ipcp_flow *flow)
{
	return rcu_dereference_protected(flow->bind, true);
}

/* Send a packet of @len bytes above UDP. Return: 0 or a negative errno. */
static int send(struct kunit *test, struct ipcp_flow *flow, unsigned int len)
{
	unsigned int n = len - IPCP_OVERHEAD;
	struct sk_buff *skb = ipcp_tx_alloc(n, GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_zero(skb, n);
	err = test_send(flow, skb);
	if (!err)
		kfree_skb(test_receive(test));
	return err;
}

static const struct look_case {
	const char *desc;
	unsigned int len;
	unsigned int size;	/* found by the last lookup */
	long age;		/* of the last lookup, in jiffies */
	bool looks;
	int err;
} looks[] = {
	{ "shorter than the size found", 999, 1000, 0, false, 0 },
	{ "as long as the size found", 1000, 1000, 0, false, 0 },
	{ "longer, within what the route carries", 1001, 1000, 0, true, 0 },
	{ "as long as the route carries", LINK, 1000, 0, true, 0 },
	{ "longer than the route carries", LINK + 1, 1000, 0, true, -EMSGSIZE },
	{ "longer, with the size of the route found", LINK + 1, LINK, 0, true, -EMSGSIZE },
	{ "found in the previous jiffy", 1000, 1001, 1, true, 0 },
	{ "the route has become smaller since", LINK + 1, 2000, 1, true, -EMSGSIZE },
	{ "found long ago", 1000, 1001, LONG_MAX, true, 0 },
	{ "no size found yet", 1000, 0, 0, true, 0 },
};

KUNIT_ARRAY_PARAM_DESC(look, looks, desc);

static void the_route_is_looked_up_when_needed(struct kunit *test)
{
	const struct look_case *c = test->param_value;
	struct ipcp_flow *flow = new_sender(test);
	struct ipcp_bind *bind = bind_of(flow);
	unsigned int tries = 0, refused;
	unsigned long now;
	int err;

	do {
		refused = test_drops(flow, IPCP_DROP_TX_ROUTE);
		now = jiffies;
		bind->looked = now - c->age;
		bind->size = c->size;
		err = send(test, flow, c->len);
	} while (time_after(jiffies, now) && tries++ < TRIES);
	KUNIT_ASSERT_LE(test, tries, TRIES);
	KUNIT_EXPECT_EQ(test, err, c->err);
	KUNIT_EXPECT_EQ(test, test_drops(flow, IPCP_DROP_TX_ROUTE) - refused, !!c->err);
	KUNIT_EXPECT_EQ(test, bind->size, c->looks ? LINK : c->size);
	KUNIT_EXPECT_EQ(test, bind->looked, c->looks ? now : now - c->age);
}

/* Packets of several sizes are sent as in the jiffy of the first lookup. */
static void one_lookup_serves_packets_that_are_not_longer(struct kunit *test)
{
	static const unsigned int lens[] = { 100, LINK, 101, LINK + 1, LINK };
	struct ipcp_flow *flow = new_sender(test);
	struct ipcp_bind *bind = bind_of(flow);

	for (int i = 0; i < ARRAY_SIZE(lens); i++) {
		unsigned int tries = 0;
		unsigned long now;
		int err;

		do {
			now = jiffies;
			if (i)
				bind->looked = now;
			err = send(test, flow, lens[i]);
		} while (time_after(jiffies, now) && tries++ < TRIES);
		KUNIT_ASSERT_LE(test, tries, TRIES);
		KUNIT_EXPECT_EQ(test, err, lens[i] > LINK ? -EMSGSIZE : 0);
		KUNIT_EXPECT_EQ(test, bind->size, LINK);
		KUNIT_EXPECT_EQ(test, bind->looked, now);
	}
}

/* The size found for one address does not apply to another. */
static void the_route_to_a_new_address_is_looked_up(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test);

	KUNIT_EXPECT_EQ(test, send(test, flow, LINK), 0);
	bind_of(flow)->size = LINK + 1;
	bind_of(flow)->looked = jiffies;
	test_connect(flow, flow);
	KUNIT_EXPECT_EQ(test, send(test, flow, LINK + 1), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, bind_of(flow)->size, LINK);
}

/* Even in the jiffy in which the route leads there, and its size is known. */
static void no_packet_leaves_by_the_interface_over_its_flow(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test);

	flow->dev = init_net.loopback_dev;
	for (long age = 0; age <= 1; age++) {
		unsigned int tries = 0, refused;
		unsigned long now;
		int err;

		do {
			refused = test_drops(flow, IPCP_DROP_TX_ROUTE);
			now = jiffies;
			bind_of(flow)->looked = now - age;
			bind_of(flow)->size = LINK;
			err = send(test, flow, LINK);
		} while (time_after(jiffies, now) && tries++ < TRIES);
		KUNIT_ASSERT_LE(test, tries, TRIES);
		KUNIT_EXPECT_EQ(test, err, -ELOOP);
		KUNIT_EXPECT_EQ(test, test_drops(flow, IPCP_DROP_TX_ROUTE) - refused, 1);
	}
	flow->dev = NULL;
	KUNIT_EXPECT_EQ(test, send(test, flow, LINK), 0);
}

/* Give a flow a link that takes less than the one of its route. */
static void shorten(struct ipcp_flow *flow)
{
	struct ipcp_probe_link small = { .size = LINK - 100, .hint = LINK - 100 };

	ipcp_probe_link(flow, &small);
}

static unsigned int packet_size(const struct ipcp_flow *flow)
{
	return flow->mtu + IPCP_OVERHEAD;
}

static void a_message_that_is_too_long_makes_the_worker_look(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test);

	shorten(flow);
	test_work(flow);
	KUNIT_EXPECT_EQ(test, packet_size(flow), LINK - 100);
	ipcp_flow_too_long(flow);
	test_work(flow);
	KUNIT_EXPECT_EQ(test, packet_size(flow), LINK);
	/* too early for another lookup */
	shorten(flow);
	flow->look_at = get_jiffies_64() + TEST_TIME;
	ipcp_flow_too_long(flow);
	test_work(flow);
	KUNIT_EXPECT_EQ(test, packet_size(flow), LINK - 100);
	flow->look_at = 0;
	test_work(flow);
	KUNIT_EXPECT_EQ(test, packet_size(flow), LINK);
}

/* Each check would send a probe, which uses up a packet of the keys. */
static void the_same_packet_sizes_begin_no_check(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test);
	unsigned long at;

	KUNIT_ASSERT_EQ(test, send(test, flow, LINK), 0);
	at = jiffies + msecs_to_jiffies(IPCP_PROBE_AGAIN_MS);
	flow->probe.phase = IPCP_PROBE_REST;
	flow->probe.size = LINK + 1;	/* above the hint of the route */
	flow->probe.check_at = at;
	ipcp_flow_too_long(flow);
	test_work(flow);
	KUNIT_EXPECT_EQ(test, flow->probe.check_at, at);
}

/* A route through the interface over the flow says nothing about the path. */
static void no_size_is_looked_up_on_the_interface_over_a_flow(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test);

	shorten(flow);
	flow->dev = init_net.loopback_dev;
	ipcp_flow_too_long(flow);
	test_work(flow);
	flow->dev = NULL;
	KUNIT_EXPECT_EQ(test, packet_size(flow), LINK - 100);
}

/* The kernel replaces the device of a route when the device is removed. */
static void a_device_that_is_being_removed_sets_no_size(struct kunit *test)
{
	struct ipcp_flow *flow = new_sender(test);
	struct net_device *dev;
	struct dst_entry *dst;
	struct rtable *rt;
	__be32 saddr;

	bind_of(flow)->dst.reset_ts--;	/* a route of the same jiffy does not count */
	migrate_disable();	/* each CPU has a route */
	KUNIT_EXPECT_EQ(test, send(test, flow, LINK), 0);
	local_bh_disable();
	rt = dst_cache_get_ip4(&bind_of(flow)->dst, &saddr);
	local_bh_enable();
	if (rt) {
		dst = &rt->dst;
		dev = dst->dev;
		dst->dev = blackhole_netdev;
		bind_of(flow)->looked = jiffies - 1;
		KUNIT_EXPECT_EQ(test, send(test, flow, LINK), -ENETUNREACH);
		dst->dev = dev;
		dst_release(dst);
	}
	migrate_enable();
	KUNIT_EXPECT_NOT_NULL(test, rt);
	KUNIT_EXPECT_EQ(test, packet_size(flow), LINK);
}

static struct kunit_case udp_test_cases[] = {
	KUNIT_CASE_PARAM(the_route_is_looked_up_when_needed, look_gen_params),
	KUNIT_CASE(one_lookup_serves_packets_that_are_not_longer),
	KUNIT_CASE(the_route_to_a_new_address_is_looked_up),
	KUNIT_CASE(no_packet_leaves_by_the_interface_over_its_flow),
	KUNIT_CASE(a_message_that_is_too_long_makes_the_worker_look),
	KUNIT_CASE(the_same_packet_sizes_begin_no_check),
	KUNIT_CASE(no_size_is_looked_up_on_the_interface_over_a_flow),
	KUNIT_CASE(a_device_that_is_being_removed_sets_no_size),
	{}
};

static struct kunit_suite udp_test_suite = {
	.name = "ipcp_udp",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = udp_test_cases,
};

kunit_test_suite(udp_test_suite);
