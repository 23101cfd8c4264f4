// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Show flows, names and upcalls to agents and operators by netlink. Keys and
 * seeds are never shown.
 */
#include <linux/pid.h>
#include <linux/user_namespace.h>
#include <net/netlink.h>

#include "keys.h"
#include "listener.h"
#include "provider.h"
#include "registry.h"
#include "rekey.h"
#include "show.h"
#include "upcall.h"
#include "version.h"
#include "view.h"

/* Write an attribute. In a ?: chain, the first failure ends the chain. */
#define U8(attr, value)		nla_put_u8(skb, IPCP_REKEY_A_##attr, value)
#define U32(attr, value)	nla_put_u32(skb, IPCP_REKEY_A_##attr, value)
#define U64(attr, value)	nla_put_u64_64bit(skb, IPCP_REKEY_A_##attr, value, 0)
#define STR(attr, value)	nla_put_string(skb, IPCP_REKEY_A_##attr, value)

static const u32 ciphers[] = {
	IPCP_REKEY_CIPHER_AES_128_GCM,
	IPCP_REKEY_CIPHER_AES_256_GCM,
	IPCP_REKEY_CIPHER_CHACHA20_POLY1305,
};

/**
 * ipcp_show_info() - Write general information, which is not restricted
 * @skb: message
 * @ipn: namespace
 *
 * Context: Process context.
 * Return: 0 or -EMSGSIZE.
 */
int ipcp_show_info(struct sk_buff *skb, struct ipcp_net *ipn)
{
	int err = STR(INFO_VERSION, IPCP_VERSION_STRING);

	for (int i = 0; !err && i < ARRAY_SIZE(ciphers); i++)
		err = U32(INFO_CIPHERS, ciphers[i]);
	return err ?: U32(INFO_HAS_AGENT, !!READ_ONCE(ipn->agent)) ?:
	       U32(INFO_FLOWS, ipcp_registry_count(ipn)) ?:
	       U32(INFO_COPIES, READ_ONCE(ipn->copies));
}

/*
 * A user or group that the viewer has no number for is shown as -1, which no
 * policy can name.
 */
static int put_groups(struct sk_buff *skb, const struct group_info *groups,
		      struct user_namespace *users)
{
	int n = groups ? min(groups->ngroups, 64) : 0;
	struct nlattr *nla;
	u32 *gid;

	if (!n)
		return 0;
	nla = nla_reserve(skb, IPCP_REKEY_A_CRED_GROUPS, n * sizeof(u32));
	if (!nla)
		return -EMSGSIZE;
	gid = nla_data(nla);
	for (int i = 0; i < n; i++)
		gid[i] = from_kgid(users, groups->gid[i]);
	return 0;
}

static int put_exe(struct sk_buff *skb, const struct ipcp_owner *owner)
{
	if (!owner->exe_ino)
		return 0;
	return U64(CRED_EXE_DEV, owner->exe_dev) ?:
	       U64(CRED_EXE_INO, owner->exe_ino);
}

static int put_owner(struct sk_buff *skb, int attr,
		     const struct ipcp_owner *owner, const struct ipcp_viewer *viewer)
{
	/* Pairs with smp_store_release() in ipcp_owner_current(). */
	struct pid *pid = smp_load_acquire(&owner->pid);
	struct nlattr *nest;
	int err;

	if (!pid)
		return 0;
	nest = nla_nest_start(skb, attr);
	if (!nest)
		return -EMSGSIZE;
	err = U32(CRED_UID, from_kuid(viewer->users, owner->uid)) ?:
	      U32(CRED_GID, from_kgid(viewer->users, owner->gid)) ?:
	      U32(CRED_PID, pid_nr_ns(pid, viewer->pids)) ?:
	      STR(CRED_COMM, owner->comm) ?:
	      put_groups(skb, owner->groups, viewer->users) ?:
	      put_exe(skb, owner);
	if (!err)
		nla_nest_end(skb, nest);
	return err;
}

