// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Requests to re-key a flow whose initiator is here, in the clear and signed:
 * the responder has lost the keys. Before this side believes that, the kernel
 * asks the responder under the keys.
 */

#include <errno.h>

#include "held.h"

/* Load the flow that the request names. */
static bool load_flow(struct request *r)
{
	struct engine *e = r->e;
	struct ipcp_nl_flow flow;

	if (e->ops->flow_find(e->ctx, r->bind.initiator_eid, &flow))
		return request_refuse(r, REFUSE_NO_FLOW, "no such flow");
	r->flow = flow.id;
	r->newest.epoch = flow.newest_epoch;
	r->newest.exchange = flow.exchange;
	if (!binding_blob_read(&r->blob, flow.blob, flow.blob_len) ||
	    r->blob.role != ROLE_INITIATOR || !flow.initiator ||
	    flow.peer_eid != r->bind.responder_eid)
		return request_refuse(r, REFUSE_MALFORMED,
				      "the request is about another flow");
	r->recoverable = flow.recoverable;
	return true;
}

/* Verify the certificate first, so that a stranger learns about no flow. */
static bool check(struct request *r)
{
	struct oap_params params = {
		.auth = OAP_AUTH_REQUIRED, .peer_role = OAP_RESPONDER,
	};
	struct oap_err err;

	if (oap_process(r->e->oap, &params, r->p, r->len, &r->run, &err))
		return request_refuse_oap(r, &err);
	if (!request_read(r, FOR_WANTED) || !load_flow(r))
		return false;
	if (!r->blob.peer.authenticated)
		return request_refuse(r, REFUSE_AUTH,
				      "a peer without certificate cannot say so in the clear");
	if (oap_require_peer(r->run, r->blob.peer.name, &err))
		return request_refuse_oap(r, &err);
	if (!r->recoverable)
		return request_refuse(r, REFUSE_NOT_RECOVERABLE,
				      "not both ends have certificates, or recover = no");
	return true;
}

/* Answer only refusals that end the flow, since the peer asks again. */
static void refuse(struct request *r)
{
	log_dbg("flow %u: no fresh keys: %s", r->flow, r->text);
	if (request_is_known(r) && denial_is_final(r->refusal))
		request_answer_denial(r, ROLE_INITIATOR);
}

/* Continue after the kernel has asked the peer about its keys. */
static void asked(struct request *r, uint32_t result)
{
	switch (result) {
	case IPCP_REKEY_QUESTION_SILENT:
		recover_flow(r->e, r->flow);
		break;
	case IPCP_REKEY_QUESTION_ANSWERED:
		request_refuse(r, REFUSE_NONE_LOST,
			       "the peer answers under the keys of the flow: nobody lost them");
		refuse(r);
		break;
	default:
		break;	/* another exchange has begun */
	}
}

/* Make the kernel ask, unless a fresh exchange is in progress. */
static void ask(struct request *r)
{
	struct exchange *x = exchange_of_flow(r->e, r->flow, EXCHANGE_REKEY);
	struct engine *e = r->e;
	int status;

	if (x && x->in_clear)
		return;
	r->question = x ? x->bind.exchange : r->newest.exchange;
	status = e->ops->rekey_ask(e->ctx, r->flow, r->question);
	if (status == -ENOKEY)
		engine_claim_soon(e, 0);	/* this side has none either */
	else if (status)
		log_dbg("flow %u: the peer cannot be asked: %s", r->flow,
			e->ops->reason(e->ctx));
	else if (!held_add(e, r, asked))
		refuse(r);
}

void request_wanted(struct request *r)
{
	r->kind = REQUEST_WANTED;
	if (check(r))
		ask(r);
	else
		refuse(r);
}
