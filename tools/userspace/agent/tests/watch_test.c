// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Watched folders: every kind of change is seen, and other changes are not. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "watch.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static sd_event *loop;
static struct watch *watch;
static unsigned int seen;

static void list(struct watch *w, void *arg)
{
	(void)arg;
	watch_folder(w, path("in/folder"));
}

static void changed(void *arg)
{
	(void)arg;
	seen++;
}

/* Handle all pending events; true if a change was seen. */
static bool turn(void)
{
	unsigned int before = seen;

	handle_all(loop);
	return seen != before;
}

/* Before the watch begins */

static void plain(void)
{
	dir("in/folder");
	put("in/folder/file");
}

static void nothing(void) { }

static void kubernetes(void)
{
	dir("in/folder");
	dir("in/folder/..1");
	dir("in/folder/..2");
	put("in/folder/..1/file");
	put("in/folder/..2/file");
	ln("..1", "in/folder/..data");
	ln("..data/file", "in/folder/file");
}

static void certbot(void)
{
	dir("archive");
	dir("in/folder");
	put("archive/file1");
	put("archive/file2");
	ln("../../archive/file1", "in/folder/file");
}

static void linked_folder(void)
{
	dir("a");
	dir("b");
	put("a/file");
	put("b/file");
	ln(path("a"), "in/folder");
}

static void hard_link(void)
{
	put("elsewhere");
	dir("in/folder");
	assert_int_equal(link(path("elsewhere"), path("in/folder/file")), 0);
}

static void circle(void)
{
	dir("in/folder");
	ln("file", "in/folder/file");
}

static void dangling(void)
{
	dir("a");
	dir("in/folder");
	ln("../../a/b/c", "in/folder/file");
}

/* Changes */

static void write_file(void)
{
	put("in/folder/file");
}

static void write_another(void)
{
	put("in/folder/another");
}

static void rename_over(void)
{
	put("in/new");
	mv("in/new", "in/folder/file");
}

static void take_away(void)
{
	rm("in/folder/file");
}

static void change_mode(void)
{
	assert_int_equal(chmod(path("in/folder/file"), 0640), 0);
}

static void replace_folder(void)
{
	dir("in/new");
	put("in/new/file");
	mv("in/folder", "in/old");
	mv("in/new", "in/folder");
}

static void replace_parent(void)
{
	dir("new");
	dir("new/folder");
	put("new/folder/file");
	mv("in", "old");
	mv("new", "in");
}

static void switch_data(void)
{
	ln("..2", "in/folder/..tmp");
	mv("in/folder/..tmp", "in/folder/..data");
}

static void switch_file(void)
{
	ln("../../archive/file2", "in/tmp");
	mv("in/tmp", "in/folder/file");
}

static void write_target(void)
{
	put("archive/file1");
}

static void replace_target(void)
{
	mv("archive/file2", "archive/file1");
}

static void switch_folder(void)
{
	ln("../b", "in/tmp");
	mv("in/tmp", "in/folder");
}

static void write_elsewhere(void)
{
	put("elsewhere");
}

static void target_appears(void)
{
	dir("a/b");
	turn();
	put("a/b/c");
}

static void break_circle(void)
{
	rm("in/folder/file");
	put("in/folder/file");
}

static void beside(void)
{
	put("in/beside");
	put("beside");
}

static void write_archive(void)
{
	put("archive/file2");
}

static const struct change {
	const char *name;
	void (*before)(void);
	void (*change)(void);
	bool seen;
} changes[] = {
	{ "a file is written in place", plain, write_file, true },
	{ "a file is added", plain, write_another, true },
	{ "a file is replaced by rename", plain, rename_over, true },
	{ "a file is removed", plain, take_away, true },
	{ "the mode of a file changes", plain, change_mode, true },
	{ "the folder is replaced", plain, replace_folder, true },
	{ "the parent of the folder is replaced", plain, replace_parent, true },
	{ "the folder appears", nothing, plain, true },
	{ "the folder appears in a new parent", nothing, replace_parent, true },
	{ "a link to all files is switched", kubernetes, switch_data, true },
	{ "a link to a file is switched", certbot, switch_file, true },
	{ "the target of a link is written", certbot, write_target, true },
	{ "the target of a link is replaced", certbot, replace_target, true },
	{ "a link to the folder is switched", linked_folder, switch_folder,
	  true },
	{ "a file is written through another hard link", hard_link,
	  write_elsewhere, true },
	{ "the target of a link appears", dangling, target_appears, true },
	{ "a link to itself is replaced", circle, break_circle, true },
	{ "files beside the folder are ignored", plain, beside, false },
	{ "a file beside the target of a link is ignored", certbot,
	  write_archive, false },
};

static void test_change(void **state)
{
	const struct change *c = *state;
	struct watch_ops ops = {
		.name = "a test", .list = list, .changed = changed,
	};

	c->before();
	watch = watch_open(loop, &ops);
	assert_non_null(watch);
	assert_false(turn());
	c->change();
	assert_int_equal(turn(), c->seen);
	assert_false(turn());
	/* the files that are there now are watched */
	put("in/folder/file");
	assert_true(turn());
	rm("in/folder/file");
	assert_true(turn());
	put("in/folder/file");
	assert_true(turn());
}

