/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Helpers of the cases in lib-cases.c, lib-refusals.c and lib-names.c. */
#define _POSIX_C_SOURCE 200112L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ouroboros/dev.h>
#include <ouroboros/errno.h>
#include <ouroboros/fccntl.h>

#include "lib-help.h"

void is(long got, long wanted, const char *what, int line)
{
	if (got == wanted)
		return;
	printf("line %d: %s is %ld, not %ld\n", line, what, got, wanted);
	exit(1);
}

const struct timespec patience = { 600, 0 };
const struct timespec soon = { 0, 50000000 };
const struct timespec at_once = { 0, 0 };

/* Allocate a flow to "demo" with a read timeout of @patience. */
int demo(void)
{
	int fd = flow_alloc("demo", NULL, NULL);

	HOLDS(fd >= 0);
	IS(fccntl(fd, FLOWSRCVTIMEO, &patience), 0);
	return fd;
}

void say(int fd, const char *text)
{
	IS(flow_write(fd, text, strlen(text)), (long)strlen(text));
}

/* Read at most @count bytes; they must be @text. */
void hear(int fd, size_t count, const char *text)
{
	char buf[256];

	IS(flow_read(fd, buf, count), (long)strlen(text));
	IS(memcmp(buf, text, strlen(text)), 0);
}

void set_flags(int fd, uint32_t flags)
{
	IS(fccntl(fd, FLOWSFLAGS, flags), 0);
}

/* Wait until @count messages are queued. */
void queued(int fd, size_t count)
{
	const struct timespec nap = { 0, 10000000 };
	size_t len = 0;
	int i;

	for (i = 0; i < 60000 && len != count; i++) {
		IS(fccntl(fd, FLOWGRXQLEN, &len), 0);
		nanosleep(&nap, NULL);
	}
	IS(len, count);
}

int silent_after(unsigned int ms)
{
	qosspec_t qs = qos_raw;
	int fd;

	qs.timeout = ms;
	fd = flow_alloc("demo", &qs, &patience);
	HOLDS(fd >= 0);
	return fd;
}

void until_heard(int fd)
{
	const struct timespec nap = { 0, 10000000 };
	char buf[8];
	int i;

	for (i = 0; i < 60000; i++) {
		if (flow_read(fd, buf, sizeof(buf)) == -EAGAIN)
			return;
		nanosleep(&nap, NULL);
	}
	HOLDS(!"the peer is heard");
}

void cue(const char *word)
{
	puts(word);
	fflush(stdout);
}

void request(const char *word)
{
	cue(word);
	IS(getchar(), '\n');
}

int run_case(const struct lib_case *cases, size_t count, int argc, char **argv)
{
	int list = argc == 2 && !strcmp(argv[1], "list");
	size_t i;

	for (i = 0; argc == 2 && i < count; i++) {
		if (list)
			puts(cases[i].name);
		if (strcmp(argv[1], cases[i].name))
			continue;
		cases[i].run();
		return 0;
	}
	return list ? 0 : 2;
}
