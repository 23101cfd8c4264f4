// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Events of flows, reported as trace events and as multicasts of the netlink
 * family. Both may be lost. The state of the flow is authoritative.
 */
#include <net/genetlink.h>

#include "flow.h"
#include "net.h"
#include "netlink-gen.h"
#include "notify.h"
#include "trace.h"

/* NULL once the family is being unregistered. Flows may end after that. */
static const struct genl_family __rcu *notify_family;

/**
 * ipcp_notify_init() - Start to report events by netlink
 * @family: family that is about to be registered
 *
 * Context: Module init, before the first flow.
 */
void __init ipcp_notify_init(const struct genl_family *family)
{
	rcu_assign_pointer(notify_family, family);
}

/**
 * ipcp_notify_exit() - Report events by tracepoints only
 *
 * The caller can unregister the family afterwards.
 *
 * Context: Module exit, may sleep.
 */
void ipcp_notify_exit(void)
{
	RCU_INIT_POINTER(notify_family, NULL);
	synchronize_rcu();
}

static int put_event(struct sk_buff *skb, struct ipcp_flow *flow, u32 event,
		     u8 epoch, u32 exchange)
{
	int error = READ_ONCE(flow->error);

	if (nla_put_u32(skb, IPCP_REKEY_A_FLOW_ID, flow->id) ||
	    nla_put_string(skb, IPCP_REKEY_A_FLOW_NAME, flow->name) ||
	    nla_put_u32(skb, IPCP_REKEY_A_FLOW_EVENT, event) ||
	    nla_put_u32(skb, IPCP_REKEY_A_FLOW_STATE, READ_ONCE(flow->state)) ||
	    nla_put_u32(skb, IPCP_REKEY_A_FLOW_EID, flow->eid) ||
	    nla_put_u8(skb, IPCP_REKEY_A_FLOW_EPOCH, epoch) ||
	    nla_put_u32(skb, IPCP_REKEY_A_FLOW_EXCHANGE, exchange) ||
	    nla_put_u32(skb, IPCP_REKEY_A_FLOW_DUE, READ_ONCE(flow->rk.due)))
		return -EMSGSIZE;
	if (!error)
		return 0;
	/*
	 * The reason was written once, before the error. Pairs with smp_wmb()
	 * in set_error().
	 */
	smp_rmb();
	return nla_put_u32(skb, IPCP_REKEY_A_FLOW_ERROR, error) ?:
	       nla_put_string(skb, IPCP_REKEY_A_FLOW_REASON, flow->reason);
}

/* Context: Under RCU, which keeps the family registered. */
static void multicast_event(const struct genl_family *family,
			    struct ipcp_flow *flow, u32 event, u8 epoch,
			    u32 exchange)
{
	struct net *net = flow->net->net;
	struct sk_buff *skb;
	void *hdr;

	if (!genl_has_listeners(family, net, IPCP_REKEY_NLGRP_EVENTS))
		return;
	skb = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_ATOMIC);
	if (!skb) {
		/* Report an overrun: the listener then reads the state. */
		genl_set_err(family, net, 0, IPCP_REKEY_NLGRP_EVENTS, -ENOBUFS);
		return;
	}
	hdr = genlmsg_put(skb, 0, 0, family, 0, IPCP_REKEY_CMD_FLOW_NTF);
	if (!hdr || put_event(skb, flow, event, epoch, exchange)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(family, net, skb, 0, IPCP_REKEY_NLGRP_EVENTS,
				GFP_ATOMIC);
}

/**
 * ipcp_notify() - Report an event of a flow
 * @flow: flow
 * @event: enum ipcp_rekey_event
 * @epoch: epoch that the event is about
 * @exchange: number of the exchange that the event is about, or 0
 *
 * Context: Any context, also with flow->lock held.
 */
void ipcp_notify(struct ipcp_flow *flow, u32 event, u8 epoch, u32 exchange)
{
	const struct genl_family *family;

	trace_ipcp_event(flow, event, epoch, exchange);
	rcu_read_lock();
	family = rcu_dereference(notify_family);
	if (family)
		multicast_event(family, flow, event, epoch, exchange);
	rcu_read_unlock();
}

/* Context: Under RCU, which keeps the family registered. */
static void multicast_copied(const struct genl_family *family, struct net *net)
{
	struct sk_buff *skb;
	void *hdr = NULL;

	if (!genl_has_listeners(family, net, IPCP_REKEY_NLGRP_EVENTS))
		return;
	skb = genlmsg_new(nla_total_size(sizeof(u32)), GFP_ATOMIC);
	if (skb)
		hdr = genlmsg_put(skb, 0, 0, family, 0, IPCP_REKEY_CMD_FLOW_NTF);
	if (!hdr || nla_put_u32(skb, IPCP_REKEY_A_FLOW_EVENT,
				IPCP_REKEY_EVENT_COPIED)) {
		nlmsg_free(skb);
		genl_set_err(family, net, 0, IPCP_REKEY_NLGRP_EVENTS, -ENOBUFS);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(family, net, skb, 0, IPCP_REKEY_NLGRP_EVENTS,
				GFP_ATOMIC);
}

/**
 * ipcp_notify_copied() - Report that this machine is a copy of another one
 * @ipn: namespace
 *
 * Context: Any context.
 */
void ipcp_notify_copied(struct ipcp_net *ipn)
{
	const struct genl_family *family;

	rcu_read_lock();
	family = rcu_dereference(notify_family);
	if (family)
		multicast_copied(family, ipn->net);
	rcu_read_unlock();
}

/*
 * Notify the agent. Return false on failure.
 * Context: Under RCU, which keeps the family registered.
 */
static bool multicast_upcall(const struct genl_family *family, struct net *net)
{
	struct sk_buff *skb = genlmsg_new(0, GFP_ATOMIC);
	void *hdr;

	if (!skb) {
		/* There may be no next upcall: wake the agent with an error. */
		genl_set_err(family, net, 0, IPCP_REKEY_NLGRP_AGENT, -ENOBUFS);
		return false;
	}
	hdr = genlmsg_put(skb, 0, 0, family, 0, IPCP_REKEY_CMD_UPCALL_NTF);
	if (!hdr) {
		nlmsg_free(skb);
		return false;
	}
	genlmsg_end(skb, hdr);
	return !genlmsg_multicast_netns(family, net, skb, 0,
					IPCP_REKEY_NLGRP_AGENT, GFP_ATOMIC);
}

/**
 * ipcp_notify_agent() - Notify the agent that its queue is not empty
 * @ipn: namespace
 *
 * Context: Any context.
 * Return: false on failure; the caller has to notify again at the next upcall.
 */
bool ipcp_notify_agent(struct ipcp_net *ipn)
{
	const struct genl_family *family;
	bool told = false;

	rcu_read_lock();
	family = rcu_dereference(notify_family);
	if (family)
		told = multicast_upcall(family, ipn->net);
	rcu_read_unlock();
	return told;
}
