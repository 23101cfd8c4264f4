// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Pace the re-keys of flows that have reached their age.
 *
 * Credit spreads the flows of one host. It accrues evenly, fast enough for all
 * flows to have their turn within a quarter of the interval, and little credit
 * can be saved. A single flow on its host is spread against the flows of other
 * hosts by the random age that it must reach.
 */

#include <openssl/rand.h>

#include "pace.h"

#define TICK_MIN	20
#define TICK_MAX	1000

uint64_t pace_tick(uint32_t interval)
{
	uint64_t tick = interval / 32;

	return tick < TICK_MIN ? TICK_MIN : tick > TICK_MAX ? TICK_MAX : tick;
}

/*
 * Return the credit for a time span. A flow costs as much as the interval has
 * milliseconds: so nothing is rounded, however few flows share a long interval.
 */
static uint64_t earn(unsigned int flows, uint64_t ms)
{
	return UINT64_C(4) * flows * ms;
}

unsigned int pace_take(struct pace *pace, uint64_t now, uint32_t interval,
		       unsigned int flows, uint64_t *min_age)
{
	uint64_t saved = 2 * pace_tick(interval);
	uint64_t most = earn(flows, saved) + interval;
	uint64_t since = now - pace->last;

	/* a longer time earns the maximum anyway, and might overflow */
	if (since > interval / 4 + 1 + saved)
		since = interval / 4 + 1 + saved;
	pace->last = now;
	pace->interval = interval;
	pace->credit += earn(flows, since);
	if (pace->credit > most)
		pace->credit = most;
	/* many flows are spread by the credit alone */
	*min_age = interval - interval / 4 +
		   (uint64_t)(interval / 4) * pace->share / 65536 /
		   (flows ? flows : 1);
	return pace->credit / interval;
}

void pace_spent(struct pace *pace, unsigned int flows)
{
	uint64_t cost = (uint64_t)pace->interval * flows;

	if (!flows)
		return;
	pace->credit -= cost < pace->credit ? cost : pace->credit;
	RAND_bytes((uint8_t *)&pace->share, sizeof(pace->share));
}
