/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_PATH_H
#define _IPCP_PATH_H

#include <linux/types.h>

struct ipcp_epoch;
struct ipcp_flow;
struct sk_buff;

/**
 * struct ipcp_path_ops - operations of the path that carries a flow's packets
 * @xmit: send a sealed packet, or several in one buffer, to the flow's peer;
 *	consumes the buffer. Called under RCU with bottom halves off. Returns 0;
 *	-EMSGSIZE if the packet does not fit the path; -ENOBUFS if the packet was
 *	lost for lack of memory or room; -EDESTADDRREQ without an address of the
 *	peer; -ELOOP if the route leads through the flow's own interface; or a
 *	routing error
 * @received: called when a packet authenticated that has the highest counter
 *	yet in the newest epoch that the peer was seen in, so its source is the
 *	current address of the peer. Called under RCU with bottom halves off
 * @look: look up the packet sizes that the path allows again, after a message was
 *	refused for its length; may be NULL. Called in process context
 * @down: called when this end of the flow is down or closed; may be NULL.
 *	Called in process context, possibly under RCU; must not sleep
 * @finish: called when the flow has ended, to drop references that the path
 *	holds; may be NULL. Called in process context
 */
struct ipcp_path_ops {
	int (*xmit)(struct ipcp_flow *flow, struct sk_buff *skb);
	void (*received)(struct ipcp_flow *flow, const struct sk_buff *skb,
			 const struct ipcp_epoch *ep, u64 counter);
	void (*look)(struct ipcp_flow *flow);
	void (*down)(struct ipcp_flow *flow);
	void (*finish)(struct ipcp_flow *flow);
};

#endif /* _IPCP_PATH_H */
