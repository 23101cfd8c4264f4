// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Leaf keys in use: prepare the next leaf ahead, find the leaf of a packet, and
 * retire leaves.
 *
 * A leaf is found by its number through three pointers under RCU. Retiring a
 * leaf clears its pointer, so no later packet finds the leaf; its key is wiped
 * a grace period later.
 *
 * A receiver retires a leaf when no more of its packets are expected: when a
 * packet of the leaf after the next one, or of a later leaf, arrives, or a
 * packet of the next one with sequence IPCP_LEAF_LEAVE_SEQ or above, or
 * IPCP_LEAF_LEAVE_MS after the first packet of the next one. A sender retires
 * the leaf with the first packet of the next one, since writers look up their
 * leaf before they claim a counter.
 *
 * Everything that may sleep, which is deriving keys and allocating transforms,
 * is done under epoch->derive. Switching to a prepared leaf only changes
 * pointers, so the first packet of a leaf costs no more than others. The worker
 * prepares the following leaf when some packets of the current leaf were
 * received or sent, and has the rest of the leaf's packets to do so.
 */
#include <linux/slab.h>

#include "hkdf.h"
#include "leaf.h"
#include "trace.h"

/**
 * ipcp_leaf_free() - Wipe and free a leaf that no lookup can find
 * @leaf: leaf
 *
 * Context: Process context.
 */
void ipcp_leaf_free(struct ipcp_leaf *leaf)
{
	ipcp_aead_free(&leaf->aead);
	ipcp_epoch_put(leaf->epoch);
	kfree_sensitive(leaf);
}

static void leaf_free_work(struct work_struct *work)
{
	ipcp_leaf_free(container_of(to_rcu_work(work), struct ipcp_leaf, free));
}

static struct ipcp_leaf *leaf_new(struct ipcp_epoch *ep, unsigned int dir,
				  unsigned int no)
{
	bool receives = dir == ipcp_rx_dir(&ep->flow->rk);
	struct ipcp_leaf *leaf;
	int err;

	leaf = kzalloc(struct_size(leaf, replay, receives), IPCP_GFP_PAYER);
	if (!leaf)
		return ERR_PTR(-ENOMEM);
	err = ipcp_aead_init(&leaf->aead, ep->cipher);
	if (err) {
		kfree(leaf);
		return ERR_PTR(err);
	}
	leaf->no = no;
	spin_lock_init(&leaf->lock);
	if (receives)
		ipcp_replay_init(leaf->replay);
	refcount_inc(&ep->refs);
	leaf->epoch = ep;
	INIT_RCU_WORK(&leaf->free, leaf_free_work);
	return leaf;
}

/* Wipe and free a leaf that no lookup finds any more, after a grace period. */
static void retire_leaf(struct ipcp_leaf *leaf)
{
	if (leaf)
		queue_rcu_work(ipcp_wq, &leaf->free);
}

/* Clear *@pp and retire the leaf that it pointed to. */
static void retire_leaf_at(struct ipcp_epoch *ep, struct ipcp_leaf __rcu **pp)
{
	retire_leaf(rcu_replace_pointer(*pp, NULL,
					lockdep_is_held(&ep->lock)));
}

/**
 * ipcp_leaf_find() - Find a leaf by its number
 * @lv: leaves of a direction
 * @no: number
 *
 * Without epoch->lock a leaf that moves from one pointer to another may be
 * missed.
 *
 * Context: Under RCU, which keeps the leaf and its key.
 * Return: leaf, or NULL.
 */
struct ipcp_leaf *ipcp_leaf_find(const struct ipcp_leaves *lv, unsigned int no)
{
	struct ipcp_leaf *leaf;

	leaf = rcu_dereference_check(lv->cur, rcu_read_lock_bh_held());
	if (likely(leaf && leaf->no == no))
		return leaf;
	leaf = rcu_dereference_check(lv->next, rcu_read_lock_bh_held());
	if (leaf && leaf->no == no)
		return leaf;
	leaf = rcu_dereference_check(lv->prev, rcu_read_lock_bh_held());
	if (leaf && leaf->no == no)
		return leaf;
	return NULL;
}

/* Return the reason why there is no leaf @no while @cur is the current one. */
static int why_missing(const struct ipcp_leaf *cur, unsigned int no)
{
	if (!cur)
		return -ENOKEY;
	if (no <= cur->no)
		return -EKEYEXPIRED;
	return no == cur->no + 1U ? -EAGAIN : -ERANGE;
}

