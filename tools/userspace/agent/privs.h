/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Keys stay in memory, and the agent may do no more than it must. */
#ifndef REKEYD_PRIVS_H
#define REKEYD_PRIVS_H

#include "config.h"

/**
 * privs_lock_memory() - no key leaves this process's memory
 *
 * No swap, no core dump, no debugger.
 */
void privs_lock_memory(void);

/**
 * privs_drop() - become who the agent is to be, with what it needs
 * @conf: says who, and whether it must look at programs
 *
 * What it needs is CAP_NET_ADMIN, to talk to the module, and CAP_SYS_PTRACE if
 * the configuration names programs, to see what a process runs.
 *
 * Return: 0 or a negative errno, after the error was logged.
 */
int privs_drop(const struct config *conf);

/**
 * privs_enough() - is what a configuration needs still there
 *
 * For one that is read again. Says in the log what is missing.
 */
bool privs_enough(const struct config *conf);

#endif /* REKEYD_PRIVS_H */
