// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * HKDF of RFC 5869 with SHA-256: Expand derives all keys, Extract mixes a seed
 * with the chain of a flow.
 *
 * No other input needs Extract, since all others are uniformly random already:
 * each is the output of Extract or of another Expand. SHA-256 is used instead
 * of SHA-512, because the library of the oldest supported kernel only has
 * SHA-256. The library is used instead of the crypto API, because the library
 * can neither sleep nor fail.
 */
#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "compat/hmac_sha256.h"
#include "hkdf.h"

static_assert(IPCP_PRK_LEN == SHA256_DIGEST_SIZE);

/* Covers the stack of the library plus an interrupt on top of it. */
#define IPCP_DEAD_STACK	1536

/* Clears the call-used registers: see zero-registers in Kbuild. */
static noinline void registers_wipe(void)
{
	barrier();
}

static noinline void dead_stack_wipe(void)
{
	u8 dead[IPCP_DEAD_STACK];

	memzero_explicit(dead, sizeof(dead));
}

/**
 * ipcp_stack_wipe() - Wipe the stack below the caller's frame
 *
 * Call after handling keys. Named buffers are wiped in place, but compilers and
 * assembler code spill words of keys to the stack, and interrupts save
 * registers there. The frame of the wiping function overlays the frames that
 * handled keys and zeroes them. The registers are wiped first: an interrupt
 * during the wiping saves them below that frame, where nothing would wipe them.
 *
 * Context: Any context.
 */
noinline void ipcp_stack_wipe(void)
{
	registers_wipe();
	dead_stack_wipe();
}

/**
 * ipcp_hkdf_extract() - Mix an input key with a salt
 * @prk: (output) pseudorandom key; may be @salt or @ikm
 * @salt: salt
 * @ikm: input keying material
 * @len: length of @ikm in bytes
 *
 * HKDF-Extract of RFC 5869. Leaves no copy of the secrets behind.
 *
 * Context: Any context.
 */
void ipcp_hkdf_extract(u8 prk[IPCP_PRK_LEN], const u8 salt[IPCP_PRK_LEN],
		       const u8 *ikm, size_t len)
{
	struct hmac_sha256_key key;
	struct hmac_sha256_ctx ctx;

	hmac_sha256_preparekey(&key, salt, IPCP_PRK_LEN);
	hmac_sha256_init(&ctx, &key);
	hmac_sha256_update(&ctx, ikm, len);
	hmac_sha256_final(&ctx, prk);
	memzero_explicit(&key, sizeof(key));
	ipcp_stack_wipe();
}

/**
 * ipcp_hkdf_expand() - Expand a key to a number of bytes
 * @out: (output) derived bytes; must not overlap @prk or @info
 * @len: number of bytes, at most IPCP_HKDF_MAX
 * @prk: pseudorandom key
 * @info: purpose of the derived bytes
 * @info_len: length of @info
 *
 * Leaves no copy of @out or @prk behind, nor any intermediate value from which
 * they could be derived.
 *
 * Context: Any context.
 */
void ipcp_hkdf_expand(u8 *out, size_t len, const u8 prk[IPCP_PRK_LEN],
		      const u8 *info, size_t info_len)
{
	struct hmac_sha256_key key;
	struct hmac_sha256_ctx ctx;
	u8 block[SHA256_DIGEST_SIZE];
	size_t done, n;
	u8 i = 1;

	hmac_sha256_preparekey(&key, prk, IPCP_PRK_LEN);
	for (done = 0; done < len; done += n, i++) {
		hmac_sha256_init(&ctx, &key);
		if (done)
			hmac_sha256_update(&ctx, block, sizeof(block));
		hmac_sha256_update(&ctx, info, info_len);
		hmac_sha256_update(&ctx, &i, sizeof(i));
		hmac_sha256_final(&ctx, block);

		n = min(len - done, sizeof(block));
		memcpy(out + done, block, n);
	}
	memzero_explicit(block, sizeof(block));
	memzero_explicit(&key, sizeof(key));
	ipcp_stack_wipe();
}
