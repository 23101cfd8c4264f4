/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Limits on log lines that local users cause: each user has a share. */
#ifndef REKEYD_USER_LIMITS_H
#define REKEYD_USER_LIMITS_H

#include "log.h"

#define LIMITS_USERS	16

/**
 * struct user_limits - limit on one kind of log line; initially zero
 * @most: lines of a user in ten seconds; 0 for as many as log_allowed()
 * @users: users that caused the last lines
 * @others: limit shared by all other users
 */
struct user_limits {
	unsigned int most;
	struct user_limit {
		uint32_t uid;
		struct log_limit limit;	/* no lines: a free entry */
	} users[LIMITS_USERS];
	struct log_limit others;
};

/**
 * user_limits_allow() - check whether a line caused by a user may be logged
 * @limits: limits of this kind of line
 * @uid: the user
 * @now: monotonic milliseconds
 *
 * Return: as log_allowed_of() for each user.
 */
bool user_limits_allow(struct user_limits *limits, uint32_t uid, uint64_t now);

#endif /* REKEYD_USER_LIMITS_H */
