// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The states of a flow, and its end.
 *
 *   INIT -> ALLOC_PENDING  -> ALLOCATED     the agent installed the first seed
 *   INIT -> ACCEPT_PENDING -> ALLOCATED     a packet of the peer authenticated
 *   *_PENDING       -> DEALLOCATED          rejected, cancelled or timed out
 *   ALLOCATED       -> DEALLOC_PENDING      the program closed the flow
 *   ACCEPT_PENDING  -> DEALLOC_PENDING      the listener has ended, or the peer
 *                                           was not heard in time
 *   DEALLOC_PENDING -> DEALLOCATED          the peer was told
 */
#include "failure.h"
#include "keyrot.h"
#include "listener.h"
#include "notify.h"
#include "path.h"
#include "registry.h"
#include "rx.h"
#include "state.h"
#include "upcall.h"

static void path_down(struct ipcp_flow *flow)
{
	const struct ipcp_path_ops *path = READ_ONCE(flow->path);

	if (path->down)
		path->down(flow);
}

static void path_finish(struct ipcp_flow *flow)
{
	const struct ipcp_path_ops *path = READ_ONCE(flow->path);

	if (path->finish)
		path->finish(flow);
}

/**
 * ipcp_state_finish() - End a flow: wipe its keys, purge its queues, unregister
 * it
 * @flow: flow; later calls have no effect
 *
 * Context: Process context, may sleep. Called by the flow's worker, or when the
 * worker cannot run any more.
 */
void ipcp_state_finish(struct ipcp_flow *flow)
{
	spin_lock_bh(&flow->lock);
	WRITE_ONCE(flow->state, IPCP_REKEY_FLOW_STATE_DEALLOCATED);
	spin_unlock_bh(&flow->lock);
	set_bit(IPCP_FLOW_STOPPED, &flow->bits);
	ipcp_keyrot_drop(flow);
	path_finish(flow);
	ipcp_rx_purge(flow);
	ipcp_upcall_forget(flow);
	ipcp_listener_forget(flow);
	ipcp_registry_del(flow);
}

/**
 * ipcp_state_destroy() - End a flow at once, without telling the peer
 * @flow: flow; the caller has a reference
 *
 * Context: Process context, may sleep; not the flow's worker.
 */
void ipcp_state_destroy(struct ipcp_flow *flow)
{
	set_bit(IPCP_FLOW_STOPPED, &flow->bits);
	cancel_delayed_work_sync(&flow->work);
	ipcp_state_finish(flow);
}

static bool set_allocated(struct ipcp_flow *flow)
{
	bool pending;

	spin_lock_bh(&flow->lock);
	pending = ipcp_flow_pending(flow);
	if (pending)
		WRITE_ONCE(flow->state, IPCP_REKEY_FLOW_STATE_ALLOCATED);
	spin_unlock_bh(&flow->lock);
	return pending;
}

/**
 * ipcp_state_allocated() - Make a pending flow allocated
 * @flow: flow, with keys and a peer, or direct
 *
 * Context: Process context, may sleep.
 * Return: 0, or -ESTALE if the flow was not pending any more.
 */
int ipcp_state_allocated(struct ipcp_flow *flow)
{
	WRITE_ONCE(flow->last_rx, jiffies);
	WRITE_ONCE(flow->last_tx, jiffies);
	if (!set_allocated(flow))
		return -ESTALE;
	ipcp_notify(flow, IPCP_REKEY_EVENT_ALLOCATED, READ_ONCE(flow->rk.epoch),
		    READ_ONCE(flow->rk.exchange));
	ipcp_listener_flow_ready(flow);
	ipcp_rbflags_wake(&flow->n_rb.flags, IPCP_WAKE_ALL);
	ipcp_flow_kick(flow);
	return 0;
}

/* Set the error of a flow. The first error remains. */
static void set_error(struct ipcp_flow *flow, int error, const char *reason)
{
	lockdep_assert_held(&flow->lock);
	if (flow->error)
		return;
	strscpy(flow->reason, reason ?: "", sizeof(flow->reason));
	/* Write the reason before the error. Readers pair with smp_rmb(). */
	smp_wmb();
	WRITE_ONCE(flow->error, ipcp_failure(error));
}

/*
 * End a flow if it is pending. Test and end it in one critical section, so that
 * a flow which is allocated meanwhile gets no error. Return false if the flow
 * was not pending any more.
 */
static bool set_failed(struct ipcp_flow *flow, int error, const char *reason)
{
	bool pending;

	spin_lock_bh(&flow->lock);
	pending = ipcp_flow_pending(flow);
	if (pending) {
		set_error(flow, error, reason);
		/* Pairs with smp_rmb() in ipcp_io_not_allocated(). */
		smp_store_release(&flow->state, IPCP_REKEY_FLOW_STATE_DEALLOCATED);
	}
	spin_unlock_bh(&flow->lock);
	return pending;
}

/**
 * ipcp_state_fail() - Fail a pending allocation
 * @flow: flow
 * @error: positive errno that ipcp_failure_known() knows
 * @reason: @error in words, or NULL
 *
 * Context: Process context, may sleep; not the flow's worker.
 * Return: false if the flow was not pending any more, and nothing was done.
 */
