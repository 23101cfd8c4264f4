// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* ML-KEM and its hybrids, in both modes: keys, and the wire format. */

#include <stdio.h>

#include "kems.h"

static const char * const kdfs[] = {
	"blake2s256", "sha256", "sha3-256", "sha384", "sha3-384", "blake2b512",
	"sha512", "sha3-512",
};

static const char * const ciphers[] = {
	"aes-128-gcm", "aes-256-gcm", "chacha20-poly1305",
};

/* Successful exchanges */

static void round_trip(const char *kex, const char *kdf, const char *cipher)
{
	char conf[128];
	struct pair p;

	snprintf(conf, sizeof(conf),
		 "kex = %s\nkem_mode = client\nkdf = %s\ncipher = %s\n", kex,
		 kdf, cipher);
	cli_conf(conf);
	srv_conf(conf);
	open_pair(&p, OAP_AUTH_NONE);
	exchange_ok(&p);
	same_keys(&p);
	assert_int_equal(oap_cipher(p.req), cipher_by_name(cipher));
	close_pair(&p);
}

static void test_client_mode(void **state)
{
	size_t i, j;

	need_pq(*state);
	kem_key_files(*state);
	for (i = 0; i < COUNT(kdfs); i++)
		for (j = 0; j < COUNT(ciphers); j++)
			round_trip(*state, kdfs[i], ciphers[j]);
}

static void test_unconfigured_server(void **state)
{
	struct pair p;

	need_pq(*state);
	cli_conf(kem_conf(*state, "server"));
	srv_conf("none\n");
	open_pair(&p, OAP_AUTH_NONE);
	exchange_ok(&p);
	same_keys(&p);
	close_pair(&p);
}

/* A server with a static key also accepts a stronger exchange. */
static void a_server_in_client_mode_accepts_a_fresh_key(void **state)
{
	struct pair p;

	(void)state;
	kem_client_mode("ML-KEM-768");
	cli_conf(kem_conf("ML-KEM-768", "server"));
	open_pair(&p, OAP_AUTH_NONE);
	exchange_ok(&p);
	same_keys(&p);
	close_pair(&p);
}

static uint16_t kex_field(const struct oap_run *run)
{
	size_t len;
	const uint8_t *msg = oap_message(run, &len);

	return msg[32] << 8 | msg[33];
}

static void test_rekey(void **state)
{
	struct pair p;

	kem_client_mode(*state);
	open_pair(&p, OAP_AUTH_NONE);
	p.cp.cipher = 901;
	p.sp.cipher = 901;
	exchange_ok(&p);
	same_keys(&p);
	assert_int_equal(kex_field(p.req) & 0x4000, 0);
	close_pair(&p);
}

/* Derivation, and the wire format */

static void hmac(const EVP_MD *md, const uint8_t *key, size_t key_len,
		 const uint8_t *p, size_t len, uint8_t *out)
{
	size_t out_len = 0;

	assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, EVP_MD_get0_name(md),
				  NULL, key, key_len, p, len, out,
				  EVP_MAX_MD_SIZE, &out_len));
}

/* HKDF as in RFC 5869, with the hash of the public key as salt. */
static void kem_key(uint16_t kdf, const uint8_t *secret, size_t len,
		    const struct oap_buf *pub, uint8_t *out)
{
	static const uint8_t info[] = "o7s-ossl-encap\x01";
	uint8_t salt[32], prk[EVP_MAX_MD_SIZE];
	const EVP_MD *md = oap_nid_digest(kdf);

	EVP_Digest(pub->p, pub->len, salt, NULL, EVP_sha256(), NULL);
	hmac(md, salt, sizeof(salt), secret, len, prk);
	hmac(md, prk, EVP_MD_get_size(md), info, sizeof(info) - 1, out);
}

static void test_kem_key(void **state)
{
	uint8_t ct[2048], secret[128], want[EVP_MAX_MD_SIZE];
	size_t i, ct_len = sizeof(ct), len = sizeof(secret);
	const struct oap_kex *kex = oap_nid_kex_by_name(*state);
	struct oap_buf pub = { 0 }, text;
	EVP_PKEY *own = NULL;
	EVP_PKEY_CTX *ctx;
	struct oap_err err;
	struct oap_key key;
	uint16_t kdf;

	need_pq(*state);
	assert_int_equal(oap_kex_new(kex, &own, &pub, &err), OAP_OK);
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	assert_int_equal(EVP_PKEY_encapsulate_init(ctx, NULL), 1);
	assert_int_equal(EVP_PKEY_encapsulate(ctx, ct, &ct_len, secret, &len),
			 1);
	text = (struct oap_buf){ ct, ct_len };
	for (i = 0; i < COUNT(kdfs); i++) {
		kdf = oap_nid_digest_by_name(kdfs[i]);
		kem_key(kdf, secret, len, &pub, want);
		assert_int_equal(oap_kex_decap(own, &pub, &text, kdf, &key,
					       &err), OAP_OK);
		assert_memory_equal(want, key.b, 32);
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(own);
	OPENSSL_free((void *)pub.p);
}

struct size_case {
	const char *kex, *mode;
	uint16_t request, response;	/* flags and length */
};

static const struct size_case sizes[] = {
	{ "ML-KEM-512", "server", 822, 768 },
	{ "ML-KEM-768", "server", 1206, 1088 },
	{ "ML-KEM-1024", "server", 1590, 1568 },
	{ "X25519MLKEM768", "server", 0x8000 | 1216, 0x8000 | 1120 },
	{ "X448MLKEM1024", "server", 0x8000 | 1624, 0x8000 | 1624 },
	{ "ML-KEM-768", "client", 0x4000 | 1088, 0 },
	{ "X25519MLKEM768", "client", 0xc000 | 1120, 0 },
	{ "X448MLKEM1024", "client", 0xc000 | 1624, 0 },
};

static void kems_have_the_wire_format_of_ouroboros(void **state)
{
	const struct size_case *c;
	char conf[64];
	struct pair p;

	(void)state;
	need_pq("ML-KEM");
	for (c = sizes; c < sizes + COUNT(sizes); c++) {
		snprintf(conf, sizeof(conf), "kex = %s\nkem_mode = %s\n",
			 c->kex, c->mode);
		cli_conf(conf);
		srv_conf(conf);
		kem_key_files(c->kex);
		open_pair(&p, OAP_AUTH_NONE);
		exchange_ok(&p);
		assert_int_equal(kex_field(p.req), c->request);
		assert_int_equal(kex_field(p.rsp), c->response);
		close_pair(&p);
	}
}

static struct suite suite;

int main(void)
{
	kem_add(&suite, test_client_mode,
		 "client mode, both sides derive one key with every KDF and cipher");
	kem_add(&suite, test_unconfigured_server,
		 "accepted by a server that requires no encryption");
	kem_add(&suite, test_kem_key, "the key derivation follows the protocol");
	kem_add(&suite, test_rekey, "a re-key uses a fresh key, not the static one");
	SUITE_ADD(&suite, kems_have_the_wire_format_of_ouroboros);
	SUITE_ADD(&suite, a_server_in_client_mode_accepts_a_fresh_key);
	return suite_run(&suite, "oap: KEM");
}
