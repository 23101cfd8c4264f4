/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Bindings: which names a program serves. A file of lines "PROGRAM NAME".
 */
#ifndef IPCP_BIND_H
#define IPCP_BIND_H

#include <stdbool.h>

extern const char ipcp_bindings[];	/* path of the file */

/**
 * typedef ipcp_bind_fn - called for a binding
 * @program: path of the program, or its last component
 * @name: name that the program serves
 * @arg: argument of ipcp_bind_each()
 *
 * Return: 0 to continue, or another value to stop.
 */
typedef int (*ipcp_bind_fn)(const char *program, const char *name, void *arg);

int ipcp_bind_each(const char *path, ipcp_bind_fn fn, void *arg);
bool ipcp_bind_is(const char *program, const char *exe);
int ipcp_bind_check(const char *program, const char *name);
int ipcp_bind_add(const char *path, const char *program, const char *name);
int ipcp_bind_remove(const char *path, const char *program, const char *name);

#endif /* IPCP_BIND_H */
