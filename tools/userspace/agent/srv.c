// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Choose and order the hosts of a service as RFC 2782 demands. */

#include <stdbool.h>

#include "srv.h"

static void swap(struct srv *a, struct srv *b)
{
	struct srv c = *a;

	*a = *b;
	*b = c;
}

/* Compare by priority; within one priority, weight 0 comes first. */
static bool before(const struct srv *a, const struct srv *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return !a->weight && b->weight;
}

static void sort(struct srv *list, size_t count)
{
	size_t i, k;

	for (i = 1; i < count; i++)
		for (k = i; k && before(&list[k], &list[k - 1]); k--)
			swap(&list[k], &list[k - 1]);
}

/* Select one of the first @count records, with probability by weight. */
static size_t pick(const struct srv *list, size_t count,
		   uint32_t (*dice)(uint32_t below))
{
	uint32_t sum = 0, at;
	size_t i;

	for (i = 0; i < count; i++)
		sum += list[i].weight;
	at = dice(sum + 1);
	for (sum = 0, i = 0; i < count - 1; i++) {
		sum += list[i].weight;
		if (sum >= at)
			break;
	}
	return i;
}

struct srv *srv_room(struct srv *list, size_t *count, size_t max,
		     uint16_t priority)
{
	struct srv *last = list;
	size_t i;

	if (*count < max)
		return &list[(*count)++];
	for (i = 1; i < max; i++)
		if (list[i].priority >= last->priority)
			last = &list[i];
	return priority < last->priority ? last : NULL;
}

void srv_order(struct srv *list, size_t count, uint32_t (*dice)(uint32_t below))
{
	size_t i, k, same;

	sort(list, count);
	for (i = 0; i < count; i++) {
		for (same = 1; i + same < count; same++)
			if (list[i + same].priority != list[i].priority)
				break;
		/* the other records of this priority keep their order */
		for (k = i + pick(list + i, same, dice); k > i; k--)
			swap(&list[k], &list[k - 1]);
	}
}
