// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Times at which the agent reads upcalls, claims flows and scans all flows. The
 * test provides the answers of the module, and the clock.
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
static unsigned int per_look;		/* ms added by each read of the clock */
static int upcall_status;
static struct ipcp_nl_upcall upcall;	/* if upcall_status is 0 */
static int done_status;
static unsigned int upcalls, refusals, claims, lines;
static void (*during_claim)(void);
static unsigned int ndue;
static bool asked[1 + FLOWS];
static struct ipcp_nl_flow old;		/* encrypted: all flows of a scan */
static uint32_t limits[1 + FLOWS];
static unsigned int sets;
static int set_status;

int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_ipcp_nl_upcall_get(struct ipcp_nl *nl, struct ipcp_nl_upcall *up);
int __wrap_ipcp_nl_upcall_done(struct ipcp_nl *nl, uint64_t id, uint32_t error,
			       const char *reason);
int __wrap_ipcp_nl_rekey_claim(struct ipcp_nl *nl, uint32_t limit,
			       uint64_t min_age, uint32_t first,
			       ipcp_nl_claim_cb cb, void *arg);
int __wrap_ipcp_nl_flow_dump(struct ipcp_nl *nl, ipcp_nl_flow_cb cb, void *arg);
int __wrap_ipcp_nl_flow_get(struct ipcp_nl *nl, uint32_t id,
			    struct ipcp_nl_flow *flow);
int __wrap_ipcp_nl_flow_set(struct ipcp_nl *nl, uint32_t id,
			    const struct ipcp_nl_params *params);
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

int __wrap_ipcp_nl_flow_get(struct ipcp_nl *nl, uint32_t id,
			    struct ipcp_nl_flow *flow)
{
	(void)nl;
	*flow = (struct ipcp_nl_flow){
		.id = id, .state = IPCP_REKEY_FLOW_STATE_ALLOCATED,
		.due = IPCP_REKEY_DUE_REQUEST,
	};
	return 0;
}

int __wrap_ipcp_nl_flow_dump(struct ipcp_nl *nl, ipcp_nl_flow_cb cb, void *arg)
{
	struct ipcp_nl_flow flow;
	uint32_t id;
	int err = 0;

	for (id = 1; id <= ndue && !err; id++) {
		__wrap_ipcp_nl_flow_get(nl, id, &flow);
		if (old.encrypted) {
			flow = old;
			flow.id = id;
			flow.max_epoch_age = limits[id];
		}
		err = cb(&flow, arg);
	}
	return err;
}

