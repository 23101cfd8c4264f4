// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Replacing and losing revocation lists while exchanges continue. */

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pair.h"

#define NOW	-DAY, DAY
#define BEFORE	(-2 * DAY), DAY

static struct test_crt peer, stranger;
static struct pair p;
static char said[2048];

static void on_report(void *arg, bool warning, const char *text)
{
	assert_ptr_equal(arg, said);
	assert_false(warning);
	strcat(said, text);
	strcat(said, "\n");
}

static bool renew(void)
{
	said[0] = '\0';
	return oap_env_renew(p.srv, on_report, said);
}

static bool accepted(void)
{
	enum oap_code code;

	request_ok(&p);
	code = process(&p);
	drop_runs(&p);
	assert_true(code == OAP_OK || code == OAP_BAD_CERT);
	return !code;
}

static void put(const char *file, const struct test_crt *by,
		const struct test_crt *revoked, long from, long to)
{
	mkdir(path("srv/crls"), 0700);
	unlink(path("srv/crls/%s", file));
	test_crl_add(path("srv/crls/%s", file), by, revoked, from, to);
}

static void begin(void)
{
	peer = test_crt_make("EC", US, NULL, &test_ca, 0, -DAY, DAY);
	stranger = test_crt_make("EC", "stranger", NULL, NULL, 1, -DAY, DAY);
	test_crt_write(path("cli/client/%s", NAME), &peer);
	open_pair(&p, OAP_AUTH_REQUIRED);
}

static void end(void)
{
	close_pair(&p);
	test_crt_free(&peer);
	test_crt_free(&stranger);
}

static void a_removed_list_stays_in_use_until_a_reload(void **state)
{
	(void)state;
	begin();
	put("a.pem", &test_ca, &peer, NOW);
	assert_true(renew());
	assert_false(accepted());
	unlink(path("srv/crls/a.pem"));
	assert_false(renew());
	assert_string_equal(said,
			    "the revocation list of 'ca' is gone from crls/: put it back, or a newer one; reload the agent to do without; until then the one from before stays in use\n");
	assert_false(accepted());
	rmdir(path("srv/crls"));
	assert_false(renew());
	assert_false(accepted());
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_OK);
	assert_true(renew());
	assert_true(accepted());
	end();
}

static void an_older_list_is_ignored_until_a_reload(void **state)
{
	(void)state;
	begin();
	put("a.pem", &test_ca, &peer, NOW);
	assert_true(renew());
	put("a.pem", &test_ca, NULL, BEFORE);
	assert_false(renew());
	assert_string_equal(said,
			    "the revocation list of 'ca' in crls/ is older than the one before: put a newer one there, or reload the agent to use the older; until then the one from before stays in use\n");
	assert_false(accepted());
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_OK);
	assert_true(renew());
	assert_true(accepted());
	end();
}

static void a_newer_list_replaces_the_old_one(void **state)
{
	(void)state;
	begin();
	put("a.pem", &test_ca, &peer, BEFORE);
	assert_true(renew());
	assert_false(accepted());
	put("a.pem", &test_ca, NULL, NOW);
	assert_true(renew());
	assert_true(accepted());
	end();
}

static void put_numbered(const struct test_crt *revoked, long number, long from,
			 long to)
{
	const struct test_crl_ext ext = { .number = number };

	mkdir(path("srv/crls"), 0700);
	unlink(path("srv/crls/a.pem"));
	test_crl_add_ext(path("srv/crls/a.pem"), &test_ca, revoked, from, to,
			 &ext);
}

static void a_list_with_a_lower_number_is_ignored_despite_a_later_date(void **state)
{
	(void)state;
	begin();
	put_numbered(&peer, 5, BEFORE);
	assert_true(renew());
	put_numbered(NULL, 4, NOW);
	assert_false(renew());
	assert_string_equal(said,
			    "the revocation list of 'ca' in crls/ has a lower number than the one before: put a newer one there, or reload the agent to use the older; until then the one from before stays in use\n");
	assert_false(accepted());
	put_numbered(NULL, 6, -3 * DAY, DAY);
	assert_true(renew());
	assert_true(accepted());
	end();
}

static void a_list_stays_in_use_until_the_newer_one_is_valid(void **state)
{
	(void)state;
	begin();
	put("a.pem", &test_ca, &peer, NOW);
	assert_true(renew());
	put("a.pem", &test_ca, NULL, DAY / 2, 2 * DAY);
	assert_true(renew());
	assert_true(renew());
	assert_false(accepted());
	now_ns += (DAY / 2 + 60) * SEC;
	assert_true(accepted());
	assert_true(renew());
	assert_true(accepted());
	end();
}

static void a_list_of_the_future_may_be_withdrawn(void **state)
{
	(void)state;
	begin();
	put("a.pem", &test_ca, NULL, NOW);
	put("b.pem", &test_ca, &peer, DAY / 2, 2 * DAY);
	assert_true(renew());
	unlink(path("srv/crls/b.pem"));
	assert_true(renew());
	now_ns += (DAY / 2 + 60) * SEC;
	assert_true(accepted());
	end();
}

