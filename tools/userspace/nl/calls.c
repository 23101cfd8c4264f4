// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * One function for each command of the family. Commands for re-keys and for
 * messages between agents are in exchange.c.
 */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "../common/addr.h"
#include "nl-int.h"

#define ROOM_QOS	128
#define ROOM_NAME	(IPCP_REKEY_NAME_MAX + 16)
#define ROOM_REASON	(IPCP_REKEY_REASON_MAX + 16)

static int put_local(struct nl_msg *msg, int attr,
		     const struct ipcp_nl_peer *peer, int len)
{
	static const uint8_t none[sizeof(peer->local)];

	return memcmp(peer->local, none, sizeof(none)) ?
	       nla_put(msg, attr, len, peer->local) : 0;
}

int nl_put_peer(struct nl_msg *msg, const struct nl_peer_attrs *attrs,
		const struct ipcp_nl_peer *peer)
{
	uint32_t provider = addr_provider(&peer->addr);

	if (provider)
		return nla_put_u32(msg, attrs->provider, provider);
	switch (peer->addr.ss_family) {
	case AF_INET:
		return nla_put(msg, attrs->addr, sizeof(struct sockaddr_in),
			       &peer->addr) |
		       put_local(msg, attrs->local, peer, 4);
	case AF_INET6:
		return nla_put(msg, attrs->addr, sizeof(struct sockaddr_in6),
			       &peer->addr) |
		       put_local(msg, attrs->local, peer, 16);
	default:
		return -1;
	}
}

static int put_reason(struct nl_msg *msg, int attr, const char *reason)
{
	char cut[IPCP_REKEY_REASON_MAX + 1];
	size_t len;

	if (!reason || !reason[0])
		return 0;
	len = strnlen(reason, sizeof(cut) - 1);
	memcpy(cut, reason, len);
	cut[len] = '\0';
	return nla_put_string(msg, attr, cut);
}

static int put_qos(struct nl_msg *msg, int attr, const struct ipcp_nl_qos *qos)
{
	struct nlattr *nest;
	int err = 0;

	if (!qos)
		return 0;
	nest = nla_nest_start(msg, attr);
	if (!nest)
		return -1;
	err |= nla_put_u32(msg, IPCP_REKEY_A_QOS_DELAY, qos->delay);
	err |= nla_put_u64(msg, IPCP_REKEY_A_QOS_BANDWIDTH, qos->bandwidth);
	err |= nla_put_u32(msg, IPCP_REKEY_A_QOS_AVAILABILITY,
			   qos->availability);
	err |= nla_put_u32(msg, IPCP_REKEY_A_QOS_LOSS, qos->loss);
	err |= nla_put_u32(msg, IPCP_REKEY_A_QOS_BER, qos->ber);
	err |= nla_put_u32(msg, IPCP_REKEY_A_QOS_IN_ORDER, qos->in_order);
	err |= nla_put_u32(msg, IPCP_REKEY_A_QOS_MAX_GAP, qos->max_gap);
	err |= nla_put_u32(msg, IPCP_REKEY_A_QOS_TIMEOUT, qos->timeout);
	nla_nest_end(msg, nest);
	return err;
}

