// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Entry points of the engine: dispatch messages, claims and upcalls. */

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/rand.h>

#include "engine-int.h"

struct engine *engine_new(const struct engine_ops *ops, void *ctx,
			  const struct config *conf, struct oap_env *oap)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->ops = ops;
	e->ctx = ctx;
	e->claim_at = UINT64_MAX;
	TAILQ_INIT(&e->exchanges);
	e->exchange_due = UINT64_MAX;
	TAILQ_INIT(&e->answers);
	TAILQ_INIT(&e->incomings);
	TAILQ_INIT(&e->held);
	record_init(&e->record);
	e->done_allocs.most = LOG_MANY;
	/*
	 * a peer chooses its tokens, and must not be able to fill a hash chain
	 */
	if (RAND_bytes((uint8_t *)&e->salt, sizeof(e->salt)) != 1) {
		free(e);
		return NULL;
	}
	engine_set_config(e, conf, oap);
	return e;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	initiator_free(e);
	responder_free(e);
	record_free(&e->record);
	explicit_bzero(&e->jar, sizeof(e->jar));
	free(e);
}

void engine_set_config(struct engine *e, const struct config *conf,
		       struct oap_env *oap)
{
	e->conf = conf;
	e->oap = oap;
}

unsigned int engine_room(const struct engine *e)
{
	return e->nrekeys < e->conf->max_exchanges ?
	       e->conf->max_exchanges - e->nrekeys : 0;
}

uint64_t engine_claim_at(const struct engine *e)
{
	return e->claim_at;
}

void engine_claims(struct engine *e)
{
	e->claim_at = UINT64_MAX;
}

void engine_ctrl(struct engine *e, const struct ipcp_nl_peer *peer,
		 const uint8_t *p, size_t len)
{
	struct frame frame;

	if (peer->addr.ss_family && versions_take(e, 0, peer, p, len))
		return;
	if (!peer->addr.ss_family || !frame_read(&frame, p, len)) {
		e->record.bad_messages++;
		return;
	}
	switch (frame.type) {
	case MSG_HELLO:
		responder_hello(e, peer, &frame);
		break;
	case MSG_ALLOC:
	case MSG_ABORT:
	case MSG_REKEY:
	case MSG_REKEY_WANTED:
		if (!cookie_ok(&e->jar, engine_now(e), &peer->addr, frame.cookie))
			responder_hello(e, peer, &frame);
		else if (frame.type == MSG_ABORT)
			responder_abort(e, peer, &frame);
		else
			responder_frame(e, 0, peer, &frame);
		break;
	case MSG_COOKIE:
		initiator_cookie(e, peer, &frame);
		break;
	case MSG_ALLOC_OK:
	case MSG_REFUSED:
	case MSG_REKEY_OK:
	case MSG_REKEY_REFUSED:
	case MSG_REKEY_DENIED:
		initiator_answer(e, 0, &frame);
		break;
	default:
		e->record.bad_messages++;
	}
}

void engine_sealed(struct engine *e, uint32_t flow, const uint8_t *p,
		   size_t len)
{
	struct frame frame;

	if (flow && versions_take(e, flow, NULL, p, len))
		return;
	if (!flow || !frame_read(&frame, p, len)) {
		e->record.bad_messages++;
		return;
	}
	switch (frame.type) {
	case MSG_REKEY:
		responder_frame(e, flow, NULL, &frame);
		break;
	case MSG_REKEY_OK:
	case MSG_REKEY_REFUSED:
		initiator_answer(e, flow, &frame);
		break;
	case MSG_REKEY_WANTED:
		rekey_wanted(e, flow);
		break;
	default:
		e->record.bad_messages++;
	}
}

void engine_alloc(struct engine *e, const struct ipcp_nl_upcall *upcall)
{
	allocate_begin(e, upcall);
}

void engine_resolved(struct engine *e, uint32_t flow,
		     const struct sockaddr_storage *addrs, size_t count,
		     const char *why)
{
	allocate_resolved(e, flow, addrs, count, why);
}

void engine_rekey(struct engine *e, const struct ipcp_nl_claim *claim)
{
	rekey_begin(e, claim);
}

bool engine_wants(const struct ipcp_nl_flow *flow)
{
	return want_needed(flow);
}

void engine_want(struct engine *e, const struct ipcp_nl_flow *flow)
{
	want_rekey(e, flow);
}

void engine_due(struct engine *e, const struct ipcp_nl_flow *flow)
{
	if (!flow->initiator && flow->due & IPCP_REKEY_DUE_REQUEST)
		record_wait_over(&e->record, flow->id);
	want_rekey(e, flow);
}

void engine_asked(struct engine *e, uint32_t flow)
{
	initiator_asked(e, flow);
	responder_asked(e, flow);
}

void engine_drop_runs(struct engine *e, const char *why)
{
	initiator_drop(e, why);
	responder_drop(e);
}

/* Reseed the random numbers: other copies of the machine would share them. */
static void reseed(void)
{
	uint8_t seed[48];

	if (getrandom(seed, sizeof(seed), 0) == sizeof(seed))
		RAND_seed(seed, sizeof(seed));
	explicit_bzero(seed, sizeof(seed));
}

void engine_copied(struct engine *e)
{
	reseed();
	engine_drop_runs(e, "the machine was copied meanwhile: try again");
	responder_free(e);
	explicit_bzero(&e->jar, sizeof(e->jar));
}

/* Cancel an exchange after the program gave up, or the flow ended. */
void engine_cancel(struct engine *e, uint32_t flow)
{
	record_forget(&e->record, flow);
	initiator_gone(e, flow);
	responder_gone(e, flow);
}

void engine_seen(struct engine *e, uint32_t flow)
{
	record_seen(&e->record, flow);
}

void engine_sweep(struct engine *e)
{
	record_sweep(&e->record);
}

uint64_t engine_tick(struct engine *e)
{
	uint64_t now = engine_now(e);
	uint64_t a = initiator_tick(e, now);
	uint64_t b = responder_tick(e, now);

	return a < b ? a : b;
}
