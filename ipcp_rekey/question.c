// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The question whether the peer still has the keys of a flow.
 *
 * A peer that has lost its keys proves itself by its certificate alone, and
 * gets a fresh seed. A thief of that certificate could ask for a fresh seed,
 * too. So a side that has keys believes no statement in the clear about a flow
 * before it has asked the peer under the keys: it sends CONFIRM without DONE,
 * which a peer with keys answers. Any authentic packet that is newer than the
 * question counts as an answer, so while data flows no packet need be sent.
 * Silence permits one fresh seed, for a limited time.
 */
#include <net/netlink.h>

#include "deadline.h"
#include "keys.h"
#include "notify.h"
#include "question.h"

/**
 * ipcp_question_answered() - Test whether the peer was heard since the question
 * @flow: flow. The caller holds flow->lock.
 *
 * Context: Any context.
 * Return: true if a packet of the peer authenticated since the last question.
 */
bool ipcp_question_answered(struct ipcp_flow *flow)
{
	const struct ipcp_question *q = &flow->question;

	lockdep_assert_held(&flow->lock);
	for (int i = 0; i < IPCP_EPOCH_SLOTS; i++) {
		struct ipcp_epoch *ep;
		u64 before;

		ep = rcu_dereference_protected(flow->slots[i],
					       lockdep_is_held(&flow->lock));
		if (!ep)
			continue;
		before = q->seen[i].exchange == ep->exchange ? q->seen[i].end : 0;
		if (READ_ONCE(ep->rx_end) > before)
			return true;
	}
	return false;
}

/* Record the highest counters received so far. */
static void note_seen(struct ipcp_flow *flow)
{
	lockdep_assert_held(&flow->lock);
	for (int i = 0; i < IPCP_EPOCH_SLOTS; i++) {
		struct ipcp_epoch *ep;

		ep = rcu_dereference_protected(flow->slots[i],
					       lockdep_is_held(&flow->lock));
		flow->question.seen[i].exchange = ep ? ep->exchange : 0;
		flow->question.seen[i].end = ep ? READ_ONCE(ep->rx_end) : 0;
	}
}

/*
 * True if this side has an epoch to send in, with as many packets left as a
 * question needs. While a question is asked, and after an answer, the number
 * left does not matter, since the question itself uses packets up.
 */
static bool can_ask(struct ipcp_flow *flow)
{
	const struct ipcp_question *q = &flow->question;
	struct ipcp_epoch *tx;

	lockdep_assert_held(&flow->lock);
	tx = rcu_dereference_protected(flow->tx, lockdep_is_held(&flow->lock));
	if (!tx)
		return false;
	if (q->state == IPCP_REKEY_QUESTION_ASKED ||
	    q->state == IPCP_REKEY_QUESTION_ANSWERED)
		return true;
	return atomic64_read(&tx->sent) + IPCP_QUESTION_PACKETS <=
	       ipcp_tx_limit(tx->ppl_shift);
}

/**
 * ipcp_question_needed() - Test whether a fresh seed needs the peer's silence
 * @flow: flow. The caller holds flow->lock.
 *
 * Context: Any context.
 * Return: false if this side has lost its keys, has not begun to send under new
 * ones, or has used them up so that it cannot ask under them.
 */
bool ipcp_question_needed(struct ipcp_flow *flow)
{
	lockdep_assert_held(&flow->lock);
	return ipcp_epoch_newest(flow) && can_ask(flow);
}

static int check_askable(struct ipcp_flow *flow, struct netlink_ext_ack *extack)
{
	lockdep_assert_held(&flow->lock);
	if (flow->state != IPCP_REKEY_FLOW_STATE_ALLOCATED) {
		NL_SET_ERR_MSG(extack, "the flow is not allocated");
		return -EAGAIN;
	}
	if (!flow->rk.recoverable) {
		NL_SET_ERR_MSG(extack, "the two ends cannot prove themselves without the keys");
		return -EOPNOTSUPP;
	}
	if (!ipcp_question_needed(flow)) {
		NL_SET_ERR_MSG(extack, "this side has no keys to ask under, and need not ask");
		return -ENOKEY;
	}
	return 0;
}

/* Called with flow->lock held. */
static void end_question(struct ipcp_flow *flow, u8 state, u32 event)
{
	struct ipcp_question *q = &flow->question;

	lockdep_assert_held(&flow->lock);
	WRITE_ONCE(q->state, state);
	ipcp_notify(flow, event, flow->rk.newest, q->exchange);
}

static void end_answered(struct ipcp_flow *flow)
{
	end_question(flow, IPCP_REKEY_QUESTION_ANSWERED, IPCP_REKEY_EVENT_ANSWERED);
}

static void end_silent(struct ipcp_flow *flow)
{
	end_question(flow, IPCP_REKEY_QUESTION_SILENT, IPCP_REKEY_EVENT_SILENT);
}

/*
 * Handle a question soon after the last one. If the last question has a result,
 * that is also the result for @exchange.
 */
static int ask_again(struct ipcp_flow *flow, u32 exchange,
		     struct netlink_ext_ack *extack)
{
	struct ipcp_question *q = &flow->question;

	lockdep_assert_held(&flow->lock);
	if (q->state == IPCP_REKEY_QUESTION_ASKED) {
		if (q->exchange == exchange)
			return 0;
		NL_SET_ERR_MSG(extack, "the peer is being asked for another exchange");
		return -EBUSY;
	}
	q->exchange = exchange;
	if (q->state == IPCP_REKEY_QUESTION_SILENT &&
	    !ipcp_question_answered(flow))
		end_silent(flow);
	else
		end_answered(flow);
	return 0;
}