/**
 * ipcp_leaf_lookup() - Find the leaf of a received packet
 * @ep: epoch
 * @no: number of the leaf
 * @leaf: (output) leaf, or NULL
 *
 * Context: Under RCU, which keeps the leaf and its key.
 * Return: 0; -EAGAIN if the leaf is the next one and not derived yet; -ERANGE
 * if it is farther ahead; -EKEYEXPIRED if it was retired; -ENOKEY if all leaves
 * of the direction were retired.
 */
int ipcp_leaf_lookup(struct ipcp_epoch *ep, unsigned int no,
		     struct ipcp_leaf **leaf)
{
	struct ipcp_leaves *lv = &ep->leaves[ipcp_rx_dir(&ep->flow->rk)];
	int err = 0;

	*leaf = ipcp_leaf_find(lv, no);
	if (likely(*leaf))
		return 0;

	/* Look again under the lock, in case the leaf was moving. */
	spin_lock_bh(&ep->lock);
	*leaf = ipcp_leaf_find(lv, no);
	if (!*leaf)
		err = why_missing(rcu_dereference_protected(lv->cur,
							    lockdep_is_held(&ep->lock)),
				  no);
	spin_unlock_bh(&ep->lock);
	return err;
}

/*
 * Enter the node of leaf @no, so that the leaf set has the keys of the node.
 * False if the node cannot be entered any more.
 */
static bool enter_node(struct ipcp_epoch *ep, unsigned int dir, unsigned int no)
{
	struct ipcp_leaf_set *set = &ep->leaves[dir].set;
	unsigned int node = ipcp_leaf_node(no);

	if (set->node == (s16)node)
		return true;
	if (!ipcp_keysched_peek(&ep->ks, dir, node, set->keys))
		return false;
	ipcp_keysched_enter(&ep->ks, dir, node);
	ipcp_leaf_set_fill(set, node);
	return true;
}

/* Wipe the key of leaf @no, which is in use, and all keys before it. */
static void spend_key(struct ipcp_epoch *ep, unsigned int dir, unsigned int no)
{
	struct ipcp_key key;

	if (enter_node(ep, dir, no) &&
	    ipcp_leaf_take(&ep->leaves[dir].set, ipcp_leaf_index(no), &key))
		ipcp_key_wipe(&key);
}

/* Derive leaf @no from a copy of its key. The set keeps the key for now. */
static struct ipcp_leaf *
derive_leaf(struct ipcp_epoch *ep, unsigned int dir, unsigned int no,
	    int (*get)(struct ipcp_epoch *ep, unsigned int dir, unsigned int no,
		       struct ipcp_key *key))
{
	struct mem_cgroup *before = ipcp_pay(&ep->flow->payer);
	struct ipcp_leaf *leaf = leaf_new(ep, dir, no);
	int err = PTR_ERR_OR_ZERO(leaf);
	struct ipcp_key key;

	if (!err)
		err = get(ep, dir, no, &key);
	if (!err)
		err = ipcp_aead_setkey(&leaf->aead, &key);
	ipcp_pay_end(before);
	if (!err)
		return leaf;
	if (!IS_ERR(leaf))
		ipcp_leaf_free(leaf);
	return ERR_PTR(err);
}

/* Copy the key of the next leaf, and enter its node. */
static int next_key(struct ipcp_epoch *ep, unsigned int dir, unsigned int no,
		    struct ipcp_key *key)
{
	return enter_node(ep, dir, no) &&
	       ipcp_leaf_peek(&ep->leaves[dir].set, ipcp_leaf_index(no), key) ?
		0 : -EKEYEXPIRED;
}

/* Copy the key of leaf @no without changing any state. */
static int peek_key(struct ipcp_epoch *ep, unsigned int dir, unsigned int no,
		    struct ipcp_key *key)
{
	unsigned int node = ipcp_leaf_node(no);
	struct ipcp_leaf_set copy;
	int err = -EKEYEXPIRED;

	if (ep->leaves[dir].set.node == (s16)node)
		return next_key(ep, dir, no, key);

	copy.keys = kmalloc(sizeof(*copy.keys), IPCP_GFP_PAYER);
	if (!copy.keys)
		return -ENOMEM;
	ipcp_leaf_set_init(&copy, copy.keys);
	if (ipcp_keysched_peek(&ep->ks, dir, node, copy.keys)) {
		ipcp_leaf_set_fill(&copy, node);
		if (ipcp_leaf_peek(&copy, ipcp_leaf_index(no), key))
			err = 0;
	}
	kfree_sensitive(copy.keys);
	return err;
}

