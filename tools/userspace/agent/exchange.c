// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Exchanges started by this side: code shared by allocations and re-keys. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "../common/addr.h"
#include "engine-int.h"

/* Note that an exchange has work to do from @at on. */
void exchange_due(struct engine *e, uint64_t at)
{
	if (at < e->exchange_due)
		e->exchange_due = at;
}

struct exchange *exchange_new(struct engine *e, uint32_t flow,
			      enum exchange_kind kind, uint32_t timeout)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->flow = flow;
	x->kind = kind;
	x->wait = RESEND_FIRST_MS;
	x->began = engine_now(e);
	x->deadline = x->began + timeout;
	e->nexchanges++;
	e->nrekeys += kind == EXCHANGE_REKEY;
	TAILQ_INSERT_TAIL(&e->exchanges, x, entry);
	LIST_INSERT_HEAD(&e->by_flow[flow % EXCHANGE_CHAINS], x, by_flow);
	exchange_due(e, x->began);
	return x;
}

void exchange_free(struct engine *e, struct exchange *x)
{
	TAILQ_REMOVE(&e->exchanges, x, entry);
	LIST_REMOVE(x, by_flow);
	if (x->msg.token)
		LIST_REMOVE(x, by_token);
	e->nexchanges--;
	e->nrekeys -= x->kind == EXCHANGE_REKEY;
	if (x->resolving)
		e->ops->resolve_cancel(e->ctx, x->flow);
	assembly_free(&x->in);
	oap_free(x->run);
	free(x->places);
	free(x);
}

/*
 * Find the exchange for an answer under the keys of @flow, or in the clear if
 * @flow is 0.
 */
struct exchange *exchange_find(struct engine *e, uint32_t flow, uint64_t token)
{
	struct exchange *x;

	LIST_FOREACH(x, &e->by_token[token % EXCHANGE_CHAINS], by_token)
		if (x->msg.token == token &&
		    (flow ? x->kind == EXCHANGE_REKEY && x->flow == flow :
			    x->in_clear))
			return x;
	return NULL;
}

struct exchange *exchange_of_flow(struct engine *e, uint32_t flow,
				  enum exchange_kind kind)
{
	struct exchange *x;

	LIST_FOREACH(x, &e->by_flow[flow % EXCHANGE_CHAINS], by_flow)
		if (x->kind == kind && x->flow == flow)
			break;
	return x;
}

static struct oap_params params_of(const struct exchange *x)
{
	struct oap_params params = {
		.name = x->blob.name,
		.auth = x->blob.auth,
		.peer_name = x->blob.name,
	};

	if (x->kind == EXCHANGE_REKEY) {
		params.auth = x->blob.peer.authenticated ? OAP_AUTH_REQUIRED :
							   OAP_AUTH_NONE;
		params.peer_name = x->blob.peer.name;
		params.cipher = x->blob.cipher;
		/* a fresh seed is not mixed with what protected the flow */
		params.kex_min = binding_fresh(&x->bind) ? x->blob.kex : 0;
		params.no_clock = !x->in_clear;
	}
	return params;
}

/*
 * Choose a new token, which invalidates answers to the old one, and free the
 * request with the old token.
 */
bool exchange_token(struct engine *e, struct exchange *x)
{
	uint64_t token = 0;

	if (x->msg.token)
		LIST_REMOVE(x, by_token);
	assembly_free(&x->in);
	oap_free(x->run);
	x->run = NULL;
	x->sent = false;
	memset(&x->msg, 0, sizeof(x->msg));
	while (!token)
		if (RAND_bytes((uint8_t *)&token, sizeof(token)) != 1)
			return false;
	x->msg.token = token;
	LIST_INSERT_HEAD(&e->by_token[token % EXCHANGE_CHAINS], x, by_token);
	return true;
}

