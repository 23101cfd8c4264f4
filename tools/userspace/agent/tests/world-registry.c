// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The registry of each side: its flows, and the kernel's rules on exchanges. */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "world-int.h"

/*
 * Return: when a question ends. It is answered soon if the peer has the keys
 * and is heard, and otherwise ends after 3 seconds.
 */
static uint64_t question_end(struct side *s, const struct fake_flow *f)
{
	bool silent = s->other->no_keys || s->deaf || loss == 100;

	if (!f->used || f->f.question != IPCP_REKEY_QUESTION_ASKED)
		return UINT64_MAX;
	return f->asked_at + (silent && !s->answered ? 3000 : 10);
}

uint64_t world_end_questions(struct side *s)
{
	uint64_t at, next = UINT64_MAX;
	struct fake_flow *f;

	for (f = s->flows; f < s->flows + FLOWS; f++) {
		at = question_end(s, f);
		if (at > clock_ms) {
			next = at < next ? at : next;
			continue;
		}
		f->f.question = at == f->asked_at + 10 ?
				IPCP_REKEY_QUESTION_ANSWERED :
				IPCP_REKEY_QUESTION_SILENT;
		if (s->e && !s->no_events)
			engine_asked(s->e, f->f.id);
	}
	return next;
}

struct fake_flow *flow_of(struct side *s, uint32_t id)
{
	if (!id || id > FLOWS || !s->flows[id - 1].used)
		return NULL;
	return &s->flows[id - 1];
}

static uint64_t op_now(void *ctx)
{
	(void)ctx;
	return clock_ms;
}

static uint64_t op_uptime(void *ctx)
{
	(void)ctx;
	return clock_ms + suspended_ms;
}

static const char *op_reason(void *ctx)
{
	return ((struct side *)ctx)->reason;
}

/* The test provides the answers of the DNS with engine_resolved(). */
static int op_resolve(void *ctx, uint32_t flow, uint32_t uid,
		      const char *name, uint16_t port)
{
	struct side *s = ctx;

	(void)uid;
	(void)name;
	if (s->no_dns)
		return -ESRCH;
	s->asked = flow;
	s->asked_port = port;
	return 0;
}

static void op_resolve_cancel(void *ctx, uint32_t flow)
{
	struct side *s = ctx;

	if (s->asked == flow)
		s->asked = 0;
}

/* Set the reason of a failed call, as the kernel does. Return: @status. */
static int failed(struct side *s, int status)
{
	strcpy(s->reason, "said the registry");
	return status;
}

static int op_ctrl_send(void *ctx, const struct ipcp_nl_peer *peer,
			const uint8_t *p, size_t len)
{
	struct side *s = ctx;
	struct sockaddr_storage to = peer->addr;
	uint16_t port = ntohs(world_in4(&to)->sin_port);

	s->reason[0] = '\0';	/* the reason is that of the last call only */
	s->last_sent = *peer;
	s->to_source += port == SOURCE_PORT;
	if (peer->socket == SOURCE_SOCKET)
		s->other->forgotten = false;
	world_in4(&to)->sin_port = world_in4(&s->other->addr)->sin_port;
	if (peer_equal(&to, &s->other->addr) &&
	    (port == SOURCE_PORT ? !s->forgotten : port == AGENT_PORT))
		world_send(s, 0, p, len, peer->socket, port);
	else
		s->bytes_out += len;
	return 0;
}

static int op_sealed_send(void *ctx, uint32_t id, const uint8_t *p, size_t len)
{
	struct side *s = ctx;
	struct fake_flow *f = flow_of(s, id), *g;
	uint32_t i;

	if (!f)
		return -ENOENT;
	if (s->no_keys)
		return -ENOKEY;
	for (i = 1; i <= FLOWS; i++) {
		g = flow_of(s->other, i);
		if (g && !s->other->no_keys && g->f.eid == f->f.peer_eid)
			world_send(s, i, p, len, 0, AGENT_PORT);
	}
	return 0;
}

static int op_flow_get(void *ctx, uint32_t id, struct ipcp_nl_flow *flow)
{
	struct fake_flow *f = flow_of(ctx, id);
	struct side *s = ctx;

	if (!f)
		return -ENOENT;
	*flow = f->f;
	flow->done = !s->busy;
	if (s->busy)
		flow->epoch_age = 0;
	if (!s->no_keys)
		flow->has |= UINT64_C(1) << IPCP_REKEY_A_FLOW_TX_EPOCH;
	return 0;
}

static int op_flow_find(void *ctx, uint32_t eid, struct ipcp_nl_flow *flow)
{
	uint32_t i;

	((struct side *)ctx)->finds++;
	for (i = 1; i <= FLOWS; i++) {
		if (!op_flow_get(ctx, i, flow) && flow->eid == eid)
			return 0;
	}
	return -ENOENT;
}

