// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Direct flows: both ends are consumers on this host, in one namespace. A
 * message goes from one end into the ring of the other, in the clear, and is
 * charged to the sender until it was read. So a writer waits for its reader as
 * a writer of another flow waits for the network stack. There are no keys and
 * no re-keys, and no keepalive, since the kernel knows when either end is
 * closed.
 *
 * Each end holds a reference to the other, and drops the reference when the end
 * is finished. Messages count as in flight for the end that sent them until
 * they were read or dropped.
 */
#include "listener.h"
#include "local.h"
#include "path.h"
#include "registry.h"
#include "session.h"
#include "state.h"

/* Take this end down, unless its own program has closed it already. */
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

/* Take the other end down, since this end is down or closed. */
static void local_down(struct ipcp_flow *flow)
{
	struct ipcp_flow *mate;

	rcu_read_lock();
	mate = rcu_dereference(flow->mate);
	if (mate)
		peer_closed(mate);
	rcu_read_unlock();
}

/* Finish this end: inform the other end and drop the reference to it. */
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

/* Not used: messages go from ring to ring (tx.c). */
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

/* Make a flow in @state, and without keys, one end of a direct flow. */
static bool join_end(struct ipcp_flow *flow, u8 state, struct ipcp_flow *mate)
{
	bool may;

	spin_lock_bh(&flow->lock);
	may = flow->state == state && !flow->rk.encrypted &&
	      !ipcp_flow_is_direct(flow);
	if (may) {
		WRITE_ONCE(flow->rk.initiator,
			   state == IPCP_REKEY_FLOW_STATE_ALLOC_PENDING);
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

/* Join a requested flow and its other end, both of which are pending. */
static int join_ends(struct ipcp_flow *flow, struct ipcp_flow *mate)
{
	if (!join_end(flow, IPCP_REKEY_FLOW_STATE_ALLOC_PENDING, mate))
		return -ESTALE;
	if (join_end(mate, IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING, flow))
		return 0;
	ipcp_state_fail(flow, ECONNABORTED, "the name is no longer served");
	return -ESTALE;
}

/**
 * ipcp_local_join() - Allocate a flow to a program on this host
 * @flow: pending flow to a name that is served here
 *
 * Context: Process context, may sleep. The operation flow-direct.
 * Return: 0; -ESTALE if the flow is not pending, or has keys; otherwise an
 * error of ipcp_session_respond().
 */
int ipcp_local_join(struct ipcp_flow *flow)
{
	struct ipcp_flow *mate;
	int err;

	mate = ipcp_session_respond(flow->net, flow->name, &flow->qos);
	if (IS_ERR(mate))
		return PTR_ERR(mate);
	err = join_ends(flow, mate) ?: ipcp_state_allocated(flow);
	if (err)
		ipcp_state_fail(mate, ECONNABORTED, "the flow is no longer requested");
	else if (ipcp_state_allocated(mate))
		peer_closed(flow);	/* the other end was closed */
	ipcp_flow_put(mate);
	return err;
}
