// SPDX-License-Identifier: GPL-2.0
/*
 * Names that programs serve, and the flows that wait to be accepted.
 *
 * A responder's flow is made by the agent while the exchange with the peer goes
 * on. It is pending until the peer was heard under its keys; only then it is
 * given to the program, so nobody sees a flow whose other end does not exist.
 */
#include <linux/slab.h>

#include "failure.h"
#include "listener.h"
#include "registry.h"
#include "upcall.h"

/**
 * ipcp_name_valid() - May this be a name?
 * @name: zero terminated
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
 * ipcp_listener_new() - Ask the agent for leave to serve a name
 * @ipn: namespace
 * @name: name; taken on success
 * @backlog: flows that may wait
 * @wait: woken for the answer and for flows; a reference is taken
 *
 * Context: Process context.
 * Return: a listener, not answered yet; -ENOTCONN without an agent; -ENOMEM.
 */
struct ipcp_listener *ipcp_listener_new(struct ipcp_net *ipn, char *name,
					u32 backlog, struct ipcp_wait *wait)
{
	struct ipcp_listener *l = kzalloc(sizeof(*l), GFP_KERNEL_ACCOUNT);
	int err;

	if (!l)
		return ERR_PTR(-ENOMEM);
	l->ipn = ipn;
	l->backlog = backlog;
	INIT_LIST_HEAD(&l->pending);
	INIT_LIST_HEAD(&l->waiting);
	err = ipcp_payer_current(&l->payer, ipn);
	if (err)
		goto err_free;
	ipcp_owner_current(&l->owner);

	mutex_lock(&ipn->lock);
	err = ipcp_upcall_listen(ipn, name, &l->request);
	if (!err) {
		l->name = name;
		l->wait = ipcp_wait_get(wait);
		list_add(&l->list, &ipn->listeners);
	}
	mutex_unlock(&ipn->lock);
	if (err)
		goto err_owner;
	return l;

err_owner:
	ipcp_owner_clear(&l->owner);
	ipcp_payer_clear(&l->payer);
err_free:
	kfree(l);
	return ERR_PTR(err);
}

static void wake_listener(struct ipcp_listener *l)
{
	wake_up_poll(&l->wait->wq, EPOLLIN | EPOLLRDNORM |
		     EPOLLERR);
}

static void answer_listen(struct ipcp_listener *l, int error,
			  const char *reason)
{
	l->error = error ? ipcp_failure(error) : 0;
	strscpy(l->reason, reason ?: "", sizeof(l->reason));
	/* Paired with ipcp_listener_answered(). */
	smp_store_release(&l->answered, true);
	wake_listener(l);
}

/**
 * ipcp_listener_answer() - The agent granted or refused a name
 * @ipn: namespace
 * @request: number of the request
 * @error: 0, or a positive errno that ipcp_failure_known() knows
 * @reason: the same in words, or NULL
 *
 * Context: Process context. The operation upcall-done.
 * Return: 0, or -ENOENT if nobody waits for this answer.
 */
int ipcp_listener_answer(struct ipcp_net *ipn, u64 request, int error,
			 const char *reason)
{
	struct ipcp_listener *l;
	int err = -ENOENT;

	mutex_lock(&ipn->lock);
	list_for_each_entry(l, &ipn->listeners, list) {
		if (l->request == request && !l->answered) {
			answer_listen(l, error, reason);
			err = 0;
			break;
		}
	}
	mutex_unlock(&ipn->lock);
	return err;
}

/**
 * ipcp_listener_lapse() - The agent is gone: nobody will answer
 * @ipn: namespace
 *
 * Names that were granted stay granted.
 *
 * Context: Process context.
 */
void ipcp_listener_lapse(struct ipcp_net *ipn)
{
	struct ipcp_listener *l;

	mutex_lock(&ipn->lock);
	list_for_each_entry(l, &ipn->listeners, list)
		if (!l->answered)
			answer_listen(l, ENOTCONN, "the agent went away");
	mutex_unlock(&ipn->lock);
}

/**
 * ipcp_listener_answered() - Did the agent say whether the name is granted?
 * @l: listener
 *
 * Context: Any context.
 * Return: true if so; its error can be looked at then.
 */
bool ipcp_listener_answered(const struct ipcp_listener *l)
{
	/* Paired with answer_listen(): the error comes with it. */
	return smp_load_acquire(&l->answered);
}

/* Takes all flows off a list. They are the caller's, each with a reference. */
static void take_all(struct ipcp_listener *l, struct list_head *from,
		     struct list_head *to)
{
	struct ipcp_flow *flow;

	list_for_each_entry(flow, from, accept)
		flow->listener = NULL;
	list_splice_init(from, to);
}

