// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Replacing certificates and keys while exchanges continue. */

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "pair.h"

#define DIR_NOW		"cli/client/" NAME
#define DIR_NEW		"new"

static struct test_crt old, new;

static char said[1024];

static void on_report(void *arg, bool warning, const char *text)
{
	assert_ptr_equal(arg, said);
	assert_false(warning);
	strcat(said, text);
}

static bool renew(struct pair *p)
{
	said[0] = '\0';
	return oap_env_renew(p->cli, on_report, said);
}

static void begin(struct pair *p)
{
	old = test_crt_make("EC", "old", NULL, &test_ca, 0, -DAY, DAY);
	new = test_crt_make("EC", "new", NULL, &test_ca, 0, -DAY, DAY);
	test_crt_write(path(DIR_NOW), &old);
	test_crt_write(path(DIR_NEW), &new);
	open_pair(p, OAP_AUTH_REQUIRED);
	assert_true(renew(p));
}

static void end(struct pair *p)
{
	close_pair(p);
	test_crt_free(&old);
	test_crt_free(&new);
}

static void move(const char *file)
{
	assert_int_equal(rename(path(DIR_NEW "/%s", file),
				path(DIR_NOW "/%s", file)), 0);
}

/* Return the name that a request shows; "" if it is unsigned. */
static const char *shows(struct pair *p)
{
	static char name[OAP_NAME_MAX + 1];

	p->sp.auth = OAP_AUTH_OPTIONAL;
	request_ok(p);
	assert_int_equal(process(p), OAP_OK);
	strcpy(name, oap_peer(p->rsp)->name);
	drop_runs(p);
	return name;
}

static void the_old_pair_stays_in_use_until_both_files_are_replaced(void **state)
{
	struct pair p;

	(void)state;
	begin(&p);
	assert_string_equal(shows(&p), "old");
	move("crt.pem");
	assert_string_equal(shows(&p), "old");
	move("key.pem");
	assert_string_equal(shows(&p), "new");
	end(&p);
}

static void the_key_may_be_replaced_first(void **state)
{
	struct pair p;

	(void)state;
	begin(&p);
	move("key.pem");
	assert_string_equal(shows(&p), "old");
	move("crt.pem");
	assert_string_equal(shows(&p), "new");
	end(&p);
}

static void a_mismatched_pair_is_reported(void **state)
{
	struct pair p;

	(void)state;
	begin(&p);
	move("crt.pem");
	assert_false(renew(&p));
	assert_non_null(strstr(said, "key.pem does not belong to the certificate beside it: replace one of them; what it was before stays in use"));
	assert_string_equal(shows(&p), "old");
	move("key.pem");
	assert_true(renew(&p));
	assert_string_equal(said, "");
	end(&p);
}

static void a_half_written_file_changes_nothing(void **state)
{
	struct pair p;

	(void)state;
	begin(&p);
	test_file(path(DIR_NOW), "crt.pem", "-----BEGIN CERTIFICATE-----\nAAAA");
	assert_string_equal(shows(&p), "old");
	assert_false(renew(&p));
	assert_string_equal(shows(&p), "old");
	end(&p);
}

static void a_briefly_missing_folder_changes_nothing(void **state)
{
	struct pair p;

	(void)state;
	begin(&p);
	assert_int_equal(rename(path(DIR_NOW), path("away")), 0);
	assert_string_equal(shows(&p), "old");
	assert_true(oap_has_credentials(p.cli, false, NAME));
	assert_int_equal(rename(path(DIR_NEW), path(DIR_NOW)), 0);
	assert_string_equal(shows(&p), "new");
	end(&p);
}

static void a_removed_pair_is_forgotten(void **state)
{
	struct pair p;

	(void)state;
	begin(&p);
	unlink(path(DIR_NOW "/crt.pem"));
	unlink(path(DIR_NOW "/key.pem"));
	assert_true(renew(&p));
	assert_string_equal(shows(&p), "");
	assert_false(oap_has_credentials(p.cli, false, NAME));
	end(&p);
}

static void a_damaged_root_keeps_the_previous_roots(void **state)
{
	struct pair p;

	(void)state;
	begin(&p);
	credentials("EC", &test_ca);
	test_file(path("cli/cacert"), "ca.pem", "rubbish\n");
	assert_false(renew(&p));
	assert_string_equal(said,
			    "cacert/ca.pem is not a PEM certificate: replace it, or drop .pem from its name; the trusted certificates from before stay in use");
	exchange_ok(&p);
	end(&p);
}

/* Replace a working pair by one that every peer refuses. */
static void useless(struct test_crt *bad, const char *why)
{
	struct pair p;

	begin(&p);
	assert_string_equal(shows(&p), "old");
	test_crt_write(path(DIR_NOW), bad);
	assert_string_equal(shows(&p), "old");
	assert_false(renew(&p));
	if (!strstr(said, why))
		fail_msg("%s", said);
	assert_non_null(strstr(said, "; what it was before stays in use"));
	assert_string_equal(shows(&p), "old");
	test_crt_write(path(DIR_NOW), &new);
	assert_true(renew(&p));
	assert_string_equal(shows(&p), "new");
	end(&p);
	test_crt_free(bad);
}

