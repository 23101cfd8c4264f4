/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_LEAF_H
#define _IPCP_LEAF_H

#include "keys.h"

/* A packet with this sequence or above retires the leaf before its own. */
#define IPCP_LEAF_LEAVE_SEQ	2048
/* Time after which a new current leaf retires the leaf before it. */
#define IPCP_LEAF_LEAVE_MS	10000

int ipcp_leaves_init(struct ipcp_epoch *ep, unsigned int dir);
void ipcp_leaves_retire(struct ipcp_epoch *ep, struct ipcp_leaves *lv);

struct ipcp_leaf *ipcp_leaf_find(const struct ipcp_leaves *lv, unsigned int no);
int ipcp_leaf_lookup(struct ipcp_epoch *ep, unsigned int no,
		     struct ipcp_leaf **leaf);

int ipcp_leaf_prepare(struct ipcp_epoch *ep, unsigned int dir);
bool ipcp_leaf_next_due(struct ipcp_epoch *ep, unsigned int dir);
struct ipcp_leaf *ipcp_leaf_derive_jump(struct ipcp_epoch *ep, unsigned int no);
void ipcp_leaf_free(struct ipcp_leaf *leaf);
void ipcp_leaf_used(struct ipcp_epoch *ep, struct ipcp_leaf *leaf);
bool ipcp_leaf_received(struct ipcp_epoch *ep, struct ipcp_leaf *leaf,
			u64 counter);
bool ipcp_leaf_retire_late(struct ipcp_epoch *ep, unsigned long *until);

/*
 * True if deriving a leaf failed for lack of memory, or because of the payer's
 * quota: try again later.
 */
static inline bool ipcp_leaf_not_now(int err)
{
	return err == -ENOMEM || err == -EDQUOT;
}

#endif /* _IPCP_LEAF_H */
