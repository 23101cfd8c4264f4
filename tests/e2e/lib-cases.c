/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Calls of the library as a program sees them, one case per run. C89, like the
 * programs that the library is for.
 *
 * lib-cases serve		echo each message; "bye" ends the flow, "qos"
 *				asks for its QoS, "who" for the peer name
 * lib-cases list		print the names of the cases, one per line
 * lib-cases CASE		run a case, with flows to the name "demo"
 */
#define _POSIX_C_SOURCE 200112L

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ouroboros/dev.h>
#include <ouroboros/errno.h>
#include <ouroboros/fccntl.h>
#include <ouroboros/fqueue.h>

#include "lib-help.h"
#include "lib-serve.h"

/* No end authenticates. */
static void peer(void)
{
	char name[256] = "?";
	int fd = demo();

	IS(flow_peer_name(fd, name, sizeof(name)), 0);
	IS(name[0], 0);
	IS(flow_dealloc(fd), 0);
	IS(flow_peer_name(fd, name, sizeof(name)), -ENOTALLOC);
}

/* Both ends of this name authenticate. */
static void proved(void)
{
	static const char us[] = "client.proved", peer_name[] = "proved";
	int fd = flow_alloc("proved", NULL, NULL);
	char name[256];

	HOLDS(fd >= 0);
	IS(fccntl(fd, FLOWSRCVTIMEO, &patience), 0);
	memset(name, '?', sizeof(name));
	IS(flow_peer_name(fd, name, sizeof(name)), sizeof(peer_name) - 1);
	IS(strcmp(name, peer_name), 0);
	memset(name, '?', sizeof(name));
	IS(flow_peer_name(fd, name, sizeof(peer_name)), sizeof(peer_name) - 1);
	IS(strcmp(name, peer_name), 0);
	IS(name[sizeof(peer_name)], '?');
	IS(flow_peer_name(fd, name, sizeof(peer_name) - 1), -ENAMETOOLONG);
	say(fd, "who");
	hear(fd, 64, us);
	IS(flow_dealloc(fd), 0);
}

static void numbers(void)
{
	int fds[8];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = demo();
		IS(fds[i], 64 + i);
	}
	IS(flow_dealloc(fds[3]), 0);
	IS(demo(), fds[3]);
}

static void echo(void)
{
	int fd = demo();

	say(fd, "hello");
	hear(fd, 64, "hello");
	IS(flow_dealloc(fd), 0);
	IS(flow_dealloc(fd), -ENOTALLOC);
	IS(flow_write(fd, "x", 1), -ENOTALLOC);
}

static void parts(void)
{
	int fd = demo();

	say(fd, "a message in parts");
	say(fd, "12345678");
	say(fd, "next");
	hear(fd, 10, "a message ");
	hear(fd, 64, "in parts");
	hear(fd, 8, "12345678");
	IS(flow_read(fd, NULL, 0), 0);
	hear(fd, 64, "next");
}

static void whole(void)
{
	char buf[4];
	int fd = demo();

	set_flags(fd, FLOWFDEFAULT | FLOWFRNOPART);
	say(fd, "12345");
	say(fd, "1234");
	IS(flow_read(fd, buf, 4), -EMSGSIZE);
	hear(fd, 4, "1234");
}

static void empty(void)
{
	int fd = demo();

	IS(flow_write(fd, NULL, 0), 0);
	set_flags(fd, FLOWFDEFAULT | FLOWFWNOBLOCK);
	IS(flow_write(fd, NULL, 0), 0);
	say(fd, "after");
	hear(fd, 64, "after");
}

static void no_wait(void)
{
	struct pollfd pfd = { 0, POLLIN, 0 };
	char buf[8];
	int fd = demo();

	set_flags(fd, FLOWFDEFAULT | FLOWFNONBLOCK);
	IS(flow_read(fd, buf, sizeof(buf)), -EAGAIN);
	say(fd, "x");
	/* the descriptor works with poll(), too */
	pfd.fd = fd;
	IS(poll(&pfd, 1, 600000), 1);
	hear(fd, 8, "x");
	IS(flow_read(fd, buf, sizeof(buf)), -EAGAIN);
}

static void limits(void)
{
	struct timespec got = { 0, 0 };
	char buf[8];
	int fd = demo();

	IS(fccntl(fd, FLOWSRCVTIMEO, &soon), 0);
	IS(fccntl(fd, FLOWGRCVTIMEO, &got), 0);
	IS(got.tv_nsec, soon.tv_nsec);
	IS(flow_read(fd, buf, sizeof(buf)), -ETIMEDOUT);
	IS(fccntl(fd, FLOWSRCVTIMEO, &at_once), 0);
	IS(flow_read(fd, buf, sizeof(buf)), -ETIMEDOUT);
	IS(fccntl(fd, FLOWSRCVTIMEO, NULL), 0);
	IS(fccntl(fd, FLOWGRCVTIMEO, &got), -EPERM);
	IS(fccntl(fd, FLOWSSNDTIMEO, &soon), 0);
	IS(fccntl(fd, FLOWGSNDTIMEO, &got), 0);
	say(fd, "x");
	hear(fd, 8, "x");
}

