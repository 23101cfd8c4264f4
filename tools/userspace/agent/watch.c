// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Watch files and folders with inotify, along all parts of their paths. */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "watch.h"

/* No IN_MODIFY: a file that is being written is read when it is complete. */
#define IN_FOLDER	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |	\
			 IN_CREATE | IN_DELETE | IN_ATTRIB | IN_ONLYDIR)
#define CHAINS		256
#define LINKS_MAX	40
#define SETTLE_TIMES	10

/* An entry of a folder, all entries if @name is "", or the file itself. */
struct spot {
	struct spot *next;
	int wd;
	char *name;
	char dir[];
};

struct watch {
	struct watch_ops ops;
	sd_event *loop;
	int fd;
	struct spot *spots[CHAINS];	/* by wd */
	sd_event_source *io;
	sd_event_source *report;
	uint64_t latest;		/* time of the report; 0 for none */
	bool warned;
	bool failed;			/* since look() began */
};

static struct spot **chain(struct spot **spots, int wd)
{
	return &spots[(unsigned int)wd % CHAINS];
}

static bool has_wd(struct spot **spots, int wd)
{
	const struct spot *s;

	for (s = *chain(spots, wd); s; s = s->next)
		if (s->wd == wd)
			return true;
	return false;
}

static void cannot(struct watch *w, const char *path)
{
	if (!w->warned)
		log_warn("cannot watch %s (%s): %s; reload the agent after a change",
			 w->ops.name, path, strerror(errno));
	w->warned = true;
	w->failed = true;
}

static bool is_missing(void)
{
	return errno == ENOENT || errno == ENOTDIR;
}

static void add(struct watch *w, const char *dir, const char *name,
		uint32_t mask)
{
	int wd = inotify_add_watch(w->fd, dir, mask | IN_MASK_ADD);
	size_t len = strlen(dir) + 1;
	struct spot *s;

	if (wd < 0) {
		/*
		 * a later part of the path shows what was removed meanwhile; a
		 * file without read permission may not be ours
		 */
		if (!is_missing() && (errno != EACCES || mask & IN_ONLYDIR))
			cannot(w, dir);
		return;
	}
	for (s = *chain(w->spots, wd); s; s = s->next)
		if (s->wd == wd && !strcmp(s->name, name))
			return;
	s = malloc(sizeof(*s) + len + strlen(name) + 1);
	if (!s) {
		cannot(w, dir);
		return;
	}
	s->wd = wd;
	s->name = s->dir + len;
	strcpy(s->dir, dir);
	strcpy(s->name, name);
	s->next = *chain(w->spots, wd);
	*chain(w->spots, wd) = s;
}

/* Split off the first part of a path. */
static bool cut(char *rest, char *part)
{
	char *p = rest + strspn(rest, "/");
	size_t len = strcspn(p, "/");

	memcpy(part, p, len);
	part[len] = '\0';
	memmove(rest, p + len, strlen(p + len) + 1);
	return len;
}

static bool join(char *path, const char *dir, const char *name)
{
	return snprintf(path, PATH_MAX, "%s%s%s", dir,
			strcmp(dir, "/") ? "/" : "", name) < PATH_MAX;
}

/* Prepend the target of a link to the rest of the path. */
static bool follow(const char *link, char *rest)
{
	char target[PATH_MAX], text[PATH_MAX];
	ssize_t n = readlink(link, target, sizeof(target) - 1);

	if (n <= 0)
		return false;
	target[n] = '\0';
	if (snprintf(text, sizeof(text), "%s/%s", target, rest) >= PATH_MAX)
		return false;
	strcpy(rest, text);
	return true;
}

/*
 * Watch each part of a path, including links. Look at each part after adding
 * its watch, so that no change is missed. Return true if the path exists; @at
 * is then its real path.
 */
static bool walk(struct watch *w, const char *path, char *at)
{
	char rest[PATH_MAX], part[PATH_MAX], next[PATH_MAX];
	unsigned int links = 0;
	struct stat st;

	if (snprintf(rest, sizeof(rest), "%s", path) >= PATH_MAX)
		return false;
	strcpy(at, *path == '/' ? "/" : ".");
	while (cut(rest, part)) {
		add(w, at, part, IN_FOLDER);
		if (!join(next, at, part) || lstat(next, &st))
			return false;
		if (!S_ISLNK(st.st_mode)) {
			strcpy(at, next);
			continue;
		}
		if (++links > LINKS_MAX || !follow(next, rest))
			return false;
		if (*rest == '/')
			strcpy(at, "/");
	}
	return true;
}

void watch_file(struct watch *w, const char *path)
{
	char at[PATH_MAX];

	/* also watch the file: a bind mount has no visible folder of its own */
	if (walk(w, path, at))
		add(w, at, "", IN_CLOSE_WRITE);
}

