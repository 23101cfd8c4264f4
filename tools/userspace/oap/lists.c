// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The revocation lists in use: for each key and scope the newest list that is
 * valid already, and lists that are not valid yet, for later. A list stays in
 * use until a newer one is valid: otherwise an attacker could replace it by an
 * older list.
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

/* True for two lists with the same key and scope. */
static bool alike(const struct oap_list *a, const struct oap_list *b)
{
	const ASN1_OCTET_STRING *sa = scope(a->crl), *sb = scope(b->crl);

	return a->key && b->key && EVP_PKEY_eq(a->key, b->key) == 1 &&
	       !X509_CRL_cmp(a->crl, b->crl) &&
	       (sa && sb ? !ASN1_OCTET_STRING_cmp(sa, sb) : sa == sb);
}

static bool is_early(const struct oap_list *l, time_t now)
{
	return X509_cmp_time(X509_CRL_get0_lastUpdate(l->crl), &now) > 0;
}

/* True if @a is used instead of @b: valid lists first, then newer lists. */
static bool beats(const struct oap_list *a, const struct oap_list *b,
		  time_t now)
{
	bool early = is_early(a, now);

	if (early != is_early(b, now))
		return !early;
	return oap_crl_newer(a->crl, b->crl);
}

/**
 * oap_list_counts() - check whether a list is in use now
 * @lists: all lists
 * @l: one of them
 * @now: seconds since 1970
 *
 * A list that is not valid yet is used only if no valid one exists.
 *
 * Return: true if no other list is used instead of @l now.
 */
bool oap_list_counts(const struct oap_list *lists, const struct oap_list *l,
		     time_t now)
{
	for (; lists; lists = lists->next)
		if (lists != l && alike(lists, l) && beats(lists, l, now))
			return false;
	return true;
}

/* True if @l will never be used instead of @other. */
static bool is_obsolete(const struct oap_list *l, const struct oap_list *other,
			time_t now)
{
	return alike(l, other) && !oap_crl_newer(l->crl, other->crl) &&
	       (!is_early(other, now) ||
		!oap_crl_newer(other->crl, l->crl));
}

static bool is_needed(const struct oap_list *lists, const struct oap_list *l,
		      time_t now)
{
	while (lists && !is_obsolete(l, lists, now))
		lists = lists->next;
	return !lists;
}

/* Append @l, and free the lists that will never be used again. */
static void put(struct oap_list **lists, struct oap_list *l, time_t now)
{
	struct oap_list *old;

	while ((old = *lists)) {
		if (is_obsolete(old, l, now)) {
			*lists = old->next;
			list_free(old);
		} else {
			lists = &old->next;
		}
	}
	l->next = NULL;
	*lists = l;
}

/**
 * oap_lists_add() - use a list, unless a newer one of its kind is in use
 * @store: the store, with all its certificates
 * @crl: the list
 * @now: seconds since 1970; a newer list that is not valid yet is kept for
 *	later
 * @issuer: whether a CA of the store has signed the list; if not, the list is
 *	kept but not used
 *
 * Return: false if there is no memory.
 */
bool oap_lists_add(struct oap_store *store, X509_CRL *crl, time_t now,
		   enum oap_issuer *issuer)
{
	struct oap_list *l = calloc(1, sizeof(*l));

	*issuer = OAP_ISSUER_NO_MEMORY;
	if (!l)
		return false;
	*issuer = oap_crl_signer(store, crl, &l->key);
	if (X509_CRL_up_ref(crl))
		l->crl = crl;
	if (*issuer == OAP_ISSUER_NO_MEMORY || *issuer == OAP_ISSUER_ANOTHER ||
	    !l->crl || !is_needed(store->lists, l, now))
		list_free(l);
	else
		put(&store->lists, l, now);
	return *issuer != OAP_ISSUER_NO_MEMORY;
}

/**
 * oap_lists_inherit() - copy what was reported about lists before
 * @lists: the lists
 * @old: the previous lists
 */
