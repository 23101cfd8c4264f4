// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Netlink operations for rekeying: claim a flow, exchange messages with the
 * peer's agent, and deliver the seed, in ipcp_rekey_nl_seed_set_doit().
 */
#include <linux/sizes.h>
#include <linux/skbuff.h>

#include "hkdf.h"
#include "keyrot.h"
#include "keysched.h"
#include "netlink-int.h"
#include "rekey.h"
#include "tx.h"
#include "wire.h"

int ipcp_rekey_nl_seed_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **a = info->attrs;
	struct ipcp_delivery d = { };
	struct ipcp_flow *flow;
	int err = -EINVAL;

	if (IPCP_NL_MISSING(info, IPCP_REKEY_A_FLOW_SEED))
		return -EINVAL;
	ipcp_nl_seed(&d.seed, info);
	if (IPCP_NL_MISSING(info, IPCP_REKEY_A_FLOW_EPOCH) ||
	    IPCP_NL_MISSING(info, IPCP_REKEY_A_FLOW_EXCHANGE) ||
	    IPCP_NL_MISSING(info, IPCP_REKEY_A_FLOW_CHAIN) ||
	    IPCP_NL_MISSING(info, IPCP_REKEY_A_FLOW_GENERATION))
		goto wipe;
	if (!ipcp_nl_is_agent(skb, info)) {
		err = -EPERM;
		goto wipe;
	}
	flow = ipcp_nl_flow(info);
	if (IS_ERR(flow)) {
		err = PTR_ERR(flow);
		goto wipe;
	}
	d.epoch = nla_get_u8(a[IPCP_REKEY_A_FLOW_EPOCH]);
	d.exchange = nla_get_u32(a[IPCP_REKEY_A_FLOW_EXCHANGE]);
	d.generation = nla_get_u32(a[IPCP_REKEY_A_FLOW_GENERATION]);
	memcpy(&d.chain, nla_data(a[IPCP_REKEY_A_FLOW_CHAIN]), sizeof(d.chain));
	err = ipcp_registry_store_pending(flow, &d, info->extack);
	ipcp_flow_put(flow);
wipe:
	ipcp_seed_wipe(&d.seed);
	ipcp_stack_wipe();	/* keys derived from the seed */
	return err;
}

static int claim_fresh(struct genl_info *info, u32 id, struct ipcp_claim *claim)
{
	struct nlattr *epoch = info->attrs[IPCP_REKEY_A_CLAIM_EPOCH];
	struct nlattr *exchange = info->attrs[IPCP_REKEY_A_CLAIM_EXCHANGE];
	struct ipcp_net *ipn = ipcp_nl_net(info);
	struct ipcp_numbers peer;

	if (!epoch && !exchange)
		return ipcp_registry_claim_fresh(ipn, id, NULL, claim);
	if (!epoch || !exchange)
		return -EINVAL;
	peer.epoch = nla_get_u8(epoch);
	peer.exchange = nla_get_u32(exchange);
	return ipcp_registry_claim_fresh(ipn, id, &peer, claim);
}

/* Claim one flow for a fresh seed, one flow, or flows that are due. */
static int claim_flows(struct genl_info *info, struct ipcp_claim *claims, int max)
{
	struct nlattr *age = info->attrs[IPCP_REKEY_A_CLAIM_MIN_AGE];
	u32 only = ipcp_nl_u32(info->attrs[IPCP_REKEY_A_CLAIM_ID]);
	struct ipcp_net *ipn = ipcp_nl_net(info);
	unsigned long min_age;

	if (info->attrs[IPCP_REKEY_A_CLAIM_FRESH])
		return claim_fresh(info, only, claims);
	min_age = age ? min_t(u64, nla_get_u64(age), INT_MAX) : INT_MAX;
	return ipcp_registry_snapshot_rekey_due(ipn, only,
						msecs_to_jiffies(min_age),
						claims, max);
}

/* Say why a flow cannot be claimed for a fresh seed. */
static void refuse_fresh(struct genl_info *info, int err)
{
	switch (err) {
	case -EPERM:
		GENL_SET_ERR_MSG(info, "the flow has keys: ask the peer with rekey-ask first");
		break;
	case -EOPNOTSUPP:
		GENL_SET_ERR_MSG(info, "the flow is not recoverable");
		break;
	case -ERANGE:
		GENL_SET_ERR_MSG(info, "the exchange number is too far ahead");
		break;
	default:
		GENL_SET_ERR_MSG(info, "give epoch and exchange, or neither");
	}
}

/* An answer with the maximum number of claims fits 16 KiB. */
static_assert(SKB_DATA_ALIGN(NLMSG_HDRLEN + GENL_HDRLEN +
			     IPCP_CLAIM_ANSWER * IPCP_CLAIM_SIZE) +
	      SKB_DATA_ALIGN(sizeof(struct skb_shared_info)) <= SZ_16K);

/* Return the maximum number of flows to claim, which fit one answer. */
static u32 claim_limit(struct genl_info *info)
{
	struct nlattr *limit = info->attrs[IPCP_REKEY_A_CLAIM_LIMIT];

	return min(limit ? nla_get_u32(limit) : 1, IPCP_CLAIM_ANSWER);
}

