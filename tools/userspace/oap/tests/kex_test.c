// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Key exchanges: success, derivation and refusals. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pair.h"
#include "starve.h"

static const char * const kdfs[] = {
	"blake2s256", "sha256", "sha3-256", "sha384", "sha3-384", "blake2b512",
	"sha512", "sha3-512",
};

static const char * const ciphers[] = {
	"aes-128-gcm", "aes-256-gcm", "chacha20-poly1305",
};

static const char * const dhes[] = {
	"ffdhe2048", "prime256v1", "X25519", "ffdhe3072", "secp384r1",
	"ffdhe4096", "X448", "secp521r1",
};

static const char * const kems[] = {
	"ML-KEM-512", "ML-KEM-768", "ML-KEM-1024", "X25519MLKEM768",
	"X448MLKEM1024",
};

static void hex(const char *text, uint8_t *out)
{
	unsigned int v;

	for (; *text; text += 2) {
		sscanf(text, "%2x", &v);
		*out++ = v;
	}
}

/* Each exchange with every KDF and every cipher */

static void round_trip(const char *kex, const char *kdf, const char *cipher)
{
	char conf[128];
	struct pair p;

	snprintf(conf, sizeof(conf), "kex = %s\nkdf = %s\ncipher = %s\n",
		 kex, kdf, cipher);
	cli_conf(conf);
	srv_conf(conf);
	open_pair(&p, OAP_AUTH_NONE);
	exchange_ok(&p);
	same_keys(&p);
	assert_int_equal(oap_cipher(p.req), cipher_by_name(cipher));
	close_pair(&p);
}

static void test_round_trip(void **state)
{
	size_t i, j;

	need_pq(*state);
	for (i = 0; i < COUNT(kdfs); i++)
		for (j = 0; j < COUNT(ciphers); j++)
			round_trip(*state, kdfs[i], ciphers[j]);
}

/* enc.conf of the server says "none": encryption is not required there. */
static void test_unconfigured_server(void **state)
{
	const char *kex = *state;
	struct pair p;
	char conf[64];

	need_pq(kex);
	snprintf(conf, sizeof(conf), "kex = %s\n", kex);
	cli_conf(conf);
	srv_conf("none\n");
	open_pair(&p, OAP_AUTH_NONE);
	exchange_ok(&p);
	same_keys(&p);
	close_pair(&p);
}

/* Derivation */

struct vector {
	const char *kdf;
	const char *key;
};

/* Computed with Python: hashlib, hmac, and an independent X25519. */
static const struct vector vectors[] = {
	{ "blake2s256",
	  "b715635780e3af895fe2329828b30ac1af3c4f2b705c51a0ebd5851f92c44262" },
	{ "sha256",
	  "cd09b886f7a7ca25b86ea4452fb8c46a13a9107c79c45d545cdfc697aeaeaa3e" },
	{ "sha3-256",
	  "d632fdf7d8f7c6f8037238329089b079c86808c817b950f146b31ca3d90ab265" },
	{ "sha384",
	  "f42727d9ad9b070d3fecbbde08e344d809e81cbf3b5c117a9ba46087c8c4e1aa" },
	{ "sha3-384",
	  "d4e258f9a0fc5bfe6268e2c142b7de2f9cca9f1b7b12dfd02a901b3d66b0699a" },
	{ "blake2b512",
	  "bf8ed9c5752f1b6b23220dbfcc4b77e1aa482763955b9555248a247f88355a0b" },
	{ "sha512",
	  "61b55adf419fb1333525df438901a62ccc07ba5777a0ce5cd2e76bc8adea92f3" },
	{ "sha3-512",
	  "1e4508881e13fe3944f1a4e32b8f3e92bd370b0091baf9eb19dcc8aa2fe85361" },
};

static EVP_PKEY *x25519(uint8_t first, struct oap_buf *pub)
{
	uint8_t raw[32], *p = NULL;
	EVP_PKEY *key;
	int i;

	for (i = 0; i < 32; i++)
		raw[i] = first + i;
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, raw, 32);
	assert_non_null(key);
	pub->len = i2d_PUBKEY(key, &p);
	pub->p = p;
	return key;
}

