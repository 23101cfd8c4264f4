// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The operations of the engine, over netlink to the module. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dns.h"
#include "kernel.h"
#include "keylog.h"
#include "log.h"
#include "policy.h"

#define UPCALLS_AT_ONCE	64
#define WANTED_AT_ONCE	64
#define LIMITS_AT_ONCE	512
#define KERNEL_TICK_MS	10	/* the longest */

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * UINT64_C(1000) + ts.tv_nsec / 1000000;
}

static uint64_t op_now(void *ctx)
{
	(void)ctx;
	return read_clock(CLOCK_MONOTONIC);
}

static uint64_t op_uptime(void *ctx)
{
	(void)ctx;
	return read_clock(CLOCK_BOOTTIME);
}

static struct ipcp_nl *nl_of(void *ctx)
{
	return ((struct kernel *)ctx)->nl;
}

static const char *op_reason(void *ctx)
{
	return ipcp_nl_reason(nl_of(ctx));
}

static int op_resolve(void *ctx, uint32_t flow, uint32_t uid,
		      const char *name, uint16_t port)
{
	struct kernel *k = ctx;

	return k->dns ? dns_ask(k->dns, flow, uid, name, port) : -ESRCH;
}

static void op_resolve_cancel(void *ctx, uint32_t flow)
{
	struct kernel *k = ctx;

	if (k->dns)
		dns_cancel(k->dns, flow);
}

static int op_ctrl_send(void *ctx, const struct ipcp_nl_peer *peer,
			const uint8_t *p, size_t len)
{
	return ipcp_nl_ctrl_send(nl_of(ctx), peer, p, len);
}

static int op_sealed_send(void *ctx, uint32_t id, const uint8_t *p, size_t len)
{
	return ipcp_nl_sealed_send(nl_of(ctx), id, p, len);
}

static int op_flow_get(void *ctx, uint32_t id, struct ipcp_nl_flow *flow)
{
	return ipcp_nl_flow_get(nl_of(ctx), id, flow);
}

static int op_flow_find(void *ctx, uint32_t eid, struct ipcp_nl_flow *flow)
{
	return ipcp_nl_flow_find(nl_of(ctx), eid, flow);
}

static int op_flow_new(void *ctx, const char *name,
		       const struct ipcp_nl_peer *peer, uint32_t peer_eid,
		       const struct ipcp_nl_qos *qos, struct ipcp_nl_made *made)
{
	return ipcp_nl_flow_new(nl_of(ctx), name, peer, peer_eid, qos, made);
}

/* Write a seed to the key log, if any, after the kernel has accepted it. */
static void log_seed(struct kernel *k, uint32_t id,
		     const struct ipcp_nl_seed *seed)
{
	struct ipcp_nl_flow flow;

	if (!k->keylog)
		return;
	if (ipcp_nl_flow_get(k->nl, id, &flow))
		log_warn("flow %u: a seed is missing in the key log: %s", id,
			 ipcp_nl_reason(k->nl));
	else
		keylog_add(k->keylog, &flow, seed);
}

static int op_flow_allocate(void *ctx, uint32_t id,
			    const struct ipcp_nl_peer *peer,
			    uint32_t peer_eid, uint32_t cipher,
			    const struct ipcp_nl_seed *seed,
			    const struct ipcp_nl_params *params)
{
	int err = ipcp_nl_flow_allocate(nl_of(ctx), id, peer, peer_eid, cipher,
					seed, params);

	if (!err && seed)
		log_seed(ctx, id, seed);
	return err;
}

static int op_flow_set(void *ctx, uint32_t id,
		       const struct ipcp_nl_params *params)
{
	return ipcp_nl_flow_set(nl_of(ctx), id, params);
}

static int op_flow_direct(void *ctx, uint32_t id)
{
	return ipcp_nl_flow_direct(nl_of(ctx), id);
}

static int op_flow_del(void *ctx, uint32_t id, uint32_t error,
		       const char *reason)
{
	return ipcp_nl_flow_del(nl_of(ctx), id, error, reason);
}

static int op_seed_set(void *ctx, uint32_t id, const struct ipcp_nl_seed *seed)
{
	int err = ipcp_nl_seed_set(nl_of(ctx), id, seed);

	if (!err)
		log_seed(ctx, id, seed);
	return err;
}

static int op_rekey_clear(void *ctx, uint32_t id, uint32_t exchange,
			  uint32_t retry_after)
{
	return ipcp_nl_rekey_clear(nl_of(ctx), id, exchange, retry_after);
}

