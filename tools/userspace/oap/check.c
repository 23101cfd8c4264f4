// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Load all files of the directory at once, which exchanges would load one by
 * one, and report every problem.
 */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check-int.h"

static bool listed(const char *name, struct dirent *const *list, int n)
{
	while (n > 0)
		if (!strcmp(list[--n]->d_name, name))
			return true;
	return false;
}

static void check_side(struct oap_check *c, bool server,
		       const char *const *names)
{
	struct dirent **list = NULL;
	char dir[PATH_MAX];
	int i, n;

	snprintf(dir, sizeof(dir), "%s/%s", c->dir,
		 server ? "server" : "client");
	n = scandir(dir, &list, oap_check_visible, alphasort);
	if (n < 0 && errno != ENOENT)
		oap_check_warn(c, "cannot list %s: %s; only the names of the configuration are checked there",
			       dir, strerror(errno));
	for (i = 0; i < n; i++)
		oap_check_listed(c, server, list[i]->d_name);
	for (; *names; names++)
		if (!listed(*names, list, n))
			oap_check_place(c, server, *names);
	oap_check_free_list(list, n);
}

static bool check_dir(struct oap_check *c)
{
	if (!access(c->dir, X_OK))
		return true;
	if (errno == ENOENT)
		oap_check_warn(c, "%s does not exist: no name can be proved", c->dir);
	else
		oap_check_unreadable(c, c->dir);
	return false;
}

unsigned int oap_check(const struct oap_settings *set,
		       const char *const *names, oap_check_fn report, void *arg)
{
	struct oap_check c = {
		.dir = set->dir, .report = report, .arg = arg,
		.need_lists = set->need_lists,
		.now = set->now ? (time_t)(set->now(set->now_arg) / 1000000000) :
				  time(NULL),
	};

	if (check_dir(&c)) {
		oap_check_store(&c);
		check_side(&c, true, names);
		check_side(&c, false, names);
	}
	return c.errors;
}
