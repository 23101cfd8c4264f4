// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Reassembly of requests. */

#include <stdlib.h>
#include <string.h>

#include "engine-int.h"

static void drop(struct engine *e, struct incoming *in)
{
	TAILQ_REMOVE(&e->incomings, in, entry);
	assembly_free(&in->in);
	free(in);
}

static bool same_source(const struct incoming *in, uint32_t flow,
			const struct ipcp_nl_peer *peer)
{
	return in->flow == flow && (flow || peer_equal(&in->peer.addr, &peer->addr));
}

/*
 * Make room for another request of a source. Drop the oldest request of that
 * source, or of all sources of its kind: requests in the clear, which anybody
 * can send, never evict requests under the keys of a flow, nor vice versa.
 */
static void make_room(struct engine *e, uint32_t flow,
		      const struct ipcp_nl_peer *peer)
{
	struct incoming *in, *oldest = NULL, *oldest_each = NULL;
	unsigned int count = 0, each = 0;

	TAILQ_FOREACH(in, &e->incomings, entry) {
		if (!in->flow != !flow)
			continue;
		if (!count++)
			oldest = in;
		if (same_source(in, flow, peer) && !each++)
			oldest_each = in;
	}
	if (each >= (flow ? 1 : ASSEMBLIES_EACH))
		drop(e, oldest_each);
	else if (count >= ASSEMBLIES_MAX)
		drop(e, oldest);
}

/* Find the request with this token, or allocate a new one. */
static struct incoming *find(struct engine *e, uint32_t flow,
			     const struct ipcp_nl_peer *peer,
			     uint64_t token)
{
	struct incoming *in;

	TAILQ_FOREACH(in, &e->incomings, entry)
		if (same_source(in, flow, peer) && in->in.token == token &&
		    in->in.p)
			return in;
	make_room(e, flow, peer);
	in = calloc(1, sizeof(*in));
	if (!in)
		return NULL;
	in->flow = flow;
	if (peer)
		in->peer = *peer;
	in->expires = engine_now(e) + ASSEMBLY_KEEP_MS;
	TAILQ_INSERT_TAIL(&e->incomings, in, entry);
	return in;
}

/*
 * Add a frame. Return true if the request is complete: the caller owns @msg
 * then.
 */
bool incoming_add(struct engine *e, uint32_t flow,
		  const struct ipcp_nl_peer *peer,
		  const struct frame *frame, struct assembly *msg)
{
	struct incoming *in = find(e, flow, peer, frame->token);
	int status;

	if (!in)
		return false;
	status = assembly_add(&in->in, frame);
	if (status == 0)
		return false;
	if (status == 1) {
		*msg = in->in;
		memset(&in->in, 0, sizeof(in->in));
	} else {
		e->record.bad_messages++;
	}
	drop(e, in);
	return status == 1;
}

void incoming_gone(struct engine *e, uint32_t flow)
{
	struct incoming *in, *next;

	for (in = TAILQ_FIRST(&e->incomings); in; in = next) {
		next = TAILQ_NEXT(in, entry);
		if (in->flow == flow)
			drop(e, in);
	}
}

/* Drop expired requests. Return: time of the next call. */
uint64_t incoming_tick(struct engine *e, uint64_t now)
{
	struct incoming *in;

	/* the list is sorted by time */
	while ((in = TAILQ_FIRST(&e->incomings)) && now >= in->expires)
		drop(e, in);
	return in ? in->expires : UINT64_MAX;
}

void incoming_free(struct engine *e)
{
	while (!TAILQ_EMPTY(&e->incomings))
		drop(e, TAILQ_FIRST(&e->incomings));
}
