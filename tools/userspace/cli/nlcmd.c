// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Netlink for the sub-commands: error messages, names, counters. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "nlcmd.h"

/**
 * nlcmd_open() - open a handle
 * @nl: the handle
 *
 * Return: EXIT_OK, or EXIT_FAIL after printing an error.
 */
int nlcmd_open(struct ipcp_nl **nl)
{
	int err = ipcp_nl_open(nl);

	if (err == -ENOENT)
		return fail("the module is not loaded; load it: modprobe ipcp_rekey");
	if (err)
		return fail("cannot open netlink: %s", strerror(-err));
	return EXIT_OK;
}

/* True if the module is loaded, or built in. */
static bool is_loaded(void)
{
	FILE *modules;
	char line[512];
	bool found = !access("/sys/module/ipcp_rekey", F_OK);

	modules = found ? NULL : fopen("/proc/modules", "re");
	while (modules && !found && fgets(line, sizeof(line), modules))
		found = !strncmp(line, "ipcp_rekey ", strlen("ipcp_rekey "));
	if (modules)
		fclose(modules);
	return found;
}

/**
 * nlcmd_open_loaded() - open a handle, but only if the module is loaded
 * @nl: the handle; NULL after an error
 *
 * To resolve the netlink family would load the module.
 *
 * Return: 0, -ENOENT if the module is not loaded, or another negative errno.
 */
int nlcmd_open_loaded(struct ipcp_nl **nl)
{
	*nl = NULL;
	return is_loaded() ? ipcp_nl_open(nl) : -ENOENT;
}

/**
 * nlcmd_fail() - report the failure of a call
 * @nl: the handle
 * @what: what failed, "cannot list flows"
 * @err: the negative errno
 *
 * Return: EXIT_FAIL.
 */
int nlcmd_fail(struct ipcp_nl *nl, const char *what, int err)
{
	if (err == -EPERM || err == -EACCES)
		return fail("%s: permission denied; run this as root", what);
	return fail("%s: %s", what, ipcp_nl_reason(nl)[0] ? ipcp_nl_reason(nl) :
		    strerror(-err));
}

/**
 * nlcmd_text() - make text from another program safe for a terminal
 * @text: a name or a reason
 * @buf: the buffer; each byte that is not printable ASCII becomes '?'
 *
 * Return: @buf.
 */
const char *nlcmd_text(const char *text, char buf[NLCMD_TEXT_LEN])
{
	size_t i;

	for (i = 0; text[i] && i < NLCMD_TEXT_LEN - 1; i++)
		buf[i] = text[i] < ' ' || text[i] > '~' ? '?' : text[i];
	buf[i] = '\0';
	return buf;
}

/* Convert text from another program to JSON; invalid UTF-8 becomes '?'. */
json_t *nlcmd_json(const char *text)
{
	json_t *json = json_string(text);
	char buf[NLCMD_TEXT_LEN];
	size_t i;

	if (json)
		return json;
	for (i = 0; text[i] && i < sizeof(buf) - 1; i++)
		buf[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
	buf[i] = '\0';
	return json_string(buf);
}

/*
 * Convert drop counters to a JSON object, with the names from the
 * specification.
 */
json_t *nlcmd_drops(const struct ipcp_nl_drops *drops)
{
	json_t *obj = json_object();
	unsigned int i;

	for (i = 1; i <= IPCP_REKEY_A_DROPS_MAX; i++)
		json_object_set_new(obj, ipcp_nl_drop_name(i),
				    json_integer(drops->by[i]));
	return obj;
}

/**
 * nlcmd_list() - run a sub-command that lists objects
 * @of: description of the sub-command
 * @argc: argument count of the sub-command
 * @argv: arguments of the sub-command
 *
 * Return: the exit status.
 */
int nlcmd_list(const struct nlcmd_list *of, int argc, char **argv)
{
	bool json = false;
	const struct opt opts[] = {
		{ "json", 'j', NULL, "print JSON, an array", OPT_FLAG, &json,
		  0, 0 },
		{ 0 }
	};
	const struct use use = { of->name, "", of->about, opts, 0, 0 };
	struct listing list = { 0 };
	struct ipcp_nl *nl;
	int err;

	use_parse(&use, argc, argv);
	if (nlcmd_open(&nl))
		return EXIT_FAIL;
	list.json = json ? json_array() : NULL;
	err = of->dump(nl, &list);
	if (err)
		nlcmd_fail(nl, of->failed, err);
	ipcp_nl_close(nl);
	if (json && !err)
		return out_json(list.json, false);
	json_decref(list.json);
	return err ? EXIT_FAIL : EXIT_OK;
}
