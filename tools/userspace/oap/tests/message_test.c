// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Messages modified in transit. Signed messages are refused after any change,
 * unsigned ones at least if they are malformed.
 */

#include <stdlib.h>
#include <string.h>

#include "pair.h"

/* Signed messages: flip every bit */

struct type {
	const char *name;
	bool thorough;		/* every bit; otherwise one in each byte */
};

/* Messages with ML-DSA are ten times as long. */
static const struct type types[] = {
	{ "ED25519", true },
	{ "EC", true },
	{ "RSA", false },
	{ "ML-DSA-44", false },
};

typedef enum oap_code (*taker)(struct pair *p, const uint8_t *msg, size_t len);

/* Flip each bit, then all bits of a byte. */
static void refuse_changed(struct pair *p, taker take,
			   const struct oap_run *run, bool thorough)
{
	uint8_t *msg, old;
	size_t i, len;
	int bit;

	/* exactly sized, so that the sanitizer sees an overrun */
	msg = copy_of(run, &len);
	for (i = 0; i < len; i++) {
		old = msg[i];
		for (bit = 0; bit < 9; bit++) {
			if (!thorough && bit != (int)i % 9)
				continue;
			msg[i] = old ^ (bit < 8 ? 1 << bit : 0xff);
			if (!take(p, msg, len))
				fail_msg("byte %zu of %zu, %02x instead of %02x: taken",
					 i, len, msg[i], old);
		}
		msg[i] = old;
	}
	free(msg);
}

static void open_signed(struct pair *p, const char *type)
{
	need_pq(type);
	credentials(type, &test_ca);
	open_pair(p, OAP_AUTH_REQUIRED);
	p->cp.data = (const uint8_t *)"data";
	p->cp.data_len = 4;
	p->sp.data = (const uint8_t *)"more";
	p->sp.data_len = 4;
}

static void test_bits_of_request(void **state)
{
	const struct type *type = *state;
	struct pair p;

	open_signed(&p, type->name);
	request_ok(&p);
	refuse_changed(&p, process_bytes, p.req, type->thorough);
	/* the replay cache has none of the modified requests */
	assert_int_equal(process(&p), OAP_OK);
	close_pair(&p);
}

static void test_bits_of_response(void **state)
{
	const struct type *type = *state;
	struct pair p;

	open_signed(&p, type->name);
	request_ok(&p);
	respond_ok(&p);
	refuse_changed(&p, complete_bytes, p.rsp, type->thorough);
	/* the refused responses leave the exchange intact */
	assert_int_equal(complete(&p), OAP_OK);
	same_keys(&p);
	close_pair(&p);
}

/* The server cannot verify an unsigned request, but the client notices. */
static void the_response_reveals_a_modified_request(void **state)
{
	struct pair p;
	uint8_t *msg;
	size_t len;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	msg = copy_of(p.req, &len);
	msg[23] ^= 1;			/* 1 ns in the timestamp */
	assert_int_equal(process_bytes(&p, msg, len), OAP_OK);
	assert_int_equal(respond(&p), OAP_OK);
	assert_int_equal(complete(&p), OAP_MISMATCH);
	free(msg);
	close_pair(&p);
}

/* Signed messages: remove parts */

/* Remove the certificate and the signature. */
static uint8_t *strip(const struct oap_run *run, size_t hash_len, bool crt,
		      bool sig, size_t *len)
{
	size_t all, cut_crt, cut_sig;
	uint8_t *msg = copy_of(run, &all), *out;
	struct oap_hdr hdr;
	struct oap_err err;

	assert_int_equal(oap_wire_decode(&hdr, msg, all, hash_len, &err), OAP_OK);
	cut_crt = crt ? hdr.crt.len : 0;
	cut_sig = sig ? hdr.sig.len : 0;
	*len = all - cut_crt - cut_sig;
	out = malloc(*len);
	memcpy(out, msg, OAP_HDR_LEN);
	memcpy(out + OAP_HDR_LEN, msg + OAP_HDR_LEN + cut_crt,
	       *len - OAP_HDR_LEN);
	if (crt)
		memset(out + 30, 0, 2);
	free(msg);
	return out;
}

struct stripped {
	const char *name;
	bool crt, sig;
	enum oap_auth auth;
	enum oap_code code;
};

static const struct stripped strips[] = {
	{ "certificate and signature", true, true, OAP_AUTH_REQUIRED,
	  OAP_UNSIGNED },
	{ "certificate", true, false, OAP_AUTH_REQUIRED, OAP_MALFORMED },
	{ "signature", false, true, OAP_AUTH_REQUIRED, OAP_MALFORMED },
	{ "certificate (auth = optional)", true, false, OAP_AUTH_OPTIONAL,
	  OAP_MALFORMED },
	{ "signature (auth = optional)", false, true, OAP_AUTH_OPTIONAL,
	  OAP_MALFORMED },
};

