// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* ipcp-rekey version: show the version of the tools and the module. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../common/cipher.h"
#include "cmd.h"
#include "nlcmd.h"

static int print_json(const struct ipcp_nl_info *info, bool loaded)
{
	json_t *obj = json_pack("{s:s}", "tools", VERSION);
	json_t *module = json_null();
	json_t *ciphers;
	uint32_t i;

	if (loaded) {
		ciphers = json_array();
		for (i = 0; i < info->nciphers; i++)
			json_array_append_new(ciphers, json_string(
				cipher_name(info->ciphers[i])));
		module = json_pack("{s:s, s:o, s:b, s:I}",
				   "version", info->version, "ciphers", ciphers,
				   "agent", !!info->has_agent,
				   "flows", (json_int_t)info->flows);
	}
	json_object_set_new(obj, "module", module);
	return out_json(obj, false);
}

static int print_text(const struct ipcp_nl_info *info, bool loaded)
{
	uint32_t i;

	printf("tools    %s\n", VERSION);
	if (!loaded) {
		puts("module   not loaded; load it: modprobe ipcp_rekey");
		return EXIT_OK;
	}
	printf("module   %s\nciphers ", info->version);
	for (i = 0; i < info->nciphers; i++)
		printf(" %s", cipher_name(info->ciphers[i]));
	printf("\nagent    %s\nflows    %u\n",
	       info->has_agent ? "runs" :
	       "none in this network namespace; start ipcp-rekeyd", info->flows);
	return EXIT_OK;
}

int cmd_version(int argc, char **argv)
{
	bool json = false;
	const struct opt opts[] = {
		{ "json", 'j', NULL, "print JSON", OPT_FLAG, &json, 0, 0 },
		{ 0 }
	};
	const struct use use = {
		"version", "",
		"Prints the version of the tools, and of the module if it is loaded.\n",
		opts, 0, 0
	};
	struct ipcp_nl_info info = { 0 };
	struct ipcp_nl *nl;
	int err;

	use_parse(&use, argc, argv);
	err = nlcmd_open_loaded(&nl);
	if (!err)
		err = ipcp_nl_info_get(nl, &info);
	ipcp_nl_close(nl);
	if (err && err != -ENOENT)
		note("cannot ask the module: %s", strerror(-err));
	return json ? print_json(&info, !err) : print_text(&info, !err);
}
