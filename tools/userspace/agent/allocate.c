// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Allocations for programs on this host: check the policy, locate the agent of
 * the name, and try the next address if an agent does not answer or refuses.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/addr.h"
#include "../common/cipher.h"
#include "engine-int.h"
#include "log.h"

static void log_failure(uint32_t flow, const char *name,
			const struct ipcp_nl_peer *peer, const char *text)
{
	char at[ADDR_TEXT_LEN];

	if (peer && peer->addr.ss_family)
		log_warn("flow %u to %s at %s: %s", flow, name,
			 addr_text(&peer->addr, at), text);
	else
		log_warn("flow %u to %s: %s", flow, name, text);
}

static void refuse_alloc(struct engine *e, uint32_t flow, uint32_t uid,
			 const char *name, const struct ipcp_nl_peer *peer,
			 int error, const char *text)
{
	record_failure(&e->record, ALLOC_FAILED, 0, name,
		       peer ? &peer->addr : NULL, text,
		       engine_now(e));
	if (user_limits_allow(&e->failed_allocs, uid, engine_now(e)))
		log_failure(flow, name, peer, text);
	e->ops->flow_del(e->ctx, flow, error, text);
}

/* Tell the responder that this side has aborted the allocation. */
void allocate_abort(struct engine *e, struct exchange *x, enum refusal code,
		    const char *text)
{
	if (x->sent)
		send_refusal(e, 0, &x->peer, MSG_ABORT, x->msg.token,
			     x->cookie, code, text);
	x->sent = false;
}

/* End an allocation: tell the program and, with @code, the peer. */
void allocate_failed(struct engine *e, struct exchange *x, int error,
		     enum refusal code, const char *text)
{
	record_end(&e->record, ALLOC_FAILED, x->began, engine_now(e));
	if (code)
		allocate_abort(e, x, code, text);
	refuse_alloc(e, x->flow, x->uid, x->blob.name, &x->peer, error, text);
	exchange_free(e, x);
}

/* Check whether the program may allocate a flow to the name. */
static bool check(struct engine *e, const struct ipcp_nl_upcall *up)
{
	char why[REASON_LEN];

	if (!oap_name_ok(up->name)) {
		refuse_alloc(e, up->flow_id, up->cred.uid, "?", NULL,
			     EHOSTUNREACH,
			     "invalid name: use printable characters, no spaces, no '/'");
		return false;
	}
	if (policy_program(e->conf, POLICY_ALLOC, up->name, &up->cred,
			   oap_has_credentials(e->oap, false, up->name), why))
		return true;
	refuse_alloc(e, up->flow_id, up->cred.uid, up->name, NULL, EACCES, why);
	return false;
}

/*
 * Start over with a new token. Return false if that failed; @x is then freed.
 */
static bool begin_anew(struct engine *e, struct exchange *x)
{
	if (exchange_token(e, x))
		return true;
	allocate_failed(e, x, EPROTO, 0, "cannot get random numbers");
	return false;
}

/*
 * Move on to the address x->place. Each responder that may have seen a request
 * gets a request of its own.
 */
static bool go_there(struct engine *e, struct exchange *x)
{
	if (!begin_anew(e, x))
		return false;
	x->peer.addr = x->places[x->place];
	memset(x->peer.local, 0, sizeof(x->peer.local));
	x->has_cookie = false;
	x->tries = 0;
	x->wait = RESEND_FIRST_MS;
	exchange_send(e, x);
	return true;
}

/* Make the request. Return false if that failed; @x is then freed. */
static bool make_request(struct engine *e, struct exchange *x)
{
	struct oap_err err;

	if (!exchange_request(e, x, &err))
		return true;
	allocate_failed(e, x, refusal_errno_of_oap(err.code), 0, err.text);
	return false;
}

/*
 * Make the request, or replace one that is too old. Return false if that failed;
 * @x is then freed.
 */
static bool renew(struct engine *e, struct exchange *x)
{
	if (x->run && !exchange_is_stale(e, x))
		return true;
	if (x->run && !begin_anew(e, x))
		return false;
	return make_request(e, x);
}

/* Begin the exchange after the addresses are known. */
static void begin(struct engine *e, struct exchange *x,
		  const struct sockaddr_storage *addrs, size_t count)
{
	x->places = calloc(count, sizeof(*addrs));
	if (!x->places) {
		allocate_failed(e, x, ENOMEM, 0, "out of memory");
		return;
	}
	memcpy(x->places, addrs, count * sizeof(*addrs));
	x->nplaces = count;
	go_there(e, x);
}

