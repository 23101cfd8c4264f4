// SPDX-License-Identifier: GPL-2.0
/*
 * The netlink family: what the agent and the command line tool say. Policies
 * and tables are generated from Documentation/netlink/specs/ipcp_rekey.yaml.
 * Here are the operations of agents, upcalls and names; those of a flow are in
 * netlink-flow.c, of re-keying in netlink-rekey.c.
 *
 * Seeds come down only. An operation that takes one wipes all seeds in the
 * request before anything can refuse it, so neither the error's answer, which
 * repeats the request, nor freed memory has them. A request that reaches no
 * operation, for want of a permission or for an attribute that the policy
 * refuses, is freed as it came, and repeated to its sender unless that asked for
 * short answers (NETLINK_CAP_ACK), as the agent does.
 */
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/pid_namespace.h>
#include <linux/skbuff.h>

#include "failure.h"
#include "keysched.h"
#include "listener.h"
#include "netlink-int.h"
#include "rekey.h"
#include "show.h"
#include "tx.h"
#include "udp.h"
#include "upcall.h"
#include "wire.h"

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
	*hdr = genlmsg_put_reply(skb, info, &ipcp_nl_family, 0, cmd);
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

int ipcp_rekey_nl_info_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *rsp;
	void *hdr;

	rsp = ipcp_nl_reply(info, IPCP_REKEY_CMD_INFO_GET, NLMSG_DEFAULT_SIZE, &hdr);
	if (!rsp)
		return -ENOMEM;
	return ipcp_nl_reply_send(info, rsp, hdr,
				  ipcp_show_info(rsp, ipcp_nl_net(info)));
}

int ipcp_rekey_nl_agent_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *port = info->attrs[IPCP_REKEY_A_AGENT_PORT];
	struct nlattr *mark = info->attrs[IPCP_REKEY_A_AGENT_MARK];
	struct ipcp_net *ipn = ipcp_nl_net(info);
	int err;

	mutex_lock(&ipn->agent_lock);
	if (ipn->agent && ipn->agent != info->snd_portid) {
		GENL_SET_ERR_MSG(info, "this network namespace has an agent");
		err = -EBUSY;
		goto unlock;
	}
	err = ipcp_udp_open(ipn, port ? nla_get_u16(port) : 0,
			    mark ? nla_get_u32(mark) : 0, info->extack);
	if (!err)
		WRITE_ONCE(ipn->agent, info->snd_portid);
unlock:
	mutex_unlock(&ipn->agent_lock);
	return err;
}

int ipcp_rekey_nl_upcall_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct pid_namespace *ns = task_active_pid_ns(current);
	struct ipcp_upcall *up;
	struct sk_buff *rsp;
	int err = -ENOMEM;
	size_t size;
	void *hdr;

	if (!ipcp_nl_is_agent(info))
		return -EPERM;
again:
	up = ipcp_upcall_next(ipcp_nl_net(info));
	if (!up)
		return -EAGAIN;
	if (up->flow && !ipcp_flow_pending(up->flow)) {
		ipcp_upcall_free(up);	/* given up meanwhile */
		goto again;
	}
	size = NLMSG_DEFAULT_SIZE + (up->skb ? up->skb->len : 0);
	rsp = ipcp_nl_reply(info, IPCP_REKEY_CMD_UPCALL_GET, size, &hdr);
	if (rsp)
		err = ipcp_nl_reply_send(info, rsp, hdr,
					 ipcp_show_upcall(rsp, up, ns));
	if (err) {
		ipcp_upcall_requeue(ipcp_nl_net(info), up);
		return -ENOBUFS;	/* EAGAIN is an empty queue */
	}
	ipcp_upcall_free(up);
	return 0;
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

int ipcp_rekey_nl_upcall_done_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *reason = info->attrs[IPCP_REKEY_A_UPCALL_REASON];
	struct nlattr *nla = info->attrs[IPCP_REKEY_A_UPCALL_ERROR];
	u32 error = ipcp_nl_u32(nla);
	int err;

	if (IPCP_NL_MISSING(info, IPCP_REKEY_A_UPCALL_ID))
		return -EINVAL;
	if (!ipcp_nl_is_agent(info))
		return -EPERM;
	err = error ? ipcp_nl_failure(info, nla) : 0;
	if (err)
		return err;
	err = ipcp_listener_answer(ipcp_nl_net(info),
				   nla_get_u64(info->attrs[IPCP_REKEY_A_UPCALL_ID]),
				   error, reason ? nla_data(reason) : NULL);
	if (err)
		GENL_SET_ERR_MSG(info, "nobody waits for this answer");
	return err;
}

int ipcp_rekey_nl_ctrl_send_doit(struct sk_buff *skb, struct genl_info *info)
{
	static const struct ipcp_hdr hdr = { .type = IPCP_PDU_CTRL };
	struct ipcp_endpoint to;
	struct nlattr *payload;
	struct sk_buff *pkt;
	int err;

	if (IPCP_NL_MISSING(info, IPCP_REKEY_A_UPCALL_PEER) ||
	    IPCP_NL_MISSING(info, IPCP_REKEY_A_UPCALL_PAYLOAD))
		return -EINVAL;
	err = ipcp_nl_endpoint(info, IPCP_REKEY_A_UPCALL_PEER, &to);
	if (err)
		return err;
	payload = info->attrs[IPCP_REKEY_A_UPCALL_PAYLOAD];
	if (!nla_len(payload) || nla_len(payload) > IPCP_REKEY_CTRL_MAX) {
		NL_SET_ERR_MSG_ATTR(info->extack, payload, "empty or too long");
		return -EMSGSIZE;
	}
	pkt = ipcp_tx_alloc(nla_len(payload), GFP_KERNEL);
	if (!pkt)
		return -ENOMEM;
	skb_put_data(pkt, nla_data(payload), nla_len(payload));
	ipcp_wire_build(skb_push(pkt, IPCP_HDR_LEN), &hdr);
	return ipcp_udp_xmit_to(ipcp_nl_net(info), &to, pkt);
}

