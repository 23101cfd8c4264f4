// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* HKDF against RFC 5869, and at the bounds of its lengths. */
#include <crypto/sha2.h>

#include "hkdf.h"
#include "test_util.h"
#include "vectors.h"

/* The SHA-256 cases of RFC 5869, appendix A. */
static const struct rfc5869_case {
	const char *desc;
	const char *ikm;
	const char *salt;
	const char *prk;
	const char *info;
	const char *okm;
} rfc5869_cases[] = {
	{
		.desc = "A.1 basic",
		.ikm = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
		.salt = "000102030405060708090a0b0c",
		.prk =
			"077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
		.info = "f0f1f2f3f4f5f6f7f8f9",
		.okm =
			"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
			"34007208d5b887185865",
	},
	{
		.desc = "A.2 longer than a block",
		.prk =
			"06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
		.info =
			"b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
			"d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
			"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		.okm =
			"b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
			"59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
			"cc30c58179ec3e87c14c01d5c1f3434f1d87",
	},
	{
		.desc = "A.3 no info",
		.ikm = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
		.salt = "",
		.prk =
			"19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
		.info = "",
		.okm =
			"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
			"9d201395faa4b61a96c8",
	},
};

KUNIT_ARRAY_PARAM_DESC(rfc5869, rfc5869_cases, desc);

/* HMAC pads a shorter salt with zeros; the module always uses 32 bytes. */
static void extract_matches_rfc5869(struct kunit *test)
{
	const struct rfc5869_case *c = test->param_value;
	u8 salt[IPCP_PRK_LEN] = {}, prk[IPCP_PRK_LEN];

	if (!c->salt)
		kunit_skip(test, "its salt is longer than a chain");
	memcpy(salt, unhex(test, c->salt), strlen(c->salt) / 2);
	ipcp_hkdf_extract(prk, salt, unhex(test, c->ikm), strlen(c->ikm) / 2);

	KUNIT_EXPECT_MEMEQ(test, prk, unhex(test, c->prk), sizeof(prk));
}

static void expand_matches_rfc5869(struct kunit *test)
{
	const struct rfc5869_case *c = test->param_value;
	const u8 *prk = unhex_len(test, c->prk, IPCP_PRK_LEN);
	const u8 *info = unhex(test, c->info);
	const u8 *okm = unhex(test, c->okm);
	size_t len = strlen(c->okm) / 2;
	u8 out[96] = {};

	KUNIT_ASSERT_LE(test, len, sizeof(out));
	ipcp_hkdf_expand(out, len, prk, info, strlen(c->info) / 2);

	KUNIT_EXPECT_MEMEQ(test, out, okm, len);
}

static const size_t lengths[] = {
	0, 1, 31, 32, 33, 63, 64, 65, IPCP_HKDF_MAX - 1, IPCP_HKDF_MAX,
};

static void describe_length(const size_t *len, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%zu bytes", *len);
}

KUNIT_ARRAY_PARAM(length, lengths, describe_length);

/* A longer output begins with the shorter one; nothing else is written. */
static void expand_writes_the_requested_length_and_no_more(struct kunit *test)
{
	const size_t len = *(const size_t *)test->param_value;
	const u8 *prk = unhex_len(test, vector_root, IPCP_PRK_LEN);
	u8 *all = kunit_kzalloc(test, IPCP_HKDF_MAX, GFP_KERNEL);
	u8 *out = kunit_kmalloc(test, len + 1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, all);
	KUNIT_ASSERT_NOT_NULL(test, out);
	memset(out, 0xa5, len + 1);
	ipcp_hkdf_expand(all, IPCP_HKDF_MAX, prk, "longest", 7);
	ipcp_hkdf_expand(out, len, prk, "longest", 7);

	KUNIT_EXPECT_MEMEQ(test, out, all, len);
	KUNIT_EXPECT_EQ(test, out[len], 0xa5);
}

static void expand_gives_all_255_blocks(struct kunit *test)
{
	const u8 *prk = unhex_len(test, vector_root, IPCP_PRK_LEN);
	const u8 *expected = unhex_len(test, vector_longest_sha256,
				       SHA256_DIGEST_SIZE);
	u8 *out = kunit_kzalloc(test, IPCP_HKDF_MAX, GFP_KERNEL);
	u8 digest[SHA256_DIGEST_SIZE];

	KUNIT_ASSERT_NOT_NULL(test, out);
	ipcp_hkdf_expand(out, IPCP_HKDF_MAX, prk, "longest", 7);
	sha256(out, IPCP_HKDF_MAX, digest);

	KUNIT_EXPECT_MEMEQ(test, digest, expected, sizeof(digest));
}

static struct kunit_case hkdf_test_cases[] = {
	KUNIT_CASE_PARAM(extract_matches_rfc5869, rfc5869_gen_params),
	KUNIT_CASE_PARAM(expand_matches_rfc5869, rfc5869_gen_params),
	KUNIT_CASE_PARAM(expand_writes_the_requested_length_and_no_more,
			 length_gen_params),
	KUNIT_CASE(expand_gives_all_255_blocks),
	{}
};

static struct kunit_suite hkdf_test_suite = {
	.name = "ipcp_hkdf",
	.test_cases = hkdf_test_cases,
};

kunit_test_suite(hkdf_test_suite);
