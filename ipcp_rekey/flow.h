/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_FLOW_H
#define _IPCP_FLOW_H

#include <linux/cache.h>
#include <linux/jiffies.h>
#include <linux/rhashtable-types.h>
#include <linux/siphash.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>
#include <uapi/linux/ipcp_rekey.h>
#include <uapi/linux/ipcp_rekey_netlink.h>

#include "bind.h"
#include "keysched.h"
#include "owner.h"
#include "rbuff.h"
#include "stats.h"
#include "waiting.h"

struct ipcp_epoch;
struct ipcp_inflight;
struct ipcp_listener;
struct ipcp_net;
struct ipcp_path_ops;
struct net_device;

#define IPCP_CTL_QUEUE	64	/* maximum number of queued control packets */

enum ipcp_flow_limits {
	IPCP_EPOCH_SLOTS	= 4,	/* epoch n is in slot n % 4 */
	IPCP_SEEDS_KEPT		= 16,	/* recent seeds that are refused */
	/* how far an exchange number may be ahead of the last one */
	IPCP_EXCHANGE_STEP	= 1 << 16,
	IPCP_EXCHANGE_RATE	= 32,	/* plus this for each second since */
	IPCP_GRACE_MS		= 5000,
	IPCP_LINGER_MS		= 10000,
	IPCP_PEER_TIMEOUT_MS	= 120000,
	IPCP_PEER_TIMEOUT_MIN_MS = 1000,
	IPCP_ALLOC_TIMEOUT_MS	= 20000,
	IPCP_CLOSES		= 3,	/* CLOSE packets, as some may be lost */
};

/**
 * struct ipcp_rk - re-key state of a flow, modelled after Ouroboros
 * @encrypted: true if the flow has keys. Set once, with smp_store_release()
 *	after @initiator and flow->cipher; may be read locklessly.
 * @initiator: true if this side allocated the flow and drives re-keys. Set
 *	before @encrypted or IPCP_FLOW_DIRECT and constant from then on.
 * @in_flight: true if an agent has claimed the flow; may be read locklessly
 * @has_pending: true if a parked seed waits to be activated; may be read
 *	locklessly
 * @epoch: epoch activated last; may be read locklessly
 * @newest: newest epoch; may be read locklessly
 * @observed: newest epoch in which the peer was observed; undefined before the
 *	first; may be read locklessly
 * @due: IPCP_REKEY_DUE_*, reasons for an agent to claim the flow; may be read
 *	locklessly
 * @exchange: number of the exchange that delivered a seed last; may be read
 *	locklessly
 * @exchanged: jiffies when that seed was delivered
 * @claim: number of the last claim; equal to @exchange before the first claim
 * @seeds: keyed hashes of the most recent seeds
 * @nseeds: number of seeds so far
 * @drops: generation of the keys: number of times all keys were dropped; may be
 *	read locklessly
 * @chain: chain to mix the seed after the newest epoch with; secret
 * @chain_id: name of @chain
 * @before: chain that the seed of the newest epoch was mixed with, for a seed
 *	that replaces it; secret. Wiped once the peer was observed in that
 *	epoch. Not kept by an initiator, whose seeds are never replaced.
 * @before_id: name of @before, IPCP_CHAIN_FRESH if @before is wiped
 * @may_fresh: initiator: true while a claim is in flight whose seed may be
 *	mixed with no chain
 * @recoverable: true if a peer that lost its keys may prove itself by its
 *	certificate. Set before @encrypted and constant from then on.
 * @held_off: true if no agent may claim the flow before @retry_at
 * @retry_at: 64-bit jiffies when agents may claim the flow again: after a
 *	failure, if @held_off, or although a claim is in flight
 *
 * Locking: protected by flow->lock, except for lockless reads as noted.
 */
struct ipcp_rk {
	bool encrypted;
	bool initiator;
	bool in_flight;
	bool has_pending;
	bool held_off;
	bool may_fresh;
	bool recoverable;
	u8 epoch;
	u8 newest;
	u8 observed;
	u32 due;
	u32 exchange;
	u32 claim;
	unsigned long exchanged;
	u64 seeds[IPCP_SEEDS_KEPT];
	unsigned int nseeds;
	unsigned int drops;
	struct ipcp_chain chain;
	struct ipcp_chain before;
	u64 chain_id;
	u64 before_id;
	u64 retry_at;
};

