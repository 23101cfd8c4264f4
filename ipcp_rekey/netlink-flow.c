// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Netlink operations on a flow: show, create, allocate (install the first
 * keys), change and end it.
 */
#include <linux/log2.h>

#include "aead.h"
#include "hkdf.h"
#include "keyrot.h"
#include "keysched.h"
#include "listener.h"
#include "local.h"
#include "netlink-int.h"
#include "path.h"
#include "probe.h"
#include "provider.h"
#include "rekey.h"
#include "session.h"
#include "state.h"
#include "udp.h"

/* Return the flow that a request names, by endpoint id or by number. */
static struct ipcp_flow *flow_to_show(struct genl_info *info)
{
	const struct nlattr *eid = info->attrs[IPCP_REKEY_A_FLOW_EID];
	struct ipcp_flow *flow;

	if (!eid)
		return ipcp_nl_flow(info);
	if (info->attrs[IPCP_REKEY_A_FLOW_ID]) {
		NL_SET_ERR_MSG_ATTR(info->extack, eid,
				    "give the number or the endpoint id, not both");
		return ERR_PTR(-EINVAL);
	}
	flow = ipcp_registry_get_by_eid(ipcp_nl_net(info), nla_get_u32(eid));
	if (!flow) {
		NL_SET_ERR_MSG_ATTR(info->extack, eid, "no such flow");
		return ERR_PTR(-ENOENT);
	}
	return flow;
}

int ipcp_rekey_nl_flow_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ipcp_viewer viewer = ipcp_nl_viewer(skb);
	struct ipcp_flow *flow = flow_to_show(info);
	struct sk_buff *rsp;
	int err = -ENOMEM;
	void *hdr;

	if (IS_ERR(flow))
		return PTR_ERR(flow);
	rsp = ipcp_nl_reply(info, IPCP_REKEY_CMD_FLOW_GET, NLMSG_GOODSIZE, &hdr);
	if (rsp)
		err = ipcp_nl_reply_send(info, rsp, hdr,
					 ipcp_show_flow(rsp, flow, &viewer));
	ipcp_flow_put(flow);
	return err;
}

