// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* What the operations of the netlink family share. */
#include <linux/netlink.h>
#include <linux/skbuff.h>

#include "failure.h"
#include "keysched.h"
#include "netlink-int.h"

/**
 * ipcp_nl_is_agent() - May this socket go on with what an agent has begun?
 * @info: request; told why not
 *
 * Context: Process context.
 * Return: true if it is the agent of its namespace.
 */
bool ipcp_nl_is_agent(struct genl_info *info)
{
	if (READ_ONCE(ipcp_nl_net(info)->agent) == info->snd_portid)
		return true;
	GENL_SET_ERR_MSG(info, "only the agent of this network namespace may");
	return false;
}

/**
 * ipcp_nl_flow() - The flow that a request is about
 * @info: request; told what is wrong
 *
 * Context: Process context.
 * Return: flow with a reference; -EINVAL without a number; -ENOENT.
 */
struct ipcp_flow *ipcp_nl_flow(struct genl_info *info)
{
	struct ipcp_flow *flow;

	if (IPCP_NL_MISSING(info, IPCP_REKEY_A_FLOW_ID))
		return ERR_PTR(-EINVAL);
	flow = ipcp_registry_get(ipcp_nl_net(info),
				 nla_get_u32(info->attrs[IPCP_REKEY_A_FLOW_ID]));
	if (!flow) {
		NL_SET_BAD_ATTR(info->extack, info->attrs[IPCP_REKEY_A_FLOW_ID]);
		GENL_SET_ERR_MSG(info, "no such flow");
		return ERR_PTR(-ENOENT);
	}
	return flow;
}

/**
 * ipcp_nl_endpoint() - An address in a request
 * @info: request; told what is wrong
 * @attr: which attribute, known to be there
 * @ep: out
 *
 * Context: Process context.
 * Return: 0 or -EINVAL.
 */
int ipcp_nl_endpoint(struct genl_info *info, int attr,
		     struct ipcp_endpoint *ep)
{
	const struct nlattr *nla = info->attrs[attr];
	const struct sockaddr *sa = nla_data(nla);
	int len = nla_len(nla);

	memset(ep, 0, sizeof(*ep));
	if (len == sizeof(ep->sin) && sa->sa_family == AF_INET)
		memcpy(&ep->sin, sa, len);
	else if (len == sizeof(ep->sin6) && sa->sa_family == AF_INET6)
		memcpy(&ep->sin6, sa, len);
	if (ep->sa.sa_family == AF_UNSPEC || !ep->sin.sin_port) {
		NL_SET_ERR_MSG_ATTR(info->extack, nla,
				    "not a sockaddr_in or sockaddr_in6 with a port");
		return -EINVAL;
	}
	return 0;
}

/**
 * ipcp_nl_move_seed() - Take the seed out of a request
 * @seed: out
 * @info: request, which has one; nothing stays there of any that it has
 *
 * Context: Process context.
 */
void ipcp_nl_move_seed(struct ipcp_root *seed, struct genl_info *info)
{
	struct nlattr *nla = info->attrs[IPCP_REKEY_A_FLOW_SEED];
	int rem;

	memcpy(seed->bytes, nla_data(nla), sizeof(seed->bytes));
	/* of several the last one counts, and the others are seeds, too */
	nlmsg_for_each_attr(nla, info->nlhdr, GENL_HDRLEN, rem)
		if (nla_type(nla) == IPCP_REKEY_A_FLOW_SEED)
			memzero_explicit(nla_data(nla), nla_len(nla));
}

/**
 * ipcp_nl_reply() - Begin an answer
 * @info: request
 * @cmd: operation
 * @size: bytes of attributes
 * @hdr: out, for ipcp_nl_reply_send()
 *
 * Context: Process context, may sleep.
 * Return: message or NULL.
 */
struct sk_buff *ipcp_nl_reply(struct genl_info *info, u8 cmd, size_t size,
			      void **hdr)
{
	struct sk_buff *skb = genlmsg_new(size, GFP_KERNEL);

	if (!skb)
		return NULL;
	*hdr = genlmsg_put_reply(skb, info, info->family, 0, cmd);
	if (!*hdr) {
		nlmsg_free(skb);
		return NULL;
	}
	return skb;
}

/**
 * ipcp_nl_reply_send() - Send an answer, or give it up
 * @info: request
 * @skb: answer; taken
 * @hdr: of ipcp_nl_reply()
 * @err: an error that makes it void, or 0
 *
 * Context: Process context.
 * Return: @err, or what netlink says.
 */
int ipcp_nl_reply_send(struct genl_info *info, struct sk_buff *skb, void *hdr,
		       int err)
{
	if (err) {
		nlmsg_free(skb);
		return err;
	}
	genlmsg_end(skb, hdr);
	return genlmsg_reply(skb, info);
}

/**
 * ipcp_nl_failure() - Look at an errno that a program is to get
 * @info: request
 * @nla: its attribute with a positive errno, or NULL
 *
 * Return: 0, or -EINVAL if programs do not get this one.
 */
int ipcp_nl_failure(struct genl_info *info, const struct nlattr *nla)
{
	if (!nla || ipcp_failure_known(nla_get_u32(nla)))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, nla,
			    "not an errno for programs; there are " IPCP_FAILURES);
	return -EINVAL;
}
