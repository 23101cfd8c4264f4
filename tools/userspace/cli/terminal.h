/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* A terminal that shows one page, restored however the program ends. */
#ifndef IPCP_CLI_TERMINAL_H
#define IPCP_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

bool terminal_open(void);
void terminal_close(void);
void terminal_size(unsigned int *cols, unsigned int *rows);
bool terminal_changed(void);
bool terminal_reads(void);
int terminal_key(void);

#endif /* IPCP_CLI_TERMINAL_H */
