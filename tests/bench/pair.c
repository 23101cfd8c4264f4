// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Measures the time of messages from a sender to a receiver, each a process.
 *
 * Usage: pair WAY [--cipher C] [--size N] [--batch N] [--messages N]
 *             [--window N] [--rounds N] [--pairs N] [FD FD]...
 * Prints the nanoseconds of each round as JSON. The FDs are the ends of each
 * pair, sender first, for a way that is not opened here.
 *
 * The sender continues when the receiver has received a window of messages, so
 * no message is lost. With one processor they take turns: one sends a window,
 * the other receives it. Neither preempts the other when woken (SCHED_BATCH),
 * as if each had a processor.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pair.h"

#define PORT		7000
#define PAIRS_MAX	16
#define WARM_UP		2		/* rounds that do not count */

static const struct way *const ways[] = {
	&udp_way, &udp_batch_way, &unix_way, &tls_way,
	&flow_way, &flow_batch_way, &flow_local_way,
};

static struct options {
	struct pair pair;	/* what all pairs have in common */
	unsigned int messages, rounds, pairs, window;
} opt = {
	.pair = { .size = 64, .batch = 1 },
	.messages = 1024, .rounds = 7, .pairs = 1, .window = 256,
};

void die(const char *what)
{
	fprintf(stderr, "pair: %s: %s\n", what, strerror(errno));
	exit(1);
}

int ok(int ret, const char *what)
{
	if (ret < 0)
		die(what);
	return ret;
}

void want(size_t got, size_t expected, const char *what)
{
	if (got == expected)
		return;
	fprintf(stderr, "pair: %s: %zu, not %zu\n", what, got, expected);
	exit(1);
}

/* A socket in the network namespace of a host. */
int socket_in(const char *host, int type)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", host);
	fd = ok(open(path, O_RDONLY | O_CLOEXEC), path);
	ok(setns(fd, CLONE_NEWNET), "setns");
	ok(close(fd), "close");
	return ok(socket(AF_INET, type, 0), "socket");
}

struct sockaddr_in address_of(const char *host, unsigned int number)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(PORT + number),
		.sin_addr.s_addr = htonl(strcmp(host, "alice") ? 0x0a4d0002 :
							       0x0a4d0001),
	};
}

