// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Network interfaces of the kind "ipcp_rekey": a point-to-point link over one
 * flow, which uses the same interface as any other kernel code (api.c).
 *
 * This file records the role of an interface, which is to connect to a name or
 * to serve one, together with the credentials of the task that configured it. A
 * work item sets up the flow later (netdev-flow.c), so configuration does not
 * depend on whether an agent is running. Packets are handled in
 * netdev-packet.c.
 *
 * The flow stays in the namespace where the interface was created, even if the
 * interface moves. The interface does not pin that namespace: the flow ends
 * with it.
 */
#include <linux/cred.h>
#include <linux/if_arp.h>
#include <net/ip_tunnels.h>

#include "compat/rtnetlink.h"
#include "listen.h"
#include "netdev-int.h"
#include "netdev.h"
#include "registry.h"
#include "tx.h"
#include "udp.h"
#include "wire.h"

/* The longest packet that fits a path of 1500 bytes, over IPv4 or IPv6. */
#define IPCP_DEV_MTU \
	(ETH_DATA_LEN - (int)IPCP_TX_HEADROOM - IPCP_TAG_LEN)

static_assert((int)IPCP_REKEY_LINK_UP == IPCP_KFLOW_UP);
static_assert((int)IPCP_REKEY_LINK_SILENT == IPCP_KFLOW_SILENT);
static_assert((int)IPCP_REKEY_LINK_KEYLESS == IPCP_KFLOW_KEYLESS);

/* --- the device --- */

static int link_open(struct net_device *dev)
{
	struct ipcp_dev *d = netdev_priv(dev);

	napi_enable(&d->napi);
	/* Packets have been queued since netif_running() became true. */
	local_bh_disable();
	napi_schedule(&d->napi);
	local_bh_enable();
	netif_start_queue(dev);
	return 0;
}

static int link_stop(struct net_device *dev)
{
	struct ipcp_dev *d = netdev_priv(dev);

	netif_stop_queue(dev);
	napi_disable(&d->napi);
	/* Pairs with queue_packet(): no packet is queued from here on. */
	spin_lock_bh(&d->rxq.lock);
	skb_queue_splice_tail_init(&d->rxq, &d->polled);
	spin_unlock_bh(&d->rxq.lock);
	DEV_STATS_ADD(dev, rx_dropped, skb_queue_len(&d->polled));
	__skb_queue_purge(&d->polled);
	return 0;
}

/* Drop the references to the credentials and the control group of the flow. */
static void put_payer(struct ipcp_dev *d)
{
	if (d->cred)
		put_cred(d->cred);
	mem_cgroup_put(d->memcg);
}

/* The device no longer sends. Locking: RTNL. */
static void link_uninit(struct net_device *dev)
{
	struct ipcp_dev *d = netdev_priv(dev);

	disable_delayed_work_sync(&d->work);
	mutex_lock(&d->lock);
	ipcp_netdev_end_flow(d);
	mutex_unlock(&d->lock);
	skb_queue_purge(&d->rxq);
	list_del_init(&d->list);
	put_payer(d);
}

static const struct net_device_ops netdev_ops = {
	.ndo_open = link_open,
	.ndo_stop = link_stop,
	.ndo_uninit = link_uninit,
	.ndo_start_xmit = ipcp_netdev_xmit,
	.ndo_change_mtu = ipcp_netdev_change_mtu,
};

static const struct device_type link_type = { .name = IPCP_LINK_KIND };

