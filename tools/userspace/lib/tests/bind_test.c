// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The file that binds programs to names. */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bind.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static char folder[] = "/tmp/ipcp-bind.XXXXXX";
static char path[64];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/bindings", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void assert_file(const char *text)
{
	FILE *file = fopen(path, "r");
	char buf[1024];
	size_t len;

	assert_non_null(file);
	len = fread(buf, 1, sizeof(buf) - 1, file);
	buf[len] = '\0';
	fclose(file);
	assert_string_equal(buf, text);
}

static int collect(const char *program, const char *name, void *arg)
{
	strcat(arg, program);
	strcat(arg, "=");
	strcat(arg, name);
	strcat(arg, ";");
	return 0;
}

static void lines_are_parsed_into_bindings(void **state)
{
	static const struct {
		const char *text;
		const char *bindings;
	} cases[] = {
		{ "", "" },
		{ "a b\n", "a=b;" },
		{ "a b", "a=b;" },
		{ " \ta \t b  \r\n", "a=b;" },
		{ "# a b\n  #a b\n", "" },
		{ "alone\n\n", "" },
		{ "/usr/bin/x one\n/usr/bin/x two\n", "/usr/bin/x=one;/usr/bin/x=two;" },
		{ "/opt/my program  name\n", "/opt/my program=name;" },
	};
	char got[256];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		got[0] = '\0';
		write_file(cases[i].text);
		assert_int_equal(ipcp_bind_each(path, collect, got), 0);
		assert_string_equal(got, cases[i].bindings);
	}
}

static void a_missing_file_has_no_bindings(void **state)
{
	(void)state;
	unlink(path);
	assert_int_equal(ipcp_bind_each(path, collect, NULL), 0);
	assert_int_equal(ipcp_bind_each(folder, collect, NULL), -EIO);
}

static void a_binding_matches_the_path_or_the_plain_name(void **state)
{
	static const struct {
		const char *program;
		bool is;
	} cases[] = {
		{ "/usr/bin/oecho", true },
		{ "oecho", true },
		{ "/usr/local/bin/oecho", false },
		{ "echo", false },
		{ "oecho2", false },
		{ "/oecho", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(ipcp_bind_is(cases[i].program, "/usr/bin/oecho"),
				 cases[i].is);
}

static void invalid_programs_and_names_are_refused(void **state)
{
	static char long_name[257];
	const struct {
		const char *program;
		const char *name;
		int err;
	} cases[] = {
		{ "p", "n", 0 },
		{ "/a b/p", "n", 0 },
		{ "", "n", -EINVAL },
		{ "p", "", -EINVAL },
		{ "p", "two words", -EINVAL },
		{ "p", "line\n", -EINVAL },
		{ "#p", "n", -EINVAL },
		{ " p", "n", -EINVAL },
		{ "p ", "n", -EINVAL },
		{ "p\nq", "n", -EINVAL },
		{ "/bin/", "n", -EINVAL },
		{ "p", long_name + 1, 0 },
		{ "p", long_name, -ENAMETOOLONG },
	};
	size_t i;

	(void)state;
	memset(long_name, 'n', sizeof(long_name) - 1);
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(ipcp_bind_check(cases[i].program, cases[i].name),
				 cases[i].err);
}

static void a_change_keeps_all_other_lines(void **state)
{
	(void)state;
	unlink(path);
	assert_int_equal(ipcp_bind_add(path, "p", "one"), 0);
	assert_file("p one\n");
	write_file("# ours\np one");
	assert_int_equal(ipcp_bind_add(path, "/b/p", "two"), 0);
	assert_file("# ours\np one\n/b/p two\n");
	assert_int_equal(ipcp_bind_add(path, "p", "one"), -EEXIST);
	assert_int_equal(ipcp_bind_remove(path, "p", "two"), -ENOENT);
	assert_file("# ours\np one\n/b/p two\n");
	assert_int_equal(ipcp_bind_remove(path, "p", "one"), 0);
	assert_file("# ours\n/b/p two\n");
	/* no temporary file is left: teardown removes the directory */
}

/* NUL bytes, even at the beginning of a line. */
static void bytes_that_are_not_text_are_kept(void **state)
{
	static const char before[] = "p one\n\0 two\np\0q\n\0";
	static const char after[] = "p one\n\0 two\np\0q\n\0\np two\n";
	char buf[64];
	FILE *file;

	(void)state;
	file = fopen(path, "w");
	fwrite(before, 1, sizeof(before) - 1, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(ipcp_bind_add(path, "p", "two"), 0);
	file = fopen(path, "r");
	assert_int_equal(fread(buf, 1, sizeof(buf), file), sizeof(after) - 1);
	assert_memory_equal(buf, after, sizeof(after) - 1);
	fclose(file);
}

/* /proc/self/mem can be opened, but not read from its beginning. */
static void an_unreadable_file_is_not_replaced(void **state)
{
	char target[32] = "";

	(void)state;
	unlink(path);
	assert_int_equal(symlink("/proc/self/mem", path), 0);
	assert_int_equal(ipcp_bind_add(path, "p", "one"), -EIO);
	assert_int_equal(ipcp_bind_remove(path, "p", "one"), -EIO);
	assert_int_equal(readlink(path, target, sizeof(target) - 1), 14);
	assert_string_equal(target, "/proc/self/mem");
}

static void a_missing_folder_fails_with_enoent(void **state)
{
	(void)state;
	assert_int_equal(ipcp_bind_add("/nowhere/x", "p", "n"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_parsed_into_bindings),
		cmocka_unit_test(a_missing_file_has_no_bindings),
		cmocka_unit_test(a_binding_matches_the_path_or_the_plain_name),
		cmocka_unit_test(invalid_programs_and_names_are_refused),
		cmocka_unit_test(a_change_keeps_all_other_lines),
		cmocka_unit_test(bytes_that_are_not_text_are_kept),
		cmocka_unit_test(an_unreadable_file_is_not_replaced),
		cmocka_unit_test(a_missing_folder_fails_with_enoent),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
