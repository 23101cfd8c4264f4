// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Re-keys that this side begins, and requests for a re-key from either side. */

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

/*
 * How long a flow is left alone that failed @times times: twice as long each time.
 * With more failing flows than the table has, nobody counts them: the longest.
 */
static uint32_t hold_time(const struct engine *e, unsigned int times)
{
	uint32_t hold = HOLD_FIRST_MS;

	while (--times && hold < HOLD_MAX_MS)
		hold *= 2;
	if (hold > HOLD_MAX_MS || e->record.nfailures == FAILURES_MAX)
		return HOLD_MAX_MS;
	return hold;
}

static void rekey_failed(struct engine *e, struct exchange *x,
			 enum outcome_kind kind, const char *text)
{
	uint64_t now = engine_now(e);
	unsigned int times;
	uint32_t hold;

	record_end(&e->record, kind, x->began, now);
	times = record_failure(&e->record, kind, x->flow, x->blob.name,
			       &x->peer, text, now);
	hold = hold_time(e, times);
	if (times == 1)
		log_warn("flow %u to %s: re-key to epoch %u failed: %s; trying again less and less often",
			 x->flow, x->blob.name, x->bind.epoch, text);
	else
		log_dbg("flow %u to %s: re-key failed %u times, next attempt in %u s: %s",
			x->flow, x->blob.name, times, hold / 1000, text);
	e->ops->rekey_clear(e->ctx, x->flow, x->bind.exchange, hold);
	exchange_free(e, x);
}

/* A re-key of a flow went well. */
static void log_done(struct engine *e, const struct exchange *x)
{
	unsigned int failed = record_forget(&e->record, x->flow);

	if (failed)
		log_info("flow %u to %s: re-keyed, after %u failures",
			 x->flow, x->blob.name, failed);
	else
		log_dbg("flow %u to %s: epoch %u parked", x->flow,
			x->blob.name, x->bind.epoch);
}

/*
 * A side that lost all keys cannot read sealed messages, and does not hold the
 * chain. So a fresh seed is agreed on in the clear, with a peer that proved a
 * certificate at allocation and proves it again; other peers cannot.
 */
static bool may_go_in_clear(const struct exchange *x)
{
	return x->blob.peer.authenticated && x->peer.ss_family;
}

/*
 * A flow that lost its keys and whose peer proved no certificate at allocation
 * cannot be trusted with new keys: it is taken down.
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

/* Begin the exchange of a claim. NULL if that fails; the claim has ended then. */
static struct exchange *begin(struct engine *e, const struct ipcp_nl_claim *claim)
{
	struct exchange *x = exchange_new(e, claim->id, true,
					  e->conf->rekey_timeout);
	struct oap_err err;

	if (!x) {
		e->ops->rekey_clear(e->ctx, claim->id, claim->exchange, 0);
		return NULL;
	}
	x->peer = claim->peer;
	x->bind.purpose = FOR_REKEY_REQUEST;
	x->bind.epoch = claim->epoch;
	x->bind.exchange = claim->exchange;
	x->bind.initiator_eid = claim->eid;
	x->bind.responder_eid = claim->peer_eid;
	memcpy(x->bind.chain, claim->chain, sizeof(x->bind.chain));
	x->generation = claim->generation;
	if (!binding_blob_read(&x->blob, claim->blob, claim->blob_len) ||
	    x->blob.role != ROLE_INITIATOR ||
	    x->blob.cipher != claim->cipher) {
		rekey_failed(e, x, REKEY_FAILED,
			     "the data stored with the flow is unusable");
		return NULL;
	}
	if (binding_fresh(&x->bind) && hopeless(e, claim->id, &x->blob)) {
		rekey_drop(e, x);
		return NULL;
	}
	if (!exchange_token(x)) {
		rekey_failed(e, x, REKEY_FAILED, "cannot get random numbers");
		return NULL;
	}
	if (exchange_request(e, x, &err)) {
		rekey_failed(e, x, REKEY_FAILED, err.text);
		return NULL;
	}
	log_dbg("flow %u to %s: re-key to epoch %u, exchange %u", x->flow,
		x->blob.name, x->bind.epoch, x->bind.exchange);
	if (binding_fresh(&x->bind)) {
		x->in_clear = true;
		e->record.rekey_in_clear++;
	}
	exchange_send(e, x);
	return x;
}

void rekey_begin(struct engine *e, const struct ipcp_nl_claim *claim)
{
	begin(e, claim);
}

/*
 * No answer under the flow's keys: the peer may have lost them. End the claim,
 * and claim the flow anew for a fresh seed.
 */
static void begin_anew(struct engine *e, struct exchange *x)
{
	uint64_t began = x->began, deadline = x->deadline;
	struct ipcp_nl_claim claim;
	uint32_t flow = x->flow;

	log_dbg("flow %u to %s: no answer under the flow's keys", flow,
		x->blob.name);
	rekey_drop(e, x);
	if (e->ops->rekey_claim_fresh(e->ctx, flow, &claim)) {
		engine_claim_soon(e, BUSY_RETRY_MS);
		return;
	}
	x = begin(e, &claim);
	if (x) {
		x->began = began;
		x->deadline = deadline;
	}
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
	if (code != REFUSE_BUSY && code != REFUSE_ANEW) {
		rekey_failed(e, x, REKEY_FAILED, why);
		return;
	}
	record_end(&e->record, REKEY_BUSY, x->began, engine_now(e));
	log_dbg("flow %u: %s", x->flow, why);
	rekey_drop(e, x);
	engine_claim_soon(e, BUSY_RETRY_MS);
}

void rekey_timeout(struct engine *e, struct exchange *x)
{
	rekey_failed(e, x, REKEY_TIMEOUT, "no answer in time");
}

/* No answer: send again, or begin anew in the clear after some attempts. */
void rekey_resend(struct engine *e, struct exchange *x)
{
	if (!x->in_clear && x->tries >= SEALED_TRIES && may_go_in_clear(x))
		begin_anew(e, x);
	else
		exchange_send(e, x);
}

/* Ask the initiator of a flow for a new seed. */
void rekey_want(struct engine *e, const struct ipcp_nl_flow *flow)
{
	struct message msg = { .type = MSG_REKEY_WANTED };
	struct blob blob;

	if (flow->initiator || !flow->due ||
	    flow->state != IPCP_REKEY_FLOW_STATE_ALLOCATED)
		return;
	if (flow->due & IPCP_REKEY_DUE_NO_KEYS &&
	    binding_blob_read(&blob, flow->blob, flow->blob_len) &&
	    hopeless(e, flow->id, &blob))
		return;
	send_message(e, flow->id, NULL, &msg, NULL);
}

/* The responder of a flow asks for a new seed. */
void rekey_wanted(struct engine *e, uint32_t id)
{
	struct ipcp_nl_flow flow;

	if (e->ops->flow_get(e->ctx, id, &flow) || !flow.initiator)
		return;
	/* limit the work that a peer can cause */
	if (flow.epoch_age < 1000)
		return;
	log_dbg("flow %u: the peer asks for a re-key", id);
	if (!e->ops->rekey_request(e->ctx, id))
		engine_claim_soon(e, 0);
}
