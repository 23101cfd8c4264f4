/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * JSON on stdout, and files that are replaced.
 */
#ifndef IPCP_CLI_OUT_H
#define IPCP_CLI_OUT_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include <jansson.h>

int out_json(json_t *json, bool one_line);
int out_flush(void);
int out_replace(const char *file, mode_t mode,
		void (*put)(FILE *out, const void *arg), const void *arg);

#endif /* IPCP_CLI_OUT_H */
