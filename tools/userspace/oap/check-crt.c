// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Check the certificates of a file: their form and their dates. */

#include <stdio.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "check-int.h"

const char *oap_check_date(const ASN1_TIME *time, char *buf, size_t len)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1 ||
	    !strftime(buf, len, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(buf, len, "an unknown date");
	return buf;
}

/*
 * Return true if a certificate is valid now; otherwise call @say with the
 * problem.
 */
bool oap_check_dates(struct oap_check *c, const char *path, const X509 *crt,
		     oap_check_say say)
{
	const ASN1_TIME *from = X509_get0_notBefore(crt);
	const ASN1_TIME *to = X509_get0_notAfter(crt);
	time_t now = c->now, soon = c->now + OAP_EXPIRES_SOON;
	char buf[64];

	if (X509_cmp_time(from, &now) > 0) {
		say(c, "%s is not valid before %s: check the clock, or replace the certificate",
		    path, oap_check_date(from, buf, sizeof(buf)));
		return false;
	}
	if (X509_cmp_time(to, &now) < 0) {
		say(c, "%s expired at %s: replace the certificate", path,
		    oap_check_date(to, buf, sizeof(buf)));
		return false;
	}
	if (X509_cmp_time(to, &soon) < 0)
		oap_check_warn(c, "%s expires at %s: replace the certificate before", path,
			       oap_check_date(to, buf, sizeof(buf)));
	return true;
}

/* Read all certificates of a file. Return NULL if none is usable. */
STACK_OF(X509) *oap_check_read_certs(struct oap_check *c, const char *path)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	FILE *file = fopen(path, "re");
	X509 *crt;

	if (!file) {
		oap_check_unreadable(c, path);
		sk_X509_free(all);
		return NULL;
	}
	while (all && (crt = PEM_read_X509(file, NULL, oap_secret_no_passphrase,
					   NULL)))
		sk_X509_push(all, crt);
	fclose(file);
	/* "no start line" is also the error at the end of a good file */
	if (sk_X509_num(all) > 0 &&
	    ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
		ERR_clear_error();
		return all;
	}
	oap_check_error(c, "%s is not a PEM certificate: %s; replace it", path,
			oap_err_why());
	sk_X509_pop_free(all, X509_free);
	return NULL;
}

/*
 * Check the dates of all certificates of a file, and return the first one.
 * @more: set to true if there are others.
 */
X509 *oap_check_certs(struct oap_check *c, const char *path, bool *more)
{
	STACK_OF(X509) *all = oap_check_read_certs(c, path);
	X509 *first;
	int i;

	for (i = 0; i < sk_X509_num(all); i++)
		oap_check_dates(c, path, sk_X509_value(all, i),
				oap_check_error);
	first = all ? sk_X509_shift(all) : NULL;
	*more = sk_X509_num(all) > 0;
	sk_X509_pop_free(all, X509_free);
	return first;
}
