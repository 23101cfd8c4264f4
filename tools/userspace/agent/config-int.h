/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Inside the configuration: read the file for the checks. */
#ifndef REKEYD_CONFIG_INT_H
#define REKEYD_CONFIG_INT_H

#include <stdbool.h>

#include <confuse.h>

/**
 * config_read() - read a file into the options of libconfuse
 * @cfg: the options
 * @file: path of the file
 *
 * Return: false if the file cannot be read or parsed, after logging the reason.
 */
bool config_read(cfg_t *cfg, const char *file);

#endif /* REKEYD_CONFIG_INT_H */
