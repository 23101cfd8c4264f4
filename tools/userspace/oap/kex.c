// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Key exchange: ephemeral keys, shared secrets, and the OAP key derived from
 * them.
 */

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "int.h"

#define INFO_DHE	"o7s-ossl-dhe"
#define INFO_KEM	"o7s-ossl-encap"
#define SALT_LEN	32

static enum oap_code fail(struct oap_err *err, const char *what)
{
	return oap_err_set(err, OAP_BAD_KEX, "%s: %s", what, oap_err_why());
}

static enum oap_code generate(const struct oap_kex *kex, EVP_PKEY **key,
			      struct oap_err *err)
{
	OSSL_PARAM params[2] = { OSSL_PARAM_END, OSSL_PARAM_END };
	const char *type = kex->name;
	EVP_PKEY_CTX *ctx;
	bool ok;

	*key = NULL;
	if (kex->kind == OAP_KEX_EC || kex->kind == OAP_KEX_DH) {
		type = kex->kind == OAP_KEX_EC ? "EC" : "DH";
		params[0] = OSSL_PARAM_construct_utf8_string(
				OSSL_PKEY_PARAM_GROUP_NAME, (char *)kex->name,
				0);
	}
	ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	if (!ctx && ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE)
		return fail(err, "cannot make a key");
	if (!ctx) {
		ERR_clear_error();
		return oap_err_set(err, OAP_BAD_KEX,
				   "this OpenSSL does not support %s (ML-KEM requires 3.5)",
				   kex->name);
	}
	ok = EVP_PKEY_keygen_init(ctx) == 1 &&
	     EVP_PKEY_CTX_set_params(ctx, params) == 1 &&
	     EVP_PKEY_generate(ctx, key) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok ? OAP_OK : fail(err, "cannot make a key, maybe too many are in use");
}

/**
 * oap_kex_public() - encode the public key for the wire
 * @kex: the key exchange
 * @key: the key pair
 * @pub: the encoded key; free it with OPENSSL_free()
 * @err: reason of a failure
 *
 * Return: OAP_OK or OAP_BAD_KEX.
 */
enum oap_code oap_kex_public(const struct oap_kex *kex, EVP_PKEY *key,
			     struct oap_buf *pub, struct oap_err *err)
{
	uint8_t *p = NULL;
	int len;

	if (kex->kind == OAP_KEX_HYBRID)
		len = EVP_PKEY_get1_encoded_public_key(key, &p);
	else
		len = i2d_PUBKEY(key, &p);
	if (len <= 0)
		return fail(err, "cannot write the public key");
	pub->p = p;
	pub->len = len;
	return OAP_OK;
}

/**
 * oap_kex_new() - generate a key pair
 * @kex: the key exchange
 * @own: the key pair
 * @pub: the encoded public key; free it with OPENSSL_free()
 * @err: reason of a failure
 *
 * Return: OAP_OK or OAP_BAD_KEX.
 */
enum oap_code oap_kex_new(const struct oap_kex *kex, EVP_PKEY **own,
			  struct oap_buf *pub, struct oap_err *err)
{
	enum oap_code code = generate(kex, own, err);

	return code ? code : oap_kex_public(kex, *own, pub, err);
}

/**
 * oap_kex_of() - find the key exchange of a key
 * @key: the key
 *
 * Return: the key exchange, or NULL if it is unknown.
 */
const struct oap_kex *oap_kex_of(EVP_PKEY *key)
{
	const char *type = EVP_PKEY_get0_type_name(key);
	char group[64];

	if (!type)
		return NULL;
	if (!strcmp(type, "EC") || !strcmp(type, "DH")) {
		if (EVP_PKEY_get_group_name(key, group, sizeof(group),
					    NULL) != 1)
			return NULL;
		return oap_nid_kex_by_name(group);
	}
	return oap_nid_kex_by_name(type);
}

