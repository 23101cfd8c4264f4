// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* ML-KEM and its hybrids, in both modes. Needs OpenSSL 3.5. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "pair.h"

static const char * const kems[] = {
	"ML-KEM-512", "ML-KEM-768", "ML-KEM-1024", "X25519MLKEM768",
	"X448MLKEM1024",
};

static const char * const kdfs[] = {
	"blake2s256", "sha256", "sha3-256", "sha384", "sha3-384", "blake2b512",
	"sha512", "sha3-512",
};

static const char * const ciphers[] = {
	"aes-128-gcm", "aes-256-gcm", "chacha20-poly1305",
};

/* Files of a static key */

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

static void key_files(const char *kex)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, kex);

	assert_non_null(key);
	if (oap_nid_kex_by_name(kex)->kind == OAP_KEX_HYBRID)
		write_raw(key);
	else
		write_pem(key);
	EVP_PKEY_free(key);
}

static char *conf_of(const char *kex, const char *mode)
{
	static char conf[128];

	snprintf(conf, sizeof(conf), "kex = %s\nkem_mode = %s\n", kex, mode);
	return conf;
}

/* Both sides have the static key, and use it. */
static void client_mode(const char *kex)
{
	need_pq(kex);
	cli_conf(conf_of(kex, "client"));
	srv_conf(conf_of(kex, "client"));
	key_files(kex);
}

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
	key_files(*state);
	for (i = 0; i < COUNT(kdfs); i++)
		for (j = 0; j < COUNT(ciphers); j++)
			round_trip(*state, kdfs[i], ciphers[j]);
}

static void test_unconfigured_server(void **state)
{
	struct pair p;

	need_pq(*state);
	cli_conf(conf_of(*state, "server"));
	srv_conf("none\n");
	open_pair(&p, OAP_AUTH_NONE);
	exchange_ok(&p);
	same_keys(&p);
	close_pair(&p);
}

/* A server with a static key also accepts a stronger exchange. */
static void a_server_in_client_mode_takes_a_fresh_key(void **state)
{
	struct pair p;

	(void)state;
	client_mode("ML-KEM-768");
	cli_conf(conf_of("ML-KEM-768", "server"));
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

	client_mode(*state);
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

static void kems_are_on_the_wire_as_with_ouroboros(void **state)
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
		key_files(c->kex);
		open_pair(&p, OAP_AUTH_NONE);
		exchange_ok(&p);
		assert_int_equal(kex_field(p.req), c->request);
		assert_int_equal(kex_field(p.rsp), c->response);
		close_pair(&p);
	}
}

/* Damaged messages */

/* Find the key exchange data and its length in an unsigned message. */
static uint8_t *kex_data(uint8_t *msg, size_t *len)
{
	*len = (msg[32] << 8 | msg[33]) & 0x3fff;
	return msg + OAP_HDR_LEN;
}

static uint8_t *cut_kex_data(uint8_t *msg, size_t *msg_len, size_t by)
{
	uint16_t field = (msg[32] << 8 | msg[33]) - by;
	size_t len;
	uint8_t *kex = kex_data(msg, &len);

	memmove(kex + len - by, kex + len, msg + *msg_len - (kex + len));
	msg[32] = field >> 8;
	msg[33] = field & 0xff;
	*msg_len -= by;
	return realloc(msg, *msg_len);
}

static bool keys_differ(struct pair *p)
{
	uint8_t a[32], b[32];

	assert_int_equal(oap_key(p->req, a, &p->err), OAP_OK);
	assert_int_equal(oap_key(p->rsp, b, &p->err), OAP_OK);
	return memcmp(a, b, 32);
}

/*
 * ML-KEM decapsulates an invalid ciphertext to a key that the peer does not
 * have.
 */
static void test_corrupted_ciphertext(void **state)
{
	struct pair p;
	uint8_t *msg;
	size_t len, at, step;

	need_pq(*state);
	cli_conf(conf_of(*state, "server"));
	srv_conf("none\n");
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	respond_ok(&p);
	msg = copy_of(p.rsp, &len);
	kex_data(msg, &at);
	step = at / 16;
	free(msg);
	for (at = 0; at < 16 * step; at += step) {
		drop_runs(&p);
		request_ok(&p);
		respond_ok(&p);
		msg = copy_of(p.rsp, &len);
		msg[OAP_HDR_LEN + at] ^= 0x10;
		if (!complete_bytes(&p, msg, len))
			assert_true(keys_differ(&p));
		free(msg);
	}
	close_pair(&p);
}

