// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The status of the agent as JSON. */

#include <stdio.h>
#include <string.h>

#include "../common/addr.h"
#include "engine-int.h"
#include "status.h"

static const char * const outcome_names[OUTCOMES] = {
	[ALLOC_DONE] = "done", [ALLOC_FAILED] = "failed",
	[ALLOC_ANSWERED] = "answered", [ALLOC_REFUSED] = "refused",
	[REKEY_DONE] = "done", [REKEY_FAILED] = "failed",
	[REKEY_TIMEOUT] = "timeout", [REKEY_BUSY] = "busy",
	[REKEY_ANSWERED] = "answered", [REKEY_REFUSED] = "refused",
};

static bool is_alloc(enum outcome_kind kind)
{
	return kind == ALLOC_DONE || kind == ALLOC_FAILED ||
	       kind == ALLOC_ANSWERED || kind == ALLOC_REFUSED;
}

/* Convert text from a peer, which may be invalid UTF-8. */
static json_t *text(const char *s)
{
	json_t *json = json_string(s);

	return json ? json : json_string("?");
}

static json_t *peer_json(const struct sockaddr_storage *peer)
{
	char buf[ADDR_TEXT_LEN];

	return peer->ss_family ? json_string(addr_text(peer, buf)) : json_null();
}

static json_t *ms(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/*
 * Key "10" counts exchanges that took up to 10 ms, but longer than the class
 * before.
 */
static json_t *classes(const struct outcome *o)
{
	static const uint64_t spans[NSPANS] = SPANS;
	json_t *obj = json_object();
	char name[24];
	int i;

	for (i = 0; i < NSPANS; i++) {
		snprintf(name, sizeof(name), "%llu",
			 (unsigned long long)spans[i]);
		json_object_set_new(obj, name, ms(o->within[i]));
	}
	json_object_set_new(obj, "more", ms(o->within[NSPANS]));
	return obj;
}

static json_t *outcome_json(const struct outcome *o, bool ours, uint64_t now)
{
	json_t *obj = json_pack("{s:o, s:o}", "count", ms(o->count),
				"last_ms_ago", o->count ? ms(now - o->last) :
							  json_null());

	if (!ours || !obj)
		return obj;
	json_object_set_new(obj, "mean_ms",
			    o->count ? ms(o->total / o->count) : json_null());
	json_object_set_new(obj, "longest_ms",
			    o->count ? ms(o->longest) : json_null());
	json_object_set_new(obj, "within_ms", classes(o));
	return obj;
}

static json_t *exchanges_json(const struct engine *e, bool alloc)
{
	json_t *obj = json_object();
	int kind;

	for (kind = 0; kind < OUTCOMES; kind++) {
		if (is_alloc(kind) != alloc)
			continue;
		json_object_set_new(obj, outcome_names[kind],
				    outcome_json(&e->record.by[kind],
						 kind < ALLOC_ANSWERED,
						 engine_now(e)));
	}
	return obj;
}

static const char *waits_for(const struct exchange *x)
{
	if (x->resolving)
		return "dns";
	if (x->asked)
		return "question";
	return x->in_clear && !x->has_cookie ? "cookie" : "answer";
}

static json_t *under_way_json(const struct engine *e)
{
	json_t *list = json_array();
	const struct exchange *x;

	TAILQ_FOREACH(x, &e->exchanges, entry)
		json_array_append_new(list, json_pack(
			"{s:s, s:I, s:o, s:o, s:o, s:i, s:s}",
			"kind", x->kind == EXCHANGE_ALLOC ? "allocation" : "rekey",
			"flow", (json_int_t)x->flow, "name", text(x->blob.name),
			"peer", peer_json(&x->peer.addr),
			"for_ms", ms(engine_now(e) - x->began),
			"sent", (int)x->tries, "waits_for", waits_for(x)));
	return list;
}

static json_t *failed_json(const struct engine *e)
{
	json_t *list = json_array();
	const struct failure *f;

	TAILQ_FOREACH(f, &e->record.failures, entry)
		json_array_append_new(list, json_pack(
			"{s:s, s:s, s:o, s:o, s:o, s:I, s:o, s:o}",
			"kind", is_alloc(f->kind) ? "allocation" : "rekey",
			"outcome", outcome_names[f->kind],
			"flow", f->flow ? json_integer(f->flow) : json_null(),
			"name", text(f->name), "peer", peer_json(&f->peer),
			"times", (json_int_t)f->times,
			"ms_ago", ms(engine_now(e) - f->when),
			"reason", text(f->text)));
	return list;
}

json_t *status_engine(const struct engine *e)
{
	return json_pack("{s:{s:o, s:o}, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "exchanges",
			 "allocation", exchanges_json(e, true),
			 "rekey", exchanges_json(e, false),
			 "rekeys_in_clear", ms(e->record.rekey_in_clear),
			 "cookies", ms(e->record.cookies),
			 "bad_messages", ms(e->record.bad_messages),
			 "other_versions", ms(e->record.other_versions),
			 "under_way", under_way_json(e),
			 "failed", failed_json(e));
}

static void add_due(struct status_flows *flows, const struct ipcp_nl_flow *flow)
{
	char due[128];

	if (flows->ndue++ == 0)
		flows->due = json_array();
	if (flows->ndue > STATUS_DUE_MAX)
		return;
	json_array_append_new(flows->due, json_pack(
		"{s:I, s:o, s:s, s:s, s:o}", "flow", (json_int_t)flow->id,
		"name", text(flow->name),
		"role", flow->initiator ? "initiator" : "responder",
		"reasons", ipcp_nl_due_names(flow->due, due, sizeof(due)),
		"epoch_age_ms", ms(flow->epoch_age)));
}

int status_flow(const struct ipcp_nl_flow *flow, void *arg)
{
	struct status_flows *flows = arg;

	flows->total++;
	if (flow->state != IPCP_REKEY_FLOW_STATE_ALLOCATED)
		return 0;
	flows->initiator += !!flow->initiator;
	flows->in_flight += !!flow->in_flight;
	if (flow->due)
		add_due(flows, flow);
	if (flow->encrypted && flow->epoch_age > flows->oldest_epoch)
		flows->oldest_epoch = flow->epoch_age;
	return 0;
}

json_t *status_flows(struct status_flows *flows)
{
	return json_pack("{s:{s:I, s:I, s:I, s:I, s:o}, s:o}", "flows",
			 "total", (json_int_t)flows->total,
			 "initiator", (json_int_t)flows->initiator,
			 "due", (json_int_t)flows->ndue,
			 "in_flight", (json_int_t)flows->in_flight,
			 "oldest_epoch_ms", ms(flows->oldest_epoch),
			 "due", flows->due ? flows->due : json_array());
}
