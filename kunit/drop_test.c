// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* The list of drop reasons has each value of the enumeration. */
#include "drop.h"
#include "test_util.h"

static const char * const names[IPCP_DROP_MAX] = {
#define FN(name)	[IPCP_DROP_##name] = #name,
	IPCP_DROPS(FN, FN)
#undef FN
};

static void each_drop_reason_has_a_name(struct kunit *test)
{
	unsigned int i;

	for (i = IPCP_DROP_NONE + 1; i < IPCP_DROP_MAX; i++)
		KUNIT_EXPECT_NOT_NULL_MSG(test, names[i], "reason %u", i);
}

static struct kunit_case drop_test_cases[] = {
	KUNIT_CASE(each_drop_reason_has_a_name),
	{}
};

static struct kunit_suite drop_test_suite = {
	.name = "ipcp_drop",
	.test_cases = drop_test_cases,
};

kunit_test_suite(drop_test_suite);