/**
 * struct ipcp_question - question whether the peer still has the keys
 * @state: enum ipcp_rekey_question; may be read locklessly
 * @sent: number of packets so far that ask for an answer
 * @unsent: true if one of these packets could not be sent
 * @exchange: number of the exchange that the question was asked for
 * @begun: jiffies when the question was asked
 * @at: jiffies of the next step, or from which on the result is old
 * @seen: state of each slot when the question was asked: the exchange of its
 *	epoch, and the highest counter received plus one
 *
 * Locking: protected by flow->lock, except for lockless reads as noted.
 */
struct ipcp_question {
	u8 state;
	u8 sent;
	bool unsent;
	u32 exchange;
	unsigned long begun;
	unsigned long at;
	struct {
		u32 exchange;
		u64 end;
	} seen[IPCP_EPOCH_SLOTS];
};

#define IPCP_PROBES_KEPT	32	/* probes whose answers count */
#define IPCP_PROBE_NOTE_NONE	U32_MAX

enum ipcp_probe_phase {
	IPCP_PROBE_OFF,		/* no route yet, or nothing to probe */
	IPCP_PROBE_REST,	/* the size in use stays until the next check */
	IPCP_PROBE_CHECK,	/* the size in use is being probed */
	IPCP_PROBE_SEARCH,	/* larger sizes are being probed */
};

/**
 * struct ipcp_probe - path MTU discovery (probe.c)
 * @key: ipcp_probe_key() of the link; may be read locklessly
 * @note: length, or IPCP_PROBE_NOTE_NONE. The first sender of a longer data
 *	packet sets this to IPCP_PROBE_NOTE_NONE, and kicks the worker. Locking:
 *	cleared locklessly with cmpxchg(), set under flow->lock
 * @hint: longest packet according to ICMP; may be read locklessly
 * @link: longest packet that the link takes; 0 before the first route
 * @size: longest packet in use. All sizes are those of the UDP payload.
 * @best: search: largest size with an answer
 * @top: search: all candidates are below it
 * @candidate: search: candidate that was sent last
 * @number: number of the next probe
 * @first: number of the first probe of the current or last check
 * @count: number of probes in @sizes
 * @sizes: sizes of the last probes, by number modulo IPCP_PROBES_KEPT
 * @phase: enum ipcp_probe_phase
 * @tries: check: probes of @size sent; stays until the size is answered
 * @rounds: search: rounds left
 * @answers: probes of the peer answered since @answering
 * @v6: true if the path is IPv6
 * @loopback: true if the path does not leave the host
 * @confirmed: true if a probe of @size was answered; may be read locklessly
 * @base_echoed: true if a base probe of the current or last check was answered
 * @used: true if data was sent that makes a probe worthwhile
 * @noting: true if @note was set to a length
 * @searching: true if the base size is in use until the search has found a
 *	larger one; may be read locklessly
 * @at: check, search: jiffies of the next step
 * @check_at: rest: jiffies of the next check
 * @raise_at: jiffies from which on a larger size is tried
 * @probed: jiffies of the last probe
 * @answering: jiffies from which on @answers counts
 *
 * Locking: protected by flow->lock, except for lockless access as noted.
 */
struct ipcp_probe {
	u32 key;
	u32 note;
	u16 hint;
	u16 link;
	u16 size;
	u16 best;
	u32 top;
	u32 candidate;
	u16 number;
	u16 first;
	u16 count;
	u16 sizes[IPCP_PROBES_KEPT];
	u8 phase;
	u8 tries;
	u8 rounds;
	u8 answers;
	bool v6;
	bool loopback;
	bool confirmed;
	bool base_echoed;
	bool used;
	bool noting;
	bool searching;
	unsigned long at;
	unsigned long check_at;
	unsigned long raise_at;
	unsigned long probed;
	unsigned long answering;
};