static bool public_ok(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool ok = ctx && EVP_PKEY_public_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/*
 * Decode the public key of a message without checking whether the key is valid.
 */
static void decode(const struct oap_hdr *hdr, const struct oap_kex **kex,
		   EVP_PKEY **peer)
{
	const uint8_t *p = hdr->kex.p;

	*kex = NULL;
	if (hdr->raw) {
		*kex = oap_nid_kex_by_raw_len(hdr->kex.len);
		*peer = *kex ? EVP_PKEY_new_raw_public_key_ex(NULL,
				(*kex)->name, NULL, hdr->kex.p, hdr->kex.len) :
			NULL;
	} else {
		*peer = d2i_PUBKEY(NULL, &p, hdr->kex.len);
		if (*peer && p == hdr->kex.p + hdr->kex.len)
			*kex = oap_kex_of(*peer);
	}
}

/**
 * oap_kex_peek() - get the key exchange of a message, before any computation
 * @hdr: the message that carries the key
 *
 * Return: the key exchange; NULL if it is unknown.
 */
const struct oap_kex *oap_kex_peek(const struct oap_hdr *hdr)
{
	const struct oap_kex *kex;
	EVP_PKEY *peer;

	decode(hdr, &kex, &peer);
	EVP_PKEY_free(peer);
	ERR_clear_error();
	return kex;
}

/**
 * oap_kex_infer() - decode the public key of the peer
 * @hdr: the message that carries the key
 * @kex: the key exchange that the key belongs to
 * @peer: the key; free it with EVP_PKEY_free(), even on failure
 * @err: reason of a refusal
 *
 * Return: OAP_OK or OAP_BAD_KEX.
 */
enum oap_code oap_kex_infer(const struct oap_hdr *hdr,
			    const struct oap_kex **kex, EVP_PKEY **peer,
			    struct oap_err *err)
{
	decode(hdr, kex, peer);
	if (!*peer || !*kex || ((*kex)->kind == OAP_KEX_HYBRID) != hdr->raw)
		return fail(err, "the peer's public key is of an unknown type");
	if ((*kex)->kind <= OAP_KEX_DH && !public_ok(*peer))
		return fail(err, "the peer's public key is invalid");
	ERR_clear_error();
	return OAP_OK;
}

/* Derive the key, then wipe and free the shared secret, even on failure. */
static enum oap_code key_from(uint8_t *secret, size_t len, uint16_t kdf,
			      const uint8_t *salt, const char *info,
			      struct oap_key *key, struct oap_err *err)
{
	const EVP_MD *md = oap_nid_digest(kdf);
	bool ok = oap_kdf_hkdf(md ? md : EVP_sha256(), secret, len, salt, SALT_LEN,
			       info, key);

	OPENSSL_secure_clear_free(secret, len);
	return ok ? OAP_OK : fail(err, "cannot derive the key");
}

/* SHA-256 over both public keys, the smaller one first. */
static bool salt_dhe(const struct oap_buf *a, const struct oap_buf *b,
		     uint8_t *salt)
{
	size_t min = a->len < b->len ? a->len : b->len;
	int cmp = memcmp(a->p, b->p, min);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	if (cmp > 0 || (!cmp && a->len > b->len)) {
		const struct oap_buf *swap = a;

		a = b;
		b = swap;
	}
	ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
	     EVP_DigestUpdate(ctx, a->p, a->len) == 1 &&
	     EVP_DigestUpdate(ctx, b->p, b->len) == 1 &&
	     EVP_DigestFinal_ex(ctx, salt, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

/**
 * oap_kex_dhe() - derive the key of a Diffie-Hellman exchange
 * @own: our key pair
 * @peer: public key of the peer
 * @a: one of the two public keys as sent
 * @b: the other public key; the order does not matter
 * @kdf: digest of the key derivation
 * @key: the derived key
 * @err: reason of a failure
 *
 * Return: OAP_OK or OAP_BAD_KEX.
 */
enum oap_code oap_kex_dhe(EVP_PKEY *own, EVP_PKEY *peer,
			  const struct oap_buf *a, const struct oap_buf *b,
			  uint16_t kdf, struct oap_key *key,
			  struct oap_err *err)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	uint8_t salt[SALT_LEN], *secret = NULL;
	size_t len = 0, room = 0;

	if (ctx && EVP_PKEY_derive_init(ctx) == 1 &&
	    EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
	    EVP_PKEY_derive(ctx, NULL, &room) == 1)
		secret = OPENSSL_secure_zalloc(room);
	len = room;
	if (!secret || EVP_PKEY_derive(ctx, secret, &len) != 1 || len < 32 ||
	    !salt_dhe(a, b, salt)) {
		EVP_PKEY_CTX_free(ctx);
		OPENSSL_secure_clear_free(secret, room);
		return fail(err, "cannot agree on a secret");
	}
	EVP_PKEY_CTX_free(ctx);
	return key_from(secret, len, kdf, salt, INFO_DHE, key, err);
}

static bool salt_kem(const struct oap_buf *pub, uint8_t *salt)
{
	return EVP_Digest(pub->p, pub->len, salt, NULL, EVP_sha256(),
			  NULL) == 1;
}

/**
 * oap_kex_encap() - encapsulate to the public key of the peer
 * @peer: the public key
 * @pub: the public key as received
 * @kdf: digest of the key derivation
 * @ct: the ciphertext; free it with OPENSSL_free()
 * @key: the derived key
 * @err: reason of a failure
 *
 * Return: OAP_OK or OAP_BAD_KEX.
 */
enum oap_code oap_kex_encap(EVP_PKEY *peer, const struct oap_buf *pub,
			    uint16_t kdf, struct oap_buf *ct,
			    struct oap_key *key, struct oap_err *err)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, peer, NULL);
	uint8_t salt[SALT_LEN], *secret = NULL, *out = NULL;
	size_t len = 0, ct_len = 0;

	if (ctx && EVP_PKEY_encapsulate_init(ctx, NULL) == 1 &&
	    EVP_PKEY_encapsulate(ctx, NULL, &ct_len, NULL, &len) == 1) {
		secret = OPENSSL_secure_zalloc(len);
		out = OPENSSL_malloc(ct_len);
	}
	if (!secret || !out || !salt_kem(pub, salt) ||
	    EVP_PKEY_encapsulate(ctx, out, &ct_len, secret, &len) != 1) {
		EVP_PKEY_CTX_free(ctx);
		OPENSSL_secure_clear_free(secret, len);
		OPENSSL_free(out);
		return fail(err, "cannot encapsulate");
	}
	EVP_PKEY_CTX_free(ctx);
	ct->p = out;
	ct->len = ct_len;
	return key_from(secret, len, kdf, salt, INFO_KEM, key, err);
}

