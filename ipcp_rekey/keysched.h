/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Sizes, secrets and functions of the key schedule. Counters and indices are
 * also part of the packet format: see wire.h.
 */
#ifndef _IPCP_KEYSCHED_H
#define _IPCP_KEYSCHED_H

#include <linux/build_bug.h>
#include <linux/log2.h>
#include <linux/types.h>

#define IPCP_KEY_LEN		32

#define IPCP_NODES		128	/* node keys of a root */
#define IPCP_LEAVES		64	/* leaf keys of a node, per direction */
#define IPCP_LEAF_SHIFT		20	/* at most 2^20 packets per leaf key */
#define IPCP_PPL_SHIFT_MIN	6	/* at least 2^6 packets per leaf key */
#define IPCP_LEAF_TOTAL		(IPCP_NODES * IPCP_LEAVES)
#define IPCP_CTR_LIMIT		((u64)IPCP_LEAF_TOTAL << IPCP_LEAF_SHIFT)

/* The last packets of an epoch are reserved for control packets of a re-key. */
#define IPCP_CTRL_RESERVE	1024
/*
 * The next leaf is prepared after this number of packets of the current one:
 * early enough, but not for leaves that stay almost unused. A receiver does not
 * know how early the sender leaves a leaf, so it assumes the shortest.
 */
#define IPCP_TX_AHEAD(shift)	((1U << (shift)) / 4)
#define IPCP_RX_AHEAD		IPCP_TX_AHEAD(IPCP_PPL_SHIFT_MIN)

/* From this leaf on, one eighth of the keys is left and a re-key is due. */
#define IPCP_REKEY_WATERMARK_LEAF	(IPCP_LEAF_TOTAL / 8 * 7)

/* Direction by sender: the side that allocated the flow, or the other one. */
#define IPCP_DIR_INITIATOR	0
#define IPCP_DIR_RESPONDER	1
#define IPCP_DIRS		2

/**
 * struct ipcp_seed - the secret that a key exchange delivers
 * @bytes: secret
 */
struct ipcp_seed {
	u8 bytes[IPCP_KEY_LEN];
};

/**
 * struct ipcp_chain - the secret that the seed of the next epoch is mixed with
 * @bytes: secret; zeros for a fresh seed, which is mixed with nothing
 */
struct ipcp_chain {
	u8 bytes[IPCP_KEY_LEN];
};

/* Name of a chain, which is no secret. IPCP_CHAIN_FRESH names the zeros. */
#define IPCP_CHAIN_ID_LEN	8
#define IPCP_CHAIN_FRESH	0ULL

/**
 * struct ipcp_root - the root of an epoch's keys: a seed mixed with a chain
 * @bytes: secret
 */
struct ipcp_root {
	u8 bytes[IPCP_KEY_LEN];
};

/**
 * struct ipcp_key - a node key, a fork of one, or a leaf key
 * @bytes: secret; aes-128-gcm uses the first 16 bytes of a leaf key
 */
struct ipcp_key {
	u8 bytes[IPCP_KEY_LEN];
};

/**
 * struct ipcp_node_keys - the keys that a root expands to
 * @key: secret
 */
struct ipcp_node_keys {
	struct ipcp_key key[IPCP_NODES];
};

static_assert(sizeof(struct ipcp_node_keys) == 4096);

/**
 * struct ipcp_leaf_keys - the keys that a fork of a node expands to
 * @key: secret
 */
struct ipcp_leaf_keys {
	struct ipcp_key key[IPCP_LEAVES];
};

static_assert(sizeof(struct ipcp_leaf_keys) == 2048);

/* Contents of a slot of the node keys. */
enum ipcp_slot {
	IPCP_SLOT_EMPTY,	/* zeros: both directions have entered */
	IPCP_SLOT_NODE,		/* node key: no direction has entered */
	IPCP_SLOT_FORK_0,	/* fork of 0: only direction 1 has entered */
	IPCP_SLOT_FORK_1,	/* fork of 1: only direction 0 has entered */
};

/**
 * struct ipcp_keysched - the keys of an epoch's nodes that were not entered yet
 * @nodes: one slot per node; memory of the owner
 * @state: enum ipcp_slot of each slot
 * @entered: newest node of each direction, or -1 before the first
 *
 * Locking: the owner serialises all calls (epoch->derive).
 */