/* Begin with those configured addresses that are usable now. */
static void begin_configured(struct engine *e, struct exchange *x,
			     const struct config_name *block)
{
	struct sockaddr_storage *addrs = calloc(block->nplaces, sizeof(*addrs));
	char why[REASON_LEN];
	size_t i, count = 0;

	if (!addrs) {
		allocate_failed(e, x, ENOMEM, 0, "out of memory");
		return;
	}
	for (i = 0; i < block->nplaces; i++)
		count += place_find(&block->places[i], &addrs[count]);
	if (count) {
		begin(e, x, addrs, count);
	} else {
		snprintf(why, sizeof(why),
			 "this host has no interface %s, where the name's agent is",
			 block->places[0].zone);
		allocate_failed(e, x, EHOSTUNREACH, 0, why);
	}
	free(addrs);
}

static void ask_dns(struct engine *e, struct exchange *x)
{
	const struct config_name *block = config_find(e->conf, x->blob.name);

	x->resolving = true;
	x->resend_at = UINT64_MAX;
	if (!e->ops->resolve(e->ctx, x->flow, x->uid, x->blob.name,
			     block ? block->port : e->conf->port))
		return;
	x->resolving = false;
	allocate_failed(e, x, EHOSTUNREACH, 0,
			"the name has no address in the agent's configuration, and the DNS cannot be asked");
}

/*
 * True if the configuration allows a direct flow and a local program serves the
 * name.
 */
static bool stays_here(struct engine *e, const struct ipcp_nl_upcall *up)
{
	const struct config_name *block = config_find(e->conf, up->name);
	char why[REASON_LEN];
	int status;

	if (!block || !block->direct)
		return false;
	status = e->ops->flow_direct(e->ctx, up->flow_id);
	if (status == -ENOENT)
		return false;
	if (status) {
		/* the reason is valid until the next call only */
		snprintf(why, sizeof(why), "%s", e->ops->reason(e->ctx));
		refuse_alloc(e, up->flow_id, up->cred.uid, up->name, NULL,
			     refusal_errno_of_status(status), why);
	} else if (user_limits_allow(&e->done_allocs, up->cred.uid, engine_now(e))) {
		log_info("flow %u to %s: allocated, on this host", up->flow_id,
			 up->name);
	}
	return true;
}

void allocate_begin(struct engine *e, const struct ipcp_nl_upcall *up)
{
	uint32_t timeout = e->conf->alloc_timeout;
	const struct config_name *block;
	struct exchange *x;
	bool limited;

	if (!check(e, up) || stays_here(e, up))
		return;
	limited = up->timeout && up->timeout <= timeout;
	if (limited)
		timeout = up->timeout;
	x = exchange_new(e, up->flow_id, EXCHANGE_ALLOC, timeout);
	if (!x) {
		refuse_alloc(e, up->flow_id, up->cred.uid, up->name, NULL,
			     ENOMEM, "out of memory");
		return;
	}
	x->uid = up->cred.uid;
	x->limited = limited;
	x->in_clear = true;
	x->bind.purpose = FOR_ALLOC_REQUEST;
	x->bind.initiator_eid = up->eid;
	x->bind.qos = up->qos;
	x->bind.port = e->conf->port;
	x->generation = up->generation;
	x->peer.socket = up->peer.socket;
	strcpy(x->bind.name, up->name);
	strcpy(x->blob.name, up->name);
	x->blob.role = ROLE_INITIATOR;
	x->blob.auth = config_auth(e->conf, up->name);
	block = config_find(e->conf, up->name);
	if (addr_provider(&up->peer.addr))
		begin(e, x, &up->peer.addr, 1);
	else if (block && block->nplaces)
		begin_configured(e, x, block);
	else
		ask_dns(e, x);
}

void allocate_resolved(struct engine *e, uint32_t flow,
		       const struct sockaddr_storage *addrs, size_t count,
		       const char *why)
{
	struct exchange *x = exchange_of_flow(e, flow, EXCHANGE_ALLOC);

	if (!x || !x->resolving)
		return;
	x->resolving = false;
	if (count)
		begin(e, x, addrs, count);
	else
		allocate_failed(e, x, EHOSTUNREACH, 0, why);
}

/*
 * Use the first address that answers with a cookie. The request is made now and
 * not earlier, so that its timestamp is recent even if many HELLOs were lost.
 * Return false if that failed; @x is then freed.
 */
bool allocate_cookie(struct engine *e, struct exchange *x,
		     const struct ipcp_nl_peer *peer)
{
	size_t i;

	for (i = 0; i < x->nplaces; i++) {
		if (!peer_equal(&peer->addr, &x->places[i]))
			continue;
		x->place = i;
		x->peer.addr = x->places[i];
		x->tries = 0;
		break;
	}
	return renew(e, x);
}

/*
 * No answer: resend, to this or another address. May fail and end the exchange.
 */
