// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Check the trust store: roots, intermediates, and revocation lists. */

#include <openssl/x509.h>

#include "check-int.h"

static void check_cert_file(struct oap_check *c, const char *path, void *arg)
{
	bool more;

	(void)arg;
	X509_free(oap_check_certs(c, path, &more));
}

/*
 * An expired root is only a warning, since another may be valid. Count valid
 * roots.
 */
static void check_root_file(struct oap_check *c, const char *path, void *arg)
{
	STACK_OF(X509) *all = oap_check_read_certs(c, path);
	unsigned int *valid = arg;
	int i;

	for (i = 0; i < sk_X509_num(all); i++)
		*valid += oap_check_dates(c, path, sk_X509_value(all, i),
					  oap_check_warn);
	sk_X509_pop_free(all, X509_free);
}

void oap_check_store(struct oap_check *c)
{
	unsigned int before = c->errors, valid = 0;
	struct oap_store store = { 0 };
	struct oap_err err;

	if (!oap_check_folder(c, "cacert", check_root_file, &valid))
		oap_check_warn(c, "%s/cacert has no *.pem: no certificate of a peer is accepted",
			       c->dir);
	else if (!valid && c->errors == before)
		oap_check_error(c, "%s/cacert has no certificate that is valid now: put one there, no certificate of a peer is accepted until then",
				c->dir);
	oap_check_folder(c, "untrusted", check_cert_file, NULL);
	/* the trusted certificates decide about the lists */
	if (oap_store_certs(&store, c->dir, &err)) {
		if (c->errors == before)
			oap_check_error(c, "%s", err.text);
		return;
	}
	oap_check_lists(c, &store);
	oap_store_free(&store);
	if (c->errors != before)
		return;
	/* finally load the files as exchanges do */
	if (oap_store_load(&store, c->dir, c->now, &err))
		oap_check_error(c, "%s", err.text);
	else
		oap_store_free(&store);
}
