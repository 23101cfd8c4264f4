/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* ipcp-rekeyd --test */
#ifndef REKEYD_CHECK_H
#define REKEYD_CHECK_H

#include "config.h"

/**
 * check_files() - load all files that the agent may load, as its user
 * @conf: the configuration
 *
 * Changes the user of this process. Logs every problem.
 *
 * Return: 0 if there are only warnings, or a negative errno.
 */
int check_files(const struct config *conf);

#endif /* REKEYD_CHECK_H */
