// SPDX-License-Identifier: LGPL-2.1-or-later
/* OAP end to end in one process, and everything that must be refused. */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/objects.h>

#include "certs.h"
#include "int.h"

#define DAY	86400L
#define NAME	"bob.example"
#define US	"alice.example"

static char top[64];
static uint64_t now_ns;
static struct test_crt ca, other_ca;

/* One exchange's worth of state. */
struct pair {
	struct oap_env *cli, *srv;
	struct oap_run *req, *rsp;
	struct oap_params cp, sp;
	struct oap_err err;
};

static uint64_t fake_clock(void *arg)
{
	(void)arg;
	return now_ns;
}

static char *path(const char *fmt, ...)
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

static void make_dirs(const char *side)
{
	static const char * const dirs[] = {
		"", "/cacert", "/untrusted", "/server", "/client",
		"/server/" NAME, "/client/" NAME,
	};
	size_t i;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		mkdir(path("%s%s", side, dirs[i]), 0700);
}

static int setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/oap-test-XXXXXX");
	assert_non_null(mkdtemp(top));
	make_dirs("cli");
	make_dirs("srv");
	test_crt_write_as(path("cli/cacert/ca.pem"), &ca);
	test_crt_write_as(path("srv/cacert/ca.pem"), &ca);
	now_ns = time(NULL) * UINT64_C(1000000000);
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

/* Credentials of both sides, of one type of key, by one CA. */
static void credentials(const char *type, const struct test_crt *by)
{
	struct test_crt c = test_crt_make(type, US, NULL, by, 0, -DAY, DAY);
	struct test_crt s = test_crt_make(type, NAME, NULL, by, 0, -DAY, DAY);

	test_crt_write(path("cli/client/%s", NAME), &c);
	test_crt_write(path("srv/server/%s", NAME), &s);
	test_crt_free(&c);
	test_crt_free(&s);
}

static void cli_conf(const char *text)
{
	test_file(path("cli/client/%s", NAME), "enc.conf", text);
}

static void srv_conf(const char *text)
{
	test_file(path("srv/server/%s", NAME), "enc.conf", text);
}

static struct oap_env *open_env(const char *side, uint32_t replay_max)
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

static void open_pair(struct pair *p, enum oap_auth auth)
{
	memset(p, 0, sizeof(*p));
	p->cli = open_env("cli", 0);
	p->srv = open_env("srv", 0);
	p->cp = (struct oap_params){ .name = NAME, .auth = auth,
				     .peer_name = NAME };
	p->sp = (struct oap_params){ .name = NAME, .auth = auth };
}

static void drop_runs(struct pair *p)
{
	oap_free(p->req);
	oap_free(p->rsp);
	p->req = NULL;
	p->rsp = NULL;
}

static void close_pair(struct pair *p)
{
	drop_runs(p);
	oap_env_close(p->cli);
	oap_env_close(p->srv);
}

static void request_ok(struct pair *p)
{
	if (oap_request(p->cli, &p->cp, &p->req, &p->err))
		fail_msg("request: %s", p->err.text);
}

static enum oap_code process(struct pair *p)
{
	size_t len;
	const uint8_t *msg = oap_message(p->req, &len);

	return oap_process(p->srv, &p->sp, msg, len, &p->rsp, &p->err);
}

static void respond_ok(struct pair *p)
{
	if (process(p))
		fail_msg("process: %s", p->err.text);
	if (oap_respond(p->rsp, &p->sp, &p->err))
		fail_msg("respond: %s", p->err.text);
}

static enum oap_code complete(struct pair *p)
{
	size_t len;
	const uint8_t *msg = oap_message(p->rsp, &len);

	return oap_complete(p->req, &p->cp, msg, len, &p->err);
}

static void same_roots(struct pair *p)
{
	uint8_t a[32] = { 0 }, b[32] = { 1 }, c[32] = { 2 };

	assert_int_equal(oap_root(p->req, 7, a, &p->err), OAP_OK);
	assert_int_equal(oap_root(p->rsp, 7, b, &p->err), OAP_OK);
	assert_int_equal(oap_root(p->rsp, 8, c, &p->err), OAP_OK);
	assert_memory_equal(a, b, 32);
	assert_memory_not_equal(a, c, 32);
	assert_int_equal(oap_cipher(p->req), oap_cipher(p->rsp));
}

static void exchange_ok(struct pair *p)
{
	request_ok(p);
	respond_ok(p);
	if (complete(p))
		fail_msg("complete: %s", p->err.text);
}

/* Vectors */

static void hex(const char *text, uint8_t *out)
{
	unsigned int v;

	for (; *text; text += 2) {
		sscanf(text, "%2x", &v);
		*out++ = v;
	}
}

