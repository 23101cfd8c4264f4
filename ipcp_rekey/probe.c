// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Path MTU discovery by authenticated probes (RFC 8899). All sizes here are
 * lengths of packets as UDP payload.
 *
 * A probe is a CONFIRM that is padded to the size to be tried. The peer answers
 * with a short ECHO. The size in use is that of the link until the path turns
 * out not to carry it: three probes of that size were not answered, but a probe
 * of IPCP_BASE_LEN bytes that was sent later was. If neither is answered, the
 * path or the peer is down for now, which says nothing about sizes. After a
 * withdrawal the base is in use, and smaller candidates are tried.
 *
 * ICMP messages, and what the route cache has learned from them, only make a
 * probe due at once, since anybody can send such messages.
 *
 * This file makes the decisions, and knows neither flows nor clocks.
 * probe-flow.c sends and receives.
 */
#include <linux/moduleparam.h>

#include "probe.h"
#include "wire.h"

static unsigned int mtu_raise_ms = IPCP_PROBE_RAISE_MS;
module_param(mtu_raise_ms, uint, 0644);
MODULE_PARM_DESC(mtu_raise_ms,
		 "milliseconds after which a larger packet size is tried again (default 600000, at least 1000)");

/* Sizes to try for IPv4, in descending order. The base needs no trial. */
static const u16 candidates[] = { 1472, 1452, 1432, 1392, 1372, 1252, 1232 };

#define IPCP_PROBE_V6_LESS	20	/* the longer header of IPv6 */

static unsigned long raise_time(void)
{
	return msecs_to_jiffies(clamp_t(unsigned int,
					READ_ONCE(mtu_raise_ms),
					IPCP_PROBE_RAISE_MIN_MS, INT_MAX));
}

/* Return the largest candidate below @size, or the base. */
static u16 candidate_below(const struct ipcp_probe *p, unsigned int size)
{
	if (p->link < size)
		return p->link;
	for (int i = 0; i < ARRAY_SIZE(candidates); i++) {
		u16 c = candidates[i] - (p->v6 ? IPCP_PROBE_V6_LESS : 0);

		if (c < size && c < p->link)
			return max(c, IPCP_BASE_LEN);
	}
	return IPCP_BASE_LEN;
}

static bool can_raise(const struct ipcp_probe *p)
{
	return p->size < p->link;
}

/* Stop probing until the next check is due and data is sent. */
static void pause_search(struct ipcp_probe *p, unsigned long now, unsigned int ms)
{
	p->phase = IPCP_PROBE_REST;
	p->check_at = now + msecs_to_jiffies(ms);
}

static void begin_check(struct ipcp_probe *p, unsigned long now)
{
	p->phase = IPCP_PROBE_CHECK;
	p->tries = 0;
	p->base_echoed = false;
	p->first = p->number;
	p->at = now;
}

/* Look for a size above the one in use and below @top. */
static void begin_search(struct ipcp_probe *p, unsigned int top,
			 unsigned int rounds, unsigned long now)
{
	p->phase = IPCP_PROBE_SEARCH;
	p->top = top;
	p->candidate = top;
	p->rounds = rounds;
	p->best = 0;
	p->tries = 0;
	p->at = now;
}

/*
 * Return when the next probe may be sent. This bounds the rate of probes for a
 * peer that changes its address again and again, and for ICMP messages.
 */
static unsigned long next_probe(const struct ipcp_probe *p, unsigned long now)
{
	unsigned long at = p->probed + msecs_to_jiffies(IPCP_PROBE_REPEAT_MS);

	/* If @at is far ahead, @probed was never set. */
	return time_in_range(at, now, now + msecs_to_jiffies(IPCP_PROBE_REPEAT_MS)) ?
	       at : now;
}

/**
 * ipcp_probe_anew() - Restart, as for a new path
 * @p: state
 * @now: jiffies
 *
 * Answers to earlier probes no longer count.
 */
void ipcp_probe_anew(struct ipcp_probe *p, unsigned long now)
{
	p->count = 0;
	p->tries = 0;
	p->best = 0;
	p->used = false;
	p->base_echoed = false;
	WRITE_ONCE(p->confirmed, false);
	p->size = p->link;
	p->check_at = next_probe(p, now);
	p->raise_at = now + raise_time();
	p->phase = p->loopback || p->link <= IPCP_BASE_LEN ? IPCP_PROBE_OFF :
							     IPCP_PROBE_REST;
}

/**
 * ipcp_probe_begin() - Start with the link of a route
 * @p: state
 * @link: link of the route
 * @now: jiffies
 */
void ipcp_probe_begin(struct ipcp_probe *p, const struct ipcp_probe_link *link,
		      unsigned long now)
{
	p->link = link->size;
	p->v6 = link->v6;
	p->loopback = link->loopback;
	WRITE_ONCE(p->hint, link->hint);
	WRITE_ONCE(p->key, ipcp_probe_key(link));
	ipcp_probe_anew(p, now);
}

