// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Check the files of a name on one side: certificate, key, and enc.conf. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "check-int.h"

/* The directory of a name on one side. */
struct place {
	bool server;
	const char *name;
	char dir[PATH_MAX];
	char crt[PATH_MAX];
	char key[PATH_MAX];
	char conf[PATH_MAX];
};

static bool missing(const char *path)
{
	struct stat st;

	return stat(path, &st) && (errno == ENOENT || errno == ENOTDIR);
}

static void check_conf(struct oap_check *c, const struct place *p)
{
	EVP_PKEY *key = NULL;
	struct oap_conf conf;
	struct oap_err err;
	enum oap_code code;

	code = oap_conf_load(&conf, p->conf, p->server, &err);
	if (!code && oap_nid_kex_is_kem(conf.kex) && conf.client_encap)
		code = p->server ?
		       oap_kexfile_private(conf.kex, p->dir, &key, &err) :
		       oap_kexfile_public(conf.kex, p->dir, &key, &err);
	if (code)
		oap_check_error(c, "%s", err.text);
	EVP_PKEY_free(key);
}

/* Check the name: a server has to prove its own name, a client any name. */
static void check_name(struct oap_check *c, const struct place *p, X509 *crt)
{
	const char *lacks = oap_auth_lacks(crt, p->server ? OAP_RESPONDER :
							   OAP_INITIATOR);
	struct oap_hdr hdr = { 0 };
	struct oap_identity id;
	struct oap_err err;
	uint8_t *der = NULL;
	int len = i2d_X509(crt, &der);

	if (!(X509_get_key_usage(crt) & KU_DIGITAL_SIGNATURE))
		oap_check_error(c, "%s is not for signatures: request one whose key usage has digitalSignature",
				p->crt);
	if (lacks)
		oap_check_error(c, "%s is not for %s: request one with this extended key usage, or with none",
				p->crt, lacks);
	hdr.crt.p = der;
	hdr.crt.len = len > 0 ? len : 0;
	if (p->server && oap_auth_name(&hdr, p->name, &id, &err))
		oap_check_error(c, "%s: %s; replace it", p->crt, err.text);
	OPENSSL_free(der);
}

static void check_key(struct oap_check *c, const struct place *p, X509 *crt)
{
	EVP_PKEY *key = NULL;
	struct oap_err err;

	if (access(p->key, R_OK))
		oap_check_unreadable(c, p->key);
	else if (oap_secret_pem(p->key, OAP_NO_CREDENTIALS, &key, &err))
		oap_check_error(c, "%s", err.text);
	else if (crt && X509_check_private_key(crt, key) != 1)
		oap_check_error(c, "%s does not belong to %s: put the key there with which the certificate was requested",
				p->key, p->crt);
	ERR_clear_error();
	EVP_PKEY_free(key);
}

static void check_credentials(struct oap_check *c, const struct place *p)
{
	bool no_crt = missing(p->crt), no_key = missing(p->key);
	unsigned int before = c->errors;
	struct oap_creds creds;
	struct oap_err err;
	bool more = false;
	X509 *crt = NULL;

	if (no_crt && no_key)
		return;
	if (no_crt)
		oap_check_error(c, "%s is missing: put the certificate of the key beside it there",
				p->crt);
	else
		crt = oap_check_certs(c, p->crt, &more);
	if (more)
		oap_check_warn(c, OAP_MORE_CERTS, p->crt);
	if (no_key)
		oap_check_error(c, "%s is missing: put the key of the certificate beside it there",
				p->key);
	else
		check_key(c, p, crt);
	if (crt)
		check_name(c, p, crt);
	X509_free(crt);
	if (c->errors != before)
		return;
	/* finally load the files as exchanges do */
	if (oap_auth_creds_load(&creds, p->dir, &err))
		oap_check_error(c, "%s", err.text);
	oap_auth_creds_free(&creds);
}

static bool fill(struct oap_check *c, struct place *p, bool server,
		 const char *name)
{
	int n = snprintf(p->dir, sizeof(p->dir), "%s/%s/%s", c->dir,
			 server ? "server" : "client", name);

	p->server = server;
	p->name = name;
	if (n < 0 || (size_t)n + sizeof("/enc.conf") > sizeof(p->dir)) {
		oap_check_error(c, "the path of the directory %s is too long", c->dir);
		return false;
	}
	snprintf(p->crt, sizeof(p->crt), "%.*s/crt.pem", n, p->dir);
	snprintf(p->key, sizeof(p->key), "%.*s/key.pem", n, p->dir);
	snprintf(p->conf, sizeof(p->conf), "%.*s/enc.conf", n, p->dir);
	return true;
}

void oap_check_place(struct oap_check *c, bool server, const char *name)
{
	struct place p;

	if (!fill(c, &p, server, name))
		return;
	if (missing(p.dir))
		return;
	if (access(p.dir, X_OK)) {
		oap_check_unreadable(c, p.dir);
		return;
	}
	if (missing(p.crt) && missing(p.key) && missing(p.conf))
		oap_check_warn(c, "%s is not used: crt.pem, key.pem and enc.conf are missing there",
			       p.dir);
	check_conf(c, &p);
	check_credentials(c, &p);
}

void oap_check_listed(struct oap_check *c, bool server, const char *name)
{
	struct stat st;
	struct place p;

	if (!oap_name_ok(name))
		oap_check_warn(c, "%s/%s/%s is not used: it is not a valid name", c->dir,
			       server ? "server" : "client", name);
	else if (!fill(c, &p, server, name))
		return;
	else if (!stat(p.dir, &st) && !S_ISDIR(st.st_mode))
		oap_check_warn(c, "%s is not used: the files of a name are in a folder of that name",
			       p.dir);
	else
		oap_check_place(c, server, name);
}
