// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Certificates and signatures: types of keys, and peers that are accepted or
 * refused.
 */

#include <stdlib.h>
#include <string.h>

#include "pair.h"

/* Types of keys */

static const char * const types[] = {
	"EC", "EC-384", "EC-521", "RSA", "ED25519", "ED448", "ML-DSA-44",
	"ML-DSA-65", "ML-DSA-87", "SLH-DSA-SHA2-128s", "SLH-DSA-SHAKE-128s",
};

static const char * const digests[] = {
	"blake2s256", "sha256", "sha3-256", "sha384", "sha3-384", "blake2b512",
	"sha512", "sha3-512",
};

static void check_peers(struct pair *p)
{
	assert_true(oap_peer(p->req)->authenticated);
	assert_string_equal(oap_peer(p->req)->name, NAME);
	assert_true(oap_peer(p->rsp)->authenticated);
	assert_string_equal(oap_peer(p->rsp)->name, US);
	assert_memory_not_equal(oap_peer(p->req)->fingerprint,
				oap_peer(p->rsp)->fingerprint, OAP_FP_LEN);
}

static void test_type(void **state)
{
	struct pair p;

	need_pq(*state);
	credentials(*state, &test_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	exchange_ok(&p);
	same_keys(&p);
	check_peers(&p);
	close_pair(&p);
}

/* The root has a key of the same type as the certificates it signs. */
static void test_root_of_type(void **state)
{
	struct test_crt root;
	struct pair p;

	need_pq(*state);
	root = test_crt_make(*state, "ca", NULL, NULL, 1, -DAY, DAY);
	test_crt_write_as(path("cli/cacert/ca.pem"), &root);
	test_crt_write_as(path("srv/cacert/ca.pem"), &root);
	credentials(*state, &root);
	open_pair(&p, OAP_AUTH_REQUIRED);
	exchange_ok(&p);
	check_peers(&p);
	close_pair(&p);
	test_crt_free(&root);
}

/* Authentication without a key exchange and without a digest in the header. */
static void test_auth_only(void **state)
{
	struct pair p;

	need_pq(*state);
	cli_conf("none\n");
	srv_conf("none\n");
	credentials(*state, &test_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	exchange_ok(&p);
	check_peers(&p);
	assert_int_equal(oap_cipher(p.req), 0);
	close_pair(&p);
}

static char *digest_conf(const char *digest)
{
	static char conf[64];

	snprintf(conf, sizeof(conf), "digest = %s\n", digest);
	return conf;
}

/* Each side signs with a digest of its own. */
static void test_digest(void **state)
{
	struct pair p;
	size_t i;

	credentials("EC", &test_ca);
	srv_conf(digest_conf(*state));
	for (i = 0; i < COUNT(digests); i++) {
		cli_conf(digest_conf(digests[i]));
		open_pair(&p, OAP_AUTH_REQUIRED);
		exchange_ok(&p);
		same_keys(&p);
		close_pair(&p);
	}
}

/* Keys with a built-in digest ignore the configured one. */
static void ed25519_works_with_every_digest(void **state)
{
	struct pair p;
	size_t i;

	(void)state;
	credentials("ED25519", &test_ca);
	for (i = 0; i < COUNT(digests); i++) {
		cli_conf(digest_conf(digests[i]));
		srv_conf(digest_conf(digests[i]));
		open_pair(&p, OAP_AUTH_REQUIRED);
		exchange_ok(&p);
		same_keys(&p);
		close_pair(&p);
	}
}

static void the_two_sides_may_have_keys_of_different_types(void **state)
{
	struct test_crt s = test_crt_make("RSA", NAME, NULL, &test_ca, 0, -DAY,
					  DAY);
	struct pair p;

	(void)state;
	credentials("ED25519", &test_ca);
	test_crt_write(path("srv/server/%s", NAME), &s);
	test_crt_free(&s);
	open_pair(&p, OAP_AUTH_REQUIRED);
	exchange_ok(&p);
	check_peers(&p);
	close_pair(&p);
}

static void data_of_both_sides_arrives(void **state)
{
	static const uint8_t question[] = "who are you", answer[] = "it is me";
	const uint8_t *data;
	struct pair p;
	size_t len;

	(void)state;
	credentials("ED25519", &test_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	p.cp.data = question;
	p.cp.data_len = sizeof(question);
	p.sp.data = answer;
	p.sp.data_len = sizeof(answer);
	request_ok(&p);
	data = oap_peek(p.req->out.p, p.req->out.len, &len);
	assert_int_equal(len, sizeof(question));
	assert_memory_equal(data, question, len);
	respond_ok(&p);
	assert_int_equal(complete(&p), OAP_OK);
	data = oap_data(p.rsp, &len);
	assert_int_equal(len, sizeof(question));
	assert_memory_equal(data, question, len);
	data = oap_data(p.req, &len);
	assert_int_equal(len, sizeof(answer));
	assert_memory_equal(data, answer, len);
	close_pair(&p);
}

/* Authentication that is required of the peer */

struct demand {
	const char *name;
	enum oap_auth auth;
	const char *has;	/* CA of the peer: "none", "ours" or "theirs" */
	enum oap_code code;
	bool known;
};

static const struct demand demands[] = {
	{ "required, no certificate: refused", OAP_AUTH_REQUIRED, "none",
	  OAP_UNSIGNED, false },
	{ "required, of another CA: refused", OAP_AUTH_REQUIRED, "theirs",
	  OAP_BAD_CERT, false },
	{ "required, of our CA: authenticated", OAP_AUTH_REQUIRED, "ours", OAP_OK,
	  true },
	{ "optional, no certificate: accepted, not authenticated", OAP_AUTH_OPTIONAL,
	  "none", OAP_OK, false },
	{ "optional, of another CA: refused", OAP_AUTH_OPTIONAL, "theirs",
	  OAP_BAD_CERT, false },
	{ "optional, of our CA: authenticated", OAP_AUTH_OPTIONAL, "ours", OAP_OK,
	  true },
	{ "none, no certificate: accepted, not authenticated", OAP_AUTH_NONE, "none",
	  OAP_OK, false },
	{ "none, of another CA: accepted, not authenticated", OAP_AUTH_NONE, "theirs",
	  OAP_OK, false },
	{ "none, of our CA: accepted, not authenticated", OAP_AUTH_NONE, "ours",
	  OAP_OK, false },
};

static void test_demand_of_client(void **state)
{
	const struct demand *c = *state;
	struct pair p;

	if (strcmp(c->has, "none"))
		credentials("EC", strcmp(c->has, "ours") ? &test_other_ca :
							  &test_ca);
	open_pair(&p, OAP_AUTH_NONE);
	p.sp.auth = c->auth;
	request_ok(&p);
	assert_int_equal(process(&p), c->code);
	assert_true(!c->code == !!p.rsp);
	if (p.rsp)
		assert_int_equal(oap_peer(p.rsp)->authenticated, c->known);
	close_pair(&p);
}

static void test_demand_of_server(void **state)
{
	const struct demand *c = *state;
	struct pair p;

	if (strcmp(c->has, "none"))
		credentials("EC", strcmp(c->has, "ours") ? &test_other_ca :
							  &test_ca);
	open_pair(&p, OAP_AUTH_NONE);
	p.cp.auth = c->auth;
	request_ok(&p);
	respond_ok(&p);
	assert_int_equal(complete(&p), c->code);
	assert_int_equal(oap_peer(p.req)->authenticated, c->known);
	assert_true(!c->code == !!oap_cipher(p.req));
	close_pair(&p);
}

/* Chains */

static void a_chain_is_accepted_if_its_intermediate_is_known(void **state)
{
	struct test_crt mid = test_crt_make("EC", "mid", NULL, &test_ca, 1,
					    -DAY, DAY);
	struct pair p;

	(void)state;
	credentials("EC", &mid);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_BAD_CERT);
	close_pair(&p);
	test_crt_write_as(path("cli/untrusted/mid.pem"), &mid);
	test_crt_write_as(path("srv/untrusted/mid.pem"), &mid);
	open_pair(&p, OAP_AUTH_REQUIRED);
	exchange_ok(&p);
	close_pair(&p);
	test_crt_free(&mid);
}

static void a_root_among_the_intermediates_is_not_trusted(void **state)
{
	struct pair p;

	(void)state;
	credentials("EC", &test_other_ca);
	test_crt_write_as(path("srv/untrusted/x.pem"), &test_other_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_BAD_CERT);
	close_pair(&p);
}

/* A chain through a certificate that is not a CA is refused. */
static void a_leaf_cannot_sign_certificates(void **state)
{
	struct test_crt leaf = test_crt_make("EC", "mallory", NULL, &test_ca,
					     0, -DAY, DAY);
	struct pair p;

	(void)state;
	credentials("EC", &leaf);
	test_crt_write_as(path("srv/untrusted/leaf.pem"), &leaf);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_BAD_CERT);
	close_pair(&p);
	test_crt_free(&leaf);
}

static void a_self_signed_certificate_is_refused(void **state)
{
	struct pair p;

	(void)state;
	credentials("EC", NULL);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_BAD_CERT);
	close_pair(&p);
}

