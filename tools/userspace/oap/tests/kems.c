// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The KEMs, and the files of a static key. */

#include <stdio.h>
#include <sys/stat.h>

#include <openssl/pem.h>

#include "kems.h"

static const char * const kem_names[] = {
	"ML-KEM-512", "ML-KEM-768", "ML-KEM-1024", "X25519MLKEM768",
	"X448MLKEM1024",
};

static FILE *create(const char *file, mode_t mode)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	chmod(file, mode);
	return f;
}

static void write_pem(EVP_PKEY *key)
{
	FILE *f = create(path("srv/server/%s/kex.key.pem", NAME), 0600);

	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL,
					      NULL), 1);
	fclose(f);
	f = create(path("cli/client/%s/kex.srv.pub.pem", NAME), 0644);
	assert_int_equal(PEM_write_PUBKEY(f, key), 1);
	fclose(f);
}

static void write_raw(EVP_PKEY *key)
{
	uint8_t raw[4096];
	size_t len = sizeof(raw);
	FILE *f;

	assert_int_equal(EVP_PKEY_get_raw_private_key(key, raw, &len), 1);
	f = create(path("srv/server/%s/kex.key.raw", NAME), 0600);
	assert_int_equal(fwrite(raw, 1, len, f), len);
	fclose(f);
	len = sizeof(raw);
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, raw, &len), 1);
	f = create(path("cli/client/%s/kex.srv.pub.raw", NAME), 0644);
	assert_int_equal(fwrite(raw, 1, len, f), len);
	fclose(f);
}

void kem_key_files(const char *kex)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, kex);

	assert_non_null(key);
	if (oap_nid_kex_by_name(kex)->kind == OAP_KEX_HYBRID)
		write_raw(key);
	else
		write_pem(key);
	EVP_PKEY_free(key);
}

char *kem_conf(const char *kex, const char *mode)
{
	static char conf[128];

	snprintf(conf, sizeof(conf), "kex = %s\nkem_mode = %s\n", kex, mode);
	return conf;
}

void kem_client_mode(const char *kex)
{
	need_pq(kex);
	cli_conf(kem_conf(kex, "client"));
	srv_conf(kem_conf(kex, "client"));
	kem_key_files(kex);
}

void kem_add(struct suite *suite, CMUnitTestFunction f, const char *what)
{
	suite_add_each(suite, kem_names, COUNT(kem_names), f, what);
}
