// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The native interface: checks of arguments before a call reaches the device,
 * and errors of descriptors that are not flows.
 */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <ipcp_rekey.h>

/* Check that the call fails with this errno. */
#define assert_fails(call, err)					\
	do {							\
		errno = 0;					\
		assert_int_equal(call, -1);			\
		assert_int_equal(errno, err);			\
	} while (0)

static void names_are_checked(void **state)
{
	char name[IPCP_NAME_LEN + 2];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_fails(ipcp_alloc(NULL, NULL), EINVAL);
	assert_fails(ipcp_alloc("", NULL), EINVAL);
	assert_fails(ipcp_alloc(name, NULL), ENAMETOOLONG);
	assert_fails(ipcp_listen(NULL, 0, 0), EINVAL);
	assert_fails(ipcp_listen("", 0, 0), EINVAL);
	assert_fails(ipcp_listen(name, 0, 0), ENAMETOOLONG);
}

static void flags_are_checked(void **state)
{
	struct ipcp_alloc_options options = {
		.size = sizeof(options),
		.flags = IPCP_NONBLOCK << 1,
	};

	(void)state;
	assert_fails(ipcp_alloc("name", &options), EINVAL);
	assert_fails(ipcp_listen("name", 0, IPCP_NONBLOCK << 1), EINVAL);
}

/* Programs may be compiled with a shorter or a longer structure. */
static void sizes_of_options_are_checked(void **state)
{
	struct {
		struct ipcp_alloc_options options;
		char more[8];
	} later = { .options.size = sizeof(later) };

	(void)state;
	/* the options are checked before the name */
	assert_fails(ipcp_alloc("", &later.options), EINVAL);
	later.more[7] = 1;
	assert_fails(ipcp_alloc("", &later.options), E2BIG);
	later.options.size = sizeof(later) - 1;
	assert_fails(ipcp_alloc("", &later.options), EINVAL);
	later.options.size = 0;
	assert_fails(ipcp_alloc("name", &later.options), EINVAL);
	later.options.size = sizeof(later.options) - 1;
	assert_fails(ipcp_alloc("name", &later.options), EINVAL);
}

static void a_reason_needs_a_buffer_with_a_size(void **state)
{
	char reason[8] = "before";
	struct ipcp_alloc_options options = {
		.size = sizeof(options),
		.reason = reason,
	};

	(void)state;
	assert_fails(ipcp_alloc("name", &options), EINVAL);
	assert_string_equal(reason, "before");
	options.reason_size = sizeof(reason);
	assert_fails(ipcp_alloc("", &options), EINVAL);
	assert_string_equal(reason, "");
}

static void unknown_options_leave_no_old_reason(void **state)
{
	struct {
		struct ipcp_alloc_options options;
		char more[8];
	} later = { .options.size = sizeof(later), .more[7] = 1 };
	char reason[8] = "before";

	(void)state;
	later.options.reason = reason;
	later.options.reason_size = sizeof(reason);
	assert_fails(ipcp_alloc("name", &later.options), E2BIG);
	assert_string_equal(reason, "");
	strcpy(reason, "before");
	later.options.size = sizeof(later.options);
	later.options.flags = IPCP_NONBLOCK << 1;
	assert_fails(ipcp_alloc("name", &later.options), EINVAL);
	assert_string_equal(reason, "");
}

static void buffers_are_checked(void **state)
{
	struct ipcp_accept few = { .size = sizeof(few.size) };
	struct ipcp_info info = { 0 };
	char name[8];

	(void)state;
	assert_fails(ipcp_accept(-1, &few), EINVAL);
	assert_fails(ipcp_info(-1, NULL), EINVAL);
	assert_fails(ipcp_info(-1, &info), EINVAL);
	assert_fails(ipcp_peer_name(-1, NULL, 8), EINVAL);
	assert_fails(ipcp_peer_name(-1, name, 0), EINVAL);
#if SIZE_MAX > UINT32_MAX
	assert_fails(ipcp_send(-1, name, (size_t)UINT32_MAX + 1, IPCP_DONTWAIT),
		     EMSGSIZE);
#endif
}

/* Check that all calls on a descriptor fail with this errno. */
static void assert_no_flow(int fd, int err)
{
	struct ipcp_accept accept = { .size = sizeof(accept) };
	struct ipcp_info info = { .size = sizeof(info) };
	struct ipcp_set set = { .size = sizeof(set) };
	struct ipcp_msg msg;
	char buf[8] = "";
	int truncated = 7;

	IPCP_MSG_SET(&msg, buf, sizeof(buf));
	assert_fails(ipcp_alloc_result(fd), err);
	assert_fails(ipcp_accept(fd, NULL), err);
	assert_fails(ipcp_accept(fd, &accept), err);
	assert_fails(ipcp_send(fd, buf, 1, IPCP_DONTWAIT), err);
	assert_fails(ipcp_recv(fd, buf, 1, 0, &truncated), err);
	assert_int_equal(truncated, 7);
	assert_fails(ipcp_send_many(fd, &msg, 1, 0), err);
	assert_fails(ipcp_recv_many(fd, &msg, 1, 0), err);
	assert_fails(ipcp_info(fd, &info), err);
	assert_fails(ipcp_peer_name(fd, buf, sizeof(buf)), err);
	assert_fails(ipcp_set(fd, &set), err);
	assert_fails(ipcp_rekey(fd), err);
	assert_fails(ipcp_down(fd), err);
}