static void test_vector(void **state)
{
	const struct vector *v = *state;
	uint16_t kdf = oap_nid_digest_by_name(v->kdf);
	struct oap_buf a, b;
	EVP_PKEY *ka = x25519(1, &a), *kb = x25519(101, &b);
	struct oap_err err;
	struct oap_key key;
	uint8_t want[32];

	hex(v->key, want);
	assert_int_equal(oap_kex_dhe(ka, kb, &a, &b, kdf, &key, &err), OAP_OK);
	assert_memory_equal(want, key.b, 32);
	/* the roles and the order of the keys do not matter */
	assert_int_equal(oap_kex_dhe(kb, ka, &a, &b, kdf, &key, &err), OAP_OK);
	assert_memory_equal(want, key.b, 32);
	assert_int_equal(oap_kex_dhe(ka, kb, &b, &a, kdf, &key, &err), OAP_OK);
	assert_memory_equal(want, key.b, 32);
	EVP_PKEY_free(ka);
	EVP_PKEY_free(kb);
	OPENSSL_free((void *)a.p);
	OPENSSL_free((void *)b.p);
}

static void the_root_binds_epoch_cipher_and_both_messages(void **state)
{
	uint8_t req[32], rsp[32], want[32], got[32];
	struct oap_key key;

	(void)state;
	memset(key.b, 0x11, sizeof(key.b));
	EVP_Digest("req", 3, req, NULL, EVP_sha256(), NULL);
	EVP_Digest("rsp", 3, rsp, NULL, EVP_sha256(), NULL);
	hex("aa640d988e9a48fcaf3f06ca40090cade964d59389ea981ec538797315f0192d",
	    want);
	assert_true(oap_kdf_root(&key, 5, 901, req, rsp, got));
	assert_memory_equal(want, got, 32);
	assert_true(oap_kdf_root(&key, 6, 901, req, rsp, got));
	assert_memory_not_equal(want, got, 32);
	assert_true(oap_kdf_root(&key, 5, 895, req, rsp, got));
	assert_memory_not_equal(want, got, 32);
	assert_true(oap_kdf_root(&key, 5, 901, rsp, req, got));
	assert_memory_not_equal(want, got, 32);
}

/* Wire format */

static void x25519_has_the_wire_format_of_ouroboros(void **state)
{
	static const uint8_t fixed[] = {
		0x03, 0x85, 0x02, 0xa0, 0x02, 0xa0, 0, 0, 0, 0x2c, 0, 0,
	};
	const uint8_t *msg;
	struct pair p;
	size_t len;

	(void)state;
	cli_conf("kex = X25519\n");
	open_pair(&p, OAP_AUTH_NONE);
	exchange_ok(&p);
	msg = oap_message(p.req, &len);
	assert_int_equal(len, 80);
	assert_memory_equal(msg + 24, fixed, sizeof(fixed));
	msg = oap_message(p.rsp, &len);
	assert_int_equal(len, 112);
	assert_memory_equal(msg + 24, fixed, sizeof(fixed));
	same_keys(&p);
	close_pair(&p);
}

/* Inferring the key exchange from a public key */

static void make(const char *name, EVP_PKEY **key, struct oap_buf *pub)
{
	struct oap_err err;

	pub->p = NULL;
	if (oap_kex_new(oap_nid_kex_by_name(name), key, pub, &err))
		fail_msg("%s", err.text);
}

static enum oap_code infer(const char *name, const struct oap_buf *pub,
			   const struct oap_kex **kex, EVP_PKEY **peer)
{
	uint8_t *copy = malloc(pub->len);
	struct oap_hdr hdr = {
		.kex = { copy, pub->len },
		.raw = oap_nid_kex_by_name(name)->kind == OAP_KEX_HYBRID,
	};
	enum oap_code code;
	struct oap_err err;

	memcpy(copy, pub->p, pub->len);
	*peer = NULL;
	code = oap_kex_infer(&hdr, kex, peer, &err);
	free(copy);
	return code;
}

static void test_infer(void **state)
{
	EVP_PKEY *own = NULL, *peer = NULL;
	const struct oap_kex *kex;
	struct oap_buf pub;

	need_pq(*state);
	make(*state, &own, &pub);
	assert_int_equal(infer(*state, &pub, &kex, &peer), OAP_OK);
	assert_string_equal(kex->name, *state);
	assert_int_equal(EVP_PKEY_eq(own, peer), 1);
	EVP_PKEY_free(peer);
	/* truncated, empty */
	pub.len--;
	assert_int_equal(infer(*state, &pub, &kex, &peer), OAP_BAD_KEX);
	EVP_PKEY_free(peer);
	pub.len = 0;
	assert_int_equal(infer(*state, &pub, &kex, &peer), OAP_BAD_KEX);
	EVP_PKEY_free(peer);
	EVP_PKEY_free(own);
	OPENSSL_free((void *)pub.p);
}

