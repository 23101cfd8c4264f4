// SPDX-License-Identifier: GPL-2.0
/*
 * What happens to a flow, told to who listens: a trace event, and a multicast
 * of the netlink family. Both are hints; the flow's state is the truth.
 */
#include <net/genetlink.h>

#include "flow.h"
#include "netlink-gen.h"
#include "netlink.h"
#include "notify.h"
#include "registry.h"
#include "trace.h"

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
	/* Written before the error, once. */
	smp_rmb();
	return nla_put_u32(skb, IPCP_REKEY_A_FLOW_ERROR, error) ?:
	       nla_put_string(skb, IPCP_REKEY_A_FLOW_REASON, flow->reason);
}

/**
 * ipcp_notify() - Tell what happened to a flow
 * @flow: flow
 * @event: enum ipcp_rekey_event
 * @epoch: epoch that it is about
 * @exchange: number of the exchange that it is about, or 0
 *
 * Context: Any context, also with flow->lock held.
 */
void ipcp_notify(struct ipcp_flow *flow, u32 event, u8 epoch, u32 exchange)
{
	struct net *net = flow->net->net;
	struct sk_buff *skb;
	void *hdr;

	trace_ipcp_event(flow, event, epoch, exchange);
	if (!genl_has_listeners(&ipcp_nl_family, net, IPCP_REKEY_NLGRP_EVENTS))
		return;
	skb = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_ATOMIC);
	if (!skb) {
		/* As if its buffer had been full: it looks at the state. */
		genl_set_err(&ipcp_nl_family, net, 0, IPCP_REKEY_NLGRP_EVENTS,
			     -ENOBUFS);
		return;
	}
	hdr = genlmsg_put(skb, 0, 0, &ipcp_nl_family, 0,
			  IPCP_REKEY_CMD_FLOW_NTF);
	if (!hdr || put_event(skb, flow, event, epoch, exchange)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&ipcp_nl_family, net, skb, 0,
				IPCP_REKEY_NLGRP_EVENTS, GFP_ATOMIC);
}
