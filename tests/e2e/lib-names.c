/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * One program that is bound to several names accepts flows to each of them. An
 * accepted flow does not tell its name: the peer timeout, which is part of the
 * requested quality, is another for each flow, and the server says it.
 *
 * lib-names serve		wait for "go" on a first flow, then accept FLOWS
 *				more; end with the first flow
 * lib-names ask		request these flows, at the names in turn; print
 *				"list" while all of them are there
 */
#define _POSIX_C_SOURCE 200112L

#include <stdio.h>
#include <string.h>

#include <ouroboros/dev.h>
#include <ouroboros/errno.h>
#include <ouroboros/fccntl.h>

#include "lib-help.h"

#define FLOWS	6
#define TIMEOUT	100000	/* of the first flow, in ms */

static const char *const names[] = { "red", "green", "blue" };

static int patient(int fd)
{
	HOLDS(fd >= 0);
	IS(fccntl(fd, FLOWSRCVTIMEO, &patience), 0);
	return fd;
}

static void serve(void)
{
	int control = patient(flow_accept(NULL, NULL));
	char text[32];
	qosspec_t qs;
	int i, fd;

	hear(control, 8, "go");
	for (i = 0; i < FLOWS; i++) {
		fd = patient(flow_accept(&qs, &patience));
		sprintf(text, "%lu", (unsigned long)qs.timeout);
		say(fd, text);
	}
	IS(flow_read(control, text, sizeof(text)), -EFLOWDOWN);
}

/* The flows of all names wait at the server at once. */
static void ask(void)
{
	int control = patient(flow_alloc("red", NULL, &patience));
	qosspec_t qs = qos_raw;
	int fds[FLOWS], i;
	char text[32];

	for (i = 0; i < FLOWS; i++) {
		qs.timeout = TIMEOUT + i;
		fds[i] = patient(flow_alloc(names[i % ARRAY_SIZE(names)], &qs,
					    &patience));
	}
	say(control, "go");
	for (i = 0; i < FLOWS; i++) {
		sprintf(text, "%d", TIMEOUT + i);
		hear(fds[i], sizeof(text), text);
	}
	request("list");
	for (i = 0; i < FLOWS; i++)
		IS(flow_dealloc(fds[i]), 0);
	IS(flow_dealloc(control), 0);
}

static const struct lib_case cases[] = {
	{ "serve", serve },
	{ "ask", ask }
};

int main(int argc, char **argv)
{
	return run_case(cases, ARRAY_SIZE(cases), argc, argv);
}
