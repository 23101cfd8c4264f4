// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* ipcp-rekey setup ca: create a small CA for the hosts of one operator. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "setup.h"

#define TEXT_MAX	64	/* bytes of a common name */

/* Check text: no characters that a terminal could interpret. */
static const char *use_text(const struct use *use, const char *text)
{
	const char *p;

	for (p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			break;
	if (*p || !*text || p - text > TEXT_MAX)
		exit(use_error(use, "--name needs 1 to %d bytes of printable characters",
			       TEXT_MAX));
	return text;
}

static int put_all(struct setup_tx *tx, const struct setup_ca *ca)
{
	char path[PATH_MAX];
	int status;
	BIO *bio;

	setup_file_join(path, "%s/ca", tx->dir);
	status = setup_file_folder(tx, path, false);
	if (!status)
		status = setup_file_security(tx);
	setup_file_join(path, "%s/ca/ca.key.pem", tx->dir);
	if (!status)
		status = setup_key_put(tx, path, ca->key, false);
	if (status)
		return status;
	setup_file_join(path, "%s/ca/ca.pem", tx->dir);
	bio = setup_crt_pem(ca->crt, NULL);
	status = setup_file_put(tx, path, bio, 0644);
	BIO_free(bio);
	return status ? status : setup_issuer_trust(tx, ca);
}

static int make(struct setup_tx *tx, struct setup_ca *ca, const char *type,
		const char *name, unsigned int days)
{
	struct setup_issue issue = { .name = name, .days = days };

	if (setup_issuer_exists(tx))
		return fail("there is a CA in %s/ca already; to begin anew, move that folder away: all hosts then need new certificates",
			    tx->dir);
	ca->key = setup_key_make(type);
	issue.key = ca->key;
	ca->crt = ca->key ? setup_crt_issue(&issue) : NULL;
	if (!ca->crt)
		return EXIT_FAIL;
	ca->all = sk_X509_new_null();
	if (!ca->all || !sk_X509_push(ca->all, ca->crt)) {
		X509_free(ca->crt);
		return fail("out of memory");
	}
	return put_all(tx, ca);
}

static void say(const struct setup_tx *tx, const struct setup_ca *ca)
{
	char date[32], print[SETUP_PRINT_LEN];
	char *subject = setup_say_subject(ca->crt);

	printf("made the CA '%s', until %s; trusted here from now on\n"
	       "SHA-256 of its certificate: %s\n"
	       "%s/ca/ca.key.pem makes certificates for any name: keep it on this host, with one copy in a safe\n"
	       "Next, for a name of this host:\n",
	       subject, setup_say_date(ca->crt, date),
	       setup_say_print(ca->crt, print), tx->dir);
	OPENSSL_free(subject);
	setup_say_command(tx, "host", "NAME", NULL);
}

static const char *default_name(char buf[TEXT_MAX + 1])
{
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	snprintf(buf, TEXT_MAX + 1, "CA of %.*s", TEXT_MAX - 6,
		 *host ? host : "this host");
	return buf;
}

int setup_ca(int argc, char **argv)
{
	const char *dir = SETUP_DIR, *name = NULL, *type = NULL;
	uint64_t days = SETUP_CA_DAYS;
	const struct opt opts[] = {
		SETUP_OPT_DIR(dir),
		{ "name", 'n', "TEXT", "name of the CA (default: CA of this host)",
		  OPT_TEXT, &name, 0, 0 },
		SETUP_OPT_DAYS(days), SETUP_OPT_TYPE(type), { 0 }
	};
	const struct use use = {
		"setup ca", "",
		"Makes a CA in DIR/ca, which this host trusts from now on. An existing CA is\n"
		"left alone.\n",
		opts, 0, 0
	};
	char buf[TEXT_MAX + 1];
	struct setup_ca ca = { 0 };
	struct setup_tx tx;
	int status;

	use_parse(&use, argc, argv);
	name = name ? use_text(&use, name) : default_name(buf);
	type = setup_key_type(&use, type);
	if (setup_file_begin(&tx, dir))
		return EXIT_FAIL;
	status = make(&tx, &ca, type, name, days);
	status = setup_file_end(&tx, status);
	if (!status)
		say(&tx, &ca);
	setup_issuer_close(&ca);
	return status;
}