/* Return the number of the current leaf, or -1. It may change at any time. */
static int cur_no(struct ipcp_epoch *ep, unsigned int dir)
{
	struct ipcp_leaf *cur;
	int no;

	rcu_read_lock();
	cur = rcu_dereference(ep->leaves[dir].cur);
	no = cur ? cur->no : -1;
	rcu_read_unlock();
	return no;
}

/**
 * ipcp_leaf_prepare() - Prepare the leaf after the current one
 * @ep: epoch
 * @dir: direction
 *
 * Does nothing if that leaf is already prepared, or the current leaf is the
 * last one. A caller whose lookup missed the last leaf finds the leaf now,
 * since another sender or packet has made it the current one meanwhile.
 *
 * Context: Process context, may sleep.
 * Return: 0; -EKEYEXPIRED if the leaves were retired; -ENOMEM.
 */
int ipcp_leaf_prepare(struct ipcp_epoch *ep, unsigned int dir)
{
	struct ipcp_leaves *lv = &ep->leaves[dir];
	struct ipcp_leaf *leaf;
	int no, err = 0;
	bool prepared;

	mutex_lock(&ep->derive);
	/*
	 * Read @cur and @next together under the lock: a leaf may be moving
	 * from @next to @cur.
	 */
	spin_lock_bh(&ep->lock);
	no = cur_no(ep, dir);
	prepared = rcu_access_pointer(lv->next);
	spin_unlock_bh(&ep->lock);
	if (no < 0) {
		err = -EKEYEXPIRED;
		goto unlock;
	}
	spend_key(ep, dir, no);	/* if derived by a jump */
	no++;
	if (prepared || no >= IPCP_LEAF_TOTAL)
		goto unlock;
	leaf = derive_leaf(ep, dir, no, next_key);
	if (IS_ERR(leaf)) {
		err = PTR_ERR(leaf);
		goto unlock;
	}

	spin_lock_bh(&ep->lock);
	if (cur_no(ep, dir) == no - 1) {
		rcu_assign_pointer(lv->next, leaf);
		leaf = NULL;
	}
	spin_unlock_bh(&ep->lock);
	if (leaf)
		ipcp_leaf_free(leaf);
	spend_key(ep, dir, no);
unlock:
	/*
	 * Before the unlock: the epoch is wiped under the mutex, so no stack
	 * has a key of a wiped epoch.
	 */
	ipcp_stack_wipe();
	mutex_unlock(&ep->derive);
	return err;
}

/**
 * ipcp_leaf_next_due() - Test whether to prepare the leaf after the current one
 * @ep: epoch
 * @dir: direction
 *
 * The next leaf is not due before the current one is in use, so an idle flow
 * has no leaf that it does not need.
 *
 * Context: Any context except hard interrupts.
 * Return: true if ipcp_leaf_prepare() is due, or was called already.
 */
bool ipcp_leaf_next_due(struct ipcp_epoch *ep, unsigned int dir)
{
	u64 ppl = BIT_ULL(ep->ppl_shift);
	struct ipcp_leaf *cur;
	bool due;

	if (dir == ipcp_tx_dir(&ep->flow->rk))
		return (atomic64_read(&ep->sent) & (ppl - 1)) >=
		       IPCP_TX_AHEAD(ep->ppl_shift);
	rcu_read_lock();
	cur = rcu_dereference(ep->leaves[dir].cur);
	due = cur && READ_ONCE(cur->begun);
	rcu_read_unlock();
	return due;
}

/**
 * ipcp_leaf_derive_jump() - Derive a receive leaf for packets far ahead
 * @ep: epoch
 * @no: leaf that the packets claim to belong to
 *
 * None of the packets has authenticated yet, so the key of the leaf is derived
 * from copies, and only the key of the current leaf is wiped. No lookup finds
 * the leaf before ipcp_leaf_received() was called for it. Then the worker
 * spends all keys before the leaf.
 *
 * Context: Process context, may sleep.
 * Return: leaf, to be freed by ipcp_leaf_free() if no packet was received with
 * it; -EKEYEXPIRED if there is no such leaf, or not any more; -ENOMEM.
 */
struct ipcp_leaf *ipcp_leaf_derive_jump(struct ipcp_epoch *ep, unsigned int no)
{
	unsigned int dir = ipcp_rx_dir(&ep->flow->rk);
	struct ipcp_leaf *leaf = ERR_PTR(-EKEYEXPIRED);
	int cur;

