// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Decide when a flow is due for a new seed: when an epoch is nearly exhausted,
 * old or under attack, or when the peer did not confirm it in time. This file
 * only reports that a seed is due; rekey.c claims the flow.
 */
#include "deadline.h"
#include "keyrot.h"
#include "leaf.h"
#include "notify.h"

/*
 * Return the deadline of the peer to confirm an epoch: IPCP_NOT_DONE_MS after
 * this side began to send in the epoch; while it does not send in the epoch,
 * IPCP_NOT_DONE_MS after parking.
 */
static unsigned long confirm_by(const struct ipcp_epoch *ep)
{
	/* Pairs with smp_mb__before_atomic() in __promote(). */
	bool sending = test_bit_acquire(IPCP_EP_SENDING, &ep->flags);

	return (sending ? READ_ONCE(ep->promoted) : READ_ONCE(ep->parked)) +
	       msecs_to_jiffies(IPCP_NOT_DONE_MS);
}

static void stay_past(unsigned long *stamp)
{
	/*
	 * Longer ago than any limit, but less than LONG_MAX jiffies ago until
	 * the worker runs again.
	 */
	unsigned long oldest = jiffies - MAX_JIFFY_OFFSET - 2;

	if (time_before(READ_ONCE(*stamp), oldest))
		WRITE_ONCE(*stamp, oldest);
}

/**
 * ipcp_epoch_stay_old() - Keep the times of an epoch in the past
 * @ep: epoch
 *
 * A time of more than LONG_MAX jiffies ago would seem to lie ahead: on 32 bits
 * after 25 days, at 1000 Hz. The worker runs at least once in
 * MAX_JIFFY_OFFSET / 2 jiffies; see ipcp_deadline_never().
 *
 * Context: The worker of the flow.
 */
void ipcp_epoch_stay_old(struct ipcp_epoch *ep)
{
	stay_past(&ep->parked);
	if (test_bit(IPCP_EP_SENDING, &ep->flags))
		stay_past(&ep->promoted);
}

/**
 * ipcp_epoch_confirm_overdue() - Test whether a confirmation is overdue
 * @ep: epoch
 *
 * Context: Any context.
 * Return: true once the peer has had IPCP_NOT_DONE_MS to confirm the epoch, and
 * did not send DONE.
 */
bool ipcp_epoch_confirm_overdue(const struct ipcp_epoch *ep)
{
	return !test_bit(IPCP_EP_CONFIRMED, &ep->flags) &&
	       time_after_eq(jiffies, confirm_by(ep));
}

/**
 * ipcp_epoch_unconfirmed() - Test whether to ask the peer to confirm an epoch
 * @ep: epoch
 *
 * Context: Any context.
 * Return: true from the activation of the epoch until the peer has confirmed
 * it, or has had IPCP_NOT_DONE_MS to do so.
 */
bool ipcp_epoch_unconfirmed(const struct ipcp_epoch *ep)
{
	return test_bit(IPCP_EP_ACTIVE, &ep->flags) &&
	       !test_bit(IPCP_EP_CONFIRMED, &ep->flags) &&
	       !ipcp_epoch_confirm_overdue(ep);
}

/**
 * ipcp_keyrot_due() - Report that a flow is due for a new seed
 * @flow: flow
 * @reason: IPCP_REKEY_DUE_*
 *
 * Context: Any context except hard interrupts.
 */
void ipcp_keyrot_due(struct ipcp_flow *flow, u32 reason)
{
	if (READ_ONCE(flow->rk.due) & reason)
		return;
	spin_lock_bh(&flow->lock);
	if (flow->rk.encrypted && !(flow->rk.due & reason)) {
		WRITE_ONCE(flow->rk.due, flow->rk.due | reason);
		ipcp_notify(flow, IPCP_REKEY_EVENT_DUE, flow->rk.newest,
			    flow->rk.exchange);
	}
	spin_unlock_bh(&flow->lock);
}

/**
 * ipcp_keyrot_check_due() - Check whether the newest epoch makes a new seed due
 * @flow: flow
 * @ep: newest epoch of @flow
 * @next: (in/out) jiffies when to check again
 *
 * Context: The worker of the flow.
 */
void ipcp_keyrot_check_due(struct ipcp_flow *flow, struct ipcp_epoch *ep,
			   unsigned long *next)
{
	u64 sent = atomic64_read(&ep->sent), end = READ_ONCE(ep->rx_end);
	unsigned long max_age = READ_ONCE(flow->max_age);

	if (ipcp_tx_watermark(sent, ep->ppl_shift) ||
	    ipcp_rx_watermark(end ? end - 1 : 0))
		ipcp_keyrot_due(flow, IPCP_REKEY_DUE_WATERMARK);
	if (atomic64_read(&flow->auth_failures) >= IPCP_AUTH_FAILURES)
		ipcp_keyrot_due(flow, IPCP_REKEY_DUE_AUTH_FAILURES);
	if (test_bit(IPCP_EP_SENDING, &ep->flags) &&
	    !test_bit(IPCP_EP_CONFIRMED, &ep->flags) &&
	    !ipcp_deadline_add(next, confirm_by(ep)))
		ipcp_keyrot_due(flow, IPCP_REKEY_DUE_NOT_DONE);
	if (max_age && !ipcp_deadline_add(next, READ_ONCE(ep->parked) + max_age + 1))
		ipcp_keyrot_due(flow, IPCP_REKEY_DUE_AGE);
}
