// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* ML-KEM and its hybrids: damaged messages, and keys that do not match. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kems.h"

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
	cli_conf(kem_conf(*state, "server"));
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
	cli_conf(kem_conf(*state, "server"));
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
	cli_conf(kem_conf(*state, "server"));
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

	kem_client_mode(*state);
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

	kem_client_mode(*state);
	ext = oap_nid_kex_by_name(*state)->kind == OAP_KEX_HYBRID ? "raw" : "pem";
	rename(path("srv/server/%s/kex.key.%s", NAME, ext), path("old"));
	kem_key_files(*state);
	rename(path("old"), path("srv/server/%s/kex.key.%s", NAME, ext));
	open_pair(&p, OAP_AUTH_NONE);
	exchange_ok(&p);
	assert_true(keys_differ(&p));
	close_pair(&p);
}

/* Use the ciphertext of another exchange, in response to another request. */
static void a_ciphertext_for_another_request_gives_another_key(void **state)
{
	struct pair p[2];
	uint8_t *msg, *kex, *from;
	size_t i, len, other_len, n;
	uint8_t a[32], b[32];

	(void)state;
	need_pq("ML-KEM");
	cli_conf(kem_conf("ML-KEM-768", "server"));
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

static struct suite suite;

int main(void)
{
	kem_add(&suite, test_corrupted_ciphertext,
		 "a corrupted ciphertext never gives the same key");
	kem_add(&suite, test_truncated_ciphertext,
		 "a truncated ciphertext is refused");
	kem_add(&suite, test_truncated_public_key,
		 "a truncated public key is refused");
	kem_add(&suite, test_truncated_in_client_mode,
		 "client mode, a truncated ciphertext is refused");
	kem_add(&suite, test_wrong_key_pair,
		 "client mode, a mismatched static key never gives the same key");
	SUITE_ADD(&suite, a_ciphertext_for_another_request_gives_another_key);
	return suite_run(&suite, "oap: KEM, damaged messages");
}
