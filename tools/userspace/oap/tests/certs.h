/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Certificates for the tests, generated at run time. */
#ifndef OAP_TEST_CERTS_H
#define OAP_TEST_CERTS_H

#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

struct test_crt {
	X509 *crt;
	EVP_PKEY *key;
};

/*
 * @type: an OpenSSL key type; "RSA" gives 2048 bits, "RSA-1024" 1024, "EC"
 * prime256v1, "EC-384" and "EC-521" the larger ones.
 */
struct test_crt test_crt_make(const char *type, const char *cn,
			      const char *san, const struct test_crt *issuer,
			      int ca, long from, long to);
/*
 * Deterministic: an Ed25519 key derived from @number, valid from 2025 to 2125.
 */
struct test_crt test_crt_fixed(uint8_t number, const char *cn,
			       const struct test_crt *issuer, int ca);
/* Add an extension; the caller must sign again. */
void test_crt_add(X509 *crt, int nid, const char *value);
/* Add an extended key usage, and sign again. */
void test_crt_eku(struct test_crt *crt, const struct test_crt *issuer,
		  const char *eku);
/* Add the key identifiers, and sign again. */
void test_crt_ids(struct test_crt *crt, const struct test_crt *issuer);
/* Renew a root with the same key. */
struct test_crt test_crt_renew(const struct test_crt *crt);
void test_crt_free(struct test_crt *crt);
void test_crt_write(const char *dir, const struct test_crt *crt);
void test_crt_write_as(const char *path, const struct test_crt *crt);
/* Append a list to a file; @revoked may be NULL. */
void test_crl_add(const char *path, const struct test_crt *issuer,
		  const struct test_crt *revoked, long from, long to);

/* Extensions of a list: 0 or NULL for none. */
struct test_crl_ext {
	long number;
	long base;		/* a delta list */
	const char *idp;	/* issuing distribution point */
	X509 *by;		/* CA certificate named by serial number */
	int unknown;		/* 1 for an unknown critical extension */
	int unknown_entry;	/* 1 for one in the entry */
};

void test_crl_add_ext(const char *path, const struct test_crt *issuer,
		      const struct test_crt *revoked, long from, long to,
		      const struct test_crl_ext *ext);
void test_file(const char *dir, const char *name, const char *text);

#endif