static enum oap_code make(struct engine *e, struct exchange *x,
			  struct oap_err *err)
{
	static const enum msg_type types[] = {
		[EXCHANGE_ALLOC] = MSG_ALLOC,
		[EXCHANGE_REKEY] = MSG_REKEY,
		[EXCHANGE_WANT] = MSG_REKEY_WANTED,
	};
	struct oap_params params = params_of(x);
	uint8_t data[BINDING_MAX];

	params.data = data;
	params.data_len = binding_write(&x->bind, data);
	x->msg.type = types[x->kind];
	return x->kind == EXCHANGE_WANT ?
	       oap_statement(e->oap, true, &params, &x->run, err) :
	       oap_request(e->oap, &params, &x->run, err);
}

/*
 * Make the request for the current token. On failure there is nothing to send.
 */
enum oap_code exchange_request(struct engine *e, struct exchange *x,
			       struct oap_err *err)
{
	enum oap_code code = make(e, x, err);

	if (code)
		return code;
	x->msg.p = (uint8_t *)oap_message(x->run, &x->msg.len);
	x->made = e->ops->uptime(e->ctx);
	if (x->msg.len <= MESSAGE_MAX)
		return OAP_OK;
	err->code = OAP_INTERNAL;
	snprintf(err->text, sizeof(err->text),
		 "the request has %zu bytes, more than %u", x->msg.len,
		 MESSAGE_MAX);
	return OAP_INTERNAL;
}

/*
 * True if the peer would refuse the request as too old. Its age grows while this
 * machine is suspended.
 */
bool exchange_is_stale(struct engine *e, const struct exchange *x)
{
	return x->run && e->ops->uptime(e->ctx) - x->made >= REQUEST_RENEW_MS;
}

/* Send the next message, and set the time for repeating it. */
void exchange_send(struct engine *e, struct exchange *x)
{
	struct message hello = { .type = MSG_HELLO, .token = x->msg.token };
	int err;

	if (x->in_clear && !x->has_cookie) {
		err = send_message(e, 0, &x->peer, &hello, NULL);
	} else {
		x->sent = true;
		x->sent_at = engine_now(e);
		err = send_message(e, x->in_clear ? 0 : x->flow, &x->peer,
				   &x->msg, x->in_clear ? x->cookie : NULL);
	}
	x->tries++;
	x->gone = x->kind == EXCHANGE_ALLOC && err == -ENETUNREACH &&
		  addr_provider(&x->peer.addr);
	x->resend_at = engine_now(e) + (x->gone ? 0 : x->wait);
	exchange_due(e, x->resend_at);
	x->wait = x->wait * 2 > RESEND_MAX_MS ? RESEND_MAX_MS : x->wait * 2;
}

/* Check that an authentic response matches the request. */
static bool binding_fits(struct exchange *x, struct oap_err *err)
{
	struct binding want = x->bind, got;
	const uint8_t *data;
	size_t len;

	data = oap_data(x->run, &len);
	want.purpose = x->kind == EXCHANGE_REKEY ? FOR_REKEY_RESPONSE :
						   FOR_ALLOC_RESPONSE;
	if (binding_read(&got, data, len)) {
		if (x->kind == EXCHANGE_ALLOC)
			want.responder_eid = got.responder_eid;
		if (binding_same(&want, &got) && got.responder_eid) {
			x->bind.responder_eid = got.responder_eid;
			return true;
		}
	}
	err->code = OAP_MISMATCH;
	snprintf(err->text, sizeof(err->text),
		 "the response is for another exchange");
	return false;
}

bool exchange_complete(struct exchange *x, uint8_t *seed, struct oap_err *err)
{
	struct oap_params params = params_of(x);

	if (oap_complete(x->run, &params, x->in.p, x->in.len, err) ||
	    !binding_fits(x, err))
		return false;
	return !oap_seed(x->run, x->bind.epoch, seed, err);
}

void exchange_name_peer(struct ipcp_nl_params *params,
			const struct oap_identity *peer)
{
	if (!peer->authenticated)
		return;
	params->set |= IPCP_NL_P_PEER_NAME;
	params->peer_name = peer->name;
}
