// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Trusted certificates: the files of cacert/ and untrusted/ that are read. */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "pair.h"

#define PARTS	5

/* Placeholders for certificates among the parts of a file. */
#define GOOD	"(the certificate that the peer needs)"
#define OTHER	"(another certificate)"
#define CUT	"(the first half of a certificate)"
#define TRUSTED	"(the certificate, as a trusted one of OpenSSL)"

#define TEXT	"Certificate:\n    Data:\n        Version: 3 (0x2)\n"
#define KEY	"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"

/**
 * struct file_case - a file in cacert/ or untrusted/
 * @name: name of the case
 * @file: name of the file
 * @parts: content of the file
 * @why: the exact reason after the name of the file; NULL if it is read
 * @found: the peer's certificate is accepted
 */
struct file_case {
	const char *name;
	const char *file;
	const char *parts[PARTS];
	const char *why;
	bool found;
};

#define NOT_PEM	"is not a PEM certificate: replace it, or drop .pem from its name"
#define AFTER(n) "has other text after certificate " n ": " \
		 "remove it, or begin its lines with #"

static const struct file_case files[] = {
	{ "one certificate", "x.pem", { GOOD }, NULL, true },
	{ "the second certificate of a bundle", "x.pem", { OTHER, GOOD }, NULL, true },
	{ "the third certificate of a bundle", "x.pem", { OTHER, OTHER, GOOD }, NULL, true },
	{ "the first certificate of a bundle", "x.pem", { GOOD, OTHER }, NULL, true },
	{ "blank lines and comments", "x.pem",
	  { "# root\n\n", OTHER, " \r\n# next\n", GOOD, "\n" }, NULL, true },
	{ "text before the certificate", "x.pem", { TEXT, GOOD }, NULL, true },
	{ "a name with another dot", "a.b.pem", { GOOD }, NULL, true },
	{ "a disabled file", "x.pem.disabled", { GOOD }, NULL,
	  false },
	{ "a backup copy of an editor", "x.pem~", { GOOD }, NULL, false },
	{ "another ending", "x.crt", { GOOD }, NULL, false },
	{ "the ending in capitals", "x.PEM", { GOOD }, NULL, false },
	{ "an ending without a dot", "xpem", { GOOD }, NULL, false },
	{ "a hidden file", ".x.pem", { GOOD }, NULL, false },
	{ "only the ending", ".pem", { GOOD }, NULL, false },
	{ "a README", "README", { "Put the roots here.\n" }, NULL, false },
	{ "an empty file", "x.pem", { "" }, "x.pem " NOT_PEM, false },
	{ "only a comment", "x.pem", { "# root\n" }, "x.pem " NOT_PEM, false },
	{ "only text", "x.pem", { "rubbish\n" }, "x.pem " NOT_PEM, false },
	{ "only a key", "x.pem", { KEY }, "x.pem " NOT_PEM, false },
	{ "a key before the certificate", "x.pem", { KEY, GOOD }, "x.pem " NOT_PEM, false },
	{ "a first line without its first dash", "x.pem", { "----BEGIN CERTIFICATE-----\n", GOOD },
	  "x.pem " NOT_PEM, false },
	{ "a certificate with trust settings", "x.pem", { TRUSTED },
	  "x.pem " NOT_PEM, false },
	{ "text after the certificate", "x.pem", { GOOD, "rubbish\n" }, "x.pem " AFTER("1"),
	  false },
	{ "text after the certificate, without a newline", "x.pem", { GOOD, "rubbish" },
	  "x.pem " AFTER("1"), false },
	{ "text between certificates", "x.pem", { GOOD, OTHER, "rubbish\n", OTHER },
	  "x.pem " AFTER("2"), false },
	{ "a key between certificates", "x.pem", { GOOD, KEY, OTHER }, "x.pem " AFTER("1"),
	  false },
	{ "a truncated certificate", "x.pem", { GOOD, CUT },
	  "x.pem: certificate 2 is damaged: replace or remove it",
	  false },
	{ "a truncated certificate before another", "x.pem", { CUT, GOOD },
	  "x.pem: certificate 1 is damaged: replace or remove it",
	  false },
	{ "an empty certificate", "x.pem",
	  { "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" },
	  "x.pem: certificate 1 is damaged: replace or remove it",
	  false },
};

static void put_half(FILE *file, X509 *crt)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	assert_int_equal(PEM_write_bio_X509(bio, crt), 1);
	len = BIO_get_mem_data(bio, &text);
	assert_int_equal(fwrite(text, 1, len / 2, file), len / 2);
	if (text[len / 2 - 1] != '\n')
		fputs("\n", file);
	BIO_free(bio);
}

