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
#define PAUSE_NS	NSEC_PER_SEC

struct server {
	int listener;
	int epoll;
	uint64_t limit;		/* flows to serve; 0 for no limit */
	uint64_t accepted;
	uint64_t ended;
	int64_t resume;		/* when to accept again, see pause_accepting() */
	bool told;		/* that flows have to wait */
	serve_message_fn message;
};

static int watch(struct server *srv, int op, int fd, uint32_t events,
		 void *peer)
{
	struct epoll_event ev = { .events = events, .data.ptr = peer };

	if (epoll_ctl(srv->epoll, op, fd, &ev))
		return fail("epoll: %m");
	return EXIT_OK;
}

/*
 * Watch the listener until its next event. It is not watched after that, so that
 * a flow that cannot be accepted does not wake the loop again and again.
 */
static int watch_listener(struct server *srv, int op)
{
	srv->resume = 0;
	return watch(srv, op, srv->listener, EPOLLIN | EPOLLONESHOT, NULL);
}

/*
 * Accept no flow for a second, or until a flow ends, which frees a descriptor and
 * memory. The flows that wait stay in the queue of the listener.
 */
static void pause_accepting(struct server *srv, int err)
{
	if (!srv->told)
		io_accept_status(srv->listener, err, "; new flows have to wait");
	srv->told = true;
	srv->resume = now_ns() + PAUSE_NS;
}

static void drop(struct server *srv, struct serve_peer *peer)
{
	close(peer->fd);
	free(peer);
	srv->ended++;
	if (srv->resume)
		srv->resume = now_ns();
}

/* A flow that cannot be watched is closed. That is no reason to end the others. */
static void add(struct server *srv, struct serve_peer *peer, int fd)
{
	peer->fd = fd;
	srv->accepted++;
	if (watch(srv, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLPRI, peer))
		drop(srv, peer);
}

static bool full(const struct server *srv)
{
	return srv->limit && srv->accepted == srv->limit;
}

/* Get the memory first, so that without memory no flow is accepted and lost. */
static int on_listener(struct server *srv)
{
	struct serve_peer *peer = calloc(1, sizeof(*peer));
	int fd = peer ? io_accept(srv->listener) : -ENOMEM;

	if (fd < 0)
		free(peer);
	if (io_accept_short(fd)) {
		pause_accepting(srv, fd);
		return EXIT_OK;
	}
	if (fd < 0 && fd != -EAGAIN)
		return io_accept_status(srv->listener, fd, "");
	if (fd >= 0)
		add(srv, peer, fd);
	srv->told = false;
	return full(srv) ? EXIT_OK : watch_listener(srv, EPOLL_CTL_MOD);
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
		n = wait_poll(&pfd, 1, srv->resume);
		if (n < 0)
			return fail("poll: %s", strerror(-n));
		n = epoll_wait(srv->epoll, ev, EVENTS, 0);
		for (i = 0; i < n; i++) {
			if (ev[i].data.ptr)
				on_flow(srv, ev[i].data.ptr, ev[i].events);
			else
				status |= on_listener(srv);
		}
		if (srv->resume && now_ns() >= srv->resume)
			status |= watch_listener(srv, EPOLL_CTL_MOD);
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
	if (!watch_listener(&srv, EPOLL_CTL_ADD))
		status = loop(&srv);
	close(srv.epoll);
out_listener:
	close(srv.listener);
	return status;
}
