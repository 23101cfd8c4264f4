// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Trusted certificates and revocation lists: cacert/, untrusted/ and crls/. */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "int.h"

#define NAMES_MAX	300	/* room for "/untrusted/" and a file name */

#define BEGIN(what)	"-----BEGIN " what "-----"

/**
 * struct kind - type of the objects in the files of a folder
 * @word: name for messages
 * @begin: first line of an object
 * @begin_old: first line as written by old programs
 * @read: read an object and add it to a stack; NULL if it cannot be read
 */
struct kind {
	const char *word;
	const char *begin;
	const char *begin_old;
	bool (*read)(FILE *file, void *stack, bool *room);
};

enum found {
	FOUND_ONE,
	FOUND_TEXT,
	FOUND_END,
};

static bool read_cert(FILE *file, void *stack, bool *room)
{
	X509 *crt = PEM_read_X509(file, NULL, oap_secret_no_passphrase, NULL);

	*room = !crt || sk_X509_push(stack, crt) > 0;
	if (!*room)
		X509_free(crt);
	return crt;
}

static bool read_list(FILE *file, void *stack, bool *room)
{
	X509_CRL *crl = PEM_read_X509_CRL(file, NULL, oap_secret_no_passphrase,
					  NULL);

	*room = !crl || sk_X509_CRL_push(stack, crl) > 0;
	if (!*room)
		X509_CRL_free(crl);
	return crl;
}

static const struct kind certificates = {
	"certificate", BEGIN(PEM_STRING_X509), BEGIN(PEM_STRING_X509_OLD),
	read_cert,
};

static const struct kind revocations = {
	"revocation list", BEGIN(PEM_STRING_X509_CRL),
	BEGIN(PEM_STRING_X509_CRL), read_list,
};

static bool starts_with(const char *line, const char *begin)
{
	return !strncmp(line, begin, strlen(begin));
}

/*
 * True if a line may be skipped: blank lines and comments anywhere, and the
 * text of "openssl x509 -text" before the first certificate. The dashes of a
 * damaged certificate keep it from passing as text.
 */
static bool may_skip(const char *line, int number)
{
	line += strspn(line, " \t\r\n");
	return !*line || *line == '#' || (!number && !strstr(line, "-----"));
}

/* Find the next object, and leave the file at its first line. */
static enum found find_next(const struct kind *kind, FILE *file, int number)
{
	enum found found = FOUND_END;
	char *line = NULL;
	size_t size = 0;
	long at;

	do {
		at = ftell(file);
		if (getline(&line, &size, file) < 0)
			break;
		if (starts_with(line, kind->begin) ||
		    starts_with(line, kind->begin_old))
			found = FOUND_ONE;
		else if (!may_skip(line, number))
			found = FOUND_TEXT;
	} while (found == FOUND_END);
	free(line);
	if (found == FOUND_ONE && fseek(file, at, SEEK_SET))
		return FOUND_TEXT;
	return found;
}

static enum oap_code add_one(const struct kind *kind, FILE *file,
			     const char *name, void *stack, int number,
			     struct oap_err *err)
{
	bool room, good = kind->read(file, stack, &room);

	ERR_clear_error();
	if (!good)
		return oap_err_set(err, OAP_BAD_CONFIG,
				   "%.40s: %s %d is damaged: replace or remove it",
				   name, kind->word, number);
	if (room)
		return OAP_OK;
	return oap_err_set(err, OAP_INTERNAL, "out of memory");
}

static enum oap_code read_all(const struct kind *kind, FILE *file,
			      const char *name, void *stack,
			      struct oap_err *err)
{
	enum oap_code code = OAP_OK;
	enum found found;
	int n = 0;

	while (!code) {
		found = find_next(kind, file, n);
		if (found != FOUND_ONE)
			break;
		code = add_one(kind, file, name, stack, ++n, err);
	}
	if (code)
		return code;
	if (ferror(file))
		return oap_err_set(err, OAP_BAD_CONFIG,
				   "cannot read %.40s (%.30s): replace it, or drop .pem from its name",
				   name, strerror(errno));
	if (!n)
		return oap_err_set(err, OAP_BAD_CONFIG,
				   "%.40s is not a PEM %s: replace it, or drop .pem from its name",
				   name, kind->word);
	if (found == FOUND_TEXT)
		return oap_err_set(err, OAP_BAD_CONFIG,
				   "%.40s has other text after %s %d: remove it, or begin its lines with #",
				   name, kind->word, n);
	return OAP_OK;
}

