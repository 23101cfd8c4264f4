// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Retire keys: all keys of an epoch after its linger, the send keys of an epoch
 * once a newer one is in use, and all keys of a flow. The worker, which does
 * this, also prepares the next leaf keys here.
 */
#include <linux/slab.h>

#include "deadline.h"
#include "hkdf.h"
#include "keyrot.h"
#include "leaf.h"
#include "notify.h"
#include "question.h"

/**
 * ipcp_keyrot_wipe() - Wipe all keys of an epoch
 * @ep: epoch that cannot be found any more
 *
 * Context: Process context, may sleep.
 */
void ipcp_keyrot_wipe(struct ipcp_epoch *ep)
{
	struct ipcp_node_keys *nodes;

	mutex_lock(&ep->derive);
	set_bit(IPCP_EP_RETIRED, &ep->flags);
	for (int dir = 0; dir < IPCP_DIRS; dir++)
		ipcp_leaves_retire(ep, &ep->leaves[dir]);
	nodes = ep->ks.nodes;
	ipcp_keysched_wipe(&ep->ks);
	kfree_sensitive(nodes);
	mutex_unlock(&ep->derive);
}

/**
 * ipcp_keyrot_forget() - Wipe the chain that the newest seed was mixed with
 * @flow: flow, whose newest epoch cannot be replaced any more. The caller holds
 *	flow->lock.
 *
 * Context: Any context.
 */
void ipcp_keyrot_forget(struct ipcp_flow *flow)
{
	lockdep_assert_held(&flow->lock);
	ipcp_chain_wipe(&flow->rk.before);
	flow->rk.before_id = IPCP_CHAIN_FRESH;
}

/**
 * ipcp_keyrot_retire() - Retire an epoch that was removed from its slot
 * @flow: flow
 * @ep: epoch; consumes the reference of the slot
 *
 * Context: Process context, may sleep.
 */
void ipcp_keyrot_retire(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	ipcp_keyrot_wipe(ep);
	spin_lock_bh(&flow->lock);
	for (int i = 0; i < IPCP_DIRS; i++)
		flow->leaves_done[i] += READ_ONCE(ep->leaves[i].used);
	spin_unlock_bh(&flow->lock);
	ipcp_notify(flow, IPCP_REKEY_EVENT_WIPED, ep->no, ep->exchange);
	ipcp_epoch_put(ep);
}

/*
 * True if the peer sends in a newer epoch. @end is then the end of this epoch's
 * linger: the earliest one that any newer epoch, in any slot, determines.
 */
static bool linger_end(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		       unsigned long *end)
{
	bool any = false;

	for (int i = 0; i < IPCP_EPOCH_SLOTS; i++) {
		struct ipcp_epoch *n;

		n = rcu_dereference_protected(flow->slots[i],
					      lockdep_is_held(&flow->lock));
		if (!n || !ipcp_epoch_before(ep->no, n->no) ||
		    !test_bit(IPCP_EP_PEER_SENDING, &n->flags))
			continue;
		if (!any || time_before(n->linger, *end))
			*end = n->linger;
		any = true;
	}
	return any;
}

/*
 * True if the peer had lost the keys of an epoch, and has newer ones: the peer
 * was observed in a newer epoch whose seed was mixed with no chain.
 */
static bool peer_recovered(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	for (int i = 0; i < IPCP_EPOCH_SLOTS; i++) {
		struct ipcp_epoch *n;

		n = rcu_dereference_protected(flow->slots[i],
					      lockdep_is_held(&flow->lock));
		if (n && ipcp_epoch_before(ep->no, n->no) &&
		    test_bit(IPCP_EP_FRESH, &n->flags) &&
		    test_bit(IPCP_EP_OBSERVED, &n->flags))
			return true;
	}
	return false;
}

/*
 * Return the epoch in a slot if its linger is over. Called with flow->lock
 * held.
 */
static struct ipcp_epoch *linger_over(struct ipcp_flow *flow, int i,
				      unsigned long *next)
{
	struct ipcp_epoch *ep;
	unsigned long end;

	ep = rcu_dereference_protected(flow->slots[i],
				       lockdep_is_held(&flow->lock));
	if (!ep || ep == rcu_access_pointer(flow->tx))
		return NULL;
	if (peer_recovered(flow, ep))
		return ep;
	if (!linger_end(flow, ep, &end))
		return NULL;
	return ipcp_deadline_add(next, end) ? NULL : ep;
}

/* Remove an epoch from its slot if its linger is over, and retire it. */
static bool retire_lingered(struct ipcp_flow *flow, int i, unsigned long *next)
{
	struct ipcp_epoch *ep;

	spin_lock_bh(&flow->lock);
	ep = linger_over(flow, i, next);
	if (ep)
		RCU_INIT_POINTER(flow->slots[i], NULL);
	spin_unlock_bh(&flow->lock);
	if (ep)
		ipcp_keyrot_retire(flow, ep);
	return ep;
}

