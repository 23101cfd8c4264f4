// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * HKDF-Expand of RFC 5869 with SHA-256: all keys are made by it.
 *
 * Only Expand: what comes in is a uniformly random key already, a seed from
 * OAP's own key derivation or the output of another Expand. SHA-256 and not
 * SHA-512, because the library of the oldest kernel has only that one. The
 * library rather than the crypto API, because it can neither sleep nor fail.
 */
#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "compat/hmac_sha256.h"
#include "hkdf.h"

static_assert(IPCP_PRK_LEN == SHA256_DIGEST_SIZE);

/* Deeper than the library goes, with an interrupt inside of it. */
#define IPCP_DEAD_STACK	1536

/* Built so that nothing is in the registers that a call may use: see Kbuild. */
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
 * For whoever has worked with keys other than to seal and open. Buffers are
 * wiped where they are; but compilers and assembler code keep words of keys on
 * the stack in between, and interrupts put registers there. Where those frames
 * were, that of the wiping is. Before it the registers: an interrupt of the
 * wiping itself puts them below that frame, where nothing would wipe them.
 *
 * Context: Any context.
 */
noinline void ipcp_stack_wipe(void)
{
	registers_wipe();
	dead_stack_wipe();
}

/**
 * ipcp_hkdf_expand() - Expand a key into as many bytes as are asked for
 * @out: (output) the bytes; must not overlap @prk or @info
 * @len: how many, at most IPCP_HKDF_MAX
 * @prk: the key
 * @info: says what the bytes are for
 * @info_len: length of @info
 *
 * Leaves no copy of @out or @prk behind, nor of what could take their place.
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
