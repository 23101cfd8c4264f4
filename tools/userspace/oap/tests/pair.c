// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Two sides of an exchange in one process, each with a directory of its own. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/x509.h>

#include "pair.h"

struct test_crt test_ca, test_other_ca;
uint64_t now_ns;

static char top[64];

static uint64_t fake_clock(void *arg)
{
	(void)arg;
	return now_ns;
}

char *path(const char *fmt, ...)
{
	static char buf[4][512];
	static int at;
	va_list ap;
	int n;

	at = (at + 1) % 4;
	n = snprintf(buf[at], sizeof(buf[at]), "%s/", top);
	va_start(ap, fmt);
	vsnprintf(buf[at] + n, sizeof(buf[at]) - n, fmt, ap);
	va_end(ap);
	return buf[at];
}

static int group_setup(void **state)
{
	(void)state;
	test_ca = test_crt_make("EC", "ca", NULL, NULL, 1, -DAY, DAY);
	test_other_ca = test_crt_make("EC", "ca", NULL, NULL, 1, -DAY, DAY);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	test_crt_free(&test_ca);
	test_crt_free(&test_other_ca);
	return 0;
}

static void make_dirs(const char *side)
{
	static const char * const dirs[] = {
		"", "/cacert", "/untrusted", "/server", "/client",
		"/server/" NAME, "/client/" NAME,
	};
	size_t i;

	for (i = 0; i < COUNT(dirs); i++)
		mkdir(path("%s%s", side, dirs[i]), 0700);
}

static int setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/oap-test-XXXXXX");
	assert_non_null(mkdtemp(top));
	make_dirs("cli");
	make_dirs("srv");
	test_crt_write_as(path("cli/cacert/ca.pem"), &test_ca);
	test_crt_write_as(path("srv/cacert/ca.pem"), &test_ca);
	now_ns = time(NULL) * SEC;
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

void suite_add(struct suite *suite, CMUnitTestFunction f, const void *arg,
	       const char *fmt, ...)
{
	char *name = suite->names[suite->n];
	va_list ap;

	assert_true(suite->n < SUITE_MAX);
	va_start(ap, fmt);
	vsnprintf(name, sizeof(suite->names[0]), fmt, ap);
	va_end(ap);
	for (; *name; name++)
		if (*name == '_')
			*name = ' ';
	suite->tests[suite->n] = (struct CMUnitTest){
		suite->names[suite->n], f, setup, teardown, (void *)arg
	};
	suite->n++;
}

void suite_add_each(struct suite *suite, const char * const *names, size_t n,
		    CMUnitTestFunction f, const char *what)
{
	size_t i;

	for (i = 0; i < n; i++)
		suite_add(suite, f, names[i], "%s: %s", names[i], what);
}

int suite_run(struct suite *suite, const char *name)
{
	return _cmocka_run_group_tests(name, suite->tests, suite->n,
				       group_setup, group_teardown);
}

/* Skip a test that requires an algorithm of OpenSSL 3.5. */
void need_pq(const char *algorithm)
{
	static const char * const pq[] = { "ML-", "MLKEM", "SLH-" };
	size_t i;

	for (i = 0; i < COUNT(pq); i++)
		if (strstr(algorithm, pq[i]) &&
		    OPENSSL_VERSION_NUMBER < 0x30500000L)
			skip();
}

/* Create credentials for both sides, with one type of key and one CA. */
void credentials(const char *type, const struct test_crt *by)
{
	struct test_crt c = test_crt_make(type, US, NULL, by, 0, -DAY, DAY);
	struct test_crt s = test_crt_make(type, NAME, NULL, by, 0, -DAY, DAY);

	test_crt_write(path("cli/client/%s", NAME), &c);
	test_crt_write(path("srv/server/%s", NAME), &s);
	test_crt_free(&c);
	test_crt_free(&s);
}

void cli_conf(const char *text)
{
	test_file(path("cli/client/%s", NAME), "enc.conf", text);
}

void srv_conf(const char *text)
{
	test_file(path("srv/server/%s", NAME), "enc.conf", text);
}

struct oap_env *open_env(const char *side, uint32_t replay_max)
{
	struct oap_settings set = {
		.dir = path("%s", side), .slack_ms = 100, .now = fake_clock,
		.replay_max = replay_max,
	};
	struct oap_env *env;
	struct oap_err err;

	if (oap_env_open(&env, &set, &err))
		fail_msg("%s", err.text);
	return env;
}

/* Open a side with crl = required if @lists. Return NULL on failure. */
struct oap_env *open_env_needing(const char *side, bool lists,
				 enum oap_code *code, struct oap_err *err)
{
	struct oap_settings set = {
		.dir = path("%s", side), .slack_ms = 100, .now = fake_clock,
		.need_lists = lists,
	};
	struct oap_env *env;

