// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The initiator: find the exchange for an answer. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine-int.h"

void initiator_free(struct engine *e)
{
	while (!TAILQ_EMPTY(&e->exchanges))
		exchange_free(e, TAILQ_FIRST(&e->exchanges));
}

void initiator_cookie(struct engine *e, const struct ipcp_nl_peer *peer,
		      const struct frame *frame)
{
	struct exchange *x = exchange_find(e, 0, frame->token);

	if (!x || (x->kind == EXCHANGE_WANT && !want_hears(x, peer)) ||
	    (x->has_cookie &&
	     (!peer_equal(&peer->addr, &x->peer.addr) ||
	      !memcmp(x->cookie, frame->cookie, COOKIE_LEN))))
		return;
	memcpy(x->cookie, frame->cookie, COOKIE_LEN);
	x->has_cookie = true;
	if (x->kind == EXCHANGE_ALLOC && !allocate_cookie(e, x, peer))
		return;
	if (x->kind == EXCHANGE_WANT && !want_cookie(e, x, peer))
		return;
	if (peer_equal(&peer->addr, &x->peer.addr))
		memcpy(x->peer.local, peer->local, sizeof(x->peer.local));
	if (x->kind == EXCHANGE_REKEY && recover_renew(e, x))
		return;
	x->wait = RESEND_FIRST_MS;
	/*
	 * requests are much longer than cookies, which anyone on the path can
	 * send
	 */
	if (x->sent && engine_now(e) - x->sent_at < REQUEST_REPEAT_MS) {
		x->resend_at = x->sent_at + REQUEST_REPEAT_MS;
		exchange_due(e, x->resend_at);
	} else {
		exchange_send(e, x);
	}
}

static void refused(struct engine *e, struct exchange *x)
{
	char text[REASON_LEN], why[2 * REASON_LEN];
	enum refusal code = refusal_read(x->in.p, x->in.len, text);

	snprintf(why, sizeof(why), "the peer refuses: %s", text);
	if (x->kind == EXCHANGE_REKEY)
		rekey_refused(e, x, code, why);
	else
		allocate_refused(e, x, refusal_errno(code), 0, why);
}

/* Process a signed refusal. */
static void denied(struct engine *e, struct exchange *x)
{
	struct binding denial;

	if (!denial_read(e, x, &denial))
		return;
	if (x->kind == EXCHANGE_REKEY)
		recover_denied(e, x, &denial);
	else
		want_denied(e, x, &denial);
}

/* True if a message type answers an exchange of this kind. */
static bool fits(const struct exchange *x, enum msg_type type)
{
	switch (x->kind) {
	case EXCHANGE_ALLOC:
		return type == MSG_ALLOC_OK || type == MSG_REFUSED;
	case EXCHANGE_REKEY:
		return type == MSG_REKEY_OK || type == MSG_REKEY_REFUSED ||
		       type == MSG_REKEY_DENIED;
	default:
		return type == MSG_REKEY_DENIED;
	}
}

/* Process a frame of an answer. */
void initiator_answer(struct engine *e, uint32_t flow,
		      const struct frame *frame)
{
	struct exchange *x = exchange_find(e, flow, frame->token);

	if (!x || !x->sent || !fits(x, frame->type))
		return;
	/* never mix frames of a refusal and frames of an answer */
	if (x->in.p && x->in.type != frame->type)
		assembly_free(&x->in);
	if (assembly_add(&x->in, frame) != 1)
		return;
	if (frame->type == MSG_REKEY_DENIED)
		denied(e, x);
	else if (frame->type == MSG_REFUSED || frame->type == MSG_REKEY_REFUSED)
		refused(e, x);
	else if (x->kind == EXCHANGE_REKEY)
		rekey_done(e, x);
	else
		allocate_done(e, x);
}

/* Report that the kernel has asked the peer of a flow about its keys. */
void initiator_asked(struct engine *e, uint32_t flow)
{
	struct exchange *x = exchange_of_flow(e, flow, EXCHANGE_REKEY);

	if (x)
		recover_asked(e, x);
}

void initiator_gone(struct engine *e, uint32_t flow)
{
	struct exchange *x, *next;

	for (x = LIST_FIRST(&e->by_flow[flow % EXCHANGE_CHAINS]); x; x = next) {
		next = LIST_NEXT(x, by_flow);
		if (x->flow != flow)
			continue;
		if (x->kind == EXCHANGE_ALLOC)
			allocate_abort(e, x, REFUSE_CANCELLED,
				       "the program gave up");
		exchange_free(e, x);
	}
}

void initiator_drop(struct engine *e, const char *why)
{
	struct exchange *x;

	while ((x = TAILQ_FIRST(&e->exchanges))) {
		if (x->kind == EXCHANGE_REKEY)
			rekey_drop(e, x);
		else if (x->kind == EXCHANGE_WANT)
			exchange_free(e, x);
		else
			allocate_failed(e, x, ECONNREFUSED, REFUSE_CANCELLED,
					why);
	}
}

/* End an exchange whose time limit has passed. */
static void time_out(struct engine *e, struct exchange *x)
{
	switch (x->kind) {
	case EXCHANGE_ALLOC:
		allocate_timeout(e, x);
		break;
	case EXCHANGE_REKEY:
		rekey_timeout(e, x);
		break;
	default:
		want_timeout(e, x);
	}
}

/* Send a request again, or react otherwise. May end the exchange. */
static void resend(struct engine *e, struct exchange *x)
{
	switch (x->kind) {
	case EXCHANGE_ALLOC:
		allocate_resend(e, x);
		break;
	case EXCHANGE_REKEY:
		recover_resend(e, x);
		break;
	default:
		want_resend(e, x);
	}
}

/* Do the due work of an exchange. */
static void tick(struct engine *e, struct exchange *x, uint64_t now)
{
	if (now >= x->deadline)
		time_out(e, x);
	else if (now >= x->resend_at)
		resend(e, x);
}

static void tick_all(struct engine *e, uint64_t now)
{
	struct exchange *x, *next;

	for (x = TAILQ_FIRST(&e->exchanges); x; x = next) {
		next = TAILQ_NEXT(x, entry);
		tick(e, x, now);
	}
	/* include exchanges that began meanwhile, in place of others */
	e->exchange_due = UINT64_MAX;
	TAILQ_FOREACH(x, &e->exchanges, entry) {
		exchange_due(e, x->resend_at);
		exchange_due(e, x->deadline);
	}
	e->exchange_rest = now + e->nexchanges / EXCHANGES_PER_MS;
}

/*
 * Visit all exchanges when one is due. With many exchanges, visit them less
 * often, to leave time for other work.
 */
uint64_t initiator_tick(struct engine *e, uint64_t now)
{
	if (now >= e->exchange_due && now >= e->exchange_rest)
		tick_all(e, now);
	return e->exchange_due > e->exchange_rest ? e->exchange_due :
						    e->exchange_rest;
}