static void long_messages(void)
{
	static char out[LIB_SIZE], in[LIB_SIZE];
	int fd = demo();
	size_t i;

	for (i = 0; i < LIB_SIZE; i++)
		out[i] = i * 7;
	IS(flow_write(fd, out, LIB_SIZE), -EMSGSIZE);
	IS(flow_write(fd, out, 1400), 1400);
	IS(flow_read(fd, in, 1), 1);
	IS(flow_read(fd, in + 1, LIB_SIZE - 1), 1399);
	IS(memcmp(in, out, 1400), 0);
}

static void qualities(void)
{
	qosspec_t qs = qos_raw;
	int fd;

	qs.timeout = 7000;
	qs.ber = 0;
	fd = flow_alloc("demo", &qs, &patience);
	HOLDS(fd >= 0);
	IS(qs.ber, 1);
	say(fd, "qos");
	hear(fd, 64, "loss 1, timeout 7000");
	memset(&qs, 0, sizeof(qs));
	IS(fccntl(fd, FLOWGQOSSPEC, &qs), 0);
	IS(qs.timeout, 7000);
}

static void order_and_no_loss(void)
{
	qosspec_t lossless = qos_raw;
	qosspec_t ordered = qos_raw;
	qosspec_t data = qos_data;

	lossless.loss = 0;
	ordered.in_order = 1;
	IS(flow_alloc("demo", &lossless, NULL), -ENOTSUP);
	IS(flow_alloc("demo", &ordered, NULL), -ENOTSUP);
	IS(flow_alloc("demo", &data, NULL), -ENOTSUP);
	/* the refused flows have left no descriptor */
	IS(demo(), 64);
}

static void names(void)
{
	char name[257];

	IS(flow_alloc("nobody.invalid", NULL, &patience), -ENAME);
	IS(flow_alloc("idle", NULL, &patience), -ECONNREFUSED);
	IS(flow_alloc("denied", NULL, &patience), -EPERM);
	IS(flow_alloc("", NULL, NULL), -EINVAL);
	memset(name, 'n', 256);
	name[256] = '\0';
	IS(flow_alloc(name, NULL, NULL), -ENAMETOOLONG);
	IS(demo(), 64);
}

static void access_modes(void)
{
	char buf[8];
	int fd = demo();

	set_flags(fd, FLOWFRDONLY);
	IS(flow_write(fd, "x", 1), -EPERM);
	set_flags(fd, FLOWFWRONLY);
	say(fd, "x");
	IS(flow_read(fd, buf, sizeof(buf)), -EPERM);
	set_flags(fd, FLOWFRDWR);
	hear(fd, 8, "x");
}

static void queue(void)
{
	int fd = demo();
	size_t len = 1;

	say(fd, "1");
	say(fd, "2");
	say(fd, "3");
	queued(fd, 3);
	hear(fd, 8, "1");
	IS(fccntl(fd, FLOWGRXQLEN, &len), 0);
	IS(len, 2);
	IS(fccntl(fd, FLOWGTXQLEN, &len), 0);
	IS(len, 0);
}

static void events(void)
{
	fset_t *set = fset_create();
	fqueue_t *fq = fqueue_create();
	int fds[8], fd, first, seen = 0;
	size_t i;

	IS(fevent(set, fq, &at_once), -ETIMEDOUT);
	IS(fevent(set, fq, &soon), -ETIMEDOUT);
	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = demo();
		IS(fset_add(set, fds[i]), 0);
	}
	first = fds[0];
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		say(fds[i], "x");
	while (seen != 0xff) {
		IS(fevent(set, fq, &patience), 1);
		while ((fd = fqueue_next(fq)) >= 0) {
			IS(fqueue_type(fq), FLOW_PKT);
			hear(fd, 8, "x");
			seen |= 1 << (fd - first);
		}
	}
	IS(fevent(set, fq, &soon), -ETIMEDOUT);
}

static void peer_ends(void)
{
	fset_t *set = fset_create();
	fqueue_t *fq = fqueue_create();
	char buf[8];
	int fd = demo();

	IS(fset_add(set, fd), 0);
	say(fd, "last");
	queued(fd, 1);
	say(fd, "bye");
	/* queued messages can be read before the end is reported */
	IS(fevent(set, fq, &patience), 1);
	IS(fqueue_next(fq), fd);
	IS(fqueue_type(fq), FLOW_PKT);
	hear(fd, 8, "last");
	IS(fevent(set, fq, &patience), 1);
	IS(fqueue_next(fq), fd);
	IS(fqueue_type(fq), FLOW_DEALLOC);
	IS(fevent(set, fq, &soon), -ETIMEDOUT);
	IS(flow_read(fd, buf, sizeof(buf)), -EFLOWDOWN);
	IS(flow_write(fd, "x", 1), -EFLOWDOWN);
	IS(flow_dealloc(fd), 0);
}

