// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Snapshots of the state of a flow's keys, for the interfaces that show it. */
#include <linux/jiffies.h>
#include <linux/string.h>

#include "keys.h"
#include "view.h"

static u32 leaf_in_use(struct ipcp_epoch *ep, unsigned int dir)
{
	struct ipcp_leaf *leaf = rcu_dereference(ep->leaves[dir].cur);

	return leaf ? leaf->no : 0;
}

static void view_newest(struct ipcp_flow *flow, struct ipcp_epoch *ep,
			struct ipcp_key_view *v)
{
	v->newest = ep->no;
	v->ppl = 1U << ep->ppl_shift;
	v->tx_left = ipcp_tx_left(atomic64_read(&ep->sent), ep->ppl_shift);
	v->rx_left = ipcp_rx_left(READ_ONCE(ep->rx_end));
	v->rx_leaf = leaf_in_use(ep, ipcp_rx_dir(&flow->rk));
	v->age_ms = jiffies64_to_msecs(jiffies - READ_ONCE(ep->parked));
	v->done = test_bit(IPCP_EP_CONFIRMED, &ep->flags);
}

/**
 * ipcp_view_keys() - Take a snapshot of the state of a flow's keys
 * @flow: flow
 * @v: (output) snapshot
 *
 * Context: Any context but hard interrupts.
 */
void ipcp_view_keys(struct ipcp_flow *flow, struct ipcp_key_view *v)
{
	unsigned int tx = ipcp_tx_dir(&flow->rk), rx = ipcp_rx_dir(&flow->rk);
	struct ipcp_epoch *ep;

	memset(v, 0, sizeof(*v));
	v->encrypted = READ_ONCE(flow->rk.encrypted);
	rcu_read_lock();
	spin_lock_bh(&flow->lock);
	v->tx_leaves = flow->leaves_done[tx];
	v->rx_leaves = flow->leaves_done[rx];
	for (int i = 0; i < IPCP_EPOCH_SLOTS; i++) {
		ep = rcu_dereference(flow->slots[i]);
		if (!ep)
			continue;
		if (atomic64_read(&ep->sent))
			v->tx_leaves += READ_ONCE(ep->leaves[tx].used);
		if (test_bit(IPCP_EP_OBSERVED, &ep->flags))
			v->rx_leaves += READ_ONCE(ep->leaves[rx].used);
	}
	spin_unlock_bh(&flow->lock);
	ep = ipcp_epoch_newest(flow);
	if (ep)
		view_newest(flow, ep, v);
	ep = rcu_dereference(flow->tx);
	if (ep) {
		v->sends = true;
		v->tx = ep->no;
		v->tx_leaf = leaf_in_use(ep, tx);
	}
	rcu_read_unlock();
}

/**
 * ipcp_view_recovery_age() - Return how long ago the last recovery was
 * @flow: flow
 *
 * Context: Any context.
 * Return: milliseconds, 0 if there was none.
 */
u64 ipcp_view_recovery_age(const struct ipcp_flow *flow)
{
	u64 since;

	/* Pairs with smp_store_release() in note_recovery(). */
	if (!smp_load_acquire(&flow->recoveries))
		return 0;
	since = ktime_get_boottime_seconds() - READ_ONCE(flow->recovered);
	return (since ?: 1) * MSEC_PER_SEC;
}
