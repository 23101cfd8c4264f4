/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Calls of the library that are refused, by a full queue or by the agents, one case
 * per run. Without the errors the same calls succeed.
 *
 * lib-refusals CASE		run a case, with flows to the name "demo" and to
 *				the names that 75-lib.test configures for it
 *
 * A case prints "hold" and "release" where the test shall hold back what this host
 * sends, and waits for a line of standard input.
 */
#define _POSIX_C_SOURCE 200112L

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <ouroboros/dev.h>
#include <ouroboros/errno.h>
#include <ouroboros/fccntl.h>

#include "lib-help.h"

#define QUEUE	256	/* messages of a flow that may be in flight */
#define FULL	200	/* at least; signs of life take places, too */
#define SIZE	1000	/* bytes of a message */

static long send_number(int fd, int number)
{
	char message[SIZE];

	memset(message, 0, SIZE);
	memcpy(message, &number, sizeof(number));
	return flow_write(fd, message, SIZE);
}

/* Read the numbers from @first on, before @end. */
static void hear_numbers(int fd, int first, int end)
{
	char message[SIZE + 1];

	for (; first < end; first++) {
		IS(flow_read(fd, message, sizeof(message)), SIZE);
		IS(memcmp(message, &first, sizeof(first)), 0);
	}
}

/*
 * Send numbers, which the test holds back, until this fails with @error. Return:
 * how many were sent.
 */
static int fill(int fd, long error)
{
	int count = 0;
	long ret;

	while ((ret = send_number(fd, count)) == SIZE)
		HOLDS(++count <= QUEUE);
	IS(ret, error);
	HOLDS(count >= FULL);
	return count;
}

static void full_without_waiting(void)
{
	struct pollfd pfd = { 0, POLLOUT, 0 };
	int fd = demo(), count;

	set_flags(fd, FLOWFDEFAULT | FLOWFWNOBLOCK);
	request("hold");
	count = fill(fd, -EAGAIN);
	IS(send_number(fd, count), -EAGAIN);
	IS(flow_write(fd, NULL, 0), -EAGAIN);
	pfd.fd = fd;
	IS(poll(&pfd, 1, 0), 0);
	request("release");
	IS(poll(&pfd, 1, 600000), 1);
	IS(pfd.revents, POLLOUT);
	/* all accepted messages come back, and no refused one */
	hear_numbers(fd, 0, count);
	IS(send_number(fd, count), SIZE);
	hear_numbers(fd, count, count + 1);
	IS(flow_dealloc(fd), 0);
}

static void full_until_a_limit(void)
{
	int fd = demo(), count;

	IS(fccntl(fd, FLOWSSNDTIMEO, &soon), 0);
	request("hold");
	count = fill(fd, -ETIMEDOUT);
	IS(send_number(fd, count), -ETIMEDOUT);
	IS(fccntl(fd, FLOWSSNDTIMEO, &at_once), 0);
	IS(send_number(fd, count), -ETIMEDOUT);
	/* without waiting there is no limit to pass */
	set_flags(fd, FLOWFDEFAULT | FLOWFWNOBLOCK);
	IS(send_number(fd, count), -EAGAIN);
	set_flags(fd, FLOWFDEFAULT);
	request("release");
	hear_numbers(fd, 0, count);
	IS(send_number(fd, count), SIZE);
	hear_numbers(fd, count, count + 1);
	IS(flow_dealloc(fd), 0);
}

/* One end or the other does not believe its peer; the last name has no fault. */
static void not_trusted(void)
{
	IS(flow_alloc("false-server", NULL, &patience), -EAUTH);
	IS(flow_alloc("false-client", NULL, &patience), -EAUTH);
	IS(flow_alloc("unsigned-server", NULL, &patience), -EAUTH);
	/* the refused flows have left no descriptor */
	IS(flow_alloc("proved", NULL, &patience), 64);
}

/* The ends have unlike key exchanges; the last name's agree. */
static void no_agreement(void)
{
	IS(flow_alloc("weak-kex", NULL, &patience), -ECRYPT);
	IS(flow_alloc("costly-kex", NULL, &patience), -ECRYPT);
	IS(flow_alloc("no-kex", NULL, &patience), -ECRYPT);
	IS(flow_alloc("strong-kex", NULL, &patience), 64);
}

static const struct lib_case cases[] = {
	{ "a-write-to-a-full-queue-fails-with-eagain", full_without_waiting },
	{ "a-write-to-a-full-queue-times-out", full_until_a_limit },
	{ "a-peer-that-is-not-believed-is-eauth", not_trusted },
	{ "agents-that-agree-on-no-key-exchange-are-ecrypt", no_agreement }
};

int main(int argc, char **argv)
{
	return run_case(cases, ARRAY_SIZE(cases), argc, argv);
}
