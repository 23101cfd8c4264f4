// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The worker of a flow. One work item for each flow does what waits for time or
 * has to sleep on behalf of a softirq: packets that waited for their leaf,
 * control packets, CONFIRM, keepalive, preparing and wiping keys, and the end of
 * the flow. The worker does one of these at a time. Writers, the slow work of
 * kernel code, the agent's calls and suspend prepare and wipe keys as well:
 * epoch->derive serializes the derivations of an epoch.
 */
#include "control.h"
#include "deadline.h"
#include "inflight.h"
#include "keyrot.h"
#include "notify.h"
#include "path.h"
#include "probe.h"
#include "rx.h"
#include "state.h"
#include "tx.h"
#include "wire.h"
#include "worker.h"

/* CLOSE may be lost, so send it IPCP_CLOSES times, with exponential backoff. */
#define IPCP_CLOSE_MS		200

/* Empty queues keep their memory for this time, since they may be in use. */
#define IPCP_TRIM_MS		1000

/* Minimum time between two lookups for messages that were too long. */
#define IPCP_LOOK_MS		500

/* Minimum time between two moves of the peer that are acted on. */
#define IPCP_MOVE_MS		500

/* Time after which senders try again when their user had no memory left. */
#define IPCP_REFUSED_MS		100

static void trim_queues(struct ipcp_flow *flow, unsigned long *next)
{
	if (flow->trim_at && !ipcp_deadline_add(next, flow->trim_at)) {
		ipcp_rbuff_trim(&flow->n_rb);
		ipcp_inflight_trim(flow->inflight);
		flow->trim_at = 0;
	}
	if (!flow->trim_at && (ipcp_rbuff_reserved(&flow->n_rb) ||
			       ipcp_inflight_reserved(flow->inflight)))
		flow->trim_at = max(ipcp_deadline_in(next, msecs_to_jiffies(IPCP_TRIM_MS)),
				    1UL);
}

/*
 * Wake senders some time after a send failed because of the user's limit, since
 * no event reports that another flow of the user has released memory.
 */
static void check_refused(struct ipcp_flow *flow, unsigned long *next)
{
	unsigned long refused = READ_ONCE(flow->inflight->refused);

	if (!refused || ipcp_deadline_add(next, refused +
					  msecs_to_jiffies(IPCP_REFUSED_MS)))
		return;
	WRITE_ONCE(flow->inflight->refused, 0);
	ipcp_rbflags_wake(&flow->n_rb.flags, EPOLLOUT | EPOLLWRNORM);
}

/*
 * Take a request that a bit of the flow holds. Return false without one, or if
 * @at, the time when the next may be taken, lies ahead. The bit is cleared
 * before the caller acts, so that no later request is lost.
 */
static bool take_request(struct ipcp_flow *flow, unsigned int bit,
			 u64 *at, unsigned int pause_ms, unsigned long *next)
{
	u64 now;

	if (!test_bit(bit, &flow->bits))
		return false;
	now = get_jiffies_64();
	if (now < *at) {
		ipcp_deadline_in(next, *at - now);
		return false;
	}
	*at = now + msecs_to_jiffies(pause_ms);
	clear_bit(bit, &flow->bits);
	/* Pairs with test_and_set_bit() of the request. */
	smp_mb__after_atomic();
	return true;
}

/* Restart path MTU discovery after a move; report a move of the peer. */
static void check_moved(struct ipcp_flow *flow, unsigned long *next)
{
	if (!take_request(flow, IPCP_FLOW_MOVED, &flow->move_at, IPCP_MOVE_MS, next))
		return;
	ipcp_probe_roamed(flow);
	if (test_and_clear_bit(IPCP_FLOW_ROAMED, &flow->bits))
		ipcp_notify(flow, IPCP_REKEY_EVENT_ROAMED,
			    READ_ONCE(flow->rk.epoch), 0);
}

/* If a message was too long, look whether the path takes longer ones now. */
static void check_long(struct ipcp_flow *flow, unsigned long *next)
{
	const struct ipcp_path_ops *path = READ_ONCE(flow->path);

	if (!take_request(flow, IPCP_FLOW_LOOK, &flow->look_at, IPCP_LOOK_MS, next))
		return;
	if (path->look)
		path->look(flow);
	ipcp_probe_wanted(flow);
}

/* Send CLOSE to the peer if it is due. Return true once all are sent. */
static bool send_close(struct ipcp_flow *flow, unsigned long *next)
{
	bool seen = test_bit(IPCP_FLOW_CLOSE_SEEN, &flow->bits);
	unsigned int round = IPCP_CLOSES - flow->closes;

	/* A peer that has closed the flow, too, is told only once. */
	if (seen && round)
		return true;
	/*
	 * Do not send early if the worker runs for other reasons: losses come
	 * in bursts.
	 */
	if (round && ipcp_deadline_add(next, flow->close_at))
		return false;
	if (!flow->closes)
		return true;
	if (ipcp_control_close(flow) == -EAGAIN || seen)
		return true;	/* without a key, or the peer has closed, too */
	flow->closes--;
	flow->close_at = ipcp_deadline_in(next, msecs_to_jiffies(IPCP_CLOSE_MS <<
								 round));
	return false;
}

