/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Relay messages between a flow and stdin and stdout. */
#ifndef IPCP_CLI_PUMP_H
#define IPCP_CLI_PUMP_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct pump_opts - options of pump_run()
 * @size: bytes of a raw message; 0 for one message on each line
 * @count: stop after receiving this many messages; 0 for no limit
 * @timeout: longest time without activity in nanoseconds; 0 for no limit
 * @stdin_ends: stop at the end of stdin, unless @count is set
 */
struct pump_opts {
	uint64_t size;
	uint64_t count;
	int64_t timeout;
	bool stdin_ends;
};

int pump_run(int flow, const struct pump_opts *opts);

#endif /* IPCP_CLI_PUMP_H */
