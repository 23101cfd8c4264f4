// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Names in certificates: the name that counts, and refusals for names. */

#include <string.h>

#include <openssl/x509v3.h>

#include "pair.h"

/* Names and dates of a server's certificate */

struct named {
	const char *name;
	const char *cn, *san;
	long from, to;
	enum oap_code code;
	const char *text;	/* of the refusal */
};

/* Reasons: the name of the certificate, and the remedy. */
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
	{ "its common name, beside an invalid alternative name", NAME,
	  "DNS:y z", -DAY, DAY, OAP_BAD_NAME,
	  ONLY_CN },
	{ "one of its alternative names", NULL, "DNS:y,DNS:" NAME, -DAY, DAY,
	  OAP_OK, NULL },
	{ "another common name", "mallory", NULL, -DAY, DAY, OAP_BAD_NAME,
	  FOR("mallory") },
	{ "another alternative name", "x", "DNS:y", -DAY, DAY, OAP_BAD_NAME,
	  FOR("y") },
	{ "an alternative name that is not a DNS name", "x", "email:" NAME, -DAY, DAY,
	  OAP_BAD_NAME,
	  FOR("x") },
	{ "a longer name", NAME ".evil", NULL, -DAY, DAY, OAP_BAD_NAME,
	  FOR(NAME ".evil") },
	{ "a shorter name", "bob", NULL, -DAY, DAY, OAP_BAD_NAME,
	  FOR("bob") },
	{ "another case", "Bob.example", NULL, -DAY, DAY, OAP_BAD_NAME,
	  FOR("Bob.example") },
	{ "a name that contains a second one", "evil/CN=" NAME, NULL, -DAY, DAY,
	  OAP_BAD_NAME,
	  FOR("?") },
	{ "a name that continues after a comma", NAME ",x", NULL, -DAY, DAY, OAP_BAD_NAME,
	  FOR(NAME ",x") },
	{ "no name", NULL, NULL, -DAY, DAY, OAP_BAD_NAME,
	  FOR("?") },
	{ "an end date in the past", NAME, NULL, -DAY, -1, OAP_BAD_CERT,
	  "the certificate was refused: certificate has expired: its owner needs a new one" },
	{ "a start date in the future", NAME, NULL, 3600, DAY, OAP_BAD_CERT,
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

/* The name in use if none is expected, and the reason of a refusal */

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
	{ "the first usable alternative name", "x", "DNS:.y,DNS:z",
	  NULL, "z", OAP_OK },
	{ "no common name beside an unusable alternative name", "x", "DNS:.y", NULL,
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

/* Another name is accepted if the client's certificate has it. */
static void a_client_may_be_identified_by_any_alternative_name(void **state)
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
static void an_unauthenticated_client_has_no_name(void **state)
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

/* With the longest names the reasons still fit. */
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
	test_crt_add(crt, NID_subject_alt_name, "DNS:x");
	test_crt_add(crt, NID_subject_alt_name, "DNS:y");
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

static void unreadable_alternative_names_are_refused(void **state)
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

static void the_client_must_have_the_expected_name(void **state)
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

int main(void)
{
	size_t i;

	for (i = 0; i < COUNT(named); i++)
		suite_add(&suite, test_named, &named[i],
			  "a server's certificate with %s: %s", named[i].name,
			  named[i].code ? "refused" : "accepted");
	for (i = 0; i < COUNT(shown); i++)
		suite_add(&suite, test_shown, &shown[i],
			  "the name of a client: %s", shown[i].name);
	SUITE_ADD(&suite, a_client_may_be_identified_by_any_alternative_name);
	SUITE_ADD(&suite, an_unauthenticated_client_has_no_name);
	SUITE_ADD(&suite, long_names_leave_room_for_the_reason);
	SUITE_ADD(&suite, two_common_names_are_refused);
	SUITE_ADD(&suite, two_lists_of_alternative_names_are_refused);
	SUITE_ADD(&suite, unreadable_alternative_names_are_refused);
	SUITE_ADD(&suite, a_name_with_a_zero_byte_is_refused);
	SUITE_ADD(&suite, the_client_must_have_the_expected_name);
	return suite_run(&suite, "oap: names of certificates");
}
