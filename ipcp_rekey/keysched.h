/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * The key schedule's numbers, its secrets and what is done with them. All that
 * is counted or indexed here is also the packet format's: see wire.h.
 */
#ifndef _IPCP_KEYSCHED_H
#define _IPCP_KEYSCHED_H

#include <linux/build_bug.h>
#include <linux/log2.h>
#include <linux/types.h>

#define IPCP_KEY_LEN		32

#define IPCP_NODES		128	/* node keys of a root seed */
#define IPCP_LEAVES		64	/* leaf keys of a node, each direction */
#define IPCP_LEAF_SHIFT		20	/* a leaf key is good for 2^20 packets */
#define IPCP_PPL_SHIFT_MIN	6	/* a sender uses at least 2^6 of them */
#define IPCP_LEAF_TOTAL		(IPCP_NODES * IPCP_LEAVES)
#define IPCP_CTR_LIMIT		((u64)IPCP_LEAF_TOTAL << IPCP_LEAF_SHIFT)

/* The last packets of an epoch are no data: they get a re-key through. */
#define IPCP_CTRL_RESERVE	1024
/*
 * The next leaf is prepared once this much of one was used: soon enough, and
 * not for leaves that stay almost unused. A receiver does not know how early the
 * sender leaves a leaf, so it goes by the shortest.
 */
#define IPCP_TX_AHEAD(shift)	((1U << (shift)) / 4)
#define IPCP_RX_AHEAD		IPCP_TX_AHEAD(IPCP_PPL_SHIFT_MIN)

/* From this leaf on one eighth of the keys is left, and a re-key is due. */
#define IPCP_REKEY_WATERMARK_LEAF	(IPCP_LEAF_TOTAL / 8 * 7)

/* Who sends: the side that allocated the flow, or the other one. */
#define IPCP_DIR_INITIATOR	0
#define IPCP_DIR_RESPONDER	1
#define IPCP_DIRS		2

/**
 * struct ipcp_root - a root seed
 * @bytes: secret
 */
struct ipcp_root {
	u8 bytes[IPCP_KEY_LEN];
};

/**
 * struct ipcp_key - a node key, a fork of one, or a leaf key
 * @bytes: secret; aes-128-gcm uses the first 16 of a leaf key's
 */
struct ipcp_key {
	u8 bytes[IPCP_KEY_LEN];
};

/**
 * struct ipcp_node_keys - what a root seed expands to
 * @key: secret
 */
struct ipcp_node_keys {
	struct ipcp_key key[IPCP_NODES];
};

static_assert(sizeof(struct ipcp_node_keys) == 4096);

/**
 * struct ipcp_leaf_keys - what one direction's fork of a node expands to
 * @key: secret
 */
struct ipcp_leaf_keys {
	struct ipcp_key key[IPCP_LEAVES];
};

static_assert(sizeof(struct ipcp_leaf_keys) == 2048);

/* What a slot of the node keys holds. */
enum ipcp_slot {
	IPCP_SLOT_EMPTY,	/* zeros: both directions have been here */
	IPCP_SLOT_NODE,		/* the node key: neither has */
	IPCP_SLOT_FORK_0,	/* direction 0's fork: only direction 1 has */
	IPCP_SLOT_FORK_1,	/* direction 1's fork: only direction 0 has */
};

/**
 * struct ipcp_keysched - the keys of an epoch that neither side has come to
 * @nodes: one slot a node, memory of the owner
 * @state: enum ipcp_slot of each slot
 * @entered: each direction's newest node, -1 before the first
 *
 * The owner serialises all calls.
 */
struct ipcp_keysched {
	struct ipcp_node_keys *nodes;
	u8 state[IPCP_NODES];
	s16 entered[IPCP_DIRS];
};

void ipcp_keysched_init(struct ipcp_keysched *ks, struct ipcp_node_keys *nodes,
			struct ipcp_root *root);
bool ipcp_keysched_peek(const struct ipcp_keysched *ks, unsigned int dir,
			unsigned int node, struct ipcp_leaf_keys *out);
void ipcp_keysched_enter(struct ipcp_keysched *ks, unsigned int dir,
			 unsigned int node);
void ipcp_keysched_wipe(struct ipcp_keysched *ks);

/**
 * struct ipcp_leaf_set - the leaf keys of the node that a direction is in
 * @keys: memory of the owner
 * @node: whose leaves they are, -1 if there are none
 * @next: first leaf that was not taken; all before it are wiped
 *
 * The owner serialises all calls. A set begins empty (ipcp_leaf_set_init()),
 * and is filled by ipcp_keysched_peek() into @keys and ipcp_leaf_set_fill(). A
 * receiver tries a jump on a set of its own.
 */
