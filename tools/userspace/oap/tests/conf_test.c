// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* enc.conf, names, own credentials, and algorithm numbers. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/objects.h>

#include "pair.h"

#define C_128	895
#define C_256	901
#define C_CHA	1018
#define SHA256	672

struct conf_case {
	const char *name;
	const char *text;	/* NULL: no file */
	enum oap_code code;
	const char *kex;	/* NULL: no encryption */
	uint16_t cipher, kdf, md;
	bool client;
};

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BAD(name, text)	{ name, text, OAP_BAD_CONFIG, NULL, 0, 0, 0, false }
#define IS(name, text, kex) \
	{ name, text, OAP_OK, kex, C_256, SHA256, SHA256, false }

static const struct conf_case confs[] = {
	IS("no file: the client asks for X25519", NULL, "X25519"),
	IS("an empty file: the defaults", "", "prime256v1"),
	IS("comments and empty lines are skipped",
	   "# kex = X448\n\n#none\n", "prime256v1"),
	IS("a long comment is one line", "#" A A A A A " \nkex=X448\n", "X448"),
	IS("white space around key and value",
	   " \t kex \t=  X448 \r\n", "X448"),
	IS("the last line needs no newline", "kex=X448", "X448"),
	IS("lines without '=' are ignored", "kex\nhello\n", "prime256v1"),
	IS("unknown keys are ignored", "kexx = foo\nKEX = X448\n",
	   "prime256v1"),
	IS("the last value counts", "kex=X448\nkex=X25519\n", "X25519"),
	IS("every key exchange: ML-KEM", "kex=ML-KEM-768\n", "ML-KEM-768"),
	IS("every key exchange: hybrid", "kex=X448MLKEM1024\n",
	   "X448MLKEM1024"),
	{ "none: no encryption, and the rest is not read",
	  "kex=X448\n  none \nkex=rubbish\n", OAP_OK, NULL, 0, 0, 0, false },
	{ "cipher, kdf and digest",
	  "cipher=chacha20-poly1305\nkdf = sha512\n\tdigest\t=\tsha3-256\n",
	  OAP_OK, "prime256v1", C_CHA, 674, 1097, false },
	{ "aes-128-gcm", "cipher=aes-128-gcm\n", OAP_OK, "prime256v1", C_128,
	  SHA256, SHA256, false },
	IS("kem_mode server", "kem_mode=server\n", "prime256v1"),
	{ "kem_mode client", "kex=ML-KEM-512\nkem_mode = client\n", OAP_OK,
	  "ML-KEM-512", C_256, SHA256, SHA256, true },
	BAD("an unknown kex is refused", "kex = foo\n"),
	BAD("the case of a name matters", "kex = x25519\n"),
	BAD("an empty value is refused", "kex =\n"),
	BAD("a value with a comment is refused", "kex = X25519 # fast\n"),
	BAD("an unknown cipher is refused", "cipher = rot13\n"),
	BAD("a cipher that the module does not support is refused",
	    "cipher = aes-256-ctr\n"),
	BAD("an unknown kdf is refused", "kdf=md5\n"),
	BAD("an unknown digest is refused", "digest=sha1\n"),
	BAD("an unknown kem_mode is refused", "kem_mode = x\n"),
	BAD("a bad value before none is refused", "kex = foo\nnone\n"),
	BAD("a line of 256 characters is refused", "kex = " A A A A "\n"),
};

static void test_conf(void **state)
{
	const struct conf_case *c = *state;
	struct oap_conf conf;
	struct oap_err err;

	if (c->text)
		cli_conf(c->text);
	assert_int_equal(oap_conf_load(&conf, path("cli/client/%s/enc.conf",
						   NAME), false, &err),
			 c->code);
	if (c->code) {
		assert_int_equal(err.code, c->code);
		assert_non_null(strstr(err.text, "enc.conf"));
		return;
	}
	assert_ptr_equal(conf.kex, c->kex ? oap_nid_kex_by_name(c->kex) : NULL);
	assert_int_equal(conf.cipher, c->cipher);
	assert_int_equal(conf.kdf, c->kdf);
	assert_int_equal(conf.md, c->md);
	assert_int_equal(conf.client_encap, c->client);
}

static void without_a_file_the_server_accepts_prime256v1_and_stronger(void **state)
{
	struct oap_conf conf;
	struct oap_err err;

	(void)state;
	assert_int_equal(oap_conf_load(&conf, path("none"), true, &err),
			 OAP_OK);
	assert_string_equal(conf.kex->name, "prime256v1");
}

static void a_folder_instead_of_enc_conf_is_refused(void **state)
{
	struct oap_conf conf;
	struct oap_err err;

	(void)state;
	assert_int_equal(oap_conf_load(&conf, path("cli"), true, &err),
			 OAP_BAD_CONFIG);
}

/* Names */

