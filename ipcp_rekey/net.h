/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_NET_H
#define _IPCP_NET_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/rhashtable-types.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>

#include "stats.h"

struct ipcp_udp_sock;
struct ipcp_user;

/*
 * Sockets of a namespace, by slot. The first half is the group that shares the
 * UDP port of the namespace. The sockets of the second half have ports of their
 * own, which the packets of allocated flows leave from.
 */
enum ipcp_net_limits {
	IPCP_NET_GROUP = 8,
	IPCP_NET_SOURCES = 8,
	IPCP_NET_SLOTS = IPCP_NET_GROUP + IPCP_NET_SOURCES,
};

/**
 * struct ipcp_net_slot - one socket for each address family
 * @sock4: socket for IPv4, or NULL. Locking: written under agent_lock, read
 *	under RCU
 * @sock6: socket for IPv6, or NULL. Locking: as @sock4
 */
struct ipcp_net_slot {
	struct ipcp_udp_sock __rcu *sock4;
	struct ipcp_udp_sock __rcu *sock6;
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
 *	and WRITE_ONCE(); a lost update only changes which flow is next
 * @copies: number of times that the machine was found to be a copy. Locking:
 *	written by the VM fork notifier only, may be read locklessly
 * @agent_lock: serialises the start and the end of an agent, and protects
 *	@agent to @paid
 * @agent: the agent's netlink socket, with a reference, or NULL. So no other
 *	socket has this address, whereas its port id may be bound again before
 *	the notifier runs. Locking: written under @agent_lock, compared
 *	locklessly
 * @agent_port: port id of @agent, or 0. Locking: written under @agent_lock,
 *	compared locklessly
 * @port: UDP port, 0 while there are no sockets. Locking: @agent_lock
 * @mark: mark of outgoing packets. Locking: written under @agent_lock, read
 *	locklessly
 * @group: number of slots from 0 on that share @port. Locking: as @mark
 * @sources: number of slots from IPCP_NET_GROUP on that new flows leave from; 0
 *	if they leave from @port. Locking: as @mark
 * @slots: sockets. Locking: see struct ipcp_net_slot
 * @payer: user of the agent, with a reference, that pays for the sockets and
 *	the messages to the agent; NULL for no limits. Locking: @agent_lock
 * @paid: bytes reserved from @payer for these. Locking: @agent_lock
 * @pending_lock: serialises flow-new, flow-allocate and flow-direct, which give
 *	a pending flow its addresses, path and keys in several steps
 * @lock: protects @grants, @listeners and the flows that wait at them
 * @grants: names for which permission was requested. Locking: @lock
 * @listeners: names that are served. Locking: @lock
 * @providers: providers by number. Locking: its own xa_lock; lookups use RCU
 * @next_provider: where the search for a free number starts. Locking: the
 *	xa_lock of @providers
 * @netdevs: interfaces whose flows are in this namespace. Locking: RTNL
 * @living: flows that are not freed yet. Locking: atomic
 * @list: in the list of all namespaces. Locking: see netns.c
 * @upcall_lock: protects @upcalls to @hinted, and ipcp_flow.sealed
 * @upcalls: requests and notifications for the agent. Locking: @upcall_lock
 * @upcall_count: number of @upcalls. Locking: @upcall_lock
 * @upcall_users: number of @upcalls of each user, by kuid. Locking:
 *	@upcall_lock
 * @ctrl: CTRL messages for the agent. Locking: @upcall_lock
 * @ctrl_bytes: bytes of @ctrl. Locking: @upcall_lock
 * @ctrl_turn: true if a message of @ctrl is handed out before @upcalls.
 *	Locking: @upcall_lock
 * @sealed: flows with SEALED messages for the agent, in turn. Locking:
 *	@upcall_lock
 * @sealed_bytes: bytes of these messages. Locking: @upcall_lock
 * @sealed_run: SEALED messages handed out in a row. Locking: @upcall_lock
 * @upcall_id: number of the last request. Locking: @upcall_lock
 * @hinted: the agent was notified and has not found the queue empty since.
 *	Locking: @upcall_lock, but cleared locklessly if the notification failed
 * @drops: drops of packets that belong to no flow. Locking: none, per CPU
 */
struct ipcp_net {
	struct net *net;
	struct xarray flows;
	struct rhashtable by_eid;
	u32 next_id;
	u32 claimed;
	u32 copies;

	struct mutex agent_lock;	/* the agent and the sockets */
	struct sock *agent;
	u32 agent_port;
	u16 port;
	u32 mark;
	u8 group;
	u8 sources;
	struct ipcp_net_slot slots[IPCP_NET_SLOTS];
	struct ipcp_user *payer;
	unsigned long paid;

	struct mutex pending_lock;	/* path and keys of pending flows */
	struct mutex lock;	/* grants and listeners */
	struct list_head grants;
	struct list_head listeners;
	struct xarray providers;
	u32 next_provider;
	struct list_head netdevs;
	atomic_t living;
	struct list_head list;

	spinlock_t upcall_lock;	/* queue to the agent */
	struct list_head upcalls;
	unsigned int upcall_count;
	struct xarray upcall_users;
	struct list_head ctrl;
	unsigned int ctrl_bytes;
	bool ctrl_turn;
	struct list_head sealed;
	unsigned int sealed_bytes;
	unsigned int sealed_run;
	u64 upcall_id;
	bool hinted;

	struct ipcp_drops __percpu *drops;
};

extern unsigned int ipcp_net_id;

struct ipcp_net *ipcp_net(struct net *net);

#endif /* _IPCP_NET_H */
