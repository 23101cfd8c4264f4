// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Requests to re-key a flow whose responder is here.
 *
 * A request in the clear is for a fresh seed: the peer has lost the keys. Its
 * certificate proves its identity, but a certificate can be stolen. While this
 * side has the keys, the request is therefore held until the kernel has asked
 * the peer under the keys, and the peer was silent.
 */

#include <errno.h>
#include <string.h>

#include "held.h"

/* Verify the request, and read its binding. */
static bool verify(struct request *r, enum oap_auth auth, const char *peer_name)
{
	struct oap_params params = {
		.auth = auth, .peer_name = peer_name,
		/* the keys and the exchange number prove freshness */
		.no_clock = r->sealed, .no_replay = r->sealed,
	};
	struct oap_err err;

	if (oap_process(r->e->oap, &params, r->p, r->len, &r->run, &err))
		return request_refuse_oap(r, &err);
	return request_read(r, FOR_REKEY_REQUEST);
}

/* Load the flow whose keys carried the request, or the flow that it names. */
static bool load_flow(struct request *r, struct ipcp_nl_flow *flow)
{
	struct engine *e = r->e;

	if (r->sealed ? e->ops->flow_get(e->ctx, r->flow, flow) :
			e->ops->flow_find(e->ctx, r->bind.responder_eid, flow))
		return request_refuse(r, REFUSE_NO_FLOW, "no such flow");
	r->flow = flow->id;
	r->generation = flow->generation;
	r->newest.epoch = flow->newest_epoch;
	r->newest.exchange = flow->exchange;
	r->cipher = flow->cipher;
	if (!binding_blob_read(&r->blob, flow->blob, flow->blob_len) ||
	    r->blob.cipher != flow->cipher)
		return request_refuse(r, REFUSE_INTERNAL,
				      "the data stored with the flow is unusable");
	if (r->blob.role != ROLE_RESPONDER || flow->initiator)
		return request_refuse(r, REFUSE_MALFORMED,
				      "this side began the flow and re-keys it");
	return true;
}

/*
 * True if the kernel waits for the peer to confirm the newest epoch, and does
 * not accept a seed for the next one.
 */
static bool is_unconfirmed(const struct ipcp_nl_flow *flow)
{
	if (flow->done || flow->due & IPCP_REKEY_DUE_NOT_DONE)
		return false;
	/* time runs from sending in the epoch, or from the seed */
	return (IPCP_NL_HAS(flow, TX_EPOCH) &&
		flow->tx_epoch == flow->newest_epoch) ||
	       flow->epoch_age < CONFIRM_WAIT_MS;
}

/*
 * Check a request under the keys of the flow; the flow sets the requirements.
 */
static bool check_sealed(struct request *r, struct ipcp_nl_flow *flow)
{
	uint8_t ahead;
	bool known;

	if (!load_flow(r, flow))
		return false;
	known = r->blob.peer.authenticated;
	if (!verify(r, known ? OAP_AUTH_REQUIRED : OAP_AUTH_NONE,
		    known ? r->blob.peer.name : NULL))
		return false;
	/* in serial number arithmetic (RFC 1982) */
	if ((int32_t)(r->bind.exchange - flow->exchange) < 0) {
		r->again = true;
		return request_refuse(r, REFUSE_ANEW,
				      "a later exchange was answered");
	}
	/*
	 * Nothing proves that these bytes are new. Refuse what the kernel would
	 * refuse before making a response.
	 */
	if (r->bind.exchange == flow->exchange)
		return request_refuse(r, REFUSE_ANEW,
				      "already answered: start over");
	/* the newest epoch again replaces its seed, if this side has not used it */
	ahead = r->bind.epoch - flow->newest_epoch;
	if (ahead > 1)
		return request_refuse(r, REFUSE_INTERNAL,
				      "wrong epoch, the next one is %u",
				      (uint8_t)(flow->newest_epoch + 1));
	if (ahead && is_unconfirmed(flow))
		return request_refuse(r, REFUSE_BUSY,
				      "the peer has not confirmed the previous epoch yet");
	return true;
}

