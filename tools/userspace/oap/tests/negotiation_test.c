// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Negotiation: the result for both sides, and refused downgrades. */

#include <stdlib.h>
#include <string.h>

#include "pair.h"

#define AES128	895
#define AES192	898
#define AES256	901
#define CHACHA	1018
#define SHA256	672
#define SHA512	674

/* Result of the preferences of both sides */

struct agreed {
	const char *name;
	const char *cli, *srv;	/* enc.conf; NULL: no file */
	uint16_t cipher, kdf;
};

static const struct agreed agreed[] = {
	{ "the defaults, without files", NULL, NULL, AES256, SHA256 },
	{ "the server's cipher and KDF, if stronger",
	  "cipher = aes-128-gcm\nkdf = sha256\n",
	  "cipher = aes-256-gcm\nkdf = sha512\n", AES256, SHA512 },
	{ "the client's cipher and KDF, if stronger",
	  "cipher = chacha20-poly1305\nkdf = sha512\n",
	  "cipher = aes-256-gcm\nkdf = sha256\n", CHACHA, SHA512 },
	{ "the stronger cipher and the stronger KDF, independently",
	  "cipher = chacha20-poly1305\nkdf = sha256\n",
	  "cipher = aes-128-gcm\nkdf = sha512\n", CHACHA, SHA512 },
	{ "the cipher of both sides, if equal", "cipher = aes-128-gcm\n",
	  "cipher = aes-128-gcm\n", AES128, SHA256 },
	{ "all of the client's, if the server requires no encryption",
	  "kex = X448\ncipher = aes-128-gcm\nkdf = sha3-512\n", "none\n",
	  AES128, 1099 },
	{ "the client's stronger key exchange", "kex = secp521r1\n",
	  "kex = X25519\n", AES256, SHA256 },
};

static void test_agreed(void **state)
{
	const struct agreed *c = *state;
	struct oap_hdr hdr;
	const uint8_t *msg;
	struct pair p;
	size_t len;

	if (c->cli)
		cli_conf(c->cli);
	if (c->srv)
		srv_conf(c->srv);
	open_pair(&p, OAP_AUTH_NONE);
	exchange_ok(&p);
	same_keys(&p);
	assert_int_equal(oap_cipher(p.req), c->cipher);
	msg = oap_message(p.rsp, &len);
	assert_int_equal(oap_wire_decode(&hdr, msg, len, 32, &p.err), OAP_OK);
	assert_int_equal(hdr.cipher, c->cipher);
	assert_int_equal(hdr.kdf, c->kdf);
	close_pair(&p);
}

static void an_exchange_without_encryption_gives_no_key(void **state)
{
	uint8_t seed[32];
	struct pair p;

	(void)state;
	cli_conf("none\n");
	srv_conf("none\n");
	open_pair(&p, OAP_AUTH_NONE);
	exchange_ok(&p);
	assert_int_equal(oap_cipher(p.req), 0);
	assert_int_equal(oap_cipher(p.rsp), 0);
	assert_int_equal(oap_seed(p.req, 0, seed, &p.err), OAP_INTERNAL);
	assert_int_equal(oap_key(p.rsp, seed, &p.err), OAP_INTERNAL);
	close_pair(&p);
}

/* Refusals by the server; each names the remedy within REASON_MAX bytes */

#define WEAKER(a, b)	a " is weaker than " b " of the responder: set that kex, or a stronger one, in enc.conf"
#define NO_KEX		"no key exchange is offered, but '" NAME "' requires encryption: set kex in the initiator's enc.conf"
#define NOT_LISTED(a)	a " is not in the responder's accept-kex: add it there, or choose another kex in enc.conf"
#define UNKNOWN(a)	"unknown " a " 9999: upgrade the older side, or set another in enc.conf"

/* Check the code and, of a refusal, the text. */
static void refused(const struct pair *p, enum oap_code code,
		    enum oap_code want, const char *text)
{
	assert_int_equal(code, want);
	if (!want)
		return;
	assert_string_equal(p->err.text, text);
	assert_true(strlen(text) <= REASON_MAX);
}

static enum oap_code ask(const char *cli, const char *srv, const char *text)
{
	enum oap_code code;
	struct pair p;
	size_t len;

	if (cli)
		cli_conf(cli);
	if (srv)
		srv_conf(srv);
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	code = respond(&p);
	if (code)
		refused(&p, code, code, text);
	oap_message(p.rsp, &len);
	assert_true(!code == !!len);
	assert_true(!code == !!oap_cipher(p.rsp));
	close_pair(&p);
	return code;
}

