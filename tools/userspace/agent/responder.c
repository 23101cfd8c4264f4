// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The responder. A peer gets a cookie first, unless it has already proved that
 * it receives at its source address, by a cookie or by the keys of the flow.
 */

#include <stdio.h>
#include <string.h>

#include "../common/addr.h"
#include "held.h"

/* Take down a half-open flow at once when the initiator rejects the answer. */
void responder_abort(struct engine *e, const struct ipcp_nl_peer *peer,
		     const struct frame *frame)
{
	struct answer *a = answers_find(e, 0, peer, frame->token);
	char text[REASON_LEN], why[2 * REASON_LEN], from[ADDR_TEXT_LEN];
	struct ipcp_nl_flow flow;
	enum refusal code;

	if (!a || a->rekey || !a->flow || frame->count != 1)
		return;
	code = refusal_read(frame->payload, frame->len, text);
	/* ABORT is unauthenticated: never take down a confirmed flow */
	if (!e->ops->flow_get(e->ctx, a->flow, &flow) &&
	    flow.state != IPCP_REKEY_FLOW_STATE_ALLOCATED) {
		snprintf(why, sizeof(why), "the peer gave up: %s", text);
		if (log_allowed(&e->refused_peers, engine_now(e)))
			log_warn("flow %u from %s: %s", a->flow,
				 addr_text(&peer->addr, from), why);
		e->ops->flow_del(e->ctx, a->flow, refusal_errno(code), why);
	}
	answers_drop(e, a);
}

static void on_request(struct engine *e, uint32_t flow,
		       const struct ipcp_nl_peer *peer,
		       const struct assembly *msg)
{
	struct request r = {
		.e = e, .flow = flow, .sealed = flow, .token = msg->token,
		.p = msg->p, .len = msg->len,
	};

	if (peer)
		r.peer = *peer;
	switch (msg->type) {
	case MSG_REKEY:
		request_rekey(&r);
		break;
	case MSG_REKEY_WANTED:
		request_wanted(&r);
		break;
	default:
		request_alloc(&r);
	}
	oap_free(r.run);
}

/* Send a cookie. */
void responder_hello(struct engine *e, const struct ipcp_nl_peer *peer,
		     const struct frame *frame)
{
	struct message msg = { .type = MSG_COOKIE, .token = frame->token };
	uint8_t cookie[COOKIE_LEN];

	/* no amplification: the reply is never longer than the frame */
	if (!cookie_make(&e->jar, engine_now(e), &peer->addr, cookie))
		return;
	e->record.cookies++;
	send_message(e, 0, peer, &msg, cookie);
}

/* Process a frame of a request, under the keys of a flow or from an address. */
void responder_frame(struct engine *e, uint32_t flow,
		     const struct ipcp_nl_peer *peer,
		     const struct frame *frame)
{
	struct answer *a = answers_find(e, flow, peer, frame->token);
	struct assembly msg;

	if (a) {
		answers_repeat(e, a, flow, peer, frame);
		return;
	}
	if (!flow && held_has(e, peer, frame->token))
		return;		/* an answer follows later */
	if (!incoming_add(e, flow, peer, frame, &msg))
		return;
	on_request(e, flow, peer, &msg);
	assembly_free(&msg);
}

/* Report that the kernel has asked the peer of a flow about its keys. */
void responder_asked(struct engine *e, uint32_t flow)
{
	held_asked(e, flow);
}

/* Drop the requests in progress; the peers repeat them. */
void responder_drop(struct engine *e)
{
	held_free(e);
}

void responder_gone(struct engine *e, uint32_t flow)
{
	held_gone(e, flow);
	answers_gone(e, flow);
	incoming_gone(e, flow);
}

uint64_t responder_tick(struct engine *e, uint64_t now)
{
	uint64_t a = answers_tick(e, now);
	uint64_t b = incoming_tick(e, now);
	uint64_t c = held_tick(e, now);

	a = a < b ? a : b;
	return a < c ? a : c;
}

void responder_free(struct engine *e)
{
	answers_free(e);
	incoming_free(e);
	held_free(e);
}
