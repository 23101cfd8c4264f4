// SPDX-License-Identifier: GPL-2.0
/*
 * ipcp-rekey name: the names that programs serve here.
 */
#include <errno.h>
#include <stdio.h>

#include "cmd.h"
#include "nlcmd.h"

#define TRIES	8	/* a dump that changes underneath is made again */

struct listing {
	json_t *json;		/* an array, or NULL for text */
	bool head;		/* the heading was printed */
};

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

static int name_list(int argc, char **argv)
{
	bool json = false;
	const struct opt opts[] = {
		{ "json", 'j', NULL, "print JSON, an array of names", OPT_FLAG,
		  &json, 0, 0 },
		{ 0 }
	};
	const struct use use = {
		"name list", "",
		"Lists the names that programs of this network namespace serve.\n",
		opts, 0, 0
	};
	struct listing list = { 0 };
	struct ipcp_nl *nl;
	int err = -EINTR;
	int i;

	use_parse(&use, argc, argv);
	if (nlcmd_open(&nl))
		return EXIT_FAIL;
	for (i = 0; err == -EINTR && i < TRIES; i++) {
		json_decref(list.json);
		list.json = json ? json_array() : NULL;
		list.head = false;
		err = ipcp_nl_name_dump(nl, list_one, &list);
	}
	if (err)
		nlcmd_fail(nl, "cannot list names", err);
	ipcp_nl_close(nl);
	if (json && !err)
		return out_json(list.json, false);
	json_decref(list.json);
	return err ? EXIT_FAIL : EXIT_OK;
}

int cmd_name(int argc, char **argv)
{
	static const struct cmd table[] = {
		{ "list", "list the names that are served here", name_list },
		{ 0 }
	};

	return cmd_dispatch("name ", table, argc, argv);
}
