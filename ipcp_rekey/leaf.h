/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPCP_LEAF_H
#define _IPCP_LEAF_H

#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "aead.h"
#include "replay.h"

struct ipcp_epoch;

#define IPCP_JUMP_LEAVES	4	/* tried at a time */

/**
 * struct ipcp_leaf - a leaf key in use
 * @aead: the key
 * @no: which leaf of the epoch, counted over all nodes
 * @retired: nothing that arrives may use it any more
 * @abandoned: it will be derived anew, so nothing may be received with it;
 *	under @lock
 * @refs: one of the epoch's that points to it, one of each packet in a ring
 * @lock: serialises commits to @replay
 * @begun: receiver only, so much came under it that the next leaf is due
 * @epoch: whose leaf it is, with a reference
 * @free: the key is wiped in process context a grace period after the last
 *	reference, so a lookup under RCU may look at it until then
 * @replay: what was received under it; a leaf to send with has none
 */
struct ipcp_leaf {
	struct ipcp_aead aead;
	u16 no;
	bool retired;
	bool abandoned;
	refcount_t refs;
	spinlock_t lock;	/* @replay */
	bool begun;
	struct ipcp_epoch *epoch;
	struct rcu_work free;
	struct ipcp_replay replay[];
};

/**
 * struct ipcp_leaves - the leaf keys of one direction of an epoch
 * @set: leaf keys of the node that the direction is in; under epoch->derive
 * @prev: receiver only, leaf before @cur, for packets that were overtaken
 * @cur: newest leaf that was used
 * @next: prepared ahead; NULL while it is not
 * @jump: receiver only, leaves that packets far ahead claim to be of
 * @used: leaves that were used
 *
 * Pointers change under epoch->lock and are read under RCU.
 */
struct ipcp_leaves {
	struct ipcp_leaf_set set;
	struct ipcp_leaf __rcu *prev;
	struct ipcp_leaf __rcu *cur;
	struct ipcp_leaf __rcu *next;
	struct ipcp_leaf __rcu *jump[IPCP_JUMP_LEAVES];
	unsigned int used;
};

int ipcp_leaves_init(struct ipcp_epoch *ep, unsigned int dir);
void ipcp_leaves_retire(struct ipcp_epoch *ep, struct ipcp_leaves *lv);
void ipcp_leaves_wipe(struct ipcp_leaves *lv);

struct ipcp_leaf *ipcp_leaf_find(const struct ipcp_leaves *lv, unsigned int no);
int ipcp_leaf_lookup(struct ipcp_epoch *ep, unsigned int dir, unsigned int no,
		     struct ipcp_leaf **leaf);
void ipcp_leaf_put(struct ipcp_leaf *leaf);

int ipcp_leaf_prepare(struct ipcp_epoch *ep, unsigned int dir);
bool ipcp_leaf_next_due(struct ipcp_epoch *ep, unsigned int dir);
int ipcp_leaf_try_jump(struct ipcp_epoch *ep, unsigned int no);
bool ipcp_leaf_advance(struct ipcp_epoch *ep, unsigned int dir,
		       struct ipcp_leaf *leaf);

#endif /* _IPCP_LEAF_H */
