// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Control packets: what authentic CONFIRM, SEALED and CLOSE say. They were
 * decrypted on arrival and wait for the flow's worker, where answers may sleep.
 *
 * CONFIRM is how both ends learn that the other one is in a new epoch.
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
#include "cb.h"
#include "control.h"
#include "deadline.h"
#include "keyrot.h"
#include "notify.h"
#include "state.h"
#include "tx.h"
#include "upcall.h"
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
 * ipcp_control_ask() - Ask for the peer's DONE if it is time to
 * @flow: flow
 * @ep: its newest epoch
 * @next: jiffies when the worker is to come again
 *
 * Context: The flow's worker.
 */
void ipcp_control_ask(struct ipcp_flow *flow, struct ipcp_epoch *ep,
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
 * ipcp_control_confirm() - The peer sent a CONFIRM, and it authenticated
 * @flow: flow
 * @ep: epoch it came in
 * @flags: what it says
 *
 * Context: The flow's worker.
 * Return: false if it makes no sense.
 */
bool ipcp_control_confirm(struct ipcp_flow *flow, struct ipcp_epoch *ep, u8 flags)
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
 * ipcp_control_keepalive() - Show the peer that this side is there
 * @flow: flow
 *
 * Context: The flow's worker.
 */
void ipcp_control_keepalive(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep;
	u8 flags;

	rcu_read_lock();
	ep = ipcp_epoch_get(rcu_dereference(flow->tx));
	rcu_read_unlock();
	if (!ep)
		return;
	flags = confirm_flags(flow, ep);
	ipcp_tx_control(flow, ep, IPCP_PDU_CONFIRM, &flags, sizeof(flags));
	ipcp_epoch_put(ep);
}

static enum ipcp_drop handle_confirm(struct ipcp_flow *flow,
				     struct ipcp_epoch *ep,
				     const struct sk_buff *skb)
{
	u8 flags;

	if (skb->len != 1)
		return IPCP_DROP_MALFORMED;
	flags = *skb->data;
	ipcp_keyrot_observe(flow, ep, flags & IPCP_CONFIRM_SENDING);
	return ipcp_control_confirm(flow, ep, flags) ? IPCP_DROP_NONE :
						       IPCP_DROP_MALFORMED;
}

/* Do what a control packet says. SEALED consumes the buffer. */
static enum ipcp_drop handle_control(struct ipcp_flow *flow,
				     struct sk_buff **skb)
{
	enum ipcp_drop reason = IPCP_DROP_TYPE;
	struct ipcp_epoch *ep;

	if (ipcp_cb(*skb)->type == IPCP_PDU_SEALED)
		return ipcp_upcall_sealed(flow, ipcp_cb(*skb)->epoch, skb);
	rcu_read_lock();
	ep = ipcp_epoch_get(ipcp_epoch_find(flow, ipcp_cb(*skb)->epoch));
	rcu_read_unlock();
	if (!ep)
		return IPCP_DROP_EPOCH;
	/* Other keys may have the number by now. */
	if (ep->exchange != ipcp_cb(*skb)->exchange)
		reason = IPCP_DROP_EPOCH;
	else if (ipcp_cb(*skb)->type == IPCP_PDU_CONFIRM)
		reason = handle_confirm(flow, ep, *skb);
	ipcp_epoch_put(ep);
	return reason;
}

static void handle_close(struct ipcp_flow *flow)
{
	set_bit(IPCP_FLOW_CLOSE_SEEN, &flow->bits);
	if (READ_ONCE(flow->state) != IPCP_REKEY_FLOW_STATE_ALLOCATED ||
	    ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_FLOWDOWN)
		return;
	set_bit(IPCP_FLOW_PEER_CLOSED, &flow->bits);
	ipcp_state_down(flow, ESHUTDOWN, "the peer closed the flow");
}

/**
 * ipcp_control_work() - Do what the control packets that came say
 * @flow: flow
 *
 * Context: The flow's worker.
 */
void ipcp_control_work(struct ipcp_flow *flow)
{
	struct sk_buff *skb;

	for (int i = 0; i < IPCP_CTL_QUEUE && (skb = skb_dequeue(&flow->ctl));
	     i++) {
		enum ipcp_drop reason = handle_control(flow, &skb);

		if (reason)
			ipcp_flow_drop(flow, skb, reason);
		else
			consume_skb(skb);	/* NULL if it went on */
	}
	if (test_and_clear_bit(IPCP_FLOW_CLOSE_CAME, &flow->bits))
		handle_close(flow);
	/* The other work is not to wait for the rest. */
	if (!skb_queue_empty_lockless(&flow->ctl))
		ipcp_flow_kick(flow);
}