static void test_root_vector(void **state)
{
	uint8_t req[32], rsp[32], want[32], got[32];
	struct oap_key key;

	(void)state;
	memset(key.b, 0x11, sizeof(key.b));
	EVP_Digest("req", 3, req, NULL, EVP_sha256(), NULL);
	EVP_Digest("rsp", 3, rsp, NULL, EVP_sha256(), NULL);
	hex("aa640d988e9a48fcaf3f06ca40090cade964d59389ea981ec538797315f0192d",
	    want);
	assert_true(oap_root_from_key(&key, 5, 901, req, rsp, got));
	assert_memory_equal(want, got, 32);
}

static EVP_PKEY *x25519(uint8_t first, struct oap_buf *pub)
{
	uint8_t raw[32], *p = NULL;
	EVP_PKEY *key;
	int i;

	for (i = 0; i < 32; i++)
		raw[i] = first + i;
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, raw, 32);
	assert_non_null(key);
	pub->len = i2d_PUBKEY(key, &p);
	pub->p = p;
	return key;
}

/* Computed with Python: hashlib, hmac and another X25519. */
static void test_dhe_vector(void **state)
{
	uint8_t want[32];
	struct oap_buf a, b;
	EVP_PKEY *ka = x25519(1, &a), *kb = x25519(101, &b);
	struct oap_err err;
	struct oap_key key;

	(void)state;
	hex("cd09b886f7a7ca25b86ea4452fb8c46a13a9107c79c45d545cdfc697aeaeaa3e", want);
	assert_int_equal(oap_kex_dhe(ka, kb, &a, &b, 672, &key, &err), OAP_OK);
	assert_memory_equal(want, key.b, 32);
	assert_int_equal(oap_kex_dhe(kb, ka, &b, &a, 672, &key, &err), OAP_OK);
	assert_memory_equal(want, key.b, 32);
	hex("61b55adf419fb1333525df438901a62ccc07ba5777a0ce5cd2e76bc8adea92f3", want);
	assert_int_equal(oap_kex_dhe(ka, kb, &b, &a, 674, &key, &err), OAP_OK);
	assert_memory_equal(want, key.b, 32);
	EVP_PKEY_free(ka);
	EVP_PKEY_free(kb);
	OPENSSL_free((void *)a.p);
	OPENSSL_free((void *)b.p);
}

static void test_numbers(void **state)
{
	static const char * const ciphers[] = {
		"aes-128-gcm", "aes-192-gcm", "aes-256-gcm", "aes-128-ctr",
		"aes-192-ctr", "aes-256-ctr", "chacha20-poly1305",
	};
	static const char * const digests[] = {
		"sha256", "sha384", "sha512", "sha3-256", "sha3-384",
		"sha3-512", "blake2b512", "blake2s256",
	};
	static const char * const kexes[] = {
		"prime256v1", "secp384r1", "secp521r1", "X25519", "X448",
		"ffdhe2048", "ffdhe3072", "ffdhe4096",
	};
	bool offered;
	size_t i;

	(void)state;
	for (i = 0; i < 7; i++)
		assert_int_equal(oap_cipher_by_name(ciphers[i], &offered),
				 OBJ_txt2nid(ciphers[i]));
	for (i = 0; i < 8; i++) {
		assert_int_equal(oap_digest_by_name(digests[i]),
				 OBJ_txt2nid(digests[i]));
		assert_int_equal(oap_digest_len(OBJ_txt2nid(digests[i])),
				 EVP_MD_get_size(oap_digest(
						OBJ_txt2nid(digests[i]))));
		assert_int_equal(oap_kex_by_name(kexes[i])->nid,
				 OBJ_txt2nid(kexes[i]));
	}
	assert_int_equal(oap_cipher_of_rank(oap_cipher_rank(898)), 901);
	assert_int_equal(oap_cipher_of_rank(oap_cipher_rank(904)), 895);
}

/* enc.conf */

