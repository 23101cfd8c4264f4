/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPCP_TX_H
#define _IPCP_TX_H

#include <linux/types.h>

struct ipcp_epoch;
struct ipcp_flow;
struct sk_buff;

/* What a message needs in front of it, beside what the device wants. */
#define IPCP_TX_HEADROOM	60U

/* Messages of a flow that may be on their way through the stack. */
#define IPCP_TX_QUEUE	256

struct sk_buff *ipcp_tx_alloc(size_t len, gfp_t gfp);
bool ipcp_tx_room(const struct ipcp_flow *flow);
bool ipcp_tx_ready(struct ipcp_flow *flow);
int ipcp_tx_data(struct ipcp_flow *flow, struct sk_buff *skb);
int ipcp_tx_try(struct ipcp_flow *flow, struct sk_buff *skb);
int ipcp_tx_prepare(struct ipcp_flow *flow);
struct sk_buff *ipcp_tx_segs_alloc(unsigned int len, unsigned int last,
				   unsigned int count, gfp_t gfp);
int ipcp_tx_segs(struct ipcp_flow *flow, struct sk_buff *skb, unsigned int len,
		 unsigned int count);
int ipcp_tx_control(struct ipcp_flow *flow, struct ipcp_epoch *ep, u8 type,
		    const void *payload, size_t len);
int ipcp_tx_current(struct ipcp_flow *flow, u8 type, const void *payload,
		    size_t len);

#endif /* _IPCP_TX_H */
