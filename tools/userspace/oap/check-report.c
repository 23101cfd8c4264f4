// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Results of a check: errors and warnings, and the number of errors. */

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check-int.h"

#define TEXT_LEN	(2 * PATH_MAX)

static void tell(struct oap_check *c, bool warning, const char *fmt, va_list ap)
{
	char text[TEXT_LEN];

	vsnprintf(text, sizeof(text), fmt, ap);
	c->errors += !warning;
	c->report(c->arg, warning, text);
}

void __attribute__((format(printf, 2, 3)))
oap_check_error(struct oap_check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(c, false, fmt, ap);
	va_end(ap);
}

void __attribute__((format(printf, 2, 3)))
oap_check_warn(struct oap_check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(c, true, fmt, ap);
	va_end(ap);
}

void oap_check_unreadable(struct oap_check *c, const char *path)
{
	oap_check_error(c, "cannot read %s: %s%s", path, strerror(errno),
			errno == EACCES ? "; the user who runs the agent must be able to" :
			"");
}
