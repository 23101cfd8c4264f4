// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * ipcp-rekey setup install: install the answer to a request of this host,
 * together with the certificates of the CAs.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "../oap/int.h"
#include "setup.h"

#define LEVEL	2	/* security level, as agents require */

struct answer {
	const char *file;
	STACK_OF(X509) *all;
	X509 *crt;			/* of this host, one of @all */
	char name[OAP_NAME_MAX + 1];	/* of this host */
	bool renewed;
};

/* True if a key of this host, even if unusable, is the key of @crt. */
static bool is_of(const struct setup_tx *tx, const char *name, X509 *crt)
{
	EVP_PKEY *key = NULL;
	char path[PATH_MAX];
	struct oap_err err;
	bool same;

	setup_file_join(path, "%s/server/%s/key.pem", tx->security, name);
	same = !oap_secret_pem(path, OAP_NO_CREDENTIALS, &key, &err) &&
	       X509_check_private_key(crt, key) == 1;
	EVP_PKEY_free(key);
	ERR_clear_error();
	return same;
}

/*
 * Find the name whose key belongs to a certificate. If several names have this
 * key, the name in the certificate decides.
 */
static bool find_name(const struct setup_tx *tx, X509 *crt,
		      char name[OAP_NAME_MAX + 1])
{
	char path[PATH_MAX], found[OAP_NAME_MAX + 1];
	struct dirent **list = NULL;
	bool meant = false;
	struct oap_err err;
	int i, n;

	name[0] = '\0';
	setup_file_join(path, "%s/server", tx->security);
	n = scandir(path, &list, NULL, alphasort);
	for (i = 0; i < n; i++) {
		if (!meant && oap_name_ok(list[i]->d_name) &&
		    is_of(tx, list[i]->d_name, crt)) {
			strcpy(name, list[i]->d_name);
			meant = !oap_crt_name(crt, name, found, &err);
		}
		free(list[i]);
	}
	free(list);
	return name[0];
}

/* Find the certificate of this host in the file. */
static int find_ours(const struct setup_tx *tx, struct answer *a)
{
	char other[OAP_NAME_MAX + 1], first[OAP_NAME_MAX + 1] = "?";
	struct oap_err err;
	X509 *crt;
	int i;

	for (i = 0; i < sk_X509_num(a->all); i++) {
		crt = sk_X509_value(a->all, i);
		if (X509_check_ca(crt))
			continue;
		if (!a->crt && find_name(tx, crt, a->name)) {
			a->crt = crt;
			continue;
		}
		if (oap_crt_name(crt, NULL, other, &err))
			strcpy(other, "?");
		if (a->crt)
			return fail("%s has certificates of two hosts, the second of '%s': put each into a file of its own, and install them one by one",
				    a->file, other);
		strcpy(first, other);
	}
	if (a->crt)
		return EXIT_OK;
	return fail("no key in %s/server belongs to the certificate of '%s' in %s: install it on the host whose 'ipcp-rekey setup host' made the request, or make a new request here",
		    tx->security, first, a->file);
}

/* Refuse what a peer would refuse, with a message that the operator sees. */
static int check_ours(const struct answer *a)
{
	struct oap_creds creds = { .crt = a->crt };
	struct oap_err err;

	if (oap_auth_useful(&creds, a->name, time(NULL), &err))
		return fail("%s cannot be used for '%s': %s; have its CA issue another one",
			    a->file, a->name, err.text);
	if (oap_auth_lacks(a->crt, OAP_INITIATOR))
		note("the certificate is not for clientAuth: this host cannot use it to ask for flows");
	return EXIT_OK;
}

static int check_cas(const struct answer *a)
{
	X509 *crt;
	int i;

	for (i = 0; i < sk_X509_num(a->all); i++) {
		crt = sk_X509_value(a->all, i);
		if (crt == a->crt)
			continue;
		if (X509_check_ca(crt) == 1 &&
		    X509_get_key_usage(crt) & KU_KEY_CERT_SIGN &&
		    (!setup_crt_is_root(crt) ||
		     X509_verify(crt, X509_get0_pubkey(crt)) == 1))
			continue;
		ERR_clear_error();
		return fail("certificate %d of %s is not a valid certificate of a CA: remove it from the file, or get another one",
			    i + 1, a->file);
	}
	return EXIT_OK;
}

static bool add_to(struct oap_store *store, const struct answer *a)
{
	X509 *crt;
	int i;

	for (i = 0; i < sk_X509_num(a->all); i++) {
		crt = sk_X509_value(a->all, i);
		if (crt == a->crt)
			continue;
		if (setup_crt_is_root(crt)) {
			if (X509_STORE_add_cert(store->roots, crt) != 1)
				return false;
		} else if (!X509_up_ref(crt) ||
			   !sk_X509_push(store->untrusted, crt)) {
			return false;
		}
	}
	return true;
}

