// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Usages of certificates; each case for a client and for a server. */

#include <string.h>

#include <openssl/x509v3.h>

#include "pair.h"

struct usage {
	const char *name;
	int nid;
	const char *value;
	bool client, server;	/* sides that may use it */
	bool is_ca;		/* the CA has the usage, not the certificate */
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
	{ "server usages of vendors", NID_ext_key_usage, "msSGC,nsSGC", false,
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

/* Make a certificate with the usage, or with a CA that has the usage. */
static struct test_crt crt_for(const struct usage *c, const char *cn)
{
	struct test_crt ca = sub_ca("sub", &test_ca, c->nid,
				    c->is_ca ? c->value : NULL);
	struct test_crt crt = test_crt_make("EC", cn, NULL, &ca, 0, -DAY, DAY);

	if (!c->is_ca)
		test_crt_add(crt.crt, c->nid, c->value);
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

/* The server is the sender of the request. */
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

static struct suite suite;

int main(void)
{
	size_t i;

	for (i = 0; i < COUNT(usages); i++) {
		suite_add(&suite, test_usage_of_client, &usages[i],
			  "certificate of a client (%s): %s", usages[i].name,
			  usages[i].client ? "accepted" : "refused");
		suite_add(&suite, test_usage_of_sender, &usages[i],
			  "certificate of a server that initiates (%s): %s", usages[i].name,
			  usages[i].server ? "accepted" : "refused");
		suite_add(&suite, test_usage_of_server, &usages[i],
			  "certificate of a server (%s): %s", usages[i].name,
			  usages[i].server ? "accepted" : "refused");
	}
	return suite_run(&suite, "oap: usages of certificates");
}
