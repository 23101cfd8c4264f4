// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The environment of exchanges: directory, trust store, clock, replay cache. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "int.h"

#define MS		UINT64_C(1000000)
#define MAX_AGE_MS	20000
#define REPLAY_MAX	65536
#define REPLAY_UNKNOWN	4096

static uint64_t system_clock(void *arg)
{
	struct timespec ts;

	(void)arg;
	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

/**
 * oap_env_now() - read the clock
 * @env: the environment
 *
 * Return: nanoseconds since 1970.
 */
uint64_t oap_env_now(const struct oap_env *env)
{
	return env->now(env->now_arg);
}

static time_t seconds(const struct oap_env *env)
{
	return oap_env_now(env) / 1000000000;
}

bool oap_has_credentials(const struct oap_env *env, bool server,
			 const char *name)
{
	struct oap_err err;
	char path[1024];

	if (oap_creds_path(env, server, name, "crt.pem", path, sizeof(path),
			   &err))
		return false;
	return oap_creds_kept(env, server, name) || !access(path, F_OK) ||
	       (errno != ENOENT && errno != ENOTDIR);
}

enum oap_code oap_env_open(struct oap_env **envp,
			   const struct oap_settings *set, struct oap_err *err)
{
	uint32_t max = set->replay_max ? set->replay_max : REPLAY_MAX;
	struct oap_env *env = calloc(1, sizeof(*env));
	enum oap_code code;
	uint64_t keep;

	*envp = NULL;
	if (!env)
		return oap_err_set(err, OAP_INTERNAL, "out of memory");
	env->max_age = (set->max_age_ms ? set->max_age_ms : MAX_AGE_MS) * MS;
	env->slack = set->slack_ms * MS;
	env->now = set->now ? set->now : system_clock;
	env->now_arg = set->now_arg;
	env->need_lists = set->need_lists;
	keep = env->max_age + 2 * env->slack;
	env->dir = strdup(set->dir);
	env->known = oap_replay_new(max, keep, false);
	env->unknown = oap_replay_new(REPLAY_UNKNOWN, keep, true);
	if (!env->dir || !env->known || !env->unknown)
		code = oap_err_set(err, OAP_INTERNAL, "out of memory");
	else
		code = oap_store_load(&env->store, env->dir,
				      seconds(env), err);
	if (code)
		oap_env_close(env);
	else
		*envp = env;
	return code;
}

/*
 * True if all folders are missing, as with a file system that is not mounted.
 */
static bool is_gone(const struct oap_env *env)
{
	static const char * const folders[] = {
		"cacert", "untrusted", "crls", "server", "client",
	};
	char path[1024];
	size_t i;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", env->dir, folders[i]);
		if (!access(path, F_OK) ||
		    (errno != ENOENT && errno != ENOTDIR))
			return false;
	}
	return env->nkept || !oap_store_empty(&env->store);
}

static enum oap_code refuse_gone(const struct oap_env *env,
				 struct oap_err *err)
{
	return oap_err_set(err, OAP_BAD_CONFIG,
			   "the security folder %.80s is missing or empty: bring it back, or restart the agent to do without; what was read from it stays in use",
			   env->dir);
}

enum oap_code oap_env_reload(struct oap_env *env, struct oap_err *err)
{
	struct oap_store store = { 0 };
	enum oap_code code;

	code = is_gone(env) ? refuse_gone(env, err) :
	       oap_store_load(&store, env->dir, seconds(env), err);
	if (code)
		return code;
	/* do not report a list again that was reported before */
	oap_lists_inherit(store.lists, env->store.lists);
	oap_store_free(&env->store);
	env->store = store;
	return OAP_OK;
}

time_t oap_env_lists(struct oap_env *env, oap_check_fn report, void *arg)
{
	return oap_lists_report(env->store.lists, seconds(env),
				env->need_lists, report, arg);
}

/*
 * A larger slack accepts old requests again that the caches may have forgotten.
 * Refuse such requests until they are too old for the larger slack, too.
 */
static void refuse_forgotten(struct oap_env *env, uint64_t slack)
{
	uint64_t age = env->max_age + env->slack, now = oap_env_now(env);
	uint64_t until = oap_replay_clock() + slack - env->slack;

	if (now > age && now - age > env->oldest)
		env->oldest = now - age;
	if (until > env->oldest_until)
		env->oldest_until = until;
}

