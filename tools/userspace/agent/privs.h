/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Keep keys in memory, and drop privileges. */
#ifndef REKEYD_PRIVS_H
#define REKEYD_PRIVS_H

#include "config.h"

/**
 * privs_lock_memory() - prevent keys from leaving the memory of this process
 *
 * Disables swapping, core dumps and debuggers.
 */
void privs_lock_memory(void);

/**
 * privs_drop() - change to the user of the agent, keep the required
 * capability
 * @conf: names the user
 *
 * The agent needs CAP_NET_ADMIN for netlink to the module.
 *
 * Return: 0 or a negative errno, after logging the error.
 */
int privs_drop(const struct config *conf);

/**
 * privs_become_reader() - change to the user of the agent, without capabilities
 * @conf: names the user
 *
 * Used to find out which files the agent can read. Root without capabilities
 * cannot read the files of other users either.
 *
 * Return: 0 or a negative errno, after logging the error.
 */
int privs_become_reader(const struct config *conf);

#endif /* REKEYD_PRIVS_H */