/**
 * ipcp_listener_end() - Stop to serve a name
 * @l: listener; freed
 *
 * Flows that were not accepted are closed.
 *
 * Context: Process context, may sleep.
 */
void ipcp_listener_end(struct ipcp_listener *l)
{
	struct ipcp_net *ipn = l->ipn;
	struct ipcp_flow *flow, *tmp;
	LIST_HEAD(flows);
	bool granted;

	mutex_lock(&ipn->lock);
	list_del(&l->list);
	granted = l->answered && !l->error;
	take_all(l, &l->pending, &flows);
	take_all(l, &l->waiting, &flows);
	mutex_unlock(&ipn->lock);

	list_for_each_entry_safe(flow, tmp, &flows, accept) {
		list_del_init(&flow->accept);
		ipcp_flow_dealloc(flow);
		ipcp_flow_put(flow);
	}
	if (granted)
		ipcp_upcall_tell(ipn, IPCP_REKEY_UPCALL_TYPE_UNLISTEN, 0,
				 l->name);
	ipcp_wait_put(l->wait);
	ipcp_owner_clear(&l->owner);
	ipcp_payer_clear(&l->payer);
	kfree(l->name);
	kfree(l);
}

static struct ipcp_listener *find_listener(struct ipcp_net *ipn,
					   const char *name, int *err)
{
	struct ipcp_listener *l;

	*err = -ENOENT;
	list_for_each_entry(l, &ipn->listeners, list) {
		if (!l->answered || l->error || strcmp(l->name, name))
			continue;
		if (l->nflows < l->backlog)
			return l;
		*err = -EUSERS;
	}
	return NULL;
}

/**
 * ipcp_listener_new_flow() - Make the responder's end of a flow
 * @ipn: namespace
 * @name: name that a program serves
 * @qos: what the peer asks of it
 * @err: out, if it cannot be made
 *
 * Context: Process context. The operation flow-new.
 * Return: flow, ACCEPT_PENDING, with a reference for the caller; or NULL and
 * -ENOENT nobody serves the name, -EUSERS the backlog is full, -EDQUOT its user
 * has too many flows, -ENOMEM.
 */
struct ipcp_flow *ipcp_listener_new_flow(struct ipcp_net *ipn, const char *name,
					 const struct ipcp_qos *qos, int *err)
{
	struct ipcp_wait *wait = ipcp_wait_new();
	struct ipcp_flow *flow = NULL;
	struct ipcp_listener *l;

	if (!wait) {
		*err = -ENOMEM;
		return NULL;
	}
	mutex_lock(&ipn->lock);
	l = find_listener(ipn, name, err);
	if (!l)
		goto unlock;
	flow = ipcp_flow_new(ipn, name, qos, &l->payer, wait);
	if (IS_ERR(flow)) {
		*err = PTR_ERR(flow);
		flow = NULL;
		goto unlock;
	}
	spin_lock_bh(&flow->lock);
	flow->state = IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING;
	spin_unlock_bh(&flow->lock);
	flow->listener = l;
	list_add_tail(&ipcp_flow_get(flow)->accept, &l->pending);
	l->nflows++;
	ipcp_flow_kick(flow);	/* has a deadline now */
unlock:
	mutex_unlock(&ipn->lock);
	ipcp_wait_put(wait);
	return flow;
}

/**
 * ipcp_listener_flow_ready() - The peer of a pending flow was heard
 * @flow: flow, ALLOCATED
 *
 * Context: Process context, may sleep.
 */
void ipcp_listener_flow_ready(struct ipcp_flow *flow)
{
	struct ipcp_net *ipn = flow->net;

	mutex_lock(&ipn->lock);
	if (flow->listener) {
		list_move_tail(&flow->accept, &flow->listener->waiting);
		wake_listener(flow->listener);
	}
	mutex_unlock(&ipn->lock);
}

/**
 * ipcp_listener_forget() - A flow that was not accepted is gone
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
 * ipcp_listener_accept() - Take the next flow of a name
 * @l: listener
 *
 * Context: Process context, may sleep.
 * Return: flow with a reference, or NULL.
 */
struct ipcp_flow *ipcp_listener_accept(struct ipcp_listener *l)
{
	struct ipcp_flow *flow;

	mutex_lock(&l->ipn->lock);
	flow = list_first_entry_or_null(&l->waiting, struct ipcp_flow, accept);
	if (flow) {
		list_del_init(&flow->accept);
		flow->listener = NULL;
		l->nflows--;
	}
	mutex_unlock(&l->ipn->lock);
	return flow;
}

/**
 * ipcp_listener_waiting() - Is there a flow to accept?
 * @l: listener
 *
 * Context: Any context.
 * Return: true if so.
 */
bool ipcp_listener_waiting(struct ipcp_listener *l)
{
	return !list_empty_careful(&l->waiting);
}