static void a_damaged_file_does_not_block_other_files(void **state)
{
	(void)state;
	begin();
	put("a.pem", &test_ca, NULL, BEFORE);
	put("b.pem", &stranger, NULL, BEFORE);
	assert_true(renew());
	test_file(path("srv/crls"), "b.pem", "rubbish\n");
	put("a.pem", &test_ca, &peer, NOW);
	assert_false(renew());
	assert_string_equal(said,
			    "crls/b.pem is not a PEM revocation list: replace it, or drop .pem from its name; the lists from before stay in use\n");
	assert_false(accepted());
	end();
}

static void a_list_with_a_bad_signature_does_not_block_others_of_its_file(void **state)
{
	(void)state;
	begin();
	put("a.pem", &test_other_ca, NULL, NOW);
	test_crl_add(path("srv/crls/a.pem"), &test_ca, &peer, NOW);
	assert_false(renew());
	assert_non_null(strstr(said, "crls/a.pem: revocation list 1 is not signed by its issuer 'ca'"));
	assert_false(accepted());
	end();
}

static void a_damaged_root_does_not_block_revocation_lists(void **state)
{
	(void)state;
	begin();
	test_file(path("srv/cacert"), "b.pem", "rubbish\n");
	put("a.pem", &test_ca, &peer, NOW);
	assert_false(renew());
	assert_string_equal(said,
			    "cacert/b.pem is not a PEM certificate: replace it, or drop .pem from its name; the trusted certificates from before stay in use\n");
	assert_false(accepted());
	end();
}

static void a_list_survives_the_absence_of_its_ca(void **state)
{
	(void)state;
	begin();
	put("a.pem", &test_ca, &peer, NOW);
	assert_true(renew());
	unlink(path("srv/crls/a.pem"));
	rename(path("srv/cacert/ca.pem"), path("away"));
	assert_true(renew());
	assert_string_equal(said, "");
	rename(path("away"), path("srv/cacert/ca.pem"));
	assert_false(renew());
	assert_false(accepted());
	end();
}

static void a_missing_folder_changes_nothing(void **state)
{
	(void)state;
	begin();
	put("a.pem", &stranger, NULL, NOW);
	credentials("EC", &test_ca);
	assert_true(renew());
	exchange_ok(&p);
	drop_runs(&p);
	rename(path("srv"), path("away"));
	assert_false(renew());
	assert_non_null(strstr(said, "/srv is missing or empty: bring it back"));
	assert_true(accepted());
	assert_true(oap_has_credentials(p.srv, true, NAME));
	/* an empty folder, like a mount point without its file system */
	mkdir(path("srv"), 0700);
	assert_false(renew());
	assert_true(oap_has_credentials(p.srv, true, NAME));
	/* a reload changes nothing, either */
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_BAD_CONFIG);
	assert_non_null(strstr(p.err.text, "is missing or empty: bring it back"));
	assert_true(accepted());
	rmdir(path("srv"));
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_BAD_CONFIG);
	assert_true(accepted());
	rename(path("away"), path("srv"));
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_OK);
	assert_true(renew());
	end();
}

static void a_folder_that_never_existed_is_not_reported(void **state)
{
	(void)state;
	begin();
	oap_env_close(p.srv);
	rename(path("srv"), path("away"));
	p.srv = open_env("srv", 0);
	assert_true(renew());
	assert_string_equal(said, "");
	end();
}

static void settings_change_without_a_new_environment(void **state)
{
	(void)state;
	begin();
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	oap_env_set(p.srv, 200, false);
	/* the replay cache is kept */
	assert_int_equal(process(&p), OAP_REPLAY);
	oap_env_set(p.srv, 200, true);
	drop_runs(&p);
	assert_false(accepted());
	put("a.pem", &test_ca, NULL, NOW);
	assert_true(renew());
	assert_true(accepted());
	end();
}

static struct suite suite;

int main(void)
{
	SUITE_ADD(&suite, a_removed_list_stays_in_use_until_a_reload);
	SUITE_ADD(&suite, an_older_list_is_ignored_until_a_reload);
	SUITE_ADD(&suite, a_newer_list_replaces_the_old_one);
	SUITE_ADD(&suite, a_list_with_a_lower_number_is_ignored_despite_a_later_date);
	SUITE_ADD(&suite, a_list_stays_in_use_until_the_newer_one_is_valid);
	SUITE_ADD(&suite, a_list_of_the_future_may_be_withdrawn);
	SUITE_ADD(&suite, a_damaged_file_does_not_block_other_files);
	SUITE_ADD(&suite, a_list_with_a_bad_signature_does_not_block_others_of_its_file);
	SUITE_ADD(&suite, a_damaged_root_does_not_block_revocation_lists);
	SUITE_ADD(&suite, a_list_survives_the_absence_of_its_ca);
	SUITE_ADD(&suite, a_missing_folder_changes_nothing);
	SUITE_ADD(&suite, a_folder_that_never_existed_is_not_reported);
	SUITE_ADD(&suite, settings_change_without_a_new_environment);
	return suite_run(&suite, "oap: revocation lists that are replaced");
}
