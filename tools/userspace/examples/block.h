/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * A simple acknowledged block protocol for one flow.
 *
 * A flow carries messages, and may lose some. The sender numbers its blocks:
 * block 0 opens the transfer (size of the file), blocks 1 to n carry the file,
 * block n + 1 ends it (SHA-256). At most a window of blocks is in flight. The
 * window must be smaller than the ring of the receiver (1024 messages) and the
 * queues of the network, since there is no other flow control. The receiver
 * acknowledges all blocks below a number, and single blocks above it with a bit
 * map. The sender repeats only blocks that were not acknowledged in time. The
 * receiver answers the last block with DONE, which states whether the sums
 * match.
 */
#ifndef BLOCK_H
#define BLOCK_H

#include <endian.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev.h"

#define BLOCK_VERSION		1
#define BLOCK_WINDOW		64	/* default */
#define BLOCK_WINDOW_MAX	512
#define BLOCK_MSG_MAX		65536
#define BLOCK_SUM_LEN		32	/* SHA-256 */
#define BLOCK_QUIET_MS		30000	/* the peer is then considered dead */

enum block_type {
	BLOCK_OPEN = 1,		/* payload: size of the file, 64 bits */
	BLOCK_DATA,		/* payload: part of the file */
	BLOCK_END,		/* payload: SHA-256 of the file */
	BLOCK_ACK,		/* all below number arrived; payload: bit map */
	BLOCK_DONE,		/* payload: 1 if the sums match, else 0 */
};

/* Header of every message, big endian. */
struct block_hdr {
	uint8_t version;
	uint8_t type;
	uint16_t zero;
	uint32_t length;	/* of the payload */
	uint64_t number;
} __attribute__((packed));

/* A decoded message. */
struct block {
	enum block_type type;
	uint64_t number;
	uint32_t length;
	const uint8_t *payload;
};

size_t block_put(uint8_t *msg, enum block_type type, uint64_t number,
		 uint32_t length);
bool block_get(const uint8_t *msg, size_t len, struct block *b);

/* Result of writing or reading a message. */
enum block_io {
	BLOCK_OK,
	BLOCK_WAIT,		/* no message, or no room: poll */
	BLOCK_LATER,		/* the keys are exhausted: wait for EPOLLPRI */
	BLOCK_LONG,		/* the path takes only shorter messages */
	BLOCK_OVER,		/* the flow has ended */
};

enum block_io block_write(int flow, const uint8_t *msg, size_t len);
enum block_io block_read(int flow, uint8_t *msg, size_t room, size_t *len);
short block_wait(int flow, short events, int64_t until);

#define BLOCK_READ	(POLLIN | POLLHUP | POLLERR)

/**
 * struct report - values shown during and after a transfer
 * @role: "send" or "recv"
 * @flow: the flow
 * @total: size of the file in bytes, 0 if not known yet
 * @bytes: bytes of the file acknowledged or received
 * @messages: blocks, each counted once
 * @repeated: blocks sent again, or received again
 * @sum: SHA-256 in hexadecimal
 * @match: true if both sides have the same sum
 * @start: start time
 * @shown: time at which the last progress line was due
 * @last: last information from the kernel
 * @leaves_seen: minimum number of leaf boundaries crossed while sending
 * @nodes_seen: minimum number of node boundaries crossed while sending
 */
struct report {
	const char *role;
	int flow;
	uint64_t total;
	uint64_t bytes;
	uint64_t messages;
	uint64_t repeated;
	char sum[2 * BLOCK_SUM_LEN + 1];
	bool match;
	int64_t start;
	int64_t shown;
	struct ipcp_info last;
	uint64_t leaves_seen;
	uint64_t nodes_seen;
};

void report_start(struct report *rep, const char *role, int flow);
void report_tick(struct report *rep);
void report_sample(struct report *rep);
void report_sum(struct report *rep, const uint8_t sum[BLOCK_SUM_LEN]);
int report_end(struct report *rep, const char *json_path);

int64_t now_ms(void);
int die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool number_arg(const char *opt, const char *word, unsigned long min,
		unsigned long max, unsigned long *out);

#endif /* BLOCK_H */