static void a_new_file_is_reported_when_it_is_closed(void **state)
{
	struct watch_ops ops = {
		.name = "a test", .list = list, .changed = changed,
	};
	FILE *f;

	(void)state;
	plain();
	watch = watch_open(loop, &ops);
	f = fopen(path("in/folder/new"), "w");
	assert_false(turn());
	fputs("text\n", f);
	fflush(f);
	assert_false(turn());
	fclose(f);
	assert_true(turn());
}

static void the_old_target_of_a_link_is_no_longer_watched(void **state)
{
	struct watch_ops ops = {
		.name = "a test", .list = list, .changed = changed,
	};

	(void)state;
	certbot();
	watch = watch_open(loop, &ops);
	switch_file();
	assert_true(turn());
	put("archive/file1");
	assert_false(turn());
	put("archive/file2");
	assert_true(turn());
}

static void a_change_is_not_reported_before_the_settle_time(void **state)
{
	struct watch_ops ops = {
		.name = "a test", .list = list, .changed = changed,
		.settle = 3600 * 1000000ULL,
	};

	(void)state;
	plain();
	watch = watch_open(loop, &ops);
	put("in/folder/file");
	assert_false(turn());
}

static void wait_ms(unsigned int ms)
{
	uint64_t now, end;

	sd_event_now(loop, CLOCK_MONOTONIC, &now);
	for (end = now + ms * 1000; now < end;
	     sd_event_now(loop, CLOCK_MONOTONIC, &now))
		sd_event_run(loop, end - now);
}

static void a_change_is_reported_after_the_settle_time(void **state)
{
	struct watch_ops ops = {
		.name = "a test", .list = list, .changed = changed,
		.settle = 1000,
	};
	unsigned int before = seen;

	(void)state;
	plain();
	watch = watch_open(loop, &ops);
	put("in/folder/file");
	wait_ms(100);
	assert_int_equal(seen, before + 1);
}

static void endless_changes_are_reported_without_a_pause(void **state)
{
	struct watch_ops ops = {
		.name = "a test", .list = list, .changed = changed,
		.settle = 100000,
	};
	unsigned int before = seen, i;

	(void)state;
	plain();
	watch = watch_open(loop, &ops);
	for (i = 0; i < 150 && seen == before; i++) {
		put("in/folder/file");
		wait_ms(10);
	}
	assert_int_equal(seen, before + 1);
}

/* Cause this number of events; 1000 are more than one read returns. */
static void bustle(unsigned int events)
{
	unsigned int i;

	for (i = 0; i < events; i += 2) {
		mkdir(path("in/beside"), 0700);
		rmdir(path("in/beside"));
	}
}

static void reading_many_events_lets_other_work_run(void **state)
{
	struct watch_ops ops = {
		.name = "a test", .list = list, .changed = changed,
	};

	(void)state;
	plain();
	watch = watch_open(loop, &ops);
	bustle(1000);
	assert_true(sd_event_run(loop, 0) > 0);
	assert_true(sd_event_run(loop, 0) > 0);
	assert_false(turn());
}

static void an_overflow_of_the_event_queue_is_a_change(void **state)
{
	struct watch_ops ops = {
		.name = "a test", .list = list, .changed = changed,
	};
	FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
	unsigned int max = 0;

	(void)state;
	if (!f || fscanf(f, "%u", &max) != 1 || max > 1000000)
		max = 0;
	if (f)
		fclose(f);
	if (!max)
		skip();
	plain();
	watch = watch_open(loop, &ops);
	bustle(max + 2);
	assert_true(turn());
}

static int setup(void **state)
{
	(void)state;
	files_begin("watch");
	dir("in");
	assert_true(sd_event_new(&loop) >= 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	watch_close(watch);
	watch = NULL;
	loop = sd_event_unref(loop);
	return files_end();
}

#define FIXED	7		/* cases that are not in the table */
#define TEST(f) { #f, f, setup, teardown, NULL }

int main(void)
{
	struct CMUnitTest tests[COUNT(changes) + FIXED] = {
		TEST(a_new_file_is_reported_when_it_is_closed),
		TEST(the_old_target_of_a_link_is_no_longer_watched),
		TEST(a_change_is_not_reported_before_the_settle_time),
		TEST(a_change_is_reported_after_the_settle_time),
		TEST(endless_changes_are_reported_without_a_pause),
		TEST(reading_many_events_lets_other_work_run),
		TEST(an_overflow_of_the_event_queue_is_a_change),
	};
	size_t i;

	for (i = 0; i < COUNT(changes); i++)
		tests[FIXED + i] = (struct CMUnitTest){
			changes[i].name, test_change, setup, teardown,
			(void *)&changes[i],
		};
	return cmocka_run_group_tests_name("agent: watched folders", tests, NULL,
					   NULL);
}
