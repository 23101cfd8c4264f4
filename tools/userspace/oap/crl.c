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

static bool is_known(const X509_EXTENSION *ext, const int *nids, size_t n)
{
	int nid = OBJ_obj2nid(X509_EXTENSION_get_object((X509_EXTENSION *)ext));

	while (n > 0)
		if (nids[--n] == nid)
			return true;
	return !X509_EXTENSION_get_critical(ext);
}

/* True if OpenSSL knows all critical extensions of a list and of its entries. */
static bool is_understood(X509_CRL *crl)
{
	static const int of_list[] = {
		NID_issuing_distribution_point, NID_authority_key_identifier,
		NID_delta_crl,
	};
	static const int of_entry[] = { NID_certificate_issuer };
	STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);
	const X509_REVOKED *entry;
	int i, j;

	for (i = 0; i < X509_CRL_get_ext_count(crl); i++)
		if (!is_known(X509_CRL_get_ext(crl, i), of_list, 3))
			return false;
	for (i = 0; i < sk_X509_REVOKED_num(entries); i++) {
		entry = sk_X509_REVOKED_value(entries, i);
		for (j = 0; j < X509_REVOKED_get_ext_count(entry); j++)
			if (!is_known(X509_REVOKED_get_ext(entry, j), of_entry,
				      1))
				return false;
	}
	return true;
}

/**
 * oap_crl_unfit() - find why OpenSSL would never use a list
 * @crl: the list
 *
 * Return: what the list does, and what to do; NULL if it can be used.
 */
const char *oap_crl_unfit(X509_CRL *crl)
{
	const char *why = NULL;
	ISSUING_DIST_POINT *idp;
	int found;

	if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
		return "names only changes: replace it by a complete one";
	if (!is_understood(crl))
		return "has a critical extension that is not supported: replace it by one without";
	idp = X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &found,
				   NULL);
	if (!idp)
		return found == -1 ? NULL :
		       "has a damaged scope: replace it by a complete one";
	if (idp->indirectCRL > 0)
		why = "is for several CAs: replace it by a complete one";
	else if (idp->onlysomereasons)
		why = "is for some reasons only: replace it by a complete one";
	else if (idp->onlyattr > 0)
		why = "is for attributes only: replace it by a complete one";
	else if (idp->onlyuser > 0 && idp->onlyCA > 0)
		why = "has a contradictory scope: replace it by a complete one";
	ISSUING_DIST_POINT_free(idp);
	return why;
}

/**
 * oap_crl_scope() - find out which certificates of its CA a list is for
 * @crl: the list
 *
 * Return: OAP_SCOPE_ALL, OAP_SCOPE_USERS, OAP_SCOPE_CAS, or OAP_SCOPE_SOME for
 * those that name a place where the list is published.
 */
enum oap_scope oap_crl_scope(const X509_CRL *crl)
{
	ISSUING_DIST_POINT *idp;
	enum oap_scope scope = OAP_SCOPE_ALL;

	idp = X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, NULL,
				   NULL);
	if (!idp)
		return scope;
	if (idp->distpoint)
		scope = OAP_SCOPE_SOME;
	else if (idp->onlyuser > 0)
		scope = OAP_SCOPE_USERS;
	else if (idp->onlyCA > 0)
		scope = OAP_SCOPE_CAS;
	ISSUING_DIST_POINT_free(idp);
	return scope;
}

/* Compare the numbers of two lists; 0 also if one has none. */
static int cmp_numbers(const X509_CRL *a, const X509_CRL *b)
{
	ASN1_INTEGER *na = X509_CRL_get_ext_d2i(a, NID_crl_number, NULL, NULL);
	ASN1_INTEGER *nb = X509_CRL_get_ext_d2i(b, NID_crl_number, NULL, NULL);
	int cmp = na && nb ? ASN1_INTEGER_cmp(na, nb) : 0;

	ASN1_INTEGER_free(na);
	ASN1_INTEGER_free(nb);
	return cmp;
}

/**
 * oap_crl_by_number() - check whether numbers tell the age of two lists of one CA
 * @a: a list
 * @b: another list
 *
 * Return: true if both have numbers that differ.
 */
bool oap_crl_by_number(const X509_CRL *a, const X509_CRL *b)
{
	return cmp_numbers(a, b);
}

/**
 * oap_crl_newer() - compare the age of two lists of one CA
 * @a: a list
 * @b: another list
 *
 * Numbers rule, because a CA has to raise them with every list (RFC 5280, section
 * 5.2.3), while its clock may have been wrong.
 *
 * Return: true if @a is newer than @b, by their numbers or, if those are equal or
 * one has none, by their dates.
 */
bool oap_crl_newer(const X509_CRL *a, const X509_CRL *b)
{
	int cmp = cmp_numbers(a, b);

	if (!cmp)
		cmp = ASN1_TIME_compare(X509_CRL_get0_lastUpdate(a),
					X509_CRL_get0_lastUpdate(b));
	return cmp > 0;
}

/* True if a list means this certificate of its issuer. */
static bool fits(const X509 *ca, const X509_CRL *crl)
{
	AUTHORITY_KEYID *akid = X509_CRL_get_ext_d2i(crl,
			NID_authority_key_identifier, NULL, NULL);
	bool ok = X509_check_akid(ca, akid) == X509_V_OK;

	AUTHORITY_KEYID_free(akid);
	return ok;
}

