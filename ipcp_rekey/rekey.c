// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Rekeying as an agent sees it: claiming a flow, and ending a claim. The
 * functions have the names of those in Ouroboros's registry. Keys are handled
 * in keyrot.c.
 */
#include "keyrot.h"
#include "notify.h"
#include "question.h"
#include "registry.h"
#include "rekey.h"
#include "state.h"

/**
 * ipcp_registry_set_rekey() - Make a flow encrypted, and set its role in re-keys
 * @flow: flow
 * @cipher: enum ipcp_rekey_cipher
 * @recoverable: true if the peer may prove itself by its certificate when keys
 *	were lost
 *
 * Called by flow-allocate, before the first seed is parked. The side that
 * allocated the flow drives re-keys. This role, and with it the direction that
 * each side sends in, never changes afterwards. If the first seed cannot be
 * parked for lack of memory, this function may be called again with the same
 * cipher.
 *
 * Context: Any context.
 * Return: false if the flow is not pending, is direct, or has a seed or another
 * cipher.
 */
bool ipcp_registry_set_rekey(struct ipcp_flow *flow, u16 cipher,
			     bool recoverable)
{
	bool may;

	spin_lock_bh(&flow->lock);
	may = ipcp_flow_pending(flow) && !ipcp_flow_is_direct(flow) &&
	      !flow->rk.nseeds && (!flow->rk.encrypted || flow->cipher == cipher);
	if (may) {
		WRITE_ONCE(flow->cipher, cipher);
		WRITE_ONCE(flow->rk.initiator,
			   flow->state == IPCP_REKEY_FLOW_STATE_ALLOC_PENDING);
		WRITE_ONCE(flow->rk.epoch, 0);
		flow->rk.recoverable = recoverable;
		/*
		 * Write this last: packets may be received from here on. Pairs
		 * with smp_load_acquire() in ipcp_rx_allowed().
		 */
		smp_store_release(&flow->rk.encrypted, true);
	}
	spin_unlock_bh(&flow->lock);
	return may;
}

/* True if the last attempt failed and it is too early for another. */
static bool rekey_held_off(struct ipcp_rk *rk)
{
	if (rk->held_off && time_after_eq64(get_jiffies_64(), rk->retry_at))
		rk->held_off = false;
	return rk->held_off;
}

/* True if a claim is in flight that an agent may still know of. */
static bool is_claimed(const struct ipcp_rk *rk)
{
	return rk->in_flight && time_before64(get_jiffies_64(), rk->retry_at);
}

/* True if this side may begin an exchange now. */
static bool may_claim(struct ipcp_flow *flow)
{
	struct ipcp_rk *rk = &flow->rk;

	lockdep_assert_held(&flow->lock);
	return flow->state == IPCP_REKEY_FLOW_STATE_ALLOCATED &&
	       !ipcp_flow_is_direct(flow) && rk->encrypted && rk->initiator &&
	       !is_claimed(rk) && !rk->has_pending && !ipcp_keyrot_asleep() &&
	       !(ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_FLOWDOWN);
}

/* True if the peer has confirmed the epoch, or its confirmation is overdue. */
static bool is_settled(const struct ipcp_epoch *ep)
{
	return test_bit(IPCP_EP_CONFIRMED, &ep->flags) ||
	       ipcp_epoch_confirm_overdue(ep);
}

/* True if the flow wants another seed. */
static bool is_due(struct ipcp_flow *flow, unsigned long min_age)
{
	struct ipcp_epoch *ep = ipcp_epoch_newest(flow);

	if (rekey_held_off(&flow->rk))
		return false;
	return !ep || flow->rk.due ||
	       time_after_eq(jiffies, READ_ONCE(ep->parked) + min_age);
}

static void take_claim(struct ipcp_flow *flow, u64 chain, struct ipcp_claim *c)
{
	struct ipcp_rk *rk = &flow->rk;

	WRITE_ONCE(rk->in_flight, true);
	rk->may_fresh = false;	/* if the claim before was lost */
	rk->held_off = false;
	rk->retry_at = get_jiffies_64() + IPCP_REKEY_CLAIM_TIMEOUT * HZ;
	rk->claim++;	/* never claimed or delivered before */
	c->flow = flow;
	c->exchange = rk->claim;
	c->epoch = rk->newest + 1;
	c->due = rk->due;
	c->chain = chain;
	c->generation = rk->drops;
	ipcp_notify(flow, IPCP_REKEY_EVENT_CLAIMED, c->epoch, rk->claim);
}

static bool claim_flow(struct ipcp_flow *flow, unsigned long min_age,
		       bool anyway, struct ipcp_claim *c)
{
	struct ipcp_epoch *ep;
	bool may;

	spin_lock_bh(&flow->lock);
	ep = ipcp_epoch_newest(flow);
	may = may_claim(flow) && (!ep || is_settled(ep)) &&
	      (anyway || is_due(flow, min_age));
	if (may)
		take_claim(flow, flow->rk.chain_id, c);
	spin_unlock_bh(&flow->lock);
	return may;
}

