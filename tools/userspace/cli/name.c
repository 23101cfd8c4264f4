// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * ipcp-rekey name: the names that programs serve on this host, and the names
 * that programs with the library are bound to.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bind.h"
#include "cmd.h"
#include "nlcmd.h"

static json_t *name_json(const struct ipcp_nl_name *n)
{
	return json_pack("{s:o, s:b, s:I, s:I, s:I, s:I, s:I, s:o}",
			 "name", nlcmd_json(n->name),
			 "granted", !!n->granted,
			 "backlog", (json_int_t)n->backlog,
			 "waiting", (json_int_t)n->waiting,
			 "provider", (json_int_t)n->provider,
			 "pid", (json_int_t)n->cred.pid,
			 "uid", (json_int_t)n->cred.uid,
			 "program", nlcmd_json(n->cred.comm));
}

/* Return the use of a name: served, or provided under this number. */
static const char *use_text(const struct ipcp_nl_name *n, char buf[24])
{
	if (!n->provider)
		return "served";
	snprintf(buf, 24, "provider %u", n->provider);
	return buf;
}

static int list_one(const struct ipcp_nl_name *n, void *arg)
{
	char name[NLCMD_TEXT_LEN], program[NLCMD_TEXT_LEN], use[24];
	struct listing *list = arg;

	if (list->json) {
		json_array_append_new(list->json, name_json(n));
		return 0;
	}
	if (!list->head)
		printf("%-30s %-12s %-8s %8s %8s %8s %6s %s\n", "NAME", "USE",
		       "GRANTED", "WAITING", "BACKLOG", "PID", "UID", "PROGRAM");
	list->head = true;
	printf("%-30s %-12s %-8s %8u %8u %8u %6u %s\n",
	       nlcmd_text(n->name, name), use_text(n, use),
	       n->granted ? "yes" : "not yet",
	       n->waiting, n->backlog, n->cred.pid, n->cred.uid,
	       nlcmd_text(n->cred.comm, program));
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
		"Lists the names that programs of this network namespace serve or provide.\n",
		"cannot list names", dump_names
	};

	return nlcmd_list(&of, argc, argv);
}

/*
 * Return the program in the form that the library compares. A word with a slash
 * is a path without symbolic links, since the kernel reports such a path to a
 * program. The caller frees the result.
 */
static char *program_of(const char *word)
{
	char *path = strchr(word, '/') ? realpath(word, NULL) : NULL;

	return path ? path : strdup(word);
}

static int bind_failed(const char *program, const char *name, int err)
{
	switch (err) {
	case -EINVAL:
	case -ENAMETOOLONG:
		return fail("'%s' and '%s' are not a program and a name; a name is 1 to 255 bytes without spaces",
			    program, name);
	case -ENOENT:
		return fail("'%s' is not bound to '%s', or the directory of %s is missing",
			    program, name, ipcp_bindings);
	case -EEXIST:
		return fail("'%s' is already bound to '%s'", program, name);
	case -EACCES:
	case -EPERM:
		return fail("cannot change %s: permission denied; run this as root",
			    ipcp_bindings);
	default:
		return fail("cannot change %s: %s", ipcp_bindings,
			    strerror(-err));
	}
}

static int change(char **args,
		  int (*how)(const char *, const char *, const char *))
{
	char *program = program_of(args[0]);
	int err, status = EXIT_OK;

	if (!program)
		return fail("out of memory");
	err = how(ipcp_bindings, program, args[1]);
	if (err)
		status = bind_failed(program, args[1], err);
	free(program);
	return status;
}

static int name_bind(int argc, char **argv)
{
	static const struct opt opts[] = { { 0 } };
	static const struct use use = {
		"name bind", "PROGRAM NAME",
		"From its next start on, PROGRAM serves NAME when it accepts flows with\n"
		"libipcp_rekey. PROGRAM is a path, or the last part of one, which stands\n"
		"for all programs of that name.\n",
		opts, 2, 2
	};
	char **args = use_parse(&use, argc, argv);

	/* only an existing program has a path without links */
	if (strchr(args[0], '/') && access(args[0], F_OK))
		return fail("cannot bind '%s': %m; give the path of a program, or its last part",
			    args[0]);
	return change(args, ipcp_bind_add);
}

static int name_unbind(int argc, char **argv)
{
	static const struct opt opts[] = { { 0 } };
	static const struct use use = {
		"name unbind", "PROGRAM NAME",
		"Undoes a binding. A running PROGRAM continues to serve NAME.\n",
		opts, 2, 2
	};

	return change(use_parse(&use, argc, argv), ipcp_bind_remove);
}

static int binding_one(const char *program, const char *name, void *arg)
{
	char buf[NLCMD_TEXT_LEN];
	struct listing *list = arg;

	if (list->json) {
		json_array_append_new(list->json,
				      json_pack("{s:o, s:o}",
						"program", nlcmd_json(program),
						"name", nlcmd_json(name)));
		return 0;
	}
	if (!list->head)
		printf("%-30s %s\n", "NAME", "PROGRAM");
	list->head = true;
	printf("%-30s ", nlcmd_text(name, buf));
	printf("%s\n", nlcmd_text(program, buf));
	return 0;
}

static int name_bindings(int argc, char **argv)
{
	bool json = false;
	const struct opt opts[] = {
		{ "json", 'j', NULL, "print JSON, an array", OPT_FLAG, &json, 0, 0 },
		{ 0 }
	};
	const struct use use = {
		"name bindings", "", "Lists the bindings of programs to names.\n",
		opts, 0, 0
	};
	struct listing list = { 0 };
	int err;

	use_parse(&use, argc, argv);
	list.json = json ? json_array() : NULL;
	err = ipcp_bind_each(ipcp_bindings, binding_one, &list);
	if (err) {
		json_decref(list.json);
		return fail("cannot read %s: %s", ipcp_bindings, strerror(-err));
	}
	return json ? out_json(list.json, false) : EXIT_OK;
}

int cmd_name(int argc, char **argv)
{
	static const struct cmd table[] = {
		{ "list", "list the names that are served here", name_list },
		{ "bind", "let a program serve a name", name_bind },
		{ "unbind", "undo a binding", name_unbind },
		{ "bindings", "list bindings of programs to names", name_bindings },
		{ 0 }
	};

	return cmd_dispatch("name ", table, argc, argv);
}
