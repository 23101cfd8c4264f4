/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Messages between a flow and stdin and stdout.
 */
#ifndef IPCP_CLI_PUMP_H
#define IPCP_CLI_PUMP_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct pump_opts - how
 * @size: bytes a message, raw; 0 for a line a message
 * @count: messages to receive, then end; 0 for any number
 * @timeout: longest silence in nanoseconds, 0 for any
 * @stdin_ends: the end of stdin ends it, unless there is a @count to wait for
 */
struct pump_opts {
	uint64_t size;
	uint64_t count;
	int64_t timeout;
	bool stdin_ends;
};

int pump_run(int flow, const struct pump_opts *opts);

#endif /* IPCP_CLI_PUMP_H */