static void test_conf(void **state)
{
	static const char * const bad[] = {
		"kex = foo\n", "cipher = rot13\n", "kdf=md5\n", "digest=sha1\n",
		"kem_mode = client\n", "kem_mode = x\n", "kexx = X25519\n",
		"hello\n", "cipher = aes-256-ctr\n",
	};
	struct oap_conf conf;
	struct oap_err err;
	char *file = path("cli/client/%s/enc.conf", NAME);
	size_t i;

	(void)state;
	assert_int_equal(oap_conf_load(&conf, file, false, &err), OAP_OK);
	assert_int_equal(conf.kex->nid, 1034);
	assert_int_equal(oap_conf_load(&conf, file, true, &err), OAP_OK);
	assert_int_equal(conf.kex->nid, 415);
	cli_conf("");
	assert_int_equal(oap_conf_load(&conf, file, false, &err), OAP_OK);
	assert_int_equal(conf.kex->nid, 415);
	assert_int_equal(conf.cipher, 901);
	assert_int_equal(conf.kdf, 672);
	assert_int_equal(conf.md, 672);
	cli_conf("# x\n\n  kex =  X448 \ncipher=chacha20-poly1305\nkdf = sha512\n"
		 "\tdigest\t=\tsha3-256\nkem_mode=server");
	assert_int_equal(oap_conf_load(&conf, file, false, &err), OAP_OK);
	assert_int_equal(conf.kex->nid, 1035);
	assert_int_equal(conf.cipher, 1018);
	assert_int_equal(conf.kdf, 674);
	assert_int_equal(conf.md, 1097);
	cli_conf("kex = X448\n none \nrubbish\n");
	assert_int_equal(oap_conf_load(&conf, file, false, &err), OAP_OK);
	assert_null(conf.kex);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cli_conf(bad[i]);
		assert_int_equal(oap_conf_load(&conf, file, false, &err),
				 OAP_BAD_CONFIG);
	}
}

static void test_names(void **state)
{
	char name[300];

	(void)state;
	assert_true(oap_name_ok("bob.example"));
	assert_false(oap_name_ok(""));
	assert_false(oap_name_ok("../x"));
	assert_false(oap_name_ok("a/b"));
	assert_false(oap_name_ok("a b"));
	assert_false(oap_name_ok("a\n"));
	memset(name, 'a', sizeof(name));
	name[255] = '\0';
	assert_true(oap_name_ok(name));
	name[255] = 'a';
	name[256] = '\0';
	assert_false(oap_name_ok(name));
}

/* Exchanges that work */

static void test_layout(void **state)
{
	static const uint8_t fixed[] = {
		0x03, 0x85, 0x02, 0xa0, 0x02, 0xa0, 0, 0, 0, 0x2c, 0, 0,
	};
	const uint8_t *msg;
	struct pair p;
	size_t len;

	(void)state;
	cli_conf("kex = X25519\n");
	open_pair(&p, OAP_AUTH_NONE);
	exchange_ok(&p);
	msg = oap_message(p.req, &len);
	assert_int_equal(len, 80);
	assert_memory_equal(msg + 24, fixed, sizeof(fixed));
	msg = oap_message(p.rsp, &len);
	assert_int_equal(len, 112);
	assert_memory_equal(msg + 24, fixed, sizeof(fixed));
	same_roots(&p);
	close_pair(&p);
}

static void test_every_kex(void **state)
{
	static const char * const names[] = {
		"ffdhe2048", "prime256v1", "X25519", "ffdhe3072", "secp384r1",
		"ffdhe4096", "X448", "secp521r1", "ML-KEM-512", "ML-KEM-768",
		"ML-KEM-1024", "X25519MLKEM768", "X448MLKEM1024",
	};
	size_t i, n = OPENSSL_VERSION_NUMBER >= 0x30500000L ? 13 : 8;
	char conf[64];
	struct pair p;

	(void)state;
	srv_conf("none\n");
	for (i = 0; i < n; i++) {
		snprintf(conf, sizeof(conf), "kex = %s\n", names[i]);
		cli_conf(conf);
		open_pair(&p, OAP_AUTH_NONE);
		exchange_ok(&p);
		same_roots(&p);
		close_pair(&p);
	}
}

static void test_every_digest(void **state)
{
	static const char * const names[] = {
		"blake2s256", "sha256", "sha3-256", "sha384", "sha3-384",
		"blake2b512", "sha512", "sha3-512",
	};
	char conf[64];
	struct pair p;
	size_t i;

	(void)state;
	credentials("EC", &ca);
	for (i = 0; i < 8; i++) {
		snprintf(conf, sizeof(conf), "digest = %s\nkdf = %s\n",
			 names[i], names[i]);
		cli_conf(conf);
		srv_conf(conf);
		open_pair(&p, OAP_AUTH_REQUIRED);
		exchange_ok(&p);
		same_roots(&p);
		close_pair(&p);
	}
}

