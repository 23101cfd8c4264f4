// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * blockfile-send NAME FILE: send a file over a flow to NAME, where
 * blockfile-recv serves. See block.h for the protocol.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "block.h"

#define RETRY_MS	1000	/* default: repeat a block after this time */

/* A block in flight. */
struct slot {
	uint8_t *msg;
	size_t len;
	int64_t sent;		/* time of the last transmission */
	bool acked;
};

struct sender {
	int flow;
	int file;
	uint64_t blocks;	/* in the whole transfer, with OPEN and END */
	uint64_t base;		/* lowest block not acknowledged */
	uint64_t next;		/* next block to send for the first time */
	unsigned long window;
	unsigned long retry_ms;
	size_t payload;		/* size in a DATA block */
	unsigned long rate;	/* bytes per second, 0 for no limit */
	struct slot *slots;	/* slot of a block is number % window */
	EVP_MD_CTX *sum;
	int64_t heard;		/* time of the last message from the receiver */
	enum block_io blocked;	/* result of the last write */
	bool done;
	struct report rep;
};

static struct slot *slot_of(const struct sender *s, uint64_t number)
{
	return &s->slots[number % s->window];
}

/* Fill a slot with the next block: OPEN, DATA in the order of the file, END. */
static int make_block(struct sender *s, struct slot *slot)
{
	uint8_t *payload = slot->msg + sizeof(struct block_hdr);
	uint64_t size = htobe64(s->rep.total);
	uint8_t digest[BLOCK_SUM_LEN];
	ssize_t len;

	if (s->next == 0) {
		memcpy(payload, &size, sizeof(size));
		slot->len = block_put(slot->msg, BLOCK_OPEN, 0, sizeof(size));
	} else if (s->next < s->blocks - 1) {
		len = read(s->file, payload, s->payload);
		if (len <= 0)
			return die("cannot read the file: %s",
				   len ? strerror(errno) : "it became shorter");
		EVP_DigestUpdate(s->sum, payload, len);
		slot->len = block_put(slot->msg, BLOCK_DATA, s->next, len);
	} else {
		EVP_DigestFinal_ex(s->sum, digest, NULL);
		report_sum(&s->rep, digest);
		memcpy(payload, digest, sizeof(digest));
		slot->len = block_put(slot->msg, BLOCK_END, s->next, sizeof(digest));
	}
	slot->acked = false;
	slot->sent = 0;
	return 0;
}

/* Return the time at which --rate allows the next block. */
static int64_t due(const struct sender *s)
{
	if (!s->rate)
		return 0;
	return s->rep.start + (int64_t)(1000.0 * s->next * s->payload / s->rate);
}

/* Send new blocks while the window and the flow have room. */
static int send_new(struct sender *s)
{
	struct slot *slot;

	while (s->next < s->blocks && s->next < s->base + s->window &&
	       due(s) <= now_ms()) {
		slot = slot_of(s, s->next);
		/* a block that found no room keeps its slot */
		if (slot->len == 0 && make_block(s, slot))
			return -1;
		s->blocked = block_write(s->flow, slot->msg, slot->len);
		if (s->blocked != BLOCK_OK)
			break;
		slot->sent = now_ms();
		s->next++;
	}
	return 0;
}

/* Repeat blocks not acknowledged in time; return when to check again. */
static int64_t send_again(struct sender *s)
{
	int64_t now = now_ms(), soonest = now + s->retry_ms;
	struct slot *slot;
	uint64_t n;

	for (n = s->base; n < s->next && s->blocked == BLOCK_OK; n++) {
		slot = slot_of(s, n);
		if (slot->acked)
			continue;
		if (now - slot->sent >= (int64_t)s->retry_ms) {
			s->blocked = block_write(s->flow, slot->msg, slot->len);
			if (s->blocked != BLOCK_OK)
				break;
			slot->sent = now;
			s->rep.repeated++;
		}
		if (slot->sent + (int64_t)s->retry_ms < soonest)
			soonest = slot->sent + s->retry_ms;
	}
	return soonest;
}

static void mark(struct sender *s, uint64_t number)
{
	struct slot *slot = slot_of(s, number);

	if (slot->acked)
		return;
	slot->acked = true;
	s->rep.messages++;
	if (slot->msg[offsetof(struct block_hdr, type)] == BLOCK_DATA)
		s->rep.bytes += slot->len - sizeof(struct block_hdr);
}

/* Process an ACK for all blocks below its number, and single blocks above. */
static void on_ack(struct sender *s, const struct block *b)
{
	uint64_t bit, n;

	if (b->number > s->next)
		return;
	for (n = s->base; n < b->number; n++)
		mark(s, n);
	for (bit = 0; bit < 8ULL * b->length; bit++) {
		n = b->number + bit;
		if (n >= s->base && n < s->next &&
		    (b->payload[bit / 8] & (1 << bit % 8)))
			mark(s, n);
	}
	while (s->base < s->next && slot_of(s, s->base)->acked) {
		slot_of(s, s->base)->len = 0;
		slot_of(s, s->base)->acked = false;
		s->base++;
	}
}

/* Read all queued acknowledgements. */
static enum block_io receive(struct sender *s)
{
	uint8_t msg[sizeof(struct block_hdr) + BLOCK_WINDOW_MAX / 8];
	enum block_io ret;
	struct block b;
	size_t len;

