// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Permission of the agent to serve or provide a name: request, answer, end. */
#include <linux/slab.h>

#include "failure.h"
#include "grant.h"
#include "net.h"
#include "rbflags.h"
#include "upcall.h"

/**
 * ipcp_grant_init() - Initialise a grant for the current process
 * @g: zeroed grant
 * @ipn: network namespace
 * @type: IPCP_REKEY_UPCALL_TYPE_LISTEN or _PROVIDE
 * @name: name; consumed
 * @consumer: consumer to wake for the answer; a reference is taken
 *
 * Context: Process context.
 * Return: 0, or -EDQUOT if the user has too many flows and names.
 */
int ipcp_grant_init(struct ipcp_grant *g, struct ipcp_net *ipn, u32 type,
		    char *name, struct ipcp_consumer *consumer)
{
	int err = ipcp_payer_current(&g->payer);

	if (err)
		goto err_name;
	err = ipcp_user_add_listener(g->payer.user);
	if (err)
		goto err_payer;
	ipcp_owner_current(&g->owner);
	INIT_LIST_HEAD(&g->list);
	g->ipn = ipn;
	g->type = type;
	g->name = name;
	g->consumer = ipcp_consumer_get(consumer);
	return 0;

err_payer:
	ipcp_payer_clear(&g->payer);
err_name:
	kfree(name);
	return err;
}

/**
 * ipcp_grant_clear() - Release the references and charges of a grant
 * @g: grant that cannot be found
 *
 * Context: Process context.
 */
void ipcp_grant_clear(struct ipcp_grant *g)
{
	ipcp_consumer_put(g->consumer);
	ipcp_owner_clear(&g->owner);
	ipcp_user_del_listener(g->payer.user);
	ipcp_payer_clear(&g->payer);
	kfree(g->name);
}

/**
 * ipcp_grant_ask() - Ask the agent for a grant
 * @g: grant of ipcp_grant_init()
 * @asked: called under net->lock before the agent can answer, or NULL
 *
 * Context: Process context.
 * Return: 0; -ENOTCONN without an agent; -EDQUOT if the user has too many
 * upcalls; -EUSERS if the queue to the agent is full; -ENOMEM.
 */
int ipcp_grant_ask(struct ipcp_grant *g, void (*asked)(struct ipcp_grant *g))
{
	struct ipcp_net *ipn = g->ipn;
	struct ipcp_upcall *up;
	int err;

	up = ipcp_upcall_ask_new(g->type, g->name, &g->owner, g->payer.user);
	if (!up)
		return -ENOMEM;
	mutex_lock(&ipn->lock);
	err = ipcp_upcall_ask(ipn, up, &g->request);
	if (!err) {
		list_add(&g->list, &ipn->grants);
		if (asked)
			asked(g);
	}
	mutex_unlock(&ipn->lock);
	if (err)
		ipcp_upcall_free(up);
	return err;
}

static void answer_grant(struct ipcp_grant *g, int error, const char *reason)
{
	g->error = error ? ipcp_failure(error) : 0;
	strscpy(g->reason, reason ?: "", sizeof(g->reason));
	/* Pairs with smp_load_acquire() in ipcp_grant_answered(). */
	smp_store_release(&g->answered, true);
	ipcp_consumer_wake(g->consumer, IPCP_WAKE_ALL);
}

/**
 * ipcp_grant_answer() - Handle the agent's answer
 * @ipn: network namespace
 * @request: number of the request
 * @error: 0, or a positive errno that ipcp_failure_known() knows
 * @reason: @error in words, or NULL
 *
 * Context: Process context. The operation upcall-done.
 * Return: 0, or -ENOENT if no grant waits for this answer.
 */
int ipcp_grant_answer(struct ipcp_net *ipn, u64 request, int error,
		      const char *reason)
{
	struct ipcp_grant *g;
	int err = -ENOENT;

	mutex_lock(&ipn->lock);
	list_for_each_entry(g, &ipn->grants, list) {
		if (g->request == request && !g->answered) {
			answer_grant(g, error, reason);
			err = 0;
			break;
		}
	}
	mutex_unlock(&ipn->lock);
	return err;
}

/**
 * ipcp_grant_lapse() - Refuse all unanswered requests after the agent has gone
 * @ipn: network namespace
 *
 * Names that were granted stay granted.
 *
 * Context: Process context.
 */
void ipcp_grant_lapse(struct ipcp_net *ipn)
{
	struct ipcp_grant *g;

	mutex_lock(&ipn->lock);
	list_for_each_entry(g, &ipn->grants, list)
		if (!g->answered)
			answer_grant(g, ENOTCONN, "the agent went away");
	mutex_unlock(&ipn->lock);
}

/**
 * ipcp_grant_answered() - Test whether the agent granted or refused the name
 * @g: grant
 *
 * Context: Any context.
 * Return: true if the agent has answered; g->error is valid then.
 */
bool ipcp_grant_answered(const struct ipcp_grant *g)
{
	/* Pairs with smp_store_release() in answer_grant(). */
	return smp_load_acquire(&g->answered);
}

/**
 * ipcp_grant_refusal() - Return why a name was refused
 * @g: grant
 *
 * Context: Any context.
 * Return: positive errno, in words in g->reason; 0 if the name was granted, or
 * the agent has not answered.
 */
int ipcp_grant_refusal(const struct ipcp_grant *g)
{
	return ipcp_grant_answered(g) ? g->error : 0;
}

/**
 * ipcp_grant_end() - End a grant
 * @g: grant that was removed from the list of its namespace
 * @type: notification for an agent that has granted the name
 *
 * Context: Process context, may sleep.
 */
void ipcp_grant_end(struct ipcp_grant *g, u32 type)
{
	if (g->answered && !g->error)
		ipcp_upcall_tell(g->ipn, type, 0, g->name, g->payer.user);
	else
		ipcp_upcall_withdraw(g->ipn, g->request);
	ipcp_grant_clear(g);
}
