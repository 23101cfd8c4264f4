// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Parts of the library that need no device: partial reads, flags, errors. A
 * socket that preserves message boundaries replaces the device.
 */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <ouroboros/dev.h>

#include "flows.h"
#include "pair.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static int send_error;	/* errno of the next IPCP_IOC_SEND, or 0 */

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);

/* Send the message of a batch over the socket that replaces the device. */
static int send_batch(int fd, const struct ipcp_batch *batch)
{
	const struct ipcp_msg *msg = (void *)(uintptr_t)batch->msgs;

	assert_int_equal(batch->count, 1);
	assert_int_equal(batch->flags, IPCP_BATCH_DONTWAIT);
	errno = send_error;
	if (send_error)
		return -1;
	return send(fd, (void *)(uintptr_t)msg->base, msg->len,
		    MSG_DONTWAIT) < 0 ? -1 : 1;
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	return request == IPCP_IOC_SEND ? send_batch(fd, arg) :
					  __real_ioctl(fd, request, arg);
}

static void set_flags(int fd, uint32_t flags)
{
	assert_int_equal(fccntl(fd, FLOWSFLAGS, flags), 0);
}

static void descriptors_begin_at_64_and_the_lowest_is_reused(void **state)
{
	struct pair a = make_pair(), b = make_pair();

	(void)state;
	assert_int_equal(a.fd, 64);
	assert_int_equal(b.fd, 65);
	end_pair(&a);
	a = make_pair();
	assert_int_equal(a.fd, 64);
	end_pair(&a);
	end_pair(&b);
}

static void only_flows_have_a_peer_name(void **state)
{
	struct pair pair = make_pair();
	char name[256];

	(void)state;
	assert_int_equal(flow_peer_name(pair.fd, name, 0), -EINVAL);
	assert_int_equal(flow_peer_name(pair.fd, NULL, 256), -EINVAL);
	assert_int_equal(flow_peer_name(pair.peer, name, 256), -ENOTALLOC);
	assert_int_equal(flow_peer_name(-1, name, 256), -EBADF);
	/* the socket that replaces the device does not support the call */
	assert_true(flow_peer_name(pair.fd, name, 256) < 0);
	end_pair(&pair);
}

static void a_message_is_read_in_parts(void **state)
{
	struct pair pair = make_pair();

	(void)state;
	send_text(&pair, "short");
	send_text(&pair, "a message in parts");
	send_text(&pair, "next");
	assert_read(pair.fd, 64, "short");
	assert_read(pair.fd, 10, "a message ");
	assert_read(pair.fd, 2, "in");
	assert_read(pair.fd, 64, " parts");
	assert_read(pair.fd, 64, "next");
	end_pair(&pair);
}

static void a_message_that_fills_the_buffer_ends_with_a_read_of_0(void **state)
{
	struct pair pair = make_pair();

	(void)state;
	send_text(&pair, "1234");
	send_text(&pair, "12345678");
	send_text(&pair, "next");
	assert_read(pair.fd, 4, "1234");
	assert_int_equal(flow_read(pair.fd, NULL, 0), 0);
	assert_read(pair.fd, 4, "1234");
	assert_read(pair.fd, 4, "5678");
	assert_read(pair.fd, 4, "");
	assert_read(pair.fd, 64, "next");
	end_pair(&pair);
}

static void a_read_without_room_consumes_nothing(void **state)
{
	struct pair pair = make_pair();

	(void)state;
	send_text(&pair, "there");
	assert_int_equal(flow_read(pair.fd, NULL, 0), 0);
	assert_int_equal(flow_read(pair.fd, NULL, 0), 0);
	assert_read(pair.fd, 64, "there");
	end_pair(&pair);
}

static void with_no_partial_reads_a_message_is_read_whole_or_dropped(void **state)
{
	struct pair pair = make_pair();
	char buf[4];

	(void)state;
	set_flags(pair.fd, FLOWFDEFAULT | FLOWFRNOPART);
	send_text(&pair, "12345");
	send_text(&pair, "1234");
	send_text(&pair, "123");
	assert_int_equal(flow_read(pair.fd, buf, 4), -EMSGSIZE);
	assert_read(pair.fd, 4, "1234");
	assert_read(pair.fd, 4, "123");
	end_pair(&pair);
}

