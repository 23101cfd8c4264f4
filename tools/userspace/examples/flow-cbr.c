/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * flow-cbr: serve the name that the program is bound to, and count the messages
 * of each flow. flow-cbr NAME COUNT SIZE: send COUNT messages to NAME, as fast
 * as possible.
 *
 * C89. One thread for each flow; reads time out, so that a thread notices the
 * end.
 */
#define _POSIX_C_SOURCE 200112L

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ouroboros/dev.h>
#include <ouroboros/errno.h>
#include <ouroboros/fccntl.h>

#define MAX_SIZE	65536
#define QUIET		300	/* timeouts before a flow is given up */

static void report(int fd, unsigned long count, unsigned long bytes)
{
	printf("flow %d: %lu messages, %lu bytes\n", fd, count, bytes);
	fflush(stdout);
}

static void *count_flow(void *arg)
{
	struct timespec patience = { 0, 100000000 };
	unsigned long count = 0, bytes = 0;
	int fd = *(int *)arg, quiet = 0;
	char *buf = malloc(MAX_SIZE);
	ssize_t len;

	free(arg);
	fccntl(fd, FLOWSRCVTIMEO, &patience);
	while (buf && quiet < QUIET) {
		len = flow_read(fd, buf, MAX_SIZE);
		if (len == -ETIMEDOUT) {
			quiet++;
			continue;
		}
		if (len < 0)
			break;
		quiet = 0;
		count++;
		bytes += len;
	}
	report(fd, count, bytes);
	flow_dealloc(fd);
	free(buf);
	return NULL;
}

static int serve(void)
{
	pthread_t thread;
	int *fd;

	for (;;) {
		fd = malloc(sizeof(*fd));
		if (!fd)
			return 1;
		*fd = flow_accept(NULL, NULL);
		if (*fd < 0)
			break;
		if (pthread_create(&thread, NULL, count_flow, fd))
			return 1;
		pthread_detach(thread);
	}
	fprintf(stderr, "cannot accept a flow: %d\n", *fd);
	free(fd);
	return 1;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static int flood(const char *name, unsigned long count, size_t size)
{
	int fd = flow_alloc(name, NULL, NULL);
	char *buf = calloc(1, MAX_SIZE);
	double start = seconds();
	unsigned long i;
	ssize_t ret = 0;

	if (fd < 0 || !buf) {
		fprintf(stderr, "no flow to %s: %d\n", name, fd);
		return 1;
	}
	for (i = 0; i < count && ret >= 0; i++)
		ret = flow_write(fd, buf, size);
	flow_dealloc(fd);
	free(buf);
	if (ret < 0) {
		fprintf(stderr, "cannot send: %ld\n", (long)ret);
		return 1;
	}
	printf("sent %lu messages, %lu bytes in %.3f s\n", count,
	       count * (unsigned long)size, seconds() - start);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 1)
		return serve();
	if (argc == 4)
		return flood(argv[1], strtoul(argv[2], NULL, 10),
			     strtoul(argv[3], NULL, 10) % (MAX_SIZE + 1));
	fprintf(stderr, "Usage: flow-cbr [NAME COUNT SIZE]\n");
	return 2;
}
