// SPDX-License-Identifier: GPL-2.0
/*
 * ipcp-rekey name: the names that programs serve here.
 */
#include <stdio.h>

#include "cmd.h"
#include "nlcmd.h"

static json_t *name_json(const struct ipcp_nl_name *n)
{
	return json_pack("{s:o, s:b, s:I, s:I, s:I, s:I, s:o}",
			 "name", nlcmd_json(n->name),
			 "granted", !!n->granted,
			 "backlog", (json_int_t)n->backlog,
			 "waiting", (json_int_t)n->waiting,
			 "pid", (json_int_t)n->cred.pid,
			 "uid", (json_int_t)n->cred.uid,
			 "program", nlcmd_json(n->cred.comm));
}

static int list_one(const struct ipcp_nl_name *n, void *arg)
{
	struct listing *list = arg;

	if (list->json) {
		json_array_append_new(list->json, name_json(n));
		return 0;
	}
	if (!list->head)
		printf("%-30s %-8s %8s %8s %8s %6s %s\n", "NAME", "GRANTED",
		       "WAITING", "BACKLOG", "PID", "UID", "PROGRAM");
	list->head = true;
	printf("%-30s %-8s %8u %8u %8u %6u ", nlcmd_text(n->name),
	       n->granted ? "yes" : "not yet", n->waiting, n->backlog,
	       n->cred.pid, n->cred.uid);
	printf("%s\n", nlcmd_text(n->cred.comm));
	return 0;
}

static int dump_names(struct ipcp_nl *nl, struct listing *list)
{
	return ipcp_nl_name_dump(nl, list_one, list);
}

static int name_list(int argc, char **argv)
{
	static const struct nlcmd_list of = {
		"name list",
		"Lists the names that programs of this network namespace serve.\n",
		"cannot list names", dump_names
	};

	return nlcmd_list(&of, argc, argv);
}

int cmd_name(int argc, char **argv)
{
	static const struct cmd table[] = {
		{ "list", "list the names that are served here", name_list },
		{ 0 }
	};

	return cmd_dispatch("name ", table, argc, argv);
}
