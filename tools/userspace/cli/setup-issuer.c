// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The CA of a folder. A copy of each issued certificate is kept, for
 * revocation.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/bn.h>
#include <openssl/x509v3.h>

#include "setup.h"

/* True if there is a CA, or a part of one, in this folder. */
bool setup_issuer_exists(const struct setup_tx *tx)
{
	char key[PATH_MAX], crt[PATH_MAX];

	setup_file_join(key, "%s/ca/ca.key.pem", tx->dir);
	setup_file_join(crt, "%s/ca/ca.pem", tx->dir);
	return setup_file_exists(key) || setup_file_exists(crt);
}

static int check(const struct setup_tx *tx, const struct setup_ca *ca)
{
	time_t now = time(NULL);
	char date[32];

	if (X509_check_private_key(ca->crt, ca->key) != 1)
		return fail("%s/ca: ca.key.pem is not the key of ca.pem: restore both from a copy",
			    tx->dir);
	if (!X509_check_ca(ca->crt) ||
	    !(X509_get_key_usage(ca->crt) & KU_KEY_CERT_SIGN))
		return fail("%s/ca/ca.pem is not the certificate of a CA: replace it",
			    tx->dir);
	if (X509_cmp_time(X509_get0_notAfter(ca->crt), &now) < 0)
		return fail("the CA in %s/ca expired at %s: move %s/ca away, and run 'ipcp-rekey setup ca'",
			    tx->dir, setup_say_date(ca->crt, date), tx->dir);
	return EXIT_OK;
}

/**
 * setup_issuer_open() - load the CA
 * @tx: the folder
 * @ca: the CA; call setup_issuer_close(), also on failure
 *
 * Return: the exit status.
 */
int setup_issuer_open(const struct setup_tx *tx, struct setup_ca *ca)
{
	char path[PATH_MAX];

	memset(ca, 0, sizeof(*ca));
	setup_file_join(path, "%s/ca/ca.pem", tx->dir);
	ca->all = setup_crt_read(path);
	if (!ca->all)
		return EXIT_FAIL;
	ca->crt = sk_X509_value(ca->all, 0);
	setup_file_join(path, "%s/ca/ca.key.pem", tx->dir);
	ca->key = setup_key_read(path);
	return ca->key ? check(tx, ca) : EXIT_FAIL;
}

void setup_issuer_close(struct setup_ca *ca)
{
	setup_crt_free(ca->all);
	EVP_PKEY_free(ca->key);
}

/* Keep a copy: a revocation list needs the certificate or its serial number. */
static int keep_copy(struct setup_tx *tx, X509 *crt)
{
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(crt), NULL);
	char *serial = bn ? BN_bn2hex(bn) : NULL;
	char path[PATH_MAX];
	int status;
	BIO *bio;

	BN_free(bn);
	if (!serial)
		return fail("out of memory");
	setup_file_join(path, "%s/ca/issued", tx->dir);
	status = setup_file_folder(tx, path, false);
	setup_file_join(path, "%s/ca/issued/%s.pem", tx->dir, serial);
	OPENSSL_free(serial);
	if (status)
		return status;
	bio = setup_crt_pem(crt, NULL);
	status = setup_file_put(tx, path, bio, 0644);
	BIO_free(bio);
	return status;
}

/**
 * setup_issuer_sign() - issue a certificate for a host
 * @tx: the changes, to which a copy is added
 * @ca: the CA
 * @name: name of the host
 * @key: its public key
 * @days: days until the certificate ends
 * @crt: the certificate; NULL on failure
 *
 * Return: the exit status.
 */
int setup_issuer_sign(struct setup_tx *tx, const struct setup_ca *ca,
		      const char *name, EVP_PKEY *key, unsigned int days,
		      X509 **crt)
{
	const struct setup_issue issue = {
		.name = name, .key = key, .ca = ca->crt, .ca_key = ca->key,
		.days = days,
	};

	*crt = setup_crt_issue(&issue);
	if (!*crt)
		return EXIT_FAIL;
	if (!keep_copy(tx, *crt))
		return EXIT_OK;
	X509_free(*crt);
	*crt = NULL;
	return EXIT_FAIL;
}

/**
 * setup_issuer_trust() - make the agent of this host trust the CA
 * @tx: the changes
 * @ca: the CA
 *
 * Return: the exit status.
 */
int setup_issuer_trust(struct setup_tx *tx, const struct setup_ca *ca)
{
	int i, status = EXIT_OK;
	bool made;
	X509 *crt;

	for (i = 0; !status && i < sk_X509_num(ca->all); i++) {
		crt = sk_X509_value(ca->all, i);
		status = setup_crt_put_ca(tx, crt, &made);
	}
	return status;
}