/* Wipe the send keys of an epoch older than the one this side sends in. */
static void wipe_tx(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	unsigned int dir = ipcp_tx_dir(&flow->rk);

	if (!rcu_access_pointer(ep->leaves[dir].cur))
		return;
	mutex_lock(&ep->derive);
	if (!test_bit(IPCP_EP_RETIRED, &ep->flags)) {
		ipcp_leaves_retire(ep, &ep->leaves[dir]);
		ipcp_keysched_enter(&ep->ks, dir, IPCP_NODES - 1);
	}
	ipcp_stack_wipe();
	mutex_unlock(&ep->derive);
}

/* Prepare the next leaves and retire late ones. */
static void tend_leaves(struct ipcp_flow *flow, struct ipcp_epoch *ep,
			unsigned long *next)
{
	unsigned int tx = ipcp_tx_dir(&flow->rk), rx = ipcp_rx_dir(&flow->rk);
	unsigned long until;
	int err = 0;

	if (ep == rcu_access_pointer(flow->tx) && ipcp_leaf_next_due(ep, tx))
		err = ipcp_leaf_prepare(ep, tx);
	if (ipcp_leaf_next_due(ep, rx))
		err = ipcp_leaf_prepare(ep, rx) ?: err;
	while (ipcp_leaf_retire_late(ep, &until) &&
	       !ipcp_deadline_add(next, until))
		continue;	/* the time has passed in between: retire it */
	if (ipcp_leaf_not_now(err))
		ipcp_deadline_in(next, HZ / 10);
}

/**
 * ipcp_keyrot_tend() - Prepare leaves ahead, and wipe old keys
 * @flow: flow
 * @next: (in/out) jiffies when to check again
 *
 * Context: The worker of the flow.
 */
void ipcp_keyrot_tend(struct ipcp_flow *flow, unsigned long *next)
{
	for (int i = 0; i < IPCP_EPOCH_SLOTS; i++) {
		struct ipcp_epoch *ep, *tx;
		bool spent;

		if (retire_lingered(flow, i, next))
			continue;
		/*
		 * A task that removes the epoch from its slot concurrently
		 * wipes its keys, but the reference keeps the structure.
		 */
		rcu_read_lock();
		ep = ipcp_epoch_get(rcu_dereference(flow->slots[i]));
		tx = rcu_dereference(flow->tx);
		spent = ep && tx && ipcp_epoch_before(ep->no, tx->no);
		rcu_read_unlock();
		if (!ep)
			continue;
		if (spent)
			wipe_tx(flow, ep);
		ipcp_epoch_stay_old(ep);
		tend_leaves(flow, ep, next);
		ipcp_epoch_put(ep);
	}
}

/**
 * ipcp_keyrot_drop() - Wipe all keys of a flow
 * @flow: flow; cannot send or receive until the next seed
 *
 * Also ends a claim in flight: if this machine is a copy of another one, both
 * know the secrets that the seed of the claim would be derived from.
 *
 * All state changes in one critical section of flow->lock, under which seeds
 * are parked, too. So a concurrent seed is either parked before and dropped
 * with the others, or refused, since rk.drops has changed.
 *
 * Context: Process context, may sleep.
 */
void ipcp_keyrot_drop(struct ipcp_flow *flow)
{
	struct ipcp_epoch *gone[IPCP_EPOCH_SLOTS];
	struct ipcp_rk *rk = &flow->rk;

	spin_lock_bh(&flow->lock);
	WRITE_ONCE(rk->in_flight, false);
	WRITE_ONCE(rk->has_pending, false);
	WRITE_ONCE(rk->drops, rk->drops + 1);
	rk->may_fresh = false;
	ipcp_question_forget(flow);
	ipcp_keyrot_forget(flow);
	ipcp_chain_wipe(&rk->chain);
	rk->chain_id = IPCP_CHAIN_FRESH;
	RCU_INIT_POINTER(flow->tx, NULL);
	for (int i = 0; i < IPCP_EPOCH_SLOTS; i++)
		gone[i] = rcu_replace_pointer(flow->slots[i], NULL,
					      lockdep_is_held(&flow->lock));
	ipcp_rbflags_change(&flow->n_rb.flags, 0, IPCP_RB_REKEY);
	spin_unlock_bh(&flow->lock);
	for (int i = 0; i < IPCP_EPOCH_SLOTS; i++)
		if (gone[i])
			ipcp_keyrot_retire(flow, gone[i]);
}
