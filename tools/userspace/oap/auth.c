// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Certificates and signatures: load our credentials, verify the peer's. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "int.h"

/* @more: set to true if other certificates follow. */
static X509 *read_crt(const char *path, bool *more)
{
	FILE *file = fopen(path, "re");
	X509 *crt, *next;

	if (!file)
		return NULL;
	crt = PEM_read_X509(file, NULL, oap_secret_no_passphrase, NULL);
	if (crt) {
		next = PEM_read_X509(file, NULL, oap_secret_no_passphrase, NULL);
		*more = next;
		X509_free(next);
		ERR_clear_error();
	}
	fclose(file);
	return crt;
}

static const char *why_not(const char *path)
{
	return access(path, R_OK) ? strerror(errno) : oap_err_why();
}

static enum oap_code read_key(struct oap_creds *creds, const char *path,
			      struct oap_err *err)
{
	enum oap_code code;

	code = oap_secret_pem(path, OAP_NO_CREDENTIALS, &creds->key, err);
	if (!code && X509_check_private_key(creds->crt, creds->key) != 1)
		code = oap_err_set(err, OAP_NO_CREDENTIALS,
				   "%.120s does not belong to the certificate beside it: replace one of them",
				   path);
	ERR_clear_error();
	return code;
}

/**
 * oap_auth_creds_load() - load crt.pem and key.pem from a directory
 * @creds: the credentials; free them with oap_auth_creds_free()
 * @dir: the directory
 * @err: reason of a failure
 *
 * Either both files exist or neither does. Without them @creds is empty.
 *
 * Return: OAP_OK, OAP_NO_CREDENTIALS or OAP_INTERNAL.
 */
enum oap_code oap_auth_creds_load(struct oap_creds *creds, const char *dir,
				  struct oap_err *err)
{
	char crt[1024], key[1024];
	enum oap_code code;
	struct stat st;

	memset(creds, 0, sizeof(*creds));
	snprintf(crt, sizeof(crt), "%.1000s/crt.pem", dir);
	snprintf(key, sizeof(key), "%.1000s/key.pem", dir);
	if (stat(crt, &st) && (errno == ENOENT || errno == ENOTDIR) &&
	    stat(key, &st) && (errno == ENOENT || errno == ENOTDIR))
		return OAP_OK;
	creds->crt = read_crt(crt, &creds->more);
	if (!creds->crt)
		return oap_err_set(err, OAP_NO_CREDENTIALS,
				   "cannot use the certificate %.100s (%.30s): put a readable PEM certificate there",
				   crt, why_not(crt));
	code = read_key(creds, key, err);
	if (!code) {
		creds->der_len = i2d_X509(creds->crt, &creds->der);
		if (creds->der_len <= 0)
			code = oap_err_set(err, OAP_INTERNAL, "out of memory");
	}
	if (code)
		oap_auth_creds_free(creds);
	return code;
}

/**
 * oap_auth_creds_free() - wipe and free credentials
 * @creds: the credentials, empty afterwards
 */
void oap_auth_creds_free(struct oap_creds *creds)
{
	X509_free(creds->crt);
	EVP_PKEY_free(creds->key);
	OPENSSL_free(creds->der);
	memset(creds, 0, sizeof(*creds));
}

/*
 * Return the digest to sign with. Ed25519, Ed448 and the post-quantum
 * algorithms have a digest built in. For other keys, use the default of the key
 * if the header names no digest.
 */
static const EVP_MD *md_for(EVP_PKEY *key, uint16_t md)
{
	char name[64] = "";

	if (EVP_PKEY_get_default_digest_name(key, name, sizeof(name)) == 2 &&
	    (!name[0] || !strcmp(name, "UNDEF") || !strcmp(name, "undef")))
		return NULL;
	if (EVP_PKEY_get_id(key) < 0)
		return NULL;
	return oap_nid_digest(md);
}

/**
 * oap_auth_sign() - append the signature to an encoded message
 * @creds: credentials of the signer
 * @md: digest named in the header of the message
 * @msg: the message, extended by the signature
 * @err: reason of a failure
 *
 * Return: OAP_OK, OAP_NO_CREDENTIALS or OAP_INTERNAL.
 */
