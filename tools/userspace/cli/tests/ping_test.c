// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* "ping" with a peer that answers as no server does. A socket stands in for the flow. */
#include <endian.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail	/* a function here, see cmd.h */

#include "capture.h"
#include "cmd.h"
#include "io.h"

#define COUNT	3
#define SIZE	64
#define SEQ	8	/* offset in a message */

int __wrap_io_connect(const char *name, int64_t timeout);
int64_t __real_now_ns(void);
int64_t __wrap_now_ns(void);

static int flow, peer;
static int64_t pause_ns;	/* how long the program is stopped after a look at the clock */
static int64_t paused_ns;

int64_t __wrap_now_ns(void)
{
	int64_t now = __real_now_ns() + paused_ns;

	paused_ns += pause_ns;
	pause_ns = 0;
	return now;
}

int __wrap_io_connect(const char *name, int64_t timeout)
{
	(void)name;
	(void)timeout;
	return flow;
}

/* Answer a message that was not sent. */
static void invent(const char *msg, uint64_t seq)
{
	char buf[SIZE];

	memcpy(buf, msg, SIZE);
	seq = htobe64(seq);
	memcpy(buf + SEQ, &seq, sizeof(seq));
	send(peer, buf, SIZE, MSG_NOSIGNAL);
}

/* Wait for all messages, then answer each twice, and some that were not sent. */
static void *answer_twice(void *arg)
{
	char msgs[COUNT][SIZE];
	int i;

	for (i = 0; i < COUNT; i++)
		if (recv(peer, msgs[i], SIZE, 0) != SIZE)
			return NULL;
	invent(msgs[0], 0);
	invent(msgs[0], COUNT + 1);
	invent(msgs[0], UINT64_MAX);
	for (i = 0; i < COUNT; i++) {
		send(peer, msgs[i], SIZE, MSG_NOSIGNAL);
		send(peer, msgs[i], SIZE, MSG_NOSIGNAL);
	}
	return arg;
}

/* Answer with other contents after the sequence number, such as a far future. */
static void *answer_with_other_contents(void *arg)
{
	char msg[SIZE];
	int i;

	for (i = 0; i < COUNT; i++) {
		if (recv(peer, msg, SIZE, 0) != SIZE)
			return NULL;
		memset(msg + SEQ + 8, 0x7f, SIZE - SEQ - 8);
		send(peer, msg, SIZE, MSG_NOSIGNAL);
	}
	return arg;
}

/* Send three messages to a peer that runs as a thread; return the output. */
static char *ping(void *(*answer)(void *arg))
{
	char *args[] = {
		"ping", "--count", "3", "--interval", "0.01", "--wait", "300", "demo",
		NULL
	};
	pthread_t thread;
	int fds[2], status;
	void *answered;
	char *text;

	paused_ns = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	flow = fds[0];
	peer = fds[1];
	fcntl(flow, F_SETFL, O_NONBLOCK);
	assert_int_equal(pthread_create(&thread, NULL, answer, fds), 0);
	capture_begin(STDOUT_FILENO);
	status = cmd_ping(8, args);
	text = capture_end();
	pthread_join(thread, &answered);
	close(peer);
	assert_non_null(answered);
	assert_int_equal(status, EXIT_OK);
	return text;
}

static void each_message_is_answered_once(void **state)
{
	char *text = ping(answer_twice);

	(void)state;
	assert_int_equal(count_words(text, "seq="), 3);
	assert_int_equal(count_words(text, "seq=1 "), 1);
	assert_int_equal(count_words(text, "seq=2 "), 1);
	assert_int_equal(count_words(text, "seq=3 "), 1);
	assert_int_equal(count_words(text, "\n3 sent, 3 received, 0% lost\n"), 1);
	free(text);
}

/* The messages that are late are sent at once, and the time limit begins then. */
static void the_last_answers_count_after_a_pause(void **state)
{
	char *text;

	(void)state;
	pause_ns = 1000 * NSEC_PER_SEC;
	text = ping(answer_twice);
	assert_int_equal(count_words(text, "\n3 sent, 3 received, 0% lost\n"), 1);
	free(text);
}

static void the_peer_has_no_say_in_the_times(void **state)
{
	char *text = ping(answer_with_other_contents);

	(void)state;
	assert_int_equal(count_words(text, "\n3 sent, 3 received, 0% lost\n"), 1);
	assert_int_equal(count_words(text, "time=-"), 0);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_is_answered_once),
		cmocka_unit_test(the_last_answers_count_after_a_pause),
		cmocka_unit_test(the_peer_has_no_say_in_the_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
