/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* How much is logged of what local users cause: each has a share. */
#ifndef REKEYD_LIMITS_H
#define REKEYD_LIMITS_H

#include "log.h"

#define LIMITS_USERS	16

/**
 * struct user_limits - how much of one kind is logged; initially zero
 * @users: those who caused the last lines
 * @others: what all others share
 */
struct user_limits {
	struct user_limit {
		uint32_t uid;
		struct log_limit limit;	/* without lines: nobody's */
	} users[LIMITS_USERS];
	struct log_limit others;
};

/**
 * limits_allow() - may a line that a user has caused be logged?
 * @limits: of this kind of line
 * @uid: the user
 * @now: monotonic milliseconds
 *
 * Return: as log_allowed() for each user.
 */
bool limits_allow(struct user_limits *limits, uint32_t uid, uint64_t now);

#endif /* REKEYD_LIMITS_H */
