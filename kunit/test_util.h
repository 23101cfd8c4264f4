/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_KUNIT_TEST_UTIL_H
#define _IPCP_KUNIT_TEST_UTIL_H

#include <kunit/test.h>
#include <linux/hex.h>
#include <linux/module.h>
#include <linux/string.h>

/* Decode the hex digits of a vector. Fail unless there are @len bytes. */
static inline u8 *unhex_len(struct kunit *test, const char *hex, size_t len)
{
	u8 *bytes = kunit_kmalloc(test, len + 1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	KUNIT_ASSERT_EQ(test, strlen(hex), 2 * len);
	KUNIT_ASSERT_EQ(test, hex2bin(bytes, hex, len), 0);
	return bytes;
}

static inline u8 *unhex(struct kunit *test, const char *hex)
{
	return unhex_len(test, hex, strlen(hex) / 2);
}

/* True if all bytes are zero. */
static inline bool wiped(const void *mem, size_t len)
{
	return !memchr_inv(mem, 0, len);
}

/* True if the tests are a module. Built-in code has no module references. */
static inline bool test_is_module(void)
{
	return __is_defined(MODULE);
}

/* Return: the number of references to the module. */
static inline int test_module_refs(void)
{
#if defined(MODULE) && defined(CONFIG_MODULE_UNLOAD)
	return module_refcount(THIS_MODULE);
#else
	return 0;
#endif
}

#endif /* _IPCP_KUNIT_TEST_UTIL_H */
