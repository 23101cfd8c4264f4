// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* History of one end of a flow: its epochs, its events, its traffic. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "history.h"
#include "io.h"
#include "plain.h"

#define ROWS_MAX	8	/* the kernel holds four epochs */
#define LIVE_MAX	16	/* how far back the epoch of an event can be */
#define UNKNOWN		(-1)

/**
 * history_new() - allocate the history of one end of a flow
 * @id: number of the flow
 * @eid: endpoint id on this side
 * @from: start of the time range
 * @to: end of the time range, later than @from
 *
 * The caller may set @begin and @end of the history afterwards.
 *
 * Return: the history, or NULL if there is no memory.
 */
struct history *history_new(uint32_t id, uint32_t eid, int64_t from, int64_t to)
{
	struct history *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->marks = calloc(HISTORY_MARKS, sizeof(*h->marks));
	h->epochs = calloc(HISTORY_EPOCHS, sizeof(*h->epochs));
	if (!h->marks || !h->epochs) {
		history_free(h);
		return NULL;
	}
	h->id = id;
	h->eid = eid;
	h->from = from;
	h->to = to;
	h->begin = from;
	h->end = to;
	h->initiator = UNKNOWN;
	h->sending = UNKNOWN;
	return h;
}

/**
 * history_free() - free a history
 * @h: the history, or NULL
 */
void history_free(struct history *h)
{
	if (!h)
		return;
	free(h->marks);
	free(h->epochs);
	free(h);
}

static struct epoch *add_epoch(struct history *h, const struct record *rec)
{
	struct epoch *ep;

	if (h->nepochs == HISTORY_EPOCHS) {
		fail("flow %u has more than %d epochs in the recording; record for a shorter time",
		     h->id, HISTORY_EPOCHS);
		return NULL;
	}
	ep = &h->epochs[h->nepochs++];
	*ep = (struct epoch) { .no = rec->epoch, .exchange = rec->exchange };
	return ep;
}

/* Find the epoch of an event among the newest ones, since numbers repeat. */
static struct epoch *find_epoch(const struct history *h, const struct record *rec)
{
	size_t i;

	for (i = h->nepochs; i > 0 && i + LIVE_MAX > h->nepochs; i--) {
		struct epoch *ep = &h->epochs[i - 1];

		if (ep->no == rec->epoch &&
		    (ep->exchange == rec->exchange || ep->exchange == UNKNOWN)) {
			ep->exchange = rec->exchange;
			return ep;
		}
	}
	return NULL;
}

/* Find the epoch of an event, or add it as older than the recording. */
static struct epoch *get_epoch(struct history *h, const struct record *rec)
{
	struct epoch *ep = find_epoch(h, rec);

	if (ep)
		return ep;
	ep = add_epoch(h, rec);
	if (ep)
		ep->older = true;
	return ep;
}

static void add_mark(struct history *h, int64_t at, bool bad, const char *text,
		     const char *more)
{
	struct mark *mark;

	if (h->nmarks == HISTORY_MARKS) {
		h->more_marks++;
		return;
	}
	mark = &h->marks[h->nmarks++];
	*mark = (struct mark) { .at = at, .bad = bad, .text = text };
	snprintf(mark->more, sizeof(mark->more), "%s", more);
}

/* Note that this end no longer sends in its current epoch. */
static void leave_epoch(struct history *h, int64_t at)
{
	if (h->sending >= 0)
		h->epochs[h->sending].left = at;
	h->sending = UNKNOWN;
}

static void on_wiped(struct history *h, struct epoch *ep, int64_t at)
{
	ep->wiped = at;
	if (h->sending != ep - h->epochs)
		return;
	leave_epoch(h, at);
	add_mark(h, at, true, "keys dropped",
		 "the keys were dropped: nothing can be sent until the next seed");
}

/* Handle an event of an epoch. */
static int on_epoch(struct history *h, const struct record *rec)
{
	struct epoch *ep;

	if (rec->epoch < 0)
		return EXIT_OK;
	if (rec->event == IPCP_REKEY_EVENT_PARKED)
		ep = find_epoch(h, rec) ?: add_epoch(h, rec);
	else
		ep = get_epoch(h, rec);
	if (!ep)
		return EXIT_FAIL;
	switch (rec->event) {
	case IPCP_REKEY_EVENT_PARKED:
		ep->parked = rec->at;
		break;
	case IPCP_REKEY_EVENT_OBSERVED:
		ep->observed = rec->at;
		break;
	case IPCP_REKEY_EVENT_PROMOTED:
		if (h->sending == ep - h->epochs)
			break;
		leave_epoch(h, rec->at);
		ep->promoted = rec->at;
		h->sending = ep - h->epochs;
		break;
	case IPCP_REKEY_EVENT_REPLACED:
		ep->replaced = true;
		break;
	case IPCP_REKEY_EVENT_WIPED:
		on_wiped(h, ep, rec->at);
		break;
	}
	return EXIT_OK;
}

