// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Error codes and texts. */

#include <stdarg.h>
#include <stdio.h>

#include <openssl/err.h>

#include "int.h"

/**
 * oap_err_set() - record why a call failed
 * @err: where to store the reason
 * @code: the error code
 * @fmt: text of the reason
 *
 * Return: @code.
 */
enum oap_code oap_err_set(struct oap_err *err, enum oap_code code,
			  const char *fmt, ...)
{
	va_list ap;

	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

/**
 * oap_err_why() - describe the last failure of OpenSSL
 *
 * Clears the error queue of OpenSSL.
 *
 * Return: the description.
 */
const char *oap_err_why(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return text ? text : "not usable";
}