	mutex_lock(&ep->derive);
	cur = cur_no(ep, dir);
	if (cur >= 0 && no > cur) {
		spend_key(ep, dir, cur);
		leaf = derive_leaf(ep, dir, no, peek_key);
	}
	ipcp_stack_wipe();
	mutex_unlock(&ep->derive);
	return leaf;
}

/* Make @leaf the current one. The caller handles the previous one. */
static void set_cur(struct ipcp_epoch *ep, unsigned int dir,
		    struct ipcp_leaf *leaf)
{
	struct ipcp_leaves *lv = &ep->leaves[dir];

	lockdep_assert_held(&ep->lock);
	leaf->since = jiffies;
	rcu_assign_pointer(lv->cur, leaf);
	WRITE_ONCE(lv->used, lv->used + 1);
	trace_ipcp_leaf(ep->flow, ep->no, dir, leaf->no);
}

/**
 * ipcp_leaf_used() - Note that a sender claimed a counter of the next leaf
 * @ep: epoch
 * @leaf: leaf that was prepared ahead
 *
 * Makes @leaf the current one, unless it is already, and retires the previous
 * one.
 *
 * Context: Under RCU, with bottom halves off.
 */
void ipcp_leaf_used(struct ipcp_epoch *ep, struct ipcp_leaf *leaf)
{
	unsigned int dir = ipcp_tx_dir(&ep->flow->rk);
	struct ipcp_leaves *lv = &ep->leaves[dir];

	spin_lock(&ep->lock);
	if (rcu_access_pointer(lv->next) == leaf) {
		/*
		 * A sender whose lookup misses the leaf while it moves calls
		 * ipcp_leaf_prepare(), and looks again.
		 */
		RCU_INIT_POINTER(lv->next, NULL);
		retire_leaf(rcu_dereference_protected(lv->cur,
						      lockdep_is_held(&ep->lock)));
		set_cur(ep, dir, leaf);
	}
	spin_unlock(&ep->lock);
}

/*
 * Switch to a later leaf that the peer uses: the next one, or one derived by a
 * jump. Keep the leaf just before it, if there is one, for reordered packets,
 * and retire all others. False if another leaf with the same or a higher number
 * is current, or the leaves were retired.
 */
static bool move_on(struct ipcp_epoch *ep, struct ipcp_leaf *leaf)
{
	unsigned int dir = ipcp_rx_dir(&ep->flow->rk);
	struct ipcp_leaves *lv = &ep->leaves[dir];
	struct ipcp_leaf *cur, *next;

	lockdep_assert_held(&ep->lock);
	cur = rcu_dereference_protected(lv->cur, lockdep_is_held(&ep->lock));
	next = rcu_dereference_protected(lv->next, lockdep_is_held(&ep->lock));
	if (!cur || cur->no >= leaf->no)
		return cur == leaf;
	/* A lookup that misses the leaf here is repeated under the lock. */
	RCU_INIT_POINTER(lv->next, NULL);
	if (next == leaf)
		next = NULL;
	retire_leaf_at(ep, &lv->prev);
	if (leaf->no == cur->no + 1) {
		rcu_assign_pointer(lv->prev, cur);
	} else {
		retire_leaf(cur);
		if (next && next->no + 1 == leaf->no) {
			rcu_assign_pointer(lv->prev, next);
			next = NULL;
		}
		/* Make ipcp_leaf_prepare() due, which wipes earlier keys. */
		WRITE_ONCE(leaf->begun, true);
	}
	retire_leaf(next);
	set_cur(ep, dir, leaf);
	return true;
}

/* Retire the leaf before @cur, unless @cur is not the current one any more. */
static void retire_before(struct ipcp_epoch *ep, const struct ipcp_leaf *cur)
{
	struct ipcp_leaves *lv = &ep->leaves[ipcp_rx_dir(&ep->flow->rk)];

	spin_lock_bh(&ep->lock);
	if (rcu_access_pointer(lv->cur) == cur)
		retire_leaf_at(ep, &lv->prev);
	spin_unlock_bh(&ep->lock);
}

/* Kick the worker, once per leaf, when the next leaf is due. */
static void begin_leaf(struct ipcp_epoch *ep, struct ipcp_leaf *leaf,
		       unsigned int seq)
{
	if (likely(READ_ONCE(leaf->begun)) || seq < IPCP_RX_AHEAD)
		return;
	WRITE_ONCE(leaf->begun, true);
	ipcp_flow_kick(ep->flow);
}

