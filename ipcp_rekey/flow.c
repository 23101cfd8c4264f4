// SPDX-License-Identifier: GPL-2.0
/*
 * A flow: its states, its end, and its worker.
 *
 *   INIT -> ALLOC_PENDING  -> ALLOCATED      the agent brought the first seed
 *   INIT -> ACCEPT_PENDING -> ALLOCATED      the peer was heard under it
 *   *_PENDING              -> DEALLOCATED    refused, given up, too late
 *   ALLOCATED              -> DEALLOC_PENDING   the program closed it
 *   DEALLOC_PENDING        -> DEALLOCATED    the peer was told
 *
 * Everything that sleeps or waits for time is done by the worker, one work item
 * a flow: control packets, keys to prepare and to wipe, CONFIRM, keepalive, and
 * the end. So those never run beside themselves.
 */
#include <linux/cred.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "control.h"
#include "deadline.h"
#include "failure.h"
#include "keyrot.h"
#include "listener.h"
#include "local.h"
#include "notify.h"
#include "registry.h"
#include "rx.h"
#include "trace.h"
#include "tx.h"
#include "upcall.h"
#include "wire.h"

/* CLOSE may be lost: it is sent so often, each time after twice the time. */
#define IPCP_CLOSES		3
#define IPCP_CLOSE_MS		200

/**
 * ipcp_flow_dropped() - Count a packet of a flow that was dropped
 * @flow: flow
 * @len: its length in bytes
 * @reason: why
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
 * @reason: why
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
 * ipcp_flow_kick() - Let the worker look at the flow
 * @flow: flow
 *
 * Context: Any context.
 */
void ipcp_flow_kick(struct ipcp_flow *flow)
{
	if (!test_bit(IPCP_FLOW_STOPPED, &flow->bits))
		mod_delayed_work(ipcp_wq, &flow->work, 0);
}

/*
 * Nobody has the flow any more, nor can the worker be queued again. The end of
 * the namespace waits for this, so nothing that others may keep for any time
 * is to hold a flow.
 */
static void free_work(struct work_struct *work)
{
	struct ipcp_flow *flow = container_of(to_rcu_work(work),
					      struct ipcp_flow, free);

	cancel_delayed_work_sync(&flow->work);
	ipcp_rx_purge(flow);
	dst_cache_destroy(&flow->dst);
	ipcp_owner_clear(&flow->owner);
	ipcp_user_del_flow(flow->payer.user);
	ipcp_payer_clear(&flow->payer);
	ipcp_inflight_end(flow->inflight);
	ipcp_wait_put(flow->n_rb.flags.wait);
	free_percpu(flow->stats);
	kfree(flow->name);
	kfree(flow->blob);
	atomic_dec(&flow->net->living);
	kfree_sensitive(flow);
}

/**
 * ipcp_flow_put() - Let go of a flow
 * @flow: flow
 *
 * Context: Any context.
 */
void ipcp_flow_put(struct ipcp_flow *flow)
{
	if (refcount_dec_and_test(&flow->refs))
		queue_rcu_work(ipcp_wq, &flow->free);
}

/* The end: no packet, no key, no number. Whoever comes second does nothing. */
static void finish_flow(struct ipcp_flow *flow)
{
	spin_lock_bh(&flow->lock);
	flow->state = IPCP_REKEY_FLOW_STATE_DEALLOCATED;
	spin_unlock_bh(&flow->lock);
	set_bit(IPCP_FLOW_STOPPED, &flow->bits);
	ipcp_keyrot_drop(flow);
	ipcp_local_part(flow);
	ipcp_rx_purge(flow);
	ipcp_listener_forget(flow);
	ipcp_registry_del(flow);
}

/**
 * ipcp_flow_destroy() - End a flow at once, without telling the peer
 * @flow: flow; the caller has a reference
 *
 * Context: Process context, may sleep; not the flow's worker.
 */
void ipcp_flow_destroy(struct ipcp_flow *flow)
{
	set_bit(IPCP_FLOW_STOPPED, &flow->bits);
	cancel_delayed_work_sync(&flow->work);
	finish_flow(flow);
}

static bool set_state(struct ipcp_flow *flow, u8 state)
{
	bool pending;

	spin_lock_bh(&flow->lock);
	pending = ipcp_flow_pending(flow);
	if (pending)
		WRITE_ONCE(flow->state, state);
	spin_unlock_bh(&flow->lock);
	return pending;
}

/**
 * ipcp_flow_allocated() - A pending flow has keys and a peer
 * @flow: flow
 *
 * Context: Process context, may sleep.
 * Return: 0, or -ESTALE if it was not pending any more.
 */
