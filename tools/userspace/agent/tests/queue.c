// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* A listener that accepts nothing, and whose queue is full. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "queue.h"

void queue_fill(int clients[QUEUE], const struct sockaddr_un *addr)
{
	int i, err = 0;

	for (i = 0; i < QUEUE; i++) {
		clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
				    SOCK_CLOEXEC, 0);
		if (connect(clients[i], (const struct sockaddr *)addr, sizeof(*addr)))
			err = errno;
	}
	assert_int_equal(err, EAGAIN);
}

void queue_close(const int clients[QUEUE])
{
	int i;

	for (i = 0; i < QUEUE; i++)
		close(clients[i]);
}
