// SPDX-License-Identifier: GPL-2.0
/*
 * ipcp-rekey perf: throughput. The client sends as fast as the flow takes it,
 * for some time, then asks the server what arrived.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "io.h"
#include "out.h"
#include "serve.h"

#define PERF_MAGIC	0x70657266	/* "perf" */
#define PERF_SIZE	1024
#define PERF_TIME	(10 * NSEC_PER_SEC)
#define PERF_BURST	64		/* messages between looks at the clock */
#define ASK_AGAIN	(200 * NSEC_PER_MSEC)
#define ASK_FOR		(10 * NSEC_PER_SEC)

enum perf_type {
	PERF_DATA,
	PERF_ASK,	/* what arrived? */
	PERF_TELL,	/* the answer */
};

/* What a message begins with, big endian; the rest of DATA is zero. */
struct perf_msg {
	uint32_t magic;
	uint32_t type;
	uint64_t messages;	/* TELL */
	uint64_t bytes;		/* TELL */
	uint64_t ns;		/* TELL: from the first to the last */
} __attribute__((packed));

struct perf {
	const char *name;
	uint64_t size;
	int64_t time;
	bool json;

	int fd;
	int err;		/* why the flow ended, or 0 */
	uint64_t sent;
	int64_t ns;		/* how long sending took */
	bool told;
	uint64_t received;
	uint64_t received_bytes;
	int64_t received_ns;
};

/* The server: counts, and tells. */
static void count(struct serve_peer *peer, char *buf, size_t len)
{
	struct perf_msg msg;

	if (len < sizeof(msg))
		return;
	memcpy(&msg, buf, sizeof(msg));
	if (be32toh(msg.magic) != PERF_MAGIC)
		return;
	if (be32toh(msg.type) == PERF_DATA) {
		peer->last_ns = now_ns();
		if (!peer->messages)
			peer->first_ns = peer->last_ns;
		peer->messages++;
		peer->bytes += len;
	} else if (be32toh(msg.type) == PERF_ASK) {
		msg.type = htobe32(PERF_TELL);
		msg.messages = htobe64(peer->messages);
		msg.bytes = htobe64(peer->bytes);
		msg.ns = htobe64(peer->last_ns - peer->first_ns);
		/* lost, it is asked for again */
		io_send(peer->fd, &msg, sizeof(msg));
	}
}

static int send_type(struct perf *p, enum perf_type type, size_t len)
{
	static char buf[MESSAGE_MAX];
	struct perf_msg msg = {
		.magic = htobe32(PERF_MAGIC),
		.type = htobe32(type),
	};
	int ret;

	memcpy(buf, &msg, sizeof(msg));
	ret = io_send(p->fd, buf, len);
	if (ret < 0 && ret != -EMSGSIZE)
		p->err = ret;
	return ret;
}

static void read_answers(struct perf *p)
{
	struct perf_msg msg;
	int ret;

	while (!p->err) {
		ret = io_recv(p->fd, &msg, sizeof(msg));
		if (ret == -EAGAIN || ret == -EINTR)
			return;
		if (ret < 0) {
			p->err = ret;
			return;
		}
		if (ret != sizeof(msg) || be32toh(msg.magic) != PERF_MAGIC ||
		    be32toh(msg.type) != PERF_TELL)
			continue;
		p->told = true;
		p->received = be64toh(msg.messages);
		p->received_bytes = be64toh(msg.bytes);
		p->received_ns = be64toh(msg.ns);
	}
}

/* Waits for what is worth waiting for, and does it. */
static int wait_flow(struct perf *p, short events, int64_t until)
{
	struct pollfd pfd = { .fd = p->fd, .events = events | POLLIN | POLLPRI };
	int ret = wait_poll(&pfd, 1, until);

	if (ret < 0)
		return fail("poll: %s", strerror(-ret));
	if (pfd.revents & POLLPRI)
		io_rekey(p->fd);
	if (pfd.revents & (POLLIN | POLLHUP | POLLERR))
		read_answers(p);
	return EXIT_OK;
}

/* Sends until the flow takes no more, or a burst. */
static int send_burst(struct perf *p)
{
	int i, ret = IO_SENT;

	for (i = 0; i < PERF_BURST && ret == IO_SENT; i++) {
		ret = send_type(p, PERF_DATA, p->size);
		if (ret == IO_SENT)
			p->sent++;
	}
	return ret;
}

static int send_all(struct perf *p)
{
	int64_t start = now_ns(), end = start + p->time, until;
	int ret, status = EXIT_OK;

	while (!stopped && !status && !p->err && now_ns() < end) {
		ret = send_burst(p);
		if (ret == -EMSGSIZE)
			return fail("--size %llu is more than a message of this flow can have; use less",
				    (unsigned long long)p->size);
		if (ret < 0)
			break;
		until = now_ns();	/* only a look, when all was sent */
		if (ret == IO_LATER)
			until += IO_LATER_NS;
		if (ret == IO_ROOM)
			until = end;
		status = wait_flow(p, ret == IO_ROOM ? POLLOUT : 0, until);
	}
	p->ns = now_ns() - start;
	return status;
}