int ipcp_flow_allocated(struct ipcp_flow *flow)
{
	WRITE_ONCE(flow->last_rx, jiffies);
	WRITE_ONCE(flow->last_tx, jiffies);
	if (!set_state(flow, IPCP_REKEY_FLOW_STATE_ALLOCATED))
		return -ESTALE;
	ipcp_notify(flow, IPCP_REKEY_EVENT_ALLOCATED, flow->rk.epoch,
		    flow->rk.exchange);
	ipcp_listener_flow_ready(flow);
	ipcp_registry_notify_flow(flow);
	ipcp_flow_kick(flow);
	return 0;
}

static void set_error(struct ipcp_flow *flow, int error, const char *reason)
{
	spin_lock_bh(&flow->lock);
	if (!flow->error) {
		strscpy(flow->reason, reason ?: "", sizeof(flow->reason));
		smp_wmb();	/* whoever sees the error sees the reason */
		WRITE_ONCE(flow->error, ipcp_failure(error));
	}
	spin_unlock_bh(&flow->lock);
}

/**
 * ipcp_flow_fail() - A pending allocation failed
 * @flow: flow
 * @error: positive errno that ipcp_failure_known() knows
 * @reason: the same in words, or NULL
 *
 * Context: Process context, may sleep; not the flow's worker.
 */
void ipcp_flow_fail(struct ipcp_flow *flow, int error, const char *reason)
{
	if (!ipcp_flow_pending(flow))
		return;
	set_error(flow, error, reason);
	if (!set_state(flow, IPCP_REKEY_FLOW_STATE_DEALLOCATED))
		return;
	ipcp_notify(flow, IPCP_REKEY_EVENT_FAILED, 0, 0);
	ipcp_registry_notify_flow(flow);
	ipcp_flow_destroy(flow);
}

/**
 * ipcp_flow_down() - The flow cannot go on
 * @flow: flow
 * @error: positive errno that ipcp_failure_known() knows
 * @reason: the same in words, or NULL
 *
 * What is queued can still be read.
 *
 * Context: Process context.
 */
void ipcp_flow_down(struct ipcp_flow *flow, int error, const char *reason)
{
	set_error(flow, error, reason);
	if (ipcp_rbflags_change(&flow->n_rb.flags, IPCP_RB_FLOWDOWN, 0)) {
		ipcp_notify(flow, IPCP_REKEY_EVENT_DOWN, flow->rk.epoch,
			    flow->rk.exchange);
		ipcp_local_down(flow);
	}
	ipcp_flow_kick(flow);
}

/**
 * ipcp_flow_dealloc() - Nobody uses this end of the flow any more
 * @flow: flow
 *
 * An allocated flow stays until the peer was told.
 *
 * Context: Process context, may sleep.
 */
void ipcp_flow_dealloc(struct ipcp_flow *flow)
{
	bool allocated, pending;

	spin_lock_bh(&flow->lock);
	pending = ipcp_flow_pending(flow);
	allocated = flow->state == IPCP_REKEY_FLOW_STATE_ALLOCATED;
	if (allocated) {
		flow->closes = IPCP_CLOSES;
		/* The worker may see it at once, and what it is to do. */
		smp_store_release(&flow->state,
				  IPCP_REKEY_FLOW_STATE_DEALLOC_PENDING);
	}
	spin_unlock_bh(&flow->lock);

	if (allocated) {
		ipcp_notify(flow, IPCP_REKEY_EVENT_CLOSED, flow->rk.epoch,
			    flow->rk.exchange);
		/* First, or its writer would find the room that is made here. */
		ipcp_local_down(flow);
		ipcp_rx_purge(flow);
		ipcp_flow_kick(flow);
		ipcp_upcall_tell(flow->net, IPCP_REKEY_UPCALL_TYPE_CLOSED,
				 flow->id, flow->name);
		return;
	}
	if (pending)
		ipcp_upcall_tell(flow->net, IPCP_REKEY_UPCALL_TYPE_CANCEL,
				 flow->id, flow->name);
	ipcp_flow_destroy(flow);
}

/* Tells the peer that the flow is closed. True if that is done. */
static bool send_close(struct ipcp_flow *flow, unsigned long *next)
{
	bool seen = test_bit(IPCP_FLOW_CLOSE_SEEN, &flow->bits);
	unsigned int round = IPCP_CLOSES - flow->closes;

	/* The peer that closed hears it once, and need not say it again. */
	if (seen && round)
		return true;
	/* What else comes up does not hurry it: a loss of some lasts a while. */
	if (round && ipcp_deadline_add(next, flow->close_at))
		return false;
	if (!flow->closes)
		return true;
	if (ipcp_tx_current(flow, IPCP_PDU_CLOSE, NULL, 0) == -EAGAIN || seen)
		return true;	/* no key, nothing to be said; or all is */
	flow->closes--;
	flow->close_at = ipcp_deadline_in(next, msecs_to_jiffies(IPCP_CLOSE_MS <<
								 round));
	return false;
}

