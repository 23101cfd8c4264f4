// SPDX-License-Identifier: GPL-2.0
/*
 * The netlink family: what the agent and the command line tool say. Policies
 * and tables are generated from Documentation/netlink/specs/ipcp_rekey.yaml;
 * here are the operations. Seeds come down only, and are wiped in the message
 * before the operation returns, whatever came of it: nothing sends them back.
 */
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/pid_namespace.h>
#include <linux/skbuff.h>
#include <net/genetlink.h>

#include "dump.h"
#include "flow.h"
#include "names.h"
#include "netlink-gen.h"
#include "netlink.h"
#include "registry.h"
#include "tx.h"
#include "udp.h"
#include "upcall.h"
#include "wire.h"

static struct ipcp_net *in_of(const struct genl_info *info)
{
	return ipcp_net(genl_info_net(info));
}

/* What the agent has begun, only the agent may go on with. */
static bool is_agent(struct genl_info *info)
{
	if (READ_ONCE(in_of(info)->agent) == info->snd_portid)
		return true;
	GENL_SET_ERR_MSG(info, "only the agent of this network namespace may");
	return false;
}

/* Refuses a request that lacks an attribute. */
#define MISSING(info, attr) GENL_REQ_ATTR_CHECK(info, attr)

static struct ipcp_flow *flow_of(struct genl_info *info)
{
	struct ipcp_flow *flow;

	if (MISSING(info, IPCP_REKEY_A_FLOW_ID))
		return ERR_PTR(-EINVAL);
	flow = ipcp_registry_get(in_of(info),
				 nla_get_u32(info->attrs[IPCP_REKEY_A_FLOW_ID]));
	if (!flow) {
		NL_SET_BAD_ATTR(info->extack, info->attrs[IPCP_REKEY_A_FLOW_ID]);
		GENL_SET_ERR_MSG(info, "no such flow");
		return ERR_PTR(-ENOENT);
	}
	return flow;
}

static int get_endpoint(struct genl_info *info, int attr,
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

static struct sk_buff *reply_new(struct genl_info *info, u8 cmd, size_t size,
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

static int reply_send(struct genl_info *info, struct sk_buff *skb, void *hdr,
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

	rsp = reply_new(info, IPCP_REKEY_CMD_INFO_GET, NLMSG_DEFAULT_SIZE, &hdr);
	if (!rsp)
		return -ENOMEM;
	return reply_send(info, rsp, hdr, ipcp_dump_info(rsp, in_of(info)));
}

int ipcp_rekey_nl_agent_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *port = info->attrs[IPCP_REKEY_A_AGENT_PORT];
	struct nlattr *mark = info->attrs[IPCP_REKEY_A_AGENT_MARK];
	struct ipcp_net *in = in_of(info);
	int err;

	mutex_lock(&in->agent_lock);
	if (in->agent && in->agent != info->snd_portid) {
		GENL_SET_ERR_MSG(info, "this network namespace has an agent");
		err = -EBUSY;
		goto unlock;
	}
	err = ipcp_udp_open(in, port ? nla_get_u16(port) : 0,
			    mark ? nla_get_u32(mark) : 0, info->extack);
	if (!err)
		WRITE_ONCE(in->agent, info->snd_portid);
unlock:
	mutex_unlock(&in->agent_lock);
	return err;
}

int ipcp_rekey_nl_upcall_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ipcp_upcall *up;
	struct sk_buff *rsp;
	int err = -ENOMEM;
	size_t size;
	void *hdr;

	if (!is_agent(info))
		return -EPERM;
again:
	up = ipcp_upcall_next(in_of(info));
	if (!up)
		return -EAGAIN;
	if (up->flow && !ipcp_flow_pending(up->flow)) {
		ipcp_upcall_free(up);	/* given up meanwhile */
		goto again;
	}
	size = NLMSG_DEFAULT_SIZE + (up->skb ? up->skb->len : 0);
	rsp = reply_new(info, IPCP_REKEY_CMD_UPCALL_GET, size, &hdr);
	if (rsp)
		err = reply_send(info, rsp, hdr,
				 ipcp_dump_upcall(rsp, up,
						  task_active_pid_ns(current)));
	if (err) {
		ipcp_upcall_requeue(in_of(info), up);
		return -ENOBUFS;	/* EAGAIN is an empty queue */
	}
	ipcp_upcall_free(up);
	return 0;
}

