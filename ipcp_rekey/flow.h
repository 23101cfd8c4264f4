/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_FLOW_H
#define _IPCP_FLOW_H

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/jiffies.h>
#include <linux/rhashtable-types.h>
#include <linux/siphash.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>
#include <net/dst_cache.h>
#include <uapi/linux/ipcp_rekey.h>
#include <uapi/linux/ipcp_rekey_netlink.h>

#include "owner.h"
#include "rbuff.h"
#include "stats.h"
#include "waiting.h"

struct ipcp_epoch;
struct ipcp_inflight;
struct ipcp_listener;
struct ipcp_net;
struct ipcp_path_ops;

#define IPCP_CTL_QUEUE	64	/* control packets of a flow that may wait */

enum ipcp_flow_limits {
	IPCP_EPOCH_SLOTS	= 4,	/* an epoch is in slot epoch % 4 */
	IPCP_SEEDS_KEPT		= 16,	/* seeds that are not taken again */
	IPCP_GRACE_MS		= 5000,
	IPCP_LINGER_MS		= 10000,
	IPCP_PEER_TIMEOUT_MS	= 120000,
	IPCP_PEER_TIMEOUT_MIN_MS = 1000,
	IPCP_ALLOC_TIMEOUT_MS	= 20000,
	IPCP_CLOSES		= 3,	/* CLOSE packets, since they may be lost */
};

/**
 * struct ipcp_endpoint - an address of a peer
 * @sa: either family, or AF_UNSPEC
 * @sin: IPv4
 * @sin6: IPv6
 */
struct ipcp_endpoint {
	union {
		struct sockaddr sa;
		struct sockaddr_in sin;
		struct sockaddr_in6 sin6;
	};
};

/**
 * struct ipcp_rk - re-key state of a flow, as Ouroboros has it
 * @encrypted: the flow has keys
 * @initiator: this side allocated the flow, and drives re-keys
 * @in_flight: an agent claimed the flow
 * @has_pending: a seed was parked and waits to be taken
 * @epoch: epoch taken last
 * @newest: newest epoch
 * @observed: newest epoch that the peer was observed in; of no use before the
 *	first. Locking: read without
 * @pending_epoch: epoch of the seed that waits
 * @due: IPCP_REKEY_DUE_*, why an agent ought to claim the flow
 * @exchange: number of the exchange that delivered last
 * @claim: number of the last claim; before the first as @exchange
 * @seeds: what seeds there were, as keyed hashes
 * @nseeds: how many there were
 * @drops: how often all keys were dropped
 *
 * Locking: flow->lock.
 */
struct ipcp_rk {
	bool encrypted;
	bool initiator;
	bool in_flight;
	bool has_pending;
	u8 epoch;
	u8 newest;
	u8 observed;
	u8 pending_epoch;
	u32 due;
	u32 exchange;
	u32 claim;
	u64 seeds[IPCP_SEEDS_KEPT];
	unsigned int nseeds;
	unsigned int drops;
};

/* ipcp_flow.bits */
enum {
	IPCP_FLOW_STOPPED,	/* the worker is not to run any more */
	IPCP_FLOW_PROMOTE,	/* a look at the keys before sending is due */
	IPCP_FLOW_HASHED,	/* findable by eid */
	IPCP_FLOW_CLOSE_CAME,	/* a CLOSE of the peer waits for the worker */
	IPCP_FLOW_CLOSE_SEEN,	/* the peer closed */
	IPCP_FLOW_PEER_CLOSED,	/* that, and nothing else, ended it */
	IPCP_FLOW_DIRECT,	/* the peer is another flow of this host */
};

