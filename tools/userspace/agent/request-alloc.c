// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Requests to allocate a flow to a name that is served here. */

#include <errno.h>
#include <string.h>

#include "../common/addr.h"
#include "../common/cipher.h"
#include "request.h"

/* Return the authentication that the policy of the requested name demands. */
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

static bool check(struct request *r)
{
	struct engine *e = r->e;
	struct oap_params params = { .auth = auth_for(r) };
	struct oap_err err;

	if (oap_process(e->oap, &params, r->p, r->len, &r->run, &err))
		return request_refuse_oap(r, &err);
	if (!request_read(r, FOR_ALLOC_REQUEST))
		return false;
	if (r->bind.epoch || r->bind.exchange || r->bind.responder_eid)
		return request_refuse(r, REFUSE_MALFORMED,
				      "not the first exchange of a flow");
	if (!policy_peer(e->conf, r->bind.name, r->run, r->text)) {
		r->refusal = REFUSE_POLICY;
		return false;
	}
	r->blob.role = ROLE_RESPONDER;
	r->blob.auth = params.auth;
	r->blob.port = r->bind.port;
	r->blob.peer = *oap_peer(r->run);
	strcpy(r->blob.name, r->bind.name);
	return true;
}

/* True if the peer is the peer of the flow, and the flow is unconfirmed. */
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
 * flow of the older request, which the initiator will not use. Refuse a request
 * if a newer one has been answered.
 */
static bool replace_older(struct request *r)
{
	struct engine *e = r->e;
	struct answer *old = answers_of_flow(e, r->bind.initiator_eid,
					     &r->peer);
	struct ipcp_nl_flow flow;

	if (!old)
		return true;
	if (oap_time(r->run) <= old->time) {
		r->again = true;
		return request_refuse(r, REFUSE_AUTH,
				      "a newer request was answered");
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

	status = e->ops->flow_new(e->ctx, r->bind.name, &r->peer,
				  r->bind.initiator_eid, &r->bind.qos, &made);
	switch (status) {
	case 0:
		*id = made.id;
		r->bind.responder_eid = made.eid;
		r->generation = made.generation;
		return true;
	case -ENOENT:
		return request_refuse(r, REFUSE_NOT_SERVED,
				      "%.60s is not served here",
				      r->bind.name);
	case -EUSERS:
		return request_refuse(r, REFUSE_FULL,
				      "too many flows wait to be accepted at %.60s",
				      r->bind.name);
	case -EOPNOTSUPP:
		return request_refuse(r, REFUSE_QOS, "%.100s",
				      e->ops->reason(e->ctx));
	default:
		return request_refuse(r, REFUSE_INTERNAL,
				      "cannot create a flow: %.90s",
				      e->ops->reason(e->ctx));
	}
}

static bool allocate(struct request *r, uint32_t id)
{
	struct engine *e = r->e;
	struct ipcp_nl_params params = e->conf->params;
	uint8_t seed[OAP_KEY_LEN], blob[BLOB_LEN_MAX];
	struct ipcp_nl_seed s = { .seed = seed, .generation = r->generation };
	int status;

	if (!request_respond(r, 0, seed))
		return false;
	r->blob.cipher = oap_cipher(r->run);
	r->blob.kex = oap_kex(r->run);
	if (oap_both_proved(r->run) && config_recover(e->conf, r->blob.name))
		params.set |= IPCP_NL_P_RECOVERABLE;
	exchange_name_peer(&params, &r->blob.peer);
	params.blob = blob;
	params.blob_len = binding_blob_write(&r->blob, blob);
	status = e->ops->flow_allocate(e->ctx, id, &r->peer,
				       r->bind.initiator_eid, r->blob.cipher,
				       &s, &params);
	oap_seed_wipe(seed);
	if (status)
		return request_refuse(r, REFUSE_INTERNAL,
				      "the flow cannot be allocated: %.80s",
				      e->ops->reason(e->ctx));
	return true;
}

static bool serve(struct request *r, uint32_t *id)
{
	if (!check(r) || !replace_older(r) || !new_flow(r, id))
		return false;
	if (allocate(r, *id))
		return true;
	r->e->ops->flow_del(r->e->ctx, *id, refusal_errno(r->refusal),
			    r->text);
	return false;
}

static void log_accepted(const struct request *r, uint32_t id)
{
	const struct oap_identity *peer = &r->blob.peer;
	char from[ADDR_TEXT_LEN];
	struct engine *e = r->e;

	if (log_allowed_of(peer->authenticated ? &e->answered_peers :
						 &e->answered_strangers,
			   LOG_MANY, engine_now(e)))
		log_info("flow %u of %s from %s: %s, peer %s", id, r->blob.name,
			 addr_text(&r->peer.addr, from),
			 cipher_name(r->blob.cipher),
			 peer->authenticated ? peer->name : "not authenticated");
}

void request_alloc(struct request *r)
{
	char from[ADDR_TEXT_LEN];
	struct engine *e = r->e;
	uint32_t id = 0;

	r->kind = REQUEST_ALLOC;
	if (!serve(r, &id)) {
		if (r->again) {
			log_dbg("%s: %s", addr_text(&r->peer.addr, from), r->text);
			return;
		}
		record_answer(&e->record, ALLOC_REFUSED, engine_now(e));
		if (!request_is_known(r)) {
			request_refuse_stranger(r);
			return;
		}
		record_failure(&e->record, ALLOC_REFUSED, 0, r->bind.name,
			       &r->peer.addr, r->text, engine_now(e));
		if (log_allowed(&e->refused_peers, engine_now(e)))
			log_warn("%s refused: %s",
				 addr_text(&r->peer.addr, from), r->text);
		request_answer_refusal(r);
		return;
	}
	record_answer(&e->record, ALLOC_ANSWERED, engine_now(e));
	log_accepted(r, id);
	request_answer(r, id);
}
