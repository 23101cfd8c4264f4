/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_NET_H
#define _IPCP_NET_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/mutex.h>
#include <linux/rhashtable-types.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>

#include "stats.h"

struct sock;

/* ipcp_net.receiving */
enum {
	IPCP_NET_RX4,
	IPCP_NET_RX6,
};

/**
 * struct ipcp_net - all that a network namespace has of this module
 * @net: the namespace
 * @flows: flows by id; a reference each
 * @by_eid: the same flows by endpoint id, for packets
 * @next_id: where the search for a free id begins
 * @claimed: number of the flow that was claimed last
 * @agent_lock: protects the next members; who comes and who goes as agent
 * @agent: netlink port of the agent's socket, 0 if there is none
 * @port: UDP port, 0 while there are no sockets
 * @mark: mark of outgoing packets
 * @sock4: for IPv4
 * @sock6: for IPv6
 * @rx4: takes off what @sock4's data_ready() has left
 * @rx6: the same for @sock6
 * @lock: protects @listeners and the flows that wait at them
 * @listeners: names that programs serve
 * @netdevs: interfaces whose flows are here, under RTNL
 * @users: who has flows or serves names, by user id
 * @living: flows that are not freed yet
 * @upcall_lock: protects the next members
 * @upcalls: queue towards the agent
 * @upcall_bytes: bytes of messages in it
 * @upcall_count: requests and what needs no answer in it
 * @upcall_id: number of the last request
 * @hinted: the agent was told that the queue has something
 * @drops: drops that belong to no flow
 * @receiving: IPCP_NET_RX*, whose socket somebody takes datagrams off. Written for
 *	each datagram, so on a line that senders do not read. Locking: atomic
 */
struct ipcp_net {
	struct net *net;
	struct xarray flows;
	struct rhashtable by_eid;
	u32 next_id;
	u32 claimed;

	struct mutex agent_lock;	/* who is the agent, the sockets */
	u32 agent;
	u16 port;
	u32 mark;
	struct sock __rcu *sock4;
	struct sock __rcu *sock6;
	struct work_struct rx4;
	struct work_struct rx6;

	struct mutex lock;	/* listeners */
	struct list_head listeners;
	struct list_head netdevs;
	struct xarray users;
	atomic_t living;

	spinlock_t upcall_lock;	/* queue to the agent */
	struct list_head upcalls;
	unsigned int upcall_bytes;
	unsigned int upcall_count;
	u64 upcall_id;
	bool hinted;

	struct ipcp_drops __percpu *drops;

	unsigned long receiving ____cacheline_aligned_in_smp;
};

extern unsigned int ipcp_net_id;

struct ipcp_net *ipcp_net(struct net *net);

#endif /* _IPCP_NET_H */
