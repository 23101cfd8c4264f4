// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* How much is logged of what local users cause. */

#include <stddef.h>

#include "limits.h"

#define IDLE_MS	10000	/* then the place of a user may be another's */

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

bool limits_allow(struct user_limits *limits, uint32_t uid, uint64_t now)
{
	struct user_limit *u = find(limits, uid);

	if (!u) {
		u = find_idle(limits, now);
		/* with what was not logged of the user before */
		if (u)
			u->uid = uid;
	}
	return log_allowed(u ? &u->limit : &limits->others, now);
}