struct fake_flow *add_flow(struct side *s, const char *name)
{
	struct fake_flow *f;
	uint32_t i;

	for (i = 0; i < FLOWS && s->flows[i].used; i++)
		;
	assert_true(i < FLOWS);
	f = &s->flows[i];
	memset(f, 0, sizeof(*f));
	f->used = true;
	f->next_exchange = 1;
	f->f.id = i + 1;
	f->f.eid = 1 + dice(1 << 30);
	f->f.epoch_age = 100000;
	f->f.generation = 1 + dice(1 << 30);
	strcpy(f->f.name, name);
	return f;
}

static int op_flow_new(void *ctx, const char *name,
		       const struct ipcp_nl_peer *peer, uint32_t peer_eid,
		       const struct ipcp_nl_qos *qos, struct ipcp_nl_made *made)
{
	struct side *s = ctx;
	struct fake_flow *f;

	(void)qos;
	if (!s->serves || strcmp(s->serves, name))
		return -ENOENT;
	f = add_flow(s, name);
	f->f.state = IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING;
	f->f.peer = *peer;
	f->f.peer_eid = peer_eid;
	*made = (struct ipcp_nl_made) {
		.id = f->f.id, .eid = f->f.eid, .generation = f->f.generation,
	};
	return 0;
}

/*
 * Mix a seed with the chain that the seed names, as the kernel does; false if
 * this end does not hold that chain, or may not take a fresh seed.
 */
static bool mix(struct fake_flow *f, const struct ipcp_nl_seed *seed,
		bool no_keys)
{
	uint64_t named, held = f->chain, next;
	int i;

	memcpy(&named, seed->chain, sizeof(named));
	if (!named && !no_keys && !f->f.initiator &&
	    (f->f.question != IPCP_REKEY_QUESTION_SILENT ||
	     f->f.question_exchange != seed->exchange))
		return false;
	if (f->f.exchange && seed->epoch == f->f.newest_epoch)
		held = f->before;
	if (named && (no_keys || named != held))
		return false;
	next = named ^ UINT64_C(0xcbf29ce484222325);
	for (i = 0; i < 32; i++)
		next = (next ^ seed->seed[i]) * UINT64_C(0x100000001b3);
	if (seed->epoch != f->f.newest_epoch)
		f->before = f->chain;
	f->chain = next;
	return true;
}

static int op_flow_allocate(void *ctx, uint32_t id,
			    const struct ipcp_nl_peer *peer,
			    uint32_t peer_eid, uint32_t cipher,
			    const struct ipcp_nl_seed *seed,
			    const struct ipcp_nl_params *params)
{
	struct side *s = ctx;
	struct fake_flow *f = flow_of(s, id);

	if (!f || f->f.state == IPCP_REKEY_FLOW_STATE_ALLOCATED)
		return -ENOENT;
	if (s->broken)
		return failed(s, s->broken);
	assert_int_equal(seed->epoch, 0);
	assert_int_equal(seed->generation, f->f.generation);
	f->f.initiator = f->f.state == IPCP_REKEY_FLOW_STATE_ALLOC_PENDING;
	if (f->f.initiator)
		f->f.state = IPCP_REKEY_FLOW_STATE_ALLOCATED;
	f->f.peer = *peer;
	f->f.peer_eid = peer_eid;
	f->f.cipher = cipher;
	f->f.recoverable = !!(params->set & IPCP_NL_P_RECOVERABLE);
	f->f.authenticated = !!(params->set & IPCP_NL_P_PEER_NAME);
	strcpy(f->f.peer_name, f->f.authenticated ? params->peer_name : "");
	assert_true(mix(f, seed, true));
	memcpy(f->seed, seed->seed, 32);
	memcpy(f->f.blob, params->blob, params->blob_len);
	f->f.blob_len = params->blob_len;
	return 0;
}

static int op_flow_set(void *ctx, uint32_t id,
		       const struct ipcp_nl_params *params)
{
	struct fake_flow *f = flow_of(ctx, id);

	memcpy(f->f.blob, params->blob, params->blob_len);
	f->f.blob_len = params->blob_len;
	return 0;
}

static int op_flow_del(void *ctx, uint32_t id, uint32_t error,
		       const char *reason)
{
	struct side *s = ctx;
	struct fake_flow *f = flow_of(s, id);

	s->reason[0] = '\0';

	if (!f)
		return -ENOENT;
	f->used = false;
	f->error = error;
	snprintf(f->reason, sizeof(f->reason), "%s", reason);
	return 0;
}

