/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_RX_H
#define _IPCP_RX_H

#include <linux/types.h>

#include "drop.h"

struct ipcp_flow;
struct ipcp_leaf;
struct ipcp_net;
struct sk_buff;

void ipcp_rx(struct ipcp_net *ipn, struct sk_buff *skb);
void ipcp_rx_drain(struct ipcp_flow *flow);
void ipcp_rx_purge(struct ipcp_flow *flow);

/* Shared with rx-segs.c */
void ipcp_rx_stray(struct ipcp_net *ipn, enum ipcp_drop reason, unsigned int len);
bool ipcp_rx_allowed(const struct ipcp_flow *flow);
int ipcp_rx_find_leaf(struct ipcp_flow *flow, u8 epoch, u64 counter,
		      struct ipcp_leaf **leaf);
void ipcp_rx_data(struct ipcp_flow *flow, struct sk_buff *skb);
void ipcp_rx_packet(struct ipcp_net *ipn, struct sk_buff *skb);
u8 ipcp_rx_dsfield(const struct sk_buff *skb);

#endif /* _IPCP_RX_H */
