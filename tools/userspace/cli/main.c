// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* ipcp-rekey: inspect and re-key flows, and communicate over them. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "out.h"

static const struct cmd commands[] = {
	{ "setup", "first steps: certificates, keys and names of this host", cmd_setup },
	{ "flow", "list flows, show a flow", cmd_flow },
	{ "netdev", "network interfaces over a flow", cmd_netdev },
	{ "rekey", "request new keys", cmd_rekey },
	{ "monitor", "print events of flows, one per line", cmd_monitor },
	{ "timeline", "draw the epochs of a flow, from recordings", cmd_timeline },
	{ "listen", "serve a name: messages to and from stdin and stdout", cmd_listen },
	{ "connect", "talk to a name: messages to and from stdin and stdout", cmd_connect },
	{ "ping", "measure round trips to a name", cmd_ping },
	{ "perf", "measure throughput to a name", cmd_perf },
	{ "name", "list served names, bind programs to names", cmd_name },
	{ "stats", "packets that were dropped, and what users hold", cmd_stats },
	{ "top", "flows with their rates, refreshed", cmd_top },
	{ "metrics", "counters for Prometheus", cmd_metrics },
	{ "doctor", "look for what keeps flows from working, say what to do", cmd_doctor },
	{ "oap", "one step of the agents' protocol on files, for tests", cmd_oap },
	{ "agent", "show the status of the agent", cmd_agent },
	{ "version", "version of the tools and the module", cmd_version },
	{ 0 }
};

/*
 * Fill in standard files that are closed, so that no other file gets their
 * number: stdin is at its end then, and nothing can be written to the others.
 */
static int fill_standard_files(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			return fail("cannot open /dev/null: %m");
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	static char *version[] = { "version", NULL };
	int status;

	if (fill_standard_files())
		return EXIT_FAIL;
	if (argc > 1 && !strcmp(argv[1], "--version"))
		status = cmd_version(1, version);
	else
		status = cmd_dispatch("", commands, argc, argv);
	return out_flush() ? EXIT_FAIL : status;
}