static void link_setup(struct net_device *dev)
{
	const netdev_features_t features = NETIF_F_SG | NETIF_F_FRAGLIST |
					   NETIF_F_HIGHDMA | NETIF_F_HW_CSUM |
					   NETIF_F_RXCSUM | NETIF_F_GSO_SOFTWARE;

	dev->netdev_ops = &netdev_ops;
	dev->header_ops = &ip_tunnel_header_ops;
	dev->type = ARPHRD_NONE;
	dev->flags = IFF_POINTOPOINT | IFF_NOARP;
	dev->needs_free_netdev = true;
	dev->lltx = true;
	/* netpoll sends with interrupts off, where no packet can be sealed */
	dev->priv_flags |= IFF_DISABLE_NETPOLL;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	dev->features |= features;
	dev->hw_features |= features;
	dev->hw_enc_features |= features;
	dev->needed_headroom = IPCP_TX_HEADROOM + LL_MAX_HEADER;
	dev->needed_tailroom = IPCP_TAG_LEN;
	dev->mtu = IPCP_DEV_MTU;
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = IP_MAX_MTU - IPCP_TX_HEADROOM - IPCP_TAG_LEN;
	dev->tx_queue_len = 1000;
	SET_NETDEV_DEVTYPE(dev, &link_type);
	netif_keep_dst(dev);
}

/* --- rtnetlink --- */

static const struct nla_policy link_policy[IFLA_IPCP_REKEY_MAX + 1] = {
	[IFLA_IPCP_REKEY_CONNECT] = { .type = NLA_NUL_STRING,
				      .len = IPCP_NAME_LEN },
	[IFLA_IPCP_REKEY_LISTEN] = { .type = NLA_NUL_STRING,
				     .len = IPCP_NAME_LEN },
};

static int link_validate(struct nlattr *tb[], struct nlattr *data[],
			 struct netlink_ext_ack *extack)
{
	for (int i = 0; data && i <= IFLA_IPCP_REKEY_MAX; i++) {
		if (!data[i])
			continue;
		if (i != IFLA_IPCP_REKEY_CONNECT && i != IFLA_IPCP_REKEY_LISTEN) {
			NL_SET_ERR_MSG_ATTR(extack, data[i],
					    "this attribute cannot be set");
			return -EINVAL;
		}
		if (*(char *)nla_data(data[i]) &&
		    !ipcp_name_valid(nla_data(data[i]))) {
			NL_SET_ERR_MSG_ATTR(extack, data[i],
					    "a name has no spaces or control characters");
			return -EINVAL;
		}
	}
	if (data && data[IFLA_IPCP_REKEY_CONNECT] &&
	    data[IFLA_IPCP_REKEY_LISTEN]) {
		NL_SET_ERR_MSG(extack, "connect and listen exclude each other");
		return -EINVAL;
	}
	return 0;
}

/* Record the role of an interface, if the request has one. */
static int configure_link(struct ipcp_dev *d, struct nlattr *data[],
			  struct netlink_ext_ack *extack)
{
	const struct nlattr *connect = data ? data[IFLA_IPCP_REKEY_CONNECT] : NULL;
	const struct nlattr *listen = data ? data[IFLA_IPCP_REKEY_LISTEN] : NULL;
	const struct nlattr *name = connect ?: listen;

	if (!name)
		return 0;
	if (!d->ipn) {
		NL_SET_ERR_MSG(extack, "the namespace of the flow has ended");
		return -ENODEV;
	}
	if (!ns_capable(d->ipn->net->user_ns, CAP_NET_ADMIN)) {
		NL_SET_ERR_MSG(extack, "not allowed in the namespace of the flow");
		return -EPERM;
	}
	mutex_lock(&d->lock);
	nla_strscpy(d->name, name, sizeof(d->name));
	d->role = !*d->name ? IPCP_DEV_IDLE :
		  connect ? IPCP_DEV_CONNECT : IPCP_DEV_LISTEN;
	put_payer(d);
	d->cred = get_current_cred();
	d->memcg = get_mem_cgroup_from_mm(current->mm);
	d->anew = true;
	mutex_unlock(&d->lock);
	ipcp_netdev_tend_soon(d);
	return 0;
}

/*
 * Refuse several queues. One is stopped and woken, for want of a key or of room,
 * and the stack would try again without end to send from another.
 */
