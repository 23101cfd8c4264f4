// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* The flow object: reference counting, and helpers that all files use. */
#include <linux/random.h>
#include <linux/slab.h>

#include "cb.h"
#include "flow.h"
#include "inflight.h"
#include "net.h"
#include "trace.h"

/* Workqueue for all deferred work. Ordered per work item only. */
struct workqueue_struct *ipcp_wq;

/**
 * ipcp_flow_dropped() - Count a dropped packet of a flow
 * @flow: flow
 * @len: length of the packet in bytes
 * @reason: reason of the drop
 *
 * Context: Any context.
 */
void ipcp_flow_dropped(struct ipcp_flow *flow, unsigned int len,
		       enum ipcp_drop reason)
{
	this_cpu_inc(flow->stats->drops[reason]);
	trace_ipcp_drop(flow->id, reason, len);
}

/**
 * ipcp_flow_drop() - Drop a packet of a flow, and count it
 * @flow: flow
 * @skb: packet; freed
 * @reason: reason of the drop
 *
 * Context: Any context.
 */
void ipcp_flow_drop(struct ipcp_flow *flow, struct sk_buff *skb,
		    enum ipcp_drop reason)
{
	ipcp_flow_dropped(flow, skb->len, reason);
	kfree_skb(skb);
}

/**
 * ipcp_flow_drop_all() - Drop and count a buffer with several messages
 * @flow: flow
 * @skb: buffer, whose control block has the number of messages left, one or
 *	more; freed
 * @reason: reason of the drop
 *
 * Context: Any context.
 */
void ipcp_flow_drop_all(struct ipcp_flow *flow, struct sk_buff *skb,
			enum ipcp_drop reason)
{
	this_cpu_add(flow->stats->drops[reason], ipcp_cb(skb)->left - 1);
	ipcp_flow_drop(flow, skb, reason);
}

/**
 * ipcp_flow_kick() - Run the worker of a flow now
 * @flow: flow
 *
 * Context: Any context.
 */
void ipcp_flow_kick(struct ipcp_flow *flow)
{
	if (!test_bit(IPCP_FLOW_STOPPED, &flow->bits))
		mod_delayed_work(ipcp_wq, &flow->work, 0);
}

/**
 * ipcp_flow_too_long() - Note a message that was refused for its length
 * @flow: flow
 *
 * Only what is sent looks up the route. If all messages are too long, the flow
 * would not notice that its link takes them again, so the worker looks.
 *
 * Context: Any context.
 */
void ipcp_flow_too_long(struct ipcp_flow *flow)
{
	if (!test_bit(IPCP_FLOW_LOOK, &flow->bits) &&
	    !test_and_set_bit(IPCP_FLOW_LOOK, &flow->bits))
		ipcp_flow_kick(flow);
}

/**
 * ipcp_flow_free() - Free a flow without references
 * @flow: flow, with empty queues
 *
 * Context: Process context, may sleep.
 */
void ipcp_flow_free(struct ipcp_flow *flow)
{
	cancel_delayed_work_sync(&flow->work);
	ipcp_bind_free(rcu_dereference_protected(flow->bind, true));
	ipcp_owner_clear(&flow->owner);
	ipcp_rbuff_trim(&flow->n_rb);
	ipcp_user_del_flow(flow->payer.user);
	ipcp_payer_clear(&flow->payer);
	ipcp_inflight_end(flow->inflight);
	ipcp_consumer_put(flow->n_rb.flags.consumer);
	free_percpu(flow->stats);
	kfree(flow->name);
	kfree(flow->peer_name);
	kfree(flow->blob);
	atomic_dec(&flow->net->living);
	kfree_sensitive(flow);
}

/*
 * Free a flow after its last reference and a grace period. Since all code that
 * queues the worker has a reference or is inside an RCU read-side section, the
 * worker cannot be queued again. The queues were purged when the flow was
 * finished. The end of the namespace waits for this work, so references to a
 * flow must not be held indefinitely.
 */
static void free_work(struct work_struct *work)
{
	ipcp_flow_free(container_of(to_rcu_work(work), struct ipcp_flow, free));
}

/**
 * ipcp_flow_put() - Drop a reference
 * @flow: flow
 *
 * Context: Any context.
 */
void ipcp_flow_put(struct ipcp_flow *flow)
{
	if (refcount_dec_and_test(&flow->refs))
		queue_rcu_work(ipcp_wq, &flow->free);
}

