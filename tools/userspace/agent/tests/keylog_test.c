// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The key log: its lines, its warnings, and the files that it refuses. */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "files.h"
#include "keylog.h"
#include "log.h"

static const uint8_t seed_bytes[IPCP_REKEY_SEED_LEN] = {
	0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b,
	0x0c, 0x0d, 0x0e, 0x0f, 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7,
	0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff,
};
#define SEED_TEXT	"000102030405060708090a0b0c0d0e0f" \
			"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"

static const struct ipcp_nl_flow ours = {
	.eid = 0xa1, .peer_eid = 0xdeadbeef, .initiator = 1, .cipher = 901,
	.packets_per_leaf = 1 << 20,
};
static const struct ipcp_nl_flow theirs = {
	.eid = 0xdeadbeef, .peer_eid = 0xa1, .cipher = 1018,
	.packets_per_leaf = 64,
};
static const struct ipcp_nl_seed first = { .seed = seed_bytes };
static const struct ipcp_nl_seed later = {
	.seed = seed_bytes, .epoch = 255,
	.chain = { 0x31, 0xf1, 0xf0, 0xa9, 0x12, 0x89, 0xdb, 0x33 },
};

#define FIRST	"ipcp-rekey-seed-1 initiator 000000a1 deadbeef 0 aes-256-gcm 1048576 0000000000000000 " SEED_TEXT "\n"
#define LATER	"ipcp-rekey-seed-1 responder 000000a1 deadbeef 255 chacha20-poly1305 64 31f1f0a91289db33 " SEED_TEXT "\n"

static char said[1024];
static int said_priority;
static unsigned int lines;

static void heard(int priority, const char *text)
{
	snprintf(said, sizeof(said), "%s", text);
	said_priority = priority;
	lines++;
}

static int begin(void **state)
{
	(void)state;
	files_begin("keylog");
	log_divert(heard);
	said[0] = '\0';
	lines = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	return files_end();
}

static struct keylog *opened(const char *name)
{
	struct keylog *log;

	assert_true(keylog_open(path(name), &log));
	assert_non_null(log);
	return log;
}

/* Check that a file is refused, with one error that contains @words. */
static void refused(const char *name, const char *words)
{
	struct keylog *log;

	assert_false(keylog_open(path(name), &log));
	assert_null(log);
	assert_int_equal(lines, 1);
	assert_int_equal(said_priority, LOG_ERR);
	assert_non_null(strstr(said, path(name)));
	assert_non_null(strstr(said, words));
}

static void contains(const char *name, const char *text)
{
	char buf[1024];
	FILE *f = fopen(path(name), "r");
	size_t n;

	assert_non_null(f);
	n = fread(buf, 1, sizeof(buf) - 1, f);
	buf[n] = '\0';
	fclose(f);
	assert_string_equal(buf, text);
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(stat(path(name), &st), 0);
	return st.st_mode & 07777;
}

static void the_key_log_is_off_without_a_path(void **state)
{
	struct keylog *log;

	(void)state;
	assert_true(keylog_open(NULL, &log));
	assert_null(log);
	assert_null(keylog_path(log));
	assert_int_equal(lines, 0);
	keylog_close(log);
}

static void each_seed_is_written_as_one_line(void **state)
{
	struct keylog *log = opened("log");

	(void)state;
	keylog_add(log, &ours, &first);
	contains("log", FIRST);
	keylog_add(log, &theirs, &later);
	contains("log", FIRST LATER);
	keylog_close(log);
}

static void opening_is_warned_of_and_seeds_are_not_logged(void **state)
{
	struct keylog *log = opened("log");

	(void)state;
	assert_int_equal(lines, 1);
	assert_int_equal(said_priority, LOG_WARNING);
	assert_non_null(strstr(said, path("log")));
	assert_string_equal(keylog_path(log), path("log"));
	keylog_add(log, &ours, &first);
	/* nothing else is logged, least of all the seed */
	assert_int_equal(lines, 1);
	keylog_close(log);
	keylog_close(opened("log"));
	assert_int_equal(lines, 2);
}