static int check_queues(const struct net_device *dev,
			struct netlink_ext_ack *extack)
{
	if (dev->num_tx_queues == 1 && dev->num_rx_queues == 1)
		return 0;
	NL_SET_ERR_MSG(extack, "only one queue each way: leave out numtxqueues and numrxqueues");
	return -EINVAL;
}

/**
 * ipcp_netdev_newlink() - Create an interface
 * @outer: namespace of the flow
 * @dev: device, set up but not registered
 * @tb: attributes of any interface
 * @data: attributes of this kind, or NULL
 * @extack: for the reason of a failure
 *
 * Context: Process context, under RTNL.
 * Return: 0 or a negative errno.
 */
int ipcp_netdev_newlink(struct net *outer, struct net_device *dev,
			struct nlattr *tb[], struct nlattr *data[],
			struct netlink_ext_ack *extack)
{
	struct ipcp_dev *d = netdev_priv(dev);
	int err = check_queues(dev, extack);

	if (err)
		return err;
	d->dev = dev;
	d->ipn = ipcp_net(outer);
	/* An MTU given at creation is a limit; else the flow's MTU is set. */
	d->limit = tb[IFLA_MTU] ? dev->mtu : UINT_MAX;
	mutex_init(&d->lock);
	INIT_DELAYED_WORK(&d->work, ipcp_netdev_tend);
	INIT_LIST_HEAD(&d->list);
	skb_queue_head_init(&d->rxq);
	__skb_queue_head_init(&d->polled);
	netif_napi_add(dev, &d->napi, ipcp_netdev_poll);
	netif_carrier_off(dev);
	/* A send by this interface may nest in one by a device of another kind. */
	netdev_lockdep_set_classes(dev);
	err = register_netdevice(dev);
	if (err)
		return err;
	list_add(&d->list, &d->ipn->netdevs);
	err = configure_link(d, data, extack);
	if (err)
		unregister_netdevice(dev);
	return err;
}

static int link_changelink(struct net_device *dev, struct nlattr *tb[],
			   struct nlattr *data[],
			   struct netlink_ext_ack *extack)
{
	return configure_link(netdev_priv(dev), data, extack);
}

static size_t link_get_size(const struct net_device *dev)
{
	return nla_total_size(IPCP_NAME_LEN + 1) +	/* _CONNECT or _LISTEN */
	       2 * nla_total_size(sizeof(u32)) +	/* _STATE, _FLOW */
	       nla_total_size(sizeof(u8)) +		/* _EPOCH */
	       3 * nla_total_size_64bit(sizeof(u64));	/* _*_LEFT, _REKEYS */
}

static int fill_flow(struct sk_buff *skb, struct ipcp_kflow *flow)
{
	struct ipcp_kflow_info info;

	ipcp_kflow_info(flow, &info);
	if (nla_put_u32(skb, IFLA_IPCP_REKEY_STATE,
			info.state & ~IPCP_KFLOW_DOWN) ||
	    nla_put_u32(skb, IFLA_IPCP_REKEY_FLOW, info.flow.id) ||
	    nla_put_u8(skb, IFLA_IPCP_REKEY_EPOCH, info.flow.tx_epoch) ||
	    nla_put_u64_64bit(skb, IFLA_IPCP_REKEY_TX_LEFT, info.flow.tx_left,
			      IFLA_IPCP_REKEY_PAD) ||
	    nla_put_u64_64bit(skb, IFLA_IPCP_REKEY_RX_LEFT, info.flow.rx_left,
			      IFLA_IPCP_REKEY_PAD) ||
	    nla_put_u64_64bit(skb, IFLA_IPCP_REKEY_REKEYS, info.flow.rekeys,
			      IFLA_IPCP_REKEY_PAD))
		return -EMSGSIZE;
	return 0;
}

