/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Recordings: files with the lines of "monitor --json". */
#ifndef IPCP_CLI_RECORDING_H
#define IPCP_CLI_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "nlcmd.h"

/* Lines that are no event of a flow, beside enum ipcp_rekey_event. */
enum {
	RECORD_TRAFFIC = 1000,
	RECORD_LOST,		/* the kernel dropped events */
};

/**
 * struct record - one line of a recording
 * @at: time in nanoseconds; not before that of the line before
 * @back: nanoseconds by which the clock was set back before this line; they are
 *	added to @at of this line and of those that follow
 * @event: enum ipcp_rekey_event, or RECORD_...
 * @id: number of the flow; 0 for what is about no flow
 * @peer_eid: 0 if it is not known
 * @initiator: 1 if this side allocated the flow, 0 if not, -1 if not known
 * @epoch: epoch of the event, or that the flow sends in; -1 for none
 * @name: name of the flow, or ""; as @peer and @reason valid during the callback
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

/* Return a value other than EXIT_OK, after printing an error, to end the reading. */
typedef int (*recording_cb)(const struct record *rec, void *arg);

int recording_read(const char *path, recording_cb cb, void *arg);

#endif /* IPCP_CLI_RECORDING_H */
