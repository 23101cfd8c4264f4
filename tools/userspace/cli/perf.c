// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * ipcp-rekey perf: measure throughput. The client sends as fast as the flow
 * allows for some time, then asks the server for its counts.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "out.h"

#define PERF_MAGIC	0x70657266	/* "perf" */
#define PERF_SIZE	1024
#define PERF_TIME	(10 * NSEC_PER_SEC)
#define PERF_BURST	64		/* messages between clock reads */
#define ASK_AGAIN	(200 * NSEC_PER_MSEC)
#define ASK_FOR		(10 * NSEC_PER_SEC)

enum perf_type {
	PERF_DATA,
	PERF_ASK,	/* request for the counts */
	PERF_TELL,	/* reply with the counts */
};

/* Start of each message, big endian; the rest of DATA is zero. */
struct perf_msg {
	uint32_t magic;
	uint32_t type;
	uint64_t messages;	/* TELL */
	uint64_t bytes;		/* TELL */
	uint64_t ns;		/* TELL: from the first to the last message */
} __attribute__((packed));

struct perf {
	struct client client;	/* must be first */
	uint64_t size;
	int64_t time;

	uint64_t sent;
	int64_t ns;		/* duration of sending */
	bool told;
	uint64_t received;
	uint64_t received_bytes;
	int64_t received_ns;
};

/* Server: count messages, and report the counts. */
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
		/* if the reply is lost, the client asks again */
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

	memcpy(buf, &msg, sizeof(msg));
	return client_send(&p->client, buf, len);
}

static void note_answer(struct client *client, const char *buf, size_t len)
{
	struct perf *p = (struct perf *)client;
	struct perf_msg msg;

	if (len != sizeof(msg))
		return;
	memcpy(&msg, buf, sizeof(msg));
	if (be32toh(msg.magic) != PERF_MAGIC || be32toh(msg.type) != PERF_TELL)
		return;
	p->told = true;
	p->received = be64toh(msg.messages);
	p->received_bytes = be64toh(msg.bytes);
	p->received_ns = be64toh(msg.ns);
}

/* Send until the flow is full or a burst is complete. */
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

	while (!stopped && !status && !p->client.err && now_ns() < end) {
		ret = send_burst(p);
		if (ret == -EMSGSIZE)
			return EXIT_FAIL;
		if (ret < 0)
			break;
		until = now_ns();	/* do not wait when all was sent */
		if (ret == IO_LATER)
			until += IO_LATER_NS;
		if (ret == IO_ROOM)
			until = end;
		status = client_wait(&p->client,
				     ret == IO_ROOM ? POLLOUT : 0, until);
	}
	p->ns = now_ns() - start;
	return status;
}

/* Request the counts. The request may wait behind queued messages. */
static int ask(struct perf *p)
{
	int64_t end = now_ns() + ASK_FOR;
	int status = EXIT_OK;

	stopped = 0;
	while (!stopped && !status && !p->client.err && !p->told &&
	       now_ns() < end) {
		if (send_type(p, PERF_ASK, sizeof(struct perf_msg)) >= 0)
			status = client_wait(&p->client, 0,
					     now_ns() + ASK_AGAIN);
	}
	if (!status && !p->told && !p->client.err)
		status = fail("no report from '%s'; check that 'perf --server' runs there",
			      p->client.name);
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
				  "name", p->client.name,
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

static int measure(struct client *client)
{
	struct perf *p = (struct perf *)client;
	int status;

	if (client_open(client))
		return EXIT_FAIL;
	status = send_all(p);
	if (!status && !client->err)
		status = ask(p);
	status = client_close(client, status);
	if (status)
		return status;
	if (client->json)
		return report_json(p);
	report_text(p);
	return EXIT_OK;
}

int cmd_perf(int argc, char **argv)
{
	struct perf perf = {
		.client = { .got = note_answer },
		.size = PERF_SIZE,
		.time = PERF_TIME,
	};
	const struct opt opts[] = {
		{ "time", 't', "S", "send for S seconds (default 10)",
		  OPT_SECONDS, &perf.time, 0, 0 },
		{ "size", 's', "N", "bytes per message (default 1024)", OPT_COUNT,
		  &perf.size, sizeof(struct perf_msg), MESSAGE_MAX },
		CLIENT_OPTS(&perf.client, "receive the messages sent to NAME"),
		{ 0 }
	};
	const struct use use = {
		"perf", "NAME",
		"Sends messages to NAME, where 'perf --server NAME' receives them, as\n"
		"fast as the flow takes them. A flow has no flow control: messages\n"
		"that the receiver is too slow for are lost, and counted.\n",
		opts, 1, 1
	};

	return client_main(&use, argc, argv, &perf.client, count, measure);
}
