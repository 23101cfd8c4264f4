// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Refusals: as a message to the peer, and as an errno for a program. */

#include <errno.h>
#include <string.h>

#include "engine-int.h"

size_t refusal_write(uint8_t buf[1 + REASON_LEN], enum refusal code,
		     const char *text)
{
	size_t len = strnlen(text, REASON_LEN - 1);

	buf[0] = code;
	memcpy(buf + 1, text, len);
	return 1 + len;
}

/* Make text from a peer safe for a terminal. */
void refusal_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

/* @text: REASON_LEN bytes, made printable. */
enum refusal refusal_read(const uint8_t *p, size_t len, char *text)
{
	size_t n = len ? len - 1 : 0;

	if (n >= REASON_LEN)
		n = REASON_LEN - 1;
	if (n)
		memcpy(text, p + 1, n);
	text[n] = '\0';
	refusal_printable(text);
	return len ? p[0] : REFUSE_INTERNAL;
}

enum refusal refusal_of(enum oap_code code)
{
	switch (code) {
	case OAP_UNSIGNED:
	case OAP_BAD_CERT:
	case OAP_BAD_SIGNATURE:
	case OAP_BAD_NAME:
	case OAP_REPLAY:
		return REFUSE_AUTH;
	case OAP_CLOCK:
		return REFUSE_CLOCK;
	case OAP_BAD_KEX:
	case OAP_BAD_CIPHER:
		return REFUSE_CRYPTO;
	case OAP_MALFORMED:
	case OAP_MISMATCH:
		return REFUSE_MALFORMED;
	case OAP_NO_CREDENTIALS:
	case OAP_BAD_CONFIG:
		return REFUSE_CREDENTIALS;
	case OAP_FULL:
		return REFUSE_FULL;
	default:
		return REFUSE_INTERNAL;
	}
}

/* Return the errno for the program at the initiator. */
int refusal_errno(enum refusal code)
{
	switch (code) {
	case REFUSE_NOT_SERVED:
	case REFUSE_FULL:
		return ECONNREFUSED;
	case REFUSE_AUTH:
	case REFUSE_CLOCK:
	case REFUSE_CREDENTIALS:
		return EKEYREJECTED;
	case REFUSE_POLICY:
		return EACCES;
	case REFUSE_QOS:
		return EOPNOTSUPP;
	default:
		return EPROTO;
	}
}

int refusal_errno_of_oap(enum oap_code code)
{
	return refusal_errno(refusal_of(code));
}

/*
 * Return the errno for a program when the kernel refused a request of its
 * agent. The kernel accepts no other values from the agent, see flow-del.
 */
int refusal_errno_of_status(int status)
{
	switch (-status) {
	case EDQUOT:
	case EHOSTUNREACH:
	case EKEYREJECTED:
	case ENETUNREACH:
	case ENOMEM:
	case EOPNOTSUPP:
	case EUSERS:
		return -status;
	default:
		return ECONNABORTED;
	}
}
