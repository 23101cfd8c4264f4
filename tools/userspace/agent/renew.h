/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Use certificates, keys and revocation lists as soon as they are renewed. */
#ifndef REKEYD_RENEW_H
#define REKEYD_RENEW_H

#include <systemd/sd-event.h>

#include "../oap/oap.h"

struct renew;

/**
 * struct renew_settings - how to watch the security folder
 * @dir: the folder
 * @oap: environment with its certificates; outlives the watch
 * @settle: read the files after this time without changes, in microseconds
 * @patience: time after which unusable files are logged, since they are no
 *	longer just half written, in microseconds
 * @again: read the files at least this often, since some file systems report no
 *	changes; also the longest time between attempts to read unusable files,
 *	in microseconds
 */
struct renew_settings {
	const char *dir;
	struct oap_env *oap;
	uint64_t settle;
	uint64_t patience;
	uint64_t again;
};

/**
 * renew_open() - begin to watch
 * @loop: event loop
 * @set: the settings; copied
 *
 * Return: the watch; NULL on failure, after logging the reason.
 */
struct renew *renew_open(sd_event *loop, const struct renew_settings *set);

/**
 * renew_now() - read all files again
 * @r: the watch; may be NULL
 */
void renew_now(struct renew *r);

/**
 * renew_close() - end a watch
 * @r: the watch; may be NULL
 */
void renew_close(struct renew *r);

#endif /* REKEYD_RENEW_H */
