/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Two sides of an exchange in one process, each with a directory of its own. */
#ifndef OAP_TEST_PAIR_H
#define OAP_TEST_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../common/cipher.h"
#include "certs.h"
#include "int.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define DAY		86400L
#define SEC		UINT64_C(1000000000)
#define NAME		"bob.example"		/* the server */
#define US		"alice.example"		/* the client */
#define REASON_MAX	127	/* bytes of a reason that reach a program */

/* Validity of a certificate or of a list: from, to. */
#define NOW		-DAY, DAY
#define PAST		(-2 * DAY), -DAY
#define FUTURE		DAY, (2 * DAY)

/**
 * struct pair - an exchange
 * @cli: environment of the client
 * @srv: environment of the server
 * @req: exchange of the client
 * @rsp: exchange of the server
 * @cp: parameters of the client
 * @sp: parameters of the server
 * @err: error of the last call
 */
struct pair {
	struct oap_env *cli, *srv;
	struct oap_run *req, *rsp;
	struct oap_params cp, sp;
	struct oap_err err;
};

extern struct test_crt test_ca, test_other_ca;
extern uint64_t now_ns;			/* the clock of both sides */

/* Named tests, each with a directory of its own. */
#define SUITE_MAX	256

struct suite {
	size_t n;
	char names[SUITE_MAX][96];
	struct CMUnitTest tests[SUITE_MAX];
};

void suite_add(struct suite *suite, CMUnitTestFunction f, const void *arg,
	       const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Add a test for each name, with the name as its argument. */
void suite_add_each(struct suite *suite, const char * const *names, size_t n,
		    CMUnitTestFunction f, const char *what);
int suite_run(struct suite *suite, const char *name);

/* Add a test with the name of its function. */
#define SUITE_ADD(suite, f)	suite_add(suite, f, NULL, "%s", #f)

char *path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void need_pq(const char *algorithm);
void credentials(const char *type, const struct test_crt *by);
void cli_conf(const char *text);
void srv_conf(const char *text);
struct oap_env *open_env(const char *side, uint32_t replay_max);
struct oap_env *open_env_needing(const char *side, bool lists,
				 enum oap_code *code, struct oap_err *err);
void open_pair(struct pair *p, enum oap_auth auth);
void drop_runs(struct pair *p);
void close_pair(struct pair *p);
void request_ok(struct pair *p);
enum oap_code process(struct pair *p);
enum oap_code respond(struct pair *p);
void respond_ok(struct pair *p);
enum oap_code complete(struct pair *p);
void exchange_ok(struct pair *p);
void same_keys(struct pair *p);

/* Make a CA that both sides know; @value: of another extension, or NULL. */
struct test_crt sub_ca(const char *cn, const struct test_crt *by, int nid,
		       const char *value);
/* Let the client verify a certificate of the server. */
enum oap_code verify_server(const struct test_crt *crt, const char *want,
			    struct oap_err *err);

/* Copy a message to modify it; exactly sized for the sanitizer. */
uint8_t *copy_of(const struct oap_run *run, size_t *len);
enum oap_code process_bytes(struct pair *p, const uint8_t *msg, size_t len);
enum oap_code complete_bytes(struct pair *p, const uint8_t *msg, size_t len);

#endif /* OAP_TEST_PAIR_H */
