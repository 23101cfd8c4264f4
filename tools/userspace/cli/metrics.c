// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * ipcp-rekey metrics: counters for Prometheus. All families are always printed,
 * even without samples, so that the list is complete.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "cmd.h"
#include "expo.h"
#include "nlcmd.h"
#include "reading.h"

#define NAME(name)	"ipcp_rekey_" name

/* Everything is read before anything is printed. */
struct metrics {
	bool loaded;		/* the module is loaded */
	struct ipcp_nl_info info;
	struct ipcp_nl_drops none;	/* drops without a flow */
	struct reading flows;
	struct ipcp_nl_user *users;
	size_t nusers;
	json_t *agent;		/* status of the agent, or NULL */
};

/**
 * struct flow_metric - a metric of each flow
 * @name: name of the metric
 * @type: "counter" or "gauge"
 * @help: description
 * @get: returns the value
 * @ms: true if the value is in milliseconds
 * @keys: true if only flows with keys have the metric
 */
struct flow_metric {
	const char *name;
	const char *type;
	const char *help;
	uint64_t (*get)(const struct flow_row *row);
	bool ms;
	bool keys;
};

#define GET(fn, expr)						\
	static uint64_t get_##fn(const struct flow_row *row)	\
	{							\
		return expr;					\
	}

GET(allocated, row->state == IPCP_REKEY_FLOW_STATE_ALLOCATED)
GET(sent, row->stats.tx_packets)
GET(sent_bytes, row->stats.tx_bytes)
GET(received, row->stats.rx_packets)
GET(received_bytes, row->stats.rx_bytes)
GET(queued, row->queued)
GET(mtu, row->mtu)
GET(rekeys, row->stats.rekeys)
GET(recoveries, row->stats.recoveries)
GET(tx_leaves, row->stats.tx_leaves)
GET(rx_leaves, row->stats.rx_leaves)
GET(linger_cut, row->stats.linger_cut)
GET(epoch, row->epoch)
GET(epoch_age, row->epoch_age)
GET(tx_left, row->tx_left)
GET(rx_left, row->rx_left)
GET(due, !!row->due)

static const struct flow_metric flow_metrics[] = {
	{ NAME("flow_allocated"), "gauge",
	  "1 if the flow is allocated, 0 before and after.",
	  get_allocated, false, false },
	{ NAME("flow_sent_messages_total"), "counter",
	  "Messages that the flow has sent.", get_sent, false, false },
	{ NAME("flow_sent_bytes_total"), "counter",
	  "Bytes of the messages that the flow has sent.",
	  get_sent_bytes, false, false },
	{ NAME("flow_received_messages_total"), "counter",
	  "Messages that the flow has received.", get_received, false, false },
	{ NAME("flow_received_bytes_total"), "counter",
	  "Bytes of the messages that the flow has received.",
	  get_received_bytes, false, false },
	{ NAME("flow_queued_messages"), "gauge",
	  "Messages that wait for the program.", get_queued, false, false },
	{ NAME("flow_mtu_bytes"), "gauge",
	  "Length of the longest message.", get_mtu, false, false },
	{ NAME("flow_rekeys_total"), "counter",
	  "Seeds installed after the first.", get_rekeys, false, false },
	{ NAME("flow_recoveries_total"), "counter",
	  "Times that the flow got fresh keys after keys were lost.",
	  get_recoveries, false, false },
	{ NAME("flow_sent_leaf_keys_total"), "counter",
	  "Leaf keys that were used for sending.", get_tx_leaves, false, false },
	{ NAME("flow_received_leaf_keys_total"), "counter",
	  "Leaf keys that were used for receiving.", get_rx_leaves, false, false },
	{ NAME("flow_linger_cut_total"), "counter",
	  "Epochs that were wiped early, because newer ones needed the room.",
	  get_linger_cut, false, false },
	{ NAME("flow_epoch"), "gauge",
	  "Epoch of the flow, from 0 to 255.", get_epoch, false, true },
	{ NAME("flow_epoch_age_seconds"), "gauge",
	  "Age of the newest epoch.", get_epoch_age, true, true },
	{ NAME("flow_send_packets_left"), "gauge",
	  "Packets that can still be sent in the newest epoch.",
	  get_tx_left, false, true },
	{ NAME("flow_receive_packets_left"), "gauge",
	  "Packets that can still be received in the newest epoch.",
	  get_rx_left, false, true },
	{ NAME("flow_rekey_due"), "gauge",
	  "1 if the flow is due for a re-key.", get_due, false, true },
};

