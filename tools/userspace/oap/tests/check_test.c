// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* oap_check(): the files that are reported, and the texts. */

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checks.h"

/* Functions that make one problem each */

static void no_problem(void) { }

static void rubbish_crt(void)
{
	test_file(path(SERVER), "crt.pem", "rubbish\n");
}

static void empty_crt(void)
{
	test_file(path(SERVER), "crt.pem", "");
}

static void rubbish_key(void)
{
	test_file(path(SERVER), "key.pem", "rubbish\n");
	chmod(path(SERVER "/key.pem"), 0600);
}

static void no_key(void)
{
	unlink(path(SERVER "/key.pem"));
}

static void no_crt(void)
{
	unlink(path(CLIENT "/crt.pem"));
}

static void other_key(void)
{
	rename(path(CLIENT "/key.pem"), path(SERVER "/key.pem"));
	check_good(CLIENT, US, -DAY, LONG);
}

static void open_key(void)
{
	chmod(path(CLIENT "/key.pem"), 0644);
}

static void group_key(void)
{
	chmod(path(CLIENT "/key.pem"), 0640);
}

static void expired(void)
{
	check_good(SERVER, NAME, -2 * DAY, -DAY);
}

static void too_early(void)
{
	check_good(SERVER, NAME, DAY, LONG);
}

static void soon(void)
{
	check_good(SERVER, NAME, -DAY, 13 * DAY);
}

static void not_soon(void)
{
	check_good(SERVER, NAME, -DAY, 15 * DAY);
}

static void other_name(void)
{
	check_good(SERVER, "mallory.example", -DAY, LONG);
}

/* Append a certificate to that of the server. */
static void append_crt(long from, long to)
{
	struct test_crt crt = test_crt_make("EC", "more", NULL, NULL, 1, from,
					    to);
	FILE *file = fopen(path(SERVER "/crt.pem"), "a");
	char line[256];
	FILE *more;

	test_crt_write_as(path("more.pem"), &crt);
	test_crt_free(&crt);
	more = fopen(path("more.pem"), "r");
	while (fgets(line, sizeof(line), more))
		fputs(line, file);
	fclose(more);
	fclose(file);
}

/* The second certificate of a chain is checked, too. */
static void expired_chain(void)
{
	append_crt(-2 * DAY, -DAY);
}

static void chain(void)
{
	append_crt(-DAY, 100 * DAY);
}

static void bad_kex(void)
{
	test_file(path(SERVER), "enc.conf", "cipher=aes-256-gcm\nkex=foo\n");
}

static void bad_client_conf(void)
{
	test_file(path(CLIENT), "enc.conf", "kem_mode=x\n");
}

static void no_static_key(void)
{
	need_pq("ML-KEM");
	test_file(path(SERVER), "enc.conf", "kex=ML-KEM-768\nkem_mode=client\n");
}

static void no_static_public_key(void)
{
	need_pq("ML-KEM");
	test_file(path(CLIENT), "enc.conf", "kex=ML-KEM-768\nkem_mode=client\n");
}

static void rubbish_root(void)
{
	test_file(path("srv/cacert"), "b.pem", "rubbish\n");
}

static void expired_root(void)
{
	struct test_crt old = test_crt_make("EC", "old", NULL, NULL, 1,
					    -2 * DAY, -DAY);

	test_crt_write_as(path("srv/cacert/b.pem"), &old);
	test_crt_free(&old);
}

static void only_root(long from, long to)
{
	struct test_crt crt = test_crt_make("EC", "ca", NULL, NULL, 1, from, to);

	test_crt_write_as(path("srv/cacert/ca.pem"), &crt);
	test_crt_free(&crt);
}

static void expired_roots(void)
{
	only_root(-2 * DAY, -DAY);
}

static void early_root(void)
{
	only_root(DAY, LONG);
}

static void rubbish_intermediate(void)
{
	test_file(path("srv/untrusted"), "b.pem", "rubbish\n");
}

static void no_root(void)
{
	unlink(path("srv/cacert/ca.pem"));
}

static void other_files(void)
{
	mkdir(path("srv/server/other"), 0700);
	test_file(path("srv/server/other"), "cert.pem", "");
}

static void bad_folder(void)
{
	mkdir(path("srv/server/a b"), 0700);
}

static void no_folder(void)
{
	test_file(path("srv/client"), "crt.pem", "");
}

static void open_root(void)
{
	chmod(path("srv/cacert/ca.pem"), 0666);
}

static void group_root(void)
{
	chmod(path("srv/cacert/ca.pem"), 0664);
	if (chown(path("srv/cacert/ca.pem"), -1, 1))
		skip();
}

/* Extended key usages */

static void with_eku(const char *dir, const char *cn, const char *eku)
{
	struct test_crt ca = check_root();
	struct test_crt c = test_crt_make("EC", cn, NULL, &ca, 0, -DAY, LONG);

	test_crt_eku(&c, &ca, eku);
	test_crt_write_as(path("srv/cacert/ca.pem"), &ca);
	test_crt_write(path("%s", dir), &c);
	test_crt_free(&c);
	test_crt_free(&ca);
}

static void client_as_server(void)
{
	with_eku(SERVER, NAME, "clientAuth");
}

static void server_as_client(void)
{
	with_eku(CLIENT, US, "serverAuth");
}

static void server_as_server(void)
{
	with_eku(SERVER, NAME, "serverAuth");
}

static void both_as_client(void)
{
	with_eku(CLIENT, US, "serverAuth,clientAuth");
}

