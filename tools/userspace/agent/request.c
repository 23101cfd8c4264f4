// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Requests of a peer: code shared by allocations and re-keys. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../common/addr.h"
#include "request.h"

bool request_refuse(struct request *r, enum refusal code, const char *fmt, ...)
{
	va_list ap;

	r->refusal = code;
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
	return false;
}

bool request_refuse_oap(struct request *r, const struct oap_err *err)
{
	r->again = err->code == OAP_REPLAY;
	return request_refuse(r, refusal_of(err->code), "%.*s", REASON_LEN - 1,
			      err->text);
}

bool request_is_known(const struct request *r)
{
	return r->run && oap_peer(r->run)->authenticated;
}

bool request_read(struct request *r, enum purpose purpose)
{
	const uint8_t *data;
	size_t len;

	data = oap_data(r->run, &len);
	if (!binding_read(&r->bind, data, len) ||
	    r->bind.purpose != purpose || !r->bind.initiator_eid)
		return request_refuse(r, REFUSE_MALFORMED,
				      "the data of the request is invalid");
	return true;
}

bool request_respond(struct request *r, uint16_t cipher, uint8_t *seed)
{
	struct binding bind = r->bind;
	uint8_t data[BINDING_MAX];
	struct oap_params params = {
		.name = r->blob.name, .cipher = cipher, .data = data,
		.kex_accept = r->e->conf->kex_accept,
		.kex_min = r->kind == REQUEST_REKEY && binding_fresh(&bind) ?
			   r->blob.kex : 0,
	};
	struct oap_err err;

	bind.purpose = r->kind == REQUEST_REKEY ? FOR_REKEY_RESPONSE :
						  FOR_ALLOC_RESPONSE;
	params.data_len = binding_write(&bind, data);
	if (oap_respond(r->run, &params, &err))
		return request_refuse_oap(r, &err);
	if (!oap_cipher(r->run))
		return request_refuse(r, REFUSE_CRYPTO,
				      "flows without encryption are not offered");
	if (oap_seed(r->run, bind.epoch, seed, &err))
		return request_refuse_oap(r, &err);
	return true;
}

/* Send an answer, and keep it. @flow: the resulting flow, or 0. */
static void answer(struct request *r, uint32_t flow, enum msg_type type,
		   const uint8_t *p, size_t len)
{
	struct answer a = {
		.sealed = r->sealed, .rekey = r->kind != REQUEST_ALLOC,
		.flow = r->kind == REQUEST_ALLOC ? flow : r->flow,
		.peer = r->peer,
		.msg = {
			.type = type, .token = r->token, .p = (uint8_t *)p,
			.len = len,
		},
	};

	if (request_is_known(r))
		strcpy(a.who, oap_peer(r->run)->name);
	if (r->kind == REQUEST_ALLOC && flow) {
		a.eid = r->bind.initiator_eid;
		a.time = oap_time(r->run);
	}
	answers_send(r->e, &a);
}

void request_answer(struct request *r, uint32_t flow)
{
	const uint8_t *msg;
	size_t len;

	msg = oap_message(r->run, &len);
	answer(r, flow, r->kind == REQUEST_REKEY ? MSG_REKEY_OK : MSG_ALLOC_OK,
	       msg, len);
}

static enum msg_type refusal_type(const struct request *r)
{
	return r->kind == REQUEST_ALLOC ? MSG_REFUSED : MSG_REKEY_REFUSED;
}

void request_answer_refusal(struct request *r)
{
	uint8_t buf[1 + REASON_LEN];
	size_t len = refusal_write(buf, r->refusal, r->text);

	answer(r, 0, refusal_type(r), buf, len);
}

void request_answer_denial(struct request *r, enum role role)
{
	struct binding denial = r->bind;
	struct oap_run *run;
	const uint8_t *msg;
	size_t len;

	denial.purpose = FOR_REFUSAL;
	denial.code = r->refusal;
	denial.newest = r->newest;
	snprintf(denial.text, sizeof(denial.text), "%s", r->text);
	run = denial_make(r->e, role, r->bind.name, &denial);
	if (!run) {
		request_answer_refusal(r);
		return;
	}
	msg = oap_message(run, &len);
	answer(r, 0, MSG_REKEY_DENIED, msg, len);
	oap_free(run);
}

void request_send_refusal(struct request *r)
{
	send_refusal(r->e, r->sealed ? r->flow : 0, &r->peer, refusal_type(r),
		     r->token, NULL, r->refusal, r->text);
}

void request_refuse_stranger(struct request *r)
{
	char from[ADDR_TEXT_LEN];
	struct engine *e = r->e;

	if (log_allowed(&e->refusals, engine_now(e)))
		log_warn("%s refused: %s", addr_text(&r->peer.addr, from), r->text);
	request_send_refusal(r);
}
