/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Record of how exchanges ended, for the operator: counts, times and failures.
 */
#ifndef REKEYD_RECORD_H
#define REKEYD_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "policy.h"

#define FAILURES_MAX	256
#define HOLD_FIRST_MS	1000	/* after a failure */
#define HOLD_MAX_MS	120000
#define DENIED_APART_MS	60000
#define BUSY_TRIES	5	/* in a row; one more is a failure */
#define BUSY_FLOWS	256

enum outcome_kind {
	ALLOC_DONE,		/* as initiator */
	ALLOC_FAILED,
	REKEY_DONE,
	REKEY_FAILED,		/* the peer or this side refused something */
	REKEY_TIMEOUT,		/* no answer */
	REKEY_BUSY,		/* postponed */
	ALLOC_ANSWERED,		/* as responder */
	ALLOC_REFUSED,
	REKEY_ANSWERED,
	REKEY_REFUSED,
	OUTCOMES
};

/* Upper bounds of the classes of durations, in milliseconds. */
#define SPANS	{ 10, 30, 100, 300, 1000, 3000, 10000 }
#define NSPANS	7

/**
 * struct outcome - exchanges with the same outcome
 * @count: number of exchanges
 * @last: end of the last one, in monotonic milliseconds
 * @total: sum of their durations in milliseconds; only exchanges of this side
 * @longest: the longest of them
 * @within: exchanges in each class of SPANS; the last class has no bound
 */
struct outcome {
	uint64_t count;
	uint64_t last;
	uint64_t total;
	uint64_t longest;
	uint64_t within[NSPANS + 1];
};

/**
 * struct failure - a failure that has not been followed by a success
 * @kind: ALLOC_FAILED, REKEY_FAILED, REKEY_TIMEOUT or _REFUSED
 * @flow: 0 if there is none
 * @times: consecutive failures
 * @when: last failure, in monotonic milliseconds
 * @denied: first of them in which the peer denied, signed, that keys were lost;
 *	0 if there was none
 */
struct failure {
	TAILQ_ENTRY(failure) entry;
	enum outcome_kind kind;
	uint32_t flow;
	uint32_t times;
	uint64_t when;
	uint64_t denied;
	struct sockaddr_storage peer;
	char name[OAP_NAME_MAX + 1];
	char text[2 * REASON_LEN];
};

TAILQ_HEAD(failures, failure);

/**
 * struct busy - a flow whose peer postpones re-keys
 * @flow: 0 if the place is free
 * @times: how many times in a row
 */
struct busy {
	uint32_t flow;
	unsigned int times;
};

struct record {
	struct outcome by[OUTCOMES];
	uint64_t rekey_in_clear;	/* attempts without keys */
	uint64_t cookies;
	uint64_t bad_messages;
	uint64_t other_versions;	/* messages of agents of these */
	struct failures failures;	/* oldest first */
	unsigned int nfailures;
	unsigned int nflows;		/* of them with a flow */
	struct busy busy[BUSY_FLOWS];
};

void record_init(struct record *record);
void record_free(struct record *record);

/**
 * record_end() - record the end of an exchange of this side
 * @began: its start, in monotonic milliseconds like @now
 */
void record_end(struct record *record, enum outcome_kind kind, uint64_t began,
		uint64_t now);

/**
 * record_answer() - record the end of an exchange of the peer
 */
void record_answer(struct record *record, enum outcome_kind kind, uint64_t now);

/**
 * record_failure() - record why an exchange failed
 *
 * Keeps the last FAILURES_MAX failures, one for each flow.
 *
 * Return: how many times in a row the exchange has failed, if that is known.
 */
unsigned int record_failure(struct record *record, enum outcome_kind kind,
			    uint32_t flow, const char *name,
			    const struct sockaddr_storage *peer,
			    const char *text, uint64_t now);

/**
 * record_busy() - note that the peer of a flow postpones a re-key
 *
 * A failure of the flow, or a success, begins anew.
 *
 * Return: how many times in a row it did so; more than BUSY_TRIES if nobody counts
 * them, because too many flows have such a peer.
 */
unsigned int record_busy(struct record *record, uint32_t flow);

/**
 * record_hold() - return how long to wait after a number of failures in a row
 *
 * Twice as long each time, up to a limit. With more failing flows than the table
 * has, nobody counts them: the limit.
 *
 * Return: milliseconds.
 */
uint32_t record_hold(const struct record *record, unsigned int times);

/**
 * record_times() - return how many times in a row the exchanges of a flow have
 * failed, as far as that is known
 */
unsigned int record_times(const struct record *record, uint32_t flow);

/**
 * record_waits() - check whether it is too early to try again for a flow
 */
bool record_waits(const struct record *record, uint32_t flow, uint64_t now);

/**
 * record_denied() - note that the peer of a flow that failed has denied, signed,
 * that keys were lost
 *
 * Return: true if it denied so before, at least DENIED_APART_MS ago.
 */
bool record_denied(struct record *record, uint32_t flow, uint64_t now);

/**
 * record_forget() - forget the failure of a flow that works again or is gone
 *
 * Return: how many times in a row its exchanges had failed.
 */
unsigned int record_forget(struct record *record, uint32_t flow);

#endif /* REKEYD_RECORD_H */
