// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Upcalls: requests, messages and notifications for the agent. The agent takes
 * them off a queue one by one. A multicast notifies the agent once that the
 * queue is not empty, and again only after the agent has found the queue empty.
 * A failed notification is repeated with the next upcall.
 *
 * There are three kinds, with a budget each, so that none can crowd out
 * another:
 *
 * SEALED messages are authentic and come first, one of each flow in turn. After
 * IPCP_SEALED_RUN of them in a row, an upcall of another kind follows. A flow
 * may use a share of the budget that is left: the more flows have messages
 * waiting, the less each flow gets, and something is always left for the next
 * flow.
 *
 * CTRL messages come from anybody. CTRL messages of providers use at most half
 * of the budget.
 *
 * Requests and notifications come from users, and take turns with CTRL
 * messages. In each namespace, a user may use a share of the places that are
 * left. So users leave room for each other at each agent, and an agent that
 * takes nothing off its queue keeps no user from the agent of another
 * namespace.
 *
 * Without an agent nothing is queued, and requests fail at once.
 */
#include <linux/skbuff.h>
#include <linux/slab.h>

#include "cb.h"
#include "netlink.h"
#include "notify.h"
#include "registry.h"
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
	if (up->sealed_of)
		ipcp_flow_put(up->sealed_of);
	ipcp_user_put(up->user);
	ipcp_owner_clear(&up->owner);
	kfree_skb(up->skb);
	kfree(up->name);
	kfree(up);
}

/* Add an upcall to the counters of its queue, or subtract it if @sign is -1. */
static void count_upcall(struct ipcp_net *ipn, const struct ipcp_upcall *up,
			 int sign)
{
	int bytes = up->skb ? sign * (int)up->skb->truesize : 0;

	lockdep_assert_held(&ipn->upcall_lock);
	switch (up->type) {
	case IPCP_REKEY_UPCALL_TYPE_SEALED:
		ipn->sealed_bytes += bytes;
		up->sealed_of->sealed.bytes += bytes;
		break;
	case IPCP_REKEY_UPCALL_TYPE_CTRL:
		ipn->ctrl_bytes += bytes;
		break;
	default:
		ipn->upcall_count += sign;
	}
}

static unsigned long user_index(const struct ipcp_upcall *up)
{
	return __kuid_val(up->user->uid);
}

static unsigned long user_count(struct ipcp_net *ipn, const struct ipcp_upcall *up)
{
	void *entry = xa_load(&ipn->upcall_users, user_index(up));

	return entry ? xa_to_value(entry) : 0;
}

/* Count a request or notification for its user, unless there are @max. */
static int add_to_user(struct ipcp_net *ipn, struct ipcp_upcall *up,
		       unsigned long max)
{
	unsigned long n;
	int err;

	lockdep_assert_held(&ipn->upcall_lock);
	if (!up->user)
		return 0;
	n = user_count(ipn, up);
	if (n >= max)
		return -EDQUOT;
	err = xa_err(xa_store(&ipn->upcall_users, user_index(up),
			      xa_mk_value(n + 1), GFP_ATOMIC));
	if (err)
		return err;
	up->counted = true;
	ipcp_user_add_upcall(up->user);
	return 0;
}

static void del_from_user(struct ipcp_net *ipn, struct ipcp_upcall *up)
{
	unsigned long n;

	lockdep_assert_held(&ipn->upcall_lock);
	if (!up->counted)
		return;
	n = user_count(ipn, up);
	if (n > 1)	/* replaces an entry, which needs no memory */
		xa_store(&ipn->upcall_users, user_index(up), xa_mk_value(n - 1),
			 GFP_ATOMIC);
	else
		xa_erase(&ipn->upcall_users, user_index(up));
	up->counted = false;
	ipcp_user_del_upcall(up->user);
}

/*
 * Check that there is room for an upcall, and count a request or notification
 * for its user. Return 0 or why there is no room.
 */
