// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * When the agent reads upcalls, claims flows and looks at all of them. The module
 * answers as the test says, at times that it says.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include <cmocka.h>

#include "engine-int.h"
#include "work.h"

#define FLOWS	1000

static struct config conf;
static struct work work;
static struct kernel kernel;
static uint64_t clock_ms;
static unsigned int per_look;		/* ms that pass with each look at the clock */
static int upcall_status;
static struct ipcp_nl_upcall upcall;	/* if that is 0 */
static int done_status;
static unsigned int upcalls, refusals, claims, lines;
static void (*during_claim)(void);
static unsigned int ndue;
static bool asked[1 + FLOWS];

int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_ipcp_nl_upcall_get(struct ipcp_nl *nl, struct ipcp_nl_upcall *up);
int __wrap_ipcp_nl_upcall_done(struct ipcp_nl *nl, uint64_t id, uint32_t error,
			       const char *reason);
int __wrap_ipcp_nl_rekey_claim(struct ipcp_nl *nl, uint32_t limit,
			       uint64_t min_age, uint32_t first,
			       ipcp_nl_claim_cb cb, void *arg);
int __wrap_ipcp_nl_flow_dump(struct ipcp_nl *nl, ipcp_nl_flow_cb cb, void *arg);
int __wrap_ipcp_nl_info_get(struct ipcp_nl *nl, struct ipcp_nl_info *info);
int __wrap_ipcp_nl_sealed_send(struct ipcp_nl *nl, uint32_t id,
			       const uint8_t *p, size_t len);
const char *__wrap_ipcp_nl_reason(const struct ipcp_nl *nl);

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	(void)id;
	clock_ms += per_look;
	ts->tv_sec = clock_ms / 1000;
	ts->tv_nsec = clock_ms % 1000 * 1000000;
	return 0;
}

int __wrap_ipcp_nl_upcall_get(struct ipcp_nl *nl, struct ipcp_nl_upcall *up)
{
	(void)nl;
	*up = upcall;
	upcalls++;
	clock_ms++;
	return upcall_status;
}

int __wrap_ipcp_nl_upcall_done(struct ipcp_nl *nl, uint64_t id, uint32_t error,
			       const char *reason)
{
	(void)nl;
	(void)id;
	(void)reason;
	refusals += error != 0;
	return done_status;
}

/* No flow is due. */
int __wrap_ipcp_nl_rekey_claim(struct ipcp_nl *nl, uint32_t limit,
			       uint64_t min_age, uint32_t first,
			       ipcp_nl_claim_cb cb, void *arg)
{
	(void)nl;
	(void)limit;
	(void)first;
	(void)cb;
	(void)arg;
	claims += !min_age;
	if (during_claim)
		during_claim();
	return 0;
}

int __wrap_ipcp_nl_flow_dump(struct ipcp_nl *nl, ipcp_nl_flow_cb cb, void *arg)
{
	struct ipcp_nl_flow flow = {
		.state = IPCP_REKEY_FLOW_STATE_ALLOCATED,
		.due = IPCP_REKEY_DUE_REQUEST,
	};
	int err = 0;

	(void)nl;
	for (flow.id = 1; flow.id <= ndue && !err; flow.id++)
		err = cb(&flow, arg);
	return err;
}

int __wrap_ipcp_nl_info_get(struct ipcp_nl *nl, struct ipcp_nl_info *info)
{
	(void)nl;
	*info = (struct ipcp_nl_info){ .has_agent = true, .flows = ndue };
	return 0;
}

int __wrap_ipcp_nl_sealed_send(struct ipcp_nl *nl, uint32_t id,
			       const uint8_t *p, size_t len)
{
	(void)nl;
	(void)p;
	(void)len;
	assert_in_range(id, 1, FLOWS);
	asked[id] = true;
	return 0;
}

const char *__wrap_ipcp_nl_reason(const struct ipcp_nl *nl)
{
	(void)nl;
	return "said the module";
}

static void count_line(int priority, const char *text)
{
	(void)priority;
	(void)text;
	lines++;
}

static uint64_t turn(void)
{
	uint64_t next;

	assert_int_equal(work_turn(&work, &next), 0);
	return next;
}

static void run_for(uint64_t ms)
{
	uint64_t end = clock_ms + ms, next;

	for (next = turn(); next < end; next = turn())
		clock_ms = next > clock_ms ? next : clock_ms;
	clock_ms = end;
}

