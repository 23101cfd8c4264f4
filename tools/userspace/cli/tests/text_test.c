// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Numbers in cells, addresses, samples of the exposition format, and text that a
 * terminal cannot obey.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail	/* a function here, see cmd.h */

#include "../common/addr.h"
#include "capture.h"
#include "cmd.h"
#include "expo.h"
#include "fmt.h"
#include "out.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

static void counts_have_at_most_five_characters(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} cases[] = {
		{ 0, "0" }, { 99999, "99999" }, { 100000, "100k" },
		{ 999499, "999k" }, { 999500, "1.00M" }, { 1234567, "1.23M" },
		{ 9994999, "9.99M" }, { 9995000, "10.0M" },
		{ 99949999, "99.9M" }, { 99950000, "100M" },
		{ 123456789012ULL, "123G" }, { UINT64_MAX, "18.4E" },
	};
	char buf[FMT_LEN];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_string_equal(fmt_count(cases[i].n, buf), cases[i].text);
		assert_true(strlen(buf) <= 5);
	}
}

static void rates_are_shown_with_their_unit(void **state)
{
	static const struct {
		double rate;
		const char *unit;
		const char *text;
	} cases[] = {
		{ -1, "", "-" }, { 0, "", "0/s" }, { 0.1, "", "0.1/s" },
		{ 9.94, "", "9.9/s" }, { 9.95, "", "10/s" }, { 999.4, "B", "999B/s" },
		{ 999.5, "B", "1.00kB/s" }, { 12345, "", "12.3k/s" },
		{ 1.2345e6, "B", "1.23MB/s" }, { 99.96e9, "B", "100GB/s" },
	};
	char buf[FMT_LEN];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_string_equal(fmt_rate(cases[i].rate, cases[i].unit, buf),
				    cases[i].text);
}

static void ages_are_rounded_down(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "0.0s" }, { 999, "0.9s" }, { 9999, "9.9s" }, { 10000, "10s" },
		{ 59999, "59s" }, { 60000, "1m00s" }, { 3599999, "59m59s" },
		{ 3600000, "1h00m" }, { 86399999, "23h59m" },
		{ 86400000, "1d00h" }, { 8639999999, "99d23h" },
		{ 8640000000, "100d" },
	};
	char buf[FMT_LEN];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_string_equal(fmt_age(cases[i].ms, buf), cases[i].text);
}

static char *sample(const struct expo_label *labels, uint64_t value)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	expo_sample(out, "m_total", labels, value);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void label_values_are_escaped(void **state)
{
	static const struct {
		const char *value;
		const char *text;
	} cases[] = {
		{ "", "m_total{a=\"\"} 7\n" },
		{ "x\"y", "m_total{a=\"x\\\"y\"} 7\n" },
		{ "x\\n", "m_total{a=\"x\\\\n\"} 7\n" },
		{ "x\ny", "m_total{a=\"x\\ny\"} 7\n" },
		{ "{},= #", "m_total{a=\"{},= #\"} 7\n" },
		{ "caf\xc3\xa9", "m_total{a=\"caf\xc3\xa9\"} 7\n" },
		{ "caf\xe9\n", "m_total{a=\"caf?\\n\"} 7\n" },
		{ "\xed\xa0\x80", "m_total{a=\"???\"} 7\n" },
		{ "\xc2\x9b" "2J", "m_total{a=\"?2J\"} 7\n" },
		{ "\xc2\x80\xc2\x9f\xc2\xa0", "m_total{a=\"??\xc2\xa0\"} 7\n" },
		{ "\x1b[2J\t\x7f", "m_total{a=\"?[2J??\"} 7\n" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const struct expo_label labels[] = {
			{ "a", cases[i].value }, { 0 }
		};
		char *text = sample(labels, 7);

		assert_string_equal(text, cases[i].text);
		free(text);
	}
}

static void samples_keep_all_digits(void **state)
{
	const struct expo_label labels[] = { { "a", "1" }, { "b", "2" }, { 0 } };
	char *text = sample(labels, UINT64_MAX);

	(void)state;
	assert_string_equal(text,
			    "m_total{a=\"1\",b=\"2\"} 18446744073709551615\n");
	free(text);
	text = sample(NULL, 0);
	assert_string_equal(text, "m_total 0\n");
	free(text);
}

/* Local users choose names and programs, and root looks at the lists. */
static void json_moves_no_cursor(void **state)
{
	char *text;

	(void)state;
	capture_begin(STDOUT_FILENO);
	assert_int_equal(out_json(json_pack("{s:s}", "name", "a\xc2\x9b" "2J\x1b\xc3\xa9"),
				  true), EXIT_OK);
	text = capture_end();
	assert_string_equal(text, "{\"name\":\"a\\u009B2J\\u001B\\u00E9\"}\n");
	free(text);
}

/* The reason of a failure may come from another program, a peer or a file. */
static void errors_move_no_cursor(void **state)
{
	static const struct {
		const char *reason;
		const char *text;
	} cases[] = {
		{ "gone", PROG ": down: gone\n" },
		{ "\xc2\x9b" "2J", PROG ": down: ?2J\n" },
		{ "\x1b[2J\n", PROG ": down: ?[2J?\n" },
		{ "\x9b" "2J", PROG ": down: ?2J\n" },
		{ "caf\xc3\xa9", PROG ": down: caf\xc3\xa9\n" },
	};
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		capture_begin(STDERR_FILENO);
		assert_int_equal(fail("down: %s", cases[i].reason), EXIT_FAIL);
		text = capture_end();
		assert_string_equal(text, cases[i].text);
		free(text);
	}
}

