// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Record of the outcome of exchanges, bounded in size. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

void record_init(struct record *record)
{
	TAILQ_INIT(&record->failures);
}

static void drop(struct record *record, struct failure *f)
{
	TAILQ_REMOVE(&record->failures, f, entry);
	record->nfailures--;
	record->nflows -= f->flow != 0;
	free(f);
}

void record_free(struct record *record)
{
	while (!TAILQ_EMPTY(&record->failures))
		drop(record, TAILQ_FIRST(&record->failures));
}

void record_answer(struct record *record, enum outcome_kind kind, uint64_t now)
{
	record->by[kind].count++;
	record->by[kind].last = now;
}

void record_end(struct record *record, enum outcome_kind kind, uint64_t began,
		uint64_t now)
{
	static const uint64_t spans[NSPANS] = SPANS;
	struct outcome *o = &record->by[kind];
	uint64_t took = now - began;
	int i;

	record_answer(record, kind, now);
	o->total += took;
	if (took > o->longest)
		o->longest = took;
	for (i = 0; i < NSPANS && took > spans[i]; i++)
		;
	o->within[i]++;
}

static struct failure *find(const struct record *record, uint32_t flow)
{
	struct failure *f;

	TAILQ_FOREACH(f, &record->failures, entry)
		if (f->flow == flow)
			return f;
	return NULL;
}

uint32_t record_hold(const struct record *record, unsigned int times)
{
	uint32_t hold = HOLD_FIRST_MS;

	while (--times && hold < HOLD_MAX_MS)
		hold *= 2;
	if (hold > HOLD_MAX_MS || record->nflows == FAILURES_MAX)
		return HOLD_MAX_MS;
	return hold;
}

unsigned int record_times(const struct record *record, uint32_t flow)
{
	const struct failure *f = find(record, flow);

	return f ? f->times : 0;
}

bool record_waits(const struct record *record, uint32_t flow, uint64_t now)
{
	const struct failure *f = find(record, flow);

	return f && now < f->when + record_hold(record, f->times);
}

/* Find the entry of a flow, or NULL. 0 finds a free entry. */
static struct busy *find_busy(struct record *record, uint32_t flow)
{
	unsigned int i;

	for (i = 0; i < BUSY_FLOWS; i++)
		if (record->busy[i].flow == flow)
			return &record->busy[i];
	return NULL;
}

unsigned int record_busy(struct record *record, uint32_t flow)
{
	struct busy *b = find_busy(record, flow);

	if (!b)
		b = find_busy(record, 0);
	if (!b)
		return BUSY_TRIES + 1;
	b->flow = flow;
	return ++b->times;
}

static void forget_busy(struct record *record, uint32_t flow)
{
	struct busy *b = flow ? find_busy(record, flow) : NULL;

	if (b)
		memset(b, 0, sizeof(*b));
}

bool record_denied(struct record *record, uint32_t flow, uint64_t now)
{
	struct failure *f = find(record, flow);

	if (!f)
		return false;
	if (!f->denied)
		f->denied = now;
	return now - f->denied >= DENIED_APART_MS;
}

unsigned int record_forget(struct record *record, uint32_t flow)
{
	struct failure *f = flow ? find(record, flow) : NULL;
	unsigned int times = f ? f->times : 0;

	if (f)
		drop(record, f);
	forget_busy(record, flow);
	return times;
}

/*
 * Choose a failure to drop: the oldest without a flow, which anybody can cause,
 * else the oldest.
 */
static struct failure *least_wanted(struct record *record)
{
	struct failure *f = find(record, 0);

	return f ? f : TAILQ_FIRST(&record->failures);
}

unsigned int record_failure(struct record *record, enum outcome_kind kind,
			    uint32_t flow, const char *name,
			    const struct sockaddr_storage *peer,
			    const char *text, uint64_t now)
{
	struct failure *old = flow ? find(record, flow) : NULL;
	struct failure *f = calloc(1, sizeof(*f));

	forget_busy(record, flow);
	if (!f)
		return old ? old->times : 1;
	f->kind = kind;
	f->flow = flow;
	f->times = old ? old->times + 1 : 1;
	f->when = now;
	f->denied = old ? old->denied : 0;
	if (peer)
		f->peer = *peer;
	snprintf(f->name, sizeof(f->name), "%s", name);
	snprintf(f->text, sizeof(f->text), "%s", text);
	if (old)
		drop(record, old);
	else if (record->nfailures == FAILURES_MAX)
		drop(record, least_wanted(record));
	TAILQ_INSERT_TAIL(&record->failures, f, entry);
	record->nfailures++;
	record->nflows += flow != 0;
	return f->times;
}
