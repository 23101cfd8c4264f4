// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The addresses of a flow. A bind is replaced as a whole, so senders read it
 * under RCU and always find the route that belongs to the addresses.
 */
#include <linux/slab.h>

#include "bind.h"
#include "flow.h"

/**
 * ipcp_bind_new() - Create a bind
 * @ends: addresses
 * @gfp: how to allocate
 *
 * Context: Any context, as @gfp allows.
 * Return: the bind, or NULL.
 */
struct ipcp_bind *ipcp_bind_new(const struct ipcp_ends *ends, gfp_t gfp)
{
	struct ipcp_bind *bind = kmalloc(sizeof(*bind), gfp);

	if (!bind)
		return NULL;
	bind->ends = *ends;
	bind->looked = jiffies;
	bind->size = 0;
	if (dst_cache_init(&bind->dst, gfp)) {
		kfree(bind);
		return NULL;
	}
	return bind;
}

/**
 * ipcp_bind_free() - Free a bind that has no readers
 * @bind: bind, or NULL
 *
 * Context: Any context.
 */
void ipcp_bind_free(struct ipcp_bind *bind)
{
	if (!bind)
		return;
	dst_cache_destroy(&bind->dst);
	kfree(bind);
}

static void free_rcu(struct rcu_head *rcu)
{
	ipcp_bind_free(container_of(rcu, struct ipcp_bind, rcu));
}

/**
 * ipcp_bind_free_rcu() - Free a bind that was replaced
 * @bind: bind, or NULL
 *
 * The route must not outlive the tables of routes of the namespace. The kernel
 * calls rcu_barrier() when it removes the devices of a namespace that ends
 * (netdev_run_todo()), and removes the tables later.
 *
 * Context: Any context.
 */
void ipcp_bind_free_rcu(struct ipcp_bind *bind)
{
	if (bind)
		call_rcu(&bind->rcu, free_rcu);
}

/**
 * ipcp_bind_set() - Set the addresses of a flow
 * @flow: flow
 * @ends: addresses
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int ipcp_bind_set(struct ipcp_flow *flow, const struct ipcp_ends *ends)
{
	struct ipcp_bind *bind = ipcp_bind_new(ends, IPCP_GFP_PAYER);

	if (!bind)
		return -ENOMEM;
	spin_lock_bh(&flow->peer_lock);
	bind = rcu_replace_pointer(flow->bind, bind,
				   lockdep_is_held(&flow->peer_lock));
	spin_unlock_bh(&flow->peer_lock);
	ipcp_bind_free_rcu(bind);
	return 0;
}

/**
 * ipcp_bind_get() - Copy the addresses of a flow
 * @flow: flow
 * @ends: (output) addresses; the family is AF_UNSPEC if there are none
 *
 * Context: Any context.
 */
void ipcp_bind_get(struct ipcp_flow *flow, struct ipcp_ends *ends)
{
	const struct ipcp_bind *bind;

	memset(ends, 0, sizeof(*ends));
	rcu_read_lock();
	bind = rcu_dereference(flow->bind);
	if (bind)
		*ends = bind->ends;
	rcu_read_unlock();
}