/* Events shown as marks: label, and whether an operator should look. */
static const struct {
	int event;
	bool bad;
	const char *text;
	const char *more;
} marks[] = {
	{ IPCP_REKEY_EVENT_FAILED, true, "failed", "the allocation failed" },
	{ IPCP_REKEY_EVENT_CLOSED, false, "closed", "the program closed the flow" },
	{ IPCP_REKEY_EVENT_DOWN, false, "down",
	  "the peer closed the flow, or the flow cannot go on" },
	{ IPCP_REKEY_EVENT_PEER_LOST, true, "peer lost",
	  "nothing was heard of the peer for the peer timeout" },
	{ IPCP_REKEY_EVENT_PEER_BACK, false, "peer back", "the peer was heard again" },
	{ IPCP_REKEY_EVENT_ROAMED, false, "roamed", "the peer has another address" },
	{ IPCP_REKEY_EVENT_CLEARED, true, "re-key failed",
	  "an exchange ended without a seed; the agent's log has the reason" },
	{ IPCP_REKEY_EVENT_EXPIRED, true, "expired",
	  "no data can be sent until the next seed" },
	{ IPCP_REKEY_EVENT_SILENT, true, "silent",
	  "the peer was asked whether it has the keys, and did not answer" },
	{ IPCP_REKEY_EVENT_RECOVERED, false, "recovered",
	  "both ends have keys again after one had lost them" },
	{ IPCP_REKEY_EVENT_COPIED, true, "copied",
	  "the machine is a copy of another one: all keys were dropped" },
	{ RECORD_LOST, true, "events lost",
	  "the recorder was too slow: events are missing here" },
};

static void on_mark(struct history *h, const struct record *rec)
{
	char more[HISTORY_LABEL];
	size_t i;
	int len;

	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (marks[i].event == rec->event)
			break;
	if (i == sizeof(marks) / sizeof(marks[0]))
		return;
	len = snprintf(more, sizeof(more), "%s%s", marks[i].more,
		       rec->reason[0] ? ": " : "");
	plain_copy(more + len, sizeof(more) - len, rec->reason);
	add_mark(h, rec->at, marks[i].bad, marks[i].text, more);
}

/* Return the index of the bin that contains a time. */
static size_t bin_of(const struct history *h, int64_t at)
{
	double part = (double)(at - h->from) / (h->to - h->from);

	if (part <= 0)
		return 0;
	if (part >= 1)
		return HISTORY_BINS - 1;
	return (size_t)(part * HISTORY_BINS);
}

/*
 * Spread messages over the bins between two readings; drops go to the last bin.
 */
static void spread(struct history *h, int64_t from, int64_t to, double tx,
		   double rx)
{
	double width = (double)(h->to - h->from) / HISTORY_BINS;
	size_t i, first = bin_of(h, from), last = bin_of(h, to);

	for (i = first; i <= last; i++) {
		double begin = h->from + i * width, end = begin + width, part;

		if (begin < from)
			begin = from;
		if (end > to)
			end = to;
		if (end <= begin)
			continue;
		part = (end - begin) / (to - from);
		h->bins[i].known += (end - begin) / width;
		h->bins[i].tx += tx * part;
		h->bins[i].rx += rx * part;
	}
}

static void count_drops(struct history *h, const struct record *rec)
{
	struct bin *bin = &h->bins[bin_of(h, rec->at)];
	unsigned int i;

	for (i = 1; i <= IPCP_REKEY_A_DROPS_MAX; i++) {
		if (rec->drops.by[i] <= h->base.drops.by[i])
			continue;
		bin->drops.by[i] += rec->drops.by[i] - h->base.drops.by[i];
		h->dropped += rec->drops.by[i] - h->base.drops.by[i];
	}
}

/*
 * Handle counters. A flow older than the recording already sends in an epoch.
 * Counters were read after the time of their record, and may know of an epoch
 * whose events follow.
 */
static int on_traffic(struct history *h, const struct record *rec)
{
	bool known = h->base_at;
	struct epoch *ep;

	if (h->base_at && rec->tx >= h->base.tx && rec->rx >= h->base.rx) {
		if (rec->at > h->base_at)
			spread(h, h->base_at, rec->at, rec->tx - h->base.tx,
			       rec->rx - h->base.rx);
		h->sent += rec->tx - h->base.tx;
		h->received += rec->rx - h->base.rx;
		h->has_traffic = true;
		count_drops(h, rec);
	}
	h->base = (struct counters) { rec->tx, rec->rx, rec->drops };
	h->base_at = rec->at;
	if (known || h->nepochs || rec->epoch < 0)
		return EXIT_OK;
	ep = add_epoch(h, rec);
	if (!ep)
		return EXIT_FAIL;
	ep->exchange = UNKNOWN;
	ep->older = true;
	ep->promoted = h->begin;
	h->sending = 0;
	return EXIT_OK;
}

