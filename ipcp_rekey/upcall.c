// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Upcalls: requests, messages and notifications for the agent. The agent takes
 * them off a queue one by one. A multicast notifies the agent once that the
 * queue is not empty, and again only after the agent has found the queue empty.
 * A failed notification is repeated with the next upcall.
 *
 * Without an agent nothing is queued, and requests fail at once.
 */
#include <linux/skbuff.h>
#include <linux/slab.h>

#include "cb.h"
#include "netlink.h"
#include "notify.h"
#include "registry.h"
#include "udp.h"
#include "upcall.h"

static struct ipcp_upcall *upcall_new(u32 type, const char *name, gfp_t gfp)
{
	struct ipcp_upcall *up = kzalloc(sizeof(*up), gfp);

	if (!up)
		return NULL;
	up->type = type;
	if (name) {
		up->name = kstrdup(name, gfp);
		if (!up->name) {
			kfree(up);
			return NULL;
		}
	}
	return up;
}

/**
 * ipcp_upcall_free() - Free an upcall that was taken off the queue
 * @up: upcall
 *
 * Context: Process context.
 */
void ipcp_upcall_free(struct ipcp_upcall *up)
{
	if (up->flow)
		ipcp_flow_put(up->flow);
	ipcp_owner_clear(&up->owner);
	kfree_skb(up->skb);
	kfree(up->name);
	kfree(up);
}

static void count_upcall(struct ipcp_net *ipn, const struct ipcp_upcall *up,
			 int sign)
{
	lockdep_assert_held(&ipn->upcall_lock);
	if (up->skb)
		ipn->upcall_bytes += sign * (int)up->skb->truesize;
	else
		ipn->upcall_count += sign;
}

/*
 * Queue an upcall, unless there is no agent or the queue is full. If @id is not
 * NULL, assign a request number. On success the caller must not use the upcall
 * any more, since the agent may have taken and freed it.
 */
static int enqueue_upcall(struct ipcp_net *ipn, struct ipcp_upcall *up, u64 *id)
{
	unsigned int bytes = up->skb ? up->skb->truesize : 0;
	bool hint = false;
	int err = 0;

	spin_lock_bh(&ipn->upcall_lock);
	if (!READ_ONCE(ipn->agent)) {
		err = -ENOTCONN;
	} else if (bytes && ipn->upcall_bytes + bytes > IPCP_UPCALL_BYTES) {
		err = -ENOBUFS;
	} else if (!bytes && ipn->upcall_count >= IPCP_UPCALL_COUNT) {
		err = -EUSERS;
	} else {
		if (id)
			*id = up->id = ++ipn->upcall_id;
		count_upcall(ipn, up, 1);
		list_add_tail(&up->list, &ipn->upcalls);
		hint = !ipn->hinted;
		WRITE_ONCE(ipn->hinted, true);
	}
	spin_unlock_bh(&ipn->upcall_lock);
	if (hint && !ipcp_notify_agent(ipn))
		WRITE_ONCE(ipn->hinted, false);	/* retry at the next upcall */
	return err;
}

/**
 * ipcp_upcall_next() - Take the next upcall off the queue
 * @ipn: namespace
 *
 * Context: Process context.
 * Return: the upcall, which the caller frees with ipcp_upcall_free(), or NULL.
 */
struct ipcp_upcall *ipcp_upcall_next(struct ipcp_net *ipn)
{
	struct ipcp_upcall *up;

	spin_lock_bh(&ipn->upcall_lock);
	up = list_first_entry_or_null(&ipn->upcalls, struct ipcp_upcall, list);
	if (up) {
		list_del(&up->list);
		count_upcall(ipn, up, -1);
	} else {
		WRITE_ONCE(ipn->hinted, false);
	}
	spin_unlock_bh(&ipn->upcall_lock);
	return up;
}

/**
 * ipcp_upcall_requeue() - Put back an upcall that could not be delivered
 * @ipn: namespace
 * @up: upcall; becomes the first of the queue
 *
 * Context: Process context.
 */
void ipcp_upcall_requeue(struct ipcp_net *ipn, struct ipcp_upcall *up)
{
	spin_lock_bh(&ipn->upcall_lock);
	count_upcall(ipn, up, 1);
	list_add(&up->list, &ipn->upcalls);
	spin_unlock_bh(&ipn->upcall_lock);
}

/**
 * ipcp_upcall_ctrl() - Queue a cleartext message of another agent
 * @ipn: namespace
 * @skb: message, whose IP header is still in front of it; consumed on success
 *
 * Context: Softirq or process context.
 * Return: IPCP_DROP_NONE, IPCP_DROP_CTRL_FULL or IPCP_DROP_NOMEM.
 */
enum ipcp_drop ipcp_upcall_ctrl(struct ipcp_net *ipn, struct sk_buff *skb)
{
	struct ipcp_upcall *up;