/**
 * struct ipcp_flow - a flow
 * @net: its namespace
 * @node: in the table by @eid
 * @id: number in the namespace
 * @eid: endpoint id, what the peer puts in its packets
 * @refs: registry, file, whoever looked it up; none that could outlive @net
 * @state: enum ipcp_rekey_flow_state, under @lock
 * @bits: IPCP_FLOW_*
 * @lock: protects what is said to be under it; taken inside of nothing but
 *	the registry's mutex and epoch->derive
 * @name: what was asked for
 * @qos: what was asked of it
 * @payer: who pays for it
 * @owner: of this side; nobody before a responder's flow is accepted
 * @error: positive errno of a failed allocation, or why the flow is down
 * @reason: the same in words
 * @deadline: jiffies when a pending allocation fails
 * @n_rb: ring towards the program
 * @rk: re-key state, under @lock
 * @slots: epochs that can be received, by epoch % IPCP_EPOCH_SLOTS; change
 *	under @lock
 * @tx: epoch to send in, one of @slots; changes under @lock
 * @secret: key of the hashes of seeds
 * @cipher: enum ipcp_rekey_cipher
 * @ppl_shift: packets per leaf of the next epoch, as a power of two
 * @grace: jiffies until the kernel takes a seed itself
 * @linger_time: jiffies that an old epoch's keys stay
 * @max_age: jiffies after which an epoch carries no data, 0 for no limit
 * @peer_timeout: jiffies of silence until the peer counts as lost, or 0
 * @path: what carries its packets; may change until the flow is allocated.
 *	Locking: written under @lock once the flow can be found, read without
 * @peer_eid: endpoint id at the peer
 * @peer_lock: protects @peer
 * @peer: address of the peer
 * @dst: route to it
 * @mtu: longest message
 * @mate: the other end of a direct flow, with a reference; changes under @lock
 * @last_tx: jiffies of the last packet sent
 * @last_rx: jiffies of the last packet that authenticated
 * @auth_failures: packets that did not authenticate since the last seed
 * @rekeys: seeds after the first
 * @linger_cut: lingers that ended early
 * @leaves_done: leaves used in epochs that are gone, sent and received
 * @waiting: packets that wait for their leaf
 * @ctl: control packets that decrypted, for the worker
 * @work: everything that is not done on the packet path
 * @closes: CLOSE packets still to be sent
 * @close_at: jiffies of the next
 * @listener: where a responder's flow waits to be accepted, under names' lock
 * @accept: in the listener's queue
 * @blob: what the agent left, under @lock
 * @blob_len: length of it
 * @inflight: count of messages on their way out, that outlives the flow
 * @stats: counters
 * @free: it is freed a grace period after the last reference
 */
struct ipcp_flow {
	struct ipcp_net *net;
	struct rhash_head node;
	u32 id;
	u32 eid;
	refcount_t refs;
	u8 state;
	unsigned long bits;
	spinlock_t lock;	/* see above */
	char *name;
	struct ipcp_qos qos;
	struct ipcp_payer payer;
	struct ipcp_owner owner;
	int error;
	char reason[IPCP_REASON_LEN];
	unsigned long deadline;

	struct ipcp_rbuff n_rb;
	struct ipcp_rk rk;
	struct ipcp_epoch __rcu *slots[IPCP_EPOCH_SLOTS];
	struct ipcp_epoch __rcu *tx;
	siphash_key_t secret;
	u16 cipher;
	u8 ppl_shift;
	unsigned long grace;
	unsigned long linger_time;
	unsigned long max_age;
	unsigned long peer_timeout;

	const struct ipcp_path_ops *path;
	u32 peer_eid;
	rwlock_t peer_lock;
	struct ipcp_endpoint peer;
	struct dst_cache dst;
	u32 mtu;
	struct ipcp_flow __rcu *mate;

	unsigned long last_tx;
	unsigned long last_rx;
	atomic64_t auth_failures;
	u64 rekeys;
	u64 linger_cut;
	u64 leaves_done[2];

	struct ipcp_waiting waiting;
	struct sk_buff_head ctl;
	struct delayed_work work;
	unsigned int closes;
	unsigned long close_at;
	struct ipcp_listener *listener;
	struct list_head accept;
	void *blob;
	u16 blob_len;
	struct ipcp_inflight *inflight;
	struct ipcp_stats __percpu *stats;
	struct rcu_work free;
};

struct ipcp_flow *ipcp_flow_new(struct ipcp_net *ipn, const char *name,
				const struct ipcp_qos *qos,
				const struct ipcp_payer *payer,
				struct ipcp_consumer *consumer,
				work_func_t worker);
void ipcp_flow_free(struct ipcp_flow *flow);
void ipcp_flow_put(struct ipcp_flow *flow);
void ipcp_flow_kick(struct ipcp_flow *flow);
void ipcp_flow_set_timeout(struct ipcp_flow *flow, u32 ms);

static inline struct ipcp_flow *ipcp_flow_get(struct ipcp_flow *flow)
{
	refcount_inc(&flow->refs);
	return flow;
}

/* Is the flow still to be allocated, at either side? */
static inline bool ipcp_flow_pending(const struct ipcp_flow *flow)
{
	u8 state = READ_ONCE(flow->state);

	return state == IPCP_REKEY_FLOW_STATE_ALLOC_PENDING ||
	       state == IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING;
}

/* Are both ends on this host, and no packet leaves it? */
static inline bool ipcp_flow_is_direct(const struct ipcp_flow *flow)
{
	return test_bit(IPCP_FLOW_DIRECT, &flow->bits);
}

void ipcp_flow_dropped(struct ipcp_flow *flow, unsigned int len,
		       enum ipcp_drop reason);
void ipcp_flow_drop(struct ipcp_flow *flow, struct sk_buff *skb,
		    enum ipcp_drop reason);
void ipcp_flow_drop_all(struct ipcp_flow *flow, struct sk_buff *skb,
			enum ipcp_drop reason);

extern struct workqueue_struct *ipcp_wq;

#endif /* _IPCP_FLOW_H */
