// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * What each network namespace has of this module, and what the machine's sleep
 * and its copies are to all flows.
 */
#include <net/netns/generic.h>

#include "keyrot.h"
#include "net.h"
#include "netns.h"
#include "notify.h"
#include "registry.h"
#include "state.h"
#include "udp.h"
#include "upcall.h"

/* Does something with all flows of the machine. */
static void each_flow(void (*fn)(struct ipcp_flow *flow))
{
	struct net *net;

	down_read(&net_rwsem);
	for_each_net(net) {
		struct ipcp_net *ipn = ipcp_net(net);
		struct ipcp_flow *flow;
		unsigned long id = 0;

		for (; (flow = ipcp_registry_next(ipn, &id)); id++) {
			fn(flow);
			ipcp_flow_put(flow);
		}
	}
	up_read(&net_rwsem);
}

static void drop_keys(struct ipcp_flow *flow)
{
	if (!READ_ONCE(flow->rk.encrypted))
		return;
	ipcp_keyrot_drop(flow);
	ipcp_keyrot_due(flow, IPCP_REKEY_DUE_NO_KEYS);
}

/*
 * Wipes all keys of all flows. When this returns, no packet is sealed or opened
 * with one of them any more, and none is left: leaves are wiped by work items
 * a grace period after nothing finds them, which is waited for.
 */
static void drop_all_keys(void)
{
	each_flow(drop_keys);
	rcu_barrier();
	flush_workqueue(ipcp_wq);
}

static void fail_pending(struct ipcp_flow *flow)
{
	ipcp_state_fail(flow, ECONNABORTED, "the machine was copied meanwhile");
}

/**
 * ipcp_netns_copied() - The machine is a copy of another
 *
 * Wipes all keys: counters may have been set back, and another machine may go
 * on with them. An allocation that is under way fails, since the other machine
 * would get the same keys from it.
 *
 * Context: Process context, may sleep.
 */
void ipcp_netns_copied(void)
{
	each_flow(fail_pending);
	drop_all_keys();
}

/**
 * ipcp_netns_sleep() - The machine is about to sleep
 *
 * Wipes all keys and lets none come: what is in the memory that sleeps, or on
 * the disk, may fall into somebody else's hands, and agents run for a while yet.
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
 * ipcp_netns_wake() - The machine woke up, or did not sleep after all
 *
 * Agents are told again which flows want keys: they could do nothing about it.
 *
 * Context: Process context, may sleep.
 */
void ipcp_netns_wake(void)
{
	ipcp_keyrot_set_asleep(false);
	each_flow(remind_agent);
}

static int __net_init net_init(struct net *net)
{
	struct ipcp_net *ipn = ipcp_net(net);
	int err;

	ipn->net = net;
	mutex_init(&ipn->agent_lock);
	mutex_init(&ipn->lock);
	INIT_LIST_HEAD(&ipn->listeners);
	xa_init(&ipn->users);
	ipcp_upcall_net_init(ipn);
	ipcp_udp_net_init(ipn);
	ipn->drops = alloc_percpu(struct ipcp_drops);
	if (!ipn->drops)
		return -ENOMEM;
	err = ipcp_registry_net_init(ipn);
	if (err)
		free_percpu(ipn->drops);
	return err;
}

/*
 * An open file holds its namespace and the module, and so does kernel code, but
 * for interfaces. Those have ended: netdev.c is registered after this file, so its
 * exit came first. So no flow has a user, and there is no listener. What is left
 * are flows that were closed and still tell the peer, and what the agent made and
 * nobody accepted.
 */
static void __net_exit net_exit(struct net *net)
{
	struct ipcp_net *ipn = ipcp_net(net);
	struct ipcp_flow *flow;
	unsigned long id = 0;

	mutex_lock(&ipn->agent_lock);
	ipn->agent = 0;
	ipcp_udp_close(ipn);	/* no packet comes in from here on */
	mutex_unlock(&ipn->agent_lock);
	for (; (flow = ipcp_registry_next(ipn, &id)); id++) {
		ipcp_state_destroy(flow);
		ipcp_flow_put(flow);
	}
	ipcp_upcall_net_exit(ipn);
	/*
	 * Flows are freed, and with them their use of @ipn, by the workqueue, a
	 * grace period after the last reference: which a worker may still be
	 * about to put, whose flow ended by itself and is not found any more.
	 */
	flush_workqueue(ipcp_wq);
	rcu_barrier();
	flush_workqueue(ipcp_wq);
	WARN_ON_ONCE(atomic_read(&ipn->living));
	ipcp_registry_net_exit(ipn);
	xa_destroy(&ipn->users);
	free_percpu(ipn->drops);
}

static struct pernet_operations ipcp_net_ops = {
	.init = net_init,
	.exit = net_exit,
	.id = &ipcp_net_id,
	.size = sizeof(struct ipcp_net),
};

/**
 * ipcp_netns_init() - Begin to have namespaces
 *
 * Context: Module init.
 * Return: 0 or a negative errno.
 */
int ipcp_netns_init(void)
{
	return register_pernet_device(&ipcp_net_ops);
}

/**
 * ipcp_netns_exit() - End of all namespaces' state
 *
 * Context: Module exit.
 */
void ipcp_netns_exit(void)
{
	unregister_pernet_device(&ipcp_net_ops);
}
