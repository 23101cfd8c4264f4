// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Certificates and requests of the setup commands (X.509v3, RFC 5280). */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "../oap/int.h"
#include "setup.h"

#define CN_MAX		64	/* ub-common-name */
#define DNS_MAX		253
#define LABEL_MAX	63
#define SERIAL_BITS	128
#define EARLY		3600	/* s, for hosts whose clocks are behind */

/* Check a name on the command line; exits if the name is invalid. */
const char *setup_crt_use_name(const struct use *use, const char *word)
{
	if (!oap_name_ok(word))
		exit(use_error(use, "'%s' is not a valid name: 1 to 255 printable characters, no spaces, no '/', no dot in front",
			       word));
	return word;
}

/* True if a name is valid as a host name in the DNS. */
static bool is_dns(const char *name)
{
	size_t label = 0, len = strlen(name);
	const char *p;

	if (len > DNS_MAX)
		return false;
	for (p = name; *p; p++) {
		if (*p == '.' && (!label || p[-1] == '-'))
			return false;
		if (*p == '-' && !label)
			return false;
		if (*p != '.' && *p != '-' && !isalnum((unsigned char)*p))
			return false;
		label = *p == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return false;
	}
	return label && p[-1] != '-';
}

/*
 * Return a subject, with a common name if the name fits. It only informs people
 * if the name is an alternative name, too.
 */
static X509_NAME *subject_of(const char *name)
{
	X509_NAME *subject = X509_NAME_new();

	if (!subject || strlen(name) > CN_MAX)
		return subject;
	if (X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
				       (const unsigned char *)name, -1, -1, 0))
		return subject;
	X509_NAME_free(subject);
	return NULL;
}

static GENERAL_NAMES *alt_names_of(const char *name)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	GENERAL_NAME *one = GENERAL_NAME_new();

	if (names && one && text && ASN1_STRING_set(text, name, -1)) {
		GENERAL_NAME_set0_value(one, GEN_DNS, text);
		text = NULL;
		if (sk_GENERAL_NAME_push(names, one))
			return names;
	}
	ASN1_IA5STRING_free(text);
	GENERAL_NAME_free(one);
	GENERAL_NAMES_free(names);
	return NULL;
}

static bool extend(X509 *crt, X509 *ca, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx(&ctx, ca, crt, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext && X509_add_ext(crt, ext, -1);
	X509_EXTENSION_free(ext);
	return ok;
}

static bool add_names(X509 *crt, const char *name)
{
	GENERAL_NAMES *names;
	bool ok;

	if (!is_dns(name))
		return true;
	names = alt_names_of(name);
	/* without a subject the extension has to be critical (RFC 5280) */
	ok = names && X509_add1_ext_i2d(crt, NID_subject_alt_name, names,
					strlen(name) > CN_MAX,
					X509V3_ADD_DEFAULT) == 1;
	GENERAL_NAMES_free(names);
	return ok;
}

static bool add_extensions(X509 *crt, const struct setup_issue *i)
{
	X509 *ca = i->ca ? i->ca : crt;

	if (!extend(crt, ca, NID_basic_constraints, i->ca ?
		    "critical,CA:FALSE" : "critical,CA:TRUE,pathlen:0") ||
	    !extend(crt, ca, NID_key_usage, i->ca ?
		    "critical,digitalSignature" : "critical,keyCertSign,cRLSign") ||
	    !extend(crt, ca, NID_subject_key_identifier, "hash"))
		return false;
	/* an imported CA may have no subject key identifier */
	if ((!i->ca || X509_get0_subject_key_id(ca)) &&
	    !extend(crt, ca, NID_authority_key_identifier, "keyid:always"))
		return false;
	return !i->ca ||
	       (extend(crt, ca, NID_ext_key_usage, "serverAuth,clientAuth") &&
		add_names(crt, i->name));
}

static bool set_serial(X509 *crt)
{
	BIGNUM *bn = BN_new();
	bool ok = bn && BN_rand(bn, SERIAL_BITS, BN_RAND_TOP_ANY,
				BN_RAND_BOTTOM_ANY) == 1 &&
		  BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(crt));

	BN_free(bn);
	return ok;
}

