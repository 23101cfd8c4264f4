/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The server of the cases in lib-cases.c: echoes each message. */
#define _POSIX_C_SOURCE 200112L

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ouroboros/dev.h>
#include <ouroboros/fccntl.h>

#include "lib-serve.h"

static void answer(int fd, const char *buf, size_t len, const qosspec_t *qs)
{
	char said[256];

	if (len == 3 && !memcmp(buf, "qos", 3)) {
		len = sprintf(said, "loss %lu, timeout %lu",
			      (unsigned long)qs->loss,
			      (unsigned long)qs->timeout);
		buf = said;
	} else if (len == 3 && !memcmp(buf, "who", 3)) {
		flow_peer_name(fd, said, sizeof(said));
		len = strlen(said);
		buf = said;
	}
	flow_write(fd, buf, len);
}

static void *serve_flow(void *arg)
{
	char *buf = malloc(LIB_SIZE);
	int fd = *(int *)arg;
	qosspec_t qs;
	ssize_t len;

	free(arg);
	fccntl(fd, FLOWGQOSSPEC, &qs);
	while (buf && (len = flow_read(fd, buf, LIB_SIZE)) >= 0) {
		if (len == 3 && !memcmp(buf, "bye", 3))
			break;
		answer(fd, buf, len, &qs);
	}
	flow_dealloc(fd);
	free(buf);
	return NULL;
}

int lib_serve(void)
{
	pthread_t thread;
	int *fd;

	for (;;) {
		fd = malloc(sizeof(*fd));
		*fd = flow_accept(NULL, NULL);
		if (*fd < 0 || pthread_create(&thread, NULL, serve_flow, fd))
			break;
		pthread_detach(thread);
	}
	printf("accept: %d\n", *fd);
	return 1;
}