/**
 * ipcp_flow_set_timeout() - Set the silence after which the peer counts as lost
 * @flow: flow
 * @ms: milliseconds, raised to IPCP_PEER_TIMEOUT_MIN_MS if less; 0 for no limit
 *
 * Context: Any context.
 */
void ipcp_flow_set_timeout(struct ipcp_flow *flow, u32 ms)
{
	if (ms)
		ms = clamp(ms, IPCP_PEER_TIMEOUT_MIN_MS, INT_MAX);
	WRITE_ONCE(flow->peer_timeout, msecs_to_jiffies(ms));
}

static void set_defaults(struct ipcp_flow *flow)
{
	flow->ppl_shift = IPCP_LEAF_SHIFT;
	flow->probe.note = IPCP_PROBE_NOTE_NONE;
	flow->grace = msecs_to_jiffies(IPCP_GRACE_MS);
	flow->linger_time = msecs_to_jiffies(IPCP_LINGER_MS);
	ipcp_flow_set_timeout(flow, flow->qos.timeout ?: IPCP_PEER_TIMEOUT_MS);
	flow->deadline = jiffies + msecs_to_jiffies(IPCP_ALLOC_TIMEOUT_MS);
}

static struct ipcp_flow *make_flow(struct ipcp_net *ipn, const char *name,
				   const struct ipcp_qos *qos,
				   const struct ipcp_payer *payer,
				   struct ipcp_consumer *consumer,
				   work_func_t worker)
{
	struct ipcp_flow *flow = kzalloc(sizeof(*flow), IPCP_GFP_PAYER);
	int err = -ENOMEM;

	if (!flow)
		return ERR_PTR(-ENOMEM);
	flow->net = ipn;
	refcount_set(&flow->refs, 2);
	spin_lock_init(&flow->lock);
	spin_lock_init(&flow->peer_lock);
	ipcp_waiting_init(&flow->waiting);
	skb_queue_head_init(&flow->ctl);
	INIT_DELAYED_WORK(&flow->work, worker);
	INIT_RCU_WORK(&flow->free, free_work);
	INIT_LIST_HEAD(&flow->accept);
	INIT_LIST_HEAD(&flow->sealed.turn);
	INIT_LIST_HEAD(&flow->sealed.queue);
	get_random_bytes(&flow->secret, sizeof(flow->secret));
	flow->qos = *qos;
	set_defaults(flow);

	flow->name = kstrdup(name, IPCP_GFP_PAYER);
	if (!flow->name)
		goto err_free;
	flow->stats = alloc_percpu_gfp(struct ipcp_stats, IPCP_GFP_PAYER);
	if (!flow->stats)
		goto err_name;
	flow->inflight = ipcp_inflight_new(consumer, payer->user);
	if (!flow->inflight)
		goto err_stats;
	err = ipcp_user_add_flow(payer->user);
	if (err)
		goto err_inflight;
	ipcp_payer_copy(&flow->payer, payer);
	ipcp_rbuff_init(&flow->n_rb, ipcp_consumer_get(consumer));
	flow->n_rb.user = payer->user;
	atomic_inc(&ipn->living);
	return flow;

err_inflight:
	ipcp_inflight_end(flow->inflight);
err_stats:
	free_percpu(flow->stats);
err_name:
	kfree(flow->name);
err_free:
	kfree_sensitive(flow);
	return ERR_PTR(err);
}

/**
 * ipcp_flow_new() - Create a flow that cannot be found yet
 * @ipn: network namespace
 * @name: name that is requested or served
 * @qos: requested quality of service
 * @payer: user and control group that the flow is charged to
 * @consumer: consumer to wake; a reference is taken
 * @worker: worker of the flow
 *
 * Context: Process context, may sleep.
 * Return: flow in INIT with two references, one for the registry; -ENOMEM;
 * -EDQUOT if the payer has too many flows, or too much memory in queues.
 */
struct ipcp_flow *ipcp_flow_new(struct ipcp_net *ipn, const char *name,
				const struct ipcp_qos *qos,
				const struct ipcp_payer *payer,
				struct ipcp_consumer *consumer,
				work_func_t worker)
{
	struct mem_cgroup *before = ipcp_pay(payer);
	struct ipcp_flow *flow;

	flow = make_flow(ipn, name, qos, payer, consumer, worker);
	ipcp_pay_end(before);
	return flow;
}
