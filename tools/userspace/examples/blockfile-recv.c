// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * blockfile-recv NAME OUT: serve NAME, accept one flow, and write the file
 * received over it to OUT. See block.h for the protocol.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "block.h"

#define ACK_EVERY	16	/* blocks, while more of them are queued */
#define LINGER_MS	3000	/* after the end, if DONE was lost */

/* A block that arrived before a block with a lower number. */
struct early {
	uint8_t *msg;
	size_t len;		/* 0: empty */
};

struct receiver {
	int flow;
	int file;
	uint64_t next;		/* next block; all blocks before it are written */
	unsigned int unacked;	/* blocks since the last ACK */
	struct early *early;	/* indexed by number % BLOCK_WINDOW_MAX */
	EVP_MD_CTX *sum;
	bool done;		/* END was received */
	int64_t heard;		/* time of the last message from the sender */
	struct report rep;
};

/*
 * Acknowledge all blocks below next, and single blocks above. A lost ACK does
 * no harm, since the next one includes it.
 */
static void send_ack(struct receiver *r)
{
	uint8_t msg[sizeof(struct block_hdr) + BLOCK_WINDOW_MAX / 8] = { 0 };
	uint8_t *map = msg + sizeof(struct block_hdr);
	size_t bit, len = 0;

	if (r->done) {
		map[0] = r->rep.match;
		block_write(r->flow, msg, block_put(msg, BLOCK_DONE, r->next, 1));
		r->unacked = 0;
		return;
	}
	for (bit = 1; bit < BLOCK_WINDOW_MAX; bit++) {
		if (!r->early[(r->next + bit) % BLOCK_WINDOW_MAX].len)
			continue;
		map[bit / 8] |= 1 << bit % 8;
		len = bit / 8 + 1;
	}
	block_write(r->flow, msg, block_put(msg, BLOCK_ACK, r->next, len));
	r->unacked = 0;
}

static int write_all(int fd, const uint8_t *buf, size_t len)
{
	ssize_t ret;

	while (len) {
		ret = write(fd, buf, len);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return die("cannot write the file: %m");
		buf += ret;
		len -= ret;
	}
	return 0;
}

/* Write the next block in sequence. */
static int take(struct receiver *r, const struct block *b)
{
	uint8_t digest[BLOCK_SUM_LEN];
	uint64_t size;

	r->next++;
	r->rep.messages++;
	switch (b->type) {
	case BLOCK_OPEN:
		if (b->number || b->length != sizeof(size))
			return die("the sender's first block is invalid");
		memcpy(&size, b->payload, sizeof(size));
		r->rep.total = be64toh(size);
		return 0;
	case BLOCK_DATA:
		r->rep.bytes += b->length;
		EVP_DigestUpdate(r->sum, b->payload, b->length);
		return write_all(r->file, b->payload, b->length);
	case BLOCK_END:
		EVP_DigestFinal_ex(r->sum, digest, NULL);
		report_sum(&r->rep, digest);
		r->rep.match = b->length == sizeof(digest) &&
			       r->rep.bytes == r->rep.total &&
			       !memcmp(digest, b->payload, sizeof(digest));
		r->done = true;
		return 0;
	default:
		return die("the sender sent what only a receiver sends");
	}
}

/* Write early blocks that are in sequence now. */
static int take_early(struct receiver *r)
{
	struct early *e = &r->early[r->next % BLOCK_WINDOW_MAX];
	struct block b;

	while (!r->done && e->len && block_get(e->msg, e->len, &b)) {
		e->len = 0;
		if (take(r, &b))
			return -1;
		e = &r->early[r->next % BLOCK_WINDOW_MAX];
	}
	return 0;
}

/* Keep a block that arrived before a block with a lower number. */
static int keep(struct receiver *r, const uint8_t *msg, size_t len,
		const struct block *b)
{
	struct early *e = &r->early[b->number % BLOCK_WINDOW_MAX];

	if (e->len) {
		r->rep.repeated++;
		return 0;
	}
	free(e->msg);
	e->msg = malloc(len);
	if (!e->msg)
		return die("out of memory");
	memcpy(e->msg, msg, len);
	e->len = len;
	return 0;
}

static int on_block(struct receiver *r, const uint8_t *msg, size_t len,
		    const struct block *b)
{
	int ret;

	r->unacked++;
	if (r->done || b->number < r->next) {
		/* a repeat: the sender has not received the acknowledgement */
		r->rep.repeated++;
		r->unacked = ACK_EVERY;
		return 0;
	}
	if (b->number == r->next) {
		ret = take(r, b);
		return ret ? ret : take_early(r);
	}
	if (b->number - r->next >= BLOCK_WINDOW_MAX)
		return 0;
	r->unacked = ACK_EVERY;		/* a gap: acknowledge at once */
	return keep(r, msg, len, b);
}