/*
 * True if the peer does not know the newest numbers, since its state was set
 * back. If this side has no keys, any epoch is accepted. With keys, only the
 * next epoch is accepted or, if this side has not used it, the newest again.
 */
static bool is_behind(const struct request *r, const struct ipcp_nl_flow *flow)
{
	uint8_t ahead = r->bind.epoch - flow->newest_epoch;

	if ((int32_t)(r->bind.exchange - flow->exchange) < 0)
		return true;
	if (!IPCP_NL_HAS(flow, TX_EPOCH))
		return false;
	return ahead > 1 || (!ahead && flow->tx_epoch == flow->newest_epoch);
}

/*
 * Check a request in the clear. Verify the certificate first, so that a
 * stranger learns about no flow, and causes no work for the kernel.
 */
static bool check_clear(struct request *r, struct ipcp_nl_flow *flow)
{
	struct oap_err err;

	if (!verify(r, OAP_AUTH_REQUIRED, NULL) || !load_flow(r, flow))
		return false;
	if (!r->blob.peer.authenticated)
		return request_refuse(r, REFUSE_AUTH,
				      "a peer without certificate re-keys under the flow's keys only");
	if (oap_require_peer(r->run, r->blob.peer.name, &err))
		return request_refuse_oap(r, &err);
	r->is_owner = true;
	if (!flow->recoverable)
		return request_refuse(r, REFUSE_NOT_RECOVERABLE,
				      "not both ends have certificates, or recover = no");
	if (is_behind(r, flow))
		return request_refuse(r, REFUSE_BEHIND,
				      "this side is at epoch %u, exchange %u",
				      flow->newest_epoch, flow->exchange);
	return true;
}

static bool check(struct request *r)
{
	struct ipcp_nl_flow flow;

	if (!(r->sealed ? check_sealed(r, &flow) : check_clear(r, &flow)))
		return false;
	if (!policy_keeps(r->e->conf, r->blob.name, &r->blob.peer, r->text)) {
		r->refusal = REFUSE_POLICY;
		return false;
	}
	if (r->bind.initiator_eid != flow.peer_eid ||
	    r->bind.responder_eid != flow.eid)
		return request_refuse(r, REFUSE_MALFORMED,
				      "the request is about another flow");
	/*
	 * an exchange in the clear has a fresh seed, a sealed exchange has a
	 * chain
	 */
	if (r->sealed == binding_fresh(&r->bind))
		return request_refuse(r, REFUSE_MALFORMED,
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
		return request_refuse(r, REFUSE_ANEW,
				      "already answered: start over");
	case -EBUSY:
		return request_refuse(r, REFUSE_BUSY, "%.100s",
				      e->ops->reason(e->ctx));
	case -EINVAL:
		/* the kernel expects another epoch */
		return request_refuse(r, r->sealed ? REFUSE_INTERNAL :
						     REFUSE_BEHIND, "%.100s",
				      e->ops->reason(e->ctx));
	default:
		return request_refuse(r, REFUSE_INTERNAL,
				      "the seed was refused: %.90s",
				      e->ops->reason(e->ctx));
	}
}

/* Make the response, and park its seed. */
static bool agree(struct request *r)
{
	uint8_t seed[OAP_KEY_LEN];
	bool ok;

	if (!request_respond(r, r->cipher, seed))
		return false;
	ok = park(r, seed);
	oap_seed_wipe(seed);
	if (ok)
		peer_renewed(r->e, r->flow, &r->blob, oap_peer(r->run));
	return ok;
}

/* Refuse a request in the clear from somebody other than the flow's peer. */
static void refuse_other(struct request *r)
{
	if (r->refusal != REFUSE_NO_FLOW || !request_is_known(r)) {
		request_refuse_stranger(r);
		return;
	}
	if (log_allowed(&r->e->refused_peers, engine_now(r->e)))
		log_warn("'%s' re-keys a flow of %s that is not here",
			 oap_peer(r->run)->name, r->bind.name);
	request_answer_denial(r, ROLE_RESPONDER);
}

/* True if the peer of the flow was identified at the allocation. */
static bool is_of_peer(const struct request *r)
{
	return r->blob.peer.authenticated;
}