static void put_flow(FILE *out, const struct flow_metric *m,
		     const struct flow_row *row)
{
	char id[16];
	const struct expo_label labels[] = {
		{ "id", id }, { "name", row->name }, { "peer", row->peer }, { 0 }
	};

	snprintf(id, sizeof(id), "%u", row->id);
	if (m->ms)
		expo_sample_ms(out, m->name, labels, m->get(row));
	else
		expo_sample(out, m->name, labels, m->get(row));
}

/*
 * Print one sample for each drop reason that has occurred, and for the one that
 * alerts are about: a rate counts no packets before the first sample.
 */
static void put_flow_drops(FILE *out, const struct flow_row *row)
{
	unsigned int i;
	char id[16];

	snprintf(id, sizeof(id), "%u", row->id);
	for (i = 1; i <= IPCP_REKEY_A_DROPS_MAX; i++) {
		const struct expo_label labels[] = {
			{ "id", id }, { "name", row->name },
			{ "peer", row->peer },
			{ "reason", ipcp_nl_drop_name(i) }, { 0 }
		};

		if (row->stats.drops.by[i] || i == IPCP_REKEY_A_DROPS_AUTH)
			expo_sample(out, NAME("flow_dropped_packets_total"), labels,
				    row->stats.drops.by[i]);
	}
}

static void put_flows(FILE *out, const struct reading *flows)
{
	const struct flow_metric *m;
	size_t i, j;

	for (i = 0; i < sizeof(flow_metrics) / sizeof(flow_metrics[0]); i++) {
		m = &flow_metrics[i];
		expo_family(out, m->name, m->type, m->help);
		for (j = 0; j < flows->n; j++)
			if (!m->keys || flows->rows[j].keys)
				put_flow(out, m, &flows->rows[j]);
	}
	expo_family(out, NAME("flow_dropped_packets_total"), "counter",
		    "Packets of the flow that were dropped, by reason: auth, and those that have occurred.");
	for (j = 0; j < flows->n; j++)
		put_flow_drops(out, &flows->rows[j]);
}

/* Print a family that has one sample, or none if @known is false. */
static void put_one(FILE *out, const char *name, const char *type,
		    const char *help, bool known, uint64_t value)
{
	expo_family(out, name, type, help);
	if (known)
		expo_sample(out, name, NULL, value);
}

static void put_version(FILE *out, const char *name, const char *help,
			const char *version)
{
	const struct expo_label labels[] = { { "version", version }, { 0 } };

	expo_family(out, name, "gauge", help);
	if (version)
		expo_sample(out, name, labels, 1);
}

static void put_module(FILE *out, const struct metrics *m)
{
	unsigned int i;

	put_one(out, NAME("module_up"), "gauge", "1 if the module is loaded.",
		true, m->loaded);
	put_version(out, NAME("module_info"), "Version of the module.",
		    m->loaded ? m->info.version : NULL);
	put_one(out, NAME("agent_registered"), "gauge",
		"1 if an agent of this network namespace has registered with the module.",
		m->loaded, !!m->info.has_agent);
	put_one(out, NAME("flows"), "gauge", "Flows of this network namespace.",
		m->loaded, m->info.flows);
	put_one(out, NAME("machine_copies_total"), "counter",
		"Copies of the virtual machine that the module has noticed.",
		m->loaded, m->info.copies);
	expo_family(out, NAME("dropped_packets_total"), "counter",
		    "Dropped packets that belong to no flow.");
	for (i = 1; m->loaded && i <= IPCP_REKEY_A_DROPS_MAX; i++) {
		const struct expo_label labels[] = {
			{ "reason", ipcp_nl_drop_name(i) }, { 0 }
		};

		expo_sample(out, NAME("dropped_packets_total"), labels,
			    m->none.by[i]);
	}
}

