/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_UDP_H
#define _IPCP_UDP_H

#include <linux/skbuff.h>

/* rtnl_link_ops.kind of the interfaces over a flow */
#define IPCP_LINK_KIND	"ipcp_rekey"

struct ipcp_ends;
struct ipcp_epoch;
struct ipcp_flow;
struct ipcp_net;
struct ipcp_probe_link;
struct netlink_ext_ack;

/**
 * struct ipcp_udp_settings - settings from an agent
 * @port: UDP port that the namespace is known by, 0 for the default
 * @mark: mark of outgoing packets
 * @sources: number of sockets that packets of allocated flows leave from: 0 for
 *	one for each CPU, up to IPCP_NET_SOURCES; 1 for the sockets of @port
 */
struct ipcp_udp_settings {
	u16 port;
	u32 mark;
	unsigned int sources;
};

/* udp-sock.c */
int ipcp_udp_open(struct ipcp_net *ipn, const struct ipcp_udp_settings *settings,
		  struct netlink_ext_ack *extack);
void ipcp_udp_close(struct ipcp_net *ipn);
u8 ipcp_udp_choose(const struct ipcp_net *ipn, u32 n);
bool ipcp_udp_has(const struct ipcp_net *ipn, u32 slot);

/* udp.c */
extern const struct ipcp_path_ops ipcp_udp_path;

void ipcp_udp_received(struct ipcp_flow *flow, const struct sk_buff *skb,
		       const struct ipcp_epoch *ep, u64 counter);
void ipcp_udp_source(const struct sk_buff *skb, struct ipcp_ends *ends);

/* udp-xmit.c */
int ipcp_udp_xmit(struct ipcp_flow *flow, struct sk_buff *skb);
int ipcp_udp_xmit_to(struct ipcp_net *ipn, u8 slot, const struct ipcp_ends *to,
		     struct sk_buff *skb);
void ipcp_udp_look(struct ipcp_flow *flow);
int ipcp_udp_link(struct ipcp_net *ipn, u8 slot, const struct ipcp_ends *to,
		  struct ipcp_probe_link *link);

/* udp-marker.c */
int ipcp_udp_marker_init(void);
void ipcp_udp_marker_exit(void);
void ipcp_udp_mark(struct sk_buff *skb);

#endif /* _IPCP_UDP_H */
