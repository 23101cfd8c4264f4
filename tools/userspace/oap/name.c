// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Syntax of names. */

#include <string.h>

#include "oap.h"

bool oap_name_ok(const char *name)
{
	size_t i, len = strnlen(name, OAP_NAME_MAX + 1);

	if (!len || len > OAP_NAME_MAX || name[0] == '.')
		return false;
	for (i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/')
			return false;
	return true;
}