static enum oap_code read_file(const struct kind *kind, const char *path,
			       const char *name, void *stack,
			       struct oap_err *err)
{
	FILE *file = fopen(path, "re");
	enum oap_code code;

	if (!file)
		return oap_err_set(err, OAP_BAD_CONFIG,
				   "cannot open %.40s (%.30s): check the file and its permissions",
				   name, strerror(errno));
	code = read_all(kind, file, name, stack, err);
	fclose(file);
	return code;
}

static int is_pem(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && !strcmp(dot, ".pem");
}

/* Call @each for the *.pem files in DIR/FOLDER, up to the first failure. */
static enum oap_code each_file(const char *dir, const char *folder,
			       enum oap_code (*each)(void *arg,
						     const char *path,
						     const char *name,
						     struct oap_err *err),
			       void *arg, struct oap_err *err)
{
	enum oap_code code = OAP_OK;
	struct dirent **list;
	char path[1024];
	int i, n, name;

	name = snprintf(path, sizeof(path), "%s/", dir);
	if (name > (int)sizeof(path) - NAMES_MAX)
		return oap_err_set(err, OAP_BAD_CONFIG,
				   "the path of the folder is too long: %.40s...",
				   dir);
	snprintf(path + name, sizeof(path) - name, "%s", folder);
	n = scandir(path, &list, is_pem, alphasort);
	if (n < 0)
		return errno == ENOENT ? OAP_OK :
			oap_err_set(err, OAP_BAD_CONFIG,
				    "cannot read the folder %.60s (%.30s): check its permissions",
				    path, strerror(errno));
	for (i = 0; i < n; i++) {
		snprintf(path + name, sizeof(path) - name, "%s/%s", folder,
			 list[i]->d_name);
		if (!code)
			code = each(arg, path, path + name, err);
		free(list[i]);
	}
	free(list);
	return code;
}

/* Trusted certificates */

static enum oap_code cert_file(void *arg, const char *path, const char *name,
			       struct oap_err *err)
{
	return read_file(&certificates, path, name, arg, err);
}

static enum oap_code load_roots(struct oap_store *store, const char *dir,
				struct oap_err *err)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	enum oap_code code = OAP_OK;
	int i;

	if (!certs)
		return oap_err_set(err, OAP_INTERNAL, "out of memory");
	code = each_file(dir, "cacert", cert_file, certs, err);
	for (i = 0; !code && i < sk_X509_num(certs); i++)
		if (X509_STORE_add_cert(store->roots,
					sk_X509_value(certs, i)) != 1)
			code = oap_err_set(err, OAP_INTERNAL, "out of memory");
	sk_X509_pop_free(certs, X509_free);
	return code;
}

/**
 * oap_store_certs() - load the trusted certificates, without revocation lists
 * @store: the store to fill
 * @dir: directory with cacert/ and untrusted/
 * @err: reason of a failure, names the file
 *
 * Return: OAP_OK, OAP_BAD_CONFIG or OAP_INTERNAL.
 */
enum oap_code oap_store_certs(struct oap_store *store, const char *dir,
			      struct oap_err *err)
{
	enum oap_code code;

	store->roots = X509_STORE_new();
	store->untrusted = sk_X509_new_null();
	if (store->roots && store->untrusted)
		code = load_roots(store, dir, err);
	else
		code = oap_err_set(err, OAP_INTERNAL, "out of memory");
	if (!code)
		code = each_file(dir, "untrusted", cert_file, store->untrusted,
				 err);
	if (code)
		oap_store_free(store);
	else
		oap_crl_lookup(store);
	return code;
}

/* Revocation lists */

struct reading {
	struct oap_store *store;
	time_t now;
	oap_fail_fn fail;
	void *arg;
	bool good;
};

static void failed(struct reading *r, const struct oap_err *err)
{
	r->good = false;
	r->fail(r->arg, err);
}

