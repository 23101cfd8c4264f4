// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Trusted certificates: the files of cacert/ and untrusted/. */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "int.h"

#define NAMES_MAX	300	/* room for "/untrusted/" and a file's name */

#define BEGIN		"-----BEGIN " PEM_STRING_X509 "-----"
#define BEGIN_OLD	"-----BEGIN " PEM_STRING_X509_OLD "-----"

enum found {
	FOUND_CERT,
	FOUND_TEXT,
	FOUND_END,
};

static bool starts_with(const char *line, const char *begin)
{
	return !strncmp(line, begin, strlen(begin));
}

/*
 * Blank lines and comments may stand anywhere, and the text of "openssl x509
 * -text" before the first certificate. A damaged certificate must not pass for
 * text: its dashes give it away.
 */
static bool may_skip(const char *line, int certs_read)
{
	line += strspn(line, " \t\r\n");
	return !*line || *line == '#' || (!certs_read && !strstr(line, "-----"));
}

/* Find the next certificate; the file is then at its first line. */
static enum found find_cert(FILE *file, int certs_read)
{
	enum found found = FOUND_END;
	char *line = NULL;
	size_t size = 0;
	long at;

	do {
		at = ftell(file);
		if (getline(&line, &size, file) < 0)
			break;
		if (starts_with(line, BEGIN) || starts_with(line, BEGIN_OLD))
			found = FOUND_CERT;
		else if (!may_skip(line, certs_read))
			found = FOUND_TEXT;
	} while (found == FOUND_END);
	free(line);
	if (found == FOUND_CERT && fseek(file, at, SEEK_SET))
		return FOUND_TEXT;
	return found;
}

static enum oap_code add_cert(FILE *file, const char *name,
			      STACK_OF(X509) *certs, int number,
			      struct oap_err *err)
{
	X509 *crt = PEM_read_X509(file, NULL, oap_secret_no_passphrase, NULL);

	ERR_clear_error();
	if (!crt)
		return oap_err_set(err, OAP_BAD_CONFIG,
				   "%.40s: certificate %d is damaged: replace or remove it",
				   name, number);
	if (sk_X509_push(certs, crt) > 0)
		return OAP_OK;
	X509_free(crt);
	return oap_err_set(err, OAP_INTERNAL, "out of memory");
}

static enum oap_code read_certs(FILE *file, const char *name,
				STACK_OF(X509) *certs, struct oap_err *err)
{
	enum oap_code code = OAP_OK;
	enum found found;
	int n = 0;

	while (!code) {
		found = find_cert(file, n);
		if (found != FOUND_CERT)
			break;
		code = add_cert(file, name, certs, ++n, err);
	}
	if (code)
		return code;
	if (ferror(file))
		return oap_err_set(err, OAP_BAD_CONFIG,
				   "cannot read %.40s (%.30s): replace it, or drop .pem from its name",
				   name, strerror(errno));
	if (!n)
		return oap_err_set(err, OAP_BAD_CONFIG,
				   "%.40s is not a PEM certificate: replace it, or drop .pem from its name",
				   name);
	if (found == FOUND_TEXT)
		return oap_err_set(err, OAP_BAD_CONFIG,
				   "%.40s has other text after certificate %d: remove it, or begin its lines with #",
				   name, n);
	return OAP_OK;
}

static enum oap_code read_file(const char *path, const char *name,
			       STACK_OF(X509) *certs, struct oap_err *err)
{
	FILE *file = fopen(path, "re");
	enum oap_code code;

	if (!file)
		return oap_err_set(err, OAP_BAD_CONFIG,
				   "cannot open %.40s (%.30s): check the file and its permissions",
				   name, strerror(errno));
	code = read_certs(file, name, certs, err);
	fclose(file);
	return code;
}

static int is_pem(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && !strcmp(dot, ".pem");
}

/* Read all certificates of the files *.pem in DIR/FOLDER. */
static enum oap_code read_folder(const char *dir, const char *folder,
				 STACK_OF(X509) *certs, struct oap_err *err)
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
			code = read_file(path, path + name, certs, err);
		free(list[i]);
	}
	free(list);
	return code;
}

static enum oap_code load_roots(struct oap_store *store, const char *dir,
				struct oap_err *err)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	enum oap_code code = OAP_OK;
	int i;

	if (!certs)
		return oap_err_set(err, OAP_INTERNAL, "out of memory");
	code = read_folder(dir, "cacert", certs, err);
	for (i = 0; !code && i < sk_X509_num(certs); i++)
		if (X509_STORE_add_cert(store->roots,
					sk_X509_value(certs, i)) != 1)
			code = oap_err_set(err, OAP_INTERNAL, "out of memory");
	sk_X509_pop_free(certs, X509_free);
	return code;
}

/**
 * oap_store_load() - load the trusted certificates
 * @store: the store to fill
 * @dir: directory with cacert/ and untrusted/
 * @err: reason of a failure, names the file
 *
 * Return: OAP_OK, OAP_BAD_CONFIG or OAP_INTERNAL.
 */
enum oap_code oap_store_load(struct oap_store *store, const char *dir,
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
		code = read_folder(dir, "untrusted", store->untrusted, err);
	if (code)
		oap_store_free(store);
	return code;
}

/**
 * oap_store_free() - free the certificates of a store
 * @store: the store, empty afterwards
 */
void oap_store_free(struct oap_store *store)
{
	X509_STORE_free(store->roots);
	sk_X509_pop_free(store->untrusted, X509_free);
	store->roots = NULL;
	store->untrusted = NULL;
}
