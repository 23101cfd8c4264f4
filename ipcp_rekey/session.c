// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Create flows: for a request, and for a peer that asks for a served name. */
#include "listener.h"
#include "notify.h"
#include "registry.h"
#include "session.h"
#include "state.h"
#include "udp.h"
#include "upcall.h"
#include "worker.h"

/**
 * ipcp_session_new() - Create a flow and register it
 * @ipn: namespace
 * @name: name that is asked for or served
 * @qos: requested quality of service
 * @payer: payer of the flow
 * @consumer: consumer to wake; a reference is taken
 *
 * Context: Process context, may sleep.
 * Return: a flow in INIT, with a reference for the caller; -ENOMEM; -EBUSY if
 * no id is free; -EDQUOT if the payer's user has too many flows, or too much
 * memory in queues.
 */
struct ipcp_flow *ipcp_session_new(struct ipcp_net *ipn, const char *name,
				   const struct ipcp_qos *qos,
				   const struct ipcp_payer *payer,
				   struct ipcp_consumer *consumer)
{
	struct ipcp_flow *flow;
	struct mem_cgroup *before;
	int err;

	flow = ipcp_flow_new(ipn, name, qos, payer, consumer, ipcp_worker);
	if (IS_ERR(flow))
		return flow;
	flow->path = &ipcp_udp_path;	/* the default */
	before = ipcp_pay(payer);
	err = ipcp_registry_add(flow);
	ipcp_pay_end(before);
	if (err) {
		ipcp_flow_free(flow);
		return ERR_PTR(err);
	}
	WRITE_ONCE(flow->slot, ipcp_udp_choose(ipn, flow->id));
	ipcp_notify(flow, IPCP_REKEY_EVENT_CREATED, 0, 0);
	ipcp_flow_kick(flow);
	return flow;
}

/**
 * ipcp_session_ask() - Ask the agent for a flow to a name
 * @ipn: namespace
 * @name: name
 * @qos: requested quality of service
 * @timeo: jiffies until the allocation fails
 * @consumer: consumer to wake; a reference is taken
 *
 * Context: Process context. The current process owns and pays for the flow.
 * Return: a flow in ALLOC_PENDING, with a reference for the caller; -ENOTCONN
 * without an agent; -EUSERS if too many requests wait for the agent; -EDQUOT if
 * too many of them are of this user; or an error as ipcp_session_new().
 */
struct ipcp_flow *ipcp_session_ask(struct ipcp_net *ipn, const char *name,
				   const struct ipcp_qos *qos, long timeo,
				   struct ipcp_consumer *consumer)
{
	struct ipcp_payer payer;
	struct ipcp_flow *flow;
	int err;

	if (!READ_ONCE(ipn->agent))
		return ERR_PTR(-ENOTCONN);
	err = ipcp_payer_current(&payer);
	if (err)
		return ERR_PTR(err);
	flow = ipcp_session_new(ipn, name, qos, &payer, consumer);
	ipcp_payer_clear(&payer);
	if (IS_ERR(flow))
		return flow;
	ipcp_owner_current(&flow->owner);
	spin_lock_bh(&flow->lock);
	WRITE_ONCE(flow->deadline,
		   jiffies + min(timeo, (long)(MAX_JIFFY_OFFSET / 2)));
	WRITE_ONCE(flow->state, IPCP_REKEY_FLOW_STATE_ALLOC_PENDING);
	spin_unlock_bh(&flow->lock);
	ipcp_flow_kick(flow);	/* let the worker see the deadline */
	err = ipcp_upcall_alloc(flow);
	if (err) {
		ipcp_state_destroy(flow);
		ipcp_flow_put(flow);
		return ERR_PTR(err);
	}
	return flow;
}

/* Properties of a listener that a new flow for its name needs. */
struct server {
	u64 request;
	struct ipcp_payer payer;
	struct ipcp_consumer *consumer;
};

/* Look up the listener for a name, and copy its properties with references. */
static int get_server(struct ipcp_net *ipn, const char *name,
		      struct server *server)
{
	struct ipcp_listener *l;

	mutex_lock(&ipn->lock);
	l = ipcp_listener_find(ipn, name);
	if (!IS_ERR(l)) {
		server->request = l->grant.request;
		ipcp_payer_copy(&server->payer, &l->grant.payer);
		server->consumer = ipcp_consumer_get(l->grant.consumer);
	}
	mutex_unlock(&ipn->lock);
	return PTR_ERR_OR_ZERO(l);
}

static void put_server(struct server *server)
{
	ipcp_consumer_put(server->consumer);
	ipcp_payer_clear(&server->payer);
}

/* Create a flow for a served name, with a consumer of the listener's kind. */
static struct ipcp_flow *new_served(struct ipcp_net *ipn, const char *name,
				    const struct ipcp_qos *qos,
				    const struct server *server)
{
	struct mem_cgroup *before = ipcp_pay(&server->payer);
	struct ipcp_consumer *consumer;
	struct ipcp_flow *flow;

	consumer = server->consumer->ops->spawn(server->consumer);
	ipcp_pay_end(before);
	if (!consumer)
		return ERR_PTR(-ENOMEM);
	flow = ipcp_session_new(ipn, name, qos, &server->payer, consumer);
	ipcp_consumer_put(consumer);
	return flow;
}

/* Let a new flow wait at its listener, which may have ended meanwhile. */
static int add_served(struct ipcp_flow *flow, const struct server *server)
{
	struct ipcp_net *ipn = flow->net;
	struct ipcp_listener *l;

	mutex_lock(&ipn->lock);
	l = ipcp_listener_find_again(ipn, server->request);
	if (!IS_ERR(l)) {
		spin_lock_bh(&flow->lock);
		WRITE_ONCE(flow->state, IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING);
		spin_unlock_bh(&flow->lock);
		ipcp_listener_add_flow(l, flow);
		ipcp_flow_kick(flow);	/* let the worker see the deadline */
	}
	mutex_unlock(&ipn->lock);
	return PTR_ERR_OR_ZERO(l);
}

/**
 * ipcp_session_respond() - Create the responder's end of a flow
 * @ipn: namespace
 * @name: name that is served
 * @qos: quality of service that the peer requested
 *
 * The namespace is not locked while memory is allocated: if the control group
 * that is charged is at its limit, only this flow has to wait.
 *
 * Context: Process context, may sleep. The operations flow-new and flow-direct.
 * Return: a flow in ACCEPT_PENDING, with a reference for the caller; -ENOENT if
 * the name is not served; -EUSERS if the backlog is full; -EDQUOT if the
 * listener's user has too many flows; -EBUSY if no id is free; -ENOMEM.
 */
struct ipcp_flow *ipcp_session_respond(struct ipcp_net *ipn, const char *name,
				       const struct ipcp_qos *qos)
{
	struct server server;
	struct ipcp_flow *flow;
	int err;

	err = get_server(ipn, name, &server);
	if (err)
		return ERR_PTR(err);
	flow = new_served(ipn, name, qos, &server);
	err = IS_ERR(flow) ? 0 : add_served(flow, &server);
	put_server(&server);
	if (!err)
		return flow;
	ipcp_state_destroy(flow);
	ipcp_flow_put(flow);
	return ERR_PTR(err);
}
