// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Use certificates, keys and revocation lists as soon as they are renewed. If a
 * new file is unusable, the previous contents stay in use. The problem is
 * logged after a delay, since a certificate and its key are replaced one after
 * the other.
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

#define AGAIN_MIN	10000000	/* us, after the first report */

/* A set of problem texts. */
struct problems {
	char **texts;
	size_t n;
};

struct renew {
	struct watch *watch;
	sd_event *loop;
	struct oap_env *oap;
	char *dir;
	uint64_t patience;
	uint64_t again;
	uint64_t wait;			/* wait after the next report */
	bool failing;
	sd_event_source *timer;		/* next report, or next read */
	sd_event_source *expire;
	struct problems said;		/* in the last report */
	struct problems found;		/* in the current round */
	struct problems warned;		/* since the last reload */
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

static bool has(const struct problems *p, const char *text)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (!strcmp(p->texts[i], text))
			return true;
	return false;
}

/* Add a problem. Without memory, it will be logged again. */
static void add(struct problems *p, const char *text)
{
	char **texts = realloc(p->texts, (p->n + 1) * sizeof(*texts));

	if (!texts)
		return;
	p->texts = texts;
	texts[p->n] = strdup(text);
	p->n += !!texts[p->n];
}

static void forget(struct problems *p)
{
	while (p->n)
		free(p->texts[--p->n]);
	free(p->texts);
	p->texts = NULL;
}

/* Log files that are usable in part, once. Ignore unusable files for now. */
static void warn_only(void *arg, bool warning, const char *text)
{
	struct renew *r = arg;

	if (!warning || has(&r->warned, text))
		return;
	log_warn("%s", text);
	add(&r->warned, text);
}

static void say_once(void *arg, bool warning, const char *text)
{
	struct renew *r = arg;

	if (warning) {
		warn_only(arg, warning, text);
		return;
	}
	if (!has(&r->said, text))
		log_err("%s", text);
	add(&r->found, text);
}

static void say_expired(void *arg, bool warning, const char *text)
{
	(void)arg;
	(void)warning;
	log_warn("%s", text);
}

/* Log the lists that have expired, and set the timer for the next one. */
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

/* Set the timer to expire after a time, or earlier if it is already set so. */
static void come_within(struct renew *r, uint64_t usec)
{
	uint64_t at = 0, due = UINT64_MAX;
	int on = SD_EVENT_OFF;

	sd_event_now(r->loop, CLOCK_MONOTONIC, &at);
	sd_event_source_get_enabled(r->timer, &on);
	if (on != SD_EVENT_OFF)
		sd_event_source_get_time(r->timer, &due);
	at += usec;
	if (at < due)
		sd_event_source_set_time(r->timer, at);
	sd_event_source_set_enabled(r->timer, SD_EVENT_ONESHOT);
}

static void all_good(struct renew *r)
{
	if (r->said.n)
		log_info("all certificates, keys and revocation lists can be used again");
	forget(&r->said);
	r->failing = false;
	r->wait = AGAIN_MIN;
	sd_event_source_set_enabled(r->timer, SD_EVENT_OFF);
	come_within(r, r->again);
}

/* Read all files silently. Return true if all are usable. */
static bool read_quietly(struct renew *r)
{
	bool ok = oap_env_renew(r->oap, warn_only, r);

	if (ok)
		all_good(r);
	else
		come_within(r, r->patience);
	r->failing = !ok;
	check_lists(r);
	return ok;
}

void renew_now(struct renew *r)
{
	if (!r)
		return;
	watch_again(r->watch);
	forget(&r->warned);
	read_quietly(r);
}

static void on_change(void *arg)
{
	if (read_quietly(arg))
		log_info("certificates, keys and revocation lists: read again");
	else
		log_info("certificates, keys and revocation lists: read again, but not all can be used");
}

/* Log which files are still unusable after a while, and why. */
static void complain(struct renew *r)
{
	if (oap_env_renew(r->oap, say_once, r)) {
		forget(&r->found);
		all_good(r);
	} else {
		forget(&r->said);
		r->said = r->found;
		r->found = (struct problems){ 0 };
		come_within(r, r->wait < r->again ? r->wait : r->again);
		if (r->wait < r->again)
			r->wait *= 2;
	}
	check_lists(r);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *arg)
{
	struct renew *r = arg;

	(void)s;
	(void)usec;
	watch_again(r->watch);
	if (r->failing)
		complain(r);
	else
		read_quietly(r);
	return 0;
}

static int add_timers(struct renew *r, sd_event *loop)
{
	int err = sd_event_add_time(loop, &r->timer, CLOCK_MONOTONIC, 0, 0,
				    on_timer, r);

	if (err >= 0)
		err = sd_event_source_set_enabled(r->timer, SD_EVENT_OFF);
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
	r->loop = sd_event_ref(loop);
	r->patience = set->patience;
	r->again = set->again;
	r->wait = AGAIN_MIN;
	r->dir = strdup(set->dir);
	err = r->dir ? add_timers(r, loop) : -ENOMEM;
	if (err < 0) {
		log_warn("cannot watch certificates and keys: %s; reload the agent after a change",
			 strerror(-err));
		renew_close(r);
		return NULL;
	}
	/* without a watch, reloads and the timers remain */
	r->watch = watch_open(loop, &ops);
	read_quietly(r);
	return r;
}

void renew_close(struct renew *r)
{
	if (!r)
		return;
	watch_close(r->watch);
	sd_event_source_disable_unref(r->timer);
	sd_event_source_disable_unref(r->expire);
	sd_event_unref(r->loop);
	forget(&r->said);
	forget(&r->warned);
	free(r->dir);
	free(r);
}