/* An attribute that may be left out. */
static u32 get_u32(const struct nlattr *nla)
{
	return nla ? nla_get_u32(nla) : 0;
}

int ipcp_rekey_nl_upcall_done_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *reason = info->attrs[IPCP_REKEY_A_UPCALL_REASON];
	int err;

	if (MISSING(info, IPCP_REKEY_A_UPCALL_ID))
		return -EINVAL;
	if (!is_agent(info))
		return -EPERM;
	err = ipcp_names_answer(in_of(info),
				nla_get_u64(info->attrs[IPCP_REKEY_A_UPCALL_ID]),
				get_u32(info->attrs[IPCP_REKEY_A_UPCALL_ERROR]),
				reason ? nla_data(reason) : NULL);
	if (err)
		GENL_SET_ERR_MSG(info, "nobody waits for this answer");
	return err;
}

int ipcp_rekey_nl_flow_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ipcp_flow *flow = flow_of(info);
	struct sk_buff *rsp;
	int err = -ENOMEM;
	void *hdr;

	if (IS_ERR(flow))
		return PTR_ERR(flow);
	rsp = reply_new(info, IPCP_REKEY_CMD_FLOW_GET, NLMSG_GOODSIZE, &hdr);
	if (rsp)
		err = reply_send(info, rsp, hdr,
				 ipcp_dump_flow(rsp, flow,
						task_active_pid_ns(current)));
	ipcp_flow_put(flow);
	return err;
}

int ipcp_rekey_nl_flow_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb)
{
	struct ipcp_net *in = ipcp_net(sock_net(skb->sk));
	struct pid_namespace *ns = task_active_pid_ns(current);
	struct ipcp_flow *flow;
	unsigned long id = cb->args[0];
	int err = 0;

	for (; !err && (flow = ipcp_registry_next(in, &id)); id++) {
		void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
					cb->nlh->nlmsg_seq, &ipcp_nl_family,
					NLM_F_MULTI, IPCP_REKEY_CMD_FLOW_GET);

		err = hdr ? ipcp_dump_flow(skb, flow, ns) : -EMSGSIZE;
		if (!err)
			genlmsg_end(skb, hdr);
		else if (hdr)
			genlmsg_cancel(skb, hdr);
		ipcp_flow_put(flow);
		if (err)
			break;
	}
	cb->args[0] = id;
	return skb->len ?: err;
}

int ipcp_rekey_nl_name_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb)
{
	struct ipcp_net *in = ipcp_net(sock_net(skb->sk));
	struct ipcp_listener *l;
	int err = 0, n = 0;

	mutex_lock(&in->lock);
	list_for_each_entry(l, &in->listeners, list) {
		void *hdr;

		if (n++ < cb->args[0])
			continue;
		hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
				  cb->nlh->nlmsg_seq, &ipcp_nl_family,
				  NLM_F_MULTI, IPCP_REKEY_CMD_NAME_GET);
		err = hdr ? ipcp_dump_name(skb, l, task_active_pid_ns(current)) :
			    -EMSGSIZE;
		if (err) {
			if (hdr)
				genlmsg_cancel(skb, hdr);
			n--;
			break;
		}
		genlmsg_end(skb, hdr);
	}
	mutex_unlock(&in->lock);
	cb->args[0] = n;
	return skb->len ?: err;
}

static void get_qos(const struct nlattr *nla, struct ipcp_qos *qos)
{
	struct nlattr *tb[IPCP_REKEY_A_QOS_MAX + 1];

	memset(qos, 0, sizeof(*qos));
	/* Checked by the policy of the operation before. */
	if (!nla || nla_parse_nested(tb, IPCP_REKEY_A_QOS_MAX, nla,
				     ipcp_rekey_qos_nl_policy, NULL))
		return;
	qos->delay = get_u32(tb[IPCP_REKEY_A_QOS_DELAY]);
	qos->availability = get_u32(tb[IPCP_REKEY_A_QOS_AVAILABILITY]);
	qos->loss = get_u32(tb[IPCP_REKEY_A_QOS_LOSS]);
	qos->ber = get_u32(tb[IPCP_REKEY_A_QOS_BER]);
	qos->max_gap = get_u32(tb[IPCP_REKEY_A_QOS_MAX_GAP]);
	qos->timeout = get_u32(tb[IPCP_REKEY_A_QOS_TIMEOUT]);
	if (tb[IPCP_REKEY_A_QOS_BANDWIDTH])
		qos->bandwidth = nla_get_u64(tb[IPCP_REKEY_A_QOS_BANDWIDTH]);
}

