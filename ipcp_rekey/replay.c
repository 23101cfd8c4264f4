// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The replay window of RFC 6479, one for each leaf key that is held.
 *
 * The map is a ring of words. When the window moves on, words that it newly
 * covers are zeroed; no bit is ever shifted. The word that holds the highest
 * number is only partly in use, so the window is one word shorter than the map.
 *
 * Numbers are those of packets in a leaf, so they never wrap.
 */
#include <asm/barrier.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "replay.h"

#define WORDS	(IPCP_REPLAY_BITS / BITS_PER_LONG)

static unsigned int word_of(u32 seq)
{
	return seq / BITS_PER_LONG % WORDS;
}

static unsigned long bit_of(u32 seq)
{
	return 1UL << seq % BITS_PER_LONG;
}

/**
 * ipcp_replay_init() - Nothing was received yet
 * @r: the window
 *
 * Context: Any context.
 */
void ipcp_replay_init(struct ipcp_replay *r)
{
	memset(r, 0, sizeof(*r));
}

/**
 * ipcp_replay_check() - Can this packet still be new?
 * @r: the window
 * @seq: the packet's number in its leaf
 *
 * Serves to drop packets before the work of decrypting them. Only reads, and
 * may run beside ipcp_replay_commit(): then it may let pass what commit will
 * refuse, but never the other way round.
 *
 * Context: Any context.
 * Return: IPCP_DROP_NONE, IPCP_DROP_LATE or IPCP_DROP_REPLAY
 */
enum ipcp_drop ipcp_replay_check(const struct ipcp_replay *r, u32 seq)
{
	/*
	 * Pairs with the release in ipcp_replay_commit(): who sees the window
	 * cover a number also sees its word zeroed.
	 */
	u32 next = smp_load_acquire(&r->next);

	if (seq >= next)
		return IPCP_DROP_NONE;
	if (next - seq > IPCP_REPLAY_WINDOW)
		return IPCP_DROP_LATE;
	if (READ_ONCE(r->map[word_of(seq)]) & bit_of(seq))
		return IPCP_DROP_REPLAY;
	return IPCP_DROP_NONE;
}

/* Zeroes the words between that of the highest number and that of @seq. */
static void clear_up_to(struct ipcp_replay *r, u32 seq)
{
	u32 from = r->next ? (r->next - 1) / BITS_PER_LONG + 1 : 0;
	u32 to = seq / BITS_PER_LONG + 1;
	u32 i;

	if (to > from + WORDS)
		from = to - WORDS;
	for (i = from; i < to; i++)
		WRITE_ONCE(r->map[i % WORDS], 0);
}

/**
 * ipcp_replay_commit() - A packet authenticated: let it pass once
 * @r: the window
 * @seq: the packet's number in its leaf
 *
 * Context: Any context. The caller serialises commits to one window.
 * Return: IPCP_DROP_NONE the first time, IPCP_DROP_REPLAY after that;
 *	   IPCP_DROP_LATE if it is too old to tell
 */
enum ipcp_drop ipcp_replay_commit(struct ipcp_replay *r, u32 seq)
{
	enum ipcp_drop drop = ipcp_replay_check(r, seq);
	unsigned long *word = &r->map[word_of(seq)];

	if (drop)
		return drop;

	if (seq >= r->next)
		clear_up_to(r, seq);
	WRITE_ONCE(*word, *word | bit_of(seq));
	if (seq >= r->next)
		/* Pairs with the acquire in ipcp_replay_check(). */
		smp_store_release(&r->next, seq + 1);
	return IPCP_DROP_NONE;
}
