// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* oap_check(): reports about revocation lists. */

#include <stdio.h>
#include <sys/stat.h>

#include "checks.h"

/* The lists are of the root, which each problem makes anew. */

static struct test_crt list_ca;

static void lists_by(bool its_own, long from, long to)
{
	list_ca = check_root();
	test_crt_write_as(path("srv/cacert/ca.pem"), &list_ca);
	mkdir(path("srv/crls"), 0700);
	test_crl_add(path("srv/crls/a.pem"), its_own ? &list_ca : &test_other_ca,
		     NULL, from, to);
	test_crt_free(&list_ca);
}

static void good_list(void)
{
	lists_by(true, -DAY, DAY);
}

static void rubbish_list(void)
{
	test_file(path("srv/crls"), "a.pem", "rubbish\n");
}

static void cut_list(void)
{
	FILE *file;

	good_list();
	file = fopen(path("srv/crls/a.pem"), "a");
	fputs("-----BEGIN X509 CRL-----\nAAAA\n", file);
	fclose(file);
}

static void expired_list(void)
{
	lists_by(true, -2 * DAY, -DAY);
}

static void early_list(void)
{
	lists_by(true, DAY, LONG);
}

static void renewed_list(void)
{
	list_ca = check_root();
	test_crt_write_as(path("srv/cacert/ca.pem"), &list_ca);
	mkdir(path("srv/crls"), 0700);
	test_crl_add(path("srv/crls/a.pem"), &list_ca, NULL, -2 * DAY, -DAY);
	test_crl_add(path("srv/crls/b.pem"), &list_ca, NULL, -DAY, DAY);
	test_crt_free(&list_ca);
}

static void list_of_another(void)
{
	lists_by(false, -DAY, DAY);
}

static void list_of_a_stranger(void)
{
	struct test_crt stranger = test_crt_make("EC", "stranger", NULL, NULL, 1,
						 -DAY, LONG);

	mkdir(path("srv/crls"), 0700);
	test_crl_add(path("srv/crls/a.pem"), &stranger, NULL, -DAY, DAY);
	test_crt_free(&stranger);
}

static void open_list(void)
{
	good_list();
	chmod(path("srv/crls/a.pem"), 0666);
}

static void open_folder(void)
{
	good_list();
	chmod(path("srv/crls"), 0777);
}

static void delta_list(void)
{
	const struct test_crl_ext ext = { .number = 2, .base = 1 };

	list_ca = check_root();
	test_crt_write_as(path("srv/cacert/ca.pem"), &list_ca);
	mkdir(path("srv/crls"), 0700);
	test_crl_add_ext(path("srv/crls/a.pem"), &list_ca, NULL, -DAY, DAY,
			 &ext);
	test_crt_free(&list_ca);
}

static void need_lists(void)
{
	check_needs_lists = true;
}

static void need_and_expired(void)
{
	need_lists();
	expired_list();
}

static void need_and_early(void)
{
	need_lists();
	early_list();
}

static void need_with_scopes(const char *a, const char *b)
{
	struct test_crl_ext ext = { .idp = a };

	need_lists();
	list_ca = check_root();
	test_crt_write_as(path("srv/cacert/ca.pem"), &list_ca);
	mkdir(path("srv/crls"), 0700);
	test_crl_add_ext(path("srv/crls/a.pem"), &list_ca, NULL, -DAY, DAY,
			 &ext);
	ext.idp = b;
	if (b)
		test_crl_add_ext(path("srv/crls/b.pem"), &list_ca, NULL, -DAY,
				 DAY, &ext);
	test_crt_free(&list_ca);
}

static void need_and_cas(void)
{
	need_with_scopes("critical,onlyCA:TRUE", NULL);
}

static void need_and_place(void)
{
	need_with_scopes("critical,fullname:URI:http://ca.example/crl", NULL);
}

static void need_and_both(void)
{
	need_with_scopes("critical,onlyCA:TRUE", "critical,onlyuser:TRUE");
}

static void unknown_extension(void)
{
	const struct test_crl_ext ext = { .unknown = 1 };

	list_ca = check_root();
	test_crt_write_as(path("srv/cacert/ca.pem"), &list_ca);
	mkdir(path("srv/crls"), 0700);
	test_crl_add_ext(path("srv/crls/a.pem"), &list_ca, NULL, -DAY, DAY,
			 &ext);
	test_crt_free(&list_ca);
}

static void need_and_good(void)
{
	need_lists();
	good_list();
}

/* Two CAs of one name, one without a list. */
static void need_and_other_key(void)
{
	struct test_crt other = check_root();

	need_lists();
	good_list();
	test_crt_write_as(path("srv/cacert/b.pem"), &other);
	test_crt_free(&other);
}

static const struct problem problems[] = {
	{ "a valid list", good_list, 0, 0, "", "" },
	{ "rubbish as a list", rubbish_list, 1, 0, "srv/crls/a.pem",
	  "is not a PEM revocation list" },
	{ "a truncated list", cut_list, 1, 0, "srv/crls/a.pem",
	  "is not a PEM revocation list" },
	{ "an expired list", expired_list, 0, 1, "srv/crls",
	  "expired at" },
	{ "an expired list beside a newer one", renewed_list, 0, 0, "", "" },
	{ "a list of another CA with the same name", list_of_another, 1, 0,
	  "srv/crls/a.pem", "is not signed by its issuer 'ca'" },
	{ "a list of an unknown CA", list_of_a_stranger, 0, 1, "srv/crls/a.pem",
	  "is not used: its issuer 'stranger' is neither in cacert nor in untrusted" },
	{ "a list that everybody can write", open_list, 1, 0, "srv/crls/a.pem",
	  "can be written by everybody: run chmod o-w" },
	{ "a folder of lists that everybody can write", open_folder, 1, 0,
	  "srv/crls", "can be written by everybody: run chmod o-w" },
	{ "a delta list", delta_list, 1, 0, "srv/crls/a.pem",
	  "names only changes: replace it by a complete one" },
	{ "a list with an unknown critical extension", unknown_extension, 1, 0,
	  "srv/crls/a.pem",
	  "has a critical extension that is not supported: replace it by one without" },
	{ "a list of the future", early_list, 0, 1, "srv/crls",
	  "is not valid before" },
	{ "a list of the future where lists are required", need_and_early, 1, 0, "srv/crls",
	  "is not valid before" },
	{ "a list of CAs only where lists are required", need_and_cas, 0, 1, "srv/crls",
	  "are for some of its certificates, and all others are refused: put a list of all there" },
	{ "a list of one distribution point where lists are required", need_and_place, 0, 1, "srv/crls",
	  "are for some of its certificates" },
	{ "lists of two scopes where lists are required", need_and_both, 0, 0, "", "" },
	{ "a list of one of two CAs where lists are required", need_and_other_key, 1, 0,
	  "srv/crls", "has no list of 'ca': put one there" },
	{ "no list where lists are required", need_lists, 1, 0, "srv/crls",
	  "has no list of 'ca': put one there" },
	{ "an expired list where lists are required", need_and_expired, 1, 0, "srv/crls",
	  "expired at" },
	{ "a valid list where lists are required", need_and_good, 0, 0, "", "" },
};

static struct suite suite;

int main(void)
{
	size_t i;

	for (i = 0; i < COUNT(problems); i++)
		suite_add(&suite, check_problem, &problems[i], "check: %s",
			  problems[i].name);
	return suite_run(&suite, "oap: checks of revocation lists");
}
