// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Encryption in the program, as a typical program does it: a context for each
 * direction, which keeps its key, an authenticated header, and a counter as
 * the nonce.
 */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "pair.h"

#define NONCE_LEN	12

struct sealer {
	EVP_CIPHER_CTX *tx, *rx;
	uint64_t counter;
};

static EVP_CIPHER_CTX *new_ctx(enum cipher cipher, int encrypt)
{
	static const uint8_t key[KEY_LEN] = { 1, 2, 3 };
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (!ctx || !EVP_CipherInit_ex2(ctx, cipher == CIPHER_AES ?
					EVP_aes_256_gcm() :
					EVP_chacha20_poly1305(),
					key, NULL, encrypt, NULL))
		die("EVP_CipherInit_ex2");
	return ctx;
}

struct sealer *sealer_new(enum cipher cipher)
{
	struct sealer *s = calloc(1, sizeof(*s));

	if (!s)
		die("calloc");
	s->tx = new_ctx(cipher, 1);
	s->rx = new_ctx(cipher, 0);
	return s;
}

static void start(EVP_CIPHER_CTX *ctx, const uint8_t *hdr)
{
	uint8_t nonce[NONCE_LEN] = { 0 };
	int len;

	memcpy(nonce + 4, hdr + 4, sizeof(uint64_t));
	if (!EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, -1, NULL) ||
	    !EVP_CipherUpdate(ctx, NULL, &len, hdr, HDR_LEN))
		die("EVP_CipherUpdate of the header");
}

/* Writes header, ciphertext and tag. Returns their length. */
size_t seal(struct sealer *s, uint8_t *wire, const uint8_t *msg, size_t len)
{
	int n, rest;

	memset(wire, 0, 4);
	memcpy(wire + 4, &s->counter, sizeof(s->counter));
	s->counter++;
	start(s->tx, wire);
	if (!EVP_CipherUpdate(s->tx, wire + HDR_LEN, &n, msg, len) ||
	    !EVP_CipherFinal_ex(s->tx, wire + HDR_LEN + n, &rest) ||
	    EVP_CIPHER_CTX_ctrl(s->tx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN,
				wire + HDR_LEN + len) <= 0)
		die("sealing");
	return HDR_LEN + len + TAG_LEN;
}

/* Decrypts a packet. Returns the length of the message. */
size_t unseal(struct sealer *s, uint8_t *msg, const uint8_t *wire, size_t len)
{
	int n, rest;

	if (len < HDR_LEN + TAG_LEN)
		die("a message is too short");
	len -= HDR_LEN + TAG_LEN;
	start(s->rx, wire);
	if (!EVP_CipherUpdate(s->rx, msg, &n, wire + HDR_LEN, len) ||
	    EVP_CIPHER_CTX_ctrl(s->rx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN,
				(void *)(wire + HDR_LEN + len)) <= 0 ||
	    !EVP_CipherFinal_ex(s->rx, msg + n, &rest))
		die("a message does not authenticate");
	return len;
}
