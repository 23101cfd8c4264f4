// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* ipcp-rekey rekey: request new keys. */
#include <errno.h>

#include "cmd.h"
#include "nlcmd.h"

int cmd_rekey(int argc, char **argv)
{
	bool all = false;
	const struct opt opts[] = {
		{ "all", 'a', NULL, "every flow of this network namespace",
		  OPT_FLAG, &all, 0, 0 },
		{ 0 }
	};
	const struct use use = {
		"rekey", "ID|--all",
		"Makes a flow due for a re-key, which the agent performs. Returns at\n"
		"once; 'monitor' and 'flow show' show when it is complete.\n",
		opts, 0, 1
	};
	char **args = use_parse(&use, argc, argv);
	struct ipcp_nl *nl;
	uint32_t id = 0;
	int err, status = EXIT_OK;

	if (!all == !args[0])
		return use_error(&use, "name a flow, or give --all");
	if (!all)
		id = use_flow_id(&use, args[0]);
	if (nlcmd_open(&nl))
		return EXIT_FAIL;
	err = ipcp_nl_rekey_request(nl, id);
	if (err == -ENOENT)
		status = fail("there is no flow %u; '" PROG " flow list' shows them", id);
	else if (err)
		status = nlcmd_fail(nl, "cannot ask for a re-key", err);
	ipcp_nl_close(nl);
	return status;
}
