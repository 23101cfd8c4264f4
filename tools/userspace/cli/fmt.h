/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Numbers as short text, for the cells of a table. */
#ifndef IPCP_CLI_FMT_H
#define IPCP_CLI_FMT_H

#include <stdint.h>

#define FMT_LEN		32

const char *fmt_count(uint64_t n, char buf[FMT_LEN]);
const char *fmt_rate(double per_second, const char *unit, char buf[FMT_LEN]);
const char *fmt_age(uint64_t ms, char buf[FMT_LEN]);

#endif /* IPCP_CLI_FMT_H */
