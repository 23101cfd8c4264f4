// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Agents of other versions. This agent answers a frame of an unknown version
 * with a notice, never longer than the frame, so that the peer's program learns
 * at once why there is no flow. A notice gets no answer.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../common/addr.h"
#include "engine-int.h"

/* True if a notice may be sent now. All hosts share one limit per second. */
static bool may_tell(struct versions *v, uint64_t now)
{
	if (!v->told || now - v->since >= 1000) {
		v->since = now;
		v->told = 0;
	}
	return v->told++ < NOTICES_EACH_SECOND;
}

static bool is_free(const struct version_peer *p, uint64_t now)
{
	return !p->addr.ss_family || now - p->logged >= VERSION_LOG_MS;
}

/* Count a host that is not logged; say so once, until there is room again. */
static void miss(struct versions *v)
{
	if (!v->missed++)
		log_warn("agents of other versions: more than %u hosts in an hour, the others are not logged: ipcp-rekey agent status counts their messages",
			 VERSION_PEERS);
}

/*
 * True if the host has not been logged for some time. All hosts share one
 * table, whose entries stay for that time, so that many strangers cannot fill
 * the log.
 */
static bool is_news(struct versions *v, const struct sockaddr_storage *peer,
		    uint64_t now)
{
	struct version_peer *p, *room = NULL;

	for (p = v->peers; p < v->peers + VERSION_PEERS; p++) {
		if (is_free(p, now))
			room = p;
		else if (peer_same_host(&p->addr, peer))
			return false;
	}
	if (!room) {
		miss(v);
		return false;
	}
	v->missed = 0;
	room->addr = *peer;
	room->logged = now;
	return true;
}

static void log_foreign(struct engine *e, uint32_t flow,
			const struct ipcp_nl_peer *peer, unsigned int version)
{
	static const char what[] =
		"speaks version %u of the protocol between agents, this one version %u: upgrade the older one";
	char from[ADDR_TEXT_LEN], text[sizeof(what) + 16];
	uint64_t now = engine_now(e);

	snprintf(text, sizeof(text), what, version, FRAME_VERSION);
	if (flow)
		log_dbg("flow %u: the peer's agent %s", flow, text);
	else if (is_news(&e->versions, &peer->addr, now))
		log_warn("the agent at %s %s", addr_text(&peer->addr, from), text);
}

/* Tell the sender of a frame which versions this agent speaks. */
static void on_foreign(struct engine *e, uint32_t flow,
		       const struct ipcp_nl_peer *peer, const uint8_t *p)
{
	uint8_t buf[FRAME_HDR];

	e->record.other_versions++;
	log_foreign(e, flow, peer, p[0]);
	if (!may_tell(&e->versions, engine_now(e)))
		return;
	notice_write(buf, p);
	/* treat a failure as loss: the peer repeats its request */
	if (flow)
		e->ops->sealed_send(e->ctx, flow, buf, sizeof(buf));
	else
		e->ops->ctrl_send(e->ctx, peer, buf, sizeof(buf));
}

static void describe(char why[2 * REASON_LEN], const struct notice *n)
{
	char versions[32];

	if (n->lowest == n->highest)
		snprintf(versions, sizeof(versions), "version %u", n->lowest);
	else
		snprintf(versions, sizeof(versions), "versions %u to %u",
			 n->lowest, n->highest);
	snprintf(why, 2 * REASON_LEN,
		 "the peer's agent speaks %s of the protocol between agents, this one version %u: upgrade %s",
		 versions, FRAME_VERSION,
		 n->highest < FRAME_VERSION ? "the peer's" : "this one");
}

/*
 * The peer does not speak this version. A notice has the same effect as
 * REFUSED, since its authentication is no better: nobody else knows the token.
 */
static void on_notice(struct engine *e, uint32_t flow, const struct notice *n)
{
	struct exchange *x = exchange_find(e, flow, n->token);
	char why[2 * REASON_LEN];

	if (!x || (n->lowest <= FRAME_VERSION && n->highest >= FRAME_VERSION))
		return;
	describe(why, n);
	switch (x->kind) {
	case EXCHANGE_ALLOC:
		allocate_refused(e, x, EPROTO, 0, why);
		break;
	case EXCHANGE_REKEY:
		rekey_failed(e, x, REKEY_FAILED, why);
		break;
	default:
		/* continue, since the notice may be forged */
		strcpy(x->why, why);
	}
}

/*
 * Process a frame or notice of another version. Return false for a frame of
 * this version.
 */
bool versions_take(struct engine *e, uint32_t flow,
		   const struct ipcp_nl_peer *peer, const uint8_t *p, size_t len)
{
	struct notice notice;

	if (frame_foreign(p, len))
		on_foreign(e, flow, peer, p);
	else if (notice_read(&notice, p, len))
		on_notice(e, flow, &notice);
	else
		return false;
	return true;
}
