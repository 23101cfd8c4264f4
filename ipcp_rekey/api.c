// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Flows of kernel code (include/net/ipcp_flow.h): how they begin and end, and
 * how to query them. Messages are handled in api-send.c and api-receive.c.
 *
 * A wakeup of the consumer runs a work item in a softirq (api-receive.c). Keys
 * cannot be derived there, and on older kernels the softirq cannot encrypt if
 * it has interrupted a user of the FPU. The slow work (api-send.c) covers both.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "api-int.h"
#include "flow.h"
#include "listen.h"
#include "registry.h"
#include "session.h"
#include "show.h"
#include "state.h"

/**
 * ipcp_kflow_priv() - Return the private data of the consumer
 * @flow: flow
 *
 * Context: Any context.
 * Return: the pointer set last.
 */
void *ipcp_kflow_priv(const struct ipcp_kflow *flow)
{
	return flow->priv;
}
EXPORT_SYMBOL_GPL(ipcp_kflow_priv);

/**
 * ipcp_kflow_set_priv() - Set the private data of the consumer
 * @flow: flow
 * @priv: any pointer
 *
 * Context: While no other function is called for the flow, as in @ops->accept.
 */
void ipcp_kflow_set_priv(struct ipcp_kflow *flow, void *priv)
{
	flow->priv = priv;
}
EXPORT_SYMBOL_GPL(ipcp_kflow_set_priv);

/**
 * ipcp_kflow_state() - Return the state of a flow
 * @flow: flow
 *
 * Context: Any context.
 * Return: IPCP_KFLOW_* bits; none while the flow is being allocated.
 */
unsigned int ipcp_kflow_state(const struct ipcp_kflow *flow)
{
	return ipcp_api_state(flow);
}
EXPORT_SYMBOL_GPL(ipcp_kflow_state);

/**
 * ipcp_kflow_info() - Return information about a flow
 * @flow: flow
 * @info: (output) information
 *
 * Context: Process context.
 */
void ipcp_kflow_info(struct ipcp_kflow *flow, struct ipcp_kflow_info *info)
{
	memset(info, 0, sizeof(*info));
	info->flow.size = sizeof(info->flow);
	ipcp_show_for_program(flow->flow, &info->flow);
	info->state = ipcp_kflow_state(flow);
	spin_lock_bh(&flow->held.lock);
	info->held = skb_queue_len(&flow->held);
	info->stalls = flow->stalls;
	spin_unlock_bh(&flow->held.lock);
}
EXPORT_SYMBOL_GPL(ipcp_kflow_info);

/**
 * ipcp_kflow_peer_name() - Return the name that the peer has proved
 * @flow: flow
 *
 * Does not change once the flow is allocated: a re-key with another identity is
 * refused.
 *
 * Context: Any context.
 * Return: name of the peer's certificate, valid until the release; NULL if the
 * peer has proved none, or while the flow is being allocated.
 */
const char *ipcp_kflow_peer_name(const struct ipcp_kflow *flow)
{
	return ipcp_flow_peer_name(flow->flow);
}
EXPORT_SYMBOL_GPL(ipcp_kflow_peer_name);

static void kflow_wake(struct ipcp_consumer *consumer, __poll_t events)
{
	ipcp_api_run_soon(container_of(consumer, struct ipcp_kflow, consumer));
}

/* No ->spawn(): names are served by a struct ipcp_klisten (api-listen.c). */
static const struct ipcp_consumer_ops kflow_ops = {
	.wake = kflow_wake,
};

static struct ipcp_kflow *kflow_new(struct ipcp_net *ipn,
				    const struct ipcp_kflow_ops *ops,
				    void *priv, bool pin)
{
	struct ipcp_kflow *k = kzalloc(sizeof(*k), IPCP_GFP_PAYER);

	static_assert(offsetof(struct ipcp_kflow, consumer) == 0);
	if (!k)
		return NULL;
	ipcp_consumer_init(&k->consumer, &kflow_ops);
	k->ipn = ipn;
	k->pins = pin;
	k->ops = ops;
	k->priv = priv;
	INIT_WORK(&k->soft, ipcp_api_soft_work);
	disable_work(&k->soft);
	INIT_DELAYED_WORK(&k->slow, ipcp_api_slow_work);
	skb_queue_head_init(&k->held);
	return k;
}

/*
 * Give the flow to its consumer, with the references that the caller holds: one
 * to the flow, and one to this module. The reference to this module is needed,
 * since the consumer may be part of this module, or of a module that holds no
 * reference to this one until the release.
 */
static void kflow_take(struct ipcp_kflow *k, struct ipcp_flow *flow)
{
	if (k->pins)
		get_net(k->ipn->net);
	k->flow = flow;
}

/*
 * Enable callbacks. Does nothing if the consumer has already released the flow.
 */
static void kflow_start(struct ipcp_kflow *k)
{
	enable_work(&k->soft);
	ipcp_api_run_soon(k);	/* earlier wakeups had no effect */
}

/**
 * ipcp_api_alloc() - Request a flow to a name
 * @ipn: network namespace
 * @name: name
 * @ops: callbacks of the consumer
 * @priv: private data of the consumer
 * @pin: true to hold a reference to the namespace; otherwise the caller
 *	releases the flow before the namespace ends
 *
 * Context: As for ipcp_kflow_alloc().
 * Return: As for ipcp_kflow_alloc().
 */
