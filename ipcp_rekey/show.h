/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_SHOW_H
#define _IPCP_SHOW_H

#include <uapi/linux/ipcp_rekey_netlink.h>

struct ipcp_claim;
struct ipcp_flow;
struct ipcp_info;
struct ipcp_grant;
struct ipcp_net;
struct ipcp_upcall;
struct pid_namespace;
struct sk_buff;
struct user_namespace;

/**
 * struct ipcp_viewer - the reader of a message
 * @users: user namespace of the viewer, for the numbers of users and groups
 * @pids: pid namespace of the viewer, for the numbers of processes
 */
struct ipcp_viewer {
	struct user_namespace *users;
	struct pid_namespace *pids;
};

/* Upper bound of the attributes of one claim in a message. */
#define IPCP_CLAIM_SIZE	(IPCP_REKEY_NAME_MAX + IPCP_REKEY_BLOB_MAX + 256)

/*
 * Maximum number of flows in one answer of rekey-claim. The answer is
 * contiguous in memory, so it must not be so long that its allocation is likely
 * to fail.
 */
#define IPCP_CLAIM_ANSWER	8

int ipcp_show_info(struct sk_buff *skb, struct ipcp_net *ipn);
int ipcp_show_upcall(struct sk_buff *skb, const struct ipcp_upcall *up,
		     const struct ipcp_viewer *viewer);
int ipcp_show_flow(struct sk_buff *skb, struct ipcp_flow *flow,
		   const struct ipcp_viewer *viewer);
int ipcp_show_name(struct sk_buff *skb, const struct ipcp_grant *g,
		   const struct ipcp_viewer *viewer);
int ipcp_show_claim(struct sk_buff *skb, const struct ipcp_claim *claim,
		    const struct ipcp_viewer *viewer);

void ipcp_show_for_program(struct ipcp_flow *flow, struct ipcp_info *info);
void ipcp_show_peer(const struct ipcp_flow *flow,
		    char name[IPCP_NAME_LEN + 1], u32 *authenticated);

#endif /* _IPCP_SHOW_H */
