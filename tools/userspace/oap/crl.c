// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* A revocation list: who signed it, which is newer, and what it refuses. */

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "int.h"

/**
 * oap_crl_name() - get the common name of a CA; without one, all of its name
 * @name: the name
 * @buf: where to store it, with '?' for what is no printable ASCII
 * @len: size of @buf
 *
 * Return: @buf.
 */
const char *oap_crl_name(const X509_NAME *name, char *buf, size_t len)
{
	char *p;

	if (X509_NAME_get_text_by_NID(name, NID_commonName, buf, len) <= 0)
		X509_NAME_oneline(name, buf, len);
	for (p = buf; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return buf;
}

/**
 * oap_crl_unfit() - find why OpenSSL would never use a list
 * @crl: the list
 *
 * Return: what the list does; NULL if it can be used.
 */
const char *oap_crl_unfit(const X509_CRL *crl)
{
	const char *why = NULL;
	ISSUING_DIST_POINT *idp;
	int found;

	if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
		return "names only changes";
	idp = X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &found,
				   NULL);
	if (!idp)
		return found == -1 ? NULL : "has a damaged scope";
	if (idp->indirectCRL > 0)
		why = "is for several CAs";
	else if (idp->onlysomereasons)
		why = "is for some reasons only";
	else if (idp->onlyattr > 0)
		why = "is for attributes only";
	else if (idp->onlyuser > 0 && idp->onlyCA > 0)
		why = "has a contradictory scope";
	ISSUING_DIST_POINT_free(idp);
	return why;
}

/**
 * oap_crl_newer() - compare the age of two lists of one CA
 * @a: a list
 * @b: another list
 *
 * Return: true if @a is newer than @b, by their numbers or, if those are equal or
 * one has none, by their dates.
 */
bool oap_crl_newer(const X509_CRL *a, const X509_CRL *b)
{
	ASN1_INTEGER *na = X509_CRL_get_ext_d2i(a, NID_crl_number, NULL, NULL);
	ASN1_INTEGER *nb = X509_CRL_get_ext_d2i(b, NID_crl_number, NULL, NULL);
	int cmp = na && nb ? ASN1_INTEGER_cmp(na, nb) : 0;

	ASN1_INTEGER_free(na);
	ASN1_INTEGER_free(nb);
	if (!cmp)
		cmp = ASN1_TIME_compare(X509_CRL_get0_lastUpdate(a),
					X509_CRL_get0_lastUpdate(b));
	return cmp > 0;
}

/* True if the certificate is that of the issuer of a list, by its names. */
static bool fits(const X509 *ca, const X509_CRL *crl)
{
	AUTHORITY_KEYID *akid = X509_CRL_get_ext_d2i(crl,
			NID_authority_key_identifier, NULL, NULL);
	bool ok = !X509_NAME_cmp(X509_get_subject_name(ca),
				 X509_CRL_get_issuer(crl)) &&
		  X509_check_akid(ca, akid) == X509_V_OK;

	AUTHORITY_KEYID_free(akid);
	return ok;
}

static enum oap_issuer find_signer(const STACK_OF(X509) *cas, X509_CRL *crl,
				   EVP_PKEY **key)
{
	enum oap_issuer found = OAP_ISSUER_UNKNOWN;
	X509 *ca;
	int i;

	for (i = 0; i < sk_X509_num(cas); i++) {
		ca = sk_X509_value(cas, i);
		if (!fits(ca, crl))
			continue;
		if (X509_CRL_verify(crl, X509_get0_pubkey(ca)) == 1) {
			*key = X509_get0_pubkey(ca);
			return OAP_ISSUER_KNOWN;
		}
		found = OAP_ISSUER_ANOTHER;
	}
	return found;
}

/**
 * oap_crl_signer() - find the CA that has signed a list
 * @store: the trusted certificates
 * @crl: the list
 * @key: its key, to be freed; NULL if there is none
 *
 * Return: whether a CA of the store has signed it; OAP_ISSUER_ANOTHER if those
 * with the name of the issuer have not.
 */
enum oap_issuer oap_crl_signer(const struct oap_store *store, X509_CRL *crl,
			       EVP_PKEY **key)
{
	STACK_OF(X509) *roots = X509_STORE_get1_all_certs(store->roots);
	enum oap_issuer a, b;

	*key = NULL;
	a = find_signer(roots, crl, key);
	b = *key ? a : find_signer(store->untrusted, crl, key);
	if (*key)
		EVP_PKEY_up_ref(*key);
	sk_X509_pop_free(roots, X509_free);
	ERR_clear_error();
	return a > b ? a : b;
}

