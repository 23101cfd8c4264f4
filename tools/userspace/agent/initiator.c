// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The side that asks: what allocations and re-keys have in common, and re-keys
 * of our flows. allocate.c has the rest.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "engine-int.h"
#include "log.h"

void exchange_free(struct engine *e, struct exchange *x)
{
	TAILQ_REMOVE(&e->exchanges, x, entry);
	if (x->rekey)
		e->nrekeys--;
	if (x->resolving)
		e->ops->resolve_cancel(e->ctx, x->flow);
	assembly_free(&x->in);
	oap_free(x->run);
	free(x->places);
	free(x);
}

void initiator_free(struct engine *e)
{
	while (!TAILQ_EMPTY(&e->exchanges))
		exchange_free(e, TAILQ_FIRST(&e->exchanges));
}

static struct oap_params params_of(const struct exchange *x)
{
	struct oap_params params = {
		.name = x->blob.name,
		.auth = x->blob.auth,
		.peer_name = x->blob.name,
	};

	if (x->rekey) {
		params.auth = x->blob.peer.authenticated ? OAP_AUTH_REQUIRED :
							   OAP_AUTH_NONE;
		params.peer_name = x->blob.peer.name;
		params.cipher = x->blob.cipher;
	}
	return params;
}

/*
 * A new token, which makes answers to the one before strangers. The request
 * that had that one goes.
 */
bool exchange_token(struct exchange *x)
{
	assembly_free(&x->in);
	oap_free(x->run);
	x->run = NULL;
	x->sent = false;
	memset(&x->msg, 0, sizeof(x->msg));
	while (!x->msg.token)
		if (RAND_bytes((uint8_t *)&x->msg.token,
			       sizeof(x->msg.token)) != 1)
			return false;
	return true;
}

/* Makes the request of the token, or there is nothing to send. */
enum oap_code exchange_request(struct engine *e, struct exchange *x,
			       struct oap_err *err)
{
	struct oap_params params = params_of(x);
	uint8_t data[BINDING_MAX];
	enum oap_code code;

	params.data = data;
	params.data_len = binding_write(&x->bind, data);
	code = oap_request(e->oap, &params, &x->run, err);
	if (code)
		return code;
	x->msg.type = x->rekey ? MSG_REKEY : MSG_ALLOC;
	x->msg.p = (uint8_t *)oap_message(x->run, &x->msg.len);
	x->made = engine_now(e);
	if (x->msg.len <= MESSAGE_MAX)
		return OAP_OK;
	err->code = OAP_INTERNAL;
	snprintf(err->text, sizeof(err->text),
		 "the request has %zu bytes, more than %u", x->msg.len,
		 MESSAGE_MAX);
	return OAP_INTERNAL;
}

struct exchange *exchange_new(struct engine *e, uint32_t flow, bool rekey,
			      uint32_t timeout)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->flow = flow;
	x->rekey = rekey;
	x->wait = RESEND_FIRST_MS;
	x->began = engine_now(e);
	x->deadline = x->began + timeout;
	e->nrekeys += rekey;
	TAILQ_INSERT_TAIL(&e->exchanges, x, entry);
	return x;
}

/* Sends what is next to be sent, and sets the time to send it again. */
void exchange_send(struct engine *e, struct exchange *x)
{
	struct message hello = { .type = MSG_HELLO, .token = x->msg.token };

	if (x->in_clear && !x->has_cookie) {
		send_message(e, 0, &x->peer, &hello, NULL);
	} else {
		x->sent = true;
		send_message(e, x->in_clear ? 0 : x->flow, &x->peer, &x->msg,
			     x->in_clear ? x->cookie : NULL);
	}
	x->tries++;
	x->resend_at = engine_now(e) + x->wait;
	x->wait = x->wait * 2 > RESEND_MAX_MS ? RESEND_MAX_MS : x->wait * 2;
}

static void rekey_over(struct engine *e, struct exchange *x)
{
	e->ops->rekey_clear(e->ctx, x->flow, x->bind.exchange);
	exchange_free(e, x);
}

static void rekey_failed(struct engine *e, struct exchange *x,
			 enum outcome_kind kind, const char *text)
{
	uint64_t now = engine_now(e);

	record_end(&e->record, kind, x->began, now);
	record_failure(&e->record, kind, x->flow, x->blob.name, &x->peer, text,
		       now);
	log_warn("flow %u to %s: re-key to epoch %u failed: %s", x->flow,
		 x->blob.name, x->bind.epoch, text);
	rekey_over(e, x);
}

/*
 * A side that lost all keys cannot read what is sealed. Who proved a
 * certificate at allocation proves it again in the clear; others cannot.
 */
