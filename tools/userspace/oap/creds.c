// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The certificates and keys of this host, kept in memory: the old pair stays in
 * use while its files are being replaced, one after the other.
 */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/x509.h>

#include "int.h"

/* Maximum number of kept pairs; others are read for each exchange. */
#define KEPT_MAX	512
#define KEPT_HEAP	(2 << 20)	/* half of the agent's secure heap, in bytes */

struct oap_kept {
	struct oap_kept *next;
	struct oap_creds creds;
	bool seen;		/* visited by oap_creds_renew() */
	bool server;
	char name[];
};

/**
 * oap_creds_path() - build the path DIR/{server,client}/NAME/FILE
 * @env: the environment, for the directory
 * @server: use server/, else client/
 * @name: the name
 * @file: the file; "" for the directory itself
 * @path: the path
 * @len: size of @path
 * @err: reason of a failure
 *
 * Return: OAP_OK or OAP_BAD_CONFIG.
 */
enum oap_code oap_creds_path(const struct oap_env *env, bool server,
			     const char *name, const char *file, char *path,
			     size_t len, struct oap_err *err)
{
	int n;

	if (!oap_name_ok(name))
		return oap_err_set(err, OAP_BAD_CONFIG, "invalid name");
	n = snprintf(path, len, "%s/%s/%s%s%s", env->dir,
		     server ? "server" : "client", name, *file ? "/" : "",
		     file);
	if (n < 0 || (size_t)n >= len)
		return oap_err_set(err, OAP_BAD_CONFIG,
				   "the path of the directory %s is too long",
				   env->dir);
	return OAP_OK;
}

/* Make @to share the certificate and key of @from. */
static bool share(struct oap_creds *to, const struct oap_creds *from)
{
	memset(to, 0, sizeof(*to));
	to->der = OPENSSL_memdup(from->der, from->der_len);
	if (!to->der)
		return false;
	to->der_len = from->der_len;
	if (X509_up_ref(from->crt))
		to->crt = from->crt;
	if (EVP_PKEY_up_ref(from->key))
		to->key = from->key;
	if (to->crt && to->key)
		return true;
	oap_auth_creds_free(to);
	return false;
}

static struct oap_kept *find(const struct oap_env *env, bool server,
			     const char *name)
{
	struct oap_kept *k;

	for (k = env->kept; k; k = k->next)
		if (k->server == server && !strcmp(k->name, name))
			return k;
	return NULL;
}

static bool heap_is_full(void)
{
	return CRYPTO_secure_malloc_initialized() &&
	       CRYPTO_secure_used() > KEPT_HEAP;
}

static struct oap_kept *add(struct oap_env *env, bool server, const char *name)
{
	struct oap_kept *k;

	if (env->nkept >= KEPT_MAX || heap_is_full())
		return NULL;
	k = calloc(1, sizeof(*k) + strlen(name) + 1);
	if (!k)
		return NULL;
	k->server = server;
	strcpy(k->name, name);
	k->next = env->kept;
	env->kept = k;
	env->nkept++;
	return k;
}

/* Keep a pair that was read. Lack of room is not a failure. */
static void keep(struct oap_env *env, bool server, const char *name,
		 const struct oap_creds *creds)
{
	struct oap_kept *k = find(env, server, name);
	struct oap_creds copy;

	if (!k)
		k = add(env, server, name);
	if (!k || !share(&copy, creds))
		return;
	oap_auth_creds_free(&k->creds);
	k->creds = copy;
}

static enum oap_code useful(const struct oap_env *env,
			    const struct oap_creds *creds, bool server,
			    const char *name, struct oap_err *err)
{
	return oap_auth_useful(creds, server ? name : NULL,
			       env->now(env->now_arg) / 1000000000, err);
}

/*
 * Judge a pair that was read. A pair that no peer could accept does not replace
 * a working pair.
 */
static enum oap_code judge(struct oap_env *env, bool server, const char *name,
			   const char *dir, struct oap_creds *creds,
			   struct oap_err *err)
{
	const struct oap_kept *k = find(env, server, name);
	struct oap_err why, other;

	if (k && k->creds.crt && useful(env, creds, server, name, &why) &&
	    !useful(env, &k->creds, server, name, &other)) {
		oap_auth_creds_free(creds);
		return oap_err_set(err, OAP_NO_CREDENTIALS,
				   "%.70s/crt.pem: %.100s", dir, why.text);
	}
	keep(env, server, name, creds);
	return OAP_OK;
}

static enum oap_code load(struct oap_env *env, bool server, const char *name,
			  struct oap_creds *creds, struct oap_err *err)
{
	char dir[1024];
	enum oap_code code;

