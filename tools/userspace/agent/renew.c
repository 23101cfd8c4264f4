// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Use certificates, keys and revocation lists as soon as they are renewed. What
 * cannot be used leaves what was there before in use. It is logged only after a
 * while, because a certificate and its key are replaced one after the other.
 */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "renew.h"
#include "watch.h"

#define SAID_MAX	32	/* problems that are known to have been logged */

struct renew {
	struct watch *watch;
	struct oap_env *oap;
	char *dir;
	uint64_t patience;
	sd_event_source *complain;
	sd_event_source *expire;
	char *said[SAID_MAX];
	size_t nsaid;
};

static void watch_names(struct watch *w, const char *dir, const char *side)
{
	struct dirent **list = NULL;
	char path[PATH_MAX];
	int i, n;

	snprintf(path, sizeof(path), "%s/%s", dir, side);
	watch_folder(w, path);
	n = scandir(path, &list, NULL, NULL);
	for (i = 0; i < n; i++) {
		if (oap_name_ok(list[i]->d_name) &&
		    snprintf(path, sizeof(path), "%s/%s/%s", dir, side,
			     list[i]->d_name) < PATH_MAX)
			watch_folder(w, path);
		free(list[i]);
	}
	free(list);
}

static void list(struct watch *w, void *arg)
{
	static const char * const folders[] = { "cacert", "untrusted", "crls" };
	const struct renew *r = arg;
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", r->dir, folders[i]);
		watch_folder(w, path);
	}
	watch_names(w, r->dir, "server");
	watch_names(w, r->dir, "client");
}

static void say_nothing(void *arg, bool warning, const char *text)
{
	(void)arg;
	(void)warning;
	(void)text;
}

static void say_once(void *arg, bool warning, const char *text)
{
	struct renew *r = arg;
	size_t i;

	(void)warning;
	for (i = 0; i < r->nsaid; i++)
		if (!strcmp(r->said[i], text))
			return;
	log_err("%s", text);
	if (r->nsaid == SAID_MAX)
		return;
	r->said[r->nsaid] = strdup(text);
	r->nsaid += !!r->said[r->nsaid];
}

static void forget(struct renew *r)
{
	while (r->nsaid)
		free(r->said[--r->nsaid]);
}

static void say_expired(void *arg, bool warning, const char *text)
{
	(void)arg;
	(void)warning;
	log_warn("%s", text);
}

/* Report the lists that have expired, and wait for the next. */
static void check_lists(struct renew *r)
{
	time_t next = oap_env_lists(r->oap, say_expired, NULL);

	sd_event_source_set_time(r->expire, next * 1000000ULL);
	sd_event_source_set_enabled(r->expire, next ? SD_EVENT_ONESHOT :
						      SD_EVENT_OFF);
}

static int on_expire(sd_event_source *s, uint64_t usec, void *arg)
{
	(void)s;
	(void)usec;
	check_lists(arg);
	return 0;
}

static void all_good(struct renew *r)
{
	sd_event_source_set_enabled(r->complain, SD_EVENT_OFF);
	if (r->nsaid)
		log_info("all certificates, keys and revocation lists can be used again");
	forget(r);
}

void renew_now(struct renew *r)
{
	if (!r)
		return;
	if (oap_env_renew(r->oap, say_nothing, NULL)) {
		all_good(r);
	} else {
		sd_event_source_set_time_relative(r->complain, r->patience);
		sd_event_source_set_enabled(r->complain, SD_EVENT_ONESHOT);
	}
	check_lists(r);
}

static void on_change(void *arg)
{
	log_info("certificates, keys and revocation lists: read again");
	renew_now(arg);
}

/* Some files could not be used for a while: if it is still so, say why. */
static int on_complain(sd_event_source *s, uint64_t usec, void *arg)
{
	struct renew *r = arg;

	(void)s;
	(void)usec;
	if (oap_env_renew(r->oap, say_once, r))
		all_good(r);
	check_lists(r);
	return 0;
}

static int add_timers(struct renew *r, sd_event *loop)
{
	int err = sd_event_add_time(loop, &r->complain, CLOCK_MONOTONIC, 0, 0,
				    on_complain, r);

	if (err >= 0)
		err = sd_event_source_set_enabled(r->complain, SD_EVENT_OFF);
	if (err >= 0)
		err = sd_event_add_time(loop, &r->expire, CLOCK_REALTIME, 0, 0,
					on_expire, r);
	if (err >= 0)
		err = sd_event_source_set_enabled(r->expire, SD_EVENT_OFF);
	return err;
}

struct renew *renew_open(sd_event *loop, const struct renew_settings *set)
{
	struct renew *r = calloc(1, sizeof(*r));
	struct watch_ops ops = {
		.name = "certificates and keys", .settle = set->settle,
		.list = list, .changed = on_change, .arg = r,
	};
	int err;

	if (!r)
		return NULL;
	r->oap = set->oap;
	r->patience = set->patience;
	r->dir = strdup(set->dir);
	err = r->dir ? add_timers(r, loop) : -ENOMEM;
	if (err < 0) {
		log_warn("cannot watch certificates and keys: %s; reload the agent after a change",
			 strerror(-err));
		renew_close(r);
		return NULL;
	}
	/* without a watch, a reload and the lists' times remain */
	r->watch = watch_open(loop, &ops);
	renew_now(r);
	return r;
}

void renew_close(struct renew *r)
{
	if (!r)
		return;
	watch_close(r->watch);
	sd_event_source_disable_unref(r->complain);
	sd_event_source_disable_unref(r->expire);
	forget(r);
	free(r->dir);
	free(r);
}