bool ipcp_state_fail(struct ipcp_flow *flow, int error, const char *reason)
{
	if (!set_failed(flow, error, reason))
		return false;
	ipcp_notify(flow, IPCP_REKEY_EVENT_FAILED, 0, 0);
	ipcp_rbflags_wake(&flow->n_rb.flags, IPCP_WAKE_ALL);
	ipcp_state_destroy(flow);
	return true;
}

/**
 * ipcp_state_down() - Take a flow down
 * @flow: flow
 * @error: positive errno that ipcp_failure_known() knows
 * @reason: @error in words, or NULL
 *
 * Queued messages can still be read.
 *
 * Context: Process context.
 */
void ipcp_state_down(struct ipcp_flow *flow, int error, const char *reason)
{
	spin_lock_bh(&flow->lock);
	set_error(flow, error, reason);
	spin_unlock_bh(&flow->lock);
	if (ipcp_rbflags_change(&flow->n_rb.flags, IPCP_RB_FLOWDOWN, 0)) {
		ipcp_notify(flow, IPCP_REKEY_EVENT_DOWN, READ_ONCE(flow->rk.epoch),
			    READ_ONCE(flow->rk.exchange));
		path_down(flow);
	}
	ipcp_flow_kick(flow);
}

/*
 * True if the peer may have keys, under which it can be told of the end. A
 * responder with a seed has answered, so the initiator may have the seed, too.
 * An initiator with a seed may have confirmed the seed already.
 */
static bool can_tell(struct ipcp_flow *flow)
{
	lockdep_assert_held(&flow->lock);
	return flow->state == IPCP_REKEY_FLOW_STATE_ALLOCATED ||
	       (ipcp_flow_pending(flow) && ipcp_epoch_newest(flow));
}

/* Let the worker tell the peer by CLOSE, and then end the flow. */
static void begin_closing(struct ipcp_flow *flow)
{
	lockdep_assert_held(&flow->lock);
	flow->closes = IPCP_CLOSES;
	/*
	 * The worker may run at once and must see ->closes. Pairs with
	 * smp_load_acquire() in ipcp_worker_tend().
	 */
	smp_store_release(&flow->state, IPCP_REKEY_FLOW_STATE_DEALLOC_PENDING);
}

/*
 * Begin to close a pending flow if its peer may have its keys, as only the peer
 * of a responder may. Return false if the flow was not pending any more, or the
 * peer has no keys.
 */
static bool set_unheard(struct ipcp_flow *flow, int error, const char *reason)
{
	bool tell;

	spin_lock_bh(&flow->lock);
	tell = flow->state == IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING && can_tell(flow);
	if (tell) {
		set_error(flow, error, reason);
		begin_closing(flow);
	}
	spin_unlock_bh(&flow->lock);
	return tell;
}

/**
 * ipcp_state_late() - Time out a pending allocation
 * @flow: flow
 *
 * The peer of a responder may already wait for packets, so the peer is told.
 *
 * Context: The flow's worker.
 * Return: true if the worker has to end the flow now; false if the worker has
 * to tell the peer first, in its next run, or if the flow was not pending any
 * more.
 */
bool ipcp_state_late(struct ipcp_flow *flow)
{
	bool tell = set_unheard(flow, ETIMEDOUT, "the peer was not heard in time");

	if (!tell && !set_failed(flow, ETIMEDOUT, "no answer in time"))
		return false;
	ipcp_notify(flow, IPCP_REKEY_EVENT_FAILED, 0, 0);
	ipcp_rbflags_wake(&flow->n_rb.flags, IPCP_WAKE_ALL);
	ipcp_upcall_tell(flow->net, IPCP_REKEY_UPCALL_TYPE_CANCEL, flow->id,
			 flow->name, flow->payer.user);
	if (tell)
		ipcp_listener_forget(flow);	/* make room in the backlog */
	return !tell;
}

/**
 * ipcp_state_close() - Close a flow whose user has released it
 * @flow: flow
 *
 * A flow whose peer may have keys remains until the peer was told. Any other
 * flow ends at once.
 *
 * Context: Process context, may sleep; not the flow's worker.
 */
void ipcp_state_close(struct ipcp_flow *flow)
{
	bool tell, pending;

	spin_lock_bh(&flow->lock);
	pending = ipcp_flow_pending(flow);
	tell = can_tell(flow);
	if (tell) {
		begin_closing(flow);
	} else if (pending) {
		/* From here on, the agent can install no keys. */
		WRITE_ONCE(flow->state, IPCP_REKEY_FLOW_STATE_DEALLOCATED);
	}
	spin_unlock_bh(&flow->lock);

	if (tell || pending)
		ipcp_upcall_tell(flow->net, pending ?
				 IPCP_REKEY_UPCALL_TYPE_CANCEL :
				 IPCP_REKEY_UPCALL_TYPE_CLOSED,
				 flow->id, flow->name, flow->payer.user);
	if (!tell) {
		ipcp_state_destroy(flow);
		return;
	}
	ipcp_notify(flow, IPCP_REKEY_EVENT_CLOSED, READ_ONCE(flow->rk.epoch),
		    READ_ONCE(flow->rk.exchange));
	/* Before the purge, which lets the mate of a direct flow write. */
	path_down(flow);
	ipcp_rx_purge(flow);
	ipcp_flow_kick(flow);
}
