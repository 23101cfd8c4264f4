/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_REPLAY_H
#define _IPCP_REPLAY_H

#include <linux/bitops.h>
#include <linux/types.h>

#include "drop.h"

#define IPCP_REPLAY_BITS	4096
/* How far back a packet may come: one word of the map is always in change. */
#define IPCP_REPLAY_WINDOW	(IPCP_REPLAY_BITS - BITS_PER_LONG)

/**
 * struct ipcp_replay - which sequence numbers of a leaf were received
 * @next: one more than the highest received, 0 before the first
 * @map: a bit for each of the last numbers, number modulo IPCP_REPLAY_BITS
 *
 * Written by ipcp_replay_commit() alone, which the owner of the leaf
 * serialises; read by ipcp_replay_check() at any time.
 */
struct ipcp_replay {
	u32 next;
	unsigned long map[IPCP_REPLAY_BITS / BITS_PER_LONG];
};

void ipcp_replay_init(struct ipcp_replay *r);
enum ipcp_drop ipcp_replay_check(const struct ipcp_replay *r, u32 seq);
enum ipcp_drop ipcp_replay_commit(struct ipcp_replay *r, u32 seq);

#endif /* _IPCP_REPLAY_H */