static void test_truncated_ciphertext(void **state)
{
	static const size_t cuts[] = { 1, 2, 32, 500 };
	struct pair p;
	uint8_t *msg;
	size_t i, len;

	need_pq(*state);
	cli_conf(conf_of(*state, "server"));
	srv_conf("none\n");
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	respond_ok(&p);
	for (i = 0; i < COUNT(cuts); i++) {
		msg = copy_of(p.rsp, &len);
		msg = cut_kex_data(msg, &len, cuts[i]);
		assert_int_equal(complete_bytes(&p, msg, len), OAP_BAD_KEX);
		free(msg);
	}
	assert_int_equal(complete(&p), OAP_OK);
	same_keys(&p);
	close_pair(&p);
}

static void test_truncated_public_key(void **state)
{
	static const size_t cuts[] = { 1, 2, 32, 500 };
	struct pair p;
	uint8_t *msg;
	size_t i, len;

	need_pq(*state);
	cli_conf(conf_of(*state, "server"));
	open_pair(&p, OAP_AUTH_NONE);
	for (i = 0; i < COUNT(cuts); i++) {
		drop_runs(&p);
		request_ok(&p);
		msg = copy_of(p.req, &len);
		msg = cut_kex_data(msg, &len, cuts[i]);
		assert_int_equal(process_bytes(&p, msg, len), OAP_OK);
		assert_int_equal(respond(&p), OAP_BAD_KEX);
		free(msg);
	}
	close_pair(&p);
}

static void test_truncated_in_client_mode(void **state)
{
	static const size_t cuts[] = { 1, 2, 32, 500 };
	struct pair p;
	uint8_t *msg;
	size_t i, len;

	client_mode(*state);
	open_pair(&p, OAP_AUTH_NONE);
	for (i = 0; i < COUNT(cuts); i++) {
		drop_runs(&p);
		request_ok(&p);
		msg = copy_of(p.req, &len);
		msg = cut_kex_data(msg, &len, cuts[i]);
		assert_int_equal(process_bytes(&p, msg, len), OAP_OK);
		assert_int_equal(respond(&p), OAP_BAD_KEX);
		free(msg);
	}
	close_pair(&p);
}

/* The public key of the client does not belong to the key of the server. */
static void test_wrong_key_pair(void **state)
{
	struct pair p;
	const char *ext;

	client_mode(*state);
	ext = oap_nid_kex_by_name(*state)->kind == OAP_KEX_HYBRID ? "raw" : "pem";
	rename(path("srv/server/%s/kex.key.%s", NAME, ext), path("old"));
	key_files(*state);
	rename(path("old"), path("srv/server/%s/kex.key.%s", NAME, ext));
	open_pair(&p, OAP_AUTH_NONE);
	exchange_ok(&p);
	assert_true(keys_differ(&p));
	close_pair(&p);
}

/* Use the public key of another run, which made another request. */
static void the_ciphertext_for_another_request_gives_another_key(void **state)
{
	struct pair p[2];
	uint8_t *msg, *kex, *from;
	size_t i, len, other_len, n;
	uint8_t a[32], b[32];

	(void)state;
	need_pq("ML-KEM");
	cli_conf(conf_of("ML-KEM-768", "server"));
	for (i = 0; i < 2; i++) {
		open_pair(&p[i], OAP_AUTH_NONE);
		request_ok(&p[i]);
		respond_ok(&p[i]);
	}
	msg = copy_of(p[0].rsp, &len);
	kex = kex_data(msg, &n);
	from = copy_of(p[1].rsp, &other_len);
	memcpy(kex, from + OAP_HDR_LEN, n);
	assert_int_equal(complete_bytes(&p[0], msg, len), OAP_OK);
	assert_int_equal(oap_key(p[0].req, a, &p[0].err), OAP_OK);
	assert_int_equal(oap_key(p[0].rsp, b, &p[0].err), OAP_OK);
	assert_memory_not_equal(a, b, 32);
	assert_int_equal(oap_key(p[1].rsp, b, &p[1].err), OAP_OK);
	assert_memory_not_equal(a, b, 32);
	free(msg);
	free(from);
	close_pair(&p[0]);
	close_pair(&p[1]);
}

