// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * A responder asks for a re-key, which only the initiator can begin: under the
 * keys of the flow or, after losing the keys, by a signed message in the clear.
 */

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "../common/addr.h"
#include "engine-int.h"

/*
 * Alternate between the address of the flow and the port of the peer's agent: a
 * firewall or NAT may have forgotten the flow.
 */
static void turn(struct exchange *x, const struct ipcp_nl_flow *flow)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&x->peer.addr;
	struct sockaddr_in *in = (struct sockaddr_in *)&x->peer.addr;

	x->peer = flow->peer;
	if (!x->blob.port || !(x->tries % 2) || addr_provider(&x->peer.addr))
		return;
	if (in->sin_family == AF_INET)
		in->sin_port = htons(x->blob.port);
	else
		in6->sin6_port = htons(x->blob.port);
}

/* Ask in the clear. The statement is made when the cookie arrives. */
static void begin(struct engine *e, const struct ipcp_nl_flow *flow)
{
	struct exchange *x;

	if (!flow->recoverable || !flow->peer.addr.ss_family ||
	    exchange_of_flow(e, flow->id, EXCHANGE_WANT) ||
	    record_waits(&e->record, flow->id, engine_now(e)))
		return;
	x = exchange_new(e, flow->id, EXCHANGE_WANT, e->conf->rekey_timeout);
	if (!x)
		return;
	x->in_clear = true;
	turn(x, flow);
	x->bind.purpose = FOR_WANTED;
	x->bind.initiator_eid = flow->peer_eid;
	x->bind.responder_eid = flow->eid;
	if (!binding_blob_read(&x->blob, flow->blob, flow->blob_len) ||
	    x->blob.role != ROLE_RESPONDER || !exchange_token(e, x)) {
		exchange_free(e, x);
		return;
	}
	strcpy(x->bind.name, x->blob.name);
	/* log the first of several in a row: the peer may be away for long */
	if (!record_times(&e->record, x->flow))
		log_info("flow %u of %s: the keys are lost: asking the peer for fresh ones",
			 x->flow, x->blob.name);
	exchange_send(e, x);
}

/*
 * The initiator knows its own interval only. If that is longer than the limit of
 * this side, the flow would stop at each limit until somebody asks.
 */
static bool nears_limit(const struct ipcp_nl_flow *flow)
{
	uint32_t max = flow->max_epoch_age;

	return max && flow->epoch_age >= max - max / 4;
}

bool want_needed(const struct ipcp_nl_flow *flow)
{
	return !flow->initiator &&
	       flow->state == IPCP_REKEY_FLOW_STATE_ALLOCATED &&
	       (flow->due || nears_limit(flow));
}

/* Ask for a re-key of a flow that needs one and whose responder is here. */
void want_rekey(struct engine *e, const struct ipcp_nl_flow *flow)
{
	struct message msg = { .type = MSG_REKEY_WANTED };

	if (!want_needed(flow))
		return;
	if (flow->due & IPCP_REKEY_DUE_NO_KEYS)
		begin(e, flow);
	else
		send_message(e, flow->id, NULL, &msg, NULL);
}

static void failed(struct engine *e, struct exchange *x, enum outcome_kind kind,
		   const char *why)
{
	if (record_failure(&e->record, kind, x->flow, x->blob.name, &x->peer.addr,
			   why, engine_now(e)) == 1)
		log_warn("flow %u of %s: no fresh keys: %s; asking again less and less often",
			 x->flow, x->blob.name, why);
	exchange_free(e, x);
}

/* Make the statement. Return false if that failed; @x is then freed. */
static bool make(struct engine *e, struct exchange *x)
{
	struct oap_err err;

	if (!exchange_request(e, x, &err))
		return true;
	failed(e, x, REKEY_FAILED, err.text);
	return false;
}

/* True for a cookie from the host that was asked, regardless of the port. */
bool want_hears(const struct exchange *x, const struct ipcp_nl_peer *peer)
{
	return peer_same_host(&peer->addr, &x->peer.addr);
}

/* Continue where the cookie of the initiator's agent came from. */
bool want_cookie(struct engine *e, struct exchange *x,
		 const struct ipcp_nl_peer *peer)
{
	x->peer.addr = peer->addr;
	x->tries = 0;
	return x->run || make(e, x);
}

/* Without an answer from that address, alternate again. */
static bool begin_again(struct engine *e, struct exchange *x)
{
	if (!x->has_cookie || x->tries < WANT_TRIES)
		return true;
	x->has_cookie = false;
	x->wait = RESEND_FIRST_MS;
	if (exchange_token(e, x))
		return true;
	failed(e, x, REKEY_FAILED, "cannot get random numbers");
	return false;
}

/* Replace a statement that the peer would refuse as too old. */
static bool renew(struct engine *e, struct exchange *x)
{
	if (!exchange_is_stale(e, x))
		return true;
	if (exchange_token(e, x))
		return make(e, x);
	failed(e, x, REKEY_FAILED, "cannot get random numbers");
	return false;
}

/* Send again, until there are keys. */
void want_resend(struct engine *e, struct exchange *x)
{
	struct ipcp_nl_flow flow;

	if (e->ops->flow_get(e->ctx, x->flow, &flow) ||
	    !(flow.due & IPCP_REKEY_DUE_NO_KEYS)) {
		exchange_free(e, x);
	} else if (begin_again(e, x) && renew(e, x)) {
		if (!x->has_cookie)
			turn(x, &flow);
		exchange_send(e, x);
	}
}

void want_timeout(struct engine *e, struct exchange *x)
{
	failed(e, x, REKEY_TIMEOUT, *x->why ? x->why : "no answer in time");
}

/*
 * Handle a signed denial: the initiator rejects that this side lost the keys.
 */
void want_denied(struct engine *e, struct exchange *x,
		 const struct binding *denial)
{
	uint32_t flow = x->flow;
	char why[REASON_LEN];

	if (denial_is_final(denial->code) &&
	    record_denied(&e->record, flow, engine_now(e))) {
		denial_end_flow(e, x, denial);
		return;
	}
	snprintf(why, sizeof(why), "the peer refuses: %.100s", denial->text);
	failed(e, x, REKEY_FAILED, why);
	if (denial_is_final(denial->code))
		record_denied(&e->record, flow, engine_now(e));
}
