// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Names served by kernel code (include/net/ipcp_flow.h). Accepted flows are
 * handled in api.c.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "api.h"
#include "flow.h"
#include "listen.h"
#include "listener.h"
#include "net.h"

/**
 * struct ipcp_klisten - a name that a consumer serves
 * @consumer: first member, since the structure is freed with it
 * @l: listener. Locking: set once, before @work is enabled.
 * @ipn: network namespace
 * @pins: true if the listener holds a reference to the namespace until the
 *	listener ends, and each accepted flow another until the release
 * @ops: callbacks of the consumer
 * @priv: private data of the consumer
 * @work: handles the agent's answer and accepts flows. Disabled until @l is set
 *	and again once the listener ends.
 * @told: true if the consumer knows the answer. Locking: accessed by @work
 *	only.
 */
struct ipcp_klisten {
	struct ipcp_consumer consumer;
	struct ipcp_listener *l;
	struct ipcp_net *ipn;
	bool pins;
	const struct ipcp_kflow_ops *ops;
	void *priv;
	struct work_struct work;
	bool told;
};

static void accept_flow(struct ipcp_klisten *kl, struct ipcp_flow *flow)
{
	ipcp_owner_copy(&flow->owner, &kl->l->grant.owner);
	ipcp_api_accept(flow);
}

static void listen_work(struct work_struct *work)
{
	struct ipcp_klisten *kl = container_of(work, struct ipcp_klisten, work);
	struct ipcp_flow *flow;

	if (!ipcp_grant_answered(&kl->l->grant))
		return;
	if (!kl->told) {
		kl->told = true;
		if (kl->ops->served)
			kl->ops->served(kl->priv, -kl->l->grant.error);
	}
	while ((flow = ipcp_listener_accept(kl->l)))
		accept_flow(kl, flow);
}

static void klisten_wake(struct ipcp_consumer *consumer, __poll_t events)
{
	struct ipcp_klisten *kl = container_of(consumer, struct ipcp_klisten,
					       consumer);

	queue_work(ipcp_wq, &kl->work);
}

static struct ipcp_consumer *klisten_spawn(struct ipcp_consumer *server)
{
	struct ipcp_klisten *kl = container_of(server, struct ipcp_klisten,
					       consumer);

	return ipcp_api_spawn(kl->ipn, kl->ops, kl->priv, kl->pins);
}

static const struct ipcp_consumer_ops klisten_ops = {
	.wake = klisten_wake,
	.spawn = klisten_spawn,
};

static struct ipcp_klisten *klisten_new(struct ipcp_net *ipn,
					const struct ipcp_kflow_ops *ops,
					void *priv, bool pin)
{
	struct ipcp_klisten *kl = kzalloc(sizeof(*kl), IPCP_GFP_PAYER);

	static_assert(offsetof(struct ipcp_klisten, consumer) == 0);
	if (!kl)
		return NULL;
	ipcp_consumer_init(&kl->consumer, &klisten_ops);
	kl->ipn = ipn;
	kl->pins = pin;
	kl->ops = ops;
	kl->priv = priv;
	INIT_WORK(&kl->work, listen_work);
	disable_work(&kl->work);
	return kl;
}

/**
 * ipcp_api_listen() - Serve a name
 * @ipn: network namespace
 * @name: name
 * @backlog: maximum number of flows waiting to be accepted
 * @ops: callbacks of the consumer; @ops->accept is mandatory
 * @priv: private data of the consumer
 * @pin: true to hold a reference to the namespace; otherwise the caller ends
 *	the listener before the namespace ends
 *
 * Context: As for ipcp_kflow_listen().
 * Return: As for ipcp_kflow_listen().
 */
struct ipcp_klisten *ipcp_api_listen(struct ipcp_net *ipn,
				     const char *name, u32 backlog,
				     const struct ipcp_kflow_ops *ops,
				     void *priv, bool pin)
{
	struct ipcp_klisten *kl;
	int err = -ENOMEM;
	char *copy;

	if (!ipcp_name_valid(name))
		return ERR_PTR(-EINVAL);
	if (!try_module_get(THIS_MODULE))
		return ERR_PTR(-ENODEV);
	copy = kstrdup(name, IPCP_GFP_PAYER);
	if (!copy)
		goto err_module;
	kl = klisten_new(ipn, ops, priv, pin);
	if (!kl) {
		kfree(copy);
		goto err_module;
	}
	kl->l = ipcp_listen_new(ipn, copy, backlog, &kl->consumer);
	if (IS_ERR(kl->l)) {
		err = PTR_ERR(kl->l);
		goto err_put;
	}
	if (pin)
		get_net(ipn->net);
	enable_work(&kl->work);
	queue_work(ipcp_wq, &kl->work);	/* the answer may be there already */
	return kl;

err_put:
	ipcp_consumer_put(&kl->consumer);
err_module:
	module_put(THIS_MODULE);
	return ERR_PTR(err);
}

/**
 * ipcp_kflow_listen() - Serve a name
 * @net: network namespace; the listener holds a reference to it
 * @name: name
 * @backlog: maximum number of flows waiting to be accepted
 * @ops: callbacks of the consumer; @ops->accept is mandatory
 * @priv: private data of the consumer
 *
 * Does not wait for the agent. @ops->served reports its answer.
 *
 * Context: Process context of the task that the name is served for, as for
 * ipcp_kflow_alloc().
 * Return: listener, to be ended by ipcp_kflow_unlisten(); -EINVAL if the name
 * is not valid; -ENOTCONN without an agent; -EDQUOT if the user has too many
 * flows, names or requests that wait for the agent; -EUSERS if too many
 * requests of all users wait; -ENOMEM; -ENODEV if the module is being removed.
 */
struct ipcp_klisten *ipcp_kflow_listen(struct net *net, const char *name,
				       u32 backlog,
				       const struct ipcp_kflow_ops *ops,
				       void *priv)
{
	return ipcp_api_listen(ipcp_net(net), name, backlog, ops, priv, true);
}
EXPORT_SYMBOL_GPL(ipcp_kflow_listen);

/**
 * ipcp_kflow_unlisten() - Stop serving a name
 * @listener: listener; freed
 *
 * Flows that were accepted are not affected.
 *
 * Context: Process context, may sleep; not from callbacks of the listener.
 */
void ipcp_kflow_unlisten(struct ipcp_klisten *listener)
{
	disable_work_sync(&listener->work);
	ipcp_listen_end(listener->l);
	if (listener->pins)
		put_net(listener->ipn->net);
	ipcp_consumer_put(&listener->consumer);
	module_put(THIS_MODULE);
}
EXPORT_SYMBOL_GPL(ipcp_kflow_unlisten);