/**
 * ipcp_probe_hint() - Probe the size in use at once if a hint is below it
 * @p: state
 * @hint: longest packet according to ICMP
 * @now: jiffies
 *
 * Anybody can send hints. So the checks that hints cause run one after the
 * other, with no more probes than any check: five in a second.
 */
void ipcp_probe_hint(struct ipcp_probe *p, u16 hint, unsigned long now)
{
	WRITE_ONCE(p->hint, hint);
	if (p->phase != IPCP_PROBE_REST || hint >= p->size ||
	    p->size <= IPCP_BASE_LEN)
		return;
	p->used = true;
	p->check_at = next_probe(p, now);
}

static void add_probe(struct ipcp_probe *p, u16 size,
		      struct ipcp_probe_packet *out)
{
	out->number = p->number++;
	out->size = size;
	p->sizes[out->number % IPCP_PROBES_KEPT] = size;
	p->count = min(p->count + 1, IPCP_PROBES_KEPT);
}

static void withdraw(struct ipcp_probe *p, unsigned long now)
{
	unsigned int top = p->size;

	p->size = IPCP_BASE_LEN;
	WRITE_ONCE(p->confirmed, true);
	begin_search(p, top, IPCP_PROBE_ROUNDS, now);
}

/*
 * Each repetition is sent together with a base probe. The base probe goes
 * first: if an outage ends between the two, the probe of the size gets through.
 */
static unsigned int step_check(struct ipcp_probe *p, unsigned long now,
			       struct ipcp_probe_packet out[2])
{
	unsigned int n = 0;

	if (p->tries == IPCP_PROBE_TRIES) {
		if (p->base_echoed)
			withdraw(p, now);
		else
			pause_search(p, now, IPCP_PROBE_FIRST_MS);
		return 0;
	}
	if (p->tries)
		add_probe(p, IPCP_BASE_LEN, &out[n++]);
	add_probe(p, p->size, &out[n++]);
	p->tries++;
	p->at = now + msecs_to_jiffies(IPCP_PROBE_REPEAT_MS);
	return n;
}

static void end_search(struct ipcp_probe *p, unsigned long now)
{
	if (p->best > p->size) {
		p->size = p->best;
		WRITE_ONCE(p->confirmed, true);
	}
	p->raise_at = now + raise_time();
	pause_search(p, now, p->confirmed ? IPCP_PROBE_AGAIN_MS : IPCP_PROBE_FIRST_MS);
}

static unsigned int step_search(struct ipcp_probe *p, unsigned long now,
				struct ipcp_probe_packet out[2])
{
	u16 next = candidate_below(p, p->candidate);

	if (next <= p->size) {
		/* The round is over. */
		next = candidate_below(p, p->top);
		if (p->best > p->size || !--p->rounds || next <= p->size) {
			end_search(p, now);
			return 0;
		}
	}
	p->candidate = next;
	add_probe(p, next, &out[0]);
	p->at = now + msecs_to_jiffies(IPCP_PROBE_SEARCH_MS);
	return 1;
}

/*
 * True if a time has come that was set at most @ms ahead. A time that seems to
 * be farther ahead has passed so long ago that jiffies wrapped.
 */
static bool has_come(unsigned long at, unsigned long now, unsigned int ms)
{
	return at - now - 1 >= msecs_to_jiffies(ms);
}

static bool check_due(const struct ipcp_probe *p, unsigned long now)
{
	return p->size > IPCP_BASE_LEN &&
	       has_come(p->check_at, now, IPCP_PROBE_AGAIN_MS);
}

static bool raise_due(const struct ipcp_probe *p, unsigned long now)
{
	return can_raise(p) && has_come(p->raise_at, now, INT_MAX);
}

/* If data was sent, begin the check or the search that is due. */
static bool end_rest(struct ipcp_probe *p, unsigned long now)
{
	if (!p->used)
		return false;
	if (check_due(p, now))
		begin_check(p, now);
	else if (raise_due(p, now))
		begin_search(p, p->link + 1, 1, now);
	else
		return false;
	p->used = false;
	return true;
}

/**
 * ipcp_probe_step() - Take the next step if it is due
 * @p: state
 * @now: jiffies
 * @out: (output) probes to send
 *
 * Return: number of probes in @out.
 */
unsigned int ipcp_probe_step(struct ipcp_probe *p, unsigned long now,
			     struct ipcp_probe_packet out[2])
{
	unsigned int n;

	if (p->phase == IPCP_PROBE_REST)
		end_rest(p, now);
	if (p->phase < IPCP_PROBE_CHECK || time_before(now, p->at))
		return 0;
	n = p->phase == IPCP_PROBE_CHECK ? step_check(p, now, out) :
					   step_search(p, now, out);
	if (n)
		p->probed = now;
	return n;
}