static void down(void)
{
	fset_t *set = fset_create();
	fqueue_t *fq = fqueue_create();
	char buf[8];
	int fd = demo();

	IS(fset_add(set, fd), 0);
	set_flags(fd, FLOWFDEFAULT | FLOWFDOWN);
	IS(flow_write(fd, "x", 1), -EFLOWDOWN);
	IS(flow_read(fd, buf, sizeof(buf)), -EFLOWDOWN);
	IS(fevent(set, fq, &patience), 1);
	IS(fqueue_next(fq), fd);
	IS(fqueue_type(fq), FLOW_DOWN);
	IS(flow_dealloc(fd), 0);
}

/* The test drops packets to this host at the word "cut", until "heal". */
static void silences(void)
{
	fset_t *set = fset_create();
	fqueue_t *fq = fqueue_create();
	int fd = silent_after(2000), seen = 0, i;

	set_flags(fd, FLOWFDEFAULT | FLOWFNONBLOCK);
	IS(fset_add(set, fd), 0);
	say(fd, "x");
	queued(fd, 1);
	cue("cut");
	/* the message is reported each time, the silence once */
	for (i = 0; i < 20; i += seen) {
		IS(fevent(set, fq, &patience), 1);
		while (fqueue_next(fq) == fd)
			seen += fqueue_type(fq) == FLOW_PEER;
	}
	IS(seen, 1);
	hear(fd, 8, "x");
	IS(flow_read(fd, NULL, 0), -EFLOWPEER);
	cue("heal");
	until_heard(fd);
	cue("cut");
	IS(fevent(set, fq, &patience), 1);
	IS(fqueue_next(fq), fd);
	IS(fqueue_type(fq), FLOW_PEER);
	IS(flow_dealloc(fd), 0);
}

#define MESSAGES	2000
#define AHEAD		200	/* fewer messages than a queue holds */

static int both_fd;
static pthread_mutex_t both_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t both_cond = PTHREAD_COND_INITIALIZER;
static int both_read;

static void *write_all(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < MESSAGES; i++) {
		pthread_mutex_lock(&both_lock);
		while (i - both_read >= AHEAD)
			pthread_cond_wait(&both_cond, &both_lock);
		pthread_mutex_unlock(&both_lock);
		IS(flow_write(both_fd, &i, sizeof(i)), sizeof(i));
	}
	return NULL;
}

static void *read_all(void *arg)
{
	int i, got;

	(void)arg;
	for (i = 0; i < MESSAGES; i++) {
		IS(flow_read(both_fd, &got, sizeof(got)), sizeof(got));
		IS(got, i);
		IS(flow_read(both_fd, &got, sizeof(got)), 0);
		pthread_mutex_lock(&both_lock);
		both_read++;
		pthread_cond_signal(&both_cond);
		pthread_mutex_unlock(&both_lock);
	}
	return NULL;
}

static void two_threads(void)
{
	pthread_t reader, writer;

	both_fd = demo();
	IS(pthread_create(&reader, NULL, read_all, NULL), 0);
	IS(pthread_create(&writer, NULL, write_all, NULL), 0);
	IS(pthread_join(writer, NULL), 0);
	IS(pthread_join(reader, NULL), 0);
	IS(flow_dealloc(both_fd), 0);
}

static void *read_one(void *arg)
{
	char buf[8];

	IS(fccntl(*(int *)arg, FLOWSRCVTIMEO, NULL), 0);
	*(int *)arg = flow_read(*(int *)arg, buf, sizeof(buf));
	return NULL;
}

/* Whether the reader waits already or is about to, it stops waiting. */
static void ended_under_a_reader(void)
{
	pthread_t reader;
	int fd = demo(), arg = fd;

	IS(pthread_create(&reader, NULL, read_one, &arg), 0);
	nanosleep(&soon, NULL);
	IS(flow_dealloc(fd), 0);
	IS(pthread_join(reader, NULL), 0);
	HOLDS(arg == -EFLOWDOWN || arg == -ENOTALLOC);
}

/* A child ends its copy of a flow within the time limit. */
static void end_in_child(int fd)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		alarm(600);
		_exit(flow_dealloc(fd) != 0);
	}
	HOLDS(pid > 0);
	IS(waitpid(pid, &status, 0), pid);
	IS(status, 0);
}