static void put_part(FILE *file, const char *part, X509 *good)
{
	if (!strcmp(part, GOOD))
		assert_int_equal(PEM_write_X509(file, good), 1);
	else if (!strcmp(part, TRUSTED))
		assert_int_equal(PEM_write_X509_AUX(file, good), 1);
	else if (!strcmp(part, OTHER))
		assert_int_equal(PEM_write_X509(file, test_other_ca.crt), 1);
	else if (!strcmp(part, CUT))
		put_half(file, test_other_ca.crt);
	else
		fputs(part, file);
}

static void put_file(const struct file_case *c, const char *where, X509 *good)
{
	FILE *file = fopen(where, "w");
	size_t i;

	assert_non_null(file);
	for (i = 0; i < PARTS && c->parts[i]; i++)
		put_part(file, c->parts[i], good);
	fclose(file);
}

/* Reload the server with the file in @folder; check if the peer is accepted. */
static void check_file(const struct file_case *c, const char *folder,
		       const struct test_crt *good)
{
	char why[256];
	struct pair p;

	credentials("EC", good);
	open_pair(&p, OAP_AUTH_REQUIRED);
	put_file(c, path("srv/%s/%s", folder, c->file), good->crt);
	if (c->why) {
		assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_BAD_CONFIG);
		snprintf(why, sizeof(why), "%s/%s", folder, c->why);
		assert_string_equal(p.err.text, why);
		assert_true(strlen(p.err.text) <= REASON_MAX);
	} else if (oap_env_reload(p.srv, &p.err)) {
		fail_msg("%s", p.err.text);
	}
	request_ok(&p);
	assert_int_equal(process(&p), c->found ? OAP_OK : OAP_BAD_CERT);
	close_pair(&p);
}

static void test_root(void **state)
{
	struct test_crt root = test_crt_make("EC", "root", NULL, NULL, 1, -DAY,
					     DAY);

	check_file(*state, "cacert", &root);
	test_crt_free(&root);
}

static void test_intermediate(void **state)
{
	struct test_crt mid = test_crt_make("EC", "mid", NULL, &test_ca, 1,
					    -DAY, DAY);

	check_file(*state, "untrusted", &mid);
	test_crt_free(&mid);
}

static void a_folder_with_the_ending_pem_is_refused(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, OAP_AUTH_REQUIRED);
	mkdir(path("srv/cacert/x.pem"), 0700);
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_BAD_CONFIG);
	assert_string_equal(p.err.text,
			    "cannot read cacert/x.pem (Is a directory): replace it, or drop .pem from its name");
	close_pair(&p);
}

static void a_dangling_symlink_is_refused(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, OAP_AUTH_REQUIRED);
	assert_int_equal(symlink("nowhere", path("srv/cacert/x.pem")), 0);
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_BAD_CONFIG);
	assert_string_equal(p.err.text,
			    "cannot open cacert/x.pem (No such file or directory): check the file and its permissions");
	close_pair(&p);
}

/* With the longest file name the reason keeps its end, the remedy. */
static void a_long_file_name_leaves_room_for_the_remedy(void **state)
{
	static const char end[] = "drop .pem from its name";
	char name[256];
	struct pair p;

	(void)state;
	memset(name, 'a', sizeof(name));
	strcpy(name + 251, ".pem");
	open_pair(&p, OAP_AUTH_REQUIRED);
	test_file(path("srv/cacert"), name, "rubbish\n");
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_BAD_CONFIG);
	assert_true(strlen(p.err.text) <= REASON_MAX);
	assert_string_equal(p.err.text + strlen(p.err.text) - strlen(end), end);
	close_pair(&p);
}

static struct suite suite;

int main(void)
{
	size_t i;

	for (i = 0; i < COUNT(files); i++) {
		suite_add(&suite, test_root, &files[i], "cacert: %s: %s",
			  files[i].name, files[i].why ? "refused" :
			  files[i].found ? "read" : "ignored");
		suite_add(&suite, test_intermediate, &files[i],
			  "untrusted: %s: %s", files[i].name,
			  files[i].why ? "refused" :
			  files[i].found ? "read" : "ignored");
	}
	SUITE_ADD(&suite, a_folder_with_the_ending_pem_is_refused);
	SUITE_ADD(&suite, a_dangling_symlink_is_refused);
	SUITE_ADD(&suite, a_long_file_name_leaves_room_for_the_remedy);
	return suite_run(&suite, "oap: trusted certificates");
}
