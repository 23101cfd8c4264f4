/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * provide-tcp NAME listen PORT | NAME connect HOST PORT: carry flows to NAME
 * over a TCP connection, where UDP does not pass. Each packet is preceded by
 * its length in two bytes.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "provide.h"

static int send_packet(int fd, const void *packet, size_t len)
{
	uint8_t head[2] = { len >> 8, len & 255 };
	uint8_t frame[sizeof(head) + PROVIDE_MTU];
	size_t done = 0;
	ssize_t n;

	memcpy(frame, head, sizeof(head));
	memcpy(frame + sizeof(head), packet, len);
	while (done < sizeof(head) + len) {
		n = send(fd, frame + done, sizeof(head) + len - done,
			 MSG_NOSIGNAL);
		if (n < 0)
			return -1;
		done += n;
	}
	return 0;
}

static ssize_t recv_packet(int fd, void *packet)
{
	uint8_t head[2];
	ssize_t n = recv(fd, head, sizeof(head), MSG_WAITALL), len;

	if (n <= 0)
		return n;	/* an error, or the end of the connection */
	len = head[0] << 8 | head[1];
	if (n == sizeof(head) && len && len <= PROVIDE_MTU) {
		n = recv(fd, packet, len, MSG_WAITALL);
		if (n < 0 || n == len)
			return n;
	}
	errno = EPROTO;		/* not our packets, or an end within one */
	return -1;
}

/* Disable Nagle: a small packet must not wait for a larger one. */
static int no_delay(int fd)
{
	int on = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ? -1 : fd;
}

static int wait_for_other(const struct addrinfo *at)
{
	int on = 1, fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, at->ai_addr, at->ai_addrlen) || listen(fd, 1))
		return -1;
	return accept(fd, NULL, NULL);
}

static int reach_other(const struct addrinfo *at)
{
	int fd = -1;

	for (; at; at = at->ai_next) {
		fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, 0);
		if (fd >= 0 && !connect(fd, at->ai_addr, at->ai_addrlen))
			break;
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	return fd;
}

int main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *at;
	struct wire wire = { -1, send_packet, recv_packet };
	int serve = argc == 4 && !strcmp(argv[2], "listen");
	int err;

	if (!serve && (argc != 5 || strcmp(argv[2], "connect"))) {
		fprintf(stderr, "Usage: provide-tcp NAME listen PORT | NAME connect HOST PORT\n");
		return 2;
	}
	if (serve)
		hints.ai_flags = AI_PASSIVE;
	err = getaddrinfo(serve ? NULL : argv[3], argv[argc - 1], &hints, &at);
	if (err) {
		fprintf(stderr, "%s: %s\n", argv[3], gai_strerror(err));
		return 1;
	}
	wire.fd = serve ? wait_for_other(at) : reach_other(at);
	freeaddrinfo(at);
	if (wire.fd < 0 || no_delay(wire.fd) < 0) {
		perror(argv[3]);
		return 1;
	}
	return provide(argv[1], &wire);
}
