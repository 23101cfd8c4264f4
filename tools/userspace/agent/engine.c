// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* What initiator and responder share, and who gets which message. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "../common/addr.h"
#include "engine-int.h"
#include "log.h"

struct engine *engine_new(const struct engine_ops *ops, void *ctx,
			  const struct config *conf, struct oap_env *oap)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->ops = ops;
	e->ctx = ctx;
	e->claim_at = UINT64_MAX;
	TAILQ_INIT(&e->exchanges);
	TAILQ_INIT(&e->answers);
	TAILQ_INIT(&e->incomings);
	record_init(&e->record);
	/* who picks tokens shall not know which ones meet in a chain */
	if (RAND_bytes((uint8_t *)&e->salt, sizeof(e->salt)) != 1) {
		free(e);
		return NULL;
	}
	engine_set_config(e, conf, oap);
	return e;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	initiator_free(e);
	responder_free(e);
	record_free(&e->record);
	explicit_bzero(&e->jar, sizeof(e->jar));
	free(e);
}

void engine_set_config(struct engine *e, const struct config *conf,
		       struct oap_env *oap)
{
	e->conf = conf;
	e->oap = oap;
}

unsigned int engine_room(const struct engine *e)
{
	return e->nrekeys < e->conf->max_exchanges ?
	       e->conf->max_exchanges - e->nrekeys : 0;
}

uint64_t engine_now(const struct engine *e)
{
	return e->ops->now(e->ctx);
}

void engine_claim_soon(struct engine *e, uint64_t after_ms)
{
	uint64_t at = engine_now(e) + after_ms;

	if (at < e->claim_at)
		e->claim_at = at;
}

uint64_t engine_claim_at(struct engine *e)
{
	uint64_t at = e->claim_at;

	if (at <= engine_now(e))
		e->claim_at = UINT64_MAX;
	return at;
}

bool same_peer(const struct sockaddr_storage *a,
	       const struct sockaddr_storage *b)
{
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in6 *b6 = (const struct sockaddr_in6 *)b;
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)a;
	const struct sockaddr_in *b4 = (const struct sockaddr_in *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return a4->sin_port == b4->sin_port &&
		       a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return a6->sin6_port == b6->sin6_port &&
	       a6->sin6_scope_id == b6->sin6_scope_id &&
	       !memcmp(&a6->sin6_addr, &b6->sin6_addr, 16);
}

/* Over the flow if @flow is not 0, else in the clear to @peer. */
void send_message(struct engine *e, uint32_t flow,
		  const struct sockaddr_storage *peer,
		  const struct message *msg, const uint8_t *cookie)
{
	unsigned int i, n = frame_count(msg);
	char to[ADDR_TEXT_LEN];
	uint8_t buf[FRAME_MAX];
	size_t len;
	int err = 0;

	for (i = 0; !err && i < n; i++) {
		len = frame_write(buf, msg, i, cookie);
		err = flow ? e->ops->sealed_send(e->ctx, flow, buf, len) :
			     e->ops->ctrl_send(e->ctx, peer, buf, len);
	}
	if (!err)
		return;
	/* as if it was lost: whoever asked will ask again */
	if (flow)
		log_dbg("flow %u: cannot send a sealed message: %s", flow,
			e->ops->reason(e->ctx));
	else
		log_dbg("cannot send to %s: %s", addr_text(peer, to),
			e->ops->reason(e->ctx));
}

size_t refusal_write(uint8_t buf[1 + REASON_LEN], enum refusal code,
		     const char *text)
{
	size_t len = strnlen(text, REASON_LEN - 1);

	buf[0] = code;
	memcpy(buf + 1, text, len);
	return 1 + len;
}

/* @text: REASON_LEN bytes, made printable. */
enum refusal refusal_read(const uint8_t *p, size_t len, char *text)
{
	size_t i, n = len ? len - 1 : 0;

	if (n >= REASON_LEN)
		n = REASON_LEN - 1;
	for (i = 0; i < n; i++)
		text[i] = p[1 + i] >= ' ' && p[1 + i] <= '~' ? p[1 + i] : '?';
	text[n] = '\0';
	return len ? p[0] : REFUSE_INTERNAL;
}

void send_refusal(struct engine *e, uint32_t flow,
		  const struct sockaddr_storage *peer, enum msg_type type,
		  uint64_t token, const uint8_t *cookie, enum refusal code,
		  const char *text)
{
	uint8_t buf[1 + REASON_LEN];
	struct message msg = { .type = type, .token = token, .p = buf };

	msg.len = refusal_write(buf, code, text);
	send_message(e, flow, peer, &msg, cookie);
}

enum refusal refusal_of(enum oap_code code)
{
	switch (code) {
	case OAP_UNSIGNED:
	case OAP_BAD_CERT:
	case OAP_BAD_SIGNATURE:
	case OAP_BAD_NAME:
	case OAP_REPLAY:
		return REFUSE_AUTH;
	case OAP_CLOCK:
		return REFUSE_CLOCK;
	case OAP_BAD_KEX:
	case OAP_BAD_CIPHER:
		return REFUSE_CRYPTO;
	case OAP_MALFORMED:
	case OAP_MISMATCH:
		return REFUSE_MALFORMED;
	case OAP_NO_CREDENTIALS:
	case OAP_BAD_CONFIG:
		return REFUSE_CREDENTIALS;
	case OAP_FULL:
		return REFUSE_FULL;
	default:
		return REFUSE_INTERNAL;
	}
}

