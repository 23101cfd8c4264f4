/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Declarations shared by the providers provide-unix and provide-tcp. */
#ifndef EXAMPLES_PROVIDE_H
#define EXAMPLES_PROVIDE_H

#include <stddef.h>
#include <sys/types.h>

#define PROVIDE_MTU 1400	/* bytes, longest packet */

/**
 * struct wire - a connection to the provider of the other host
 * @fd: descriptor
 * @send: send a packet; returns -1 on failure, with errno set
 * @recv: receive a packet into a buffer of PROVIDE_MTU bytes; returns its
 *	length, 0 at the end of the connection, -1 on failure
 */
struct wire {
	int fd;
	int (*send)(int fd, const void *packet, size_t len);
	ssize_t (*recv)(int fd, void *packet);
};

/**
 * provide() - carry the packets of flows to a name until the connection ends
 *
 * Return: exit status.
 */
int provide(const char *name, const struct wire *wire);

#endif /* EXAMPLES_PROVIDE_H */
