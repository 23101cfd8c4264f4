// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Readings of flows, their rates, and the table of flows. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "columns.h"
#include "reading.h"
#include "io.h"

#define MANY	10000

static struct ipcp_nl_flow flow(uint32_t id, uint32_t eid, uint64_t packets)
{
	struct ipcp_nl_flow f = {
		.has = UINT64_C(1) << IPCP_REKEY_A_FLOW_TX_LEFT,
		.id = id, .eid = eid, .epoch = 3, .tx_leaf = 12,
		.tx_left = 1234567, .epoch_age = 61000,
		.stats = {
			.tx_packets = packets, .tx_bytes = packets * 100,
			.rx_packets = packets * 2, .rx_bytes = packets * 300,
		},
	};
	struct sockaddr_in *in = (struct sockaddr_in *)&f.peer.addr;

	in->sin_family = AF_INET;
	in->sin_port = htons(3435);
	inet_pton(AF_INET, "192.0.2.1", &in->sin_addr);
	snprintf(f.name, sizeof(f.name), "name-%u", id);
	return f;
}

static void add(struct reading *set, struct ipcp_nl_flow f)
{
	assert_int_equal(reading_add(set, &f), 0);
}

static const struct flow_row *row_of(const struct reading *set, uint32_t id)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		if (set->rows[i].id == id)
			return &set->rows[i];
	fail_msg("no flow %u", id);
	return NULL;
}

/* Flow 1 stays, 2 vanishes, 3 appears; 4 and 5 are other flows with that id. */
static void only_flows_of_both_readings_have_rates(void **state)
{
	struct reading before = { 0 }, now = { .at = 2 * NSEC_PER_SEC };
	uint32_t id;

	(void)state;
	add(&before, flow(5, 50, 500));
	add(&before, flow(2, 20, 1));
	add(&before, flow(1, 10, 100));
	add(&before, flow(4, 40, 1));
	reading_sort(&before);
	add(&now, flow(4, 41, 9));
	add(&now, flow(3, 30, 7));
	add(&now, flow(1, 10, 150));
	add(&now, flow(5, 50, 499));
	reading_sort(&now);
	reading_rates(&now, &before);
	assert_true(row_of(&now, 1)->rates.known);
	assert_true(row_of(&now, 1)->rates.tx_packets == 25);
	assert_true(row_of(&now, 1)->rates.tx_bytes == 2500);
	assert_true(row_of(&now, 1)->rates.rx_packets == 50);
	assert_true(row_of(&now, 1)->rates.rx_bytes == 7500);
	for (id = 3; id <= 5; id++)
		assert_false(row_of(&now, id)->rates.known);
	reading_free(&before);
	reading_free(&now);
}

static void readings_taken_at_the_same_time_have_no_rates(void **state)
{
	struct reading before = { .at = 5 }, now = { .at = 5 }, none = { 0 };

	(void)state;
	add(&before, flow(1, 10, 100));
	add(&now, flow(1, 10, 200));
	reading_rates(&now, &before);
	assert_false(now.rows[0].rates.known);
	reading_rates(&now, &none);
	assert_false(now.rows[0].rates.known);
	reading_sort(&none);
	columns_sort(&none, columns_by_name("rate"));
	reading_free(&before);
	reading_free(&now);
}

static void memory_of_a_reading_is_reused(void **state)
{
	struct reading set = { 0 };
	struct flow_row *rows;
	size_t room;
	uint32_t i;

	(void)state;
	for (i = 1; i <= MANY; i++)
		add(&set, flow(i, i, i));
	assert_true(set.n == MANY && set.room < 2 * MANY);
	rows = set.rows;
	room = set.room;
	set.n = 0;
	for (i = 1; i <= MANY; i++)
		add(&set, flow(i, i, i));
	assert_ptr_equal(set.rows, rows);
	assert_int_equal(set.room, room);
	reading_free(&set);
	assert_null(set.rows);
}

static void the_most_frequent_drop_reason_is_named(void **state)
{
	struct ipcp_nl_flow f = flow(1, 1, 1);
	struct reading set = { 0 };

	(void)state;
	add(&set, f);
	f.stats.drops.by[IPCP_REKEY_A_DROPS_LATE] = 4;
	f.stats.drops.by[IPCP_REKEY_A_DROPS_AUTH] = 5;
	f.stats.drops.by[IPCP_REKEY_A_DROPS_CLOSED] = 5;
	add(&set, f);
	assert_int_equal(set.rows[0].drops, 0);
	assert_int_equal(set.rows[0].worst, 0);
	assert_int_equal(set.rows[1].drops, 14);
	assert_int_equal(set.rows[1].worst, IPCP_REKEY_A_DROPS_AUTH);
	reading_free(&set);
}

/* Check the order of three flows with different ids. */
static void check_order(struct reading *set, const char *by, uint32_t first,
			uint32_t second, uint32_t third)
{
	int column = columns_by_name(by);

	assert_true(column >= 0);
	columns_sort(set, column);
	assert_int_equal(set->rows[0].id, first);
	assert_int_equal(set->rows[1].id, second);
	assert_int_equal(set->rows[2].id, third);
}

