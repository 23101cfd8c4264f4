// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Flows of kernel code: include/net/ipcp_flow.h. How they begin and end, and what
 * there is to know of them; messages are api-send.c's and api-receive.c's.
 *
 * A consumer that is woken has a work item run in a softirq (api-receive.c). It
 * cannot derive keys there, and on older kernels not encrypt if the softirq has
 * interrupted who uses the FPU: that is for the slow work (api-send.c).
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
 * ipcp_kflow_priv() - The consumer's data
 * @flow: flow
 *
 * Context: Any context.
 * Return: what was given last.
 */
void *ipcp_kflow_priv(const struct ipcp_kflow *flow)
{
	return flow->priv;
}
EXPORT_SYMBOL_GPL(ipcp_kflow_priv);

/**
 * ipcp_kflow_set_priv() - Set the consumer's data
 * @flow: flow
 * @priv: anything
 *
 * Context: While no other function is called for the flow, as in accept.
 */
void ipcp_kflow_set_priv(struct ipcp_kflow *flow, void *priv)
{
	flow->priv = priv;
}
EXPORT_SYMBOL_GPL(ipcp_kflow_set_priv);

/**
 * ipcp_kflow_state() - What is the matter with a flow
 * @flow: flow
 *
 * Context: Any context.
 * Return: IPCP_KFLOW_*; none while it is to be allocated.
 */
unsigned int ipcp_kflow_state(const struct ipcp_kflow *flow)
{
	return ipcp_api_state(flow);
}
EXPORT_SYMBOL_GPL(ipcp_kflow_state);

/**
 * ipcp_kflow_info() - What there is to know of a flow
 * @flow: flow
 * @info: out
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

static void kflow_wake(struct ipcp_consumer *consumer, __poll_t events)
{
	ipcp_api_run_soon(container_of(consumer, struct ipcp_kflow, consumer));
}

/* Names are served by a struct ipcp_klisten (api-listen.c), never by a flow. */
static const struct ipcp_consumer_ops kflow_ops = {
	.wake = kflow_wake,
};

static struct ipcp_kflow *kflow_new(struct ipcp_net *ipn,
				    const struct ipcp_kflow_ops *ops,
				    void *priv, bool pin)
{
	struct ipcp_kflow *k = kzalloc(sizeof(*k), GFP_KERNEL_ACCOUNT);

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
 * The consumer is to have the flow and what the caller has of it: a reference, and
 * one to the module, since the consumer's module need not hold ours until the
 * release, or is ours.
 */
static void kflow_take(struct ipcp_kflow *k, struct ipcp_flow *flow)
{
	if (k->pins)
		get_net(k->ipn->net);
	k->flow = flow;
}

/* From here on the consumer is called, unless it has released the flow already. */
static void kflow_start(struct ipcp_kflow *k)
{
	enable_work(&k->soft);
	ipcp_api_run_soon(k);	/* for what was before */
}

/**
 * ipcp_api_alloc() - Ask for a flow to a name
 * @ipn: namespace
 * @name: name
 * @ops: what the consumer is called for
 * @priv: the consumer's
 * @pin: hold the namespace; or else the flow is released before that ends
 *
 * Context: As ipcp_kflow_alloc().
 * Return: as that.
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
 * ipcp_kflow_alloc() - Ask for a flow to a name
 * @net: namespace, that it holds until it is released
 * @name: name
 * @ops: what the consumer is called for
 * @priv: the consumer's
 *
 * Does not wait for it: changed is called with IPCP_KFLOW_UP when it is there,
 * or with IPCP_KFLOW_DOWN if that failed; ipcp_kflow_info() says why.
 *
 * Context: Process context of who the flow is for: it owns and pays for it, and
 * the agent's policy is about it.
 * Return: flow, to be released; -EINVAL no such name can be; -ENOTCONN without
 * an agent; -EUSERS; -EDQUOT; -ENOMEM; -ENODEV the module is being removed.
 */
struct ipcp_kflow *ipcp_kflow_alloc(struct net *net, const char *name,
				    const struct ipcp_kflow_ops *ops,
				    void *priv)
{
	return ipcp_api_alloc(ipcp_net(net), name, ops, priv, true);
}
EXPORT_SYMBOL_GPL(ipcp_kflow_alloc);

/**
 * ipcp_kflow_release() - Let go of a flow, in whatever state it is
 * @flow: flow; freed. No other function is called for it at that time.
 *
 * The peer is told. What was not received, and what is held, is dropped.
 *
 * Context: Process context, may sleep.
 */
void ipcp_kflow_release(struct ipcp_kflow *flow)
{
	/* Each may queue the other: a disabled one is not queued any more. */
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
 * ipcp_api_spawn() - Make the consumer of a flow that comes in
 * @ipn: namespace
 * @ops: what the consumer is called for
 * @priv: the consumer's
 * @pin: hold the namespace, once the flow is accepted
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
 * ipcp_api_accept() - Give a flow that came in to its consumer
 * @flow: flow, whose consumer is of ipcp_api_spawn(); consumes the caller's
 *	reference
 *
 * Context: Process context, may sleep, of somebody who holds the module.
 */
void ipcp_api_accept(struct ipcp_flow *flow)
{
	struct ipcp_kflow *k = container_of(flow->n_rb.flags.consumer,
					    struct ipcp_kflow, consumer);

	ipcp_consumer_get(&k->consumer);	/* the user's */
	__module_get(THIS_MODULE);
	kflow_take(k, flow);
	/* The user's from here on, who may release it at any time. */
	ipcp_consumer_get(&k->consumer);
	if (k->ops->accept(k))
		ipcp_kflow_release(k);
	else
		kflow_start(k);
	ipcp_consumer_put(&k->consumer);
}
