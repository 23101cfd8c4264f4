// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Showing flows, names and upcalls, to agents and operators by netlink and to
 * programs by IPCP_IOC_GET_INFO. Keys and seeds are never shown, nor is a
 * counter that could be used to choose one.
 */
#include <linux/pid.h>
#include <linux/user_namespace.h>
#include <net/netlink.h>

#include "keys.h"
#include "listener.h"
#include "registry.h"
#include "rekey.h"
#include "show.h"
#include "upcall.h"
#include "version.h"

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

static int put_ends(struct sk_buff *skb, int peer, int local,
		    struct ipcp_flow *flow)
{
	struct ipcp_ends ends;

	ipcp_bind_get(flow, &ends);
	return put_endpoint(skb, peer, &ends.peer) ?:
	       put_local(skb, local, &ends);
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
 * @viewer: whose numbers of users and processes are shown
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
	       put_endpoint(skb, IPCP_REKEY_A_UPCALL_PEER, &up->from.peer) ?:
	       put_local(skb, IPCP_REKEY_A_UPCALL_LOCAL, &up->from) ?:
	       (up->type == IPCP_REKEY_UPCALL_TYPE_CTRL ?
			U32(UPCALL_SOCKET, up->slot) : 0) ?:
	       (up->type == IPCP_REKEY_UPCALL_TYPE_SEALED ?
			U8(UPCALL_EPOCH, up->epoch) : 0) ?:
	       (up->flow ? put_alloc(skb, up->flow, viewer) : 0) ?:
	       put_message(skb, up->skb);
}

/**
 * struct key_view - snapshot of what is shown of a flow's keys
 * @encrypted: true if the flow has keys, or had some
 * @newest: newest epoch
 * @sends: true if there is an epoch that this side sends in
 * @tx: epoch that this side sends in
 * @tx_leaf: leaf that this side sends with
 * @rx_leaf: leaf that this side received with last, in the newest epoch
 * @ppl: packets per leaf in the newest epoch
 * @tx_left: messages that can still be sent in the newest epoch
 * @rx_left: packets that the peer can still send in the newest epoch
 * @age_ms: age of the newest epoch in milliseconds
 * @tx_leaves: number of leaves sent with, over all epochs
 * @rx_leaves: number of leaves received with, over all epochs
 * @done: true if the peer confirmed the newest epoch
 */
struct key_view {
	bool encrypted;
	u8 newest;
	bool sends;
	u8 tx;
	u32 tx_leaf;
	u32 rx_leaf;
	u32 ppl;
	u64 tx_left;
	u64 rx_left;
	u64 age_ms;
	u64 tx_leaves;
	u64 rx_leaves;
	bool done;
};

static u32 leaf_in_use(struct ipcp_epoch *ep, unsigned int dir)
{
	struct ipcp_leaf *leaf = rcu_dereference(ep->leaves[dir].cur);

	return leaf ? leaf->no : 0;
}

static void view_newest(struct ipcp_flow *flow, struct ipcp_epoch *ep,
			struct key_view *v)
{
	v->newest = ep->no;
	v->ppl = 1U << ep->ppl_shift;
	v->tx_left = ipcp_tx_left(atomic64_read(&ep->sent), ep->ppl_shift);
	v->rx_left = ipcp_rx_left(READ_ONCE(ep->rx_end));
	v->rx_leaf = leaf_in_use(ep, ipcp_rx_dir(&flow->rk));
	v->age_ms = show_ms(jiffies - READ_ONCE(ep->parked));
	v->done = test_bit(IPCP_EP_CONFIRMED, &ep->flags);
}

static void view_keys(struct ipcp_flow *flow, struct key_view *v)
{
	unsigned int tx = ipcp_tx_dir(&flow->rk), rx = ipcp_rx_dir(&flow->rk);
	struct ipcp_epoch *ep;

	memset(v, 0, sizeof(*v));
	v->encrypted = READ_ONCE(flow->rk.encrypted);
	rcu_read_lock();
	spin_lock_bh(&flow->lock);
	v->tx_leaves = flow->leaves_done[tx];
	v->rx_leaves = flow->leaves_done[rx];
	for (int i = 0; i < IPCP_EPOCH_SLOTS; i++) {
		ep = rcu_dereference(flow->slots[i]);
		if (!ep)
			continue;
		if (atomic64_read(&ep->sent))
			v->tx_leaves += READ_ONCE(ep->leaves[tx].used);
		if (test_bit(IPCP_EP_OBSERVED, &ep->flags))
			v->rx_leaves += READ_ONCE(ep->leaves[rx].used);
	}
	spin_unlock_bh(&flow->lock);
	ep = ipcp_epoch_newest(flow);
	if (ep)
		view_newest(flow, ep, v);
	ep = rcu_dereference(flow->tx);
	if (ep) {
		v->sends = true;
		v->tx = ep->no;
		v->tx_leaf = leaf_in_use(ep, tx);
	}
	rcu_read_unlock();
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
		    const struct key_view *v)
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

