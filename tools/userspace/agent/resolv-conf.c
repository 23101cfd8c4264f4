// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Watch resolv.conf. */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "resolv-conf.h"
#include "watch.h"

struct resolv_conf {
	struct watch *watch;
	char file[PATH_MAX];
	void (*changed)(void *arg);
	void *arg;
};

static void list(struct watch *w, void *arg)
{
	const struct resolv_conf *r = arg;

	watch_file(w, r->file);
}

static void on_change(void *arg)
{
	struct resolv_conf *r = arg;

	/* without a file the last servers stay in use */
	if (!access(r->file, R_OK))
		r->changed(r->arg);
}

struct resolv_conf *resolv_conf_open(sd_event *loop, const char *file,
			   void (*changed)(void *arg), void *arg)
{
	struct resolv_conf *r = calloc(1, sizeof(*r));
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

void resolv_conf_close(struct resolv_conf *r)
{
	if (!r)
		return;
	watch_close(r->watch);
	free(r);
}
