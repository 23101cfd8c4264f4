// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Check of "doctor": certificates, keys and revocation lists, as the user of
 * the agent. The agent's library checks all of them. This check adds whether
 * the CA of a certificate is on this host, and certificates that expire soon.
 */
#include <glob.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "../agent/config.h"
#include "doctor.h"

#define DAY	86400
#define SOON	(30 * DAY)

#define OTHERWISE "put the files there that \"Files\" in oap.md lists"

/* True if no name needs a certificate: a missing one is no problem then. */
static bool needs_none(const struct config *conf)
{
	size_t i;

	for (i = 0; i < conf->nnames; i++)
		if (config_auth(conf, conf->names[i].name) != OAP_AUTH_NONE)
			return false;
	return conf->auth == OAP_AUTH_NONE;
}

/*
 * Report a file that the user of the agent, who runs this check, cannot read.
 * The path ends at ": " or with the text.
 */
static void unreadable(struct doctor *d, const char *text, const char *path)
{
	const struct passwd *pw = getpwuid(geteuid());
	const char *end = strstr(path, ": ");

	doctor_error(d, "%s", text);
	doctor_advise(d, "chown %s %.*s, if no other user needs it",
		      pw ? pw->pw_name : "USER",
		      end ? (int)(end - path) : (int)strlen(path), path);
}

static void on_problem(void *arg, bool warning, const char *text)
{
	const char *path = warning ? NULL : doctor_unreadable(text);
	struct doctor *d = arg;

	if (warning && needs_none(d->conf))
		doctor_note(d, "%s", text);
	else if (path)
		unreadable(d, text, path);
	else
		doctor_problem(d, warning ? DOCTOR_WARNING : DOCTOR_ERROR, text,
			       OTHERWISE);
}

/* Call @each for each file that matches @pattern. */
static void each_file(struct doctor *d, const char *pattern,
		      void (*each)(struct doctor *d, const char *path, void *arg),
		      void *arg)
{
	char path[PATH_MAX];
	glob_t found;
	size_t i;

	if (snprintf(path, sizeof(path), "%s/%s", d->conf->security, pattern) >=
	    (int)sizeof(path))
		return;
	if (!glob(path, 0, NULL, &found))
		for (i = 0; i < found.gl_pathc; i++)
			each(d, found.gl_pathv[i], arg);
	globfree(&found);
}

/* Provide no passphrase, so that OpenSSL does not ask for one. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static X509 *read_first(const char *path)
{
	FILE *file = fopen(path, "re");
	X509 *crt = file ? PEM_read_X509(file, NULL, no_passphrase, NULL) : NULL;

	if (file)
		fclose(file);
	ERR_clear_error();
	return crt;
}

/* Add all certificates of a file to a list. */
static void add_certs(struct doctor *d, const char *path, void *arg)
{
	FILE *file = fopen(path, "re");
	STACK_OF(X509) *all = arg;
	X509 *crt;

	(void)d;
	while (file && (crt = PEM_read_X509(file, NULL, no_passphrase, NULL)))
		sk_X509_push(all, crt);
	if (file)
		fclose(file);
	ERR_clear_error();
}

/* True if a chain leads to a root in cacert, whatever the dates are. */
static bool is_issued_here(X509 *crt, STACK_OF(X509) *roots, STACK_OF(X509) *more)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool ok = store && ctx;
	int i;

	for (i = 0; ok && i < sk_X509_num(roots); i++)
		X509_STORE_add_cert(store, sk_X509_value(roots, i));
	ok = ok && X509_STORE_CTX_init(ctx, store, crt, more);
	if (ok) {
		X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_NO_CHECK_TIME);
		ok = X509_verify_cert(ctx) == 1;
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	ERR_clear_error();
	return ok;
}

struct trust {
	STACK_OF(X509) *roots;
	STACK_OF(X509) *more;
};

/* True if a link leads to a certificate of this host, which is looked at, too. */
static bool is_own_link(const struct doctor *d, const char *path)
{
	char *real = realpath(path, NULL), *server = NULL;
	char *folder = realpath(d->conf->security, NULL);
	bool is = false;

	if (real && folder && strcmp(real, path) &&
	    asprintf(&server, "%s/server/", folder) > 0)
		is = !strncmp(real, server, strlen(server)) &&
		     strncmp(path + strlen(d->conf->security), "/server/",
			     strlen("/server/"));
	free(server);
	free(folder);
	free(real);
	return is;
}

