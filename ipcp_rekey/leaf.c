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
 * epoch->derive. Moving on to a leaf that is there changes pointers only: the
 * worker is called for the one after it later, when some packets of the leaf
 * came or went. So it has all the rest of the leaf's packets to do that, and the
 * packet that is the first of a leaf costs what others do.
 */
#include <linux/slab.h>

#include "flow.h"
#include "hkdf.h"
#include "trace.h"

static void leaf_free_work(struct work_struct *work)
{
	struct ipcp_leaf *leaf = container_of(to_rcu_work(work),
					      struct ipcp_leaf, free);

	ipcp_aead_free(&leaf->aead);
	ipcp_epoch_put(leaf->epoch);
	kfree_sensitive(leaf);
}

static struct ipcp_leaf *leaf_new(struct ipcp_epoch *ep, unsigned int dir,
				  unsigned int no)
{
	bool receives = dir == ipcp_rx_dir(&ep->flow->rk);
	struct ipcp_leaf *leaf;

	leaf = kzalloc(struct_size(leaf, replay, receives), GFP_KERNEL_ACCOUNT);
	if (!leaf)
		return NULL;
	if (ipcp_aead_init(&leaf->aead, ep->cipher)) {
		kfree(leaf);
		return NULL;
	}
	leaf->no = no;
	refcount_set(&leaf->refs, 1);
	spin_lock_init(&leaf->lock);
	if (receives)
		ipcp_replay_init(leaf->replay);
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

/*
 * A leaf that nothing finds any more goes. True if packets that wait have it:
 * the worker is to open them.
 */
static bool retire_leaf(struct ipcp_epoch *ep, struct ipcp_leaf *leaf)
{
	bool held;

	if (!leaf)
		return false;
	WRITE_ONCE(leaf->retired, true);
	/* Pairs with get_held_leaf(): a holder not seen here sees it retired. */
	smp_mb();
	held = refcount_read(&leaf->refs) > 1;
	if (held)
		set_bit(IPCP_FLOW_OPEN_CLOSED, &ep->flow->bits);
	ipcp_leaf_put(leaf);
	return held;
}

/* Takes the leaf out of *pp, so that nothing finds it there any more. */
static bool retire_leaf_at(struct ipcp_epoch *ep, struct ipcp_leaf __rcu **pp)
{
	return retire_leaf(ep, rcu_replace_pointer(*pp, NULL,
						   lockdep_is_held(&ep->lock)));
}

/**
 * ipcp_leaf_find() - The leaf with a number
 * @lv: leaves of a direction
 * @no: number
 *
 * Without epoch->lock a leaf that moves from one pointer to another may be
 * missed.
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
	for (int i = 0; i < IPCP_JUMP_LEAVES; i++) {
		leaf = rcu_dereference_check(lv->jump[i],
					     rcu_read_lock_bh_held());
		if (leaf && leaf->no == no)
			return leaf;
	}
	return NULL;
}

static struct ipcp_leaf *get_held_leaf(const struct ipcp_leaves *lv,
				       unsigned int no)
{
	struct ipcp_leaf *leaf = ipcp_leaf_find(lv, no);

	if (!leaf || !refcount_inc_not_zero(&leaf->refs))
		return NULL;
	/* Paired with retire_leaf_at(), for who looks at leaf->retired later. */
	smp_mb__after_atomic();
	return leaf;
}

/**
 * ipcp_leaf_lookup() - The leaf with a number, and a reference to it
 * @ep: epoch
 * @dir: direction
 * @no: number
 * @leaf: out; NULL unless it was found
 *
 * Context: Under RCU.
 * Return: 0 if it was found; -EAGAIN if it was not derived yet; -EKEYEXPIRED if
 * it was left behind; -ENOKEY if the direction is closed.
 */
int ipcp_leaf_lookup(struct ipcp_epoch *ep, unsigned int dir, unsigned int no,
		     struct ipcp_leaf **leaf)
{
	struct ipcp_leaves *lv = &ep->leaves[dir];
	struct ipcp_leaf *cur;
	int err = 0;

	*leaf = get_held_leaf(lv, no);
	if (likely(*leaf))
		return 0;

	/* It may have been on the move. With the lock a miss is one. */
	spin_lock_bh(&ep->lock);
	*leaf = get_held_leaf(lv, no);
	cur = rcu_dereference_protected(lv->cur, lockdep_is_held(&ep->lock));
	if (!*leaf)
		err = !cur ? -ENOKEY : no <= cur->no ? -EKEYEXPIRED : -EAGAIN;
	spin_unlock_bh(&ep->lock);
	return err;
}

/* Has the leaf keys of the node that leaf @no is of, and of none before. */
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

/* Wipes the key of leaf @no, which is in use, and all before it. */
static void spend_key(struct ipcp_epoch *ep, unsigned int dir, unsigned int no)
{
	struct ipcp_key key;

	if (enter_node(ep, dir, no) &&
	    ipcp_leaf_take(&ep->leaves[dir].set, ipcp_leaf_index(no), &key))
		ipcp_key_wipe(&key);
}