static int admit(struct ipcp_net *ipn, struct ipcp_upcall *up)
{
	unsigned int bytes = up->skb ? up->skb->truesize : 0, left;

	lockdep_assert_held(&ipn->upcall_lock);
	switch (up->type) {
	case IPCP_REKEY_UPCALL_TYPE_SEALED:
		/* An upcall that was put back may exceed the budget. */
		left = IPCP_SEALED_BYTES - min(ipn->sealed_bytes,
					       (unsigned int)IPCP_SEALED_BYTES);
		bytes += up->sealed_of->sealed.bytes;
		return bytes <= left / IPCP_SEALED_SHARE ? 0 : -ENOBUFS;
	case IPCP_REKEY_UPCALL_TYPE_CTRL:
		/* Providers are faster than any network: leave room. */
		left = up->from.provider ? IPCP_CTRL_BYTES / 2 : IPCP_CTRL_BYTES;
		return ipn->ctrl_bytes + bytes <= left ? 0 : -ENOBUFS;
	}
	if (ipn->upcall_count >= IPCP_UPCALL_COUNT)
		return -EUSERS;
	left = IPCP_UPCALL_COUNT - ipn->upcall_count;
	return add_to_user(ipn, up, max(left / IPCP_UPCALL_SHARE, 1));
}

/* Return the queue that an upcall belongs to. */
static struct list_head *queue_of(struct ipcp_net *ipn,
				  const struct ipcp_upcall *up)
{
	switch (up->type) {
	case IPCP_REKEY_UPCALL_TYPE_SEALED:
		return &up->sealed_of->sealed.queue;
	case IPCP_REKEY_UPCALL_TYPE_CTRL:
		return &ipn->ctrl;
	default:
		return &ipn->upcalls;
	}
}

static void add_upcall(struct ipcp_net *ipn, struct ipcp_upcall *up)
{
	struct ipcp_flow *flow = up->sealed_of;

	count_upcall(ipn, up, 1);
	list_add_tail(&up->list, queue_of(ipn, up));
	if (flow && list_empty(&flow->sealed.turn))
		list_add_tail(&flow->sealed.turn, &ipn->sealed);
}

static void del_upcall(struct ipcp_net *ipn, struct ipcp_upcall *up)
{
	struct ipcp_flow *flow = up->sealed_of;

	count_upcall(ipn, up, -1);
	list_del(&up->list);
	if (!flow)
		del_from_user(ipn, up);
	else if (list_empty(&flow->sealed.queue))
		list_del_init(&flow->sealed.turn);
	else
		list_move_tail(&flow->sealed.turn, &ipn->sealed);
}

/*
 * Queue an upcall, unless there is no agent or the queue is full. If @id is not
 * NULL, assign a request number. On success the caller must not use the upcall
 * any more, since the agent may have taken and freed it.
 */
static int enqueue_upcall(struct ipcp_net *ipn, struct ipcp_upcall *up, u64 *id)
{
	bool hint = false;
	int err;

	spin_lock_bh(&ipn->upcall_lock);
	err = READ_ONCE(ipn->agent) ? admit(ipn, up) : -ENOTCONN;
	if (!err) {
		if (id)
			*id = up->id = ++ipn->upcall_id;
		add_upcall(ipn, up);
		hint = !ipn->hinted;
		WRITE_ONCE(ipn->hinted, true);
	}
	spin_unlock_bh(&ipn->upcall_lock);
	if (hint && !ipcp_notify_agent(ipn))
		WRITE_ONCE(ipn->hinted, false);	/* retry at the next upcall */
	return err;
}

/* Return the next upcall for the agent, or NULL. */
static struct ipcp_upcall *find_next(struct ipcp_net *ipn)
{
	bool others = !list_empty(&ipn->ctrl) || !list_empty(&ipn->upcalls);
	struct ipcp_flow *flow;
	bool ctrl;

