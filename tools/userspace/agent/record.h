/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Record of the outcome of exchanges, for the operator: counts, times and
 * failures.
 */
#ifndef REKEYD_RECORD_H
#define REKEYD_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "policy.h"

#define FAILURES_MAX	256	/* shown to the operator */
#define TROUBLE_CHAINS	1024
#define HOLD_FIRST_MS	1000	/* after the first failure */
#define HOLD_MAX_MS	120000
#define DENIED_APART_MS	60000
#define BUSY_TRIES	5	/* in a row; the next is a failure */
#define BUSY_FLOWS	256

enum outcome_kind {
	ALLOC_DONE,		/* as initiator */
	ALLOC_FAILED,
	REKEY_DONE,
	REKEY_FAILED,		/* refused by the peer or this side */
	REKEY_TIMEOUT,		/* no answer */
	REKEY_BUSY,		/* postponed */
	ALLOC_ANSWERED,		/* as responder */
	ALLOC_REFUSED,
	REKEY_ANSWERED,
	REKEY_REFUSED,
	OUTCOMES
};

/* Upper bounds of the duration classes, in milliseconds. */
#define SPANS	{ 10, 30, 100, 300, 1000, 3000, 10000 }
#define NSPANS	7

/**
 * struct outcome - exchanges with the same outcome
 * @count: number of exchanges
 * @last: end of the last one, in monotonic milliseconds
 * @total: sum of their durations in milliseconds; exchanges of this side only
 * @longest: longest duration
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
 * @flow: number of the flow; 0 for none
 * @times: consecutive failures
 * @when: last failure, in monotonic milliseconds
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

/**
 * struct trouble - a flow whose last exchange failed
 * @flow: number of the flow
 * @times: consecutive failures
 * @until: when to try again, in monotonic milliseconds
 * @denied: time of the first signed denial from the peer that keys were lost; 0
 *	if there was none
 * @seen: the flow was seen since the last record_sweep()
 *
 * Each failing flow has one, however many there are: the end of a flow without
 * keys depends on it.
 */
struct trouble {
	LIST_ENTRY(trouble) entry;
	uint32_t flow;
	uint32_t times;
	uint64_t until;
	uint64_t denied;
	bool seen;
};

LIST_HEAD(troubles, trouble);

/**
 * struct busy - a flow whose peer postpones re-keys
 * @flow: number of the flow; 0 for a free entry
 * @times: consecutive postponements
 * @seen: the flow was seen since the last record_sweep()
 */
struct busy {
	uint32_t flow;
	unsigned int times;
	bool seen;
};

struct record {
	struct outcome by[OUTCOMES];
	uint64_t rekey_in_clear;	/* attempts in the clear */
	uint64_t cookies;
	uint64_t bad_messages;
	uint64_t other_versions;	/* messages of other versions */
	struct failures failures;	/* oldest first */
	unsigned int nfailures;
	struct troubles troubles[TROUBLE_CHAINS];	/* by flow */
	struct busy busy[BUSY_FLOWS];
};

void record_init(struct record *record);
void record_free(struct record *record);

/**
 * record_end() - record the end of an exchange that this side began
 * @began: its start, in monotonic milliseconds like @now
 */
void record_end(struct record *record, enum outcome_kind kind, uint64_t began,
		uint64_t now);

/**
 * record_answer() - record the end of an exchange that the peer began
 */
void record_answer(struct record *record, enum outcome_kind kind, uint64_t now);

/**
 * record_failure() - record why an exchange failed
 *
 * Keeps the texts of the last FAILURES_MAX failures, one for each flow, and the
 * number and times of the failures of every flow.
 *
 * Return: number of consecutive failures.
 */
unsigned int record_failure(struct record *record, enum outcome_kind kind,
			    uint32_t flow, const char *name,
			    const struct sockaddr_storage *peer,
			    const char *text, uint64_t now);

/**
 * record_busy() - note that the peer of a flow postpones a re-key
 *
 * A failure of the flow, or a success, resets the count.
 *
 * Return: number of consecutive postponements; more than BUSY_TRIES if the
 * table is full.
 */
unsigned int record_busy(struct record *record, uint32_t flow);

/**
 * record_hold() - return the wait after a number of consecutive failures
 *
 * The wait doubles each time, up to a limit.
 *
 * Return: milliseconds.
 */
uint32_t record_hold(unsigned int times);

/**
 * record_times() - return the number of consecutive failures of a flow
 */
unsigned int record_times(const struct record *record, uint32_t flow);

/**
 * record_waits() - check whether it is too early to try again for a flow
 */
bool record_waits(const struct record *record, uint32_t flow, uint64_t now);

/**
 * record_wait_over() - end the wait of a flow
 */
void record_wait_over(struct record *record, uint32_t flow);

/**
 * record_denied() - note a signed denial from the peer of a failed flow that
 * keys were lost
 *
 * Return: true if the first denial was at least DENIED_APART_MS ago.
 */
bool record_denied(struct record *record, uint32_t flow, uint64_t now);

/**
 * record_has_keys() - note that the peer of a flow has the keys: forget a denial
 */
void record_has_keys(struct record *record, uint32_t flow);

/**
 * record_forget() - forget the failure of a flow that works again or has ended
 *
 * Return: number of consecutive failures before.
 */
unsigned int record_forget(struct record *record, uint32_t flow);

/**
 * record_seen() - note that a flow exists
 */
void record_seen(struct record *record, uint32_t flow);

/**
 * record_sweep() - forget the failures and postponements of flows that no longer
 * exist
 *
 * Call this after record_seen() for each flow that exists: the upcall that tells
 * of the end of a flow may be lost.
 */
void record_sweep(struct record *record);

#endif /* REKEYD_RECORD_H */
