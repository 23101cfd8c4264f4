// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Start and stop serving a name, with the permission of the agent. */
#include <linux/slab.h>

#include "listen.h"
#include "listener.h"
#include "net.h"
#include "state.h"

/**
 * ipcp_name_valid() - Test whether a string can be a name
 * @name: NUL-terminated string
 *
 * Return: true if it has 1 to IPCP_NAME_LEN bytes, none of them a space or a
 * control character.
 */
bool ipcp_name_valid(const char *name)
{
	size_t len;

	for (len = 0; name[len]; len++)
		if (name[len] <= ' ' || name[len] == 0x7f)
			return false;
	return len && len <= IPCP_NAME_LEN;
}

/* Add the listener where flows for its name look it up. */
static void add_listener(struct ipcp_grant *g)
{
	struct ipcp_listener *l = container_of(g, struct ipcp_listener, grant);

	list_add(&l->list, &g->ipn->listeners);
}

/**
 * ipcp_listen_new() - Ask the agent for permission to serve a name
 * @ipn: network namespace
 * @name: name; consumed
 * @backlog: maximum number of flows waiting to be accepted
 * @consumer: consumer to wake for the answer and for flows; a reference is
 *	taken
 *
 * Context: Process context.
 * Return: listener without an answer yet; -ENOTCONN without an agent; -EDQUOT
 * if the user has too many flows, names or upcalls; -EUSERS if the queue to the
 * agent is full; -ENOMEM.
 */
struct ipcp_listener *ipcp_listen_new(struct ipcp_net *ipn, char *name,
				      u32 backlog,
				      struct ipcp_consumer *consumer)
{
	struct ipcp_listener *l = kzalloc(sizeof(*l), IPCP_GFP_PAYER);
	int err;

	if (!l) {
		kfree(name);
		return ERR_PTR(-ENOMEM);
	}
	l->backlog = backlog;
	INIT_LIST_HEAD(&l->pending);
	INIT_LIST_HEAD(&l->waiting);
	err = ipcp_grant_init(&l->grant, ipn, IPCP_REKEY_UPCALL_TYPE_LISTEN,
			      name, consumer);
	if (err)
		goto err_free;
	err = ipcp_grant_ask(&l->grant, add_listener);
	if (err)
		goto err_grant;
	return l;

err_grant:
	ipcp_grant_clear(&l->grant);
err_free:
	kfree(l);
	return ERR_PTR(err);
}

/**
 * ipcp_listen_end() - Stop serving a name
 * @l: listener; freed
 *
 * Flows that were not accepted are closed.
 *
 * Context: Process context, may sleep.
 */
void ipcp_listen_end(struct ipcp_listener *l)
{
	struct ipcp_flow *flow, *tmp;
	LIST_HEAD(flows);

	ipcp_listener_remove(l, &flows);
	list_for_each_entry_safe(flow, tmp, &flows, accept) {
		list_del_init(&flow->accept);
		ipcp_state_close(flow);
		ipcp_flow_put(flow);
	}
	ipcp_grant_end(&l->grant, IPCP_REKEY_UPCALL_TYPE_UNLISTEN);
	kfree(l);
}
