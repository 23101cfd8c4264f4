/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Keys in use: an epoch is what one root seed gave, a leaf is one key of it. How
 * leaves come and go is leaf.c's, how epochs do keyrot.c's.
 */
#ifndef _IPCP_KEYS_H
#define _IPCP_KEYS_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "aead.h"
#include "flow.h"
#include "replay.h"

/**
 * struct ipcp_leaf - a leaf key in use
 * @aead: key
 * @no: number in the epoch, counted over all nodes
 * @begun: receiver only, so much came under the key that the next leaf is due.
 *	Locking: none; readers and the writer agree on true.
 * @lock: serialises commits to @replay
 * @since: receiver only, jiffies when the leaf became the current one.
 *	Locking: epoch->lock, read without.
 * @epoch: whose leaf it is, with a reference
 * @free: wipes the key in process context a grace period after nothing finds the
 *	leaf any more, so a lookup under RCU may use it until then
 * @replay: what was received under the key; a leaf to send with has none
 */
struct ipcp_leaf {
	struct ipcp_aead aead;
	u16 no;
	bool begun;
	spinlock_t lock;	/* @replay */
	unsigned long since;
	struct ipcp_epoch *epoch;
	struct rcu_work free;
	struct ipcp_replay replay[];
};

/**
 * struct ipcp_leaves - the leaf keys of one direction of an epoch
 * @set: leaf keys of the node that the direction is in; under epoch->derive
 * @prev: receiver only, leaf before @cur, for packets that were overtaken
 * @cur: newest leaf that was used
 * @next: prepared ahead; NULL while it is not
 * @used: leaves that were used
 *
 * Locking: pointers change under epoch->lock and are read under RCU.
 */
struct ipcp_leaves {
	struct ipcp_leaf_set set;
	struct ipcp_leaf __rcu *prev;
	struct ipcp_leaf __rcu *cur;
	struct ipcp_leaf __rcu *next;
	unsigned int used;
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
 * @flow: whose; not to be used by what frees an epoch or a leaf, which may be
 *	after the flow
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
 * @rx_end: highest counter received, plus one; 0 while there is none
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
	u64 rx_end;

	unsigned long parked;
	unsigned long promoted;
	unsigned long linger;
	unsigned long confirm;
	unsigned long backoff;
	unsigned long answered;
	u8 answer;
	struct rcu_head rcu;
};

static inline unsigned int ipcp_tx_dir(const struct ipcp_rk *rk)
{
	return rk->initiator ? IPCP_DIR_INITIATOR : IPCP_DIR_RESPONDER;
}

static inline unsigned int ipcp_rx_dir(const struct ipcp_rk *rk)
{
	return rk->initiator ? IPCP_DIR_RESPONDER : IPCP_DIR_INITIATOR;
}

/* Is an epoch before another, by their numbers modulo 256? */
static inline bool ipcp_epoch_before(u8 a, u8 b)
{
	return (s8)(a - b) < 0;
}

/**
 * ipcp_epoch_find() - Find the epoch with a number
 * @flow: flow
 * @no: number modulo 256
 *
 * Context: Under RCU or flow->lock.
 * Return: epoch, or NULL if nothing can be received in it.
 */
static inline struct ipcp_epoch *ipcp_epoch_find(struct ipcp_flow *flow, u8 no)
{
	struct ipcp_epoch *ep;

	ep = rcu_dereference_check(flow->slots[no % IPCP_EPOCH_SLOTS],
				   lockdep_is_held(&flow->lock) ||
				   rcu_read_lock_bh_held());
	return ep && ep->no == no ? ep : NULL;
}

/**
 * ipcp_epoch_newest() - Find the newest epoch
 * @flow: flow
 *
 * Context: Under RCU or flow->lock.
 * Return: epoch, or NULL if the flow has no keys.
 */
static inline struct ipcp_epoch *ipcp_epoch_newest(struct ipcp_flow *flow)
{
	return ipcp_epoch_find(flow, READ_ONCE(flow->rk.newest));
}

/**
 * ipcp_epoch_get() - Hold an epoch that was found under RCU
 * @ep: epoch, or NULL
 *
 * Context: Under RCU.
 * Return: epoch, with a reference; NULL if its last reference is gone.
 */
static inline struct ipcp_epoch *ipcp_epoch_get(struct ipcp_epoch *ep)
{
	return ep && refcount_inc_not_zero(&ep->refs) ? ep : NULL;
}

/**
 * ipcp_epoch_put() - Drop a reference
 * @ep: epoch; the holder of its slot has wiped its keys
 *
 * Context: Any context.
 */
static inline void ipcp_epoch_put(struct ipcp_epoch *ep)
{
	if (refcount_dec_and_test(&ep->refs))
		kfree_rcu(ep, rcu);
}

#endif /* _IPCP_KEYS_H */
