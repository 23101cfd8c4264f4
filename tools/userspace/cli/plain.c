// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Text that a terminal shows, and does not obey. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <jansson.h>

#include "plain.h"

/**
 * plain_is_utf8() - check whether text is valid UTF-8
 * @text: the text
 *
 * Return: true if valid.
 */
bool plain_is_utf8(const char *text)
{
	json_t *json = json_string(text);	/* accepts nothing else */

	json_decref(json);
	return json;
}

/**
 * plain_unsafe() - find a control character, which a terminal may obey
 * @p: where to look
 * @utf8: the text is valid UTF-8; otherwise no byte above 0x7f is safe
 *
 * Return: bytes of the control character at @p, U+0080 to U+009F included; 0 if
 * another character is there.
 */
size_t plain_unsafe(const char *p, bool utf8)
{
	unsigned char c = *p;

	if (c < ' ' || c == 0x7f || (c > 0x7f && !utf8))
		return 1;
	return c == 0xc2 && (unsigned char)p[1] < 0xa0 ? 2 : 0;
}

/**
 * plain_make() - replace the control characters of text by '?'
 * @text: the text, as for plain_unsafe(); does not get longer
 */
void plain_make(char *text)
{
	bool utf8 = plain_is_utf8(text);
	char *to = text;
	size_t len;

	while (*text) {
		len = plain_unsafe(text, utf8);
		*to++ = len ? '?' : *text;
		text += len ? len : 1;
	}
	*to = '\0';
}

/**
 * plain_copy() - copy UTF-8 text, as much as fits of whole characters
 * @to: where to; NUL-terminated
 * @size: bytes at @to
 * @text: the text
 */
void plain_copy(char *to, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);

	if (text[len])
		while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	memcpy(to, text, len);
	to[len] = '\0';
}
