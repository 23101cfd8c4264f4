/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_NETDEV_INT_H
#define _IPCP_NETDEV_INT_H

#include <linux/netdevice.h>
#include <uapi/linux/ipcp_rekey_link.h>

#include "api.h"
#include "flow.h"
#include "listener.h"

struct cred;
struct ipcp_klisten;
struct ipcp_net;

enum ipcp_dev_role {
	IPCP_DEV_IDLE,
	IPCP_DEV_CONNECT,
	IPCP_DEV_LISTEN,
};

/**
 * struct ipcp_dev - an interface
 * @dev: the device
 * @list: in the outer namespace's list, under RTNL
 * @ipn: outer namespace, NULL when it has ended; changes under RTNL and @lock
 * @lock: protects what follows; taken inside of RTNL
 * @role: what it is to have
 * @name: to or of which
 * @cred: of who said so
 * @anew: that was said since the work looked
 * @fit: the MTU is to be that of the flow
 * @flow: flow, if it has one
 * @listener: the name it serves, if it does
 * @accepted: a flow that is to replace @flow; exchanged, not under @lock
 * @retry: jiffies between the last attempt and the next
 * @again: jiffies when that is
 * @flows: flows it has had
 * @work: sees to it all
 * @rxq: packets for @napi
 * @napi: hands them up
 */
struct ipcp_dev {
	struct net_device *dev;
	struct list_head list;
	struct ipcp_net *ipn;
	struct mutex lock;	/* see above */
	enum ipcp_dev_role role;
	char name[IPCP_NAME_LEN + 1];
	const struct cred *cred;
	bool anew;
	bool fit;
	struct ipcp_kflow __rcu *flow;
	struct ipcp_klisten *listener;
	struct ipcp_kflow *accepted;
	unsigned long retry;
	unsigned long again;
	u64 flows;
	struct delayed_work work;
	struct sk_buff_head rxq;
	struct napi_struct napi;
};

static inline void ipcp_netdev_tend_soon(struct ipcp_dev *d)
{
	mod_delayed_work(ipcp_wq, &d->work, 0);
}

/* Under its lock. */
static inline struct ipcp_kflow *ipcp_netdev_flow(struct ipcp_dev *d)
{
	return rcu_dereference_protected(d->flow, lockdep_is_held(&d->lock));
}

void ipcp_netdev_receive(struct ipcp_kflow *flow, struct sk_buff *skb);
int ipcp_netdev_poll(struct napi_struct *napi, int budget);
netdev_tx_t ipcp_netdev_xmit(struct sk_buff *skb, struct net_device *dev);

void ipcp_netdev_tend(struct work_struct *work);
void ipcp_netdev_end_flow(struct ipcp_dev *d);

#endif /* _IPCP_NETDEV_INT_H */
