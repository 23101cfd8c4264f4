// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Client part of ping and perf. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

static void ended(struct client *client, enum ipcp_dev_op op, int err)
{
	client->op = op;
	client->err = err;
}

/**
 * client_open() - allocate the flow of a client
 * @client: the client, with its name set
 *
 * Return: EXIT_OK, or EXIT_FAIL after printing an error.
 */
int client_open(struct client *client)
{
	client->fd = io_connect(client->name, 0);
	if (client->fd < 0)
		return EXIT_FAIL;
	stop_catch();
	return EXIT_OK;
}

/**
 * client_close() - close the flow, and report an early end
 * @client: the client
 * @status: status so far
 *
 * Return: the exit status.
 */
int client_close(struct client *client, int status)
{
	if (client->err) {
		io_end_status(client->fd, client->op, client->err);
		status = fail("the flow to '%s' ended", client->name);
	}
	close(client->fd);
	return status;
}

/**
 * client_send() - send a message
 * @client: the client
 * @buf: the message
 * @len: length of @buf
 *
 * Return: as io_send(). Errors other than -EMSGSIZE are also stored in @client.
 */
int client_send(struct client *client, const void *buf, size_t len)
{
	int ret = io_send(client->fd, buf, len);

	if (ret == -EMSGSIZE)
		fail("--size %zu is more than a message of this flow can have; use less",
		     len);
	else if (ret < 0)
		ended(client, IPCP_DEV_WRITE, ret);
	return ret;
}

static void read_messages(struct client *client)
{
	static char buf[MESSAGE_MAX];
	int ret;

	while (!client->err) {
		ret = io_recv(client->fd, buf, sizeof(buf));
		if (ret == -EAGAIN || ret == -EINTR)
			return;
		if (ret < 0)
			ended(client, IPCP_DEV_READ, ret);
		else
			client->got(client, buf, ret);
	}
}

/**
 * client_wait() - wait for the flow, receive messages and install new keys
 * @client: the client
 * @events: additional events to wait for
 * @until: when to stop waiting
 *
 * Return: EXIT_OK, or EXIT_FAIL after printing an error.
 */
int client_wait(struct client *client, short events, int64_t until)
{
	struct pollfd pfd = {
		.fd = client->fd, .events = events | POLLIN | POLLPRI,
	};
	int ret = wait_poll(&pfd, 1, until);

	if (ret < 0)
		return fail("poll: %s", strerror(-ret));
	if (pfd.revents & POLLPRI)
		io_rekey(client->fd);
	if (pfd.revents & (POLLIN | POLLHUP | POLLERR))
		read_messages(client);
	return EXIT_OK;
}

/* Return an option on the command line that is for the client only, or NULL. */
static const struct opt *find_client_opt(const struct use *use,
					 const struct client *client)
{
	const struct opt *o;

	for (o = use->opts; o->name; o++)
		if (o->to != &client->server && o->to != &client->flows &&
		    use_given(use, o))
			return o;
	return NULL;
}

/**
 * client_main() - run as client or as server
 * @use: usage of the sub-command
 * @argc: argument count of the sub-command
 * @argv: arguments of the sub-command
 * @client: the client, which receives the options
 * @serve: handles a message on the server
 * @measure: runs the measurement on the client
 *
 * Return: the exit status.
 */
int client_main(const struct use *use, int argc, char **argv,
		struct client *client, serve_message_fn serve,
		int (*measure)(struct client *client))
{
	char **args = use_parse(use, argc, argv);
	const struct opt *o = find_client_opt(use, client);

	if (client->server && o)
		return use_error(use, "--%s is for the client, and not for --server",
				 o->name);
	if (client->server)
		return serve_run(args[0], client->flows, serve);
	if (client->flows)
		return use_error(use, "--flows requires --server");
	client->name = args[0];
	return measure(client);
}
