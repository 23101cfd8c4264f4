// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Questions about names, and the order of their lookups. */

#include <stdlib.h>
#include <string.h>

#include "question.h"

/* A user with questions or lookups. */
struct asker {
	LIST_ENTRY(asker) chain;
	TAILQ_ENTRY(asker) entry;	/* if @ready */
	bool ready;
	uint32_t uid;
	unsigned int uses;		/* questions and lookups */
	unsigned int lookups;
	struct question_list waiting;
};

void questions_init(struct questions *qs)
{
	size_t i;

	for (i = 0; i < QUESTION_CHAINS; i++) {
		LIST_INIT(&qs->flows[i]);
		LIST_INIT(&qs->users[i]);
	}
	TAILQ_INIT(&qs->ready);
}

static struct asker *asker_get(struct questions *qs, uint32_t uid)
{
	struct asker *asker;

	LIST_FOREACH(asker, &qs->users[uid % QUESTION_CHAINS], chain)
		if (asker->uid == uid)
			break;
	if (!asker) {
		asker = calloc(1, sizeof(*asker));
		if (!asker)
			return NULL;
		asker->uid = uid;
		TAILQ_INIT(&asker->waiting);
		LIST_INSERT_HEAD(&qs->users[uid % QUESTION_CHAINS], asker,
				 chain);
	}
	asker->uses++;
	return asker;
}

static void asker_put(struct asker *asker)
{
	if (--asker->uses)
		return;
	LIST_REMOVE(asker, chain);
	free(asker);
}

/*
 * Update whether a user is ready. A user that becomes ready goes to the end of
 * the list, and keeps its place.
 */
static void update(struct questions *qs, struct asker *asker)
{
	bool ready = !TAILQ_EMPTY(&asker->waiting) &&
		     asker->lookups < LOOKUPS_EACH;

	if (ready && !asker->ready)
		TAILQ_INSERT_TAIL(&qs->ready, asker, entry);
	if (!ready && asker->ready)
		TAILQ_REMOVE(&qs->ready, asker, entry);
	asker->ready = ready;
}

/* Move a user that had its turn to the end of the list. */
static void rotate(struct questions *qs, struct asker *asker)
{
	if (!asker->ready)
		return;
	TAILQ_REMOVE(&qs->ready, asker, entry);
	TAILQ_INSERT_TAIL(&qs->ready, asker, entry);
}

void asker_begin(struct questions *qs, struct asker *asker)
{
	asker->uses++;
	asker->lookups++;
	update(qs, asker);
}

void asker_end(struct questions *qs, struct asker *asker)
{
	asker->lookups--;
	update(qs, asker);
	asker_put(asker);
}

struct question *question_new(struct questions *qs, uint32_t flow,
			      uint32_t uid, const char *name, uint16_t port)
{
	struct question *q = calloc(1, sizeof(*q) + strlen(name) + 1);

	if (!q)
		return NULL;
	q->asker = asker_get(qs, uid);
	if (!q->asker) {
		free(q);
		return NULL;
	}
	q->flow = flow;
	q->port = port;
	strcpy(q->name, name);
	q->list = &q->asker->waiting;
	TAILQ_INSERT_TAIL(q->list, q, entry);
	LIST_INSERT_HEAD(&qs->flows[flow % QUESTION_CHAINS], q, chain);
	update(qs, q->asker);
	return q;
}

void question_free(struct questions *qs, struct question *q)
{
	TAILQ_REMOVE(q->list, q, entry);
	LIST_REMOVE(q, chain);
	update(qs, q->asker);
	asker_put(q->asker);
	free(q);
}

void questions_clear(struct questions *qs)
{
	size_t i;

	for (i = 0; i < QUESTION_CHAINS; i++)
		while (!LIST_EMPTY(&qs->flows[i]))
			question_free(qs, LIST_FIRST(&qs->flows[i]));
}

struct question *question_of(const struct questions *qs, uint32_t flow)
{
	struct question *q;

	LIST_FOREACH(q, &qs->flows[flow % QUESTION_CHAINS], chain)
		if (q->flow == flow)
			break;
	return q;
}

struct question *question_next(const struct questions *qs)
{
	const struct asker *asker = TAILQ_FIRST(&qs->ready);

	return asker ? TAILQ_FIRST(&asker->waiting) : NULL;
}

void question_join(struct questions *qs, struct question *q,
		   struct question_list *list)
{
	TAILQ_REMOVE(q->list, q, entry);
	q->list = list;
	TAILQ_INSERT_TAIL(list, q, entry);
	update(qs, q->asker);
	rotate(qs, q->asker);
}