static int put_qos(struct sk_buff *skb, int attr, const struct ipcp_qos *qos)
{
	struct nlattr *nest = nla_nest_start(skb, attr);
	int err;

	if (!nest)
		return -EMSGSIZE;
	err = U32(QOS_DELAY, qos->delay) ?:
	      U64(QOS_BANDWIDTH, qos->bandwidth) ?:
	      U32(QOS_AVAILABILITY, qos->availability) ?:
	      U32(QOS_LOSS, qos->loss) ?:
	      U32(QOS_BER, qos->ber) ?:
	      U32(QOS_IN_ORDER, qos->in_order) ?:
	      U32(QOS_MAX_GAP, qos->max_gap) ?:
	      U32(QOS_TIMEOUT, qos->timeout);
	if (!err)
		nla_nest_end(skb, nest);
	return err;
}

static int put_endpoint(struct sk_buff *skb, int attr,
			const struct ipcp_endpoint *ep)
{
	if (ep->sa.sa_family == AF_INET)
		return nla_put(skb, attr, sizeof(ep->sin), &ep->sin);
	if (ep->sa.sa_family == AF_INET6)
		return nla_put(skb, attr, sizeof(ep->sin6), &ep->sin6);
	return 0;
}

/* Write an address of this host, of the family of the peer's address. */
static int put_local(struct sk_buff *skb, int attr, const struct ipcp_ends *ends)
{
	if (ends->peer.sa.sa_family == AF_INET && ends->local.in.s_addr)
		return nla_put_in_addr(skb, attr, ends->local.in.s_addr);
	if (ends->peer.sa.sa_family == AF_INET6 &&
	    !ipv6_addr_any(&ends->local.in6))
		return nla_put_in6_addr(skb, attr, &ends->local.in6);
	return 0;
}

/* Write the addresses of a path, or the number of its provider. */
static int put_path(struct sk_buff *skb, int peer, int local, int provider,
		    const struct ipcp_ends *ends)
{
	if (ends->provider)
		return nla_put_u32(skb, provider, ends->provider);
	return put_endpoint(skb, peer, &ends->peer) ?:
	       put_local(skb, local, ends);
}

static int put_ends(struct sk_buff *skb, int peer, int local, int provider,
		    struct ipcp_flow *flow)
{
	struct ipcp_ends ends;

	ipcp_bind_get(flow, &ends);
	return put_path(skb, peer, local, provider, &ends);
}

/* Locking: flow->lock, since the agent may replace the blob at any time. */
static int put_blob(struct sk_buff *skb, int attr, struct ipcp_flow *flow)
{
	int err = 0;

	spin_lock_bh(&flow->lock);
	if (flow->blob_len)
		err = nla_put(skb, attr, flow->blob_len, flow->blob);
	spin_unlock_bh(&flow->lock);
	return err;
}

static int put_message(struct sk_buff *skb, const struct sk_buff *msg)
{
	struct nlattr *nla;

	if (!msg)
		return 0;
	nla = nla_reserve(skb, IPCP_REKEY_A_UPCALL_PAYLOAD, msg->len);
	if (!nla)
		return -EMSGSIZE;
	return skb_copy_bits(msg, 0, nla_data(nla), msg->len);
}

/* Return a time in milliseconds, or the longest that a u32 holds. */
static u32 show_ms(unsigned long time)
{
	return min_t(u64, jiffies64_to_msecs(time), U32_MAX);
}

static u32 alloc_time_left(const struct ipcp_flow *flow)
{
	unsigned long now = jiffies, deadline = READ_ONCE(flow->deadline);

	return time_before(now, deadline) ? show_ms(deadline - now) : 0;
}

static int put_alloc(struct sk_buff *skb, struct ipcp_flow *flow,
		     const struct ipcp_viewer *viewer)
{
	return U32(UPCALL_EID, flow->eid) ?:
	       STR(UPCALL_NAME, flow->name) ?:
	       put_owner(skb, IPCP_REKEY_A_UPCALL_CRED, &flow->owner, viewer) ?:
	       put_qos(skb, IPCP_REKEY_A_UPCALL_QOS, &flow->qos) ?:
	       U32(UPCALL_TIMEOUT, alloc_time_left(flow)) ?:
	       U32(UPCALL_GENERATION, READ_ONCE(flow->rk.drops)) ?:
	       U32(UPCALL_SOCKET, READ_ONCE(flow->slot));
}

