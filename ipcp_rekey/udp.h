/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_UDP_H
#define _IPCP_UDP_H

#include <linux/skbuff.h>

struct ipcp_endpoint;
struct ipcp_epoch;
struct ipcp_flow;
struct ipcp_net;
struct ipcp_probe_link;
struct netlink_ext_ack;

void ipcp_udp_net_init(struct ipcp_net *ipn);
int ipcp_udp_open(struct ipcp_net *ipn, u16 port, u32 mark,
		  struct netlink_ext_ack *extack);
void ipcp_udp_close(struct ipcp_net *ipn);
extern const struct ipcp_path_ops ipcp_udp_path;

void ipcp_udp_received(struct ipcp_flow *flow, const struct sk_buff *skb,
		       const struct ipcp_epoch *ep, u64 counter);
void ipcp_udp_source(const struct sk_buff *skb, struct ipcp_endpoint *from);

/* udp-xmit.c */
int ipcp_udp_xmit(struct ipcp_flow *flow, struct sk_buff *skb);
int ipcp_udp_xmit_to(struct ipcp_net *ipn, const struct ipcp_endpoint *to,
		     struct sk_buff *skb);
int ipcp_udp_link(struct ipcp_net *ipn, const struct ipcp_endpoint *to,
		  struct ipcp_probe_link *link);

/* udp-marker.c */
int ipcp_udp_marker_init(void);
void ipcp_udp_marker_exit(void);
void ipcp_udp_mark(struct sk_buff *skb);

#endif /* _IPCP_UDP_H */
