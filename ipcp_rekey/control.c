// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Control packets: handling of authentic CONFIRM, SEALED and CLOSE. They are
 * decrypted on arrival. CONFIRM and SEALED are queued for the worker of the
 * flow, where sending an answer may sleep; CLOSE only sets a flag for the
 * worker.
 *
 * Each end learns through CONFIRM that the other end is in a new epoch.
 *
 * A side that took an epoch sends CONFIRM, with back-off, until it receives
 * DONE, which means that the peer has seen it send in the epoch, or until the
 * epoch is overdue (ipcp_epoch_confirm_overdue()); a new seed is due then. Such
 * a request never carries DONE. An answer carries DONE once this side has seen
 * the peer send in the epoch. A CONFIRM without DONE is answered, a CONFIRM
 * with DONE is not. So the requests end, the two sides do not answer each other
 * forever, and any of the packets may be lost. If requests carried DONE, the
 * other side could not tell that its own DONE is still requested.
 *
 * The responder does not send requests before the initiator was observed in the
 * epoch: until then it cannot know whether the initiator has the keys, and the
 * initiator would drop the request.
 *
 * A keepalive is a CONFIRM with every flag that applies, like an answer.
 *
 * PROBE and ECHO are CONFIRM packets, too, but say nothing about epochs. They
 * are handled in probe.c.
 */
#include "cb.h"
#include "control.h"
#include "deadline.h"
#include "keyrot.h"
#include "notify.h"
#include "probe.h"
#include "question.h"
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
 * ipcp_control_ask() - Send CONFIRM to request the peer's DONE, if it is time
 * @flow: flow
 * @ep: newest epoch of @flow
 * @next: (in/out) jiffies when the worker has to run again
 *
 * Context: The worker of the flow.
 */
void ipcp_control_ask(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		      unsigned long *next)
{
	u8 flags = confirm_flags(flow, ep) & ~IPCP_CONFIRM_DONE;

	if (!flow->rk.initiator && !test_bit(IPCP_EP_OBSERVED, &ep->flags))
		return;		/* observing the peer kicks the worker */
	if (ipcp_deadline_add(next, READ_ONCE(ep->confirm)))
		return;
	/*
	 * A promotion may set ->confirm concurrently. If it comes after the
	 * store below, another CONFIRM follows immediately. If it comes before,
	 * its value is overwritten, and the next CONFIRM follows after the
	 * back-off.
	 */
	WRITE_ONCE(ep->confirm, ipcp_deadline_in(next, ep->backoff));
	ep->backoff = min(2 * ep->backoff,
			  msecs_to_jiffies(IPCP_CONFIRM_MAX_MS));
	ipcp_tx_control(flow, ep, IPCP_PDU_CONFIRM, &flags, sizeof(flags));
}

static void send_answer(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	u8 flags = confirm_flags(flow, ep);

	/*
	 * Rate-limit repeated answers. Changed flags are sent immediately, and
	 * they change at most three times. The last answer may be more than
	 * LONG_MAX jiffies ago, so its time must not seem to lie ahead.
	 */
	if (flags == ep->answer &&
	    time_in_range_open(jiffies, ep->answered, ep->answered +
			       msecs_to_jiffies(IPCP_CONFIRM_MIN_MS)))
		return;
	ep->answered = jiffies;
	ep->answer = flags;
	ipcp_tx_control(flow, ep, IPCP_PDU_CONFIRM, &flags, sizeof(flags));
}

/*
 * Answer a CONFIRM of the peer in the epoch of the packet. If this side sends
 * in a newer epoch, the worker wipes the send keys of the older one, so answer
 * in the newer one.
 */
static void answer_confirm(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	struct ipcp_epoch *tx = ipcp_tx_epoch(flow);

	send_answer(flow, tx && ipcp_epoch_before(ep->no, tx->no) ? tx : ep);
	if (tx)
		ipcp_epoch_put(tx);
}

/**
 * ipcp_control_confirm() - Handle an authentic CONFIRM of the peer
 * @flow: flow
 * @ep: epoch of the packet
 * @flags: flags of the packet, without unknown bits
 *
 * Context: The worker of the flow.
 */
