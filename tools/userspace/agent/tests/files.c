// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Files and folders of a test, below a folder of its own. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

char top[64];

void files_begin(const char *test)
{
	snprintf(top, sizeof(top), "/tmp/%s-test-XXXXXX", test);
	assert_non_null(mkdtemp(top));
}

int files_end(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

char *path(const char *name)
{
	static char buf[4][128];
	static int at;

	at = (at + 1) % 4;
	snprintf(buf[at], sizeof(buf[at]), "%s/%s", top, name);
	return buf[at];
}

void put(const char *name)
{
	FILE *f = fopen(path(name), "w");

	assert_non_null(f);
	fputs("text\n", f);
	assert_int_equal(fclose(f), 0);
}

void dir(const char *name)
{
	assert_int_equal(mkdir(path(name), 0700), 0);
}

void ln(const char *target, const char *name)
{
	assert_int_equal(symlink(target, path(name)), 0);
}

void mv(const char *from, const char *to)
{
	assert_int_equal(rename(path(from), path(to)), 0);
}

void rm(const char *name)
{
	assert_int_equal(remove(path(name)), 0);
}

void handle_all(sd_event *loop)
{
	while (sd_event_run(loop, 0) > 0)
		;
}