	while (!s->done) {
		ret = block_read(s->flow, msg, sizeof(msg), &len);
		if (ret != BLOCK_OK)
			return ret;
		if (!block_get(msg, len, &b))
			continue;
		s->heard = now_ms();
		if (b.type == BLOCK_ACK)
			on_ack(s, &b);
		if (b.type == BLOCK_DONE && b.length == 1 && s->next == s->blocks) {
			b.number = s->blocks;
			s->rep.match = b.payload[0] == 1;
			b.length = 0;
			on_ack(s, &b);
			s->done = true;
		}
	}
	return BLOCK_OK;
}

static int transfer(struct sender *s)
{
	int64_t until;
	short seen;

	s->heard = now_ms();
	while (!s->done) {
		s->blocked = BLOCK_OK;
		if (send_new(s))
			return -1;
		until = send_again(s);
		report_tick(&s->rep);
		if (s->blocked == BLOCK_LONG)
			return die("the path takes only shorter messages now; start again");
		if (s->blocked == BLOCK_LATER)
			until = now_ms() + 50;
		if (due(s) > now_ms() && due(s) < until)
			until = due(s);
		if (until > s->rep.shown + 1000)
			until = s->rep.shown + 1000;
		seen = block_wait(s->flow, s->blocked == BLOCK_WAIT ? POLLOUT : 0,
				  until);
		if (seen & POLLPRI)
			report_sample(&s->rep);
		if (seen & BLOCK_READ && receive(s) == BLOCK_OVER)
			return die("the flow ended before the file did");
		if (now_ms() > s->heard + BLOCK_QUIET_MS)
			return die("the receiver is silent");
	}
	return 0;
}

/*
 * Determine the message size of the flow and the file size, allocate the
 * window.
 */
static int prepare(struct sender *s, const char *path)
{
	struct ipcp_info info;
	struct stat st;
	size_t mtu = 1400;
	unsigned long i;

	s->file = open(path, O_RDONLY | O_CLOEXEC);
	if (s->file < 0 || fstat(s->file, &st))
		return die("cannot open %s: %m", path);
	if (!S_ISREG(st.st_mode))
		return die("%s is not a regular file", path);
	if (!ipcp_dev_info(s->flow, &info))
		mtu = info.mtu < BLOCK_MSG_MAX ? info.mtu : BLOCK_MSG_MAX;
	if (mtu < sizeof(struct block_hdr) + BLOCK_SUM_LEN)
		return die("the flow's messages are too short");
	s->payload = mtu - sizeof(struct block_hdr);
	s->blocks = 2 + (st.st_size + s->payload - 1) / s->payload;
	report_start(&s->rep, "send", s->flow);
	s->rep.total = st.st_size;
	s->slots = calloc(s->window, sizeof(*s->slots));
	s->sum = EVP_MD_CTX_new();
	if (!s->slots || !s->sum || !EVP_DigestInit_ex(s->sum, EVP_sha256(), NULL))
		return die("out of memory");
	for (i = 0; i < s->window; i++) {
		s->slots[i].msg = malloc(mtu);
		if (!s->slots[i].msg)
			return die("out of memory");
	}
	return 0;
}

static void clean_up(struct sender *s)
{
	unsigned long i;

	for (i = 0; s->slots && i < s->window; i++)
		free(s->slots[i].msg);
	free(s->slots);
	EVP_MD_CTX_free(s->sum);
	if (s->file >= 0)
		close(s->file);
	close(s->flow);
}

/* Allocate a flow to NAME; -1 after printing an error. */
static int connect_to(const char *name)
{
	int fd = ipcp_dev_open(0);
	enum ipcp_dev_op op = IPCP_DEV_OPEN;
	char line[512];
	int err = fd;

	if (fd >= 0) {
		op = IPCP_DEV_ALLOC;
		err = ipcp_dev_alloc(fd, name, NULL, IPCP_TIMEOUT_DEFAULT);
	}
	if (fd >= 0 && !err)
		return fd;
	ipcp_dev_explain(fd, op, err, name, line, sizeof(line));
	die("%s", line);
	if (fd >= 0)
		close(fd);
	return -1;
}

static const char usage[] =
"Usage: blockfile-send [OPTION]... NAME FILE\n"
"       blockfile-send --fd N [OPTION]... FILE\n\n"
"Sends FILE over a flow to NAME, where blockfile-recv serves.\n\n"
"  --window N    blocks in flight (default 64, at most 512)\n"
"  --retry MS    repeat a block after that many milliseconds (default 1000)\n"
"  --rate N      at most N kB a second\n"
"  --json FILE   write a summary there\n"
"  --fd N        use this descriptor instead of a flow to NAME\n"
"  --help        show this help\n";

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "window", required_argument, NULL, 'w' },
		{ "retry", required_argument, NULL, 'r' },
		{ "rate", required_argument, NULL, 'R' },
		{ "json", required_argument, NULL, 'j' },
		{ "fd", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct sender s = { .file = -1, .flow = -1, .window = BLOCK_WINDOW,
			    .retry_ms = RETRY_MS };
	const char *json = NULL;
	unsigned long fd = 0;
	int c, status = EXIT_FAILURE;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'w' && number_arg("window", optarg, 1,
					   BLOCK_WINDOW_MAX, &s.window))
			continue;
		if (c == 'r' && number_arg("retry", optarg, 10, 60000,
					   &s.retry_ms))
			continue;
		if (c == 'R' && number_arg("rate", optarg, 1, 10000000,
					   &s.rate)) {
			s.rate *= 1000;
			continue;
		}
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
	s.flow = fd ? (int)fd : connect_to(argv[optind]);
	if (s.flow < 0)
		return EXIT_FAILURE;
	ipcp_dev_nonblock(s.flow, true);
	if (!prepare(&s, argv[argc - 1]) && !transfer(&s))
		status = report_end(&s.rep, json);
	clean_up(&s);
	return status;
}
