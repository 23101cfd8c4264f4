/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Synchronous AEAD: backport of struct crypto_sync_aead of Linux 7.2.
 *
 * On older kernels x86's gcm(aes) is a wrapper that counts as asynchronous, and
 * a request for a synchronous transform gets the generic code, which is twelve
 * times slower. The wrapped algorithm, "__gcm(aes)", is synchronous and fast.
 * It is CRYPTO_ALG_INTERNAL, since its caller has to check that the FPU may be
 * used; ipcp_aead_usable() does that. In a task the FPU may always be used,
 * since this module never encrypts inside a kernel FPU section. A softirq may
 * have interrupted such a section, which disables preemption but not softirqs
 * on these kernels. So code that decrypts in a softirq has to check first, and
 * to defer the packet to a task if the FPU is in use.
 *
 * All other algorithms check the FPU themselves, and have code without it. Do
 * not check crypto_simd_usable() for them: on many architectures it is false
 * whenever bottom halves are off.
 *
 * The generic gcm(aes) of older kernels makes scatterlist entries point into
 * the request, which then must not be on a virtually mapped stack
 * (CONFIG_VMAP_STACK). So its requests are allocated with kmalloc().
 */
#ifndef _IPCP_COMPAT_SYNC_AEAD_H
#define _IPCP_COMPAT_SYNC_AEAD_H

#include <asm/simd.h>
#include <crypto/aead.h>
#include <crypto/internal/simd.h>
#include <linux/slab.h>
#include <linux/string.h>

/*
 * Memory for a request on the caller's stack. SYNC_AEAD_REQUEST_ON_STACK()
 * would make a hardened kernel zero all of it for every packet.
 */
#define IPCP_AEAD_REQUEST_LEN \
	(sizeof(struct aead_request) + MAX_SYNC_AEAD_REQSIZE)

#ifdef MAX_SYNC_AEAD_REQSIZE	/* since 7.2 */

static inline struct crypto_sync_aead *ipcp_alloc_sync_aead(const char *name)
{
	return crypto_alloc_sync_aead(name, 0, 0);
}

static inline bool ipcp_aead_usable(struct crypto_sync_aead *tfm)
{
	return true;
}

static inline bool ipcp_aead_all_usable(void)
{
	return true;
}

static inline bool ipcp_aead_on_stack(struct crypto_sync_aead *tfm)
{
	return true;
}

#else

struct crypto_sync_aead {
	struct crypto_aead base;
};

/* The generic code needs 404 bytes. The 384 bytes of 7.2 are not enough. */
#define MAX_SYNC_AEAD_REQSIZE	512

static inline void crypto_free_sync_aead(struct crypto_sync_aead *tfm)
{
	crypto_free_aead(&tfm->base);
}

static inline int crypto_sync_aead_setkey(struct crypto_sync_aead *tfm,
					  const u8 *key, unsigned int keylen)
{
	return crypto_aead_setkey(&tfm->base, key, keylen);
}

static inline int crypto_sync_aead_setauthsize(struct crypto_sync_aead *tfm,
					       unsigned int authsize)
{
	return crypto_aead_setauthsize(&tfm->base, authsize);
}

static inline struct crypto_sync_aead *
crypto_alloc_sync_aead(const char *name, u32 type, u32 mask)
{
	struct crypto_aead *tfm;

	tfm = crypto_alloc_aead(name, type, mask | CRYPTO_ALG_ASYNC);
	if (IS_ERR(tfm))
		return ERR_CAST(tfm);
	if (crypto_aead_reqsize(tfm) > MAX_SYNC_AEAD_REQSIZE) {
		crypto_free_aead(tfm);
		return ERR_PTR(-EINVAL);
	}
	return container_of(tfm, struct crypto_sync_aead, base);
}

/* True if the kernel may have internal algorithms. */
#define IPCP_AEAD_INTERNAL	IS_ENABLED(CONFIG_CRYPTO_AES_NI_INTEL)

static inline struct crypto_sync_aead *ipcp_alloc_sync_aead(const char *name)
{
	struct crypto_sync_aead *tfm;

	if (IPCP_AEAD_INTERNAL && !strcmp(name, "gcm(aes)")) {
		tfm = crypto_alloc_sync_aead("__gcm(aes)", CRYPTO_ALG_INTERNAL,
					     CRYPTO_ALG_INTERNAL);
		/* Do not fall back to the slow code if memory is short. */
		if (!IS_ERR(tfm) || PTR_ERR(tfm) == -ENOMEM)
			return tfm;
	}
	return crypto_alloc_sync_aead(name, 0, 0);
}

/* True if a transform may be used here. */
static inline bool ipcp_aead_usable(struct crypto_sync_aead *tfm)
{
	const struct crypto_alg *alg =
		crypto_aead_tfm(&tfm->base)->__crt_alg;

	return !(alg->cra_flags & CRYPTO_ALG_INTERNAL) || crypto_simd_usable();
}

/* True if every transform of this kernel may be used here. */
static inline bool ipcp_aead_all_usable(void)
{
	return !IPCP_AEAD_INTERNAL || crypto_simd_usable();
}

/* False if the requests of a transform must be in the direct mapping. */
static inline bool ipcp_aead_on_stack(struct crypto_sync_aead *tfm)
{
	const struct crypto_alg *alg =
		crypto_aead_tfm(&tfm->base)->__crt_alg;

	/* The generic code is not internal. */
	return alg->cra_flags & CRYPTO_ALG_INTERNAL ||
	       !str_has_prefix(alg->cra_driver_name, "gcm_base(");
}

#endif

/*
 * Return a request: in @room, of IPCP_AEAD_REQUEST_LEN bytes, or in memory of
 * its own. NULL if there is no memory.
 */
static inline struct aead_request *
ipcp_aead_request(void *room, struct crypto_sync_aead *tfm)
{
	struct aead_request *req = room;

	if (unlikely(!ipcp_aead_on_stack(tfm)))
		req = kmalloc(IPCP_AEAD_REQUEST_LEN, GFP_ATOMIC);
	if (likely(req))
		aead_request_set_tfm(req, &tfm->base);
	return req;
}

/* Wipe and free a request that is not in @room. */
static inline void ipcp_aead_request_end(struct aead_request *req, void *room)
{
	if (unlikely(req != room))
		kfree_sensitive(req);
}

#endif /* _IPCP_COMPAT_SYNC_AEAD_H */
