// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The revocation lists in use: of each key and scope the newest. What an older one
 * may replace, an attacker could, so a list stays until a newer one is there.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/x509v3.h>

#include "int.h"

static void list_free(struct oap_list *l)
{
	X509_CRL_free(l->crl);
	EVP_PKEY_free(l->key);
	free(l);
}

/**
 * oap_lists_free() - free lists
 * @lists: the lists, empty afterwards
 */
void oap_lists_free(struct oap_list **lists)
{
	struct oap_list *l;

	while ((l = *lists)) {
		*lists = l->next;
		list_free(l);
	}
}

static const ASN1_OCTET_STRING *scope(const X509_CRL *crl)
{
	int at = X509_CRL_get_ext_by_NID(crl, NID_issuing_distribution_point,
					 -1);

	return at < 0 ? NULL :
	       X509_EXTENSION_get_data(X509_CRL_get_ext(crl, at));
}

/* True for two lists of one key and of the same certificates. */
static bool alike(const struct oap_list *a, const struct oap_list *b)
{
	const ASN1_OCTET_STRING *sa = scope(a->crl), *sb = scope(b->crl);

	return a->key && b->key && EVP_PKEY_eq(a->key, b->key) == 1 &&
	       !X509_CRL_cmp(a->crl, b->crl) &&
	       (sa && sb ? !ASN1_OCTET_STRING_cmp(sa, sb) : sa == sb);
}

/* Return the place of the list like @l; at the end if there is none. */
static struct oap_list **find_like(struct oap_list **lists,
				   const struct oap_list *l)
{
	while (*lists && !alike(*lists, l))
		lists = &(*lists)->next;
	return lists;
}

/* Put @l in the place of what is there, if anything. */
static void put(struct oap_list **at, struct oap_list *l)
{
	struct oap_list *old = *at;

	l->next = old ? old->next : NULL;
	*at = l;
	if (old)
		list_free(old);
}

/**
 * oap_lists_add() - use a list, unless a newer one of its kind is in use
 * @store: the store, with all its certificates
 * @crl: the list
 * @issuer: whether a CA of the store has signed it; if not it is only remembered
 *
 * Return: false without memory.
 */
bool oap_lists_add(struct oap_store *store, X509_CRL *crl,
		   enum oap_issuer *issuer)
{
	struct oap_list *l = calloc(1, sizeof(*l)), **at;

	*issuer = OAP_ISSUER_UNKNOWN;
	if (!l)
		return false;
	*issuer = oap_crl_signer(store, crl, &l->key);
	if (X509_CRL_up_ref(crl))
		l->crl = crl;
	at = find_like(&store->lists, l);
	if (*issuer == OAP_ISSUER_ANOTHER || !l->crl ||
	    (*at && oap_crl_newer((*at)->crl, crl)))
		list_free(l);
	else
		put(at, l);
	return true;
}

/**
 * oap_lists_inherit() - remember what was said of lists before
 * @lists: the lists
 * @old: the lists before
 */
void oap_lists_inherit(struct oap_list *lists, const struct oap_list *old)
{
	const struct oap_list *o;

	for (; lists; lists = lists->next)
		for (o = old; o; o = o->next)
			if (!X509_CRL_match(lists->crl, o->crl) &&
			    !lists->key == !o->key)
				lists->told = o->told;
}

static bool is_idle(const struct oap_store *store, const struct oap_list *l)
{
	EVP_PKEY *key;

	oap_crl_signer(store, l->crl, &key);
	EVP_PKEY_free(key);
	return !key;
}