/* Client encapsulation that the server refuses */

struct refused {
	const char *name;
	const char *srv;		/* its enc.conf; NULL: no file */
	enum oap_code code;
};

static const struct refused refusals[] = {
	{ "no enc.conf", NULL, OAP_BAD_KEX },
	{ "no encryption", "none\n", OAP_BAD_KEX },
	{ "another kind of key exchange", "kex=X25519\nkem_mode=client\n",
	  OAP_BAD_KEX },
	{ "kem_mode server", "kex=ML-KEM-768\nkem_mode=server\n",
	  OAP_BAD_KEX },
	{ "a hybrid", "kex=X25519MLKEM768\nkem_mode=client\n", OAP_BAD_KEX },
	{ "another ML-KEM", "kex=ML-KEM-1024\nkem_mode=client\n",
	  OAP_BAD_CONFIG },
	{ "a stronger KDF", "kex=ML-KEM-768\nkem_mode=client\nkdf=sha512\n",
	  OAP_BAD_CIPHER },
};

static void test_refused(void **state)
{
	const struct refused *c = *state;
	struct pair p;

	client_mode("ML-KEM-768");
	if (c->srv)
		srv_conf(c->srv);
	else
		unlink(path("srv/server/%s/enc.conf", NAME));
	if (c->code == OAP_BAD_CONFIG)	/* the key is for ML-KEM-768 */
		rename(path("srv/server/%s/kex.key.raw", NAME), path("x"));
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	assert_int_equal(respond(&p), c->code);
	close_pair(&p);
}

/* 32 bytes with the client flag: a key exchange must not be set up. */
static void rubbish_in_client_mode_is_refused(void **state)
{
	uint8_t msg[OAP_HDR_LEN + 32] = { 1 };
	struct pair p;
	size_t i;

	(void)state;
	for (i = 0; i < 8; i++)
		msg[16 + i] = now_ns >> (56 - 8 * i);
	msg[32] = 0x40;
	msg[33] = 32;
	open_pair(&p, OAP_AUTH_NONE);
	assert_int_equal(process_bytes(&p, msg, sizeof(msg)), OAP_OK);
	assert_int_equal(respond(&p), OAP_BAD_CIPHER);
	close_pair(&p);
}

static void a_rekey_with_a_key_that_lasts_is_refused(void **state)
{
	struct pair p;

	(void)state;
	client_mode("ML-KEM-768");
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	p.sp.cipher = 901;
	assert_int_equal(process(&p), OAP_OK);
	assert_int_equal(respond(&p), OAP_BAD_KEX);
	close_pair(&p);
}

/*
 * In client mode the response has no key exchange, and the KDF of the client.
 */
static void an_answer_with_another_kdf_is_refused(void **state)
{
	struct pair p;
	uint8_t *msg;
	size_t len;

	(void)state;
	client_mode("ML-KEM-768");
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	respond_ok(&p);
	msg = copy_of(p.rsp, &len);
	msg[26] = 674 >> 8;
	msg[27] = 674 & 0xff;
	assert_int_equal(complete_bytes(&p, msg, len), OAP_BAD_CIPHER);
	free(msg);
	/* the key is still there */
	assert_int_equal(complete(&p), OAP_OK);
	same_keys(&p);
	close_pair(&p);
}

static void an_answer_with_a_key_exchange_nobody_asked_for_is_refused(void **state)
{
	struct pair p;
	uint8_t *msg, *longer;
	size_t len;

	(void)state;
	client_mode("ML-KEM-768");
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	respond_ok(&p);
	msg = copy_of(p.rsp, &len);
	longer = malloc(len + 8);
	memcpy(longer, msg, OAP_HDR_LEN);
	memset(longer + OAP_HDR_LEN, 7, 8);
	memcpy(longer + OAP_HDR_LEN + 8, msg + OAP_HDR_LEN, len - OAP_HDR_LEN);
	longer[33] = 8;
	assert_int_equal(complete_bytes(&p, longer, len + 8), OAP_MISMATCH);
	free(longer);
	free(msg);
	close_pair(&p);
}

/* Unusable files */

static enum oap_code client_mode_exchange(void)
{
	enum oap_code code;
	struct pair p;