static int link_fill_info(struct sk_buff *skb, const struct net_device *dev)
{
	struct ipcp_dev *d = netdev_priv(dev);
	struct ipcp_kflow *flow;
	int err = 0;

	mutex_lock(&d->lock);
	flow = ipcp_netdev_flow(d);
	if (d->role != IPCP_DEV_IDLE)
		err = nla_put_string(skb, d->role == IPCP_DEV_CONNECT ?
				     IFLA_IPCP_REKEY_CONNECT :
				     IFLA_IPCP_REKEY_LISTEN, d->name);
	if (!err)
		err = flow ? fill_flow(skb, flow) :
			     nla_put_u32(skb, IFLA_IPCP_REKEY_STATE, 0);
	mutex_unlock(&d->lock);
	return err;
}

static size_t link_get_xstats_size(const struct net_device *dev)
{
	return nla_total_size(sizeof(struct ipcp_rekey_link_xstats));
}

static int link_fill_xstats(struct sk_buff *skb, const struct net_device *dev)
{
	struct ipcp_rekey_link_xstats x = { };
	struct ipcp_dev *d = netdev_priv(dev);
	struct ipcp_kflow_info info;
	struct ipcp_kflow *flow;

	mutex_lock(&d->lock);
	x.flows = d->flows;
	flow = ipcp_netdev_flow(d);
	if (flow) {
		ipcp_kflow_info(flow, &info);
		x.held = info.held;
		x.stalls = info.stalls;
	}
	mutex_unlock(&d->lock);
	return nla_put(skb, IFLA_INFO_XSTATS, sizeof(x), &x);
}

static struct net *link_get_link_net(const struct net_device *dev)
{
	struct ipcp_dev *d = netdev_priv(dev);

	return d->ipn ? d->ipn->net : dev_net(dev);
}

struct rtnl_link_ops ipcp_netdev_link_ops __read_mostly = {
	.kind = IPCP_LINK_KIND,
	.priv_size = sizeof(struct ipcp_dev),
	.setup = link_setup,
	.maxtype = IFLA_IPCP_REKEY_MAX,
	.policy = link_policy,
	.validate = link_validate,
	.newlink = ipcp_newlink,
	.changelink = link_changelink,
	.get_size = link_get_size,
	.fill_info = link_fill_info,
	.get_xstats_size = link_get_xstats_size,
	.fill_xstats = link_fill_xstats,
	.get_link_net = link_get_link_net,
};

static int __net_init netdev_net_init(struct net *net)
{
	INIT_LIST_HEAD(&ipcp_net(net)->netdevs);
	return 0;
}

/*
 * The namespace of the flows ends, but can still send. Interfaces that were
 * moved to another namespace stay, but never have a flow again.
 */
static void __net_exit netdev_net_pre_exit(struct net *net)
{
	struct ipcp_net *ipn = ipcp_net(net);
	struct ipcp_dev *d, *next;

	rtnl_lock();
	list_for_each_entry_safe(d, next, &ipn->netdevs, list) {
		list_del_init(&d->list);
		mutex_lock(&d->lock);
		ipcp_netdev_end_flow(d);
		d->ipn = NULL;
		mutex_unlock(&d->lock);
		netif_carrier_off(d->dev);
	}
	rtnl_unlock();
}

/* ORDER: registered after ipcp_net_ops, so the pre-exit here runs first. */
static struct pernet_operations netdev_net_ops = {
	.init = netdev_net_init,
	.pre_exit = netdev_net_pre_exit,
};

/**
 * ipcp_netdev_init() - Register the link type
 *
 * Context: Module init.
 * Return: 0 or a negative errno.
 */
int ipcp_netdev_init(void)
{
	int err = register_pernet_device(&netdev_net_ops);

	if (err)
		return err;
	err = rtnl_link_register(&ipcp_netdev_link_ops);
	if (err)
		unregister_pernet_device(&netdev_net_ops);
	return err;
}

/**
 * ipcp_netdev_exit() - Delete all interfaces and unregister the link type
 *
 * Context: Module exit.
 */
void ipcp_netdev_exit(void)
{
	rtnl_link_unregister(&ipcp_netdev_link_ops);
	unregister_pernet_device(&netdev_net_ops);
}
