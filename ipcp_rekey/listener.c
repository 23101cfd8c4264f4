// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Names that consumers serve, and the flows that wait to be accepted.
 *
 * The agent creates a responder's flow while the exchange with the peer is in
 * progress. The flow is pending until the peer was observed under its keys.
 * Only then can the program accept it, so no program sees a flow whose other
 * end does not exist.
 */
#include "flow.h"
#include "listener.h"
#include "net.h"

/* Move all flows off a list. The caller gets their references. */
static void take_all(struct ipcp_listener *l, struct list_head *from,
		     struct list_head *to)
{
	struct ipcp_flow *flow;

	list_for_each_entry(flow, from, accept)
		flow->listener = NULL;
	list_splice_init(from, to);
}

/**
 * ipcp_listener_remove() - Remove a listener from its namespace
 * @l: listener
 * @flows: (output) flows that were not accepted, linked by flow->accept, each
 *	with a reference
 *
 * Context: Process context, may sleep.
 */
void ipcp_listener_remove(struct ipcp_listener *l, struct list_head *flows)
{
	struct ipcp_net *ipn = l->grant.ipn;

	mutex_lock(&ipn->lock);
	list_del(&l->grant.list);
	list_del(&l->list);
	take_all(l, &l->pending, flows);
	take_all(l, &l->waiting, flows);
	mutex_unlock(&ipn->lock);
}

/**
 * ipcp_listener_find() - Find a listener for a name with room for one more flow
 * @ipn: network namespace
 * @name: name
 *
 * Context: Under ipn->lock.
 * Return: listener; -ENOENT if there is none for the name; -EUSERS if the
 * backlog is full.
 */
struct ipcp_listener *ipcp_listener_find(struct ipcp_net *ipn, const char *name)
{
	struct ipcp_listener *l;
	int err = -ENOENT;

	lockdep_assert_held(&ipn->lock);
	list_for_each_entry(l, &ipn->listeners, list) {
		if (!l->grant.answered || l->grant.error ||
		    strcmp(l->grant.name, name))
			continue;
		if (l->nflows < l->backlog)
			return l;
		err = -EUSERS;
	}
	return ERR_PTR(err);
}

/**
 * ipcp_listener_find_again() - Find a listener whose namespace was unlocked
 * @ipn: network namespace
 * @request: number of the request of a listener of ipcp_listener_find()
 *
 * Context: Under ipn->lock.
 * Return: listener; -ENOENT if it has ended; -EUSERS if the backlog is full.
 */
struct ipcp_listener *ipcp_listener_find_again(struct ipcp_net *ipn, u64 request)
{
	struct ipcp_listener *l;

	lockdep_assert_held(&ipn->lock);
	list_for_each_entry(l, &ipn->listeners, list)
		if (l->grant.request == request)
			return l->nflows < l->backlog ? l : ERR_PTR(-EUSERS);
	return ERR_PTR(-ENOENT);
}

/**
 * ipcp_listener_add_flow() - Add a pending flow to a listener
 * @l: listener of ipcp_listener_find_again()
 * @flow: flow to be accepted once it is allocated; a reference is taken
 *
 * Context: Under ipn->lock.
 */
void ipcp_listener_add_flow(struct ipcp_listener *l, struct ipcp_flow *flow)
{
	lockdep_assert_held(&l->grant.ipn->lock);
	flow->listener = l;
	list_add_tail(&ipcp_flow_get(flow)->accept, &l->pending);
	l->nflows++;
}

/**
 * ipcp_listener_flow_ready() - Let a flow be accepted
 * @flow: flow that has become ALLOCATED
 *
 * Does nothing if the flow does not wait at a listener.
 *
 * Context: Process context, may sleep.
 */
void ipcp_listener_flow_ready(struct ipcp_flow *flow)
{
	struct ipcp_net *ipn = flow->net;

	mutex_lock(&ipn->lock);
	if (flow->listener) {
		list_move_tail(&flow->accept, &flow->listener->waiting);
		ipcp_consumer_wake(flow->listener->grant.consumer,
				   EPOLLIN | EPOLLRDNORM);
	}
	mutex_unlock(&ipn->lock);
}

/**
 * ipcp_listener_forget() - Remove a flow from its listener
 * @flow: flow
 *
 * Context: Process context, may sleep.
 */
void ipcp_listener_forget(struct ipcp_flow *flow)
{
	struct ipcp_net *ipn = flow->net;
	bool had;

	mutex_lock(&ipn->lock);
	had = flow->listener;
	if (had) {
		flow->listener->nflows--;
		flow->listener = NULL;
		list_del_init(&flow->accept);
	}
	mutex_unlock(&ipn->lock);
	if (had)
		ipcp_flow_put(flow);
}

/**
 * ipcp_listener_accept() - Take the next flow of a listener
 * @l: listener
 *
 * Context: Process context, may sleep.
 * Return: flow with a reference, or NULL.
 */
struct ipcp_flow *ipcp_listener_accept(struct ipcp_listener *l)
{
	struct ipcp_flow *flow;

	mutex_lock(&l->grant.ipn->lock);
	flow = list_first_entry_or_null(&l->waiting, struct ipcp_flow, accept);
	if (flow) {
		list_del_init(&flow->accept);
		flow->listener = NULL;
		l->nflows--;
	}
	mutex_unlock(&l->grant.ipn->lock);
	return flow;
}

/**
 * ipcp_listener_waiting() - Test whether a flow can be accepted
 * @l: listener
 *
 * Context: Any context.
 * Return: true if a flow can be accepted.
 */
bool ipcp_listener_waiting(struct ipcp_listener *l)
{
	return !list_empty_careful(&l->waiting);
}