static void names_are_safe_file_names(void **state)
{
	static const char * const bad[] = {
		"", ".", "..", "../x", "a/b", "a b", "a\n", "a\x7f", "\xc3\xa4",
	};
	char name[300];
	size_t i;

	(void)state;
	assert_true(oap_name_ok("bob.example"));
	for (i = 0; i < COUNT(bad); i++)
		assert_false(oap_name_ok(bad[i]));
	memset(name, 'a', sizeof(name));
	name[255] = '\0';
	assert_true(oap_name_ok(name));
	name[255] = 'a';
	name[256] = '\0';
	assert_false(oap_name_ok(name));
}

/* Algorithm numbers */

static void algorithm_numbers_match_openssl(void **state)
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
	size_t i;
	int nid;

	(void)state;
	for (i = 0; i < COUNT(ciphers); i++)
		assert_int_equal(cipher_by_name(ciphers[i]),
				 OBJ_txt2nid(ciphers[i]));
	for (i = 0; i < COUNT(digests); i++) {
		nid = OBJ_txt2nid(digests[i]);
		assert_int_equal(oap_nid_digest_by_name(digests[i]), nid);
		assert_int_equal(oap_nid_digest_len(nid),
				 EVP_MD_get_size(oap_nid_digest(nid)));
	}
	for (i = 0; i < COUNT(kexes); i++)
		assert_int_equal(oap_nid_kex_by_name(kexes[i])->nid,
				 OBJ_txt2nid(kexes[i]));
}

static void ml_kem_numbers_match_openssl(void **state)
{
	static const char * const names[] = {
		"ML-KEM-512", "ML-KEM-768", "ML-KEM-1024",
	};
	size_t i;

	(void)state;
	need_pq("ML-KEM");
	for (i = 0; i < COUNT(names); i++)
		assert_int_equal(oap_nid_kex_by_name(names[i])->nid,
				 OBJ_txt2nid(names[i]));
	assert_int_equal(oap_nid_kex_by_name("X25519MLKEM768")->nid, 2053);
	assert_int_equal(oap_nid_kex_by_name("X448MLKEM1024")->nid, 2054);
}

static void ranks_are_in_order_of_strength(void **state)
{
	static const uint16_t ciphers[] = {
		0, 904, 905, 906, 895, 898, 901, 1018
	};
	static const uint16_t digests[] = {
		0, 1057, 672, 1097, 673, 1098, 1056, 674, 1099
	};
	static const char * const kexes[] = {
		"ffdhe2048", "prime256v1", "X25519", "ffdhe3072", "secp384r1",
		"ffdhe4096", "X448", "secp521r1", "ML-KEM-512", "ML-KEM-768",
		"ML-KEM-1024", "X25519MLKEM768", "X448MLKEM1024",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(ciphers); i++)
		assert_int_equal(cipher_rank(ciphers[i]), i);
	for (i = 0; i < COUNT(digests); i++)
		assert_int_equal(oap_nid_digest_rank(digests[i]), i);
	for (i = 0; i < COUNT(kexes); i++)
		assert_int_equal(oap_nid_kex_rank(oap_nid_kex_by_name(kexes[i])),
				 i + 1);
	assert_int_equal(oap_nid_kex_rank(NULL), 0);
	assert_int_equal(cipher_rank(9999), -1);
	assert_int_equal(oap_nid_digest_rank(9999), -1);
	assert_null(oap_nid_kex_by_name("rubbish"));
}

static void an_unsupported_cipher_is_raised_to_a_supported_one(void **state)
{
	(void)state;
	assert_int_equal(cipher_of_rank(cipher_rank(898)), 901);
	assert_int_equal(cipher_of_rank(cipher_rank(904)), 895);
	assert_int_equal(cipher_of_rank(cipher_rank(1018)), 1018);
}

/* Own credentials */

static enum oap_code try_request(const char *name, struct oap_err *err)
{
	struct pair p;
	enum oap_code code;

	open_pair(&p, OAP_AUTH_REQUIRED);
	p.cp.name = name;
	code = oap_request(p.cli, &p.cp, &p.req, err);
	assert_true(!code == !!p.req);
	close_pair(&p);
	return code;
}

#define OWN	"cli/client/" NAME

static void open_key(void)
{
	chmod(path(OWN "/key.pem"), 0644);
}

static void no_key(void)
{
	unlink(path(OWN "/key.pem"));
}

static void no_crt(void)
{
	unlink(path(OWN "/crt.pem"));
}

static void other_key(void)
{
	test_crt_write(path("cli/client/x"), &test_other_ca);
	rename(path("cli/client/x/key.pem"), path(OWN "/key.pem"));
}

static void rubbish_key(void)
{
	test_file(path(OWN), "key.pem", "rubbish\n");
	chmod(path(OWN "/key.pem"), 0600);
}

static void empty_key(void)
{
	test_file(path(OWN), "key.pem", "");
	chmod(path(OWN "/key.pem"), 0600);
}

static void rubbish_crt(void)
{
	test_file(path(OWN), "crt.pem", "rubbish\n");
}