/* Advise how to renew a certificate: "setup host" keeps the key. */
static void advise_renewal(struct doctor *d, const char *path)
{
	const char *own = path + strlen(d->conf->security);
	char *option = doctor_setup_option(d);

	if (option && !strncmp(own, "/server/", strlen("/server/")))
		doctor_advise(d, "ipcp-rekey setup host%s %.*s", option,
			      (int)(strlen(own) - strlen("/server/") -
				    strlen("/crt.pem")),
			      own + strlen("/server/"));
	else
		doctor_advise(d, "replace %s before that day", path);
	free(option);
}

static void check_crt(struct doctor *d, const char *path, void *arg)
{
	time_t library = time(NULL) + OAP_EXPIRES_SOON, soon = time(NULL) + SOON;
	const struct trust *trust = arg;
	X509 *crt = read_first(path);
	char to[64] = "an unknown date";
	const ASN1_TIME *end;
	struct tm tm;

	if (!crt)
		return;
	end = X509_get0_notAfter(crt);
	if (ASN1_TIME_to_tm(end, &tm) == 1)
		strftime(to, sizeof(to), "%Y-%m-%d", &tm);
	if (!is_issued_here(crt, trust->roots, trust->more)) {
		doctor_warning(d, "%s is not issued by a CA that %s/cacert has", path,
			       d->conf->security);
		doctor_advise(d, "put the certificate of its CA into %s/cacert, or replace %s: peers that trust the same CAs as this host refuse it",
			      d->conf->security, path);
	}
	/* the library warns about certificates that expire earlier */
	if (X509_cmp_time(end, &library) > 0) {
		if (X509_cmp_time(end, &soon) < 0 && is_own_link(d, path)) {
			doctor_note(d, "%s, a link, expires at %s", path, to);
		} else if (X509_cmp_time(end, &soon) < 0) {
			doctor_warning(d, "%s expires at %s", path, to);
			advise_renewal(d, path);
		} else {
			doctor_ok(d, "%s, until %s", path, to);
		}
	}
	X509_free(crt);
}

static void check_root(struct doctor *d, const char *path, void *arg)
{
	time_t library = time(NULL) + OAP_EXPIRES_SOON, soon = time(NULL) + SOON;
	X509 *crt = read_first(path);

	(void)arg;
	if (crt && X509_cmp_time(X509_get0_notAfter(crt), &library) > 0 &&
	    X509_cmp_time(X509_get0_notAfter(crt), &soon) < 0) {
		doctor_warning(d, "the CA in %s expires within 30 days", path);
		doctor_advise(d, "put the next certificate of this CA beside %s, on all hosts",
			      path);
	}
	X509_free(crt);
}

static void look_at_all(struct doctor *d)
{
	const struct config *conf = d->conf;
	const char **names = calloc(conf->nnames + 1, sizeof(*names));
	struct oap_settings set = {
		.dir = conf->security, .need_lists = conf->need_lists,
	};
	struct trust trust = { sk_X509_new_null(), sk_X509_new_null() };
	size_t i;

	for (i = 0; names && i < conf->nnames; i++)
		names[i] = conf->names[i].name;
	if (!names || !trust.roots || !trust.more) {
		doctor_note(d, "not looked at: out of memory");
		return;
	}
	oap_check(&set, names, on_problem, d);
	each_file(d, "cacert/*.pem", check_root, NULL);
	each_file(d, "cacert/*.pem", add_certs, trust.roots);
	each_file(d, "untrusted/*.pem", add_certs, trust.more);
	each_file(d, "server/*/crt.pem", check_crt, &trust);
	each_file(d, "client/*/crt.pem", check_crt, &trust);
	if (!json_array_size(d->found))
		doctor_note(d, "this host has no certificate of its own in %s",
			    conf->security);
	sk_X509_pop_free(trust.roots, X509_free);
	sk_X509_pop_free(trust.more, X509_free);
	free(names);
}

void doctor_certificates(struct doctor *d)
{
	if (d->conf)
		doctor_as_agent(d, look_at_all);
	else
		doctor_note(d, "not looked at: the configuration has to be usable first");
}