/* By the key: the certificate that a list means may have been renewed since. */
static enum oap_issuer find_signer(const STACK_OF(X509) *cas, X509_CRL *crl,
				   EVP_PKEY **key)
{
	enum oap_issuer found = OAP_ISSUER_UNKNOWN;
	X509 *ca;
	int i;

	for (i = 0; i < sk_X509_num(cas); i++) {
		ca = sk_X509_value(cas, i);
		if (X509_NAME_cmp(X509_get_subject_name(ca),
				  X509_CRL_get_issuer(crl)))
			continue;
		if (X509_CRL_verify(crl, X509_get0_pubkey(ca)) == 1) {
			*key = X509_get0_pubkey(ca);
			return OAP_ISSUER_KNOWN;
		}
		if (fits(ca, crl))
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
 * that it names have not.
 */
enum oap_issuer oap_crl_signer(const struct oap_store *store, X509_CRL *crl,
			       EVP_PKEY **key)
{
	STACK_OF(X509) *roots = X509_STORE_get1_all_certs(store->roots);
	enum oap_issuer a, b;

	*key = NULL;
	if (!roots)
		return OAP_ISSUER_NO_MEMORY;
	a = find_signer(roots, crl, key);
	b = *key ? a : find_signer(store->untrusted, crl, key);
	if (*key)
		EVP_PKEY_up_ref(*key);
	sk_X509_pop_free(roots, X509_free);
	ERR_clear_error();
	return a > b ? a : b;
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

/* The CA in the chain whose certificate is looked up. */
static X509 *ca_of(const X509_STORE_CTX *ctx)
{
	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	int at = X509_STORE_CTX_get_error_depth(ctx) + 1;

	return sk_X509_value(chain, at < sk_X509_num(chain) ? at : at - 1);
}

/* Find what a list lacks if it is the only one of its CA; X509_V_OK: nothing. */
static int lacks(const struct oap_list *l, X509 *ca, time_t now)
{
	const ASN1_TIME *end = X509_CRL_get0_nextUpdate(l->crl);

	if (oap_crl_scope(l->crl) != OAP_SCOPE_ALL)
		return X509_V_ERR_DIFFERENT_CRL_SCOPE;
	if (!(X509_get_key_usage(ca) & KU_CRL_SIGN))
		return X509_V_ERR_KEYUSAGE_NO_CRL_SIGN;
	if (X509_cmp_time(X509_CRL_get0_lastUpdate(l->crl), &now) > 0)
		return X509_V_ERR_CRL_NOT_YET_VALID;
	if (end && X509_cmp_time(end, &now) <= 0)
		return X509_V_ERR_CRL_HAS_EXPIRED;
	return X509_V_OK;
}

/*
 * OpenSSL has found no list. It uses none that names another certificate of the CA,
 * as after a renewal with the same key, and finds none without memory. This needs no
 * memory.
 */
static int ask_without(X509_STORE_CTX *ctx, const struct oap_verify *how)
{
	X509 *crt = X509_STORE_CTX_get_current_cert(ctx), *ca = ca_of(ctx);
	const struct oap_list *all = how->store->lists, *l;
	int reason = X509_V_ERR_UNABLE_TO_GET_CRL;
	X509_REVOKED *entry;

	for (l = all; l; l = l->next) {
		if (!oap_crl_is_of(l, ca) ||
		    !oap_list_counts(all, l, how->now))
			continue;
		if (X509_CRL_get0_by_cert(l->crl, &entry, crt) == 1) {
			X509_STORE_CTX_set_error(ctx, X509_V_ERR_CERT_REVOKED);
			return 0;
		}
		if (reason != X509_V_OK)
			reason = lacks(l, ca, how->now);
	}
	X509_STORE_CTX_set_error(ctx, reason);
	return reason == X509_V_OK || !how->need_lists;
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
	case X509_V_ERR_DIFFERENT_CRL_SCOPE:
		return !how->need_lists;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
		return ask_without(ctx, how);
	default:
		return 0;
	}
}

/*
 * For OpenSSL: the lists of the CA in the chain whose certificates are looked up.
 * By its key, since two CAs may have the same name. Without memory none: see
 * ask_without().
 */
static STACK_OF(X509_CRL) *lists_of(const X509_STORE_CTX *ctx,
				    const X509_NAME *name)
{
	const struct oap_verify *how = X509_STORE_CTX_get_app_data(ctx);
	const struct oap_list *all = how->store->lists, *l;
	STACK_OF(X509_CRL) *found = sk_X509_CRL_new_null();
	const X509 *ca = ca_of(ctx);

	(void)name;
	for (l = all; found && l; l = l->next) {
		if (!oap_crl_is_of(l, ca) ||
		    !oap_list_counts(all, l, how->now))
			continue;
		if (sk_X509_CRL_push(found, l->crl) > 0 &&
		    X509_CRL_up_ref(l->crl))
			continue;
		sk_X509_CRL_pop_free(found, X509_CRL_free);
		found = NULL;
	}
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
	{ X509_V_ERR_DIFFERENT_CRL_SCOPE,
	  "crl = required, and the list of '%.32s' is for other certificates: put one for all into crls/" },
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