static int verify(const struct oap_store *store, const struct answer *a)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int why = X509_V_ERR_OUT_OF_MEM;

	if (ctx && X509_STORE_CTX_init(ctx, store->roots, a->crt,
				       store->untrusted) == 1) {
		X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(ctx),
						 LEVEL);
		X509_verify_cert(ctx);
		why = X509_STORE_CTX_get_error(ctx);
	}
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	if (why == X509_V_OK)
		return EXIT_OK;
	return fail("%s: the certificate of '%s' does not lead to a trusted root: %s; append the certificates of its CAs to the file: cat CA.pem >>FILE",
		    a->file, a->name, X509_verify_cert_error_string(why));
}

/* Check the chain, including certificates that are trusted here already. */
static int check_chain(const struct setup_tx *tx, const struct answer *a)
{
	struct oap_store store = { 0 };
	struct oap_err err;
	int status;

	if (oap_store_certs(&store, tx->security, &err))
		return fail("%s/%s", tx->security, err.text);
	status = add_to(&store, a) ? verify(&store, a) : fail("out of memory");
	oap_store_free(&store);
	return status;
}

static int put_ours(struct setup_tx *tx, struct answer *a)
{
	char path[PATH_MAX];
	int status;
	BIO *bio;

	setup_file_join(path, "%s/server/%s/crt.pem", tx->security, a->name);
	a->renewed = setup_file_exists(path);
	bio = setup_crt_pem(a->crt, NULL);
	status = setup_file_put_security(tx, path, bio, 0644);
	BIO_free(bio);
	return status;
}

/* Add the CAs. The roots that are newly trusted are reported after success. */
static int put_cas(struct setup_tx *tx, struct answer *a, BIO *news)
{
	char print[SETUP_PRINT_LEN], *subject;
	int i, status = EXIT_OK;
	bool made;
	X509 *crt;

	for (i = 0; !status && i < sk_X509_num(a->all); i++) {
		crt = sk_X509_value(a->all, i);
		if (crt == a->crt)
			continue;
		status = setup_crt_put_ca(tx, crt, &made);
		if (status || !made || !setup_crt_is_root(crt))
			continue;
		subject = setup_say_subject(crt);
		BIO_printf(news, "trusted from now on: the CA '%s', SHA-256 %s\n",
			   subject, setup_say_print(crt, print));
		OPENSSL_free(subject);
	}
	return status;
}

static int put_all(struct setup_tx *tx, struct answer *a, BIO *news)
{
	int status;

	status = setup_file_security(tx);
	if (!status)
		status = find_ours(tx, a);
	if (!status)
		status = check_ours(a);
	if (!status)
		status = check_cas(a);
	if (!status)
		status = check_chain(tx, a);
	if (!status)
		status = put_cas(tx, a, news);
	return status ? status : put_ours(tx, a);
}

static void say(const struct setup_tx *tx, const struct answer *a, BIO *news)
{
	char date[32], *text;
	long len = BIO_get_mem_data(news, &text);

	printf("%s the certificate of '%s', until %s\n",
	       a->renewed ? "renewed" : "installed", a->name,
	       setup_say_date(a->crt, date));
	if (len > 0)
		fwrite(text, 1, len, stdout);
	if (a->renewed) {
		puts("The agent uses it at once: nothing else is to be done.");
		return;
	}
	puts("Next, name the hosts that this one asks for flows:");
	setup_say_command(tx, "peer", "OTHER", "ADDRESS", NULL);
	puts("and check and start the agent:");
	setup_say_agent(tx);
}

int setup_install(int argc, char **argv)
{
	const char *dir = SETUP_DIR;
	const struct opt opts[] = { SETUP_OPT_DIR(dir), { 0 } };
	const struct use use = {
		"setup install", "FILE",
		"Installs FILE, the answer to a request of this host: its certificate, and\n"
		"those of the CAs, which this host trusts from now on. Also for a renewal.\n",
		opts, 1, 1
	};
	struct answer a = { 0 };
	struct setup_tx tx;
	BIO *news;
	int status;

	a.file = *use_parse(&use, argc, argv);
	a.all = setup_crt_read(a.file);	/* maybe a pipe: signals are not held yet */
	news = a.all ? BIO_new(BIO_s_mem()) : NULL;
	if (!news || setup_file_begin(&tx, dir)) {
		BIO_free(news);
		setup_crt_free(a.all);
		return EXIT_FAIL;
	}
	status = setup_file_end(&tx, put_all(&tx, &a, news));
	if (!status)
		say(&tx, &a, news);
	BIO_free(news);
	setup_crt_free(a.all);
	return status;
}