int ipcp_rekey_nl_name_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb)
{
	struct ipcp_net *ipn = ipcp_net(sock_net(skb->sk));
	struct ipcp_listener *l;
	int err = 0, n = 0;

	mutex_lock(&ipn->lock);
	list_for_each_entry(l, &ipn->listeners, list) {
		void *hdr;

		if (n++ < cb->args[0])
			continue;
		hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
				  cb->nlh->nlmsg_seq, &ipcp_nl_family,
				  NLM_F_MULTI, IPCP_REKEY_CMD_NAME_GET);
		err = hdr ? ipcp_show_name(skb, l,
					   task_active_pid_ns(current)) :
			    -EMSGSIZE;
		if (err) {
			if (hdr)
				genlmsg_cancel(skb, hdr);
			n--;
			break;
		}
		genlmsg_end(skb, hdr);
	}
	mutex_unlock(&ipn->lock);
	cb->args[0] = n;
	return skb->len ?: err;
}

int ipcp_rekey_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ipcp_drops sum;
	struct sk_buff *rsp;
	void *hdr;

	rsp = ipcp_nl_reply(info, IPCP_REKEY_CMD_STATS_GET, NLMSG_DEFAULT_SIZE, &hdr);
	if (!rsp)
		return -ENOMEM;
	ipcp_drops_sum(ipcp_nl_net(info)->drops, &sum);
	return ipcp_nl_reply_send(info, rsp, hdr,
			  ipcp_drops_put(rsp, IPCP_REKEY_A_NET_STATS_DROPS,
					 sum.drops));
}

/**
 * ipcp_netlink_hint() - Tell the agent that its queue has something
 * @ipn: namespace
 *
 * Context: Any context.
 * Return: false if it could not be told; the next one has to be then.
 */
bool ipcp_netlink_hint(struct ipcp_net *ipn)
{
	struct sk_buff *skb = genlmsg_new(0, GFP_ATOMIC);
	void *hdr;

	if (!skb) {
		/* Nobody may come next: it wakes up for the error. */
		genl_set_err(&ipcp_nl_family, ipn->net, 0,
			     IPCP_REKEY_NLGRP_AGENT, -ENOBUFS);
		return false;
	}
	hdr = genlmsg_put(skb, 0, 0, &ipcp_nl_family, 0,
			  IPCP_REKEY_CMD_UPCALL_NTF);
	if (!hdr) {
		nlmsg_free(skb);
		return false;
	}
	genlmsg_end(skb, hdr);
	return !genlmsg_multicast_netns(&ipcp_nl_family, ipn->net, skb, 0,
					IPCP_REKEY_NLGRP_AGENT, GFP_ATOMIC);
}

/* A netlink socket closed. If it was an agent's, what it had begun ends. */
static int socket_closed(struct notifier_block *nb, unsigned long event,
			 void *data)
{
	struct netlink_notify *n = data;
	struct ipcp_net *ipn;

	if (event != NETLINK_URELEASE || n->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;
	ipn = ipcp_net(n->net);
	if (!n->portid || READ_ONCE(ipn->agent) != n->portid)
		return NOTIFY_DONE;

	/* The next agent begins when the end of this one is complete. */
	mutex_lock(&ipn->agent_lock);
	if (ipn->agent == n->portid) {
		WRITE_ONCE(ipn->agent, 0);
		ipcp_listener_lapse(ipn);
		ipcp_registry_lapse(ipn);
		ipcp_upcall_purge(ipn);
	}
	mutex_unlock(&ipn->agent_lock);
	return NOTIFY_DONE;
}

static struct notifier_block socket_notifier = {
	.notifier_call = socket_closed,
};

static const struct genl_multicast_group mcgrps[] = {
	[IPCP_REKEY_NLGRP_AGENT] = {
		.name = IPCP_REKEY_MCGRP_AGENT,
		.flags = GENL_MCAST_CAP_NET_ADMIN,
	},
	[IPCP_REKEY_NLGRP_EVENTS] = {
		.name = IPCP_REKEY_MCGRP_EVENTS,
		.flags = GENL_MCAST_CAP_NET_ADMIN,
	},
};

struct genl_family ipcp_nl_family __ro_after_init = {
	.name = IPCP_REKEY_FAMILY_NAME,
	.version = IPCP_REKEY_FAMILY_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.split_ops = ipcp_rekey_nl_ops,
	.n_split_ops = ARRAY_SIZE(ipcp_rekey_nl_ops),
	.mcgrps = mcgrps,
	.n_mcgrps = ARRAY_SIZE(mcgrps),
};

/**
 * ipcp_netlink_init() - Register the family
 *
 * Context: Module init.
 * Return: 0 or a negative errno.
 */
int ipcp_netlink_init(void)
{
	int err = genl_register_family(&ipcp_nl_family);

	if (err)
		return err;
	err = netlink_register_notifier(&socket_notifier);
	if (err)
		genl_unregister_family(&ipcp_nl_family);
	return err;
}

/**
 * ipcp_netlink_exit() - No agent, no tool from here on
 *
 * Context: Module exit.
 */
void ipcp_netlink_exit(void)
{
	netlink_unregister_notifier(&socket_notifier);
	genl_unregister_family(&ipcp_nl_family);
}