/* The rest is lost to events and reads, even after the flag is cleared. */
static void disabling_partial_reads_drops_the_rest_of_a_message(void **state)
{
	static const struct timespec now = { 0, 0 };
	struct pair pair = make_pair();
	fset_t *set = fset_create();
	fqueue_t *fq = fqueue_create();

	(void)state;
	assert_int_equal(fset_add(set, pair.fd), 0);
	send_text(&pair, "a message in parts");
	send_text(&pair, "12345678");
	assert_read(pair.fd, 10, "a message ");
	assert_read(pair.fd, 8, "in parts");
	assert_read(pair.fd, 8, "");
	assert_read(pair.fd, 4, "1234");
	set_flags(pair.fd, FLOWFDEFAULT | FLOWFRNOPART);
	assert_int_equal(fevent(set, fq, &now), -ETIMEDOUT);
	send_text(&pair, "next");
	assert_read(pair.fd, 64, "next");
	set_flags(pair.fd, FLOWFDEFAULT);
	send_text(&pair, "last");
	assert_read(pair.fd, 64, "last");
	fqueue_destroy(fq);
	fset_destroy(set);
	end_pair(&pair);
}

static void *read_part_of_one(void *arg)
{
	char c;

	return flow_read(*(int *)arg, &c, 1) == 1 ? NULL : arg;
}

/* The thread begins to read before the flag is set. */
static void disabling_partial_reads_drops_the_rest_of_a_read_in_progress(void **state)
{
	struct pair pair = make_pair();
	pthread_t reader;
	void *ret;

	(void)state;
	assert_int_equal(pthread_create(&reader, NULL, read_part_of_one,
					&pair.fd), 0);
	while (!pthread_rwlock_trywrlock(&flows_at(pair.fd)->use)) {
		pthread_rwlock_unlock(&flows_at(pair.fd)->use);
		sched_yield();
	}
	set_flags(pair.fd, FLOWFDEFAULT | FLOWFRNOPART);
	send_text(&pair, "1");
	assert_int_equal(pthread_join(reader, &ret), 0);
	assert_null(ret);
	send_text(&pair, "next");
	assert_read(pair.fd, 64, "next");
	end_pair(&pair);
}

static void empty_messages_are_skipped(void **state)
{
	struct pair pair = make_pair();

	(void)state;
	send_text(&pair, "");
	send_text(&pair, "");
	send_text(&pair, "full");
	assert_read(pair.fd, 64, "full");
	end_pair(&pair);
}

static void the_longest_message_arrives_unchanged(void **state)
{
	struct pair pair = make_pair();
	unsigned char *out = malloc(MESSAGE_MAX), *in = malloc(MESSAGE_MAX);
	size_t i;

	(void)state;
	for (i = 0; i < MESSAGE_MAX; i++)
		out[i] = i * 7 + i / 256;
	assert_int_equal(send(pair.peer, out, MESSAGE_MAX, 0), MESSAGE_MAX);
	assert_int_equal(flow_read(pair.fd, in, 1), 1);
	assert_int_equal(flow_read(pair.fd, in + 1, MESSAGE_MAX), MESSAGE_MAX - 1);
	assert_memory_equal(in, out, MESSAGE_MAX);
	free(in);
	free(out);
	end_pair(&pair);
}

static void non_blocking_reads_and_writes_fail_with_eagain(void **state)
{
	struct pair pair = make_pair();
	char buf[8];

	(void)state;
	set_flags(pair.fd, FLOWFDEFAULT | FLOWFRNOBLOCK);
	assert_int_equal(flow_read(pair.fd, buf, 8), -EAGAIN);
	send_text(&pair, "12");
	assert_read(pair.fd, 1, "1");
	assert_read(pair.fd, 8, "2");
	assert_int_equal(flow_read(pair.fd, buf, 8), -EAGAIN);
	set_flags(pair.fd, FLOWFDEFAULT | FLOWFWNOBLOCK);
	while (flow_write(pair.fd, buf, 8) == 8)
		;
	assert_int_equal(flow_write(pair.fd, buf, 8), -EAGAIN);
	end_pair(&pair);
}

/* With -EAGAIN a program would wait in poll(), which returns at once. */
static void a_non_blocking_write_without_memory_fails_with_enomem(void **state)
{
	struct pair pair = make_pair();

	(void)state;
	set_flags(pair.fd, FLOWFDEFAULT | FLOWFWNOBLOCK);
	send_error = ENOMEM;
	assert_int_equal(flow_write(pair.fd, "x", 1), -ENOMEM);
	assert_int_equal(flow_write(pair.fd, NULL, 0), -ENOMEM);
	send_error = 0;
	assert_int_equal(flow_write(pair.fd, "x", 1), 1);
	end_pair(&pair);
}

static void calls_on_descriptors_without_a_flow_fail(void **state)
{
	static const struct {
		int fd;
		int err;
		int dealloc_err;
	} cases[] = {
		{ -1, -EBADF, -EINVAL },
		{ 0, -ENOTALLOC, -ENOTALLOC },
		{ 64, -ENOTALLOC, -ENOTALLOC },
		{ FLOWS_END - 1, -ENOTALLOC, -ENOTALLOC },
		{ FLOWS_END, -EBADF, -EINVAL },
	};
	uint32_t flags;
	char c = 0;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(flow_read(cases[i].fd, &c, 1), cases[i].err);
		assert_int_equal(flow_write(cases[i].fd, &c, 1), cases[i].err);
		assert_int_equal(fccntl(cases[i].fd, FLOWGFLAGS, &flags),
				 cases[i].err);
		assert_int_equal(flow_dealloc(cases[i].fd), cases[i].dealloc_err);
	}
}

