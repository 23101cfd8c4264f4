// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* A pair of Unix datagram sockets, to compare flows within a host with. */
#include <sys/socket.h>
#include <unistd.h>

#include "pair.h"

#define SNDBUF	(8 << 20)	/* room for a window of the longest messages */

static void open_unix(struct pair *p, unsigned int number)
{
	int size = SNDBUF, fds[2];

	(void)number;
	/* A socket takes the length of its queue from its network namespace. */
	ok(close(socket_in("bob", SOCK_DGRAM)), "close");
	ok(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), "socketpair");
	p->tx = fds[0];
	p->rx = fds[1];
	ok(setsockopt(p->tx, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)),
	   "SO_SNDBUFFORCE");
}

static void send_unix(struct pair *p)
{
	want(ok(send(p->tx, p->out, p->size, 0), "send"), p->size, "bytes sent");
}

static unsigned int recv_unix(struct pair *p)
{
	want(ok(recv(p->rx, p->in, BUF_LEN, 0), "recv"), p->size, "bytes received");
	return 1;
}

const struct way unix_way = {
	.name = "unix",
	.open = open_unix,
	.send = send_unix,
	.recv = recv_unix,
};