/* The kernel rounds a time up to its ticks. */
int __wrap_ipcp_nl_flow_set(struct ipcp_nl *nl, uint32_t id,
			    const struct ipcp_nl_params *params)
{
	(void)nl;
	assert_in_range(id, 1, FLOWS);
	assert_int_equal(params->set, IPCP_NL_P_MAX_EPOCH_AGE);
	sets++;
	if (set_status)
		return set_status;
	limits[id] = params->max_epoch_age > INT32_MAX ? UINT32_MAX :
		     (params->max_epoch_age + 9) / 10 * 10;
	return 0;
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

static void check_asked(bool expected)
{
	unsigned int id;

	for (id = 1; id <= FLOWS; id++)
		assert_int_equal(asked[id], expected);
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
	old = (struct ipcp_nl_flow){ 0 };
	sets = 0;
	set_status = 0;
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

static void upcalls_are_retried_slowly_while_memory_is_short(void **state)
{
	unsigned int i;

	(void)state;
	upcall_status = -ENOBUFS;
	assert_int_equal(work_upcalls(&work), 0);
	run_for(1000);
	assert_in_range(upcalls, 9, 11);
	/* events do not make the agent read more often */
	for (i = 0; i < 1000; i++) {
		clock_ms++;
		assert_int_equal(work_upcalls(&work), 0);
		turn();
	}
	assert_in_range(upcalls, 18, 22);
	assert_int_equal(lines, 1);

	/* pending upcalls are read soon once there is memory */
	upcalls = 0;
	upcall_status = -EAGAIN;
	run_for(10000);
	assert_int_equal(upcalls, 1);
	upcall_status = -ENOMEM;
	assert_int_equal(work_upcalls(&work), 0);
	assert_int_equal(lines, 2);
}

static void reading_a_long_queue_continues_in_the_next_turn(void **state)
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

static void a_failed_read_of_upcalls_is_logged_and_returned(void **state)
{
	(void)state;
	upcall_status = -EPERM;
	assert_int_equal(work_upcalls(&work), -EPERM);
	assert_int_equal(lines, 1);
}

/* Read at least a thousand upcalls of one type, one per ms. */
static void take_upcalls(uint32_t type)
{
	upcall.type = type;
	upcall_status = 0;
	lines = 0;
	clock_ms += 20000;
	for (upcalls = 0; upcalls < 1000;)
		assert_int_equal(work_upcalls(&work), 0);
}

/* Programs cause a limited number of log lines, however often they ask. */
static void log_lines_about_upcalls_are_limited(void **state)
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

/*
 * Each read of the clock advances the clock, and the claim comes due between
 * any two reads.
 */
static void a_requested_claim_is_made_exactly_once(void **state)
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

/* A requested claim that comes due while flows are being claimed. */
static void a_claim_requested_during_a_claim_is_not_lost(void **state)
{
	(void)state;
	during_claim = wish_during_claim;
	engine_claim_soon(work.engine, 0);
	run_for(500);
	assert_int_equal(claims, 2);
}

/* Scans of all flows */

/* All flows have this limit, and an epoch of this age. */
static void flows_with_limit(uint32_t limit, uint64_t age)
{
	uint32_t id;

	old = (struct ipcp_nl_flow){
		.encrypted = 1, .initiator = 1, .epoch_age = age,
		.state = IPCP_REKEY_FLOW_STATE_ALLOCATED,
	};
	ndue = FLOWS;
	for (id = 1; id <= FLOWS; id++)
		limits[id] = limit;
	sets = 0;
	work.next_look = clock_ms;
}

static void all_due_flows_ask_their_peers_for_a_rekey(void **state)
{
	(void)state;
	ndue = FLOWS;
	work.next_look = clock_ms;
	run_for(5000);
	check_asked(true);
}

/* The initiator may have a longer interval than the limit of this side. */
static void a_responder_asks_before_its_keys_are_too_old(void **state)
{
	(void)state;
	conf.params.max_epoch_age = 1200000;
	flows_with_limit(1200000, 899999);
	old.initiator = 0;
	run_for(20000);
	check_asked(false);
	old.epoch_age = 900000;
	work.next_look = clock_ms;
	run_for(5000);
	check_asked(true);
}

static void only_a_responder_with_a_limit_asks_early(void **state)
{
	(void)state;
	flows_with_limit(0, 3000000000);
	old.initiator = 0;
	run_for(20000);
	conf.params.max_epoch_age = 1200000;
	flows_with_limit(1200000, 1000000);
	run_for(20000);
	check_asked(false);
}

/* A scan sees a request as long as there are no new keys. */
static void only_the_event_of_a_request_ends_the_wait_of_a_flow(void **state)
{
	struct record *record = &work.engine->record;

	(void)state;
	record_failure(record, REKEY_FAILED, 5, "a.example", NULL, "x", clock_ms);
	ndue = FLOWS;
	assert_true(kernel_look(&kernel, work.engine, &conf) >= 0);
	assert_true(asked[5]);
	assert_true(record_waits(record, 5, clock_ms));
	kernel_want(&kernel, work.engine, 5);
	assert_false(record_waits(record, 5, clock_ms));
}

/* The module does not tell of the end of a flow without keys. */
static void a_scan_forgets_failures_of_flows_that_are_gone(void **state)
{
	struct record *record = &work.engine->record;

	(void)state;
	record_failure(record, REKEY_FAILED, 5, "a.example", NULL, "x", 1);
	record_failure(record, REKEY_FAILED, FLOWS + 1, "a.example", NULL, "x",
		       1);
	ndue = FLOWS;
	work.next_look = clock_ms;
	run_for(5000);
	assert_int_equal(record_times(record, 5), 1);
	assert_int_equal(record_times(record, FLOWS + 1), 0);
}

static void check_limits(uint32_t limit)
{
	uint32_t id;

	for (id = 1; id <= FLOWS; id++)
		assert_int_equal(limits[id], limit);
}

static void existing_flows_get_the_limit_of_a_new_configuration(void **state)
{
	(void)state;
	conf.rekey_interval = 1800000;
	conf.params.max_epoch_age = 18000003;
	flows_with_limit(1200000, 1000);
	run_for(60000);
	check_limits(18000010);
	/* once: the kernel's rounding is no difference */
	assert_int_equal(sets, FLOWS);
	conf.params.max_epoch_age = 3000000000;
	run_for(60000);
	check_limits(UINT32_MAX);
	assert_int_equal(sets, 2 * FLOWS);
	conf.params.max_epoch_age = 0;
	run_for(60000);
	check_limits(0);
	assert_int_equal(sets, 3 * FLOWS);
}

static void a_lower_limit_leaves_old_keys_time_for_a_rekey(void **state)
{
	(void)state;
	conf.rekey_interval = 120000;
	conf.params.max_epoch_age = 1200000;
	flows_with_limit(0, 3000000);
	run_for(20000);
	check_limits(3120000);
	/* the time does not grow with the age of the keys */
	old.epoch_age += 20000;
	run_for(20000);
	check_limits(3120000);
	/* there are new keys */
	old.epoch_age = 1000;
	run_for(20000);
	check_limits(1200000);
	assert_int_equal(sets, 2 * FLOWS);
}

static void limits_are_set_for_some_flows_at_a_time(void **state)
{
	(void)state;
	conf.params.max_epoch_age = 36000000;
	flows_with_limit(1200000, 1000);
	assert_int_equal(work_look(&work), 0);
	assert_in_range(sets, 1, FLOWS - 1);
	assert_in_range(work.next_look, clock_ms, clock_ms + 1000);
	run_for(2000);
	check_limits(36000000);
	/* flows that the module refuses to change are left alone for a while */
	flows_with_limit(1200000, 1000);
	set_status = -EINVAL;
	run_for(7000);
	assert_int_equal(sets, FLOWS);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(upcalls_are_retried_slowly_while_memory_is_short),
		TEST(reading_a_long_queue_continues_in_the_next_turn),
		TEST(a_failed_read_of_upcalls_is_logged_and_returned),
		TEST(log_lines_about_upcalls_are_limited),
		TEST(a_requested_claim_is_made_exactly_once),
		TEST(a_claim_requested_during_a_claim_is_not_lost),
		TEST(all_due_flows_ask_their_peers_for_a_rekey),
		TEST(a_responder_asks_before_its_keys_are_too_old),
		TEST(only_a_responder_with_a_limit_asks_early),
		TEST(only_the_event_of_a_request_ends_the_wait_of_a_flow),
		TEST(a_scan_forgets_failures_of_flows_that_are_gone),
		TEST(existing_flows_get_the_limit_of_a_new_configuration),
		TEST(a_lower_limit_leaves_old_keys_time_for_a_rekey),
		TEST(limits_are_set_for_some_flows_at_a_time),
	};

	return cmocka_run_group_tests_name("due", tests, NULL, NULL);
}