void ipcp_control_confirm(struct ipcp_flow *flow, struct ipcp_epoch *ep, u8 flags)
{
	if (!(flags & IPCP_CONFIRM_DONE)) {
		answer_confirm(flow, ep);
		return;
	}
	if (test_bit(IPCP_EP_SENDING, &ep->flags) &&
	    !test_and_set_bit(IPCP_EP_CONFIRMED, &ep->flags))
		ipcp_notify(flow, IPCP_REKEY_EVENT_DONE, ep->no, ep->exchange);
}

/* Send CONFIRM without DONE in the epoch that this side sends in. */
static int send_question(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep = ipcp_tx_epoch(flow);
	u8 flags;
	int err;

	if (!ep)
		return -EAGAIN;
	flags = confirm_flags(flow, ep) & ~IPCP_CONFIRM_DONE;
	err = ipcp_tx_control(flow, ep, IPCP_PDU_CONFIRM, &flags, sizeof(flags));
	ipcp_epoch_put(ep);
	return err;
}

/**
 * ipcp_control_question() - Ask whether the peer has the keys, if it is time
 * @flow: flow
 * @next: (in/out) jiffies when the worker has to run again
 *
 * A CONFIRM without DONE is answered by a peer that has the keys.
 *
 * Context: The worker of the flow.
 */
void ipcp_control_question(struct ipcp_flow *flow, unsigned long *next)
{
	if (ipcp_question_step(flow, next) &&
	    send_question(flow))
		ipcp_question_unsent(flow);
}

/**
 * ipcp_control_close() - Tell the peer that this side has closed the flow
 * @flow: flow
 *
 * A responder that has not heard the peer yet sends in no epoch, but the peer
 * may have the keys of the newest one. So CLOSE is sent in that epoch then.
 *
 * Context: The worker of the flow.
 * Return: as ipcp_tx_control(), and -EAGAIN without keys.
 */
int ipcp_control_close(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep;
	int err;

	if (rcu_access_pointer(flow->tx))
		return ipcp_tx_current(flow, IPCP_PDU_CLOSE, NULL, 0);
	rcu_read_lock();
	ep = ipcp_epoch_get(ipcp_epoch_newest(flow));
	rcu_read_unlock();
	if (!ep)
		return -EAGAIN;
	err = ipcp_tx_control(flow, ep, IPCP_PDU_CLOSE, NULL, 0);
	ipcp_epoch_put(ep);
	return err;
}

/**
 * ipcp_control_keepalive() - Show the peer that this side is alive
 * @flow: flow
 *
 * Keepalives do not use the packets that the epoch reserves for re-keys.
 *
 * Context: The worker of the flow.
 */
void ipcp_control_keepalive(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep = ipcp_tx_epoch(flow);
	u8 flags;

	if (!ep)
		return;
	flags = confirm_flags(flow, ep);
	ipcp_tx_spare(flow, ep, &flags, sizeof(flags), 0);
	ipcp_epoch_put(ep);
}

static enum ipcp_drop handle_confirm(struct ipcp_flow *flow,
				     struct ipcp_epoch *ep,
				     const struct sk_buff *skb)
{
	u8 flags;

	if (skb->len > 1)
		return ipcp_probe_handle(flow, skb->data, skb->len) ?
			IPCP_DROP_NONE : IPCP_DROP_MALFORMED;
	if (!skb->len)
		return IPCP_DROP_MALFORMED;
	flags = *skb->data;
	if (flags & ~IPCP_CONFIRM_KNOWN)
		return IPCP_DROP_MALFORMED;
	ipcp_keyrot_observe(flow, ep, flags & IPCP_CONFIRM_SENDING);
	ipcp_control_confirm(flow, ep, flags);
	return IPCP_DROP_NONE;
}

/* Handle one control packet. SEALED consumes the buffer. */
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
	/* Replaced or newer keys may use the same epoch number by now. */
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
 * ipcp_control_work() - Handle the queued control packets of a flow
 * @flow: flow
 *
 * Context: The worker of the flow.
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
			consume_skb(skb);	/* NULL if consumed */
	}
	/*
	 * A pending flow handles CLOSE once it is allocated:
	 * ipcp_state_allocated() kicks the worker.
	 */
	if (!ipcp_flow_pending(flow) &&
	    test_and_clear_bit(IPCP_FLOW_CLOSE_CAME, &flow->bits))
		handle_close(flow);
	/* Handle the rest in another run, so other work is not delayed. */
	if (!skb_queue_empty_lockless(&flow->ctl))
		ipcp_flow_kick(flow);
}