/* A child that ends has failed and said why. The others end with main(). */
static void child_ended(int signal)
{
	(void)signal;
	_exit(1);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void start_process(void)
{
	struct sched_param param = { 0 };

	signal(SIGCHLD, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ok(sched_setscheduler(0, SCHED_BATCH, &param), "SCHED_BATCH");
}

static void sender(struct pair *p, int tokens)
{
	for (unsigned int n = 0; n < opt.messages; n += opt.window) {
		char token;

		for (unsigned int i = 0; i < opt.window; i += p->batch)
			p->way->send(p);
		want(ok(read(tokens, &token, 1), "read"), 1, "tokens");
	}
}

/* Runs until main() ends, which kills this process. */
static void receiver(struct pair *p, int tokens)
{
	unsigned int got = 0, all = 0;

	for (;;) {
		const uint8_t *first = p->out + got % p->batch * p->size;

		got += p->way->recv(p);
		/* Compare with what was sent, in the warm-up only. */
		if (++all <= 2 && memcmp(p->in, first, p->size))
			die("another message came than was sent");
		if (got < opt.window)
			continue;
		got -= opt.window;
		want(ok(write(tokens, "", 1), "write"), 1, "tokens");
	}
}

/* Pipes: a byte for each sender that may begin a round, or has ended one. */
struct control {
	int go[2], done[2];
};

static pid_t spawn_sender(struct pair *p, struct control *c, int tokens)
{
	pid_t pid = ok(fork(), "fork");
	char word;

	if (pid)
		return pid;
	start_process();
	for (unsigned int i = 0; i < opt.rounds + WARM_UP; i++) {
		want(ok(read(c->go[0], &word, 1), "read"), 1, "words to go");
		sender(p, tokens);
		want(ok(write(c->done[1], "", 1), "write"), 1, "words");
	}
	pause();	/* exit only with main(), so that it is not measured */
	exit(0);
}

static pid_t spawn_receiver(struct pair *p, int tokens)
{
	pid_t pid = ok(fork(), "fork");

	if (pid)
		return pid;
	start_process();
	receiver(p, tokens);
	exit(0);
}

static void *memory(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	memset(p, 0, len);
	return p;
}

static void open_pair(struct pair *p, unsigned int number, char **fds)
{
	*p = opt.pair;
	p->out = memory(BUF_LEN);
	p->in = memory(BUF_LEN);
	p->wire = memory(BUF_LEN);
	for (size_t i = 0; i < p->size * p->batch; i++)
		p->out[i] = i * 31 + (i >> 8);
	if (p->way->needs_fds) {
		p->tx = atoi(fds[2 * number]);
		p->rx = atoi(fds[2 * number + 1]);
	} else {
		p->way->open(p, number);
	}
}

static uint64_t round_of_all(struct control *c)
{
	char words[PAIRS_MAX] = { 0 };
	uint64_t begin = now();

	want(ok(write(c->go[1], words, opt.pairs), "write"), opt.pairs, "words");
	for (unsigned int i = 0; i < opt.pairs; i++)
		want(ok(read(c->done[0], words, 1), "read"), 1, "words");
	return now() - begin;
}

static void usage(void)
{
	fprintf(stderr, "usage: pair WAY [--cipher aes|chacha] [--size N] [--batch N] [--messages N]\n"
		"            [--window N] [--rounds N] [--pairs N] [FD FD]...\n");
	exit(2);
}

static unsigned int number(const char *s, unsigned int max)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	if (!*s || *end || !n || n > max)
		usage();
	return n;
}

static void get_options(int argc, char **argv)
{
	static const struct option names[] = {
		{ "cipher", 1, NULL, 'c' }, { "size", 1, NULL, 's' },
		{ "batch", 1, NULL, 'b' }, { "messages", 1, NULL, 'm' },
		{ "rounds", 1, NULL, 'r' }, { "pairs", 1, NULL, 'p' },
		{ "window", 1, NULL, 'w' }, { }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (c) {
		case 'c':
			opt.pair.cipher = *optarg == 'a' ? CIPHER_AES :
							   CIPHER_CHACHA;
			break;
		case 's':
			opt.pair.size = number(optarg, 65535);
			break;
		case 'b':
			opt.pair.batch = number(optarg, BATCH_MAX);
			break;
		case 'm':
			opt.messages = number(optarg, 1 << 24);
			break;
		case 'r':
			opt.rounds = number(optarg, 10000);
			break;
		case 'p':
			opt.pairs = number(optarg, PAIRS_MAX);
			break;
		case 'w':
			opt.window = number(optarg, 1 << 16);
			break;
		default:
			usage();
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (optind < argc && !strcmp(argv[optind], ways[i]->name))
			opt.pair.way = ways[i];
	if (!opt.pair.way)
		usage();
	optind++;
	if (opt.pair.way->needs_fds && argc - optind != 2 * (int)opt.pairs)
		usage();
	if (opt.window % opt.pair.batch || opt.messages % opt.window ||
	    opt.pair.size * opt.pair.batch > BUF_LEN)
		usage();
}

int main(int argc, char **argv)
{
	struct pair pairs[PAIRS_MAX];
	struct control c;

	get_options(argc, argv);
	signal(SIGCHLD, child_ended);
	ok(pipe(c.go), "pipe");
	ok(pipe(c.done), "pipe");
	for (unsigned int i = 0; i < opt.pairs; i++) {
		int tokens[2];

		ok(pipe(tokens), "pipe");
		open_pair(&pairs[i], i, argv + optind);
		spawn_receiver(&pairs[i], tokens[1]);
		spawn_sender(&pairs[i], &c, tokens[0]);
	}
	printf("[");
	for (unsigned int i = 0; i < opt.rounds + WARM_UP; i++) {
		uint64_t ns = round_of_all(&c);

		if (i >= WARM_UP)
			printf("%s%llu", i > WARM_UP ? ", " : "",
			       (unsigned long long)ns);
	}
	printf("]\n");
	return 0;
}