	flow = list_first_entry_or_null(&ipn->sealed, struct ipcp_flow,
					sealed.turn);
	if (flow && (!others || ipn->sealed_run < IPCP_SEALED_RUN)) {
		ipn->sealed_run++;
		return list_first_entry(&flow->sealed.queue,
					struct ipcp_upcall, list);
	}
	ipn->sealed_run = 0;
	if (!others)
		return NULL;
	ctrl = list_empty(&ipn->upcalls) ||
	       (ipn->ctrl_turn && !list_empty(&ipn->ctrl));
	ipn->ctrl_turn = !ctrl;
	return list_first_entry(ctrl ? &ipn->ctrl : &ipn->upcalls,
				struct ipcp_upcall, list);
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
	up = find_next(ipn);
	if (up)
		del_upcall(ipn, up);
	else
		WRITE_ONCE(ipn->hinted, false);
	spin_unlock_bh(&ipn->upcall_lock);
	return up;
}

/**
 * ipcp_upcall_requeue() - Put back an upcall that could not be delivered
 * @ipn: namespace
 * @up: upcall; becomes the first of its queue, or is freed if the flow of a
 *	SEALED message has ended
 *
 * Context: Process context.
 */
void ipcp_upcall_requeue(struct ipcp_net *ipn, struct ipcp_upcall *up)
{
	bool ended;

	spin_lock_bh(&ipn->upcall_lock);
	/* The bit is set before ipcp_upcall_forget() takes the lock. */
	ended = up->sealed_of &&
		test_bit(IPCP_FLOW_STOPPED, &up->sealed_of->bits);
	if (!ended) {
		if (!up->sealed_of)	/* if out of memory, not counted */
			add_to_user(ipn, up, ULONG_MAX);
		add_upcall(ipn, up);
		list_move(&up->list, queue_of(ipn, up));
	}
	spin_unlock_bh(&ipn->upcall_lock);
	if (ended)
		ipcp_upcall_free(up);
}

/**
 * ipcp_upcall_forget() - Free the SEALED messages of a flow that has ended
 * @flow: flow with IPCP_FLOW_STOPPED; the caller has a reference
 *
 * The agent has no use for these messages, and they would keep the flow.
 *
 * Context: Process context. The flow's worker, or when the worker cannot run
 * any more.
 */
void ipcp_upcall_forget(struct ipcp_flow *flow)
{
	struct ipcp_net *ipn = flow->net;
	struct ipcp_upcall *up, *next;
	LIST_HEAD(gone);

	spin_lock_bh(&ipn->upcall_lock);
	list_for_each_entry_safe(up, next, &flow->sealed.queue, list) {
		del_upcall(ipn, up);
		list_add_tail(&up->list, &gone);
	}
	spin_unlock_bh(&ipn->upcall_lock);
	list_for_each_entry_safe(up, next, &gone, list)
		ipcp_upcall_free(up);
}

/**
 * ipcp_upcall_withdraw() - Withdraw a request that the agent has not taken yet
 * @ipn: namespace
 * @id: number of the request
 *
 * Context: Process context.
 */
void ipcp_upcall_withdraw(struct ipcp_net *ipn, u64 id)
{
	struct ipcp_upcall *up, *found = NULL;

	spin_lock_bh(&ipn->upcall_lock);
	list_for_each_entry(up, &ipn->upcalls, list) {
		if (up->id == id) {
			found = up;
			break;
		}
	}
	if (found)
		del_upcall(ipn, found);
	spin_unlock_bh(&ipn->upcall_lock);
	if (found)
		ipcp_upcall_free(found);
}

/**
 * ipcp_upcall_ctrl() - Queue a cleartext message of another agent
 * @ipn: namespace
 * @skb: message; consumed on success. If @provider is 0, the IP header is still
 *	in front of the message
 * @provider: number of the provider that brought the message, or 0
 *
 * Context: Softirq or process context.
 * Return: IPCP_DROP_NONE, IPCP_DROP_CTRL_FULL or IPCP_DROP_NOMEM.
 */
