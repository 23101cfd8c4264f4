/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* What a function prints, for tests. */
#ifndef IPCP_CLI_CAPTURE_H
#define IPCP_CLI_CAPTURE_H

/* Keep what is printed to stdout (1) or stderr (2) from now on. */
void capture_begin(int fd);

/* Return what was printed. The caller frees the text. */
char *capture_end(void);

/* Return how often @word is in @text, without overlap. */
int count_words(const char *text, const char *word);

#endif /* IPCP_CLI_CAPTURE_H */