static void a_client_without_encryption_is_refused(void **state)
{
	(void)state;
	assert_int_equal(ask("none\n", NULL, NO_KEX), OAP_BAD_KEX);
	assert_int_equal(ask("none\n", "kex = ffdhe2048\n", NO_KEX), OAP_BAD_KEX);
}

static void a_weaker_key_exchange_is_refused(void **state)
{
	(void)state;
	assert_int_equal(ask("kex = ffdhe2048\n", NULL,
			     WEAKER("ffdhe2048", "prime256v1")), OAP_BAD_KEX);
	assert_int_equal(ask("kex = ffdhe2048\n", "kex = X25519\n",
			     WEAKER("ffdhe2048", "X25519")), OAP_BAD_KEX);
	assert_int_equal(ask("kex = secp521r1\n", "kex = ML-KEM-512\n",
			     WEAKER("secp521r1", "ML-KEM-512")), OAP_BAD_KEX);
	assert_int_equal(ask("kex = X25519\n", "kex = X25519\n", NULL), OAP_OK);
}

static const struct accept {
	const char *name;
	const char *cli, *srv, *accept;
	enum oap_code code;
	const char *text;	/* of the refusal */
} accepts[] = {
	{ "not listed: refused", "kex = ffdhe3072\n", "kex = X25519\n",
	  "X25519 secp521r1", OAP_BAD_KEX, NOT_LISTED("ffdhe3072") },
	{ "listed by parts of its name only: refused", "kex = ffdhe3072\n", "kex = X25519\n",
	  "ffdhe30 ffdhe30722 3072", OAP_BAD_KEX, NOT_LISTED("ffdhe3072") },
	{ "listed first: accepted", "kex = ffdhe3072\n", "kex = X25519\n",
	  "ffdhe3072 X25519", OAP_OK, NULL },
	{ "listed last: accepted", "kex = ffdhe3072\n", "kex = X25519\n",
	  "X25519 ffdhe3072", OAP_OK, NULL },
	{ "not listed, but the server's own: accepted", "kex = ffdhe3072\n", "kex = ffdhe3072\n",
	  "X25519", OAP_OK, NULL },
	{ "with an empty list: refused", "kex = secp521r1\n",
	  "kex = X25519\n", "", OAP_BAD_KEX, NOT_LISTED("secp521r1") },
};

static void test_accept(void **state)
{
	const struct accept *c = *state;
	struct pair p;

	cli_conf(c->cli);
	srv_conf(c->srv);
	open_pair(&p, OAP_AUTH_NONE);
	p.sp.kex_accept = c->accept;
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	refused(&p, respond(&p), c->code, c->text);
	close_pair(&p);
}

struct field {
	const char *name;
	size_t at;
	uint16_t value;
	enum oap_code code;
	const char *text;	/* of the refusal */
};

static const struct field fields[] = {
	{ "an unknown cipher is refused", 24, 9999, OAP_BAD_CIPHER,
	  UNKNOWN("cipher") },
	{ "an unknown KDF is refused", 26, 9999, OAP_BAD_CIPHER,
	  UNKNOWN("key derivation digest") },
	{ "an unknown digest is refused", 28, 9999, OAP_BAD_CIPHER,
	  UNKNOWN("signature digest") },
	{ "a digest that is not a supported KDF is refused", 26, 64, OAP_BAD_CIPHER,
	  "unknown key derivation digest 64: upgrade the older side, or set another in enc.conf" },
	{ "the number of a cipher as KDF is refused", 26, AES256,
	  OAP_BAD_CIPHER, "unknown key derivation digest 901: upgrade the older side, or set another in enc.conf" },
	{ "without a cipher the server's is selected", 24, 0, OAP_OK, NULL },
	{ "without a KDF the server's is selected", 26, 0, OAP_OK, NULL },
	{ "an unsupported cipher is raised to a supported one", 24, AES192,
	  OAP_OK, NULL },
	{ "AES-CTR is raised to a supported cipher", 24, 906, OAP_OK, NULL },
};

/* An unsigned request with one field changed. */
static void test_field(void **state)
{
	const struct field *c = *state;
	enum oap_code code;
	uint8_t *msg;
	struct pair p;
	size_t len;

	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	msg = copy_of(p.req, &len);
	msg[c->at] = c->value >> 8;
	msg[c->at + 1] = c->value & 0xff;
	code = process_bytes(&p, msg, len);
	if (!code)
		code = respond(&p);
	refused(&p, code, c->code, c->text);
	if (!code)
		assert_int_equal(oap_cipher(p.rsp), AES256);
	free(msg);
	close_pair(&p);
}

