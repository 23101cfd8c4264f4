// SPDX-License-Identifier: GPL-2.0
/*
 * CONFIRM: how both ends learn that the other one is in a new epoch.
 *
 * A side that took an epoch asks, with back-off, until it hears DONE, that is
 * until the peer has seen it send in the epoch, or until the epoch is given up
 * (ipcp_epoch_confirm_overdue()): a new seed is due then. What asks never says
 * DONE; an answer does as soon as it is true. Each CONFIRM without DONE is
 * answered, one with DONE is not: so asking ends, answers are not answered for
 * ever, and it does not matter which of them is lost. Were DONE said when asking,
 * the other side could not tell that its own DONE is still asked for.
 *
 * The responder asks nothing before it was asked: until then it cannot know
 * that the initiator has the keys, and the question would be dropped there.
 *
 * A keepalive is a CONFIRM that says all there is to say.
 */
#include "confirm.h"
#include "deadline.h"
#include "flow.h"
#include "notify.h"
#include "tx.h"
#include "wire.h"

#define IPCP_CONFIRM_KNOWN \
	(IPCP_CONFIRM_SEEN | IPCP_CONFIRM_SENDING | IPCP_CONFIRM_DONE)

static u8 confirm_flags(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	u8 flags = 0;

	if (test_bit(IPCP_EP_OBSERVED, &ep->flags))
		flags |= IPCP_CONFIRM_SEEN;
	if (ep == rcu_access_pointer(flow->tx))
		flags |= IPCP_CONFIRM_SENDING;
	if (test_bit(IPCP_EP_PEER_SENDING, &ep->flags))
		flags |= IPCP_CONFIRM_DONE;
	return flags;
}

/**
 * ipcp_confirm_ask() - Ask for the peer's DONE if it is time to
 * @flow: flow
 * @ep: its newest epoch
 * @next: jiffies when the worker is to come again
 *
 * Context: The flow's worker.
 */
void ipcp_confirm_ask(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		      unsigned long *next)
{
	u8 flags = confirm_flags(flow, ep) & ~IPCP_CONFIRM_DONE;

	if (!flow->rk.initiator && !test_bit(IPCP_EP_OBSERVED, &ep->flags))
		return;		/* that will kick */
	if (ipcp_deadline_add(next, ep->confirm))
		return;
	/* If a promotion comes between, it asks at once: one more, no less. */
	ep->confirm = ipcp_deadline_in(next, ep->backoff);
	ep->backoff = min(2 * ep->backoff,
			  msecs_to_jiffies(IPCP_CONFIRM_MAX_MS));
	ipcp_tx_control(flow, ep, IPCP_PDU_CONFIRM, &flags, sizeof(flags));
}

static void send_answer(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	u8 flags = confirm_flags(flow, ep);

	/* News at once: there are three at most. */
	if (flags == ep->answer &&
	    time_before(jiffies, ep->answered +
			msecs_to_jiffies(IPCP_CONFIRM_MIN_MS)))
		return;
	ep->answered = jiffies;
	ep->answer = flags;
	ipcp_tx_control(flow, ep, IPCP_PDU_CONFIRM, &flags, sizeof(flags));
}

/**
 * ipcp_confirm_rcv() - The peer sent a CONFIRM, and it authenticated
 * @flow: flow
 * @ep: epoch it came in
 * @flags: what it says
 *
 * Context: The flow's worker.
 * Return: false if it makes no sense.
 */
bool ipcp_confirm_rcv(struct ipcp_flow *flow, struct ipcp_epoch *ep, u8 flags)
{
	if (flags & ~IPCP_CONFIRM_KNOWN)
		return false;
	if (!(flags & IPCP_CONFIRM_DONE)) {
		send_answer(flow, ep);
		return true;
	}
	if (test_bit(IPCP_EP_SENDING, &ep->flags) &&
	    !test_and_set_bit(IPCP_EP_CONFIRMED, &ep->flags))
		ipcp_notify(flow, IPCP_REKEY_EVENT_DONE, ep->no, ep->exchange);
	return true;
}

/**
 * ipcp_confirm_keepalive() - Show the peer that this side is there
 * @flow: flow
 *
 * Context: The flow's worker.
 */
void ipcp_confirm_keepalive(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep;
	u8 flags;

	rcu_read_lock();
	ep = rcu_dereference(flow->tx);
	if (ep && !refcount_inc_not_zero(&ep->refs))
		ep = NULL;
	rcu_read_unlock();
	if (!ep)
		return;
	flags = confirm_flags(flow, ep);
	ipcp_tx_control(flow, ep, IPCP_PDU_CONFIRM, &flags, sizeof(flags));
	ipcp_epoch_put(ep);
}