static void set_peer(struct ipcp_flow *flow, const struct ipcp_endpoint *peer,
		     u32 eid)
{
	write_lock_bh(&flow->peer_lock);
	flow->peer = *peer;
	dst_cache_reset(&flow->dst);
	write_unlock_bh(&flow->peer_lock);
	WRITE_ONCE(flow->peer_eid, eid);
}

int ipcp_rekey_nl_flow_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ipcp_net *in = in_of(info);
	struct ipcp_endpoint peer;
	struct ipcp_flow *flow;
	struct ipcp_qos qos;
	struct sk_buff *rsp;
	void *hdr;
	int err;

	if (MISSING(info, IPCP_REKEY_A_FLOW_NAME) ||
	    MISSING(info, IPCP_REKEY_A_FLOW_PEER) ||
	    MISSING(info, IPCP_REKEY_A_FLOW_PEER_EID))
		return -EINVAL;
	if (!is_agent(info))
		return -EPERM;
	err = get_endpoint(info, IPCP_REKEY_A_FLOW_PEER, &peer);
	if (err)
		return err;
	get_qos(info->attrs[IPCP_REKEY_A_FLOW_QOS], &qos);

	rsp = reply_new(info, IPCP_REKEY_CMD_FLOW_NEW, NLMSG_DEFAULT_SIZE, &hdr);
	if (!rsp)
		return -ENOMEM;
	flow = ipcp_names_flow(in, nla_data(info->attrs[IPCP_REKEY_A_FLOW_NAME]),
			       &qos, &err);
	if (!flow) {
		nlmsg_free(rsp);
		if (err == -ENOENT)
			GENL_SET_ERR_MSG(info, "nobody serves this name");
		else if (err == -EUSERS)
			GENL_SET_ERR_MSG(info, "the backlog is full");
		return err;
	}
	set_peer(flow, &peer,
		 nla_get_u32(info->attrs[IPCP_REKEY_A_FLOW_PEER_EID]));
	err = nla_put_u32(rsp, IPCP_REKEY_A_FLOW_ID, flow->id) ?:
	      nla_put_u32(rsp, IPCP_REKEY_A_FLOW_EID, flow->eid);
	ipcp_flow_put(flow);
	return reply_send(info, rsp, hdr, err);
}

static int check_ppl(struct genl_info *info)
{
	const struct nlattr *nla = info->attrs[IPCP_REKEY_A_FLOW_PACKETS_PER_LEAF];

	if (!nla || ipcp_ppl_valid(nla_get_u32(nla)))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, nla, "not a power of two");
	return -EINVAL;
}

/* What flow-allocate and flow-set have in common. */
static int set_flow(struct genl_info *info, struct ipcp_flow *flow)
{
	struct nlattr **a = info->attrs;
	void *blob = NULL;
	int err = check_ppl(info);

	if (err)
		return err;
	if (a[IPCP_REKEY_A_FLOW_BLOB]) {
		blob = nla_memdup(a[IPCP_REKEY_A_FLOW_BLOB], GFP_KERNEL_ACCOUNT);
		if (!blob)
			return -ENOMEM;
	}

	spin_lock_bh(&flow->lock);
	if (blob) {
		swap(flow->blob, blob);
		flow->blob_len = nla_len(a[IPCP_REKEY_A_FLOW_BLOB]);
	}
	if (a[IPCP_REKEY_A_FLOW_PACKETS_PER_LEAF])
		flow->ppl_shift =
			ilog2(nla_get_u32(a[IPCP_REKEY_A_FLOW_PACKETS_PER_LEAF]));
	if (a[IPCP_REKEY_A_FLOW_GRACE])
		flow->grace =
			msecs_to_jiffies(nla_get_u32(a[IPCP_REKEY_A_FLOW_GRACE]));
	if (a[IPCP_REKEY_A_FLOW_LINGER])
		flow->linger_time =
			msecs_to_jiffies(nla_get_u32(a[IPCP_REKEY_A_FLOW_LINGER]));
	if (a[IPCP_REKEY_A_FLOW_MAX_EPOCH_AGE])
		flow->max_age =
			msecs_to_jiffies(nla_get_u32(a[IPCP_REKEY_A_FLOW_MAX_EPOCH_AGE]));
	if (a[IPCP_REKEY_A_FLOW_PEER_TIMEOUT])
		ipcp_flow_set_timeout(flow,
				      nla_get_u32(a[IPCP_REKEY_A_FLOW_PEER_TIMEOUT]));
	spin_unlock_bh(&flow->lock);
	kfree(blob);
	ipcp_flow_kick(flow);
	return 0;
}