static void go_in_clear(struct engine *e, struct exchange *x)
{
	if (x->in_clear || !x->blob.peer.authenticated || !x->peer.ss_family)
		return;
	x->in_clear = true;
	x->wait = RESEND_FIRST_MS;
	e->record.rekey_in_clear++;
	log_dbg("flow %u to %s: re-key without the flow's keys", x->flow,
		x->blob.name);
}

void engine_rekey(struct engine *e, const struct ipcp_nl_claim *claim)
{
	struct exchange *x = exchange_new(e, claim->id, true,
					  e->conf->rekey_timeout);
	struct oap_err err;

	if (!x) {
		e->ops->rekey_clear(e->ctx, claim->id, claim->exchange);
		return;
	}
	x->peer = claim->peer;
	x->bind.purpose = FOR_REKEY_REQUEST;
	x->bind.epoch = claim->epoch;
	x->bind.exchange = claim->exchange;
	x->bind.initiator_eid = claim->eid;
	x->bind.responder_eid = claim->peer_eid;
	if (!blob_read(&x->blob, claim->blob, claim->blob_len) ||
	    x->blob.role != ROLE_INITIATOR ||
	    x->blob.cipher != claim->cipher) {
		rekey_failed(e, x, REKEY_FAILED,
			     "what the agent left with the flow is unusable");
		return;
	}
	if (engine_hopeless(e, claim->id, claim->due, &x->blob)) {
		rekey_over(e, x);
		return;
	}
	if (!exchange_token(x)) {
		rekey_failed(e, x, REKEY_FAILED, "no random numbers");
		return;
	}
	if (exchange_request(e, x, &err)) {
		rekey_failed(e, x, REKEY_FAILED, err.text);
		return;
	}
	log_dbg("flow %u to %s: re-key to epoch %u, exchange %u", x->flow,
		x->blob.name, x->bind.epoch, x->bind.exchange);
	if (claim->due & IPCP_REKEY_DUE_NO_KEYS)
		go_in_clear(e, x);
	exchange_send(e, x);
}

static struct exchange *find(struct engine *e, uint32_t flow, uint64_t token)
{
	struct exchange *x;

	TAILQ_FOREACH(x, &e->exchanges, entry)
		if (x->msg.token && x->msg.token == token &&
		    (flow ? x->rekey && x->flow == flow : x->in_clear))
			return x;
	return NULL;
}

void initiator_cookie(struct engine *e, const struct sockaddr_storage *peer,
		      const struct frame *frame)
{
	struct exchange *x = find(e, 0, frame->token);

	if (!x || (x->has_cookie &&
		   (!same_peer(peer, &x->peer) ||
		    !memcmp(x->cookie, frame->cookie, COOKIE_LEN))))
		return;
	memcpy(x->cookie, frame->cookie, COOKIE_LEN);
	x->has_cookie = true;
	if (!x->rekey && !allocate_cookie(e, x, peer))
		return;
	x->wait = RESEND_FIRST_MS;
	exchange_send(e, x);
}

/* The response is authentic; is it about what we asked? */
static bool binding_fits(struct exchange *x, struct oap_err *err)
{
	struct binding want = x->bind, got;
	const uint8_t *data;
	size_t len;

	data = oap_data(x->run, &len);
	want.purpose = x->rekey ? FOR_REKEY_RESPONSE : FOR_ALLOC_RESPONSE;
	if (binding_read(&got, data, len)) {
		if (!x->rekey)
			want.responder_eid = got.responder_eid;
		if (binding_same(&want, &got) && got.responder_eid) {
			x->bind.responder_eid = got.responder_eid;
			return true;
		}
	}
	err->code = OAP_MISMATCH;
	snprintf(err->text, sizeof(err->text),
		 "the response is about something else");
	return false;
}

bool exchange_complete(struct exchange *x, uint8_t *seed, struct oap_err *err)
{
	struct oap_params params = params_of(x);

	if (oap_complete(x->run, &params, x->in.p, x->in.len, err) ||
	    !binding_fits(x, err))
		return false;
	return !oap_root(x->run, x->bind.epoch, seed, err);
}

/* The flow's blob from what the exchange proved. */
void exchange_peer(struct exchange *x, struct ipcp_nl_params *params,
		   uint8_t *buf)
{
	x->blob.peer = *oap_peer(x->run);
	x->blob.cipher = oap_cipher(x->run);
	params->blob = buf;
	params->blob_len = blob_write(&x->blob, buf);
}