static void test_every_signature(void **state)
{
	static const char * const types[] = {
		"EC", "RSA", "ED25519", "ED448", "ML-DSA-44", "ML-DSA-65",
	};
	size_t i, n = OPENSSL_VERSION_NUMBER >= 0x30500000L ? 6 : 4;
	struct test_crt root;
	struct pair p;

	(void)state;
	for (i = 0; i < n; i++) {
		root = test_crt_make(types[i], "ca", NULL, NULL, 1, -DAY, DAY);
		test_crt_write_as(path("cli/cacert/ca.pem"), &root);
		test_crt_write_as(path("srv/cacert/ca.pem"), &root);
		credentials(types[i], &root);
		open_pair(&p, OAP_AUTH_REQUIRED);
		exchange_ok(&p);
		same_roots(&p);
		assert_true(oap_peer(p.req)->authenticated);
		assert_string_equal(oap_peer(p.req)->name, NAME);
		assert_string_equal(oap_peer(p.rsp)->name, US);
		close_pair(&p);
		test_crt_free(&root);
	}
}

static void test_data(void **state)
{
	static const uint8_t ask[] = "who are you", say[] = "it is me";
	const uint8_t *data;
	struct pair p;
	size_t len;

	(void)state;
	credentials("ED25519", &ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	p.cp.data = ask;
	p.cp.data_len = sizeof(ask);
	p.sp.data = say;
	p.sp.data_len = sizeof(say);
	exchange_ok(&p);
	data = oap_data(p.rsp, &len);
	assert_int_equal(len, sizeof(ask));
	assert_memory_equal(data, ask, len);
	data = oap_data(p.req, &len);
	assert_int_equal(len, sizeof(say));
	assert_memory_equal(data, say, len);
	close_pair(&p);
}

static void test_auth_only(void **state)
{
	uint8_t seed[32];
	struct pair p;

	(void)state;
	cli_conf("none\n");
	srv_conf("none\n");
	credentials("EC", &ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	exchange_ok(&p);
	assert_int_equal(oap_cipher(p.req), 0);
	assert_int_equal(oap_root(p.req, 0, seed, &p.err), OAP_INTERNAL);
	close_pair(&p);
}

static void test_negotiation(void **state)
{
	struct oap_hdr hdr;
	struct pair p;
	size_t len;
	const uint8_t *msg;

	(void)state;
	cli_conf("cipher = aes-128-gcm\nkdf = sha256\n");
	srv_conf("cipher = aes-256-gcm\nkdf = sha512\n");
	open_pair(&p, OAP_AUTH_NONE);
	exchange_ok(&p);
	same_roots(&p);
	assert_int_equal(oap_cipher(p.req), 901);
	msg = oap_message(p.rsp, &len);
	assert_int_equal(oap_decode(&hdr, msg, len, 32, &p.err), OAP_OK);
	assert_int_equal(hdr.kdf, 674);
	close_pair(&p);
	/* and the other way round */
	cli_conf("cipher = chacha20-poly1305\nkdf = sha512\n");
	srv_conf("cipher = aes-256-gcm\nkdf = sha256\n");
	open_pair(&p, OAP_AUTH_NONE);
	exchange_ok(&p);
	same_roots(&p);
	assert_int_equal(oap_cipher(p.req), 1018);
	close_pair(&p);
}

static void test_intermediate(void **state)
{
	struct test_crt mid = test_crt_make("EC", "mid", NULL, &ca, 1, -DAY,
					    DAY);
	struct pair p;

	(void)state;
	credentials("EC", &mid);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_BAD_CERT);
	close_pair(&p);
	test_crt_write_as(path("cli/untrusted/mid.pem"), &mid);
	test_crt_write_as(path("srv/untrusted/mid.pem"), &mid);
	open_pair(&p, OAP_AUTH_REQUIRED);
	exchange_ok(&p);
	close_pair(&p);
	test_crt_free(&mid);
}

static void test_optional(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, OAP_AUTH_OPTIONAL);
	exchange_ok(&p);
	assert_false(oap_peer(p.req)->authenticated);
	close_pair(&p);
	credentials("EC", &other_ca);
	open_pair(&p, OAP_AUTH_OPTIONAL);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_BAD_CERT);
	close_pair(&p);
}

/* What must be refused */

static void test_unsigned(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_UNSIGNED);
	p.sp.auth = OAP_AUTH_NONE;
	respond_ok(&p);
	assert_int_equal(complete(&p), OAP_UNSIGNED);
	close_pair(&p);
}

static void test_wrong_ca(void **state)
{
	struct pair p;

	(void)state;
	credentials("EC", &other_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_BAD_CERT);
	p.sp.auth = OAP_AUTH_NONE;
	respond_ok(&p);
	assert_int_equal(complete(&p), OAP_BAD_CERT);
	close_pair(&p);
	/* a root among the intermediates is trusted for nothing */
	test_crt_write_as(path("srv/untrusted/x.pem"), &other_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_BAD_CERT);
	close_pair(&p);
}