static const struct problem problems[] = {
	{ "good files", no_problem, 0, 0, "", "" },
	{ "rubbish as a certificate", rubbish_crt, 1, 0, SERVER "/crt.pem",
	  "is not a PEM certificate" },
	{ "an empty certificate", empty_crt, 1, 0, SERVER "/crt.pem",
	  "is not a PEM certificate" },
	{ "rubbish as a key", rubbish_key, 1, 0, SERVER "/key.pem",
	  "is not a PEM key" },
	{ "a missing key", no_key, 1, 0, SERVER "/key.pem",
	  "is missing: put" },
	{ "a missing certificate", no_crt, 1, 0, CLIENT "/crt.pem",
	  "is missing: put" },
	{ "a key of another certificate", other_key, 1, 0, SERVER "/key.pem",
	  "does not belong to" },
	{ "a key that everybody can read", open_key, 1, 0, CLIENT "/key.pem",
	  "run chmod o=" },
	{ "a key that the group can read", group_key, 0, 0, "", "" },
	{ "an expired certificate", expired, 1, 0, SERVER "/crt.pem",
	  "expired at" },
	{ "a certificate of the future", too_early, 1, 0, SERVER "/crt.pem",
	  "is not valid before" },
	{ "a certificate that expires in 13 days", soon, 0, 1,
	  SERVER "/crt.pem", "expires at" },
	{ "a certificate that expires in 15 days", not_soon, 0, 0, "", "" },
	{ "a certificate of another name", other_name, 1, 0,
	  SERVER "/crt.pem", "the certificate is for 'mallory.example'" },
	{ "a chain", chain, 0, 1, SERVER "/crt.pem", "only the first is sent" },
	{ "an expired certificate in a chain", expired_chain, 1, 1,
	  SERVER "/crt.pem", "expired at" },
	{ "an unknown key exchange", bad_kex, 1, 0, SERVER "/enc.conf",
	  "line 2: unknown kex 'foo'" },
	{ "an unknown mode of a client", bad_client_conf, 1, 0,
	  CLIENT "/enc.conf", "line 1: unknown kem_mode 'x'" },
	{ "a missing static key", no_static_key, 1, 0,
	  SERVER "/kex.key.pem", "No such file" },
	{ "a missing static public key", no_static_public_key, 1, 0,
	  CLIENT "/kex.srv.pub.pem", "No such file" },
	{ "rubbish as a root", rubbish_root, 1, 0, "srv/cacert/b.pem",
	  "is not a PEM certificate" },
	{ "an expired root beside a good one", expired_root, 0, 1,
	  "srv/cacert/b.pem", "expired at" },
	{ "an expired root alone", expired_roots, 1, 1, "srv/cacert",
	  "has no certificate that is valid now: put one there" },
	{ "a root of the future alone", early_root, 1, 1, "srv/cacert",
	  "has no certificate that is valid now: put one there" },
	{ "rubbish as an intermediate", rubbish_intermediate, 1, 0,
	  "srv/untrusted/b.pem", "is not a PEM certificate" },
	{ "no root at all", no_root, 0, 1, "srv/cacert", "has no *.pem" },
	{ "a root that everybody can write", open_root, 1, 0,
	  "srv/cacert/ca.pem", "can be written by everybody: run chmod o-w" },
	{ "a root that a group can write", group_root, 0, 1,
	  "srv/cacert/ca.pem", "can be written by group 1: run chmod g-w" },
	{ "a server's certificate for clients", client_as_server, 1, 0,
	  SERVER "/crt.pem", "is not for serverAuth" },
	{ "a client's certificate for servers", server_as_client, 1, 0,
	  CLIENT "/crt.pem", "is not for clientAuth" },
	{ "a server's certificate for servers", server_as_server, 0, 0, "", "" },
	{ "a client's certificate for both", both_as_client, 0, 0, "", "" },
	{ "a folder with other files", other_files, 0, 1, "srv/server/other",
	  "crt.pem, key.pem and enc.conf are missing there" },
	{ "a folder whose name is not a valid one", bad_folder, 0, 1, "srv/server/a b",
	  "is not a valid name" },
	{ "files beside the folders", no_folder, 0, 1, "srv/client/crt.pem",
	  "is not used" },
};

static void all_problems_are_reported(void **state)
{
	(void)state;
	check_good_all();
	expired();
	open_key();
	bad_kex();
	bad_client_conf();
	rubbish_root();
	rubbish_intermediate();
	bad_folder();
	check_all();
	if (check_errors != 6 || check_warnings != 1)
		fail_msg("%u errors, %u warnings: %s", check_errors,
			 check_warnings, check_said);
}

static void a_configured_name_needs_no_files(void **state)
{
	(void)state;
	check_good_all();
	check_all();
	assert_int_equal(check_errors + check_warnings, 0);
}

static void a_missing_folder_is_a_warning(void **state)
{
	struct oap_settings set = { .dir = path("nowhere") };
	const char * const none[] = { NULL };

	(void)state;
	check_warnings = 0;
	assert_int_equal(oap_check(&set, none, check_report, check_said), 0);
	assert_int_equal(check_warnings, 1);
}

static struct suite suite;

int main(void)
{
	size_t i;

	for (i = 0; i < COUNT(problems); i++)
		suite_add(&suite, check_problem, &problems[i], "check: %s",
			  problems[i].name);
	SUITE_ADD(&suite, all_problems_are_reported);
	SUITE_ADD(&suite, a_configured_name_needs_no_files);
	SUITE_ADD(&suite, a_missing_folder_is_a_warning);
	return suite_run(&suite, "oap: checks of all files");
}
