// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Load all files of the directory at once, as exchanges would one after another,
 * and report every problem.
 */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "int.h"

#define SOON		(14 * 86400)	/* s */
#define TEXT_LEN	(2 * PATH_MAX)

struct check {
	const char *dir;
	time_t now;
	bool need_lists;
	oap_check_fn report;
	void *arg;
	unsigned int errors;
};

/* The directory of a name, on one side. */
struct place {
	bool server;
	const char *name;
	char dir[PATH_MAX];
	char crt[PATH_MAX];
	char key[PATH_MAX];
	char conf[PATH_MAX];
};

static void tell(struct check *c, bool warning, const char *fmt, va_list ap)
{
	char text[TEXT_LEN];

	vsnprintf(text, sizeof(text), fmt, ap);
	c->errors += !warning;
	c->report(c->arg, warning, text);
}

static void __attribute__((format(printf, 2, 3)))
error(struct check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(c, false, fmt, ap);
	va_end(ap);
}

static void __attribute__((format(printf, 2, 3)))
warn(struct check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(c, true, fmt, ap);
	va_end(ap);
}

static void cannot_read(struct check *c, const char *path)
{
	error(c, "cannot read %s: %s%s", path, strerror(errno),
	      errno == EACCES ? "; the user who runs the agent must be able to" :
	      "");
}

/* Certificates */

static const char *date(const ASN1_TIME *time, char *buf, size_t len)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1 ||
	    !strftime(buf, len, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(buf, len, "an unknown date");
	return buf;
}

typedef void (*say_fn)(struct check *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Return whether a certificate is valid now; @say what is wrong if not. */
static bool check_dates(struct check *c, const char *path, const X509 *crt,
			say_fn say)
{
	const ASN1_TIME *from = X509_get0_notBefore(crt);
	const ASN1_TIME *to = X509_get0_notAfter(crt);
	time_t now = c->now, soon = c->now + SOON;
	char buf[64];

	if (X509_cmp_time(from, &now) > 0) {
		say(c, "%s is not valid before %s: check the clock, or replace the certificate",
		    path, date(from, buf, sizeof(buf)));
		return false;
	}
	if (X509_cmp_time(to, &now) < 0) {
		say(c, "%s expired at %s: replace the certificate", path,
		    date(to, buf, sizeof(buf)));
		return false;
	}
	if (X509_cmp_time(to, &soon) < 0)
		warn(c, "%s expires at %s: replace the certificate before", path,
		     date(to, buf, sizeof(buf)));
	return true;
}

/* Read all certificates of a file; NULL if there is no usable one. */
static STACK_OF(X509) *read_certs(struct check *c, const char *path)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	FILE *file = fopen(path, "re");
	X509 *crt;

	if (!file) {
		cannot_read(c, path);
		sk_X509_free(all);
		return NULL;
	}
	while (all && (crt = PEM_read_X509(file, NULL, oap_secret_no_passphrase,
					   NULL)))
		sk_X509_push(all, crt);
	fclose(file);
	/* the end of a file that has one is "no start line", too */
	if (sk_X509_num(all) > 0 &&
	    ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
		ERR_clear_error();
		return all;
	}
	error(c, "%s is not a PEM certificate: %s; replace it", path,
	      oap_err_why());
	sk_X509_pop_free(all, X509_free);
	return NULL;
}

/*
 * Return the first certificate of a file, after checking the dates of all. @more:
 * there are others.
 */
static X509 *check_certs(struct check *c, const char *path, bool *more)
{
	STACK_OF(X509) *all = read_certs(c, path);
	X509 *first;
	int i;

	for (i = 0; i < sk_X509_num(all); i++)
		check_dates(c, path, sk_X509_value(all, i), error);
	first = all ? sk_X509_shift(all) : NULL;
	*more = sk_X509_num(all) > 0;
	sk_X509_pop_free(all, X509_free);
	return first;
}

/* The trust store */

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int is_pem(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return visible(entry) && len > 4 &&
	       !strcmp(entry->d_name + len - 4, ".pem");
}

static void free_list(struct dirent **list, int n)
{
	while (n > 0)
		free(list[--n]);
	free(list);
}

static void check_cert_file(struct check *c, const char *path, void *arg)
{
	bool more;

	(void)arg;
	X509_free(check_certs(c, path, &more));
}

/* A root is of no use any more, but another may be; count the others. */
static void check_root_file(struct check *c, const char *path, void *arg)
{
	STACK_OF(X509) *all = read_certs(c, path);
	unsigned int *valid = arg;
	int i;

	for (i = 0; i < sk_X509_num(all); i++)
		*valid += check_dates(c, path, sk_X509_value(all, i), warn);
	sk_X509_pop_free(all, X509_free);
}