/**
 * ipcp_leaf_received() - Note that a packet of a leaf authenticated
 * @ep: epoch
 * @leaf: leaf; one of ipcp_leaf_derive_jump() belongs to the epoch on success
 * @counter: counter of the packet
 *
 * Context: Under RCU, with bottom halves off.
 * Return: false if the packet must not be accepted, since the leaf was retired
 * in the meantime. The caller then keeps a leaf of ipcp_leaf_derive_jump().
 */
bool ipcp_leaf_received(struct ipcp_epoch *ep, struct ipcp_leaf *leaf,
			u64 counter)
{
	struct ipcp_leaves *lv = &ep->leaves[ipcp_rx_dir(&ep->flow->rk)];
	struct ipcp_leaf *cur = rcu_dereference_check(lv->cur,
						      rcu_read_lock_bh_held());
	unsigned int seq = ipcp_ctr_seq(counter);
	bool before, moved;

	if (likely(cur == leaf)) {
		begin_leaf(ep, leaf, seq);
		if (unlikely(seq >= IPCP_LEAF_LEAVE_SEQ &&
			     rcu_access_pointer(lv->prev)))
			retire_before(ep, leaf);
		return true;
	}
	spin_lock(&ep->lock);
	before = rcu_access_pointer(lv->prev) == leaf;
	moved = !before && move_on(ep, leaf);
	if (moved && seq >= IPCP_LEAF_LEAVE_SEQ)
		retire_leaf_at(ep, &lv->prev);
	spin_unlock(&ep->lock);
	if (moved)
		ipcp_flow_kick(ep->flow);	/* to retire @prev in time */
	return before || moved;
}

/**
 * ipcp_leaf_retire_late() - Retire the leaf before the current one after a time
 * @ep: epoch
 * @until: (output) jiffies when the leaf has to be retired, if true is returned
 *
 * Context: Any context except hard interrupts.
 * Return: true if there is such a leaf, and its time has not come yet.
 */
bool ipcp_leaf_retire_late(struct ipcp_epoch *ep, unsigned long *until)
{
	struct ipcp_leaves *lv = &ep->leaves[ipcp_rx_dir(&ep->flow->rk)];
	struct ipcp_leaf *cur;
	bool stays;

	spin_lock_bh(&ep->lock);
	cur = rcu_dereference_protected(lv->cur, lockdep_is_held(&ep->lock));
	stays = cur && rcu_access_pointer(lv->prev);
	if (stays) {
		*until = cur->since + msecs_to_jiffies(IPCP_LEAF_LEAVE_MS);
		if (time_after_eq(jiffies, *until)) {
			retire_leaf_at(ep, &lv->prev);
			stays = false;
		}
	}
	spin_unlock_bh(&ep->lock);
	return stays;
}

/**
 * ipcp_leaves_init() - Enter the first leaf of an epoch
 * @ep: epoch with expanded node keys; not published yet
 * @dir: direction
 *
 * Context: Process context, may sleep.
 * Return: 0; -ENOMEM; an error as ipcp_aead_init(). On failure the caller wipes
 * all keys of the epoch.
 */
int ipcp_leaves_init(struct ipcp_epoch *ep, unsigned int dir)
{
	struct ipcp_leaves *lv = &ep->leaves[dir];
	struct ipcp_leaf *leaf;

	lv->set.keys = kmalloc(sizeof(*lv->set.keys), IPCP_GFP_PAYER);
	if (!lv->set.keys)
		return -ENOMEM;
	ipcp_leaf_set_init(&lv->set, lv->set.keys);

	leaf = derive_leaf(ep, dir, 0, next_key);
	if (IS_ERR(leaf))
		return PTR_ERR(leaf);
	spend_key(ep, dir, 0);
	lv->used = 1;
	rcu_assign_pointer(lv->cur, leaf);
	return 0;
}

/**
 * ipcp_leaves_retire() - Retire all leaves of a direction
 * @ep: epoch
 * @lv: leaves of the direction
 *
 * Context: Process context, under epoch->derive.
 */
void ipcp_leaves_retire(struct ipcp_epoch *ep, struct ipcp_leaves *lv)
{
	lockdep_assert_held(&ep->derive);
	spin_lock_bh(&ep->lock);
	retire_leaf_at(ep, &lv->prev);
	retire_leaf_at(ep, &lv->cur);
	retire_leaf_at(ep, &lv->next);
	spin_unlock_bh(&ep->lock);
	kfree_sensitive(lv->set.keys);
	lv->set.keys = NULL;
	lv->set.node = -1;
}
