// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The registry: the flows of each network namespace, by id for users and agents
 * and by endpoint id for packets. Namespaces share nothing.
 */
#include <linux/jhash.h>
#include <linux/pid.h>
#include <linux/random.h>
#include <linux/rhashtable.h>
#include <net/netns/generic.h>

#include "bind.h"
#include "flow.h"
#include "net.h"
#include "provider.h"
#include "registry.h"

unsigned int ipcp_net_id __read_mostly;

/*
 * Endpoint ids are random numbers chosen here, so they need no hashing. With
 * these two functions, a lookup calls neither a hash nor a memcmp().
 */
static u32 eid_hash(const void *eid, u32 len, u32 seed)
{
	return *(const u32 *)eid ^ seed;
}

static int eid_differs(struct rhashtable_compare_arg *arg, const void *flow)
{
	return ((const struct ipcp_flow *)flow)->eid != *(const u32 *)arg->key;
}

static const struct rhashtable_params by_eid_params = {
	.key_len = sizeof_field(struct ipcp_flow, eid),
	.key_offset = offsetof(struct ipcp_flow, eid),
	.head_offset = offsetof(struct ipcp_flow, node),
	.hashfn = eid_hash,
	.obj_cmpfn = eid_differs,
	.automatic_shrinking = true,
};

/**
 * ipcp_net() - Return this module's state of a network namespace
 * @net: namespace
 *
 * Context: Any context.
 * Return: the state, never NULL.
 */
struct ipcp_net *ipcp_net(struct net *net)
{
	return net_generic(net, ipcp_net_id);
}

/* Choose an unpredictable, unique endpoint id, and hash the flow by it. */
static int hash_flow(struct ipcp_flow *flow)
{
	int err;

	do {
		do {
			flow->eid = get_random_u32();
		} while (!flow->eid);
		err = rhashtable_lookup_insert_fast(&flow->net->by_eid,
						    &flow->node, by_eid_params);
	} while (err == -EEXIST);
	return err;
}

/**
 * ipcp_registry_add() - Assign an id and an endpoint id, and publish a flow
 * @flow: flow; on success the registry owns one of its references
 *
 * Context: Process context, may sleep.
 * Return: 0; -ENOMEM; -EBUSY if no id is free.
 */
int ipcp_registry_add(struct ipcp_flow *flow)
{
	struct ipcp_net *ipn = flow->net;
	int err;

	/* Reserve the id first: packets find the flow once it is hashed. */
	err = xa_alloc_cyclic(&ipn->flows, &flow->id, NULL,
			      XA_LIMIT(1, INT_MAX), &ipn->next_id,
			      IPCP_GFP_PAYER);
	if (err < 0)
		return err;
	err = hash_flow(flow);
	if (err) {
		xa_release(&ipn->flows, flow->id);
		return err;
	}
	set_bit(IPCP_FLOW_HASHED, &flow->bits);
	/* Cannot fail, since the entry is reserved. */
	xa_store(&ipn->flows, flow->id, flow, IPCP_GFP_PAYER);
	return 0;
}

/**
 * ipcp_registry_del() - Remove a flow from the registry
 * @flow: flow
 *
 * The first call drops the registry's reference. Later calls do nothing.
 *
 * Context: Process context.
 */
void ipcp_registry_del(struct ipcp_flow *flow)
{
	struct ipcp_net *ipn = flow->net;

	if (!test_and_clear_bit(IPCP_FLOW_HASHED, &flow->bits))
		return;
	rhashtable_remove_fast(&ipn->by_eid, &flow->node, by_eid_params);
	xa_erase(&ipn->flows, flow->id);
	ipcp_flow_put(flow);
}

/**
 * ipcp_registry_get() - Look up a flow by its id
 * @ipn: namespace
 * @id: id of the flow
 *
 * Context: Any context.
 * Return: the flow, with a reference, or NULL.
 */
struct ipcp_flow *ipcp_registry_get(struct ipcp_net *ipn, u32 id)
{
	struct ipcp_flow *flow;

	rcu_read_lock();
	flow = xa_load(&ipn->flows, id);
	if (flow && !refcount_inc_not_zero(&flow->refs))
		flow = NULL;
	rcu_read_unlock();
	return flow;
}

/**
 * ipcp_registry_get_by_eid() - Look up a flow by its endpoint id
 * @ipn: namespace
 * @eid: endpoint id on this side
 *
 * Context: Any context.
 * Return: the flow with a reference, or NULL.
 */
struct ipcp_flow *ipcp_registry_get_by_eid(struct ipcp_net *ipn, u32 eid)
{
	struct ipcp_flow *flow;

	rcu_read_lock();
	flow = ipcp_registry_by_eid(ipn, eid);
	if (flow && !refcount_inc_not_zero(&flow->refs))
		flow = NULL;
	rcu_read_unlock();
	return flow;
}

