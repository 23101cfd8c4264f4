/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/ipcp_rekey.yaml */
/* YNL-GEN kernel header */
/* To regenerate run: Documentation/netlink/regen */

#ifndef _LINUX_IPCP_REKEY_GEN_H
#define _LINUX_IPCP_REKEY_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/ipcp_rekey_netlink.h>

/* Common nested types */
extern const struct nla_policy ipcp_rekey_qos_nl_policy[IPCP_REKEY_A_QOS_TIMEOUT + 1];

/* Ops table for ipcp_rekey */
extern const struct genl_split_ops ipcp_rekey_nl_ops[21];

int ipcp_rekey_nl_info_get_doit(struct sk_buff *skb, struct genl_info *info);
int ipcp_rekey_nl_agent_set_doit(struct sk_buff *skb, struct genl_info *info);
int ipcp_rekey_nl_upcall_get_doit(struct sk_buff *skb, struct genl_info *info);
int ipcp_rekey_nl_upcall_done_doit(struct sk_buff *skb, struct genl_info *info);
int ipcp_rekey_nl_flow_get_doit(struct sk_buff *skb, struct genl_info *info);
int ipcp_rekey_nl_flow_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb);
int ipcp_rekey_nl_flow_new_doit(struct sk_buff *skb, struct genl_info *info);
int ipcp_rekey_nl_flow_allocate_doit(struct sk_buff *skb,
				     struct genl_info *info);
int ipcp_rekey_nl_flow_set_doit(struct sk_buff *skb, struct genl_info *info);
int ipcp_rekey_nl_flow_del_doit(struct sk_buff *skb, struct genl_info *info);
int ipcp_rekey_nl_name_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb);
int ipcp_rekey_nl_rekey_claim_doit(struct sk_buff *skb, struct genl_info *info);
int ipcp_rekey_nl_rekey_clear_doit(struct sk_buff *skb, struct genl_info *info);
int ipcp_rekey_nl_seed_set_doit(struct sk_buff *skb, struct genl_info *info);
int ipcp_rekey_nl_rekey_ask_doit(struct sk_buff *skb, struct genl_info *info);
int ipcp_rekey_nl_rekey_request_doit(struct sk_buff *skb,
				     struct genl_info *info);
int ipcp_rekey_nl_ctrl_send_doit(struct sk_buff *skb, struct genl_info *info);
int ipcp_rekey_nl_sealed_send_doit(struct sk_buff *skb, struct genl_info *info);
int ipcp_rekey_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info);
int ipcp_rekey_nl_flow_direct_doit(struct sk_buff *skb, struct genl_info *info);
int ipcp_rekey_nl_user_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb);

enum {
	IPCP_REKEY_NLGRP_AGENT,
	IPCP_REKEY_NLGRP_EVENTS,
};

#endif /* _LINUX_IPCP_REKEY_GEN_H */