static int put_params(struct nl_msg *msg, const struct ipcp_nl_params *p)
{
	int err = 0;

	if (!p)
		return 0;
	if (p->set & IPCP_NL_P_PACKETS_PER_LEAF)
		err |= nla_put_u32(msg, IPCP_REKEY_A_FLOW_PACKETS_PER_LEAF,
				   p->packets_per_leaf);
	if (p->set & IPCP_NL_P_PEER_TIMEOUT)
		err |= nla_put_u32(msg, IPCP_REKEY_A_FLOW_PEER_TIMEOUT,
				   p->peer_timeout);
	if (p->set & IPCP_NL_P_GRACE)
		err |= nla_put_u32(msg, IPCP_REKEY_A_FLOW_GRACE, p->grace);
	if (p->set & IPCP_NL_P_LINGER)
		err |= nla_put_u32(msg, IPCP_REKEY_A_FLOW_LINGER, p->linger);
	if (p->set & IPCP_NL_P_MAX_EPOCH_AGE)
		err |= nla_put_u32(msg, IPCP_REKEY_A_FLOW_MAX_EPOCH_AGE,
				   p->max_epoch_age);
	if (p->set & IPCP_NL_P_RECOVERABLE)
		err |= nla_put_u32(msg, IPCP_REKEY_A_FLOW_RECOVERABLE, 1);
	if (p->set & IPCP_NL_P_PEER_NAME) {
		err |= nla_put_string(msg, IPCP_REKEY_A_FLOW_PEER_NAME,
				      p->peer_name);
		err |= nla_put_u32(msg, IPCP_REKEY_A_FLOW_AUTHENTICATED, 1);
	}
	if (p->set & IPCP_NL_P_BLOB)
		err |= nla_put(msg, IPCP_REKEY_A_FLOW_BLOB, p->blob_len,
			       p->blob);
	return err;
}

int nl_put_seed(struct nl_msg *msg, const struct ipcp_nl_seed *seed)
{
	int err = 0;

	if (!seed)
		return 0;
	err |= nla_put(msg, IPCP_REKEY_A_FLOW_SEED, IPCP_REKEY_SEED_LEN,
		       seed->seed);
	err |= nla_put_u8(msg, IPCP_REKEY_A_FLOW_EPOCH, seed->epoch);
	err |= nla_put_u32(msg, IPCP_REKEY_A_FLOW_EXCHANGE, seed->exchange);
	err |= nla_put_u32(msg, IPCP_REKEY_A_FLOW_GENERATION, seed->generation);
	return err;
}

/* Send a request; @bad is the result of adding the attributes. */
int nl_call_finish(struct nl_call *call, int bad)
{
	if (!bad)
		return nl_call_end(call);
	explicit_bzero(nlmsg_hdr(call->msg), call->size);
	nlmsg_free(call->msg);
	call->nl->error = -EINVAL;
	return -EINVAL;
}

/* Send a command whose reply must be exactly one message. */
int nl_call_ask(struct nl_call *call, int bad, int maxattr, nl_reply_fn reply,
	       void *arg)
{
	call->maxattr = maxattr;
	call->reply = reply;
	call->arg = arg;
	return nl_call_finish(call, bad);
}

static int reply_info(struct nlattr **tb, struct nl_msg *msg, void *arg)
{
	struct ipcp_nl_info *info = arg;
	struct nlattr *attr;
	int left;

	nl_get_str(info->version, sizeof(info->version),
		   tb[IPCP_REKEY_A_INFO_VERSION]);
	info->has_agent = nl_get_u32(tb[IPCP_REKEY_A_INFO_HAS_AGENT]);
	info->copies = nl_get_u32(tb[IPCP_REKEY_A_INFO_COPIES]);
	info->flows = nl_get_u32(tb[IPCP_REKEY_A_INFO_FLOWS]);
	nlmsg_for_each_attr(attr, nlmsg_hdr(msg), 4, left) {
		if (nla_type(attr) != IPCP_REKEY_A_INFO_CIPHERS ||
		    info->nciphers == 8)
			continue;
		info->ciphers[info->nciphers++] = nl_get_u32(attr);
	}
	return 0;
}

int ipcp_nl_info_get(struct ipcp_nl *nl, struct ipcp_nl_info *info)
{
	struct nl_call call;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_INFO_GET, 0, 0);

	memset(info, 0, sizeof(*info));
	if (err)
		return err;
	return nl_call_ask(&call, 0, IPCP_REKEY_A_INFO_MAX, reply_info, info);
}