/**
 * ipcp_registry_next() - Return the next flow of a walk
 * @ipn: namespace
 * @id: (input and output) position of the walk, 0 to start
 *
 * Flows may be added and removed during a walk. A flow that is registered
 * during the whole walk is visited.
 *
 * Context: Any context.
 * Return: the first flow whose id is at least @id, with a reference, or NULL.
 */
struct ipcp_flow *ipcp_registry_next(struct ipcp_net *ipn, unsigned long *id)
{
	struct ipcp_flow *flow;

	rcu_read_lock();
	for (;;) {
		flow = xa_find(&ipn->flows, id, ULONG_MAX, XA_PRESENT);
		if (!flow || refcount_inc_not_zero(&flow->refs))
			break;
		++*id;
	}
	rcu_read_unlock();
	return flow;
}

/**
 * ipcp_registry_count() - Count the flows of a namespace
 * @ipn: namespace
 *
 * Context: Any context.
 * Return: the number of flows, in all states.
 */
u32 ipcp_registry_count(struct ipcp_net *ipn)
{
	return atomic_read(&ipn->by_eid.nelems);
}

/**
 * ipcp_registry_by_eid() - Look up the flow that a packet is for
 * @ipn: namespace
 * @eid: endpoint id in the packet
 *
 * Context: Under RCU, which keeps the flow from being freed.
 * Return: the flow, without a reference, or NULL.
 */
struct ipcp_flow *ipcp_registry_by_eid(struct ipcp_net *ipn, u32 eid)
{
	return rhashtable_lookup(&ipn->by_eid, &eid, by_eid_params);
}

/**
 * ipcp_registry_get_epoch() - Return the epoch that the flow activated last
 * @flow: flow
 *
 * Context: Any context. Used by flow-get.
 * Return: 0 to 255, or -ENOENT if the flow is not encrypted.
 */
int ipcp_registry_get_epoch(struct ipcp_flow *flow)
{
	return READ_ONCE(flow->rk.encrypted) ? READ_ONCE(flow->rk.epoch) :
					       -ENOENT;
}

/**
 * ipcp_registry_rekey_pending() - Check for a parked seed
 * @flow: flow
 *
 * Context: Any context. Used by flow-get.
 * Return: true if a seed is parked and not yet activated.
 */
bool ipcp_registry_rekey_pending(struct ipcp_flow *flow)
{
	return READ_ONCE(flow->rk.has_pending);
}

/* Return the process of a direct flow's other end, or provider. Under RCU. */
static struct pid *n_1_process(const struct ipcp_flow *flow)
{
	const struct ipcp_flow *mate = rcu_dereference(flow->mate);
	const struct ipcp_bind *bind = rcu_dereference(flow->bind);
	const struct ipcp_provider *p = NULL;

	if (mate)
		/* Pairs with smp_store_release() in ipcp_owner_current(). */
		return smp_load_acquire(&mate->owner.pid);
	if (bind && bind->ends.provider)
		p = xa_load(&flow->net->providers, bind->ends.provider);
	return p ? p->grant.owner.pid : NULL;
}

/**
 * ipcp_registry_get_n_1_pid() - Return the process that carries the flow's
 * packets
 * @flow: flow
 * @pids: pid namespace of the reader
 *
 * Context: Any context. Used by flow-get and rekey-claim.
 * Return: number of the process in @pids; 0 if it has none there, or for the
 * kernel's own UDP.
 */
pid_t ipcp_registry_get_n_1_pid(const struct ipcp_flow *flow,
				struct pid_namespace *pids)
{
	pid_t pid;

	rcu_read_lock();
	pid = pid_nr_ns(n_1_process(flow), pids);
	rcu_read_unlock();
	return pid;
}

/**
 * ipcp_registry_is_direct() - Check whether both ends are on this host
 * @flow: flow
 *
 * Context: Any context. Used by flow-get.
 * Return: true if packets do not leave the host. Such a flow has no keys.
 */
bool ipcp_registry_is_direct(const struct ipcp_flow *flow)
{
	return ipcp_flow_is_direct(flow);
}

/**
 * ipcp_registry_net_init() - Initialise the registry of a namespace
 * @ipn: namespace
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int ipcp_registry_net_init(struct ipcp_net *ipn)
{
	xa_init_flags(&ipn->flows, XA_FLAGS_ALLOC1);
	return rhashtable_init(&ipn->by_eid, &by_eid_params);
}

/**
 * ipcp_registry_net_exit() - Destroy the registry of a namespace
 * @ipn: namespace, without flows
 *
 * Context: Process context, may sleep.
 */
void ipcp_registry_net_exit(struct ipcp_net *ipn)
{
	rhashtable_destroy(&ipn->by_eid);
	xa_destroy(&ipn->flows);
}
