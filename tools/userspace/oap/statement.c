// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Statements: signed data for the peer, in a request without key exchange that
 * gets no answer.
 */

#include <string.h>

#include <openssl/rand.h>

#include "int.h"

static enum oap_code sign(struct oap_run *run, const struct oap_params *params,
			  const struct oap_creds *creds, struct oap_err *err)
{
	struct oap_hdr hdr = { .data = { params->data, params->data_len } };

	if (!creds->crt)
		return oap_err_set(err, OAP_NO_CREDENTIALS,
				   "'%.60s' has no certificate to sign with",
				   params->name);
	if (RAND_bytes(run->id, sizeof(run->id)) != 1)
		return oap_err_set(err, OAP_INTERNAL, "cannot get random numbers");
	return oap_run_seal(run, &hdr, creds, err);
}

enum oap_code oap_statement(struct oap_env *env, bool server,
			    const struct oap_params *params,
			    struct oap_run **runp, struct oap_err *err)
{
	struct oap_run *run = oap_run_new(env, err);
	struct oap_creds creds;
	enum oap_code code;

	*runp = NULL;
	if (!run)
		return err->code;
	code = oap_run_load(run, server, params->name, &creds, err);
	if (!code)
		code = sign(run, params, &creds, err);
	oap_auth_creds_free(&creds);
	if (code)
		oap_free(run);
	else
		*runp = run;
	return code;
}
