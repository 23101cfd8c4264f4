/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_NETDEV_INT_H
#define _IPCP_NETDEV_INT_H

#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <uapi/linux/ipcp_rekey_link.h>

#include "api.h"
#include "flow.h"
#include "listener.h"

struct cred;
struct ipcp_klisten;
struct ipcp_net;
struct rtnl_link_ops;

enum ipcp_dev_role {
	IPCP_DEV_IDLE,
	IPCP_DEV_CONNECT,
	IPCP_DEV_LISTEN,
};

/**
 * struct ipcp_dev - a network interface over one flow
 * @dev: the device
 * @list: entry in ipcp_net.netdevs. Locking: RTNL
 * @ipn: namespace of the flow, NULL once it has ended. Locking: written under
 *	RTNL and @lock, so either is enough to read
 * @lock: protects @role to @flows, except as noted; taken inside of RTNL
 * @role: whether to connect, to listen or neither. Locking: @lock
 * @name: name to connect to or to serve. Locking: @lock
 * @cred: credentials of the task that configured the role. Locking: @lock
 * @memcg: control group of that task, with a reference. Locking: @lock
 * @anew: the role was configured since @work ran. Locking: @lock
 * @limit: largest MTU that an administrator allows. Locking: written under
 *	RTNL, read locklessly
 * @following: the MTU is being set to that of the flow. Locking: RTNL
 * @flow: the flow, or NULL. Locking: written under @lock, read under RCU
 * @listener: the name that is served, or NULL. Locking: @lock
 * @refused: errno if @listener does not serve the name, or 0. Locking: written
 *	before @listener is created, or later by its callback ->served(), so
 *	never concurrently; read locklessly
 * @accepted: a new flow that is to replace @flow. Locking: none, xchg()
 * @retry: jiffies between the last attempt and the next. Locking: @lock
 * @again: jiffies of the next attempt. Locking: @lock
 * @flows: number of flows so far. Locking: @lock
 * @work: brings the flow in line with the role
 * @rxq: received packets. Locking: its own lock
 * @polled: packets that @napi has taken from @rxq. Locking: owned by @napi
 * @napi: passes received packets to the stack. One for all CPUs, so that the
 *	packets stay in order when the flow receives on several CPUs in turn
 */
struct ipcp_dev {
	struct net_device *dev;
	struct list_head list;
	struct ipcp_net *ipn;
	struct mutex lock;	/* role, flow and listener */
	enum ipcp_dev_role role;
	char name[IPCP_NAME_LEN + 1];
	const struct cred *cred;
	struct mem_cgroup *memcg;
	bool anew;
	unsigned int limit;
	bool following;
	struct ipcp_kflow __rcu *flow;
	struct ipcp_klisten *listener;
	int refused;
	struct ipcp_kflow *accepted;
	unsigned long retry;
	unsigned long again;
	u64 flows;
	struct delayed_work work;
	struct sk_buff_head rxq;
	struct sk_buff_head polled;
	struct napi_struct napi;
};

static inline void ipcp_netdev_tend_soon(struct ipcp_dev *d)
{
	mod_delayed_work(ipcp_wq, &d->work, 0);
}

/* Return the flow of an interface. Locking: d->lock. */
static inline struct ipcp_kflow *ipcp_netdev_flow(struct ipcp_dev *d)
{
	return rcu_dereference_protected(d->flow, lockdep_is_held(&d->lock));
}

/* Longest IP and TCP headers of a packet that is segmented here, in bytes. */
#define IPCP_TCP_HEAD_MAX	(sizeof(struct ipv6hdr) + 15 * 4)

/**
 * struct ipcp_tcp_cut - a TCP packet that is being segmented
 * @skb: the packet, with both headers in the linear part
 * @ip_len: length of its IP header in bytes
 * @head_len: length of its IP and TCP headers
 * @mss: length of the payload of each segment but the last
 * @count: number of segments
 * @head: headers of the segment that is being written
 */
struct ipcp_tcp_cut {
	struct sk_buff *skb;
	unsigned int ip_len;
	unsigned int head_len;
	unsigned int mss;
	unsigned int count;
	u8 head[IPCP_TCP_HEAD_MAX] __aligned(4);
};

/* netdev-tcp.c */
bool ipcp_tcp_cut_init(struct ipcp_tcp_cut *cut, struct sk_buff *skb);
struct sk_buff *ipcp_tcp_cut_some(struct ipcp_tcp_cut *cut, unsigned int no,
				  unsigned int *count);
unsigned int ipcp_tcp_cut_len(const struct ipcp_tcp_cut *cut, unsigned int no,
			      unsigned int count);

/* netdev.c */
extern struct rtnl_link_ops ipcp_netdev_link_ops;

/* netdev-packet.c */
void ipcp_netdev_receive(struct ipcp_kflow *flow, struct sk_buff *skb);
int ipcp_netdev_poll(struct napi_struct *napi, int budget);
netdev_tx_t ipcp_netdev_xmit(struct sk_buff *skb, struct net_device *dev);

/* netdev-flow.c */
void ipcp_netdev_tend(struct work_struct *work);
int ipcp_netdev_change_mtu(struct net_device *dev, int mtu);
void ipcp_netdev_end_flow(struct ipcp_dev *d);

#endif /* _IPCP_NETDEV_INT_H */
