// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * HKDF: derive the OAP key from a shared secret, and root seeds from the OAP
 * key.
 */

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include "../common/bytes.h"
#include "int.h"

static bool derive(const EVP_MD *md, int mode, const uint8_t *key,
		   size_t key_len, const uint8_t *salt, size_t salt_len,
		   const uint8_t *info, size_t info_len, uint8_t *out)
{
	OSSL_PARAM params[6], *p = params;
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	bool ok = false;

	if (!ctx)
		goto out;
	*p++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
				(char *)EVP_MD_get0_name(md), 0);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
						 (void *)key, key_len);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
						 (void *)info, info_len);
	if (salt)
		*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT,
							 (void *)salt,
							 salt_len);
	*p = OSSL_PARAM_construct_end();
	ok = EVP_KDF_derive(ctx, out, OAP_KEY_LEN, params) == 1;
out:
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

/**
 * oap_kdf_hkdf() - derive the OAP key from a shared secret
 * @md: digest
 * @ikm: the shared secret
 * @ikm_len: length of @ikm
 * @salt: salt
 * @salt_len: length of @salt
 * @info: label
 * @key: the derived key
 *
 * Return: false if there is no memory.
 */
bool oap_kdf_hkdf(const EVP_MD *md, const uint8_t *ikm, size_t ikm_len,
		  const uint8_t *salt, size_t salt_len, const char *info,
		  struct oap_key *key)
{
	return derive(md, EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, ikm, ikm_len,
		      salt, salt_len, (const uint8_t *)info, strlen(info),
		      key->b);
}

/**
 * oap_kdf_root() - derive the root seed of an epoch
 * @key: the OAP key
 * @epoch: the epoch
 * @cipher: the negotiated cipher
 * @req_hash: SHA-256 of the request
 * @rsp_hash: SHA-256 of the response
 * @seed: OAP_KEY_LEN bytes
 *
 * root = HKDF-Expand(key, "ipcp-rekey root" || epoch || cipher (16 bit) ||
 *		      SHA-256(SHA-256(request) || SHA-256(response)), 32)
 *
 * Return: false if there is no memory.
 */
bool oap_kdf_root(const struct oap_key *key, uint8_t epoch,
		  uint16_t cipher, const uint8_t req_hash[32],
		  const uint8_t rsp_hash[32], uint8_t *seed)
{
	static const char label[] = "ipcp-rekey root";
	uint8_t info[sizeof(label) - 1 + 3 + 32], both[64];
	uint8_t *p = info;

	memcpy(p, label, sizeof(label) - 1);
	p += sizeof(label) - 1;
	*p++ = epoch;
	p = put16(p, cipher);
	memcpy(both, req_hash, 32);
	memcpy(both + 32, rsp_hash, 32);
	if (EVP_Digest(both, sizeof(both), p, NULL, EVP_sha256(), NULL) != 1)
		return false;
	return derive(EVP_sha256(), EVP_KDF_HKDF_MODE_EXPAND_ONLY, key->b,
		      sizeof(key->b), NULL, 0, info, sizeof(info), seed);
}
