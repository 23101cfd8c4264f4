/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_WAITING_H
#define _IPCP_WAITING_H

#include <linux/skbuff.h>

#include "drop.h"

enum ipcp_waiting_limits {
	IPCP_WAIT_NEXT		= 64,	/* packets for the next leaf */
	IPCP_WAIT_JUMP		= 16,	/* for one that is farther ahead */
	IPCP_JUMP_LEAVES	= 4,	/* leaves farther ahead at a time */
	IPCP_JUMPS_PER_SECOND	= 8,	/* of them that are derived */
	IPCP_WAIT_ROUNDS	= 8,	/* looks for more of a leaf that is opened */
};

/* No leaf has this number. */
#define IPCP_NO_LEAF	U32_MAX

/**
 * struct ipcp_jump - a leaf far ahead that the worker may derive
 * @leaf: ipcp_leaf_id()
 * @count: packets that wait for it; 0 if the slot is free
 */
struct ipcp_jump {
	u32 leaf;
	unsigned int count;
};

/**
 * struct ipcp_waiting - received packets that wait for their leaf
 * @queue: packets, in order of arrival; its lock protects the rest
 * @next: how many are of the next leaf
 * @jumps: leaves farther ahead
 * @grants: derivations of such that are left
 * @filled_at: jiffies, of 64 bits, when @grants was filled last
 * @filled: it was
 * @drained: leaf whose packets are being opened, or IPCP_NO_LEAF. Locking: read
 *	without
 * @closed: nothing joins any more
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
		       struct sk_buff_head *batch, bool last);
struct sk_buff *ipcp_waiting_close(struct ipcp_waiting *w);

/**
 * ipcp_waiting_has() - Has a packet to join others of its leaf?
 * @w: packets
 * @leaf: the packet's
 *
 * Context: Any context but hard interrupts.
 * Return: true if some of the leaf wait, or are being opened.
 */
static inline bool ipcp_waiting_has(struct ipcp_waiting *w, u32 leaf)
{
	if (likely(skb_queue_empty_lockless(&w->queue) &&
		   READ_ONCE(w->drained) == IPCP_NO_LEAF))
		return false;
	return __ipcp_waiting_has(w, leaf);
}

#endif /* _IPCP_WAITING_H */
