/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* A flow over a socket, which replaces the device, and its other end. */
#ifndef IPCP_PAIR_H
#define IPCP_PAIR_H

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ouroboros/dev.h>

#include "flows.h"

struct pair {
	int fd;
	int peer;
};

static inline struct pair make_pair(void)
{
	struct pair pair;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	flows_lock();
	pair.fd = flows_reserve(fds[0]);
	close(fds[0]);
	flows_unlock();
	assert_true(pair.fd >= FLOWS_FIRST);
	pair.peer = fds[1];
	flows_add(pair.fd, &qos_raw);
	return pair;
}

static inline void end_pair(struct pair *pair)
{
	assert_int_equal(flow_dealloc(pair->fd), 0);
	close(pair->peer);
}

static inline void send_text(const struct pair *pair, const char *text)
{
	assert_int_equal(send(pair->peer, text, strlen(text), 0), strlen(text));
}

/* Read at most @count bytes, and check the result. */
static inline void assert_read(int fd, size_t count, const char *text)
{
	char buf[64];

	assert_int_equal(flow_read(fd, buf, count), strlen(text));
	assert_memory_equal(buf, text, strlen(text));
}

#endif /* IPCP_PAIR_H */