static void public_keys_of_other_algorithms_are_refused(void **state)
{
	static const char * const types[] = { "ED25519", "RSA", "secp256k1" };
	struct oap_err err;
	struct oap_hdr hdr;
	const struct oap_kex *kex;
	EVP_PKEY *key, *peer;
	uint8_t *der;
	size_t i;
	int len;

	(void)state;
	for (i = 0; i < COUNT(types); i++) {
		key = i == 1 ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048) :
		      i == 2 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", types[i]) :
			       EVP_PKEY_Q_keygen(NULL, NULL, types[i]);
		der = NULL;
		peer = NULL;
		len = i2d_PUBKEY(key, &der);
		hdr = (struct oap_hdr){ .kex = { der, len } };
		assert_int_equal(oap_kex_infer(&hdr, &kex, &peer, &err),
				 OAP_BAD_KEX);
		EVP_PKEY_free(peer);
		EVP_PKEY_free(key);
		OPENSSL_free(der);
	}
}

/* Diffie-Hellman with a key of another kind */

/* Combine a key of each kind with keys of all other kinds. */
static void test_wrong_kind(void **state)
{
	EVP_PKEY *own = NULL, *peer = NULL;
	struct oap_buf a, b;
	struct oap_key key;
	struct oap_err err;
	size_t i;

	make(*state, &own, &a);
	for (i = 0; i < COUNT(dhes); i++) {
		if (!strcmp(dhes[i], *state))
			continue;
		make(dhes[i], &peer, &b);
		assert_int_equal(oap_kex_dhe(own, peer, &a, &b, 672, &key,
					     &err), OAP_BAD_KEX);
		EVP_PKEY_free(peer);
		OPENSSL_free((void *)b.p);
	}
	EVP_PKEY_free(own);
	OPENSSL_free((void *)a.p);
}

/* Check that the key is refused, or at least differs from that of the peer. */
static void corrupted(const char *name, EVP_PKEY *own, EVP_PKEY *other,
		      const struct oap_buf *a, const struct oap_buf *b,
		      const struct oap_buf *bad)
{
	const struct oap_kex *kex;
	struct oap_key x, y;
	struct oap_err err;
	EVP_PKEY *peer;

	assert_int_equal(oap_kex_dhe(other, own, b, a, 672, &y, &err), OAP_OK);
	if (!infer(name, bad, &kex, &peer) && kex == oap_nid_kex_by_name(name) &&
	    !oap_kex_dhe(own, peer, a, bad, 672, &x, &err))
		assert_memory_not_equal(x.b, y.b, 32);
	EVP_PKEY_free(peer);
}

static void test_corrupted_public_key(void **state)
{
	EVP_PKEY *own = NULL, *other = NULL;
	struct oap_buf a, b, bad;
	uint8_t *copy;
	size_t i;

	make(*state, &own, &a);
	make(*state, &other, &b);
	copy = malloc(b.len);
	bad = (struct oap_buf){ copy, b.len };
	for (i = 0; i < b.len; i += 1 + b.len / 64) {
		memcpy(copy, b.p, b.len);
		copy[i] ^= 0x04;
		corrupted(*state, own, other, &a, &b, &bad);
	}
	free(copy);
	EVP_PKEY_free(own);
	EVP_PKEY_free(other);
	OPENSSL_free((void *)a.p);
	OPENSSL_free((void *)b.p);
}

struct public_case {
	const char *name;
	const char *kex;
	size_t from_end, len;
	uint8_t fill;
};

static const struct public_case publics[] = {
	{ "an X25519 point of small order is refused", "X25519", 32, 32, 0 },
	{ "an X448 point of small order is refused", "X448", 56, 56, 0 },
	{ "a P-256 point off the curve is refused", "prime256v1", 1, 1, 1 },
	{ "a P-521 point off the curve is refused", "secp521r1", 1, 1, 1 },
	{ "a public value of 0 is refused", "ffdhe2048", 256, 256, 0 },
	{ "a public value of p is refused", "ffdhe2048", 256, 256, 0xff },
};

static void test_bad_public_key(void **state)
{
	const struct public_case *c = *state;
	char conf[64];
	uint8_t *msg;
	struct pair p;
	size_t len;

	snprintf(conf, sizeof(conf), "kex = %s\n", c->kex);
	cli_conf(conf);
	srv_conf("none\n");
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	msg = copy_of(p.req, &len);
	if (c->len == 1)
		msg[len - 1] ^= c->fill;
	else
		memset(msg + len - c->from_end, c->fill, c->len);
	assert_int_equal(process_bytes(&p, msg, len), OAP_OK);
	assert_int_equal(respond(&p), OAP_BAD_KEX);
	oap_message(p.rsp, &len);
	assert_int_equal(len, 0);
	free(msg);
	close_pair(&p);
}