struct ipcp_keysched {
	struct ipcp_node_keys *nodes;
	u8 state[IPCP_NODES];
	s16 entered[IPCP_DIRS];
};

void ipcp_chain_mix(struct ipcp_root *root, const struct ipcp_chain *chain,
		    struct ipcp_seed *seed);
void ipcp_chain_next(struct ipcp_chain *next, const struct ipcp_root *root);
u64 ipcp_chain_id(const struct ipcp_chain *chain);
void ipcp_chain_wipe(struct ipcp_chain *chain);

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
 * @node: node of the keys, or -1 if the set is empty
 * @next: first leaf that was not taken; all before it are wiped
 *
 * A set is initialised empty with ipcp_leaf_set_init(), and filled with
 * ipcp_keysched_peek() into @keys and ipcp_leaf_set_fill(). A receiver tries a
 * jump on a set of its own.
 *
 * Locking: the owner serialises all calls (epoch->derive).
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
void ipcp_seed_wipe(struct ipcp_seed *seed);

/*
 * Index math. A wire counter is node(7) | leaf(6) | sequence(20). A leaf number
 * counts over all nodes, 0 to IPCP_LEAF_TOTAL - 1; a leaf index counts inside a
 * node.
 */

/* Return the leaf whose key seals the packet with counter @ctr. */
static inline unsigned int ipcp_ctr_leaf(u64 ctr)
{
	return ctr >> IPCP_LEAF_SHIFT;
}

/* Return the sequence of the packet in its leaf, for the replay window. */
static inline u32 ipcp_ctr_seq(u64 ctr)
{
	return ctr & ((1U << IPCP_LEAF_SHIFT) - 1);
}

/* Return the counter of packet @seq of @leaf. */
static inline u64 ipcp_ctr_make(unsigned int leaf, u32 seq)
{
	return (u64)leaf << IPCP_LEAF_SHIFT | seq;
}

/* Return the node of @leaf. */
static inline unsigned int ipcp_leaf_node(unsigned int leaf)
{
	return leaf / IPCP_LEAVES;
}

/* Return the index of @leaf in its node. */
static inline unsigned int ipcp_leaf_index(unsigned int leaf)
{
	return leaf % IPCP_LEAVES;
}

/*
 * A sender counts its packets from 0 in a single counter that is never reset,
 * with 2^@shift packets per leaf. @shift is fixed for the epoch.
 */

/* True if @ppl packets per leaf are allowed; ilog2(@ppl) is the shift then. */
static inline bool ipcp_ppl_valid(u32 ppl)
{
	return is_power_of_2(ppl) && ppl >= 1U << IPCP_PPL_SHIFT_MIN &&
	       ppl <= 1U << IPCP_LEAF_SHIFT;
}

/*
 * Return the wire counter of packet @n, which is below ipcp_tx_limit(@shift).
 */
static inline u64 ipcp_tx_counter(u64 n, unsigned int shift)
{
	return ipcp_ctr_make(n >> shift, n & ((1U << shift) - 1));
}

/* Return the number of packets of all types that one direction can send. */
static inline u64 ipcp_tx_limit(unsigned int shift)
{
	return (u64)IPCP_LEAF_TOTAL << shift;
}

/* Return the limit for DATA packets, which excludes the reserve. */
static inline u64 ipcp_tx_data_limit(unsigned int shift)
{
	return ipcp_tx_limit(shift) - IPCP_CTRL_RESERVE;
}

/* Return how many DATA packets may still be sent after @n packets. */
static inline u64 ipcp_tx_left(u64 n, unsigned int shift)
{
	u64 limit = ipcp_tx_data_limit(shift);

	return n < limit ? limit - n : 0;
}

/*
 * Return the maximum number of packets to come after counter @end - 1. The peer
 * may send fewer, since it may leave leaves early.
 */
static inline u64 ipcp_rx_left(u64 end)
{
	return IPCP_CTR_LIMIT - end;
}

/* True if a re-key is due once senders have claimed @n packets. */
static inline bool ipcp_tx_watermark(u64 n, unsigned int shift)
{
	return n >> shift >= IPCP_REKEY_WATERMARK_LEAF;
}

/* True if a re-key is due after a packet with counter @n authenticated. */
static inline bool ipcp_rx_watermark(u64 n)
{
	return ipcp_ctr_leaf(n) >= IPCP_REKEY_WATERMARK_LEAF;
}

#endif /* _IPCP_KEYSCHED_H */
