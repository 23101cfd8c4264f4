// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Rests of messages: the part of a message that did not fit into the buffer of
 * a read is kept for the next read.
 */
#include <stdlib.h>
#include <string.h>

#include "flows.h"

static int waiting;	/* number of rests of all flows */

/* True if any flow has the rest of a message. */
bool rests_any(void)
{
	return __atomic_load_n(&waiting, __ATOMIC_RELAXED);
}

/* True if this flow has the rest of a message. */
bool rests_waiting(struct flow *flow)
{
	return __atomic_load_n(&flow->rests, __ATOMIC_RELAXED);
}

/* Get a buffer for a rest; NULL if there is no memory. */
struct rest *rests_get_room(struct flow *flow)
{
	struct rest *rest = __atomic_exchange_n(&flow->spare, NULL,
						__ATOMIC_ACQUIRE);

	return rest ? rest : malloc(sizeof(*rest));
}

/* Keep a buffer for the next read. */
void rests_put_room(struct flow *flow, struct rest *rest)
{
	free(__atomic_exchange_n(&flow->spare, rest, __ATOMIC_ACQ_REL));
}

/*
 * Drop the rests of a flow. Locking: requires flow->lock, or exclusive use of
 * the flow.
 */
void rests_drop(struct flow *flow)
{
	struct rest *rest;

	while ((rest = flow->rests)) {
		flow->rests = rest->next;
		free(rest);
		__atomic_sub_fetch(&waiting, 1, __ATOMIC_RELAXED);
	}
	rests_put_room(flow, NULL);
}

/* Locking: requires flow->lock. */
static void append(struct flow *flow, struct rest *rest)
{
	struct rest **at = &flow->rests;

	rest->next = NULL;
	while (*at)
		at = &(*at)->next;
	__atomic_store_n(at, rest, __ATOMIC_RELEASE);
	__atomic_add_fetch(&waiting, 1, __ATOMIC_RELAXED);
}

/* Append a rest, unless FLOWFRNOPART was set on the flow during the read. */
void rests_add(struct flow *flow, struct rest *rest)
{
	bool keep;

	pthread_mutex_lock(&flow->lock);
	keep = !(__atomic_load_n(&flow->flags, __ATOMIC_RELAXED) & FLOWFRNOPART);
	if (keep)
		append(flow, rest);
	pthread_mutex_unlock(&flow->lock);
	if (!keep)
		rests_put_room(flow, rest);
}

/*
 * Copy from the first rest. Return true if that completes it. Locking: requires
 * flow->lock.
 */
static bool copy_rest(struct rest *rest, void *buf, size_t count, ssize_t *ret)
{
	size_t n = count < rest->len ? count : rest->len;
	bool last = n < count || !rest->len;

	if (n)
		memcpy(buf, rest->data + rest->off, n);
	rest->off += n;
	rest->len -= n;
	*ret = n;
	return last;
}

/* Read from the rest of an earlier message. Return false if there is none. */
bool rests_read(struct flow *flow, void *buf, size_t count, ssize_t *ret)
{
	struct rest *rest, *done = NULL;

	if (!rests_waiting(flow))
		return false;
	pthread_mutex_lock(&flow->lock);
	rest = flow->rests;
	if (rest && copy_rest(rest, buf, count, ret)) {
		done = rest;
		flow->rests = rest->next;
		__atomic_sub_fetch(&waiting, 1, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&flow->lock);
	if (done)
		rests_put_room(flow, done);
	return rest;
}
