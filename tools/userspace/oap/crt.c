// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Names of a certificate, and name constraints of its CAs. */

#include <string.h>
#include <strings.h>

#include <openssl/x509v3.h>

#include "int.h"

static bool copy_name(const ASN1_STRING *str, char *name)
{
	unsigned char *utf8 = NULL;
	int len = str ? ASN1_STRING_to_UTF8(&utf8, str) : -1;
	bool ok = len > 0 && len <= OAP_NAME_MAX &&
		  strnlen((char *)utf8, len) == (size_t)len;

	if (ok) {
		memcpy(name, utf8, len);
		name[len] = '\0';
		ok = oap_name_ok(name);
	}
	OPENSSL_free(utf8);
	return ok;
}

/*
 * Get the common name; false if there is none, more than one, or an invalid
 * one.
 */
static bool common_name(X509 *crt, char *name)
{
	X509_NAME *subject = X509_get_subject_name(crt);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	if (at < 0 ||
	    X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return false;
	return copy_name(X509_NAME_ENTRY_get_data(
				X509_NAME_get_entry(subject, at)), name);
}

/*
 * Find @want among the DNS alternative names; if @want is NULL, take the first
 * valid name.
 */
static bool alt_name(const GENERAL_NAMES *names, const char *want, char *name)
{
	GENERAL_NAME *one;
	int i;

	for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		one = sk_GENERAL_NAME_value(names, i);
		if (one->type == GEN_DNS && copy_name(one->d.dNSName, name) &&
		    (!want || !strcmp(want, name)))
			return true;
	}
	return false;
}

static bool has_dns(const GENERAL_NAMES *names)
{
	int i;

	for (i = 0; i < sk_GENERAL_NAME_num(names); i++)
		if (sk_GENERAL_NAME_value(names, i)->type == GEN_DNS)
			return true;
	return false;
}

static GENERAL_NAMES *alt_names(X509 *crt)
{
	return X509_get_ext_d2i(crt, NID_subject_alt_name, NULL, NULL);
}

/*
 * Find the name. The common name is used only without a DNS alternative name.
 */
static bool find_name(X509 *crt, const char *want, char *name)
{
	GENERAL_NAMES *names = alt_names(crt);
	bool found;

	if (has_dns(names))
		found = alt_name(names, want, name);
	else
		found = common_name(crt, name) &&
			(!want || !strcmp(name, want));
	GENERAL_NAMES_free(names);
	return found;
}

/**
 * oap_crt_name() - find a name in a certificate
 * @crt: the certificate
 * @want: the name; NULL for the first one
 * @name: OAP_NAME_MAX + 1 bytes for the name; empty on failure
 * @err: reason of a refusal
 *
 * The names of a certificate are its DNS alternative names or, if it has none,
 * its only common name.
 *
 * Return: OAP_OK or OAP_BAD_NAME.
 */
enum oap_code oap_crt_name(X509 *crt, const char *want, char *name,
			   struct oap_err *err)
{
	char first[OAP_NAME_MAX + 1] = "", cn[OAP_NAME_MAX + 1] = "";

	if (find_name(crt, want, name))
		return OAP_OK;
	name[0] = '\0';
	if (!want)
		return oap_err_set(err, OAP_BAD_NAME,
				   "the certificate has no usable name: issue one with a DNS alternative name");
	if (common_name(crt, cn) && !strcmp(cn, want))
		return oap_err_set(err, OAP_BAD_NAME,
				   "only the common name is '%.46s': issue a certificate with it as a DNS alternative name",
				   want);
	return oap_err_set(err, OAP_BAD_NAME,
			   "the certificate is for '%.36s', not for '%.36s': issue one for it",
			   find_name(crt, NULL, first) ? first : "?", want);
}

/* True if the name equals the base or is below it; every name is below "". */
static bool is_below(const char *name, const ASN1_IA5STRING *base)
{
	const char *p = (const char *)ASN1_STRING_get0_data(base);
	size_t base_len = ASN1_STRING_length(base), len = strlen(name);
	const char *tail;

	if (!base_len)
		return true;
	if (base_len > len)
		return false;
	tail = name + len - base_len;
	return !strncasecmp(tail, p, base_len) &&
	       (tail == name || *p == '.' || tail[-1] == '.');
}

/*
 * True if the name is in a DNS subtree; return @none if there is no such
 * subtree.
 */
static bool in_subtrees(const STACK_OF(GENERAL_SUBTREE) *trees,
			const char *name, bool none)
{
	bool found = none;
	GENERAL_NAME *base;
	int i;

	for (i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++) {
		base = sk_GENERAL_SUBTREE_value(trees, i)->base;
		if (base->type != GEN_DNS)
			continue;
		if (is_below(name, base->d.dNSName))
			return true;
		found = false;
	}
	return found;
}

static bool permits(X509 *ca, const char *name)
{
	int found;	/* -1: absent */
	NAME_CONSTRAINTS *nc = X509_get_ext_d2i(ca, NID_name_constraints,
						&found, NULL);
	bool ok = nc ? in_subtrees(nc->permittedSubtrees, name, true) &&
		       !in_subtrees(nc->excludedSubtrees, name, false) :
		       found == -1;

	NAME_CONSTRAINTS_free(nc);
	return ok;
}

/**
 * oap_crt_constraints() - check the name constraints for a common name
 * @chain: verified chain, the certificate first
 * @err: reason of a refusal
 *
 * OpenSSL checks alternative names, but a common name only if it contains a dot
 * and looks like a host name. Names of this project can have any form: "bob" or
 * "bob@host".
 *
 * Return: OAP_OK or OAP_BAD_CERT.
 */
enum oap_code oap_crt_constraints(const STACK_OF(X509) *chain,
				  struct oap_err *err)
{
	X509 *crt = sk_X509_value(chain, 0);
	GENERAL_NAMES *names = alt_names(crt);
	char cn[OAP_NAME_MAX + 1];
	bool counts = !has_dns(names) && common_name(crt, cn);
	int i;

	GENERAL_NAMES_free(names);
	for (i = 1; counts && i < sk_X509_num(chain); i++)
		if (!permits(sk_X509_value(chain, i), cn))
			return oap_err_set(err, OAP_BAD_CERT,
					   "'%.50s' is outside the name constraints of its CA: have another CA issue it",
					   cn);
	return OAP_OK;
}
