/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* A terminal that shows one page, restored however the program ends. */
#ifndef IPCP_CLI_TERM_H
#define IPCP_CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>

bool term_open(void);
void term_close(void);
void term_size(unsigned int *cols, unsigned int *rows);
bool term_changed(void);
bool term_reads(void);
int term_key(void);

#endif /* IPCP_CLI_TERM_H */