/* What the program at the initiator gets. */
int errno_of_refusal(enum refusal code)
{
	switch (code) {
	case REFUSE_NOT_SERVED:
	case REFUSE_FULL:
		return ECONNREFUSED;
	case REFUSE_AUTH:
	case REFUSE_CLOCK:
	case REFUSE_CREDENTIALS:
		return EKEYREJECTED;
	case REFUSE_POLICY:
		return EACCES;
	case REFUSE_QOS:
		return EOPNOTSUPP;
	default:
		return EPROTO;
	}
}

int errno_of_oap(enum oap_code code)
{
	return errno_of_refusal(refusal_of(code));
}

/*
 * What a program is told when the kernel refused what its agent asked for. The
 * kernel lets the agent say no others, see flow-del.
 */
int errno_of_status(int status)
{
	switch (-status) {
	case EDQUOT:
	case EHOSTUNREACH:
	case EKEYREJECTED:
	case ENETUNREACH:
	case ENOMEM:
	case EOPNOTSUPP:
	case EUSERS:
		return -status;
	default:
		return ECONNABORTED;
	}
}

static void on_hello(struct engine *e, const struct sockaddr_storage *peer,
		     const struct frame *frame)
{
	struct message msg = { .type = MSG_COOKIE, .token = frame->token };
	uint8_t cookie[COOKIE_LEN];

	/* never longer than what came: a frame has a header at least */
	if (!cookie_make(&e->jar, engine_now(e), peer, cookie))
		return;
	e->record.cookies++;
	send_message(e, 0, peer, &msg, cookie);
}

void engine_ctrl(struct engine *e, const struct sockaddr_storage *peer,
		 const uint8_t *p, size_t len)
{
	struct frame frame;

	if (!peer->ss_family || !frame_read(&frame, p, len)) {
		e->record.bad_messages++;
		return;
	}
	switch (frame.type) {
	case MSG_HELLO:
		on_hello(e, peer, &frame);
		break;
	case MSG_ALLOC:
	case MSG_ABORT:
	case MSG_REKEY:
		if (!cookie_ok(&e->jar, engine_now(e), peer, frame.cookie))
			on_hello(e, peer, &frame);
		else if (frame.type == MSG_ABORT)
			responder_abort(e, peer, &frame);
		else
			responder_frame(e, 0, peer, &frame);
		break;
	case MSG_COOKIE:
		initiator_cookie(e, peer, &frame);
		break;
	case MSG_ALLOC_OK:
	case MSG_REFUSED:
	case MSG_REKEY_OK:
	case MSG_REKEY_REFUSED:
		initiator_answer(e, 0, &frame);
		break;
	default:
		e->record.bad_messages++;
	}
}

static void on_wanted(struct engine *e, uint32_t id)
{
	struct ipcp_nl_flow flow;

	if (e->ops->flow_get(e->ctx, id, &flow) || !flow.initiator)
		return;
	/* a peer may not make us work all the time */
	if (flow.epoch_age < 1000)
		return;
	log_dbg("flow %u: the peer asks for a re-key", id);
	if (!e->ops->rekey_request(e->ctx, id))
		engine_claim_soon(e, 0);
}

void engine_sealed(struct engine *e, uint32_t flow, const uint8_t *p,
		   size_t len)
{
	struct frame frame;

	if (!flow || !frame_read(&frame, p, len)) {
		e->record.bad_messages++;
		return;
	}
	switch (frame.type) {
	case MSG_REKEY:
		responder_frame(e, flow, NULL, &frame);
		break;
	case MSG_REKEY_OK:
	case MSG_REKEY_REFUSED:
		initiator_answer(e, flow, &frame);
		break;
	case MSG_REKEY_WANTED:
		on_wanted(e, flow);
		break;
	default:
		e->record.bad_messages++;
	}
}

/*
 * A flow that lost its keys, and whose peer proved nothing at allocation, has
 * nobody who could be trusted with new ones: it is taken down.
 */
bool engine_hopeless(struct engine *e, uint32_t flow, uint32_t due,
		     const struct blob *blob)
{
	static const char why[] =
		"all keys were lost, and the peer has no certificate";

	if (!(due & IPCP_REKEY_DUE_NO_KEYS) || blob->peer.authenticated)
		return false;
	log_warn("flow %u to %s: %s", flow, blob->name, why);
	e->ops->flow_del(e->ctx, flow, EKEYEXPIRED, why);
	return true;
}

void engine_want(struct engine *e, const struct ipcp_nl_flow *flow)
{
	struct message msg = { .type = MSG_REKEY_WANTED };
	struct blob blob;

	if (flow->initiator || !flow->due ||
	    flow->state != IPCP_REKEY_FLOW_STATE_ALLOCATED)
		return;
	if (blob_read(&blob, flow->blob, flow->blob_len) &&
	    engine_hopeless(e, flow->id, flow->due, &blob))
		return;
	send_message(e, flow->id, NULL, &msg, NULL);
}

/* A program gave up, or a flow is gone. */
void engine_cancel(struct engine *e, uint32_t flow)
{
	record_forget(&e->record, flow);
	initiator_gone(e, flow);
	responder_gone(e, flow);
}

uint64_t engine_tick(struct engine *e)
{
	uint64_t now = engine_now(e);
	uint64_t a = initiator_tick(e, now);
	uint64_t b = responder_tick(e, now);

	return a < b ? a : b;
}