struct ipcp_leaf_set {
	struct ipcp_leaf_keys *keys;
	s16 node;
	u8 next;
};

void ipcp_leaf_set_init(struct ipcp_leaf_set *ls, struct ipcp_leaf_keys *keys);
void ipcp_leaf_set_fill(struct ipcp_leaf_set *ls, unsigned int node);
bool ipcp_leaf_peek(const struct ipcp_leaf_set *ls, unsigned int leaf,
		    struct ipcp_key *out);
bool ipcp_leaf_take(struct ipcp_leaf_set *ls, unsigned int leaf,
		    struct ipcp_key *out);
void ipcp_leaf_set_wipe(struct ipcp_leaf_set *ls);

void ipcp_key_wipe(struct ipcp_key *key);
void ipcp_root_wipe(struct ipcp_root *root);

/*
 * Index math. A wire counter is node(7) | leaf(6) | sequence(20). "Leaf" is
 * counted over all nodes, 0 to IPCP_LEAF_TOTAL - 1, unless it is said to be
 * inside of a node.
 */

/* The leaf whose key seals the packet with counter @ctr. */
static inline unsigned int ipcp_ctr_leaf(u64 ctr)
{
	return ctr >> IPCP_LEAF_SHIFT;
}

/* The number of the packet in its leaf, for the replay window. */
static inline u32 ipcp_ctr_seq(u64 ctr)
{
	return ctr & ((1U << IPCP_LEAF_SHIFT) - 1);
}

/* The counter of packet @seq of @leaf. */
static inline u64 ipcp_ctr_make(unsigned int leaf, u32 seq)
{
	return (u64)leaf << IPCP_LEAF_SHIFT | seq;
}

/* The node that @leaf belongs to. */
static inline unsigned int ipcp_leaf_node(unsigned int leaf)
{
	return leaf / IPCP_LEAVES;
}

/* Which leaf inside of its node @leaf is. */
static inline unsigned int ipcp_leaf_index(unsigned int leaf)
{
	return leaf % IPCP_LEAVES;
}

/*
 * A sender counts its packets from 0, one by one, in a single counter that is
 * never reset; with 2^@shift packets per leaf, @shift fixed for the epoch.
 */

/* Is @ppl packets per leaf possible? ilog2(@ppl) is the shift then. */
static inline bool ipcp_ppl_valid(u32 ppl)
{
	return is_power_of_2(ppl) && ppl >= 1U << IPCP_PPL_SHIFT_MIN &&
	       ppl <= 1U << IPCP_LEAF_SHIFT;
}

/* Wire counter of packet @n, which is below ipcp_tx_limit(@shift). */
static inline u64 ipcp_tx_counter(u64 n, unsigned int shift)
{
	return ipcp_ctr_make(n >> shift, n & ((1U << shift) - 1));
}

/* Packets of all types that an epoch can carry in one direction. */
static inline u64 ipcp_tx_limit(unsigned int shift)
{
	return (u64)IPCP_LEAF_TOTAL << shift;
}

/* The same without the reserve: from packet of this number on no data goes. */
static inline u64 ipcp_tx_data_limit(unsigned int shift)
{
	return ipcp_tx_limit(shift) - IPCP_CTRL_RESERVE;
}

/* DATA packets that may still be sent when @n packets were. */
static inline u64 ipcp_tx_left(u64 n, unsigned int shift)
{
	u64 limit = ipcp_tx_data_limit(shift);

	return n < limit ? limit - n : 0;
}

/*
 * Packets at most still to come when all below @end came, or may have: the peer
 * may leave leaves early, then they are fewer.
 */
static inline u64 ipcp_rx_left(u64 end)
{
	return IPCP_CTR_LIMIT - end;
}

/* Is a re-key due after a sender claimed packet @n? */
static inline bool ipcp_tx_watermark(u64 n, unsigned int shift)
{
	return n >> shift >= IPCP_REKEY_WATERMARK_LEAF;
}

/* Is a re-key due after a packet with counter @n authenticated? */
static inline bool ipcp_rx_watermark(u64 n)
{
	return ipcp_ctr_leaf(n) >= IPCP_REKEY_WATERMARK_LEAF;
}

#endif /* _IPCP_KEYSCHED_H */
