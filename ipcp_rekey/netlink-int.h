/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_NETLINK_INT_H
#define _IPCP_NETLINK_INT_H

#include <linux/pid_namespace.h>
#include <net/genetlink.h>

#include "flow.h"
#include "netlink-gen.h"
#include "netlink.h"
#include "registry.h"
#include "show.h"

struct ipcp_seed;

/* True if a request lacks an attribute. Then sets its error message. */
#define IPCP_NL_MISSING(info, attr) GENL_REQ_ATTR_CHECK(info, attr)

static inline struct ipcp_net *ipcp_nl_net(const struct genl_info *info)
{
	return ipcp_net(genl_info_net(info));
}

/* Return the value of an optional attribute, 0 if it is missing. */
static inline u32 ipcp_nl_u32(const struct nlattr *nla)
{
	return nla ? nla_get_u32(nla) : 0;
}

/* Return the namespaces for the uids and pids in the answer to a request. */
static inline struct ipcp_viewer ipcp_nl_viewer(const struct sk_buff *request)
{
	return (struct ipcp_viewer){
		.users = sk_user_ns(NETLINK_CB(request).sk),
		.pids = task_active_pid_ns(current),
	};
}

bool ipcp_nl_is_agent(const struct sk_buff *skb, struct genl_info *info);
struct ipcp_flow *ipcp_nl_flow(struct genl_info *info);
int ipcp_nl_failure(struct genl_info *info, const struct nlattr *nla);
int ipcp_nl_ends(struct genl_info *info, int peer, int local, int provider,
		 struct ipcp_ends *ends);
int ipcp_nl_slot(struct genl_info *info, int attr, u8 *slot);
void ipcp_nl_seed(struct ipcp_seed *seed, struct genl_info *info);

struct sk_buff *ipcp_nl_reply(struct genl_info *info, u8 cmd, size_t size,
			      void **hdr);
int ipcp_nl_reply_send(struct genl_info *info, struct sk_buff *skb, void *hdr,
		       int err);

#endif /* _IPCP_NETLINK_INT_H */
