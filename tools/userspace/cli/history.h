/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* One end of a flow over time: its epochs, what happened to it, its traffic. */
#ifndef IPCP_CLI_HISTORY_H
#define IPCP_CLI_HISTORY_H

#include "recording.h"

#define HISTORY_EPOCHS	20000	/* more would be a stripe */
#define HISTORY_MARKS	1000	/* those that follow are counted */
#define HISTORY_BINS	556	/* parts of the time, for the traffic */
#define HISTORY_LABEL	256

/**
 * struct epoch - when an epoch came and went; a time is 0 if it is not known
 * @no: its number, 0 to 255
 * @exchange: number of its exchange; -1 if it is not known
 * @older: the recording began later than the epoch
 * @parked: it was installed
 * @observed: the peer was heard in it
 * @promoted: this end began to send in it
 * @left: this end ceased to send in it
 * @wiped: its last key was wiped
 * @row: of the lane, see history_finish()
 */
struct epoch {
	uint8_t no;
	int64_t exchange;
	bool older;
	bool replaced;
	int64_t parked;
	int64_t observed;
	int64_t promoted;
	int64_t left;
	int64_t wiped;
	unsigned int row;
};

/**
 * struct mark - something else that happened
 * @bad: true for what an operator should look at
 * @text: words for the picture
 * @more: all that is known of it
 */
struct mark {
	int64_t at;
	bool bad;
	const char *text;
	char more[HISTORY_LABEL];
};

/**
 * struct bin - traffic during one part of the time
 * @known: the part for which there are counters, from 0 to 1
 */
struct bin {
	double known;
	double tx;
	double rx;
	struct ipcp_nl_drops drops;
};

/* Counters of a flow since its beginning. */
struct counters {
	uint64_t tx;
	uint64_t rx;
	struct ipcp_nl_drops drops;
};

/**
 * struct history - one end of a flow
 * @from: the time of the first bin
 * @to: the end of the last one
 * @begin: when the recording of this end began
 * @end: when it ended
 * @sending: index of the epoch that is sent in; -1 for none
 * @ended: when the flow ended; 0 if it did not
 * @rows: number of rows that hold the epochs without overlap
 * @more_marks: number of marks that are not in @marks
 * @base: counters of the last reading, of the time @base_at; 0 if there are none
 * @sent: messages while it was recorded
 */
struct history {
	uint32_t id;
	uint32_t eid;
	int initiator;
	int64_t from;
	int64_t to;
	int64_t begin;
	int64_t end;
	struct epoch *epochs;
	size_t nepochs;
	ssize_t sending;
	int64_t ended;
	unsigned int rows;
	struct mark *marks;
	size_t nmarks;
	size_t more_marks;
	struct counters base;
	int64_t base_at;
	bool has_traffic;
	uint64_t sent;
	uint64_t received;
	uint64_t dropped;
	struct bin bins[HISTORY_BINS];
};

struct history *history_new(uint32_t id, uint32_t eid, int64_t from, int64_t to);
int64_t history_start(const struct history *h, const struct epoch *ep);
int history_add(struct history *h, const struct record *rec);
void history_finish(struct history *h);
int64_t history_end(const struct history *h, const struct epoch *ep);
void history_free(struct history *h);

#endif /* IPCP_CLI_HISTORY_H */