	open_pair(&p, OAP_AUTH_NONE);
	code = oap_request(p.cli, &p.cp, &p.req, &p.err);
	if (!code) {
		assert_int_equal(process(&p), OAP_OK);
		code = respond(&p);
	}
	close_pair(&p);
	return code;
}

static const char * const kinds[] = { "ML-KEM-768", "X25519MLKEM768" };

static char *key_file(const char *kex)
{
	return path("srv/server/%s/kex.key.%s", NAME,
		    strcmp(kex, kinds[0]) ? "raw" : "pem");
}

static char *public_file(const char *kex)
{
	return path("cli/client/%s/kex.srv.pub.%s", NAME,
		    strcmp(kex, kinds[0]) ? "raw" : "pem");
}

static void test_missing_files(void **state)
{
	client_mode(*state);
	assert_int_equal(client_mode_exchange(), OAP_OK);
	unlink(key_file(*state));
	assert_int_equal(client_mode_exchange(), OAP_BAD_CONFIG);
	unlink(public_file(*state));
	assert_int_equal(client_mode_exchange(), OAP_BAD_CONFIG);
}

static void test_readable_key(void **state)
{
	client_mode(*state);
	chmod(key_file(*state), 0644);
	assert_int_equal(client_mode_exchange(), OAP_BAD_CONFIG);
	chmod(key_file(*state), 0640);
	assert_int_equal(client_mode_exchange(), OAP_OK);
}

static void test_short_files(void **state)
{
	client_mode(*state);
	assert_int_equal(truncate(key_file(*state), 1000), 0);
	assert_int_equal(client_mode_exchange(), OAP_BAD_CONFIG);
	assert_int_equal(truncate(key_file(*state), 0), 0);
	assert_int_equal(client_mode_exchange(), OAP_BAD_CONFIG);
	client_mode(*state);
	assert_int_equal(truncate(public_file(*state), 1000), 0);
	assert_int_equal(client_mode_exchange(), OAP_BAD_CONFIG);
}

static struct suite suite;

static void add_each(const char * const *names, size_t n,
		     CMUnitTestFunction f, const char *what)
{
	size_t i;

	for (i = 0; i < n; i++)
		suite_add(&suite, f, names[i], "%s: %s", names[i], what);
}

static void add_kems(CMUnitTestFunction f, const char *what)
{
	add_each(kems, COUNT(kems), f, what);
}

int main(void)
{
	size_t i;

	add_kems(test_client_mode,
		 "client mode, every KDF and cipher gives one key");
	add_kems(test_unconfigured_server,
		 "a server without encryption of its own takes it");
	add_kems(test_kem_key, "the key is made as the protocol says");
	add_kems(test_rekey, "a re-key is with a fresh key");
	add_kems(test_corrupted_ciphertext,
		 "a corrupted ciphertext never gives the key");
	add_kems(test_truncated_ciphertext,
		 "a truncated ciphertext is refused");
	add_kems(test_truncated_public_key,
		 "a truncated public key is refused");
	add_kems(test_truncated_in_client_mode,
		 "client mode, a truncated ciphertext is refused");
	add_kems(test_wrong_key_pair,
		 "client mode, the wrong key never gives the key");
	for (i = 0; i < COUNT(refusals); i++)
		suite_add(&suite, test_refused, &refusals[i],
			  "client mode is refused by a server with %s",
			  refusals[i].name);
	add_each(kinds, COUNT(kinds), test_missing_files,
		 "client mode without the file of the key is refused");
	add_each(kinds, COUNT(kinds), test_readable_key,
		 "a key that everybody may read is refused");
	add_each(kinds, COUNT(kinds), test_short_files,
		 "a damaged key file is refused");
	SUITE_ADD(&suite, kems_are_on_the_wire_as_with_ouroboros);
	SUITE_ADD(&suite, a_server_in_client_mode_takes_a_fresh_key);
	SUITE_ADD(&suite, the_ciphertext_for_another_request_gives_another_key);
	SUITE_ADD(&suite, rubbish_in_client_mode_is_refused);
	SUITE_ADD(&suite, a_rekey_with_a_key_that_lasts_is_refused);
	SUITE_ADD(&suite, an_answer_with_another_kdf_is_refused);
	SUITE_ADD(&suite, an_answer_with_a_key_exchange_nobody_asked_for_is_refused);
	return suite_run(&suite, "oap: KEM");
}
