/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The agent of a network namespace: the engine, the module and the event loop. */
#ifndef REKEYD_AGENT_H
#define REKEYD_AGENT_H

#include "config.h"

/**
 * agent_oap() - certificates, as a configuration says
 *
 * Return: NULL if they cannot be used, and says why in the log.
 */
struct oap_env *agent_oap(const struct config *conf);

/**
 * agent_run() - be the agent until a signal ends it
 * @file: configuration file, to be read again
 * @conf: what was in it; belongs to the agent now
 * @oap: certificates; likewise
 *
 * Return: 0 or a negative errno, after the error was logged.
 */
int agent_run(const char *file, struct config *conf, struct oap_env *oap);

#endif /* REKEYD_AGENT_H */