/* Return: milliseconds since the last recovery, 0 if there was none. */
static u64 recovery_age(const struct ipcp_flow *flow)
{
	u64 since;

	/* Pairs with smp_store_release() in note_recovery(). */
	if (!smp_load_acquire(&flow->recoveries))
		return 0;
	since = ktime_get_boottime_seconds() - READ_ONCE(flow->recovered);
	return (since ?: 1) * MSEC_PER_SEC;
}

static int put_stats(struct sk_buff *skb, struct ipcp_flow *flow,
		     const struct key_view *v)
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
	      U64(STATS_RECOVERY_AGE, recovery_age(flow)) ?:
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
 * @viewer: whose numbers of users and processes are shown
 *
 * Context: Process context.
 * Return: 0 or -EMSGSIZE.
 */
int ipcp_show_flow(struct sk_buff *skb, struct ipcp_flow *flow,
		   const struct ipcp_viewer *viewer)
{
	struct key_view v;

	view_keys(flow, &v);
	return U32(FLOW_ID, flow->id) ?:
	       STR(FLOW_NAME, flow->name) ?:
	       U32(FLOW_STATE, READ_ONCE(flow->state)) ?:
	       U32(FLOW_EID, flow->eid) ?:
	       U32(FLOW_PEER_EID, READ_ONCE(flow->peer_eid)) ?:
	       put_ends(skb, IPCP_REKEY_A_FLOW_PEER, IPCP_REKEY_A_FLOW_LOCAL, flow) ?:
	       U32(FLOW_SOCKET, READ_ONCE(flow->slot)) ?:
	       put_peer_name(skb, flow) ?:
	       U32(FLOW_INITIATOR, READ_ONCE(flow->rk.initiator)) ?:
	       U32(FLOW_DIRECT, ipcp_registry_is_direct(flow)) ?:
	       U32(FLOW_ENCRYPTED, v.encrypted) ?:
	       put_qos(skb, IPCP_REKEY_A_FLOW_QOS, &flow->qos) ?:
	       put_owner(skb, IPCP_REKEY_A_FLOW_CRED, &flow->owner, viewer) ?:
	       U32(FLOW_N_1_PID,
		   pid_nr_ns(ipcp_registry_get_n_1_pid(flow), viewer->pids)) ?:
	       put_keys(skb, flow, &v) ?:
	       put_settings(skb, flow) ?:
	       put_blob(skb, IPCP_REKEY_A_FLOW_BLOB, flow) ?:
	       put_stats(skb, flow, &v);
}

/**
 * ipcp_show_name() - Write a name that is served
 * @skb: message
 * @l: listener
 * @viewer: whose numbers of users and processes are shown
 *
 * Context: Process context, under ipn->lock.
 * Return: 0 or -EMSGSIZE.
 */
int ipcp_show_name(struct sk_buff *skb, const struct ipcp_listener *l,
		   const struct ipcp_viewer *viewer)
{
	return STR(NAME_NAME, l->name) ?:
	       put_owner(skb, IPCP_REKEY_A_NAME_CRED, &l->owner, viewer) ?:
	       U32(NAME_GRANTED, l->answered && !l->error) ?:
	       U32(NAME_BACKLOG, l->backlog) ?:
	       U32(NAME_WAITING, list_count_nodes((struct list_head *)&l->waiting));
}

