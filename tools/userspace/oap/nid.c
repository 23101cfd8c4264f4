// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Numbers of digests and key exchanges: the NIDs of OpenSSL, and two numbers
 * defined by Ouroboros. The tables are sorted by strength, weakest first.
 * Ciphers are in ../common/cipher.c.
 */

#include <string.h>

#include "int.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static const struct {
	uint16_t nid;
	uint16_t len;
	const char *name;
	const EVP_MD *(*md)(void);
} digests[] = {
	{ 1057, 32, "blake2s256", EVP_blake2s256 },
	{ 672, 32, "sha256", EVP_sha256 },
	{ 1097, 32, "sha3-256", EVP_sha3_256 },
	{ 673, 48, "sha384", EVP_sha384 },
	{ 1098, 48, "sha3-384", EVP_sha3_384 },
	{ 1056, 64, "blake2b512", EVP_blake2b512 },
	{ 674, 64, "sha512", EVP_sha512 },
	{ 1099, 64, "sha3-512", EVP_sha3_512 },
};

static const struct oap_kex kexes[] = {
	{ 1126, OAP_KEX_DH, "ffdhe2048", 0 },
	{ 415, OAP_KEX_EC, "prime256v1", 0 },
	{ 1034, OAP_KEX_X, "X25519", 0 },
	{ 1127, OAP_KEX_DH, "ffdhe3072", 0 },
	{ 715, OAP_KEX_EC, "secp384r1", 0 },
	{ 1128, OAP_KEX_DH, "ffdhe4096", 0 },
	{ 1035, OAP_KEX_X, "X448", 0 },
	{ 716, OAP_KEX_EC, "secp521r1", 0 },
	{ 1454, OAP_KEX_KEM, "ML-KEM-512", 0 },
	{ 1455, OAP_KEX_KEM, "ML-KEM-768", 0 },
	{ 1456, OAP_KEX_KEM, "ML-KEM-1024", 0 },
	{ 2053, OAP_KEX_HYBRID, "X25519MLKEM768", 1216 },
	{ 2054, OAP_KEX_HYBRID, "X448MLKEM1024", 1624 },
};

int oap_nid_digest_rank(uint16_t nid)
{
	size_t i;

	if (!nid)
		return 0;
	for (i = 0; i < COUNT(digests); i++)
		if (digests[i].nid == nid)
			return i + 1;
	return -1;
}

bool oap_nid_digest_known(uint16_t nid)
{
	return oap_nid_digest_rank(nid) > 0;
}

uint16_t oap_nid_digest_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(digests); i++)
		if (!strcmp(digests[i].name, name))
			return digests[i].nid;
	return 0;
}

/* Return NULL for none and for an unknown digest. */
const EVP_MD *oap_nid_digest(uint16_t nid)
{
	int rank = oap_nid_digest_rank(nid);

	return rank > 0 ? digests[rank - 1].md() : NULL;
}

/* Length of the request hash; SHA-384 if the request names no digest. */
size_t oap_nid_digest_len(uint16_t nid)
{
	int rank = oap_nid_digest_rank(nid);

	return rank > 0 ? digests[rank - 1].len : 48;
}

int oap_nid_kex_rank(const struct oap_kex *kex)
{
	return kex ? kex - kexes + 1 : 0;
}

/* True if a list of names, separated by spaces, contains the key exchange. */
bool oap_nid_kex_in(const struct oap_kex *kex, const char *list)
{
	size_t len, want = strlen(kex->name);

	for (; *list; list += len + strspn(list + len, " ")) {
		len = strcspn(list, " ");
		if (len == want && !memcmp(list, kex->name, len))
			return true;
	}
	return false;
}

bool oap_kex_known(const char *name)
{
	return oap_nid_kex_by_name(name);
}

bool oap_nid_kex_is_kem(const struct oap_kex *kex)
{
	return kex && (kex->kind == OAP_KEX_KEM || kex->kind == OAP_KEX_HYBRID);
}

const struct oap_kex *oap_nid_kex_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(kexes); i++)
		if (!strcmp(kexes[i].name, name))
			return &kexes[i];
	return NULL;
}

/* Return NULL for none and for an unknown key exchange. */
const struct oap_kex *oap_nid_kex_by_nid(uint16_t nid)
{
	size_t i;

	for (i = 0; i < COUNT(kexes); i++)
		if (kexes[i].nid == nid)
			return &kexes[i];
	return NULL;
}

/*
 * Get the weakest key exchange allowed; NULL if @nid is 0, which allows any.
 * Refuse a number that a newer release has stored.
 */
enum oap_code oap_nid_kex_min(uint16_t nid, const struct oap_kex **min,
			      struct oap_err *err)
{
	*min = oap_nid_kex_by_nid(nid);
	if (*min || !nid)
		return OAP_OK;
	return oap_err_set(err, OAP_BAD_KEX,
			   "the flow was allocated with key exchange %u, which this release does not know: upgrade it, or make a new flow",
			   nid);
}

const struct oap_kex *oap_nid_kex_by_raw_len(size_t len)
{
	size_t i;

	for (i = 0; i < COUNT(kexes); i++)
		if (kexes[i].raw_len && kexes[i].raw_len == len)
			return &kexes[i];
	return NULL;
}