/**
 * ipcp_show_upcall() - Write an upcall
 * @skb: message
 * @up: upcall
 * @viewer: reader, for the numbers of users and processes
 *
 * Context: Process context.
 * Return: 0 or -EMSGSIZE.
 */
int ipcp_show_upcall(struct sk_buff *skb, const struct ipcp_upcall *up,
		     const struct ipcp_viewer *viewer)
{
	return U64(UPCALL_ID, up->id) ?:
	       U32(UPCALL_TYPE, up->type) ?:
	       (up->flow_id ? U32(UPCALL_FLOW_ID, up->flow_id) : 0) ?:
	       (up->name ? STR(UPCALL_NAME, up->name) : 0) ?:
	       put_owner(skb, IPCP_REKEY_A_UPCALL_CRED, &up->owner, viewer) ?:
	       put_path(skb, IPCP_REKEY_A_UPCALL_PEER,
			IPCP_REKEY_A_UPCALL_LOCAL,
			IPCP_REKEY_A_UPCALL_PROVIDER, &up->from) ?:
	       (up->type == IPCP_REKEY_UPCALL_TYPE_CTRL ?
			U32(UPCALL_SOCKET, up->slot) : 0) ?:
	       (up->type == IPCP_REKEY_UPCALL_TYPE_SEALED ?
			U8(UPCALL_EPOCH, up->epoch) : 0) ?:
	       (up->flow ? put_alloc(skb, up->flow, viewer) : 0) ?:
	       put_message(skb, up->skb);
}

static int put_peer_name(struct sk_buff *skb, const struct ipcp_flow *flow)
{
	const char *name = ipcp_flow_peer_name(flow);

	return name ? STR(FLOW_PEER_NAME, name) ?: U32(FLOW_AUTHENTICATED, 1) : 0;
}

static int put_question(struct sk_buff *skb, struct ipcp_flow *flow)
{
	struct ipcp_question q;

	spin_lock_bh(&flow->lock);
	q = flow->question;
	spin_unlock_bh(&flow->lock);
	return U32(FLOW_RECOVERABLE, READ_ONCE(flow->rk.recoverable)) ?:
	       U32(FLOW_QUESTION, q.state) ?:
	       (q.state ? U32(FLOW_QUESTION_EXCHANGE, q.exchange) : 0);
}

static int put_keys(struct sk_buff *skb, struct ipcp_flow *flow,
		    const struct ipcp_key_view *v)
{
	const struct ipcp_rk *rk = &flow->rk;

	if (!v->encrypted)
		return 0;
	return U32(FLOW_CIPHER, READ_ONCE(flow->cipher)) ?:
	       U8(FLOW_EPOCH, ipcp_registry_get_epoch(flow)) ?:
	       U8(FLOW_NEWEST_EPOCH, v->newest) ?:
	       (v->sends ? U8(FLOW_TX_EPOCH, v->tx) : 0) ?:
	       U32(FLOW_EXCHANGE, READ_ONCE(rk->exchange)) ?:
	       U32(FLOW_IN_FLIGHT, READ_ONCE(rk->in_flight)) ?:
	       U32(FLOW_HAS_PENDING, ipcp_registry_rekey_pending(flow)) ?:
	       U32(FLOW_DONE, v->done) ?:
	       U32(FLOW_DUE, READ_ONCE(rk->due)) ?:
	       U64(FLOW_EPOCH_AGE, v->age_ms) ?:
	       U32(FLOW_TX_LEAF, v->tx_leaf) ?:
	       U32(FLOW_RX_LEAF, v->rx_leaf) ?:
	       U64(FLOW_TX_LEFT, v->tx_left) ?:
	       U64(FLOW_RX_LEFT, v->rx_left) ?:
	       U32(FLOW_PACKETS_PER_LEAF, v->ppl);
}