	memset(creds, 0, sizeof(*creds));
	code = oap_creds_path(env, server, name, "", dir, sizeof(dir), err);
	if (!code)
		code = oap_auth_creds_load(creds, dir, err);
	if (!code && creds->crt)
		code = judge(env, server, name, dir, creds, err);
	return code;
}

/**
 * oap_creds_get() - get the certificate and the key of a name
 * @env: the environment
 * @server: use server/NAME, else client/NAME
 * @name: the name
 * @creds: the credentials; free them with oap_auth_creds_free(), also on
 *	failure
 * @err: reason of a failure
 *
 * Uses the files or, if they are unusable now or no peer could accept them, the
 * previous contents.
 *
 * Return: OAP_OK, or the code of the failure.
 */
enum oap_code oap_creds_get(struct oap_env *env, bool server, const char *name,
			    struct oap_creds *creds, struct oap_err *err)
{
	enum oap_code code = load(env, server, name, creds, err);
	const struct oap_kept *k;

	if (!code && creds->crt)
		return OAP_OK;
	k = find(env, server, name);
	if (k && k->creds.crt && share(creds, &k->creds))
		return OAP_OK;
	return code;
}

/**
 * oap_creds_kept() - check whether the pair of a name is in memory
 * @env: the environment
 * @server: use server/NAME, else client/NAME
 * @name: the name
 *
 * Return: true if the pair is in memory.
 */
bool oap_creds_kept(const struct oap_env *env, bool server, const char *name)
{
	const struct oap_kept *k = find(env, server, name);

	return k && k->creds.crt;
}

/* Warn that the rest of a chain is not sent, which nothing else reveals. */
static void warn_of_chain(const struct oap_env *env, bool server,
			  const char *name, oap_check_fn report, void *arg)
{
	char path[1024], text[1280];
	struct oap_err err;

	if (oap_creds_path(env, server, name, "crt.pem", path, sizeof(path), &err))
		return;
	snprintf(text, sizeof(text), OAP_MORE_CERTS, path);
	report(arg, true, text);
}

/* Read a pair again. Forget a pair whose files were removed. */
static bool renew(struct oap_env *env, bool server, const char *name,
		  oap_check_fn report, void *arg)
{
	struct oap_creds creds;
	struct oap_kept *k;
	struct oap_err err;
	enum oap_code code;
	char text[320];

	code = load(env, server, name, &creds, &err);
	k = find(env, server, name);
	if (k)
		k->seen = true;
	if (code) {
		snprintf(text, sizeof(text), "%s%s", err.text,
			 k && k->creds.crt ?
			 "; what it was before stays in use until it is replaced" :
			 "");
		report(arg, false, text);
	} else if (!creds.crt && k) {
		oap_auth_creds_free(&k->creds);
	}
	if (!code && creds.more)
		warn_of_chain(env, server, name, report, arg);
	oap_auth_creds_free(&creds);
	return !code;
}

static bool renew_listed(struct oap_env *env, bool server, oap_check_fn report,
			 void *arg)
{
	struct dirent **list = NULL;
	char dir[1024];
	bool ok = true;
	int i, n;

	if (snprintf(dir, sizeof(dir), "%s/%s", env->dir,
		     server ? "server" : "client") >= (int)sizeof(dir))
		return true;
	n = scandir(dir, &list, NULL, alphasort);
	for (i = 0; i < n; i++) {
		if (oap_name_ok(list[i]->d_name))
			ok &= renew(env, server, list[i]->d_name, report, arg);
		free(list[i]);
	}
	free(list);
	return ok;
}

static void drop_empty(struct oap_env *env)
{
	struct oap_kept **at = &env->kept, *k;

	while ((k = *at)) {
		if (k->creds.crt) {
			at = &k->next;
			continue;
		}
		*at = k->next;
		free(k);
		env->nkept--;
	}
}

/**
 * oap_creds_renew() - read all certificates and keys again
 * @env: the environment
 * @report: called for each pair that cannot be used
 * @arg: argument of @report
 *
 * Return: false if there is such a pair.
 */
bool oap_creds_renew(struct oap_env *env, oap_check_fn report, void *arg)
{
	struct oap_kept *k;
	bool ok;

	for (k = env->kept; k; k = k->next)
		k->seen = false;
	ok = renew_listed(env, true, report, arg);
	ok &= renew_listed(env, false, report, arg);
	/* pairs in folders that cannot be listed, or are gone */
	for (k = env->kept; k; k = k->next)
		if (!k->seen)
			ok &= renew(env, k->server, k->name, report, arg);
	drop_empty(env);
	return ok;
}

/**
 * oap_creds_close() - wipe and free all pairs
 * @env: the environment
 */
void oap_creds_close(struct oap_env *env)
{
	struct oap_kept *k;

	while ((k = env->kept)) {
		env->kept = k->next;
		oap_auth_creds_free(&k->creds);
		free(k);
	}
	env->nkept = 0;
}
