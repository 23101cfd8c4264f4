// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Name constraints of CAs. */

#include <openssl/x509v3.h>

#include "pair.h"

struct constrained {
	const char *name;
	const char *constraints;
	const char *cn, *san;
	const char *want;
	enum oap_code code;
	const char *why;	/* the exact reason */
};

#define NOT_PERMITTED \
	"the certificate was refused: permitted subtree violation: have another CA issue it"
#define EXCLUDED \
	"the certificate was refused: excluded subtree violation: have another CA issue it"
#define OUTSIDE(name) \
	"'" name "' is outside the name constraints of its CA: have another CA issue it"
#define ONLY_CN(name) \
	"only the common name is '" name "': issue a certificate with it as a DNS alternative name"

static const struct constrained constrained[] = {
	{ "a common name within", "permitted;DNS:example", NAME, NULL, NAME,
	  OAP_OK, NULL },
	{ "an alternative name within", "permitted;DNS:example", NULL,
	  "DNS:" NAME, NAME, OAP_OK, NULL },
	{ "a permitted common name without a dot", "permitted;DNS:bank",
	  "bank", NULL, "bank", OAP_OK, NULL },
	{ "a common name in the second permitted tree",
	  "permitted;DNS:corp,permitted;DNS:bank", "bank", NULL, "bank",
	  OAP_OK, NULL },
	{ "a common name of a permitted form",
	  "permitted;DNS:.example", "a@b.example", NULL, "a@b.example",
	  OAP_OK, NULL },
	{ "a common name, with constraints for e-mail only",
	  "permitted;email:example", "bank", NULL, "bank", OAP_OK, NULL },
	{ "a common name, with all names permitted", "DER:3006a00430028200",
	  "bank", NULL, "bank", OAP_OK, NULL },
	{ "a common name that is not excluded", "excluded;DNS:corp", "bank",
	  NULL, "bank", OAP_OK, NULL },
	{ "a common name outside", "permitted;DNS:corp", NAME, NULL, NAME,
	  OAP_BAD_CERT, NOT_PERMITTED },
	{ "an alternative name outside", "permitted;DNS:corp", NULL,
	  "DNS:" NAME, NAME, OAP_BAD_CERT, NOT_PERMITTED },
	{ "a second alternative name outside", "permitted;DNS:corp", NULL,
	  "DNS:x.corp,DNS:" NAME, NAME, OAP_BAD_CERT, NOT_PERMITTED },
	{ "a common name outside, beside an alternative name",
	  "permitted;DNS:corp", NAME, "DNS:x.corp", NAME, OAP_BAD_NAME,
	  ONLY_CN(NAME) },
	{ "a common name outside, beside an e-mail address",
	  "permitted;DNS:corp", NAME, "email:a@b", NAME, OAP_BAD_CERT, NOT_PERMITTED },
	{ "a common name without a dot, outside", "permitted;DNS:corp", "bank",
	  NULL, "bank", OAP_BAD_CERT,
	  OUTSIDE("bank") },
	{ "a common name without a dot, beside an e-mail address",
	  "permitted;DNS:corp", "bank", "email:a@b", "bank", OAP_BAD_CERT,
	  OUTSIDE("bank") },
	{ "a common name like an e-mail address", "permitted;DNS:corp", "a@b.c", NULL,
	  "a@b.c", OAP_BAD_CERT,
	  OUTSIDE("a@b.c") },
	{ "a common name that shares only the ending", "permitted;DNS:corp", "a@xcorp",
	  NULL, "a@xcorp", OAP_BAD_CERT,
	  OUTSIDE("a@xcorp") },
	{ "a common name shorter than the permitted one",
	  "permitted;DNS:a.bank", "bank", NULL, "bank", OAP_BAD_CERT,
	  OUTSIDE("bank") },
	{ "an excluded alternative name", "excluded;DNS:example", NULL,
	  "DNS:" NAME, NAME, OAP_BAD_CERT, EXCLUDED },
	{ "an excluded common name", "excluded;DNS:bank", "bank", NULL, "bank",
	  OAP_BAD_CERT,
	  OUTSIDE("bank") },
	{ "an excluded common name in capitals", "excluded;DNS:bank", "BANK",
	  NULL, "BANK", OAP_BAD_CERT,
	  OUTSIDE("BANK") },
	{ "a common name below an excluded one", "excluded;DNS:bank", "a@b.bank",
	  NULL, "a@b.bank", OAP_BAD_CERT,
	  OUTSIDE("a@b.bank") },
	{ "a common name that is permitted and excluded",
	  "permitted;DNS:bank,excluded;DNS:a.bank", "b!.a.bank", NULL,
	  "b!.a.bank", OAP_BAD_CERT,
	  OUTSIDE("b!.a.bank") },
};

static void check_constrained(const struct constrained *c,
			      const struct test_crt *ca)
{
	struct test_crt s = test_crt_make("EC", c->cn, c->san, ca, 0, -DAY,
					  DAY);
	struct oap_err err;

	assert_int_equal(verify_server(&s, c->want, &err), c->code);
	if (c->code)
		assert_string_equal(err.text, c->why);
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

/* The constraints of a CA apply to the CAs below it. */
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

static struct suite suite;

int main(void)
{
	size_t i;

	for (i = 0; i < COUNT(constrained); i++) {
		suite_add(&suite, test_constrained, &constrained[i],
			  "name constraints: %s: %s", constrained[i].name,
			  constrained[i].code ? "refused" : "accepted");
		suite_add(&suite, test_constrained_above, &constrained[i],
			  "inherited name constraints: %s: %s", constrained[i].name,
			  constrained[i].code ? "refused" : "accepted");
	}
	return suite_run(&suite, "oap: name constraints");
}
