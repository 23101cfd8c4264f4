// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Revocation lists: the peers they refuse, and the reasons. */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pair.h"
#include "starve.h"

#define LISTS	3

enum who {
	NOBODY,		/* an empty list */
	PEER,
	MID,		/* the intermediate of the peer */
};

enum by {
	NO_LIST,
	ROOT,		/* the issuer of the peer, or of its intermediate */
	INTERMEDIATE,
	STRANGER,	/* another CA */
	IMPOSTOR,	/* a CA with the name of the root and another key */
};

struct list {
	enum by by;
	enum who revokes;
	long from, to;
	struct test_crl_ext ext;
};

/**
 * struct crl_case - revocation lists, and the result for a peer
 * @name: name of the case
 * @mid: the peer has an intermediate
 * @need: crl = required
 * @lists: lists, all in one file
 * @code: result of the reload (OAP_BAD_CONFIG) or of the request
 * @why: the exact reason; NULL if the peer is accepted
 */
struct crl_case {
	const char *name;
	bool mid, need;
	struct list lists[LISTS];
	enum oap_code code;
	const char *why;
};

#define REVOKED		"the list of 'ca' revokes the certificate of '" US \
			"': its owner needs a new one"
#define NO_LIST_OF(ca)	"crl = required, and there is no list of '" ca \
			"': put one into crls/"
#define OTHERS_OF(ca)	"crl = required, and the list of '" ca \
			"' is for other certificates: put one for all into crls/"
#define PLACE		"critical,fullname:URI:http://ca.example/crl"
#define EXPIRED_OF(ca)	"crl = required, and the list of '" ca \
			"' has expired: put a newer one into crls/"

