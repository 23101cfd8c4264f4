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
 * keylog_open() - open the key log, and warn that there is one
 * @path: path of the file; NULL for no key log
 * @log: (output) the key log, or NULL if @path is
 *
 * Creates the file for its owner alone. A file that is a symbolic link, belongs
 * to somebody else, or can be accessed by others is refused.
 *
 * Return: false if the file cannot be used, after logging why.
 */
bool keylog_open(const char *path, struct keylog **log);
void keylog_close(struct keylog *log);

/**
 * keylog_add() - write a line for a seed that the kernel has taken
 * @log: the key log
 * @flow: the flow of the seed
 * @seed: the seed
 *
 * If the line cannot be written, nothing more is until the next reload.
 */
void keylog_add(struct keylog *log, const struct ipcp_nl_flow *flow,
		const struct ipcp_nl_seed *seed);

/**
 * keylog_path() - return the path of the file that seeds are written to
 *
 * Return: NULL if none are: there is no key log, or writing failed.
 */
const char *keylog_path(const struct keylog *log);

#endif /* REKEYD_KEYLOG_H */