/* If the peer was heard, make this end of the flow ready to be accepted. */
static void check_heard(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep;
	bool heard;

	rcu_read_lock();
	ep = ipcp_epoch_newest(flow);
	heard = ep && test_bit(IPCP_EP_OBSERVED, &ep->flags);
	rcu_read_unlock();
	if (heard && READ_ONCE(flow->state) == IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING)
		ipcp_state_allocated(flow);
}

static bool allocation_late(struct ipcp_flow *flow, unsigned long *next)
{
	if (!ipcp_flow_pending(flow) || ipcp_deadline_add(next, READ_ONCE(flow->deadline)))
		return false;
	if (ipcp_state_late(flow))
		return true;
	ipcp_deadline_in(next, 1);	/* to tell the peer */
	return false;
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
	if (!ipcp_rbflags_change(&flow->n_rb.flags, IPCP_RB_FLOWPEER, 0))
		return;
	ipcp_notify(flow, IPCP_REKEY_EVENT_PEER_LOST, READ_ONCE(flow->rk.epoch), 0);
	/*
	 * The change of the flag is a full barrier, which pairs with smp_mb() in
	 * peer_is_there(): either the flag is seen there, or the time here.
	 */
	if (ipcp_deadline_add(next, READ_ONCE(flow->last_rx) + timeout) &&
	    ipcp_rbflags_change(&flow->n_rb.flags, 0, IPCP_RB_FLOWPEER))
		ipcp_notify(flow, IPCP_REKEY_EVENT_PEER_BACK,
			    READ_ONCE(flow->rk.epoch), 0);
}

/**
 * ipcp_worker_keys() - Do all work on a flow's keys that is due
 * @flow: flow
 * @next: (input and output) jiffies when the worker has to run again
 *
 * Context: The flow's worker.
 */
void ipcp_worker_keys(struct ipcp_flow *flow, unsigned long *next)
{
	struct ipcp_epoch *ep;

	rcu_read_lock();
	ep = ipcp_epoch_get(ipcp_epoch_newest(flow));
	rcu_read_unlock();
	if (!ep)
		return;
	ipcp_keyrot_grace(flow, ep, next);
	ipcp_keyrot_check_due(flow, ep, next);
	if (ipcp_epoch_unconfirmed(ep))
		ipcp_control_ask(flow, ep, next);
	ipcp_control_question(flow, next);
	ipcp_keyrot_tend(flow, next);
	ipcp_epoch_put(ep);
}

/**
 * ipcp_worker_tend() - Do all work for a flow that is due
 * @flow: flow
 * @next: (output) jiffies when the worker has to run again
 *
 * Context: The flow's worker.
 * Return: false if the flow has ended and the worker must not run again.
 */
bool ipcp_worker_tend(struct ipcp_flow *flow, unsigned long *next)
{
	bool done = false;

	*next = ipcp_deadline_never();
	ipcp_rx_drain(flow);
	ipcp_control_work(flow);
	trim_queues(flow, next);
	check_refused(flow, next);
	check_moved(flow, next);

	if (ipcp_flow_pending(flow))
		check_heard(flow);
	if (READ_ONCE(flow->rk.encrypted))
		ipcp_worker_keys(flow, next);
	/* Pairs with smp_store_release() in begin_closing(). */
	switch (smp_load_acquire(&flow->state)) {
	case IPCP_REKEY_FLOW_STATE_ALLOCATED:
		if (ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_FLOWDOWN)
			break;
		check_peer(flow, next);
		check_long(flow, next);
		ipcp_probe_work(flow, next);
		break;
	case IPCP_REKEY_FLOW_STATE_DEALLOC_PENDING:
		done = send_close(flow, next);
		break;
	default:
		done = allocation_late(flow, next);
	}
	if (done)
		ipcp_state_finish(flow);
	return !test_bit(IPCP_FLOW_STOPPED, &flow->bits);
}

/**
 * ipcp_worker() - The work item of a flow
 * @work: flow->work
 *
 * Context: Work item.
 */
void ipcp_worker(struct work_struct *work)
{
	struct ipcp_flow *flow = container_of(to_delayed_work(work),
					      struct ipcp_flow, work);
	unsigned long next;

	if (test_bit(IPCP_FLOW_STOPPED, &flow->bits))
		return;
	if (ipcp_worker_tend(flow, &next))
		queue_delayed_work(ipcp_wq, &flow->work,
				   ipcp_deadline_delay(next));
}
