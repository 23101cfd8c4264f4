/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * The calls of <ipcp_rekey.h>, one case per run. C89, with no other header of
 * the project.
 *
 * native-cases CASE	run a case, with flows to names served by native-serve
 */
#define _POSIX_C_SOURCE 200112L

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ipcp_rekey.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define SIZE		2048
#define BATCH		64

/* The buffers and the elements of a batch. */
static char bufs[BATCH][SIZE];
static struct ipcp_msg msgs[BATCH];

static void set_buffers(size_t size)
{
	int i;

	for (i = 0; i < BATCH; i++)
		IPCP_MSG_SET(&msgs[i], bufs[i], size);
}

static void is(long got, long wanted, const char *what, int line)
{
	if (got == wanted)
		return;
	printf("line %d: %s is %ld, not %ld (%s)\n", line, what, got, wanted,
	       strerror(errno));
	exit(1);
}

#define IS(what, wanted)	is((what), (wanted), #what, __LINE__)
#define HOLDS(what)		is(!!(what), 1, #what, __LINE__)
#define FAILS(call, err)	(IS(call, -1), IS(errno, err))

static void same(const char *got, const char *wanted)
{
	if (!strcmp(got, wanted))
		return;
	printf("\"%s\" is not \"%s\"\n", got, wanted);
	exit(1);
}

/* Catches hangs; long, since a machine may be held up. */
#define PATIENCE	600000
#define SOON		50

static void set_rcvtimeo(int fd, long ms)
{
	struct ipcp_set set = { sizeof(set), IPCP_SET_RCVTIMEO };

	set.rcvtimeo = IPCP_MSEC(ms);
	IS(ipcp_set(fd, &set), 0);
}

/* Allocate a flow with a receive timeout of PATIENCE. */
static int flow_to(const char *name)
{
	int fd = ipcp_alloc(name, NULL);

	HOLDS(fd >= 0);
	set_rcvtimeo(fd, PATIENCE);
	return fd;
}

static int demo(void)
{
	return flow_to("demo");
}

static void say(int fd, const char *text)
{
	IS(ipcp_send(fd, text, strlen(text), 0), (long)strlen(text));
}

/* Receive a message, which must be @text, not truncated. */
static void hear(int fd, const char *text)
{
	int truncated = 7;
	char buf[512];
	ssize_t len = ipcp_recv(fd, buf, sizeof(buf) - 1, 0, &truncated);

	HOLDS(len >= 0);
	IS(truncated, 0);
	buf[len] = '\0';
	same(buf, text);
}

static int poll_for(int fd, short events)
{
	struct pollfd pfd;

	pfd.fd = fd;
	pfd.events = events;
	IS(poll(&pfd, 1, PATIENCE), 1);
	return pfd.revents;
}

/* Return: the state of a flow, valid until the next call */
static const struct ipcp_info *info_of(int fd)
{
	static struct ipcp_info info;

	info.size = sizeof(info);
	IS(ipcp_info(fd, &info), 0);
	IS(info.size, sizeof(info));
	return &info;
}

static void echo(void)
{
	int fd = demo();

	say(fd, "hello");
	hear(fd, "hello");
	IS(ipcp_send(fd, "", 0, 0), 0);
	IS(ipcp_send(fd, NULL, 0, IPCP_DONTWAIT), 0);
	IS(ipcp_send(fd, "x", 1, IPCP_DONTWAIT), 1);
	hear(fd, "");
	hear(fd, "");
	hear(fd, "x");
	IS(close(fd), 0);
	FAILS(ipcp_send(fd, "x", 1, 0), EBADF);
}