int ipcp_rekey_nl_flow_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb)
{
	struct ipcp_viewer viewer = ipcp_nl_viewer(cb->skb);
	struct ipcp_net *ipn = ipcp_net(sock_net(skb->sk));
	struct ipcp_flow *flow;
	unsigned long id = cb->args[0];
	int err = 0;

	for (; !err && (flow = ipcp_registry_next(ipn, &id)); id++) {
		void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
					cb->nlh->nlmsg_seq, genl_info_dump(cb)->family,
					NLM_F_MULTI, IPCP_REKEY_CMD_FLOW_GET);

		err = hdr ? ipcp_show_flow(skb, flow, &viewer) : -EMSGSIZE;
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

static void get_qos(const struct nlattr *nla, struct ipcp_qos *qos)
{
	struct nlattr *tb[IPCP_REKEY_A_QOS_MAX + 1];

	memset(qos, 0, sizeof(*qos));
	/* The policy of the operation has already validated the attributes. */
	if (!nla || nla_parse_nested(tb, IPCP_REKEY_A_QOS_MAX, nla,
				     NULL, NULL))
		return;
	qos->delay = ipcp_nl_u32(tb[IPCP_REKEY_A_QOS_DELAY]);
	qos->availability = ipcp_nl_u32(tb[IPCP_REKEY_A_QOS_AVAILABILITY]);
	qos->loss = ipcp_nl_u32(tb[IPCP_REKEY_A_QOS_LOSS]);
	qos->ber = ipcp_nl_u32(tb[IPCP_REKEY_A_QOS_BER]);
	qos->max_gap = ipcp_nl_u32(tb[IPCP_REKEY_A_QOS_MAX_GAP]);
	qos->timeout = ipcp_nl_u32(tb[IPCP_REKEY_A_QOS_TIMEOUT]);
	if (tb[IPCP_REKEY_A_QOS_BANDWIDTH])
		qos->bandwidth = nla_get_u64(tb[IPCP_REKEY_A_QOS_BANDWIDTH]);
}

static int get_ends(struct genl_info *info, struct ipcp_ends *ends)
{
	return ipcp_nl_ends(info, IPCP_REKEY_A_FLOW_PEER,
			    IPCP_REKEY_A_FLOW_LOCAL,
			    IPCP_REKEY_A_FLOW_PROVIDER, ends);
}

static void set_path(struct ipcp_flow *flow, const struct ipcp_path_ops *path)
{
	spin_lock_bh(&flow->lock);
	WRITE_ONCE(flow->path, path);
	spin_unlock_bh(&flow->lock);
}

static int set_peer(struct ipcp_flow *flow, const struct ipcp_ends *ends, u32 eid)
{
	struct mem_cgroup *before = ipcp_pay(&flow->payer);
	int err = ipcp_bind_set(flow, ends);

	ipcp_pay_end(before);
	if (err)
		return err;
	WRITE_ONCE(flow->peer_eid, eid);
	set_path(flow, ends->provider ? &ipcp_provider_path : &ipcp_udp_path);
	return 0;
}

/* Check that the provider of a flow, if there is one, provides its name. */
static int check_provider(struct genl_info *info, const char *name, u32 provider)
{
	if (!provider ||
	    ipcp_provider_provides(ipcp_nl_net(info), provider, name))
		return 0;
	GENL_SET_ERR_MSG(info, "no provider of this number provides the name");
	return -ENETUNREACH;
}

/* Create the flow that a peer requests. Return: a reference, or an ERR_PTR(). */
static struct ipcp_flow *new_flow(struct genl_info *info,
				  const struct ipcp_ends *ends, u8 slot)
{
	const char *name = nla_data(info->attrs[IPCP_REKEY_A_FLOW_NAME]);
	u32 eid = nla_get_u32(info->attrs[IPCP_REKEY_A_FLOW_PEER_EID]);
	struct ipcp_net *ipn = ipcp_nl_net(info);
	struct ipcp_flow *flow;
	struct ipcp_qos qos;
	int err;

	get_qos(info->attrs[IPCP_REKEY_A_FLOW_QOS], &qos);
	mutex_lock(&ipn->pending_lock);
	flow = ipcp_session_respond(ipn, name, &qos);
	if (IS_ERR(flow))
		goto unlock;
	WRITE_ONCE(flow->slot, slot);
	err = set_peer(flow, ends, eid) ?:
	      check_provider(info, flow->name, ends->provider);
	if (err) {
		ipcp_state_fail(flow, ECONNABORTED, "the flow has no path to the peer");
		ipcp_flow_put(flow);
		flow = ERR_PTR(err);
	}
unlock:
	mutex_unlock(&ipn->pending_lock);
	return flow;
}

int ipcp_rekey_nl_flow_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ipcp_flow *flow;
	struct ipcp_ends ends;
	struct sk_buff *rsp;
	void *hdr;
	int err;
	u8 slot;

	if (IPCP_NL_MISSING(info, IPCP_REKEY_A_FLOW_NAME) ||
	    IPCP_NL_MISSING(info, IPCP_REKEY_A_FLOW_PEER_EID))
		return -EINVAL;
	if (!ipcp_nl_is_agent(skb, info))
		return -EPERM;
	err = get_ends(info, &ends) ?:
	      ipcp_nl_slot(info, IPCP_REKEY_A_FLOW_SOCKET, &slot);
	if (err)
		return err;
	rsp = ipcp_nl_reply(info, IPCP_REKEY_CMD_FLOW_NEW, NLMSG_DEFAULT_SIZE, &hdr);
	if (!rsp)
		return -ENOMEM;
	flow = new_flow(info, &ends, slot);
	if (IS_ERR(flow)) {
		nlmsg_free(rsp);
		err = PTR_ERR(flow);
		if (err == -ENOENT)
			GENL_SET_ERR_MSG(info, "no listener serves this name");
		else if (err == -EUSERS)
			GENL_SET_ERR_MSG(info, "the backlog is full");
		return err;
	}
	err = nla_put_u32(rsp, IPCP_REKEY_A_FLOW_ID, flow->id) ?:
	      nla_put_u32(rsp, IPCP_REKEY_A_FLOW_EID, flow->eid) ?:
	      nla_put_u32(rsp, IPCP_REKEY_A_FLOW_GENERATION,
			  READ_ONCE(flow->rk.drops));
	err = ipcp_nl_reply_send(info, rsp, hdr, err);
	if (err)	/* the agent did not get the flow's id */
		ipcp_state_fail(flow, ECONNABORTED, "the agent was not told of the flow");
	ipcp_flow_put(flow);
	return err;
}

