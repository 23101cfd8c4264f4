// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* ipcp-rekey ping: measure round-trip times. The server echoes messages. */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "out.h"

#define PING_MAGIC	0x70696e67	/* "ping" */
#define PING_DEFAULT	64
#define PING_WAIT	(2 * NSEC_PER_SEC)
#define PING_RECENT	(1U << 20)	/* messages whose answers count */

/* Start of each message, big endian; the rest is zero. */
struct ping_msg {
	uint32_t magic;
	uint32_t reserved;
	uint64_t seq;
	uint64_t reserved2;
} __attribute__((packed));

struct ping {
	struct client client;	/* must be first */
	uint64_t count;
	uint64_t size;
	int64_t interval;
	int64_t wait;		/* time to wait for the last answer */

	uint64_t sent;
	uint64_t received;
	int64_t next;		/* time to send the next message */
	int64_t last;		/* time at which the last message was sent */
	double min, max, sum, sum2;	/* milliseconds */
	int64_t *sent_at;	/* for each of the last PING_RECENT messages; 0 if answered */
};

static void echo(struct serve_peer *peer, char *buf, size_t len)
{
	/* if there is no room, the answer is lost, as on a network */
	io_send(peer->fd, buf, len);
}

/*
 * Note an answer. Return the time at which the message was sent, or 0 if it was
 * never sent, was sent long ago, or has been answered already: the peer may send
 * anything.
 */
static int64_t first_answer(struct ping *p, uint64_t seq)
{
	int64_t *slot = &p->sent_at[seq % PING_RECENT], at;

	if (!seq || seq > p->sent || p->sent - seq >= PING_RECENT)
		return 0;
	at = *slot;
	*slot = 0;
	return at;
}

static int send_one(struct ping *p)
{
	static char buf[MESSAGE_MAX];
	struct ping_msg msg = {
		.magic = htobe32(PING_MAGIC),
		.seq = htobe64(p->sent + 1),
	};

	p->last = now_ns();
	memcpy(buf, &msg, sizeof(msg));
	if (client_send(&p->client, buf, p->size) == -EMSGSIZE)
		return EXIT_FAIL;
	p->sent_at[++p->sent % PING_RECENT] = p->last;
	p->next += p->interval;
	return EXIT_OK;
}

static void note_answer(struct client *client, const char *buf, size_t len)
{
	struct ping *p = (struct ping *)client;
	struct ping_msg msg;
	int64_t at;
	double ms;

	if (len < sizeof(msg))
		return;
	memcpy(&msg, buf, sizeof(msg));
	if (be32toh(msg.magic) != PING_MAGIC)
		return;
	at = first_answer(p, be64toh(msg.seq));
	if (!at)
		return;
	ms = (now_ns() - at) / 1e6;
	if (!p->received || ms < p->min)
		p->min = ms;
	if (!p->received || ms > p->max)
		p->max = ms;
	p->sum += ms;
	p->sum2 += ms * ms;
	p->received++;
	if (!client->json) {
		printf("%zu bytes from %s: seq=%llu time=%.3f ms\n", len,
		       client->name, (unsigned long long)be64toh(msg.seq), ms);
		fflush(stdout);
	}
}

static bool all_sent(const struct ping *p)
{
	return p->count && p->sent == p->count;
}

static int run(struct ping *p)
{
	int64_t until;
	int status = EXIT_OK;

	p->next = now_ns();
	while (!stopped && !p->client.err && !status) {
		if (!all_sent(p) && now_ns() >= p->next)
			status = send_one(p);
		if (all_sent(p) && p->received >= p->sent)
			break;
		until = all_sent(p) ? p->last + p->wait : p->next;
		if (all_sent(p) && now_ns() >= until)
			break;
		if (!status)
			status = client_wait(&p->client, 0, until);
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
				  "name", p->client.name,
				  "size", (json_int_t)p->size,
				  "sent", (json_int_t)p->sent,
				  "received", (json_int_t)p->received,
				  "loss_percent", loss(p),
				  "rtt_ms", rtt), false);
}

static void report_text(const struct ping *p)
{
	printf("\n--- %s ping statistics ---\n"
	       "%llu sent, %llu received, %.4g%% lost\n", p->client.name,
	       (unsigned long long)p->sent, (unsigned long long)p->received,
	       loss(p));
	if (p->received)
		printf("rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", p->min,
		       p->sum / p->received, p->max, mdev(p));
}

static int measure(struct client *client)
{
	struct ping *p = (struct ping *)client;
	int status;

	if (client_open(client))
		return EXIT_FAIL;
	if (!client->json) {
		printf("PING %s: %llu bytes per message\n", client->name,
		       (unsigned long long)p->size);
		fflush(stdout);
	}
	status = client_close(client, run(p));
	if (client->json)
		status |= report_json(p);
	else
		report_text(p);
	return status || !p->received ? EXIT_FAIL : EXIT_OK;
}

int cmd_ping(int argc, char **argv)
{
	static int64_t sent_at[PING_RECENT];
	struct ping ping = {
		.sent_at = sent_at,
		.client = { .got = note_answer },
		.size = PING_DEFAULT,
		.interval = NSEC_PER_SEC,
		.wait = PING_WAIT,
	};
	const struct opt opts[] = {
		{ "count", 'c', "N", "send N messages, then end", OPT_COUNT,
		  &ping.count, 1, UINT64_MAX },
		{ "interval", 'i', "S", "S seconds between messages (default 1)",
		  OPT_SECONDS, &ping.interval, 0, 0 },
		{ "size", 's', "N", "bytes per message (default 64)", OPT_COUNT,
		  &ping.size, sizeof(struct ping_msg), MESSAGE_MAX },
		{ "wait", 'W', "S", "wait S seconds for the last answer (default 2)",
		  OPT_SECONDS, &ping.wait, 0, 0 },
		CLIENT_OPTS(&ping.client, "answer pings to NAME"),
		{ 0 }
	};
	const struct use use = {
		"ping", "NAME",
		"Sends messages to NAME, where 'ping --server NAME' answers them, and\n"
		"prints the round-trip time of each.\n",
		opts, 1, 1
	};

	return client_main(&use, argc, argv, &ping.client, echo, measure);
}