/* ipcp_flow.bits */
enum {
	IPCP_FLOW_STOPPED,	/* the worker must not be queued any more */
	IPCP_FLOW_PROMOTE,	/* senders have to try ipcp_keyrot_promote() */
	IPCP_FLOW_HASHED,	/* in the registry */
	IPCP_FLOW_CLOSE_CAME,	/* the worker has to handle a CLOSE */
	IPCP_FLOW_CLOSE_SEEN,	/* the peer has sent CLOSE */
	IPCP_FLOW_PEER_CLOSED,	/* a close by the peer ended the flow */
	IPCP_FLOW_MOVED,	/* the path has another address at either end */
	IPCP_FLOW_LOOK,		/* the worker has to look up packet sizes */
	IPCP_FLOW_ROAMED,	/* the worker has to notify a new address */
	IPCP_FLOW_DIRECT,	/* the peer is another flow on this host */
	IPCP_FLOW_TIMESTAMP,	/* messages get the time of their arrival */
};

/**
 * struct ipcp_sealed - SEALED messages of a flow that wait for the agent
 * @turn: entry in ipcp_net.sealed while @queue is not empty
 * @queue: struct ipcp_upcall of each message
 * @bytes: bytes of the messages
 *
 * Locking: ipcp_net.upcall_lock. Each message holds a reference to the flow.
 */
struct ipcp_sealed {
	struct list_head turn;
	struct list_head queue;
	unsigned int bytes;
};

/**
 * struct ipcp_flow - a flow
 * @net: network namespace of the flow
 * @node: entry in the table by @eid
 * @id: number in the namespace. Locking: set before the flow can be found.
 * @eid: endpoint id that the peer puts in its packets. Locking: as @id.
 * @refs: references of the registry, the user, a listener, an upcall, the other
 *	end of a direct flow, and lookups. No holder may outlive @net.
 * @state: enum ipcp_rekey_flow_state. Locking: written under @lock, may be read
 *	locklessly.
 * @bits: IPCP_FLOW_*. Locking: atomic bitops.
 * @lock: protects the fields noted below; see main.c for what it is taken inside
 * @name: name that was requested or is served. Locking: constant.
 * @qos: requested quality of service. Locking: constant.
 * @payer: user and control group that the flow is charged to. Locking:
 *	constant.
 * @owner: task that uses this side; empty until a responder's flow is accepted.
 *	Locking: none, set once by the task that requests or accepts the flow.
 * @error: positive errno of a failed allocation, or the reason why the flow is
 *	down. Locking: set once under @lock, may be read locklessly.
 * @reason: @error in words. Locking: set once under @lock before @error, may be
 *	read locklessly after @error, with smp_rmb() in between.
 * @deadline: jiffies when a pending allocation fails. Locking: written under
 *	@lock before the flow becomes pending, read locklessly.
 * @n_rb: ring towards the program, with locks of its own
 * @rk: re-key state. Locking: see struct ipcp_rk.
 * @question: question whether the peer still has the keys. Locking: see struct
 *	ipcp_question.
 * @slots: epochs that can be received, by epoch % IPCP_EPOCH_SLOTS. Locking:
 *	written under @lock, read under @lock or RCU.
 * @tx: epoch to send in, one of @slots. Locking: as @slots.
 * @secret: key of the hashes of seeds. Locking: constant.
 * @cipher: enum ipcp_rekey_cipher. Locking: written under @lock before
 *	rk.encrypted and constant from then on.
 * @ppl_shift: packets per leaf of the next epoch, as a power of two. Locking:
 *	written with or without @lock, read locklessly.
 * @grace: jiffies until the kernel activates a parked seed itself. Locking:
 *	written under @lock, may be read locklessly.
 * @linger_time: jiffies for which the keys of an old epoch stay. Locking:
 *	written under @lock, may be read locklessly.
 * @max_age: jiffies after which an epoch carries no data, or 0 for no limit.
 *	Locking: written under @lock, may be read locklessly.
 * @peer_timeout: jiffies of silence after which the peer counts as lost, or 0
 *	for no limit. Locking: none, accessed with READ_ONCE() and WRITE_ONCE().
 * @path: transport of the packets; may change until the flow is allocated.
 *	Locking: written under @lock once the flow can be found, may be read
 *	locklessly.
 * @peer_eid: endpoint id at the peer. Locking: none, accessed with READ_ONCE()
 *	and WRITE_ONCE().
 * @peer_lock: serialises writers of @bind
 * @bind: addresses of the peer and of this host, or NULL. Locking: written
 *	under @peer_lock, read under RCU.
 * @slot: socket that all packets of the flow leave from. Locking: set before
 *	the flow has an address, constant from then on.
 * @dev: interface over this flow, which no packet of the flow may leave by, or
 *	NULL. Never dereferenced. Locking: none, accessed with READ_ONCE() and
 *	WRITE_ONCE().
 * @mtu: length of the longest message in bytes, set by path MTU discovery.
 *	Locking: written under @lock, may be read locklessly.
 * @probe: path MTU discovery. Locking: see struct ipcp_probe.
 * @mate: other end of a direct flow, with a reference. Locking: written under
 *	@lock, read under RCU.
 * @last_tx: jiffies when a packet was sent last. Locking: none, accessed with
 *	READ_ONCE() and WRITE_ONCE().
 * @last_rx: jiffies when a packet authenticated last. Locking: as @last_tx.
 * @auth_failures: packets that did not authenticate since the last seed.
 *	Locking: atomic.
 * @rekeys: number of seeds after the first. Locking: written under @lock, may
 *	be read locklessly.
 * @recoveries: number of times that both ends had keys again after one had lost
 *	them. Locking: as @rekeys.
 * @recovered: time of the last recovery, in seconds since boot. Locking: as
 *	@rekeys.
 * @linger_cut: number of lingers that ended early. Locking: written under
 *	@lock, may be read locklessly.
 * @leaves_done: leaves used in epochs that were wiped, by direction.
 *	Locking: protected by @lock.
 * @waiting: packets that wait for their leaf, with a lock of its own
 * @ctl: decrypted control packets for the worker. Locking: ctl.lock.
 * @work: the worker, which does everything off the packet path
 * @move_at: 64-bit jiffies when the worker may act on the next move of the
 *	peer. Locking: accessed by the worker only.
 * @look_at: 64-bit jiffies when the worker may look up packet sizes again.
 *	Locking: accessed by the worker only.
 * @trim_at: jiffies when to release the memory that queues have reserved, or 0.
 *	Locking: accessed by the worker only.
 * @closes: number of CLOSE packets left to send. Locking: set under @lock
 *	before DEALLOC_PENDING, then accessed by the worker only.
 * @close_at: jiffies of the next CLOSE. Locking: accessed by the worker only.
 * @listener: listener where a responder's flow waits to be accepted, or NULL.
 *	Locking: protected by net->lock.
 * @accept: entry in the queue of @listener. Locking: protected by net->lock.
 * @sealed: SEALED messages for the agent. Locking: net->upcall_lock.
 * @peer_name: name that the peer has proved, or NULL. Locking: set once under
 *	@lock before the flow has keys, constant from then on; see
 *	ipcp_flow_peer_name().
 * @blob: opaque data of the agent. Locking: protected by @lock.
 * @blob_len: length of @blob in bytes. Locking: protected by @lock.
 * @inflight: count of messages in flight, which may outlive the flow. Locking:
 *	constant.
 * @stats: per-CPU counters
 * @free: frees the flow a grace period after the last reference
 */