enum ipcp_drop ipcp_upcall_ctrl(struct ipcp_net *ipn, struct sk_buff *skb,
				u32 provider)
{
	struct ipcp_upcall *up;

	if (!READ_ONCE(ipn->agent) || skb->len > IPCP_REKEY_CTRL_MAX)
		return IPCP_DROP_CTRL_FULL;
	up = upcall_new(IPCP_REKEY_UPCALL_TYPE_CTRL, NULL, GFP_ATOMIC);
	if (!up)
		return IPCP_DROP_NOMEM;
	up->from.provider = provider;
	up->slot = provider ? 0 : ipcp_cb(skb)->slot;
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
 * Return: as ipcp_upcall_ctrl(), and IPCP_DROP_MALFORMED if the message is too
 * long.
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
	up->sealed_of = ipcp_flow_get(flow);
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
 * Return: 0; -ENOTCONN without an agent; -EUSERS if the queue is full; -EDQUOT
 * if the user has too many upcalls in the queue; -ENOMEM.
 */
int ipcp_upcall_alloc(struct ipcp_flow *flow)
{
	struct ipcp_upcall *up;
	int err;

	up = upcall_new(IPCP_REKEY_UPCALL_TYPE_ALLOC, NULL, IPCP_GFP_PAYER);
	if (!up)
		return -ENOMEM;
	up->user = ipcp_user_hold(flow->payer.user);
	up->flow = ipcp_flow_get(flow);
	up->flow_id = flow->id;
	err = enqueue_upcall(flow->net, up, NULL);
	if (err)
		ipcp_upcall_free(up);
	return err;
}

/**
 * ipcp_upcall_ask_new() - Create a request for permission to use a name
 * @type: IPCP_REKEY_UPCALL_TYPE_LISTEN or _PROVIDE
 * @name: name
 * @owner: process that asks; copied
 * @user: user of that process, or NULL for no limit
 *
 * This is separate from ipcp_upcall_ask(), so that no task waits for memory
 * under a lock of the namespace.
 *
 * Context: Process context, without ipn->lock.
 * Return: the upcall, or NULL.
 */
struct ipcp_upcall *ipcp_upcall_ask_new(u32 type, const char *name,
					const struct ipcp_owner *owner,
					struct ipcp_user *user)
{
	struct ipcp_upcall *up = upcall_new(type, name, IPCP_GFP_PAYER);

	if (!up)
		return NULL;
	up->user = ipcp_user_hold(user);
	ipcp_owner_copy(&up->owner, owner);
	return up;
}

/**
 * ipcp_upcall_ask() - Ask the agent for permission to use a name
 * @ipn: namespace
 * @up: upcall of ipcp_upcall_ask_new(); consumed on success
 * @id: (output) number of the request
 *
 * Context: Process context, may be under ipn->lock.
 * Return: 0; -ENOTCONN without an agent; -EUSERS if the queue is full; -EDQUOT
 * if the user has too many upcalls in the queue; -ENOMEM.
 */
int ipcp_upcall_ask(struct ipcp_net *ipn, struct ipcp_upcall *up, u64 *id)
{
	return enqueue_upcall(ipn, up, id);
}

/**
 * ipcp_upcall_tell() - Queue a notification that needs no answer
 * @ipn: namespace
 * @type: IPCP_REKEY_UPCALL_TYPE_UNLISTEN, _UNPROVIDE, _CANCEL or _CLOSED
 * @flow_id: id of the flow, or 0
 * @name: name, or NULL
 * @user: user of the flow or the name, or NULL for no limit
 *
 * An agent that misses the notification finds the change in a dump.
 *
 * Context: Process context.
 */
void ipcp_upcall_tell(struct ipcp_net *ipn, u32 type, u32 flow_id,
		      const char *name, struct ipcp_user *user)
{
	struct ipcp_upcall *up;

	if (!READ_ONCE(ipn->agent))
		return;
	up = upcall_new(type, name, GFP_KERNEL);
	if (!up)
		return;
	up->user = ipcp_user_hold(user);
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
	xa_init(&ipn->upcall_users);
	INIT_LIST_HEAD(&ipn->upcalls);
	INIT_LIST_HEAD(&ipn->ctrl);
	INIT_LIST_HEAD(&ipn->sealed);
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