/* Asks what arrived; it may take a while behind what is queued. */
static int ask(struct perf *p)
{
	int64_t end = now_ns() + ASK_FOR;
	int status = EXIT_OK;

	stopped = 0;
	while (!stopped && !status && !p->err && !p->told && now_ns() < end) {
		if (send_type(p, PERF_ASK, sizeof(struct perf_msg)) >= 0)
			status = wait_flow(p, 0, now_ns() + ASK_AGAIN);
	}
	if (!status && !p->told && !p->err)
		status = fail("'%s' does not tell what arrived; does 'perf --server' run there?",
			      p->name);
	return status;
}

static double per_s(uint64_t n, int64_t ns)
{
	return ns > 0 ? n * 1e9 / ns : 0;
}

static uint64_t lost(const struct perf *p)
{
	return p->sent > p->received ? p->sent - p->received : 0;
}

static double loss(const struct perf *p)
{
	return p->sent ? 100.0 * lost(p) / p->sent : 0;
}

static json_t *side(uint64_t messages, uint64_t bytes, int64_t ns)
{
	return json_pack("{s:I, s:I, s:f, s:f, s:f}",
			 "messages", (json_int_t)messages,
			 "bytes", (json_int_t)bytes, "seconds", ns / 1e9,
			 "messages_per_s", per_s(messages, ns),
			 "mb_per_s", per_s(bytes, ns) / 1e6);
}

static int report_json(const struct perf *p)
{
	return out_json(json_pack("{s:s, s:I, s:o, s:o, s:I, s:f}",
				  "name", p->name,
				  "size", (json_int_t)p->size,
				  "sent", side(p->sent, p->sent * p->size, p->ns),
				  "received", side(p->received, p->received_bytes,
						   p->received_ns),
				  "lost", (json_int_t)lost(p),
				  "loss_percent", loss(p)), false);
}

static void report_text(const struct perf *p)
{
	printf("%-9s %12s %14s %14s %10s\n", "", "messages", "bytes",
	       "messages/s", "MB/s");
	printf("%-9s %12llu %14llu %14.0f %10.2f\n", "sent",
	       (unsigned long long)p->sent,
	       (unsigned long long)(p->sent * p->size), per_s(p->sent, p->ns),
	       per_s(p->sent * p->size, p->ns) / 1e6);
	printf("%-9s %12llu %14llu %14.0f %10.2f\n", "received",
	       (unsigned long long)p->received,
	       (unsigned long long)p->received_bytes,
	       per_s(p->received, p->received_ns),
	       per_s(p->received_bytes, p->received_ns) / 1e6);
	printf("%-9s %12llu (%.4g%%)\n", "lost", (unsigned long long)lost(p),
	       loss(p));
}

static int client(struct perf *p)
{
	int status;

	p->fd = io_connect(p->name, 0);
	if (p->fd < 0)
		return EXIT_FAIL;
	stop_catch();
	status = send_all(p);
	if (!status && !p->err)
		status = ask(p);
	if (p->err) {
		io_end_status(p->fd, p->err);
		status = fail("the flow to '%s' ended", p->name);
	}
	close(p->fd);
	if (status)
		return status;
	if (p->json)
		return report_json(p);
	report_text(p);
	return EXIT_OK;
}

int cmd_perf(int argc, char **argv)
{
	struct perf perf = { .size = PERF_SIZE, .time = PERF_TIME };
	bool server = false;
	uint64_t flows = 0;
	const struct opt opts[] = {
		{ "time", 't', "S", "send for S seconds (default 10)",
		  OPT_SECONDS, &perf.time, 0, 0 },
		{ "size", 's', "N", "bytes a message (default 1024)", OPT_COUNT,
		  &perf.size, sizeof(struct perf_msg), MESSAGE_MAX },
		{ "json", 'j', NULL, "print the result as JSON", OPT_FLAG,
		  &perf.json, 0, 0 },
		{ "server", 0, NULL, "receive what is sent to NAME", OPT_FLAG,
		  &server, 0, 0 },
		{ "flows", 0, "N", "with --server: end after N flows", OPT_COUNT,
		  &flows, 1, UINT64_MAX },
		{ 0 }
	};
	const struct use use = {
		"perf", "NAME",
		"Sends messages to NAME, where 'perf --server NAME' receives them, as\n"
		"fast as the flow takes them. A flow has no flow control: what the\n"
		"receiver is too slow for is lost, and shown.\n",
		opts, 1, 1
	};
	char **args = use_parse(&use, argc, argv);

	if (server)
		return serve_run(args[0], flows, count);
	if (flows)
		return use_error(&use, "--flows goes with --server");
	perf.name = args[0];
	return client(&perf);
}
