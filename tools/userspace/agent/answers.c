// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Answers are kept, and repeated when the request arrives again. */

#include <stdlib.h>
#include <string.h>

#include "engine-int.h"

static struct answer_chain *chain_of(struct engine *e, uint64_t token)
{
	uint64_t mix = (token ^ e->salt) * UINT64_C(0x9e3779b97f4a7c15);

	return &e->chains[(mix >> 32) % ANSWER_CHAINS];
}

void answers_drop(struct engine *e, struct answer *a)
{
	TAILQ_REMOVE(&e->answers, a, entry);
	LIST_REMOVE(a, chain);
	e->nanswers--;
	free(a->msg.p);
	free(a);
}

/* Find the answer to a request by its token and the path it arrived on. */
struct answer *answers_find(struct engine *e, uint32_t flow,
			    const struct ipcp_nl_peer *peer, uint64_t token)
{
	struct answer *a;

	LIST_FOREACH(a, chain_of(e, token), chain) {
		if (a->msg.token != token)
			continue;
		if (a->sealed ? a->flow == flow :
				!flow && peer_equal(&a->peer.addr, &peer->addr))
			return a;
	}
	return NULL;
}

/* Find the answer to an allocation by the endpoint id of the initiator. */
struct answer *answers_of_flow(struct engine *e, uint32_t eid,
			       const struct ipcp_nl_peer *peer)
{
	struct answer *a;

	TAILQ_FOREACH(a, &e->answers, entry)
		if (a->eid && a->eid == eid && peer_equal(&a->peer.addr, &peer->addr))
			return a;
	return NULL;
}

static void drop_sealed(struct engine *e, uint32_t flow)
{
	struct answer *a, *next;

	for (a = TAILQ_FIRST(&e->answers); a; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->sealed && a->flow == flow)
			answers_drop(e, a);
	}
}

static struct answer *copy(const struct answer *from)
{
	struct answer *a = malloc(sizeof(*a));

	if (!a)
		return NULL;
	*a = *from;
	a->msg.p = malloc(from->msg.len);
	if (!a->msg.p) {
		free(a);
		return NULL;
	}
	memcpy(a->msg.p, from->msg.p, from->msg.len);
	return a;
}

/* Make room: a sender that has used its share loses its own oldest answer. */
static void make_room(struct engine *e, const char *who)
{
	struct answer *a, *oldest = NULL;
	unsigned int count = 0;

	if (*who) {
		TAILQ_FOREACH(a, &e->answers, entry) {
			if (strcmp(a->who, who))
				continue;
			if (!oldest)
				oldest = a;
			count++;
		}
	}
	if (count >= ANSWERS_EACH)
		answers_drop(e, oldest);
	else if (e->nanswers >= ANSWERS_MAX)
		answers_drop(e, TAILQ_FIRST(&e->answers));
}

/* Keep a copy of an answer, and send it. */
void answers_send(struct engine *e, const struct answer *from)
{
	struct answer *a = copy(from);

	if (!a)
		return;
	if (a->sealed)
		drop_sealed(e, a->flow);
	else
		make_room(e, a->who);
	a->repeated = engine_now(e);
	a->expires = a->repeated + ANSWER_KEEP_MS;
	TAILQ_INSERT_TAIL(&e->answers, a, entry);
	LIST_INSERT_HEAD(chain_of(e, a->msg.token), a, chain);
	e->nanswers++;
	send_message(e, a->sealed ? a->flow : 0, &a->peer, &a->msg, NULL);
}

/* Repeat an answer, to the address that the request came from. */
void answers_repeat(struct engine *e, struct answer *a, uint32_t flow,
		    const struct ipcp_nl_peer *peer,
		    const struct frame *frame)
{
	uint64_t now = engine_now(e);

	/* once for each request, not for each of its frames */
	if (frame->index || now - a->repeated < ANSWER_REPEAT_MS)
		return;
	a->repeated = now;
	send_message(e, flow, peer, &a->msg, NULL);
}

void answers_gone(struct engine *e, uint32_t flow)
{
	struct answer *a, *next;

	for (a = TAILQ_FIRST(&e->answers); a; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->flow == flow)
			answers_drop(e, a);
	}
}

/* Drop expired answers. Return: time of the next call. */
uint64_t answers_tick(struct engine *e, uint64_t now)
{
	struct answer *a;

	/* the list is sorted by time */
	while ((a = TAILQ_FIRST(&e->answers)) && now >= a->expires)
		answers_drop(e, a);
	return a ? a->expires : UINT64_MAX;
}

void answers_free(struct engine *e)
{
	while (!TAILQ_EMPTY(&e->answers))
		answers_drop(e, TAILQ_FIRST(&e->answers));
}
