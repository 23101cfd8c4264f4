// SPDX-License-Identifier: GPL-2.0
/*
 * Leaf keys in use: preparing the next one ahead, finding the one of a packet,
 * leaving one behind.
 *
 * A leaf is found by its number through a few pointers under RCU. Leaving it
 * behind takes the pointer away, so nothing that arrives later can use it; its
 * key is wiped a grace period after the last packet that holds it was opened.
 *
 * What needs to sleep, that is deriving keys and getting transforms, is under
 * epoch->derive. Moving on to a leaf that is there changes pointers only.
 */
#include <linux/slab.h>

#include "flow.h"
#include "trace.h"

static void leaf_free_work(struct work_struct *work)
{
	struct ipcp_leaf *leaf = container_of(to_rcu_work(work),
					      struct ipcp_leaf, free);

	ipcp_aead_free(&leaf->aead);
	ipcp_epoch_put(leaf->epoch);
	kfree_sensitive(leaf);
}

static struct ipcp_leaf *leaf_new(struct ipcp_epoch *ep, unsigned int no)
{
	struct ipcp_leaf *leaf = kzalloc(sizeof(*leaf), GFP_KERNEL_ACCOUNT);

	if (!leaf)
		return NULL;
	if (ipcp_aead_init(&leaf->aead, ep->cipher)) {
		kfree(leaf);
		return NULL;
	}
	leaf->no = no;
	refcount_set(&leaf->refs, 1);
	spin_lock_init(&leaf->lock);
	ipcp_replay_init(&leaf->replay);
	refcount_inc(&ep->refs);
	leaf->epoch = ep;
	INIT_RCU_WORK(&leaf->free, leaf_free_work);
	return leaf;
}

/**
 * ipcp_leaf_put() - Let go of a leaf
 * @leaf: may be NULL
 *
 * Context: Any context.
 */
void ipcp_leaf_put(struct ipcp_leaf *leaf)
{
	if (leaf && refcount_dec_and_test(&leaf->refs))
		queue_rcu_work(ipcp_wq, &leaf->free);
}

/* Takes the leaf out of *pp, so that nothing finds it there any more. */
static void leave_behind(struct ipcp_epoch *ep, struct ipcp_leaf __rcu **pp)
{
	struct ipcp_leaf *leaf;

	leaf = rcu_replace_pointer(*pp, NULL, lockdep_is_held(&ep->lock));
	if (!leaf)
		return;
	/* Paired with rx.c: what joins the ring later sees it and kicks. */
	WRITE_ONCE(leaf->closed, true);
	set_bit(IPCP_FLOW_OPEN_CLOSED, &ep->flow->bits);
	ipcp_leaf_put(leaf);
}

/**
 * ipcp_leaf_find() - The leaf with a number
 * @lv: leaves of a direction
 * @no: number
 *
 * Context: Under RCU, which keeps the leaf and its key in being.
 * Return: it, or NULL.
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
	leaf = rcu_dereference_check(lv->jump, rcu_read_lock_bh_held());
	if (leaf && leaf->no == no)
		return leaf;
	return NULL;
}

/**
 * ipcp_leaf_get_rcu() - The same, with a reference
 * @lv: leaves of a direction
 * @no: number
 *
 * Context: Under RCU.
 * Return: it, or NULL.
 */
struct ipcp_leaf *ipcp_leaf_get_rcu(const struct ipcp_leaves *lv,
				    unsigned int no)
{
	struct ipcp_leaf *leaf = ipcp_leaf_find(lv, no);

	return leaf && refcount_inc_not_zero(&leaf->refs) ? leaf : NULL;
}

/* The key of leaf @no, for good: all before it are gone then. */
static bool take_key(struct ipcp_epoch *ep, unsigned int dir, unsigned int no,
		     struct ipcp_key *key)
{
	struct ipcp_leaf_set *set = &ep->leaves[dir].set;
	unsigned int node = ipcp_leaf_node(no);

	if (set->node != node) {
		if (!ipcp_keysched_peek(&ep->ks, dir, node, set->keys))
			return false;
		ipcp_keysched_enter(&ep->ks, dir, node);
		ipcp_leaf_set_fill(set, node);
	}
	return ipcp_leaf_take(set, ipcp_leaf_index(no), key);
}

/* A copy of the key of leaf @no, changing nothing. */
static int peek_key(struct ipcp_epoch *ep, unsigned int dir, unsigned int no,
		    struct ipcp_key *key)
{
	unsigned int node = ipcp_leaf_node(no);
	struct ipcp_leaf_set copy;
	int err = -ENOKEY;

	if (ep->leaves[dir].set.node == node)
		return ipcp_leaf_peek(&ep->leaves[dir].set, ipcp_leaf_index(no),
				      key) ? 0 : -ENOKEY;

