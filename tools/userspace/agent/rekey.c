// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Re-keys started by this side. */

#include <errno.h>
#include <string.h>

#include "engine-int.h"
#include "log.h"

/* End a re-key, so that the flow can be claimed again. */
void rekey_drop(struct engine *e, struct exchange *x)
{
	e->ops->rekey_clear(e->ctx, x->flow, x->bind.exchange, 0);
	exchange_free(e, x);
}

/* End a failed re-key; the flow is then held off for a while. */
void rekey_failed(struct engine *e, struct exchange *x, enum outcome_kind kind,
		  const char *text)
{
	uint64_t now = engine_now(e);
	unsigned int times;
	uint32_t hold;

	record_end(&e->record, kind, x->began, now);
	times = record_failure(&e->record, kind, x->flow, x->blob.name,
			       &x->peer.addr, text, now);
	hold = record_hold(times);
	if (times == 1 && log_allowed_of(&e->failed_rekeys, LOG_MANY, now))
		log_warn("flow %u to %s: re-key to epoch %u failed: %s; trying again less and less often",
			 x->flow, x->blob.name, x->bind.epoch, text);
	else
		log_dbg("flow %u to %s: re-key failed %u times, next attempt in %u s: %s",
			x->flow, x->blob.name, times, hold / 1000, text);
	e->ops->rekey_clear(e->ctx, x->flow, x->bind.exchange, hold);
	exchange_free(e, x);
}

/* Log a successful re-key. */
static void log_done(struct engine *e, const struct exchange *x)
{
	unsigned int failed = record_forget(&e->record, x->flow);

	if (failed && log_allowed_of(&e->recovered, LOG_MANY, engine_now(e)))
		log_info("flow %u to %s: re-keyed, after %u failures",
			 x->flow, x->blob.name, failed);
	else
		log_dbg("flow %u to %s: epoch %u parked", x->flow,
			x->blob.name, x->bind.epoch);
}

/*
 * Take down a flow that lost its keys and whose peer proved no certificate at
 * allocation: the flow cannot be trusted with new keys.
 */
static bool hopeless(struct engine *e, uint32_t flow, const struct blob *blob)
{
	static const char why[] =
		"all keys were lost, and the peer has no certificate";

	if (blob->peer.authenticated)
		return false;
	log_warn("flow %u to %s: %s", flow, blob->name, why);
	e->ops->flow_del(e->ctx, flow, EKEYEXPIRED, why);
	return true;
}

/*
 * Load a claim into an exchange. Return false if the flow's data is unusable.
 */
static bool load_claim(struct exchange *x, const struct ipcp_nl_claim *claim)
{
	x->peer = claim->peer;
	x->generation = claim->generation;
	x->bind.purpose = FOR_REKEY_REQUEST;
	x->bind.epoch = claim->epoch;
	x->bind.exchange = claim->exchange;
	x->bind.initiator_eid = claim->eid;
	x->bind.responder_eid = claim->peer_eid;
	memcpy(x->bind.chain, claim->chain, sizeof(x->bind.chain));
	if (!binding_blob_read(&x->blob, claim->blob, claim->blob_len) ||
	    x->blob.role != ROLE_INITIATOR || x->blob.cipher != claim->cipher)
		return false;
	strcpy(x->bind.name, x->blob.name);
	return true;
}

/*
 * Make and send the request. Return false if @x has failed; it is then freed.
 */
static bool begin(struct engine *e, struct exchange *x)
{
	struct oap_err err;

	if (!exchange_token(e, x)) {
		rekey_failed(e, x, REKEY_FAILED, "cannot get random numbers");
		return false;
	}
	if (exchange_request(e, x, &err)) {
		rekey_failed(e, x, REKEY_FAILED, err.text);
		return false;
	}
	log_dbg("flow %u to %s: re-key to epoch %u, exchange %u", x->flow,
		x->blob.name, x->bind.epoch, x->bind.exchange);
	if (binding_fresh(&x->bind)) {
		x->in_clear = true;
		e->record.rekey_in_clear++;
	}
	exchange_send(e, x);
	return true;
}

