// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Network namespaces, and what happens to all flows when the machine is
 * suspended or cloned.
 */
#include <net/netns/generic.h>
#include <net/sock.h>

#include "keyrot.h"
#include "net.h"
#include "netns.h"
#include "notify.h"
#include "registry.h"
#include "state.h"
#include "udp.h"
#include "upcall.h"

/*
 * All namespaces. for_each_net() no longer finds a namespace that ends, but its
 * flows have keys until net_exit() destroys them.
 */
static DEFINE_MUTEX(nets_lock);
static LIST_HEAD(nets);		/* Locking: nets_lock */

/* Call a function for every flow in every namespace. */
static void each_flow(void (*fn)(struct ipcp_flow *flow))
{
	struct ipcp_flow *flow;
	struct ipcp_net *ipn;

	mutex_lock(&nets_lock);
	list_for_each_entry(ipn, &nets, list) {
		unsigned long id = 0;

		for (; (flow = ipcp_registry_next(ipn, &id)); id++) {
			fn(flow);
			ipcp_flow_put(flow);
		}
	}
	mutex_unlock(&nets_lock);
}

static void drop_keys(struct ipcp_flow *flow)
{
	if (!READ_ONCE(flow->rk.encrypted))
		return;
	ipcp_keyrot_drop(flow);
	if (READ_ONCE(flow->rk.recoverable) || ipcp_flow_pending(flow))
		ipcp_keyrot_due(flow, IPCP_REKEY_DUE_NO_KEYS);
	else
		ipcp_state_down(flow, EKEYEXPIRED,
				"all keys were lost, and the flow is not recoverable");
}

/*
 * Wipe all keys of all flows. When this function returns, no packet is sealed
 * or decrypted with any of these keys, and none that a flow had is left in
 * memory. Work items wipe leaves a grace period after lookups can no longer find
 * them, so wait for both. A task that parks a seed meanwhile has keys that no
 * flow gets: ipcp_keyrot_park() refuses the seed, and wipes them before it
 * returns.
 */
static void drop_all_keys(void)
{
	each_flow(drop_keys);
	rcu_barrier();
	flush_workqueue(ipcp_wq);
}

/* Report to agents that the machine is a copy. */
static void report_copy(void)
{
	struct ipcp_net *ipn;

	mutex_lock(&nets_lock);
	list_for_each_entry(ipn, &nets, list) {
		WRITE_ONCE(ipn->copies, ipn->copies + 1);
		ipcp_notify_copied(ipn);
	}
	mutex_unlock(&nets_lock);
}

static void fail_pending(struct ipcp_flow *flow)
{
	ipcp_state_fail(flow, ECONNABORTED, "the machine was copied meanwhile");
}

/**
 * ipcp_netns_copied() - Drop all keys after the machine was cloned
 *
 * Counters may have been set back, and another machine may continue with the
 * same keys and counters. Fail pending allocations as well, since both machines
 * would derive the same keys.
 *
 * Context: Process context, may sleep.
 */
void ipcp_netns_copied(void)
{
	/*
	 * Report first, so that agents have other random numbers before they
	 * hear of flows without keys. Seeds that they deliver until then are
	 * dropped with all other keys.
	 */
	report_copy();
	each_flow(fail_pending);
	drop_all_keys();
}

/**
 * ipcp_netns_sleep() - Drop all keys before the machine is suspended
 *
 * Keys in suspended memory, or in an image on disk, could be stolen. Agents
 * still run for a while, so refuse new keys, too.
 *
 * Context: Process context, may sleep.
 */
void ipcp_netns_sleep(void)
{
	ipcp_keyrot_set_asleep(true);
	drop_all_keys();
}

static void remind_agent(struct ipcp_flow *flow)
{
	spin_lock_bh(&flow->lock);
	if (flow->rk.due)
		ipcp_notify(flow, IPCP_REKEY_EVENT_DUE, flow->rk.newest,
			    flow->rk.exchange);
	spin_unlock_bh(&flow->lock);
}

/**
 * ipcp_netns_wake() - Allow keys again after a resume or a cancelled suspend
 *
 * Notify agents again of the flows that want keys, since agents could not act
 * on the earlier notification.
 *
 * Context: Process context, may sleep.
 */
void ipcp_netns_wake(void)
{
	ipcp_keyrot_set_asleep(false);
	each_flow(remind_agent);
}

/**
 * ipcp_netns_set_agent() - Set or clear the agent of a namespace
 * @ipn: namespace
 * @sk: netlink socket of the agent; a reference is taken. NULL to clear the
 *	agent and drop the reference to its socket
 * @portid: port id of @sk, or 0
 *
 * Context: Process context, with agent_lock held.
 */