/* The peer was heard, so this end of the flow can be accepted. */
static void check_heard(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep;
	bool heard;

	rcu_read_lock();
	ep = ipcp_epoch_newest(flow);
	heard = ep && test_bit(IPCP_EP_OBSERVED, &ep->flags);
	rcu_read_unlock();
	if (heard && flow->state == IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING)
		ipcp_flow_allocated(flow);
}

static bool allocation_late(struct ipcp_flow *flow, unsigned long *next)
{
	if (!ipcp_flow_pending(flow) || ipcp_deadline_add(next, flow->deadline))
		return false;
	set_error(flow, ETIMEDOUT, "no answer in time");
	if (!set_state(flow, IPCP_REKEY_FLOW_STATE_DEALLOCATED))
		return false;
	ipcp_notify(flow, IPCP_REKEY_EVENT_FAILED, 0, 0);
	ipcp_registry_notify_flow(flow);
	ipcp_upcall_tell(flow->net, IPCP_REKEY_UPCALL_TYPE_CANCEL, flow->id,
			 flow->name);
	return true;
}

static void check_peer(struct ipcp_flow *flow, unsigned long *next)
{
	unsigned long timeout = READ_ONCE(flow->peer_timeout);

	if (!timeout || ipcp_flow_is_direct(flow))
		return;
	if (!ipcp_deadline_add(next, READ_ONCE(flow->last_tx) + timeout / 4)) {
		ipcp_control_keepalive(flow);
		ipcp_deadline_in(next, timeout / 4);
	}
	if (ipcp_deadline_add(next, READ_ONCE(flow->last_rx) + timeout))
		return;
	if (ipcp_rbflags_change(&flow->n_rb.flags, IPCP_RB_FLOWPEER, 0))
		ipcp_notify(flow, IPCP_REKEY_EVENT_PEER_LOST, flow->rk.epoch,
			    0);
}

/**
 * ipcp_flow_tend() - Do all that the worker has to do for a flow now
 * @flow: flow
 * @next: out, jiffies when to come again
 *
 * Context: The flow's worker.
 * Return: false if there is no next time: the flow is over.
 */
bool ipcp_flow_tend(struct ipcp_flow *flow, unsigned long *next)
{
	bool done = false;

	*next = ipcp_deadline_never();
	ipcp_rx_drain(flow);
	ipcp_control_work(flow);

	if (ipcp_flow_pending(flow))
		check_heard(flow);
	if (READ_ONCE(flow->rk.encrypted))
		ipcp_keyrot_work(flow, next);
	/* Paired with ipcp_flow_dealloc(). */
	switch (smp_load_acquire(&flow->state)) {
	case IPCP_REKEY_FLOW_STATE_ALLOCATED:
		if (!(ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_FLOWDOWN))
			check_peer(flow, next);
		break;
	case IPCP_REKEY_FLOW_STATE_DEALLOC_PENDING:
		done = send_close(flow, next);
		break;
	default:
		done = allocation_late(flow, next);
	}
	if (done)
		finish_flow(flow);
	return !test_bit(IPCP_FLOW_STOPPED, &flow->bits);
}

static void flow_work(struct work_struct *work)
{
	struct ipcp_flow *flow = container_of(to_delayed_work(work),
					      struct ipcp_flow, work);
	unsigned long next;

	if (test_bit(IPCP_FLOW_STOPPED, &flow->bits))
		return;
	if (ipcp_flow_tend(flow, &next))
		queue_delayed_work(ipcp_wq, &flow->work,
				   ipcp_deadline_delay(next));
}