static int op_rekey_ask(void *ctx, uint32_t id, uint32_t exchange)
{
	return ipcp_nl_rekey_ask(nl_of(ctx), id, exchange);
}

static int op_rekey_claim_fresh(void *ctx, uint32_t id,
				const struct ipcp_nl_numbers *peer,
				struct ipcp_nl_claim *claim)
{
	return ipcp_nl_rekey_claim_fresh(nl_of(ctx), id, peer, claim);
}

static int op_rekey_request(void *ctx, uint32_t id)
{
	return ipcp_nl_rekey_request(nl_of(ctx), id);
}

const struct engine_ops kernel_ops = {
	.now = op_now,
	.uptime = op_uptime,
	.reason = op_reason,
	.resolve = op_resolve,
	.resolve_cancel = op_resolve_cancel,
	.ctrl_send = op_ctrl_send,
	.sealed_send = op_sealed_send,
	.flow_get = op_flow_get,
	.flow_find = op_flow_find,
	.flow_new = op_flow_new,
	.flow_allocate = op_flow_allocate,
	.flow_set = op_flow_set,
	.flow_del = op_flow_del,
	.flow_direct = op_flow_direct,
	.seed_set = op_seed_set,
	.rekey_clear = op_rekey_clear,
	.rekey_ask = op_rekey_ask,
	.rekey_claim_fresh = op_rekey_claim_fresh,
	.rekey_request = op_rekey_request,
};

static void note(struct kernel_news *news, uint32_t flows[NEWS_MAX],
		 unsigned int *count, uint32_t id)
{
	if (*count < NEWS_MAX)
		flows[(*count)++] = id;
	else
		news->lost = true;
}

static void on_event(const struct ipcp_nl_event *event, void *arg)
{
	struct kernel_news *news = arg;

	if (event->upcall) {
		news->upcalls = true;
		return;
	}
	if (event->event == IPCP_REKEY_EVENT_COPIED) {
		news->copied = true;
		return;
	}
	log_dbg("flow %u: %s, epoch %u%s%s", event->flow.id,
		ipcp_nl_event_name(event->event), event->flow.epoch,
		event->flow.reason[0] ? ": " : "", event->flow.reason);
	switch (event->event) {
	case IPCP_REKEY_EVENT_DUE:
		news->due = true;
		note(news, news->due_flows, &news->ndue, event->flow.id);
		break;
	case IPCP_REKEY_EVENT_ANSWERED:
	case IPCP_REKEY_EVENT_SILENT:
		note(news, news->asked_flows, &news->nasked, event->flow.id);
		break;
	default:
		break;
	}
}

int kernel_events(struct kernel *k, struct kernel_news *news)
{
	int err;

	memset(news, 0, sizeof(*news));
	err = ipcp_nl_events(k->nl, on_event, news);
	if (err != -ENOBUFS)
		return err;
	news->lost = true;
	return 0;
}

/* Log which program serves or provides a name, or why it may not (@why). */
static void log_name(struct kernel *k, const struct ipcp_nl_upcall *up,
		     enum policy_what what, const char *why)
{
	bool listens = what == POLICY_LISTEN;

	if (!user_limits_allow(why ? &k->refused : &k->granted, up->cred.uid,
			  op_now(k)))
		return;
	if (why)
		log_warn("%s refused: %s", listens ? "listen" : "provide", why);
	else
		log_info("%s is %s by pid %u (%s), uid %u", up->name,
			 listens ? "served" : "provided", up->cred.pid,
			 up->cred.comm, up->cred.uid);
}

/* Handle the request of a program to serve or to provide a name. */
static void on_name(struct kernel *k, const struct ipcp_nl_upcall *up,
		    enum policy_what what, const struct config *conf,
		    const struct oap_env *oap)
{
	char why[REASON_LEN] = "invalid name: use printable characters, no spaces, no '/'";
	bool ok;

	ok = oap_name_ok(up->name) &&
	     policy_program(conf, what, up->name, &up->cred,
			    oap_has_credentials(oap, true, up->name), why);
	log_name(k, up, what, ok ? NULL : why);
	if (ipcp_nl_upcall_done(k->nl, up->id, ok ? 0 : EACCES, ok ? NULL : why) &&
	    user_limits_allow(&k->refused, up->cred.uid, op_now(k)))
		log_warn("%s: %s", up->name, ipcp_nl_reason(k->nl));
}

