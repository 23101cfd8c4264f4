/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The agent of a network namespace: the engine, the module and the event loop. */
#ifndef REKEYD_AGENT_H
#define REKEYD_AGENT_H

#include "config.h"

/**
 * agent_oap() - load the certificates of a configuration
 *
 * Return: NULL on failure, after logging the reason.
 */
struct oap_env *agent_oap(const struct config *conf);

/**
 * agent_run() - run the agent until a signal ends it
 * @file: path of the configuration file, for reloads
 * @conf: contents of @file; consumed
 * @oap: the certificates; consumed
 *
 * Return: 0 or a negative errno, after logging the error.
 */
int agent_run(const char *file, struct config *conf, struct oap_env *oap);

#endif /* REKEYD_AGENT_H */
