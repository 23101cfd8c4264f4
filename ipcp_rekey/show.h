/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_SHOW_H
#define _IPCP_SHOW_H

#include <uapi/linux/ipcp_rekey_netlink.h>

struct ipcp_claim;
struct ipcp_flow;
struct ipcp_info;
struct ipcp_listener;
struct ipcp_net;
struct ipcp_upcall;
struct pid_namespace;
struct sk_buff;

/* Upper bound of the attributes of one claim in a message. */
#define IPCP_CLAIM_SIZE	(IPCP_REKEY_NAME_MAX + IPCP_REKEY_BLOB_MAX + 256)

int ipcp_show_info(struct sk_buff *skb, struct ipcp_net *ipn);
int ipcp_show_upcall(struct sk_buff *skb, const struct ipcp_upcall *up,
		     struct pid_namespace *ns);
int ipcp_show_flow(struct sk_buff *skb, struct ipcp_flow *flow,
		   struct pid_namespace *ns);
int ipcp_show_name(struct sk_buff *skb, const struct ipcp_listener *l,
		   struct pid_namespace *ns);
int ipcp_show_claim(struct sk_buff *skb, const struct ipcp_claim *claim,
		    struct pid_namespace *ns);

void ipcp_show_for_program(struct ipcp_flow *flow, struct ipcp_info *info);

#endif /* _IPCP_SHOW_H */
