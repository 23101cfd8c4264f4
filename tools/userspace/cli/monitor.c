// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* ipcp-rekey monitor: print events, one on each line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../common/addr.h"
#include "cmd.h"
#include "io.h"
#include "nlcmd.h"

struct monitor {
	uint64_t count;		/* events to print; 0 for no limit */
	uint64_t flow;		/* print only events of this flow; 0 for all */
	bool json;
	uint64_t printed;
	int status;
};

/* Print "12:34:56.789". */
static void print_time(const struct timespec *ts)
{
	struct tm tm;

	localtime_r(&ts->tv_sec, &tm);
	printf("%02d:%02d:%02d.%03ld ", tm.tm_hour, tm.tm_min, tm.tm_sec,
	       ts->tv_nsec / 1000000);
}

static void print_text(const struct ipcp_nl_event *ev)
{
	const struct ipcp_nl_flow *f = &ev->flow;
	char text[NLCMD_TEXT_LEN], peer[ADDR_TEXT_LEN], due[128];

	if (ev->event == IPCP_REKEY_EVENT_COPIED) {
		puts("copied: all flows of this machine have lost their keys");
		fflush(stdout);
		return;
	}
	printf("flow %u", f->id);
	if (f->name[0])
		printf(" '%s'", nlcmd_text(f->name, text));
	printf(" %s", ipcp_nl_event_name(ev->event));
	if (IPCP_NL_HAS(f, EPOCH))
		printf(" epoch %u", f->epoch);
	if (IPCP_NL_HAS(f, EXCHANGE))
		printf(" exchange %u", f->exchange);
	if (f->due)
		printf(" due %s", ipcp_nl_due_names(f->due, due, sizeof(due)));
	if (f->peer.addr.ss_family)
		printf(" peer %s", addr_text(&f->peer.addr, peer));
	if (f->error)
		printf(" error %s", strerror(f->error));
	if (f->reason[0])
		printf(" (%s)", nlcmd_text(f->reason, text));
	putchar('\n');
	fflush(stdout);
}

static json_t *event_json(const struct ipcp_nl_event *ev,
			  const struct timespec *ts)
{
	const struct ipcp_nl_flow *f = &ev->flow;
	char peer[ADDR_TEXT_LEN], due[128];
	json_t *obj = json_pack("{s:f, s:s, s:I}",
				"time", ts->tv_sec + ts->tv_nsec / 1e9,
				"event", ipcp_nl_event_name(ev->event),
				"id", (json_int_t)f->id);

	if (f->name[0])
		json_object_set_new(obj, "name", nlcmd_json(f->name));
	if (IPCP_NL_HAS(f, STATE))
		json_object_set_new(obj, "state",
				    json_string(ipcp_nl_state_name(f->state)));
	if (IPCP_NL_HAS(f, EID))
		json_object_set_new(obj, "eid", json_integer(f->eid));
	if (IPCP_NL_HAS(f, EPOCH))
		json_object_set_new(obj, "epoch", json_integer(f->epoch));
	if (IPCP_NL_HAS(f, EXCHANGE))
		json_object_set_new(obj, "exchange", json_integer(f->exchange));
	if (f->due)
		json_object_set_new(obj, "due", json_string(
				    ipcp_nl_due_names(f->due, due, sizeof(due))));
	if (f->peer.addr.ss_family)
		json_object_set_new(obj, "peer", json_string(
				    addr_text(&f->peer.addr, peer)));
	if (f->error)
		json_object_set_new(obj, "errno", json_integer(f->error));
	if (f->reason[0])
		json_object_set_new(obj, "reason", nlcmd_json(f->reason));
	return obj;
}

static bool enough(const struct monitor *m)
{
	return m->status || ferror(stdout) || (m->count && m->printed >= m->count);
}

static void on_event(const struct ipcp_nl_event *ev, void *arg)
{
	struct monitor *m = arg;
	struct timespec ts;

	if (ev->upcall || enough(m) || (m->flow && m->flow != ev->flow.id))
		return;
	m->printed++;
	clock_gettime(CLOCK_REALTIME, &ts);
	if (m->json) {
		m->status = out_json(event_json(ev, &ts), true);
		return;
	}
	print_time(&ts);
	print_text(ev);
}

/* The kernel dropped events, because this program reads too slowly. */
static void print_lost(const struct monitor *m)
{
	if (m->json)
		puts("{\"event\":\"events-lost\"}");
	else
		puts("some events were lost: read faster, or see 'flow list'");
	fflush(stdout);
}

static int watch(struct ipcp_nl *nl, struct monitor *m)
{
	struct pollfd fds[2] = {
		{ .fd = ipcp_nl_event_fd(nl), .events = POLLIN },
		{ .fd = 1 },	/* POLLERR: the reader of stdout is gone */
	};
	int err;

	while (!stopped && !enough(m)) {
		err = wait_poll(fds, 2, 0);
		if (err < 0)
			return fail("poll: %s", strerror(-err));
		if (fds[1].revents & POLLERR)
			return EXIT_OK;
		if (!fds[0].revents)
			continue;
		err = ipcp_nl_events(nl, on_event, m);
		if (err == -ENOBUFS)
			print_lost(m);
		else if (err)
			return nlcmd_fail(nl, "cannot read events", err);
	}
	return m->status;
}

int cmd_monitor(int argc, char **argv)
{
	struct monitor m = { 0 };
	const struct opt opts[] = {
		{ "json", 'j', NULL, "print JSON, one object per line", OPT_FLAG,
		  &m.json, 0, 0 },
		{ "count", 'c', "N", "exit after N events", OPT_COUNT, &m.count,
		  1, UINT64_MAX },
		{ "flow", 'f', "ID", "only events of this flow", OPT_COUNT, &m.flow, 1,
		  UINT32_MAX },
		{ 0 }
	};
	const struct use use = {
		"monitor", "",
		"Prints events of the flows of this network namespace, one per line,\n"
		"until it is stopped.\n",
		opts, 0, 0
	};
	struct ipcp_nl *nl;
	int err, status;

	use_parse(&use, argc, argv);
	if (nlcmd_open(&nl))
		return EXIT_FAIL;
	err = ipcp_nl_subscribe(nl, IPCP_NL_GRP_EVENTS);
	if (err) {
		status = nlcmd_fail(nl, "cannot watch events", err);
	} else {
		stop_catch();
		ipcp_dev_ready();
		status = watch(nl, &m);
	}
	ipcp_nl_close(nl);
	return status;
}
