// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Certificates and signatures: which peers are accepted, and which are refused.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/x509v3.h>

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

static void both_sides_may_have_keys_of_different_kinds(void **state)
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
	const char *has;	/* "none", "ours", "theirs": CA of the peer */
	enum oap_code code;
	bool known;
};

static const struct demand demands[] = {
	{ "required, no certificate: refused", OAP_AUTH_REQUIRED, "none",
	  OAP_UNSIGNED, false },
	{ "required, of another CA: refused", OAP_AUTH_REQUIRED, "theirs",
	  OAP_BAD_CERT, false },
	{ "required, of our CA: believed", OAP_AUTH_REQUIRED, "ours", OAP_OK,
	  true },
	{ "optional, no certificate: taken, not believed", OAP_AUTH_OPTIONAL,
	  "none", OAP_OK, false },
	{ "optional, of another CA: refused", OAP_AUTH_OPTIONAL, "theirs",
	  OAP_BAD_CERT, false },
	{ "optional, of our CA: believed", OAP_AUTH_OPTIONAL, "ours", OAP_OK,
	  true },
	{ "none, no certificate: taken, not believed", OAP_AUTH_NONE, "none",
	  OAP_OK, false },
	{ "none, of another CA: taken, not believed", OAP_AUTH_NONE, "theirs",
	  OAP_OK, false },
	{ "none, of our CA: taken, not believed", OAP_AUTH_NONE, "ours",
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

static void an_intermediate_is_followed_if_it_is_known(void **state)
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

/* Names and dates of a server's certificate */

struct named {
	const char *name;
	const char *cn, *san;
	long from, to;
	enum oap_code code;
	const char *text;	/* of the refusal */
};

/* Say what the certificate is for, and what to do. */
#define FOR(a)	"the certificate is for '" a "', not for '" NAME "': issue one for it"
#define ONLY_CN	"only the common name is '" NAME "': issue a certificate with it as a DNS alternative name"

static const struct named named[] = {
	{ "its common name", NAME, NULL, -DAY, DAY, OAP_OK, NULL },
	{ "its alternative name", "x", "DNS:" NAME, -DAY, DAY, OAP_OK, NULL },
	{ "its common name, beside an e-mail address", NAME, "email:a@b", -DAY,
	  DAY, OAP_OK, NULL },
	{ "its common name, beside another alternative name", NAME, "DNS:y",
	  -DAY, DAY, OAP_BAD_NAME,
	  ONLY_CN },
	{ "its common name, beside an alternative name that is none", NAME,
	  "DNS:y z", -DAY, DAY, OAP_BAD_NAME,
	  ONLY_CN },
	{ "one of its alternative names", NULL, "DNS:y,DNS:" NAME, -DAY, DAY,
	  OAP_OK, NULL },
	{ "another common name", "mallory", NULL, -DAY, DAY, OAP_BAD_NAME,
	  FOR("mallory") },
	{ "another alternative name", "x", "DNS:y", -DAY, DAY, OAP_BAD_NAME,
	  FOR("y") },
	{ "a name that is no DNS name", "x", "email:" NAME, -DAY, DAY,
	  OAP_BAD_NAME,
	  FOR("x") },
	{ "a longer name", NAME ".evil", NULL, -DAY, DAY, OAP_BAD_NAME,
	  FOR(NAME ".evil") },
	{ "a shorter name", "bob", NULL, -DAY, DAY, OAP_BAD_NAME,
	  FOR("bob") },
	{ "another case", "Bob.example", NULL, -DAY, DAY, OAP_BAD_NAME,
	  FOR("Bob.example") },
	{ "a name with a second one in it", "evil/CN=" NAME, NULL, -DAY, DAY,
	  OAP_BAD_NAME,
	  FOR("?") },
	{ "a name cut at a comma", NAME ",x", NULL, -DAY, DAY, OAP_BAD_NAME,
	  FOR(NAME ",x") },
	{ "no name", NULL, NULL, -DAY, DAY, OAP_BAD_NAME,
	  FOR("?") },
	{ "an end that has passed", NAME, NULL, -DAY, -1, OAP_BAD_CERT,
	  "the certificate was refused: certificate has expired: its owner needs a new one" },
	{ "a beginning to come", NAME, NULL, 3600, DAY, OAP_BAD_CERT,
	  "the certificate was refused: certificate is not yet valid: check the clocks" },
};

static void test_named(void **state)
{
	const struct named *c = *state;
	struct test_crt s = test_crt_make("EC", c->cn, c->san, &test_ca, 0,
					  c->from, c->to);
	struct pair p;

	test_crt_write(path("srv/server/%s", NAME), &s);
	test_crt_free(&s);
	open_pair(&p, OAP_AUTH_REQUIRED);
	p.sp.auth = OAP_AUTH_NONE;
	request_ok(&p);
	respond_ok(&p);
	assert_int_equal(complete(&p), c->code);
	if (c->code)
		assert_string_equal(p.err.text, c->text);
	close_pair(&p);
}

/* Which name is used, if none is wanted; and what a refusal says */

struct shown {
	const char *name;
	const char *cn, *san;
	const char *want;	/* NULL: any */
	const char *is;		/* the name, or the reason of the refusal */
	enum oap_code code;
};

static const struct shown shown[] = {
	{ "the common name", "x", NULL, NULL, "x", OAP_OK },
	{ "the first alternative name", NULL, "DNS:y,DNS:z", NULL, "y",
	  OAP_OK },
	{ "the first alternative name, not the common name", "x", "DNS:y",
	  NULL, "y", OAP_OK },
	{ "the first alternative name that is usable", "x", "DNS:.y,DNS:z",
	  NULL, "z", OAP_OK },
	{ "no common name beside one that is not usable", "x", "DNS:.y", NULL,
	  "the certificate has no usable name: issue one with a DNS alternative name",
	  OAP_BAD_NAME },
	{ "another common name", "x", NULL, "z",
	  "the certificate is for 'x', not for 'z': issue one for it",
	  OAP_BAD_NAME },
	{ "another alternative name", "x", "DNS:y", "z",
	  "the certificate is for 'y', not for 'z': issue one for it",
	  OAP_BAD_NAME },
	{ "only the common name", "x", "DNS:y", "x",
	  "only the common name is 'x': issue a certificate with it as a DNS alternative name",
	  OAP_BAD_NAME },
};

static void test_shown(void **state)
{
	const struct shown *c = *state;
	struct test_crt s = test_crt_make("EC", c->cn, c->san, &test_ca, 0,
					  -DAY, DAY);
	struct pair p;

	test_crt_write(path("cli/client/%s", NAME), &s);
	test_crt_free(&s);
	open_pair(&p, OAP_AUTH_REQUIRED);
	p.sp.peer_name = c->want;
	request_ok(&p);
	assert_int_equal(process(&p), c->code);
	assert_string_equal(c->code ? p.err.text : oap_peer(p.rsp)->name,
			    c->is);
	close_pair(&p);
}

/* Another name of the client's certificate is taken if it has that. */
static void a_client_may_be_identified_by_each_of_its_names(void **state)
{
	struct test_crt crt = test_crt_make("EC", "cn", "DNS:a,DNS:b,DNS:c",
					    &test_ca, 0, -DAY, DAY);
	struct oap_identity first;
	struct pair p;

	(void)state;
	test_crt_write(path("cli/client/%s", NAME), &crt);
	test_crt_free(&crt);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	first = *oap_peer(p.rsp);
	assert_string_equal(first.name, "a");
	assert_true(oap_take_name(p.rsp, "c"));
	assert_string_equal(oap_peer(p.rsp)->name, "c");
	assert_false(oap_take_name(p.rsp, "cn"));
	assert_string_equal(oap_peer(p.rsp)->name, "c");
	assert_true(oap_peer(p.rsp)->authenticated);
	assert_memory_equal(oap_peer(p.rsp)->fingerprint, first.fingerprint,
			    OAP_FP_LEN);
	close_pair(&p);
}

/* A certificate that was not verified proves no name. */
static void a_client_that_is_not_believed_has_no_name(void **state)
{
	struct pair p;

	(void)state;
	credentials("EC", &test_ca);
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	assert_false(oap_take_name(p.rsp, US));
	assert_false(oap_peer(p.rsp)->authenticated);
	assert_string_equal(oap_peer(p.rsp)->name, "");
	close_pair(&p);
}

/* Names that a CA may not give */

struct constrained {
	const char *name;
	const char *constraints;
	const char *cn, *san;
	const char *want;
	enum oap_code code;
};

static const struct constrained constrained[] = {
	{ "a common name within", "permitted;DNS:example", NAME, NULL, NAME,
	  OAP_OK },
	{ "an alternative name within", "permitted;DNS:example", NULL,
	  "DNS:" NAME, NAME, OAP_OK },
	{ "a common name without a dot that is permitted", "permitted;DNS:bank",
	  "bank", NULL, "bank", OAP_OK },
	{ "a common name in the second permitted tree",
	  "permitted;DNS:corp,permitted;DNS:bank", "bank", NULL, "bank",
	  OAP_OK },
	{ "a common name of a form that is permitted",
	  "permitted;DNS:.example", "a@b.example", NULL, "a@b.example",
	  OAP_OK },
	{ "a common name, with constraints of e-mail",
	  "permitted;email:example", "bank", NULL, "bank", OAP_OK },
	{ "a common name, with all names permitted", "DER:3006a00430028200",
	  "bank", NULL, "bank", OAP_OK },
	{ "a common name that is not excluded", "excluded;DNS:corp", "bank",
	  NULL, "bank", OAP_OK },
	{ "a common name outside", "permitted;DNS:corp", NAME, NULL, NAME,
	  OAP_BAD_CERT },
	{ "an alternative name outside", "permitted;DNS:corp", NULL,
	  "DNS:" NAME, NAME, OAP_BAD_CERT },
	{ "a second alternative name outside", "permitted;DNS:corp", NULL,
	  "DNS:x.corp,DNS:" NAME, NAME, OAP_BAD_CERT },
	{ "a common name outside, beside an alternative name",
	  "permitted;DNS:corp", NAME, "DNS:x.corp", NAME, OAP_BAD_NAME },
	{ "a common name outside, beside an e-mail address",
	  "permitted;DNS:corp", NAME, "email:a@b", NAME, OAP_BAD_CERT },
	{ "a common name without a dot, outside", "permitted;DNS:corp", "bank",
	  NULL, "bank", OAP_BAD_CERT },
	{ "a common name without a dot, beside an e-mail address",
	  "permitted;DNS:corp", "bank", "email:a@b", "bank", OAP_BAD_CERT },
	{ "a common name like an address", "permitted;DNS:corp", "a@b.c", NULL,
	  "a@b.c", OAP_BAD_CERT },
	{ "a common name that only ends alike", "permitted;DNS:corp", "a@xcorp",
	  NULL, "a@xcorp", OAP_BAD_CERT },
	{ "a common name shorter than what is permitted",
	  "permitted;DNS:a.bank", "bank", NULL, "bank", OAP_BAD_CERT },
	{ "an excluded common name", "excluded;DNS:bank", "bank", NULL, "bank",
	  OAP_BAD_CERT },
	{ "an excluded common name in capitals", "excluded;DNS:bank", "BANK",
	  NULL, "BANK", OAP_BAD_CERT },
	{ "a common name below an excluded one", "excluded;DNS:bank", "a@b.bank",
	  NULL, "a@b.bank", OAP_BAD_CERT },
	{ "a common name that is permitted and excluded",
	  "permitted;DNS:bank,excluded;DNS:a.bank", "b!.a.bank", NULL,
	  "b!.a.bank", OAP_BAD_CERT },
};

static void add_extension(X509 *crt, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(ext);
	assert_int_equal(X509_add_ext(crt, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

/* Make a CA below the root that both sides know, with one more extension. */
static struct test_crt sub_ca(const char *cn, const struct test_crt *by,
			      int nid, const char *value)
{
	struct test_crt ca = test_crt_make("EC", cn, NULL, by, 1, -DAY, DAY);

	if (value)
		add_extension(ca.crt, nid, value);
	assert_true(X509_sign(ca.crt, by->key, EVP_sha256()) > 0);
	test_crt_write_as(path("cli/untrusted/%s.pem", cn), &ca);
	test_crt_write_as(path("srv/untrusted/%s.pem", cn), &ca);
	return ca;
}

/* Let the client verify a certificate of the server. */
static enum oap_code verify_server(const struct test_crt *crt, const char *want,
				   struct oap_err *err)
{
	enum oap_code code;
	struct pair p;

	test_crt_write(path("srv/server/%s", NAME), crt);
	open_pair(&p, OAP_AUTH_REQUIRED);
	p.cp.peer_name = want;
	p.sp.auth = OAP_AUTH_NONE;
	request_ok(&p);
	respond_ok(&p);
	code = complete(&p);
	*err = p.err;
	close_pair(&p);
	return code;
}

static void check_constrained(const struct constrained *c,
			      const struct test_crt *ca)
{
	struct test_crt s = test_crt_make("EC", c->cn, c->san, ca, 0, -DAY,
					  DAY);
	struct oap_err err;

	assert_int_equal(verify_server(&s, c->want, &err), c->code);
	test_crt_free(&s);
}

static void test_constrained(void **state)
{
	const struct constrained *c = *state;
	struct test_crt ca = sub_ca("sub", &test_ca, NID_name_constraints,
				    c->constraints);

	check_constrained(c, &ca);
	test_crt_free(&ca);
}

/* The constraints of a CA hold for the CAs below. */
static void test_constrained_above(void **state)
{
	const struct constrained *c = *state;
	struct test_crt ca = sub_ca("sub", &test_ca, NID_name_constraints,
				    c->constraints);
	struct test_crt low = sub_ca("low", &ca, 0, NULL);

	check_constrained(c, &low);
	test_crt_free(&low);
	test_crt_free(&ca);
}

static void a_refusal_for_name_constraints_says_what_to_do(void **state)
{
	struct test_crt ca = sub_ca("sub", &test_ca, NID_name_constraints,
				    "permitted;DNS:corp");
	struct test_crt s = test_crt_make("EC", "bank", NULL, &ca, 0, -DAY,
					  DAY);
	struct oap_err err;

	(void)state;
	assert_int_equal(verify_server(&s, "bank", &err), OAP_BAD_CERT);
	assert_string_equal(err.text,
			    "'bank' is outside the name constraints of its CA: have another CA issue it");
	test_crt_free(&s);
	test_crt_free(&ca);
}

/* With the longest names the reasons stay whole. */
static void long_names_leave_room_for_the_reason(void **state)
{
	char cn[65], want[256], san[270];
	struct test_crt s, ca;
	struct oap_err err;

	(void)state;
	memset(cn, 'c', 64);
	cn[64] = '\0';
	memset(want, 'w', 255);
	want[255] = '\0';
	s = test_crt_make("EC", cn, NULL, &test_ca, 0, -DAY, DAY);
	assert_int_equal(verify_server(&s, want, &err), OAP_BAD_NAME);
	assert_true(strlen(err.text) <= REASON_MAX);
	test_crt_free(&s);
	snprintf(san, sizeof(san), "DNS:%s", want);
	s = test_crt_make("EC", cn, san, &test_ca, 0, -DAY, DAY);
	assert_int_equal(verify_server(&s, cn, &err), OAP_BAD_NAME);
	assert_true(strlen(err.text) <= REASON_MAX);
	test_crt_free(&s);
	ca = sub_ca("sub", &test_ca, NID_name_constraints, "permitted;DNS:corp");
	s = test_crt_make("EC", cn, NULL, &ca, 0, -DAY, DAY);
	assert_int_equal(verify_server(&s, cn, &err), OAP_BAD_CERT);
	assert_true(strlen(err.text) <= REASON_MAX);
	test_crt_free(&s);
	test_crt_free(&ca);
}

/* Use a server certificate that was modified and signed by the CA again. */
static enum oap_code with_changed(void (*change)(X509 *crt))
{
	struct test_crt s = test_crt_make("EC", NAME, NULL, &test_ca, 0, -DAY,
					  DAY);
	enum oap_code code;
	struct pair p;

	change(s.crt);
	assert_true(X509_sign(s.crt, test_ca.key, EVP_sha256()) > 0);
	test_crt_write(path("srv/server/%s", NAME), &s);
	test_crt_free(&s);
	open_pair(&p, OAP_AUTH_REQUIRED);
	p.sp.auth = OAP_AUTH_NONE;
	request_ok(&p);
	respond_ok(&p);
	code = complete(&p);
	close_pair(&p);
	return code;
}

/* What a certificate is for; each case as that of a client and of a server */

struct usage {
	const char *name;
	int nid;
	const char *value;
	bool client, server;	/* who may use it */
	bool is_ca;		/* the CA has it, not the certificate */
	const char *why;	/* the exact reason, %s: clientAuth or serverAuth */
};

#define ISSUE_KU \
	"the certificate is not for digitalSignature: issue one with this key usage, or with none"
#define ISSUE \
	"the certificate is not for %s: issue one with this extended key usage, or with none"
#define CA	"a CA of the certificate is not for %s: have another CA issue it"

static const struct usage usages[] = {
	{ "signatures", NID_key_usage, "critical,digitalSignature",
	  true, true, false, NULL },
	{ "signatures among others", NID_key_usage,
	  "keyAgreement,digitalSignature", true, true, false, NULL },
	{ "key agreement", NID_key_usage, "critical,keyAgreement",
	  false, false, false, ISSUE_KU },
	{ "other key usages, not critical", NID_key_usage,
	  "keyEncipherment,nonRepudiation", false, false, false, ISSUE_KU },
	{ "clientAuth", NID_ext_key_usage, "clientAuth", true, false, false,
	  ISSUE },
	{ "serverAuth", NID_ext_key_usage, "serverAuth", false, true, false,
	  ISSUE },
	{ "serverAuth, critical", NID_ext_key_usage, "critical,serverAuth",
	  false, true, false, ISSUE },
	{ "clientAuth and serverAuth", NID_ext_key_usage,
	  "serverAuth,clientAuth", true, true, false, NULL },
	{ "any purpose", NID_ext_key_usage, "anyExtendedKeyUsage", true, true,
	  false, NULL },
	{ "any purpose among others", NID_ext_key_usage,
	  "codeSigning,anyExtendedKeyUsage", true, true, false, NULL },
	{ "e-mail", NID_ext_key_usage, "emailProtection", false, false, false,
	  ISSUE },
	{ "code", NID_ext_key_usage, "codeSigning", false, false, false,
	  ISSUE },
	{ "a purpose without a name", NID_ext_key_usage, "1.2.3.4", false,
	  false, false, ISSUE },
	{ "a server, by a vendor", NID_ext_key_usage, "msSGC,nsSGC", false,
	  false, false, ISSUE },
	{ "a CA for clientAuth", NID_ext_key_usage, "clientAuth", true, false,
	  true, CA },
	{ "a CA for serverAuth", NID_ext_key_usage, "serverAuth", false, true,
	  true, CA },
	{ "a CA for both", NID_ext_key_usage, "clientAuth,serverAuth", true,
	  true, true, NULL },
	{ "a CA for any purpose", NID_ext_key_usage, "anyExtendedKeyUsage",
	  true, true, true, NULL },
	{ "a CA for e-mail", NID_ext_key_usage, "emailProtection", false, false,
	  true, CA },
	{ "a CA for signatures of certificates", NID_key_usage,
	  "critical,keyCertSign,cRLSign", true, true, true, NULL },
};

/* Make a certificate that has the usage, or whose CA has it. */
static struct test_crt crt_for(const struct usage *c, const char *cn)
{
	struct test_crt ca = sub_ca("sub", &test_ca, c->nid,
				    c->is_ca ? c->value : NULL);
	struct test_crt crt = test_crt_make("EC", cn, NULL, &ca, 0, -DAY, DAY);

	if (!c->is_ca)
		add_extension(crt.crt, c->nid, c->value);
	assert_true(X509_sign(crt.crt, ca.key, EVP_sha256()) > 0);
	test_crt_free(&ca);
	return crt;
}

static void check_why(const struct usage *c, const char *purpose,
		      const struct oap_err *err)
{
	char why[256];

	snprintf(why, sizeof(why), c->why, purpose);
	assert_string_equal(err->text, why);
	assert_true(strlen(why) <= REASON_MAX);
}

static void test_usage_of_client(void **state)
{
	const struct usage *c = *state;
	struct test_crt crt = crt_for(c, US);
	struct pair p;

	test_crt_write(path("cli/client/%s", NAME), &crt);
	test_crt_free(&crt);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	assert_int_equal(process(&p), c->client ? OAP_OK : OAP_BAD_CERT);
	if (!c->client)
		check_why(c, "clientAuth", &p.err);
	close_pair(&p);
}

/* A server sends a message that is no response. */
static void test_usage_of_sender(void **state)
{
	const struct usage *c = *state;
	struct test_crt crt = crt_for(c, NAME);
	struct pair p;

	test_crt_write(path("cli/client/%s", NAME), &crt);
	test_crt_free(&crt);
	open_pair(&p, OAP_AUTH_REQUIRED);
	p.sp.peer_role = OAP_RESPONDER;
	request_ok(&p);
	assert_int_equal(process(&p), c->server ? OAP_OK : OAP_BAD_CERT);
	if (!c->server)
		check_why(c, "serverAuth", &p.err);
	close_pair(&p);
}

static void test_usage_of_server(void **state)
{
	const struct usage *c = *state;
	struct test_crt crt = crt_for(c, NAME);
	struct oap_err err;

	assert_int_equal(verify_server(&crt, NAME, &err),
			 c->server ? OAP_OK : OAP_BAD_CERT);
	if (!c->server)
		check_why(c, "serverAuth", &err);
	test_crt_free(&crt);
}

static void second_name(X509 *crt)
{
	X509_NAME_add_entry_by_txt(X509_get_subject_name(crt), "CN",
				   MBSTRING_UTF8, (const uint8_t *)"mallory",
				   -1, -1, 0);
}

static void two_common_names_are_refused(void **state)
{
	(void)state;
	assert_int_equal(with_changed(second_name), OAP_BAD_NAME);
}

static void two_lists_of_names(X509 *crt)
{
	add_extension(crt, NID_subject_alt_name, "DNS:x");
	add_extension(crt, NID_subject_alt_name, "DNS:y");
}

/* OpenSSL reads neither list; the common name must not count instead. */
static void two_lists_of_alternative_names_are_refused(void **state)
{
	(void)state;
	assert_int_equal(with_changed(two_lists_of_names), OAP_BAD_CERT);
}

static void list_of_rubbish(X509 *crt)
{
	ASN1_OCTET_STRING *str = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext;

	assert_int_equal(ASN1_OCTET_STRING_set(str, (const uint8_t *)"x", 1), 1);
	ext = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, str);
	assert_int_equal(X509_add_ext(crt, ext, -1), 1);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(str);
}

static void alternative_names_that_cannot_be_read_are_refused(void **state)
{
	(void)state;
	assert_int_equal(with_changed(list_of_rubbish), OAP_BAD_CERT);
}

static void name_with_end(X509 *crt)
{
	static const char name[] = NAME "\0.evil";
	X509_NAME *subject = X509_get_subject_name(crt);

	X509_NAME_ENTRY_free(X509_NAME_delete_entry(subject, 0));
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
				   (const uint8_t *)name, sizeof(name) - 1, -1,
				   0);
}

static void a_name_with_a_zero_byte_is_refused(void **state)
{
	(void)state;
	assert_int_equal(with_changed(name_with_end), OAP_BAD_NAME);
}

static void the_client_must_have_the_name_that_is_expected(void **state)
{
	struct pair p;

	(void)state;
	credentials("EC", &test_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	p.sp.peer_name = "carol.example";
	request_ok(&p);
	assert_int_equal(process(&p), OAP_BAD_NAME);
	p.sp.peer_name = US;
	assert_int_equal(process(&p), OAP_OK);
	close_pair(&p);
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

	add_each(types, COUNT(types), test_type, "certificates work");
	/* the slow ones sign too much, and their certificates are too long */
	add_each(types, COUNT(types) - 2, test_root_of_type, "roots work");
	add_each(types, COUNT(types), test_auth_only,
		 "authentication without encryption");
	add_each(digests, COUNT(digests), test_digest,
		 "the server's digest, with every digest of the client");
	SUITE_ADD(&suite, ed25519_works_with_every_digest);
	SUITE_ADD(&suite, both_sides_may_have_keys_of_different_kinds);
	SUITE_ADD(&suite, data_of_both_sides_arrives);
	for (i = 0; i < COUNT(demands); i++) {
		suite_add(&suite, test_demand_of_client, &demands[i],
			  "of the client: %s", demands[i].name);
		suite_add(&suite, test_demand_of_server, &demands[i],
			  "of the server: %s", demands[i].name);
	}
	SUITE_ADD(&suite, an_intermediate_is_followed_if_it_is_known);
	SUITE_ADD(&suite, a_root_among_the_intermediates_is_not_trusted);
	SUITE_ADD(&suite, a_leaf_cannot_sign_certificates);
	SUITE_ADD(&suite, a_self_signed_certificate_is_refused);
	SUITE_ADD(&suite, the_signature_of_another_key_is_refused);
	SUITE_ADD(&suite, a_weak_rsa_key_is_refused);
	for (i = 0; i < COUNT(named); i++)
		suite_add(&suite, test_named, &named[i],
			  "a server's certificate with %s: %s", named[i].name,
			  named[i].code ? "refused" : "accepted");
	for (i = 0; i < COUNT(shown); i++)
		suite_add(&suite, test_shown, &shown[i],
			  "the name of a client: %s", shown[i].name);
	SUITE_ADD(&suite, a_client_may_be_identified_by_each_of_its_names);
	SUITE_ADD(&suite, a_client_that_is_not_believed_has_no_name);
	for (i = 0; i < COUNT(constrained); i++) {
		suite_add(&suite, test_constrained, &constrained[i],
			  "name constraints: %s: %s", constrained[i].name,
			  constrained[i].code ? "refused" : "accepted");
		suite_add(&suite, test_constrained_above, &constrained[i],
			  "name constraints above: %s: %s", constrained[i].name,
			  constrained[i].code ? "refused" : "accepted");
	}
	SUITE_ADD(&suite, a_refusal_for_name_constraints_says_what_to_do);
	SUITE_ADD(&suite, long_names_leave_room_for_the_reason);
	for (i = 0; i < COUNT(usages); i++) {
		suite_add(&suite, test_usage_of_client, &usages[i],
			  "of a client, for %s: %s", usages[i].name,
			  usages[i].client ? "accepted" : "refused");
		suite_add(&suite, test_usage_of_sender, &usages[i],
			  "of a server that begins, for %s: %s", usages[i].name,
			  usages[i].server ? "accepted" : "refused");
		suite_add(&suite, test_usage_of_server, &usages[i],
			  "of a server, for %s: %s", usages[i].name,
			  usages[i].server ? "accepted" : "refused");
	}
	SUITE_ADD(&suite, two_common_names_are_refused);
	SUITE_ADD(&suite, two_lists_of_alternative_names_are_refused);
	SUITE_ADD(&suite, alternative_names_that_cannot_be_read_are_refused);
	SUITE_ADD(&suite, a_name_with_a_zero_byte_is_refused);
	SUITE_ADD(&suite, the_client_must_have_the_name_that_is_expected);
	return suite_run(&suite, "oap: certificates and signatures");
}