int ipcp_rekey_nl_rekey_claim_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ipcp_claim claims[IPCP_CLAIM_ANSWER];
	struct ipcp_viewer viewer = ipcp_nl_viewer(skb);
	int n = claim_limit(info), err = 0;
	struct sk_buff *rsp;
	void *hdr;

	if (info->attrs[IPCP_REKEY_A_CLAIM_FRESH] &&
	    IPCP_NL_MISSING(info, IPCP_REKEY_A_CLAIM_ID))
		return -EINVAL;
	if (!ipcp_nl_is_agent(skb, info))
		return -EPERM;
	rsp = ipcp_nl_reply(info, IPCP_REKEY_CMD_REKEY_CLAIM, n * IPCP_CLAIM_SIZE,
			    &hdr);
	if (!rsp)
		return -ENOMEM;
	n = claim_flows(info, claims, n);
	if (n < 0) {
		refuse_fresh(info, n);
		nlmsg_free(rsp);
		return n;
	}
	for (int i = 0; i < n; i++)
		err = err ?: ipcp_show_claim(rsp, &claims[i], &viewer);
	err = ipcp_nl_reply_send(info, rsp, hdr, err);
	for (int i = 0; i < n; i++) {
		if (err)	/* the agent did not get the claim */
			ipcp_registry_clear_in_flight(claims[i].flow,
						      claims[i].exchange, 0);
		ipcp_flow_put(claims[i].flow);
	}
	return err == -EAGAIN ? -ENOBUFS : err;
}

int ipcp_rekey_nl_rekey_ask_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ipcp_flow *flow;
	int err;

	if (IPCP_NL_MISSING(info, IPCP_REKEY_A_FLOW_EXCHANGE))
		return -EINVAL;
	if (!ipcp_nl_is_agent(skb, info))
		return -EPERM;
	flow = ipcp_nl_flow(info);
	if (IS_ERR(flow))
		return PTR_ERR(flow);
	err = ipcp_registry_ask(flow,
				nla_get_u32(info->attrs[IPCP_REKEY_A_FLOW_EXCHANGE]),
				info->extack);
	ipcp_flow_put(flow);
	return err;
}

int ipcp_rekey_nl_rekey_clear_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ipcp_flow *flow;
	unsigned long hold;
	int err;

	if (IPCP_NL_MISSING(info, IPCP_REKEY_A_FLOW_EXCHANGE))
		return -EINVAL;
	if (!ipcp_nl_is_agent(skb, info))
		return -EPERM;
	flow = ipcp_nl_flow(info);
	if (IS_ERR(flow))
		return PTR_ERR(flow);
	hold = msecs_to_jiffies(ipcp_nl_u32(info->attrs[IPCP_REKEY_A_FLOW_RETRY_AFTER]));
	err = ipcp_registry_clear_in_flight(flow,
					    nla_get_u32(info->attrs[IPCP_REKEY_A_FLOW_EXCHANGE]),
					    hold);
	if (err)
		GENL_SET_ERR_MSG(info, "no claim in flight has this exchange number");
	ipcp_flow_put(flow);
	return err;
}

int ipcp_rekey_nl_rekey_request_doit(struct sk_buff *skb,
				     struct genl_info *info)
{
	struct ipcp_net *ipn = ipcp_nl_net(info);
	struct ipcp_flow *flow;
	unsigned long id = 0;

	if (info->attrs[IPCP_REKEY_A_FLOW_ALL]) {
		for (; (flow = ipcp_registry_next(ipn, &id)); id++) {
			if (READ_ONCE(flow->state) == IPCP_REKEY_FLOW_STATE_ALLOCATED &&
			    READ_ONCE(flow->rk.encrypted))
				ipcp_registry_request(flow);
			ipcp_flow_put(flow);
		}
		return 0;
	}
	flow = ipcp_nl_flow(info);
	if (IS_ERR(flow))
		return PTR_ERR(flow);
	if (!READ_ONCE(flow->rk.encrypted)) {
		GENL_SET_ERR_MSG(info, "the flow is not encrypted");
		ipcp_flow_put(flow);
		return -EOPNOTSUPP;
	}
	ipcp_registry_request(flow);
	ipcp_flow_put(flow);
	return 0;
}

int ipcp_rekey_nl_sealed_send_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *payload;
	struct ipcp_flow *flow;
	int err;

	if (IPCP_NL_MISSING(info, IPCP_REKEY_A_FLOW_PAYLOAD))
		return -EINVAL;
	payload = info->attrs[IPCP_REKEY_A_FLOW_PAYLOAD];
	flow = ipcp_nl_flow(info);
	if (IS_ERR(flow))
		return PTR_ERR(flow);
	if (!nla_len(payload) || nla_len(payload) > IPCP_BASE_LEN - IPCP_OVERHEAD ||
	    nla_len(payload) > READ_ONCE(flow->mtu)) {
		NL_SET_ERR_MSG_ATTR(info->extack, payload, "empty or too long");
		err = -EMSGSIZE;
	} else {
		err = ipcp_tx_current(flow, IPCP_PDU_SEALED, nla_data(payload),
				      nla_len(payload));
	}
	ipcp_flow_put(flow);
	return err;
}
