// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Denials: signed refusals, after an agent has said that it lost the keys of a
 * flow.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine-int.h"

/*
 * Sign a denial, as the agent at the end of the flow with @role. Return NULL on
 * failure.
 */
struct oap_run *denial_make(struct engine *e, enum role role, const char *name,
			    const struct binding *denial)
{
	uint8_t data[BINDING_MAX];
	struct oap_params params = { .name = name, .data = data };
	struct oap_run *run;
	struct oap_err err;

	params.data_len = binding_write(denial, data);
	if (!oap_statement(e->oap, role == ROLE_RESPONDER, &params, &run, &err))
		return run;
	log_dbg("%s: cannot sign a refusal: %s", name, err.text);
	return NULL;
}

static bool is_about(const struct exchange *x, const struct binding *denial)
{
	return denial->purpose == FOR_REFUSAL &&
	       denial->epoch == x->bind.epoch &&
	       denial->exchange == x->bind.exchange &&
	       denial->initiator_eid == x->bind.initiator_eid &&
	       denial->responder_eid == x->bind.responder_eid;
}

/*
 * Read a received denial. Return false if it is not from the peer, or not for
 * this exchange.
 */
bool denial_read(struct engine *e, struct exchange *x, struct binding *denial)
{
	struct oap_params params = {
		.auth = OAP_AUTH_REQUIRED, .peer_name = x->blob.peer.name,
		.peer_role = x->blob.role == ROLE_INITIATOR ? OAP_RESPONDER :
							      OAP_INITIATOR,
	};
	struct oap_run *run = NULL;
	const uint8_t *data;
	struct oap_err err;
	bool ok = false;
	size_t len;

	if (!x->blob.peer.authenticated ||
	    oap_process(e->oap, &params, x->in.p, x->in.len, &run, &err)) {
		log_dbg("flow %u to %s: a refusal that the peer did not sign",
			x->flow, x->blob.name);
	} else {
		data = oap_data(run, &len);
		ok = binding_read(denial, data, len) && is_about(x, denial);
		x->same_denier = !memcmp(oap_peer(run)->fingerprint,
					 x->blob.peer.fingerprint, OAP_FP_LEN);
		refusal_printable(denial->text);
	}
	oap_free(run);
	assembly_free(&x->in);
	return ok;
}

/* True if the peer will never agree to a fresh seed for this flow. */
bool denial_is_final(enum refusal code)
{
	return code == REFUSE_NO_FLOW || code == REFUSE_NOT_RECOVERABLE ||
	       code == REFUSE_NONE_LOST;
}

/* End a flow and its exchange after a denial from the peer. */
void denial_end_flow(struct engine *e, struct exchange *x,
		     const struct binding *denial)
{
	char why[REASON_LEN];

	snprintf(why, sizeof(why), "the keys cannot be replaced: %.90s",
		 denial->text);
	log_warn("flow %u to %s: %s", x->flow, x->blob.name, why);
	record_forget(&e->record, x->flow);
	e->ops->flow_del(e->ctx, x->flow, denial->code == REFUSE_NO_FLOW ?
					  ESHUTDOWN : EKEYEXPIRED, why);
	if (x->kind == EXCHANGE_REKEY)
		rekey_drop(e, x);
	else
		exchange_free(e, x);
}
