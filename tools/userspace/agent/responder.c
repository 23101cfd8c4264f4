// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* The side that is asked: by now the peer has shown that it receives where
 * it sends from, by its cookie or by the keys of the flow.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/ipcp_rekey.h>

#include "../common/addr.h"
#include "../common/cipher.h"
#include "engine-int.h"
#include "log.h"

/* A request being answered. */
struct request {
	struct engine *e;
	bool rekey;
	bool sealed;				/* came under the flow's keys */
	uint32_t flow;				/* re-key */
	const struct sockaddr_storage *peer;	/* in the clear */
	uint64_t token;
	const uint8_t *p;
	size_t len;
	struct oap_run *run;
	struct binding bind;			/* as asked */
	struct blob blob;
	bool again;				/* it came before */
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

/* What was answered, and is repeated when the request comes again */

static struct answer_chain *chain_of(struct engine *e, uint64_t token)
{
	uint64_t mix = (token ^ e->salt) * UINT64_C(0x9e3779b97f4a7c15);

	return &e->chains[(mix >> 32) % ANSWER_CHAINS];
}

static void answer_free(struct engine *e, struct answer *a)
{
	TAILQ_REMOVE(&e->answers, a, entry);
	LIST_REMOVE(a, chain);
	e->nanswers--;
	free(a->msg.p);
	free(a);
}

/*
 * The answer to a request with this token. Who got none under the flow's keys
 * may ask again in the clear: it is the same request, and the same answer.
 */
static struct answer *find_answer(struct engine *e, uint32_t flow,
				  const struct sockaddr_storage *peer,
				  uint64_t token)
{
	struct answer *a;

	LIST_FOREACH(a, chain_of(e, token), chain) {
		if (a->msg.token != token)
			continue;
		if (a->sealed ? !flow || a->flow == flow :
				!flow && same_peer(&a->peer, peer))
			return a;
	}
	return NULL;
}

static void drop_sealed(struct engine *e, uint32_t flow)
{
	struct answer *a, *next;

	for (a = TAILQ_FIRST(&e->answers); a; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->sealed && a->flow == flow)
			answer_free(e, a);
	}
}

/* Keeps and sends an answer. @flow: the flow that came of it, or 0. */
static void answer(struct request *r, uint32_t flow, enum msg_type type,
		   const uint8_t *p, size_t len)
{
	struct engine *e = r->e;
	struct answer *a = calloc(1, sizeof(*a));
	uint64_t now = engine_now(e);

	if (a)
		a->msg.p = malloc(len);
	if (!a || !a->msg.p) {
		free(a);
		return;
	}
	if (r->sealed)
		drop_sealed(e, r->flow);
	else if (e->nanswers >= ANSWERS_MAX)
		answer_free(e, TAILQ_FIRST(&e->answers));
	memcpy(a->msg.p, p, len);
	a->msg.len = len;
	a->msg.type = type;
	a->msg.token = r->token;
	a->sealed = r->sealed;
	a->rekey = r->rekey;
	a->flow = r->rekey ? r->flow : flow;
	if (r->peer)
		a->peer = *r->peer;
	if (!r->rekey && flow) {
		a->eid = r->bind.initiator_eid;
		a->time = oap_time(r->run);
	}
	a->expires = now + ANSWER_KEEP_MS;
	a->repeated = now;
	TAILQ_INSERT_TAIL(&e->answers, a, entry);
	LIST_INSERT_HEAD(chain_of(e, r->token), a, chain);
	e->nanswers++;
	send_message(e, r->sealed ? r->flow : 0, r->peer, &a->msg, NULL);
}

static void answer_refusal(struct request *r)
{
	uint8_t buf[1 + REASON_LEN];
	size_t len = refusal_write(buf, r->refusal, r->text);

	answer(r, 0, r->rekey ? MSG_REKEY_REFUSED : MSG_REFUSED, buf, len);
}

/* To where the request came from. */
static void repeat(struct engine *e, struct answer *a, uint32_t flow,
		   const struct sockaddr_storage *peer,
		   const struct frame *frame)
{
	uint64_t now = engine_now(e);

	/* once for a whole request, not for each of its frames */
	if (frame->index || now - a->repeated < ANSWER_REPEAT_MS)
		return;
	a->repeated = now;
	send_message(e, flow, peer, &a->msg, NULL);
}

/* Allocation */

/* What the request is held to depends on the name it is for. */
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
			      "the request's data makes no sense");
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

/* The answer to another request of the flow that this one is for. */
static struct answer *find_allocation(struct request *r)
{
	struct answer *a;

