// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Commands for re-keys, for messages between agents, and for drop counters. */

#include <errno.h>
#include <string.h>

#include "nl-int.h"

static int reply_claim(struct nlattr **tb, struct nl_msg *msg, void *arg)
{
	struct nlattr *one[IPCP_REKEY_A_CLAIMED_MAX + 1];
	struct nl_dump *dump = arg;
	struct ipcp_nl_claim claim;
	struct nlattr *attr;
	int left, err = 0;

	(void)tb;
	nlmsg_for_each_attr(attr, nlmsg_hdr(msg), 4, left) {
		if (nla_type(attr) != IPCP_REKEY_A_CLAIM_FLOW)
			continue;
		if (nla_parse_nested(one, IPCP_REKEY_A_CLAIMED_MAX, attr,
				     NULL) < 0)
			return -EPROTO;
		nl_get_claim(&claim, one);
		err = dump->cb.claim(&claim, dump->arg);
		if (err)
			break;
	}
	return err;
}

int ipcp_nl_rekey_claim(struct ipcp_nl *nl, uint32_t max, uint64_t min_age,
			uint32_t id, ipcp_nl_claim_cb cb, void *arg)
{
	struct nl_dump dump = { .cb.claim = cb, .arg = arg };
	struct nl_call call;
	int bad = 0;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_REKEY_CLAIM, 0,
				ROOM_SMALL);

	if (err)
		return err;
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_CLAIM_LIMIT, max);
	if (min_age)
		bad |= nla_put_u64(call.msg, IPCP_REKEY_A_CLAIM_MIN_AGE,
				   min_age);
	if (id)
		bad |= nla_put_u32(call.msg, IPCP_REKEY_A_CLAIM_ID, id);
	return nl_call_ask(&call, bad, IPCP_REKEY_A_CLAIM_MAX, reply_claim, &dump);
}

static int keep_claim(const struct ipcp_nl_claim *claim, void *arg)
{
	*(struct ipcp_nl_claim *)arg = *claim;
	return 0;
}

int ipcp_nl_rekey_claim_fresh(struct ipcp_nl *nl, uint32_t id,
			      const struct ipcp_nl_numbers *peer,
			      struct ipcp_nl_claim *claim)
{
	struct nl_dump dump = { .cb.claim = keep_claim, .arg = claim };
	struct nl_call call;
	int bad = 0;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_REKEY_CLAIM, 0,
				ROOM_SMALL);

	memset(claim, 0, sizeof(*claim));
	if (err)
		return err;
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_CLAIM_ID, id);
	bad |= nla_put_flag(call.msg, IPCP_REKEY_A_CLAIM_FRESH);
	if (peer) {
		bad |= nla_put_u8(call.msg, IPCP_REKEY_A_CLAIM_EPOCH,
				  peer->epoch);
		bad |= nla_put_u32(call.msg, IPCP_REKEY_A_CLAIM_EXCHANGE,
				   peer->exchange);
	}
	err = nl_call_ask(&call, bad, IPCP_REKEY_A_CLAIM_MAX, reply_claim, &dump);
	return err || claim->id ? err : -EAGAIN;
}

int ipcp_nl_rekey_clear(struct ipcp_nl *nl, uint32_t id, uint32_t exchange,
			uint32_t retry_after)
{
	struct nl_call call;
	int bad = 0;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_REKEY_CLEAR, 0,
				ROOM_SMALL);

	if (err)
		return err;
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_FLOW_ID, id);
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_FLOW_EXCHANGE, exchange);
	if (retry_after)
		bad |= nla_put_u32(call.msg, IPCP_REKEY_A_FLOW_RETRY_AFTER,
				   retry_after);
	return nl_call_finish(&call, bad);
}

int ipcp_nl_rekey_ask(struct ipcp_nl *nl, uint32_t id, uint32_t exchange)
{
	struct nl_call call;
	int bad = 0;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_REKEY_ASK, 0,
				ROOM_SMALL);

	if (err)
		return err;
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_FLOW_ID, id);
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_FLOW_EXCHANGE, exchange);
	return nl_call_finish(&call, bad);
}

int ipcp_nl_seed_set(struct ipcp_nl *nl, uint32_t id,
		     const struct ipcp_nl_seed *seed)
{
	struct nl_call call;
	int bad = 0;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_SEED_SET, 0,
				ROOM_SMALL);

	if (err)
		return err;
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_FLOW_ID, id);
	bad |= nl_put_seed(call.msg, seed);
	bad |= nla_put(call.msg, IPCP_REKEY_A_FLOW_CHAIN, sizeof(seed->chain),
		       seed->chain);
	return nl_call_finish(&call, bad);
}

int ipcp_nl_rekey_request(struct ipcp_nl *nl, uint32_t id)
{
	struct nl_call call;
	int bad;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_REKEY_REQUEST, 0,
				ROOM_SMALL);

	if (err)
		return err;
	if (id)
		bad = nla_put_u32(call.msg, IPCP_REKEY_A_FLOW_ID, id);
	else
		bad = nla_put_flag(call.msg, IPCP_REKEY_A_FLOW_ALL);
	return nl_call_finish(&call, bad);
}

int ipcp_nl_ctrl_send(struct ipcp_nl *nl, const struct ipcp_nl_peer *peer,
		      const void *payload, size_t len)
{
	struct nl_call call;
	int bad = 0;
	int err;

	if (len > IPCP_REKEY_CTRL_MAX)
		return -EMSGSIZE;
	err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_CTRL_SEND, 0,
			    ROOM_SMALL + len);
	if (err)
		return err;
	bad |= nl_put_peer(call.msg, &nl_upcall_peer, peer);
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_UPCALL_SOCKET, peer->socket);
	bad |= nla_put(call.msg, IPCP_REKEY_A_UPCALL_PAYLOAD, len, payload);
	return nl_call_finish(&call, bad);
}

int ipcp_nl_sealed_send(struct ipcp_nl *nl, uint32_t id, const void *payload,
			size_t len)
{
	struct nl_call call;
	int bad = 0;
	int err;

	if (len > IPCP_REKEY_CTRL_MAX)
		return -EMSGSIZE;
	err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_SEALED_SEND, 0,
			    ROOM_SMALL + len);
	if (err)
		return err;
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_FLOW_ID, id);
	bad |= nla_put(call.msg, IPCP_REKEY_A_FLOW_PAYLOAD, len, payload);
	return nl_call_finish(&call, bad);
}

static int reply_stats(struct nlattr **tb, struct nl_msg *msg, void *arg)
{
	(void)msg;
	nl_get_drops(arg, tb[IPCP_REKEY_A_NET_STATS_DROPS]);
	return 0;
}

int ipcp_nl_stats_get(struct ipcp_nl *nl, struct ipcp_nl_drops *drops)
{
	struct nl_call call;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_STATS_GET, 0, 0);

	memset(drops, 0, sizeof(*drops));
	if (err)
		return err;
	return nl_call_ask(&call, 0, IPCP_REKEY_A_NET_STATS_MAX, reply_stats, drops);
}
