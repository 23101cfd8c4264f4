// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Calls and their replies. The peer is the "nlctrl" family, which every kernel
 * has: the family looks up other families by name.
 */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/genetlink.h>
#include <netlink/genl/genl.h>

#include "nl-int.h"

static struct ipcp_nl *nl;
static bool no_memory;

struct nl_cb *__real_nl_cb_alloc(enum nl_cb_kind kind);
struct nl_cb *__wrap_nl_cb_alloc(enum nl_cb_kind kind);

struct nl_cb *__wrap_nl_cb_alloc(enum nl_cb_kind kind)
{
	return no_memory ? NULL : __real_nl_cb_alloc(kind);
}

static int setup(void **state)
{
	(void)state;
	nl = calloc(1, sizeof(*nl));
	assert_non_null(nl);
	nl->sock = nl_socket_alloc();
	assert_non_null(nl->sock);
	nl->cb = nl_cb_alloc(NL_CB_DEFAULT);
	assert_non_null(nl->cb);
	nl->family = GENL_ID_CTRL;
	return genl_connect(nl->sock);
}

static int teardown(void **state)
{
	(void)state;
	ipcp_nl_close(nl);
	return 0;
}

static void begin(struct nl_call *call, int flags, const char *family)
{
	assert_int_equal(nl_call_begin(call, nl, CTRL_CMD_GETFAMILY, flags, 64),
			 0);
	if (family)
		assert_int_equal(nla_put_string(call->msg,
						CTRL_ATTR_FAMILY_NAME, family),
				 0);
	call->maxattr = CTRL_ATTR_MAX;
}

static int on_family(struct nlattr **tb, struct nl_msg *msg, void *arg)
{
	(void)msg;
	nl_get_str(arg, 32, tb[CTRL_ATTR_FAMILY_NAME]);
	return 0;
}

static int get(const char *family, char *name)
{
	struct nl_call call;

	name[0] = '\0';
	begin(&call, 0, family);
	call.reply = on_family;
	call.arg = name;
	return nl_call_end(&call);
}

/* Send a request, and leave the reply in the socket. */
static void leave(int flags, const char *family)
{
	struct nl_call call;

	begin(&call, flags, family);
	assert_true(nl_send_auto(nl->sock, call.msg) > 0);
	nlmsg_free(call.msg);
}

static void assert_gets(void)
{
	char name[32];
	int i;

	for (i = 0; i < 3; i++) {
		assert_int_equal(get("nlctrl", name), 0);
		assert_string_equal(name, "nlctrl");
		assert_int_equal(get("no such family", name), -ENOENT);
		assert_string_equal(name, "");
	}
}

static void a_call_gets_its_reply(void **state)
{
	(void)state;
	assert_gets();
}

static void a_reply_needs_no_memory_after_the_request(void **state)
{
	(void)state;
	no_memory = true;
	assert_gets();
	no_memory = false;
}

static void an_error_left_by_an_earlier_call_is_skipped(void **state)
{
	(void)state;
	leave(0, "no such family");
	assert_gets();
}

static void replies_left_by_earlier_calls_are_skipped(void **state)
{
	(void)state;
	leave(0, "nlctrl");
	leave(0, "nlctrl");
	assert_gets();
}

static void a_dump_left_by_an_earlier_call_is_skipped(void **state)
{
	(void)state;
	leave(NLM_F_DUMP, NULL);
	assert_gets();
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_gets_its_reply),
		TEST(a_reply_needs_no_memory_after_the_request),
		TEST(an_error_left_by_an_earlier_call_is_skipped),
		TEST(replies_left_by_earlier_calls_are_skipped),
		TEST(a_dump_left_by_an_earlier_call_is_skipped),
	};

	return cmocka_run_group_tests_name("nl", tests, NULL, NULL);
}
