/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* History of one end of a flow: its epochs, its events, its traffic. */
#ifndef IPCP_CLI_HISTORY_H
#define IPCP_CLI_HISTORY_H

#include "recording.h"

#define HISTORY_EPOCHS	20000	/* more would be a solid bar */
#define HISTORY_MARKS	1000	/* further marks are only counted */
#define HISTORY_BINS	556	/* time slots of the traffic */
#define HISTORY_LABEL	256

/**
 * struct epoch - lifetime of an epoch; a time is 0 if unknown
 * @no: number of the epoch, 0 to 255
 * @exchange: number of its exchange; -1 if unknown
 * @older: true if the epoch is older than the recording
 * @parked: time of installation
 * @observed: time of the first packet from the peer in this epoch
 * @promoted: time at which this end began to send in this epoch
 * @left: time at which this end stopped sending in this epoch
 * @wiped: time at which the last key of this epoch was wiped
 * @row: row in the picture, see history_finish()
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
 * struct mark - an event that is not about an epoch
 * @bad: true if an operator should look
 * @text: label in the picture
 * @more: all details
 */
struct mark {
	int64_t at;
	bool bad;
	const char *text;
	char more[HISTORY_LABEL];
};

/**
 * struct bin - traffic during one time slot
 * @known: fraction of the slot covered by counters, from 0 to 1
 */
struct bin {
	double known;
	double tx;
	double rx;
	struct ipcp_nl_drops drops;
};

/* Counters since the beginning of the flow. */
struct counters {
	uint64_t tx;
	uint64_t rx;
	struct ipcp_nl_drops drops;
};

/**
 * struct history - one end of a flow
 * @from: start of the first bin
 * @to: end of the last bin
 * @begin: start of the recording of this end
 * @end: end of the recording of this end
 * @sending: index of the sending epoch; -1 for none
 * @ended: time at which the flow ended; 0 if it did not end
 * @rows: number of rows that hold the epochs without overlap
 * @more_marks: number of marks that are not in @marks
 * @base: counters of the last reading, at @base_at; zero if there is none
 * @sent: messages sent during the recording
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
