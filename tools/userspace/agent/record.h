/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* How exchanges ended, for the operator: counts, times, and why some failed. */
#ifndef REKEYD_RECORD_H
#define REKEYD_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "policy.h"

#define FAILURES_MAX	256

enum outcome_kind {
	ALLOC_DONE,		/* as initiator */
	ALLOC_FAILED,
	REKEY_DONE,
	REKEY_FAILED,		/* the peer or this side refused something */
	REKEY_TIMEOUT,		/* nobody answered */
	REKEY_BUSY,		/* put off */
	ALLOC_ANSWERED,		/* as responder */
	ALLOC_REFUSED,
	REKEY_ANSWERED,
	REKEY_REFUSED,
	OUTCOMES
};

/* How long exchanges took: bounds of the classes, in milliseconds. */
#define SPANS	{ 10, 30, 100, 300, 1000, 3000, 10000 }
#define NSPANS	7

/**
 * struct outcome - exchanges that ended one way
 * @count: how many
 * @last: when the last one did, in monotonic milliseconds
 * @total: all their times together, in milliseconds; of own exchanges only
 * @longest: the longest of these
 * @within: how many took up to each of SPANS; the last: more
 */
struct outcome {
	uint64_t count;
	uint64_t last;
	uint64_t total;
	uint64_t longest;
	uint64_t within[NSPANS + 1];
};

/**
 * struct failure - what went wrong, and is not yet right again
 * @kind: ALLOC_FAILED, REKEY_FAILED, REKEY_TIMEOUT or _REFUSED
 * @flow: 0 if there is none
 * @times: how often in a row
 * @when: the last time, in monotonic milliseconds
 */
struct failure {
	TAILQ_ENTRY(failure) entry;
	enum outcome_kind kind;
	uint32_t flow;
	uint32_t times;
	uint64_t when;
	struct sockaddr_storage peer;
	char name[OAP_NAME_MAX + 1];
	char text[2 * REASON_LEN];
};

TAILQ_HEAD(failures, failure);

struct record {
	struct outcome by[OUTCOMES];
	uint64_t rekey_in_clear;	/* tries without the flow's keys */
	uint64_t cookies;
	uint64_t bad_messages;
	struct failures failures;	/* the oldest first */
	unsigned int nfailures;
};

void record_init(struct record *record);
void record_free(struct record *record);

/**
 * record_end() - an exchange of ours ended
 * @began: when it did, in monotonic milliseconds like @now
 */
void record_end(struct record *record, enum outcome_kind kind, uint64_t began,
		uint64_t now);

/**
 * record_answer() - an exchange of the peer's ended
 */
void record_answer(struct record *record, enum outcome_kind kind, uint64_t now);

/**
 * record_failure() - remember why
 *
 * The last FAILURES_MAX are kept, one of each flow.
 */
void record_failure(struct record *record, enum outcome_kind kind,
		    uint32_t flow, const char *name,
		    const struct sockaddr_storage *peer, const char *text,
		    uint64_t now);

/**
 * record_forget() - a flow is well again, or gone
 */
void record_forget(struct record *record, uint32_t flow);

#endif /* REKEYD_RECORD_H */
