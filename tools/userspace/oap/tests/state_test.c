// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Saving and restoring an exchange that waits for its response. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pair.h"

static const char * const kexes[] = {
	"ffdhe2048", "prime256v1", "X25519", "ffdhe3072", "secp384r1",
	"ffdhe4096", "X448", "secp521r1", "ML-KEM-512", "ML-KEM-768",
	"ML-KEM-1024", "X25519MLKEM768", "X448MLKEM1024",
};

/* Save and restore the exchange of the client. */
static enum oap_code through_bytes(struct pair *p, const char *name)
{
	uint8_t state[OAP_STATE_MAX], *exact;
	enum oap_code code;
	size_t len;

	assert_int_equal(oap_save(p->req, state, &len, &p->err), OAP_OK);
	oap_free(p->req);
	exact = malloc(len);
	memcpy(exact, state, len);
	code = oap_restore(p->cli, name, exact, len, &p->req, &p->err);
	free(exact);
	return code;
}

static void test_kex(void **state)
{
	struct pair p;
	char conf[64];

	need_pq(*state);
	snprintf(conf, sizeof(conf), "kex = %s\n", (const char *)*state);
	cli_conf(conf);
	srv_conf(conf);
	credentials("ED25519", &test_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	respond_ok(&p);
	if (through_bytes(&p, NAME))
		fail_msg("%s", p.err.text);
	assert_int_equal(complete(&p), OAP_OK);
	same_keys(&p);
	close_pair(&p);
}

static void a_saved_exchange_without_encryption_is_completed(void **state)
{
	struct pair p;

	(void)state;
	cli_conf("none\n");
	srv_conf("none\n");
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	respond_ok(&p);
	assert_int_equal(through_bytes(&p, NAME), OAP_OK);
	assert_int_equal(complete(&p), OAP_OK);
	close_pair(&p);
}

static void the_state_of_another_name_is_refused(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	assert_int_equal(through_bytes(&p, "carol.example"), OAP_MISMATCH);
	assert_null(p.req);
	close_pair(&p);
}

static void a_response_does_not_match_the_state_of_another_request(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	respond_ok(&p);
	oap_free(p.req);
	request_ok(&p);
	assert_int_equal(through_bytes(&p, NAME), OAP_OK);
	assert_int_equal(complete(&p), OAP_MISMATCH);
	close_pair(&p);
}

static void a_damaged_state_is_refused(void **state)
{
	uint8_t saved[OAP_STATE_MAX], *copy;
	struct oap_run *run;
	struct pair p;
	size_t i, len;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	assert_int_equal(oap_save(p.req, saved, &len, &p.err), OAP_OK);
	for (i = 0; i < len; i++) {
		copy = malloc(len);
		memcpy(copy, saved, len);
		assert_int_not_equal(oap_restore(p.cli, NAME, copy, i, &run,
						 &p.err), OAP_OK);
		assert_null(run);
		copy[i] ^= 0x20;
		assert_int_not_equal(oap_restore(p.cli, NAME, copy, len, &run,
						 &p.err), OAP_OK);
		assert_null(run);
		free(copy);
	}
	close_pair(&p);
}

static void a_completed_exchange_cannot_be_saved(void **state)
{
	uint8_t saved[OAP_STATE_MAX];
	struct pair p;
	size_t len;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	exchange_ok(&p);
	assert_int_equal(oap_save(p.req, saved, &len, &p.err), OAP_INTERNAL);
	assert_int_equal(oap_save(p.rsp, saved, &len, &p.err), OAP_INTERNAL);
	close_pair(&p);
}

static struct suite suite;

int main(void)
{
	size_t i;

	for (i = 0; i < COUNT(kexes); i++)
		suite_add(&suite, test_kex, kexes[i], "%s: a saved exchange is restored and completed",
			  kexes[i]);
	SUITE_ADD(&suite, a_saved_exchange_without_encryption_is_completed);
	SUITE_ADD(&suite, the_state_of_another_name_is_refused);
	SUITE_ADD(&suite, a_response_does_not_match_the_state_of_another_request);
	SUITE_ADD(&suite, a_damaged_state_is_refused);
	SUITE_ADD(&suite, a_completed_exchange_cannot_be_saved);
	return suite_run(&suite, "oap: saved exchanges");
}
