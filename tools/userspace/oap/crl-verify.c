// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Revocation lists in the verification of a chain: the lists that are checked,
 * and the certificates that they refuse.
 */

#include <stdio.h>

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "int.h"

/* Return the CA in the chain that issued the certificate being checked. */
static X509 *ca_of(const X509_STORE_CTX *ctx)
{
	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	int at = X509_STORE_CTX_get_error_depth(ctx) + 1;

	return sk_X509_value(chain, at < sk_X509_num(chain) ? at : at - 1);
}

/*
 * Find what a list lacks if it is the only list of its CA; X509_V_OK: nothing.
 */
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
 * Check the lists after OpenSSL found none. OpenSSL ignores a list that names
 * another certificate of the CA, as after a renewal with the same key, and
 * finds no list without memory. This function needs no memory.
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

/* Accept some errors for which OpenSSL would refuse the chain. */
static int accept_some(int ok, X509_STORE_CTX *ctx)
{
	const struct oap_verify *how = X509_STORE_CTX_get_app_data(ctx);

	if (ok)
		return ok;
	switch (X509_STORE_CTX_get_error(ctx)) {
	case X509_V_ERR_CERT_NOT_YET_VALID:
		/*
		 * a certificate from the future means that the clock is behind
		 */
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
 * Return the lists of the CA that issued the certificate being checked, for
 * OpenSSL. Match by key, since two CAs may have the same name. Without memory
 * return none, see ask_without().
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
 * oap_crl_lookup() - make the verification of chains use lists_of()
 * @store: the store
 */
void oap_crl_lookup(struct oap_store *store)
{
	X509_STORE_set_lookup_crls(store->roots, lists_of);
}

/**
 * oap_crl_prepare() - set up how a chain is verified
 * @ctx: the verification
 * @how: requirements; must stay valid until the end of the verification
 * @ask: true to check the revocation lists
 *
 * Every certificate of the chain is checked against the list of its issuer. An
 * expired list still revokes its entries.
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
	const char *fmt;	/* has %s for the CA */
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
 * oap_crl_refuse() - describe why a list prevents the use of a certificate
 * @ctx: the verification, which has failed
 * @err: the reason
 *
 * Return: OAP_BAD_CERT, or OAP_OK if the failure has another reason.
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