static int setup(void **state)
{
	(void)state;
	conf = (struct config){
		.rekey_interval = 3600000, .rekey_timeout = 30000,
		.max_exchanges = 256,
	};
	clock_ms = 1000000;
	per_look = 0;
	upcall_status = -EAGAIN;
	done_status = 0;
	upcall = (struct ipcp_nl_upcall){ .type = IPCP_REKEY_UPCALL_TYPE_CANCEL };
	during_claim = NULL;
	ndue = 0;
	memset(asked, 0, sizeof(asked));
	memset(&kernel, 0, sizeof(kernel));
	work = (struct work){
		.kernel = &kernel, .conf = &conf,
		.engine = engine_new(&kernel_ops, &kernel, &conf, NULL),
	};
	assert_non_null(work.engine);
	run_for(0);
	upcalls = 0;
	refusals = 0;
	claims = 0;
	lines = 0;
	log_divert(count_line);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	log_divert(NULL);
	engine_free(work.engine);
	return 0;
}

/* Upcalls */

static void test_no_memory(void **state)
{
	unsigned int i;

	(void)state;
	upcall_status = -ENOBUFS;
	assert_int_equal(work_upcalls(&work), 0);
	run_for(1000);
	assert_in_range(upcalls, 9, 11);
	/* nor do events change that */
	for (i = 0; i < 1000; i++) {
		clock_ms++;
		assert_int_equal(work_upcalls(&work), 0);
		turn();
	}
	assert_in_range(upcalls, 18, 22);
	assert_int_equal(lines, 1);

	/* what came meanwhile is read soon */
	upcalls = 0;
	upcall_status = -EAGAIN;
	run_for(10000);
	assert_int_equal(upcalls, 1);
	upcall_status = -ENOMEM;
	assert_int_equal(work_upcalls(&work), 0);
	assert_int_equal(lines, 2);
}

static void test_full_queue(void **state)
{
	uint64_t next;

	(void)state;
	upcall_status = 0;
	assert_int_equal(work_upcalls(&work), 0);
	upcall_status = -EAGAIN;
	upcalls = 0;
	next = turn();
	assert_int_equal(upcalls, 1);
	assert_true(next > clock_ms);
}

static void test_failure(void **state)
{
	(void)state;
	upcall_status = -EPERM;
	assert_int_equal(work_upcalls(&work), -EPERM);
	assert_int_equal(lines, 1);
}

/* Take a thousand of such upcalls within a second. */
static void take_upcalls(uint32_t type)
{
	upcall.type = type;
	upcall_status = 0;
	lines = 0;
	clock_ms += 20000;
	for (upcalls = 0; upcalls < 1000;)
		assert_int_equal(work_upcalls(&work), 0);
}

/* Programs cause some lines in the log, however often they ask. */
static void test_lines(void **state)
{
	(void)state;
	/* an invalid name */
	take_upcalls(IPCP_REKEY_UPCALL_TYPE_LISTEN);
	assert_int_equal(refusals, upcalls);
	assert_int_equal(lines, 5);
	done_status = -ENOENT;
	take_upcalls(IPCP_REKEY_UPCALL_TYPE_PROVIDE);
	assert_int_equal(lines, 1 + 5);
	take_upcalls(IPCP_REKEY_UPCALL_TYPE_UNLISTEN);
	assert_int_equal(lines, 5);
	take_upcalls(IPCP_REKEY_UPCALL_TYPE_UNPROVIDE);
	assert_int_equal(lines, 1 + 5);
}

/* Claims */

/* However the time passes between the looks at the clock. */
static void test_wish(void **state)
{
	uint64_t wish, next;
	int after;

	(void)state;
	per_look = 1;
	for (after = 0; after < 20; after++) {
		/* nothing else is due for a while */
		assert_int_equal(work_claim(&work), 0);
		work.next_claim = clock_ms + 1000;
		work.next_look = clock_ms + 1000;
		claims = 0;
		wish = clock_ms + after;
		engine_claim_soon(work.engine, after);
		do {
			next = turn();
			if (next > clock_ms)
				clock_ms = next;
		} while (clock_ms < wish + 50);
		assert_int_equal(claims, 1);
	}
}

static void wish_during_claim(void)
{
	during_claim = NULL;
	engine_claim_soon(work.engine, 10);
	clock_ms += 50;
}

/* A wish that came due while flows were claimed. */
static void test_wish_during_claim(void **state)
{
	(void)state;
	during_claim = wish_during_claim;
	engine_claim_soon(work.engine, 0);
	run_for(500);
	assert_int_equal(claims, 2);
}

/* Looks */

static void test_all_asked(void **state)
{
	unsigned int id;

	(void)state;
	ndue = FLOWS;
	work.next_look = clock_ms;
	run_for(5000);
	for (id = 1; id <= FLOWS; id++)
		assert_true(asked[id]);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_memory),
		TEST(test_full_queue),
		TEST(test_failure),
		TEST(test_lines),
		TEST(test_wish),
		TEST(test_wish_during_claim),
		TEST(test_all_asked),
	};

	return cmocka_run_group_tests_name("due", tests, NULL, NULL);
}