	if (!READ_ONCE(ipn->agent) || skb->len > IPCP_REKEY_CTRL_MAX)
		return IPCP_DROP_CTRL_FULL;
	up = upcall_new(IPCP_REKEY_UPCALL_TYPE_CTRL, NULL, GFP_ATOMIC);
	if (!up)
		return IPCP_DROP_NOMEM;
	up->slot = ipcp_cb(skb)->slot;
	up->skb = skb;
	if (enqueue_upcall(ipn, up, NULL)) {
		up->skb = NULL;
		ipcp_upcall_free(up);
		return IPCP_DROP_CTRL_FULL;
	}
	return IPCP_DROP_NONE;
}

/**
 * ipcp_upcall_sealed() - Queue a sealed message of the peer's agent
 * @flow: flow
 * @epoch: epoch that the message came in
 * @skb: message; consumed and set to NULL on success
 *
 * Context: The flow's worker.
 * Return: as ipcp_upcall_ctrl(), and IPCP_DROP_MALFORMED if it is too long.
 */
enum ipcp_drop ipcp_upcall_sealed(struct ipcp_flow *flow, u8 epoch,
				  struct sk_buff **skb)
{
	struct ipcp_upcall *up;

	if ((*skb)->len > IPCP_REKEY_CTRL_MAX)
		return IPCP_DROP_MALFORMED;
	up = upcall_new(IPCP_REKEY_UPCALL_TYPE_SEALED, NULL, GFP_KERNEL);
	if (!up)
		return IPCP_DROP_NOMEM;
	up->flow_id = flow->id;
	up->epoch = epoch;
	up->skb = *skb;
	if (enqueue_upcall(flow->net, up, NULL)) {
		up->skb = NULL;
		ipcp_upcall_free(up);
		return IPCP_DROP_CTRL_FULL;
	}
	*skb = NULL;
	return IPCP_DROP_NONE;
}

/**
 * ipcp_upcall_alloc() - Ask the agent to allocate a flow
 * @flow: flow in ALLOC_PENDING
 *
 * Context: Process context.
 * Return: 0; -ENOTCONN without an agent; -EUSERS if the queue is full; -ENOMEM.
 */
int ipcp_upcall_alloc(struct ipcp_flow *flow)
{
	struct ipcp_upcall *up;
	int err;

	up = upcall_new(IPCP_REKEY_UPCALL_TYPE_ALLOC, NULL, GFP_KERNEL_ACCOUNT);
	if (!up)
		return -ENOMEM;
	up->flow = ipcp_flow_get(flow);
	up->flow_id = flow->id;
	err = enqueue_upcall(flow->net, up, NULL);
	if (err)
		ipcp_upcall_free(up);
	return err;
}

/**
 * ipcp_upcall_listen() - Ask the agent whether the caller may serve a name
 * @ipn: namespace
 * @name: name
 * @owner: process that asks to serve the name; copied
 * @id: (output) number of the request
 *
 * Context: Process context, under ipn->lock.
 * Return: 0; -ENOTCONN without an agent; -EUSERS if the queue is full; -ENOMEM.
 */
int ipcp_upcall_listen(struct ipcp_net *ipn, const char *name,
		       const struct ipcp_owner *owner, u64 *id)
{
	struct ipcp_upcall *up;
	int err;

	up = upcall_new(IPCP_REKEY_UPCALL_TYPE_LISTEN, name, IPCP_GFP_PAYER);
	if (!up)
		return -ENOMEM;
	ipcp_owner_copy(&up->owner, owner);
	err = enqueue_upcall(ipn, up, id);
	if (err)
		ipcp_upcall_free(up);
	return err;
}

/**
 * ipcp_upcall_tell() - Queue a notification that needs no answer
 * @ipn: namespace
 * @type: IPCP_REKEY_UPCALL_TYPE_UNLISTEN, _CANCEL or _CLOSED
 * @flow_id: id of the flow, or 0
 * @name: name, or NULL
 *
 * If the notification is lost, the agent still finds out from a dump.
 *
 * Context: Process context.
 */
void ipcp_upcall_tell(struct ipcp_net *ipn, u32 type, u32 flow_id,
		      const char *name)
{
	struct ipcp_upcall *up;

	if (!READ_ONCE(ipn->agent))
		return;
	up = upcall_new(type, name, GFP_KERNEL);
	if (!up)
		return;
	up->flow_id = flow_id;
	if (enqueue_upcall(ipn, up, NULL))
		ipcp_upcall_free(up);
}

/**
 * ipcp_upcall_purge() - Empty the queue after the agent has gone away
 * @ipn: namespace, without an agent
 *
 * Context: Process context.
 */
void ipcp_upcall_purge(struct ipcp_net *ipn)
{
	struct ipcp_upcall *up;

	while ((up = ipcp_upcall_next(ipn)))
		ipcp_upcall_free(up);
}

/**
 * ipcp_upcall_net_init() - Initialise the queue of a namespace
 * @ipn: namespace
 */
void ipcp_upcall_net_init(struct ipcp_net *ipn)
{
	spin_lock_init(&ipn->upcall_lock);
	INIT_LIST_HEAD(&ipn->upcalls);
}

/**
 * ipcp_upcall_net_exit() - Free the upcalls that are left
 * @ipn: namespace
 *
 * Context: Process context.
 */
void ipcp_upcall_net_exit(struct ipcp_net *ipn)
{
	ipcp_upcall_purge(ipn);
}
