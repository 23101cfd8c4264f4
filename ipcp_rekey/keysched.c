// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The key schedule: derive the keys for packets from the seed of an epoch.
 *
 *  seed + chain -------------> root                      (seed wiped)
 *  root --"ipcp-rekey chain"-> chain of the next epoch
 *       --"ipcp-rekey node"--> 128 node keys             (root wiped)
 *  node --"ipcp-rekey dir" 0-> fork of direction 0
 *       --"ipcp-rekey dir" 1-> fork of direction 1       (node wiped)
 *  fork --"ipcp-rekey leaf"--> 64 leaf keys              (fork wiped)
 *
 * The first arrow is HKDF-Extract with the chain as salt: an attacker who
 * learns a seed learns nothing without the chain, which never leaves the
 * kernel. Each other arrow is HKDF-Expand. A node is forked when the first of
 * the two directions enters it; the fork of the other direction stays in the
 * slot of the node. So each direction has forward secrecy of its own, however
 * far the other one lags behind: neither its spent leaves nor the keys they
 * were derived from can be derived from the keys that remain.
 *
 * Nothing here allocates memory, sleeps or fails. A receiver may look ahead
 * with ipcp_keysched_peek(), which changes nothing; once a packet has
 * authenticated, the receiver enters the node for good.
 */
#include <linux/bug.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "hkdf.h"
#include "keysched.h"

static const u8 label_chain[] = { "ipcp-rekey chain" };
static const u8 label_chain_id[] = { "ipcp-rekey chain id" };
static const u8 label_node[] = { "ipcp-rekey node" };
static const u8 label_dir[] = { "ipcp-rekey dir" };
static const u8 label_leaf[] = { "ipcp-rekey leaf" };

static_assert(sizeof(struct ipcp_chain) == IPCP_PRK_LEN);
static_assert(sizeof(struct ipcp_root) == IPCP_PRK_LEN);
static_assert(sizeof(struct ipcp_key) == IPCP_PRK_LEN);
static_assert(sizeof(struct ipcp_node_keys) <= IPCP_HKDF_MAX);
static_assert(sizeof(struct ipcp_leaf_keys) <= IPCP_HKDF_MAX);
static_assert(IPCP_REKEY_WATERMARK_LEAF == 7168);
static_assert((IPCP_LEAF_TOTAL << IPCP_PPL_SHIFT_MIN) > IPCP_CTRL_RESERVE);

/**
 * ipcp_key_wipe() - Wipe a key
 * @key: key
 *
 * Context: Any context.
 */
void ipcp_key_wipe(struct ipcp_key *key)
{
	memzero_explicit(key, sizeof(*key));
}

/**
 * ipcp_root_wipe() - Wipe a root
 * @root: root
 *
 * Context: Any context.
 */
void ipcp_root_wipe(struct ipcp_root *root)
{
	memzero_explicit(root, sizeof(*root));
}

/**
 * ipcp_seed_wipe() - Wipe a seed
 * @seed: seed
 *
 * Context: Any context.
 */
void ipcp_seed_wipe(struct ipcp_seed *seed)
{
	memzero_explicit(seed, sizeof(*seed));
}

/**
 * ipcp_chain_wipe() - Wipe a chain
 * @chain: chain
 *
 * Context: Any context.
 */
void ipcp_chain_wipe(struct ipcp_chain *chain)
{
	memzero_explicit(chain, sizeof(*chain));
}

/**
 * ipcp_chain_mix() - Mix a seed with a chain
 * @root: (output) root of the epoch
 * @chain: chain of the epoch before; zeros for a fresh seed
 * @seed: seed; wiped
 *
 * Context: Any context.
 */
void ipcp_chain_mix(struct ipcp_root *root, const struct ipcp_chain *chain,
		    struct ipcp_seed *seed)
{
	ipcp_hkdf_extract(root->bytes, chain->bytes, seed->bytes,
			  sizeof(seed->bytes));
	ipcp_seed_wipe(seed);
}

/**
 * ipcp_chain_next() - Derive the chain for the seed of the next epoch
 * @next: (output) chain
 * @root: root of an epoch
 *
 * Context: Any context.
 */
