// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Reports of revocation lists that expire or cannot be used. */

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pair.h"

static char said[1024];

static void on_report(void *arg, bool warning, const char *text)
{
	assert_ptr_equal(arg, said);
	assert_true(warning);
	strcat(said, text);
}

static time_t report(struct pair *p)
{
	said[0] = '\0';
	return oap_env_lists(p->srv, on_report, said);
}

static void put(const char *file, long from, long to)
{
	mkdir(path("srv/crls"), 0700);
	test_crl_add(path("srv/crls/%s", file), &test_ca, NULL, from, to);
}

static void an_expired_list_is_reported_once(void **state)
{
	struct pair p;

	(void)state;
	put("a.pem", PAST);
	open_pair(&p, OAP_AUTH_REQUIRED);
	assert_int_equal(report(&p), 0);
	assert_non_null(strstr(said, "the revocation list of 'ca' expired at "));
	assert_non_null(strstr(said, "put a newer one into crls/; until then it still revokes"));
	report(&p);
	assert_string_equal(said, "");
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_OK);
	report(&p);
	assert_string_equal(said, "");
	close_pair(&p);
}

static void a_list_is_reported_when_it_expires(void **state)
{
	struct pair p;
	time_t when;

	(void)state;
	put("a.pem", NOW);
	open_pair(&p, OAP_AUTH_REQUIRED);
	when = report(&p);
	assert_string_equal(said, "");
	assert_true(when > time(NULL) && when <= time(NULL) + DAY);
	now_ns = when * SEC;
	assert_int_equal(report(&p), 0);
	assert_non_null(strstr(said, "expired at"));
	close_pair(&p);
}

static bool accepted(struct pair *p)
{
	enum oap_code code;

	request_ok(p);
	code = process(p);
	drop_runs(p);
	assert_true(code == OAP_OK || code == OAP_BAD_CERT);
	return !code;
}

static void a_list_of_the_future_replaces_the_old_one_once_it_is_valid(void **state)
{
	time_t when = time(NULL) + DAY / 2;
	struct test_crt peer;
	struct pair p;

	(void)state;
	peer = test_crt_make("EC", US, NULL, &test_ca, 0, -DAY, DAY);
	test_crt_write(path("cli/client/%s", NAME), &peer);
	put("a.pem", NOW);
	test_crl_add(path("srv/crls/b.pem"), &test_ca, &peer, DAY / 2, 2 * DAY);
	open_pair(&p, OAP_AUTH_REQUIRED);
	assert_true(report(&p) >= when && report(&p) <= time(NULL) + DAY / 2);
	assert_string_equal(said, "");
	assert_true(accepted(&p));
	now_ns += (DAY / 2 + 60) * SEC;
	assert_false(accepted(&p));
	report(&p);
	assert_string_equal(said, "");
	close_pair(&p);
	test_crt_free(&peer);
}

static void a_list_of_the_future_alone_is_reported(void **state)
{
	struct pair p;

	(void)state;
	put("a.pem", FUTURE);
	open_pair(&p, OAP_AUTH_REQUIRED);
	report(&p);
	assert_non_null(strstr(said, "the revocation list of 'ca' is not valid before "));
	assert_non_null(strstr(said, "check the clock, or put the list before it into crls/, too; it already revokes what it lists"));
	report(&p);
	assert_string_equal(said, "");
	close_pair(&p);
}

/* Once lists are required, the report says that certificates are refused. */
static void an_expired_list_is_reported_again_when_it_is_required(void **state)
{
	struct pair p;

	(void)state;
	put("a.pem", PAST);
	open_pair(&p, OAP_AUTH_REQUIRED);
	report(&p);
	assert_non_null(strstr(said, "until then it still revokes"));
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_OK);
	oap_env_set(p.srv, 100, true);
	report(&p);
	assert_non_null(strstr(said, "until then its certificates are refused"));
	report(&p);
	assert_string_equal(said, "");
	close_pair(&p);
}

static void an_expired_list_beside_a_newer_one_is_not_reported(void **state)
{
	struct pair p;

	(void)state;
	put("a.pem", PAST);
	put("b.pem", NOW);
	open_pair(&p, OAP_AUTH_REQUIRED);
	assert_true(report(&p) > 0);
	assert_string_equal(said, "");
	close_pair(&p);
}

static void a_file_that_is_not_a_list_is_refused_with_a_remedy(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, OAP_AUTH_REQUIRED);
	test_file(path("srv/crls"), "README", "lists\n");
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_OK);
	test_file(path("srv/crls"), "x.pem", "rubbish\n");
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_BAD_CONFIG);
	assert_string_equal(p.err.text,
			    "crls/x.pem is not a PEM revocation list: replace it, or drop .pem from its name");
	close_pair(&p);
}

static void a_list_of_an_unknown_ca_is_reported_once(void **state)
{
	struct test_crt stranger;
	struct pair p;

	(void)state;
	stranger = test_crt_make("EC", "stranger", NULL, NULL, 1, -DAY, DAY);
	mkdir(path("srv/crls"), 0700);
	test_crl_add(path("srv/crls/a.pem"), &stranger, NULL, NOW);
	open_pair(&p, OAP_AUTH_REQUIRED);
	report(&p);
	assert_string_equal(said,
			    "a revocation list in crls/ is not used: its issuer 'stranger' is neither in cacert/ nor in untrusted/: put that CA there, or remove the list");
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_OK);
	report(&p);
	assert_string_equal(said, "");
	close_pair(&p);
	test_crt_free(&stranger);
}

static void a_list_that_was_removed_is_reported_again_when_it_returns(void **state)
{
	struct pair p;

	(void)state;
	put("a.pem", PAST);
	open_pair(&p, OAP_AUTH_REQUIRED);
	report(&p);
	assert_string_not_equal(said, "");
	rename(path("srv/crls/a.pem"), path("away"));
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_OK);
	rename(path("away"), path("srv/crls/a.pem"));
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_OK);
	report(&p);
	assert_string_not_equal(said, "");
	close_pair(&p);
}

static struct suite suite;

int main(void)
{
	SUITE_ADD(&suite, a_list_of_the_future_replaces_the_old_one_once_it_is_valid);
	SUITE_ADD(&suite, a_list_of_the_future_alone_is_reported);
	SUITE_ADD(&suite, an_expired_list_is_reported_again_when_it_is_required);
	SUITE_ADD(&suite, an_expired_list_is_reported_once);
	SUITE_ADD(&suite, a_list_is_reported_when_it_expires);
	SUITE_ADD(&suite, an_expired_list_beside_a_newer_one_is_not_reported);
	SUITE_ADD(&suite, a_list_of_an_unknown_ca_is_reported_once);
	SUITE_ADD(&suite, a_list_that_was_removed_is_reported_again_when_it_returns);
	SUITE_ADD(&suite, a_file_that_is_not_a_list_is_refused_with_a_remedy);
	return suite_run(&suite, "oap: reports of revocation lists");
}