struct ipcp_flow {
	struct ipcp_net *net;
	struct rhash_head node;
	u32 id;
	u32 eid;
	refcount_t refs;
	u8 state;
	unsigned long bits;
	spinlock_t lock;	/* see kernel-doc */
	char *name;
	struct ipcp_qos qos;
	struct ipcp_payer payer;
	struct ipcp_owner owner;
	int error;
	char reason[IPCP_REASON_LEN];
	unsigned long deadline;

	struct ipcp_rbuff n_rb;
	struct ipcp_rk rk;
	struct ipcp_question question;
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
	spinlock_t peer_lock;	/* @bind */
	struct ipcp_bind __rcu *bind;
	u8 slot;
	const struct net_device *dev;
	u32 mtu;
	struct ipcp_probe probe;
	struct ipcp_flow __rcu *mate;

	/* Written by senders. */
	unsigned long last_tx ____cacheline_aligned_in_smp;

	/* Written by the receiver, @auth_failures for each forged packet. */
	unsigned long last_rx ____cacheline_aligned_in_smp;
	atomic64_t auth_failures;

	u64 rekeys ____cacheline_aligned_in_smp;
	unsigned long recoveries;
	u64 recovered;
	u64 linger_cut;
	u64 leaves_done[IPCP_DIRS];

