// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Watch resolv.conf. */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "resolv.h"
#include "watch.h"

struct resolv {
	struct watch *watch;
	char file[PATH_MAX];
	void (*changed)(void *arg);
	void *arg;
};

static void list(struct watch *w, void *arg)
{
	const struct resolv *r = arg;

	watch_file(w, r->file);
}

static void on_change(void *arg)
{
	struct resolv *r = arg;

	/* without a file the last servers stay in use */
	if (!access(r->file, R_OK))
		r->changed(r->arg);
}

struct resolv *resolv_open(sd_event *loop, const char *file,
			   void (*changed)(void *arg), void *arg)
{
	struct resolv *r = calloc(1, sizeof(*r));
	struct watch_ops ops = {
		.name = file, .list = list, .changed = on_change, .arg = r,
	};

	if (!r)
		return NULL;
	r->changed = changed;
	r->arg = arg;
	snprintf(r->file, sizeof(r->file), "%s", file);
	r->watch = watch_open(loop, &ops);
	if (!r->watch) {
		free(r);
		return NULL;
	}
	return r;
}

void resolv_close(struct resolv *r)
{
	if (!r)
		return;
	watch_close(r->watch);
	free(r);
}