	TAILQ_FOREACH(a, &r->e->answers, entry)
		if (a->eid && a->eid == r->bind.initiator_eid &&
		    same_peer(&a->peer, r->peer))
			return a;
	return NULL;
}

/* Is it whom the flow was made for, and was the flow not confirmed by now? */
static bool may_replace(const struct request *r, const struct ipcp_nl_flow *flow)
{
	struct blob blob;

	return flow->state != IPCP_REKEY_FLOW_STATE_ALLOCATED &&
	       blob_read(&blob, flow->blob, flow->blob_len) &&
	       blob.peer.authenticated == r->blob.peer.authenticated &&
	       !strcmp(blob.peer.name, r->blob.peer.name);
}

/*
 * An initiator that has no answer asks again with a newer request. What it will
 * not use is taken down; one that was overtaken by a newer one is not answered.
 */
static bool replace_older(struct request *r)
{
	struct answer *old = find_allocation(r);
	struct engine *e = r->e;
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
				 "the peer asked anew");
	}
	answer_free(e, old);
	return true;
}

static bool new_flow(struct request *r, uint32_t *id)
{
	struct engine *e = r->e;
	uint32_t eid = 0;
	int status;

	status = e->ops->flow_new(e->ctx, r->bind.name, r->peer,
				  r->bind.initiator_eid, &r->bind.qos, id,
				  &eid);
	switch (status) {
	case 0:
		r->bind.responder_eid = eid;
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
		return refuse(r, REFUSE_INTERNAL, "no flow can be made: %.90s",
			      e->ops->reason(e->ctx));
	}
}

/* Makes the response; its seed goes into @seed. */
static bool respond(struct request *r, enum purpose purpose, uint16_t cipher,
		    uint8_t *seed)
{
	struct binding bind = r->bind;
	uint8_t data[BINDING_MAX];
	struct oap_params params = {
		.name = r->blob.name, .cipher = cipher, .data = data,
	};
	struct oap_err err;

	bind.purpose = purpose;
	params.data_len = binding_write(&bind, data);
	if (oap_respond(r->run, &params, &err))
		return refuse_oap(r, &err);
	if (!oap_cipher(r->run))
		return refuse(r, REFUSE_CRYPTO,
			      "flows without encryption are not offered");
	if (oap_root(r->run, bind.epoch, seed, &err))
		return refuse_oap(r, &err);
	return true;
}