enum oap_code oap_auth_sign(const struct oap_creds *creds, uint16_t md,
			    struct oap_msg *msg, struct oap_err *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	enum oap_code code = OAP_OK;
	size_t len = 0;
	uint8_t *p;

	if (!ctx ||
	    EVP_DigestSignInit(ctx, NULL, md_for(creds->key, md), NULL,
			       creds->key) != 1 ||
	    EVP_DigestSign(ctx, NULL, &len, msg->p, msg->len) != 1) {
		code = oap_err_set(err, OAP_NO_CREDENTIALS, "cannot sign: %s",
				   oap_err_why());
		goto out;
	}
	p = realloc(msg->p, msg->len + len);
	if (!p) {
		code = oap_err_set(err, OAP_INTERNAL, "out of memory");
		goto out;
	}
	msg->p = p;
	if (EVP_DigestSign(ctx, p + msg->len, &len, p, msg->len) != 1)
		code = oap_err_set(err, OAP_NO_CREDENTIALS, "cannot sign: %s",
				   oap_err_why());
	else if (msg->len + len > OAP_MSG_MAX)
		code = oap_err_set(err, OAP_NO_CREDENTIALS,
				   "the message would be too long: use a smaller certificate");
	else
		msg->len += len;
out:
	EVP_MD_CTX_free(ctx);
	return code;
}

static enum oap_code check_signature(X509 *crt, const struct oap_hdr *hdr,
				     struct oap_err *err)
{
	EVP_PKEY *key = X509_get0_pubkey(crt);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	ok = ctx && key &&
	     EVP_DigestVerifyInit(ctx, NULL, md_for(key, hdr->md), NULL,
				  key) == 1 &&
	     EVP_DigestVerify(ctx, hdr->sig.p, hdr->sig.len, hdr->head.p,
			      hdr->head.len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok ? OAP_OK : oap_err_set(err, OAP_BAD_SIGNATURE,
					 "the signature is wrong");
}

static const struct {
	uint32_t bit;
	const char *name;
} purposes[] = {
	[OAP_INITIATOR] = { XKU_SSL_CLIENT, "clientAuth" },
	[OAP_RESPONDER] = { XKU_SSL_SERVER, "serverAuth" },
};

/**
 * oap_auth_lacks() - find the extended key usage that a certificate lacks
 * @crt: the certificate
 * @role: role of its owner
 *
 * Return: the missing extended key usage; NULL if it is present, or if the
 * certificate has no extended key usage at all.
 */
const char *oap_auth_lacks(X509 *crt, enum oap_role role)
{
	return X509_get_extended_key_usage(crt) &
	       (purposes[role].bit | XKU_ANYEKU) ? NULL : purposes[role].name;
}

/**
 * oap_auth_useful() - check whether any peer could accept a certificate of this
 * host
 * @creds: the certificate
 * @name: the name to serve; NULL for a certificate used as a client only
 * @now: seconds since 1970
 * @err: reason of a failure
 *
 * Return: OAP_OK, OAP_BAD_CERT or OAP_BAD_NAME.
 */
enum oap_code oap_auth_useful(const struct oap_creds *creds, const char *name,
			      time_t now, struct oap_err *err)
{
	const char *lacks = oap_auth_lacks(creds->crt, name ? OAP_RESPONDER :
							      OAP_INITIATOR);
	char found[OAP_NAME_MAX + 1];

	if (X509_cmp_time(X509_get0_notBefore(creds->crt), &now) > 0)
		return oap_err_set(err, OAP_BAD_CERT,
				   "the certificate is not valid yet: check the clock");
	if (X509_cmp_time(X509_get0_notAfter(creds->crt), &now) < 0)
		return oap_err_set(err, OAP_BAD_CERT,
				   "the certificate has expired");
	if (!(X509_get_key_usage(creds->crt) & KU_DIGITAL_SIGNATURE))
		return oap_err_set(err, OAP_BAD_CERT,
				   "the certificate is not for digitalSignature");
	if (lacks)
		return oap_err_set(err, OAP_BAD_CERT,
				   "the certificate is not for %s", lacks);
	return name ? oap_crt_name(creds->crt, name, found, err) : OAP_OK;
}

/* Check the purposes of the certificate and its CAs, where these state any. */
static enum oap_code check_purpose(const STACK_OF(X509) *chain,
				   enum oap_role role, struct oap_err *err)
{
	X509 *crt = sk_X509_value(chain, 0);
	const char *name;
	int i;

	if (!(X509_get_key_usage(crt) & KU_DIGITAL_SIGNATURE))
		return oap_err_set(err, OAP_BAD_CERT,
				   "the certificate is not for digitalSignature: issue one with this key usage, or with none");
	name = oap_auth_lacks(crt, role);
	if (name)
		return oap_err_set(err, OAP_BAD_CERT,
				   "the certificate is not for %s: issue one with this extended key usage, or with none",
				   name);
	for (i = 1; i < sk_X509_num(chain); i++) {
		name = oap_auth_lacks(sk_X509_value(chain, i), role);
		if (name)
			return oap_err_set(err, OAP_BAD_CERT,
					   "a CA of the certificate is not for %s: have another CA issue it",
					   name);
	}
	return OAP_OK;
}

/* Return advice for a certificate that OpenSSL refuses. */
static const char *remedy(int reason)
{
	switch (reason) {
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "check the clocks";
	case X509_V_ERR_PERMITTED_VIOLATION:
	case X509_V_ERR_EXCLUDED_VIOLATION:
		return "have another CA issue it";
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return "add its CA to cacert/ or untrusted/";
	default:
		return "its owner needs a new one";
	}
}

static enum oap_code verify_chain(X509_STORE_CTX *ctx,
				  const struct oap_verify *how,
				  struct oap_err *err)
{
	const STACK_OF(X509) *chain;
	enum oap_code code;
	int reason;

