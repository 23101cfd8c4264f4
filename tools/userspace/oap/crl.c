// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Revocation lists: which are used, and what they refuse. */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "int.h"

#define CA_NAME_LEN	64

/**
 * oap_crl_name() - get the common name of a CA; without one, all of its name
 * @name: the name
 * @buf: where to store it
 * @len: size of @buf
 *
 * Return: @buf.
 */
const char *oap_crl_name(const X509_NAME *name, char *buf, size_t len)
{
	if (X509_NAME_get_text_by_NID(name, NID_commonName, buf, len) <= 0)
		X509_NAME_oneline(name, buf, len);
	return buf;
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

static enum oap_issuer find_issuer(const STACK_OF(X509) *cas, X509_CRL *crl)
{
	enum oap_issuer found = OAP_ISSUER_UNKNOWN;
	X509 *ca;
	int i;

	for (i = 0; i < sk_X509_num(cas); i++) {
		ca = sk_X509_value(cas, i);
		if (!fits(ca, crl))
			continue;
		if (X509_CRL_verify(crl, X509_get0_pubkey(ca)) == 1)
			return OAP_ISSUER_KNOWN;
		found = OAP_ISSUER_ANOTHER;
	}
	return found;
}

/**
 * oap_crl_issuer() - find the CA that issued a list
 * @store: the trusted certificates
 * @crl: the list
 *
 * Return: whether a CA of the store has signed it; OAP_ISSUER_ANOTHER if those
 * with the name of the issuer have not.
 */
enum oap_issuer oap_crl_issuer(const struct oap_store *store, X509_CRL *crl)
{
	STACK_OF(X509) *roots = X509_STORE_get1_all_certs(store->roots);
	enum oap_issuer a = find_issuer(roots, crl);
	enum oap_issuer b = find_issuer(store->untrusted, crl);

	sk_X509_pop_free(roots, X509_free);
	ERR_clear_error();
	return a > b ? a : b;
}

/**
 * oap_crl_use() - use the revocation lists of a store
 * @store: the store, with all its certificates
 * @err: reason of a failure
 *
 * Return: OAP_OK, OAP_BAD_CONFIG or OAP_INTERNAL.
 */
enum oap_code oap_crl_use(struct oap_store *store, struct oap_err *err)
{
	char ca[CA_NAME_LEN];
	X509_CRL *crl;
	int i;

	for (i = 0; i < sk_X509_CRL_num(store->lists); i++) {
		crl = sk_X509_CRL_value(store->lists, i);
		if (oap_crl_issuer(store, crl) == OAP_ISSUER_ANOTHER)
			return oap_err_set(err, OAP_BAD_CONFIG,
					   "a revocation list in crls/ is not signed by its issuer '%.30s': replace or remove it",
					   oap_crl_name(X509_CRL_get_issuer(crl), ca,
						   sizeof(ca)));
		if (X509_STORE_add_crl(store->roots, crl) != 1)
			return oap_err_set(err, OAP_INTERNAL, "out of memory");
	}
	return OAP_OK;
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
 * oap_crl_prepare() - set up how a chain is verified
 * @ctx: the verification
 * @how: what is accepted; valid until the end of the verification
 *
 * A list of the issuer counts for every certificate of the chain. One that has
 * expired still revokes what it lists.
 */
void oap_crl_prepare(X509_STORE_CTX *ctx, const struct oap_verify *how)
{
	if (how->need_lists || sk_X509_CRL_num(how->store->lists) > 0)
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
	{ X509_V_ERR_CRL_SIGNATURE_FAILURE,
	  "the list of '%.32s' is not signed by it: put another one into crls/" },
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
	char ca[CA_NAME_LEN] = "?", name[OAP_NAME_MAX + 1] = "?";
	size_t i;

	if (crt)
		oap_crl_name(X509_get_issuer_name(crt), ca, sizeof(ca));
	if (reason == X509_V_ERR_CERT_REVOKED) {
		if (crt && oap_crt_name(crt, NULL, name, err))
			oap_crl_name(X509_get_subject_name(crt), name, CA_NAME_LEN);
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

/* When lists expire */

static bool seconds(const ASN1_TIME *time, time_t *t)
{
	struct tm tm;

	if (!time || ASN1_TIME_to_tm(time, &tm) != 1)
		return false;
	*t = timegm(&tm);
	return true;
}

/**
 * oap_crl_superseded() - find a list of the same issuer that expires later
 * @lists: the lists
 * @crl: the list
 * @end: when it expires
 *
 * Return: true if there is one.
 */
bool oap_crl_superseded(const STACK_OF(X509_CRL) *lists, const X509_CRL *crl,
			time_t end)
{
	const X509_CRL *other;
	time_t t;
	int i;

	for (i = 0; i < sk_X509_CRL_num(lists); i++) {
		other = sk_X509_CRL_value(lists, i);
		if (other != crl && !X509_CRL_cmp(other, crl) &&
		    (!seconds(X509_CRL_get0_nextUpdate(other), &t) || t > end))
			return true;
	}
	return false;
}

static void tell(const X509_CRL *crl, time_t end, bool need,
		 oap_check_fn report, void *arg)
{
	char ca[CA_NAME_LEN], date[32], text[256];
	struct tm tm;

	gmtime_r(&end, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
	snprintf(text, sizeof(text),
		 "the revocation list of '%.32s' expired at %s: put a newer one into crls/; %s",
		 oap_crl_name(X509_CRL_get_issuer(crl), ca, sizeof(ca)), date,
		 need ? "until then its certificates are refused" :
			"until then it still revokes what it lists");
	report(arg, true, text);
}

/**
 * oap_crl_report() - report the lists that have expired, each once
 * @store: the store
 * @now: seconds since 1970
 * @need: a CA without a current list is refused
 * @report: called for each
 * @arg: argument of @report
 *
 * Return: when the next one expires, in seconds since 1970; 0 for never.
 */
time_t oap_crl_report(struct oap_store *store, time_t now, bool need,
		      oap_check_fn report, void *arg)
{
	time_t next = 0, end;
	X509_CRL *crl;
	int i;

	for (i = 0; i < sk_X509_CRL_num(store->lists); i++) {
		crl = sk_X509_CRL_value(store->lists, i);
		if (!seconds(X509_CRL_get0_nextUpdate(crl), &end) ||
		    oap_crl_superseded(store->lists, crl, end))
			continue;
		if (end > now) {
			next = !next || end < next ? end : next;
		} else if (sk_X509_CRL_find(store->told, crl) < 0 &&
			   X509_CRL_up_ref(crl)) {
			sk_X509_CRL_push(store->told, crl);
			tell(crl, end, need, report, arg);
		}
	}
	return next;
}
