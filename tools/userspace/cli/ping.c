// SPDX-License-Identifier: GPL-2.0
/*
 * ipcp-rekey ping: round trips. The server sends back what it gets.
 */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "io.h"
#include "out.h"
#include "serve.h"

#define PING_MAGIC	0x70696e67	/* "ping" */
#define PING_DEFAULT	64
#define PING_WAIT	(2 * NSEC_PER_SEC)

/* What a message begins with, big endian; the rest is zero. */
struct ping_msg {
	uint32_t magic;
	uint32_t reserved;
	uint64_t seq;
	uint64_t sent_ns;
} __attribute__((packed));

struct ping {
	const char *name;
	uint64_t count;
	uint64_t size;
	int64_t interval;
	int64_t wait;		/* for the last answer */
	bool json;

	int fd;
	int err;		/* why the flow ended, or 0 */
	bool hup;
	uint64_t sent;
	uint64_t received;
	int64_t next;		/* when to send the next */
	double min, max, sum, sum2;	/* milliseconds */
};

static void echo(struct serve_peer *peer, char *buf, size_t len)
{
	/* without room the answer is lost, as on a network */
	io_send(peer->fd, buf, len);
}

static int send_one(struct ping *p)
{
	static char buf[MESSAGE_MAX];
	struct ping_msg msg = {
		.magic = htobe32(PING_MAGIC),
		.seq = htobe64(p->sent + 1),
		.sent_ns = htobe64(now_ns()),
	};
	int ret;

	memcpy(buf, &msg, sizeof(msg));
	ret = io_send(p->fd, buf, p->size);
	if (ret == -EMSGSIZE)
		return fail("--size %llu is more than a message of this flow can have; use less",
			    (unsigned long long)p->size);
	if (ret < 0)
		p->err = ret;
	p->sent++;
	p->next += p->interval;
	return EXIT_OK;
}

static void note_answer(struct ping *p, const char *buf, size_t len)
{
	struct ping_msg msg;
	double ms;

	if (len < sizeof(msg))
		return;
	memcpy(&msg, buf, sizeof(msg));
	if (be32toh(msg.magic) != PING_MAGIC || be64toh(msg.seq) > p->sent)
		return;
	ms = (now_ns() - (int64_t)be64toh(msg.sent_ns)) / 1e6;
	if (!p->received || ms < p->min)
		p->min = ms;
	if (!p->received || ms > p->max)
		p->max = ms;
	p->sum += ms;
	p->sum2 += ms * ms;
	p->received++;
	if (!p->json) {
		printf("%zu bytes from %s: seq=%llu time=%.3f ms\n", len,
		       p->name, (unsigned long long)be64toh(msg.seq), ms);
		fflush(stdout);
	}
}

static void read_answers(struct ping *p)
{
	static char buf[MESSAGE_MAX];
	int ret;

	while (!p->err) {
		ret = io_recv(p->fd, buf, sizeof(buf));
		if (ret == -EAGAIN || ret == -EINTR)
			return;
		if (ret < 0)
			p->err = ret;
		else
			note_answer(p, buf, ret);
	}
}

static bool all_sent(const struct ping *p)
{
	return p->count && p->sent == p->count;
}

static int run(struct ping *p)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN | POLLPRI };
	int64_t until;
	int ret, status = EXIT_OK;

	p->next = now_ns();
	while (!stopped && !p->err && !status) {
		if (!all_sent(p) && now_ns() >= p->next)
			status = send_one(p);
		if (all_sent(p) && p->received >= p->sent)
			break;
		until = all_sent(p) ? p->next - p->interval + p->wait : p->next;
		if (all_sent(p) && now_ns() >= until)
			break;
		ret = wait_poll(&pfd, 1, until);
		if (ret < 0)
			return fail("poll: %s", strerror(-ret));
		if (pfd.revents & POLLPRI)
			io_rekey(p->fd);
		if (pfd.revents & (POLLIN | POLLHUP | POLLERR))
			read_answers(p);
	}
	return status;
}

static double mdev(const struct ping *p)
{
	double avg = p->sum / p->received;
	double var = p->sum2 / p->received - avg * avg;

	return var > 0 ? sqrt(var) : 0;
}

static double loss(const struct ping *p)
{
	return p->sent ? 100.0 * (p->sent - p->received) / p->sent : 0;
}

static int report_json(const struct ping *p)
{
	json_t *rtt = json_null();

	if (p->received)
		rtt = json_pack("{s:f, s:f, s:f, s:f}", "min", p->min,
				"avg", p->sum / p->received, "max", p->max,
				"mdev", mdev(p));
	return out_json(json_pack("{s:s, s:I, s:I, s:I, s:f, s:o}",
				  "name", p->name,
				  "size", (json_int_t)p->size,
				  "sent", (json_int_t)p->sent,
				  "received", (json_int_t)p->received,
				  "loss_percent", loss(p),
				  "rtt_ms", rtt), false);
}

static void report_text(const struct ping *p)
{
	printf("\n--- %s ping statistics ---\n"
	       "%llu sent, %llu received, %.4g%% lost\n", p->name,
	       (unsigned long long)p->sent, (unsigned long long)p->received,
	       loss(p));
	if (p->received)
		printf("rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", p->min,
		       p->sum / p->received, p->max, mdev(p));
}

static int client(struct ping *p)
{
	int status;

	p->fd = io_connect(p->name, 0);
	if (p->fd < 0)
		return EXIT_FAIL;
	stop_catch();
	if (!p->json) {
		printf("PING %s: %llu bytes a message\n", p->name,
		       (unsigned long long)p->size);
		fflush(stdout);
	}
	status = run(p);
	if (p->err) {
		io_end_status(p->fd, p->err);
		status = fail("the flow to '%s' ended", p->name);
	}
	close(p->fd);
	if (p->json)
		status |= report_json(p);
	else
		report_text(p);
	return status || !p->received ? EXIT_FAIL : EXIT_OK;
}

int cmd_ping(int argc, char **argv)
{
	struct ping ping = {
		.size = PING_DEFAULT,
		.interval = NSEC_PER_SEC,
		.wait = PING_WAIT,
	};
	bool server = false;
	uint64_t flows = 0;
	const struct opt opts[] = {
		{ "count", 'c', "N", "send N messages, then end", OPT_COUNT,
		  &ping.count, 1, UINT64_MAX },
		{ "interval", 'i', "S", "S seconds between two (default 1)",
		  OPT_SECONDS, &ping.interval, 0, 0 },
		{ "size", 's', "N", "bytes a message (default 64)", OPT_COUNT,
		  &ping.size, sizeof(struct ping_msg), MESSAGE_MAX },
		{ "wait", 'W', "S", "wait S seconds for the last answer (default 2)",
		  OPT_SECONDS, &ping.wait, 0, 0 },
		{ "json", 'j', NULL, "print the result as JSON", OPT_FLAG,
		  &ping.json, 0, 0 },
		{ "server", 0, NULL, "answer pings to NAME", OPT_FLAG, &server,
		  0, 0 },
		{ "flows", 0, "N", "with --server: end after N flows", OPT_COUNT,
		  &flows, 1, UINT64_MAX },
		{ 0 }
	};
	const struct use use = {
		"ping", "NAME",
		"Sends messages to NAME, where 'ping --server NAME' answers them, and\n"
		"prints how long each was on its way and back.\n",
		opts, 1, 1
	};
	char **args = use_parse(&use, argc, argv);

	if (server)
		return serve_run(args[0], flows, echo);
	if (flows)
		return use_error(&use, "--flows goes with --server");
	ping.name = args[0];
	return client(&ping);
}
