/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Keys in use: an epoch is derived from one seed, a leaf is one of its
 * keys. leaf.c handles the life of leaves, keyrot.c that of epochs.
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
 * @aead: key. Locking: constant.
 * @no: number in the epoch, counted over all nodes. Locking: constant.
 * @begun: receiver only: true once enough packets were received that the next
 *	leaf is due. Locking: none, accessed with READ_ONCE() and WRITE_ONCE();
 *	only ever changes to true.
 * @lock: serialises commits to @replay
 * @since: receiver only: jiffies when the leaf became the current one. Locking:
 *	protected by epoch->lock.
 * @epoch: epoch of the leaf, with a reference. Locking: constant.
 * @free: wipes the key in process context a grace period after the leaf was
 *	retired, so lookups under RCU may use it until then
 * @replay: replay window; absent in a leaf to send with. Locking: committed
 *	under @lock, may be checked locklessly.
 */
struct ipcp_leaf {
	struct ipcp_aead aead;
	u16 no;
	bool begun;
	spinlock_t lock;	/* protects commits to @replay */
	unsigned long since;
	struct ipcp_epoch *epoch;
	struct rcu_work free;
	struct ipcp_replay replay[];
};

/**
 * struct ipcp_leaves - the leaf keys of one direction of an epoch
 * @set: unused leaf keys of the current node. Locking: protected by
 *	epoch->derive.
 * @prev: receiver only: leaf before @cur, for reordered packets
 * @cur: newest leaf in use
 * @next: leaf prepared ahead, or NULL
 * @used: number of leaves used so far. Locking: written under epoch->lock, may
 *	be read locklessly.
 *
 * Locking: the pointers are written under epoch->lock and read under
 * epoch->lock or RCU.
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
	IPCP_EP_ACTIVE,		/* activated: the flow may send in it */
	IPCP_EP_OBSERVED,	/* a packet of the peer authenticated */
	IPCP_EP_SENDING,	/* this side sends its data in it */
	IPCP_EP_PEER_SENDING,	/* the peer sends its data in it */
	IPCP_EP_CONFIRMED,	/* the peer has seen this side send in it */
	IPCP_EP_RETIRED,		/* the keys were wiped */
	IPCP_EP_EXPIRED,	/* the exhaustion or age was notified */
	IPCP_EP_FRESH,		/* mixed with no chain though there were keys */
	IPCP_EP_RECOVERY,	/* mixed with no chain, not the first epoch */
	IPCP_EP_TX_WATERMARK,	/* sending has passed the watermark */
	IPCP_EP_RX_WATERMARK,	/* the peer has passed the watermark */
};

/**
 * struct ipcp_epoch - the keys derived from one seed
 * @flow: flow of the epoch. Must not be used when freeing an epoch or a leaf,
 *	which may happen after the flow was freed.
 * @refs: references of the slot of the flow, of each leaf, and of temporary
 *	users
 * @no: number modulo 256. Locking: constant.
 * @cipher: enum ipcp_rekey_cipher. Locking: constant.
 * @ppl_shift: this side sends 2^@ppl_shift packets per leaf. Locking: constant.
 * @exchange: number of the exchange that delivered the seed. Locking: constant.
 * @flags: IPCP_EP_*. Locking: atomic bitops.
 * @derive: serialises the key schedule; taken before @lock
 * @ks: node keys. Locking: protected by @derive.
 * @lock: protects the pointers to leaves
 * @leaves: leaf keys, by direction. Locking: see struct ipcp_leaves.
 * @sent: packets claimed by this side, never reset. Locking: atomic.
 * @rx_end: highest counter received plus one, or 0 before the first. Locking:
 *	written with cmpxchg, may be read locklessly.
 * @parked: jiffies when the seed was parked. Locking: set before the epoch is
 *	published, then written by ipcp_epoch_stay_old() only, may be read
 *	locklessly.
 * @promoted: jiffies when this side began to send in the epoch. Locking:
 *	written under flow->lock before IPCP_EP_SENDING is set, then as @parked,
 *	may be read locklessly once that bit is seen.
 * @linger: jiffies when the keys of the previous epoch may be wiped. Locking:
 *	protected by flow->lock; valid once IPCP_EP_PEER_SENDING is set.
 * @confirm: jiffies of the next CONFIRM that requests the peer's DONE. Locking:
 *	written under flow->lock, and by the worker without it; read by the
 *	worker only.
 * @backoff: jiffies between the last two of these requests. Locking: set before
 *	the epoch is published, then accessed by the worker only.
 * @answered: jiffies of the last answer to a CONFIRM of the peer. Locking:
 *	accessed by the worker only.
 * @answer: flags of the last answer. Locking: as @answered.
 * @rcu: frees the structure a grace period after the last reference
 */