/* The response has a key of another kind than the request. */
static void a_response_with_another_key_exchange_is_refused(void **state)
{
	static const char * const confs[] = { "kex=X25519\n", "kex=X448\n" };
	struct pair p[2];
	uint8_t *msg;
	size_t i, len;

	(void)state;
	for (i = 0; i < 2; i++) {
		cli_conf(confs[i]);
		open_pair(&p[i], OAP_AUTH_NONE);
		request_ok(&p[i]);
		respond_ok(&p[i]);
	}
	/* a response to X448, with the id and hash of the response to X25519 */
	msg = copy_of(p[1].rsp, &len);
	memcpy(msg, p[0].rsp->out.p, OAP_ID_LEN);
	memcpy(msg + len - 32, p[0].rsp->out.p + p[0].rsp->out.len - 32, 32);
	assert_int_equal(complete_bytes(&p[0], msg, len), OAP_BAD_KEX);
	free(msg);
	/* a refused response leaves the exchange intact */
	assert_int_equal(complete(&p[0]), OAP_OK);
	same_keys(&p[0]);
	close_pair(&p[0]);
	close_pair(&p[1]);
}

static void a_failed_allocation_is_no_missing_algorithm(void **state)
{
	struct oap_err err = { 0 };
	struct oap_buf pub;
	EVP_PKEY *key;
	size_t i;

	(void)state;
	starve.at = 0;
	for (i = 0; i < COUNT(dhes); i++) {
		starve.on = true;
		assert_int_equal(oap_kex_new(oap_nid_kex_by_name(dhes[i]), &key,
					     &pub, &err), OAP_BAD_KEX);
		starve.on = false;
		assert_non_null(strstr(err.text, "cannot make a key"));
	}
}

/* The last test, since the secure heap stays initialized. */
static void a_full_secure_heap_is_no_missing_algorithm(void **state)
{
	const struct oap_kex *kex = oap_nid_kex_by_name("X25519");
	struct oap_err err = { 0 };
	struct oap_buf pub;
	EVP_PKEY *key;
	void *all;

	(void)state;
	if (CRYPTO_secure_malloc_init(1 << 16, 32) != 1)
		skip();
	all = OPENSSL_secure_malloc(1 << 16);
	assert_non_null(all);
	assert_int_equal(oap_kex_new(kex, &key, &pub, &err), OAP_BAD_KEX);
	assert_non_null(strstr(err.text, "cannot make a key"));
	OPENSSL_secure_free(all);
	assert_int_equal(oap_kex_new(kex, &key, &pub, &err), OAP_OK);
	EVP_PKEY_free(key);
	OPENSSL_free((void *)pub.p);
}

static struct suite suite;

static void add_each(const char * const *names, size_t n,
		     CMUnitTestFunction f, const char *what)
{
	size_t i;

	for (i = 0; i < n; i++)
		suite_add(&suite, f, names[i], "%s: %s", names[i], what);
}

int main(void)
{
	size_t i;

	if (!starve_init())
		return 1;
	add_each(dhes, COUNT(dhes), test_round_trip,
		 "both sides derive one key with every KDF and cipher");
	add_each(kems, COUNT(kems), test_round_trip,
		 "both sides derive one key with every KDF and cipher");
	add_each(dhes, COUNT(dhes), test_unconfigured_server,
		 "accepted by a server that requires no encryption");
	for (i = 0; i < COUNT(vectors); i++)
		suite_add(&suite, test_vector, &vectors[i],
			  "the key of an X25519 exchange is that of the vector, %s", vectors[i].kdf);
	SUITE_ADD(&suite, the_root_binds_epoch_cipher_and_both_messages);
	SUITE_ADD(&suite, x25519_has_the_wire_format_of_ouroboros);
	add_each(dhes, COUNT(dhes), test_infer, "identified by its public key");
	add_each(kems, COUNT(kems), test_infer, "identified by its public key");
	SUITE_ADD(&suite, public_keys_of_other_algorithms_are_refused);
	add_each(dhes, COUNT(dhes), test_wrong_kind,
		 "a peer key of another kind is refused");
	add_each(dhes, COUNT(dhes), test_corrupted_public_key,
		 "a corrupted public key never gives the same key");
	for (i = 0; i < COUNT(publics); i++)
		suite_add(&suite, test_bad_public_key, &publics[i], "%s",
			  publics[i].name);
	SUITE_ADD(&suite, a_response_with_another_key_exchange_is_refused);
	SUITE_ADD(&suite, a_failed_allocation_is_no_missing_algorithm);
	SUITE_ADD(&suite, a_full_secure_heap_is_no_missing_algorithm);
	return suite_run(&suite, "oap: key exchange");
}
