// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * ipcp-rekey setup sign: issue a certificate for the request of another host.
 * Only the name and the key are taken from the request.
 */
#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "../oap/int.h"
#include "setup.h"

#define END		".csr"	/* of the name of a request */
#define STRENGTH	112	/* bits, as agents require */
#define XDIGITS		"0123456789abcdefABCDEF"
#define DIGITS		64	/* of a fingerprint */

/* The name in a request. */
struct wanted {
	char name[OAP_NAME_MAX + 1];
	char other[OAP_NAME_MAX + 1];	/* a second name */
	bool unfit;			/* an invalid alternative name */
};

static bool get_text(const ASN1_STRING *text, char name[OAP_NAME_MAX + 1])
{
	unsigned char *utf8 = NULL;
	int len = ASN1_STRING_to_UTF8(&utf8, text);
	bool ok = len > 0 && len <= OAP_NAME_MAX &&
		  !memchr(utf8, '\0', len);

	if (ok) {
		memcpy(name, utf8, len);
		name[len] = '\0';
	}
	OPENSSL_free(utf8);
	return ok && oap_name_ok(name);
}

static bool want(struct wanted *w, const ASN1_STRING *text)
{
	char name[OAP_NAME_MAX + 1];

	if (!get_text(text, name))
		return false;
	if (!w->name[0])
		strcpy(w->name, name);
	else if (strcmp(w->name, name))
		strcpy(w->other, name);
	return true;
}

/*
 * Use the common name if it is a valid name. Ignore a common name like "Bob's
 * host".
 */
static void want_subject(struct wanted *w, const X509_NAME *subject)
{
	int at = -1;

	for (;;) {
		at = X509_NAME_get_index_by_NID((X509_NAME *)subject,
						NID_commonName, at);
		if (at < 0)
			return;
		want(w, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject,
								     at)));
	}
}

static void want_alternatives(struct wanted *w,
			      const STACK_OF(X509_EXTENSION) *asked)
{
	GENERAL_NAMES *names = X509V3_get_d2i(asked, NID_subject_alt_name, NULL,
					      NULL);
	GENERAL_NAME *one;
	int i;

	for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		one = sk_GENERAL_NAME_value(names, i);
		if (one->type == GEN_DNS && !want(w, one->d.dNSName))
			w->unfit = true;
		else if (one->type != GEN_DNS)
			note("left out: another kind of name than one of the DNS");
	}
	GENERAL_NAMES_free(names);
}

/* Report requested extensions that the certificate will not have. */
static void say_left_out(const STACK_OF(X509_EXTENSION) *asked)
{
	int i, nid;

	for (i = 0; i < sk_X509_EXTENSION_num(asked); i++) {
		nid = OBJ_obj2nid(X509_EXTENSION_get_object(
					sk_X509_EXTENSION_value(asked, i)));
		if (nid != NID_subject_alt_name && nid != NID_key_usage &&
		    nid != NID_ext_key_usage &&
		    nid != NID_subject_key_identifier)
			note("left out, which the request asks for: %s",
			     nid == NID_undef ? "an unknown extension" :
						OBJ_nid2ln(nid));
	}
}

static int get_name(const char *file, X509_REQ *req, struct wanted *w)
{
	STACK_OF(X509_EXTENSION) *asked = X509_REQ_get_extensions(req);

	memset(w, 0, sizeof(*w));
	want_subject(w, X509_REQ_get_subject_name(req));
	want_alternatives(w, asked);
	say_left_out(asked);
	sk_X509_EXTENSION_pop_free(asked, X509_EXTENSION_free);
	if (w->other[0])
		return fail("%s asks for '%s' and for '%s'; a certificate is for one name: make a request for each",
			    file, w->name, w->other);
	if (w->name[0] && !w->unfit)
		return EXIT_OK;
	return fail("%s asks for no valid name: 1 to 255 printable characters, no spaces, no '/', no dot in front; make a new one with 'ipcp-rekey setup host NAME'",
		    file);
}