static void test_stripped_request(void **state)
{
	const struct stripped *c = *state;
	struct pair p;
	uint8_t *msg;
	size_t len;

	open_signed(&p, "ED25519");
	p.sp.auth = c->auth;
	request_ok(&p);
	msg = strip(p.req, 0, c->crt, c->sig, &len);
	assert_int_equal(process_bytes(&p, msg, len), c->code);
	free(msg);
	close_pair(&p);
}

static void test_stripped_response(void **state)
{
	const struct stripped *c = *state;
	struct pair p;
	uint8_t *msg;
	size_t len;

	open_signed(&p, "ED25519");
	p.cp.auth = c->auth;
	request_ok(&p);
	respond_ok(&p);
	msg = strip(p.rsp, 32, c->crt, c->sig, &len);
	assert_int_equal(complete_bytes(&p, msg, len), c->code);
	assert_int_equal(oap_cipher(p.req), 0);
	free(msg);
	close_pair(&p);
}

/* Truncated and extended messages */

static void refuse_lengths(struct pair *p, taker take,
			   const struct oap_run *run)
{
	uint8_t *msg, *cut;
	size_t i, len;

	msg = copy_of(run, &len);
	for (i = 0; i < len; i++) {
		cut = malloc(i ? i : 1);
		memcpy(cut, msg, i);
		if (!take(p, cut, i))
			fail_msg("%zu of %zu bytes: taken", i, len);
		free(cut);
	}
	cut = malloc(len + 1);
	memcpy(cut, msg, len);
	cut[len] = 0;
	assert_int_not_equal(take(p, cut, len + 1), OAP_OK);
	free(cut);
	free(msg);
}

static void every_length(enum oap_auth auth)
{
	struct pair p;

	open_pair(&p, auth);
	request_ok(&p);
	refuse_lengths(&p, process_bytes, p.req);
	respond_ok(&p);
	refuse_lengths(&p, complete_bytes, p.rsp);
	assert_int_equal(complete(&p), OAP_OK);
	same_keys(&p);
	close_pair(&p);
}

static void unsigned_messages_of_another_length_are_refused(void **state)
{
	(void)state;
	every_length(OAP_AUTH_NONE);
}

static void test_lengths(void **state)
{
	const struct type *type = *state;

	need_pq(type->name);
	credentials(type->name, &test_ca);
	every_length(OAP_AUTH_REQUIRED);
}

static void a_message_beyond_the_limit_is_refused(void **state)
{
	uint8_t *msg = calloc(1, OAP_MSG_MAX + 1);
	struct pair p;
	size_t len;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	assert_int_equal(process_bytes(&p, msg, OAP_MSG_MAX + 1),
			 OAP_MALFORMED);
	assert_null(oap_peek(msg, OAP_MSG_MAX + 1, &len));
	assert_int_equal(process_bytes(&p, msg, 0), OAP_MALFORMED);
	free(msg);
	close_pair(&p);
}

/* Fields of an unsigned request */

struct field {
	const char *name;
	size_t at;
	int add;
	enum oap_code code;
};

static const struct field fields[] = {
	{ "unchanged", 34, 0, OAP_OK },
	{ "inflated length of the certificate", 30, 1, OAP_MALFORMED },
	{ "inflated length of the key exchange", 32, 1, OAP_MALFORMED },
	{ "inflated length of the data", 34, 1, OAP_MALFORMED },
	{ "the largest length of the certificate", 30, 0xffff, OAP_MALFORMED },
	{ "the largest length of the data", 34, 0xffff, OAP_MALFORMED },
	{ "deflated length of the key exchange", 32, -1, OAP_MALFORMED },
	{ "length 0 of the key exchange", 32, -44, OAP_MALFORMED },
	{ "a key that is not raw, with the raw flag", 32, 0x8000, OAP_BAD_KEX },
	{ "a public key, with the ciphertext flag", 32, 0x4000,
	  OAP_BAD_KEX },
	{ "a public key, with both flags", 32, 0xc000, OAP_BAD_KEX },
};

static void test_field(void **state)
{
	const struct field *c = *state;
	enum oap_code code;
	struct pair p;
	uint8_t *msg;
	size_t len;
	int v;

	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	msg = copy_of(p.req, &len);
	v = (msg[c->at] << 8 | msg[c->at + 1]) + c->add;
	msg[c->at] = v >> 8;
	msg[c->at + 1] = v & 0xff;
	code = process_bytes(&p, msg, len);
	if (!code)
		code = respond(&p);
	assert_int_equal(code, c->code);
	free(msg);
	close_pair(&p);
}