struct ipcp_kflow *ipcp_api_alloc(struct ipcp_net *ipn, const char *name,
				  const struct ipcp_kflow_ops *ops,
				  void *priv, bool pin)
{
	const struct ipcp_qos qos = { .loss = 1, .ber = 1 };
	struct ipcp_flow *flow;
	struct ipcp_kflow *k;
	int err = -ENOMEM;

	if (!ipcp_name_valid(name))
		return ERR_PTR(-EINVAL);
	if (!try_module_get(THIS_MODULE))
		return ERR_PTR(-ENODEV);
	k = kflow_new(ipn, ops, priv, pin);
	if (!k)
		goto err_module;
	flow = ipcp_session_ask(ipn, name, &qos,
				msecs_to_jiffies(IPCP_ALLOC_TIMEOUT_MS),
				&k->consumer);
	if (IS_ERR(flow)) {
		err = PTR_ERR(flow);
		goto err_put;
	}
	kflow_take(k, flow);
	kflow_start(k);
	return k;

err_put:
	ipcp_consumer_put(&k->consumer);
err_module:
	module_put(THIS_MODULE);
	return ERR_PTR(err);
}

/**
 * ipcp_api_set_dev() - Keep packets of a flow off the interface over the flow
 * @flow: flow
 * @dev: interface, only compared and never dereferenced; NULL before the
 *	interface may be freed
 *
 * Context: Any context.
 */
void ipcp_api_set_dev(struct ipcp_kflow *flow, const struct net_device *dev)
{
	WRITE_ONCE(flow->flow->dev, dev);
}

/**
 * ipcp_kflow_alloc() - Request a flow to a name
 * @net: network namespace; the flow holds a reference to it until the release
 * @name: name
 * @ops: callbacks of the consumer
 * @priv: private data of the consumer
 *
 * Does not wait for the flow. @ops->changed is called with IPCP_KFLOW_UP once
 * the flow is allocated, or with IPCP_KFLOW_DOWN if the allocation failed;
 * ipcp_kflow_info() returns the reason.
 *
 * Context: Process context of the task that the flow is for. That task owns the
 * flow, pays for it, and is subject to the policy of the agent.
 * Return: flow, to be released; -EINVAL if the name is not valid; -ENOTCONN
 * without an agent; -EUSERS; -EDQUOT; -ENOMEM; -ENODEV if the module is being
 * removed.
 */
struct ipcp_kflow *ipcp_kflow_alloc(struct net *net, const char *name,
				    const struct ipcp_kflow_ops *ops,
				    void *priv)
{
	return ipcp_api_alloc(ipcp_net(net), name, ops, priv, true);
}
EXPORT_SYMBOL_GPL(ipcp_kflow_alloc);

/**
 * ipcp_kflow_release() - Release a flow in any state
 * @flow: flow; freed. No other function may be called for it concurrently.
 *
 * Informs the peer, and drops messages that are held or not received yet.
 *
 * Context: Process context, may sleep.
 */
void ipcp_kflow_release(struct ipcp_kflow *flow)
{
	/* Each work may queue the other. Disabled work cannot be queued. */
	disable_work_sync(&flow->soft);
	disable_delayed_work_sync(&flow->slow);
	ipcp_api_drop_held(flow);
	ipcp_state_close(flow->flow);
	ipcp_flow_put(flow->flow);
	if (flow->pins)
		put_net(flow->ipn->net);
	ipcp_consumer_put(&flow->consumer);
	module_put(THIS_MODULE);
}
EXPORT_SYMBOL_GPL(ipcp_kflow_release);

/**
 * ipcp_api_spawn() - Create the consumer of an incoming flow
 * @ipn: network namespace
 * @ops: callbacks of the consumer
 * @priv: private data of the consumer
 * @pin: true to hold a reference to the namespace once the flow is accepted
 *
 * Context: Process context, may sleep.
 * Return: consumer with a reference for the caller, or NULL.
 */
struct ipcp_consumer *ipcp_api_spawn(struct ipcp_net *ipn,
				     const struct ipcp_kflow_ops *ops,
				     void *priv, bool pin)
{
	struct ipcp_kflow *k = kflow_new(ipn, ops, priv, pin);

	return k ? &k->consumer : NULL;
}

/**
 * ipcp_api_accept() - Give an incoming flow to its consumer
 * @flow: flow, whose consumer was created by ipcp_api_spawn(); consumes the
 *	caller's reference
 *
 * Context: Process context, may sleep; the caller holds the module.
 */
void ipcp_api_accept(struct ipcp_flow *flow)
{
	struct ipcp_kflow *k = container_of(flow->n_rb.flags.consumer,
					    struct ipcp_kflow, consumer);

	ipcp_consumer_get(&k->consumer);	/* for the release */
	__module_get(THIS_MODULE);
	kflow_take(k, flow);
	/* The callback may release the flow, so keep the consumer. */
	ipcp_consumer_get(&k->consumer);
	if (k->ops->accept(k))
		ipcp_kflow_release(k);
	else
		kflow_start(k);
	ipcp_consumer_put(&k->consumer);
}