/* Log the end of a name. The module does not report its user. */
static void on_end(struct kernel *k, const char *name, const char *what)
{
	if (log_allowed(&k->ended, op_now(k)))
		log_info("%s is no longer %s", name, what);
}

static void dispatch(struct kernel *k, struct engine *e,
		     const struct ipcp_nl_upcall *up,
		     const struct config *conf, const struct oap_env *oap)
{
	static uint8_t copy[IPCP_REKEY_CTRL_MAX];
	size_t len = up->payload_len;

	/* the payload is valid until the next call only */
	if (len > sizeof(copy))
		return;
	if (len)
		memcpy(copy, up->payload, len);
	switch (up->type) {
	case IPCP_REKEY_UPCALL_TYPE_LISTEN:
		on_name(k, up, POLICY_LISTEN, conf, oap);
		break;
	case IPCP_REKEY_UPCALL_TYPE_PROVIDE:
		on_name(k, up, POLICY_PROVIDE, conf, oap);
		break;
	case IPCP_REKEY_UPCALL_TYPE_ALLOC:
		engine_alloc(e, up);
		break;
	case IPCP_REKEY_UPCALL_TYPE_CTRL:
		engine_ctrl(e, &up->peer, copy, len);
		break;
	case IPCP_REKEY_UPCALL_TYPE_SEALED:
		engine_sealed(e, up->flow_id, copy, len);
		break;
	case IPCP_REKEY_UPCALL_TYPE_CANCEL:
	case IPCP_REKEY_UPCALL_TYPE_CLOSED:
		engine_cancel(e, up->flow_id);
		break;
	case IPCP_REKEY_UPCALL_TYPE_UNLISTEN:
		on_end(k, up->name, "served");
		break;
	case IPCP_REKEY_UPCALL_TYPE_UNPROVIDE:
		on_end(k, up->name, "provided");
		break;
	default:
		log_warn("upcall of unknown type %u", up->type);
	}
}

int kernel_upcalls(struct kernel *k, struct engine *e,
		   const struct config *conf, const struct oap_env *oap)
{
	struct ipcp_nl_upcall up;
	int i, err = 0;

	for (i = 0; i < UPCALLS_AT_ONCE; i++) {
		err = ipcp_nl_upcall_get(k->nl, &up);
		if (err)
			break;
		dispatch(k, e, &up, conf, oap);
	}
	if (!err)
		return 1;
	if (err == -EAGAIN)
		return 0;
	if (err == -ENOBUFS || err == -ENOMEM)
		return -ENOMEM;
	log_err("cannot receive upcalls: %s", ipcp_nl_reason(k->nl));
	return err;
}

struct claims {
	struct ipcp_nl_claim claim[IPCP_REKEY_CLAIM_MAX];
	int count;
};

static int collect(const struct ipcp_nl_claim *claim, void *arg)
{
	struct claims *claims = arg;

	if (claims->count == IPCP_REKEY_CLAIM_MAX)
		return -E2BIG;
	claims->claim[claims->count++] = *claim;
	return 0;
}

static int claim_some(struct kernel *k, struct engine *e, unsigned int limit,
		      uint64_t min_age)
{
	static struct claims claims;
	int i, err;

	claims.count = 0;
	err = ipcp_nl_rekey_claim(k->nl, limit, min_age, 0, collect, &claims);
	for (i = 0; i < claims.count; i++)
		engine_rekey(e, &claims.claim[i]);
	return err ? err : claims.count;
}

int kernel_claim(struct kernel *k, struct engine *e, unsigned int limit,
		 uint64_t min_age)
{
	unsigned int some, done = 0;
	int n;

	/* an answer may contain fewer flows than are due */
	do {
		some = limit - done;
		if (some > IPCP_REKEY_CLAIM_MAX)
			some = IPCP_REKEY_CLAIM_MAX;
		n = claim_some(k, e, some, min_age);
		if (n < 0) {
			log_err("cannot claim flows: %s", ipcp_nl_reason(k->nl));
			return n;
		}
		done += n;
	} while (n && done < limit);
	return done;
}

bool kernel_lost(struct kernel *k)
{
	struct ipcp_nl_info info;
	int err = ipcp_nl_info_get(k->nl, &info);

	return err ? err == -ENOENT : !info.has_agent;
}

