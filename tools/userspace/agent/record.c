// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Record of the outcome of exchanges. What the operator is shown is bounded in
 * size, and what failing flows need by their number.
 */

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
	free(f);
}

static struct trouble *trouble_of(const struct record *record, uint32_t flow)
{
	struct trouble *t;

	LIST_FOREACH(t, &record->troubles[flow % TROUBLE_CHAINS], entry)
		if (t->flow == flow)
			return t;
	return NULL;
}

static void settle(struct trouble *t)
{
	LIST_REMOVE(t, entry);
	free(t);
}

void record_free(struct record *record)
{
	int i;

	while (!TAILQ_EMPTY(&record->failures))
		drop(record, TAILQ_FIRST(&record->failures));
	for (i = 0; i < TROUBLE_CHAINS; i++)
		while (!LIST_EMPTY(&record->troubles[i]))
			settle(LIST_FIRST(&record->troubles[i]));
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

uint32_t record_hold(unsigned int times)
{
	uint32_t hold = HOLD_FIRST_MS;

	while (--times && hold < HOLD_MAX_MS)
		hold *= 2;
	return hold < HOLD_MAX_MS ? hold : HOLD_MAX_MS;
}

unsigned int record_times(const struct record *record, uint32_t flow)
{
	const struct trouble *t = trouble_of(record, flow);

	return t ? t->times : 0;
}

bool record_waits(const struct record *record, uint32_t flow, uint64_t now)
{
	const struct trouble *t = trouble_of(record, flow);

	return t && now < t->until;
}

void record_wait_over(struct record *record, uint32_t flow)
{
	struct trouble *t = trouble_of(record, flow);

	if (t)
		t->until = 0;
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
	struct trouble *t = trouble_of(record, flow);

	if (!t)
		return false;
	if (!t->denied)
		t->denied = now;
	return now - t->denied >= DENIED_APART_MS;
}

void record_has_keys(struct record *record, uint32_t flow)
{
	struct trouble *t = trouble_of(record, flow);

	if (t)
		t->denied = 0;
}

unsigned int record_forget(struct record *record, uint32_t flow)
{
	struct failure *f = flow ? find(record, flow) : NULL;
	struct trouble *t = trouble_of(record, flow);
	unsigned int times = t ? t->times : 0;

	if (f)
		drop(record, f);
	if (t)
		settle(t);
	forget_busy(record, flow);
	return times;
}

void record_seen(struct record *record, uint32_t flow)
{
	struct trouble *t = trouble_of(record, flow);
	struct busy *b = flow ? find_busy(record, flow) : NULL;

	if (t)
		t->seen = true;
	if (b)
		b->seen = true;
}

static void sweep(struct record *record, struct troubles *chain)
{
	struct trouble *t, *next;

	for (t = LIST_FIRST(chain); t; t = next) {
		next = LIST_NEXT(t, entry);
		if (!t->seen)
			record_forget(record, t->flow);
		else
			t->seen = false;
	}
}

static void sweep_busy(struct record *record)
{
	struct busy *b;

	for (b = record->busy; b < record->busy + BUSY_FLOWS; b++) {
		if (!b->seen)
			memset(b, 0, sizeof(*b));
		b->seen = false;
	}
}

void record_sweep(struct record *record)
{
	int i;

	sweep_busy(record);
	for (i = 0; i < TROUBLE_CHAINS; i++)
		sweep(record, &record->troubles[i]);
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

/* Count a failure of a flow. Return: consecutive failures. */
static unsigned int count(struct record *record, uint32_t flow, uint64_t now)
{
	struct trouble *t = trouble_of(record, flow);

	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t)
			return 1;
		t->flow = flow;
		LIST_INSERT_HEAD(&record->troubles[flow % TROUBLE_CHAINS], t,
				 entry);
	}
	t->until = now + record_hold(++t->times);
	return t->times;
}

unsigned int record_failure(struct record *record, enum outcome_kind kind,
			    uint32_t flow, const char *name,
			    const struct sockaddr_storage *peer,
			    const char *text, uint64_t now)
{
	struct failure *old = flow ? find(record, flow) : NULL;
	unsigned int times = flow ? count(record, flow, now) : 1;
	struct failure *f = calloc(1, sizeof(*f));

	forget_busy(record, flow);
	if (!f)
		return times;
	f->kind = kind;
	f->flow = flow;
	f->times = times;
	f->when = now;
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
	return times;
}