#define GET_USER(fn, expr)						\
	static uint64_t user_##fn(const struct ipcp_nl_user *user)	\
	{								\
		return expr;						\
	}

GET_USER(flows, user->flows)
GET_USER(listeners, user->listeners)
GET_USER(max_flows, user->max_flows)
GET_USER(upcalls, user->upcalls)
GET_USER(bytes, user->bytes)
GET_USER(max_bytes, user->max_bytes)

static const struct {
	const char *name;
	const char *help;
	uint64_t (*get)(const struct ipcp_nl_user *user);
} user_metrics[] = {
	{ NAME("user_flows"), "Flows of the user, in all network namespaces.",
	  user_flows },
	{ NAME("user_listeners"), "Names that programs of the user serve.",
	  user_listeners },
	{ NAME("user_flows_limit"),
	  "Flows and served names that the user may have together.",
	  user_max_flows },
	{ NAME("user_upcalls"), "Requests of the user that wait for an agent.",
	  user_upcalls },
	{ NAME("user_queue_bytes"), "Memory reserved for queues of the user.",
	  user_bytes },
	{ NAME("user_queue_limit_bytes"),
	  "Memory that may be reserved for queues of the user.", user_max_bytes },
};

static void put_users(FILE *out, const struct metrics *m)
{
	size_t i, j;
	char uid[16];
	const struct expo_label labels[] = { { "uid", uid }, { 0 } };

	for (i = 0; i < sizeof(user_metrics) / sizeof(user_metrics[0]); i++) {
		expo_family(out, user_metrics[i].name, "gauge",
			    user_metrics[i].help);
		for (j = 0; j < m->nusers; j++) {
			snprintf(uid, sizeof(uid), "%u", m->users[j].uid);
			expo_sample(out, user_metrics[i].name, labels,
				    user_metrics[i].get(&m->users[j]));
		}
	}
}

static const struct {
	const char *name;
	const char *type;
	const char *help;
	const char *path;	/* path in the status */
	bool ms;
} agent_metrics[] = {
	{ NAME("agent_uptime_seconds"), "gauge", "Time since the agent started.",
	  "up_ms", true },
	{ NAME("agent_config_age_seconds"), "gauge",
	  "Time since the agent read its configuration.", "config.read_ms_ago",
	  true },
	{ NAME("agent_flows_due"), "gauge", "Flows that are due for a re-key.",
	  "flows.due", false },
	{ NAME("agent_flows_in_flight"), "gauge", "Flows that are being re-keyed.",
	  "flows.in_flight", false },
	{ NAME("agent_oldest_epoch_seconds"), "gauge",
	  "Greatest age of a newest epoch.", "flows.oldest_epoch_ms", true },
	{ NAME("agent_cookies_sent_total"), "counter",
	  "Cookies sent to peers that had none.", "cookies", false },
	{ NAME("agent_malformed_messages_total"), "counter",
	  "Malformed messages of agents.", "bad_messages", false },
	{ NAME("agent_other_version_messages_total"), "counter",
	  "Messages of agents that speak another version of the protocol.",
	  "other_versions", false },
	{ NAME("agent_rekeys_without_keys_total"), "counter",
	  "Re-keys attempted without the keys of the flow.", "rekeys_in_clear",
	  false },
};

static void put_exchanges(FILE *out, json_t *agent, const char *kind)
{
	json_t *of = agent_at(agent_at(agent, "exchanges"), kind), *outcome;
	const char *name;

	json_object_foreach(of, name, outcome) {
		const struct expo_label labels[] = {
			{ "exchange", kind }, { "outcome", name }, { 0 }
		};

		expo_sample(out, NAME("agent_exchanges_total"), labels,
			    json_integer_value(agent_at(outcome, "count")));
	}
}