	*code = oap_env_open(&env, &set, err);
	return env;
}

void open_pair(struct pair *p, enum oap_auth auth)
{
	memset(p, 0, sizeof(*p));
	p->cli = open_env("cli", 0);
	p->srv = open_env("srv", 0);
	p->cp = (struct oap_params){ .name = NAME, .auth = auth,
				     .peer_name = NAME };
	p->sp = (struct oap_params){ .name = NAME, .auth = auth };
}

void drop_runs(struct pair *p)
{
	oap_free(p->req);
	oap_free(p->rsp);
	p->req = NULL;
	p->rsp = NULL;
}

void close_pair(struct pair *p)
{
	drop_runs(p);
	oap_env_close(p->cli);
	oap_env_close(p->srv);
}

void request_ok(struct pair *p)
{
	if (oap_request(p->cli, &p->cp, &p->req, &p->err))
		fail_msg("request: %s", p->err.text);
}

enum oap_code process_bytes(struct pair *p, const uint8_t *msg, size_t len)
{
	oap_free(p->rsp);
	return oap_process(p->srv, &p->sp, msg, len, &p->rsp, &p->err);
}

enum oap_code process(struct pair *p)
{
	size_t len;
	const uint8_t *msg = oap_message(p->req, &len);

	return process_bytes(p, msg, len);
}

enum oap_code respond(struct pair *p)
{
	return oap_respond(p->rsp, &p->sp, &p->err);
}

void respond_ok(struct pair *p)
{
	if (process(p))
		fail_msg("process: %s", p->err.text);
	if (respond(p))
		fail_msg("respond: %s", p->err.text);
}

enum oap_code complete_bytes(struct pair *p, const uint8_t *msg, size_t len)
{
	return oap_complete(p->req, &p->cp, msg, len, &p->err);
}

enum oap_code complete(struct pair *p)
{
	size_t len;
	const uint8_t *msg = oap_message(p->rsp, &len);

	return complete_bytes(p, msg, len);
}

void exchange_ok(struct pair *p)
{
	request_ok(p);
	respond_ok(p);
	if (complete(p))
		fail_msg("complete: %s", p->err.text);
}

/* Check that both sides have the same key, cipher, and roots for all epochs. */
void same_keys(struct pair *p)
{
	uint8_t a[32] = { 0 }, b[32] = { 1 }, c[32] = { 2 };

	assert_int_equal(oap_key(p->req, a, &p->err), OAP_OK);
	assert_int_equal(oap_key(p->rsp, b, &p->err), OAP_OK);
	assert_memory_equal(a, b, 32);
	assert_int_equal(oap_seed(p->req, 7, a, &p->err), OAP_OK);
	assert_memory_not_equal(a, b, 32);
	assert_int_equal(oap_seed(p->rsp, 7, b, &p->err), OAP_OK);
	assert_memory_equal(a, b, 32);
	assert_int_equal(oap_seed(p->rsp, 8, c, &p->err), OAP_OK);
	assert_memory_not_equal(a, c, 32);
	assert_int_equal(oap_cipher(p->req), oap_cipher(p->rsp));
	assert_int_not_equal(oap_cipher(p->req), 0);
}

uint8_t *copy_of(const struct oap_run *run, size_t *len)
{
	const uint8_t *msg = oap_message(run, len);
	uint8_t *copy = malloc(*len);

	assert_non_null(copy);
	memcpy(copy, msg, *len);
	return copy;
}

struct test_crt sub_ca(const char *cn, const struct test_crt *by, int nid,
		       const char *value)
{
	struct test_crt ca = test_crt_make("EC", cn, NULL, by, 1, -DAY, DAY);

	if (value)
		test_crt_add(ca.crt, nid, value);
	assert_true(X509_sign(ca.crt, by->key, EVP_sha256()) > 0);
	test_crt_write_as(path("cli/untrusted/%s.pem", cn), &ca);
	test_crt_write_as(path("srv/untrusted/%s.pem", cn), &ca);
	return ca;
}

enum oap_code verify_server(const struct test_crt *crt, const char *want,
			    struct oap_err *err)
{
	enum oap_code code;
	struct pair p;

	test_crt_write(path("srv/server/%s", NAME), crt);
	open_pair(&p, OAP_AUTH_REQUIRED);
	p.cp.peer_name = want;
	p.sp.auth = OAP_AUTH_NONE;
	request_ok(&p);
	respond_ok(&p);
	code = complete(&p);
	*err = p.err;
	close_pair(&p);
	return code;
}