/* Begin the exchange of a claim. On failure, end the claim and return NULL. */
struct exchange *rekey_begin(struct engine *e, const struct ipcp_nl_claim *claim)
{
	struct exchange *x = exchange_new(e, claim->id, EXCHANGE_REKEY,
					  e->conf->rekey_timeout);

	if (!x) {
		e->ops->rekey_clear(e->ctx, claim->id, claim->exchange, 0);
		return NULL;
	}
	if (!load_claim(x, claim)) {
		rekey_failed(e, x, REKEY_FAILED,
			     "the data stored with the flow is unusable");
		return NULL;
	}
	if (binding_fresh(&x->bind) && hopeless(e, claim->id, &x->blob)) {
		rekey_drop(e, x);
		return NULL;
	}
	return begin(e, x) ? x : NULL;
}

void rekey_done(struct engine *e, struct exchange *x)
{
	uint8_t seed[OAP_KEY_LEN];
	struct ipcp_nl_seed s = {
		.seed = seed, .epoch = x->bind.epoch,
		.exchange = x->bind.exchange, .generation = x->generation,
	};
	struct oap_err err;
	int status;

	if (!exchange_complete(x, seed, &err)) {
		rekey_failed(e, x, REKEY_FAILED, err.text);
		return;
	}
	memcpy(s.chain, x->bind.chain, sizeof(s.chain));
	status = e->ops->seed_set(e->ctx, x->flow, &s);
	oap_seed_wipe(seed);
	if (status) {
		rekey_failed(e, x, REKEY_FAILED, e->ops->reason(e->ctx));
		return;
	}
	peer_renewed(e, x->flow, &x->blob, oap_peer(x->run));
	record_end(&e->record, REKEY_DONE, x->began, engine_now(e));
	log_done(e, x);
	exchange_free(e, x);
}

void rekey_refused(struct engine *e, struct exchange *x, enum refusal code,
		   const char *why)
{
	unsigned int times;
	uint32_t wait;

	if (code != REFUSE_BUSY && code != REFUSE_ANEW) {
		rekey_failed(e, x, REKEY_FAILED, why);
		return;
	}
	times = record_busy(&e->record, x->flow);
	if (times > BUSY_TRIES) {
		rekey_failed(e, x, REKEY_FAILED, why);
		return;
	}
	wait = BUSY_RETRY_MS << (times - 1);
	record_end(&e->record, REKEY_BUSY, x->began, engine_now(e));
	log_dbg("flow %u: %s", x->flow, why);
	/* half the wait, so that the flow can certainly be claimed by then */
	e->ops->rekey_clear(e->ctx, x->flow, x->bind.exchange, wait / 2);
	exchange_free(e, x);
	engine_claim_soon(e, wait);
}

void rekey_timeout(struct engine *e, struct exchange *x)
{
	rekey_failed(e, x, REKEY_TIMEOUT, "no answer in time");
}

/*
 * Handle a request for a new seed from the responder of a flow, in a message
 * under its keys. A peer can send any number of these requests. A flow that is
 * already due is therefore left alone: only one request counts until there is a
 * seed, and no request shortens a hold-off.
 */
void rekey_wanted(struct engine *e, uint32_t id)
{
	struct ipcp_nl_flow flow;

	if (e->ops->flow_get(e->ctx, id, &flow) || !flow.initiator)
		return;
	if (flow.due || flow.in_flight || flow.epoch_age < WANTED_APART_MS ||
	    record_waits(&e->record, id, engine_now(e)))
		return;
	log_dbg("flow %u: the peer asks for a re-key", id);
	if (!e->ops->rekey_request(e->ctx, id))
		engine_claim_soon(e, 0);
}
