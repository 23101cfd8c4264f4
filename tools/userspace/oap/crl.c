// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* A revocation list: its signer, and its age compared to another list. */

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "int.h"

/**
 * oap_crl_name() - get the common name of a CA, or the whole name if it has
 * none
 * @name: the name
 * @buf: the buffer; each byte that is not printable ASCII becomes '?'
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

/*
 * True if OpenSSL supports all critical extensions of a list and its entries.
 */
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
 * Return: the problem of the list, and advice; NULL if the list is usable.
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
 * oap_crl_scope() - find out which certificates of its CA a list covers
 * @crl: the list
 *
 * Return: OAP_SCOPE_ALL, OAP_SCOPE_USERS, OAP_SCOPE_CAS, or OAP_SCOPE_SOME for
 * certificates that name the place where the list is published.
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

/* Compare the numbers of two lists; also 0 if a list has no number. */
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
 * oap_crl_by_number() - check whether two lists of one CA compare by number
 * @a: a list
 * @b: another list
 *
 * Return: true if both lists have numbers, and these differ.
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
 * Numbers take precedence, since a CA has to raise the number with every list
 * (RFC 5280, section 5.2.3), while its clock may have been wrong.
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

/* True if a list names this certificate of its issuer. */
static bool fits(const X509 *ca, const X509_CRL *crl)
{
	AUTHORITY_KEYID *akid = X509_CRL_get_ext_d2i(crl,
			NID_authority_key_identifier, NULL, NULL);
	bool ok = X509_check_akid(ca, akid) == X509_V_OK;

	AUTHORITY_KEYID_free(akid);
	return ok;
}

/*
 * Find the signer by key: the certificate that a list names may have been
 * renewed since.
 */
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
 * @key: key of the CA, to be freed; NULL if there is none
 *
 * Return: whether a CA of the store has signed the list; OAP_ISSUER_ANOTHER if
 * the list names a CA of the store that has not signed it.
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
 * Return: true if the CA has signed the list.
 */
bool oap_crl_is_of(const struct oap_list *l, const X509 *ca)
{
	return l->key && EVP_PKEY_eq(l->key, X509_get0_pubkey(ca)) == 1 &&
	       !X509_NAME_cmp(X509_get_subject_name(ca),
			      X509_CRL_get_issuer(l->crl));
}