static void refuse(struct request *r)
{
	struct engine *e = r->e;

	if (r->again) {
		/* a late copy: keep the answer to the newer request */
		log_dbg("flow %u: %s", r->flow, r->text);
		return;
	}
	record_answer(&e->record, REKEY_REFUSED, engine_now(e));
	if (r->refusal == REFUSE_BUSY || r->refusal == REFUSE_ANEW) {
		log_dbg("flow %u: re-key refused: %s", r->flow, r->text);
		/* The same bytes may succeed under the keys, but are a replay in the clear. */
		if (r->sealed)
			request_send_refusal(r);
		else
			request_answer_refusal(r);
		return;
	}
	if (!r->sealed && !r->is_owner) {
		refuse_other(r);
		return;
	}
	/* log the first of several in a row: the initiator keeps trying */
	if (record_failure(&e->record, REKEY_REFUSED, r->flow, r->blob.name,
			   &r->peer.addr, r->text, engine_now(e)) == 1 &&
	    log_allowed(is_of_peer(r) ? &e->refused_peers : &e->refusals,
			engine_now(e)))
		log_warn("flow %u: re-key refused: %s", r->flow, r->text);
	if (!r->sealed && r->refusal >= REFUSE_NO_FLOW)
		request_answer_denial(r, ROLE_RESPONDER);
	else
		request_answer_refusal(r);
}

/* Answer a request that passed all checks. */
static void settle(struct request *r)
{
	struct engine *e = r->e;

	if (!agree(r)) {
		refuse(r);
		return;
	}
	record_answer(&e->record, REKEY_ANSWERED, engine_now(e));
	if (record_forget(&e->record, r->flow) &&
	    log_allowed(&e->again, engine_now(e)))
		log_info("flow %u: re-keyed again", r->flow);
	log_dbg("flow %u: epoch %u parked, exchange %u", r->flow,
		r->bind.epoch, r->bind.exchange);
	request_answer(r, r->flow);
}

/* Continue after the kernel has asked the peer about its keys. */
static void asked(struct request *r, uint32_t result)
{
	switch (result) {
	case IPCP_REKEY_QUESTION_SILENT:
		if (!record_times(&r->e->record, r->flow))
			log_info("flow %u: the peer has lost the keys: fresh ones follow",
				 r->flow);
		settle(r);
		return;
	case IPCP_REKEY_QUESTION_ANSWERED:
		request_refuse(r, REFUSE_NONE_LOST,
			       "the peer answers under the keys of the flow: nobody lost them");
		break;
	default:
		request_refuse(r, REFUSE_BUSY, "the keys changed meanwhile");
	}
	refuse(r);
}

/* Refuse, with the reason why the peer cannot be asked. */
static bool cannot_ask(struct request *r, int status)
{
	const char *why = r->e->ops->reason(r->e->ctx);

	switch (status) {
	case -EBUSY:
	case -EAGAIN:
		return request_refuse(r, REFUSE_BUSY, "%.100s", why);
	case -EALREADY:
		return request_refuse(r, REFUSE_ANEW,
				      "already answered: start over");
	case -ESTALE:
		return request_refuse(r, REFUSE_BEHIND, "%.100s", why);
	default:
		return request_refuse(r, REFUSE_INTERNAL,
				      "the peer cannot be asked: %.90s", why);
	}
}

/*
 * Make the kernel ask the peer whether it has the keys. Hold the request or, if
 * that is not possible, refuse it.
 */
static void ask(struct request *r)
{
	struct engine *e = r->e;
	int status;

	r->question = r->bind.exchange;
	status = e->ops->rekey_ask(e->ctx, r->flow, r->question);
	if (status == -ENOKEY) {
		settle(r);
		return;
	}
	if (status) {
		cannot_ask(r, status);
	} else {
		log_dbg("flow %u: the peer says that it lost the keys: asking it under them",
			r->flow);
		if (held_add(e, r, asked))
			return;
	}
	refuse(r);
}

void request_rekey(struct request *r)
{
	r->kind = REQUEST_REKEY;
	if (!check(r))
		refuse(r);
	else if (r->sealed)
		settle(r);
	else
		ask(r);
}