/* A renewed certificate of the same name: the blob says which one it is. */
static void update_blob(struct engine *e, struct exchange *x)
{
	struct ipcp_nl_params params = { .set = IPCP_NL_P_BLOB };
	const struct oap_identity *peer = oap_peer(x->run);
	uint8_t blob[BLOB_LEN_MAX];

	if (!peer->authenticated || !memcmp(peer->fingerprint,
					    x->blob.peer.fingerprint,
					    OAP_FP_LEN))
		return;
	exchange_peer(x, &params, blob);
	e->ops->flow_set(e->ctx, x->flow, &params);
}

static void rekey_done(struct engine *e, struct exchange *x)
{
	uint8_t seed[OAP_KEY_LEN];
	struct ipcp_nl_seed s = {
		.seed = seed, .epoch = x->bind.epoch,
		.exchange = x->bind.exchange,
	};
	struct oap_err err;
	int status;

	if (!exchange_complete(x, seed, &err)) {
		rekey_failed(e, x, REKEY_FAILED, err.text);
		return;
	}
	status = e->ops->seed_set(e->ctx, x->flow, &s);
	oap_seed_wipe(seed);
	if (status) {
		rekey_failed(e, x, REKEY_FAILED, e->ops->reason(e->ctx));
		return;
	}
	update_blob(e, x);
	record_end(&e->record, REKEY_DONE, x->began, engine_now(e));
	record_forget(&e->record, x->flow);
	log_dbg("flow %u to %s: epoch %u parked", x->flow, x->blob.name,
		x->bind.epoch);
	exchange_free(e, x);
}

static void refused(struct engine *e, struct exchange *x)
{
	char text[REASON_LEN], why[2 * REASON_LEN];
	enum refusal code = refusal_read(x->in.p, x->in.len, text);

	snprintf(why, sizeof(why), "the peer refuses: %s", text);
	if (!x->rekey) {
		allocate_refused(e, x, errno_of_refusal(code), 0, why);
	} else if (code == REFUSE_BUSY || code == REFUSE_ANEW) {
		record_end(&e->record, REKEY_BUSY, x->began, engine_now(e));
		log_dbg("flow %u: %s", x->flow, why);
		rekey_over(e, x);
		engine_claim_soon(e, BUSY_RETRY_MS);
	} else {
		rekey_failed(e, x, REKEY_FAILED, why);
	}
}

/* A frame of the answer to something we asked. */
void initiator_answer(struct engine *e, uint32_t flow,
		      const struct frame *frame)
{
	struct exchange *x = find(e, flow, frame->token);

	if (!x || !x->sent || x->rekey != (frame->type >= MSG_REKEY))
		return;
	/* a refusal and an answer do not mix */
	if (x->in.p && x->in.type != frame->type)
		assembly_free(&x->in);
	if (assembly_add(&x->in, frame) != 1)
		return;
	if (frame->type == MSG_REFUSED || frame->type == MSG_REKEY_REFUSED)
		refused(e, x);
	else if (x->rekey)
		rekey_done(e, x);
	else
		allocate_done(e, x);
}

void initiator_gone(struct engine *e, uint32_t flow)
{
	struct exchange *x, *next;

	for (x = TAILQ_FIRST(&e->exchanges); x; x = next) {
		next = TAILQ_NEXT(x, entry);
		if (x->flow != flow)
			continue;
		if (!x->rekey)
			allocate_abort(e, x, REFUSE_CANCELLED,
				       "the program gave up");
		exchange_free(e, x);
	}
}

void engine_drop_runs(struct engine *e)
{
	struct exchange *x;

	while ((x = TAILQ_FIRST(&e->exchanges))) {
		if (x->rekey)
			rekey_over(e, x);
		else
			allocate_failed(e, x, ECONNREFUSED, REFUSE_CANCELLED,
					"the agent's configuration changed: try again");
	}
}

/* Does what time demands of it; false if that was its end. */
static bool exchange_tick(struct engine *e, struct exchange *x, uint64_t now)
{
	if (now >= x->deadline) {
		if (x->rekey)
			rekey_failed(e, x, REKEY_TIMEOUT, "no answer in time");
		else
			allocate_timeout(e, x);
		return false;
	}
	if (now < x->resend_at)
		return true;
	if (!x->rekey)
		return allocate_resend(e, x);
	if (x->tries >= SEALED_TRIES)
		go_in_clear(e, x);
	exchange_send(e, x);
	return true;
}

uint64_t initiator_tick(struct engine *e, uint64_t now)
{
	struct exchange *x, *next;
	uint64_t at = UINT64_MAX;

	for (x = TAILQ_FIRST(&e->exchanges); x; x = next) {
		next = TAILQ_NEXT(x, entry);
		if (!exchange_tick(e, x, now))
			continue;
		if (x->resend_at < at)
			at = x->resend_at;
		if (x->deadline < at)
			at = x->deadline;
	}
	return at;
}
