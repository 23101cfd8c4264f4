/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Server part of ping and perf: any number of flows at once. */
#ifndef IPCP_CLI_SERVE_H
#define IPCP_CLI_SERVE_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct serve_peer - one flow
 * @fd: the flow, non-blocking
 * @messages: for the callback
 * @bytes: for the callback
 * @first_ns: for the callback
 * @last_ns: for the callback
 */
struct serve_peer {
	int fd;
	uint64_t messages;
	uint64_t bytes;
	int64_t first_ns;
	int64_t last_ns;
};

/**
 * typedef serve_message_fn - called for each message
 * @peer: the flow of the message
 * @buf: the message
 * @len: length of @buf
 */
typedef void (*serve_message_fn)(struct serve_peer *peer, char *buf,
				 size_t len);

int serve_run(const char *name, uint64_t flows, serve_message_fn message);

#endif /* IPCP_CLI_SERVE_H */