	struct ipcp_waiting waiting;
	struct sk_buff_head ctl;
	struct delayed_work work;
	u64 move_at;
	u64 look_at;
	unsigned long trim_at;
	unsigned int closes;
	unsigned long close_at;
	struct ipcp_listener *listener;
	struct list_head accept;
	struct ipcp_sealed sealed;
	char *peer_name;
	void *blob;
	u16 blob_len;
	struct ipcp_inflight *inflight;
	struct ipcp_stats __percpu *stats;
	struct rcu_work free;
};

/*
 * True if two members are in different cache lines. No line may hold a member
 * that senders write for each message and one that the receiver uses for each
 * message, or vice versa; see "A message" in Documentation/architecture.md.
 */
#define ipcp_lines_differ(type, a, b)			\
	(!IS_ENABLED(CONFIG_SMP) ||			\
	 offsetof(type, a) / SMP_CACHE_BYTES !=		\
	 offsetof(type, b) / SMP_CACHE_BYTES)

static_assert(ipcp_lines_differ(struct ipcp_bind, ends, looked));
static_assert(ipcp_lines_differ(struct ipcp_flow, deadline, n_rb.queue));
static_assert(ipcp_lines_differ(struct ipcp_flow, n_rb.queue, n_rb.flags));
static_assert(ipcp_lines_differ(struct ipcp_flow, n_rb.closed, n_rb.flags));
static_assert(ipcp_lines_differ(struct ipcp_flow, mate, last_tx));
static_assert(ipcp_lines_differ(struct ipcp_flow, last_tx, last_rx));
static_assert(ipcp_lines_differ(struct ipcp_flow, auth_failures, rekeys));

struct ipcp_flow *ipcp_flow_new(struct ipcp_net *ipn, const char *name,
				const struct ipcp_qos *qos,
				const struct ipcp_payer *payer,
				struct ipcp_consumer *consumer,
				work_func_t worker);
void ipcp_flow_free(struct ipcp_flow *flow);
void ipcp_flow_put(struct ipcp_flow *flow);
void ipcp_flow_too_long(struct ipcp_flow *flow);
void ipcp_flow_kick(struct ipcp_flow *flow);
void ipcp_flow_set_timeout(struct ipcp_flow *flow, u32 ms);

static inline struct ipcp_flow *ipcp_flow_get(struct ipcp_flow *flow)
{
	refcount_inc(&flow->refs);
	return flow;
}

/* True while the flow is being allocated, on either side. */
static inline bool ipcp_flow_pending(const struct ipcp_flow *flow)
{
	u8 state = READ_ONCE(flow->state);

	return state == IPCP_REKEY_FLOW_STATE_ALLOC_PENDING ||
	       state == IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING;
}

/* True if both ends are on this host, so that no packet leaves the host. */
static inline bool ipcp_flow_is_direct(const struct ipcp_flow *flow)
{
	return test_bit(IPCP_FLOW_DIRECT, &flow->bits);
}

/* Return the name that the peer has proved, or NULL. Valid as long as @flow. */
static inline const char *ipcp_flow_peer_name(const struct ipcp_flow *flow)
{
	/* Pairs with smp_store_release() in set_peer_name(). */
	return smp_load_acquire(&flow->peer_name);
}

void ipcp_flow_dropped(struct ipcp_flow *flow, unsigned int len,
		       enum ipcp_drop reason);
void ipcp_flow_drop(struct ipcp_flow *flow, struct sk_buff *skb,
		    enum ipcp_drop reason);
void ipcp_flow_drop_all(struct ipcp_flow *flow, struct sk_buff *skb,
			enum ipcp_drop reason);

extern struct workqueue_struct *ipcp_wq;

/* Add messages to a flow's ring, as ipcp_rbuff_write(). */
static inline enum ipcp_drop ipcp_flow_queue(struct ipcp_flow *flow,
					     struct sk_buff *skb,
					     unsigned int count)
{
	enum ipcp_drop reason;

	skb->tstamp = unlikely(test_bit(IPCP_FLOW_TIMESTAMP, &flow->bits)) ?
		      ktime_get_real() : 0;
	reason = ipcp_rbuff_write(&flow->n_rb, skb, count);
	if (unlikely(READ_ONCE(flow->n_rb.grown)) &&
	    ipcp_rbuff_take_grown(&flow->n_rb))
		ipcp_flow_kick(flow);
	return reason;
}

#endif /* _IPCP_FLOW_H */
