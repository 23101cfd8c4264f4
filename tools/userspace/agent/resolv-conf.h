/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Watch resolv.conf. The file may be written in place or replaced; it may be a
 * symbolic link that changes, or whose target changes; in a container, it may
 * be a bind mount.
 */
#ifndef REKEYD_RESOLV_CONF_H
#define REKEYD_RESOLV_CONF_H

#include <systemd/sd-event.h>

struct resolv_conf;

/**
 * resolv_conf_open() - begin to watch
 * @loop: event loop
 * @file: path of the file
 * @changed: called from @loop after a possible change of the contents
 * @arg: argument of @changed
 *
 * Open the watch before the file is read, so that no change is missed. The file
 * need not exist.
 *
 * Return: the watch; NULL on failure, after logging the reason.
 */
struct resolv_conf *resolv_conf_open(sd_event *loop, const char *file,
			   void (*changed)(void *arg), void *arg);

/**
 * resolv_conf_close() - end a watch
 * @r: the watch; may be NULL
 */
void resolv_conf_close(struct resolv_conf *r);

#endif /* REKEYD_RESOLV_CONF_H */
