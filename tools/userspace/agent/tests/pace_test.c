// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Pacing: many flows are not re-keyed at once, and few not too regularly. */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pace.h"

#define INTERVAL	120000
#define DAYS(n)		((n) * UINT64_C(86400000))

struct run {
	unsigned int most;	/* re-keys in one second */
	uint64_t youngest;	/* age at a re-key */
	uint64_t oldest;
	unsigned int rekeys;
};

/* Re-key the flows that are old enough, in the order of the array. */
static unsigned int look(struct run *run, struct pace *pace, uint64_t now,
			 uint32_t interval, uint64_t *born, unsigned int flows)
{
	unsigned int i, n = 0, may;
	uint64_t min_age, age;

	may = pace_take(pace, now, interval, flows, &min_age);
	for (i = 0; i < flows && n < may; i++) {
		age = now - born[i];
		if (age < min_age)
			continue;
		if (age < run->youngest)
			run->youngest = age;
		if (age > run->oldest)
			run->oldest = age;
		born[i] = now;
		n++;
	}
	pace_spent(pace, n);
	run->rekeys += n;
	return n;
}

/* Simulate flows that were all allocated at once, for a number of intervals. */
static struct run simulate(uint32_t interval, unsigned int flows,
			   unsigned int intervals)
{
	uint64_t now = 1000000, end = now + (uint64_t)intervals * interval;
	uint64_t *born = calloc(flows, sizeof(*born));
	uint64_t second = 0, tick = pace_tick(interval);
	struct run run = { .youngest = UINT64_MAX };
	struct pace pace = { 0 };
	unsigned int i, in_second = 0;

	assert_non_null(born);
	for (i = 0; i < flows; i++)
		born[i] = now;
	for (; now < end; now += tick) {
		if (now / 1000 != second) {
			second = now / 1000;
			in_second = 0;
		}
		in_second += look(&run, &pace, now, interval, born, flows);
		if (in_second > run.most)
			run.most = in_second;
	}
	/* a flow that is never re-keyed counts, too */
	for (i = 0; i < flows; i++)
		if (now - born[i] > run.oldest)
			run.oldest = now - born[i];
	free(born);
	return run;
}

static void one_flow_is_rekeyed_at_varying_ages(void **state)
{
	struct run run = simulate(INTERVAL, 1, 1000);

	(void)state;
	/* between 3/4 and all of the interval, and both occur */
	assert_in_range(run.youngest, INTERVAL * 75 / 100, INTERVAL * 77 / 100);
	assert_in_range(run.oldest, INTERVAL * 98 / 100, INTERVAL * 101 / 100);
	assert_in_range(run.rekeys, 1100, 1200);
}

static void many_flows_are_not_rekeyed_at_once(void **state)
{
	static const unsigned int counts[] = { 10, 500, 2000, 10000 };
	struct run run;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		run = simulate(INTERVAL, counts[i], 20);
		print_message("# %u flows: %u at most in a second, oldest %.1f s\n",
			      counts[i], run.most, run.oldest / 1e3);
		assert_true(run.youngest >= INTERVAL * 3 / 4);
		assert_in_range(run.oldest, INTERVAL * 90 / 100,
				INTERVAL * 102 / 100);
		/* a quarter of the interval would be 30 seconds */
		assert_true(run.most <= 2 * counts[i] / 30 + 2);
	}
}

/* Each flow has its turn between three quarters of the interval and the whole. */
static void check_long(uint32_t interval, unsigned int flows,
		       unsigned int intervals)
{
	struct run run = simulate(interval, flows, intervals);

	print_message("# %u s, %u flows: youngest %.0f s, oldest %.0f s\n",
		      interval / 1000, flows, run.youngest / 1e3,
		      run.oldest / 1e3);
	assert_in_range(run.youngest, interval - interval / 4, interval);
	assert_in_range(run.oldest, interval - interval / 4,
			interval + pace_tick(interval));
	assert_in_range(run.rekeys, flows * (intervals - 1),
			flows * intervals * 4 / 3);
}

static void a_long_interval_rekeys_a_single_flow(void **state)
{
	(void)state;
	check_long(7200000, 1, 100);
	check_long(DAYS(30), 1, 4);
}

static void a_long_interval_rekeys_a_few_flows_in_time(void **state)
{
	(void)state;
	check_long(DAYS(1), 10, 30);
	check_long(DAYS(1), 20, 30);
}

static void a_million_flows_and_a_month_do_not_overflow(void **state)
{
	struct pace pace = { 0 };
	uint64_t min_age;

	(void)state;
	/* one flow, and what 2 seconds earn: 4 * 1e6 * 2 s / 30 days = 3 */
	assert_int_equal(pace_take(&pace, DAYS(3650), DAYS(30), 1000000,
				   &min_age), 4);
	pace_spent(&pace, 4);
	assert_int_equal(pace_take(&pace, DAYS(3650), DAYS(30), 1000000,
				   &min_age), 0);
	/* the rate for a quarter of the interval */
	assert_int_equal(pace_take(&pace, DAYS(3650) + 1296, DAYS(30), 1000000,
				   &min_age), 2);
}

/*
 * A late call with a short interval gets no more than the credit that may be
 * saved.
 */
static void a_late_call_gets_at_most_the_maximum_credit(void **state)
{
	struct pace pace = { 0 };
	uint64_t min_age;

	(void)state;
	pace_take(&pace, 1000000, 8000, 1000, &min_age);
	pace_spent(&pace, 1000);
	assert_true(pace_take(&pace, 1000000, 8000, 1000, &min_age) == 0);
	assert_in_range(pace_take(&pace, 9000000, 8000, 1000, &min_age), 1, 251);
}

static void the_tick_follows_the_interval_within_bounds(void **state)
{
	(void)state;
	assert_int_equal(pace_tick(50), 20);
	assert_int_equal(pace_tick(3200), 100);
	assert_int_equal(pace_tick(86400000), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_flow_is_rekeyed_at_varying_ages),
		cmocka_unit_test(many_flows_are_not_rekeyed_at_once),
		cmocka_unit_test(a_long_interval_rekeys_a_single_flow),
		cmocka_unit_test(a_long_interval_rekeys_a_few_flows_in_time),
		cmocka_unit_test(a_million_flows_and_a_month_do_not_overflow),
		cmocka_unit_test(a_late_call_gets_at_most_the_maximum_credit),
		cmocka_unit_test(the_tick_follows_the_interval_within_bounds),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
