// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Choice and order of the hosts of a service. */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "srv.h"

static uint64_t dice_state = 1;

static uint32_t dice(uint32_t below)
{
	dice_state = dice_state * UINT64_C(6364136223846793005) + 1;
	return (dice_state >> 33) % below;
}

static uint32_t zero(uint32_t below)
{
	(void)below;
	return 0;
}

static uint32_t highest(uint32_t below)
{
	return below - 1;
}

/* @spec: priority, weight, port and name of each host */
static void order(const char *want, uint32_t (*with)(uint32_t),
		  const struct srv *spec, size_t n)
{
	struct srv list[8];
	char got[64] = "";
	size_t i;

	memcpy(list, spec, n * sizeof(*list));
	srv_order(list, n, with);
	for (i = 0; i < n; i++)
		strcat(got, list[i].host);
	assert_string_equal(got, want);
}

static void lower_priority_values_come_first(void **state)
{
	static const struct srv list[] = {
		{ 30, 0, 1, "c" }, { 10, 0, 2, "a" }, { 20, 65535, 3, "b" },
	};

	(void)state;
	order("abc", dice, list, 3);
	order("abc", highest, list, 3);
}

/* Fill a list of eight with nine records, in the order of @spec. */
static void fill(struct srv list[8], const struct srv spec[9])
{
	struct srv *room;
	size_t i, n = 0;

	for (i = 0; i < 9; i++) {
		room = srv_room(list, &n, 8, spec[i].priority);
		if (room)
			*room = spec[i];
		assert_int_equal(n, i < 8 ? i + 1 : 8);
	}
}

static void a_full_list_keeps_the_preferred_records(void **state)
{
	struct srv spec[9] = {
		{ 5, 0, 0, "d" }, { 9, 0, 0, "h" }, { 7, 0, 0, "f" },
		{ 4, 0, 0, "c" }, { 10, 0, 0, "i" }, { 8, 0, 0, "g" },
		{ 6, 0, 0, "e" }, { 3, 0, 0, "b" }, { 1, 0, 0, "a" },
	};
	struct srv list[8];

	(void)state;
	fill(list, spec);
	order("abcdefgh", dice, list, 8);
	/* one that is not preferred to any other is left out */
	spec[8].priority = 10;
	fill(list, spec);
	order("bcdefghi", dice, list, 8);
}

static void lists_of_one_or_no_host_are_ordered(void **state)
{
	static const struct srv one[] = { { 0, 0, 0, "a" } };

	(void)state;
	order("a", dice, one, 1);
	srv_order(NULL, 0, dice);
}

static void weight_zero_is_first_only_if_zero_is_drawn(void **state)
{
	static const struct srv list[] = {
		{ 1, 10, 0, "b" }, { 1, 0, 0, "a" }, { 1, 20, 0, "c" },
	};

	(void)state;
	/* the host of weight zero comes first only if zero is drawn */
	order("abc", zero, list, 3);
	order("cba", highest, list, 3);
}

static void the_weight_is_the_chance_to_be_first(void **state)
{
	static const struct srv spec[] = {
		{ 1, 10, 0, "a" }, { 1, 60, 0, "b" }, { 1, 30, 0, "c" },
	};
	unsigned int first[3] = { 0 }, i;
	struct srv list[3];

	(void)state;
	for (i = 0; i < 10000; i++) {
		memcpy(list, spec, sizeof(list));
		srv_order(list, 3, dice);
		first[list[0].host[0] - 'a']++;
	}
	assert_in_range(first[0], 800, 1200);
	assert_in_range(first[1], 5700, 6300);
	assert_in_range(first[2], 2700, 3300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lower_priority_values_come_first),
		cmocka_unit_test(a_full_list_keeps_the_preferred_records),
		cmocka_unit_test(lists_of_one_or_no_host_are_ordered),
		cmocka_unit_test(weight_zero_is_first_only_if_zero_is_drawn),
		cmocka_unit_test(the_weight_is_the_chance_to_be_first),
	};

	return cmocka_run_group_tests_name("srv", tests, NULL, NULL);
}