/* True if the last question is too recent to ask the peer again. */
static bool is_recent(const struct ipcp_question *q)
{
	return q->state != IPCP_REKEY_QUESTION_NONE &&
	       time_in_range_open(jiffies, q->begun, q->begun +
				  msecs_to_jiffies(IPCP_QUESTION_PAUSE_MS));
}

static void begin_question(struct ipcp_flow *flow, u32 exchange)
{
	struct ipcp_question *q = &flow->question;

	lockdep_assert_held(&flow->lock);
	/*
	 * An answer since the silence takes the permission back from a claim.
	 * Test this before note_seen(), which resets the test.
	 */
	if (flow->rk.may_fresh && ipcp_question_answered(flow))
		flow->rk.may_fresh = false;
	note_seen(flow);
	q->begun = jiffies;
	q->at = jiffies;
	q->exchange = exchange;
	q->sent = 0;
	q->unsent = false;
	WRITE_ONCE(q->state, IPCP_REKEY_QUESTION_ASKED);
}

/**
 * ipcp_question_begin() - Ask the peer whether it has the keys
 * @flow: flow
 * @exchange: number of the exchange for which a fresh seed is wanted
 * @extack: reports the reason of a refusal
 *
 * The event IPCP_REKEY_EVENT_ANSWERED or _SILENT follows, at once if the peer
 * was asked less than IPCP_QUESTION_PAUSE_MS ago.
 *
 * Context: Process context. The operation rekey-ask.
 * Return: 0; -ENOKEY if no question is needed; -EBUSY while the peer is asked
 * for another exchange; -EAGAIN if the flow is not allocated; -EOPNOTSUPP if no
 * fresh seed may follow.
 */
int ipcp_question_begin(struct ipcp_flow *flow, u32 exchange,
			struct netlink_ext_ack *extack)
{
	int err;

	spin_lock_bh(&flow->lock);
	err = check_askable(flow, extack);
	if (!err && is_recent(&flow->question))
		err = ask_again(flow, exchange, extack);
	else if (!err)
		begin_question(flow, exchange);
	spin_unlock_bh(&flow->lock);
	if (!err)
		ipcp_flow_kick(flow);
	return err;
}

/*
 * Take the next step of a question, which is due. Return true if a packet has
 * to be sent. Called with flow->lock held.
 */
static bool advance_question(struct ipcp_flow *flow, unsigned long *next)
{
	struct ipcp_question *q = &flow->question;

	lockdep_assert_held(&flow->lock);
	if (q->state != IPCP_REKEY_QUESTION_ASKED) {
		/* the result is old */
		WRITE_ONCE(q->state, IPCP_REKEY_QUESTION_NONE);
		return false;
	}
	if (q->sent == IPCP_QUESTION_PACKETS) {
		q->at = ipcp_deadline_in(next, msecs_to_jiffies(IPCP_FRESH_MS));
		if (q->unsent)
			end_answered(flow);	/* not fully asked */
		else
			end_silent(flow);
		return false;
	}
	q->sent++;
	q->at = ipcp_deadline_in(next, msecs_to_jiffies(IPCP_QUESTION_STEP_MS));
	return true;
}

/**
 * ipcp_question_step() - Take the next step of a question, if it is due
 * @flow: flow
 * @next: (in/out) jiffies when to check again
 *
 * Context: The worker of the flow.
 * Return: true if the caller has to send a packet that asks for an answer.
 */
bool ipcp_question_step(struct ipcp_flow *flow, unsigned long *next)
{
	struct ipcp_question *q = &flow->question;
	bool ask = false;

	if (READ_ONCE(q->state) == IPCP_REKEY_QUESTION_NONE)
		return false;
	spin_lock_bh(&flow->lock);
	if (q->state == IPCP_REKEY_QUESTION_ASKED &&
	    ipcp_question_answered(flow)) {
		q->at = jiffies + msecs_to_jiffies(IPCP_FRESH_MS);
		end_answered(flow);
	}
	if (q->state != IPCP_REKEY_QUESTION_NONE &&
	    !ipcp_deadline_add(next, q->at))
		ask = advance_question(flow, next);
	spin_unlock_bh(&flow->lock);
	return ask;
}

/**
 * ipcp_question_unsent() - Note that a packet of the question could not be sent
 * @flow: flow
 *
 * The question then does not end with silence.
 *
 * Context: The worker of the flow.
 */
void ipcp_question_unsent(struct ipcp_flow *flow)
{
	spin_lock_bh(&flow->lock);
	flow->question.unsent = true;
	spin_unlock_bh(&flow->lock);
}

/**
 * ipcp_question_forget() - End a question, or its result, without an event
 * @flow: flow. The caller holds flow->lock.
 *
 * Context: Any context.
 */
void ipcp_question_forget(struct ipcp_flow *flow)
{
	lockdep_assert_held(&flow->lock);
	WRITE_ONCE(flow->question.state, IPCP_REKEY_QUESTION_NONE);
}

/**
 * ipcp_question_permits() - Test whether silence permits a fresh seed
 * @flow: flow. The caller holds flow->lock.
 *
 * Context: Any context.
 * Return: true if the peer did not answer and was not heard since, and the
 * question ended less than IPCP_FRESH_MS ago.
 */
bool ipcp_question_permits(struct ipcp_flow *flow)
{
	const struct ipcp_question *q = &flow->question;

	lockdep_assert_held(&flow->lock);
	return q->state == IPCP_REKEY_QUESTION_SILENT &&
	       !ipcp_question_answered(flow) &&
	       time_in_range_open(jiffies, q->begun, q->at);
}
