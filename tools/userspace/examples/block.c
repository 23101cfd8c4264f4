// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Encode, decode, send and receive messages of the block protocol. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "block.h"

int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* Print an error; return the exit status. */
int die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_FAILURE;
}

/* Parse a whole number in an option; false after printing an error. */
bool number_arg(const char *opt, const char *word, unsigned long min,
		unsigned long max, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(word, &end, 10);
	if (!errno && *word >= '0' && *word <= '9' && !*end && *out >= min &&
	    *out <= max)
		return true;
	die("--%s needs a whole number from %lu to %lu, not '%s'", opt, min,
	    max, word);
	return false;
}

/*
 * Write the header in front of the payload; return the length of the message.
 */
size_t block_put(uint8_t *msg, enum block_type type, uint64_t number,
		 uint32_t length)
{
	struct block_hdr hdr = {
		.version = BLOCK_VERSION,
		.type = type,
		.length = htobe32(length),
		.number = htobe64(number),
	};

	memcpy(msg, &hdr, sizeof(hdr));
	return sizeof(hdr) + length;
}

/* Decode a message; false if it is not of this protocol. */
bool block_get(const uint8_t *msg, size_t len, struct block *b)
{
	struct block_hdr hdr;

	if (len < sizeof(hdr))
		return false;
	memcpy(&hdr, msg, sizeof(hdr));
	b->type = hdr.type;
	b->number = be64toh(hdr.number);
	b->length = be32toh(hdr.length);
	b->payload = msg + sizeof(hdr);
	return hdr.version == BLOCK_VERSION && !hdr.zero &&
	       hdr.type >= BLOCK_OPEN && hdr.type <= BLOCK_DONE &&
	       b->length == len - sizeof(hdr);
}

enum block_io block_write(int flow, const uint8_t *msg, size_t len)
{
	if (write(flow, msg, len) >= 0)
		return BLOCK_OK;
	switch (errno) {
	case EAGAIN:
	case EINTR:
		return BLOCK_WAIT;
	case EKEYEXPIRED:	/* the next seed provides new ones */
	case ENOBUFS:
		return BLOCK_LATER;
	case EMSGSIZE:
		return BLOCK_LONG;
	default:
		return BLOCK_OVER;
	}
}

/*
 * Read a message. A length of 0 ends the transfer, since the protocol has no
 * empty messages: on a flow it is an empty message, on a socket given with --fd
 * the end of the connection.
 */
enum block_io block_read(int flow, uint8_t *msg, size_t room, size_t *len)
{
	ssize_t ret = read(flow, msg, room);

	if (ret > 0) {
		*len = ret;
		return BLOCK_OK;
	}
	return ret < 0 && (errno == EAGAIN || errno == EINTR) ? BLOCK_WAIT :
								BLOCK_OVER;
}

/*
 * Wait for a message, @events, or a deadline. POLLPRI announces a re-key:
 * install the seed at once. A program may even ignore the event, since the next
 * read or write installs the seed, too.
 *
 * Return the result of poll(); BLOCK_READ means that the flow is readable.
 */
short block_wait(int flow, short events, int64_t until)
{
	struct pollfd pfd = {
		.fd = flow,
		.events = POLLIN | POLLPRI | events,
	};
	int64_t left = until - now_ms();

	if (poll(&pfd, 1, left > 0 ? left : 0) <= 0)
		return 0;
	if (pfd.revents & POLLPRI)
		ipcp_dev_rekey(flow);
	return pfd.revents;
}
