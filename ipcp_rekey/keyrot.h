/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPCP_KEYROT_H
#define _IPCP_KEYROT_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>

#include "leaf.h"

struct ipcp_flow;
struct netlink_ext_ack;

enum ipcp_rekey_limits {
	IPCP_EPOCH_SLOTS	= 4,		/* an epoch is in slot epoch % 4 */
	IPCP_SEEDS_KEPT		= 16,		/* seeds that are not taken again */
	IPCP_AUTH_FAILURES	= 1 << 20,	/* then a re-key is due */
	IPCP_JUMPS_PER_SECOND	= 8,		/* derivations for packets far ahead */
	IPCP_GRACE_MS		= 5000,
	IPCP_LINGER_MS		= 10000,
	IPCP_CONFIRM_MIN_MS	= 100,
	IPCP_CONFIRM_MAX_MS	= 5000,
	IPCP_NOT_DONE_MS	= 60000,
	IPCP_PEER_TIMEOUT_MS	= 120000,
	IPCP_PEER_TIMEOUT_MIN_MS = 1000,
	IPCP_ALLOC_TIMEOUT_MS	= 20000,
};

/* ipcp_epoch.flags */
enum {
	IPCP_EP_ACTIVE,		/* the flow may send in it */
	IPCP_EP_OBSERVED,	/* the peer sent something in it */
	IPCP_EP_SENDING,	/* this side sends its data in it */
	IPCP_EP_PEER_SENDING,	/* the peer sends its data in it */
	IPCP_EP_CONFIRMED,	/* the peer knows that this side does */
	IPCP_EP_RETIRED,		/* nothing can be received any more */
	IPCP_EP_EXPIRED,	/* the end was told to the user */
};

/**
 * struct ipcp_epoch - the keys that one root seed gave
 * @flow: whose; the epoch never outlives it
 * @refs: the flow's slot, and each leaf's
 * @no: number, modulo 256
 * @cipher: enum ipcp_rekey_cipher
 * @ppl_shift: packets per leaf this side sends are 2^@ppl_shift
 * @exchange: number of the exchange that delivered the seed
 * @flags: IPCP_EP_*
 * @derive: serialises the key schedule; taken before @lock
 * @ks: node keys
 * @lock: protects pointers to leaves
 * @leaves: by direction
 * @sent: packets claimed by this side, never reset
 * @highest: highest counter received, under flow->lock
 * @parked: jiffies when the seed came
 * @promoted: jiffies when this side began to send in it, once it does
 * @linger: jiffies when keys of the epoch before may go
 * @confirm: jiffies of the next CONFIRM to ask for the peer's DONE
 * @backoff: jiffies between the last two of them
 * @answered: jiffies of the last answer to one of the peer's
 * @answer: what it said
 * @rcu: it is freed a grace period after the last reference
 */
struct ipcp_epoch {
	struct ipcp_flow *flow;
	refcount_t refs;
	u8 no;
	u8 ppl_shift;
	u16 cipher;
	u32 exchange;
	unsigned long flags;

	struct mutex derive;	/* key schedule */
	struct ipcp_keysched ks;
	spinlock_t lock;	/* pointers to leaves */
	struct ipcp_leaves leaves[IPCP_DIRS];

	atomic64_t sent ____cacheline_aligned_in_smp;
	u64 highest;

	unsigned long parked;
	unsigned long promoted;
	unsigned long linger;
	unsigned long confirm;
	unsigned long backoff;
	unsigned long answered;
	u8 answer;
	struct rcu_head rcu;
};

/**
 * struct ipcp_rk - re-key state of a flow, as Ouroboros has it
 * @encrypted: the flow has keys
 * @initiator: this side allocated the flow, and drives re-keys
 * @in_flight: an agent claimed the flow
 * @has_pending: a seed was parked and waits to be taken
 * @epoch: epoch taken last
 * @newest: newest epoch
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
	u8 pending_epoch;
	u32 due;
	u32 exchange;
	u32 claim;
	u64 seeds[IPCP_SEEDS_KEPT];
	unsigned int nseeds;
	unsigned int drops;
};

static inline unsigned int ipcp_tx_dir(const struct ipcp_rk *rk)
{
	return rk->initiator ? IPCP_DIR_INITIATOR : IPCP_DIR_RESPONDER;
}

static inline unsigned int ipcp_rx_dir(const struct ipcp_rk *rk)
{
	return rk->initiator ? IPCP_DIR_RESPONDER : IPCP_DIR_INITIATOR;
}

int ipcp_keyrot_park(struct ipcp_flow *flow, struct ipcp_root *seed, u8 epoch,
		     u32 exchange, struct netlink_ext_ack *extack);
bool ipcp_keyrot_activate(struct ipcp_flow *flow);
void ipcp_keyrot_observe(struct ipcp_flow *flow, struct ipcp_epoch *ep,
			 bool sending);
void ipcp_keyrot_promote(struct ipcp_flow *flow);
void ipcp_keyrot_work(struct ipcp_flow *flow, unsigned long *next);
void ipcp_keyrot_drop(struct ipcp_flow *flow);
void ipcp_keyrot_due(struct ipcp_flow *flow, u32 reason);

struct ipcp_epoch *ipcp_epoch_find(struct ipcp_flow *flow, u8 no);
struct ipcp_epoch *ipcp_epoch_newest(struct ipcp_flow *flow);
bool ipcp_epoch_confirm_overdue(const struct ipcp_epoch *ep);
void ipcp_epoch_put(struct ipcp_epoch *ep);

#endif /* _IPCP_KEYROT_H */
