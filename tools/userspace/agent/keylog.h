/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * The key log: a file with the seeds of the flows, to decrypt captures of
 * packets. It is off unless the configuration names a file.
 */
#ifndef REKEYD_KEYLOG_H
#define REKEYD_KEYLOG_H

#include <stdbool.h>

#include "../nl/nl.h"

struct keylog;

/**
 * keylog_open() - open the key log, and warn about it
 * @path: path of the file; NULL for no key log
 * @log: (output) the key log, or NULL if @path is NULL
 *
 * Creates the file with access for its owner only. Refuses a file that is a
 * symbolic link, belongs to another user, or is accessible to others.
 *
 * Return: false if the file is unusable, after logging the reason.
 */
bool keylog_open(const char *path, struct keylog **log);
void keylog_close(struct keylog *log);

/**
 * keylog_add() - write a line for a seed that the kernel has accepted
 * @log: the key log
 * @flow: the flow of the seed
 * @seed: the seed
 *
 * After a failed write, nothing is written until the next reload.
 */
void keylog_add(struct keylog *log, const struct ipcp_nl_flow *flow,
		const struct ipcp_nl_seed *seed);

/**
 * keylog_path() - return the path of the file that receives seeds
 *
 * Return: NULL if there is no key log, or after a failed write.
 */
const char *keylog_path(const struct keylog *log);

#endif /* REKEYD_KEYLOG_H */
