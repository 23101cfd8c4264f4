/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * JSON on stdout.
 */
#ifndef IPCP_CLI_OUT_H
#define IPCP_CLI_OUT_H

#include <stdbool.h>

#include <jansson.h>

int out_json(json_t *json, bool one_line);

#endif /* IPCP_CLI_OUT_H */
