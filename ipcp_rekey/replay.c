// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The replay window of RFC 6479, one for each leaf key to receive with.
 *
 * The map is a ring of words. When the window advances, the words that it newly
 * covers are zeroed. Bits are never shifted. The word that holds the highest
 * sequence number is only partly in use, so the window is one word shorter than
 * the map.
 *
 * Sequence numbers count packets within a leaf, so they never wrap.
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
 * ipcp_replay_init() - Initialise an empty window
 * @r: the window
 *
 * Context: Any context.
 */
void ipcp_replay_init(struct ipcp_replay *r)
{
	memset(r, 0, sizeof(*r));
}

/**
 * ipcp_replay_check() - Check that a packet may be new, before decrypting it
 * @r: the window
 * @seq: the packet's sequence number in its leaf
 *
 * This function may run concurrently with ipcp_replay_commit(). Then it may
 * accept a packet that ipcp_replay_commit() rejects later, but never the
 * reverse.
 *
 * Context: Any context.
 * Return: IPCP_DROP_NONE, IPCP_DROP_LATE or IPCP_DROP_REPLAY.
 */
enum ipcp_drop ipcp_replay_check(const struct ipcp_replay *r, u32 seq)
{
	/*
	 * Pairs with smp_store_release() in ipcp_replay_commit(): once @next
	 * covers a sequence number, its word is seen zeroed.
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

/* Zero the words after that of the highest number, up to that of @seq. */
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
 * ipcp_replay_commit() - Record a packet that authenticated
 * @r: the window
 * @seq: the packet's sequence number in its leaf
 *
 * Context: Any context. The caller serialises commits to one window.
 * Return: IPCP_DROP_NONE the first time; IPCP_DROP_REPLAY after that;
 * IPCP_DROP_LATE if the packet is older than the window.
 */
enum ipcp_drop ipcp_replay_commit(struct ipcp_replay *r, u32 seq)
{
	unsigned long *word = &r->map[word_of(seq)];
	enum ipcp_drop drop;

	/* The word of the next number was cleared when the previous one was committed. */
	if (unlikely(seq != r->next || seq % BITS_PER_LONG == 0)) {
		drop = ipcp_replay_check(r, seq);
		if (drop)
			return drop;
		if (seq >= r->next)
			clear_up_to(r, seq);
	}
	WRITE_ONCE(*word, *word | bit_of(seq));
	if (seq >= r->next)
		/* Pairs with smp_load_acquire() in ipcp_replay_check(). */
		smp_store_release(&r->next, seq + 1);
	return IPCP_DROP_NONE;
}
