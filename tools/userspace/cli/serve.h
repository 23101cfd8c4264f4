/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * The server's side of ping and perf: any number of flows at once.
 */
#ifndef IPCP_CLI_SERVE_H
#define IPCP_CLI_SERVE_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct serve_peer - one flow
 * @fd: the flow, non-blocking
 * @messages: what the server counts
 * @bytes: likewise
 * @first_ns: likewise
 * @last_ns: likewise
 */
struct serve_peer {
	int fd;
	uint64_t messages;
	uint64_t bytes;
	int64_t first_ns;
	int64_t last_ns;
};

/**
 * typedef serve_message_fn - a message came
 * @peer: from whom
 * @buf: the message
 * @len: its length
 */
typedef void (*serve_message_fn)(struct serve_peer *peer, char *buf,
				 size_t len);

int serve_run(const char *name, uint64_t flows, serve_message_fn message);

#endif /* IPCP_CLI_SERVE_H */
