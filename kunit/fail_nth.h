/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_KUNIT_FAIL_NTH_H
#define _IPCP_KUNIT_FAIL_NTH_H

#include <linux/sched.h>

#ifdef CONFIG_FAULT_INJECTION

/* Make the n-th allocation of the current task from now on fail; 0 for none. */
static inline void fail_nth(unsigned int n)
{
	WRITE_ONCE(current->fail_nth, n);
}

/* Stop the injection. Return: true if an allocation failed. */
static inline bool fail_nth_did(void)
{
	bool did = !READ_ONCE(current->fail_nth);

	fail_nth(0);
	return did;
}

#else

static inline void fail_nth(unsigned int n)
{
}

static inline bool fail_nth_did(void)
{
	return false;
}

#endif
#endif /* _IPCP_KUNIT_FAIL_NTH_H */
