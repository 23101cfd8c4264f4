// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Direct flows: both ends are consumers of this host, in one namespace. A message
 * goes from one end into the ring of the other, in the clear, and is the
 * sender's until it was read: so a writer waits for its reader as it otherwise
 * waits for the network stack. There are no keys, so there is nothing to re-key;
 * the kernel knows of either end's end, so there is no keepalive.
 *
 * The ends have a reference to each other. An end gives up its own when it is
 * finished. What it sent is in its count until it was read or dropped.
 */
#include "listener.h"
#include "local.h"
#include "path.h"
#include "registry.h"
#include "session.h"
#include "state.h"

/* What its own program has closed already need not hear of it. */
static void peer_closed(struct ipcp_flow *flow)
{
	if (READ_ONCE(flow->state) != IPCP_REKEY_FLOW_STATE_ALLOCATED &&
	    !ipcp_flow_pending(flow))
		return;
	if (ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_FLOWDOWN)
		return;
	set_bit(IPCP_FLOW_PEER_CLOSED, &flow->bits);
	ipcp_state_down(flow, ESHUTDOWN, "the peer closed the flow");
}

/* This end is down, or closed, so the other one is down. */
static void local_down(struct ipcp_flow *flow)
{
	struct ipcp_flow *mate;

	rcu_read_lock();
	mate = rcu_dereference(flow->mate);
	if (mate)
		peer_closed(mate);
	rcu_read_unlock();
}

/* This end is finished: tell the other and let go of it. */
static void local_finish(struct ipcp_flow *flow)
{
	struct ipcp_flow *mate;

	spin_lock_bh(&flow->lock);
	mate = rcu_replace_pointer(flow->mate, NULL,
				   lockdep_is_held(&flow->lock));
	spin_unlock_bh(&flow->lock);
	if (!mate)
		return;
	peer_closed(mate);
	ipcp_flow_put(mate);
}

/* Messages go from ring to ring (tx.c): no packet is sealed, or comes in. */
static int local_xmit(struct ipcp_flow *flow, struct sk_buff *skb)
{
	kfree_skb(skb);
	return -ENETUNREACH;
}

static void local_received(struct ipcp_flow *flow, const struct sk_buff *skb,
			   const struct ipcp_epoch *ep, u64 counter)
{
}

static const struct ipcp_path_ops local_path = {
	.xmit = local_xmit,
	.received = local_received,
	.down = local_down,
	.finish = local_finish,
};

/* Make a flow, in this state and without keys, an end that has the other. */
static bool couple_flow(struct ipcp_flow *flow, u8 state, struct ipcp_flow *mate)
{
	bool may;

	spin_lock_bh(&flow->lock);
	may = flow->state == state && !flow->rk.encrypted &&
	      !ipcp_flow_is_direct(flow);
	if (may) {
		flow->rk.initiator =
			state == IPCP_REKEY_FLOW_STATE_ALLOC_PENDING;
		WRITE_ONCE(flow->mtu, IPCP_LOCAL_MTU);
		ipcp_flow_set_timeout(flow, 0);
		WRITE_ONCE(flow->peer_eid, mate->eid);
		WRITE_ONCE(flow->path, &local_path);
		rcu_assign_pointer(flow->mate, ipcp_flow_get(mate));
		set_bit(IPCP_FLOW_DIRECT, &flow->bits);
	}
	spin_unlock_bh(&flow->lock);
	return may;
}

/* Both are pending: the flow that was asked for, and its other end. */
static int couple_flows(struct ipcp_flow *flow, struct ipcp_flow *mate)
{
	if (!couple_flow(flow, IPCP_REKEY_FLOW_STATE_ALLOC_PENDING, mate))
		return -ESTALE;
	if (couple_flow(mate, IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING, flow))
		return 0;
	ipcp_state_fail(flow, ECONNABORTED, "nobody serves the name any more");
	return -ESTALE;
}

/**
 * ipcp_local_join() - Allocate a flow to a program of this host
 * @flow: flow that is to be allocated; its name is served here
 *
 * Context: Process context, may sleep. The operation flow-direct.
 * Return: 0; -ESTALE the flow is not pending, or has keys; as
 * ipcp_session_respond().
 */
int ipcp_local_join(struct ipcp_flow *flow)
{
	struct ipcp_flow *mate;
	int err;

	mate = ipcp_session_respond(flow->net, flow->name, &flow->qos);
	if (IS_ERR(mate))
		return PTR_ERR(mate);
	err = couple_flows(flow, mate) ?: ipcp_state_allocated(flow);
	if (err)
		ipcp_state_fail(mate, ECONNABORTED, "nobody asks any more");
	else if (ipcp_state_allocated(mate))
		peer_closed(flow);	/* nobody serves the name any more */
	ipcp_flow_put(mate);
	return err;
}