void allocate_resend(struct engine *e, struct exchange *x)
{
	if (x->gone) {
		allocate_failed(e, x, ENETUNREACH, 0, "the provider went away");
		return;
	}
	if (x->nplaces < 2 ||
	    x->tries < (x->has_cookie ? ALLOC_TRIES : HELLO_TRIES)) {
		if (!x->run || renew(e, x))
			exchange_send(e, x);
		return;
	}
	x->place = (x->place + 1) % x->nplaces;
	allocate_abort(e, x, REFUSE_CANCELLED, "no answer in time");
	go_there(e, x);
}

/*
 * An agent refused, or its answer failed verification. Report that to the
 * program unless another address succeeds.
 */
void allocate_refused(struct engine *e, struct exchange *x, int error,
		      enum refusal code, const char *text)
{
	char at[ADDR_TEXT_LEN];

	if (!x->error) {
		x->error = error;
		snprintf(x->why, sizeof(x->why), "%s", text);
	}
	if (x->nplaces < 2) {
		if (code)
			allocate_abort(e, x, code, text);
		allocate_failed(e, x, x->error, 0, x->why);
		return;
	}
	if (user_limits_allow(&e->failed_allocs, x->uid, engine_now(e)))
		log_info("flow %u to %s at %s: %s", x->flow, x->blob.name,
			 addr_text(&x->peer.addr, at), text);
	if (code)
		allocate_abort(e, x, code, text);
	x->nplaces--;
	memmove(&x->places[x->place], &x->places[x->place + 1],
		(x->nplaces - x->place) * sizeof(x->places[0]));
	x->place %= x->nplaces;
	go_there(e, x);
}

/*
 * Time out. The kernel enforces the program's limit, too; the errno is the
 * same, whichever is first.
 */
void allocate_timeout(struct engine *e, struct exchange *x)
{
	char text[REASON_LEN], at[ADDR_TEXT_LEN];
	int error = EHOSTUNREACH;
	size_t i, used;

	if (x->limited)
		error = ETIMEDOUT;
	else if (x->error)
		error = x->error;
	if (x->error) {
		allocate_failed(e, x, error, REFUSE_CANCELLED, x->why);
		return;
	}
	if (x->resolving) {
		allocate_failed(e, x, error, 0,
				"the DNS did not answer in time");
		return;
	}
	used = snprintf(text, sizeof(text), "no agent answers at ");
	for (i = 0; i < x->nplaces && used < sizeof(text); i++)
		used += snprintf(text + used, sizeof(text) - used, "%s%s",
				 i ? ", " : "", addr_text(&x->places[i], at));
	allocate_failed(e, x, error, REFUSE_CANCELLED, text);
}

static void log_allocated(struct engine *e, const struct exchange *x)
{
	const struct oap_identity *peer = &x->blob.peer;
	char at[ADDR_TEXT_LEN];

	if (user_limits_allow(&e->done_allocs, x->uid, engine_now(e)))
		log_info("flow %u to %s at %s: allocated, %s, peer %s", x->flow,
			 x->blob.name, addr_text(&x->peer.addr, at),
			 cipher_name(x->blob.cipher),
			 peer->authenticated ? peer->name : "not authenticated");
}

void allocate_done(struct engine *e, struct exchange *x)
{
	struct ipcp_nl_params params = e->conf->params;
	uint8_t seed[OAP_KEY_LEN], blob[BLOB_LEN_MAX];
	struct ipcp_nl_seed s = { .seed = seed, .generation = x->generation };
	struct oap_err err;
	char why[REASON_LEN];
	int status;

	if (!exchange_complete(x, seed, &err)) {
		allocate_refused(e, x, refusal_errno_of_oap(err.code),
				 refusal_of(err.code), err.text);
		return;
	}
	x->blob.peer = *oap_peer(x->run);
	x->blob.cipher = oap_cipher(x->run);
	x->blob.kex = oap_kex(x->run);
	if (oap_both_proved(x->run) && config_recover(e->conf, x->blob.name))
		params.set |= IPCP_NL_P_RECOVERABLE;
	exchange_name_peer(&params, &x->blob.peer);
	params.blob = blob;
	params.blob_len = binding_blob_write(&x->blob, blob);
	status = e->ops->flow_allocate(e->ctx, x->flow, &x->peer,
				       x->bind.responder_eid, x->blob.cipher,
				       &s, &params);
	oap_seed_wipe(seed);
	if (status) {
		snprintf(why, sizeof(why), "%s", e->ops->reason(e->ctx));
		allocate_failed(e, x, refusal_errno_of_status(status),
				REFUSE_CANCELLED, why);
		return;
	}
	record_end(&e->record, ALLOC_DONE, x->began, engine_now(e));
	log_allocated(e, x);
	exchange_free(e, x);
}