static void descriptors(void)
{
	int fd = demo();

	IS(fcntl(fd, F_GETFD), FD_CLOEXEC);
	IS(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
	/* the lowest free number, as for open() */
	IS(demo(), fd);
	say(fd, "how");
	hear(fd, "nonblock cloexec timeout 0 peer '' 0");
}

static void qualities(void)
{
	struct ipcp_alloc_options options = { sizeof(options) };
	struct ipcp_qos qos = { 0 };
	int fd;

	qos.timeout = 7000;
	options.qos = &qos;
	FAILS(ipcp_alloc("demo", &options), EOPNOTSUPP);
	qos.loss = 1;
	fd = ipcp_alloc("demo", &options);
	HOLDS(fd >= 0);
	set_rcvtimeo(fd, PATIENCE);
	say(fd, "how");
	hear(fd, "nonblock cloexec timeout 7000 peer '' 0");
	IS(info_of(fd)->peer_timeout, 7000);
}

/* Return: the length of message @i; the same for some in a row */
static size_t length_of(int i)
{
	return 4 + i / 10 * 37 % 1200;
}

/* Send a batch of messages, numbered from @first on. */
static void send_batch(int fd, int first)
{
	int i, done, sent;

	for (i = 0; i < BATCH; i++) {
		memset(bufs[i], first + i, SIZE);
		IPCP_MSG_SET(&msgs[i], bufs[i], length_of(first + i));
	}
	for (done = 0; done < BATCH; done += sent) {
		sent = ipcp_send_many(fd, msgs + done, BATCH - done, 0);
		HOLDS(sent > 0);
	}
}

static void receive_batch(int fd, int first)
{
	int i, n, done;
	char want[SIZE];

	for (done = 0; done < BATCH; done += n) {
		set_buffers(SIZE);
		n = ipcp_recv_many(fd, msgs, BATCH - done, 0);
		HOLDS(n > 0);
		for (i = 0; i < n; i++) {
			memset(want, first + done + i, SIZE);
			IS(msgs[i].flags, 0);
			IS(msgs[i].len, length_of(first + done + i));
			IS(memcmp(bufs[i], want, msgs[i].len), 0);
		}
	}
}

static void many(void)
{
	const struct ipcp_info *info;
	int fd = demo();
	int i;

	for (i = 0; i < 50; i++) {
		send_batch(fd, i * BATCH);
		receive_batch(fd, i * BATCH);
	}
	info = info_of(fd);
	IS(info->tx_packets, 50 * BATCH);
	IS(info->rx_packets, 50 * BATCH);
}

/* One call sends as much as it can of a larger batch. */
static void large_batch(void)
{
	static struct ipcp_msg large[IPCP_BATCH_MAX + 1];
	int fd = demo();
	size_t i;
	int n;

	for (i = 0; i < ARRAY_SIZE(large); i++)
		IPCP_MSG_SET(&large[i], "x", 1);
	n = ipcp_send_many(fd, large, ARRAY_SIZE(large), IPCP_DONTWAIT);
	HOLDS(n > 0);
	HOLDS(n <= IPCP_BATCH_MAX);
	hear(fd, "x");
	FAILS(ipcp_send_many(fd, large, 0, 0), EINVAL);
	FAILS(ipcp_recv_many(fd, large, 0, 0), EINVAL);
}

static void truncation(void)
{
	int truncated = 7;
	int fd = demo();
	char buf[8];

	say(fd, "12345678");
	say(fd, "1234");
	say(fd, "lost");
	say(fd, "next");
	IS(ipcp_recv(fd, buf, 4, 0, &truncated), 4);
	IS(truncated, 1);
	IS(memcmp(buf, "1234", 4), 0);
	IS(ipcp_recv(fd, buf, 4, 0, &truncated), 4);
	IS(truncated, 0);
	IS(ipcp_recv(fd, buf, 2, IPCP_PEEK | IPCP_TRUNC, &truncated), 4);
	IS(truncated, 1);
	IS(ipcp_recv(fd, NULL, 0, 0, &truncated), 0);
	IS(truncated, 1);
	set_buffers(3);
	IS(ipcp_recv_many(fd, msgs, BATCH, 0), 1);
	IS(msgs[0].len, 3);
	IS(msgs[0].flags, IPCP_MSG_TRUNC);
	IS(memcmp(bufs[0], "nex", 3), 0);
}

static void too_long(void)
{
	static char buf[65536];
	int fd = demo();

	FAILS(ipcp_send(fd, buf, sizeof(buf), 0), EMSGSIZE);
	FAILS(ipcp_send(fd, buf, sizeof(buf), IPCP_DONTWAIT), EMSGSIZE);
	say(fd, "x");
	hear(fd, "x");
}

static void no_wait(void)
{
	struct ipcp_alloc_options options = { sizeof(options), IPCP_NONBLOCK };
	char buf[8];
	int fd = demo();

	FAILS(ipcp_recv(fd, buf, sizeof(buf), IPCP_DONTWAIT, NULL), EAGAIN);
	set_buffers(SIZE);
	FAILS(ipcp_recv_many(fd, msgs, BATCH, IPCP_DONTWAIT), EAGAIN);
	FAILS(ipcp_recv(fd, buf, sizeof(buf), 8, NULL), EINVAL);
	FAILS(ipcp_send(fd, "x", 1, IPCP_PEEK), EINVAL);
	fd = ipcp_alloc("demo", &options);
	HOLDS(fd >= 0);
	HOLDS(poll_for(fd, POLLOUT) & POLLOUT);
	FAILS(ipcp_recv(fd, buf, sizeof(buf), 0, NULL), EAGAIN);
	say(fd, "x");
	HOLDS(poll_for(fd, POLLIN) & POLLIN);
	hear(fd, "x");
}

static void limits(void)
{
	struct ipcp_alloc_options options = { sizeof(options) };
	char buf[8];
	int fd = demo();

	set_rcvtimeo(fd, SOON);
	FAILS(ipcp_recv(fd, buf, sizeof(buf), 0, NULL), ETIMEDOUT);
	set_buffers(SIZE);
	FAILS(ipcp_recv_many(fd, msgs, BATCH, 0), ETIMEDOUT);
	FAILS(ipcp_recv(fd, buf, sizeof(buf), IPCP_DONTWAIT, NULL), EAGAIN);
	/* no host has the address of this name */
	options.timeout = IPCP_MSEC(SOON);
	FAILS(ipcp_alloc("nowhere", &options), ETIMEDOUT);
	options.timeout = -2;
	FAILS(ipcp_alloc("demo", &options), EINVAL);
}

static void serving(void)
{
	struct ipcp_accept accept = { sizeof(accept) };
	char buf[8];
	int fd = ipcp_listen("mine", 4, 0);

	HOLDS(fd >= 0);
	IS(fcntl(fd, F_GETFD), FD_CLOEXEC);
	same(info_of(fd)->name, "mine");
	accept.timeout = IPCP_MSEC(SOON);
	FAILS(ipcp_accept(fd, &accept), ETIMEDOUT);
	accept.flags = IPCP_NONBLOCK << 1;
	FAILS(ipcp_accept(fd, &accept), EINVAL);
	FAILS(ipcp_recv(fd, buf, sizeof(buf), 0, NULL), EINVAL);
	FAILS(ipcp_peer_name(fd, buf, sizeof(buf)), ENOTCONN);
	FAILS(ipcp_alloc_result(fd), ENOTCONN);
	FAILS(ipcp_rekey(fd), ENOTCONN);
	FAILS(ipcp_down(fd), ENOTCONN);
	close(fd);
	fd = ipcp_listen("mine", 0, IPCP_NONBLOCK);
	HOLDS(fd >= 0);
	FAILS(ipcp_accept(fd, NULL), EAGAIN);
	FAILS(ipcp_accept(demo(), NULL), EINVAL);
	FAILS(ipcp_listen("mine", 1025, 0), EINVAL);
	FAILS(ipcp_listen("denied", 0, 0), EACCES);
	HOLDS(strstr(ipcp_strerror(IPCP_CALL_LISTEN, EACCES), "policy"));
}

static void unreachable(void)
{
	struct ipcp_alloc_options options = { sizeof(options) };
	char reason[IPCP_REASON_LEN] = "";
	int fd;

	options.reason = reason;
	options.reason_size = sizeof(reason);
	FAILS(ipcp_alloc("nobody.invalid", &options), EHOSTUNREACH);
	HOLDS(reason[0]);
	FAILS(ipcp_alloc("denied", &options), EACCES);
	HOLDS(strstr(ipcp_strerror(IPCP_CALL_ALLOC, EACCES), "policy"));
	HOLDS(reason[0]);
	FAILS(ipcp_alloc("idle", &options), ECONNREFUSED);
	HOLDS(reason[0]);
	options.reason_size = 4;
	FAILS(ipcp_alloc("idle", &options), ECONNREFUSED);
	IS(strlen(reason), 3);
	/* failures leak no descriptor; success clears the reason */
	fd = ipcp_alloc("demo", &options);
	IS(fd, 3);
	IS(reason[0], 0);
}

static void polled(void)
{
	struct ipcp_alloc_options options = { sizeof(options), IPCP_NONBLOCK };
	char name[IPCP_NAME_LEN + 1];
	int fd = ipcp_alloc("demo", &options);

	HOLDS(fd >= 0);
	HOLDS(fcntl(fd, F_GETFL) & O_NONBLOCK);
	HOLDS(!ipcp_alloc_result(fd) || errno == EINPROGRESS);
	HOLDS(poll_for(fd, POLLOUT) & POLLOUT);
	IS(ipcp_alloc_result(fd), 0);
	fd = ipcp_alloc("idle", &options);
	HOLDS(fd >= 0);
	HOLDS(poll_for(fd, POLLOUT) & POLLERR);
	FAILS(ipcp_alloc_result(fd), ECONNREFUSED);
	HOLDS(info_of(fd)->reason[0]);
	/* no host answers this request */
	fd = ipcp_alloc("nowhere", &options);
	HOLDS(fd >= 0);
	FAILS(ipcp_alloc_result(fd), EINPROGRESS);
	FAILS(ipcp_peer_name(fd, name, sizeof(name)), EAGAIN);
	FAILS(ipcp_down(fd), EAGAIN);
}

static void unproved(void)
{
	char name[IPCP_NAME_LEN + 1] = "?";
	int fd = demo();

	IS(ipcp_peer_name(fd, name, sizeof(name)), 0);
	same(name, "");
}

/* Both ends of this name authenticate. */
static void proved(void)
{
	char name[IPCP_NAME_LEN + 1];
	int fd = flow_to("proved");

	IS(ipcp_peer_name(fd, name, sizeof(name)), 6);
	same(name, "proved");
	IS(ipcp_peer_name(fd, name, 7), 6);
	FAILS(ipcp_peer_name(fd, name, 6), ENAMETOOLONG);
	say(fd, "how");
	hear(fd, "nonblock cloexec timeout 0 peer 'client.proved' 1");
}

static void state(void)
{
	struct ipcp_info info;
	int fd = demo();

	say(fd, "12345");
	hear(fd, "12345");
	info = *info_of(fd);
	IS(info.state, IPCP_STATE_ALLOCATED);
	IS(info.initiator, 1);
	IS(info.tx_packets, 1);
	IS(info.rx_bytes, 5);
	HOLDS(info.mtu > 0);
	HOLDS(info.cipher);
	same(info.name, "demo");
	/* a program that was compiled with an older, shorter struct */
	memset(&info, 0x5a, sizeof(info));
	info.size = offsetof(struct ipcp_info, mtu);
	IS(ipcp_info(fd, &info), 0);
	IS(info.size, offsetof(struct ipcp_info, mtu));
	IS(info.state, IPCP_STATE_ALLOCATED);
	IS(info.mtu, 0x5a5a5a5a);
}

static void access_modes(void)
{
	struct ipcp_set set = { sizeof(set), IPCP_SET_ACCESS };
	char buf[8];
	int fd = demo();

	set.access = IPCP_RB_RD;
	IS(ipcp_set(fd, &set), 0);
	FAILS(ipcp_send(fd, "x", 1, 0), EPERM);
	set.access = IPCP_RB_WR;
	IS(ipcp_set(fd, &set), 0);
	FAILS(ipcp_recv(fd, buf, sizeof(buf), 0, NULL), EPERM);
	set.access = 0x80;
	FAILS(ipcp_set(fd, &set), EINVAL);
}

/* Nothing is read or sent, so no other call takes the seed. */
static void rekeys(void)
{
	int fd = demo();
	int epoch = info_of(fd)->epoch;

	IS(ipcp_rekey(fd), 0);
	HOLDS(poll_for(fd, POLLPRI) & POLLPRI);
	HOLDS(info_of(fd)->rb_flags & IPCP_RB_REKEY);
	IS(ipcp_rekey(fd), 0);
	HOLDS(info_of(fd)->epoch != epoch);
	HOLDS(info_of(fd)->rekeys > 0);
	say(fd, "x");
	hear(fd, "x");
}

static void down(void)
{
	char buf[8];
	int fd = demo();

	IS(ipcp_down(fd), 0);
	FAILS(ipcp_send(fd, "x", 1, 0), ESHUTDOWN);
	FAILS(ipcp_recv(fd, buf, sizeof(buf), 0, NULL), ESHUTDOWN);
	HOLDS(poll_for(fd, POLLIN) & POLLHUP);
	HOLDS(strstr(ipcp_strerror(IPCP_CALL_FLOW, ESHUTDOWN), "the flow is down"));
}

static void peer_ends(void)
{
	char buf[8];
	int fd = demo();

	say(fd, "last");
	hear(fd, "last");
	say(fd, "bye");
	FAILS(ipcp_recv(fd, buf, sizeof(buf), 0, NULL), ESHUTDOWN);
	FAILS(ipcp_send(fd, "x", 1, 0), ESHUTDOWN);
}

static void no_agent(void)
{
	FAILS(ipcp_alloc("demo", NULL), ENOTCONN);
	FAILS(ipcp_listen("mine", 0, 0), ENOTCONN);
}

static void no_access(void)
{
	struct ipcp_alloc_options options = { sizeof(options) };
	char reason[IPCP_REASON_LEN] = "";

	options.reason = reason;
	options.reason_size = sizeof(reason);
	FAILS(ipcp_alloc("demo", &options), EACCES);
	HOLDS(strstr(reason, IPCP_REKEY_DEVICE) != NULL);
	same(ipcp_strerror(IPCP_CALL_ALLOC, EACCES), reason);
	HOLDS(strstr(reason, "adduser") != NULL);
	FAILS(ipcp_listen("mine", 0, 0), EACCES);
	same(ipcp_strerror(IPCP_CALL_LISTEN, EACCES), reason);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "a-message-is-echoed", echo },
	{ "descriptors-are-plain-file-descriptors", descriptors },
	{ "the-qos-of-a-flow-is-passed-on", qualities },
	{ "batches-go-both-ways", many },
	{ "a-call-sends-part-of-a-large-batch", large_batch },
	{ "truncated-messages-are-marked", truncation },
	{ "messages-that-are-too-long-are-refused", too_long },
	{ "non-blocking-calls-fail-with-eagain", no_wait },
	{ "calls-time-out", limits },
	{ "listening-and-accepting-have-distinct-errors", serving },
	{ "unreachable-names-have-distinct-errors", unreachable },
	{ "pending-allocations-are-polled", polled },
	{ "an-unauthenticated-peer-has-no-name", unproved },
	{ "an-authenticated-peer-has-its-name", proved },
	{ "the-state-of-a-flow-is-reported", state },
	{ "access-modes-are-enforced", access_modes },
	{ "a-seed-is-taken", rekeys },
	{ "a-flow-is-taken-down", down },
	{ "a-flow-ends-when-the-peer-closes-it", peer_ends },
	/* run by the test in another environment */
	{ "no-access", no_access },
	{ "no-agent", no_agent }
};

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc == 2 && i < ARRAY_SIZE(cases); i++)
		if (!strcmp(argv[1], cases[i].name)) {
			cases[i].run();
			return 0;
		}
	return 2;
}
