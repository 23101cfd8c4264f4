// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Re-keys of flows whose keys were lost at one end, at the side that begins
 * them.
 *
 * A side that has lost all keys cannot read sealed messages, and does not hold
 * the chain. So a fresh seed is agreed on in the clear, between peers that have
 * proved certificates at allocation and prove them again. A certificate can be
 * stolen, so a side that has keys asks its peer under them first, and goes on in
 * the clear only if that is silent.
 */

#include <errno.h>
#include <stdio.h>

#include "engine-int.h"

#define RAISE_MAX	65536	/* exchange numbers at once, as the kernel takes */

/*
 * Put a fresh exchange in the place of another one, whose time limit it has. NULL
 * if that fails: the re-key has failed then. The end of the old claim tells the
 * kernel how long to leave the flow alone in that case; without a claim it cannot
 * be told.
 */
static struct exchange *begin_anew(struct engine *e, struct exchange *x,
				   const struct ipcp_nl_numbers *peer)
{
	uint64_t began = x->began, deadline = x->deadline;
	unsigned int times = record_times(&e->record, x->flow) + 1;
	struct ipcp_nl_claim claim;
	const char *why;

	e->ops->rekey_clear(e->ctx, x->flow, x->bind.exchange,
			    record_hold(&e->record, times));
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
 * No answer under the flow's keys: have the kernel ask the peer under them
 * whether it has them. Return: false if the exchange has ended.
 */
static bool ask(struct engine *e, struct exchange *x)
{
	int err = e->ops->rekey_ask(e->ctx, x->flow, x->bind.exchange);

	log_dbg("flow %u to %s: no answer from the peer's agent: %s", x->flow,
		x->blob.name, err ? e->ops->reason(e->ctx) :
				    "asking the peer for the keys");
	if (err == -ENOKEY) {
		begin_anew(e, x, NULL);	/* this side has none either */
		return false;
	}
	x->asked = !err;
	return true;
}

/* The peer was silent. */
static void recover(struct engine *e, struct exchange *x)
{
	/* the first of several in a row: the peer may be away for long */
	if (!record_times(&e->record, x->flow))
		log_info("flow %u to %s: the peer does not answer under the keys: a fresh exchange",
			 x->flow, x->blob.name);
	x = begin_anew(e, x, NULL);
	if (x)
		x->after_silence = true;
}

/*
 * See whether the kernel knows if the peer has the keys. Return: false if the
 * exchange has ended.
 */
static bool look(struct engine *e, struct exchange *x)
{
	struct ipcp_nl_flow flow;

	if (e->ops->flow_get(e->ctx, x->flow, &flow) ||
	    flow.question_exchange != x->bind.exchange)
		flow.question = IPCP_REKEY_QUESTION_NONE;
	switch (flow.question) {
	case IPCP_REKEY_QUESTION_ASKED:
		return true;
	case IPCP_REKEY_QUESTION_SILENT:
		recover(e, x);
		return false;
	default:
		/* only its agent is away */
		x->asked = false;
		x->tries = 0;
		return true;
	}
}

/* The kernel has asked the peer. */
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
 * End an exchange whose request is so old that the peer would refuse it: a side
 * without keys begins another one. One silence of the peer permits one claim, so a
 * side with keys asks again, later. Return: true if so; @x is gone.
 */
bool recover_renew(struct engine *e, struct exchange *x)
{
	if (!x->in_clear || engine_now(e) - x->made < REQUEST_RENEW_MS)
		return false;
	if (x->after_silence)
		rekey_timeout(e, x);
	else
		begin_anew(e, x, NULL);
	return true;
}

/* No answer: send again, and find out whether the peer has the keys. */
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

/* The peer has lost the keys of a flow: it said so, and was silent under them. */
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

/* True if what the peer says ends the flow. */
static bool is_end(struct engine *e, const struct exchange *x,
		   const struct binding *denial)
{
	if (!denial_is_final(denial->code))
		return false;
	/*
	 * Silence may have been an outage. So only the host of the allocation, by
	 * its certificate, can say at once that there is no such flow: another one
	 * that serves the same name says so, too.
	 */
	if (x->after_silence && x->same_denier)
		return denial->code == REFUSE_NO_FLOW;
	if (x->after_silence && denial->code != REFUSE_NO_FLOW)
		return false;
	return record_denied(&e->record, x->flow, engine_now(e));
}

/* True if this side was set back, and can go on from the numbers of the peer. */
static bool may_raise(const struct exchange *x, const struct binding *denial)
{
	int32_t ahead = denial->newest.exchange - x->bind.exchange;

	return denial->code == REFUSE_BEHIND && !x->after_silence &&
	       !x->raised && ahead <= RAISE_MAX;
}

/*
 * The peer refuses a fresh exchange, and has signed that. A side that has keys
 * got here after silence, and believes it. A side without keys believes the
 * second one, a while later: the first may come from a thief.
 */
void recover_denied(struct engine *e, struct exchange *x,
		    const struct binding *denial)
{
	uint32_t flow = x->flow;
	char why[REASON_LEN];

	if (may_raise(x, denial)) {
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
	snprintf(why, sizeof(why), "the peer refuses: %.100s", denial->text);
	rekey_failed(e, x, REKEY_FAILED, why);
	if (denial_is_final(denial->code))
		record_denied(&e->record, flow, engine_now(e));
}