static int check_ppl(struct genl_info *info)
{
	const struct nlattr *nla = info->attrs[IPCP_REKEY_A_FLOW_PACKETS_PER_LEAF];

	if (!nla || ipcp_ppl_valid(nla_get_u32(nla)))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, nla, "not a power of two");
	return -EINVAL;
}

/*
 * Set a time in jiffies, which the data path reads without a lock. The maximum
 * is the longest time that the age of an epoch can exceed: see
 * ipcp_epoch_stay_old().
 */
static void set_time(unsigned long *time, const struct nlattr *ms)
{
	if (ms)
		WRITE_ONCE(*time, min(msecs_to_jiffies(nla_get_u32(ms)),
				      MAX_JIFFY_OFFSET));
}

/* Apply the settings of flow-allocate or flow-set. */
static int set_flow(struct genl_info *info, struct ipcp_flow *flow)
{
	struct nlattr **a = info->attrs;
	struct mem_cgroup *before;
	void *blob = NULL;
	int err = check_ppl(info);

	if (err)
		return err;
	if (a[IPCP_REKEY_A_FLOW_BLOB]) {
		before = ipcp_pay(&flow->payer);
		blob = nla_memdup(a[IPCP_REKEY_A_FLOW_BLOB], IPCP_GFP_PAYER);
		ipcp_pay_end(before);
		if (!blob)
			return -ENOMEM;
	}

	spin_lock_bh(&flow->lock);
	if (blob) {
		swap(flow->blob, blob);
		flow->blob_len = nla_len(a[IPCP_REKEY_A_FLOW_BLOB]);
	}
	if (a[IPCP_REKEY_A_FLOW_PACKETS_PER_LEAF])
		WRITE_ONCE(flow->ppl_shift,
			   ilog2(nla_get_u32(a[IPCP_REKEY_A_FLOW_PACKETS_PER_LEAF])));
	set_time(&flow->grace, a[IPCP_REKEY_A_FLOW_GRACE]);
	set_time(&flow->linger_time, a[IPCP_REKEY_A_FLOW_LINGER]);
	set_time(&flow->max_age, a[IPCP_REKEY_A_FLOW_MAX_EPOCH_AGE]);
	if (a[IPCP_REKEY_A_FLOW_PEER_TIMEOUT])
		ipcp_flow_set_timeout(flow,
				      nla_get_u32(a[IPCP_REKEY_A_FLOW_PEER_TIMEOUT]));
	spin_unlock_bh(&flow->lock);
	kfree(blob);
	if (a[IPCP_REKEY_A_FLOW_MAX_EPOCH_AGE])	/* ipcp_tx_ready() may be true */
		ipcp_rbflags_wake(&flow->n_rb.flags, EPOLLOUT | EPOLLWRNORM);
	ipcp_flow_kick(flow);
	return 0;
}

int ipcp_rekey_nl_flow_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ipcp_flow *flow = ipcp_nl_flow(info);
	int err;

	if (IS_ERR(flow))
		return PTR_ERR(flow);
	err = set_flow(info, flow);
	ipcp_flow_put(flow);
	return err;
}