/* Set the dates. A certificate does not outlive its CA. */
static bool set_dates(X509 *crt, const struct setup_issue *i)
{
	ASN1_TIME *to = X509_getm_notAfter(crt);
	time_t from = time(NULL) - EARLY;

	if (!X509_time_adj_ex(X509_getm_notBefore(crt), 0, 0, &from) ||
	    !X509_time_adj_ex(to, i->days, EARLY, &from))
		return false;
	return !i->ca ||
	       ASN1_TIME_compare(to, X509_get0_notAfter(i->ca)) <= 0 ||
	       X509_set1_notAfter(crt, X509_get0_notAfter(i->ca));
}

static bool set_names(X509 *crt, const struct setup_issue *i)
{
	X509_NAME *subject = subject_of(i->name);
	bool ok = subject && X509_set_subject_name(crt, subject) &&
		  X509_set_issuer_name(crt, i->ca ?
				       X509_get_subject_name(i->ca) : subject);

	X509_NAME_free(subject);
	return ok;
}

/*
 * Check that a name fits: as common name, or as alternative name for the DNS.
 */
static bool has_room(const char *name)
{
	if (strlen(name) <= CN_MAX || is_dns(name))
		return true;
	fail("'%.40s...' is too long: a name that is not one of the DNS has at most %d characters in a certificate",
	     name, CN_MAX);
	return false;
}

/**
 * setup_crt_issue() - create a certificate
 * @issue: contents of the certificate
 *
 * Return: the certificate; NULL after an error was printed.
 */
X509 *setup_crt_issue(const struct setup_issue *issue)
{
	EVP_PKEY *by = issue->ca ? issue->ca_key : issue->key;
	X509 *crt;

	if (!has_room(issue->name))
		return NULL;
	crt = X509_new();
	if (crt && X509_set_version(crt, X509_VERSION_3) && set_serial(crt) &&
	    set_dates(crt, issue) && set_names(crt, issue) &&
	    X509_set_pubkey(crt, issue->key) && add_extensions(crt, issue) &&
	    X509_sign(crt, by, setup_key_digest(by)) > 0)
		return crt;
	fail("cannot make the certificate: %s", oap_err_why());
	X509_free(crt);
	return NULL;
}

static bool ask(STACK_OF(X509_EXTENSION) **all, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	bool ok = ext && X509v3_add_ext(all, ext, -1);

	X509_EXTENSION_free(ext);
	return ok;
}

static bool ask_all(X509_REQ *req, const char *name)
{
	GENERAL_NAMES *names = is_dns(name) ? alt_names_of(name) : NULL;
	STACK_OF(X509_EXTENSION) *all = NULL;
	bool ok;

	ok = !is_dns(name) ||
	     (names && X509V3_add1_i2d(&all, NID_subject_alt_name, names,
				       strlen(name) > CN_MAX,
				       X509V3_ADD_DEFAULT) == 1);
	ok = ok && ask(&all, NID_key_usage, "critical,digitalSignature") &&
	     ask(&all, NID_ext_key_usage, "serverAuth,clientAuth") &&
	     X509_REQ_add_extensions(req, all);
	GENERAL_NAMES_free(names);
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	return ok;
}

/**
 * setup_crt_request() - create a certificate request
 * @name: name of the owner
 * @key: key of the owner
 *
 * Return: the request; NULL after an error was printed.
 */
