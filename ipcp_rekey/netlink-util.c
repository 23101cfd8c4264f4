// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Helpers of the netlink operations. */
#include <linux/netlink.h>
#include <linux/skbuff.h>

#include "failure.h"
#include "keysched.h"
#include "netlink-int.h"
#include "udp.h"

/**
 * ipcp_nl_is_agent() - Check that a request comes from the agent
 * @skb: request
 * @info: the same request; gets an error message if not
 *
 * Context: Process context.
 * Return: true if the socket is that of the namespace's agent.
 */
bool ipcp_nl_is_agent(const struct sk_buff *skb, struct genl_info *info)
{
	if (READ_ONCE(ipcp_nl_net(info)->agent) == NETLINK_CB(skb).sk)
		return true;
	GENL_SET_ERR_MSG(info, "only the agent of this network namespace may do this");
	return false;
}

/**
 * ipcp_nl_flow() - Look up the flow that a request names
 * @info: request; gets an error message on failure
 *
 * Context: Process context.
 * Return: the flow, with a reference; -EINVAL if the request has no flow id;
 * -ENOENT if there is no such flow.
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

static int get_endpoint(const struct genl_info *info, const struct nlattr *nla,
			struct ipcp_endpoint *ep)
{
	const struct sockaddr *sa = nla_data(nla);
	int len = nla_len(nla);

	if (len == sizeof(ep->sin) && sa->sa_family == AF_INET)
		memcpy(&ep->sin, sa, len);
	else if (len == sizeof(ep->sin6) && sa->sa_family == AF_INET6)
		memcpy(&ep->sin6, sa, len);
	if (ep->sa.sa_family != AF_UNSPEC && ep->sin.sin_port)
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, nla,
			    "not a sockaddr_in or sockaddr_in6 with a port");
	return -EINVAL;
}

static int get_local(const struct genl_info *info, const struct nlattr *nla,
		     struct ipcp_ends *ends)
{
	int len = ends->peer.sa.sa_family == AF_INET ? sizeof(ends->local.in) :
						       sizeof(ends->local.in6);

	if (nla_len(nla) != len) {
		NL_SET_ERR_MSG_ATTR(info->extack, nla,
				    "not an address of the same family as the peer's");
		return -EINVAL;
	}
	memcpy(&ends->local, nla_data(nla), len);
	return 0;
}

/**
 * ipcp_nl_ends() - Read the two addresses of a path, or its provider, from a
 * request
 * @info: request; gets an error message on failure
 * @peer: type of the attribute with the peer's address
 * @local: type of the attribute with an address of this host, which may be
 *	absent
 * @provider: type of the attribute with the number of the provider; if absent,
 *	the peer's address must be there
 * @ends: (output) the addresses, or the provider
 *
 * Context: Process context.
 * Return: 0 or -EINVAL.
 */
int ipcp_nl_ends(struct genl_info *info, int peer, int local, int provider,
		 struct ipcp_ends *ends)
{
	struct nlattr **a = info->attrs;
	int err;

	memset(ends, 0, sizeof(*ends));
	if (a[provider]) {
		ends->provider = nla_get_u32(a[provider]);
		if (!a[peer] && !a[local])
			return 0;
		NL_SET_ERR_MSG_ATTR(info->extack, a[provider],
				    "give the provider or addresses, not both");
		return -EINVAL;
	}
	if (IPCP_NL_MISSING(info, peer))
		return -EINVAL;
	err = get_endpoint(info, a[peer], &ends->peer);
	return err || !a[local] ? err : get_local(info, a[local], ends);
}

/**
 * ipcp_nl_slot() - Read the number of a socket from a request
 * @info: request; gets an error message on failure
 * @attr: type of the attribute, which may be absent
 * @slot: (output) the number; 0 if absent
 *
 * Context: Process context.
 * Return: 0, or -EINVAL if the namespace has no such socket.
 */
int ipcp_nl_slot(struct genl_info *info, int attr, u8 *slot)
{
	u32 n = ipcp_nl_u32(info->attrs[attr]);

	*slot = n;
	if (!info->attrs[attr] || ipcp_udp_has(ipcp_nl_net(info), n))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[attr],
			    "this namespace has no socket of this number");
	return -EINVAL;
}

/**
 * ipcp_nl_seed() - Read the seed of a request
 * @seed: (output) the seed
 * @info: request with a seed, which is wiped after the operation
 *
 * Context: Process context.
 */
void ipcp_nl_seed(struct ipcp_seed *seed, struct genl_info *info)
{
	memcpy(seed->bytes, nla_data(info->attrs[IPCP_REKEY_A_FLOW_SEED]),
	       sizeof(seed->bytes));
}

/**
 * ipcp_nl_reply() - Start a reply
 * @info: request
 * @cmd: operation
 * @size: bytes of attributes
 * @hdr: (output) header, for ipcp_nl_reply_send()
 *
 * Context: Process context, may sleep.
 * Return: the message, or NULL.
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
 * ipcp_nl_reply_send() - Send a reply, or free it on an error
 * @info: request
 * @skb: reply; consumed
 * @hdr: header from ipcp_nl_reply()
 * @err: error while the reply was written, or 0
 *
 * Context: Process context.
 * Return: @err if not 0, else the result of genlmsg_reply().
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
 * ipcp_nl_failure() - Check an errno that is meant for a program
 * @info: request; gets an error message on failure
 * @nla: attribute with a positive errno, or NULL
 *
 * Context: Process context.
 * Return: 0, or -EINVAL if programs cannot be given this errno.
 */
int ipcp_nl_failure(struct genl_info *info, const struct nlattr *nla)
{
	if (!nla || ipcp_failure_known(nla_get_u32(nla)))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, nla,
			    "not an errno for programs; use one of " IPCP_FAILURES);
	return -EINVAL;
}
