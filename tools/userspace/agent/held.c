// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Requests held while the kernel asks the peer whether it has the keys. */

#include <stdlib.h>
#include <string.h>

#include "held.h"

static bool of_flow(struct engine *e, uint32_t flow)
{
	struct held *h;

	TAILQ_FOREACH(h, &e->held, entry)
		if (h->r.flow == flow)
			return true;
	return false;
}

static unsigned int count_of(struct engine *e, const char *name)
{
	unsigned int count = 0;
	struct held *h;

	TAILQ_FOREACH(h, &e->held, entry)
		count += !strcmp(h->r.blob.peer.name, name);
	return count;
}

/*
 * True if there is room for the peer of the request, which has proved its name.
 */
static bool has_place(struct engine *e, const struct request *r)
{
	if (e->nheld < HELD_FREE)
		return true;
	return e->nheld < HELD_MAX &&
	       count_of(e, r->blob.peer.name) < HELD_EACH;
}

bool held_add(struct engine *e, struct request *r, held_done done)
{
	struct held *h;

	if (of_flow(e, r->flow))
		return request_refuse(r, REFUSE_BUSY, "another request waits");
	if (!has_place(e, r))
		return request_refuse(r, REFUSE_BUSY,
				      "too many requests wait for an answer under the keys");
	h = malloc(sizeof(*h));
	if (!h)
		return request_refuse(r, REFUSE_BUSY, "out of memory");
	h->r = *r;
	h->r.p = NULL;		/* the frames are freed */
	r->run = NULL;
	h->done = done;
	h->look_at = engine_now(e) + HELD_LOOK_MS;
	h->expires = engine_now(e) + HELD_KEEP_MS;
	TAILQ_INSERT_TAIL(&e->held, h, entry);
	e->nheld++;
	return true;
}

static void drop(struct engine *e, struct held *h)
{
	TAILQ_REMOVE(&e->held, h, entry);
	e->nheld--;
	oap_free(h->r.run);
	free(h);
}

bool held_has(struct engine *e, const struct ipcp_nl_peer *peer,
	      uint64_t token)
{
	struct held *h;

	TAILQ_FOREACH(h, &e->held, entry)
		if (h->r.token == token && peer_equal(&h->r.peer.addr, &peer->addr))
			return true;
	return false;
}

/* Continue a request if the kernel knows whether the peer has the keys. */
static void look(struct engine *e, struct held *h)
{
	struct ipcp_nl_flow flow;

	if (e->ops->flow_get(e->ctx, h->r.flow, &flow) ||
	    flow.question_exchange != h->r.question)
		flow.question = IPCP_REKEY_QUESTION_NONE;
	if (flow.question == IPCP_REKEY_QUESTION_ASKED) {
		h->look_at = engine_now(e) + HELD_AGAIN_MS;
		return;
	}
	h->done(&h->r, flow.question);
	drop(e, h);
}

void held_asked(struct engine *e, uint32_t flow)
{
	struct held *h, *next;

	for (h = TAILQ_FIRST(&e->held); h; h = next) {
		next = TAILQ_NEXT(h, entry);
		if (h->r.flow == flow)
			look(e, h);
	}
}

void held_gone(struct engine *e, uint32_t flow)
{
	struct held *h, *next;

	for (h = TAILQ_FIRST(&e->held); h; h = next) {
		next = TAILQ_NEXT(h, entry);
		if (h->r.flow == flow)
			drop(e, h);
	}
}

/* Return: time of the next call. */
uint64_t held_tick(struct engine *e, uint64_t now)
{
	struct held *h, *next;
	uint64_t at = UINT64_MAX;

	for (h = TAILQ_FIRST(&e->held); h; h = next) {
		next = TAILQ_NEXT(h, entry);
		if (now >= h->expires)
			drop(e, h);
		else if (now >= h->look_at)
			look(e, h);
	}
	TAILQ_FOREACH(h, &e->held, entry)
		if (h->look_at < at)
			at = h->look_at;
	return at;
}

void held_free(struct engine *e)
{
	while (!TAILQ_EMPTY(&e->held))
		drop(e, TAILQ_FIRST(&e->held));
}