int ipcp_rekey_nl_flow_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ipcp_flow *flow = flow_of(info);
	int err;

	if (IS_ERR(flow))
		return PTR_ERR(flow);
	err = set_flow(info, flow);
	ipcp_flow_put(flow);
	return err;
}

/* Takes the seed out of the message: nothing of it stays there. */
static void move_seed(struct ipcp_root *seed, struct nlattr *nla)
{
	memcpy(seed->bytes, nla_data(nla), sizeof(seed->bytes));
	memzero_explicit(nla_data(nla), nla_len(nla));
}

static int begin_keys(struct genl_info *info, struct ipcp_flow *flow,
		      const struct ipcp_endpoint *peer)
{
	u32 cipher = nla_get_u32(info->attrs[IPCP_REKEY_A_FLOW_CIPHER]);
	int mtu = ipcp_udp_mtu(flow->net, peer);

	if (!ipcp_aead_known(cipher)) {
		GENL_SET_ERR_MSG(info, "no such cipher here");
		return -EOPNOTSUPP;
	}
	if (mtu < 0) {
		GENL_SET_ERR_MSG(info, "no route to the peer");
		return mtu;
	}
	if (!ipcp_registry_set_rekey(flow, cipher)) {
		GENL_SET_ERR_MSG(info, "the flow is not pending, or has keys");
		return -ESTALE;
	}
	WRITE_ONCE(flow->mtu, mtu);
	set_peer(flow, peer,
		 nla_get_u32(info->attrs[IPCP_REKEY_A_FLOW_PEER_EID]));
	return 0;
}

static int flow_allocate(struct genl_info *info, struct ipcp_flow *flow,
			 struct ipcp_root *seed)
{
	struct nlattr *exchange = info->attrs[IPCP_REKEY_A_FLOW_EXCHANGE];
	struct nlattr *epoch = info->attrs[IPCP_REKEY_A_FLOW_EPOCH];
	struct ipcp_endpoint peer;
	int err;

	err = get_endpoint(info, IPCP_REKEY_A_FLOW_PEER, &peer) ?:
	      begin_keys(info, flow, &peer) ?: set_flow(info, flow);
	if (err)
		return err;
	err = ipcp_registry_store_pending(flow, seed,
					  epoch ? nla_get_u8(epoch) : 0,
					  exchange ? nla_get_u32(exchange) : 0,
					  info->extack);
	if (err)
		return err;
	/* Nobody could hold an epoch back that is the first. */
	ipcp_registry_take_pending(flow);
	return flow->rk.initiator ? ipcp_flow_allocated(flow) : 0;
}

int ipcp_rekey_nl_flow_allocate_doit(struct sk_buff *skb,
				     struct genl_info *info)
{
	struct ipcp_root seed = { };
	struct ipcp_flow *flow;
	int err = -EINVAL;

	if (MISSING(info, IPCP_REKEY_A_FLOW_SEED))
		return -EINVAL;
	move_seed(&seed, info->attrs[IPCP_REKEY_A_FLOW_SEED]);
	if (MISSING(info, IPCP_REKEY_A_FLOW_PEER) ||
	    MISSING(info, IPCP_REKEY_A_FLOW_PEER_EID) ||
	    MISSING(info, IPCP_REKEY_A_FLOW_CIPHER))
		goto wipe;
	if (!is_agent(info)) {
		err = -EPERM;
		goto wipe;
	}
	flow = flow_of(info);
	if (IS_ERR(flow)) {
		err = PTR_ERR(flow);
		goto wipe;
	}
	err = flow_allocate(info, flow, &seed);
	ipcp_flow_put(flow);
wipe:
	ipcp_root_wipe(&seed);
	return err;
}