void ipcp_chain_next(struct ipcp_chain *next, const struct ipcp_root *root)
{
	ipcp_hkdf_expand(next->bytes, sizeof(next->bytes), root->bytes,
			 label_chain, sizeof(label_chain) - 1);
}

/**
 * ipcp_chain_id() - Derive the name of a chain
 * @chain: chain
 *
 * Both ends of a flow compare the name, which reveals nothing about the chain.
 *
 * Context: Any context.
 * Return: IPCP_CHAIN_ID_LEN bytes in the order in which they are sent.
 */
u64 ipcp_chain_id(const struct ipcp_chain *chain)
{
	u64 id;

	static_assert(sizeof(id) == IPCP_CHAIN_ID_LEN);
	ipcp_hkdf_expand((u8 *)&id, sizeof(id), chain->bytes, label_chain_id,
			 sizeof(label_chain_id) - 1);
	return id;
}

/* @out must not be @node. */
static void fork_node(struct ipcp_key *out, const struct ipcp_key *node,
		      unsigned int dir)
{
	u8 info[sizeof(label_dir)];

	memcpy(info, label_dir, sizeof(info));
	info[sizeof(info) - 1] = dir;	/* replaces the NUL of the label */
	ipcp_hkdf_expand(out->bytes, sizeof(out->bytes), node->bytes,
			 info, sizeof(info));
}

static u8 slot_of_fork(unsigned int dir)
{
	return dir ? IPCP_SLOT_FORK_1 : IPCP_SLOT_FORK_0;
}

/**
 * ipcp_keysched_init() - Expand a root
 * @ks: (output) schedule of a new epoch
 * @nodes: (output) memory for the node keys, which @ks uses from now on
 * @root: root; wiped
 *
 * Context: Any context.
 */
void ipcp_keysched_init(struct ipcp_keysched *ks, struct ipcp_node_keys *nodes,
			struct ipcp_root *root)
{
	ipcp_hkdf_expand(nodes->key[0].bytes, sizeof(*nodes), root->bytes,
			 label_node, sizeof(label_node) - 1);
	ipcp_root_wipe(root);

	ks->nodes = nodes;
	memset(ks->state, IPCP_SLOT_NODE, sizeof(ks->state));
	ks->entered[0] = -1;
	ks->entered[1] = -1;
}

/**
 * ipcp_keysched_peek() - Derive the leaf keys of a node ahead of entering it
 * @ks: schedule
 * @dir: direction, IPCP_DIR_INITIATOR or IPCP_DIR_RESPONDER
 * @node: node
 * @out: (output) leaf keys of the direction; unchanged on failure
 *
 * Works on copies and changes nothing, so it can be called for a packet that
 * has not authenticated yet. The caller wipes @out in any case.
 *
 * Context: Any context.
 * Return: false if there is no such node, or the direction has already entered
 * it or a later one
 */
bool ipcp_keysched_peek(const struct ipcp_keysched *ks, unsigned int dir,
			unsigned int node, struct ipcp_leaf_keys *out)
{
	struct ipcp_key fork;

	if (dir >= IPCP_DIRS || node >= IPCP_NODES)
		return false;

	if (ks->state[node] == IPCP_SLOT_NODE)
		fork_node(&fork, &ks->nodes->key[node], dir);
	else if (ks->state[node] == slot_of_fork(dir))
		fork = ks->nodes->key[node];
	else
		return false;	/* already entered, or wiped */

	ipcp_hkdf_expand(out->key[0].bytes, sizeof(*out), fork.bytes,
			 label_leaf, sizeof(label_leaf) - 1);
	ipcp_key_wipe(&fork);
	return true;
}

/* Leave a node in one direction: keep only the key the other one needs. */
static void leave_slot(struct ipcp_keysched *ks, unsigned int dir,
		       unsigned int node)
{
	struct ipcp_key *key = &ks->nodes->key[node];
	struct ipcp_key other;

	if (ks->state[node] == IPCP_SLOT_NODE) {
		fork_node(&other, key, !dir);
		*key = other;
		ipcp_key_wipe(&other);
		ks->state[node] = slot_of_fork(!dir);
	} else if (ks->state[node] == slot_of_fork(dir)) {
		ipcp_key_wipe(key);
		ks->state[node] = IPCP_SLOT_EMPTY;
	}
}

