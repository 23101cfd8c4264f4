// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Send a message with a secret in it, and leave no copy of the secret in user
 * space. The input has the secret under a mask. The mask is removed in locked
 * memory one byte at a time, so that no vector register holds the secret when
 * the task is switched or traps. The message is wiped after sending.
 *
 * Usage: inject OFFSET FD <INPUT
 *   OFFSET  offset of the 32-byte secret in the message
 *   FD      socket to send the message to
 *   INPUT   the mask of 32 bytes, then the message with the secret masked
 */
#include <err.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECRET	32

static struct {
	uint8_t mask[SECRET];
	uint8_t message[4096 - SECRET];
} in __attribute__((aligned(4096)));

static size_t read_input(void)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(0, (char *)&in + len, sizeof(in) - len)) > 0)
		len += n;
	if (n < 0)
		err(2, "read");
	return len;
}

static void unmask(volatile uint8_t *secret)
{
	for (int i = 0; i < SECRET; i++)
		secret[i] ^= in.mask[i];
}

int main(int argc, char **argv)
{
	size_t len, offset;
	ssize_t sent;

	if (argc != 3 || argv[1][0] == '-')
		errx(2, "usage: inject OFFSET FD <INPUT");
	offset = strtoul(argv[1], NULL, 10);
	if (mlock(&in, sizeof(in)))
		err(2, "mlock");
	len = read_input();
	if (len < 2 * SECRET || offset > len - 2 * SECRET)
		errx(2, "no secret in this message");
	len -= SECRET;
	unmask(in.message + offset);
	sent = send(atoi(argv[2]), in.message, len, 0);
	explicit_bzero(&in, sizeof(in));
	if (sent != (ssize_t)len)
		err(1, "send");
	return 0;
}
