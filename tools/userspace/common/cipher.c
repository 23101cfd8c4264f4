// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Table of ciphers. The numbers are the NIDs of OpenSSL. */

#include <stdio.h>
#include <string.h>

#include "cipher.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* Sorted by strength, weakest first. */
static const struct {
	uint16_t nid;
	bool offered;		/* supported by the kernel module */
	const char *name;
} ciphers[] = {
	{ 904, false, "aes-128-ctr" },
	{ 905, false, "aes-192-ctr" },
	{ 906, false, "aes-256-ctr" },
	{ 895, true, "aes-128-gcm" },
	{ 898, false, "aes-192-gcm" },
	{ 901, true, "aes-256-gcm" },
	{ 1018, true, "chacha20-poly1305" },
};

int cipher_rank(uint32_t nid)
{
	size_t i;

	if (!nid)
		return 0;
	for (i = 0; i < COUNT(ciphers); i++)
		if (ciphers[i].nid == nid)
			return i + 1;
	return -1;
}

bool cipher_known(uint32_t nid)
{
	return cipher_rank(nid) > 0;
}

bool cipher_offered(uint32_t nid)
{
	int rank = cipher_rank(nid);

	return rank > 0 && ciphers[rank - 1].offered;
}

uint16_t cipher_of_rank(int rank)
{
	size_t i;

	for (i = rank > 0 ? rank - 1 : 0; i < COUNT(ciphers); i++)
		if (ciphers[i].offered)
			return ciphers[i].nid;
	return 0;
}

uint16_t cipher_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(ciphers); i++)
		if (!strcmp(ciphers[i].name, name))
			return ciphers[i].nid;
	return 0;
}

const char *cipher_name(uint32_t nid)
{
	int rank = cipher_rank(nid);

	if (!rank)
		return "none";
	return rank > 0 ? ciphers[rank - 1].name : "?";
}

const char *cipher_list(char buf[CIPHER_LIST_LEN])
{
	size_t i, at = 0, left = 0;

	for (i = 0; i < COUNT(ciphers); i++)
		left += ciphers[i].offered;
	buf[0] = '\0';
	for (i = 0; i < COUNT(ciphers) && at < CIPHER_LIST_LEN; i++) {
		if (!ciphers[i].offered)
			continue;
		left--;
		at += snprintf(buf + at, CIPHER_LIST_LEN - at, "%s%s",
			       ciphers[i].name,
			       left > 1 ? ", " : left ? " or " : "");
	}
	return buf;
}