/**
 * oap_kex_decap() - decapsulate a ciphertext sent to our public key
 * @own: our key pair
 * @pub: our public key as sent to the peer
 * @ct: the ciphertext
 * @kdf: digest of the key derivation
 * @key: the derived key; a forged ciphertext yields a key that the peer does
 *	not have
 * @err: reason of a failure
 *
 * Return: OAP_OK or OAP_BAD_KEX.
 */
enum oap_code oap_kex_decap(EVP_PKEY *own, const struct oap_buf *pub,
			    const struct oap_buf *ct, uint16_t kdf,
			    struct oap_key *key, struct oap_err *err)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	uint8_t salt[SALT_LEN], *secret = NULL;
	size_t len = 0;

	if (ctx && EVP_PKEY_decapsulate_init(ctx, NULL) == 1 &&
	    EVP_PKEY_decapsulate(ctx, NULL, &len, ct->p, ct->len) == 1)
		secret = OPENSSL_secure_zalloc(len);
	if (!secret || !salt_kem(pub, salt) ||
	    EVP_PKEY_decapsulate(ctx, secret, &len, ct->p, ct->len) != 1) {
		EVP_PKEY_CTX_free(ctx);
		OPENSSL_secure_clear_free(secret, len);
		return fail(err, "cannot decapsulate");
	}
	EVP_PKEY_CTX_free(ctx);
	return key_from(secret, len, kdf, salt, INFO_KEM, key, err);
}