/* Claim flows with ids from first to last. */
static int claim_range(struct ipcp_net *ipn, unsigned long first,
		       unsigned long last, unsigned long min_age,
		       struct ipcp_claim *claims, int max)
{
	unsigned long id = first;
	int n = 0;

	for (; n < max; id++) {
		struct ipcp_flow *flow = ipcp_registry_next(ipn, &id);

		if (!flow)
			break;
		if (id <= last &&
		    claim_flow(flow, min_age, false, &claims[n])) {
			n++;
			continue;
		}
		ipcp_flow_put(flow);
		if (id >= last)
			break;
	}
	return n;
}

/**
 * ipcp_registry_snapshot_rekey_due() - Claim flows that want a new seed
 * @ipn: namespace
 * @only: id of the only flow to claim, whether due or not; 0 for all flows
 * @min_age: age of the newest epoch in jiffies from which a flow is due as well
 * @claims: (output) claims
 * @max: size of @claims
 *
 * A claim ends with ipcp_registry_store_pending(), with
 * ipcp_registry_clear_in_flight() or when the agent goes away. A claim that an
 * agent lost, since it had no memory for the answer, gives way to another after
 * IPCP_REKEY_CLAIM_TIMEOUT. Flows are claimed in turn, so flows whose re-keys
 * fail do not starve the others.
 *
 * Context: Process context. The operation rekey-claim.
 * Return: the number of flows claimed, each with a reference.
 */
int ipcp_registry_snapshot_rekey_due(struct ipcp_net *ipn, u32 only,
				     unsigned long min_age,
				     struct ipcp_claim *claims, int max)
{
	u32 last = READ_ONCE(ipn->claimed);
	struct ipcp_flow *flow;
	int n;

	if (only) {
		flow = ipcp_registry_get(ipn, only);
		if (flow && max && claim_flow(flow, min_age, true, claims))
			return 1;
		if (flow)
			ipcp_flow_put(flow);
		return 0;
	}
	n = claim_range(ipn, last + 1UL, U32_MAX, min_age, claims, max);
	n += claim_range(ipn, 0, last, min_age, claims + n, max - n);
	if (n)
		WRITE_ONCE(ipn->claimed, claims[n - 1].flow->id);
	return n;
}

/*
 * Continue from the numbers of the peer, since the state of this side was set
 * back when it lost the keys. Exchange numbers only go forward. Return false if
 * the peer's number is so far ahead that numbers could be used up.
 */
static bool raise_numbers(struct ipcp_rk *rk, const struct ipcp_numbers *peer)
{
	s32 ahead = peer->exchange - rk->claim;

	if (ahead > IPCP_EXCHANGE_STEP)
		return false;
	WRITE_ONCE(rk->newest, peer->epoch);
	if (ahead > 0)
		rk->claim = peer->exchange;
	return true;
}

/**
 * ipcp_registry_claim_fresh() - Claim a flow whose keys may have been lost
 * @ipn: namespace
 * @id: id of the flow
 * @peer: newest numbers of the peer to continue from, for a flow without keys;
 *	or NULL
 * @claim: (output) claim, with a reference to the flow
 *
 * The seed is mixed with no chain.
 *
 * Context: Process context. The operation rekey-claim.
 * Return: the number of flows claimed, 0 or 1; -EPERM if the flow has keys, and
 * either @peer is given, or the peer must first be asked whether it has the
 * keys, and not answer; -EOPNOTSUPP if the flow is not recoverable; -ERANGE if
 * @peer is too far ahead.
 */
int ipcp_registry_claim_fresh(struct ipcp_net *ipn, u32 id,
			      const struct ipcp_numbers *peer,
			      struct ipcp_claim *claim)
{
	struct ipcp_flow *flow = ipcp_registry_get(ipn, id);
	int n = 0;

	if (!flow)
		return 0;
	spin_lock_bh(&flow->lock);
	if (!flow->rk.recoverable)
		n = -EOPNOTSUPP;
	else if (peer ? !!ipcp_epoch_newest(flow) :
			ipcp_question_needed(flow) &&
			!ipcp_question_permits(flow))
		n = -EPERM;
	else if (may_claim(flow))
		n = !peer || raise_numbers(&flow->rk, peer) ? 1 : -ERANGE;
	if (n > 0) {
		take_claim(flow, IPCP_CHAIN_FRESH, claim);
		flow->rk.may_fresh = true;
		/* One silence permits one claim. */
		ipcp_question_forget(flow);
	}
	spin_unlock_bh(&flow->lock);
	if (n < 1)
		ipcp_flow_put(flow);
	return n;
}

