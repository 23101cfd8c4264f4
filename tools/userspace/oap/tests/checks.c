// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Checks of all files of the server, and their reports. */

#include <stdio.h>
#include <string.h>

#include "checks.h"

char check_said[8192];
unsigned int check_errors, check_warnings;
bool check_needs_lists;

void check_report(void *arg, bool warning, const char *text)
{
	size_t len = strlen(check_said);

	assert_ptr_equal(arg, check_said);
	if (warning)
		check_warnings++;
	else
		check_errors++;
	snprintf(check_said + len, sizeof(check_said) - len, "%s: %s\n",
		 warning ? "warning" : "error", text);
}

static uint64_t test_clock(void *arg)
{
	(void)arg;
	return now_ns;
}

void check_all(void)
{
	static const char * const names[] = { NAME, "elsewhere", NULL };
	struct oap_settings set = { .dir = path("srv"), .now = test_clock,
				    .need_lists = check_needs_lists };
	unsigned int n;

	check_said[0] = '\0';
	check_errors = 0;
	check_warnings = 0;
	n = oap_check(&set, names, check_report, check_said);
	assert_int_equal(n, check_errors);
}

struct test_crt check_root(void)
{
	return test_crt_make("EC", "ca", NULL, NULL, 1, -DAY, LONG);
}

void check_good(const char *dir, const char *cn, long from, long to)
{
	struct test_crt ca = check_root();
	struct test_crt c = test_crt_make("EC", cn, NULL, &ca, 0, from, to);

	test_crt_write_as(path("srv/cacert/ca.pem"), &ca);
	test_crt_write(path("%s", dir), &c);
	test_crt_free(&c);
	test_crt_free(&ca);
}

void check_good_all(void)
{
	check_good(SERVER, NAME, -DAY, LONG);
	check_good(CLIENT, US, -DAY, LONG);
}

void check_problem(void **state)
{
	const struct problem *p = *state;
	const char *line;

	check_good_all();
	p->make();
	check_all();
	check_needs_lists = false;
	if (check_errors != p->errors || check_warnings != p->warnings)
		fail_msg("%u errors, %u warnings: %s", check_errors,
			 check_warnings, check_said);
	if (!check_errors && !check_warnings)
		return;
	line = strstr(check_said, path("%s", p->file));
	if (!line || !strstr(line, p->words))
		fail_msg("no '%s' with '%s' in: %s", p->file, p->words,
			 check_said);
}
