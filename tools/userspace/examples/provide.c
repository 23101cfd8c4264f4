/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * A provider carries the sealed packets of flows to a name, in place of UDP: it
 * sends packets from the kernel to the other host, and vice versa. A provider
 * cannot read the messages, and the kernel drops packets that a provider
 * invents.
 *
 * Each direction has its own thread, so that a side that takes no packets does
 * not delay the other direction. When the program ends, its flows go down.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ipcp_rekey.h>

#include "provide.h"

struct provider {
	const struct wire *wire;
	int fd;
};

/* Kernel to wire. Returns on failure only. */
static void *outwards(void *arg)
{
	struct provider *p = arg;
	char packet[PROVIDE_MTU];
	ssize_t len;

	while ((len = read(p->fd, packet, sizeof(packet))) > 0)
		if (p->wire->send(p->wire->fd, packet, len))
			break;
	perror("cannot bring packets to the other host");
	_exit(1);
}

/* Wire to kernel, until the connection ends. */
static int inwards(struct provider *p)
{
	char packet[PROVIDE_MTU];
	ssize_t len;

	while ((len = p->wire->recv(p->wire->fd, packet)) > 0)
		/* an invalid packet is refused; packets may be lost: continue */
		if (write(p->fd, packet, len) < 0 && errno != EINVAL &&
		    errno != ENOMEM) {
			perror("cannot give packets to the kernel");
			return 1;
		}
	if (len < 0)
		perror("cannot get packets from the other host");
	return len < 0;
}

int provide(const char *name, const struct wire *wire)
{
	struct provider p = { wire, ipcp_provide(name, PROVIDE_MTU, 0) };
	pthread_t thread;
	int err;

	if (p.fd < 0) {
		fprintf(stderr, "cannot provide %s: %s\n", name,
			ipcp_strerror(IPCP_CALL_LISTEN, errno));
		return 1;
	}
	err = pthread_create(&thread, NULL, outwards, &p);
	if (err) {
		fprintf(stderr, "cannot start a thread: %s\n", strerror(err));
		return 1;
	}
	return inwards(&p);
}