/* Who can write a file here decides whom this host trusts. */
static void check_mode(struct check *c, const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return;
	if (st.st_mode & 02)
		error(c, "%s can be written by everybody: run chmod o-w on it",
		      path);
	else if (st.st_mode & 020 && st.st_gid)
		warn(c, "%s can be written by group %u: run chmod g-w on it unless that group may decide whom to trust",
		     path, st.st_gid);
}

/* Call @each for each file; return their number. */
static int check_folder(struct check *c, const char *folder,
			void (*each)(struct check *c, const char *path,
				     void *arg), void *arg)
{
	char dir[PATH_MAX], path[PATH_MAX];
	struct dirent **list = NULL;
	int i, n;

	snprintf(dir, sizeof(dir), "%s/%s", c->dir, folder);
	n = scandir(dir, &list, is_pem, alphasort);
	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0)
		cannot_read(c, dir);
	check_mode(c, dir);
	for (i = 0; i < n; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", dir,
			     list[i]->d_name) >= (int)sizeof(path))
			continue;
		check_mode(c, path);
		each(c, path, arg);
	}
	free_list(list, n);
	return n;
}

/* Revocation lists */

static void check_list(struct check *c, const char *path, X509_CRL *crl,
		       struct oap_store *store)
{
	const char *unfit = oap_crl_unfit(crl);
	enum oap_issuer issuer;
	char ca[OAP_CA_LEN];

	if (unfit) {
		error(c, "%s %s", path, unfit);
		return;
	}
	if (!oap_lists_add(store, crl, c->now, &issuer))
		error(c, "out of memory");
	oap_crl_name(X509_CRL_get_issuer(crl), ca, sizeof(ca));
	if (issuer == OAP_ISSUER_UNKNOWN)
		warn(c, "%s is not used: its issuer '%s' is neither in cacert nor in untrusted: put that CA there, or remove the list",
		     path, ca);
	else if (issuer == OAP_ISSUER_ANOTHER)
		error(c, "%s is not signed by its issuer '%s': replace or remove it",
		      path, ca);
}

