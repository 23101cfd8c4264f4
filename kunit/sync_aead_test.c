// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * AES-GCM where the FPU cannot be used with bottom halves disabled: compile
 * compat/ as on an architecture with this restriction.
 */
#include <crypto/internal/simd.h>
#include <kunit/test.h>

#undef crypto_simd_usable
#define crypto_simd_usable()	false

#include "compat/sync_aead.h"

static void only_internal_algorithms_need_the_fpu(struct kunit *test)
{
	struct crypto_sync_aead *tfm = crypto_alloc_sync_aead("gcm(aes)", 0, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR(tfm));
	KUNIT_EXPECT_TRUE(test, ipcp_aead_usable(tfm));
	crypto_free_sync_aead(tfm);
}

static void requests_of_the_generic_code_are_not_on_the_stack(struct kunit *test)
{
	struct crypto_sync_aead *tfm = crypto_alloc_sync_aead("gcm(aes)", 0, 0);
	u8 room[IPCP_AEAD_REQUEST_LEN] CRYPTO_MINALIGN_ATTR;
	struct aead_request *req;

	KUNIT_ASSERT_FALSE(test, IS_ERR(tfm));
	if (!str_has_prefix(crypto_tfm_alg_driver_name(crypto_aead_tfm(&tfm->base)),
			    "gcm_base(")) {
		crypto_free_sync_aead(tfm);
		kunit_skip(test, "this machine has code of its own");
	}
	req = ipcp_aead_request(room, tfm);
	KUNIT_EXPECT_PTR_NE(test, (void *)req, (void *)room);
	KUNIT_EXPECT_TRUE(test, virt_addr_valid(req));
	if (req)
		ipcp_aead_request_end(req, room);
	crypto_free_sync_aead(tfm);
}

static struct kunit_case sync_aead_test_cases[] = {
	KUNIT_CASE(only_internal_algorithms_need_the_fpu),
	KUNIT_CASE(requests_of_the_generic_code_are_not_on_the_stack),
	{}
};

static struct kunit_suite sync_aead_test_suite = {
	.name = "ipcp_sync_aead",
	.test_cases = sync_aead_test_cases,
};

kunit_test_suite(sync_aead_test_suite);
