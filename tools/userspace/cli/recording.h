/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Recordings: files with the lines of "monitor --json". */
#ifndef IPCP_CLI_RECORDING_H
#define IPCP_CLI_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "nlcmd.h"

/* Kinds of lines other than events of a flow, beside enum ipcp_rekey_event. */
enum {
	RECORD_TRAFFIC = 1000,
	RECORD_LOST,		/* the kernel dropped events */
};

/**
 * struct record - one line of a recording
 * @at: time in nanoseconds; not before the previous line
 * @back: nanoseconds by which the clock was set back before this line; @at of
 *	this line and all later lines includes them
 * @event: enum ipcp_rekey_event, or RECORD_...
 * @id: number of the flow; 0 if the line is not about a flow
 * @peer_eid: endpoint id on the peer's side; 0 if unknown
 * @initiator: 1 if this side allocated the flow, 0 if not, -1 if unknown
 * @epoch: epoch of the event, or the sending epoch; -1 for none
 * @name: name of the flow, or ""; valid during the callback, as are @peer and
 *	@reason
 * @tx: messages that the flow has sent (RECORD_TRAFFIC)
 * @rx: messages that the flow has received
 */
struct record {
	int64_t at;
	int64_t back;
	int event;
	uint32_t id;
	uint32_t eid;
	uint32_t peer_eid;
	int initiator;
	int epoch;
	uint32_t exchange;
	const char *name;
	const char *peer;
	const char *reason;
	uint64_t tx;
	uint64_t rx;
	struct ipcp_nl_drops drops;
};

/* Return EXIT_OK to continue, or another value, after an error, to stop. */
typedef int (*recording_cb)(const struct record *rec, void *arg);

int recording_read(const char *path, recording_cb cb, void *arg);

#endif /* IPCP_CLI_RECORDING_H */