void oap_lists_inherit(struct oap_list *lists, const struct oap_list *old)
{
	const struct oap_list *o;

	for (; lists; lists = lists->next)
		for (o = old; o; o = o->next)
			if (!X509_CRL_match(lists->crl, o->crl) &&
			    !lists->key == !o->key) {
				lists->told = o->told;
				lists->told_need = o->told_need;
			}
}

static bool is_idle(const struct oap_store *store, const struct oap_list *l)
{
	EVP_PKEY *key;

	oap_crl_signer(store, l->crl, &key);
	EVP_PKEY_free(key);
	return !key;
}

/*
 * Find a list from the files that @l is newer than. @gone: no list is like @l.
 */
static const struct oap_list *find_older(const struct oap_list *lists,
					 const struct oap_list *l, bool *gone)
{
	*gone = true;
	for (; lists; lists = lists->next) {
		if (!alike(lists, l))
			continue;
		*gone = false;
		if (oap_crl_newer(l->crl, lists->crl))
			return lists;
	}
	return NULL;
}

static void tell_kept(const struct oap_list *l, const struct oap_list *older,
		      oap_fail_fn fail, void *arg)
{
	char ca[OAP_CA_LEN];
	struct oap_err err;

	oap_crl_name(X509_CRL_get_issuer(l->crl), ca, sizeof(ca));
	if (!older)
		oap_err_set(&err, OAP_BAD_CONFIG,
			    "the revocation list of '%.32s' is gone from crls/: put it back, or a newer one; reload the agent to do without",
			    ca);
	else
		oap_err_set(&err, OAP_BAD_CONFIG,
			    "the revocation list of '%.32s' in crls/ %s than the one before: put a newer one there, or reload the agent to use the older",
			    ca, oap_crl_by_number(l->crl, older->crl) ?
				"has a lower number" : "is older");
	fail(arg, &err);
}

/* Keep a list, unless there is a list like it that is not older. */
static bool keep(struct oap_store *store, struct oap_list *l, bool quiet,
		 time_t now, oap_fail_fn fail, void *arg)
{
	const struct oap_list *older;
	bool gone;

	if (!l->key || !is_needed(store->lists, l, now)) {
		list_free(l);
		return true;
	}
	older = find_older(store->lists, l, &gone);
	l->idle = is_idle(store, l);
	/* the list from the files may be newer, but not valid yet */
	if (l->idle || (gone ? quiet : !older)) {
		put(&store->lists, l, now);
		return true;
	}
	tell_kept(l, older, fail, arg);
	put(&store->lists, l, now);
	return false;
}

/* Free the lists that are not in use now, but would be later. */
static void drop_early(struct oap_list **lists, time_t now)
{
	struct oap_list *all = *lists, **at = lists, *l;

	while ((l = *at)) {
		if (oap_list_counts(all, l, now)) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		if (all == l)
			all = l->next;
		list_free(l);
	}
}

/**
 * oap_lists_keep() - keep the lists that have not been replaced by newer ones
 * @store: the store, with the lists from the files
 * @old: the previous lists, empty afterwards
 * @quiet: do not report lists that are gone, since they may be in a damaged
 *	file
 * @now: seconds since 1970
 * @fail: called for each list that is kept, unless its CA is gone, too
 * @arg: argument of @fail
 *
 * Return: true if @fail was not called.
 */
bool oap_lists_keep(struct oap_store *store, struct oap_list **old, bool quiet,
		    time_t now, oap_fail_fn fail, void *arg)
{
	struct oap_list *l;
	bool ok = true;

	/* a CA may take back a list that was not in use yet */
	if (!quiet)
		drop_early(old, now);
	while ((l = *old)) {
		*old = l->next;
		ok &= keep(store, l, quiet, now, fail, arg);
	}
	return ok;
}

static bool read_time(const ASN1_TIME *time, time_t *t)
{
	struct tm tm;

	if (!time || ASN1_TIME_to_tm(time, &tm) != 1)
		return false;
	*t = timegm(&tm);
	return true;
}