static void times_are_in_seconds(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_non_null(out);
	expo_family(out, "m_seconds", "gauge", "Some time.");
	expo_sample_ms(out, "m_seconds", NULL, 61005);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, "# HELP m_seconds Some time.\n"
			    "# TYPE m_seconds gauge\nm_seconds 61.005\n");
	free(text);
}

static void addresses_have_their_interface(void **state)
{
	static const struct {
		const char *ip;
		unsigned int zone;
		const char *host;
		const char *text;
	} cases[] = {
		{ "2001:db8::1", 0, "2001:db8::1", "[2001:db8::1]:3435" },
		{ "fe80::1", 1, "fe80::1%lo", "[fe80::1%lo]:3435" },
		{ "fe80::1", 4294967295, "fe80::1%4294967295",
		  "[fe80::1%4294967295]:3435" },
	};
	struct sockaddr_storage addr = { .ss_family = AF_INET };
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr;
	struct sockaddr_in *in = (struct sockaddr_in *)&addr;
	char host[ADDR_HOST_LEN], text[ADDR_TEXT_LEN];
	size_t i;

	(void)state;
	in->sin_port = htons(3435);
	inet_pton(AF_INET, "192.0.2.1", &in->sin_addr);
	assert_string_equal(addr_host_text(&addr, host), "192.0.2.1");
	assert_string_equal(addr_text(&addr, text), "192.0.2.1:3435");
	for (i = 0; i < COUNT(cases); i++) {
		memset(&addr, 0, sizeof(addr));
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(3435);
		in6->sin6_scope_id = cases[i].zone;
		inet_pton(AF_INET6, cases[i].ip, &in6->sin6_addr);
		assert_string_equal(addr_host_text(&addr, host), cases[i].host);
		assert_string_equal(addr_text(&addr, text), cases[i].text);
	}
	addr_set_provider(&addr, 3);
	assert_string_equal(addr_host_text(&addr, host), "-");
	assert_string_equal(addr_text(&addr, text), "provider 3");
	memset(&addr, 0, sizeof(addr));
	assert_string_equal(addr_host_text(&addr, host), "-");
	assert_string_equal(addr_text(&addr, text), "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_have_at_most_five_characters),
		cmocka_unit_test(rates_are_shown_with_their_unit),
		cmocka_unit_test(ages_are_rounded_down),
		cmocka_unit_test(label_values_are_escaped),
		cmocka_unit_test(samples_keep_all_digits),
		cmocka_unit_test(json_moves_no_cursor),
		cmocka_unit_test(errors_move_no_cursor),
		cmocka_unit_test(times_are_in_seconds),
		cmocka_unit_test(addresses_have_their_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
