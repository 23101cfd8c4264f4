// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Check the revocation lists, and that each CA has one if required. */

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "check-int.h"

static void check_list(struct oap_check *c, const char *path, X509_CRL *crl,
		       struct oap_store *store)
{
	const char *unfit = oap_crl_unfit(crl);
	enum oap_issuer issuer;
	char ca[OAP_CA_LEN];

	if (unfit) {
		oap_check_error(c, "%s %s", path, unfit);
		return;
	}
	if (!oap_lists_add(store, crl, c->now, &issuer))
		oap_check_error(c, "out of memory");
	oap_crl_name(X509_CRL_get_issuer(crl), ca, sizeof(ca));
	if (issuer == OAP_ISSUER_UNKNOWN)
		oap_check_warn(c, "%s is not used: its issuer '%s' is neither in cacert nor in untrusted: put that CA there, or remove the list",
			       path, ca);
	else if (issuer == OAP_ISSUER_ANOTHER)
		oap_check_error(c, "%s is not signed by its issuer '%s': replace or remove it",
				path, ca);
}

static void check_list_file(struct oap_check *c, const char *path, void *arg)
{
	FILE *file = fopen(path, "re");
	X509_CRL *crl;
	int n = 0;

	if (!file) {
		oap_check_unreadable(c, path);
		return;
	}
	while ((crl = PEM_read_X509_CRL(file, NULL, oap_secret_no_passphrase,
					NULL))) {
		check_list(c, path, crl, arg);
		X509_CRL_free(crl);
		n++;
	}
	fclose(file);
	if (!n || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		oap_check_error(c, "%s is not a PEM revocation list: %s; replace it", path,
				oap_err_why());
	ERR_clear_error();
}

static void check_state(struct oap_check *c, const struct oap_list *lists,
			const struct oap_list *l)
{
	enum oap_list_state state = oap_list_state(lists, l, c->now);
	oap_check_say say = c->need_lists ? oap_check_error : oap_check_warn;
	char ca[OAP_CA_LEN], buf[64];

	oap_crl_name(X509_CRL_get_issuer(l->crl), ca, sizeof(ca));
	if (state == OAP_LIST_EXPIRED)
		say(c, "the revocation list of '%s' in %s/crls expired at %s: put a newer one there",
		    ca, c->dir, oap_check_date(X509_CRL_get0_nextUpdate(l->crl),
					       buf, sizeof(buf)));
	else if (state == OAP_LIST_EARLY)
		say(c, "the revocation list of '%s' in %s/crls is not valid before %s: check the clock, or put the list before it there, too",
		    ca, c->dir, oap_check_date(X509_CRL_get0_lastUpdate(l->crl),
					       buf, sizeof(buf)));
}

/* True if the lists of a CA together cover all of its certificates. */
static bool cover_all(const struct oap_list *l, const X509 *ca)
{
	bool of[OAP_SCOPE_SOME + 1] = { false };

	for (; l; l = l->next)
		if (oap_crl_is_of(l, ca))
			of[oap_crl_scope(l->crl)] = true;
	return of[OAP_SCOPE_ALL] || (of[OAP_SCOPE_USERS] && of[OAP_SCOPE_CAS]);
}

/* With crl = required, check that each CA has a list. */
static void check_needed(struct oap_check *c, const struct oap_list *lists,
			 const STACK_OF(X509) *cas)
{
	const struct oap_list *l;
	char ca[OAP_CA_LEN];
	X509 *crt;
	int i;

	for (i = 0; i < sk_X509_num(cas); i++) {
		crt = sk_X509_value(cas, i);
		oap_crl_name(X509_get_subject_name(crt), ca, sizeof(ca));
		for (l = lists; l && !oap_crl_is_of(l, crt); l = l->next)
			;
		if (!l)
			oap_check_error(c, "crl = required, but %s/crls has no list of '%s': put one there",
					c->dir, ca);
		else if (!cover_all(lists, crt))
			oap_check_warn(c, "crl = required, but the lists of '%s' in %s/crls are for some of its certificates, and all others are refused: put a list of all there",
				       ca, c->dir);
	}
}

void oap_check_lists(struct oap_check *c, struct oap_store *store)
{
	STACK_OF(X509) *roots = X509_STORE_get1_all_certs(store->roots);
	const struct oap_list *l;

	oap_check_folder(c, "crls", check_list_file, store);
	for (l = store->lists; l; l = l->next)
		check_state(c, store->lists, l);
	if (c->need_lists) {
		check_needed(c, store->lists, roots);
		check_needed(c, store->lists, store->untrusted);
	}
	sk_X509_pop_free(roots, X509_free);
}
