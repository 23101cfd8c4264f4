// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Relay messages between a flow and stdin and stdout, for listen and connect.
 * One poll() does all the waiting. stdin and stdout stay in blocking mode,
 * since other programs may share them, and are used only when poll() reports
 * them ready.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "io.h"
#include "pump.h"

#define CHUNK	4096	/* room in a pipe that polls writable */

struct pump {
	const struct pump_opts *opts;
	int flow;
	uint32_t mtu;		/* last known MTU: follows the path */
	int64_t heard;		/* time of the last activity */
	uint64_t received;

	/* from stdin */
	char in[2 * MESSAGE_MAX];
	size_t in_len;
	bool in_eof;
	int blocked;		/* IO_ROOM, IO_LATER; IO_SENT: not blocked */

	/* to stdout */
	char out[2 * MESSAGE_MAX + 1];
	size_t out_pos;
	size_t out_len;

	bool flow_hup;
	int flow_err;		/* error that ended the flow, or 0 */
	enum ipcp_dev_op flow_op;	/* operation that found the error */
};

static void ask_mtu(struct pump *p)
{
	struct ipcp_info info;

	p->mtu = !ipcp_dev_info(p->flow, &info) && info.mtu ? info.mtu :
		 MESSAGE_MAX;
}

/* True if a message fits. Query the MTU again, since it may have grown. */
static bool fits(struct pump *p, size_t len)
{
	if (len > p->mtu)
		ask_mtu(p);
	return len <= p->mtu;
}

/* Find the next message in p->in: its length, and the bytes it occupies. */
static bool next_message(struct pump *p, size_t *len, size_t *used)
{
	const char *nl;

	if (p->opts->size) {
		if (!p->in_len || (p->in_len < p->opts->size && !p->in_eof))
			return false;
		*len = p->in_len < p->opts->size ? p->in_len : p->opts->size;
		*used = *len;
		return true;
	}
	nl = memchr(p->in, '\n', p->in_len);
	if (nl) {
		*len = nl - p->in;
		*used = *len + 1;
		return true;
	}
	*len = *used = p->in_len;
	return p->in_len && (p->in_eof || !fits(p, p->in_len));
}

static int too_long(struct pump *p)
{
	ask_mtu(p);
	if (p->opts->size)
		return fail("--size %llu is more than a message of this flow can have: %u bytes",
			    (unsigned long long)p->opts->size, p->mtu);
	return fail("a line is longer than a message of this flow can be, %u bytes; shorten it or use --size",
		    p->mtu);
}

static void ended(struct pump *p, enum ipcp_dev_op op, int err)
{
	p->flow_op = op;
	p->flow_err = err;
}

/* Send complete messages; return EXIT_OK or EXIT_FAIL. */
static int send_input(struct pump *p)
{
	size_t len, used;
	int ret;

	p->blocked = IO_SENT;
	while (!p->flow_err && next_message(p, &len, &used)) {
		if (!fits(p, len))
			return too_long(p);
		ret = io_send(p->flow, p->in, len);
		if (ret == -EMSGSIZE)
			return too_long(p);
		if (ret < 0) {
			ended(p, IPCP_DEV_WRITE, ret);
			break;
		}
		p->blocked = ret;
		if (ret != IO_SENT)
			break;
		p->heard = now_ns();
		p->in_len -= used;
		memmove(p->in, p->in + used, p->in_len);
	}
	return EXIT_OK;
}

static int read_input(struct pump *p)
{
	ssize_t ret = read(STDIN_FILENO, p->in + p->in_len,
			   sizeof(p->in) - p->in_len);

	if (ret < 0 && errno != EINTR && errno != EAGAIN)
		return fail("cannot read from stdin: %m");
	if (ret == 0)
		p->in_eof = true;
	if (ret > 0)
		p->in_len += ret;
	return EXIT_OK;
}

/* Compact the output buffer; return true if another message fits. */
static bool out_room(struct pump *p)
{
	if (p->out_pos) {
		memmove(p->out, p->out + p->out_pos, p->out_len);
		p->out_pos = 0;
	}
	return p->out_len + MESSAGE_MAX + 1 <= sizeof(p->out);
}

