// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * What each message of a flow costs the program that sends and receives it, to
 * find those that cross from one key to the next.
 *
 * Usage: cross FD FD SIZE COUNT
 * Writes COUNT numbers of 32 bits: nanoseconds on the processor for writing a
 * message to the first and reading it from the second. Whatever runs beside,
 * such as the worker that prepares the next key, is not in them.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "pair.h"

void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t spent(void)
{
	struct timespec ts;

	/* not through libc, which would look at the clock's kind first */
	syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

int main(int argc, char **argv)
{
	static uint8_t message[DATAGRAM_ROOM];
	unsigned int count, size;
	uint32_t *costs;
	int tx, rx;

	if (argc != 5)
		return 2;
	tx = atoi(argv[1]);
	rx = atoi(argv[2]);
	size = atoi(argv[3]);
	count = atoi(argv[4]);
	costs = calloc(count, sizeof(*costs));
	if (!costs)
		die("calloc");
	for (unsigned int i = 0; i < count; i++) {
		uint64_t begin = spent();

		if (write(tx, message, size) != size ||
		    read(rx, message, sizeof(message)) != size)
			die("a message");
		costs[i] = spent() - begin;
	}
	return fwrite(costs, sizeof(*costs), count, stdout) != count;
}
