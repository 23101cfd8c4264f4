/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_WAITING_H
#define _IPCP_WAITING_H

#include <linux/skbuff.h>

#include "drop.h"

enum ipcp_waiting_limits {
	IPCP_WAIT_NEXT		= 64,	/* packets of the next leaf */
	IPCP_WAIT_JUMP		= 16,	/* packets of a leaf farther ahead */
	IPCP_JUMP_LEAVES	= 4,	/* leaves farther ahead at a time */
	IPCP_JUMPS_PER_SECOND	= 8,	/* derivations of such leaves */
	IPCP_WAIT_ROUNDS	= 8,	/* batches of a leaf in one drain */
};

/* Not the id of any leaf. */
#define IPCP_NO_LEAF	U32_MAX

/**
 * struct ipcp_jump - a leaf far ahead that the worker may derive
 * @leaf: ipcp_leaf_id()
 * @count: number of packets that wait for the leaf; 0 if the slot is free
 *
 * Locking: ipcp_waiting.queue.lock.
 */
struct ipcp_jump {
	u32 leaf;
	unsigned int count;
};

/**
 * struct ipcp_waiting - received packets that wait for their leaf
 * @queue: packets in order of arrival. Its lock protects all members
 * @next: number of packets of the next leaf
 * @jumps: leaves farther ahead
 * @grants: number of derivations of such leaves that are left
 * @filled_at: 64-bit jiffies when @grants was filled last
 * @filled: true once @grants was filled
 * @drained: leaf whose packets the worker decrypts, or IPCP_NO_LEAF. Locking:
 *	written by the worker under queue.lock, read locklessly
 * @closed: true once nothing can be queued any more
 */
struct ipcp_waiting {
	struct sk_buff_head queue;
	unsigned int next;
	struct ipcp_jump jumps[IPCP_JUMP_LEAVES];
	unsigned int grants;
	u64 filled_at;
	bool filled;
	u32 drained;
	bool closed;
};

void ipcp_waiting_init(struct ipcp_waiting *w);
enum ipcp_drop ipcp_waiting_add(struct ipcp_waiting *w, struct sk_buff *skb,
				bool far);
bool __ipcp_waiting_has(struct ipcp_waiting *w, u32 leaf);
u32 ipcp_waiting_first(struct ipcp_waiting *w);
void ipcp_waiting_take(struct ipcp_waiting *w, u32 leaf,
		       struct sk_buff_head *batch);
void ipcp_waiting_done(struct ipcp_waiting *w);
bool ipcp_waiting_take_over(struct ipcp_waiting *w, u32 leaf,
			    struct sk_buff_head *batch);
struct sk_buff *ipcp_waiting_close(struct ipcp_waiting *w);

/**
 * ipcp_waiting_has() - Check for waiting packets of a leaf
 * @w: waiting packets
 * @leaf: leaf
 *
 * Context: Any context but hard interrupts.
 * Return: true if packets of the leaf wait or are being decrypted.
 */
static inline bool ipcp_waiting_has(struct ipcp_waiting *w, u32 leaf)
{
	if (unlikely(!skb_queue_empty_lockless(&w->queue)))
		return __ipcp_waiting_has(w, leaf);
	/* Pairs with smp_wmb() in ipcp_waiting_take(). */
	smp_rmb();
	if (likely(READ_ONCE(w->drained) == IPCP_NO_LEAF))
		return false;
	return __ipcp_waiting_has(w, leaf);
}

#endif /* _IPCP_WAITING_H */
