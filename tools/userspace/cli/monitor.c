// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* ipcp-rekey monitor: print events and periodic counters, one per line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../common/addr.h"
#include "cmd.h"
#include "io.h"
#include "reading.h"

#define TRAFFIC_MIN	(10 * NSEC_PER_MSEC)

/**
 * struct monitor - the state of the sub-command
 * @count: number of events to print; 0 for no limit
 * @flow: print only lines about this flow; 0 for all flows
 * @traffic: interval between two readings of the counters in nanoseconds; 0 for
 *	none
 * @next: time of the next reading, by now_ns()
 * @flows: the last reading
 */
struct monitor {
	struct ipcp_nl *nl;
	uint64_t count;
	uint64_t flow;
	int64_t traffic;
	int64_t next;
	bool json;
	uint64_t printed;
	int status;
	struct reading flows;
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
}

/* Begin a line: the time in two formats, and the event. */
static json_t *line_json(const struct timespec *ts, const char *event)
{
	return json_pack("{s:f, s:I, s:s}",
			 "time", ts->tv_sec + ts->tv_nsec / 1e9,
			 "time_ns", (json_int_t)(ts->tv_sec * NSEC_PER_SEC +
						 ts->tv_nsec),
			 "event", event);
}

static json_t *event_json(const struct ipcp_nl_event *ev,
			  const struct timespec *ts)
{
	const struct ipcp_nl_flow *f = &ev->flow;
	char peer[ADDR_TEXT_LEN], due[128];
	json_t *obj = line_json(ts, ipcp_nl_event_name(ev->event));

	json_object_set_new(obj, "id", json_integer(f->id));
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
	return m->status || (m->count && m->printed >= m->count);
}

/* True if only one flow is wanted, and the event does not concern it. */
static bool is_of_another(const struct monitor *m, const struct ipcp_nl_event *ev)
{
	return m->flow && m->flow != ev->flow.id &&
	       ev->event != IPCP_REKEY_EVENT_COPIED;
}

static void on_event(const struct ipcp_nl_event *ev, void *arg)
{
	struct monitor *m = arg;
	struct timespec ts;

	if (ev->upcall || enough(m) || is_of_another(m, ev))
		return;
	m->printed++;
	clock_gettime(CLOCK_REALTIME, &ts);
	if (m->json) {
		m->status = out_json(event_json(ev, &ts), true);
		return;
	}
	print_time(&ts);
	print_text(ev);
	m->status = out_flush();
}

/*
 * Report that the kernel dropped events, since this program reads too slowly.
 */
static void print_lost(struct monitor *m)
{
	struct timespec ts;

	if (m->json) {
		clock_gettime(CLOCK_REALTIME, &ts);
		m->status = out_json(line_json(&ts, "events-lost"), true);
		return;
	}
	puts("some events were lost: read faster, or see 'flow list'");
	m->status = out_flush();
}

static json_t *traffic_json(const struct flow_row *row, const struct timespec *ts)
{
	const struct ipcp_nl_stats *s = &row->stats;
	json_t *obj = line_json(ts, "traffic"), *drops = json_object();
	unsigned int i;

	json_object_set_new(obj, "id", json_integer(row->id));
	if (row->name[0])
		json_object_set_new(obj, "name", nlcmd_json(row->name));
	json_object_set_new(obj, "state",
			    json_string(ipcp_nl_state_name(row->state)));
	json_object_set_new(obj, "eid", json_integer(row->eid));
	json_object_set_new(obj, "peer_eid", json_integer(row->peer_eid));
	json_object_set_new(obj, "initiator", json_boolean(row->initiator));
	json_object_set_new(obj, "peer", json_string(row->peer));
	if (row->sends)
		json_object_set_new(obj, "tx_epoch", json_integer(row->tx_epoch));
	json_object_set_new(obj, "tx_packets", json_integer(s->tx_packets));
	json_object_set_new(obj, "tx_bytes", json_integer(s->tx_bytes));
	json_object_set_new(obj, "rx_packets", json_integer(s->rx_packets));
	json_object_set_new(obj, "rx_bytes", json_integer(s->rx_bytes));
	for (i = 1; i <= IPCP_REKEY_A_DROPS_MAX; i++)
		if (s->drops.by[i])
			json_object_set_new(drops, ipcp_nl_drop_name(i),
					    json_integer(s->drops.by[i]));
	json_object_set_new(obj, "drops", drops);
	return obj;
}

