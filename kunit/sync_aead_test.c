// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * AES-GCM where the FPU cannot be used with bottom halves off: compat/ is
 * compiled here as for such an architecture.
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

static struct kunit_case sync_aead_test_cases[] = {
	KUNIT_CASE(only_internal_algorithms_need_the_fpu),
	{}
};

static struct kunit_suite sync_aead_test_suite = {
	.name = "ipcp_sync_aead",
	.test_cases = sync_aead_test_cases,
};

kunit_test_suite(sync_aead_test_suite);