static const struct crl_case cases[] = {
	{ "no list", .code = OAP_OK },
	{ "an empty list", .lists = { { ROOT, NOBODY, NOW } } },
	{ "a list of another CA", .lists = { { STRANGER, PEER, NOW } } },
	{ "a list that revokes the peer", .lists = { { ROOT, PEER, NOW } },
	  .code = OAP_BAD_CERT, .why = REVOKED },
	{ "the second list of a file revokes the peer",
	  .lists = { { STRANGER, NOBODY, NOW }, { ROOT, PEER, NOW } },
	  .code = OAP_BAD_CERT, .why = REVOKED },
	{ "an expired list that revokes the peer",
	  .lists = { { ROOT, PEER, PAST } },
	  .code = OAP_BAD_CERT, .why = REVOKED },
	{ "an expired list that does not revoke the peer", .lists = { { ROOT, NOBODY, PAST } } },
	{ "a list of the future that revokes the peer",
	  .lists = { { ROOT, PEER, FUTURE } },
	  .code = OAP_BAD_CERT, .why = REVOKED },
	{ "the newer of two lists counts",
	  .lists = { { ROOT, PEER, PAST }, { ROOT, NOBODY, NOW } } },
	{ "an intermediate is revoked", .mid = true,
	  .lists = { { ROOT, MID, NOW } }, .code = OAP_BAD_CERT,
	  .why = "the list of 'ca' revokes the certificate of 'mid': its owner needs a new one" },
	{ "a list of the intermediate that revokes the peer", .mid = true,
	  .lists = { { INTERMEDIATE, PEER, NOW } }, .code = OAP_BAD_CERT,
	  .why = "the list of 'mid' revokes the certificate of '" US "': its owner needs a new one" },
	{ "a list of the root does not apply below the intermediate", .mid = true,
	  .lists = { { ROOT, PEER, NOW } } },
	{ "required, no list", .need = true, .code = OAP_BAD_CERT,
	  .why = NO_LIST_OF("ca") },
	{ "required, a list", .need = true, .lists = { { ROOT, NOBODY, NOW } } },
	{ "required, revoked", .need = true, .lists = { { ROOT, PEER, NOW } },
	  .code = OAP_BAD_CERT, .why = REVOKED },
	{ "required, a list of another CA", .need = true,
	  .lists = { { STRANGER, NOBODY, NOW } }, .code = OAP_BAD_CERT,
	  .why = NO_LIST_OF("ca") },
	{ "required, an expired list", .need = true,
	  .lists = { { ROOT, NOBODY, PAST } }, .code = OAP_BAD_CERT,
	  .why = EXPIRED_OF("ca") },
	{ "required, a list of the future", .need = true,
	  .lists = { { ROOT, NOBODY, FUTURE } }, .code = OAP_BAD_CERT,
	  .why = "crl = required, and the list of 'ca' is of the future: check the clock" },
	{ "required, the intermediate has no list", .mid = true, .need = true,
	  .lists = { { ROOT, NOBODY, NOW } }, .code = OAP_BAD_CERT,
	  .why = NO_LIST_OF("mid") },
	{ "required, the root has no list", .mid = true, .need = true,
	  .lists = { { INTERMEDIATE, NOBODY, NOW } }, .code = OAP_BAD_CERT,
	  .why = NO_LIST_OF("ca") },
	{ "required, root and intermediate have a list", .mid = true, .need = true,
	  .lists = { { INTERMEDIATE, NOBODY, NOW }, { ROOT, NOBODY, NOW } } },
	{ "a list with the name of the root and another signature",
	  .lists = { { IMPOSTOR, NOBODY, NOW } }, .code = OAP_BAD_CONFIG,
	  .why = "crls/a.pem: revocation list 1 is not signed by its issuer 'ca': replace or remove it" },
	{ "the newer list counts, though it expires earlier",
	  .lists = { { ROOT, NOBODY, -3 * DAY, DAY }, { ROOT, PEER, PAST } },
	  .code = OAP_BAD_CERT, .why = REVOKED },
	{ "the newer list counts, though it expires earlier and comes first",
	  .lists = { { ROOT, PEER, PAST }, { ROOT, NOBODY, -3 * DAY, DAY } },
	  .code = OAP_BAD_CERT, .why = REVOKED },
	{ "required, the newer list has expired", .need = true,
	  .lists = { { ROOT, NOBODY, -3 * DAY, DAY }, { ROOT, NOBODY, PAST } },
	  .code = OAP_BAD_CERT, .why = EXPIRED_OF("ca") },
	{ "the higher number counts",
	  .lists = { { ROOT, NOBODY, NOW, { .number = 9 } },
		     { ROOT, PEER, PAST, { .number = 10 } } },
	  .code = OAP_BAD_CERT, .why = REVOKED },
	{ "lists of two scopes, one of which revokes the peer",
	  .lists = { { ROOT, PEER, NOW, { .idp = "critical,onlyuser:TRUE" } },
		     { ROOT, NOBODY, NOW, { .idp = "critical,onlyCA:TRUE" } } },
	  .code = OAP_BAD_CERT, .why = REVOKED },
	{ "a list of the future does not count beside one of now",
	  .lists = { { ROOT, PEER, NOW }, { ROOT, NOBODY, FUTURE } },
	  .code = OAP_BAD_CERT, .why = REVOKED },
	{ "a list of the future does not count, though it comes first",
	  .lists = { { ROOT, NOBODY, FUTURE }, { ROOT, PEER, NOW } },
	  .code = OAP_BAD_CERT, .why = REVOKED },
	{ "a list of the future does not count, though its number is higher",
	  .lists = { { ROOT, NOBODY, FUTURE, { .number = 2 } },
		     { ROOT, PEER, NOW, { .number = 1 } } },
	  .code = OAP_BAD_CERT, .why = REVOKED },
	{ "a list of the future beside one of now does not revoke",
	  .lists = { { ROOT, PEER, FUTURE }, { ROOT, NOBODY, NOW } } },
	{ "required, a list of the future beside one of now", .need = true,
	  .lists = { { ROOT, NOBODY, NOW }, { ROOT, NOBODY, FUTURE } } },
	{ "a lower number does not count, though its date is later",
	  .lists = { { ROOT, PEER, PAST, { .number = 10 } },
		     { ROOT, NOBODY, NOW, { .number = 9 } } },
	  .code = OAP_BAD_CERT, .why = REVOKED },
	{ "the later date counts if one list has no number",
	  .lists = { { ROOT, PEER, PAST, { .number = 10 } },
		     { ROOT, NOBODY, NOW } } },
	{ "a list of CAs only",
	  .lists = { { ROOT, NOBODY, NOW, { .idp = "critical,onlyCA:TRUE" } } } },
	{ "a list of one distribution point",
	  .lists = { { ROOT, NOBODY, NOW, { .idp = PLACE } } } },
	{ "a list of one distribution point that revokes the peer",
	  .lists = { { ROOT, PEER, NOW, { .idp = PLACE } } },
	  .code = OAP_BAD_CERT, .why = REVOKED },
	{ "required, a list of CAs only", .need = true,
	  .lists = { { ROOT, NOBODY, NOW, { .idp = "critical,onlyCA:TRUE" } } },
	  .code = OAP_BAD_CERT, .why = OTHERS_OF("ca") },
	{ "required, a list of one distribution point", .need = true,
	  .lists = { { ROOT, NOBODY, NOW, { .idp = PLACE } } },
	  .code = OAP_BAD_CERT, .why = OTHERS_OF("ca") },
	{ "a list with an unknown critical extension",
	  .lists = { { ROOT, NOBODY, NOW, { .unknown = 1 } } },
	  .code = OAP_BAD_CONFIG,
	  .why = "crls/a.pem: revocation list 1 has a critical extension that is not supported: replace it by one without" },
	{ "an entry with an unknown critical extension",
	  .lists = { { ROOT, PEER, NOW, { .unknown_entry = 1 } } },
	  .code = OAP_BAD_CONFIG,
	  .why = "crls/a.pem: revocation list 1 has a critical extension that is not supported: replace it by one without" },
	{ "a delta list", .lists = { { ROOT, PEER, NOW, { 2, 1, NULL } } },
	  .code = OAP_BAD_CONFIG,
	  .why = "crls/a.pem: revocation list 1 names only changes: replace it by a complete one" },
	{ "a list for several CAs",
	  .lists = { { ROOT, PEER, NOW,
		       { .idp = "critical,indirectCRL:TRUE" } } },
	  .code = OAP_BAD_CONFIG,
	  .why = "crls/a.pem: revocation list 1 is for several CAs: replace it by a complete one" },
	{ "a list for some reasons",
	  .lists = { { ROOT, PEER, NOW,
		       { .idp = "critical,onlysomereasons:keyCompromise" } } },
	  .code = OAP_BAD_CONFIG,
	  .why = "crls/a.pem: revocation list 1 is for some reasons only: replace it by a complete one" },
	{ "a list for attributes",
	  .lists = { { ROOT, PEER, NOW, { .idp = "critical,onlyAA:TRUE" } } },
	  .code = OAP_BAD_CONFIG,
	  .why = "crls/a.pem: revocation list 1 is for attributes only: replace it by a complete one" },
};