static void bad_arguments_are_refused(void **state)
{
	struct pair pair = make_pair();
	static const int get[] = { FLOWGRCVTIMEO, FLOWGSNDTIMEO, FLOWGQOSSPEC,
				   FLOWGFLAGS, FLOWGRXQLEN, FLOWGTXQLEN };
	struct timespec timeo;
	size_t i;

	(void)state;
	assert_int_equal(flow_read(pair.fd, NULL, 1), -EINVAL);
	assert_int_equal(flow_write(pair.fd, NULL, 1), -EINVAL);
	assert_int_equal(flow_alloc(NULL, NULL, NULL), -EINVAL);
	assert_int_equal(flow_join("x", NULL), -ENOTSUP);
	for (i = 0; i < ARRAY_SIZE(get); i++)
		assert_int_equal(fccntl(pair.fd, get[i], NULL), -EINVAL);
	assert_int_equal(fccntl(pair.fd, FLOWGRCVTIMEO, &timeo), -EPERM);
	assert_int_equal(fccntl(pair.fd, FLOWGSNDTIMEO, &timeo), -EPERM);
	assert_int_equal(fccntl(pair.fd, FLOWSFLAGS, FLOWFINVALID), -EINVAL);
	assert_int_equal(fccntl(pair.fd, FLOWSFLAGS, 040000), -EINVAL);
	assert_int_equal(fccntl(pair.fd, FRCTSFLAGS, 0), -EPERM);
	assert_int_equal(fccntl(pair.fd, 077, 0), -ENOTSUP);
	end_pair(&pair);
}

static void flags_can_be_changed_and_the_qos_read(void **state)
{
	struct pair pair = make_pair();
	uint32_t flags = 0;
	qosspec_t qos;

	(void)state;
	assert_int_equal(fccntl(pair.fd, FLOWGFLAGS, &flags), 0);
	assert_int_equal(flags, FLOWFDEFAULT);
	set_flags(pair.fd, FLOWFRDWR | FLOWFNONBLOCK);
	assert_int_equal(fccntl(pair.fd, FLOWGFLAGS, &flags), 0);
	assert_int_equal(flags, FLOWFRDWR | FLOWFNONBLOCK);
	assert_int_equal(fccntl(pair.fd, FLOWGQOSSPEC, &qos), 0);
	assert_int_equal(qos.loss, 1);
	assert_int_equal(qos.timeout, DEFAULT_PEER_TIMEOUT);
	end_pair(&pair);
}

