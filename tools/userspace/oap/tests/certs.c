// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Certificates for the tests, generated at run time. */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "certs.h"

static const struct {
	const char *type;
	size_t bits;		/* of RSA */
	const char *curve;	/* of EC */
} kinds[] = {
	{ "RSA", 2048, NULL },
	{ "RSA-1024", 1024, NULL },
	{ "EC", 0, "prime256v1" },
	{ "EC-384", 0, "secp384r1" },
	{ "EC-521", 0, "secp521r1" },
};

static EVP_PKEY *make_key(const char *type)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(type, kinds[i].type))
			continue;
		if (kinds[i].bits)
			return EVP_PKEY_Q_keygen(NULL, NULL, "RSA",
						 kinds[i].bits);
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", kinds[i].curve);
	}
	return EVP_PKEY_Q_keygen(NULL, NULL, type);
}

void test_crt_add(X509 *crt, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(ext);
	assert_int_equal(X509_add_ext(crt, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

static struct test_crt begin(EVP_PKEY *key, const char *cn, const char *san,
			     const struct test_crt *issuer, int ca)
{
	struct test_crt c = { X509_new(), key };

	assert_non_null(c.key);
	X509_set_version(c.crt, 2);
	if (cn)
		X509_NAME_add_entry_by_txt(X509_get_subject_name(c.crt), "CN",
					   MBSTRING_UTF8, (const uint8_t *)cn,
					   -1, -1, 0);
	X509_set_issuer_name(c.crt, X509_get_subject_name(issuer ? issuer->crt :
								   c.crt));
	X509_set_pubkey(c.crt, c.key);
	test_crt_add(c.crt, NID_basic_constraints,
		     ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (san)
		test_crt_add(c.crt, NID_subject_alt_name, san);
	return c;
}

static void sign(struct test_crt *c, const struct test_crt *issuer)
{
	EVP_PKEY *key = issuer ? issuer->key : c->key;
	const EVP_MD *md = EVP_sha256();
	char md_name[32] = "";

	if (EVP_PKEY_get_default_digest_name(key, md_name,
					     sizeof(md_name)) == 2)
		md = NULL;
	assert_true(X509_sign(c->crt, key, md) > 0);
}

struct test_crt test_crt_make(const char *type, const char *cn,
			      const char *san, const struct test_crt *issuer,
			      int ca, long from, long to)
{
	static long serial = 1;
	struct test_crt c = begin(make_key(type), cn, san, issuer, ca);

	ASN1_INTEGER_set(X509_get_serialNumber(c.crt), serial++);
	X509_gmtime_adj(X509_getm_notBefore(c.crt), from);
	X509_gmtime_adj(X509_getm_notAfter(c.crt), to);
	sign(&c, issuer);
	return c;
}

struct test_crt test_crt_fixed(uint8_t number, const char *cn,
			       const struct test_crt *issuer, int ca)
{
	uint8_t raw[32];
	struct test_crt c;

	memset(raw, number, sizeof(raw));
	c = begin(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw,
					       sizeof(raw)),
		  cn, NULL, issuer, ca);
	ASN1_INTEGER_set(X509_get_serialNumber(c.crt), number);
	ASN1_TIME_set_string_X509(X509_getm_notBefore(c.crt), "20250101000000Z");
	ASN1_TIME_set_string_X509(X509_getm_notAfter(c.crt), "21250101000000Z");
	sign(&c, issuer);
	return c;
}

void test_crt_eku(struct test_crt *c, const struct test_crt *issuer,
		  const char *eku)
{
	test_crt_add(c->crt, NID_ext_key_usage, eku);
	sign(c, issuer);
}

static void add_id(X509 *crt, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, crt, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(crt, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

void test_crt_ids(struct test_crt *c, const struct test_crt *issuer)
{
	add_id(c->crt, c->crt, NID_subject_key_identifier, "hash");
	if (issuer)
		add_id(c->crt, issuer->crt, NID_authority_key_identifier,
		       "keyid:always");
	sign(c, issuer);
}

struct test_crt test_crt_renew(const struct test_crt *c)
{
	struct test_crt again = { X509_dup(c->crt), c->key };

	assert_int_equal(EVP_PKEY_up_ref(c->key), 1);
	ASN1_INTEGER_set(X509_get_serialNumber(again.crt), 1000000);
	sign(&again, NULL);
	return again;
}

void test_crt_free(struct test_crt *c)
{
	X509_free(c->crt);
	EVP_PKEY_free(c->key);
	memset(c, 0, sizeof(*c));
}

void test_crt_write_as(const char *path, const struct test_crt *c)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, c->crt), 1);
	fclose(file);
}

void test_crt_write(const char *dir, const struct test_crt *c)
{
	char path[512];
	FILE *file;

	mkdir(dir, 0700);
	snprintf(path, sizeof(path), "%s/crt.pem", dir);
	test_crt_write_as(path, c);
	snprintf(path, sizeof(path), "%s/key.pem", dir);
	file = fopen(path, "w");
	assert_non_null(file);
	chmod(path, 0600);
	assert_int_equal(PEM_write_PrivateKey(file, c->key, NULL, NULL, 0,
					      NULL, NULL), 1);
	fclose(file);
}

static void revoke(X509_CRL *crl, const struct test_crt *crt, ASN1_TIME *when)
{
	X509_REVOKED *rev = X509_REVOKED_new();

	assert_non_null(rev);
	X509_REVOKED_set_serialNumber(rev, X509_get_serialNumber(crt->crt));
	X509_REVOKED_set_revocationDate(rev, when);
	assert_int_equal(X509_CRL_add0_revoked(crl, rev), 1);
}

static void add_number(X509_CRL *crl, int nid, long number, int critical)
{
	ASN1_INTEGER *i = ASN1_INTEGER_new();

	assert_int_equal(ASN1_INTEGER_set(i, number), 1);
	assert_int_equal(X509_CRL_add1_ext_i2d(crl, nid, i, critical, 0), 1);
	ASN1_INTEGER_free(i);
}

/* An extension that OpenSSL can name, but no program supports. */
static X509_EXTENSION *unknown(void)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL,
						  NID_netscape_comment,
						  "critical,?");

	assert_non_null(ext);
	return ext;
}

