/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * The server of native-cases.c, with the calls of <ipcp_rekey.h>.
 *
 * native-serve NAME	echo each message; "bye" ends the flow, "how" asks for
 *			the result of ipcp_accept()
 */
#define _POSIX_C_SOURCE 200112L

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ipcp_rekey.h>

#define SIZE		2048
#define BATCH		64

static char bufs[BATCH][SIZE];
static struct ipcp_msg msgs[BATCH];

/* Replace a message by its answer. Return: false for "bye" */
static int answer(struct ipcp_msg *msg, char *buf, const char *how)
{
	if (msg->len == 3 && !memcmp(buf, "bye", 3))
		return 0;
	if (msg->len == 3 && !memcmp(buf, "how", 3)) {
		strcpy(buf, how);
		msg->len = strlen(how);
	}
	return 1;
}

static void serve_flow(int fd, const char *how)
{
	int i, n, done, sent;

	for (;;) {
		for (i = 0; i < BATCH; i++)
			IPCP_MSG_SET(&msgs[i], bufs[i], SIZE);
		n = ipcp_recv_many(fd, msgs, BATCH, 0);
		if (n < 0)
			return;
		for (i = 0; i < n; i++)
			if (!answer(&msgs[i], bufs[i], how))
				return;
		for (done = 0; done < n; done += sent) {
			sent = ipcp_send_many(fd, msgs + done, n - done, 0);
			if (sent < 0)
				return;
		}
	}
}

/* Describe an accepted flow in @how, and make it blocking. */
static void describe(int fd, const struct ipcp_accept *accept, char *how)
{
	int status = fcntl(fd, F_GETFL);

	sprintf(how, "%s %s timeout %lu peer '%s' %lu",
		status & O_NONBLOCK ? "nonblock" : "block",
		fcntl(fd, F_GETFD) & FD_CLOEXEC ? "cloexec" : "inherit",
		(unsigned long)accept->qos.timeout, accept->peer_name,
		(unsigned long)accept->authenticated);
	fcntl(fd, F_SETFL, status & ~O_NONBLOCK);
}

static int serve(const char *name)
{
	struct ipcp_accept accept = { sizeof(accept), IPCP_NONBLOCK };
	int listener = ipcp_listen(name, 0, 0);
	char how[512];
	int fd;

	if (listener < 0) {
		puts(ipcp_strerror(IPCP_CALL_LISTEN, errno));
		return 1;
	}
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		fd = ipcp_accept(listener, &accept);
		if (fd < 0)
			break;
		if (!fork()) {
			close(listener);
			describe(fd, &accept, how);
			serve_flow(fd, how);
			_exit(0);
		}
		close(fd);
	}
	puts(ipcp_strerror(IPCP_CALL_ACCEPT, errno));
	return 1;
}

int main(int argc, char **argv)
{
	return argc == 2 ? serve(argv[1]) : 2;
}