X509_REQ *setup_crt_request(const char *name, EVP_PKEY *key)
{
	X509_NAME *subject;
	X509_REQ *req;
	bool ok;

	if (!has_room(name))
		return NULL;
	subject = subject_of(name);
	req = X509_REQ_new();
	ok = subject && req && X509_REQ_set_version(req, X509_REQ_VERSION_1) &&
	     X509_REQ_set_subject_name(req, subject) &&
	     X509_REQ_set_pubkey(req, key) && ask_all(req, name) &&
	     X509_REQ_sign(req, key, setup_key_digest(key)) > 0;
	X509_NAME_free(subject);
	if (ok)
		return req;
	fail("cannot make the request: %s", oap_err_why());
	X509_REQ_free(req);
	return NULL;
}

/* True if a certificate names itself as its issuer. */
bool setup_crt_is_root(X509 *crt)
{
	return X509_check_issued(crt, crt) == X509_V_OK;
}

void setup_crt_free(STACK_OF(X509) *all)
{
	sk_X509_pop_free(all, X509_free);
}

static STACK_OF(X509) *read_all(FILE *file)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	X509 *crt;

	while (all && (crt = PEM_read_X509(file, NULL, oap_secret_no_passphrase,
					   NULL)))
		if (!sk_X509_push(all, crt))
			X509_free(crt);
	return all;
}

/**
 * setup_crt_read() - read the certificates of a file
 * @path: the file
 *
 * Return: the certificates, at least one, for setup_crt_free(); NULL after an
 * error was printed.
 */
STACK_OF(X509) *setup_crt_read(const char *path)
{
	FILE *file = fopen(path, "re");
	STACK_OF(X509) *all;
	unsigned long why;

	if (!file) {
		setup_file_fail("open", path);
		return NULL;
	}
	ERR_clear_error();
	all = read_all(file);
	fclose(file);
	/* reported at the end of a file, and for a file without certificates */
	why = ERR_peek_last_error();
	ERR_clear_error();
	if (sk_X509_num(all) > 0 && ERR_GET_REASON(why) == PEM_R_NO_START_LINE)
		return all;
	if (ERR_GET_REASON(why) == PEM_R_NO_START_LINE)
		fail("%s has no certificate in PEM; for one in DER run: openssl x509 -inform DER -in FILE -out FILE.pem",
		     path);
	else
		fail("%s: certificate %d is damaged: copy the file once more",
		     path, sk_X509_num(all) + 1);
	setup_crt_free(all);
	return NULL;
}

/**
 * setup_crt_pem() - encode certificates
 * @first: the first certificate
 * @others: further certificates, or NULL
 *
 * Return: the text; NULL if there is no memory.
 */
BIO *setup_crt_pem(X509 *first, const STACK_OF(X509) *others)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = bio && PEM_write_bio_X509(bio, first);
	int i;

	for (i = 0; ok && i < sk_X509_num(others); i++)
		ok = PEM_write_bio_X509(bio, sk_X509_value(others, i));
	if (ok)
		return bio;
	BIO_free(bio);
	return NULL;
}

/**
 * setup_crt_put_ca() - add the certificate of a CA to the agent's
 * @tx: the changes
 * @crt: the certificate
 * @made: set to true if the certificate was not there before
 *
 * A root goes to the folder "cacert", any other to "untrusted". The file name is
 * derived from the certificate, so that the folder has only one copy.
 *
 * Return: the exit status.
 */
int setup_crt_put_ca(struct setup_tx *tx, X509 *crt, bool *made)
{
	const char *folder = setup_crt_is_root(crt) ? "cacert" : "untrusted";
	unsigned char md[EVP_MAX_MD_SIZE];
	char path[PATH_MAX], id[17];
	int i, status;
	BIO *bio;

	if (!X509_digest(crt, EVP_sha256(), md, NULL))
		return fail("out of memory");
	for (i = 0; i < 8; i++)
		sprintf(id + 2 * i, "%02x", md[i]);
	setup_file_join(path, "%s/%s/%s.pem", tx->security, folder, id);
	*made = !setup_file_exists(path);
	if (!*made)
		return EXIT_OK;
	bio = setup_crt_pem(crt, NULL);
	status = setup_file_put_security(tx, path, bio, 0644);
	BIO_free(bio);
	return status;
}
