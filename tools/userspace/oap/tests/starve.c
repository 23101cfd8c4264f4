// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Allocations of OpenSSL that fail. */
#include <stdlib.h>

#include <openssl/crypto.h>

#include "starve.h"

struct starve starve;

static bool fails(void)
{
	return starve.on && (++starve.count == starve.at || !starve.at);
}

static void *starve_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails() ? NULL : malloc(n);
}

static void *starve_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails() ? NULL : realloc(p, n);
}

static void starve_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

bool starve_init(void)
{
	return CRYPTO_set_mem_functions(starve_malloc, starve_realloc,
					starve_free) == 1;
}