/**
 * ipcp_registry_ask() - Ask the peer whether it has the keys
 * @flow: flow
 * @exchange: number of the exchange for which a fresh seed is wanted
 * @extack: reports the reason of a refusal
 *
 * A responder does not ask for a number that it would refuse.
 *
 * Context: Process context. The operation rekey-ask.
 * Return: as ipcp_question_begin(), or at a responder as
 * ipcp_keyrot_check_exchange().
 */
int ipcp_registry_ask(struct ipcp_flow *flow, u32 exchange,
		      struct netlink_ext_ack *extack)
{
	int err = 0;

	spin_lock_bh(&flow->lock);
	if (!flow->rk.initiator && flow->rk.nseeds)
		err = ipcp_keyrot_check_exchange(flow, exchange, extack);
	spin_unlock_bh(&flow->lock);
	return err ?: ipcp_question_begin(flow, exchange, extack);
}

/**
 * ipcp_registry_clear_in_flight() - End a claim without a seed
 * @flow: flow
 * @exchange: number of the claim
 * @hold: jiffies until the flow may be claimed again
 *
 * No seed is accepted for that number afterwards.
 *
 * Context: Any context. The operation rekey-clear.
 * Return: 0, or -ESTALE if that claim is not in flight.
 */
int ipcp_registry_clear_in_flight(struct ipcp_flow *flow, u32 exchange,
				  unsigned long hold)
{
	int err = 0;

	spin_lock_bh(&flow->lock);
	if (!flow->rk.in_flight || flow->rk.claim != exchange) {
		err = -ESTALE;
	} else {
		WRITE_ONCE(flow->rk.in_flight, false);
		flow->rk.may_fresh = false;
		flow->rk.held_off = hold;
		flow->rk.retry_at = get_jiffies_64() + hold;
		ipcp_notify(flow, IPCP_REKEY_EVENT_CLEARED, flow->rk.newest + 1,
			    exchange);
	}
	spin_unlock_bh(&flow->lock);
	return err;
}

/**
 * ipcp_registry_request() - Request a re-key of a flow
 * @flow: flow
 *
 * A request ends the wait that follows a failed attempt. Each request is
 * reported, also while an earlier one is unanswered: the agent of a responder
 * may wait, too.
 *
 * Context: Process context. The operation rekey-request.
 */
void ipcp_registry_request(struct ipcp_flow *flow)
{
	spin_lock_bh(&flow->lock);
	flow->rk.held_off = false;
	if (flow->rk.encrypted) {
		WRITE_ONCE(flow->rk.due, flow->rk.due | IPCP_REKEY_DUE_REQUEST);
		ipcp_notify(flow, IPCP_REKEY_EVENT_DUE, flow->rk.newest,
			    flow->rk.exchange);
	}
	spin_unlock_bh(&flow->lock);
}

/**
 * ipcp_registry_store_pending() - Park a seed
 * @flow: flow
 * @d: seed, wiped on every path, and the parameters of its exchange
 * @extack: for the reason of a refusal
 *
 * Context: Process context, may sleep. The operation seed-set.
 * Return: as ipcp_keyrot_park().
 */
int ipcp_registry_store_pending(struct ipcp_flow *flow,
				struct ipcp_delivery *d,
				struct netlink_ext_ack *extack)
{
	return ipcp_keyrot_park(flow, d, extack);
}

/**
 * ipcp_registry_take_pending() - Activate the parked seed
 * @flow: flow
 *
 * Context: Any context but hard interrupts. Called for read, write and
 * IPCP_IOC_REKEY.
 * Return: true if a seed was parked.
 */
bool ipcp_registry_take_pending(struct ipcp_flow *flow)
{
	if (likely(!(ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_REKEY)))
		return false;
	return ipcp_keyrot_activate(flow);
}

/**
 * ipcp_registry_lapse() - End what an agent had started
 * @ipn: namespace, without an agent
 *
 * Clear the claims of the agent, so that the next agent can claim the flows,
 * and fail the allocations that wait for an agent.
 *
 * Context: Process context, may sleep.
 */
void ipcp_registry_lapse(struct ipcp_net *ipn)
{
	struct ipcp_flow *flow;
	unsigned long id = 0;

	for (; (flow = ipcp_registry_next(ipn, &id)); id++) {
		bool claimed, pending;
		u32 exchange;

		spin_lock_bh(&flow->lock);
		ipcp_question_forget(flow);	/* the agent had asked */
		claimed = flow->rk.in_flight;
		exchange = flow->rk.claim;
		pending = flow->state == IPCP_REKEY_FLOW_STATE_ALLOC_PENDING;
		spin_unlock_bh(&flow->lock);
		if (claimed)
			ipcp_registry_clear_in_flight(flow, exchange, 0);
		if (pending)
			ipcp_state_fail(flow, ENOTCONN, "the agent went away");
		ipcp_flow_put(flow);
	}
}