/**
 * oap_list_state() - find out what is wrong with a list
 * @lists: all lists
 * @l: one of them
 * @now: seconds since 1970
 *
 * Return: the problem; OAP_LIST_GOOD also for a list that is not used now.
 */
enum oap_list_state oap_list_state(const struct oap_list *lists,
				   const struct oap_list *l, time_t now)
{
	time_t end;

	if (!l->key)
		return OAP_LIST_UNUSED;
	if (l->idle || !oap_list_counts(lists, l, now))
		return OAP_LIST_GOOD;
	if (is_early(l, now))
		return OAP_LIST_EARLY;
	if (read_time(X509_CRL_get0_nextUpdate(l->crl), &end) && end <= now)
		return OAP_LIST_EXPIRED;
	return OAP_LIST_GOOD;
}

static const char *date_of(const ASN1_TIME *time, char *buf, size_t len)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1 ||
	    !strftime(buf, len, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(buf, len, "an unknown date");
	return buf;
}

static void tell(const struct oap_list *l, enum oap_list_state state, bool need,
		 oap_check_fn report, void *arg)
{
	char ca[OAP_CA_LEN], date[32], text[256];

	oap_crl_name(X509_CRL_get_issuer(l->crl), ca, sizeof(ca));
	if (state == OAP_LIST_UNUSED)
		snprintf(text, sizeof(text),
			 "a revocation list in crls/ is not used: its issuer '%.32s' is neither in cacert/ nor in untrusted/: put that CA there, or remove the list",
			 ca);
	else if (state == OAP_LIST_EARLY)
		snprintf(text, sizeof(text),
			 "the revocation list of '%.32s' is not valid before %s: check the clock, or put the list before it into crls/, too; %s",
			 ca, date_of(X509_CRL_get0_lastUpdate(l->crl), date,
				     sizeof(date)),
			 need ? "until then its certificates are refused" :
				"it already revokes what it lists");
	else
		snprintf(text, sizeof(text),
			 "the revocation list of '%.32s' expired at %s: put a newer one into crls/; %s",
			 ca, date_of(X509_CRL_get0_nextUpdate(l->crl), date,
				     sizeof(date)),
			 need ? "until then its certificates are refused" :
				"until then it still revokes what it lists");
	report(arg, true, text);
}

/* Report the problem of a list, unless it was reported before. */
static void tell_once(struct oap_list *l, enum oap_list_state state, bool need,
		      oap_check_fn report, void *arg)
{
	/* an unused list does not cause the refusal of a peer */
	need = need && state != OAP_LIST_UNUSED;
	if (state == OAP_LIST_GOOD || (state == l->told && need == l->told_need))
		return;
	l->told = state;
	l->told_need = need;
	tell(l, state, need, report, arg);
}

/* Return when a list becomes valid or expires; 0 for never. */
static time_t next_change(const struct oap_list *l, time_t now)
{
	time_t t;

	if (!l->key || l->idle)
		return 0;
	if (read_time(X509_CRL_get0_lastUpdate(l->crl), &t) && t > now)
		return t;
	if (read_time(X509_CRL_get0_nextUpdate(l->crl), &t) && t > now)
		return t;
	return 0;
}

/**
 * oap_lists_report() - report each unusable or expiring list once
 * @lists: the lists
 * @now: seconds since 1970
 * @need: true if peers need a current list of each CA
 * @report: called for each list
 * @arg: argument of @report
 *
 * Return: time of the next call, when a list expires or becomes valid, in
 * seconds since 1970; 0 for never.
 */
time_t oap_lists_report(struct oap_list *lists, time_t now, bool need,
			oap_check_fn report, void *arg)
{
	time_t next = 0, t;
	struct oap_list *l;

	for (l = lists; l; l = l->next) {
		tell_once(l, oap_list_state(lists, l, now), need, report, arg);
		t = next_change(l, now);
		if (t && (!next || t < next))
			next = t;
	}
	return next;
}