static void put_agent(FILE *out, const struct metrics *m)
{
	json_t *value;
	size_t i;

	put_one(out, NAME("agent_up"), "gauge",
		"1 if the agent has answered on its socket.", true, !!m->agent);
	put_version(out, NAME("agent_info"), "Version of the agent.",
		    json_string_value(agent_at(m->agent, "version")));
	for (i = 0; i < sizeof(agent_metrics) / sizeof(agent_metrics[0]); i++) {
		value = agent_at(m->agent, agent_metrics[i].path);
		expo_family(out, agent_metrics[i].name, agent_metrics[i].type,
			    agent_metrics[i].help);
		if (!json_is_integer(value))
			continue;
		if (agent_metrics[i].ms)
			expo_sample_ms(out, agent_metrics[i].name, NULL,
				       json_integer_value(value));
		else
			expo_sample(out, agent_metrics[i].name, NULL,
				    json_integer_value(value));
	}
	expo_family(out, NAME("agent_exchanges_total"), "counter",
		    "Exchanges with other agents by outcome.");
	put_exchanges(out, m->agent, "allocation");
	put_exchanges(out, m->agent, "rekey");
}

static void put_all(FILE *out, const void *arg)
{
	const struct metrics *m = arg;

	put_module(out, m);
	put_flows(out, &m->flows);
	put_users(out, m);
	put_agent(out, m);
}

static int add_user(const struct ipcp_nl_user *user, void *arg)
{
	struct metrics *m = arg;
	struct ipcp_nl_user *users = reallocarray(m->users, m->nusers + 1,
						  sizeof(*users));

	if (!users)
		return -ENOMEM;
	m->users = users;
	m->users[m->nusers++] = *user;
	return 0;
}

/* Query the module. A module that is not loaded is a metric, not an error. */
static int read_module(struct metrics *m)
{
	struct ipcp_nl *nl;
	int err = nlcmd_open_loaded(&nl), status = EXIT_OK;

	if (err == -ENOENT)
		return EXIT_OK;
	if (err)
		return fail("cannot open netlink: %s", strerror(-err));
	err = ipcp_nl_info_get(nl, &m->info);
	if (!err)
		err = ipcp_nl_stats_get(nl, &m->none);
	if (!err)
		err = reading_read(nl, &m->flows);
	if (!err)
		err = ipcp_nl_user_dump(nl, add_user, m);
	if (err)
		status = nlcmd_fail(nl, "cannot read the counters", err);
	m->loaded = !err;
	ipcp_nl_close(nl);
	return status;
}

int cmd_metrics(int argc, char **argv)
{
	const char *file = NULL, *path = AGENT_SOCKET, *namespace = NULL;
	const struct opt opts[] = {
		{ "namespace", 'n', "NAME", "add the label namespace=\"NAME\" to all samples",
		  OPT_TEXT, &namespace, 0, 0 },
		{ "output", 'o', "FILE", "replace this file instead of printing",
		  OPT_TEXT, &file, 0, 0 },
		{ "socket", 's', "PATH", "the agent's socket (default " AGENT_SOCKET ")",
		  OPT_TEXT, &path, 0, 0 },
		{ 0 }
	};
	const struct use use = {
		"metrics", "",
		"Prints the counters of the module, its flows, the users and the agent in\n"
		"the text format of Prometheus. With --output, for the textfile collector\n"
		"of node_exporter: FILE is replaced at once, and should end in .prom.\n",
		opts, 0, 0
	};
	static struct metrics m;
	int status;

	use_parse(&use, argc, argv);
	status = read_module(&m);
	if (!status) {
		m.agent = agent_ask(path, true);
		if (namespace)
			expo_label_all("namespace", namespace);
		if (file)
			status = out_replace(file, 0644, put_all, &m);
		else
			put_all(stdout, &m);
		json_decref(m.agent);
	}
	reading_free(&m.flows);
	free(m.users);
	return status;
}