void ipcp_netns_set_agent(struct ipcp_net *ipn, struct sock *sk, u32 portid)
{
	struct sock *before = ipn->agent;

	lockdep_assert_held(&ipn->agent_lock);
	if (sk)
		sock_hold(sk);
	WRITE_ONCE(ipn->agent, sk);
	WRITE_ONCE(ipn->agent_port, portid);
	/* Last: until here, no other socket has the address of @before. */
	if (before)
		sock_put(before);
}

static int __net_init net_init(struct net *net)
{
	struct ipcp_net *ipn = ipcp_net(net);
	int err;

	ipn->net = net;
	mutex_init(&ipn->agent_lock);
	mutex_init(&ipn->pending_lock);
	mutex_init(&ipn->lock);
	INIT_LIST_HEAD(&ipn->grants);
	INIT_LIST_HEAD(&ipn->listeners);
	xa_init_flags(&ipn->providers, XA_FLAGS_ALLOC1);
	ipcp_upcall_net_init(ipn);
	ipn->drops = alloc_percpu(struct ipcp_drops);
	if (!ipn->drops)
		return -ENOMEM;
	err = ipcp_registry_net_init(ipn);
	if (err) {
		free_percpu(ipn->drops);
		return err;
	}
	mutex_lock(&nets_lock);
	list_add_tail(&ipn->list, &nets);
	mutex_unlock(&nets_lock);
	return 0;
}

/*
 * Let flows that were just closed notify their peer once, since the namespace
 * cannot send any more when its exit operations run.
 */
static void __net_exit net_pre_exit(struct net *net)
{
	if (atomic_read(&ipcp_net(net)->living))
		flush_workqueue(ipcp_wq);
}

/*
 * Open files and kernel code pin the namespace and the module. Interfaces do
 * not, but the pre-exit of netdev.c has already released their flows. So no
 * flow has a user, and there is no listener. The remaining flows were closed
 * but still have CLOSE packets to send, or were created by the agent and never
 * accepted.
 */
static void __net_exit net_exit(struct net *net)
{
	struct ipcp_net *ipn = ipcp_net(net);
	struct ipcp_flow *flow;
	unsigned long id = 0;

	mutex_lock(&ipn->agent_lock);
	/* There may be an agent if the module is unloaded. */
	ipcp_netns_set_agent(ipn, NULL, 0);
	ipcp_udp_close(ipn);	/* no packet is received from here on */
	mutex_unlock(&ipn->agent_lock);
	for (; (flow = ipcp_registry_next(ipn, &id)); id++) {
		ipcp_state_destroy(flow);
		ipcp_flow_put(flow);
	}
	mutex_lock(&nets_lock);
	list_del(&ipn->list);
	mutex_unlock(&nets_lock);
	ipcp_upcall_net_exit(ipn);
}

static bool any_living(struct list_head *ending)
{
	struct net *net;

	list_for_each_entry(net, ending, exit_list)
		if (atomic_read(&ipcp_net(net)->living))
			return true;
	return false;
}

/*
 * Flows use their namespace until the workqueue frees them, a grace period
 * after the last reference is dropped. The worker of a flow that ended by
 * itself, and that the registry no longer finds, may still be about to drop the
 * last reference. So flush the workers first, then wait for the grace period,
 * then for the work items that free the flows. Do so once for all namespaces
 * that end, and only if one of them has flows, since anybody can create and end
 * namespaces.
 */
static void __net_exit net_exit_batch(struct list_head *ending)
{
	struct net *net;

	if (any_living(ending)) {
		flush_workqueue(ipcp_wq);
		rcu_barrier();
		flush_workqueue(ipcp_wq);
	}
	list_for_each_entry(net, ending, exit_list) {
		struct ipcp_net *ipn = ipcp_net(net);

		WARN_ON_ONCE(atomic_read(&ipn->living));
		ipcp_registry_net_exit(ipn);
		free_percpu(ipn->drops);
	}
}

static struct pernet_operations ipcp_net_ops = {
	.init = net_init,
	.pre_exit = net_pre_exit,
	.exit = net_exit,
	.exit_batch = net_exit_batch,
	.id = &ipcp_net_id,
	.size = sizeof(struct ipcp_net),
};

/**
 * ipcp_netns_init() - Register the per-namespace state
 *
 * Context: Module init.
 * Return: 0 or a negative errno.
 */
int ipcp_netns_init(void)
{
	return register_pernet_device(&ipcp_net_ops);
}

/**
 * ipcp_netns_exit() - Unregister and free the per-namespace state
 *
 * Context: Module exit.
 */
void ipcp_netns_exit(void)
{
	unregister_pernet_device(&ipcp_net_ops);
}