int ipcp_nl_agent_set(struct ipcp_nl *nl, uint16_t port, uint32_t mark,
		      uint32_t source_ports)
{
	struct nl_call call;
	int bad = 0;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_AGENT_SET, 0,
				ROOM_SMALL);

	if (err)
		return err;
	if (port)
		bad |= nla_put_u16(call.msg, IPCP_REKEY_A_AGENT_PORT, port);
	if (mark)
		bad |= nla_put_u32(call.msg, IPCP_REKEY_A_AGENT_MARK, mark);
	if (source_ports)
		bad |= nla_put_u32(call.msg, IPCP_REKEY_A_AGENT_SOURCE_PORTS,
				   source_ports);
	return nl_call_finish(&call, bad);
}

struct upcall_arg {
	struct ipcp_nl *nl;
	struct ipcp_nl_upcall *upcall;
};

static int reply_upcall(struct nlattr **tb, struct nl_msg *msg, void *arg)
{
	struct upcall_arg *a = arg;
	struct ipcp_nl_upcall *up = a->upcall;

	up->id = nl_get_u64(tb[IPCP_REKEY_A_UPCALL_ID]);
	up->type = nl_get_u32(tb[IPCP_REKEY_A_UPCALL_TYPE]);
	up->flow_id = nl_get_u32(tb[IPCP_REKEY_A_UPCALL_FLOW_ID]);
	up->eid = nl_get_u32(tb[IPCP_REKEY_A_UPCALL_EID]);
	up->timeout = nl_get_u32(tb[IPCP_REKEY_A_UPCALL_TIMEOUT]);
	up->epoch = nl_get_u8(tb[IPCP_REKEY_A_UPCALL_EPOCH]);
	up->generation = nl_get_u32(tb[IPCP_REKEY_A_UPCALL_GENERATION]);
	nl_get_str(up->name, sizeof(up->name), tb[IPCP_REKEY_A_UPCALL_NAME]);
	nl_get_cred(&up->cred, tb[IPCP_REKEY_A_UPCALL_CRED]);
	nl_get_qos(&up->qos, tb[IPCP_REKEY_A_UPCALL_QOS]);
	nl_get_peer(&up->peer, tb, &nl_upcall_peer);
	if (tb[IPCP_REKEY_A_UPCALL_PAYLOAD]) {
		up->payload = nla_data(tb[IPCP_REKEY_A_UPCALL_PAYLOAD]);
		up->payload_len = nla_len(tb[IPCP_REKEY_A_UPCALL_PAYLOAD]);
		nlmsg_get(msg);
		a->nl->kept = msg;
	}
	return 0;
}

int ipcp_nl_upcall_get(struct ipcp_nl *nl, struct ipcp_nl_upcall *upcall)
{
	struct upcall_arg arg = { nl, upcall };
	struct nl_call call;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_UPCALL_GET, 0, 0);

	memset(upcall, 0, sizeof(*upcall));
	if (err)
		return err;
	return nl_call_ask(&call, 0, IPCP_REKEY_A_UPCALL_MAX, reply_upcall, &arg);
}

int ipcp_nl_upcall_done(struct ipcp_nl *nl, uint64_t id, uint32_t error,
			const char *reason)
{
	struct nl_call call;
	int bad = 0;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_UPCALL_DONE, 0,
				ROOM_SMALL + ROOM_REASON);

	if (err)
		return err;
	bad |= nla_put_u64(call.msg, IPCP_REKEY_A_UPCALL_ID, id);
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_UPCALL_ERROR, error);
	bad |= put_reason(call.msg, IPCP_REKEY_A_UPCALL_REASON, reason);
	return nl_call_finish(&call, bad);
}

static int reply_flow(struct nlattr **tb, struct nl_msg *msg, void *arg)
{
	(void)msg;
	nl_get_flow(arg, tb);
	return 0;
}

/* Look up a flow by @value of an attribute that identifies it. */
static int flow_get(struct ipcp_nl *nl, int attr, uint32_t value,
		    struct ipcp_nl_flow *flow)
{
	struct nl_call call;
	int bad;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_FLOW_GET, 0,
				ROOM_SMALL);

	memset(flow, 0, sizeof(*flow));
	if (err)
		return err;
	bad = nla_put_u32(call.msg, attr, value);
	return nl_call_ask(&call, bad, IPCP_REKEY_A_FLOW_MAX, reply_flow, flow);
}

