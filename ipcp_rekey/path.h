/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_PATH_H
#define _IPCP_PATH_H

#include <linux/types.h>

struct ipcp_epoch;
struct ipcp_flow;
struct sk_buff;

/**
 * struct ipcp_path_ops - what carries the packets of flows
 * @xmit: send a sealed packet, or several in one buffer, to the flow's peer;
 *	consumes the buffer. Under RCU, with bottom halves off. Returns 0;
 *	-EMSGSIZE if it does not fit; what routing says
 * @received: a packet authenticated, with the highest counter yet in the newest
 *	epoch that the peer was seen in: so @skb says where the peer is. Under RCU,
 *	with bottom halves off
 * @down: this end of the flow is down, or closed; or NULL. Process context, maybe
 *	under RCU: does not sleep
 * @finish: the flow is over, drop what the path has of others; or NULL. Process
 *	context
 */
struct ipcp_path_ops {
	int (*xmit)(struct ipcp_flow *flow, struct sk_buff *skb);
	void (*received)(struct ipcp_flow *flow, const struct sk_buff *skb,
			 const struct ipcp_epoch *ep, u64 counter);
	void (*down)(struct ipcp_flow *flow);
	void (*finish)(struct ipcp_flow *flow);
};

#endif /* _IPCP_PATH_H */
