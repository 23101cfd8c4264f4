// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Re-keys of flows whose keys were lost at one end, on the side that begins the
 * exchange.
 *
 * A side that has lost all keys can neither read sealed messages nor mix a seed
 * with the chain. The agents therefore agree on a fresh seed in the clear,
 * between peers that have proved certificates at allocation and prove them
 * again. A certificate can be stolen, so a side that has keys first asks its
 * peer under those keys, and continues in the clear only if the peer is silent.
 */

#include <errno.h>
#include <stdio.h>

#include "engine-int.h"

#define RAISE_MAX	65536	/* exchange numbers at once, as in the kernel */

/*
 * Replace an exchange by a fresh one with the same time limit. Return NULL if
 * that fails: the re-key has failed then. Clearing the old claim first tells
 * the kernel how long to leave the flow alone in that case, since the kernel
 * accepts a hold-off only with a claim.
 */
static struct exchange *begin_anew(struct engine *e, struct exchange *x,
				   const struct ipcp_nl_numbers *peer)
{
	uint64_t began = x->began, deadline = x->deadline;
	unsigned int times = record_times(&e->record, x->flow) + 1;
	struct ipcp_nl_claim claim;
	const char *why;

	e->ops->rekey_clear(e->ctx, x->flow, x->bind.exchange,
			    record_hold(times));
	if (e->ops->rekey_claim_fresh(e->ctx, x->flow, peer, &claim)) {
		why = e->ops->reason(e->ctx);
		rekey_failed(e, x, REKEY_FAILED,
			     *why ? why : "the flow cannot be claimed now");
		return NULL;
	}
	exchange_free(e, x);
	x = rekey_begin(e, &claim);
	if (x) {
		x->began = began;
		x->deadline = deadline;
	}
	return x;
}

/*
 * Without an answer under the flow's keys, make the kernel ask the peer under
 * these keys whether it has them. Return: false if the exchange has ended.
 */
static bool ask(struct engine *e, struct exchange *x)
{
	int err = e->ops->rekey_ask(e->ctx, x->flow, x->bind.exchange);

	log_dbg("flow %u to %s: no answer from the peer's agent: %s", x->flow,
		x->blob.name, err ? e->ops->reason(e->ctx) :
				    "asking the peer for the keys");
	if (err == -ENOKEY) {
		begin_anew(e, x, NULL);	/* this side has no keys either */
		return false;
	}
	x->asked = !err;
	return true;
}

/* Start a fresh exchange after silence from the peer. */
static void recover(struct engine *e, struct exchange *x)
{
	/* log the first of several in a row: the peer may be away for long */
	if (!record_times(&e->record, x->flow))
		log_info("flow %u to %s: the peer does not answer under the keys: a fresh exchange",
			 x->flow, x->blob.name);
	x = begin_anew(e, x, NULL);
	if (x)
		x->after_silence = true;
}

/*
 * Check whether the kernel knows if the peer has the keys. Return: false if the
 * exchange has ended.
 */
static bool look(struct engine *e, struct exchange *x)
{
	struct ipcp_nl_flow flow;

	if (e->ops->flow_get(e->ctx, x->flow, &flow) ||
	    flow.question_exchange != x->bind.exchange)
		flow.question = IPCP_REKEY_QUESTION_NONE;
	if (flow.question == IPCP_REKEY_QUESTION_ANSWERED)
		record_has_keys(&e->record, x->flow);
	switch (flow.question) {
	case IPCP_REKEY_QUESTION_ASKED:
		return true;
	case IPCP_REKEY_QUESTION_SILENT:
		recover(e, x);
		return false;
	default:
		/* only the peer's agent is away */
		x->asked = false;
		x->tries = 0;
		return true;
	}
}

/* Report that the kernel has asked the peer. */
void recover_asked(struct engine *e, struct exchange *x)
{
	if (x->asked)
		look(e, x);
}

static bool may_ask(const struct exchange *x)
{
	return !x->in_clear && x->tries >= SEALED_TRIES &&
	       x->blob.peer.authenticated && x->peer.addr.ss_family;
}

/*
 * End an exchange whose request is so old that the peer would refuse it. A side
 * without keys begins another exchange. A side with keys has to ask again
 * later, since one silence of the peer permits only one claim. Return: true if
 * @x was ended and freed.
 */
bool recover_renew(struct engine *e, struct exchange *x)
{
	if (!x->in_clear || !exchange_is_stale(e, x))
		return false;
	if (x->after_silence)
		rekey_timeout(e, x);
	else
		begin_anew(e, x, NULL);
	return true;
}

