// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * keyrot: the epochs of a flow.
 *
 *  park       a seed is expanded; its epoch can be received from then on
 *             (keyrot-park.c)
 *  activate   the program takes the seed, or its grace time is over; the epoch
 *             may be sent in
 *  observe    a packet of the peer authenticated in the epoch
 *  promote    this side begins to send in the epoch
 *  confirmed  the peer has seen this side send in the epoch
 *  linger     time for which the previous epoch is still received
 *  retire     the keys of the epoch are wiped (keyrot-retire.c)
 *
 * keyrot-due.c decides when a new seed is due.
 *
 * Both ends hold the same seed for an epoch, for the following reasons. The
 * responder's agent parks a seed before it answers, so when the initiator parks
 * the seed of exchange n, the responder has parked it too. The initiator issues
 * exchange n + 1 only when it can no longer park n, since a claim ends with its
 * seed or is refused forever; so the responder holds nothing newer than n at
 * that time. The responder cannot know whether its answer arrived. Therefore it
 * sends in an epoch only after the peer was observed in it, and a seed in whose
 * epoch the peer was never observed may be replaced by the seed of a later
 * exchange. The replaced keys were used for receiving only, and the counters of
 * the new ones start at 0 under different keys.
 *
 * Parking does everything that can fail before it changes any state. activate,
 * observe and promote change bits and pointers under flow->lock; they never
 * fail or sleep.
 */
#include "deadline.h"
#include "keyrot.h"
#include "notify.h"

/*
 * True from the notice of suspend or hibernation until the machine has woken
 * up.
 */
static bool asleep;

/**
 * ipcp_keyrot_set_asleep() - Refuse seeds until the machine has woken up
 * @yes: true if the machine is about to sleep, false to accept seeds again
 *
 * Context: Process context. The caller drops all existing keys after setting
 * it.
 */
void ipcp_keyrot_set_asleep(bool yes)
{
	WRITE_ONCE(asleep, yes);
}

/**
 * ipcp_keyrot_asleep() - Test whether seeds are refused
 *
 * Context: Any context.
 * Return: true from the notice that the machine will sleep until it has woken
 * up.
 */
bool ipcp_keyrot_asleep(void)
{
	return READ_ONCE(asleep);
}

/*
 * True if this side may send in an epoch. The responder has parked the seed
 * before the initiator parks it, so only the initiator may send without having
 * observed the peer.
 */
static bool may_send(struct ipcp_flow *flow, const struct ipcp_epoch *ep)
{
	lockdep_assert_held(&flow->lock);
	if (test_bit(IPCP_EP_OBSERVED, &ep->flags))
		return true;
	return flow->rk.initiator &&
	       (!rcu_access_pointer(flow->tx) ||
		time_after_eq(jiffies, READ_ONCE(ep->parked) + READ_ONCE(flow->grace)));
}

/*
 * Find the epoch to send in: the newest epoch if it is active and may_send()
 * permits; else the newest epoch in which the peer was observed, unless that is
 * the newest one, too. An older epoch counts as active, since another seed is
 * parked above it. Return NULL if there is no epoch to send in.
 */
static struct ipcp_epoch *find_sendable(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep = ipcp_epoch_newest(flow), *newest = ep;

	if (ep && test_bit(IPCP_EP_ACTIVE, &ep->flags) && may_send(flow, ep))
		return ep;
	ep = ipcp_epoch_find(flow, flow->rk.observed);
	return ep && ep != newest && test_bit(IPCP_EP_OBSERVED, &ep->flags) ?
	       ep : NULL;
}

/*
 * True if senders need not try ipcp_keyrot_promote(): this side sends in the
 * newest epoch, that epoch is not active yet, or there are no keys.
 */
static bool is_promoted(struct ipcp_flow *flow)
{
	struct ipcp_epoch *newest = ipcp_epoch_newest(flow);

	return !newest || !test_bit(IPCP_EP_ACTIVE, &newest->flags) ||
	       rcu_access_pointer(flow->tx) == newest;
}

/* Send in a newer epoch from now on, if allowed. */
static void __promote(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep, *tx;

	lockdep_assert_held(&flow->lock);
	ep = find_sendable(flow);
	tx = rcu_dereference_protected(flow->tx, lockdep_is_held(&flow->lock));
	if (!ep || (tx && !ipcp_epoch_before(tx->no, ep->no))) {
		if (is_promoted(flow))
			clear_bit(IPCP_FLOW_PROMOTE, &flow->bits);
		return;
	}

	rcu_assign_pointer(flow->tx, ep);
	if (is_promoted(flow))
		clear_bit(IPCP_FLOW_PROMOTE, &flow->bits);
	WRITE_ONCE(ep->promoted, jiffies);
	WRITE_ONCE(ep->confirm, jiffies);
	/*
	 * Pairs with test_bit_acquire() in confirm_by(): the times are visible
	 * before the bit is.
	 */
	smp_mb__before_atomic();
	set_bit(IPCP_EP_SENDING, &ep->flags);
	ipcp_notify(flow, IPCP_REKEY_EVENT_PROMOTED, ep->no, ep->exchange);
	ipcp_rbflags_wake(&flow->n_rb.flags, EPOLLOUT | EPOLLWRNORM);
	ipcp_flow_kick(flow);
}

