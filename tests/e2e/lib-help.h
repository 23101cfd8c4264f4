/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* What the cases of lib-cases.c begin with. */
#ifndef LIB_HELP_H
#define LIB_HELP_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define IS(what, wanted)	is((what), (wanted), #what, __LINE__)
#define HOLDS(what)		is(!!(what), 1, #what, __LINE__)

/* End the program with a message unless the value is the wanted one. */
void is(long got, long wanted, const char *what, int line);

/* A net for what hangs; a machine may be held up for long. */
extern const struct timespec patience;
extern const struct timespec soon;
extern const struct timespec at_once;

/* A flow; a read of it does not wait for ever. */
int demo(void);
void say(int fd, const char *text);
/* The next read, of so much at most, gets this. */
void hear(int fd, size_t count, const char *text);
void set_flags(int fd, uint32_t flags);
/* Until so many messages wait to be read. */
void queued(int fd, size_t count);

#endif /* LIB_HELP_H */
