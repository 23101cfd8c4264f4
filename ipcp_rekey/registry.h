/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPCP_REGISTRY_H
#define _IPCP_REGISTRY_H

#include <linux/mutex.h>
#include <linux/rhashtable-types.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>

#include "stats.h"

struct ipcp_flow;
struct ipcp_owner;
struct ipcp_root;
struct netlink_ext_ack;

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
};

/**
 * struct ipcp_claim - a flow that an agent claimed for a re-key
 * @flow: flow, with a reference
 * @exchange: number of the claim
 * @epoch: epoch of the seed to deliver
 * @due: IPCP_REKEY_DUE_* at that time
 */
struct ipcp_claim {
	struct ipcp_flow *flow;
	u32 exchange;
	u8 epoch;
	u32 due;
};

struct ipcp_net *ipcp_net(struct net *net);

int ipcp_registry_add(struct ipcp_flow *flow);
void ipcp_registry_del(struct ipcp_flow *flow);
struct ipcp_flow *ipcp_registry_get(struct ipcp_net *ipn, u32 id);
struct ipcp_flow *ipcp_registry_next(struct ipcp_net *ipn, unsigned long *id);
u32 ipcp_registry_count(struct ipcp_net *ipn);
struct ipcp_flow *ipcp_registry_by_eid(struct ipcp_net *ipn, u32 eid);

/* What Ouroboros's registry does for re-keying, by the same names. */
bool ipcp_registry_set_rekey(struct ipcp_flow *flow, u16 cipher);
int ipcp_registry_get_epoch(struct ipcp_flow *flow);
bool ipcp_registry_rekey_pending(struct ipcp_flow *flow);
struct pid *ipcp_registry_get_n_1_pid(struct ipcp_flow *flow);
int ipcp_registry_snapshot_rekey_due(struct ipcp_net *ipn, u32 only,
				     unsigned long min_age,
				     struct ipcp_claim *claims, int max);
int ipcp_registry_clear_in_flight(struct ipcp_flow *flow, u32 exchange);
int ipcp_registry_store_pending(struct ipcp_flow *flow, struct ipcp_root *seed,
				u8 epoch, u32 exchange,
				struct netlink_ext_ack *extack);
bool ipcp_registry_take_pending(struct ipcp_flow *flow);
void ipcp_registry_notify_flow(struct ipcp_flow *flow);
bool ipcp_registry_is_direct(const struct ipcp_flow *flow);

void ipcp_registry_lapse(struct ipcp_net *ipn);
void ipcp_registry_copied(void);
void ipcp_registry_sleep(void);
void ipcp_registry_wake(void);
bool ipcp_registry_asleep(void);

int ipcp_registry_init(void);
void ipcp_registry_exit(void);

#endif /* _IPCP_REGISTRY_H */
