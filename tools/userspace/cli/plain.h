/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Text that a terminal shows, and does not obey. */
#ifndef IPCP_CLI_PLAIN_H
#define IPCP_CLI_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

bool plain_is_utf8(const char *text);
size_t plain_unsafe(const char *p, bool utf8);
void plain_make(char *text);
void plain_copy(char *to, size_t size, const char *text);

#endif /* IPCP_CLI_PLAIN_H */