	X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(ctx), 2);
	X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), how->now);
	if (X509_verify_cert(ctx) != 1) {
		code = oap_crl_refuse(ctx, err);
		if (code)
			return code;
		reason = X509_STORE_CTX_get_error(ctx);
		return oap_err_set(err, OAP_BAD_CERT,
				   "the certificate was refused: %.60s: %s",
				   X509_verify_cert_error_string(reason),
				   remedy(reason));
	}
	chain = X509_STORE_CTX_get0_chain(ctx);
	code = check_purpose(chain, how->role, err);
	return code ? code : oap_crt_constraints(chain, err);
}

static enum oap_code try_chain(const struct oap_verify *how, X509 *crt,
			       bool ask_lists, struct oap_err *err)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum oap_code code;

	if (ctx && X509_STORE_CTX_init(ctx, how->store->roots, crt,
				       how->store->untrusted) == 1) {
		oap_crl_prepare(ctx, how, ask_lists);
		code = verify_chain(ctx, how, err);
	} else {
		code = oap_err_set(err, OAP_INTERNAL, "out of memory");
	}
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return code;
}

static enum oap_code check_chain(const struct oap_verify *how, X509 *crt,
				 struct oap_err *err)
{
	enum oap_code code = try_chain(how, crt, true, err);
	struct oap_err other;

	/*
	 * OpenSSL checks the lists before the signatures. Text that anybody may
	 * have written into a certificate must not appear in the log.
	 */
	if (code && try_chain(how, crt, false, &other))
		*err = other;
	return code;
}

static X509 *parse_crt(const struct oap_buf *buf)
{
	const uint8_t *p = buf->p;
	X509 *crt = d2i_X509(NULL, &p, buf->len);

	if (crt && p != buf->p + buf->len) {
		X509_free(crt);
		crt = NULL;
	}
	return crt;
}

/**
 * oap_auth_peer() - authenticate the sender of a message
 * @how: how to verify the sender's certificate
 * @params: requirements of the caller
 * @hdr: the message
 * @id: identity of the sender; unauthenticated on failure
 * @err: reason of a refusal
 *
 * Return: OAP_OK, or the code of the refusal.
 */
enum oap_code oap_auth_peer(const struct oap_verify *how,
			    const struct oap_params *params,
			    const struct oap_hdr *hdr, struct oap_identity *id,
			    struct oap_err *err)
{
	enum oap_code code;
	X509 *crt;

	memset(id, 0, sizeof(*id));
	if (params->auth == OAP_AUTH_NONE)
		return OAP_OK;
	if (!hdr->crt.len) {
		if (params->auth == OAP_AUTH_OPTIONAL)
			return OAP_OK;
		return oap_err_set(err, OAP_UNSIGNED,
				   "the message is unsigned, but auth = required");
	}
	crt = parse_crt(&hdr->crt);
	if (!crt)
		return oap_err_set(err, OAP_BAD_CERT,
				   "the certificate cannot be read: %s", oap_err_why());
	code = check_chain(how, crt, err);
	if (!code)
		code = check_signature(crt, hdr, err);
	if (!code)
		code = oap_crt_name(crt, params->peer_name, id->name, err);
	if (!code && EVP_Digest(hdr->crt.p, hdr->crt.len, id->fingerprint,
				NULL, EVP_sha256(), NULL) != 1)
		code = oap_err_set(err, OAP_INTERNAL, "out of memory");
	X509_free(crt);
	if (code)
		memset(id, 0, sizeof(*id));
	else
		id->authenticated = true;
	return code;
}

/**
 * oap_auth_name() - check that a certificate has a name
 * @hdr: message that oap_auth_peer() has authenticated
 * @want: the name
 * @id: identity of the sender; receives the name, or is unauthenticated on
 *	failure
 * @err: reason of a refusal
 *
 * Return: OAP_OK, OAP_BAD_CERT or OAP_BAD_NAME.
 */
enum oap_code oap_auth_name(const struct oap_hdr *hdr, const char *want,
			    struct oap_identity *id, struct oap_err *err)
{
	X509 *crt = parse_crt(&hdr->crt);
	enum oap_code code;

	if (crt)
		code = oap_crt_name(crt, want, id->name, err);
	else
		code = oap_err_set(err, OAP_BAD_CERT,
				   "the certificate cannot be read: %s",
				   oap_err_why());
	X509_free(crt);
	if (code)
		memset(id, 0, sizeof(*id));
	return code;
}
