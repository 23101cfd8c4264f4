// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Measures what each message of a flow costs the program that sends and
 * receives it, to find messages that cross from one key to the next.
 *
 * Usage: cross FD FD SIZE COUNT
 * Writes COUNT numbers of 32 bits: nanoseconds of CPU time to write a message
 * to the first FD and read it from the second. Other tasks, such as the worker
 * that prepares the next key, are not included.
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

	/* bypass libc, which would check the kind of clock first */
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
