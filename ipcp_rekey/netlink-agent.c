// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Netlink operations on agents, upcalls and names. */
#include <linux/skbuff.h>

#include "grant.h"
#include "netlink-int.h"
#include "netns.h"
#include "provider.h"
#include "tx.h"
#include "udp.h"
#include "upcall.h"
#include "wire.h"

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
	struct ipcp_udp_settings settings = {
		.port = port ? nla_get_u16(port) : 0,
		.mark = ipcp_nl_u32(info->attrs[IPCP_REKEY_A_AGENT_MARK]),
		.sources = ipcp_nl_u32(info->attrs[IPCP_REKEY_A_AGENT_SOURCE_PORTS]),
	};
	struct ipcp_net *ipn = ipcp_nl_net(info);
	struct sock *sk = NETLINK_CB(skb).sk;
	int err;

	mutex_lock(&ipn->agent_lock);
	if (ipn->agent && ipn->agent != sk) {
		GENL_SET_ERR_MSG(info, "this network namespace already has an agent");
		err = -EBUSY;
		goto unlock;
	}
	err = ipcp_udp_open(ipn, &settings, info->extack);
	if (!err && !ipn->agent)
		ipcp_netns_set_agent(ipn, sk, NETLINK_CB(skb).portid);
unlock:
	mutex_unlock(&ipn->agent_lock);
	return err;
}

/* Find the source of a message, or the provider of the name asked for. */
static void find_ends(struct ipcp_net *ipn, struct ipcp_upcall *up)
{
	if (up->type == IPCP_REKEY_UPCALL_TYPE_CTRL && !up->from.provider)
		ipcp_udp_source(up->skb, &up->from);
	else if (up->flow)
		up->from.provider = ipcp_provider_of(ipn, up->flow->name);
}

int ipcp_rekey_nl_upcall_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ipcp_viewer viewer = ipcp_nl_viewer(skb);
	struct ipcp_upcall *up;
	struct sk_buff *rsp;
	int err = -ENOMEM;
	size_t size;
	void *hdr;

	if (!ipcp_nl_is_agent(skb, info))
		return -EPERM;
again:
	up = ipcp_upcall_next(ipcp_nl_net(info));
	if (!up)
		return -EAGAIN;
	if (up->flow && !ipcp_flow_pending(up->flow)) {
		ipcp_upcall_free(up);	/* cancelled meanwhile */
		goto again;
	}
	find_ends(ipcp_nl_net(info), up);
	size = NLMSG_DEFAULT_SIZE + (up->skb ? up->skb->len : 0);
	rsp = ipcp_nl_reply(info, IPCP_REKEY_CMD_UPCALL_GET, size, &hdr);
	if (rsp)
		err = ipcp_nl_reply_send(info, rsp, hdr,
					 ipcp_show_upcall(rsp, up, &viewer));
	if (err) {
		ipcp_upcall_requeue(ipcp_nl_net(info), up);
		return -ENOBUFS;	/* EAGAIN would mean an empty queue */
	}
	ipcp_upcall_free(up);
	return 0;
}

int ipcp_rekey_nl_upcall_done_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *reason = info->attrs[IPCP_REKEY_A_UPCALL_REASON];
	struct nlattr *nla = info->attrs[IPCP_REKEY_A_UPCALL_ERROR];
	u32 error = ipcp_nl_u32(nla);
	int err;

	if (IPCP_NL_MISSING(info, IPCP_REKEY_A_UPCALL_ID))
		return -EINVAL;
	if (!ipcp_nl_is_agent(skb, info))
		return -EPERM;
	err = error ? ipcp_nl_failure(info, nla) : 0;
	if (err)
		return err;
	err = ipcp_grant_answer(ipcp_nl_net(info),
				nla_get_u64(info->attrs[IPCP_REKEY_A_UPCALL_ID]),
				error, reason ? nla_data(reason) : NULL);
	if (err)
		GENL_SET_ERR_MSG(info, "no pending request has this id");
	return err;
}

int ipcp_rekey_nl_ctrl_send_doit(struct sk_buff *skb, struct genl_info *info)
{
	static const struct ipcp_hdr hdr = { .type = IPCP_PDU_CTRL };
	struct nlattr *payload;
	struct ipcp_ends to;
	struct sk_buff *pkt;
	int err;
	u8 slot;

	if (IPCP_NL_MISSING(info, IPCP_REKEY_A_UPCALL_PAYLOAD))
		return -EINVAL;
	err = ipcp_nl_ends(info, IPCP_REKEY_A_UPCALL_PEER,
			   IPCP_REKEY_A_UPCALL_LOCAL,
			   IPCP_REKEY_A_UPCALL_PROVIDER, &to) ?:
	      ipcp_nl_slot(info, IPCP_REKEY_A_UPCALL_SOCKET, &slot);
	if (err)
		return err;
	payload = info->attrs[IPCP_REKEY_A_UPCALL_PAYLOAD];
	if (!nla_len(payload) || nla_len(payload) > IPCP_BASE_LEN - IPCP_HDR_LEN) {
		NL_SET_ERR_MSG_ATTR(info->extack, payload, "empty or too long");
		return -EMSGSIZE;
	}
	pkt = ipcp_tx_alloc(nla_len(payload), GFP_KERNEL);
	if (!pkt)
		return -ENOMEM;
	skb_put_data(pkt, nla_data(payload), nla_len(payload));
	ipcp_wire_build(skb_push(pkt, IPCP_HDR_LEN), &hdr);
	return to.provider ?
	       ipcp_provider_xmit_to(ipcp_nl_net(info), to.provider, pkt) :
	       ipcp_udp_xmit_to(ipcp_nl_net(info), slot, &to, pkt);
}

static int dump_name(struct sk_buff *skb, struct netlink_callback *cb,
		     const struct ipcp_grant *g)
{
	struct ipcp_viewer viewer = ipcp_nl_viewer(cb->skb);
	void *hdr;

	hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			  genl_info_dump(cb)->family, NLM_F_MULTI,
			  IPCP_REKEY_CMD_NAME_GET);
	if (!hdr)
		return -EMSGSIZE;
	if (ipcp_show_name(skb, g, &viewer)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/*
 * The list is in descending order of request numbers. A dump continues after
 * the last number shown, so names may be added and removed in between.
 */
int ipcp_rekey_nl_name_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb)
{
	struct ipcp_net *ipn = ipcp_net(sock_net(skb->sk));
	u64 last = (u64)cb->args[1] << 32 | (u32)cb->args[0];
	struct ipcp_grant *g;
	int err = 0;

	mutex_lock(&ipn->lock);
	list_for_each_entry(g, &ipn->grants, list) {
		if (last && g->request >= last)
			continue;
		err = dump_name(skb, cb, g);
		if (err)
			break;
		last = g->request;
	}
	mutex_unlock(&ipn->lock);
	cb->args[0] = lower_32_bits(last);
	cb->args[1] = upper_32_bits(last);
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