static void an_expired_pair_does_not_replace_a_working_one(void **state)
{
	struct test_crt bad = test_crt_make("EC", "bad", NULL, &test_ca, 0,
					    -2 * DAY, -DAY);

	(void)state;
	useless(&bad, "crt.pem: the certificate has expired");
}

static void a_pair_of_the_future_does_not_replace_a_working_one(void **state)
{
	struct test_crt bad = test_crt_make("EC", "bad", NULL, &test_ca, 0, DAY,
					    2 * DAY);

	(void)state;
	useless(&bad, "crt.pem: the certificate is not valid yet");
}

static void a_pair_for_another_usage_does_not_replace_a_working_one(void **state)
{
	struct test_crt bad = test_crt_make("EC", "bad", NULL, &test_ca, 0,
					    -DAY, DAY);

	(void)state;
	test_crt_eku(&bad, &test_ca, "serverAuth");
	useless(&bad, "crt.pem: the certificate is not for clientAuth");
}

static void a_server_keeps_the_pair_that_has_its_name(void **state)
{
	struct test_crt bad = test_crt_make("EC", "mallory", NULL, &test_ca, 0,
					    -DAY, DAY);
	struct pair p;

	(void)state;
	credentials("EC", &test_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	exchange_ok(&p);
	drop_runs(&p);
	test_crt_write(path("srv/server/%s", NAME), &bad);
	exchange_ok(&p);
	close_pair(&p);
	test_crt_free(&bad);
}

/* The refusal of the peer says what is wrong with the pair. */
static void without_a_working_pair_an_unusable_one_is_sent(void **state)
{
	struct test_crt bad = test_crt_make("EC", "bad", NULL, &test_ca, 0,
					    -2 * DAY, -DAY);
	struct pair p;

	(void)state;
	test_crt_write(path(DIR_NOW), &bad);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_BAD_CERT);
	assert_non_null(strstr(p.err.text, "expired"));
	close_pair(&p);
	test_crt_free(&bad);
}

static void link_names(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		assert_int_equal(symlink(NAME, path("cli/client/n%u", i)), 0);
}

static void pairs_beyond_the_limit_are_read_from_their_files(void **state)
{
	struct pair p;

	(void)state;
	link_names(520);
	begin(&p);
	assert_int_equal(p.cli->nkept, 512);
	assert_string_equal(shows(&p), "old");
	end(&p);
}

static void a_removed_name_makes_room_for_another(void **state)
{
	struct pair p;

	(void)state;
	link_names(3);
	begin(&p);
	assert_int_equal(p.cli->nkept, 4);
	unlink(path("cli/client/n0"));
	unlink(path("cli/client/n2"));
	assert_true(renew(&p));
	assert_int_equal(p.cli->nkept, 2);
	end(&p);
}

/* The last test, since the secure heap stays initialized. */
static void kept_pairs_leave_half_of_the_secure_heap_free(void **state)
{
	void *used, *more;
	struct pair p;

	(void)state;
	if (CRYPTO_secure_malloc_init(4 << 20, 32) != 1)
		skip();
	used = OPENSSL_secure_malloc(2 << 20);
	more = OPENSSL_secure_malloc(4096);
	assert_non_null(used);
	assert_non_null(more);
	begin(&p);
	assert_int_equal(p.cli->nkept, 0);
	assert_string_equal(shows(&p), "old");
	OPENSSL_secure_free(used);
	OPENSSL_secure_free(more);
	assert_true(renew(&p));
	assert_int_equal(p.cli->nkept, 1);
	end(&p);
}

static struct suite suite;

int main(void)
{
	SUITE_ADD(&suite, the_old_pair_stays_in_use_until_both_files_are_replaced);
	SUITE_ADD(&suite, the_key_may_be_replaced_first);
	SUITE_ADD(&suite, a_mismatched_pair_is_reported);
	SUITE_ADD(&suite, a_half_written_file_changes_nothing);
	SUITE_ADD(&suite, a_briefly_missing_folder_changes_nothing);
	SUITE_ADD(&suite, a_removed_pair_is_forgotten);
	SUITE_ADD(&suite, a_damaged_root_keeps_the_previous_roots);
	SUITE_ADD(&suite, an_expired_pair_does_not_replace_a_working_one);
	SUITE_ADD(&suite, a_pair_of_the_future_does_not_replace_a_working_one);
	SUITE_ADD(&suite, a_pair_for_another_usage_does_not_replace_a_working_one);
	SUITE_ADD(&suite, a_server_keeps_the_pair_that_has_its_name);
	SUITE_ADD(&suite, without_a_working_pair_an_unusable_one_is_sent);
	SUITE_ADD(&suite, pairs_beyond_the_limit_are_read_from_their_files);
	SUITE_ADD(&suite, a_removed_name_makes_room_for_another);
	SUITE_ADD(&suite, kept_pairs_leave_half_of_the_secure_heap_free);
	return suite_run(&suite, "oap: certificates that are replaced");
}