/* Programs and logs show the name, so it has to be printable. */
static bool is_printable(const char *name)
{
	for (; *name; name++)
		if (*name <= ' ' || *name > '~')
			return false;
	return true;
}

static int check_peer_name(struct genl_info *info)
{
	const struct nlattr *proved = info->attrs[IPCP_REKEY_A_FLOW_AUTHENTICATED];
	const struct nlattr *nla = info->attrs[IPCP_REKEY_A_FLOW_PEER_NAME];
	const char *name = nla ? nla_data(nla) : "";

	if (!ipcp_nl_u32(proved) != !*name) {
		NL_SET_ERR_MSG_ATTR(info->extack, nla ?: proved,
				    "give peer-name and authenticated together: the name is the one that was proved");
		return -EINVAL;
	}
	if (!nla || (strlen(name) + 1 == nla_len(nla) && is_printable(name)))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, nla,
			    "the name of the peer is not printable ASCII without spaces");
	return -EINVAL;
}

/*
 * Set the name once. An attempt that is repeated after a lack of memory must
 * have the same name.
 */
static int set_peer_name(struct genl_info *info, struct ipcp_flow *flow)
{
	const struct nlattr *nla = info->attrs[IPCP_REKEY_A_FLOW_PEER_NAME];
	struct mem_cgroup *before;
	char *name = NULL;
	int err = 0;

	if (nla && *(char *)nla_data(nla)) {
		before = ipcp_pay(&flow->payer);
		name = nla_strdup(nla, IPCP_GFP_PAYER);
		ipcp_pay_end(before);
		if (!name)
			return -ENOMEM;
	}
	spin_lock_bh(&flow->lock);
	if (!flow->peer_name) {
		/* Pairs with smp_load_acquire() in ipcp_flow_peer_name(). */
		smp_store_release(&flow->peer_name, name);
		name = NULL;
	} else if (!name || strcmp(flow->peer_name, name)) {
		err = -EINVAL;
	}
	spin_unlock_bh(&flow->lock);
	kfree(name);
	if (err)
		GENL_SET_ERR_MSG(info, "the flow has a peer of another name");
	return err;
}

static int get_link(struct genl_info *info, struct ipcp_flow *flow,
		    const struct ipcp_ends *ends, struct ipcp_probe_link *link)
{
	int err;

	if (ends->provider)
		return check_provider(info, flow->name, ends->provider) ?:
		       ipcp_provider_link(flow->net, ends->provider, link);
	err = ipcp_udp_link(flow->net, READ_ONCE(flow->slot), ends, link);
	if (err == -EMSGSIZE)
		GENL_SET_ERR_MSG(info, "no message fits the path to the peer");
	else if (err)
		GENL_SET_ERR_MSG(info, "no route to the peer");
	return err;
}

static int begin_keys(struct genl_info *info, struct ipcp_flow *flow,
		      const struct ipcp_ends *ends)
{
	u32 cipher = nla_get_u32(info->attrs[IPCP_REKEY_A_FLOW_CIPHER]);
	struct ipcp_probe_link link = {};
	int err;

	if (!ipcp_aead_known(cipher)) {
		GENL_SET_ERR_MSG(info, "this cipher is not supported");
		return -EOPNOTSUPP;
	}
	err = get_link(info, flow, ends, &link);
	if (err)
		return err;
	if (!ipcp_registry_set_rekey(flow, cipher,
				     ipcp_nl_u32(info->attrs[IPCP_REKEY_A_FLOW_RECOVERABLE]))) {
		GENL_SET_ERR_MSG(info, "the flow is not pending, or already has keys");
		return -ESTALE;
	}
	ipcp_probe_link(flow, &link);
	return set_peer(flow, ends,
			nla_get_u32(info->attrs[IPCP_REKEY_A_FLOW_PEER_EID])) ?:
	       check_provider(info, flow->name, ends->provider);
}