void oap_env_set(struct oap_env *env, uint32_t slack_ms, bool need_lists)
{
	uint64_t keep;

	if (slack_ms * MS > env->slack)
		refuse_forgotten(env, slack_ms * MS);
	env->slack = slack_ms * MS;
	env->need_lists = need_lists;
	keep = env->max_age + 2 * env->slack;
	oap_replay_keep(env->known, keep);
	oap_replay_keep(env->unknown, keep);
}

/* Receiver of the failures of a renewal. */
struct reporter {
	oap_check_fn report;
	void *arg;
	const char *rest;	/* appended to each text */
};

static void on_failure(void *arg, const struct oap_err *err)
{
	const struct reporter *r = arg;
	char text[320];

	snprintf(text, sizeof(text), "%s%s", err->text, r->rest);
	r->report(r->arg, false, text);
}

/*
 * Read certificates and lists again, each file separately, so that a problem
 * with one does not keep the newest version of the others from being used.
 */
static bool renew_store(struct oap_env *env, struct reporter *r)
{
	struct oap_list *old = env->store.lists;
	struct oap_store store = { 0 };
	time_t now = seconds(env);
	struct oap_err err;
	bool ok, read;

	env->store.lists = NULL;
	r->rest = "; the trusted certificates from before stay in use";
	ok = !oap_store_certs(&store, env->dir, &err);
	if (ok) {
		oap_store_free(&env->store);
		env->store = store;
	} else {
		on_failure(r, &err);
	}
	r->rest = "; the lists from before stay in use";
	read = oap_store_lists(&env->store, env->dir, now, on_failure, r);
	oap_lists_inherit(env->store.lists, old);
	r->rest = "; until then the one from before stays in use";
	return oap_lists_keep(&env->store, &old, !read, now, on_failure, r) &&
	       read && ok;
}

bool oap_env_renew(struct oap_env *env, oap_check_fn report, void *arg)
{
	struct reporter r = { report, arg, "" };
	struct oap_err err;
	bool ok;

	if (is_gone(env)) {
		refuse_gone(env, &err);
		on_failure(&r, &err);
		return false;
	}
	ok = renew_store(env, &r);
	return oap_creds_renew(env, report, arg) && ok;
}

void oap_env_close(struct oap_env *env)
{
	if (!env)
		return;
	oap_store_free(&env->store);
	oap_creds_close(env);
	oap_replay_free(env->known);
	oap_replay_free(env->unknown);
	free(env->dir);
	free(env);
}

/* True for a request that was too old before the slack was raised. */
static bool was_forgotten(struct oap_env *env, const struct oap_hdr *hdr)
{
	if (oap_replay_clock() >= env->oldest_until)
		env->oldest = 0;
	return hdr->timestamp < env->oldest;
}

/**
 * oap_env_fresh() - check that a request is recent and not a replay
 * @env: the environment, for its clock and replay caches
 * @hdr: the request
 * @params: whether to check the clock and the replay cache
 * @peer: sender of the request; selects the cache and the share
 * @err: reason of a refusal
 *
 * Return: OAP_OK, OAP_CLOCK, OAP_REPLAY or OAP_FULL.
 */
enum oap_code oap_env_fresh(struct oap_env *env, const struct oap_hdr *hdr,
			    const struct oap_params *params,
			    const struct oap_identity *peer,
			    struct oap_err *err)
{
	uint64_t now = oap_env_now(env);
	bool no_clock = params->no_clock;

	if (!no_clock && hdr->timestamp > now &&
	    hdr->timestamp - now > env->slack)
		return oap_err_set(err, OAP_CLOCK,
				   "the request is %.3f s in the future; check the clocks",
				   (hdr->timestamp - now) / 1e9);
	if (!no_clock && hdr->timestamp < now &&
	    (now - hdr->timestamp > env->max_age + env->slack ||
	     was_forgotten(env, hdr)))
		return oap_err_set(err, OAP_CLOCK,
				   "the request is %.3f s old; check the clocks",
				   (now - hdr->timestamp) / 1e9);
	if (params->no_replay)
		return OAP_OK;
	if (!peer->authenticated)
		return oap_replay_add(env->unknown, hdr->id, NULL, 0, err);
	return oap_replay_add(env->known, hdr->id, peer->name,
			      no_clock ? 0 : hdr->timestamp, err);
}
