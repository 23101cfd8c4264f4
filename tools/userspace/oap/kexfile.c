// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Static key of a KEM to which the client encapsulates (kem_mode = client). The
 * server has kex.key.pem or kex.key.raw; its clients have kex.srv.pub.pem or
 * kex.srv.pub.raw. Hybrid keys are raw, since OpenSSL has no PEM form for them.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>

#include "int.h"

#define PUBLIC_MAX	8192

static void path_of(const struct oap_kex *kex, const char *dir,
		    const char *name, char *path, size_t len)
{
	snprintf(path, len, "%.1000s/%s.%s", dir, name,
		 kex->kind == OAP_KEX_HYBRID ? "raw" : "pem");
}

static enum oap_code check_kind(const struct oap_kex *kex, const char *path,
				EVP_PKEY **key, struct oap_err *err)
{
	if (*key && oap_kex_of(*key) == kex)
		return OAP_OK;
	EVP_PKEY_free(*key);
	*key = NULL;
	return oap_err_set(err, OAP_BAD_CONFIG, "%.120s is not a key for %s: %s",
			   path, kex->name, oap_err_why());
}

/**
 * oap_kexfile_private() - load the private key of the server
 * @kex: the KEM named in its enc.conf
 * @dir: server/NAME
 * @key: the key; free it with EVP_PKEY_free()
 * @err: reason of a failure
 *
 * Return: OAP_OK, or the code of the failure.
 */
enum oap_code oap_kexfile_private(const struct oap_kex *kex, const char *dir,
				  EVP_PKEY **key, struct oap_err *err)
{
	struct oap_secret secret;
	enum oap_code code;
	char path[1100];

	*key = NULL;
	path_of(kex, dir, "kex.key", path, sizeof(path));
	if (kex->kind != OAP_KEX_HYBRID) {
		code = oap_secret_pem(path, OAP_BAD_CONFIG, key, err);
	} else {
		code = oap_secret_read(&secret, path, OAP_BAD_CONFIG, err);
		if (!code)
			*key = EVP_PKEY_new_raw_private_key_ex(NULL, kex->name,
					NULL, secret.p, secret.len);
		oap_secret_free(&secret);
	}
	return code ? code : check_kind(kex, path, key, err);
}

/**
 * oap_kexfile_public() - load the public key of the server on a client
 * @kex: the KEM named in the enc.conf of the client
 * @dir: client/NAME
 * @key: the key; free it with EVP_PKEY_free()
 * @err: reason of a failure
 *
 * Return: OAP_OK, or the code of the failure.
 */
enum oap_code oap_kexfile_public(const struct oap_kex *kex, const char *dir,
				 EVP_PKEY **key, struct oap_err *err)
{
	uint8_t raw[PUBLIC_MAX];
	char path[1100];
	FILE *file;

	*key = NULL;
	path_of(kex, dir, "kex.srv.pub", path, sizeof(path));
	file = fopen(path, "re");
	if (!file)
		return oap_err_set(err, OAP_BAD_CONFIG, "cannot read %.120s: %s",
				   path, strerror(errno));
	if (kex->kind != OAP_KEX_HYBRID)
		*key = PEM_read_PUBKEY(file, NULL, oap_secret_no_passphrase, NULL);
	else
		*key = EVP_PKEY_new_raw_public_key_ex(NULL, kex->name, NULL,
				raw, fread(raw, 1, sizeof(raw), file));
	fclose(file);
	return check_kind(kex, path, key, err);
}