/* Makes the leaf @no, with a copy of its key, whose origin stays for now. */
static struct ipcp_leaf *
derive_leaf(struct ipcp_epoch *ep, unsigned int dir, unsigned int no,
	    int (*get)(struct ipcp_epoch *ep, unsigned int dir, unsigned int no,
		       struct ipcp_key *key))
{
	struct mem_cgroup *before = ipcp_pay(&ep->flow->payer);
	struct ipcp_leaf *leaf = leaf_new(ep, dir, no);
	int err = leaf ? 0 : -ENOMEM;
	struct ipcp_key key;

	if (!err)
		err = get(ep, dir, no, &key);
	if (!err)
		err = ipcp_aead_setkey(&leaf->aead, &key);
	ipcp_pay_end(before);
	if (!err)
		return leaf;
	ipcp_leaf_put(leaf);
	return ERR_PTR(err);
}

/* A copy of the key of the next leaf, whose node is entered for it. */
static int next_key(struct ipcp_epoch *ep, unsigned int dir, unsigned int no,
		    struct ipcp_key *key)
{
	return enter_node(ep, dir, no) &&
	       ipcp_leaf_peek(&ep->leaves[dir].set, ipcp_leaf_index(no), key) ?
		0 : -EKEYEXPIRED;
}

/* A copy of the key of leaf @no, changing nothing. */
static int peek_key(struct ipcp_epoch *ep, unsigned int dir, unsigned int no,
		    struct ipcp_key *key)
{
	unsigned int node = ipcp_leaf_node(no);
	struct ipcp_leaf_set copy;
	int err = -EKEYEXPIRED;

	if (ep->leaves[dir].set.node == (s16)node)
		return next_key(ep, dir, no, key);

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

/* Number of the current leaf, or -1. It may move on at any time. */
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

/* Takes the leaf out of the jumps, if it is one. Under ep->lock. */
static struct ipcp_leaf *take_jump(struct ipcp_epoch *ep,
				   struct ipcp_leaves *lv, unsigned int no)
{
	for (int i = 0; i < IPCP_JUMP_LEAVES; i++) {
		struct ipcp_leaf *leaf;

		leaf = rcu_dereference_protected(lv->jump[i],
						 lockdep_is_held(&ep->lock));
		if (leaf && leaf->no == no) {
			RCU_INIT_POINTER(lv->jump[i], NULL);
			return leaf;
		}
	}
	return NULL;
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
	struct ipcp_leaf *leaf, *jumped;
	int no, err = 0;

	mutex_lock(&ep->derive);
	no = cur_no(ep, dir);
	if (no < 0) {
		err = -EKEYEXPIRED;
		goto unlock;
	}
	spend_key(ep, dir, no);	/* if it came by a jump */
	no++;
	if (rcu_access_pointer(lv->next))
		goto unlock;
	if (no >= IPCP_LEAF_TOTAL) {
		err = -EKEYEXPIRED;
		goto unlock;
	}
	leaf = derive_leaf(ep, dir, no, next_key);
	if (IS_ERR(leaf)) {
		err = PTR_ERR(leaf);
		goto unlock;
	}

	spin_lock_bh(&ep->lock);
	if (cur_no(ep, dir) == no - 1) {
		/* A leaf that was jumped to knows what it has received. */
		jumped = take_jump(ep, lv, no);
		if (jumped)
			swap(leaf, jumped);
		rcu_assign_pointer(lv->next, leaf);
		leaf = jumped;
	}
	spin_unlock_bh(&ep->lock);
	ipcp_leaf_put(leaf);
	spend_key(ep, dir, no);
unlock:
	mutex_unlock(&ep->derive);
	ipcp_stack_wipe();
	return err;
}

/**
 * ipcp_leaf_next_due() - Is it time to prepare the leaf after the current one?
 * @ep: epoch
 * @dir: direction
 *
 * Not before the current one is in use: a flow that is idle has no leaf for
 * nothing.
 *
 * Context: Any context but hard interrupts.
 * Return: true if ipcp_leaf_prepare() is due, or was done.
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

/* Takes a jump out, so that nothing is received with it. Under ep->lock. */
static bool abandon_jump(struct ipcp_epoch *ep, struct ipcp_leaf __rcu **pp)
{
	struct ipcp_leaf *leaf;
	bool abandoned;

	leaf = rcu_dereference_protected(*pp, lockdep_is_held(&ep->lock));
	spin_lock(&leaf->lock);
	abandoned = !leaf->replay->next;
	leaf->abandoned = abandoned;
	spin_unlock(&leaf->lock);
	if (abandoned)
		retire_leaf_at(ep, pp);
	return abandoned;
}

/*
 * Makes room for one more jump. A leaf with which something was received stays:
 * derived anew, it would not know what. Of the others the oldest goes, if there
 * is no other room: what the newest was derived for is about to be opened.
 */
static struct ipcp_leaf __rcu **free_jump(struct ipcp_epoch *ep,
					  struct ipcp_leaves *lv)
{
	const int last = IPCP_JUMP_LEAVES - 1;
	int i;