static int flow_allocate(struct genl_info *info, struct ipcp_flow *flow,
			 struct ipcp_delivery *d)
{
	struct nlattr *epoch = info->attrs[IPCP_REKEY_A_FLOW_EPOCH];
	struct ipcp_ends ends;
	int err;

	err = get_ends(info, &ends) ?:
	      check_peer_name(info) ?: begin_keys(info, flow, &ends) ?:
	      set_peer_name(info, flow) ?: set_flow(info, flow);
	if (err)
		return err;
	d->chain = IPCP_CHAIN_FRESH;
	d->epoch = epoch ? nla_get_u8(epoch) : 0;
	d->exchange = ipcp_nl_u32(info->attrs[IPCP_REKEY_A_FLOW_EXCHANGE]);
	d->generation = nla_get_u32(info->attrs[IPCP_REKEY_A_FLOW_GENERATION]);
	err = ipcp_registry_store_pending(flow, d, info->extack);
	if (err)
		return err;
	/* Activate the first epoch at once: there is no older one to use. */
	ipcp_registry_take_pending(flow);
	return READ_ONCE(flow->rk.initiator) ? ipcp_state_allocated(flow) : 0;
}

int ipcp_rekey_nl_flow_allocate_doit(struct sk_buff *skb,
				     struct genl_info *info)
{
	struct ipcp_delivery d = { };
	struct ipcp_flow *flow;
	int err = -EINVAL;

	if (IPCP_NL_MISSING(info, IPCP_REKEY_A_FLOW_SEED))
		return -EINVAL;
	ipcp_nl_seed(&d.seed, info);
	if (IPCP_NL_MISSING(info, IPCP_REKEY_A_FLOW_PEER_EID) ||
	    IPCP_NL_MISSING(info, IPCP_REKEY_A_FLOW_CIPHER) ||
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
	mutex_lock(&flow->net->pending_lock);
	err = flow_allocate(info, flow, &d);
	mutex_unlock(&flow->net->pending_lock);
	ipcp_flow_put(flow);
wipe:
	ipcp_seed_wipe(&d.seed);
	ipcp_stack_wipe();	/* keys derived from the seed */
	return err;
}

int ipcp_rekey_nl_flow_direct_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ipcp_flow *flow;
	int err;

	if (!ipcp_nl_is_agent(skb, info))
		return -EPERM;
	flow = ipcp_nl_flow(info);
	if (IS_ERR(flow))
		return PTR_ERR(flow);
	mutex_lock(&flow->net->pending_lock);
	err = ipcp_local_join(flow);
	mutex_unlock(&flow->net->pending_lock);
	if (err == -ENOENT)
		GENL_SET_ERR_MSG(info, "no listener in this namespace serves this name");
	else if (err == -EUSERS)
		GENL_SET_ERR_MSG(info, "the backlog is full");
	else if (err == -ESTALE)
		GENL_SET_ERR_MSG(info, "the flow is not pending, or already has keys");
	ipcp_flow_put(flow);
	return err;
}

int ipcp_rekey_nl_flow_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *reason = info->attrs[IPCP_REKEY_A_FLOW_REASON];
	struct nlattr *nla = info->attrs[IPCP_REKEY_A_FLOW_ERROR];
	const char *why = reason ? nla_data(reason) : NULL;
	u32 error = ipcp_nl_u32(nla);
	struct ipcp_flow *flow;
	int err;

	err = ipcp_nl_failure(info, nla);
	if (err)
		return err;
	flow = ipcp_nl_flow(info);
	if (IS_ERR(flow))
		return PTR_ERR(flow);
	if (!ipcp_state_fail(flow, error ?: ECONNABORTED,
			     why ?: "the agent gave up"))
		ipcp_state_down(flow, error ?: ESHUTDOWN,
				why ?: "the agent took the flow down");
	ipcp_flow_put(flow);
	return 0;
}
