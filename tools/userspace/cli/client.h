/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Client part of ping and perf. The same sub-command with --server runs on the
 * other host.
 */
#ifndef IPCP_CLI_CLIENT_H
#define IPCP_CLI_CLIENT_H

#include "cmd.h"
#include "io.h"
#include "serve.h"

/**
 * struct client - a measuring client, embedded in the state of the sub-command
 * @got: called for each received message
 * @json: print the result as JSON
 * @server: run as the server
 * @flows: with @server: exit after this many flows
 * @name: name of the destination
 * @fd: the flow
 * @err: why the flow ended, or 0
 * @op: the operation that failed with @err
 */
struct client {
	void (*got)(struct client *client, const char *buf, size_t len);
	bool json;
	bool server;
	uint64_t flows;
	const char *name;
	int fd;
	int err;
	enum ipcp_dev_op op;
};

/* Options common to these sub-commands. */
#define CLIENT_OPTS(client, server_help)				\
	{ "json", 'j', NULL, "print the result as JSON", OPT_FLAG,	\
	  &(client)->json, 0, 0 },					\
	{ "server", 0, NULL, server_help, OPT_FLAG, &(client)->server,	\
	  0, 0 },							\
	{ "flows", 0, "N", "with --server: end after N flows",		\
	  OPT_COUNT, &(client)->flows, 1, UINT64_MAX }

int client_main(const struct use *use, int argc, char **argv,
		struct client *client, serve_message_fn serve,
		int (*measure)(struct client *client));

int client_open(struct client *client);
int client_close(struct client *client, int status);
int client_send(struct client *client, const void *buf, size_t len);
int client_wait(struct client *client, short events, int64_t until);

#endif /* IPCP_CLI_CLIENT_H */