static void errors_of_the_device_become_those_of_ouroboros(void **state)
{
	static const struct {
		enum ipcp_dev_op op;
		int from;
		int to;
	} cases[] = {
		{ IPCP_DEV_OPEN, ENOENT, EIRMD },
		{ IPCP_DEV_OPEN, ENODEV, EIRMD },
		{ IPCP_DEV_OPEN, EACCES, EPERM },
		{ IPCP_DEV_OPEN, EMFILE, EBADF },
		{ IPCP_DEV_ALLOC, ENOTCONN, EIRMD },
		{ IPCP_DEV_ALLOC, EHOSTUNREACH, ENAME },
		{ IPCP_DEV_ALLOC, EKEYREJECTED, EAUTH },
		{ IPCP_DEV_ALLOC, EPROTO, ECRYPT },
		{ IPCP_DEV_ALLOC, EACCES, EPERM },
		{ IPCP_DEV_ALLOC, EOPNOTSUPP, ENOTSUP },
		{ IPCP_DEV_ALLOC, ETIMEDOUT, ETIMEDOUT },
		{ IPCP_DEV_LISTEN, ENOTCONN, EIRMD },
		{ IPCP_DEV_LISTEN, EACCES, EPERM },
		{ IPCP_DEV_ACCEPT, EMFILE, EBADF },
		{ IPCP_DEV_READ, ESHUTDOWN, EFLOWDOWN },
		{ IPCP_DEV_READ, EPIPE, EFLOWPEER },
		{ IPCP_DEV_READ, ENOTCONN, ENOTALLOC },
		{ IPCP_DEV_WRITE, ESHUTDOWN, EFLOWDOWN },
		{ IPCP_DEV_WRITE, EHOSTUNREACH, EHOSTUNREACH },
		{ IPCP_DEV_WRITE, EMSGSIZE, EMSGSIZE },
		{ IPCP_DEV_SET, ENOTCONN, ENOTALLOC },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(flow_errno(cases[i].op, -cases[i].from),
				 -cases[i].to);
}

static void timeouts_are_converted_to_nanoseconds(void **state)
{
	static const struct {
		struct timespec timeo;
		int64_t ns;
	} cases[] = {
		{ { 0, 0 }, 1 },
		{ { 0, 1 }, 1 },
		{ { -1, 5 }, 1 },
		{ { 1, 500000000 }, 1500000000 },
		{ { INT64_MAX, 0 }, IPCP_TIMEOUT_NONE },
	};
	size_t i;

	(void)state;
	assert_int_equal(flow_limit(NULL), IPCP_TIMEOUT_NONE);
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(flow_limit(&cases[i].timeo), cases[i].ns);
}

static void *read_one(void *arg)
{
	struct pair *pair = arg;
	char buf[8];

	flow_read(pair->fd, buf, sizeof(buf));
	return NULL;
}

/* A cancelled thread releases its locks. */
static void a_cancelled_reader_releases_its_flow(void **state)
{
	struct pair pair = make_pair();
	pthread_t reader;

	(void)state;
	/* the address sanitizer reports the exit of the thread as an error */
	if (SANITIZED) {
		end_pair(&pair);
		return;
	}
	assert_int_equal(pthread_create(&reader, NULL, read_one, &pair), 0);
	assert_int_equal(pthread_cancel(reader), 0);
	assert_int_equal(pthread_join(reader, NULL), 0);
	send_text(&pair, "next");
	assert_read(pair.fd, 8, "next");
	end_pair(&pair);
}

#define MESSAGES	20000

static void *write_many(void *arg)
{
	struct pair *pair = arg;
	uint32_t i;

	for (i = 0; i < MESSAGES; i++)
		if (flow_write(pair->fd, &i, sizeof(i)) != sizeof(i))
			return (void *)"a write failed";
	return NULL;
}

static void *read_many(void *arg)
{
	struct pair *pair = arg;
	uint16_t half[2];
	uint32_t i, got;

	for (i = 0; i < MESSAGES; i++) {
		if (flow_read(pair->fd, &half[0], 2) != 2 ||
		    flow_read(pair->fd, &half[1], 2) != 2 ||
		    flow_read(pair->fd, half, 2))
			return (void *)"a read failed";
		memcpy(&got, half, sizeof(got));
		if (got != i)
			return (void *)"a message is not the next one";
	}
	return NULL;
}

/* Echo messages at the other end. */
static void *echo(void *arg)
{
	struct pair *pair = arg;
	uint32_t i, got;

	for (i = 0; i < MESSAGES; i++)
		if (recv(pair->peer, &got, sizeof(got), 0) != sizeof(got) ||
		    send(pair->peer, &got, sizeof(got), 0) != sizeof(got))
			return (void *)"the echo failed";
	return NULL;
}

static void a_reader_and_a_writer_run_concurrently(void **state)
{
	static void *(*const run[])(void *) = { write_many, read_many, echo };
	struct pair pair = make_pair();
	pthread_t threads[ARRAY_SIZE(run)];
	void *said;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(run); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run[i], &pair), 0);
	for (i = 0; i < ARRAY_SIZE(run); i++) {
		pthread_join(threads[i], &said);
		assert_null(said);
	}
	end_pair(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_begin_at_64_and_the_lowest_is_reused),
		cmocka_unit_test(only_flows_have_a_peer_name),
		cmocka_unit_test(a_message_is_read_in_parts),
		cmocka_unit_test(a_message_that_fills_the_buffer_ends_with_a_read_of_0),
		cmocka_unit_test(a_read_without_room_consumes_nothing),
		cmocka_unit_test(with_no_partial_reads_a_message_is_read_whole_or_dropped),
		cmocka_unit_test(disabling_partial_reads_drops_the_rest_of_a_message),
		cmocka_unit_test(disabling_partial_reads_drops_the_rest_of_a_read_in_progress),
		cmocka_unit_test(empty_messages_are_skipped),
		cmocka_unit_test(the_longest_message_arrives_unchanged),
		cmocka_unit_test(non_blocking_reads_and_writes_fail_with_eagain),
		cmocka_unit_test(a_non_blocking_write_without_memory_fails_with_enomem),
		cmocka_unit_test(calls_on_descriptors_without_a_flow_fail),
		cmocka_unit_test(bad_arguments_are_refused),
		cmocka_unit_test(flags_can_be_changed_and_the_qos_read),
		cmocka_unit_test(errors_of_the_device_become_those_of_ouroboros),
		cmocka_unit_test(timeouts_are_converted_to_nanoseconds),
		cmocka_unit_test(a_cancelled_reader_releases_its_flow),
		cmocka_unit_test(a_reader_and_a_writer_run_concurrently),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
