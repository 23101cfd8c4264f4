/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_REPLAY_H
#define _IPCP_REPLAY_H

#include <linux/bitops.h>
#include <linux/types.h>

#include "drop.h"

#define IPCP_REPLAY_BITS	4096
/* Window size: the word with the highest counter is only partly in use. */
#define IPCP_REPLAY_WINDOW	(IPCP_REPLAY_BITS - BITS_PER_LONG)

/**
 * struct ipcp_replay - replay window: the sequence numbers received under a
 * leaf
 * @next: highest sequence number received, plus one; 0 before the first
 * @map: one bit for each sequence number in the window, modulo IPCP_REPLAY_BITS
 *
 * Locking: Written by ipcp_replay_commit() only, which the caller serialises.
 * ipcp_replay_check() reads locklessly.
 */
struct ipcp_replay {
	u32 next;
	unsigned long map[IPCP_REPLAY_BITS / BITS_PER_LONG];
};

void ipcp_replay_init(struct ipcp_replay *r);
enum ipcp_drop ipcp_replay_check(const struct ipcp_replay *r, u32 seq);
enum ipcp_drop ipcp_replay_commit(struct ipcp_replay *r, u32 seq);

#endif /* _IPCP_REPLAY_H */