static struct test_crt mid, peer, stranger;

static void make_peer(bool has_mid)
{
	mid = test_crt_make("EC", "mid", NULL, &test_ca, 1, -DAY, DAY);
	peer = test_crt_make("EC", US, NULL, has_mid ? &mid : &test_ca, 0, -DAY,
			     DAY);
	stranger = test_crt_make("EC", "stranger", NULL, NULL, 1, -DAY, DAY);
	test_crt_write(path("cli/client/%s", NAME), &peer);
	if (has_mid)
		test_crt_write_as(path("srv/untrusted/mid.pem"), &mid);
}

static void free_peer(void)
{
	test_crt_free(&mid);
	test_crt_free(&peer);
	test_crt_free(&stranger);
}

static void put_list(const char *file, const struct list *list)
{
	const struct test_crt *cas[] = {
		[ROOT] = &test_ca, [INTERMEDIATE] = &mid,
		[STRANGER] = &stranger, [IMPOSTOR] = &test_other_ca,
	};
	const struct test_crt *revoked[] = {
		[NOBODY] = NULL, [PEER] = &peer, [MID] = &mid,
	};

	test_crl_add_ext(file, cas[list->by], revoked[list->revokes],
			 list->from, list->to, &list->ext);
}

static void put_lists(const struct crl_case *c)
{
	size_t i;

	mkdir(path("srv/crls"), 0700);
	for (i = 0; i < LISTS && c->lists[i].by; i++)
		put_list(path("srv/crls/a.pem"), &c->lists[i]);
}

