// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Start and stop serving a name, with the permission of the agent. */
#include <linux/slab.h>

#include "listen.h"
#include "listener.h"
#include "net.h"
#include "state.h"
#include "upcall.h"

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

/**
 * ipcp_listen_new() - Ask the agent for permission to serve a name
 * @ipn: network namespace
 * @name: name; consumed on success
 * @backlog: maximum number of flows waiting to be accepted
 * @consumer: consumer to wake for the answer and for flows; a reference is
 *	taken
 *
 * Context: Process context.
 * Return: listener without an answer yet; -ENOTCONN without an agent; -EDQUOT if
 * the user has too many flows, names or upcalls; -EUSERS if the agent has too
 * many; -ENOMEM.
 */
struct ipcp_listener *ipcp_listen_new(struct ipcp_net *ipn, char *name,
				      u32 backlog,
				      struct ipcp_consumer *consumer)
{
	struct ipcp_listener *l = kzalloc(sizeof(*l), GFP_KERNEL_ACCOUNT);
	struct ipcp_upcall *up;
	int err;

	if (!l)
		return ERR_PTR(-ENOMEM);
	l->ipn = ipn;
	l->backlog = backlog;
	INIT_LIST_HEAD(&l->pending);
	INIT_LIST_HEAD(&l->waiting);
	err = ipcp_payer_current(&l->payer);
	if (err)
		goto err_free;
	err = ipcp_user_add_listener(l->payer.user);
	if (err)
		goto err_payer;
	ipcp_owner_current(&l->owner);

	up = ipcp_upcall_listen_new(name, &l->owner, l->payer.user);
	if (!up) {
		err = -ENOMEM;
		goto err_owner;
	}

	mutex_lock(&ipn->lock);
	err = ipcp_upcall_listen(ipn, up, &l->request);
	if (!err) {
		l->name = name;
		l->consumer = ipcp_consumer_get(consumer);
		list_add(&l->list, &ipn->listeners);
	}
	mutex_unlock(&ipn->lock);
	if (err)
		goto err_upcall;
	return l;

err_upcall:
	ipcp_upcall_free(up);
err_owner:
	ipcp_owner_clear(&l->owner);
	ipcp_user_del_listener(l->payer.user);
err_payer:
	ipcp_payer_clear(&l->payer);
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
	bool granted = ipcp_listener_remove(l, &flows);

	list_for_each_entry_safe(flow, tmp, &flows, accept) {
		list_del_init(&flow->accept);
		ipcp_state_close(flow);
		ipcp_flow_put(flow);
	}
	if (granted)
		ipcp_upcall_tell(l->ipn, IPCP_REKEY_UPCALL_TYPE_UNLISTEN, 0,
				 l->name, l->payer.user);
	else
		ipcp_upcall_withdraw(l->ipn, l->request);
	ipcp_consumer_put(l->consumer);
	ipcp_owner_clear(&l->owner);
	ipcp_user_del_listener(l->payer.user);
	ipcp_payer_clear(&l->payer);
	kfree(l->name);
	kfree(l);
}
