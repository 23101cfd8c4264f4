// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The key schedule: from a root seed to the keys that seal packets.
 *
 *   root --"ipcp-rekey node"--> 128 node keys             (root wiped)
 *   node --"ipcp-rekey dir" 0-> direction 0's fork
 *        --"ipcp-rekey dir" 1-> direction 1's fork        (node wiped)
 *   fork --"ipcp-rekey leaf"--> 64 leaf keys              (fork wiped)
 *
 * Each arrow is HKDF-Expand. A node is forked when the first of the two
 * directions enters it; the other one's fork waits in the node's slot. So each
 * direction forgets its own past, however far the other lags behind: from what
 * is left, neither its spent leaves nor what made them can be derived.
 *
 * Nothing here takes memory, sleeps or fails. A receiver may look ahead with
 * ipcp_keysched_peek(), which changes nothing; once a packet authenticated, it
 * enters the node for good.
 */
#include <linux/bug.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "hkdf.h"
#include "keysched.h"

static const u8 label_node[] = { "ipcp-rekey node" };
static const u8 label_dir[] = { "ipcp-rekey dir" };
static const u8 label_leaf[] = { "ipcp-rekey leaf" };

static_assert(sizeof(struct ipcp_root) == IPCP_PRK_LEN);
static_assert(sizeof(struct ipcp_key) == IPCP_PRK_LEN);
static_assert(sizeof(struct ipcp_node_keys) <= IPCP_HKDF_MAX);
static_assert(sizeof(struct ipcp_leaf_keys) <= IPCP_HKDF_MAX);
static_assert(IPCP_REKEY_WATERMARK_LEAF == 7168);
static_assert((IPCP_LEAF_TOTAL << IPCP_PPL_SHIFT_MIN) > IPCP_CTRL_RESERVE);

/**
 * ipcp_key_wipe() - Forget a key
 * @key: the key
 *
 * Context: Any context.
 */
void ipcp_key_wipe(struct ipcp_key *key)
{
	memzero_explicit(key, sizeof(*key));
}

/**
 * ipcp_root_wipe() - Forget a root seed
 * @root: the root seed
 *
 * Context: Any context.
 */
void ipcp_root_wipe(struct ipcp_root *root)
{
	memzero_explicit(root, sizeof(*root));
}

/* @out may not be @node itself. */
static void fork_node(struct ipcp_key *out, const struct ipcp_key *node,
		      unsigned int dir)
{
	u8 info[sizeof(label_dir)];

	memcpy(info, label_dir, sizeof(info));
	info[sizeof(info) - 1] = dir;	/* in place of the label's zero */
	ipcp_hkdf_expand(out->bytes, sizeof(out->bytes), node->bytes,
			 info, sizeof(info));
}

static u8 slot_of_fork(unsigned int dir)
{
	return dir ? IPCP_SLOT_FORK_1 : IPCP_SLOT_FORK_0;
}

/**
 * ipcp_keysched_init() - Expand a root seed
 * @ks: (output) the schedule of a new epoch
 * @nodes: (output) memory for the node keys, which stays with @ks
 * @root: the root seed, wiped
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
 * ipcp_keysched_peek() - The leaf keys of a node that a direction may enter
 * @ks: the schedule
 * @dir: the direction, IPCP_DIR_INITIATOR or IPCP_DIR_RESPONDER
 * @node: the node
 * @out: (output) the direction's leaf keys; untouched on failure
 *
 * Works on copies and changes nothing, so it can be tried for a packet that
 * nobody has authenticated yet. The caller wipes @out, whatever comes of it.
 *
 * Context: Any context.
 * Return: false if there is no such node, or the direction has entered it or a
 *	   later one
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
		return false;	/* the direction was here, or all is wiped */

	ipcp_hkdf_expand(out->key[0].bytes, sizeof(*out), fork.bytes,
			 label_leaf, sizeof(label_leaf) - 1);
	ipcp_key_wipe(&fork);
	return true;
}

/* The direction has no use for a node any more: leave what the other needs. */
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
 * ipcp_keysched_enter() - A direction has come to a node
 * @ks: the schedule
 * @dir: the direction
 * @node: the node, whose leaf keys the caller has from ipcp_keysched_peek()
 *
 * Of this node and all before it, nothing of the direction's own is left; the
 * other direction's forks stay until it comes there. Does nothing if the
 * direction has entered the node or a later one, or all is wiped.
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
 * ipcp_keysched_wipe() - Forget all keys of an epoch but the leaf sets
 * @ks: the schedule; no node can be entered any more. May be all zeros.
 *
 * The memory of the node keys goes back to the caller.
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
 * ipcp_leaf_set_init() - Make a set that holds no keys
 * @ls: (output) the set
 * @keys: memory for the keys, which stays with the set; zeroed
 *
 * Context: Any context.
 */
void ipcp_leaf_set_init(struct ipcp_leaf_set *ls, struct ipcp_leaf_keys *keys)
{
	ls->keys = keys;
	ipcp_leaf_set_wipe(ls);
}

/**
 * ipcp_leaf_set_fill() - The memory of a set was filled with leaf keys
 * @ls: the set
 * @node: whose they are
 *
 * Goes with ipcp_keysched_peek() into @ls->keys. Where that fails, the set
 * is as it was.
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
 * @ls: the set
 * @leaf: the leaf inside of its node
 * @out: (output) the key, for the caller to wipe; untouched on failure
 *
 * Context: Any context.
 * Return: false if the leaf or a later one was taken, or there is none
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
 * ipcp_leaf_take() - Move a leaf key out
 * @ls: the set; this key and all before it are wiped
 * @leaf: the leaf inside of its node
 * @out: (output) the key, for the caller to wipe; untouched on failure
 *
 * Context: Any context.
 * Return: false if the leaf or a later one was taken, or there is none
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
 * ipcp_leaf_set_wipe() - Forget all keys of a set
 * @ls: the set, empty after that; its memory stays with it. May be all zeros.
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