static void check_list_file(struct check *c, const char *path, void *arg)
{
	FILE *file = fopen(path, "re");
	X509_CRL *crl;
	int n = 0;

	if (!file) {
		cannot_read(c, path);
		return;
	}
	while ((crl = PEM_read_X509_CRL(file, NULL, oap_secret_no_passphrase,
					NULL))) {
		check_list(c, path, crl, arg);
		X509_CRL_free(crl);
		n++;
	}
	fclose(file);
	if (!n || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		error(c, "%s is not a PEM revocation list: %s; replace it", path,
		      oap_err_why());
	ERR_clear_error();
}

static void check_state(struct check *c, const struct oap_list *lists,
			const struct oap_list *l)
{
	enum oap_list_state state = oap_list_state(lists, l, c->now);
	char ca[OAP_CA_LEN], buf[64];

	oap_crl_name(X509_CRL_get_issuer(l->crl), ca, sizeof(ca));
	if (state == OAP_LIST_EXPIRED)
		(c->need_lists ? error : warn)(c, "the revocation list of '%s' in %s/crls expired at %s: put a newer one there",
					       ca, c->dir,
					       date(X509_CRL_get0_nextUpdate(l->crl),
						    buf, sizeof(buf)));
	else if (state == OAP_LIST_EARLY)
		(c->need_lists ? error : warn)(c, "the revocation list of '%s' in %s/crls is not valid before %s: check the clock, or put the list before it there, too",
					       ca, c->dir,
					       date(X509_CRL_get0_lastUpdate(l->crl),
						    buf, sizeof(buf)));
}

/* True if the lists of a CA are for all of its certificates together. */
static bool cover_all(const struct oap_list *l, const X509 *ca)
{
	bool of[OAP_SCOPE_SOME + 1] = { false };

	for (; l; l = l->next)
		if (oap_crl_is_of(l, ca))
			of[oap_crl_scope(l->crl)] = true;
	return of[OAP_SCOPE_ALL] || (of[OAP_SCOPE_USERS] && of[OAP_SCOPE_CAS]);
}

/* With crl = required each CA has a list. */
static void check_needed(struct check *c, const struct oap_list *lists,
			 const STACK_OF(X509) *cas)
{
	const struct oap_list *l;
	char ca[OAP_CA_LEN];
	X509 *crt;
	int i;

	for (i = 0; i < sk_X509_num(cas); i++) {
		crt = sk_X509_value(cas, i);
		oap_crl_name(X509_get_subject_name(crt), ca, sizeof(ca));
		for (l = lists; l && !oap_crl_is_of(l, crt); l = l->next)
			;
		if (!l)
			error(c, "crl = required, but %s/crls has no list of '%s': put one there",
			      c->dir, ca);
		else if (!cover_all(lists, crt))
			warn(c, "crl = required, but the lists of '%s' in %s/crls are for some of its certificates, and all others are refused: put a list of all there",
			     ca, c->dir);
	}
}

static void check_lists(struct check *c, struct oap_store *store)
{
	STACK_OF(X509) *roots = X509_STORE_get1_all_certs(store->roots);
	const struct oap_list *l;

	check_folder(c, "crls", check_list_file, store);
	for (l = store->lists; l; l = l->next)
		check_state(c, store->lists, l);
	if (c->need_lists) {
		check_needed(c, store->lists, roots);
		check_needed(c, store->lists, store->untrusted);
	}
	sk_X509_pop_free(roots, X509_free);
}

static void check_store(struct check *c)
{
	unsigned int before = c->errors, valid = 0;
	struct oap_store store = { 0 };
	struct oap_err err;

	if (!check_folder(c, "cacert", check_root_file, &valid))
		warn(c, "%s/cacert has no *.pem: no certificate of a peer is accepted",
		     c->dir);
	else if (!valid && c->errors == before)
		error(c, "%s/cacert has no certificate that is valid now: put one there, no certificate of a peer is accepted until then",
		      c->dir);
	check_folder(c, "untrusted", check_cert_file, NULL);
	/* what is trusted decides about the lists */
	if (oap_store_certs(&store, c->dir, &err)) {
		if (c->errors == before)
			error(c, "%s", err.text);
		return;
	}
	check_lists(c, &store);
	oap_store_free(&store);
	if (c->errors != before)
		return;
	/* exchanges have the last word */
	if (oap_store_load(&store, c->dir, c->now, &err))
		error(c, "%s", err.text);
	else
		oap_store_free(&store);
}

/* The files of a name */

static bool missing(const char *path)
{
	struct stat st;

	return stat(path, &st) && (errno == ENOENT || errno == ENOTDIR);
}

static void check_conf(struct check *c, const struct place *p)
{
	EVP_PKEY *key = NULL;
	struct oap_conf conf;
	struct oap_err err;
	enum oap_code code;

	code = oap_conf_load(&conf, p->conf, p->server, &err);
	if (!code && oap_nid_kex_is_kem(conf.kex) && conf.client_encap)
		code = p->server ?
		       oap_kexfile_private(conf.kex, p->dir, &key, &err) :
		       oap_kexfile_public(conf.kex, p->dir, &key, &err);
	if (code)
		error(c, "%s", err.text);
	EVP_PKEY_free(key);
}

/* A server has to prove its name, a client any. */
static void check_name(struct check *c, const struct place *p, X509 *crt)
{
	const char *lacks = oap_auth_lacks(crt, p->server ? OAP_RESPONDER :
							   OAP_INITIATOR);
	struct oap_hdr hdr = { 0 };
	struct oap_identity id;
	struct oap_err err;
	uint8_t *der = NULL;
	int len = i2d_X509(crt, &der);

	if (!(X509_get_key_usage(crt) & KU_DIGITAL_SIGNATURE))
		error(c, "%s is not for signatures: request one whose key usage has digitalSignature",
		      p->crt);
	if (lacks)
		error(c, "%s is not for %s: request one with this extended key usage, or with none",
		      p->crt, lacks);
	hdr.crt.p = der;
	hdr.crt.len = len > 0 ? len : 0;
	if (p->server && oap_auth_name(&hdr, p->name, &id, &err))
		error(c, "%s: %s; replace it", p->crt, err.text);
	OPENSSL_free(der);
}

static void check_key(struct check *c, const struct place *p, X509 *crt)
{
	EVP_PKEY *key = NULL;
	struct oap_err err;

	if (access(p->key, R_OK))
		cannot_read(c, p->key);
	else if (oap_secret_pem(p->key, OAP_NO_CREDENTIALS, &key, &err))
		error(c, "%s", err.text);
	else if (crt && X509_check_private_key(crt, key) != 1)
		error(c, "%s does not belong to %s: put the key there with which the certificate was requested",
		      p->key, p->crt);
	ERR_clear_error();
	EVP_PKEY_free(key);
}

static void check_credentials(struct check *c, const struct place *p)
{
	bool no_crt = missing(p->crt), no_key = missing(p->key);
	unsigned int before = c->errors;
	struct oap_creds creds;
	struct oap_err err;
	bool more = false;
	X509 *crt = NULL;

	if (no_crt && no_key)
		return;
	if (no_crt)
		error(c, "%s is missing: put the certificate of the key beside it there",
		      p->crt);
	else
		crt = check_certs(c, p->crt, &more);
	if (more)
		warn(c, "%s has more than one certificate, and only the first is sent: put the others into untrusted/ of the peers",
		     p->crt);
	if (no_key)
		error(c, "%s is missing: put the key of the certificate beside it there",
		      p->key);
	else
		check_key(c, p, crt);
	if (crt)
		check_name(c, p, crt);
	X509_free(crt);
	if (c->errors != before)
		return;
	/* exchanges have the last word */
	if (oap_auth_creds_load(&creds, p->dir, &err))
		error(c, "%s", err.text);
	oap_auth_creds_free(&creds);
}

static bool fill(struct check *c, struct place *p, bool server,
		 const char *name)
{
	int n = snprintf(p->dir, sizeof(p->dir), "%s/%s/%s", c->dir,
			 server ? "server" : "client", name);

	p->server = server;
	p->name = name;
	if (n < 0 || (size_t)n + sizeof("/enc.conf") > sizeof(p->dir)) {
		error(c, "the path of the directory %s is too long", c->dir);
		return false;
	}
	snprintf(p->crt, sizeof(p->crt), "%.*s/crt.pem", n, p->dir);
	snprintf(p->key, sizeof(p->key), "%.*s/key.pem", n, p->dir);
	snprintf(p->conf, sizeof(p->conf), "%.*s/enc.conf", n, p->dir);
	return true;
}

static void check_place(struct check *c, bool server, const char *name)
{
	struct place p;

	if (!fill(c, &p, server, name))
		return;
	if (missing(p.dir))
		return;
	if (access(p.dir, X_OK)) {
		cannot_read(c, p.dir);
		return;
	}
	if (missing(p.crt) && missing(p.key) && missing(p.conf))
		warn(c, "%s is not used: crt.pem, key.pem and enc.conf are missing there",
		     p.dir);
	check_conf(c, &p);
	check_credentials(c, &p);
}

static void check_listed(struct check *c, bool server, const char *name)
{
	struct stat st;
	struct place p;

	if (!oap_name_ok(name))
		warn(c, "%s/%s/%s is not used: it is not a valid name", c->dir,
		     server ? "server" : "client", name);
	else if (!fill(c, &p, server, name))
		return;
	else if (!stat(p.dir, &st) && !S_ISDIR(st.st_mode))
		warn(c, "%s is not used: the files of a name are in a folder of that name",
		     p.dir);
	else
		check_place(c, server, name);
}

static bool listed(const char *name, struct dirent *const *list, int n)
{
	while (n > 0)
		if (!strcmp(list[--n]->d_name, name))
			return true;
	return false;
}

static void check_side(struct check *c, bool server, const char *const *names)
{
	struct dirent **list = NULL;
	char dir[PATH_MAX];
	int i, n;

	snprintf(dir, sizeof(dir), "%s/%s", c->dir,
		 server ? "server" : "client");
	n = scandir(dir, &list, visible, alphasort);
	if (n < 0 && errno != ENOENT)
		warn(c, "cannot list %s: %s; only the names of the configuration are checked there",
		     dir, strerror(errno));
	for (i = 0; i < n; i++)
		check_listed(c, server, list[i]->d_name);
	for (; *names; names++)
		if (!listed(*names, list, n))
			check_place(c, server, *names);
	free_list(list, n);
}

static bool check_dir(struct check *c)
{
	if (!access(c->dir, X_OK))
		return true;
	if (errno == ENOENT)
		warn(c, "%s does not exist: no name can be proved", c->dir);
	else
		cannot_read(c, c->dir);
	return false;
}

unsigned int oap_check(const struct oap_settings *set,
		       const char *const *names, oap_check_fn report, void *arg)
{
	struct check c = {
		.dir = set->dir, .report = report, .arg = arg,
		.need_lists = set->need_lists,
		.now = set->now ? (time_t)(set->now(set->now_arg) / 1000000000) :
				  time(NULL),
	};

	if (check_dir(&c)) {
		check_store(&c);
		check_side(&c, true, names);
		check_side(&c, false, names);
	}
	return c.errors;
}