int ipcp_nl_flow_get(struct ipcp_nl *nl, uint32_t id, struct ipcp_nl_flow *flow)
{
	return flow_get(nl, IPCP_REKEY_A_FLOW_ID, id, flow);
}

int ipcp_nl_flow_find(struct ipcp_nl *nl, uint32_t eid,
		      struct ipcp_nl_flow *flow)
{
	return flow_get(nl, IPCP_REKEY_A_FLOW_EID, eid, flow);
}

static int reply_dump_flow(struct nlattr **tb, struct nl_msg *msg, void *arg)
{
	struct nl_dump *dump = arg;
	struct ipcp_nl_flow flow;

	(void)msg;
	nl_get_flow(&flow, tb);
	return dump->cb.flow(&flow, dump->arg);
}

int ipcp_nl_flow_dump(struct ipcp_nl *nl, ipcp_nl_flow_cb cb, void *arg)
{
	struct nl_dump dump = { .cb.flow = cb, .arg = arg };
	struct nl_call call;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_FLOW_GET, NLM_F_DUMP,
				0);

	if (err)
		return err;
	return nl_call_ask(&call, 0, IPCP_REKEY_A_FLOW_MAX, reply_dump_flow, &dump);
}

static int reply_dump_name(struct nlattr **tb, struct nl_msg *msg, void *arg)
{
	struct nl_dump *dump = arg;
	struct ipcp_nl_name name;

	(void)msg;
	memset(&name, 0, sizeof(name));
	nl_get_str(name.name, sizeof(name.name), tb[IPCP_REKEY_A_NAME_NAME]);
	nl_get_cred(&name.cred, tb[IPCP_REKEY_A_NAME_CRED]);
	name.granted = nl_get_u32(tb[IPCP_REKEY_A_NAME_GRANTED]);
	name.backlog = nl_get_u32(tb[IPCP_REKEY_A_NAME_BACKLOG]);
	name.waiting = nl_get_u32(tb[IPCP_REKEY_A_NAME_WAITING]);
	name.provider = nl_get_u32(tb[IPCP_REKEY_A_NAME_PROVIDER]);
	return dump->cb.name(&name, dump->arg);
}

int ipcp_nl_name_dump(struct ipcp_nl *nl, ipcp_nl_name_cb cb, void *arg)
{
	struct nl_dump dump = { .cb.name = cb, .arg = arg };
	struct nl_call call;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_NAME_GET, NLM_F_DUMP,
				0);

	if (err)
		return err;
	return nl_call_ask(&call, 0, IPCP_REKEY_A_NAME_MAX, reply_dump_name, &dump);
}

static int reply_dump_user(struct nlattr **tb, struct nl_msg *msg, void *arg)
{
	struct nl_dump *dump = arg;
	struct ipcp_nl_user user;

	(void)msg;
	user.uid = nl_get_u32(tb[IPCP_REKEY_A_USER_UID]);
	user.flows = nl_get_u32(tb[IPCP_REKEY_A_USER_FLOWS]);
	user.listeners = nl_get_u32(tb[IPCP_REKEY_A_USER_LISTENERS]);
	user.max_flows = nl_get_u32(tb[IPCP_REKEY_A_USER_MAX_FLOWS]);
	user.upcalls = nl_get_u32(tb[IPCP_REKEY_A_USER_UPCALLS]);
	user.bytes = nl_get_u64(tb[IPCP_REKEY_A_USER_BYTES]);
	user.max_bytes = nl_get_u64(tb[IPCP_REKEY_A_USER_MAX_BYTES]);
	return dump->cb.user(&user, dump->arg);
}

int ipcp_nl_user_dump(struct ipcp_nl *nl, ipcp_nl_user_cb cb, void *arg)
{
	struct nl_dump dump = { .cb.user = cb, .arg = arg };
	struct nl_call call;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_USER_GET, NLM_F_DUMP,
				0);

	if (err)
		return err;
	return nl_call_ask(&call, 0, IPCP_REKEY_A_USER_MAX, reply_dump_user, &dump);
}

