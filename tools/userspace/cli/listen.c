// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * ipcp-rekey listen: serve a name, and relay messages between its first flow
 * and stdin and stdout.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "io.h"
#include "pump.h"

/* Accept the first flow; -1 after printing an error, -EAGAIN when stopped. */
static int first_flow(int listener, int64_t timeout)
{
	struct pollfd pfd = { .fd = listener, .events = POLLIN };
	int64_t until = timeout ? now_ns() + timeout : 0;
	int fd, ret;

	while (!stopped) {
		fd = io_accept(listener);
		if (fd >= 0)
			return fd;
		if (fd != -EAGAIN) {
			io_accept_status(listener, fd, "");
			return -1;
		}
		ret = wait_poll(&pfd, 1, until);
		if (ret < 0) {
			fail("poll: %s", strerror(-ret));
			return -1;
		}
		if (!ret && until && now_ns() >= until) {
			fail("no peer requested a flow for %.3g s (--timeout)",
			     timeout / 1e9);
			return -1;
		}
	}
	return -EAGAIN;
}

int cmd_listen(int argc, char **argv)
{
	struct pump_opts pump = { 0 };
	const struct opt opts[] = {
		{ "count", 'c', "N", "exit after receiving N messages", OPT_COUNT,
		  &pump.count, 1, UINT64_MAX },
		{ "size", 's', "N", "raw messages of N bytes instead of lines",
		  OPT_COUNT, &pump.size, 1, MESSAGE_MAX },
		{ "timeout", 't', "S", "exit after S seconds without a flow or message",
		  OPT_SECONDS, &pump.timeout, 0, 0 },
		{ 0 }
	};
	const struct use use = {
		"listen", "NAME",
		"Serves NAME and takes its first flow. Each message of the flow is a\n"
		"line on stdout, each line of stdin is a message. Ends when the peer\n"
		"closes the flow.\n",
		opts, 1, 1
	};
	char **args = use_parse(&use, argc, argv);
	int listener, flow, status;

	listener = io_serve(args[0]);
	if (listener < 0)
		return EXIT_FAIL;
	flow = first_flow(listener, pump.timeout);
	close(listener);
	if (flow < 0)
		return flow == -EAGAIN ? EXIT_OK : EXIT_FAIL;
	status = pump_run(flow, &pump);
	close(flow);
	return status;
}
