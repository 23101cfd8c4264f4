// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* An agent that hangs. The test shortens the time limits of the sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail	/* a function here, see cmd.h */

#include "capture.h"
#include "../agent/tests/queue.h"
#include "cmd.h"

#define LIMIT	60	/* seconds */

static char folder[32];
static struct sockaddr_un addr = { .sun_family = AF_UNIX };

int __real_setsockopt(int fd, int level, int name, const void *value,
		      socklen_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *value,
		      socklen_t len);

int __wrap_setsockopt(int fd, int level, int name, const void *value,
		      socklen_t len)
{
	static const struct timeval brief = { .tv_usec = 1000 };

	if (name == SO_RCVTIMEO || name == SO_SNDTIMEO)
		value = &brief;
	return __real_setsockopt(fd, level, name, value, len);
}

/* Listen, and accept nothing. */
static int hang(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 0), 0);
	return fd;
}

static void assert_ends_at_the_limit(void)
{
	char *args[] = { "agent", "status", "--socket", addr.sun_path, NULL };
	char *text;
	int status;

	alarm(LIMIT);
	capture_begin(STDERR_FILENO);
	status = cmd_agent(4, args);
	text = capture_end();
	alarm(0);
	assert_int_equal(status, EXIT_FAIL);
	assert_string_equal(text, PROG ": the agent has not answered within 30 s; see its log\n");
	free(text);
}

static void a_silent_agent_is_reported_at_the_limit(void **state)
{
	int fd = hang();

	(void)state;
	assert_ends_at_the_limit();
	close(fd);
}

/* The clients of earlier commands stay in the queue. */
static void an_agent_whose_queue_is_full_is_reported_at_the_limit(void **state)
{
	int clients[QUEUE], fd = hang();

	(void)state;
	queue_fill(clients, &addr);
	assert_ends_at_the_limit();
	queue_close(clients);
	close(fd);
}

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/agent-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/sock", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(addr.sun_path);
	return rmdir(folder);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_silent_agent_is_reported_at_the_limit),
		TEST(an_agent_whose_queue_is_full_is_reported_at_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