static int reply_new(struct nlattr **tb, struct nl_msg *msg, void *arg)
{
	struct ipcp_nl_made *made = arg;

	(void)msg;
	made->id = nl_get_u32(tb[IPCP_REKEY_A_FLOW_ID]);
	made->eid = nl_get_u32(tb[IPCP_REKEY_A_FLOW_EID]);
	made->generation = nl_get_u32(tb[IPCP_REKEY_A_FLOW_GENERATION]);
	return made->id ? 0 : -EPROTO;
}

int ipcp_nl_flow_new(struct ipcp_nl *nl, const char *name,
		     const struct ipcp_nl_peer *peer, uint32_t peer_eid,
		     const struct ipcp_nl_qos *qos, struct ipcp_nl_made *made)
{
	struct nl_call call;
	int bad = 0;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_FLOW_NEW, 0,
				ROOM_SMALL + ROOM_NAME + ROOM_QOS);

	if (err)
		return err;
	bad |= nla_put_string(call.msg, IPCP_REKEY_A_FLOW_NAME, name);
	bad |= nl_put_peer(call.msg, &nl_flow_peer, peer);
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_FLOW_SOCKET, peer->socket);
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_FLOW_PEER_EID, peer_eid);
	bad |= put_qos(call.msg, IPCP_REKEY_A_FLOW_QOS, qos);
	return nl_call_ask(&call, bad, IPCP_REKEY_A_FLOW_MAX, reply_new, made);
}

int ipcp_nl_flow_allocate(struct ipcp_nl *nl, uint32_t id,
			  const struct ipcp_nl_peer *peer,
			  uint32_t peer_eid, uint32_t cipher,
			  const struct ipcp_nl_seed *seed,
			  const struct ipcp_nl_params *params)
{
	struct nl_call call;
	int bad = 0;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_FLOW_ALLOCATE, 0,
				2 * ROOM_SMALL + ROOM_NAME + IPCP_REKEY_BLOB_MAX);

	if (err)
		return err;
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_FLOW_ID, id);
	bad |= nl_put_peer(call.msg, &nl_flow_peer, peer);
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_FLOW_PEER_EID, peer_eid);
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_FLOW_CIPHER, cipher);
	bad |= nl_put_seed(call.msg, seed);
	bad |= put_params(call.msg, params);
	return nl_call_finish(&call, bad);
}

int ipcp_nl_flow_set(struct ipcp_nl *nl, uint32_t id,
		     const struct ipcp_nl_params *params)
{
	struct nl_call call;
	int bad = 0;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_FLOW_SET, 0,
				ROOM_SMALL + IPCP_REKEY_BLOB_MAX);

	if (err)
		return err;
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_FLOW_ID, id);
	bad |= put_params(call.msg, params);
	return nl_call_finish(&call, bad);
}

int ipcp_nl_flow_direct(struct ipcp_nl *nl, uint32_t id)
{
	struct nl_call call;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_FLOW_DIRECT, 0,
				ROOM_SMALL);

	if (err)
		return err;
	return nl_call_finish(&call, nla_put_u32(call.msg, IPCP_REKEY_A_FLOW_ID, id));
}

int ipcp_nl_flow_del(struct ipcp_nl *nl, uint32_t id, uint32_t error,
		     const char *reason)
{
	struct nl_call call;
	int bad = 0;
	int err = nl_call_begin(&call, nl, IPCP_REKEY_CMD_FLOW_DEL, 0,
				ROOM_SMALL + ROOM_REASON);

	if (err)
		return err;
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_FLOW_ID, id);
	bad |= nla_put_u32(call.msg, IPCP_REKEY_A_FLOW_ERROR, error);
	bad |= put_reason(call.msg, IPCP_REKEY_A_FLOW_REASON, reason);
	return nl_call_finish(&call, bad);
}
