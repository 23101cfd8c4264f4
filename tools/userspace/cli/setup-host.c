// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * ipcp-rekey setup host: create the key for a name of this host, and its
 * certificate if the CA is on this host, else a certificate request.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>

#include "setup.h"

struct host {
	const char *name;
	const char *type;
	unsigned int days;
	EVP_PKEY *key;
	X509 *crt;		/* NULL if a request was created */
	bool had_key;
	bool renewed;		/* there was a certificate */
	bool sample;		/* the configuration was created */
};

/* Create a key. If one exists, keep it: its certificate is renewed. */
static int get_key(struct setup_tx *tx, struct host *h)
{
	char path[PATH_MAX];
	int status;

	setup_file_join(path, "%s/server/%s", tx->security, h->name);
	status = setup_file_folder(tx, path, true);
	setup_file_join(path, "%s/server/%s/key.pem", tx->security, h->name);
	h->had_key = setup_file_exists(path);
	if (status)
		return status;
	h->key = h->had_key ? setup_key_read(path) : setup_key_make(h->type);
	if (!h->key)
		return EXIT_FAIL;
	if (!h->had_key)
		return setup_key_put(tx, path, h->key, true);
	if (!h->type || setup_key_is(h->key, h->type))
		return EXIT_OK;
	return fail("%s is not of the type %s; leave --type out, or move %s/server/%s away for a new key",
		    path, h->type, tx->security, h->name);
}

static int get_crt(struct setup_tx *tx, struct host *h)
{
	struct setup_ca ca;
	char path[PATH_MAX];
	int status = setup_issuer_open(tx, &ca);
	BIO *bio;

	if (!status)
		status = setup_issuer_sign(tx, &ca, h->name, h->key, h->days,
					   &h->crt);
	if (!status)
		status = setup_issuer_trust(tx, &ca);
	if (!status) {
		setup_file_join(path, "%s/server/%s/crt.pem", tx->security,
				h->name);
		h->renewed = setup_file_exists(path);
		bio = setup_crt_pem(h->crt, NULL);
		status = setup_file_put_security(tx, path, bio, 0644);
		BIO_free(bio);
	}
	setup_issuer_close(&ca);
	return status;
}

static int put_request(struct setup_tx *tx, const struct host *h)
{
	X509_REQ *req = setup_crt_request(h->name, h->key);
	BIO *bio = req ? BIO_new(BIO_s_mem()) : NULL;
	char path[PATH_MAX];
	int status;

	if (!req)
		return EXIT_FAIL;
	setup_file_join(path, "%s/%s.csr", tx->dir, h->name);
	if (!bio || !PEM_write_bio_X509_REQ(bio, req))
		status = fail("out of memory");
	else
		status = setup_file_put(tx, path, bio, 0644);
	BIO_free(bio);
	X509_REQ_free(req);
	return status;
}

static int make(struct setup_tx *tx, struct host *h)
{
	int status = setup_file_security(tx);

	if (!status)
		status = get_key(tx, h);
	if (!status)
		status = setup_issuer_exists(tx) ? get_crt(tx, h) :
						   put_request(tx, h);
	return status ? status : setup_conf_put_sample(tx, &h->sample);
}

static void say_certified(const struct setup_tx *tx, const struct host *h)
{
	char date[32];

	printf("%s the certificate of '%s', until %s\n",
	       h->renewed ? "renewed" : "made", h->name,
	       setup_say_date(h->crt, date));
	if (h->renewed)
		return;
	puts("Next, check and start the agent:");
	setup_say_agent(tx);
	puts("and serve the name, as root:");
	fputs("    " PROG " listen ", stdout);
	setup_say_word(stdout, h->name);
	puts("\nFor another host, there and then here:");
	setup_say_command(NULL, "host", "OTHER", NULL);
	setup_say_command(tx, "sign", "OTHER.csr", NULL);
}

static void say_requested(const struct setup_tx *tx, const struct host *h)
{
	char print[SETUP_PRINT_LEN], file[300];

	printf("wrote %s/%s.csr, a request for the %s key of '%s'\n"
	       "SHA-256 of this key: %s\n"
	       "Next, copy the request to the host with the CA, and sign it there:\n",
	       tx->dir, h->name, h->had_key ? "existing" : "new", h->name,
	       setup_say_key(h->key, print));
	snprintf(file, sizeof(file), "%s.csr", h->name);
	setup_say_command(NULL, "sign", "--key", print, file, NULL);
	snprintf(file, sizeof(file), "%s.pem", h->name);
	printf("(another CA may sign it, too: its answer in PEM, with the certificates of the CAs, is the file ");
	setup_say_word(stdout, file);
	puts(")\nThen bring the answer here:");
	setup_say_command(tx, "install", file, NULL);
}

static void say(const struct setup_tx *tx, const struct host *h)
{
	if (h->crt)
		say_certified(tx, h);
	else
		say_requested(tx, h);
	if (h->sample)
		printf("(%s/" SETUP_CONF " is new: all its settings are the defaults)\n",
		       tx->dir);
}

int setup_host(int argc, char **argv)
{
	uint64_t days = SETUP_HOST_DAYS;
	const char *dir = SETUP_DIR;
	struct host h = { 0 };
	const struct opt opts[] = {
		SETUP_OPT_DIR(dir), SETUP_OPT_DAYS(days),
		SETUP_OPT_TYPE(h.type), { 0 }
	};
	const struct use use = {
		"setup host", "NAME",
		"Makes the key of NAME, a name of this host, and its certificate. If the CA\n"
		"is not in DIR/ca, makes the request DIR/NAME.csr instead. With a key that\n"
		"is there already, renews the certificate.\n",
		opts, 1, 1
	};
	struct setup_tx tx;
	int status;

	h.name = setup_crt_use_name(&use, *use_parse(&use, argc, argv));
	h.type = setup_key_type(&use, h.type);
	h.days = days;
	if (setup_file_begin(&tx, dir))
		return EXIT_FAIL;
	status = setup_file_end(&tx, make(&tx, &h));
	if (!status)
		say(&tx, &h);
	X509_free(h.crt);
	EVP_PKEY_free(h.key);
	return status;
}
