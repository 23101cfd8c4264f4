/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Allocations of OpenSSL that fail. */
#ifndef OAP_TEST_STARVE_H
#define OAP_TEST_STARVE_H

#include <stdbool.h>

/**
 * struct starve - which allocations fail
 * @on: true while allocations are counted
 * @count: allocations since the test has set it to 0
 * @at: number of the allocation that fails, or 0 for all
 */
struct starve {
	bool on;
	unsigned int count;
	unsigned int at;
};

extern struct starve starve;

/**
 * starve_init() - Let OpenSSL allocate through this file
 *
 * Return: false after the first allocation of OpenSSL.
 */
bool starve_init(void);

#endif /* OAP_TEST_STARVE_H */
