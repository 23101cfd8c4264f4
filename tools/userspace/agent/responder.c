// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The responder. A peer that has not proved by a cookie or by the keys of the
 * flow that it receives at its source address gets a cookie.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <linux/ipcp_rekey.h>

#include "../common/addr.h"
#include "../common/cipher.h"
#include "engine-int.h"

/* A request being processed. */
struct request {
	struct engine *e;
	bool rekey;
	bool sealed;				/* under the keys of the flow */
	uint32_t flow;				/* re-key */
	uint32_t generation;			/* of the flow's keys */
	const struct sockaddr_storage *peer;	/* if in the clear */
	uint64_t token;
	const uint8_t *p;
	size_t len;
	struct oap_run *run;
	struct binding bind;			/* as requested */
	struct blob blob;
	bool again;				/* the request was repeated */
	enum refusal refusal;
	char text[REASON_LEN];
};

static bool refuse(struct request *r, enum refusal code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static bool refuse(struct request *r, enum refusal code, const char *fmt, ...)
{
	va_list ap;

	r->refusal = code;
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
	return false;
}

static bool refuse_oap(struct request *r, const struct oap_err *err)
{
	r->again = err->code == OAP_REPLAY;
	return refuse(r, refusal_of(err->code), "%.*s", REASON_LEN - 1,
		      err->text);
}

/* True if the sender has proved an identity that this side accepts. */
static bool is_known(const struct request *r)
{
	return r->run && oap_peer(r->run)->authenticated;
}

/* Keep and send an answer. @flow: the resulting flow, or 0. */
static void answer(struct request *r, uint32_t flow, enum msg_type type,
		   const uint8_t *p, size_t len)
{
	struct answer a = {
		.sealed = r->sealed, .rekey = r->rekey,
		.flow = r->rekey ? r->flow : flow,
		.msg = {
			.type = type, .token = r->token, .p = (uint8_t *)p,
			.len = len,
		},
	};

	if (r->peer)
		a.peer = *r->peer;
	if (is_known(r))
		strcpy(a.who, oap_peer(r->run)->name);
	if (!r->rekey && flow) {
		a.eid = r->bind.initiator_eid;
		a.time = oap_time(r->run);
	}
	answers_send(r->e, &a);
}

static void answer_refusal(struct request *r)
{
	uint8_t buf[1 + REASON_LEN];
	size_t len = refusal_write(buf, r->refusal, r->text);

	answer(r, 0, r->rekey ? MSG_REKEY_REFUSED : MSG_REFUSED, buf, len);
}

/*
 * Refuse the request of a stranger, who can make any number of them: nothing of
 * it is kept, and a part of it is logged.
 */
static void refuse_stranger(struct request *r)
{
	char from[ADDR_TEXT_LEN];
	struct engine *e = r->e;

	if (log_allowed(&e->refusals, engine_now(e)))
		log_warn("%s refused: %s", addr_text(r->peer, from), r->text);
	send_refusal(e, 0, r->peer, r->rekey ? MSG_REKEY_REFUSED : MSG_REFUSED,
		     r->token, NULL, r->refusal, r->text);
}

/* Allocation */

/* The name selects the policy that the request must satisfy. */
static enum oap_auth auth_for(struct request *r)
{
	struct binding peek;
	const uint8_t *data;
	size_t len;

	data = oap_peek(r->p, r->len, &len);
	if (!data || !binding_read(&peek, data, len) ||
	    peek.purpose != FOR_ALLOC_REQUEST)
		return r->e->conf->auth;
	return config_auth(r->e->conf, peek.name);
}

static bool read_binding(struct request *r, enum purpose purpose)
{
	const uint8_t *data;
	size_t len;

	data = oap_data(r->run, &len);
	if (!binding_read(&r->bind, data, len) ||
	    r->bind.purpose != purpose || !r->bind.initiator_eid)
		return refuse(r, REFUSE_MALFORMED,
			      "the data of the request is invalid");
	return true;
}

static bool check_alloc(struct request *r)
{
	struct engine *e = r->e;
	struct oap_params params = { .auth = auth_for(r) };
	struct oap_err err;

	if (oap_process(e->oap, &params, r->p, r->len, &r->run, &err))
		return refuse_oap(r, &err);
	if (!read_binding(r, FOR_ALLOC_REQUEST))
		return false;
	if (r->bind.epoch || r->bind.exchange || r->bind.responder_eid)
		return refuse(r, REFUSE_MALFORMED,
			      "not the first exchange of a flow");
	r->blob.role = ROLE_RESPONDER;
	r->blob.auth = params.auth;
	r->blob.peer = *oap_peer(r->run);
	strcpy(r->blob.name, r->bind.name);
	if (!policy_peer(e->conf, r->bind.name, &r->blob.peer, r->text)) {
		r->refusal = REFUSE_POLICY;
		return false;
	}
	return true;
}

/*
 * True if the peer is the one the flow was made for, and the flow is
 * unconfirmed.
 */
static bool may_replace(const struct request *r, const struct ipcp_nl_flow *flow)
{
	struct blob blob;

	return flow->state != IPCP_REKEY_FLOW_STATE_ALLOCATED &&
	       binding_blob_read(&blob, flow->blob, flow->blob_len) &&
	       blob.peer.authenticated == r->blob.peer.authenticated &&
	       !strcmp(blob.peer.name, r->blob.peer.name);
}

/*
 * An initiator without an answer asks again with a newer request. Take down the
 * flow of the older request, which the initiator will not use; do not answer a
 * request that a newer one has overtaken.
 */
static bool replace_older(struct request *r)
{
	struct engine *e = r->e;
	struct answer *old = answers_of_flow(e, r->bind.initiator_eid, r->peer);
	struct ipcp_nl_flow flow;

	if (!old)
		return true;
	if (oap_time(r->run) <= old->time) {
		r->again = true;
		return refuse(r, REFUSE_AUTH, "a newer request was answered");
	}
	if (!e->ops->flow_get(e->ctx, old->flow, &flow)) {
		if (!may_replace(r, &flow))
			return true;
		e->ops->flow_del(e->ctx, old->flow, ECONNABORTED,
				 "the peer sent a new request");
	}
	answers_drop(e, old);
	return true;
}

static bool new_flow(struct request *r, uint32_t *id)
{
	struct engine *e = r->e;
	struct ipcp_nl_made made = { 0 };
	int status;

	status = e->ops->flow_new(e->ctx, r->bind.name, r->peer,
				  r->bind.initiator_eid, &r->bind.qos, &made);
	switch (status) {
	case 0:
		*id = made.id;
		r->bind.responder_eid = made.eid;
		r->generation = made.generation;
		return true;
	case -ENOENT:
		return refuse(r, REFUSE_NOT_SERVED, "%.60s is not served here",
			      r->bind.name);
	case -EUSERS:
		return refuse(r, REFUSE_FULL,
			      "too many flows wait to be accepted at %.60s",
			      r->bind.name);
	case -EOPNOTSUPP:
		return refuse(r, REFUSE_QOS, "%.100s",
			      e->ops->reason(e->ctx));
	default:
		return refuse(r, REFUSE_INTERNAL, "cannot create a flow: %.90s",
			      e->ops->reason(e->ctx));
	}
}

/* Make the response; store its seed in @seed. */
static bool respond(struct request *r, enum purpose purpose, uint16_t cipher,
		    uint8_t *seed)
{
	struct binding bind = r->bind;
	uint8_t data[BINDING_MAX];
	struct oap_params params = {
		.name = r->blob.name, .cipher = cipher, .data = data,
		.kex_accept = r->e->conf->kex_accept,
	};
	struct oap_err err;

	bind.purpose = purpose;
	params.data_len = binding_write(&bind, data);
	if (oap_respond(r->run, &params, &err))
		return refuse_oap(r, &err);
	if (!oap_cipher(r->run))
		return refuse(r, REFUSE_CRYPTO,
			      "flows without encryption are not offered");
	if (oap_seed(r->run, bind.epoch, seed, &err))
		return refuse_oap(r, &err);
	return true;
}

static bool allocate(struct request *r, uint32_t id)
{
	struct engine *e = r->e;
	struct ipcp_nl_params params = e->conf->params;
	uint8_t seed[OAP_KEY_LEN], blob[BLOB_LEN_MAX];
	struct ipcp_nl_seed s = { .seed = seed, .generation = r->generation };
	int status;

	if (!respond(r, FOR_ALLOC_RESPONSE, 0, seed))
		return false;
	r->blob.cipher = oap_cipher(r->run);
	params.blob = blob;
	params.blob_len = binding_blob_write(&r->blob, blob);
	status = e->ops->flow_allocate(e->ctx, id, r->peer,
				       r->bind.initiator_eid, r->blob.cipher,
				       &s, &params);
	oap_seed_wipe(seed);
	if (status)
		return refuse(r, REFUSE_INTERNAL,
			      "the flow cannot be allocated: %.80s",
			      e->ops->reason(e->ctx));
	return true;
}

static bool try_alloc(struct request *r, uint32_t *id)
{
	if (!check_alloc(r) || !replace_older(r) || !new_flow(r, id))
		return false;
	if (allocate(r, *id))
		return true;
	r->e->ops->flow_del(r->e->ctx, *id, refusal_errno(r->refusal),
			    r->text);
	return false;
}

static void on_alloc(struct request *r)
{
	char from[ADDR_TEXT_LEN];
	struct engine *e = r->e;
	const uint8_t *msg;
	uint32_t id = 0;
	size_t len;

	if (!try_alloc(r, &id)) {
		if (r->again) {
			log_dbg("%s: %s", addr_text(r->peer, from), r->text);
			return;
		}
		record_answer(&e->record, ALLOC_REFUSED, engine_now(e));
		if (!is_known(r)) {
			refuse_stranger(r);
			return;
		}
		record_failure(&e->record, ALLOC_REFUSED, 0, r->bind.name,
			       r->peer, r->text, engine_now(e));
		log_warn("%s refused: %s", addr_text(r->peer, from), r->text);
		answer_refusal(r);
		return;
	}
	record_answer(&e->record, ALLOC_ANSWERED, engine_now(e));
	log_info("flow %u of %s from %s: %s, peer %s", id, r->blob.name,
		 addr_text(r->peer, from), cipher_name(r->blob.cipher),
		 r->blob.peer.authenticated ? r->blob.peer.name :
					      "not authenticated");
	msg = oap_message(r->run, &len);
	answer(r, id, MSG_ALLOC_OK, msg, len);
}

/* The initiator rejected the answer: take down the half-open flow at once. */
void responder_abort(struct engine *e, const struct sockaddr_storage *peer,
		     const struct frame *frame)
{
	struct answer *a = answers_find(e, 0, peer, frame->token);
	char text[REASON_LEN], why[2 * REASON_LEN], from[ADDR_TEXT_LEN];
	struct ipcp_nl_flow flow;
	enum refusal code;

	if (!a || a->rekey || !a->flow || frame->count != 1)
		return;
	code = refusal_read(frame->payload, frame->len, text);
	/* ABORT is unauthenticated: it never takes down a confirmed flow */
	if (!e->ops->flow_get(e->ctx, a->flow, &flow) &&
	    flow.state != IPCP_REKEY_FLOW_STATE_ALLOCATED) {
		snprintf(why, sizeof(why), "the peer gave up: %s", text);
		log_warn("flow %u from %s: %s", a->flow,
			 addr_text(peer, from), why);
		e->ops->flow_del(e->ctx, a->flow, refusal_errno(code), why);
	}
	answers_drop(e, a);
}

/* Re-keying */

/* Verify the request, and read what it is about. */
static bool verify_rekey(struct request *r, enum oap_auth auth,
			 const char *peer_name)
{
	struct oap_params params = {
		.auth = auth, .peer_name = peer_name,
		/* the keys of the flow and the exchange say that it is new */
		.no_clock = r->sealed, .no_replay = r->sealed,
	};
	struct oap_err err;

	if (oap_process(r->e->oap, &params, r->p, r->len, &r->run, &err))
		return refuse_oap(r, &err);
	return read_binding(r, FOR_REKEY_REQUEST);
}

/*
 * True while this side has keys that the peer has shown to hold, too, and
 * receives from the peer. A seed parked since does not count until the peer
 * uses it.
 */
static bool in_touch(const struct ipcp_nl_flow *flow)
{
	return IPCP_NL_HAS(flow, TX_EPOCH) &&
	       !(flow->rb_flags & IPCP_RB_FLOWPEER);
}

/* Load the flow that the request came under, or that it names. */
static bool load_flow(struct request *r, struct ipcp_nl_flow *flow)
{
	struct engine *e = r->e;

	if (r->sealed ? e->ops->flow_get(e->ctx, r->flow, flow) :
			e->ops->flow_find(e->ctx, r->bind.responder_eid, flow))
		return refuse(r, REFUSE_INTERNAL, "no such flow");
	r->flow = flow->id;
	r->generation = flow->generation;
	if (!binding_blob_read(&r->blob, flow->blob, flow->blob_len) ||
	    r->blob.cipher != flow->cipher)
		return refuse(r, REFUSE_INTERNAL,
			      "the data stored with the flow is unusable");
	if (r->blob.role != ROLE_RESPONDER || flow->initiator)
		return refuse(r, REFUSE_MALFORMED,
			      "this side began the flow and re-keys it");
	return true;
}

/* Check a request under the keys of the flow, which says what is required. */
static bool check_sealed(struct request *r, struct ipcp_nl_flow *flow)
{
	bool known;

	if (!load_flow(r, flow))
		return false;
	known = r->blob.peer.authenticated;
	if (!verify_rekey(r, known ? OAP_AUTH_REQUIRED : OAP_AUTH_NONE,
			  known ? r->blob.peer.name : NULL))
		return false;
	/* in serial number arithmetic (RFC 1982) */
	if ((int32_t)(r->bind.exchange - flow->exchange) < 0) {
		r->again = true;
		return refuse(r, REFUSE_ANEW, "a later exchange was answered");
	}
	return true;
}

/*
 * Check a request in the clear. The certificate comes first, so that a stranger
 * learns of no flow, and costs the kernel nothing.
 */
static bool check_clear(struct request *r, struct ipcp_nl_flow *flow)
{
	struct oap_err err;

	if (!verify_rekey(r, OAP_AUTH_REQUIRED, NULL) || !load_flow(r, flow))
		return false;
	if (!r->blob.peer.authenticated)
		return refuse(r, REFUSE_AUTH,
			      "a peer without certificate re-keys under the flow's keys only");
	if (oap_require_peer(r->run, r->blob.peer.name, &err))
		return refuse_oap(r, &err);
	/* otherwise a stolen certificate could take over a live flow */
	if (in_touch(flow))
		return refuse(r, REFUSE_BUSY,
			      "this side has the flow's keys and receives from its peer: re-key under them");
	return true;
}

static bool check_rekey(struct request *r, struct ipcp_nl_flow *flow)
{
	if (!(r->sealed ? check_sealed(r, flow) : check_clear(r, flow)))
		return false;
	if (r->bind.initiator_eid != flow->peer_eid ||
	    r->bind.responder_eid != flow->eid)
		return refuse(r, REFUSE_MALFORMED,
			      "the request is about another flow");
	/* One exchange has one carrier, which says what its seed is mixed with. */
	if (r->sealed == binding_fresh(&r->bind))
		return refuse(r, REFUSE_MALFORMED,
			      r->sealed ? "a fresh seed under the flow's keys" :
					  "a chained seed in the clear");
	return true;
}

static bool park(struct request *r, const uint8_t *seed)
{
	struct ipcp_nl_seed s = {
		.seed = seed, .epoch = r->bind.epoch,
		.exchange = r->bind.exchange, .generation = r->generation,
	};
	struct engine *e = r->e;

	memcpy(s.chain, r->bind.chain, sizeof(s.chain));
	switch (e->ops->seed_set(e->ctx, r->flow, &s)) {
	case 0:
		return true;
	case -EALREADY:
		return refuse(r, REFUSE_ANEW, "already answered: start over");
	case -EBUSY:
		return refuse(r, REFUSE_BUSY, "%.100s",
			      e->ops->reason(e->ctx));
	default:
		return refuse(r, REFUSE_INTERNAL, "the seed was refused: %.90s",
			      e->ops->reason(e->ctx));
	}
}

static bool try_rekey(struct request *r)
{
	uint8_t seed[OAP_KEY_LEN];
	struct ipcp_nl_flow flow;
	bool ok;

	if (!check_rekey(r, &flow) ||
	    !respond(r, FOR_REKEY_RESPONSE, flow.cipher, seed))
		return false;
	ok = park(r, seed);
	oap_seed_wipe(seed);
	if (ok)
		peer_renewed(r->e, r->flow, &r->blob, oap_peer(r->run));
	return ok;
}

static void on_rekey(struct request *r)
{
	struct engine *e = r->e;
	const uint8_t *msg;
	size_t len;

	if (try_rekey(r)) {
		record_answer(&e->record, REKEY_ANSWERED, engine_now(e));
		if (record_forget(&e->record, r->flow))
			log_info("flow %u: re-keyed again", r->flow);
		log_dbg("flow %u: epoch %u parked, exchange %u", r->flow,
			r->bind.epoch, r->bind.exchange);
		msg = oap_message(r->run, &len);
		answer(r, r->flow, MSG_REKEY_OK, msg, len);
		return;
	}
	record_answer(&e->record, REKEY_REFUSED, engine_now(e));
	if (r->again) {
		/* a late copy; the answer to a newer request is kept */
		log_dbg("flow %u: %s", r->flow, r->text);
		return;
	}
	if (r->refusal == REFUSE_BUSY || r->refusal == REFUSE_ANEW) {
		log_dbg("flow %u: re-key refused: %s", r->flow, r->text);
		/* a retry may succeed, so the refusal is not kept */
		send_refusal(e, r->sealed ? r->flow : 0, r->peer,
			     MSG_REKEY_REFUSED, r->token, NULL, r->refusal,
			     r->text);
		return;
	}
	if (!r->sealed && !is_known(r)) {
		refuse_stranger(r);
		return;
	}
	/* the first of several in a row: the initiator tries again and again */
	if (record_failure(&e->record, REKEY_REFUSED, r->flow, r->blob.name,
			   r->peer, r->text, engine_now(e)) == 1)
		log_warn("flow %u: re-key refused: %s", r->flow, r->text);
	answer_refusal(r);
}

static void on_request(struct engine *e, uint32_t flow,
		       const struct sockaddr_storage *peer,
		       const struct assembly *msg)
{
	struct request r = {
		.e = e, .flow = flow, .sealed = flow, .peer = peer,
		.token = msg->token, .rekey = msg->type == MSG_REKEY,
		.p = msg->p, .len = msg->len,
	};

	if (r.rekey)
		on_rekey(&r);
	else
		on_alloc(&r);
	oap_free(r.run);
}

/* Send a cookie. */
void responder_hello(struct engine *e, const struct sockaddr_storage *peer,
		     const struct frame *frame)
{
	struct message msg = { .type = MSG_COOKIE, .token = frame->token };
	uint8_t cookie[COOKIE_LEN];

	/* no amplification: the reply is never longer than the frame */
	if (!cookie_make(&e->jar, engine_now(e), peer, cookie))
		return;
	e->record.cookies++;
	send_message(e, 0, peer, &msg, cookie);
}

/* Process a frame of a request, for a flow or from an address. */
void responder_frame(struct engine *e, uint32_t flow,
		     const struct sockaddr_storage *peer,
		     const struct frame *frame)
{
	struct answer *a = answers_find(e, flow, peer, frame->token);
	struct assembly msg;

	if (a) {
		answers_repeat(e, a, flow, peer, frame);
		return;
	}
	if (!incoming_add(e, flow, peer, frame, &msg))
		return;
	on_request(e, flow, peer, &msg);
	assembly_free(&msg);
}

void responder_gone(struct engine *e, uint32_t flow)
{
	answers_gone(e, flow);
	incoming_gone(e, flow);
}

uint64_t responder_tick(struct engine *e, uint64_t now)
{
	uint64_t a = answers_tick(e, now);
	uint64_t b = incoming_tick(e, now);

	return a < b ? a : b;
}

void responder_free(struct engine *e)
{
	answers_free(e);
	incoming_free(e);
}
