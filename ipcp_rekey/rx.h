/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPCP_RX_H
#define _IPCP_RX_H

#include <linux/types.h>

struct ipcp_flow;
struct ipcp_net;
struct sk_buff;

void ipcp_rx(struct ipcp_net *in, struct sk_buff *skb);
struct sk_buff *ipcp_rx_read(struct ipcp_flow *flow);
void ipcp_rx_open_queued(struct ipcp_flow *flow);
void ipcp_rx_probe(struct ipcp_flow *flow);
void ipcp_rx_control(struct ipcp_flow *flow);
void ipcp_rx_purge(struct ipcp_flow *flow);

#endif /* _IPCP_RX_H */
