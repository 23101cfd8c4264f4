// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Visit the files of a folder, and check who can write them. */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check-int.h"

int oap_check_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int is_pem(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return oap_check_visible(entry) && len > 4 &&
	       !strcmp(entry->d_name + len - 4, ".pem");
}

void oap_check_free_list(struct dirent **list, int n)
{
	while (n > 0)
		free(list[--n]);
	free(list);
}

/*
 * Check the mode: whoever can write a file here decides whom this host trusts.
 */
static void check_mode(struct oap_check *c, const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return;
	if (st.st_mode & 02)
		oap_check_error(c, "%s can be written by everybody: run chmod o-w on it",
				path);
	else if (st.st_mode & 020 && st.st_gid)
		oap_check_warn(c, "%s can be written by group %u: run chmod g-w on it unless that group may decide whom to trust",
			       path, st.st_gid);
}

/* Call @each for each file; return the number of files. */
int oap_check_folder(struct oap_check *c, const char *folder,
		     void (*each)(struct oap_check *c, const char *path,
				  void *arg), void *arg)
{
	char dir[PATH_MAX], path[PATH_MAX];
	struct dirent **list = NULL;
	int i, n;

	snprintf(dir, sizeof(dir), "%s/%s", c->dir, folder);
	n = scandir(dir, &list, is_pem, alphasort);
	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0)
		oap_check_unreadable(c, dir);
	check_mode(c, dir);
	for (i = 0; i < n; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", dir,
			     list[i]->d_name) >= (int)sizeof(path))
			continue;
		check_mode(c, path);
		each(c, path, arg);
	}
	oap_check_free_list(list, n);
	return n;
}
