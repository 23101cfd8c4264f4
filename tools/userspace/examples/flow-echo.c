/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * flow-echo: serve the name that the program is bound to, and echo the first
 * message of each flow. flow-echo NAME TEXT: send TEXT to NAME, print the
 * answer.
 *
 * C89, with only the calls of <ouroboros/dev.h>.
 */
#define _POSIX_C_SOURCE 200112L

#include <stdio.h>
#include <string.h>

#include <ouroboros/dev.h>
#include <ouroboros/errno.h>

#define BUF_SIZE 256

static int serve(void)
{
	char buf[BUF_SIZE];
	ssize_t len;
	int fd;

	for (;;) {
		fd = flow_accept(NULL, NULL);
		/*
		 * a peer failed to prove its identity; the next one may succeed
		 */
		if (fd == -EAUTH || fd == -ECRYPT)
			continue;
		if (fd < 0) {
			fprintf(stderr, "cannot accept a flow: %d\n", fd);
			return 1;
		}
		len = flow_read(fd, buf, sizeof(buf));
		if (len < 0 || flow_write(fd, buf, len) < 0)
			fprintf(stderr, "a flow broke: %ld\n", (long)len);
		flow_dealloc(fd);
	}
}

static int ask(const char *name, const char *text)
{
	char buf[BUF_SIZE];
	ssize_t len;
	int fd = flow_alloc(name, NULL, NULL);

	if (fd < 0) {
		fprintf(stderr, "no flow to %s: %d\n", name, fd);
		return 1;
	}
	len = flow_write(fd, text, strlen(text));
	if (len >= 0)
		len = flow_read(fd, buf, sizeof(buf));
	flow_dealloc(fd);
	if (len < 0) {
		fprintf(stderr, "no answer: %ld\n", (long)len);
		return 1;
	}
	printf("%.*s\n", (int)len, buf);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 1)
		return serve();
	if (argc == 3)
		return ask(argv[1], argv[2]);
	fprintf(stderr, "Usage: flow-echo [NAME TEXT]\n");
	return 2;
}