/**
 * ipcp_keyrot_promote() - Send in the newest epoch, if allowed
 * @flow: flow
 *
 * Context: Any context except hard interrupts; does not sleep.
 */
void ipcp_keyrot_promote(struct ipcp_flow *flow)
{
	spin_lock_bh(&flow->lock);
	__promote(flow);
	spin_unlock_bh(&flow->lock);
}

/* Activate the parked seed. Return false if there is none. */
static bool __activate(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep = ipcp_epoch_newest(flow);
	struct ipcp_rk *rk = &flow->rk;

	lockdep_assert_held(&flow->lock);
	if (!rk->has_pending || !ep)
		return false;
	WRITE_ONCE(rk->epoch, ep->no);
	WRITE_ONCE(rk->has_pending, false);
	WRITE_ONCE(ep->confirm, jiffies);
	set_bit(IPCP_EP_ACTIVE, &ep->flags);
	set_bit(IPCP_FLOW_PROMOTE, &flow->bits);
	ipcp_notify(flow, IPCP_REKEY_EVENT_TAKEN, ep->no, ep->exchange);
	ipcp_rbflags_change(&flow->n_rb.flags, 0, IPCP_RB_REKEY);
	__promote(flow);
	return true;
}

/**
 * ipcp_keyrot_activate() - Activate the parked seed
 * @flow: flow
 *
 * Context: Any context except hard interrupts; does not sleep, cannot fail.
 * Return: true if a seed was pending.
 */
bool ipcp_keyrot_activate(struct ipcp_flow *flow)
{
	bool taken;

	spin_lock_bh(&flow->lock);
	taken = __activate(flow);
	spin_unlock_bh(&flow->lock);
	if (taken)
		ipcp_flow_kick(flow);
	return taken;
}

/*
 * Note the newest epoch in which the peer was observed. Its packets update the
 * address of the peer.
 */
static void note_observed(struct ipcp_flow *flow, const struct ipcp_epoch *ep)
{
	const struct ipcp_epoch *before = ipcp_epoch_find(flow,
							  flow->rk.observed);

	lockdep_assert_held(&flow->lock);
	if (!before || before == ep || ipcp_epoch_before(before->no, ep->no) ||
	    !test_bit(IPCP_EP_OBSERVED, &before->flags))
		WRITE_ONCE(flow->rk.observed, ep->no);
}

/* Note that both ends have keys again after one had lost them. */
static void note_recovery(struct ipcp_flow *flow, const struct ipcp_epoch *ep)
{
	lockdep_assert_held(&flow->lock);
	WRITE_ONCE(flow->recovered, ktime_get_boottime_seconds());
	/* Pairs with smp_load_acquire() in ipcp_view_recovery_age(). */
	smp_store_release(&flow->recoveries, flow->recoveries + 1);
	ipcp_notify(flow, IPCP_REKEY_EVENT_RECOVERED, ep->no, ep->exchange);
}

static void __observe(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		      bool sending)
{
	if (!test_and_set_bit(IPCP_EP_OBSERVED, &ep->flags)) {
		note_observed(flow, ep);
		ipcp_notify(flow, IPCP_REKEY_EVENT_OBSERVED, ep->no,
			    ep->exchange);
		if (test_bit(IPCP_EP_RECOVERY, &ep->flags))
			note_recovery(flow, ep);
		if (ep == ipcp_epoch_newest(flow)) {
			ipcp_keyrot_forget(flow);
			/* The peer has no other keys, so do not wait. */
			if (test_bit(IPCP_EP_FRESH, &ep->flags))
				__activate(flow);
		}
		__promote(flow);
	}
	if (sending && !test_bit(IPCP_EP_PEER_SENDING, &ep->flags)) {
		ep->linger = jiffies + READ_ONCE(flow->linger_time);
		set_bit(IPCP_EP_PEER_SENDING, &ep->flags);
	}
}

/**
 * ipcp_keyrot_observe() - Handle an authentic packet of the peer
 * @flow: flow
 * @ep: epoch of the packet
 * @sending: true if the peer sends its data in this epoch
 *
 * Context: Any context except hard interrupts; does not sleep.
 */
void ipcp_keyrot_observe(struct ipcp_flow *flow, struct ipcp_epoch *ep,
			 bool sending)
{
	unsigned long want = BIT(IPCP_EP_OBSERVED);

	if (sending)
		want |= BIT(IPCP_EP_PEER_SENDING);
	if (likely((READ_ONCE(ep->flags) & want) == want))
		return;

	spin_lock_bh(&flow->lock);
	if (ipcp_epoch_find(flow, ep->no) == ep)
		__observe(flow, ep, sending);
	spin_unlock_bh(&flow->lock);
	ipcp_flow_kick(flow);
}

/**
 * ipcp_keyrot_grace() - Activate a seed at the end of its grace time
 * @flow: flow
 * @ep: newest epoch of @flow
 * @next: (in/out) jiffies when to check again
 *
 * From then on the initiator may send in the epoch even if the peer was not
 * observed in it.
 *
 * Context: The worker of the flow.
 */
void ipcp_keyrot_grace(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		       unsigned long *next)
{
	if (test_bit(IPCP_EP_SENDING, &ep->flags) ||
	    ipcp_deadline_add(next, READ_ONCE(ep->parked) + READ_ONCE(flow->grace)))
		return;
	ipcp_keyrot_activate(flow);
	ipcp_keyrot_promote(flow);
}