/* Refuse FILE if its name, NAME.csr, is that of another host. */
static int check_file_name(const char *file, const char *name)
{
	const char *base = strrchr(file, '/');
	char said[OAP_NAME_MAX + 1];
	size_t len;

	base = base ? base + 1 : file;
	len = strlen(base);
	if (len <= strlen(END) || strcmp(base + len - strlen(END), END) ||
	    len - strlen(END) > OAP_NAME_MAX)
		return EXIT_OK;
	snprintf(said, sizeof(said), "%.*s", (int)(len - strlen(END)), base);
	if (!oap_name_ok(said) || !strcmp(said, name))
		return EXIT_OK;
	return fail("%s asks for '%s', not for '%s': if '%s' is the host that sent it, name the file %s.csr, else ask that host what it sent",
		    file, name, said, name, name);
}

/*
 * Check that the owner of the key signed the request, and that the key is
 * usable.
 */
static int check_key(const char *file, X509_REQ *req)
{
	EVP_PKEY *key = X509_REQ_get0_pubkey(req);

	if (!key || X509_REQ_verify(req, key) != 1) {
		ERR_clear_error();
		return fail("%s is not signed by its own key: copy the request once more, or make a new one",
			    file);
	}
	if (EVP_PKEY_get_security_bits(key) < STRENGTH)
		return fail("the key of %s is too weak: make a new one with 'ipcp-rekey setup host NAME'",
			    file);
	return EXIT_OK;
}

static X509_REQ *read_request(const char *file)
{
	FILE *in = fopen(file, "re");
	X509_REQ *req;

	if (!in) {
		setup_file_fail("open", file);
		return NULL;
	}
	req = PEM_read_X509_REQ(in, NULL, oap_secret_no_passphrase, NULL);
	fclose(in);
	ERR_clear_error();
	if (!req)
		fail("%s is not a request in PEM, or is damaged: copy it once more from the host that made it",
		     file);
	return req;
}

/* Do not replace a file that is not a certificate of this name. */
static int check_answer(const char *path, const char *name)
{
	char found[OAP_NAME_MAX + 1];
	STACK_OF(X509) *all;
	struct oap_err err;
	bool same;

	if (!setup_file_exists(path))
		return EXIT_OK;
	all = setup_crt_read(path);
	same = all && !oap_crt_name(sk_X509_value(all, 0), name, found, &err);
	setup_crt_free(all);
	return same ? EXIT_OK :
	       fail("%s exists, and is no certificate of '%s': move it away, or give another file with --output",
		    path, name);
}

static int answer(struct setup_tx *tx, X509_REQ *req, const char *name,
		  unsigned int days, const char *path)
{
	struct setup_ca ca = { 0 };
	EVP_PKEY *key = X509_REQ_get0_pubkey(req);
	char date[32], print[SETUP_PRINT_LEN];
	X509 *crt = NULL;
	int status;
	BIO *bio;

	status = setup_issuer_open(tx, &ca);
	if (!status)
		status = setup_issuer_sign(tx, &ca, name, key, days, &crt);
	if (!status) {
		bio = setup_crt_pem(crt, ca.all);
		status = setup_file_put(tx, path, bio, 0644);
		BIO_free(bio);
	}
	status = setup_file_end(tx, status);
	if (!status)
		printf("signed '%s', until %s\n"
		       "SHA-256 of the CA's certificate: %s\n",
		       name, setup_say_date(crt, date),
		       setup_say_print(ca.crt, print));
	X509_free(crt);
	setup_issuer_close(&ca);
	return status;
}

static void say_request(const char *name, const char *print)
{
	printf("a request for '%s'\nSHA-256 of its key: %s\n"
	       "(the host has printed the same, if this is its request)\n",
	       name, print);
	fflush(stdout);
}