	copy.keys = kmalloc(sizeof(*copy.keys), GFP_KERNEL_ACCOUNT);
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

static struct ipcp_leaf *cur_leaf(struct ipcp_epoch *ep, unsigned int dir)
{
	/* Only advances, and only away under ->derive: it stays a leaf. */
	return rcu_dereference_protected(ep->leaves[dir].cur,
					 lockdep_is_held(&ep->derive));
}

/*
 * A jump moved on to a leaf whose key was a copy. Wipes what it was copied
 * from, and all that was jumped over.
 */
static void settle(struct ipcp_epoch *ep, unsigned int dir, unsigned int cur)
{
	const struct ipcp_leaf_set *set = &ep->leaves[dir].set;
	struct ipcp_key key;

	if (set->node == (s16)ipcp_leaf_node(cur) &&
	    set->next > ipcp_leaf_index(cur))
		return;
	if (take_key(ep, dir, cur, &key))
		ipcp_key_wipe(&key);
}

/**
 * ipcp_leaf_prepare() - See that the leaf after the current one is there
 * @ep: epoch
 * @dir: direction
 *
 * Context: Process context, may sleep.
 * Return: 0; -EKEYEXPIRED if there is none, or the epoch is closed; -ENOMEM;
 * -ENOENT if the kernel lost the cipher.
 */
int ipcp_leaf_prepare(struct ipcp_epoch *ep, unsigned int dir)
{
	struct ipcp_leaves *lv = &ep->leaves[dir];
	struct ipcp_leaf *cur, *leaf;
	struct ipcp_key key;
	unsigned int no;
	int err = 0;

	mutex_lock(&ep->derive);
	cur = cur_leaf(ep, dir);
	if (!cur) {
		err = -EKEYEXPIRED;
		goto unlock;
	}
	no = cur->no + 1;
	settle(ep, dir, cur->no);
	if (rcu_access_pointer(lv->next))
		goto unlock;
	if (no >= IPCP_LEAF_TOTAL) {
		err = -EKEYEXPIRED;
		goto unlock;
	}

	leaf = leaf_new(ep, no);
	if (!leaf) {
		err = -ENOMEM;
		goto unlock;
	}
	if (!take_key(ep, dir, no, &key)) {
		ipcp_leaf_put(leaf);
		err = -EKEYEXPIRED;
		goto unlock;
	}
	err = ipcp_aead_setkey(&leaf->aead, &key);
	if (err) {
		ipcp_leaf_put(leaf);
		goto unlock;
	}

	spin_lock_bh(&ep->lock);
	cur = cur_leaf(ep, dir);
	if (cur && cur->no < no) {
		rcu_assign_pointer(lv->next, leaf);
		leaf = NULL;
	}
	spin_unlock_bh(&ep->lock);
	ipcp_leaf_put(leaf);	/* a jump went past it meanwhile */
unlock:
	mutex_unlock(&ep->derive);
	return err;
}

/**
 * ipcp_leaf_try_jump() - Derive a receive leaf for a packet far ahead
 * @ep: epoch
 * @no: leaf that the packet claims to be of
 *
 * The packet did not authenticate yet, so this works on copies and changes
 * nothing but the one leaf to try with. Its caller bounds how often.
 *
 * Context: Process context, may sleep.
 * Return: 0 if the leaf can be found now; -EKEYEXPIRED if it was left behind or
 * the epoch is closed; -ENOMEM.
 */
int ipcp_leaf_try_jump(struct ipcp_epoch *ep, unsigned int no)
{
	unsigned int dir = ipcp_rx_dir(&ep->flow->rk);
	struct ipcp_leaves *lv = &ep->leaves[dir];
	struct ipcp_leaf *cur, *leaf;
	struct ipcp_key key;
	int err = 0;

	mutex_lock(&ep->derive);
	cur = cur_leaf(ep, dir);
	if (!cur || no <= cur->no || no >= IPCP_LEAF_TOTAL) {
		err = -EKEYEXPIRED;
		goto unlock;
	}
	settle(ep, dir, cur->no);
	rcu_read_lock();
	leaf = ipcp_leaf_find(lv, no);
	rcu_read_unlock();
	if (leaf)
		goto unlock;

	leaf = leaf_new(ep, no);
	if (!leaf) {
		err = -ENOMEM;
		goto unlock;
	}
	err = peek_key(ep, dir, no, &key);
	if (!err)
		err = ipcp_aead_setkey(&leaf->aead, &key);
	if (err) {
		ipcp_leaf_put(leaf);
		goto unlock;
	}
	spin_lock_bh(&ep->lock);
	leave_behind(ep, &lv->jump);
	rcu_assign_pointer(lv->jump, leaf);
	spin_unlock_bh(&ep->lock);
unlock:
	mutex_unlock(&ep->derive);
	return err;
}

/**
 * ipcp_leaf_advance() - Move on to a leaf
 * @ep: epoch
 * @dir: direction
 * @leaf: prepared ahead, or jumped to; a receiver authenticated DATA with it
 *
 * The leaf before the one that was current is left behind.
 *
 * Context: Any context but hard interrupts; does not sleep.
 * Return: true if that changed something; ipcp_leaf_prepare() is due then.
 */
bool ipcp_leaf_advance(struct ipcp_epoch *ep, unsigned int dir,
		       struct ipcp_leaf *leaf)
{
	struct ipcp_leaves *lv = &ep->leaves[dir];
	struct ipcp_leaf __rcu **from;
	struct ipcp_leaf *cur;
	bool moved = false;

