// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Stateless cookies. */

#include <netinet/in.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "../common/addr.h"
#include "cookie.h"

/* Use a new secret in each time slot; the previous one remains valid. */
static bool turn(struct cookie_jar *jar, uint64_t now_ms)
{
	uint64_t slot = now_ms / COOKIE_SLOT_MS;
	uint8_t fresh[COOKIE_SECRET];

	if (jar->ready && jar->slot == slot)
		return true;
	if (RAND_bytes(fresh, sizeof(fresh)) != 1)
		return false;
	if (jar->ready && jar->slot + 1 == slot)
		memcpy(jar->before, jar->now, sizeof(fresh));
	else if (RAND_bytes(jar->before, sizeof(jar->before)) != 1) {
		OPENSSL_cleanse(fresh, sizeof(fresh));
		return false;
	}
	memcpy(jar->now, fresh, sizeof(fresh));
	OPENSSL_cleanse(fresh, sizeof(fresh));
	jar->slot = slot;
	jar->ready = true;
	return true;
}

static bool mac(const uint8_t *secret, const struct sockaddr_storage *peer,
		uint8_t cookie[COOKIE_LEN])
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)peer;
	const struct sockaddr_in *in = (const struct sockaddr_in *)peer;
	uint8_t text[1 + 16 + 2 + 4] = { 0 }, out[EVP_MAX_MD_SIZE];
	uint32_t provider = addr_provider(peer);

	if (provider) {
		memcpy(text + 1, &provider, sizeof(provider));
	} else if (peer->ss_family == AF_INET6) {
		text[0] = 6;
		memcpy(text + 1, &in6->sin6_addr, 16);
		memcpy(text + 17, &in6->sin6_port, 2);
		memcpy(text + 19, &in6->sin6_scope_id, 4);
	} else {
		text[0] = 4;
		memcpy(text + 1, &in->sin_addr, 4);
		memcpy(text + 17, &in->sin_port, 2);
	}
	if (!HMAC(EVP_sha256(), secret, COOKIE_SECRET, text, sizeof(text), out,
		  NULL))
		return false;
	memcpy(cookie, out, COOKIE_LEN);
	return true;
}

bool cookie_make(struct cookie_jar *jar, uint64_t now_ms,
		 const struct sockaddr_storage *peer,
		 uint8_t cookie[COOKIE_LEN])
{
	return turn(jar, now_ms) && mac(jar->now, peer, cookie);
}

bool cookie_ok(struct cookie_jar *jar, uint64_t now_ms,
	       const struct sockaddr_storage *peer,
	       const uint8_t cookie[COOKIE_LEN])
{
	uint8_t want[COOKIE_LEN];

	if (!turn(jar, now_ms))
		return false;
	if (mac(jar->now, peer, want) &&
	    !CRYPTO_memcmp(want, cookie, COOKIE_LEN))
		return true;
	return mac(jar->before, peer, want) &&
	       !CRYPTO_memcmp(want, cookie, COOKIE_LEN);
}