static void a_new_file_is_private(void **state)
{
	mode_t mask = umask(0);

	(void)state;
	keylog_close(opened("log"));
	umask(mask);
	assert_int_equal(mode_of("log"), 0600);
}

/* A reload opens the file again. */
static void a_reopened_file_is_appended_to(void **state)
{
	struct keylog *log = opened("log");

	(void)state;
	keylog_add(log, &ours, &first);
	keylog_close(log);
	log = opened("log");
	keylog_add(log, &theirs, &later);
	contains("log", FIRST LATER);
	keylog_close(log);
}

static void a_symbolic_link_is_refused(void **state)
{
	(void)state;
	put("target");
	assert_int_equal(chmod(path("target"), 0600), 0);
	ln(path("target"), "log");
	refused("log", "a symbolic link");
	contains("target", "text\n");
}

static void a_dangling_link_is_refused(void **state)
{
	(void)state;
	ln(path("target"), "log");
	refused("log", "a symbolic link");
	assert_int_equal(access(path("target"), F_OK), -1);
}

static void a_file_accessible_to_others_is_refused(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0610, 0601 };
	size_t i;

	(void)state;
	put("log");
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(path("log"), modes[i]), 0);
		lines = 0;
		refused("log", "others may access the file");
		assert_int_equal(mode_of("log"), modes[i]);
	}
	contains("log", "text\n");
}

static void a_file_with_a_second_hard_link_is_refused(void **state)
{
	(void)state;
	put("other");
	assert_int_equal(chmod(path("other"), 0600), 0);
	assert_int_equal(link(path("other"), path("log")), 0);
	refused("log", "other names");
}

static void a_file_of_another_user_is_refused(void **state)
{
	(void)state;
	if (geteuid())
		skip();
	put("log");
	assert_int_equal(chmod(path("log"), 0600), 0);
	assert_int_equal(chown(path("log"), 1, 1), 0);
	refused("log", "another user");
}

/* Opening a FIFO does not block, with or without a reader. */
static void a_fifo_is_refused_without_blocking(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(mkfifo(path("log"), 0600), 0);
	refused("log", "No such device");
	fd = open(path("log"), O_RDONLY | O_NONBLOCK);
	assert_true(fd >= 0);
	lines = 0;
	refused("log", "not a regular file");
	close(fd);
}

static void a_missing_folder_is_refused(void **state)
{
	(void)state;
	refused("none/log", "No such file");
}

/*
 * After a line that does not fit, no more lines are written, and keylog_path()
 * returns NULL.
 */
static void writing_stops_after_a_line_that_does_not_fit(void **state)
{
	struct rlimit before, small;
	struct keylog *log = opened("log");
	unsigned int i;

	(void)state;
	keylog_add(log, &ours, &first);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = strlen(FIRST) + 10;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (i = 0; i < 3; i++)
		keylog_add(log, &ours, &first);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(lines, 2);
	assert_int_equal(said_priority, LOG_ERR);
	assert_null(strstr(said, SEED_TEXT));
	assert_null(keylog_path(log));
	keylog_add(log, &ours, &first);
	keylog_close(log);
	/* a reload */
	log = opened("log");
	keylog_add(log, &theirs, &later);
	contains("log", FIRST LATER);
	keylog_close(log);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_key_log_is_off_without_a_path),
		TEST(each_seed_is_written_as_one_line),
		TEST(opening_is_warned_of_and_seeds_are_not_logged),
		TEST(a_new_file_is_private),
		TEST(a_reopened_file_is_appended_to),
		TEST(a_symbolic_link_is_refused),
		TEST(a_dangling_link_is_refused),
		TEST(a_file_accessible_to_others_is_refused),
		TEST(a_file_with_a_second_hard_link_is_refused),
		TEST(a_file_of_another_user_is_refused),
		TEST(a_fifo_is_refused_without_blocking),
		TEST(a_missing_folder_is_refused),
		TEST(writing_stops_after_a_line_that_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