	lockdep_assert_held(&ep->lock);
	for (i = 0; i <= last; i++)
		if (!rcu_access_pointer(lv->jump[i]))
			return &lv->jump[i];
	for (i = 0; i <= last; i++)
		if (abandon_jump(ep, &lv->jump[i]))
			break;
	if (i > last)
		return NULL;
	for (; i < last; i++)
		rcu_assign_pointer(lv->jump[i],
				   rcu_dereference_protected(lv->jump[i + 1],
							     lockdep_is_held(&ep->lock)));
	RCU_INIT_POINTER(lv->jump[last], NULL);
	return &lv->jump[last];
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
 * Return: 0 if the leaf can be found now; -EKEYEXPIRED if it was left behind;
 * -ENOKEY if the epoch is closed; -ENOSPC if there are too many already; -ENOMEM.
 */
int ipcp_leaf_try_jump(struct ipcp_epoch *ep, unsigned int no)
{
	unsigned int dir = ipcp_rx_dir(&ep->flow->rk);
	struct ipcp_leaves *lv = &ep->leaves[dir];
	struct ipcp_leaf __rcu **room;
	struct ipcp_leaf *leaf;
	int err, cur;

	mutex_lock(&ep->derive);
	rcu_read_lock();
	err = ipcp_leaf_lookup(ep, dir, no, &leaf);
	rcu_read_unlock();
	ipcp_leaf_put(leaf);
	if (err != -EAGAIN)
		goto unlock;
	err = 0;
	cur = cur_no(ep, dir);
	if (cur >= 0)
		spend_key(ep, dir, cur);

	leaf = derive_leaf(ep, dir, no, peek_key);
	if (IS_ERR(leaf)) {
		err = PTR_ERR(leaf);
		goto unlock;
	}
	spin_lock_bh(&ep->lock);
	room = free_jump(ep, lv);
	if (room)
		rcu_assign_pointer(*room, leaf);
	spin_unlock_bh(&ep->lock);
	if (!room) {
		ipcp_leaf_put(leaf);
		err = -ENOSPC;
	}
unlock:
	mutex_unlock(&ep->derive);
	ipcp_stack_wipe();
	return err;
}

/* Leaves the jumps behind that were overtaken. True as retire_leaf(). */
static bool retire_jumped(struct ipcp_epoch *ep, struct ipcp_leaves *lv,
			  unsigned int no)
{
	bool held = false;

	for (int i = 0; i < IPCP_JUMP_LEAVES; i++) {
		struct ipcp_leaf *leaf;

		leaf = rcu_dereference_protected(lv->jump[i],
						 lockdep_is_held(&ep->lock));
		if (leaf && leaf->no <= no)
			held |= retire_leaf_at(ep, &lv->jump[i]);
	}
	return held;
}

/**
 * ipcp_leaf_advance() - Move on to a leaf
 * @ep: epoch
 * @dir: direction
 * @leaf: prepared ahead, or jumped to; a receiver authenticated DATA with it
 *
 * A receiver leaves the leaf before the one that was current behind; a sender
 * the current one, since a writer has its leaf before it claims its counter.
 *
 * Context: Bottom halves are off; does not sleep.
 * Return: true if the worker is to be called: packets wait under a key that is
 * to go, or it was a jump, and keys before it are to be wiped.
 */
bool ipcp_leaf_advance(struct ipcp_epoch *ep, unsigned int dir,
		       struct ipcp_leaf *leaf)
{
	bool receives = dir == ipcp_rx_dir(&ep->flow->rk);
	struct ipcp_leaves *lv = &ep->leaves[dir];
	struct ipcp_leaf *cur, *old;
	bool work = false;

	spin_lock(&ep->lock);
	cur = rcu_dereference_protected(lv->cur, lockdep_is_held(&ep->lock));
	if (!cur || cur->no >= leaf->no)
		goto unlock;
	if (rcu_access_pointer(lv->next) == leaf) {
		RCU_INIT_POINTER(lv->next, NULL);	/* see lookup */
	} else if (take_jump(ep, lv, leaf->no) == leaf) {
		retire_leaf_at(ep, &lv->next);
		/* What prepares the next leaf wipes the keys before this. */
		WRITE_ONCE(leaf->begun, true);
		work = true;
	} else {
		goto unlock;
	}

	old = cur;
	if (receives)
		old = rcu_replace_pointer(lv->prev, cur,
					  lockdep_is_held(&ep->lock));
	rcu_assign_pointer(lv->cur, leaf);
	work |= retire_leaf(ep, old);
	if (receives)
		work |= retire_jumped(ep, lv, leaf->no);
	lv->used++;
	trace_ipcp_leaf(ep->flow, ep->no, dir, leaf->no);
unlock:
	spin_unlock(&ep->lock);
	return work;
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

	lv->set.keys = kmalloc(sizeof(*lv->set.keys), GFP_KERNEL_ACCOUNT);
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
 * ipcp_leaves_retire() - Leave all leaves of a direction behind
 * @ep: epoch
 * @lv: its leaves
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
	retire_jumped(ep, lv, IPCP_LEAF_TOTAL);
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