static void use_list(struct reading *r, X509_CRL *crl, const char *name,
		     int number)
{
	const char *unfit = oap_crl_unfit(crl);
	enum oap_issuer issuer = OAP_ISSUER_UNKNOWN;
	enum oap_code code = OAP_OK;
	char ca[OAP_CA_LEN];
	struct oap_err err;

	if (unfit)
		code = oap_err_set(&err, OAP_BAD_CONFIG,
				   "%.40s: revocation list %d %s",
				   name, number, unfit);
	else if (!oap_lists_add(r->store, crl, r->now, &issuer))
		code = oap_err_set(&err, OAP_INTERNAL, "out of memory");
	else if (issuer == OAP_ISSUER_ANOTHER)
		code = oap_err_set(&err, OAP_BAD_CONFIG,
				   "%.40s: revocation list %d is not signed by its issuer '%.30s': replace or remove it",
				   name, number,
				   oap_crl_name(X509_CRL_get_issuer(crl), ca,
						sizeof(ca)));
	if (code)
		failed(r, &err);
}

static enum oap_code list_file(void *arg, const char *path, const char *name,
			       struct oap_err *err)
{
	STACK_OF(X509_CRL) *lists = sk_X509_CRL_new_null();
	struct reading *r = arg;
	enum oap_code code;
	int i;

	if (lists)
		code = read_file(&revocations, path, name, lists, err);
	else
		code = oap_err_set(err, OAP_INTERNAL, "out of memory");
	if (code)
		failed(r, err);
	for (i = 0; !code && i < sk_X509_CRL_num(lists); i++)
		use_list(r, sk_X509_CRL_value(lists, i), name, i + 1);
	sk_X509_CRL_pop_free(lists, X509_CRL_free);
	return OAP_OK;
}

/**
 * oap_store_lists() - load the revocation lists
 * @store: the store, with its certificates
 * @dir: directory with crls/
 * @now: seconds since 1970
 * @fail: called for each file or list that cannot be used
 * @arg: argument of @fail
 *
 * Return: true if all files and lists are usable.
 */
bool oap_store_lists(struct oap_store *store, const char *dir, time_t now,
		     oap_fail_fn fail, void *arg)
{
	struct reading r = { store, now, fail, arg, true };
	struct oap_err err;

	if (each_file(dir, "crls", list_file, &r, &err))
		failed(&r, &err);
	return r.good;
}

static void first_failure(void *arg, const struct oap_err *err)
{
	struct oap_err *first = arg;

	if (!first->code)
		*first = *err;
}

/**
 * oap_store_load() - load the trusted certificates and the revocation lists
 * @store: the store to fill
 * @dir: directory with cacert/, untrusted/ and crls/
 * @now: seconds since 1970
 * @err: reason of a failure, names the file
 *
 * Return: OAP_OK, OAP_BAD_CONFIG or OAP_INTERNAL.
 */
enum oap_code oap_store_load(struct oap_store *store, const char *dir,
			     time_t now, struct oap_err *err)
{
	enum oap_code code = oap_store_certs(store, dir, err);

	if (code)
		return code;
	err->code = OAP_OK;
	if (oap_store_lists(store, dir, now, first_failure, err))
		return OAP_OK;
	oap_store_free(store);
	return err->code;
}

/**
 * oap_store_empty() - check whether a store has neither certificates nor lists
 * @store: the store
 *
 * Return: true if the store has neither.
 */
bool oap_store_empty(const struct oap_store *store)
{
	STACK_OF(X509) *roots = X509_STORE_get1_all_certs(store->roots);
	int n = sk_X509_num(roots) + sk_X509_num(store->untrusted);

	sk_X509_pop_free(roots, X509_free);
	return n <= 0 && !store->lists;
}

/**
 * oap_store_free() - free the certificates and lists of a store
 * @store: the store, empty afterwards
 */
void oap_store_free(struct oap_store *store)
{
	X509_STORE_free(store->roots);
	sk_X509_pop_free(store->untrusted, X509_free);
	oap_lists_free(&store->lists);
	memset(store, 0, sizeof(*store));
}