static void print_traffic(const struct flow_row *row)
{
	char text[NLCMD_TEXT_LEN];

	printf("flow %u", row->id);
	if (row->name[0])
		printf(" '%s'", nlcmd_text(row->name, text));
	printf(" traffic sent %llu received %llu dropped %llu peer %s\n",
	       (unsigned long long)row->stats.tx_packets,
	       (unsigned long long)row->stats.rx_packets,
	       (unsigned long long)row->drops, row->peer);
}

/* Print the counters of the flows. */
static int read_traffic(struct monitor *m)
{
	int err = reading_read(m->nl, &m->flows);
	struct timespec ts;
	size_t i;

	if (err)
		return nlcmd_fail(m->nl, "cannot read the flows", err);
	clock_gettime(CLOCK_REALTIME, &ts);
	for (i = 0; i < m->flows.n && !m->status; i++) {
		const struct flow_row *row = &m->flows.rows[i];

		if (m->flow && m->flow != row->id)
			continue;
		if (m->json) {
			m->status = out_json(traffic_json(row, &ts), true);
			continue;
		}
		print_time(&ts);
		print_traffic(row);
		m->status = out_flush();
	}
	return m->status;
}

/* Read the counters if the interval has passed. */
static int tend_traffic(struct monitor *m)
{
	if (!m->traffic || now_ns() < m->next)
		return EXIT_OK;
	m->next += m->traffic;
	if (m->next < now_ns())		/* after a long reading, or a pause */
		m->next = now_ns() + m->traffic;
	return read_traffic(m);
}

/* Print the events that are pending on the socket. */
static int read_events(struct monitor *m)
{
	int err = ipcp_nl_events(m->nl, on_event, m);

	if (err == -ENOBUFS)
		print_lost(m);
	else if (err)
		return nlcmd_fail(m->nl, "cannot read events", err);
	return m->status;
}

/*
 * Print until the end. Events before the signal are printed, too; the last
 * lines are the counters at that time.
 */
static int watch(struct monitor *m)
{
	struct pollfd fds[2] = {
		{ .fd = ipcp_nl_event_fd(m->nl), .events = POLLIN },
		{ .fd = 1 },	/* POLLERR: no reader of stdout */
	};
	int err, status = EXIT_OK;

	m->next = now_ns();
	while (!stopped && !status && !enough(m)) {
		status = tend_traffic(m);
		if (status)
			break;
		err = wait_poll(fds, 2, m->traffic ? m->next : 0);
		if (err < 0)
			return fail("poll: %s", strerror(-err));
		if (fds[1].revents & POLLERR)
			return EXIT_OK;
		if (fds[0].revents)
			status = read_events(m);
	}
	if (stopped && !status)
		status = read_events(m);
	if (m->traffic && !status)
		status = read_traffic(m);
	return status;
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
		{ "traffic", 't', "S", "also print counters of each flow every S seconds",
		  OPT_SECONDS, &m.traffic, 0, 0 },
		{ 0 }
	};
	const struct use use = {
		"monitor", "",
		"Prints events of the flows of this network namespace, one per line,\n"
		"until it is stopped. With --json and --traffic: a recording for\n"
		"'ipcp-rekey timeline'.\n",
		opts, 0, 0
	};
	int err, status;

	use_parse(&use, argc, argv);
	if (m.traffic && m.traffic < TRAFFIC_MIN)
		return use_error(&use, "--traffic needs at least 0.01 seconds");
	if (nlcmd_open(&m.nl))
		return EXIT_FAIL;
	err = ipcp_nl_subscribe(m.nl, IPCP_NL_GRP_EVENTS);
	if (err) {
		status = nlcmd_fail(m.nl, "cannot watch events", err);
	} else {
		stop_catch();
		ipcp_dev_ready();
		status = watch(&m);
	}
	reading_free(&m.flows);
	ipcp_nl_close(m.nl);
	return status;
}