/* Compare fingerprints: digits of either case, with or without colons. */
static bool is_same_print(const char *a, const char *b)
{
	for (;; a++, b++) {
		a += strspn(a, ":");
		b += strspn(b, ":");
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (!*a)
			return true;
	}
}

/* True if the text has the digits of a SHA-256. */
static bool is_print(const char *text)
{
	size_t digits = 0;

	if (text[strspn(text, ":" XDIGITS)])
		return false;
	for (; *text; text++)
		digits += *text != ':';
	return digits == DIGITS;
}

/* Print what is asked for. Refuse it if @key, a fingerprint or NULL, differs. */
static int check_print(const char *file, const char *name, X509_REQ *req,
		       const char *key)
{
	char print[SETUP_PRINT_LEN];

	setup_say_key(X509_REQ_get0_pubkey(req), print);
	if (!key)
		say_request(name, print);
	else if (!is_same_print(key, print))
		return fail("%s is for another key, %s: somebody has replaced the request, or it is an older one; copy it once more",
			    file, print);
	return EXIT_OK;
}

static int sign(struct setup_tx *tx, const char *file, X509_REQ *req,
		const char *output, const char *key, unsigned int days)
{
	char path[PATH_MAX], *copy = strdup(file);
	struct wanted w;
	int status;

	status = copy ? check_key(file, req) : EXIT_FAIL;
	if (!status)
		status = get_name(file, req, &w);
	if (!status)
		status = check_file_name(file, w.name);
	if (!status && output)
		setup_file_join(path, "%s", output);
	else if (!status)
		setup_file_join(path, "%s/%s.pem", dirname(copy), w.name);
	if (!status)
		status = check_answer(path, w.name);
	if (!status)
		status = check_print(file, w.name, req, key);
	status = status ? setup_file_end(tx, status) :
			  answer(tx, req, w.name, days, path);
	free(copy);
	if (status)
		return status;
	fputs("Next, copy ", stdout);
	setup_say_word(stdout, path);
	puts(" to that host, and install it there:");
	setup_say_command(NULL, "install", basename(path), NULL);
	return EXIT_OK;
}

int setup_sign(int argc, char **argv)
{
	const char *dir = SETUP_DIR, *output = NULL, *key = NULL, *file;
	uint64_t days = SETUP_HOST_DAYS;
	const struct opt opts[] = {
		SETUP_OPT_DIR(dir), SETUP_OPT_DAYS(days),
		{ "key", 'k', "FINGERPRINT", "refuse a request for another key",
		  OPT_TEXT, &key, 0, 0 },
		{ "output", 'o', "FILE", "the answer (default: NAME.pem beside FILE)",
		  OPT_TEXT, &output, 0, 0 },
		{ 0 }
	};
	const struct use use = {
		"setup sign", "FILE",
		"Signs the request FILE of another host with the CA in DIR/ca: for its name,\n"
		"and nothing else that it asks for.\n",
		opts, 1, 1
	};
	struct setup_tx tx;
	X509_REQ *req;
	int status;

	file = *use_parse(&use, argc, argv);
	if (strlen(file) > PATH_MAX / 2 ||
	    (output && strlen(output) > PATH_MAX / 2))
		return use_error(&use, "the path is too long");
	if (key && !is_print(key))
		return use_error(&use, "--key: '%s' is not the SHA-256 of a key; 'ipcp-rekey setup host' prints it",
				 key);
	req = read_request(file);	/* maybe a pipe: signals are not held yet */
	if (!req || setup_file_begin(&tx, dir)) {
		X509_REQ_free(req);
		return EXIT_FAIL;
	}
	if (setup_issuer_exists(&tx))
		status = sign(&tx, file, req, output, key, days);
	else
		status = setup_file_end(&tx, fail("there is no CA in %s/ca: run this on the host with the CA, or make one here with 'ipcp-rekey setup ca'",
						  tx.dir));
	X509_REQ_free(req);
	return status;
}