/**
 * ipcp_keysched_enter() - Enter a node in one direction
 * @ks: schedule
 * @dir: direction
 * @node: node, whose leaf keys the caller has from ipcp_keysched_peek()
 *
 * Wipes the direction's own keys of this node and all nodes before it. The
 * forks of the other direction stay until that direction enters the nodes. Does
 * nothing if the direction has already entered the node or a later one, or if
 * the schedule was wiped.
 *
 * Context: Any context.
 */
void ipcp_keysched_enter(struct ipcp_keysched *ks, unsigned int dir,
			 unsigned int node)
{
	unsigned int i;

	if (WARN_ON_ONCE(dir >= IPCP_DIRS || node >= IPCP_NODES))
		return;
	if (!ks->nodes)
		return;

	for (i = ks->entered[dir] + 1; i <= node; i++)
		leave_slot(ks, dir, i);
	ks->entered[dir] = max_t(s16, ks->entered[dir], node);
}

/**
 * ipcp_keysched_wipe() - Wipe all keys of an epoch except the leaf sets
 * @ks: schedule; no node can be entered any more. May be all zeros.
 *
 * The memory of the node keys is returned to the caller.
 *
 * Context: Any context.
 */
void ipcp_keysched_wipe(struct ipcp_keysched *ks)
{
	if (ks->nodes)
		memzero_explicit(ks->nodes, sizeof(*ks->nodes));
	ks->nodes = NULL;
	memset(ks->state, IPCP_SLOT_EMPTY, sizeof(ks->state));
}

/**
 * ipcp_leaf_set_init() - Initialise an empty set
 * @ls: (output) set
 * @keys: memory for the keys, which the set uses from now on; zeroed
 *
 * Context: Any context.
 */
void ipcp_leaf_set_init(struct ipcp_leaf_set *ls, struct ipcp_leaf_keys *keys)
{
	ls->keys = keys;
	ipcp_leaf_set_wipe(ls);
}

/**
 * ipcp_leaf_set_fill() - Note that a set was filled with leaf keys
 * @ls: set
 * @node: node of the leaf keys
 *
 * Call after ipcp_keysched_peek() into @ls->keys has succeeded. If it fails,
 * the set is unchanged.
 *
 * Context: Any context.
 */
void ipcp_leaf_set_fill(struct ipcp_leaf_set *ls, unsigned int node)
{
	ls->node = node;
	ls->next = 0;
}

static bool leaf_present(const struct ipcp_leaf_set *ls, unsigned int leaf)
{
	return ls->node >= 0 && leaf >= ls->next && leaf < IPCP_LEAVES;
}

/**
 * ipcp_leaf_peek() - Copy a leaf key
 * @ls: set
 * @leaf: index of the leaf in its node
 * @out: (output) key, for the caller to wipe; unchanged on failure
 *
 * Context: Any context.
 * Return: false if the leaf or a later one was taken, or the set has no keys
 */
bool ipcp_leaf_peek(const struct ipcp_leaf_set *ls, unsigned int leaf,
		    struct ipcp_key *out)
{
	if (!leaf_present(ls, leaf))
		return false;
	*out = ls->keys->key[leaf];
	return true;
}

/**
 * ipcp_leaf_take() - Move a leaf key out of a set
 * @ls: set; this key and all before it are wiped
 * @leaf: index of the leaf in its node
 * @out: (output) key, for the caller to wipe; unchanged on failure
 *
 * Context: Any context.
 * Return: false if the leaf or a later one was taken, or the set has no keys
 */
bool ipcp_leaf_take(struct ipcp_leaf_set *ls, unsigned int leaf,
		    struct ipcp_key *out)
{
	if (!ipcp_leaf_peek(ls, leaf, out))
		return false;
	memzero_explicit(&ls->keys->key[ls->next],
			 (leaf + 1 - ls->next) * sizeof(*out));
	ls->next = leaf + 1;
	return true;
}

/**
 * ipcp_leaf_set_wipe() - Wipe all keys of a set
 * @ls: set, empty afterwards; keeps its memory. May be all zeros.
 *
 * Context: Any context.
 */
void ipcp_leaf_set_wipe(struct ipcp_leaf_set *ls)
{
	if (ls->keys)
		memzero_explicit(ls->keys, sizeof(*ls->keys));
	ls->node = -1;
	ls->next = IPCP_LEAVES;
}
