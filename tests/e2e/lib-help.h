/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Helpers of the cases in lib-cases.c, lib-refusals.c and lib-names.c. */
#ifndef LIB_HELP_H
#define LIB_HELP_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define IS(what, wanted)	is((what), (wanted), #what, __LINE__)
#define HOLDS(what)		is(!!(what), 1, #what, __LINE__)

/* Exit with a message unless the values are equal. */
void is(long got, long wanted, const char *what, int line);

/* Catches hangs; long, since a machine may be held up. */
extern const struct timespec patience;
extern const struct timespec soon;
extern const struct timespec at_once;

/* Allocate a flow to "demo" with a read timeout of @patience. */
int demo(void);
void say(int fd, const char *text);
/* Read at most @count bytes; they must be @text. */
void hear(int fd, size_t count, const char *text);
void set_flags(int fd, uint32_t flags);
/* Wait until @count messages are queued. */
void queued(int fd, size_t count);

/* Allocate a flow to "demo" with a peer timeout of @ms. */
int silent_after(unsigned int ms);
/* Wait until a peer is heard again; @fd is non-blocking, with no message. */
void until_heard(int fd);
/* Tell the test to do something. */
void cue(const char *word);
/* Tell the test to do something, and wait until that is done. */
void request(const char *word);

struct lib_case {
	const char *name;
	void (*run)(void);
};

/*
 * Run the case that the only argument of the program names; "list" prints the names
 * of the cases, one per line. Return: 0; 2 if there is no such case.
 */
int run_case(const struct lib_case *cases, size_t count, int argc, char **argv);

#endif /* LIB_HELP_H */