static void test_case(void **state)
{
	const struct crl_case *c = *state;
	enum oap_code code;
	struct pair p;

	make_peer(c->mid);
	open_pair(&p, OAP_AUTH_REQUIRED);
	put_lists(c);
	oap_env_close(p.srv);
	p.srv = open_env_needing("srv", c->need, &code, &p.err);
	if (!code) {
		request_ok(&p);
		code = process(&p);
	}
	assert_int_equal(code, c->code);
	if (c->why) {
		assert_string_equal(p.err.text, c->why);
		assert_true(strlen(p.err.text) <= REASON_MAX);
	}
	close_pair(&p);
	free_peer();
}

/* The reason is taken from a verified certificate only. */
static void a_forged_certificate_is_not_reported_as_revoked(void **state)
{
	struct pair p;

	(void)state;
	peer = test_crt_make("EC", US, NULL, &test_other_ca, 0, -DAY, DAY);
	test_crt_write(path("cli/client/%s", NAME), &peer);
	mkdir(path("srv/crls"), 0700);
	test_crl_add(path("srv/crls/a.pem"), &test_ca, &peer, NOW);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_BAD_CERT);
	assert_string_equal(p.err.text,
			    "the certificate was refused: certificate signature failure: its owner needs a new one");
	close_pair(&p);
	test_crt_free(&peer);
}

/* After a key change there are two certificates of a CA. */
static void two_keys_of_a_ca_have_a_list_each(void **state)
{
	struct test_crt a = test_crt_make("EC", "roll", NULL, NULL, 1, -DAY, DAY);
	struct test_crt b = test_crt_make("EC", "roll", NULL, NULL, 1, -DAY, DAY);
	struct pair p;

	(void)state;
	test_crt_ids(&a, NULL);
	test_crt_ids(&b, NULL);
	peer = test_crt_make("EC", US, NULL, &a, 0, -DAY, DAY);
	test_crt_ids(&peer, &a);
	test_crt_write(path("cli/client/%s", NAME), &peer);
	test_crt_write_as(path("srv/cacert/a.pem"), &a);
	test_crt_write_as(path("srv/cacert/b.pem"), &b);
	mkdir(path("srv/crls"), 0700);
	test_crl_add(path("srv/crls/a.pem"), &a, NULL, -2 * DAY, DAY);
	test_crl_add(path("srv/crls/b.pem"), &b, NULL, NOW);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	if (process(&p))
		fail_msg("%s", p.err.text);
	drop_runs(&p);
	unlink(path("srv/crls/a.pem"));
	test_crl_add(path("srv/crls/a.pem"), &a, &peer, -2 * DAY, DAY);
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_OK);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_BAD_CERT);
	close_pair(&p);
	test_crt_free(&peer);
	test_crt_free(&a);
	test_crt_free(&b);
}

/* The list names the CA's certificate by serial number, new after a renewal. */

static const struct renewed {
	const char *name;
	bool both, need, revoked;
	long to;
	const char *idp;
	const char *why;
} renewed_cases[] = {
	{ "a list from before the renewal of the CA", .to = DAY },
	{ "a list from before the renewal that revokes the peer", .revoked = true, .to = DAY,
	  .why = "the list of 'renew' revokes the certificate of '" US "': its owner needs a new one" },
	{ "a list from before the renewal that revokes the peer, both CA certificates",
	  .both = true, .revoked = true, .to = DAY,
	  .why = "the list of 'renew' revokes the certificate of '" US "': its owner needs a new one" },
	{ "required, a list from before the renewal of the CA", .need = true, .to = DAY },
	{ "required, an expired list from before the renewal of the CA", .need = true, .to = -DAY,
	  .why = EXPIRED_OF("renew") },
	{ "required, a list of CAs only from before the renewal of the CA", .need = true, .to = DAY,
	  .idp = "critical,onlyCA:TRUE", .why = OTHERS_OF("renew") },
};

