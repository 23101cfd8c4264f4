/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * HMAC-SHA256 of the crypto library, for kernels whose library only has
 * SHA-256.
 *
 * Since 6.17 <crypto/sha2.h> provides these functions with the same names and
 * semantics. No macro of that header tells the two apart, so the kernel version
 * is checked. Remove this file when 6.17 is the oldest supported kernel.
 */
#ifndef _IPCP_COMPAT_HMAC_SHA256_H
#define _IPCP_COMPAT_HMAC_SHA256_H

#include <linux/version.h>
#include <crypto/sha2.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)

#include <linux/string.h>

struct hmac_sha256_key {
	struct sha256_state inner;
	struct sha256_state outer;
};

struct hmac_sha256_ctx {
	struct sha256_state inner;
	struct sha256_state outer;
};

static inline void hmac_sha256_preparekey(struct hmac_sha256_key *key,
					  const u8 *raw_key, size_t raw_key_len)
{
	u8 block[SHA256_BLOCK_SIZE] = {};
	unsigned int i;

	if (raw_key_len > sizeof(block))
		sha256(raw_key, raw_key_len, block);
	else
		memcpy(block, raw_key, raw_key_len);

	for (i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36;
	sha256_init(&key->inner);
	sha256_update(&key->inner, block, sizeof(block));

	for (i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36 ^ 0x5c;
	sha256_init(&key->outer);
	sha256_update(&key->outer, block, sizeof(block));

	memzero_explicit(block, sizeof(block));
}

static inline void hmac_sha256_init(struct hmac_sha256_ctx *ctx,
				    const struct hmac_sha256_key *key)
{
	ctx->inner = key->inner;
	ctx->outer = key->outer;
}

static inline void hmac_sha256_update(struct hmac_sha256_ctx *ctx,
				      const u8 *data, size_t data_len)
{
	sha256_update(&ctx->inner, data, data_len);
}

/* sha256_final() wipes its context, so nothing of @ctx remains. */
static inline void hmac_sha256_final(struct hmac_sha256_ctx *ctx,
				     u8 out[SHA256_DIGEST_SIZE])
{
	sha256_final(&ctx->inner, out);
	sha256_update(&ctx->outer, out, SHA256_DIGEST_SIZE);
	sha256_final(&ctx->outer, out);
}

#endif /* LINUX_VERSION_CODE */

#endif /* _IPCP_COMPAT_HMAC_SHA256_H */
