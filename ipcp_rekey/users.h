/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_USERS_H
#define _IPCP_USERS_H

#include <linux/atomic.h>
#include <linux/gfp_types.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/uidgid.h>

/*
 * For memory of a flow or a name, which is charged to its payer, but often
 * allocated by another task: the agent, or a worker. If the payer's control
 * group is at its limit, fail: do not make that task wait for reclaim, nor kill
 * a process of the group.
 */
#define IPCP_GFP_PAYER	(GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN)

enum ipcp_user_limits {
	IPCP_USER_FLOWS		= 32768,	/* default of max_user_flows */
	IPCP_USER_MIB		= 256,		/* default of max_user_mib */
	IPCP_USER_MIB_MIN	= 64,		/* an agent holds up to 40 */
	IPCP_USER_MIB_MAX	= 1024,		/* fits 32 bits */
	IPCP_QUEUE_FREE		= 4 << 10,	/* ring bytes of each flow */
	IPCP_QUEUE_STEP		= 32 << 10,	/* bytes reserved at a time */
};

/**
 * struct ipcp_user - resources of a user, in all namespaces together
 * @uid: effective user id; does not change
 * @refs: references. Locking: atomic, becomes 0 under the lock of the table
 * @objects: number of flows and names. Locking: atomic
 * @listeners: number of names among @objects. Locking: atomic
 * @upcalls: number of requests and notifications that wait for agents, for
 *	display only, since limits apply to each namespace. Locking: atomic
 * @bytes: bytes reserved for queues. Locking: atomic
 * @rcu: frees the structure
 */
struct ipcp_user {
	kuid_t uid;
	refcount_t refs;
	atomic_t objects;
	atomic_t listeners;
	atomic_t upcalls;
	atomic_long_t bytes;
	struct rcu_head rcu;
};

struct ipcp_user *ipcp_user_find(kuid_t uid);
struct ipcp_user *ipcp_user_get(kuid_t uid);
struct ipcp_user *ipcp_user_next(unsigned long *uid);
struct ipcp_user *ipcp_user_hold(struct ipcp_user *user);
void ipcp_user_put(struct ipcp_user *user);

unsigned int ipcp_user_max_flows(void);
unsigned long ipcp_user_max_bytes(void);
int ipcp_user_add_flow(struct ipcp_user *user);
void ipcp_user_del_flow(struct ipcp_user *user);
int ipcp_user_add_listener(struct ipcp_user *user);
void ipcp_user_del_listener(struct ipcp_user *user);
void ipcp_user_add_upcall(struct ipcp_user *user);
void ipcp_user_del_upcall(struct ipcp_user *user);
bool ipcp_user_reserve(struct ipcp_user *user, unsigned long bytes);
bool ipcp_user_reserve_held(struct ipcp_user *user, unsigned long bytes);
void ipcp_user_release(struct ipcp_user *user, unsigned long bytes);

#endif /* _IPCP_USERS_H */