int ipcp_rekey_nl_seed_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **a = info->attrs;
	struct ipcp_root seed = { };
	struct ipcp_flow *flow;
	int err = -EINVAL;

	if (MISSING(info, IPCP_REKEY_A_FLOW_SEED))
		return -EINVAL;
	move_seed(&seed, a[IPCP_REKEY_A_FLOW_SEED]);
	if (MISSING(info, IPCP_REKEY_A_FLOW_EPOCH) ||
	    MISSING(info, IPCP_REKEY_A_FLOW_EXCHANGE))
		goto wipe;
	if (!is_agent(info)) {
		err = -EPERM;
		goto wipe;
	}
	flow = flow_of(info);
	if (IS_ERR(flow)) {
		err = PTR_ERR(flow);
		goto wipe;
	}
	err = ipcp_registry_store_pending(flow, &seed,
					  nla_get_u8(a[IPCP_REKEY_A_FLOW_EPOCH]),
					  nla_get_u32(a[IPCP_REKEY_A_FLOW_EXCHANGE]),
					  info->extack);
	ipcp_flow_put(flow);
wipe:
	ipcp_root_wipe(&seed);
	return err;
}

int ipcp_rekey_nl_flow_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *reason = info->attrs[IPCP_REKEY_A_FLOW_REASON];
	u32 error = get_u32(info->attrs[IPCP_REKEY_A_FLOW_ERROR]);
	const char *why = reason ? nla_data(reason) : NULL;
	struct ipcp_flow *flow = flow_of(info);

	if (IS_ERR(flow))
		return PTR_ERR(flow);
	if (ipcp_flow_pending(flow))
		ipcp_flow_fail(flow, error ?: ECONNABORTED,
			       why ?: "the agent gave up");
	else
		ipcp_flow_down(flow, error ?: ESHUTDOWN,
			       why ?: "the agent took the flow down");
	ipcp_flow_put(flow);
	return 0;
}

int ipcp_rekey_nl_rekey_claim_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *age = info->attrs[IPCP_REKEY_A_CLAIM_MIN_AGE];
	struct nlattr *max = info->attrs[IPCP_REKEY_A_CLAIM_LIMIT];
	struct nlattr *only = info->attrs[IPCP_REKEY_A_CLAIM_ID];
	struct ipcp_net *in = in_of(info);
	struct ipcp_claim *claims;
	unsigned long min_age;
	struct sk_buff *rsp;
	int n, err = 0;
	void *hdr;

	if (!is_agent(info))
		return -EPERM;
	min_age = age ? min_t(u64, nla_get_u64(age), INT_MAX) : INT_MAX;
	n = min(max ? nla_get_u32(max) : 1, ipcp_registry_count(in) + 1);
	claims = kcalloc(n, sizeof(*claims), GFP_KERNEL);
	rsp = reply_new(info, IPCP_REKEY_CMD_REKEY_CLAIM,
			NLMSG_DEFAULT_SIZE + n * IPCP_CLAIM_SIZE, &hdr);
	if (!claims || !rsp) {
		kfree(claims);
		nlmsg_free(rsp);
		return -ENOMEM;
	}
	n = ipcp_registry_snapshot_rekey_due(in, only ? nla_get_u32(only) : 0,
					     msecs_to_jiffies(min_age), claims,
					     n);
	for (int i = 0; i < n; i++)
		err = err ?: ipcp_dump_claim(rsp, &claims[i],
					     task_active_pid_ns(current));
	err = reply_send(info, rsp, hdr, err);
	for (int i = 0; i < n; i++) {
		if (err)	/* what was not told cannot be delivered */
			ipcp_registry_clear_in_flight(claims[i].flow,
						      claims[i].exchange);
		ipcp_flow_put(claims[i].flow);
	}
	kfree(claims);
	return err == -EAGAIN ? -ENOBUFS : err;
}

int ipcp_rekey_nl_rekey_clear_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ipcp_flow *flow;
	int err;

	if (MISSING(info, IPCP_REKEY_A_FLOW_EXCHANGE))
		return -EINVAL;
	if (!is_agent(info))
		return -EPERM;
	flow = flow_of(info);
	if (IS_ERR(flow))
		return PTR_ERR(flow);
	err = ipcp_registry_clear_in_flight(flow,
					    nla_get_u32(info->attrs[IPCP_REKEY_A_FLOW_EXCHANGE]));
	if (err)
		GENL_SET_ERR_MSG(info, "no claim in flight has this exchange number");
	ipcp_flow_put(flow);
	return err;
}

int ipcp_rekey_nl_rekey_request_doit(struct sk_buff *skb,
				     struct genl_info *info)
{
	struct ipcp_net *in = in_of(info);
	struct ipcp_flow *flow;
	unsigned long id = 0;

