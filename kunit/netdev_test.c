// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* The life of an interface, where user space cannot reach a moment of it. */
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/net_namespace.h>
#include <net/rtnetlink.h>

#include "compat/rtnetlink.h"
#include "netdev-int.h"
#include "test_util.h"

/* Create an interface without a role. Locking: RTNL. */
static struct net_device *new_link(struct kunit *test)
{
	struct nlattr *tb[IFLA_MAX + 1] = { };
	struct net_device *dev;
	int err;

	dev = rtnl_create_link(&init_net, "kunit%d", NET_NAME_ENUM,
			       &ipcp_netdev_link_ops, tb, NULL);
	if (IS_ERR(dev)) {
		KUNIT_FAIL(test, "no device: %pe", dev);
		return NULL;
	}
	err = ipcp_netdev_newlink(&init_net, dev, tb, NULL, NULL);
	KUNIT_EXPECT_EQ(test, err, 0);
	if (!err)
		return dev;
	free_netdev(dev);
	return NULL;
}

/* Queue packets that arrive once napi_disable() has begun. */
static void queue_unpolled(struct kunit *test, struct ipcp_dev *d, int count)
{
	while (count--) {
		struct sk_buff *skb = alloc_skb(64, GFP_KERNEL);

		KUNIT_EXPECT_NOT_NULL(test, skb);
		if (skb)
			skb_queue_tail(&d->rxq, skb);
	}
}

static void packets_that_a_stopped_interface_does_not_pass_on_are_counted(struct kunit *test)
{
	struct rtnl_link_stats64 stats;
	struct net_device *dev;
	struct ipcp_dev *d;

	rtnl_lock();
	dev = new_link(test);
	if (!dev)
		goto out;
	d = netdev_priv(dev);
	KUNIT_EXPECT_EQ(test, dev_open(dev, NULL), 0);
	napi_synchronize(&d->napi);
	queue_unpolled(test, d, 3);
	dev_close(dev);
	KUNIT_EXPECT_TRUE(test, skb_queue_empty(&d->rxq));
	KUNIT_EXPECT_TRUE(test, skb_queue_empty(&d->polled));
	dev_get_stats(dev, &stats);
	KUNIT_EXPECT_EQ(test, stats.rx_dropped, 3);
	unregister_netdevice(dev);
out:
	rtnl_unlock();
}

static struct kunit_case netdev_test_cases[] = {
	KUNIT_CASE(packets_that_a_stopped_interface_does_not_pass_on_are_counted),
	{}
};

static struct kunit_suite netdev_test_suite = {
	.name = "ipcp_netdev",
	.test_cases = netdev_test_cases,
};

kunit_test_suite(netdev_test_suite);