void watch_folder(struct watch *w, const char *path)
{
	char at[PATH_MAX], file[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	if (!walk(w, path, at))
		return;
	add(w, at, "", IN_FOLDER);
	dir = opendir(at);
	if (!dir && !is_missing())
		cannot(w, at);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && entry->d_type != DT_DIR &&
		    join(file, at, entry->d_name))
			watch_file(w, file);
	if (dir)
		closedir(dir);
}

static void free_spots(struct watch *w, struct spot **old)
{
	struct spot *s;
	int i;

	for (i = 0; i < CHAINS; i++) {
		while ((s = old[i])) {
			old[i] = s->next;
			if (!has_wd(w->spots, s->wd) && !has_wd(old, s->wd))
				inotify_rm_watch(w->fd, s->wd);
			free(s);
		}
	}
}

/* Watch what exists now, then remove the old watches. */
static void look(struct watch *w)
{
	struct spot *old[CHAINS];

	memcpy(old, w->spots, sizeof(old));
	memset(w->spots, 0, sizeof(w->spots));
	w->failed = false;
	w->ops.list(w, w->ops.arg);
	w->warned = w->failed;
	free_spots(w, old);
}

void watch_again(struct watch *w)
{
	if (w)
		look(w);
}

/* Events */

static uint64_t now(struct watch *w)
{
	uint64_t usec = 0;

	sd_event_now(w->loop, CLOCK_MONOTONIC, &usec);
	return usec;
}

static void report(struct watch *w)
{
	uint64_t at = now(w) + w->ops.settle;

	if (!w->latest)
		w->latest = now(w) + SETTLE_TIMES * w->ops.settle;
	sd_event_source_set_time(w->report, at < w->latest ? at : w->latest);
	sd_event_source_set_enabled(w->report, SD_EVENT_ONESHOT);
}

/* True if the writer of a new file has yet to fill and close it. */
static bool is_begun(const struct spot *s, const struct inotify_event *event)
{
	char path[PATH_MAX];
	struct stat st;

	return (event->mask & IN_CREATE) && join(path, s->dir, event->name) &&
	       !lstat(path, &st) && S_ISREG(st.st_mode) && !st.st_size;
}

static bool matters(const struct spot *s, const struct inotify_event *event)
{
	if (s->wd != event->wd || (event->mask & IN_IGNORED))
		return false;
	if (!event->len)
		return !*s->name;
	return (!*s->name || !strcmp(s->name, event->name)) &&
	       !is_begun(s, event);
}

static void on_event(struct watch *w, const struct inotify_event *event)
{
	const struct spot *s;

	if (event->mask & IN_Q_OVERFLOW)
		report(w);
	for (s = *chain(w->spots, event->wd); s; s = s->next)
		if (matters(s, event))
			report(w);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	_Alignas(struct inotify_event) char buf[8192];
	const struct inotify_event *event;
	ssize_t n, at;

	(void)source;
	(void)revents;
	/* read once: the loop calls again for the rest, after other work */
	n = read(fd, buf, sizeof(buf));
	for (at = 0; at < n; at += sizeof(*event) + event->len) {
		event = (const struct inotify_event *)(buf + at);
		on_event(arg, event);
	}
	return 0;
}

static int on_report(sd_event_source *source, uint64_t usec, void *arg)
{
	struct watch *w = arg;

	(void)source;
	(void)usec;
	w->latest = 0;
	look(w);
	w->ops.changed(w->ops.arg);
	return 0;
}

static int set_up(struct watch *w)
{
	int err;

	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd < 0)
		return -errno;
	err = sd_event_add_io(w->loop, &w->io, w->fd, EPOLLIN, on_io, w);
	if (err >= 0)
		err = sd_event_add_time(w->loop, &w->report, CLOCK_MONOTONIC, 0,
					1, on_report, w);
	if (err >= 0)
		err = sd_event_source_set_enabled(w->report, SD_EVENT_OFF);
	return err;
}

struct watch *watch_open(sd_event *loop, const struct watch_ops *ops)
{
	struct watch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return NULL;
	w->ops = *ops;
	w->loop = sd_event_ref(loop);
	err = set_up(w);
	if (err < 0) {
		log_warn("cannot watch %s: %s; reload the agent after a change",
			 ops->name, strerror(-err));
		watch_close(w);
		return NULL;
	}
	look(w);
	return w;
}

void watch_close(struct watch *w)
{
	struct spot *old[CHAINS];

	if (!w)
		return;
	memcpy(old, w->spots, sizeof(old));
	memset(w->spots, 0, sizeof(w->spots));
	if (w->fd >= 0)
		free_spots(w, old);
	sd_event_source_disable_unref(w->io);
	sd_event_source_disable_unref(w->report);
	if (w->fd >= 0)
		close(w->fd);
	sd_event_unref(w->loop);
	free(w);
}