static int put_stats(struct sk_buff *skb, struct ipcp_flow *flow,
		     const struct ipcp_key_view *v)
{
	struct nlattr *nest = nla_nest_start(skb, IPCP_REKEY_A_FLOW_STATS);
	struct ipcp_stats s;
	int err;

	if (!nest)
		return -EMSGSIZE;
	ipcp_stats_sum(flow->stats, &s);
	err = U64(STATS_TX_PACKETS, s.tx_packets) ?:
	      U64(STATS_TX_BYTES, s.tx_bytes) ?:
	      U64(STATS_RX_PACKETS, s.rx_packets) ?:
	      U64(STATS_RX_BYTES, s.rx_bytes) ?:
	      U64(STATS_REKEYS, READ_ONCE(flow->rekeys)) ?:
	      U64(STATS_TX_LEAVES, v->tx_leaves) ?:
	      U64(STATS_RX_LEAVES, v->rx_leaves) ?:
	      U64(STATS_LINGER_CUT, READ_ONCE(flow->linger_cut)) ?:
	      U64(STATS_RECOVERIES, READ_ONCE(flow->recoveries)) ?:
	      U64(STATS_RECOVERY_AGE, ipcp_view_recovery_age(flow)) ?:
	      ipcp_drops_put(skb, IPCP_REKEY_A_STATS_DROPS, s.drops);
	if (!err)
		nla_nest_end(skb, nest);
	return err;
}

static int put_settings(struct sk_buff *skb, struct ipcp_flow *flow)
{
	return U32(FLOW_RB_FLAGS, ipcp_rbflags(&flow->n_rb.flags)) ?:
	       U32(FLOW_MTU, READ_ONCE(flow->mtu)) ?:
	       U32(FLOW_MTU_CONFIRMED, READ_ONCE(flow->probe.confirmed)) ?:
	       U32(FLOW_PEER_TIMEOUT, jiffies_to_msecs(READ_ONCE(flow->peer_timeout))) ?:
	       U32(FLOW_GRACE, show_ms(READ_ONCE(flow->grace))) ?:
	       U32(FLOW_LINGER, show_ms(READ_ONCE(flow->linger_time))) ?:
	       U32(FLOW_MAX_EPOCH_AGE, show_ms(READ_ONCE(flow->max_age))) ?:
	       U32(FLOW_QUEUED, ipcp_rbuff_queued(&flow->n_rb)) ?:
	       U32(FLOW_GENERATION, READ_ONCE(flow->rk.drops)) ?:
	       put_question(skb, flow);
}

/**
 * ipcp_show_flow() - Write a flow
 * @skb: message
 * @flow: flow
 * @viewer: reader, for the numbers of users and processes
 *
 * Context: Process context.
 * Return: 0 or -EMSGSIZE.
 */
int ipcp_show_flow(struct sk_buff *skb, struct ipcp_flow *flow,
		   const struct ipcp_viewer *viewer)
{
	struct ipcp_key_view v;

	ipcp_view_keys(flow, &v);
	return U32(FLOW_ID, flow->id) ?:
	       STR(FLOW_NAME, flow->name) ?:
	       U32(FLOW_STATE, READ_ONCE(flow->state)) ?:
	       U32(FLOW_EID, flow->eid) ?:
	       U32(FLOW_PEER_EID, READ_ONCE(flow->peer_eid)) ?:
	       put_ends(skb, IPCP_REKEY_A_FLOW_PEER, IPCP_REKEY_A_FLOW_LOCAL,
			IPCP_REKEY_A_FLOW_PROVIDER, flow) ?:
	       U32(FLOW_SOCKET, READ_ONCE(flow->slot)) ?:
	       put_peer_name(skb, flow) ?:
	       U32(FLOW_INITIATOR, READ_ONCE(flow->rk.initiator)) ?:
	       U32(FLOW_DIRECT, ipcp_registry_is_direct(flow)) ?:
	       U32(FLOW_ENCRYPTED, v.encrypted) ?:
	       put_qos(skb, IPCP_REKEY_A_FLOW_QOS, &flow->qos) ?:
	       put_owner(skb, IPCP_REKEY_A_FLOW_CRED, &flow->owner, viewer) ?:
	       U32(FLOW_N_1_PID,
		   ipcp_registry_get_n_1_pid(flow, viewer->pids)) ?:
	       put_keys(skb, flow, &v) ?:
	       put_settings(skb, flow) ?:
	       put_blob(skb, IPCP_REKEY_A_FLOW_BLOB, flow) ?:
	       put_stats(skb, flow, &v);
}

