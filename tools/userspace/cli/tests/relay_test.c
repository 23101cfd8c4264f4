// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* "connect" and "perf" while memory is short. A socket stands in for the flow. */
#include <endian.h>
#include <errno.h>
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
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail	/* a function here, see cmd.h */

#include "capture.h"
#include "cmd.h"
#include "io.h"

#define FAILURES	2
#define PERF_TYPE	4	/* offset in a message */
#define PERF_ASK	1
#define PERF_TELL	2
#define PERF_LEN	32

int __wrap_io_connect(const char *name, int64_t timeout);
ssize_t __real_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len);
ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);
int __real_nanosleep(const struct timespec *ts, struct timespec *left);
int __wrap_nanosleep(const struct timespec *ts, struct timespec *left);

static int flow, peer;
static int reads_to_fail, writes_to_fail;
static int pauses;

int __wrap_io_connect(const char *name, int64_t timeout)
{
	(void)name;
	(void)timeout;
	return flow;
}

/* True if a call on the flow has to fail. */
static bool is_short(int fd, int *to_fail)
{
	if (fd != flow || !*to_fail)
		return false;
	--*to_fail;
	errno = ENOMEM;
	return true;
}

ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	return is_short(fd, &reads_to_fail) ? -1 : __real_read(fd, buf, len);
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	return is_short(fd, &writes_to_fail) ? -1 : __real_write(fd, buf, len);
}

int __wrap_nanosleep(const struct timespec *ts, struct timespec *left)
{
	pauses++;
	return __real_nanosleep(ts, left);
}

static void make_flow(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	flow = fds[0];
	peer = fds[1];
	fcntl(flow, F_SETFL, O_NONBLOCK);
	pauses = 0;
}

/* Let the program read a text from stdin. */
static void set_input(const char *text)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], text, strlen(text)), strlen(text));
	close(fds[1]);
	assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
	close(fds[0]);
}

static void assert_received(const char *text)
{
	char buf[64] = "";

	assert_int_equal(recv(peer, buf, sizeof(buf) - 1, MSG_DONTWAIT),
			 strlen(text));
	assert_string_equal(buf, text);
}

static void a_message_is_sent_when_memory_is_back(void **state)
{
	char *args[] = { "connect", "demo", NULL };

	(void)state;
	make_flow();
	set_input("first\nsecond\n");
	writes_to_fail = FAILURES;
	assert_int_equal(cmd_connect(2, args), EXIT_OK);
	assert_int_equal(writes_to_fail, 0);
	assert_received("first");
	assert_received("second");
	close(peer);
}

/* The message can be read all the time, so that poll() is no pause. */
static void a_read_without_memory_is_repeated_after_a_pause(void **state)
{
	char *args[] = { "connect", "--count", "1", "demo", NULL };
	char *text;
	int status;

	(void)state;
	make_flow();
	set_input("");
	assert_int_equal(send(peer, "hello", 5, 0), 5);
	reads_to_fail = FAILURES;
	capture_begin(STDOUT_FILENO);
	status = cmd_connect(4, args);
	text = capture_end();
	assert_int_equal(status, EXIT_OK);
	assert_string_equal(text, "hello\n");
	assert_int_equal(reads_to_fail, 0);
	assert_int_equal(pauses, FAILURES);
	free(text);
	close(peer);
}

/* The server of perf: read messages until the question comes, and answer it. */
static void *answer(void *arg)
{
	uint32_t type = 0;
	char buf[PERF_LEN];

	while (be32toh(type) != PERF_ASK) {
		if (recv(peer, buf, PERF_LEN, 0) != PERF_LEN)
			return NULL;
		memcpy(&type, buf + PERF_TYPE, sizeof(type));
	}
	type = htobe32(PERF_TELL);
	memcpy(buf + PERF_TYPE, &type, sizeof(type));
	return send(peer, buf, PERF_LEN, MSG_NOSIGNAL) == PERF_LEN ? arg : NULL;
}

static void a_measurement_outlives_a_shortage(void **state)
{
	char *args[] = {
		"perf", "--time", "0.2", "--size", "32", "demo", NULL
	};
	pthread_t thread;
	void *answered;
	char *text;
	int status;

	(void)state;
	make_flow();
	reads_to_fail = FAILURES;
	writes_to_fail = FAILURES;
	assert_int_equal(pthread_create(&thread, NULL, answer, &peer), 0);
	capture_begin(STDOUT_FILENO);
	status = cmd_perf(6, args);
	text = capture_end();
	pthread_join(thread, &answered);
	assert_non_null(answered);
	assert_int_equal(status, EXIT_OK);
	assert_int_equal(reads_to_fail + writes_to_fail, 0);
	free(text);
	close(peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_sent_when_memory_is_back),
		cmocka_unit_test(a_read_without_memory_is_repeated_after_a_pause),
		cmocka_unit_test(a_measurement_outlives_a_shortage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