struct ipcp_epoch {
	struct ipcp_flow *flow;
	refcount_t refs;
	u8 no;
	u8 ppl_shift;
	u16 cipher;
	u32 exchange;
	unsigned long flags;

	struct mutex derive;	/* protects @ks and leaf sets */
	struct ipcp_keysched ks;
	spinlock_t lock;	/* protects pointers to leaves */
	struct ipcp_leaves leaves[IPCP_DIRS];

	unsigned long parked;
	unsigned long promoted;
	unsigned long linger;
	unsigned long confirm;
	unsigned long backoff;
	unsigned long answered;
	u8 answer;
	struct rcu_head rcu;

	/* Written for each message, by senders and by the receiver. */
	atomic64_t sent ____cacheline_aligned_in_smp;
	u64 rx_end ____cacheline_aligned_in_smp;
};

static_assert(ipcp_lines_differ(struct ipcp_epoch, sent, rx_end));
static_assert(ipcp_lines_differ(struct ipcp_epoch, sent, rcu));
static_assert(ipcp_lines_differ(struct ipcp_epoch, rx_end, rcu));

static inline unsigned int ipcp_tx_dir(const struct ipcp_rk *rk)
{
	return READ_ONCE(rk->initiator) ? IPCP_DIR_INITIATOR : IPCP_DIR_RESPONDER;
}

static inline unsigned int ipcp_rx_dir(const struct ipcp_rk *rk)
{
	return READ_ONCE(rk->initiator) ? IPCP_DIR_RESPONDER : IPCP_DIR_INITIATOR;
}

/* True if epoch @a precedes @b, by their numbers modulo 256. */
static inline bool ipcp_epoch_before(u8 a, u8 b)
{
	return (s8)(a - b) < 0;
}

/*
 * Set a watermark bit. True if the caller has to kick the worker, which then
 * finds a re-key due if the epoch is the newest. An older epoch is used until
 * it is wiped, so without the bit each of its packets would kick the worker.
 */
static inline bool ipcp_epoch_watermark(struct ipcp_epoch *ep, int bit)
{
	return !test_bit(bit, &ep->flags) && !test_and_set_bit(bit, &ep->flags);
}

/**
 * ipcp_epoch_find() - Find an epoch by its number
 * @flow: flow
 * @no: number modulo 256
 *
 * Context: Under RCU or flow->lock.
 * Return: epoch, or NULL if there is none that can be received.
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
 * ipcp_epoch_get() - Take a reference to an epoch found under RCU
 * @ep: epoch, or NULL
 *
 * Context: Under RCU.
 * Return: epoch with a reference, or NULL if its last reference was dropped.
 */
static inline struct ipcp_epoch *ipcp_epoch_get(struct ipcp_epoch *ep)
{
	return ep && refcount_inc_not_zero(&ep->refs) ? ep : NULL;
}

/**
 * ipcp_epoch_put() - Drop a reference
 * @ep: epoch, whose keys were wiped when it left its slot
 *
 * Context: Any context.
 */
static inline void ipcp_epoch_put(struct ipcp_epoch *ep)
{
	if (refcount_dec_and_test(&ep->refs))
		kfree_rcu(ep, rcu);
}

#endif /* _IPCP_KEYS_H */