/* Key exchange flags without a key exchange. */
static void flags_without_key_exchange_are_refused(void **state)
{
	uint8_t msg[OAP_HDR_LEN] = { 0 };
	struct oap_hdr hdr;
	struct oap_err err;

	(void)state;
	assert_int_equal(oap_wire_decode(&hdr, msg, sizeof(msg), 0, &err), OAP_OK);
	msg[32] = 0x80;
	assert_int_equal(oap_wire_decode(&hdr, msg, sizeof(msg), 0, &err),
			 OAP_MALFORMED);
	msg[32] = 0x40;
	assert_int_equal(oap_wire_decode(&hdr, msg, sizeof(msg), 0, &err),
			 OAP_MALFORMED);
}

/* Wrong responses */

static void a_response_to_another_request_is_refused(void **state)
{
	struct oap_run *second;
	const uint8_t *msg;
	struct pair p;
	size_t len;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	respond_ok(&p);
	msg = oap_message(p.rsp, &len);
	assert_int_equal(oap_request(p.cli, &p.cp, &second, &p.err), OAP_OK);
	assert_int_equal(oap_complete(second, &p.cp, msg, len, &p.err),
			 OAP_MISMATCH);
	oap_free(second);
	close_pair(&p);
}

static void a_request_is_refused_as_a_response(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	assert_int_not_equal(complete_bytes(&p, p.req->out.p, p.req->out.len),
			     OAP_OK);
	close_pair(&p);
}

/* The response of the server is sent back to the server. */
static void a_reflected_response_is_refused_as_a_request(void **state)
{
	struct pair p;

	(void)state;
	credentials("ED25519", &test_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	respond_ok(&p);
	oap_free(p.req);
	p.req = p.rsp;
	p.rsp = NULL;
	assert_int_equal(process(&p), OAP_BAD_SIGNATURE);
	close_pair(&p);
}

/* Change one byte of the id or of the request hash. */
static void a_response_with_another_id_or_hash_is_refused(void **state)
{
	struct pair p;
	uint8_t *msg;
	size_t len;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	respond_ok(&p);
	msg = copy_of(p.rsp, &len);
	msg[3] ^= 1;
	assert_int_equal(complete_bytes(&p, msg, len), OAP_MISMATCH);
	msg[3] ^= 1;
	msg[len - 1] ^= 1;
	assert_int_equal(complete_bytes(&p, msg, len), OAP_MISMATCH);
	msg[len - 1] ^= 1;
	assert_int_equal(complete_bytes(&p, msg, len), OAP_OK);
	free(msg);
	close_pair(&p);
}

static void an_exchange_is_answered_and_completed_only_once(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	exchange_ok(&p);
	assert_int_equal(respond(&p), OAP_INTERNAL);
	assert_int_equal(complete(&p), OAP_INTERNAL);
	same_keys(&p);
	close_pair(&p);
}

static struct suite suite;

int main(void)
{
	const char *bits;
	size_t i;

	for (i = 0; i < COUNT(types); i++) {
		bits = types[i].thorough ? "every bit" : "a bit of each byte";
		suite_add(&suite, test_bits_of_request, &types[i],
			  "%s: %s of a request is protected", types[i].name,
			  bits);
		suite_add(&suite, test_bits_of_response, &types[i],
			  "%s: %s of a response is protected", types[i].name,
			  bits);
		suite_add(&suite, test_lengths, &types[i],
			  "%s: messages of another length are refused",
			  types[i].name);
	}
	SUITE_ADD(&suite, unsigned_messages_of_another_length_are_refused);
	SUITE_ADD(&suite, a_message_beyond_the_limit_is_refused);
	for (i = 0; i < COUNT(strips); i++) {
		suite_add(&suite, test_stripped_request, &strips[i],
			  "request without its %s is refused", strips[i].name);
		suite_add(&suite, test_stripped_response, &strips[i],
			  "response without its %s is refused",
			  strips[i].name);
	}
	for (i = 0; i < COUNT(fields); i++)
		suite_add(&suite, test_field, &fields[i], "request, %s: %s",
			  fields[i].name,
			  fields[i].code ? "refused" : "accepted");
	SUITE_ADD(&suite, flags_without_key_exchange_are_refused);
	SUITE_ADD(&suite, the_response_reveals_a_modified_request);
	SUITE_ADD(&suite, a_response_to_another_request_is_refused);
	SUITE_ADD(&suite, a_request_is_refused_as_a_response);
	SUITE_ADD(&suite, a_reflected_response_is_refused_as_a_request);
	SUITE_ADD(&suite, a_response_with_another_id_or_hash_is_refused);
	SUITE_ADD(&suite, an_exchange_is_answered_and_completed_only_once);
	return suite_run(&suite, "oap: changed messages");
}
