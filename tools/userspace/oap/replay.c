// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Ids of recently accepted requests. The cache is bounded: a queue in order of
 * arrival, with hash chains through it. Entries older than the oldest
 * acceptable request are dropped.
 *
 * The machine's clock, which determines the age of a request, can be set back:
 * a dropped request is then acceptable again. The cache therefore keeps, for
 * each sender, the time of the newest request that it has dropped.
 */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>

#include "int.h"

#define NONE	UINT32_MAX
#define SHARES		16	/* a sender may use this part of the cache */
#define SHARE_MIN	64	/* but at least this many entries */
#define SENDERS		4096	/* a salted hash maps senders to these */

struct entry {
	uint8_t id[OAP_ID_LEN];
	uint64_t arrived;
	uint64_t keep;		/* nanoseconds; the cache's if longer */
	uint64_t time;		/* of the request, ns since 1970; or 0 */
	uint32_t next;		/* in the hash chain */
	uint32_t sender;	/* NONE: no share */
};

/* State of all senders with the same hash value. */
struct sender {
	uint32_t count;		/* entries */
	uint64_t dropped;	/* newest time of a dropped entry */
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
	struct sender senders[SENDERS];
};

/**
 * oap_replay_clock() - read the clock of the caches, which cannot be set
 *
 * Return: nanoseconds since boot.
 */
uint64_t oap_replay_clock(void)
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
 * @evict: true to evict the oldest entry when full, false to refuse
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
 * oap_replay_keep() - change how long entries are kept
 * @replay: the cache
 * @keep_ns: how long to keep an entry; an entry that was added with a longer
 *	time is kept that long
 */
void oap_replay_keep(struct oap_replay *replay, uint64_t keep_ns)
{
	replay->keep = keep_ns;
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

/*
 * Map a sender to its slot. The salt is secret, so that nobody can choose a
 * name that shares the slot of another sender.
 */
static uint32_t sender_of(const struct oap_replay *replay, const char *name)
{
	uint64_t hash = replay->salt[0];

	if (!name)
		return NONE;
	for (; *name; name++)
		hash = ((hash ^ (uint8_t)*name) + replay->salt[1]) *
		       UINT64_C(0x9e3779b97f4a7c15) ^ hash >> 32;
	return (hash >> 32) % SENDERS;
}

/*
 * Each entry has its own time, since a request that was accepted for a wide
 * time window may stay acceptable for longer than a request for a narrow
 * window.
 */
static bool is_over(const struct oap_replay *replay, const struct entry *e,
		    uint64_t now)
{
	uint64_t keep = e->keep > replay->keep ? e->keep : replay->keep;

	return now - e->arrived > keep;
}

static void forget_oldest(struct oap_replay *replay)
{
	struct entry *oldest = &replay->entries[replay->first];
	uint32_t *at = chain_of(replay, oldest->id);
	struct sender *sender;

	while (*at != replay->first)
		at = &replay->entries[*at].next;
	*at = oldest->next;
	if (oldest->sender != NONE) {
		sender = &replay->senders[oldest->sender];
		sender->count--;
		if (oldest->time > sender->dropped)
			sender->dropped = oldest->time;
	}
	replay->first = (replay->first + 1) % replay->max;
	replay->count--;
}

/* Drop entries that are too old, then find an id. */
static bool has(struct oap_replay *replay, const uint8_t *id, uint64_t now)
{
	uint32_t i;

	while (replay->count &&
	       is_over(replay, &replay->entries[replay->first], now))
		forget_oldest(replay);
	for (i = *chain_of(replay, id); i != NONE; i = replay->entries[i].next)
		if (!memcmp(replay->entries[i].id, id, OAP_ID_LEN))
			return true;
	return false;
}

/* Check that a sender may have another entry, for a request made at @time. */
static enum oap_code check_sender(const struct oap_replay *replay, uint32_t from,
				  const char *name, uint64_t time,
				  struct oap_err *err)
{
	uint32_t share = replay->max / SHARES;

	if (from == NONE)
		return OAP_OK;
	if (share < SHARE_MIN)
		share = SHARE_MIN;
	if (time && time <= replay->senders[from].dropped)
		return oap_err_set(err, OAP_CLOCK,
				   "the clock of this host was set back: requests of %.60s from before are refused for another %.0f s; check the clocks",
				   name, (replay->senders[from].dropped - time) / 1e9);
	if (replay->senders[from].count >= share)
		return oap_err_set(err, OAP_FULL,
				   "%u requests of %.60s within the time window, no more are taken",
				   share, name);
	return OAP_OK;
}

static void insert(struct oap_replay *replay, const uint8_t *id, uint32_t from,
		   uint64_t time, uint64_t now)
{
	uint32_t i = (replay->first + replay->count) % replay->max;
	uint32_t *chain = chain_of(replay, id);
	struct entry *e = &replay->entries[i];

	memcpy(e->id, id, OAP_ID_LEN);
	e->arrived = now;
	e->keep = replay->keep;
	e->time = time;
	e->next = *chain;
	e->sender = from;
	if (from != NONE)
		replay->senders[from].count++;
	*chain = i;
	replay->count++;
}

/**
 * oap_replay_add() - remember a request
 * @replay: the cache
 * @id: id of the request
 * @sender: sender whose share the entry uses; NULL for none
 * @time: timestamp of the request, in nanoseconds since 1970; 0 to skip the
 *	check
 * @err: reason of a refusal
 *
 * Return: OAP_OK; OAP_REPLAY if the cache has the id; OAP_FULL if the cache or
 * the share of the sender is full; OAP_CLOCK if the cache may have dropped the
 * id before the clock was set back.
 */
enum oap_code oap_replay_add(struct oap_replay *replay, const uint8_t *id,
			     const char *sender, uint64_t time,
			     struct oap_err *err)
{
	uint32_t from = sender_of(replay, sender);
	uint64_t now = oap_replay_clock();
	enum oap_code code;

	if (has(replay, id, now))
		return oap_err_set(err, OAP_REPLAY, "the request is a replay");
	code = check_sender(replay, from, sender, time, err);
	if (code)
		return code;
	if (replay->count == replay->max) {
		if (!replay->evict)
			return oap_err_set(err, OAP_FULL,
					   "the replay cache is full: %u requests within the time window",
					   replay->max);
		forget_oldest(replay);
	}
	insert(replay, id, from, time, now);
	return OAP_OK;
}