static void the_signature_of_another_key_is_refused(void **state)
{
	struct pair p[2];
	uint8_t *msg, *other;
	size_t i, len, other_len;

	(void)state;
	for (i = 0; i < 2; i++) {
		credentials("ED25519", &test_ca);
		open_pair(&p[i], OAP_AUTH_REQUIRED);
		request_ok(&p[i]);
	}
	msg = copy_of(p[0].req, &len);
	other = copy_of(p[1].req, &other_len);
	memcpy(msg + len - 64, other + other_len - 64, 64);
	assert_int_equal(process_bytes(&p[0], msg, len), OAP_BAD_SIGNATURE);
	free(msg);
	free(other);
	close_pair(&p[0]);
	close_pair(&p[1]);
}

/* A weak key: the security level requires 112 bits. */
static void a_weak_rsa_key_is_refused(void **state)
{
	struct pair p;

	(void)state;
	credentials("RSA-1024", &test_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_BAD_CERT);
	close_pair(&p);
}

static struct suite suite;

int main(void)
{
	size_t i;

	suite_add_each(&suite, types, COUNT(types), test_type, "certificates work");
	/* not SLH-DSA: signing is slow, and the certificates are too long */
	suite_add_each(&suite, types, COUNT(types) - 2, test_root_of_type, "roots work");
	suite_add_each(&suite, types, COUNT(types), test_auth_only,
		       "authentication works without encryption");
	suite_add_each(&suite, digests, COUNT(digests), test_digest,
		       "works as the server's digest with every digest of the client");
	SUITE_ADD(&suite, ed25519_works_with_every_digest);
	SUITE_ADD(&suite, the_two_sides_may_have_keys_of_different_types);
	SUITE_ADD(&suite, data_of_both_sides_arrives);
	for (i = 0; i < COUNT(demands); i++) {
		suite_add(&suite, test_demand_of_client, &demands[i],
			  "authentication of the client: %s", demands[i].name);
		suite_add(&suite, test_demand_of_server, &demands[i],
			  "authentication of the server: %s", demands[i].name);
	}
	SUITE_ADD(&suite, a_chain_is_accepted_if_its_intermediate_is_known);
	SUITE_ADD(&suite, a_root_among_the_intermediates_is_not_trusted);
	SUITE_ADD(&suite, a_leaf_cannot_sign_certificates);
	SUITE_ADD(&suite, a_self_signed_certificate_is_refused);
	SUITE_ADD(&suite, the_signature_of_another_key_is_refused);
	SUITE_ADD(&suite, a_weak_rsa_key_is_refused);
	return suite_run(&suite, "oap: certificates and signatures");
}