/*
 * Read all queued messages. Acknowledge every ACK_EVERY blocks, and when the
 * queue is empty.
 */
static enum block_io receive(struct receiver *r)
{
	static uint8_t msg[BLOCK_MSG_MAX];
	enum block_io ret;
	struct block b;
	size_t len;

	while ((ret = block_read(r->flow, msg, sizeof(msg), &len)) == BLOCK_OK) {
		if (!block_get(msg, len, &b))
			continue;
		r->heard = now_ms();
		if (on_block(r, msg, len, &b))
			return BLOCK_LATER;
		if (r->unacked >= ACK_EVERY)
			send_ack(r);
	}
	if (r->unacked)
		send_ack(r);
	return ret;
}

/* Run until the sender has closed the flow, or has finished and is silent. */
static int transfer(struct receiver *r)
{
	enum block_io ret = BLOCK_OK;
	int64_t until, quiet;

	r->heard = now_ms();
	while (ret != BLOCK_OVER) {
		if (!r->done)
			report_tick(&r->rep);
		quiet = r->heard + (r->done ? LINGER_MS : BLOCK_QUIET_MS);
		if (now_ms() > quiet)
			break;
		until = r->done ? quiet : r->rep.shown + 1000;
		if (!(block_wait(r->flow, 0, until) & BLOCK_READ))
			continue;
		ret = receive(r);
		if (ret == BLOCK_LATER)
			return -1;
	}
	if (!r->done)
		return die("the flow ended before the file did");
	return 0;
}

static int prepare(struct receiver *r, const char *path)
{
	r->file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (r->file < 0)
		return die("cannot write %s: %m", path);
	r->early = calloc(BLOCK_WINDOW_MAX, sizeof(*r->early));
	r->sum = EVP_MD_CTX_new();
	if (!r->early || !r->sum || !EVP_DigestInit_ex(r->sum, EVP_sha256(), NULL))
		return die("out of memory");
	report_start(&r->rep, "recv", r->flow);
	return 0;
}

static int clean_up(struct receiver *r)
{
	int i, ret = 0;

	for (i = 0; r->early && i < BLOCK_WINDOW_MAX; i++)
		free(r->early[i].msg);
	free(r->early);
	EVP_MD_CTX_free(r->sum);
	if (r->file >= 0 && close(r->file))
		ret = die("cannot write the file: %m");
	close(r->flow);
	return ret;
}

/* Accept the first flow of a served name; -1 after printing an error. */
static int serve(const char *name)
{
	enum ipcp_dev_op op = IPCP_DEV_OPEN;
	int listener = ipcp_dev_open(0);
	int flow = listener;
	char line[512];

	if (listener >= 0) {
		op = IPCP_DEV_LISTEN;
		flow = ipcp_dev_listen(listener, name, 1);
	}
	if (flow >= 0) {
		ipcp_dev_ready();
		op = IPCP_DEV_ACCEPT;
		flow = ipcp_dev_accept(listener, 0, IPCP_TIMEOUT_NONE, NULL);
	}
	if (flow < 0) {
		ipcp_dev_explain(listener, op, flow, name, line, sizeof(line));
		die("%s", line);
	}
	if (listener >= 0)
		close(listener);
	return flow;
}

static const char usage[] =
"Usage: blockfile-recv [OPTION]... NAME OUT\n"
"       blockfile-recv --fd N [OPTION]... OUT\n\n"
"Serves NAME, takes one flow from blockfile-send, and writes the file to OUT.\n\n"
"  --json FILE   write a summary there\n"
"  --fd N        use this descriptor instead of serving NAME\n"
"  --help        show this help\n";

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", required_argument, NULL, 'j' },
		{ "fd", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct receiver r = { .file = -1, .flow = -1 };
	const char *json = NULL;
	unsigned long fd = 0;
	int c, status = EXIT_FAILURE;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'f' && number_arg("fd", optarg, 3, 1023, &fd))
			continue;
		if (c == 'j') {
			json = optarg;
			continue;
		}
		if (c == '?' || c == 'h')
			fputs(usage, c == 'h' ? stdout : stderr);
		return c == 'h' ? EXIT_SUCCESS : 2;
	}
	if (argc - optind != (fd ? 1 : 2)) {
		fputs(usage, stderr);
		return 2;
	}
	r.flow = fd ? (int)fd : serve(argv[optind]);
	if (r.flow < 0)
		return EXIT_FAILURE;
	ipcp_dev_nonblock(r.flow, true);
	if (!prepare(&r, argv[argc - 1]) && !transfer(&r))
		status = report_end(&r.rep, json);
	if (clean_up(&r))
		status = EXIT_FAILURE;
	return status;
}