/* What is accepted, though OpenSSL would refuse it. */
static int accept_some(int ok, X509_STORE_CTX *ctx)
{
	const struct oap_verify *how = X509_STORE_CTX_get_app_data(ctx);

	if (ok)
		return ok;
	switch (X509_STORE_CTX_get_error(ctx)) {
	case X509_V_ERR_CERT_NOT_YET_VALID:
		/* one of the future shows that the clock here is behind */
		return how->early;
	case X509_V_ERR_CRL_NOT_YET_VALID:
		return how->early || !how->need_lists;
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_UNABLE_TO_GET_CRL:
		return !how->need_lists;
	default:
		return 0;
	}
}

/**
 * oap_crl_is_of() - check whether a CA has signed a list
 * @l: the list
 * @ca: the CA
 *
 * Return: true if it has.
 */
bool oap_crl_is_of(const struct oap_list *l, const X509 *ca)
{
	return l->key && EVP_PKEY_eq(l->key, X509_get0_pubkey(ca)) == 1 &&
	       !X509_NAME_cmp(X509_get_subject_name(ca),
			      X509_CRL_get_issuer(l->crl));
}

/*
 * For OpenSSL: the lists of the CA in the chain whose certificates are looked up.
 * By its key, since two CAs may have the same name.
 */
static STACK_OF(X509_CRL) *lists_of(const X509_STORE_CTX *ctx,
				    const X509_NAME *name)
{
	const struct oap_verify *how = X509_STORE_CTX_get_app_data(ctx);
	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	int at = X509_STORE_CTX_get_error_depth(ctx) + 1;
	STACK_OF(X509_CRL) *found = sk_X509_CRL_new_null();
	const struct oap_list *l;
	const X509 *ca;

	(void)name;
	ca = sk_X509_value(chain, at < sk_X509_num(chain) ? at : at - 1);
	for (l = how->store->lists; found && l; l = l->next)
		if (oap_crl_is_of(l, ca) && X509_CRL_up_ref(l->crl) &&
		    sk_X509_CRL_push(found, l->crl) <= 0)
			X509_CRL_free(l->crl);
	return found;
}

/**
 * oap_crl_lookup() - let the verification of chains find the lists
 * @store: the store
 */
void oap_crl_lookup(struct oap_store *store)
{
	X509_STORE_set_lookup_crls(store->roots, lists_of);
}

/**
 * oap_crl_prepare() - set up how a chain is verified
 * @ctx: the verification
 * @how: what is accepted; valid until the end of the verification
 * @ask: ask the lists
 *
 * A list of the issuer counts for every certificate of the chain. One that has
 * expired still revokes what it lists.
 */
void oap_crl_prepare(X509_STORE_CTX *ctx, const struct oap_verify *how,
		     bool ask)
{
	if (ask && (how->need_lists || how->store->lists))
		X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_CRL_CHECK |
					 X509_V_FLAG_CRL_CHECK_ALL);
	X509_STORE_CTX_set_app_data(ctx, (void *)how);
	X509_STORE_CTX_set_verify_cb(ctx, accept_some);
}

static const struct {
	int reason;
	const char *fmt;	/* the CA */
} refusals[] = {
	{ X509_V_ERR_UNABLE_TO_GET_CRL,
	  "crl = required, and there is no list of '%.32s': put one into crls/" },
	{ X509_V_ERR_CRL_HAS_EXPIRED,
	  "crl = required, and the list of '%.32s' has expired: put a newer one into crls/" },
	{ X509_V_ERR_CRL_NOT_YET_VALID,
	  "crl = required, and the list of '%.32s' is of the future: check the clock" },
	{ X509_V_ERR_KEYUSAGE_NO_CRL_SIGN,
	  "there is a list of '%.32s', whose key usage has no cRLSign: have another CA sign it" },
};

/**
 * oap_crl_refuse() - describe why a list is in the way of a certificate
 * @ctx: the verification, which has failed
 * @err: the reason
 *
 * Return: OAP_BAD_CERT, or OAP_OK if the reason is another one.
 */
enum oap_code oap_crl_refuse(X509_STORE_CTX *ctx, struct oap_err *err)
{
	X509 *crt = X509_STORE_CTX_get_current_cert(ctx);
	int reason = X509_STORE_CTX_get_error(ctx);
	char ca[OAP_CA_LEN] = "?", name[OAP_NAME_MAX + 1] = "?";
	size_t i;

	if (crt)
		oap_crl_name(X509_get_issuer_name(crt), ca, sizeof(ca));
	if (reason == X509_V_ERR_CERT_REVOKED) {
		if (crt && oap_crt_name(crt, NULL, name, err))
			oap_crl_name(X509_get_subject_name(crt), name, OAP_CA_LEN);
		return oap_err_set(err, OAP_BAD_CERT,
				   "the list of '%.28s' revokes the certificate of '%.28s': its owner needs a new one",
				   ca, name);
	}
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (refusals[i].reason == reason)
			return oap_err_set(err, OAP_BAD_CERT, refusals[i].fmt,
					   ca);
	return OAP_OK;
}
