// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Watch resolv.conf. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "resolv.h"

/* Not IN_MODIFY: a file that is being written is read when it is complete. */
#define IN_DIRECTORY	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR)

struct resolv {
	sd_event *loop;
	char file[PATH_MAX];
	char target[PATH_MAX];		/* where the links lead */
	sd_event_source *entry;		/* directory of @file */
	sd_event_source *place;		/* directory of @target */
	sd_event_source *contents;	/* the file: a bind mount has no other */
	sd_event_source *report;
	void (*changed)(void *arg);
	void *arg;
};

static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Cut a path down to its directory. */
static void to_directory(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash)
		strcpy(path, ".");
	else
		slash[slash == path] = '\0';
}

/* Resolve one link, whose target does not exist. */
static void follow(const char *link, char *target)
{
	char text[PATH_MAX], dir[PATH_MAX];
	ssize_t n = readlink(link, text, sizeof(text) - 1);

	if (n <= 0) {
		strcpy(target, link);
		return;
	}
	text[n] = '\0';
	strcpy(dir, link);
	to_directory(dir);
	if (text[0] == '/' ||
	    snprintf(target, PATH_MAX, "%s/%s", dir, text) >= PATH_MAX)
		strcpy(target, text);
}

/* Find the file, or the first part of its path that does not exist yet. */
static void locate(const struct resolv *r, char *target)
{
	char dir[PATH_MAX];

	if (realpath(r->file, target))
		return;
	follow(r->file, target);
	for (;;) {
		strcpy(dir, target);
		to_directory(dir);
		if (!access(dir, F_OK) || !strcmp(dir, target))
			return;
		strcpy(target, dir);
	}
}

static void report(struct resolv *r)
{
	sd_event_source_set_enabled(r->report, SD_EVENT_ONESHOT);
}

static int on_directory(struct resolv *r, const struct inotify_event *event,
			const char *name)
{
	struct stat st;

	if (event->mask & IN_Q_OVERFLOW)
		report(r);
	if (!event->len || strcmp(event->name, name))
		return 0;
	/* the writer of a new file has yet to fill and to close it */
	if ((event->mask & IN_CREATE) && !stat(r->file, &st) && !st.st_size)
		return 0;
	report(r);
	return 0;
}

static int on_entry(sd_event_source *s, const struct inotify_event *event,
		    void *arg)
{
	struct resolv *r = arg;

	(void)s;
	return on_directory(r, event, base(r->file));
}

static int on_place(sd_event_source *s, const struct inotify_event *event,
		    void *arg)
{
	struct resolv *r = arg;

	(void)s;
	return on_directory(r, event, base(r->target));
}

static int on_contents(sd_event_source *s, const struct inotify_event *event,
		       void *arg)
{
	(void)s;
	if (event->mask & (IN_CLOSE_WRITE | IN_Q_OVERFLOW))
		report(arg);
	return 0;
}

static int watch(struct resolv *r, sd_event_source **source, const char *path,
		 uint32_t mask, sd_event_inotify_handler_t handler)
{
	*source = sd_event_source_disable_unref(*source);
	return sd_event_add_inotify(r->loop, source, path, mask, handler, r);
}

/*
 * Watch the place to which the links lead. What appears there while the watch is
 * being set up leads to another place, or is read by the caller.
 */
static void watch_target(struct resolv *r)
{
	char dir[PATH_MAX], again[PATH_MAX];

	locate(r, again);
	do {
		strcpy(r->target, again);
		strcpy(dir, again);
		to_directory(dir);
		watch(r, &r->place, dir, IN_DIRECTORY, on_place);
		watch(r, &r->contents, r->target, IN_CLOSE_WRITE, on_contents);
		locate(r, again);
	} while (strcmp(again, r->target));
}

static int on_report(sd_event_source *s, void *arg)
{
	struct resolv *r = arg;

	(void)s;
	watch_target(r);
	/* without a file the last servers stay */
	if (!access(r->file, R_OK))
		r->changed(r->arg);
	return 0;
}

struct resolv *resolv_open(sd_event *loop, const char *file,
			   void (*changed)(void *arg), void *arg)
{
	struct resolv *r = calloc(1, sizeof(*r));
	char dir[PATH_MAX];
	int err;

	if (!r)
		return NULL;
	r->loop = sd_event_ref(loop);
	r->changed = changed;
	r->arg = arg;
	snprintf(r->file, sizeof(r->file), "%s", file);
	strcpy(dir, r->file);
	to_directory(dir);
	err = sd_event_add_defer(loop, &r->report, on_report, r);
	if (err >= 0)
		err = sd_event_source_set_enabled(r->report, SD_EVENT_OFF);
	if (err >= 0)
		err = watch(r, &r->entry, dir, IN_DIRECTORY, on_entry);
	if (err < 0) {
		log_warn("cannot watch %s: %s; reload the agent after a change",
			 file, strerror(-err));
		resolv_close(r);
		return NULL;
	}
	watch_target(r);
	return r;
}

void resolv_close(struct resolv *r)
{
	if (!r)
		return;
	sd_event_source_disable_unref(r->contents);
	sd_event_source_disable_unref(r->place);
	sd_event_source_disable_unref(r->entry);
	sd_event_source_disable_unref(r->report);
	sd_event_unref(r->loop);
	free(r);
}
