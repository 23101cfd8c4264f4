// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Server part of ping and perf: one epoll loop, a callback for each message. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cmd.h"
#include "io.h"
#include "serve.h"

#define EVENTS	16
#define BURST	64	/* messages of one flow before another flow */

struct server {
	int listener;
	int epoll;
	uint64_t limit;		/* flows to serve; 0 for no limit */
	uint64_t accepted;
	uint64_t ended;
	serve_message_fn message;
};

static int watch(struct server *srv, int fd, uint32_t events, void *peer)
{
	struct epoll_event ev = { .events = events, .data.ptr = peer };

	if (epoll_ctl(srv->epoll, EPOLL_CTL_ADD, fd, &ev))
		return fail("epoll: %m");
	return EXIT_OK;
}

static void drop(struct server *srv, struct serve_peer *peer)
{
	close(peer->fd);
	free(peer);
	srv->ended++;
}

static int add(struct server *srv, int fd)
{
	struct serve_peer *peer = calloc(1, sizeof(*peer));

	if (!peer) {
		close(fd);
		return fail("out of memory");
	}
	peer->fd = fd;
	srv->accepted++;
	if (!watch(srv, fd, EPOLLIN | EPOLLPRI, peer))
		return EXIT_OK;
	drop(srv, peer);
	return EXIT_FAIL;
}

static bool full(const struct server *srv)
{
	return srv->limit && srv->accepted == srv->limit;
}

static int on_listener(struct server *srv)
{
	int fd, status = EXIT_OK;

	while (!status && !full(srv)) {
		fd = io_accept(srv->listener);
		if (fd == -EAGAIN)
			break;
		status = fd < 0 ? EXIT_FAIL : add(srv, fd);
	}
	if (full(srv))
		epoll_ctl(srv->epoll, EPOLL_CTL_DEL, srv->listener, NULL);
	return status;
}

static void on_flow(struct server *srv, struct serve_peer *peer,
		    uint32_t events)
{
	static char buf[MESSAGE_MAX];
	int i, ret;

	if (events & EPOLLPRI)
		io_rekey(peer->fd);
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	for (i = 0; i < BURST; i++) {
		ret = io_recv(peer->fd, buf, sizeof(buf));
		if (ret >= 0) {
			srv->message(peer, buf, ret);
			continue;
		}
		if (ret != -EAGAIN && ret != -EINTR) {
			io_end_status(peer->fd, IPCP_DEV_READ, ret);
			drop(srv, peer);
		}
		return;
	}
}

static int loop(struct server *srv)
{
	struct pollfd pfd = { .fd = srv->epoll, .events = POLLIN };
	struct epoll_event ev[EVENTS];
	int i, n, status = EXIT_OK;

	while (!stopped && !status && !(full(srv) && srv->ended == srv->limit)) {
		n = wait_poll(&pfd, 1, 0);
		if (n < 0)
			return fail("poll: %s", strerror(-n));
		n = epoll_wait(srv->epoll, ev, EVENTS, 0);
		for (i = 0; i < n; i++) {
			if (ev[i].data.ptr)
				on_flow(srv, ev[i].data.ptr, ev[i].events);
			else
				status |= on_listener(srv);
		}
	}
	return status;
}

/**
 * serve_run() - serve a name until stopped
 * @name: the name
 * @flows: stop after this many flows; 0 for no limit
 * @message: handles a message
 *
 * Flows still open at the end are closed when the program exits.
 *
 * Return: the exit status.
 */
int serve_run(const char *name, uint64_t flows, serve_message_fn message)
{
	struct server srv = { .limit = flows, .message = message };
	int status = EXIT_FAIL;

	srv.listener = io_serve(name);
	if (srv.listener < 0)
		return EXIT_FAIL;
	srv.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (srv.epoll < 0) {
		fail("epoll: %m");
		goto out_listener;
	}
	if (!watch(&srv, srv.listener, EPOLLIN, NULL))
		status = loop(&srv);
	close(srv.epoll);
out_listener:
	close(srv.listener);
	return status;
}