	spin_lock_bh(&ep->lock);
	cur = rcu_dereference_protected(lv->cur, lockdep_is_held(&ep->lock));
	if (!cur || cur->no >= leaf->no)
		goto unlock;
	from = rcu_access_pointer(lv->next) == leaf ? &lv->next : &lv->jump;
	if (rcu_access_pointer(*from) != leaf)
		goto unlock;

	leave_behind(ep, &lv->prev);
	rcu_assign_pointer(lv->prev, cur);
	rcu_assign_pointer(lv->cur, leaf);
	RCU_INIT_POINTER(*from, NULL);
	if (from == &lv->jump)
		leave_behind(ep, &lv->next);
	lv->retired = get_state_synchronize_rcu();
	lv->used++;
	moved = true;
	trace_ipcp_leaf(ep->flow, ep->no, dir, leaf->no);
unlock:
	spin_unlock_bh(&ep->lock);
	return moved;
}

/**
 * ipcp_leaf_settle() - Drop the sender's leaf before the current one
 * @ep: epoch
 *
 * A writer claims a counter and looks for the leaf with bottom halves off. A
 * grace period after the move to the next leaf none of them can be looking for
 * the one before any more.
 *
 * Context: Process context.
 */
void ipcp_leaf_settle(struct ipcp_epoch *ep)
{
	struct ipcp_leaves *lv = &ep->leaves[ipcp_tx_dir(&ep->flow->rk)];

	if (!rcu_access_pointer(lv->prev))
		return;
	spin_lock_bh(&ep->lock);
	if (poll_state_synchronize_rcu(lv->retired))
		leave_behind(ep, &lv->prev);
	spin_unlock_bh(&ep->lock);
}

/**
 * ipcp_leaves_init() - Enter the first leaf of an epoch
 * @ep: epoch, its node keys expanded; nobody else knows of it yet
 * @dir: direction
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM, with nothing to undo but ipcp_leaves_wipe().
 */
int ipcp_leaves_init(struct ipcp_epoch *ep, unsigned int dir)
{
	struct ipcp_leaves *lv = &ep->leaves[dir];
	struct ipcp_leaf *leaf;
	struct ipcp_key key;
	int err;

	lv->set.keys = kmalloc(sizeof(*lv->set.keys), GFP_KERNEL_ACCOUNT);
	if (!lv->set.keys)
		return -ENOMEM;
	ipcp_leaf_set_init(&lv->set, lv->set.keys);

	leaf = leaf_new(ep, 0);
	if (!leaf)
		return -ENOMEM;
	if (WARN_ON_ONCE(!take_key(ep, dir, 0, &key))) {
		ipcp_leaf_put(leaf);
		return -EINVAL;
	}
	err = ipcp_aead_setkey(&leaf->aead, &key);
	if (err) {
		ipcp_leaf_put(leaf);
		return err;
	}
	lv->used = 1;
	rcu_assign_pointer(lv->cur, leaf);
	return 0;
}

/**
 * ipcp_leaves_close() - Leave all leaves of a direction behind
 * @ep: epoch
 * @lv: its leaves
 *
 * Context: Process context, under epoch->derive.
 */
void ipcp_leaves_close(struct ipcp_epoch *ep, struct ipcp_leaves *lv)
{
	lockdep_assert_held(&ep->derive);
	spin_lock_bh(&ep->lock);
	leave_behind(ep, &lv->prev);
	leave_behind(ep, &lv->cur);
	leave_behind(ep, &lv->next);
	leave_behind(ep, &lv->jump);
	spin_unlock_bh(&ep->lock);
	ipcp_leaves_wipe(lv);
}

/**
 * ipcp_leaves_wipe() - Wipe the leaf keys that were not used
 * @lv: leaves of a direction
 *
 * Context: Process context, under epoch->derive or with the epoch to oneself.
 */
void ipcp_leaves_wipe(struct ipcp_leaves *lv)
{
	kfree_sensitive(lv->set.keys);
	lv->set.keys = NULL;
	lv->set.node = -1;
}