unsigned int kernel_flows(struct kernel *k)
{
	struct ipcp_nl_info info = { .flows = 0 };

	ipcp_nl_info_get(k->nl, &info);
	return info.flows;
}

int kernel_copies(struct kernel *k, unsigned int *copies)
{
	struct ipcp_nl_info info;
	int err = ipcp_nl_info_get(k->nl, &info);

	if (!err)
		*copies = info.copies;
	return err;
}

struct glance {
	struct ipcp_nl_flow wanted[WANTED_AT_ONCE];
	unsigned int nwanted;
	uint32_t after;
	struct {
		uint32_t flow;
		uint32_t ms;
	} limits[LIMITS_AT_ONCE];
	unsigned int nlimits;
	uint32_t limits_after;
	struct engine *engine;
	const struct config *conf;
};

/*
 * The kernel rounds a limit up to its ticks, and shows one of more than 24 days
 * as the longest.
 */
static bool same_limit(uint32_t a, uint32_t b)
{
	if (!a || !b)
		return a == b;
	if (a > INT32_MAX && b > INT32_MAX)
		return true;
	return (a > b ? a - b : b - a) <= KERNEL_TICK_MS;
}

/*
 * Return the limit of the age of an epoch that a flow should have. A lower limit
 * must not stop a flow with older keys at once: they have one interval more, in
 * which the flow is re-keyed.
 */
static uint32_t limit_for(const struct config *conf,
			  const struct ipcp_nl_flow *flow)
{
	uint32_t limit = conf->params.max_epoch_age;
	uint64_t until = flow->epoch_age + conf->rekey_interval;

	if (!limit)
		return 0;
	if (flow->max_epoch_age && flow->max_epoch_age < until)
		until = flow->max_epoch_age;
	if (until > UINT32_MAX)
		until = UINT32_MAX;
	return until > limit ? until : limit;
}

static void collect_limit(struct glance *g, const struct ipcp_nl_flow *flow)
{
	uint32_t ms = limit_for(g->conf, flow);

	if (!flow->encrypted || flow->state != IPCP_REKEY_FLOW_STATE_ALLOCATED ||
	    flow->id <= g->limits_after || g->nlimits == LIMITS_AT_ONCE ||
	    same_limit(ms, flow->max_epoch_age))
		return;
	g->limits[g->nlimits].flow = flow->id;
	g->limits[g->nlimits++].ms = ms;
}

static int collect_flow(const struct ipcp_nl_flow *flow, void *arg)
{
	struct glance *g = arg;

	engine_seen(g->engine, flow->id);
	collect_limit(g, flow);
	if (!engine_wants(flow) || flow->id <= g->after ||
	    g->nwanted == WANTED_AT_ONCE)
		return 0;
	g->wanted[g->nwanted++] = *flow;
	return 0;
}

/*
 * Return true if there may be more. Each flow has its turn, even if the limits of
 * others cannot be set.
 */
static bool set_limits(struct kernel *k, const struct glance *g)
{
	struct ipcp_nl_params params = { .set = IPCP_NL_P_MAX_EPOCH_AGE };
	bool full = g->nlimits == LIMITS_AT_ONCE;
	unsigned int i;

	for (i = 0; i < g->nlimits; i++) {
		params.max_epoch_age = g->limits[i].ms;
		ipcp_nl_flow_set(k->nl, g->limits[i].flow, &params);
	}
	k->limited = full ? g->limits[g->nlimits - 1].flow : 0;
	return full;
}

int kernel_look(struct kernel *k, struct engine *e, const struct config *conf)
{
	static struct glance g;
	unsigned int i;
	bool more, full;
	int err;

	g.nwanted = 0;
	g.nlimits = 0;
	g.after = k->wanted;
	g.limits_after = k->limited;
	g.engine = e;
	g.conf = conf;
	err = ipcp_nl_flow_dump(k->nl, collect_flow, &g);
	if (!err)
		engine_sweep(e);
	for (i = 0; i < g.nwanted; i++)
		engine_want(e, &g.wanted[i]);
	/* flows are dumped in order of their id */
	full = g.nwanted == WANTED_AT_ONCE;
	k->wanted = full ? g.wanted[g.nwanted - 1].id : 0;
	more = set_limits(k, &g) || full;
	return more ? 1 : err;
}

void kernel_want(struct kernel *k, struct engine *e, uint32_t id)
{
	struct ipcp_nl_flow flow;

	if (!ipcp_nl_flow_get(k->nl, id, &flow))
		engine_due(e, &flow);
}
