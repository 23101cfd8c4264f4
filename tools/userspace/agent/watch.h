/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Watch files and folders by path. Any part of a path may be written, replaced,
 * or be a symbolic link that is changed or whose target is; a container may have a
 * file bind-mounted.
 */
#ifndef REKEYD_WATCH_H
#define REKEYD_WATCH_H

#include <systemd/sd-event.h>

struct watch;

/**
 * struct watch_ops - what is watched, for whom
 * @name: what it is, for the log
 * @settle: wait until nothing has changed for this time, in microseconds, but at
 *	most ten times as long
 * @list: calls watch_file() and watch_folder(); called again after a change
 * @changed: called from the loop after something may have changed
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
 * Open the watch before the files are read, so that no change is missed. They need
 * not exist.
 *
 * Return: the watch; NULL on failure, after logging why.
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
 * watch_again() - watch what is there now
 * @w: the watch; may be NULL
 *
 * For changes that inotify does not report, such as a mount.
 */
void watch_again(struct watch *w);

/**
 * watch_close() - end a watch
 * @w: the watch; may be NULL
 */
void watch_close(struct watch *w);

#endif /* REKEYD_WATCH_H */