/**
 * ipcp_flow_set_timeout() - Set after how much silence the peer is lost
 * @flow: flow
 * @ms: milliseconds, at least IPCP_PEER_TIMEOUT_MIN_MS are taken; 0 for never
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
	flow->grace = msecs_to_jiffies(IPCP_GRACE_MS);
	flow->linger_time = msecs_to_jiffies(IPCP_LINGER_MS);
	ipcp_flow_set_timeout(flow, flow->qos.timeout ?: IPCP_PEER_TIMEOUT_MS);
	flow->deadline = jiffies + msecs_to_jiffies(IPCP_ALLOC_TIMEOUT_MS);
}

static struct ipcp_flow *make_flow(struct ipcp_net *ipn, const char *name,
				   const struct ipcp_qos *qos,
				   const struct ipcp_payer *payer,
				   struct ipcp_wait *wait)
{
	struct ipcp_flow *flow = kzalloc(sizeof(*flow), GFP_KERNEL_ACCOUNT);
	int err = -ENOMEM;

	if (!flow)
		return ERR_PTR(-ENOMEM);
	flow->net = ipn;
	refcount_set(&flow->refs, 2);
	spin_lock_init(&flow->lock);
	rwlock_init(&flow->peer_lock);
	ipcp_waiting_init(&flow->waiting);
	skb_queue_head_init(&flow->ctl);
	INIT_DELAYED_WORK(&flow->work, flow_work);
	INIT_RCU_WORK(&flow->free, free_work);
	INIT_LIST_HEAD(&flow->accept);
	get_random_bytes(&flow->secret, sizeof(flow->secret));
	flow->qos = *qos;
	set_defaults(flow);

	flow->name = kstrdup(name, GFP_KERNEL_ACCOUNT);
	if (!flow->name)
		goto err_free;
	flow->stats = alloc_percpu_gfp(struct ipcp_stats, GFP_KERNEL_ACCOUNT);
	if (!flow->stats)
		goto err_name;
	err = dst_cache_init(&flow->dst, GFP_KERNEL_ACCOUNT);
	if (err)
		goto err_stats;
	err = -ENOMEM;
	flow->inflight = ipcp_inflight_new(wait);
	if (!flow->inflight)
		goto err_dst;
	err = ipcp_user_add_flow(payer->user);
	if (err)
		goto err_inflight;
	ipcp_payer_copy(&flow->payer, payer);
	ipcp_rbuff_init(&flow->n_rb, ipcp_wait_get(wait));
	flow->n_rb.user = payer->user;
	err = ipcp_registry_add(flow);
	if (err)
		goto err_wait;
	atomic_inc(&ipn->living);
	ipcp_notify(flow, IPCP_REKEY_EVENT_CREATED, 0, 0);
	ipcp_flow_kick(flow);
	return flow;

err_wait:
	ipcp_wait_put(wait);
	ipcp_payer_clear(&flow->payer);
	ipcp_user_del_flow(payer->user);
err_inflight:
	ipcp_inflight_end(flow->inflight);
err_dst:
	dst_cache_destroy(&flow->dst);
err_stats:
	free_percpu(flow->stats);
err_name:
	kfree(flow->name);
err_free:
	kfree_sensitive(flow);
	return ERR_PTR(err);
}

/**
 * ipcp_flow_new() - Make a flow and register it
 * @ipn: namespace
 * @name: name that is asked for or served
 * @qos: what is asked of it
 * @payer: who pays for it
 * @wait: whom to wake; a reference is taken
 *
 * Context: Process context, may sleep.
 * Return: flow in INIT, with a reference for the caller; -ENOMEM; -EBUSY no
 * number is free; -EDQUOT the payer has too many.
 */
struct ipcp_flow *ipcp_flow_new(struct ipcp_net *ipn, const char *name,
				const struct ipcp_qos *qos,
				const struct ipcp_payer *payer,
				struct ipcp_wait *wait)
{
	struct mem_cgroup *before = ipcp_pay(payer);
	struct ipcp_flow *flow = make_flow(ipn, name, qos, payer, wait);

	ipcp_pay_end(before);
	return flow;
}

/**
 * ipcp_flow_ask() - Ask the agent for a flow to a name
 * @ipn: namespace
 * @name: name
 * @qos: what is asked of it
 * @timeo: jiffies until the allocation has failed
 * @wait: whom to wake; a reference is taken
 *
 * Context: Process context of who asks, who owns and pays for the flow.
 * Return: flow, ALLOC_PENDING, with a reference for the caller; -ENOTCONN
 * without an agent; -EUSERS it has too much to do; as ipcp_flow_new().
 */
struct ipcp_flow *ipcp_flow_ask(struct ipcp_net *ipn, const char *name,
				const struct ipcp_qos *qos, long timeo,
				struct ipcp_wait *wait)
{
	struct ipcp_payer payer;
	struct ipcp_flow *flow;
	int err;

	if (!READ_ONCE(ipn->agent))
		return ERR_PTR(-ENOTCONN);
	err = ipcp_payer_current(&payer, ipn);
	if (err)
		return ERR_PTR(err);
	flow = ipcp_flow_new(ipn, name, qos, &payer, wait);
	ipcp_payer_clear(&payer);
	if (IS_ERR(flow))
		return flow;
	ipcp_owner_current(&flow->owner);
	spin_lock_bh(&flow->lock);
	flow->deadline = jiffies + min(timeo, (long)(MAX_JIFFY_OFFSET / 2));
	WRITE_ONCE(flow->state, IPCP_REKEY_FLOW_STATE_ALLOC_PENDING);
	spin_unlock_bh(&flow->lock);
	ipcp_flow_kick(flow);	/* has a deadline now */
	err = ipcp_upcall_alloc(flow);
	if (err) {
		ipcp_flow_destroy(flow);
		ipcp_flow_put(flow);
		return ERR_PTR(err);
	}
	return flow;
}
