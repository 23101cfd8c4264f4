// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Ids of recently accepted requests. The cache is bounded: a queue in order of
 * arrival, with hash chains through it. Entries older than the oldest
 * acceptable request are dropped.
 */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>

#include "int.h"

#define NONE	UINT32_MAX

struct entry {
	uint8_t id[OAP_ID_LEN];
	uint64_t arrived;
	uint32_t next;		/* in the hash chain */
};

struct oap_replay {
	uint64_t keep;
	uint64_t salt[2];
	uint32_t max;
	uint32_t first;		/* oldest entry */
	uint32_t count;
	uint32_t mask;
	bool evict;		/* when full: evict the oldest, else refuse */
	uint32_t *chains;
	struct entry *entries;
};

static uint64_t monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static uint32_t *chain_of(struct oap_replay *replay, const uint8_t *id)
{
	uint64_t a, b;

	memcpy(&a, id, 8);
	memcpy(&b, id + 8, 8);
	a = (a ^ replay->salt[0]) * UINT64_C(0x9e3779b97f4a7c15);
	b = (b ^ replay->salt[1] ^ (a >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
	return &replay->chains[(a ^ b ^ (b >> 31)) & replay->mask];
}

/**
 * oap_replay_new() - allocate an empty cache
 * @max: capacity in requests
 * @keep_ns: how long to keep an entry
 * @evict: when full, evict the oldest entry, else refuse
 *
 * Return: the cache, or NULL.
 */
struct oap_replay *oap_replay_new(uint32_t max, uint64_t keep_ns, bool evict)
{
	struct oap_replay *replay = calloc(1, sizeof(*replay));
	uint32_t size = 16;

	if (!replay)
		return NULL;
	while (size < max)
		size *= 2;
	replay->max = max;
	replay->keep = keep_ns;
	replay->evict = evict;
	replay->mask = size - 1;
	replay->chains = malloc(size * sizeof(*replay->chains));
	replay->entries = calloc(max, sizeof(*replay->entries));
	if (!replay->chains || !replay->entries ||
	    RAND_bytes((uint8_t *)replay->salt, sizeof(replay->salt)) != 1) {
		oap_replay_free(replay);
		return NULL;
	}
	memset(replay->chains, 0xff, size * sizeof(*replay->chains));
	return replay;
}

/**
 * oap_replay_free() - free a cache
 * @replay: the cache; may be NULL
 */
void oap_replay_free(struct oap_replay *replay)
{
	if (!replay)
		return;
	free(replay->chains);
	free(replay->entries);
	free(replay);
}

static void forget_oldest(struct oap_replay *replay)
{
	uint32_t *at = chain_of(replay, replay->entries[replay->first].id);

	while (*at != replay->first)
		at = &replay->entries[*at].next;
	*at = replay->entries[replay->first].next;
	replay->first = (replay->first + 1) % replay->max;
	replay->count--;
}

/**
 * oap_replay_add() - remember a request
 * @replay: the cache
 * @id: id of the request
 * @err: reason of a refusal
 *
 * Return: OAP_OK; OAP_REPLAY if the cache has the id; OAP_FULL.
 */
enum oap_code oap_replay_add(struct oap_replay *replay, const uint8_t *id,
			     struct oap_err *err)
{
	uint64_t now = monotonic();
	uint32_t *chain, i;

	while (replay->count &&
	       now - replay->entries[replay->first].arrived > replay->keep)
		forget_oldest(replay);
	for (i = *chain_of(replay, id); i != NONE; i = replay->entries[i].next)
		if (!memcmp(replay->entries[i].id, id, OAP_ID_LEN))
			return oap_err_set(err, OAP_REPLAY,
					   "the request is a replay");
	if (replay->count == replay->max) {
		if (!replay->evict)
			return oap_err_set(err, OAP_FULL,
					   "the replay cache is full: %u requests within the time window",
					   replay->max);
		forget_oldest(replay);
	}
	i = (replay->first + replay->count) % replay->max;
	chain = chain_of(replay, id);
	memcpy(replay->entries[i].id, id, OAP_ID_LEN);
	replay->entries[i].arrived = now;
	replay->entries[i].next = *chain;
	*chain = i;
	replay->count++;
	return OAP_OK;
}