/**
 * ipcp_probe_deadline() - Return when ipcp_probe_step() has to be called next
 * @p: state
 * @now: jiffies
 * @at: (output) jiffies
 *
 * If @at has passed, ipcp_probe_step() has to be called again at once.
 *
 * Return: false if only data or an answer makes something due.
 */
bool ipcp_probe_deadline(const struct ipcp_probe *p, unsigned long now,
			 unsigned long *at)
{
	if (p->phase == IPCP_PROBE_OFF)
		return false;
	*at = p->at;
	if (p->phase != IPCP_PROBE_REST)
		return true;
	/* At the base size, data matters from the raise time on only. */
	*at = p->raise_at;
	if (p->size <= IPCP_BASE_LEN)
		return can_raise(p) && (p->used || time_before(now, *at));
	if (!can_raise(p) || time_before(p->check_at, *at))
		*at = p->check_at;
	return p->used;
}

/**
 * ipcp_probe_note() - Return which data packet makes a check or a search due
 * @p: state
 * @now: jiffies
 *
 * Return: length that the packet must exceed, or IPCP_PROBE_NOTE_NONE.
 */
u32 ipcp_probe_note(const struct ipcp_probe *p, unsigned long now)
{
	if (p->phase != IPCP_PROBE_REST || p->used)
		return IPCP_PROBE_NOTE_NONE;
	if (p->size > IPCP_BASE_LEN)
		return IPCP_BASE_LEN;
	return raise_due(p, now) ? 0 : IPCP_PROBE_NOTE_NONE;
}

/**
 * ipcp_probe_unsent() - Give up a check or a search, since a probe was not sent
 * @p: state
 * @now: jiffies
 *
 * A probe that was not sent cannot be answered, and says nothing about the
 * path.
 */
void ipcp_probe_unsent(struct ipcp_probe *p, unsigned long now)
{
	if (p->phase == IPCP_PROBE_SEARCH)
		end_search(p, now);
	else if (p->phase == IPCP_PROBE_CHECK)
		pause_search(p, now, IPCP_PROBE_FIRST_MS);
	p->tries = 0;
}

/* True if @number was sent in the current check, or in the last one. */
static bool of_this_check(const struct ipcp_probe *p, u16 number)
{
	return (u16)(number - p->first) < (u16)(p->number - p->first);
}

/*
 * Note that a base probe was answered. If the check has ended without such an
 * answer, the path is slow: wait once more for an answer to a probe of the
 * size.
 */
static void base_answered(struct ipcp_probe *p, u16 number, unsigned long now)
{
	if (p->phase == IPCP_PROBE_SEARCH || !p->tries ||
	    !of_this_check(p, number))
		return;
	p->base_echoed = true;
	if (p->phase == IPCP_PROBE_REST && p->tries == IPCP_PROBE_TRIES) {
		p->phase = IPCP_PROBE_CHECK;
		p->at = now + msecs_to_jiffies(IPCP_PROBE_REPEAT_MS);
	}
}

/**
 * ipcp_probe_echo() - Note the answer to a probe
 * @p: state
 * @number: number of the probe; one that was not sent recently is ignored
 * @size: its size
 * @now: jiffies
 *
 * An answer to one of the last IPCP_PROBES_KEPT probes counts, however late.
 */
void ipcp_probe_echo(struct ipcp_probe *p, u16 number, u16 size,
		     unsigned long now)
{
	u16 age = p->number - 1 - number;

	if (age >= p->count || p->sizes[number % IPCP_PROBES_KEPT] != size)
		return;
	if (size <= IPCP_BASE_LEN) {
		base_answered(p, number, now);
		return;
	}
	if (p->phase == IPCP_PROBE_SEARCH) {
		p->best = max(p->best, size);
		return;
	}
	if (size < p->size)
		return;
	p->size = size;
	WRITE_ONCE(p->confirmed, true);
	p->tries = 0;
	pause_search(p, now, IPCP_PROBE_AGAIN_MS);
}

/**
 * ipcp_probe_may_answer() - Limit the rate of answers to a peer
 * @p: state
 * @now: jiffies
 *
 * A peer needs eight answers in a second. Each answer uses up a packet of the
 * keys.
 *
 * Return: true if another probe of the peer may be answered.
 */
bool ipcp_probe_may_answer(struct ipcp_probe *p, unsigned long now)
{
	/* @answering may be more than LONG_MAX jiffies ago. */
	if (!p->answers ||
	    !time_in_range_open(now, p->answering, p->answering + HZ)) {
		p->answering = now;
		p->answers = 0;
	}
	if (p->answers == IPCP_PROBE_ANSWERS)
		return false;
	p->answers++;
	return true;
}
