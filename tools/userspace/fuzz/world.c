// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* A deterministic environment. */

#define OPENSSL_SUPPRESS_DEPRECATED	/* of RAND_METHOD; there is no other way */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/rand.h>

#include "../oap/int.h"
#include "../oap/tests/certs.h"
#include "world.h"

#define REPLAY_MAX	16
#define NOW	(UINT64_C(1767225600) * 1000000000)	/* 2026-01-01 */

const struct world_name world_names[] = {
	{ "x25519", "kex = X25519\n", true, false },
	{ "unsigned", "kex = X25519\nkdf = sha512\n", false, false },
	{ "prime256v1", "kex = prime256v1\ndigest = sha384\n", false, false },
	{ "secp384r1", "kex = secp384r1\n", false, false },
	{ "ffdhe2048", "kex = ffdhe2048\n", false, false },
	{ "none", "none\n", true, false },
	{ "nothing", "none\n", false, false },
	{ "ml-kem", "kex = ML-KEM-512\n", false, true },
	{ "hybrid", "kex = X25519MLKEM768\n", true, true },
	{ "ml-kem-client", "kex = ML-KEM-512\nkem_mode = client\n", false,
	  true },
	{ "hybrid-client", "kex = X25519MLKEM768\nkem_mode = client\n", false,
	  true },
};

const size_t world_count = sizeof(world_names) / sizeof(world_names[0]);

bool world_believed;

static char top[] = "/tmp/ipcp-rekey-fuzz-XXXXXX";
static uint64_t dice_state;

void world_broken(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

/* Random numbers */

static int dice_bytes(unsigned char *buf, int len)
{
	uint64_t v;
	int i;

	for (i = 0; i < len; i++) {
		dice_state += UINT64_C(0x9e3779b97f4a7c15);
		v = (dice_state ^ dice_state >> 30) *
		    UINT64_C(0xbf58476d1ce4e5b9);
		buf[i] = (v ^ v >> 27) >> 24;
	}
	return 1;
}

static int dice_status(void)
{
	return 1;
}

void world_dice(uint64_t number)
{
	dice_state = number << 32;
}

static void dice_install(void)
{
	static const RAND_METHOD method = {
		.bytes = dice_bytes,
		.pseudorand = dice_bytes,
		.status = dice_status,
	};

	MUST(RAND_set_rand_method(&method) == 1);
}

/* Folders */

const char *world_path(const char *fmt, ...)
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

static void clean_up(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	if (system(cmd))
		fprintf(stderr, "%s stays\n", top);
}

bool world_has_kem(void)
{
	static int has = -1;
	EVP_PKEY *key;

	if (has < 0) {
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ML-KEM-512");
		has = key ? 1 : 0;
		EVP_PKEY_free(key);
	}
	return has;
}

bool world_can(const struct world_name *n)
{
	return !n->kem || world_has_kem();
}

static void write_file(const char *path, const uint8_t *p, size_t len)
{
	FILE *file = fopen(path, "w");

	MUST(file);
	MUST(chmod(path, 0600) == 0);
	MUST(fwrite(p, 1, len, file) == len);
	MUST(fclose(file) == 0);
}

/* Create the static key of the server, and its public part for the client. */
static void kem_pem(const char *name)
{
	const char *srv = world_path("server/server/%s/kex.key.pem", name);
	const char *pub = world_path("client/client/%s/kex.srv.pub.pem", name);
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ML-KEM-512");
	FILE *file = fopen(srv, "w");

	MUST(key && file && chmod(srv, 0600) == 0);
	MUST(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(file);
	file = fopen(pub, "w");
	MUST(file && PEM_write_PUBKEY(file, key) == 1);
	fclose(file);
	EVP_PKEY_free(key);
}

static void kem_raw(const char *name)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519MLKEM768");
	uint8_t raw[4096];
	size_t len = sizeof(raw);

	MUST(key && EVP_PKEY_get_raw_private_key(key, raw, &len) == 1);
	write_file(world_path("server/server/%s/kex.key.raw", name), raw, len);
	len = sizeof(raw);
	MUST(EVP_PKEY_get_raw_public_key(key, raw, &len) == 1);
	write_file(world_path("client/client/%s/kex.srv.pub.raw", name), raw,
		   len);
	EVP_PKEY_free(key);
}

static void add_name(const struct world_name *n, const struct test_crt *cli,
		     const struct test_crt *srv)
{
	const char *c = world_path("client/client/%s", n->name);
	const char *s = world_path("server/server/%s", n->name);

	if (!world_can(n))
		return;
	test_file(c, "enc.conf", n->conf);
	test_file(s, "enc.conf", n->conf);
	if (n->has_crt) {
		test_crt_write(c, cli);
		test_crt_write(s, srv);
	}
	if (!strcmp(n->name, "ml-kem-client"))
		kem_pem(n->name);
	if (!strcmp(n->name, "hybrid-client"))
		kem_raw(n->name);
}

void world_open(void)
{
	static const char * const dirs[] = {
		"client", "client/cacert", "client/client", "client/server",
		"server", "server/cacert", "server/client", "server/server",
	};
	struct test_crt ca, cli, srv;
	size_t i;

	MUST(mkdtemp(top));
	atexit(clean_up);
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		MUST(mkdir(world_path("%s", dirs[i]), 0700) == 0);
	dice_install();
	world_dice(1);
	ca = test_crt_fixed(1, "ca", NULL, 1);
	cli = test_crt_fixed(2, WORLD_US, &ca, 0);
	srv = test_crt_fixed(3, WORLD_NAME, &ca, 0);
	test_crt_write_as(world_path("client/cacert/ca.pem"), &ca);
	test_crt_write_as(world_path("server/cacert/ca.pem"), &ca);
	for (i = 0; i < world_count; i++)
		add_name(&world_names[i], &cli, &srv);
	/* credentials of the name that the agents use */
	test_crt_write(world_path("client/client/%s", WORLD_NAME), &cli);
	test_crt_write(world_path("server/server/%s", WORLD_NAME), &srv);
	test_crt_free(&ca);
	test_crt_free(&cli);
	test_crt_free(&srv);
}

static uint64_t clock_that_stands(void *arg)
{
	(void)arg;
	return NOW;
}

struct oap_env *world_env(const char *side)
{
	struct oap_settings set = {
		.dir = world_path("%s", side), .slack_ms = 100,
		.now = clock_that_stands, .replay_max = REPLAY_MAX,
	};
	struct oap_env *env;
	struct oap_err err;

	MUST(oap_env_open(&env, &set, &err) == OAP_OK);
	return env;
}

void world_forget(struct oap_env *env)
{
	oap_replay_free(env->known);
	oap_replay_free(env->unknown);
	env->known = oap_replay_new(REPLAY_MAX, UINT64_MAX, false);
	env->unknown = oap_replay_new(REPLAY_MAX, UINT64_MAX, true);
	MUST(env->known && env->unknown);
}

void record_file(const char *dir, const char *name, const uint8_t *p,
		 size_t len)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	write_file(path, p, len);
	MUST(chmod(path, 0644) == 0);
}
