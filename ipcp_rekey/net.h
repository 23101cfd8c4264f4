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
 * struct ipcp_net - state of a network namespace
 * @net: the namespace
 * @flows: flows by id, each with a reference. Locking: its own xa_lock; lookups
 *	use RCU
 * @by_eid: the same flows by endpoint id, for received packets. Locking: its
 *	own; lookups use RCU
 * @next_id: where the search for a free id starts. Locking: the xa_lock of
 *	@flows
 * @claimed: id of the flow that was claimed last. Locking: none, READ_ONCE()
 *	and WRITE_ONCE(); a lost update only changes whose turn is next
 * @copies: number of times that the machine was found to be a copy. Locking:
 *	written by the notifier of copies only, may be read locklessly
 * @agent_lock: serialises the coming and going of an agent, and protects
 *	@agent, @port, @mark, @sock4 and @sock6
 * @agent: netlink port of the agent's socket, or 0. Locking: written under
 *	@agent_lock, read locklessly
 * @port: UDP port, 0 while there are no sockets. Locking: @agent_lock
 * @mark: mark of outgoing packets. Locking: written under @agent_lock, read
 *	locklessly
 * @sock4: socket for IPv4. Locking: written under @agent_lock, read under RCU
 * @sock6: socket for IPv6. Locking: as @sock4
 * @rx4: receives the datagrams that data_ready() of @sock4 has left
 * @rx6: the same for @sock6
 * @lock: protects @listeners and the flows that wait at them
 * @listeners: names that are served. Locking: @lock
 * @netdevs: interfaces whose flows are in this namespace. Locking: RTNL
 * @users: users that have flows or serve names, by user id. Locking: its own
 *	xa_lock
 * @living: flows that are not freed yet. Locking: atomic
 * @upcall_lock: protects @upcalls to @hinted
 * @upcalls: queue to the agent. Locking: @upcall_lock
 * @upcall_bytes: bytes of messages in @upcalls. Locking: @upcall_lock
 * @upcall_count: upcalls without a message in @upcalls. Locking: @upcall_lock
 * @upcall_id: number of the last request. Locking: @upcall_lock
 * @hinted: the agent was notified and has not found the queue empty since.
 *	Locking: @upcall_lock, but cleared locklessly if the notification failed
 * @drops: drops of packets of no flow. Locking: none, per CPU
 * @receiving: IPCP_NET_RX* bits of the sockets that are being received from.
 *	Written for every datagram, so kept in a cache line that senders do not
 *	read. Locking: atomic
 */
struct ipcp_net {
	struct net *net;
	struct xarray flows;
	struct rhashtable by_eid;
	u32 next_id;
	u32 claimed;
	u32 copies;

	struct mutex agent_lock;	/* the agent and the sockets */
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