/**
 * ipcp_show_claim() - Write a claimed flow
 * @skb: message
 * @claim: claim
 * @viewer: whose numbers of users and processes are shown
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
		       IPCP_REKEY_A_CLAIMED_LOCAL, flow) ?:
	      U32(CLAIMED_SOCKET, READ_ONCE(flow->slot)) ?:
	      U8(CLAIMED_EPOCH, claim->epoch) ?:
	      U32(CLAIMED_EXCHANGE, claim->exchange) ?:
	      U32(CLAIMED_CIPHER, READ_ONCE(flow->cipher)) ?:
	      U32(CLAIMED_N_PID, pid_nr_ns(READ_ONCE(flow->owner.pid), viewer->pids)) ?:
	      U32(CLAIMED_N_1_PID,
		  pid_nr_ns(ipcp_registry_get_n_1_pid(flow), viewer->pids)) ?:
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

static u64 other_drops(const struct ipcp_stats *s)
{
	u64 n = 0;

	for (int i = IPCP_DROP_NONE + 1; i < IPCP_DROP_MAX; i++)
		n += s->drops[i];
	return n - s->drops[IPCP_DROP_EPOCH] - s->drops[IPCP_DROP_LATE] -
	       s->drops[IPCP_DROP_AHEAD] - s->drops[IPCP_DROP_AUTH] -
	       s->drops[IPCP_DROP_REPLAY] - s->drops[IPCP_DROP_RING_FULL];
}

/**
 * ipcp_show_for_program() - Fill in what a program may know of its flow
 * @flow: flow
 * @info: (output) information; the caller sets @info->size
 *
 * Context: Process context.
 */
void ipcp_show_for_program(struct ipcp_flow *flow, struct ipcp_info *info)
{
	struct ipcp_stats s;
	struct key_view v;

	view_keys(flow, &v);
	ipcp_stats_sum(flow->stats, &s);
	info->state = READ_ONCE(flow->state);
	info->id = flow->id;
	info->cipher = READ_ONCE(flow->cipher);
	info->rb_flags = ipcp_rbflags(&flow->n_rb.flags);
	info->mtu = READ_ONCE(flow->mtu);
	info->mtu_confirmed = READ_ONCE(flow->probe.confirmed);
	info->epoch = READ_ONCE(flow->rk.epoch);
	info->tx_epoch = v.tx;
	info->newest_epoch = v.newest;
	info->initiator = READ_ONCE(flow->rk.initiator);
	info->tx_leaf = v.tx_leaf;
	info->rx_leaf = v.rx_leaf;
	info->packets_per_leaf = v.ppl;
	info->peer_timeout = jiffies_to_msecs(READ_ONCE(flow->peer_timeout));
	info->tx_left = v.tx_left;
	info->rx_left = v.rx_left;
	info->tx_packets = s.tx_packets;
	info->tx_bytes = s.tx_bytes;
	info->rx_packets = s.rx_packets;
	info->rx_bytes = s.rx_bytes;
	info->drop_key = s.drops[IPCP_DROP_EPOCH] + s.drops[IPCP_DROP_LATE] +
			 s.drops[IPCP_DROP_AHEAD];
	info->drop_auth = s.drops[IPCP_DROP_AUTH];
	info->drop_replay = s.drops[IPCP_DROP_REPLAY];
	info->drop_full = s.drops[IPCP_DROP_RING_FULL];
	info->drop_other = other_drops(&s);
	info->rekeys = READ_ONCE(flow->rekeys);
	info->leaves = v.tx_leaves + v.rx_leaves;
	info->recoveries = READ_ONCE(flow->recoveries);
	info->recovery_age = recovery_age(flow);
	info->queued = ipcp_rbuff_queued(&flow->n_rb);
	info->error = READ_ONCE(flow->error);
	if (info->error) {
		smp_rmb();	/* pairs with smp_wmb() in set_error() */
		strscpy(info->reason, flow->reason, sizeof(info->reason));
	}
	strscpy(info->name, flow->name, sizeof(info->name));
	ipcp_show_peer(flow, info->peer_name, &info->authenticated);
}

/**
 * ipcp_show_peer() - Fill in who the peer is
 * @flow: flow
 * @name: (output) name that the peer has proved; empty if it has proved none
 * @authenticated: (output) 1 if it has, else 0
 *
 * Context: Any context.
 */
void ipcp_show_peer(const struct ipcp_flow *flow,
		    char name[IPCP_NAME_LEN + 1], u32 *authenticated)
{
	const char *proved = ipcp_flow_peer_name(flow);

	strscpy_pad(name, proved ?: "", IPCP_NAME_LEN + 1);
	*authenticated = !!proved;
}
