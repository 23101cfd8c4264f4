/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * provide-unix NAME listen PATH | NAME connect PATH: carry flows to NAME over a
 * Unix socket, for example between two network namespaces without a common
 * network.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "provide.h"

static int send_packet(int fd, const void *packet, size_t len)
{
	return send(fd, packet, len, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static ssize_t recv_packet(int fd, void *packet)
{
	return recv(fd, packet, PROVIDE_MTU, 0);
}

static int wait_for_other(int fd, const struct sockaddr_un *addr)
{
	struct stat st;

	/* a socket of an earlier run */
	if (!lstat(addr->sun_path, &st) && S_ISSOCK(st.st_mode))
		unlink(addr->sun_path);
	if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) ||
	    listen(fd, 1))
		return -1;
	return accept(fd, NULL, NULL);
}

int main(int argc, char **argv)
{
	struct wire wire = { -1, send_packet, recv_packet };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (argc != 4 || strlen(argv[3]) >= sizeof(addr.sun_path) ||
	    (strcmp(argv[2], "listen") && strcmp(argv[2], "connect"))) {
		fprintf(stderr, "Usage: provide-unix NAME listen|connect PATH\n");
		return 2;
	}
	strcpy(addr.sun_path, argv[3]);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !strcmp(argv[2], "listen"))
		wire.fd = wait_for_other(fd, &addr);
	else if (fd >= 0 && !connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		wire.fd = fd;
	if (wire.fd < 0) {
		perror(argv[3]);
		return 1;
	}
	return provide(argv[1], &wire);
}
