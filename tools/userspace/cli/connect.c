// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * ipcp-rekey connect: allocate a flow to a name, and relay messages between the
 * flow and stdin and stdout.
 */
#include <unistd.h>

#include "cmd.h"
#include "io.h"
#include "pump.h"

int cmd_connect(int argc, char **argv)
{
	struct pump_opts pump = { .stdin_ends = true };
	const struct opt opts[] = {
		{ "count", 'c', "N", "exit after receiving N messages, not at the end of stdin",
		  OPT_COUNT, &pump.count, 1, UINT64_MAX },
		{ "size", 's', "N", "raw messages of N bytes instead of lines",
		  OPT_COUNT, &pump.size, 1, MESSAGE_MAX },
		{ "timeout", 't', "S", "exit after S seconds without a flow or message",
		  OPT_SECONDS, &pump.timeout, 0, 0 },
		{ 0 }
	};
	const struct use use = {
		"connect", "NAME",
		"Allocates a flow to NAME. Each line of stdin is a message, each message\n"
		"of the flow is a line on stdout. Ends at the end of stdin, or when the\n"
		"peer closes the flow.\n",
		opts, 1, 1
	};
	char **args = use_parse(&use, argc, argv);
	int status;
	int flow;

	flow = io_connect(args[0], pump.timeout);
	if (flow < 0)
		return EXIT_FAIL;
	stop_catch();
	status = pump_run(flow, &pump);
	close(flow);
	return status;
}