/* Go on using a list, unless there is one like it that is not older. */
static bool keep(struct oap_store *store, struct oap_list *l, bool quiet,
		 oap_fail_fn fail, void *arg)
{
	struct oap_list **at = find_like(&store->lists, l);
	char ca[OAP_CA_LEN];
	bool gone = !*at;
	struct oap_err err;

	if (!l->key || (*at && !oap_crl_newer(l->crl, (*at)->crl))) {
		list_free(l);
		return true;
	}
	put(at, l);
	l->idle = is_idle(store, l);
	if (l->idle || (gone && quiet))
		return true;
	oap_crl_name(X509_CRL_get_issuer(l->crl), ca, sizeof(ca));
	oap_err_set(&err, OAP_BAD_CONFIG,
		    gone ? "the revocation list of '%.32s' is gone from crls/: put it back, or a newer one; reload the agent to do without" :
			   "the revocation list of '%.32s' in crls/ is older than the one before: put a newer one there, or reload the agent to use the older",
		    ca);
	fail(arg, &err);
	return false;
}

/**
 * oap_lists_keep() - go on using the lists that no newer one has replaced
 * @store: the store, with what was read from the files
 * @old: the lists before, empty afterwards
 * @quiet: say nothing of those that are gone: they are in a file that is damaged
 * @fail: called for each that is kept, unless its CA is gone, too
 * @arg: argument of @fail
 *
 * Return: true if @fail was not called.
 */
bool oap_lists_keep(struct oap_store *store, struct oap_list **old, bool quiet,
		    oap_fail_fn fail, void *arg)
{
	struct oap_list *l;
	bool ok = true;

	while ((l = *old)) {
		*old = l->next;
		ok &= keep(store, l, quiet, fail, arg);
	}
	return ok;
}

/**
 * oap_list_end() - get the time at which a list expires
 * @l: the list
 * @t: the time, in seconds since 1970
 *
 * Return: false if it never does.
 */
bool oap_list_end(const struct oap_list *l, time_t *t)
{
	const ASN1_TIME *end = X509_CRL_get0_nextUpdate(l->crl);
	struct tm tm;

	if (!end || ASN1_TIME_to_tm(end, &tm) != 1)
		return false;
	*t = timegm(&tm);
	return true;
}

static void tell_end(const struct oap_list *l, time_t end, bool need,
		     oap_check_fn report, void *arg)
{
	char ca[OAP_CA_LEN], date[32], text[256];
	struct tm tm;

	gmtime_r(&end, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
	snprintf(text, sizeof(text),
		 "the revocation list of '%.32s' expired at %s: put a newer one into crls/; %s",
		 oap_crl_name(X509_CRL_get_issuer(l->crl), ca, sizeof(ca)),
		 date,
		 need ? "until then its certificates are refused" :
			"until then it still revokes what it lists");
	report(arg, true, text);
}

static void tell_unknown(const struct oap_list *l, oap_check_fn report,
			 void *arg)
{
	char ca[OAP_CA_LEN], text[256];

	snprintf(text, sizeof(text),
		 "a revocation list in crls/ is not used: its issuer '%.32s' is neither in cacert/ nor in untrusted/: put that CA there, or remove the list",
		 oap_crl_name(X509_CRL_get_issuer(l->crl), ca, sizeof(ca)));
	report(arg, true, text);
}

/**
 * oap_lists_report() - report the lists that have expired or are not used, once
 * @lists: the lists
 * @now: seconds since 1970
 * @need: a CA without a current list is refused
 * @report: called for each
 * @arg: argument of @report
 *
 * Return: when the next one expires, in seconds since 1970; 0 for never.
 */
time_t oap_lists_report(struct oap_list *lists, time_t now, bool need,
			oap_check_fn report, void *arg)
{
	time_t next = 0, end;

	for (; lists; lists = lists->next) {
		if (!lists->key && !lists->told) {
			tell_unknown(lists, report, arg);
			lists->told = true;
		}
		if (!lists->key || lists->idle || !oap_list_end(lists, &end))
			continue;
		if (end > now) {
			next = !next || end < next ? end : next;
		} else if (!lists->told) {
			lists->told = true;
			tell_end(lists, end, need, report, arg);
		}
	}
	return next;
}
