/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* ->newlink() of rtnl_link_ops: 6.15 moved its arguments to a structure. */
#ifndef _IPCP_COMPAT_RTNETLINK_H
#define _IPCP_COMPAT_RTNETLINK_H

#include <linux/version.h>
#include <net/rtnetlink.h>

int ipcp_netdev_newlink(struct net *outer, struct net_device *dev,
			struct nlattr *tb[], struct nlattr *data[],
			struct netlink_ext_ack *extack);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
static inline int ipcp_newlink(struct net_device *dev,
			       struct rtnl_newlink_params *params,
			       struct netlink_ext_ack *extack)
{
	return ipcp_netdev_newlink(rtnl_newlink_link_net(params), dev,
				   params->tb, params->data, extack);
}
#else
static inline int ipcp_newlink(struct net *outer, struct net_device *dev,
			       struct nlattr *tb[], struct nlattr *data[],
			       struct netlink_ext_ack *extack)
{
	return ipcp_netdev_newlink(outer, dev, tb, data, extack);
}
#endif

#endif /* _IPCP_COMPAT_RTNETLINK_H */