/* A cipher requires a key exchange. */
static void a_cipher_without_key_exchange_is_refused(void **state)
{
	struct pair p;
	uint8_t *msg;
	size_t len;

	(void)state;
	cli_conf("none\n");
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	msg = copy_of(p.req, &len);
	msg[24] = AES256 >> 8;
	msg[25] = AES256 & 0xff;
	assert_int_equal(process_bytes(&p, msg, len), OAP_OK);
	assert_int_equal(respond(&p), OAP_BAD_KEX);
	free(msg);
	close_pair(&p);
}

static void a_request_is_refused_if_neither_side_names_a_cipher(void **state)
{
	struct pair p;
	uint8_t *msg;
	size_t len;

	(void)state;
	srv_conf("none\n");
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	msg = copy_of(p.req, &len);
	memset(msg + 24, 0, 2);
	assert_int_equal(process_bytes(&p, msg, len), OAP_OK);
	assert_int_equal(respond(&p), OAP_BAD_CIPHER);
	free(msg);
	close_pair(&p);
}

/* A request that names no digest is hashed with SHA-384. */
static void a_request_without_digest_is_answered(void **state)
{
	uint8_t hash[48];
	const uint8_t *rsp;
	struct oap_hdr hdr;
	struct pair p;
	uint8_t *msg;
	size_t len, rsp_len;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	msg = copy_of(p.req, &len);
	memset(msg + 28, 0, 2);
	assert_int_equal(process_bytes(&p, msg, len), OAP_OK);
	assert_int_equal(respond(&p), OAP_OK);
	EVP_Digest(msg, len, hash, NULL, EVP_sha384(), NULL);
	rsp = oap_message(p.rsp, &rsp_len);
	assert_int_equal(oap_wire_decode(&hdr, rsp, rsp_len, 48, &p.err), OAP_OK);
	assert_memory_equal(hdr.hash.p, hash, 48);
	free(msg);
	close_pair(&p);
}

/* Refusals by the client */

#define SELECTS(a)	"the response selects " a ", which is not acceptable for aes-256-gcm: set cipher in the responder's enc.conf"
#define WEAKER_KDF	"the response selects a weaker key derivation digest: raise kdf in the responder's enc.conf"

static const struct field downgrades[] = {
	{ "aes-128-ctr", 24, 904, OAP_BAD_CIPHER,
	  SELECTS("aes-128-ctr") },
	{ "aes-256-ctr", 24, 906, OAP_BAD_CIPHER,
	  SELECTS("aes-256-ctr") },
	{ "aes-128-gcm", 24, AES128, OAP_BAD_CIPHER,
	  SELECTS("aes-128-gcm") },
	{ "aes-192-gcm", 24, AES192, OAP_BAD_CIPHER,
	  SELECTS("aes-192-gcm") },
	{ "no cipher", 24, 0, OAP_BAD_CIPHER,
	  SELECTS("none") },
	{ "an unknown cipher", 24, 9999, OAP_BAD_CIPHER,
	  UNKNOWN("cipher") },
	{ "a weaker KDF", 26, 1057, OAP_BAD_CIPHER,
	  WEAKER_KDF },
	{ "no KDF", 26, 0, OAP_BAD_CIPHER,
	  WEAKER_KDF },
	{ "an unknown KDF", 26, 9999, OAP_BAD_CIPHER,
	  UNKNOWN("key derivation digest") },
	{ "an unknown digest", 28, 9999, OAP_BAD_CIPHER,
	  UNKNOWN("signature digest") },
};

/* An unsigned response with one field changed, then the unchanged response. */
static void test_downgrade(void **state)
{
	const struct field *c = *state;
	uint8_t *msg;
	struct pair p;
	size_t len;

	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	respond_ok(&p);
	msg = copy_of(p.rsp, &len);
	msg[c->at] = c->value >> 8;
	msg[c->at + 1] = c->value & 0xff;
	refused(&p, complete_bytes(&p, msg, len), c->code, c->text);
	assert_int_equal(oap_cipher(p.req), 0);
	assert_int_equal(complete(&p), OAP_OK);
	same_keys(&p);
	free(msg);
	close_pair(&p);
}