static int put_served(struct sk_buff *skb, const struct ipcp_listener *l)
{
	return U32(NAME_BACKLOG, l->backlog) ?:
	       U32(NAME_WAITING, list_count_nodes((struct list_head *)&l->waiting));
}

/**
 * ipcp_show_name() - Write a name that is served or provided
 * @skb: message
 * @g: grant of the name
 * @viewer: reader, for the numbers of users and processes
 *
 * Context: Process context, under ipn->lock.
 * Return: 0 or -EMSGSIZE.
 */
int ipcp_show_name(struct sk_buff *skb, const struct ipcp_grant *g,
		   const struct ipcp_viewer *viewer)
{
	int err = STR(NAME_NAME, g->name) ?:
		  put_owner(skb, IPCP_REKEY_A_NAME_CRED, &g->owner, viewer) ?:
		  U32(NAME_GRANTED, g->answered && !g->error);

	if (err)
		return err;
	if (g->type == IPCP_REKEY_UPCALL_TYPE_PROVIDE)
		return U32(NAME_PROVIDER,
			   container_of(g, struct ipcp_provider, grant)->id);
	return put_served(skb, container_of(g, struct ipcp_listener, grant));
}

/**
 * ipcp_show_claim() - Write a claimed flow
 * @skb: message
 * @claim: claim
 * @viewer: reader, for the numbers of users and processes
 *
 * Context: Process context.
 * Return: 0 or -EMSGSIZE.
 */
int ipcp_show_claim(struct sk_buff *skb, const struct ipcp_claim *claim,
		    const struct ipcp_viewer *viewer)
{
	struct nlattr *nest = nla_nest_start(skb, IPCP_REKEY_A_CLAIM_FLOW);
	struct ipcp_flow *flow = claim->flow;
	int err;

	if (!nest)
		return -EMSGSIZE;
	err = U32(CLAIMED_ID, flow->id) ?:
	      STR(CLAIMED_NAME, flow->name) ?:
	      U32(CLAIMED_EID, flow->eid) ?:
	      U32(CLAIMED_PEER_EID, READ_ONCE(flow->peer_eid)) ?:
	      put_ends(skb, IPCP_REKEY_A_CLAIMED_PEER,
		       IPCP_REKEY_A_CLAIMED_LOCAL,
		       IPCP_REKEY_A_CLAIMED_PROVIDER, flow) ?:
	      U32(CLAIMED_SOCKET, READ_ONCE(flow->slot)) ?:
	      U8(CLAIMED_EPOCH, claim->epoch) ?:
	      U32(CLAIMED_EXCHANGE, claim->exchange) ?:
	      U32(CLAIMED_CIPHER, READ_ONCE(flow->cipher)) ?:
	      U32(CLAIMED_N_PID, pid_nr_ns(READ_ONCE(flow->owner.pid), viewer->pids)) ?:
	      U32(CLAIMED_N_1_PID,
		  ipcp_registry_get_n_1_pid(flow, viewer->pids)) ?:
	      U32(CLAIMED_DUE, claim->due) ?:
	      nla_put(skb, IPCP_REKEY_A_CLAIMED_CHAIN, sizeof(claim->chain),
		      &claim->chain) ?:
	      U32(CLAIMED_GENERATION, claim->generation) ?:
	      put_blob(skb, IPCP_REKEY_A_CLAIMED_BLOB, flow);
	if (err) {
		nla_nest_cancel(skb, nest);
		return err;
	}
	nla_nest_end(skb, nest);
	return 0;
}
