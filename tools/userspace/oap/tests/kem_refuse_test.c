// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Static keys of KEMs: refusals of both sides, and unusable files. */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kems.h"

/* Client encapsulation that the server refuses */

struct refused {
	const char *name;
	const char *srv;		/* enc.conf of the server, or NULL */
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

	kem_client_mode("ML-KEM-768");
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

/* Rubbish of 32 bytes with the client flag must not set up a key exchange. */
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

static void a_rekey_with_a_static_key_is_refused(void **state)
{
	struct pair p;

	(void)state;
	kem_client_mode("ML-KEM-768");
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	p.sp.cipher = 901;
	assert_int_equal(process(&p), OAP_OK);
	assert_int_equal(respond(&p), OAP_BAD_KEX);
	close_pair(&p);
}

/*
 * In client mode the response has no key exchange data, and the KDF of the
 * client.
 */
static void a_response_with_another_kdf_is_refused(void **state)
{
	struct pair p;
	uint8_t *msg;
	size_t len;

	(void)state;
	kem_client_mode("ML-KEM-768");
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	respond_ok(&p);
	msg = copy_of(p.rsp, &len);
	msg[26] = 674 >> 8;
	msg[27] = 674 & 0xff;
	assert_int_equal(complete_bytes(&p, msg, len), OAP_BAD_CIPHER);
	free(msg);
	/* the refused response leaves the key intact */
	assert_int_equal(complete(&p), OAP_OK);
	same_keys(&p);
	close_pair(&p);
}

static void a_response_with_an_unrequested_key_exchange_is_refused(void **state)
{
	struct pair p;
	uint8_t *msg, *longer;
	size_t len;

	(void)state;
	kem_client_mode("ML-KEM-768");
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
	kem_client_mode(*state);
	assert_int_equal(client_mode_exchange(), OAP_OK);
	unlink(key_file(*state));
	assert_int_equal(client_mode_exchange(), OAP_BAD_CONFIG);
	unlink(public_file(*state));
	assert_int_equal(client_mode_exchange(), OAP_BAD_CONFIG);
}

static void test_readable_key(void **state)
{
	kem_client_mode(*state);
	chmod(key_file(*state), 0644);
	assert_int_equal(client_mode_exchange(), OAP_BAD_CONFIG);
	chmod(key_file(*state), 0640);
	assert_int_equal(client_mode_exchange(), OAP_OK);
}

static void test_short_files(void **state)
{
	kem_client_mode(*state);
	assert_int_equal(truncate(key_file(*state), 1000), 0);
	assert_int_equal(client_mode_exchange(), OAP_BAD_CONFIG);
	assert_int_equal(truncate(key_file(*state), 0), 0);
	assert_int_equal(client_mode_exchange(), OAP_BAD_CONFIG);
	kem_client_mode(*state);
	assert_int_equal(truncate(public_file(*state), 1000), 0);
	assert_int_equal(client_mode_exchange(), OAP_BAD_CONFIG);
}

static struct suite suite;

int main(void)
{
	size_t i;

	for (i = 0; i < COUNT(refusals); i++)
		suite_add(&suite, test_refused, &refusals[i],
			  "client mode is refused by a server with %s",
			  refusals[i].name);
	suite_add_each(&suite, kinds, COUNT(kinds), test_missing_files,
		       "client mode without the key file is refused");
	suite_add_each(&suite, kinds, COUNT(kinds), test_readable_key,
		       "a world-readable key is refused");
	suite_add_each(&suite, kinds, COUNT(kinds), test_short_files,
		       "a damaged key file is refused");
	SUITE_ADD(&suite, rubbish_in_client_mode_is_refused);
	SUITE_ADD(&suite, a_rekey_with_a_static_key_is_refused);
	SUITE_ADD(&suite, a_response_with_another_kdf_is_refused);
	SUITE_ADD(&suite, a_response_with_an_unrequested_key_exchange_is_refused);
	return suite_run(&suite, "oap: KEM, refusals");
}