static void flows_are_sorted_by_each_column(void **state)
{
	struct reading before = { 0 }, now = { .at = NSEC_PER_SEC };
	struct ipcp_nl_flow f;

	(void)state;
	add(&before, flow(1, 1, 0));
	add(&before, flow(2, 2, 0));
	add(&now, flow(1, 1, 10));
	f = flow(2, 2, 20);
	strcpy(f.name, "a");
	f.tx_left = 5;
	f.epoch_age = 70000;
	f.stats.drops.by[IPCP_REKEY_A_DROPS_AUTH] = 1;
	add(&now, f);
	f = flow(3, 3, 99);
	f.direct = 1;
	f.has = 0;
	add(&now, f);
	reading_rates(&now, &before);
	check_order(&now, "rate", 2, 1, 3);
	check_order(&now, "ID", 1, 2, 3);
	check_order(&now, "name", 2, 1, 3);
	check_order(&now, "peer", 1, 2, 3);
	check_order(&now, "left", 2, 1, 3);
	check_order(&now, "age", 2, 1, 3);
	check_order(&now, "out", 2, 1, 3);
	check_order(&now, "in-bytes", 2, 1, 3);
	check_order(&now, "drops", 2, 1, 3);
	check_order(&now, "reason", 1, 3, 2);
	check_order(&now, "epoch", 1, 2, 3);
	assert_int_equal(columns_by_name("frob"), -1);
	reading_free(&before);
	reading_free(&now);
}

static void each_column_can_be_named(void **state)
{
	char names[256], *word, *save;
	int n = 0;

	(void)state;
	columns_names(names, sizeof(names));
	for (word = strtok_r(names, " ", &save); word;
	     word = strtok_r(NULL, " ", &save), n++)
		assert_true(columns_by_name(word) >= 0);
	assert_int_equal(n, COLUMNS + 1);
	assert_string_equal(columns_names(names, 11), "rate id");
}

static void no_line_exceeds_the_width(void **state)
{
	struct ipcp_nl_flow f = flow(4000000000, 1, 1);
	char line[COLUMNS_LINE];
	struct reading set = { 0 };
	struct columns c;
	unsigned int cols;

	(void)state;
	memset(f.name, 'x', sizeof(f.name) - 1);
	add(&set, f);
	for (cols = 1; cols <= 300; cols++) {
		columns_fit(&c, cols, &set);
		columns_head(&c, line);
		assert_true(strlen(line) <= cols || cols < 10);
		columns_row(&c, &set.rows[0], line);
		assert_true(strlen(line) <= cols || cols < 10);
		assert_true(!strncmp(line, "4000000000", 10));
	}
	assert_true(strlen(line) > 130);
	reading_free(&set);
}

static void a_row_has_all_cells(void **state)
{
	struct reading set = { 0 };
	char line[COLUMNS_LINE];
	struct ipcp_nl_flow f = flow(7, 1, 1);
	struct columns c;

	(void)state;
	strcpy(f.name, "x\033[2J\xc2\x9b and a rather long name");
	f.stats.drops.by[IPCP_REKEY_A_DROPS_REPLAY] = 100000;
	add(&set, f);
	set.rows[0].rates = (struct flow_rates) { true, 0, 12345, 7.5, 1e6 };
	columns_fit(&c, 80, &set);
	columns_head(&c, line);
	assert_string_equal(line,
		"   ID NAME          EPOCH  LEFT    AGE     OUT OUT-BYTES      IN  IN-BYTES DROPS");
	columns_row(&c, &set.rows[0], line);
	assert_string_equal(line,
		"    7 x?[2J?? and +     3 1.23M  1m01s     0/s  12.3kB/s   7.5/s  1.00MB/s  100k");
	columns_fit(&c, 0, &set);
	columns_row(&c, &set.rows[0], line);
	assert_non_null(strstr(line, " 192.0.2.1:3435 "));
	assert_non_null(strstr(line, "  100k replay"));
	reading_free(&set);
}

static void a_flow_without_keys_has_no_epoch(void **state)
{
	struct reading set = { 0 };
	struct ipcp_nl_flow f = flow(7, 1, 1);
	char line[COLUMNS_LINE];
	struct columns c;

	(void)state;
	f.direct = 1;
	f.has = 0;
	add(&set, f);
	columns_fit(&c, 65, &set);
	columns_row(&c, &set.rows[0], line);
	assert_string_equal(line,
		"    7 name-7     -    -     -       -         -       -         -");
	reading_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_flows_of_both_readings_have_rates),
		cmocka_unit_test(readings_taken_at_the_same_time_have_no_rates),
		cmocka_unit_test(memory_of_a_reading_is_reused),
		cmocka_unit_test(the_most_frequent_drop_reason_is_named),
		cmocka_unit_test(flows_are_sorted_by_each_column),
		cmocka_unit_test(each_column_can_be_named),
		cmocka_unit_test(no_line_exceeds_the_width),
		cmocka_unit_test(a_row_has_all_cells),
		cmocka_unit_test(a_flow_without_keys_has_no_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