static int op_seed_set(void *ctx, uint32_t id, const struct ipcp_nl_seed *seed)
{
	struct side *s = ctx;
	struct fake_flow *f = flow_of(s, id);

	failed(s, 0);	/* in case of a failure */
	s->seeds++;
	if (!f)
		return -ENOENT;
	if (seed->generation != f->f.generation)
		return -ESTALE;
	if (f->f.initiator) {
		if (!f->f.in_flight || seed->exchange != f->f.exchange ||
		    seed->epoch != f->claimed_epoch)
			return -EINVAL;
		f->f.in_flight = 0;
	} else {
		if (seed->exchange == f->f.exchange)
			return -EALREADY;
		if (s->busy)
			return -EBUSY;
		if (seed->exchange < f->f.exchange)
			return -EINVAL;
		/*
		 * a later exchange replaces an epoch that was not observed yet
		 */
		if (seed->epoch != (uint8_t)(f->f.newest_epoch + 1) &&
		    !(seed->epoch == f->f.newest_epoch && f->f.exchange))
			return -EINVAL;
	}
	if (!mix(f, seed, s->no_keys))
		return -ESTALE;
	f->f.exchange = seed->exchange;
	f->f.newest_epoch = seed->epoch;
	f->f.due = 0;
	memcpy(f->seed, seed->seed, 32);
	return 0;
}

static int op_rekey_clear(void *ctx, uint32_t id, uint32_t exchange,
			  uint32_t retry_after)
{
	struct fake_flow *f = flow_of(ctx, id);

	if (!f || !f->f.in_flight || f->f.exchange != exchange)
		return -ENOENT;
	f->f.in_flight = 0;
	f->retry_after = retry_after;
	f->retry_at = clock_ms + retry_after;
	return 0;
}

struct ipcp_nl_claim world_make_claim(struct fake_flow *f, uint64_t chain)
{
	struct ipcp_nl_claim c = {
		.id = f->f.id, .eid = f->f.eid, .peer_eid = f->f.peer_eid,
		.cipher = f->f.cipher, .epoch = f->f.newest_epoch + 1,
		.exchange = f->next_exchange++, .blob_len = f->f.blob_len,
		.peer = f->f.peer, .generation = f->f.generation,
	};

	memcpy(c.chain, &chain, sizeof(c.chain));
	memcpy(c.blob, f->f.blob, f->f.blob_len);
	f->f.in_flight = 1;
	f->f.exchange = c.exchange;
	f->claimed_epoch = c.epoch;
	return c;
}

static int op_rekey_ask(void *ctx, uint32_t id, uint32_t exchange)
{
	struct fake_flow *f = flow_of(ctx, id);
	struct side *s = ctx;

	if (!f)
		return -ENOENT;
	s->questions++;
	if (!f->f.recoverable)
		return failed(s, -EOPNOTSUPP);
	if (s->no_keys)
		return failed(s, -ENOKEY);
	if (f->f.question == IPCP_REKEY_QUESTION_ASKED &&
	    f->f.question_exchange != exchange)
		return failed(s, -EBUSY);
	f->f.question = IPCP_REKEY_QUESTION_ASKED;
	f->f.question_exchange = exchange;
	f->asked_at = clock_ms;
	return 0;
}

static int op_rekey_claim_fresh(void *ctx, uint32_t id,
				const struct ipcp_nl_numbers *peer,
				struct ipcp_nl_claim *claim)
{
	struct fake_flow *f = flow_of(ctx, id);

	if (!f || f->f.in_flight)
		return failed(ctx, -EAGAIN);
	if (!((struct side *)ctx)->no_keys &&
	    (peer || f->f.question != IPCP_REKEY_QUESTION_SILENT))
		return failed(ctx, -EPERM);
	if (peer) {
		f->f.newest_epoch = peer->epoch;
		f->next_exchange = peer->exchange + 1;
	}
	f->f.question = IPCP_REKEY_QUESTION_NONE;
	*claim = world_make_claim(f, 0);
	return 0;
}

static int op_rekey_request(void *ctx, uint32_t id)
{
	struct fake_flow *f = flow_of(ctx, id);

	if (!f)
		return -ENOENT;
	f->f.due |= IPCP_REKEY_DUE_REQUEST;
	f->retry_at = 0;
	return 0;
}

static int op_flow_direct(void *ctx, uint32_t id)
{
	struct fake_flow *f = flow_of(ctx, id);
	struct side *s = ctx;

	if (!f || !s->serves || strcmp(s->serves, f->f.name))
		return -ENOENT;
	if (s->full)
		return failed(s, -EUSERS);
	f->f.direct = 1;
	f->f.state = IPCP_REKEY_FLOW_STATE_ALLOCATED;
	return 0;
}

const struct engine_ops world_ops = {
	op_now, op_uptime, op_reason, op_resolve, op_resolve_cancel, op_ctrl_send,
	op_sealed_send, op_flow_get, op_flow_find, op_flow_new, op_flow_allocate,
	op_flow_set, op_flow_del, op_seed_set, op_rekey_clear, op_rekey_ask,
	op_rekey_claim_fresh, op_rekey_request, op_flow_direct,
};