/* The response lacks the requested key exchange. */
static void a_response_without_key_exchange_is_refused(void **state)
{
	struct pair p;
	uint8_t *msg, *cut;
	size_t len;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	respond_ok(&p);
	msg = copy_of(p.rsp, &len);
	cut = malloc(len - 44);
	memcpy(cut, msg, OAP_HDR_LEN);
	memcpy(cut + OAP_HDR_LEN, msg + OAP_HDR_LEN + 44, 32);
	cut[33] = 0;
	assert_int_equal(complete_bytes(&p, cut, len - 44), OAP_BAD_KEX);
	free(cut);
	free(msg);
	close_pair(&p);
}

static void a_response_with_an_unrequested_key_exchange_is_refused(void **state)
{
	struct pair p;
	uint8_t *msg, *longer;
	size_t len;

	(void)state;
	cli_conf("none\n");
	srv_conf("none\n");
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	respond_ok(&p);
	msg = copy_of(p.rsp, &len);
	longer = calloc(1, len + 4);
	memcpy(longer, msg, OAP_HDR_LEN);
	memcpy(longer + OAP_HDR_LEN + 4, msg + OAP_HDR_LEN, len - OAP_HDR_LEN);
	longer[33] = 4;
	assert_int_equal(complete_bytes(&p, longer, len + 4), OAP_MISMATCH);
	free(longer);
	/* a cipher alone is refused, too */
	msg[24] = AES256 >> 8;
	msg[25] = AES256 & 0xff;
	assert_int_equal(complete_bytes(&p, msg, len), OAP_MISMATCH);
	free(msg);
	close_pair(&p);
}

/* Re-keys */

static void a_rekey_keeps_the_cipher_of_the_flow(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	p.cp.cipher = AES128;
	p.sp.cipher = AES128;
	exchange_ok(&p);
	same_keys(&p);
	assert_int_equal(oap_cipher(p.req), AES128);
	close_pair(&p);
}

static void a_rekey_with_another_cipher_is_refused(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	p.cp.cipher = AES128;
	p.sp.cipher = AES256;
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	assert_int_equal(respond(&p), OAP_BAD_CIPHER);
	drop_runs(&p);
	/* the server selects a stronger cipher: the initiator refuses */
	p.sp.cipher = 0;
	request_ok(&p);
	respond_ok(&p);
	assert_int_equal(complete(&p), OAP_BAD_CIPHER);
	close_pair(&p);
}

static void a_rekey_without_encryption_is_refused(void **state)
{
	struct pair p;

	(void)state;
	cli_conf("none\n");
	srv_conf("none\n");
	open_pair(&p, OAP_AUTH_NONE);
	p.cp.cipher = AES256;
	assert_int_equal(oap_request(p.cli, &p.cp, &p.req, &p.err),
			 OAP_BAD_CONFIG);
	p.cp.cipher = 0;
	p.sp.cipher = AES256;
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	assert_int_equal(respond(&p), OAP_BAD_KEX);
	close_pair(&p);
}

static struct suite suite;

int main(void)
{
	size_t i;

	for (i = 0; i < COUNT(agreed); i++)
		suite_add(&suite, test_agreed, &agreed[i], "agreed on: %s",
			  agreed[i].name);
	SUITE_ADD(&suite, an_exchange_without_encryption_gives_no_key);
	SUITE_ADD(&suite, a_client_without_encryption_is_refused);
	SUITE_ADD(&suite, a_weaker_key_exchange_is_refused);
	for (i = 0; i < COUNT(accepts); i++)
		suite_add(&suite, test_accept, &accepts[i],
			  "a stronger key exchange, %s", accepts[i].name);
	for (i = 0; i < COUNT(fields); i++)
		suite_add(&suite, test_field, &fields[i], "request: %s",
			  fields[i].name);
	SUITE_ADD(&suite, a_cipher_without_key_exchange_is_refused);
	SUITE_ADD(&suite, a_request_is_refused_if_neither_side_names_a_cipher);
	SUITE_ADD(&suite, a_request_without_digest_is_answered);
	for (i = 0; i < COUNT(downgrades); i++)
		suite_add(&suite, test_downgrade, &downgrades[i],
			  "a response with %s is refused", downgrades[i].name);
	SUITE_ADD(&suite, a_response_without_key_exchange_is_refused);
	SUITE_ADD(&suite, a_response_with_an_unrequested_key_exchange_is_refused);
	SUITE_ADD(&suite, a_rekey_keeps_the_cipher_of_the_flow);
	SUITE_ADD(&suite, a_rekey_with_another_cipher_is_refused);
	SUITE_ADD(&suite, a_rekey_without_encryption_is_refused);
	return suite_run(&suite, "oap: negotiation");
}
