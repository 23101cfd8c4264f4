// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * "ping --server" when the system is short of descriptors or memory. Sockets
 * stand in for the flows and for the name.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail	/* a function here, see cmd.h */

#include "capture.h"
#include "cmd.h"
#include "io.h"

#define SIZE		64
#define GIVE_UP_S	10	/* a server that has ended does not answer */
#define NO_CALLOC	(-1)

int __wrap_io_serve(const char *name);
int __wrap_ipcp_dev_accept(int fd, unsigned int flags, int64_t timeout,
			   struct ipcp_qos *qos);
int64_t __real_now_ns(void);
int64_t __wrap_now_ns(void);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
ssize_t __real_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len);

static int listener;
static struct sockaddr_un name_addr;
static socklen_t name_len;

static atomic_int shortage;	/* errno of each accept, NO_CALLOC, or 0 */
static atomic_int failures;	/* caused by the shortage */
static atomic_int reads_to_fail;
static sem_t failed;
static int64_t standing_ns;	/* the time at which the clock stands, or 0 */

static int fail_once_more(int err)
{
	failures++;
	sem_post(&failed);
	return -err;
}

int __wrap_io_serve(const char *name)
{
	(void)name;
	return listener;
}

int __wrap_ipcp_dev_accept(int fd, unsigned int flags, int64_t timeout,
			   struct ipcp_qos *qos)
{
	int err = shortage, flow;

	(void)flags;
	(void)timeout;
	(void)qos;
	if (err > 0)
		return fail_once_more(err);
	flow = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	return flow < 0 ? -errno : flow;
}

int64_t __wrap_now_ns(void)
{
	return standing_ns ? standing_ns : __real_now_ns();
}

void *__wrap_calloc(size_t n, size_t size)
{
	if (shortage != NO_CALLOC)
		return __real_calloc(n, size);
	fail_once_more(ENOMEM);
	return NULL;
}

/* A closed socket reads as an empty message, a closed flow as an error. */
ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	ssize_t n = -1;

	if (reads_to_fail) {
		reads_to_fail--;
		errno = ENOMEM;
	} else {
		n = __real_read(fd, buf, len);
	}
	if (n)
		return n;
	errno = ESHUTDOWN;
	return -1;
}

static void make_name(void)
{
	name_addr = (struct sockaddr_un) { .sun_family = AF_UNIX };
	name_len = sizeof(name_addr);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	assert_true(listener >= 0);
	/* the kernel chooses the address */
	assert_int_equal(bind(listener, (struct sockaddr *)&name_addr,
			      sizeof(sa_family_t)), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&name_addr,
				     &name_len), 0);
}

static int allocate(void)
{
	const struct timeval limit = { .tv_sec = GIVE_UP_S };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	connect(fd, (struct sockaddr *)&name_addr, name_len);
	return fd;
}

static bool answers(int fd)
{
	char buf[SIZE] = "ping";

	return send(fd, buf, SIZE, MSG_NOSIGNAL) == SIZE &&
	       recv(fd, buf, SIZE, 0) == SIZE;
}

/*
 * One flow exists, another has to wait. The clock stands, so that only the end of
 * the first flow is a reason to accept the second.
 */
static void *wait_for_an_end(void *arg)
{
	int first = allocate(), second = -1, i, tries = 0;
	bool good = answers(first);

	if (good) {
		shortage = *(int *)arg;
		second = allocate();
		sem_wait(&failed);
	}
	for (i = 0; good && i < 10; i++)
		good = answers(first);
	tries = failures;
	shortage = 0;
	close(first);
	good = good && answers(second);
	close(second);
	return good && tries == 1 ? arg : NULL;
}

/* One flow exists, another has to wait, and nothing happens for a second. */
static void *wait_for_memory(void *arg)
{
	int first = allocate(), second = -1;
	bool good = answers(first);

	if (good) {
		shortage = *(int *)arg;
		second = allocate();
		sem_wait(&failed);
	}
	shortage = 0;
	good = good && answers(second) && answers(first);
	close(first);
	close(second);
	return good ? arg : NULL;
}

static void *talk(void *arg)
{
	int first = allocate(), second = allocate();
	bool good = answers(first) && answers(second);

	reads_to_fail = 2;
	good = good && answers(first) && answers(second) && !reads_to_fail;
	close(first);
	close(second);
	return good ? arg : NULL;
}

static void *come_too_late(void *arg)
{
	shortage = *(int *)arg;
	close(allocate());
	return arg;
}

/* Serve two flows with peers that run as a thread; return what was printed. */
static char *serve(void *(*peers)(void *arg), int err, int expected)
{
	char *args[] = { "ping", "--server", "--flows", "2", "demo", NULL };
	pthread_t thread;
	void *satisfied;
	char *text;
	int status;

	make_name();
	failures = 0;
	sem_init(&failed, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, peers, &err), 0);
	capture_begin(STDERR_FILENO);
	status = cmd_ping(5, args);
	pthread_join(thread, &satisfied);
	shortage = 0;
	text = capture_end();
	assert_int_equal(status, expected);
	assert_non_null(satisfied);
	return text;
}

static void flows_outlive_one_that_cannot_be_accepted(void **state)
{
	static const int errors[] = { EMFILE, ENFILE, ENOMEM, NO_CALLOC };
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		standing_ns = __real_now_ns();
		text = serve(wait_for_an_end, errors[i], EXIT_OK);
		standing_ns = 0;
		assert_int_equal(count_words(text, "cannot accept a flow: "), 1);
		assert_int_equal(count_words(text, "; new flows have to wait\n"), 1);
		free(text);
	}
}

static void the_flow_that_waits_is_accepted_without_another_event(void **state)
{
	char *text = serve(wait_for_memory, ENOMEM, EXIT_OK);

	(void)state;
	assert_int_equal(count_words(text, "; new flows have to wait\n"), 1);
	free(text);
}

static void flows_outlive_a_read_without_memory(void **state)
{
	char *text = serve(talk, 0, EXIT_OK);

	(void)state;
	free(text);
}

static void a_name_that_is_lost_ends_the_server(void **state)
{
	char *text = serve(come_too_late, ENOTCONN, EXIT_FAIL);

	(void)state;
	assert_int_equal(count_words(text, "cannot accept a flow: the agent is gone"), 1);
	assert_int_equal(count_words(text, "have to wait"), 0);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_outlive_one_that_cannot_be_accepted),
		cmocka_unit_test(the_flow_that_waits_is_accepted_without_another_event),
		cmocka_unit_test(flows_outlive_a_read_without_memory),
		cmocka_unit_test(a_name_that_is_lost_ends_the_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
