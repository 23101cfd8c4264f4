// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Re-keying as an agent sees it: who claims a flow, and what becomes of that. The
 * functions of Ouroboros's registry keep their names; what they do to keys is in
 * keyrot.c.
 */
#include "keyrot.h"
#include "notify.h"
#include "registry.h"
#include "rekey.h"
#include "state.h"

/**
 * ipcp_registry_set_rekey() - This flow will have keys, and is to be re-keyed
 * @flow: flow
 * @cipher: enum ipcp_rekey_cipher
 *
 * Called by flow-allocate, before the first seed is parked. The side that
 * allocates drives re-keys; that, and so the direction that it sends in, is
 * settled here once and for all. If no seed could be parked after that, for
 * want of memory, it may be called again with the same cipher.
 *
 * Context: Any context.
 * Return: false if the flow is not pending, is direct, or has a seed or another
 * cipher.
 */
bool ipcp_registry_set_rekey(struct ipcp_flow *flow, u16 cipher)
{
	bool may;

	spin_lock_bh(&flow->lock);
	may = ipcp_flow_pending(flow) && !ipcp_flow_is_direct(flow) &&
	      !flow->rk.nseeds && (!flow->rk.encrypted || flow->cipher == cipher);
	if (may) {
		flow->cipher = cipher;
		flow->rk.initiator =
			flow->state == IPCP_REKEY_FLOW_STATE_ALLOC_PENDING;
		flow->rk.epoch = 0;
		/* Packets may come from here on: the last to be written. */
		smp_store_release(&flow->rk.encrypted, true);
	}
	spin_unlock_bh(&flow->lock);
	return may;
}

/* May an agent claim this flow, its newest epoch settled one way or another? */
static bool rekey_is_due(struct ipcp_flow *flow, unsigned long min_age,
			 bool anyway)
{
	const struct ipcp_rk *rk = &flow->rk;
	struct ipcp_epoch *ep = ipcp_epoch_newest(flow);

	lockdep_assert_held(&flow->lock);
	if (flow->state != IPCP_REKEY_FLOW_STATE_ALLOCATED ||
	    ipcp_flow_is_direct(flow) || !rk->encrypted || !rk->initiator ||
	    rk->in_flight || rk->has_pending || ipcp_keyrot_asleep() ||
	    ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_FLOWDOWN)
		return false;
	if (!ep)
		return true;	/* no keys */
	if (!test_bit(IPCP_EP_CONFIRMED, &ep->flags) &&
	    !ipcp_epoch_confirm_overdue(ep))
		return false;
	return anyway || rk->due || time_after_eq(jiffies, ep->parked + min_age);
}

static bool claim_flow(struct ipcp_flow *flow, unsigned long min_age,
		       bool anyway, struct ipcp_claim *c)
{
	struct ipcp_rk *rk = &flow->rk;
	bool claimed;

	spin_lock_bh(&flow->lock);
	claimed = rekey_is_due(flow, min_age, anyway);
	if (claimed) {
		rk->in_flight = true;
		rk->claim++;	/* never one that was claimed or delivered */
		c->flow = flow;
		c->exchange = rk->claim;
		c->epoch = rk->newest + 1;
		c->due = rk->due;
		ipcp_notify(flow, IPCP_REKEY_EVENT_CLAIMED, c->epoch,
			    rk->claim);
	}
	spin_unlock_bh(&flow->lock);
	return claimed;
}

/* Claims flows whose numbers are from first to last. */
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
 * @only: number of the one flow to claim, whether it is due or not; or 0
 * @min_age: jiffies; a flow is due as well if its newest epoch is that old
 * @claims: out
 * @max: room in @claims
 *
 * A claim ends with store_pending, clear_in_flight or the end of the agent.
 * Flows have their turn one after the other: those whose re-keys fail do not
 * keep the others waiting.
 *
 * Context: Process context. The operation rekey-claim.
 * Return: number of flows claimed, each with a reference.
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

/**
 * ipcp_registry_clear_in_flight() - A claim ended without a seed
 * @flow: flow
 * @exchange: number of the claim
 *
 * From now on no seed is taken for that number.
 *
 * Context: Any context. The operation rekey-clear.
 * Return: 0, or -ESTALE if that claim is not in flight.
 */
int ipcp_registry_clear_in_flight(struct ipcp_flow *flow, u32 exchange)
{
	int err = 0;

	spin_lock_bh(&flow->lock);
	if (!flow->rk.in_flight || flow->rk.claim != exchange) {
		err = -ESTALE;
	} else {
		flow->rk.in_flight = false;
		ipcp_notify(flow, IPCP_REKEY_EVENT_CLEARED, flow->rk.newest + 1,
			    exchange);
	}
	spin_unlock_bh(&flow->lock);
	return err;
}

/**
 * ipcp_registry_store_pending() - Park a seed
 * @flow: flow
 * @seed: root seed, wiped on every path
 * @epoch: its epoch
 * @exchange: number of the exchange that delivered it
 * @extack: for the reason of a refusal
 *
 * Context: Process context, may sleep. The operation seed-set.
 * Return: as ipcp_keyrot_park().
 */
int ipcp_registry_store_pending(struct ipcp_flow *flow, struct ipcp_root *seed,
				u8 epoch, u32 exchange,
				struct netlink_ext_ack *extack)
{
	return ipcp_keyrot_park(flow, seed, epoch, exchange, extack);
}

/**
 * ipcp_registry_take_pending() - Install the seed that waits
 * @flow: flow
 *
 * Context: Any context but hard interrupts. read, write, IPCP_IOC_REKEY.
 * Return: true if there was one.
 */
bool ipcp_registry_take_pending(struct ipcp_flow *flow)
{
	if (likely(!(ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_REKEY)))
		return false;
	return ipcp_keyrot_activate(flow);
}

/**
 * ipcp_registry_lapse() - The agent is gone: end what it had begun
 * @ipn: namespace
 *
 * Claims lapse, so that the next agent can claim the flows, and allocations
 * that wait for an agent fail.
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
		claimed = flow->rk.in_flight;
		exchange = flow->rk.claim;
		pending = flow->state == IPCP_REKEY_FLOW_STATE_ALLOC_PENDING;
		spin_unlock_bh(&flow->lock);
		if (claimed)
			ipcp_registry_clear_in_flight(flow, exchange);
		if (pending)
			ipcp_state_fail(flow, ENOTCONN, "the agent went away");
		ipcp_flow_put(flow);
	}
}