/* True if a record is about this flow, or about all flows. */
static bool concerns(const struct history *h, const struct record *rec)
{
	return !rec->id || (rec->id == h->id && rec->eid == h->eid);
}

static void on_end(struct history *h, int64_t at)
{
	leave_epoch(h, at);
	h->ended = at;
}

/**
 * history_add() - add a line of a recording
 * @h: the history
 * @rec: the line; ignored if it is about another flow
 *
 * Return: EXIT_OK, or EXIT_FAIL after printing an error.
 */
int history_add(struct history *h, const struct record *rec)
{
	char more[HISTORY_LABEL];

	if (rec->back && rec->at >= h->begin && rec->at <= h->end) {
		snprintf(more, sizeof(more),
			 "the clock was set back by %.3f s; the times after this are moved",
			 rec->back / (double)NSEC_PER_SEC);
		add_mark(h, rec->at, true, "clock set back", more);
	}
	if (!concerns(h, rec) || rec->at < h->begin || rec->at > h->end)
		return EXIT_OK;
	if (rec->initiator >= 0)
		h->initiator = rec->initiator;
	switch (rec->event) {
	case RECORD_TRAFFIC:
		return on_traffic(h, rec);
	case IPCP_REKEY_EVENT_CREATED:
		h->base_at = rec->at;	/* all counters are zero */
		return EXIT_OK;
	case IPCP_REKEY_EVENT_PARKED:
	case IPCP_REKEY_EVENT_OBSERVED:
	case IPCP_REKEY_EVENT_PROMOTED:
	case IPCP_REKEY_EVENT_REPLACED:
	case IPCP_REKEY_EVENT_WIPED:
		return on_epoch(h, rec);
	case IPCP_REKEY_EVENT_FAILED:
	case IPCP_REKEY_EVENT_CLOSED:
	case IPCP_REKEY_EVENT_DOWN:
		on_mark(h, rec);
		if (!h->ended)
			on_end(h, rec->at);
		return EXIT_OK;
	default:
		on_mark(h, rec);
		return EXIT_OK;
	}
}

/*
 * Complete the epochs that were installed before the recording began. The epoch
 * before the first promotion was the sending epoch until then; earlier epochs
 * were kept for receiving only.
 */
static void guess_older(struct history *h)
{
	const struct epoch *first = NULL;
	size_t i;

	for (i = 0; i < h->nepochs; i++)
		if (h->epochs[i].promoted &&
		    (!first || h->epochs[i].promoted < first->promoted))
			first = &h->epochs[i];
	for (i = 0; i < h->nepochs; i++) {
		struct epoch *ep = &h->epochs[i];

		if (!ep->older || ep->promoted || ep->observed)
			continue;
		ep->promoted = h->begin;
		ep->left = first && (uint8_t)(ep->no + 1) == first->no ?
			   first->promoted : h->begin;
		if (!first)	/* was the last one, until it was wiped */
			ep->left = ep->wiped;
	}
}

/**
 * history_start() - get the time at which an epoch was installed
 * @h: the history
 * @ep: one of its epochs
 *
 * Return: the time, or the beginning of the recording.
 */
int64_t history_start(const struct history *h, const struct epoch *ep)
{
	return ep->older || !ep->parked ? h->begin : ep->parked;
}

/**
 * history_end() - get the time at which the keys of an epoch were wiped
 * @h: the history
 * @ep: one of its epochs
 *
 * Return: the time, or the end of the recording.
 */
int64_t history_end(const struct history *h, const struct epoch *ep)
{
	return ep->wiped ?: h->end;
}

static int by_start(const void *a, const void *b)
{
	const struct epoch *x = a, *y = b;
	int64_t s = x->older ? 0 : x->parked, t = y->older ? 0 : y->parked;

	if (s == t) {
		s = x->promoted;
		t = y->promoted;
	}
	return (s > t) - (s < t);
}

/**
 * history_finish() - sort the epochs after all records were added
 * @h: the history
 *
 * Assigns to each epoch the first row that is free for its lifetime.
 */
void history_finish(struct history *h)
{
	int64_t until[ROWS_MAX] = { 0 };
	size_t i;

	guess_older(h);
	qsort(h->epochs, h->nepochs, sizeof(*h->epochs), by_start);
	for (i = 0; i < h->nepochs; i++) {
		struct epoch *ep = &h->epochs[i];
		unsigned int row = 0;

		while (row < ROWS_MAX - 1 && until[row] > history_start(h, ep))
			row++;
		until[row] = history_end(h, ep);
		ep->row = row;
		if (row >= h->rows)
			h->rows = row + 1;
	}
}