static void calls_on_descriptors_that_are_not_flows_fail(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_no_flow(fds[0], ENOTTY);
	close(fds[0]);
	close(fds[1]);
	assert_no_flow(fds[0], EBADF);
	assert_fails(ipcp_send(fds[0], "x", 1, 0), EBADF);
}

/* The fields that the kernel fills in keep nothing of an earlier flow. */
static void a_failed_accept_clears_the_peer(void **state)
{
	struct ipcp_accept accept = {
		.size = sizeof(accept),
		.flags = IPCP_NONBLOCK,
		.timeout = 5,
		.qos.delay = 5,
		.authenticated = 1,
		.peer_name = "before",
	};

	(void)state;
	assert_fails(ipcp_accept(-1, &accept), EBADF);
	assert_int_equal(accept.authenticated, 0);
	assert_string_equal(accept.peer_name, "");
	assert_int_equal(accept.qos.delay, 0);
	assert_int_equal(accept.timeout, 5);
	assert_int_equal(accept.flags, IPCP_NONBLOCK);
	/* the first version of the structure ends with the QoS */
	accept.size = offsetof(struct ipcp_accept, authenticated);
	accept.authenticated = 1;
	accept.peer_name[0] = 'x';
	assert_fails(ipcp_accept(-1, &accept), EBADF);
	assert_int_equal(accept.authenticated, 1);
	assert_int_equal(accept.peer_name[0], 'x');
}

static void ipcp_msg_set_fills_one_element(void **state)
{
	struct ipcp_msg msgs[2];
	char buf[8];

	(void)state;
	memset(msgs, 0xff, sizeof(msgs));
	IPCP_MSG_SET(msgs + 1, buf + 1, 7);
	assert_int_equal(msgs[1].base, (uintptr_t)(buf + 1));
	assert_int_equal(msgs[1].len, 7);
	assert_int_equal(msgs[1].flags, 0);
	assert_int_equal(msgs[0].len, UINT32_MAX);
	assert_true(IPCP_MSEC(20000) == 20000000000LL);
}

static void error_texts_name_the_remedy(void **state)
{
	static const int allocs[] = {
		ENOTCONN, EHOSTUNREACH, ECONNREFUSED, ECONNABORTED, EKEYREJECTED,
		EPROTO, EACCES, ETIMEDOUT, EOPNOTSUPP, EUSERS, EDQUOT, EINTR,
		ENOENT, EINPROGRESS,
	};
	static const struct {
		enum ipcp_call call;
		int err;
	} cases[] = {
		{ IPCP_CALL_ALLOC, EINTR },
		{ IPCP_CALL_LISTEN, EINTR },
		{ IPCP_CALL_ACCEPT, ETIMEDOUT },
		{ IPCP_CALL_ACCEPT, EINVAL },
		{ IPCP_CALL_ACCEPT, EINTR },
		{ IPCP_CALL_FLOW, ENOTCONN },
		{ IPCP_CALL_FLOW, ESHUTDOWN },
		{ IPCP_CALL_FLOW, EMSGSIZE },
		{ IPCP_CALL_FLOW, EPERM },
		{ IPCP_CALL_FLOW, ETIMEDOUT },
	};
	const char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_non_null(strchr(ipcp_strerror(cases[i].call, cases[i].err),
				       ';'));
	/* each text is more than the meaning of the errno */
	for (i = 0; i < sizeof(allocs) / sizeof(allocs[0]); i++)
		assert_string_not_equal(ipcp_strerror(IPCP_CALL_ALLOC, allocs[i]),
					strerror(allocs[i]));
	text = ipcp_strerror(IPCP_CALL_ALLOC, ENOENT);
	assert_non_null(strstr(text, "modprobe"));
	assert_string_equal(ipcp_strerror(IPCP_CALL_LISTEN, ENOENT), text);
	/* one errno, another meaning for each call */
	text = ipcp_strerror(IPCP_CALL_ALLOC, ENOTCONN);
	assert_non_null(strstr(text, "agent"));
	text = ipcp_strerror(IPCP_CALL_FLOW, ENOTCONN);
	assert_non_null(strstr(text, "not a flow"));
	assert_string_equal(ipcp_strerror(IPCP_CALL_FLOW, EIO), strerror(EIO));
	/* the agent's policy is to blame only if the device can be opened */
	text = ipcp_strerror(IPCP_CALL_ALLOC, EACCES);
	assert_non_null(strstr(text, access(IPCP_REKEY_DEVICE, R_OK | W_OK) ?
			       "adduser" : "policy"));
	errno = EIO;
	text = ipcp_strerror(IPCP_CALL_LISTEN, EPERM);
	assert_int_equal(errno, EIO);
	assert_non_null(strstr(text, access(IPCP_REKEY_DEVICE, R_OK | W_OK) ?
			       "adduser" : "policy"));
	assert_string_equal(ipcp_strerror((enum ipcp_call)99, EIO),
			    strerror(EIO));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(flags_are_checked),
		cmocka_unit_test(sizes_of_options_are_checked),
		cmocka_unit_test(a_reason_needs_a_buffer_with_a_size),
		cmocka_unit_test(unknown_options_leave_no_old_reason),
		cmocka_unit_test(buffers_are_checked),
		cmocka_unit_test(calls_on_descriptors_that_are_not_flows_fail),
		cmocka_unit_test(a_failed_accept_clears_the_peer),
		cmocka_unit_test(ipcp_msg_set_fills_one_element),
		cmocka_unit_test(error_texts_name_the_remedy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