	if (info->attrs[IPCP_REKEY_A_FLOW_ALL]) {
		for (; (flow = ipcp_registry_next(in, &id)); id++) {
			if (flow->state == IPCP_REKEY_FLOW_STATE_ALLOCATED)
				ipcp_keyrot_due(flow, IPCP_REKEY_DUE_REQUEST);
			ipcp_flow_put(flow);
		}
		return 0;
	}
	flow = flow_of(info);
	if (IS_ERR(flow))
		return PTR_ERR(flow);
	if (!flow->rk.encrypted) {
		GENL_SET_ERR_MSG(info, "the flow is not encrypted");
		ipcp_flow_put(flow);
		return -EOPNOTSUPP;
	}
	ipcp_keyrot_due(flow, IPCP_REKEY_DUE_REQUEST);
	ipcp_flow_put(flow);
	return 0;
}

int ipcp_rekey_nl_ctrl_send_doit(struct sk_buff *skb, struct genl_info *info)
{
	static const struct ipcp_hdr hdr = { .type = IPCP_PDU_CTRL };
	struct ipcp_endpoint to;
	struct nlattr *payload;
	struct sk_buff *pkt;
	int err;

	if (MISSING(info, IPCP_REKEY_A_UPCALL_PEER) ||
	    MISSING(info, IPCP_REKEY_A_UPCALL_PAYLOAD))
		return -EINVAL;
	err = get_endpoint(info, IPCP_REKEY_A_UPCALL_PEER, &to);
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
	return ipcp_udp_xmit_to(in_of(info), &to, pkt);
}

int ipcp_rekey_nl_sealed_send_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *payload;
	struct ipcp_flow *flow;
	int err;

	if (MISSING(info, IPCP_REKEY_A_FLOW_PAYLOAD))
		return -EINVAL;
	payload = info->attrs[IPCP_REKEY_A_FLOW_PAYLOAD];
	flow = flow_of(info);
	if (IS_ERR(flow))
		return PTR_ERR(flow);
	if (!nla_len(payload) || nla_len(payload) > READ_ONCE(flow->mtu)) {
		NL_SET_ERR_MSG_ATTR(info->extack, payload, "empty or too long");
		err = -EMSGSIZE;
	} else {
		err = ipcp_tx_current(flow, IPCP_PDU_SEALED, nla_data(payload),
				      nla_len(payload));
	}
	ipcp_flow_put(flow);
	return err;
}

int ipcp_rekey_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ipcp_drops sum;
	struct sk_buff *rsp;
	void *hdr;

	rsp = reply_new(info, IPCP_REKEY_CMD_STATS_GET, NLMSG_DEFAULT_SIZE, &hdr);
	if (!rsp)
		return -ENOMEM;
	ipcp_drops_sum(in_of(info)->drops, &sum);
	return reply_send(info, rsp, hdr,
			  ipcp_drops_put(rsp, IPCP_REKEY_A_NET_STATS_DROPS,
					 sum.drops));
}

/**
 * ipcp_netlink_hint() - Tell the agent that its queue has something
 * @in: namespace
 *
 * Context: Any context.
 * Return: false if it could not be told; the next one has to be then.
 */
bool ipcp_netlink_hint(struct ipcp_net *in)
{
	struct sk_buff *skb = genlmsg_new(0, GFP_ATOMIC);
	void *hdr;

	if (!skb)
		return false;
	hdr = genlmsg_put(skb, 0, 0, &ipcp_nl_family, 0,
			  IPCP_REKEY_CMD_UPCALL_NTF);
	if (!hdr) {
		nlmsg_free(skb);
		return false;
	}
	genlmsg_end(skb, hdr);
	return !genlmsg_multicast_netns(&ipcp_nl_family, in->net, skb, 0,
					IPCP_REKEY_NLGRP_AGENT, GFP_ATOMIC);
}

/* A netlink socket closed. If it was an agent's, what it had begun ends. */
static int socket_closed(struct notifier_block *nb, unsigned long event,
			 void *data)
{
	struct netlink_notify *n = data;
	struct ipcp_net *in;

	if (event != NETLINK_URELEASE || n->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;
	in = ipcp_net(n->net);
	if (!n->portid || READ_ONCE(in->agent) != n->portid)
		return NOTIFY_DONE;

	/* The next agent begins when the end of this one is complete. */
	mutex_lock(&in->agent_lock);
	if (in->agent == n->portid) {
		WRITE_ONCE(in->agent, 0);
		ipcp_names_lapse(in);
		ipcp_registry_lapse(in);
		ipcp_upcall_purge(in);
	}
	mutex_unlock(&in->agent_lock);
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