static void srv_crt(const char *cn, const char *san, long from, long to)
{
	struct test_crt s = test_crt_make("EC", cn, san, &ca, 0, from, to);

	test_crt_write(path("srv/server/%s", NAME), &s);
	test_crt_free(&s);
}

static enum oap_code try_srv_crt(const char *cn, const char *san, long from,
				 long to)
{
	enum oap_code code;
	struct pair p;

	srv_crt(cn, san, from, to);
	open_pair(&p, OAP_AUTH_REQUIRED);
	p.sp.auth = OAP_AUTH_NONE;
	request_ok(&p);
	respond_ok(&p);
	code = complete(&p);
	close_pair(&p);
	return code;
}

static void test_names_in_certs(void **state)
{
	(void)state;
	assert_int_equal(try_srv_crt(NAME, NULL, -DAY, DAY), OAP_OK);
	assert_int_equal(try_srv_crt("x", "DNS:" NAME, -DAY, DAY), OAP_OK);
	assert_int_equal(try_srv_crt(NULL, "DNS:y,DNS:" NAME, -DAY, DAY),
			 OAP_OK);
	assert_int_equal(try_srv_crt("mallory", NULL, -DAY, DAY),
			 OAP_BAD_NAME);
	assert_int_equal(try_srv_crt("x", "DNS:y", -DAY, DAY), OAP_BAD_NAME);
	assert_int_equal(try_srv_crt("x", "email:" NAME, -DAY, DAY),
			 OAP_BAD_NAME);
	assert_int_equal(try_srv_crt(NAME ".evil", NULL, -DAY, DAY),
			 OAP_BAD_NAME);
	assert_int_equal(try_srv_crt("evil/CN=" NAME, NULL, -DAY, DAY),
			 OAP_BAD_NAME);
	assert_int_equal(try_srv_crt(NAME, NULL, -DAY, -1), OAP_BAD_CERT);
	assert_int_equal(try_srv_crt(NAME, NULL, 3600, DAY), OAP_BAD_CERT);
}