static bool enough(const struct pump *p)
{
	return p->opts->count && p->received == p->opts->count;
}

static void read_flow(struct pump *p)
{
	int ret;

	while (!p->flow_err && !enough(p) && out_room(p)) {
		ret = io_recv(p->flow, p->out + p->out_len, MESSAGE_MAX);
		if (ret == -EAGAIN || ret == -EINTR)
			break;
		if (ret < 0) {
			ended(p, IPCP_DEV_READ, ret);
			break;
		}
		p->received++;
		p->heard = now_ns();
		p->out_len += ret;
		if (!p->opts->size)
			p->out[p->out_len++] = '\n';
	}
}

static int write_output(struct pump *p)
{
	size_t len = p->out_len < CHUNK ? p->out_len : CHUNK;
	ssize_t ret = write(STDOUT_FILENO, p->out + p->out_pos, len);

	if (ret < 0 && errno != EINTR && errno != EAGAIN)
		return fail("cannot write to stdout: %m");
	if (ret > 0) {
		p->out_pos += ret;
		p->out_len -= ret;
	}
	return EXIT_OK;
}

/* True if nothing is left to do; *status is then the exit status. */
static bool finished(const struct pump *p, int *status)
{
	if (p->out_len)
		return false;
	if (enough(p))
		return true;
	if (p->flow_err) {
		*status = io_end_status(p->flow, p->flow_op, p->flow_err);
		if (!*status && p->opts->count)
			*status = fail("the peer closed after %llu of %llu messages",
				       (unsigned long long)p->received,
				       (unsigned long long)p->opts->count);
		return true;
	}
	return p->in_eof && !p->in_len && p->opts->stdin_ends && !p->opts->count;
}

/* Set the events to wait for; a descriptor without events becomes -1. */
static int64_t want(struct pump *p, struct pollfd *fds)
{
	bool reading = !p->flow_err && !enough(p) && out_room(p);
	int64_t until = p->opts->timeout ? p->heard + p->opts->timeout : 0;

	fds[0].events = POLLPRI | (reading ? POLLIN : 0) |
			(p->blocked == IO_ROOM ? POLLOUT : 0);
	/*
	 * a flow that hung up and is not being read would wake poll() at once
	 */
	fds[0].fd = p->flow_hup && !reading ? -1 : p->flow;
	fds[1].events = POLLIN;
	fds[1].fd = !p->in_eof && p->blocked == IO_SENT && !p->flow_err ?
		    STDIN_FILENO : -1;
	fds[2].events = POLLOUT;
	fds[2].fd = p->out_len ? STDOUT_FILENO : -1;
	if (p->blocked == IO_LATER && (!until || until > now_ns() + IO_LATER_NS))
		until = now_ns() + IO_LATER_NS;
	return until;
}

static int step(struct pump *p)
{
	struct pollfd fds[3] = { 0 };
	int status = EXIT_OK;
	int ret;

	ret = wait_poll(fds, 3, want(p, fds));
	if (ret < 0)
		return fail("poll: %s", strerror(-ret));
	if (p->opts->timeout && now_ns() >= p->heard + p->opts->timeout && !ret)
		return fail("no message was sent or received for %.3g s (--timeout)",
			    p->opts->timeout / 1e9);
	if (fds[0].revents & POLLPRI)
		io_rekey(p->flow);
	if (fds[0].revents & (POLLHUP | POLLERR))
		p->flow_hup = true;
	if (fds[0].revents & (POLLIN | POLLHUP | POLLERR))
		read_flow(p);
	if (fds[1].revents)
		status = read_input(p);
	if (!status)
		status = send_input(p);
	if (!status && fds[2].revents)
		status = write_output(p);
	return status;
}

/**
 * pump_run() - relay messages until an end condition
 * @flow: a non-blocking flow
 * @opts: options
 *
 * Return: the exit status.
 */
int pump_run(int flow, const struct pump_opts *opts)
{
	static struct pump p;
	int status = EXIT_OK;

	memset(&p, 0, sizeof(p));
	p.opts = opts;
	p.flow = flow;
	p.heard = now_ns();
	p.blocked = IO_SENT;
	ask_mtu(&p);
	while (!stopped && !status && !finished(&p, &status))
		status = step(&p);
	return status;
}
