/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Watch files and folders by path. Any part of a path may be written or
 * replaced; it may be a symbolic link that changes, or whose target changes; in
 * a container, a file may be a bind mount.
 */
#ifndef REKEYD_WATCH_H
#define REKEYD_WATCH_H

#include <systemd/sd-event.h>

struct watch;

/**
 * struct watch_ops - what to watch, and callbacks
 * @name: description for the log
 * @settle: report after this time without changes, in microseconds, but wait at
 *	most ten times as long
 * @list: calls watch_file() and watch_folder(); called again after a change
 * @changed: called from the loop after a possible change
 * @arg: argument of the callbacks
 */
struct watch_ops {
	const char *name;
	uint64_t settle;
	void (*list)(struct watch *w, void *arg);
	void (*changed)(void *arg);
	void *arg;
};

/**
 * watch_open() - begin to watch
 * @loop: event loop
 * @ops: the callbacks; copied
 *
 * Open the watch before the files are read, so that no change is missed. The
 * files need not exist.
 *
 * Return: the watch; NULL on failure, after logging the reason.
 */
struct watch *watch_open(sd_event *loop, const struct watch_ops *ops);

/**
 * watch_file() - watch a file, for watch_ops.list
 * @w: the watch
 * @path: path of the file
 */
void watch_file(struct watch *w, const char *path);

/**
 * watch_folder() - watch a folder and the files in it, for watch_ops.list
 * @w: the watch
 * @path: path of the folder
 */
void watch_folder(struct watch *w, const char *path);

/**
 * watch_again() - look at all paths again
 * @w: the watch; may be NULL
 *
 * Covers changes that inotify does not report, such as a mount.
 */
void watch_again(struct watch *w);

/**
 * watch_close() - end a watch
 * @w: the watch; may be NULL
 */
void watch_close(struct watch *w);

#endif /* REKEYD_WATCH_H */