/* Without an answer, send again, and find out whether the peer has the keys. */
void recover_resend(struct engine *e, struct exchange *x)
{
	bool alive = true;

	if (recover_renew(e, x))
		return;
	if (x->asked)
		alive = look(e, x);
	else if (may_ask(x))
		alive = ask(e, x);
	if (alive)
		exchange_send(e, x);
}

/*
 * Start a fresh exchange: the peer said that it lost the keys, and was silent.
 */
void recover_flow(struct engine *e, uint32_t flow)
{
	struct exchange *x = exchange_of_flow(e, flow, EXCHANGE_REKEY);
	struct ipcp_nl_claim claim;

	if (x && x->in_clear)
		return;
	if (x) {
		recover(e, x);
		return;
	}
	if (!record_times(&e->record, flow))
		log_info("flow %u: the peer has lost the keys: a fresh exchange",
			 flow);
	if (e->ops->rekey_claim_fresh(e->ctx, flow, NULL, &claim)) {
		log_dbg("flow %u: cannot begin anew: %s", flow,
			e->ops->reason(e->ctx));
		return;
	}
	x = rekey_begin(e, &claim);
	if (x)
		x->after_silence = true;
}

/* True if the peer's exchange number is too far ahead to be adopted. */
static bool too_far(const struct exchange *x, const struct binding *denial)
{
	int32_t ahead = denial->newest.exchange - x->bind.exchange;

	return denial->code == REFUSE_BEHIND && ahead > RAISE_MAX;
}

/*
 * True if a denial counts towards the end of the flow.
 *
 * A side that has keys was denied after silence, which may have been an outage.
 * "Nobody lost anything" then means that the peer has the keys, too. "Not
 * recoverable" may come from a peer that has the keys, or from one that lost
 * them and holds a flow that cannot continue. It counts if the host of the
 * allocation signs it, identified by its certificate. The flow ends only if
 * that is said twice, a minute or more apart, each time after questions under
 * the keys without an answer: a re-key or an answer in between makes the next
 * denial the first. An outage would have to stop the packets under the keys
 * both times, but not the messages in the clear. A thief of the certificate who
 * can do that could also sign that there is no such flow, which ends the flow at
 * once.
 */
static bool may_end(const struct exchange *x, const struct binding *denial)
{
	if (!x->after_silence)
		return denial_is_final(denial->code) || too_far(x, denial);
	return denial->code == REFUSE_NO_FLOW ||
	       (denial->code == REFUSE_NOT_RECOVERABLE && x->same_denier);
}

/*
 * True if a denial from the peer ends the flow. After silence, the host of the
 * allocation can say at once that it does not have the flow. Another host that
 * serves the same name does not have the flow either.
 */
static bool is_end(struct engine *e, const struct exchange *x,
		   const struct binding *denial)
{
	if (!may_end(x, denial))
		return false;
	if (x->after_silence && x->same_denier &&
	    denial->code == REFUSE_NO_FLOW)
		return true;
	return record_denied(&e->record, x->flow, engine_now(e));
}

/* True if this side was set back, and can continue from the peer's numbers. */
static bool may_raise(const struct exchange *x, const struct binding *denial)
{
	return denial->code == REFUSE_BEHIND && !x->after_silence &&
	       !x->raised && !too_far(x, denial);
}

/*
 * Handle a signed refusal of a fresh exchange. A side that has keys got here
 * after silence, and a side without keys believes no first refusal, which may
 * come from a thief: see may_end() and is_end().
 */
void recover_denied(struct engine *e, struct exchange *x,
		    const struct binding *denial)
{
	uint32_t flow = x->flow;
	char why[REASON_LEN];
	bool counts;

	if (may_raise(x, denial)) {
		if (!record_times(&e->record, flow))
			log_info("flow %u to %s: the peer is further, at epoch %u and exchange %u",
				 flow, x->blob.name, denial->newest.epoch,
				 denial->newest.exchange);
		x = begin_anew(e, x, &denial->newest);
		if (x)
			x->raised = true;
		return;
	}
	if (is_end(e, x, denial)) {
		denial_end_flow(e, x, denial);
		return;
	}
	counts = may_end(x, denial);
	snprintf(why, sizeof(why), "the peer refuses: %.100s", denial->text);
	rekey_failed(e, x, REKEY_FAILED, why);
	if (counts)
		record_denied(&e->record, flow, engine_now(e));
}
