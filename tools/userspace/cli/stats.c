// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* ipcp-rekey stats: show dropped packets by reason, or resources by user. */
#include <stdio.h>

#include "cmd.h"
#include "nlcmd.h"

static int add_flow(const struct ipcp_nl_flow *f, void *arg)
{
	struct ipcp_nl_drops *sum = arg;
	unsigned int i;

	for (i = 1; i <= IPCP_REKEY_A_DROPS_MAX; i++)
		sum->by[i] += f->stats.drops.by[i];
	return 0;
}

static void print_text(const struct ipcp_nl_drops *none,
		       const struct ipcp_nl_drops *flows)
{
	unsigned int i;

	printf("%-12s %14s %14s\n", "DROPPED", "OF NO FLOW", "OF OPEN FLOWS");
	for (i = 1; i <= IPCP_REKEY_A_DROPS_MAX; i++)
		printf("%-12s %14llu %14llu\n", ipcp_nl_drop_name(i),
		       (unsigned long long)none->by[i],
		       (unsigned long long)flows->by[i]);
	if (none->by[IPCP_REKEY_A_DROPS_VERSION])
		printf("\nversion: these packets are of a version that this module does not speak, or are\n"
		       "rubbish. Compare \"ipcp-rekey version\" on all hosts, and upgrade the older ones.\n");
}

static json_t *user_json(const struct ipcp_nl_user *u)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "uid", (json_int_t)u->uid,
			 "flows", (json_int_t)u->flows,
			 "listeners", (json_int_t)u->listeners,
			 "max_flows", (json_int_t)u->max_flows,
			 "upcalls", (json_int_t)u->upcalls,
			 "bytes", (json_int_t)u->bytes,
			 "max_bytes", (json_int_t)u->max_bytes);
}

static int list_user(const struct ipcp_nl_user *u, void *arg)
{
	struct listing *list = arg;

	if (list->json) {
		json_array_append_new(list->json, user_json(u));
		return 0;
	}
	if (!list->head)
		printf("%10s %9s %9s %9s %9s %12s %12s\n", "USER", "FLOWS",
		       "LISTENERS", "LIMIT", "UPCALLS", "BYTES", "LIMIT");
	list->head = true;
	printf("%10u %9u %9u %9u %9u %12llu %12llu\n", u->uid, u->flows,
	       u->listeners, u->max_flows, u->upcalls,
	       (unsigned long long)u->bytes, (unsigned long long)u->max_bytes);
	return 0;
}

static int show_users(struct ipcp_nl *nl, bool json)
{
	struct listing list = { .json = json ? json_array() : NULL };
	int err = ipcp_nl_user_dump(nl, list_user, &list);

	if (err) {
		json_decref(list.json);
		return nlcmd_fail(nl, "cannot list the users", err);
	}
	return json ? out_json(list.json, false) : EXIT_OK;
}

int cmd_stats(int argc, char **argv)
{
	bool json = false, users = false;
	const struct opt opts[] = {
		{ "json", 'j', NULL, "print JSON", OPT_FLAG, &json, 0, 0 },
		{ "users", 'u', NULL, "what each user holds instead, and may hold",
		  OPT_FLAG, &users, 0, 0 },
		{ 0 }
	};
	const struct use use = {
		"stats", "",
		"Shows why packets were dropped in this network namespace: those that\n"
		"belong to no flow, and the sum over the flows that are open now.\n"
		"With --users: the flows, served names and memory of each user that has\n"
		"limits, in all namespaces of the machine together.\n",
		opts, 0, 0
	};
	struct ipcp_nl_drops none = { 0 }, flows = { 0 };
	struct ipcp_nl *nl;
	int err, status = EXIT_OK;

	use_parse(&use, argc, argv);
	if (nlcmd_open(&nl))
		return EXIT_FAIL;
	if (users) {
		status = show_users(nl, json);
		ipcp_nl_close(nl);
		return status;
	}
	err = ipcp_nl_stats_get(nl, &none);
	if (!err)
		err = ipcp_nl_flow_dump(nl, add_flow, &flows);
	if (err)
		status = nlcmd_fail(nl, "cannot read the statistics", err);
	else if (json)
		status = out_json(json_pack("{s:o, s:o}",
					    "no_flow", nlcmd_drops(&none),
					    "flows", nlcmd_drops(&flows)), false);
	else
		print_text(&none, &flows);
	ipcp_nl_close(nl);
	return status;
}