static void add_unknown(X509_CRL *crl, const struct test_crl_ext *more)
{
	X509_EXTENSION *ext = unknown();
	X509_REVOKED *entry;

	if (more->unknown)
		assert_int_equal(X509_CRL_add_ext(crl, ext, -1), 1);
	if (more->unknown_entry) {
		entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 0);
		assert_int_equal(X509_REVOKED_add_ext(entry, ext, -1), 1);
	}
	X509_EXTENSION_free(ext);
}

static void add_issuer(X509_CRL *crl, X509 *by)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, by, NULL, NULL, crl, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier,
				  "issuer:always");
	assert_non_null(ext);
	assert_int_equal(X509_CRL_add_ext(crl, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

static void extend(X509_CRL *crl, const struct test_crl_ext *more)
{
	X509_EXTENSION *ext;

	add_unknown(crl, more);
	if (more->by)
		add_issuer(crl, more->by);

	if (more->number)
		add_number(crl, NID_crl_number, more->number, 0);
	if (more->base)
		add_number(crl, NID_delta_crl, more->base, 1);
	if (!more->idp)
		return;
	ext = X509V3_EXT_conf_nid(NULL, NULL, NID_issuing_distribution_point,
				  more->idp);
	assert_non_null(ext);
	assert_int_equal(X509_CRL_add_ext(crl, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

void test_crl_add(const char *path, const struct test_crt *issuer,
		  const struct test_crt *revoked, long from, long to)
{
	const struct test_crl_ext none = { 0 };

	test_crl_add_ext(path, issuer, revoked, from, to, &none);
}

void test_crl_add_ext(const char *path, const struct test_crt *issuer,
		      const struct test_crt *revoked, long from, long to,
		      const struct test_crl_ext *ext)
{
	ASN1_TIME *last = X509_gmtime_adj(NULL, from);
	ASN1_TIME *next = X509_gmtime_adj(NULL, to);
	X509_CRL *crl = X509_CRL_new();
	FILE *file = fopen(path, "a");

	assert_non_null(crl);
	assert_non_null(file);
	X509_CRL_set_version(crl, 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->crt));
	X509_CRL_set1_lastUpdate(crl, last);
	X509_CRL_set1_nextUpdate(crl, next);
	if (revoked)
		revoke(crl, revoked, last);
	extend(crl, ext);
	assert_true(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509_CRL(file, crl), 1);
	fclose(file);
	X509_CRL_free(crl);
	ASN1_TIME_free(last);
	ASN1_TIME_free(next);
}

void test_file(const char *dir, const char *name, const char *text)
{
	char path[512];
	FILE *file;

	mkdir(dir, 0700);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}
