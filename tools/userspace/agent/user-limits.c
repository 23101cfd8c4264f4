// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Limits on log lines that local users cause. */

#include <stddef.h>

#include "user-limits.h"

#define IDLE_MS	10000	/* then another user may take the entry */

static struct user_limit *find(struct user_limits *limits, uint32_t uid)
{
	struct user_limit *u;

	for (u = limits->users; u < limits->users + LIMITS_USERS; u++)
		if (u->limit.lines && u->uid == uid)
			return u;
	return NULL;
}

static struct user_limit *find_idle(struct user_limits *limits, uint64_t now)
{
	struct user_limit *u;

	for (u = limits->users; u < limits->users + LIMITS_USERS; u++)
		if (!u->limit.lines || now - u->limit.since >= IDLE_MS)
			return u;
	return NULL;
}

bool user_limits_allow(struct user_limits *limits, uint32_t uid, uint64_t now)
{
	struct user_limit *u = find(limits, uid);
	struct log_limit *limit;

	if (!u) {
		u = find_idle(limits, now);
		/* the entry may still have unlogged lines of its former user */
		if (u)
			u->uid = uid;
	}
	limit = u ? &u->limit : &limits->others;
	return limits->most ? log_allowed_of(limit, limits->most, now) :
			      log_allowed(limit, now);
}