struct own {
	const char *name;
	void (*make)(void);
	const char *why;	/* the exact reason, %s: the folder */
};

static const struct own owns[] = {
	{ "a key that everybody can read", open_key,
	  "%s/key.pem is readable by everybody: run chmod o= on it" },
	{ "a certificate without its key", no_key,
	  "cannot read %s/key.pem (No such file or directory): put a readable key there" },
	{ "a key without its certificate", no_crt,
	  "cannot use the certificate %s/crt.pem (No such file or directory): put a readable PEM certificate there" },
	{ "the key of another certificate", other_key,
	  "%s/key.pem does not belong to the certificate beside it: replace one of them" },
	{ "rubbish instead of a key", rubbish_key,
	  "%s/key.pem is not a PEM key without a passphrase (unsupported): replace it" },
	{ "an empty key", empty_key, "%s/key.pem is not a key file: replace it" },
	{ "rubbish instead of a certificate", rubbish_crt,
	  "cannot use the certificate %s/crt.pem (no start line): put a readable PEM certificate there" },
};

static void test_own(void **state)
{
	const struct own *c = *state;
	struct oap_err err;
	char why[256];

	credentials("EC", &test_ca);
	assert_int_equal(try_request(NAME, &err), OAP_OK);
	c->make();
	assert_int_equal(try_request(NAME, &err), OAP_NO_CREDENTIALS);
	snprintf(why, sizeof(why), c->why, path(OWN));
	assert_string_equal(err.text, why);
}

static void a_key_may_be_readable_by_its_group(void **state)
{
	struct oap_err err;

	(void)state;
	credentials("EC", &test_ca);
	chmod(path(OWN "/key.pem"), 0640);
	assert_int_equal(try_request(NAME, &err), OAP_OK);
}

static void a_name_that_leaves_the_folder_is_refused(void **state)
{
	struct oap_err err;

	(void)state;
	assert_int_equal(try_request("../../etc", &err), OAP_BAD_CONFIG);
	assert_string_equal(err.text, "invalid name");
}

static void credentials_are_found_by_side_and_name(void **state)
{
	struct pair p;

	(void)state;
	credentials("EC", &test_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	assert_true(oap_has_credentials(p.srv, true, NAME));
	assert_false(oap_has_credentials(p.srv, false, NAME));
	assert_false(oap_has_credentials(p.srv, true, "nobody"));
	close_pair(&p);
}

static void a_bad_root_certificate_keeps_the_old_store(void **state)
{
	struct oap_settings set = { .dir = path("srv") };
	struct oap_env *env;
	struct pair p;

	(void)state;
	credentials("EC", &test_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	test_file(path("srv/cacert"), "bad.pem", "rubbish\n");
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_BAD_CONFIG);
	exchange_ok(&p);
	assert_int_equal(oap_env_open(&env, &set, &p.err), OAP_BAD_CONFIG);
	assert_null(env);
	unlink(path("srv/cacert/bad.pem"));
	unlink(path("srv/cacert/ca.pem"));
	assert_int_equal(oap_env_reload(p.srv, &p.err), OAP_OK);
	drop_runs(&p);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_BAD_CERT);
	close_pair(&p);
}

static void a_store_without_folders_is_empty(void **state)
{
	struct oap_settings set = { .dir = path("nowhere") };
	struct oap_env *env;
	struct oap_err err;

	(void)state;
	assert_int_equal(oap_env_open(&env, &set, &err), OAP_OK);
	oap_env_close(env);
}

static struct suite suite;

int main(void)
{
	size_t i;

	for (i = 0; i < COUNT(confs); i++)
		suite_add(&suite, test_conf, &confs[i], "enc.conf: %s",
			  confs[i].name);
	SUITE_ADD(&suite, without_a_file_the_server_accepts_prime256v1_and_stronger);
	SUITE_ADD(&suite, a_folder_instead_of_enc_conf_is_refused);
	SUITE_ADD(&suite, names_are_safe_file_names);
	SUITE_ADD(&suite, algorithm_numbers_match_openssl);
	SUITE_ADD(&suite, ml_kem_numbers_match_openssl);
	SUITE_ADD(&suite, ranks_are_in_order_of_strength);
	SUITE_ADD(&suite, an_unsupported_cipher_is_raised_to_a_supported_one);
	for (i = 0; i < COUNT(owns); i++)
		suite_add(&suite, test_own, &owns[i], "own credentials: %s: refused",
			  owns[i].name);
	SUITE_ADD(&suite, a_key_may_be_readable_by_its_group);
	SUITE_ADD(&suite, a_name_that_leaves_the_folder_is_refused);
	SUITE_ADD(&suite, credentials_are_found_by_side_and_name);
	SUITE_ADD(&suite, a_bad_root_certificate_keeps_the_old_store);
	SUITE_ADD(&suite, a_store_without_folders_is_empty);
	return suite_run(&suite, "oap: enc.conf, files, numbers");
}