static void ended_in_a_child(void)
{
	fset_t *set = fset_create();
	fqueue_t *fq = fqueue_create();
	int fd = demo();

	IS(fset_add(set, fd), 0);
	end_in_child(fd);
	say(fd, "x");
	IS(fevent(set, fq, &patience), 1);
	IS(fqueue_next(fq), fd);
	IS(fqueue_type(fq), FLOW_PKT);
	hear(fd, 8, "x");
	IS(flow_dealloc(fd), 0);
}

/* Whether the thread waits already or is about to, it reads the message. */
static void read_while_ended_in_a_child(void)
{
	pthread_t reader;
	int fd = demo(), arg = fd;

	IS(pthread_create(&reader, NULL, read_one, &arg), 0);
	nanosleep(&soon, NULL);
	end_in_child(fd);
	say(fd, "x");
	IS(pthread_join(reader, NULL), 0);
	IS(arg, 1);
	IS(flow_dealloc(fd), 0);
}

static void *accept_one(void *arg)
{
	flow_accept(NULL, NULL);
	return arg;
}

static void cancel(void *(*run)(void *), void *arg)
{
	pthread_t thread;
	void *ret;

	IS(pthread_create(&thread, NULL, run, arg), 0);
	nanosleep(&soon, NULL);
	IS(pthread_cancel(thread), 0);
	IS(pthread_join(thread, &ret), 0);
	HOLDS(ret == PTHREAD_CANCELED);
}

static void cancelled(void)
{
	int fd = demo(), arg = fd;

	cancel(read_one, &arg);
	cancel(accept_one, NULL);
	say(fd, "x");
	hear(fd, 8, "x");
	IS(flow_accept(NULL, &soon), -ETIMEDOUT);
	IS(flow_dealloc(fd), 0);
}

static void nobody_asks(void)
{
	qosspec_t qs;

	IS(flow_accept(&qs, &soon), -ETIMEDOUT);
	IS(flow_accept(&qs, &at_once), -ETIMEDOUT);
}

/* The agent does not answer; alarm() kills a call that blocks forever. */
static void agent_sleeps(void)
{
	alarm(600);
	IS(flow_accept(NULL, &soon), -ETIMEDOUT);
	IS(flow_accept(NULL, &at_once), -ETIMEDOUT);
	cancel(accept_one, NULL);
	IS(flow_accept(NULL, &soon), -ETIMEDOUT);
}

/* Accept until killed; only one of two names may be served at first. */
static void two_names(void)
{
	for (;;)
		IS(flow_accept(NULL, &soon), -ETIMEDOUT);
}

static void no_name(void)
{
	IS(flow_accept(NULL, &patience), -ENAME);
}

static void not_allowed(void)
{
	IS(flow_accept(NULL, &patience), -EPERM);
}

static void no_agent(void)
{
	IS(flow_alloc("demo", NULL, NULL), -EIRMD);
	IS(flow_accept(NULL, NULL), -EIRMD);
}

static const struct lib_case cases[] = {
	{ "descriptors-are-64-and-up", numbers },
	{ "an-unauthenticated-peer-has-no-name", peer },
	{ "a-message-is-echoed", echo },
	{ "a-message-is-read-in-parts", parts },
	{ "without-partial-reads-a-short-buffer-fails", whole },
	{ "reads-skip-empty-messages", empty },
	{ "non-blocking-calls-fail-with-eagain", no_wait },
	{ "calls-time-out", limits },
	{ "messages-beyond-the-limit-are-refused", long_messages },
	{ "the-qos-of-a-flow-is-passed-on", qualities },
	{ "ordered-or-lossless-flows-are-refused", order_and_no_loss },
	{ "unreachable-names-have-distinct-errors", names },
	{ "access-modes-are-enforced", access_modes },
	{ "queue-lengths-are-reported", queue },
	{ "events-of-many-flows-are-reported", events },
	{ "a-flow-ends-when-the-peer-closes-it", peer_ends },
	{ "a-flow-is-taken-down", down },
	{ "a-reader-and-a-writer-share-a-flow", two_threads },
	{ "closing-a-flow-wakes-its-reader", ended_under_a_reader },
	{ "a-flow-survives-closing-in-a-child", ended_in_a_child },
	{ "a-reader-survives-closing-in-a-child", read_while_ended_in_a_child },
	{ "threads-in-blocking-calls-are-cancelled", cancelled },
	{ "accept-times-out-without-a-request", nobody_asks },
	/* run by the test in another environment */
	{ "a-peer-that-proves-its-name", proved },
	{ "each-silence-is-one-event", silences },
	{ "agent-sleeps", agent_sleeps },
	{ "two-names", two_names },
	{ "not-bound", no_name },
	{ "not-allowed", not_allowed },
	{ "no-agent", no_agent }
};

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "serve"))
		return lib_serve();
	return run_case(cases, ARRAY_SIZE(cases), argc, argv);
}