static void test_client_name(void **state)
{
	struct pair p;

	(void)state;
	credentials("EC", &ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	p.sp.peer_name = "carol.example";
	request_ok(&p);
	assert_int_equal(process(&p), OAP_BAD_NAME);
	p.sp.peer_name = US;
	assert_int_equal(process(&p), OAP_OK);
	close_pair(&p);
}

static void every_bit_of_request(const char *type)
{
	const uint8_t *msg;
	uint8_t *copy;
	struct pair p;
	size_t i, len;

	credentials(type, &ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	p.cp.data = (const uint8_t *)"data";
	p.cp.data_len = 4;
	request_ok(&p);
	msg = oap_message(p.req, &len);
	for (i = 0; i < 8 * len; i++) {
		/* exactly as long, so that the sanitizer sees an overrun */
		copy = malloc(len);
		memcpy(copy, msg, len);
		copy[i / 8] ^= 1 << i % 8;
		if (!oap_process(p.srv, &p.sp, copy, len, &p.rsp, &p.err))
			fail_msg("bit %zu of %zu is not protected", i, 8 * len);
		free(copy);
	}
	/* nothing of that went into the replay cache */
	assert_int_equal(process(&p), OAP_OK);
	close_pair(&p);
}

static void test_flipped_request(void **state)
{
	(void)state;
	every_bit_of_request("ED25519");
	every_bit_of_request("EC");
}

static void every_bit_of_response(const char *type)
{
	const uint8_t *msg;
	uint8_t *copy;
	struct pair p;
	size_t i, len;

	credentials(type, &ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	p.sp.data = (const uint8_t *)"data";
	p.sp.data_len = 4;
	request_ok(&p);
	respond_ok(&p);
	msg = oap_message(p.rsp, &len);
	for (i = 0; i < 8 * len; i++) {
		copy = malloc(len);
		memcpy(copy, msg, len);
		copy[i / 8] ^= 1 << i % 8;
		if (!oap_complete(p.req, &p.cp, copy, len, &p.err))
			fail_msg("bit %zu of %zu is not protected", i, 8 * len);
		free(copy);
	}
	/* none of that spoilt the exchange */
	assert_int_equal(complete(&p), OAP_OK);
	same_roots(&p);
	close_pair(&p);
}

static void test_flipped_response(void **state)
{
	(void)state;
	every_bit_of_response("ED25519");
	every_bit_of_response("EC");
}

static void every_length(enum oap_auth auth)
{
	const uint8_t *req, *rsp;
	struct pair p;
	size_t i, len;
	uint8_t *copy;

	open_pair(&p, auth);
	request_ok(&p);
	req = oap_message(p.req, &len);
	for (i = 0; i < len; i++) {
		copy = malloc(i ? i : 1);
		memcpy(copy, req, i);
		assert_int_not_equal(oap_process(p.srv, &p.sp, copy, i, &p.rsp,
						 &p.err), OAP_OK);
		free(copy);
	}
	respond_ok(&p);
	rsp = oap_message(p.rsp, &len);
	for (i = 0; i < len; i++) {
		copy = malloc(i ? i : 1);
		memcpy(copy, rsp, i);
		assert_int_not_equal(oap_complete(p.req, &p.cp, copy, i,
						  &p.err), OAP_OK);
		free(copy);
	}
	assert_int_equal(complete(&p), OAP_OK);
	close_pair(&p);
}

static void test_truncated(void **state)
{
	(void)state;
	every_length(OAP_AUTH_NONE);
	credentials("EC", &ca);
	every_length(OAP_AUTH_REQUIRED);
}

/* The request with a 16-bit field changed, at an unauthenticated server. */
static enum oap_code with_field(size_t at, int delta, int value)
{
	uint8_t copy[OAP_MSG_MAX];
	enum oap_code code;
	const uint8_t *msg;
	struct pair p;
	size_t len;
	int v;

	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	msg = oap_message(p.req, &len);
	memcpy(copy, msg, len);
	v = value >= 0 ? value : (copy[at] << 8 | copy[at + 1]) + delta;
	copy[at] = v >> 8;
	copy[at + 1] = v & 0xff;
	code = oap_process(p.srv, &p.sp, copy, len, &p.rsp, &p.err);
	if (!code)
		code = oap_respond(p.rsp, &p.sp, &p.err);
	close_pair(&p);
	return code;
}

static void test_fields(void **state)
{
	(void)state;
	assert_int_equal(with_field(34, 0, -1), OAP_OK);
	assert_int_equal(with_field(30, 1, -1), OAP_MALFORMED);
	assert_int_equal(with_field(32, 1, -1), OAP_MALFORMED);
	assert_int_equal(with_field(34, 1, -1), OAP_MALFORMED);
	assert_int_equal(with_field(34, 0, 0xffff), OAP_MALFORMED);
	assert_int_equal(with_field(32, -1, -1), OAP_MALFORMED);
	assert_int_equal(with_field(24, 0, 9999), OAP_BAD_CIPHER);
	assert_int_equal(with_field(26, 0, 9999), OAP_BAD_CIPHER);
	assert_int_equal(with_field(28, 0, 9999), OAP_BAD_CIPHER);
	/* raw format, client encapsulation */
	assert_int_equal(with_field(32, 0x8000, -1), OAP_BAD_KEX);
	assert_int_equal(with_field(32, 0x4000, -1), OAP_BAD_KEX);
	/* a stronger wish is taken, even of a cipher we lack */
	assert_int_equal(with_field(24, 0, 898), OAP_OK);
	assert_int_equal(with_field(24, 0, 0), OAP_OK);
}

static void test_no_kex(void **state)
{
	struct pair p;

	(void)state;
	cli_conf("none\n");
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	assert_int_equal(oap_respond(p.rsp, &p.sp, &p.err), OAP_BAD_KEX);
	close_pair(&p);
	/* a cipher in the header, but no key exchange */
	cli_conf("none\n");
	assert_int_equal(with_field(24, 0, 901), OAP_BAD_KEX);
}

static void test_server_adopts(void **state)
{
	struct pair p;

	(void)state;
	srv_conf("none\n");
	open_pair(&p, OAP_AUTH_NONE);
	exchange_ok(&p);
	same_roots(&p);
	close_pair(&p);
}

static void test_weak_kex(void **state)
{
	struct pair p;

	(void)state;
	cli_conf("kex = ffdhe2048\n");
	srv_conf("kex = X25519\n");
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	assert_int_equal(oap_respond(p.rsp, &p.sp, &p.err), OAP_BAD_KEX);
	close_pair(&p);
}

static void test_downgrade(void **state)
{
	static const uint16_t nids[] = { 904, 906, 895, 898, 0 };
	const uint8_t *msg;
	uint8_t copy[512];
	struct pair p;
	size_t i, len;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	respond_ok(&p);
	msg = oap_message(p.rsp, &len);
	for (i = 0; i < 5; i++) {
		memcpy(copy, msg, len);
		copy[24] = nids[i] >> 8;
		copy[25] = nids[i] & 0xff;
		assert_int_equal(oap_complete(p.req, &p.cp, copy, len, &p.err),
				 OAP_BAD_CIPHER);
	}
	memcpy(copy, msg, len);
	copy[26] = 1057 >> 8;	/* a weaker digest for the key */
	copy[27] = 1057 & 0xff;
	assert_int_equal(oap_complete(p.req, &p.cp, copy, len, &p.err),
			 OAP_BAD_CIPHER);
	assert_int_equal(complete(&p), OAP_OK);
	close_pair(&p);
}

static void test_rekey_cipher(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	p.cp.cipher = 895;
	p.sp.cipher = 895;
	exchange_ok(&p);
	assert_int_equal(oap_cipher(p.req), 895);
	drop_runs(&p);
	p.sp.cipher = 901;
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	assert_int_equal(oap_respond(p.rsp, &p.sp, &p.err), OAP_BAD_CIPHER);
	drop_runs(&p);
	/* a server that would raise it: the initiator refuses */
	p.sp.cipher = 0;
	request_ok(&p);
	respond_ok(&p);
	assert_int_equal(complete(&p), OAP_BAD_CIPHER);
	close_pair(&p);
}

static void test_other_response(void **state)
{
	struct oap_run *second;
	const uint8_t *msg;
	struct pair p;
	size_t len;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	respond_ok(&p);
	msg = oap_message(p.rsp, &len);
	assert_int_equal(oap_request(p.cli, &p.cp, &second, &p.err), OAP_OK);
	assert_int_equal(oap_complete(second, &p.cp, msg, len, &p.err),
			 OAP_MISMATCH);
	oap_free(second);
	close_pair(&p);
}

/* Right but for one byte of the id, or of the request's hash. */
static void test_mismatch(void **state)
{
	const uint8_t *msg;
	uint8_t copy[512];
	struct pair p;
	size_t len;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	respond_ok(&p);
	msg = oap_message(p.rsp, &len);
	memcpy(copy, msg, len);
	copy[3] ^= 1;
	assert_int_equal(oap_complete(p.req, &p.cp, copy, len, &p.err),
			 OAP_MISMATCH);
	copy[3] ^= 1;
	copy[len - 1] ^= 1;
	assert_int_equal(oap_complete(p.req, &p.cp, copy, len, &p.err),
			 OAP_MISMATCH);
	copy[len - 1] ^= 1;
	assert_int_equal(oap_complete(p.req, &p.cp, copy, len, &p.err),
			 OAP_OK);
	close_pair(&p);
}

static void test_bad_public_key(void **state)
{
	uint8_t copy[512];
	const uint8_t *msg;
	struct pair p;
	size_t len;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	msg = oap_message(p.req, &len);
	memcpy(copy, msg, len);
	memset(copy + len - 32, 0, 32);		/* of small order */
	assert_int_equal(oap_process(p.srv, &p.sp, copy, len, &p.rsp, &p.err),
			 OAP_OK);
	assert_int_equal(oap_respond(p.rsp, &p.sp, &p.err), OAP_BAD_KEX);
	drop_runs(&p);
	cli_conf("kex = prime256v1\n");
	request_ok(&p);
	msg = oap_message(p.req, &len);
	memcpy(copy, msg, len);
	copy[len - 1] ^= 1;			/* not on the curve */
	assert_int_equal(oap_process(p.srv, &p.sp, copy, len, &p.rsp, &p.err),
			 OAP_OK);
	assert_int_equal(oap_respond(p.rsp, &p.sp, &p.err), OAP_BAD_KEX);
	close_pair(&p);
}

static enum oap_code at_time(int64_t ms, bool no_clock)
{
	enum oap_code code;
	struct pair p;

	credentials("ED25519", &ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	p.sp.no_clock = no_clock;
	request_ok(&p);
	now_ns += ms * 1000000;
	code = process(&p);
	now_ns -= ms * 1000000;
	close_pair(&p);
	return code;
}

static void test_clock(void **state)
{
	(void)state;
	assert_int_equal(at_time(0, false), OAP_OK);
	assert_int_equal(at_time(20099, false), OAP_OK);
	assert_int_equal(at_time(20101, false), OAP_CLOCK);
	assert_int_equal(at_time(-99, false), OAP_OK);
	assert_int_equal(at_time(-101, false), OAP_CLOCK);
	assert_int_equal(at_time(-100000, true), OAP_OK);
	assert_int_equal(at_time(100000, true), OAP_OK);
}

static void test_replay(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	oap_free(p.rsp);
	assert_int_equal(process(&p), OAP_REPLAY);
	close_pair(&p);
	credentials("EC", &ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	oap_free(p.rsp);
	assert_int_equal(process(&p), OAP_REPLAY);
	close_pair(&p);
}

static void test_replay_bounds(void **state)
{
	struct oap_replay *r = oap_replay_new(3, UINT64_C(60000000000), false);
	uint8_t id[OAP_ID_LEN] = { 0 };
	struct oap_err err;
	int i;

	(void)state;
	for (i = 0; i < 3; i++, id[0]++)
		assert_int_equal(oap_replay_add(r, id, &err), OAP_OK);
	assert_int_equal(oap_replay_add(r, id, &err), OAP_FULL);
	id[0] = 1;
	assert_int_equal(oap_replay_add(r, id, &err), OAP_REPLAY);
	oap_replay_free(r);
	/* one that forgets the oldest */
	r = oap_replay_new(3, UINT64_C(60000000000), true);
	for (i = 0; i < 1000; i++) {
		id[0] = i;
		id[1] = i >> 8;
		assert_int_equal(oap_replay_add(r, id, &err), OAP_OK);
		assert_int_equal(oap_replay_add(r, id, &err), OAP_REPLAY);
	}
	id[0] = 998 & 0xff;
	assert_int_equal(oap_replay_add(r, id, &err), OAP_REPLAY);
	id[0] = 990 & 0xff;
	assert_int_equal(oap_replay_add(r, id, &err), OAP_OK);
	oap_replay_free(r);
	/* and what is too old goes */
	r = oap_replay_new(3, 0, false);
	for (i = 0; i < 100; i++)
		assert_int_equal(oap_replay_add(r, id, &err), OAP_OK);
	oap_replay_free(r);
}

static void test_own_files(void **state)
{
	struct oap_run *run;
	struct pair p;

	(void)state;
	credentials("EC", &ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	chmod(path("cli/client/%s/key.pem", NAME), 0644);
	assert_int_equal(oap_request(p.cli, &p.cp, &run, &p.err),
			 OAP_NO_CREDENTIALS);
	chmod(path("cli/client/%s/key.pem", NAME), 0600);
	rename(path("cli/client/%s/key.pem", NAME), path("key.pem"));
	assert_int_equal(oap_request(p.cli, &p.cp, &run, &p.err),
			 OAP_NO_CREDENTIALS);
	/* the key of another */
	test_crt_write(path("cli/client/%s", "x"), &other_ca);
	rename(path("cli/client/x/key.pem"), path("cli/client/%s/key.pem",
						  NAME));
	assert_int_equal(oap_request(p.cli, &p.cp, &run, &p.err),
			 OAP_NO_CREDENTIALS);
	p.cp.name = "../../etc";
	assert_int_equal(oap_request(p.cli, &p.cp, &run, &p.err),
			 OAP_BAD_CONFIG);
	assert_true(oap_has_credentials(p.srv, true, NAME));
	assert_false(oap_has_credentials(p.srv, true, "nobody"));
	close_pair(&p);
}

static void test_store(void **state)
{
	struct oap_settings set = { .dir = path("srv") };
	struct oap_env *env;
	struct oap_err err;

	(void)state;
	env = open_env("srv", 0);
	test_file(path("srv/cacert"), "bad.pem", "rubbish\n");
	assert_int_equal(oap_env_reload(env, &err), OAP_BAD_CONFIG);
	oap_env_close(env);
	assert_int_equal(oap_env_open(&env, &set, &err), OAP_BAD_CONFIG);
	unlink(path("srv/cacert/bad.pem"));
	env = open_env("srv", 0);
	assert_int_equal(oap_env_reload(env, &err), OAP_OK);
	oap_env_close(env);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_root_vector), TEST(test_dhe_vector),
		TEST(test_numbers), TEST(test_conf), TEST(test_names),
		TEST(test_layout), TEST(test_every_kex),
		TEST(test_every_digest), TEST(test_every_signature),
		TEST(test_data), TEST(test_auth_only),
		TEST(test_negotiation), TEST(test_intermediate),
		TEST(test_optional), TEST(test_unsigned),
		TEST(test_wrong_ca), TEST(test_names_in_certs),
		TEST(test_client_name), TEST(test_flipped_request),
		TEST(test_flipped_response), TEST(test_truncated),
		TEST(test_fields), TEST(test_no_kex),
		TEST(test_server_adopts), TEST(test_weak_kex),
		TEST(test_downgrade), TEST(test_rekey_cipher),
		TEST(test_other_response), TEST(test_mismatch),
		TEST(test_bad_public_key),
		TEST(test_clock), TEST(test_replay),
		TEST(test_replay_bounds), TEST(test_own_files),
		TEST(test_store),
	};
	int failed;

	ca = test_crt_make("EC", "ca", NULL, NULL, 1, -DAY, DAY);
	other_ca = test_crt_make("EC", "ca", NULL, NULL, 1, -DAY, DAY);
	failed = cmocka_run_group_tests_name("oap", tests, NULL, NULL);
	test_crt_free(&ca);
	test_crt_free(&other_ca);
	return failed;
}