static bool allocate(struct request *r, uint32_t id)
{
	struct engine *e = r->e;
	struct ipcp_nl_params params = e->conf->params;
	uint8_t seed[OAP_KEY_LEN], blob[BLOB_LEN_MAX];
	struct ipcp_nl_seed s = { .seed = seed };
	int status;

	if (!respond(r, FOR_ALLOC_RESPONSE, 0, seed))
		return false;
	r->blob.cipher = oap_cipher(r->run);
	params.blob = blob;
	params.blob_len = blob_write(&r->blob, blob);
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
	r->e->ops->flow_del(r->e->ctx, *id, errno_of_refusal(r->refusal),
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

/* The initiator did not like the answer: the half-open flow goes at once. */
void responder_abort(struct engine *e, const struct sockaddr_storage *peer,
		     const struct frame *frame)
{
	struct answer *a = find_answer(e, 0, peer, frame->token);
	char text[REASON_LEN], why[2 * REASON_LEN], from[ADDR_TEXT_LEN];
	struct ipcp_nl_flow flow;
	enum refusal code;

	if (!a || a->rekey || !a->flow || frame->count != 1)
		return;
	code = refusal_read(frame->payload, frame->len, text);
	/* this came in the clear: it takes down nothing that is confirmed */
	if (!e->ops->flow_get(e->ctx, a->flow, &flow) &&
	    flow.state != IPCP_REKEY_FLOW_STATE_ALLOCATED) {
		snprintf(why, sizeof(why), "the peer gave up: %s", text);
		log_warn("flow %u from %s: %s", a->flow,
			 addr_text(peer, from), why);
		e->ops->flow_del(e->ctx, a->flow, errno_of_refusal(code), why);
	}
	answer_free(e, a);
}

/* Re-keying */

/* In the clear the request itself says which flow; it proves that later. */
static bool find_flow(struct request *r, struct ipcp_nl_flow *flow)
{
	struct engine *e = r->e;
	struct binding peek;
	const uint8_t *data;
	size_t len;

	if (r->sealed)
		return !e->ops->flow_get(e->ctx, r->flow, flow);
	data = oap_peek(r->p, r->len, &len);
	if (!data || !binding_read(&peek, data, len) || !peek.responder_eid ||
	    e->ops->flow_find(e->ctx, peek.responder_eid, flow))
		return false;
	r->flow = flow->id;
	return true;
}

/*
 * True while this side has keys that the peer showed it has, too, and hears it.
 * A seed that was parked since, and that nobody was heard under, is none.
 */
static bool in_touch(const struct ipcp_nl_flow *flow)
{
	return IPCP_NL_HAS(flow, TX_EPOCH) &&
	       !(flow->rb_flags & IPCP_RB_FLOWPEER);
}

static bool load_flow(struct request *r, struct ipcp_nl_flow *flow)
{
	if (!find_flow(r, flow))
		return refuse(r, REFUSE_INTERNAL, "no such flow");
	if (!blob_read(&r->blob, flow->blob, flow->blob_len) ||
	    r->blob.cipher != flow->cipher)
		return refuse(r, REFUSE_INTERNAL,
			      "what the agent left with the flow is unusable");
	if (r->blob.role != ROLE_RESPONDER || flow->initiator)
		return refuse(r, REFUSE_MALFORMED,
			      "this side began the flow and re-keys it");
	if (!r->sealed && !r->blob.peer.authenticated)
		return refuse(r, REFUSE_AUTH,
			      "a peer without certificate re-keys under the flow's keys only");
	/* else a stolen certificate would do to take a live flow over */
	if (!r->sealed && in_touch(flow))
		return refuse(r, REFUSE_BUSY,
			      "this side has the flow's keys and hears its peer: re-key under them");
	return true;
}

static bool check_rekey(struct request *r, const struct ipcp_nl_flow *flow)
{
	bool known = r->blob.peer.authenticated;
	struct oap_params params = {
		.auth = known ? OAP_AUTH_REQUIRED : OAP_AUTH_NONE,
		.peer_name = r->blob.peer.name,
		.no_clock = r->sealed,
	};
	struct oap_err err;

	if (oap_process(r->e->oap, &params, r->p, r->len, &r->run, &err))
		return refuse_oap(r, &err);
	if (!read_binding(r, FOR_REKEY_REQUEST))
		return false;
	if (r->bind.initiator_eid != flow->peer_eid ||
	    r->bind.responder_eid != flow->eid)
		return refuse(r, REFUSE_MALFORMED,
			      "the request is about another flow");
	return true;
}

static bool park(struct request *r, const uint8_t *seed)
{
	struct ipcp_nl_seed s = {
		.seed = seed, .epoch = r->bind.epoch,
		.exchange = r->bind.exchange,
	};
	struct engine *e = r->e;

	switch (e->ops->seed_set(e->ctx, r->flow, &s)) {
	case 0:
		return true;
	case -EALREADY:
		return refuse(r, REFUSE_ANEW, "answered before: start anew");
	case -EBUSY:
		return refuse(r, REFUSE_BUSY, "%.100s",
			      e->ops->reason(e->ctx));
	default:
		return refuse(r, REFUSE_INTERNAL, "the seed was refused: %.90s",
			      e->ops->reason(e->ctx));
	}
}

static void update_blob(struct request *r)
{
	struct ipcp_nl_params params = { .set = IPCP_NL_P_BLOB };
	const struct oap_identity *peer = oap_peer(r->run);
	uint8_t blob[BLOB_LEN_MAX];

	if (!peer->authenticated || !memcmp(peer->fingerprint,
					    r->blob.peer.fingerprint,
					    OAP_FP_LEN))
		return;
	r->blob.peer = *peer;
	params.blob = blob;
	params.blob_len = blob_write(&r->blob, blob);
	r->e->ops->flow_set(r->e->ctx, r->flow, &params);
}

static bool try_rekey(struct request *r)
{
	uint8_t seed[OAP_KEY_LEN];
	struct ipcp_nl_flow flow;
	bool ok;

	if (!load_flow(r, &flow) || !check_rekey(r, &flow) ||
	    !respond(r, FOR_REKEY_RESPONSE, flow.cipher, seed))
		return false;
	ok = park(r, seed);
	oap_seed_wipe(seed);
	if (ok)
		update_blob(r);
	return ok;
}

static void on_rekey(struct request *r)
{
	struct engine *e = r->e;
	const uint8_t *msg;
	size_t len;

	if (try_rekey(r)) {
		record_answer(&e->record, REKEY_ANSWERED, engine_now(e));
		record_forget(&e->record, r->flow);
		log_dbg("flow %u: epoch %u parked, exchange %u", r->flow,
			r->bind.epoch, r->bind.exchange);
		msg = oap_message(r->run, &len);
		answer(r, r->flow, MSG_REKEY_OK, msg, len);
		return;
	}
	record_answer(&e->record, REKEY_REFUSED, engine_now(e));
	if (r->again) {
		/* a copy that was late; the answer to a newer one is kept */
		log_dbg("flow %u: %s", r->flow, r->text);
		return;
	}
	if (r->refusal == REFUSE_BUSY || r->refusal == REFUSE_ANEW) {
		log_dbg("flow %u: re-key refused: %s", r->flow, r->text);
		/* next time it may be different, so it is not kept */
		send_refusal(e, r->sealed ? r->flow : 0, r->peer,
			     MSG_REKEY_REFUSED, r->token, NULL, r->refusal,
			     r->text);
		return;
	}
	log_warn("flow %u: re-key refused: %s", r->flow, r->text);
	record_failure(&e->record, REKEY_REFUSED, r->flow, r->blob.name,
		       r->peer, r->text, engine_now(e));
	answer_refusal(r);
}

/* Requests that come in pieces */

static void incoming_free(struct engine *e, struct incoming *in)
{
	TAILQ_REMOVE(&e->incomings, in, entry);
	e->nincomings--;
	assembly_free(&in->in);
	free(in);
}

static bool same_source(const struct incoming *in, uint32_t flow,
			const struct sockaddr_storage *peer)
{
	return in->flow == flow && (flow || same_peer(&in->peer, peer));
}

static struct incoming *find_incoming(struct engine *e, uint32_t flow,
				      const struct sockaddr_storage *peer,
				      uint64_t token)
{
	struct incoming *in, *oldest = NULL;
	unsigned int each = 0;

	TAILQ_FOREACH(in, &e->incomings, entry) {
		if (!same_source(in, flow, peer))
			continue;
		if (in->in.token == token && in->in.p)
			return in;
		if (!oldest)
			oldest = in;
		each++;
	}
	/* a source has few of them at a time, all together have some */
	if (each >= (flow ? 1 : ASSEMBLIES_EACH))
		incoming_free(e, oldest);
	else if (e->nincomings >= ASSEMBLIES_MAX)
		incoming_free(e, TAILQ_FIRST(&e->incomings));
	in = calloc(1, sizeof(*in));
	if (!in)
		return NULL;
	in->flow = flow;
	if (peer)
		in->peer = *peer;
	in->expires = engine_now(e) + ASSEMBLY_KEEP_MS;
	TAILQ_INSERT_TAIL(&e->incomings, in, entry);
	e->nincomings++;
	return in;
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

/* A frame of a request, for a flow or from an address. */
void responder_frame(struct engine *e, uint32_t flow,
		     const struct sockaddr_storage *peer,
		     const struct frame *frame)
{
	struct answer *a = find_answer(e, flow, peer, frame->token);
	struct incoming *in;
	struct assembly msg;
	int status;

	if (a) {
		repeat(e, a, flow, peer, frame);
		return;
	}
	in = find_incoming(e, flow, peer, frame->token);
	if (!in)
		return;
	status = assembly_add(&in->in, frame);
	if (status == 0)
		return;
	msg = in->in;
	memset(&in->in, 0, sizeof(in->in));
	incoming_free(e, in);
	if (status == 1)
		on_request(e, flow, peer, &msg);
	else
		e->record.bad_messages++;
	assembly_free(&msg);
}

void responder_gone(struct engine *e, uint32_t flow)
{
	struct incoming *in, *next_in;
	struct answer *a, *next;

	for (a = TAILQ_FIRST(&e->answers); a; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->flow == flow)
			answer_free(e, a);
	}
	for (in = TAILQ_FIRST(&e->incomings); in; in = next_in) {
		next_in = TAILQ_NEXT(in, entry);
		if (in->flow == flow)
			incoming_free(e, in);
	}
}

uint64_t responder_tick(struct engine *e, uint64_t now)
{
	struct incoming *in;
	struct answer *a;
	uint64_t at = UINT64_MAX;

	/* both lists are in order of time */
	while ((a = TAILQ_FIRST(&e->answers)) && now >= a->expires)
		answer_free(e, a);
	while ((in = TAILQ_FIRST(&e->incomings)) && now >= in->expires)
		incoming_free(e, in);
	if (a)
		at = a->expires;
	if (in && in->expires < at)
		at = in->expires;
	return at;
}

void responder_free(struct engine *e)
{
	while (!TAILQ_EMPTY(&e->answers))
		answer_free(e, TAILQ_FIRST(&e->answers));
	while (!TAILQ_EMPTY(&e->incomings))
		incoming_free(e, TAILQ_FIRST(&e->incomings));
}