static void test_renewed(void **state)
{
	const struct renewed *c = *state;
	struct test_crt old = test_crt_make("EC", "renew", NULL, NULL, 1, -DAY, DAY);
	struct test_crt ca = test_crt_renew(&old);
	struct test_crl_ext ext = { .by = old.crt, .idp = c->idp };
	enum oap_code code;
	struct pair p;

	peer = test_crt_make("EC", US, NULL, &ca, 0, -DAY, DAY);
	test_crt_write(path("cli/client/%s", NAME), &peer);
	test_crt_write_as(path("srv/cacert/ca.pem"), &ca);
	if (c->both)
		test_crt_write_as(path("srv/cacert/a.pem"), &old);
	mkdir(path("srv/crls"), 0700);
	test_crl_add_ext(path("srv/crls/a.pem"), &ca, c->revoked ? &peer : NULL,
			 -2 * DAY, c->to, &ext);
	open_pair(&p, OAP_AUTH_REQUIRED);
	oap_env_close(p.srv);
	p.srv = open_env_needing("srv", c->need, &code, &p.err);
	assert_int_equal(code, OAP_OK);
	request_ok(&p);
	code = process(&p);
	assert_int_equal(code, c->why ? OAP_BAD_CERT : OAP_OK);
	if (c->why)
		assert_string_equal(p.err.text, c->why);
	close_pair(&p);
	test_crt_free(&peer);
	test_crt_free(&ca);
	test_crt_free(&old);
}

/* Make an allocation fail while OpenSSL looks up the lists. */
static X509_STORE_CTX_lookup_crls_fn lookup;

static STACK_OF(X509_CRL) *lookup_starving(const X509_STORE_CTX *ctx,
					   const X509_NAME *name)
{
	STACK_OF(X509_CRL) *found;

	starve.on = true;
	found = lookup(ctx, name);
	starve.on = false;
	return found;
}

static void a_revoked_peer_is_refused_even_if_an_allocation_fails(void **state)
{
	struct pair p;

	(void)state;
	peer = test_crt_make("EC", US, NULL, &test_ca, 0, -DAY, DAY);
	test_crt_write(path("cli/client/%s", NAME), &peer);
	mkdir(path("srv/crls"), 0700);
	test_crl_add(path("srv/crls/a.pem"), &test_ca, &peer, NOW);
	open_pair(&p, OAP_AUTH_REQUIRED);
	lookup = X509_STORE_get_lookup_crls(p.srv->store.roots);
	X509_STORE_set_lookup_crls(p.srv->store.roots, lookup_starving);
	starve.at = 0;
	do {
		starve.at++;
		starve.count = 0;
		request_ok(&p);
		if (!process(&p))
			fail_msg("accepted without allocation %u", starve.at);
		assert_string_equal(p.err.text, REVOKED);
		drop_runs(&p);
	} while (starve.count >= starve.at);
	assert_true(starve.at > 2);
	close_pair(&p);
	test_crt_free(&peer);
}

static void a_name_is_printed_as_ascii(void **state)
{
	X509_NAME *name = X509_NAME_new();
	char buf[OAP_CA_LEN];

	(void)state;
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
				   (const uint8_t *)"a\nb\x1b[c", -1, -1, 0);
	assert_string_equal(oap_crl_name(name, buf, sizeof(buf)), "a?b?[c");
	X509_NAME_free(name);
}

static struct suite suite;

int main(void)
{
	size_t i;

	if (!starve_init())
		return 1;
	for (i = 0; i < COUNT(cases); i++)
		suite_add(&suite, test_case, &cases[i], "%s: %s", cases[i].name,
			  cases[i].why ? "refused" : "accepted");
	for (i = 0; i < COUNT(renewed_cases); i++)
		suite_add(&suite, test_renewed, &renewed_cases[i], "%s: %s",
			  renewed_cases[i].name,
			  renewed_cases[i].why ? "refused" : "accepted");
	SUITE_ADD(&suite, a_revoked_peer_is_refused_even_if_an_allocation_fails);
	SUITE_ADD(&suite, a_forged_certificate_is_not_reported_as_revoked);
	SUITE_ADD(&suite, two_keys_of_a_ca_have_a_list_each);
	SUITE_ADD(&suite, a_name_is_printed_as_ascii);
	return suite_run(&suite, "oap: revocation lists");
}
