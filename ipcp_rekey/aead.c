// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Sealing and opening of one packet, in the caller's context.
 *
 * AES-GCM goes through the crypto API, since that is where the vectorised code
 * is; ChaCha20-Poly1305 through the library. Both are synchronous: a packet's
 * buffers and keys need no life beyond the call, which is what most bugs of
 * asynchronous users of the crypto API were about.
 */
#include <crypto/chacha20poly1305.h>
#include <linux/scatterlist.h>
#include <uapi/linux/ipcp_rekey_netlink.h>

#include "aead.h"
#include "compat/sync_aead.h"
#include "wire.h"

static unsigned int aes_key_len(u16 cipher)
{
	return cipher == IPCP_REKEY_CIPHER_AES_128_GCM ? 16 : 32;
}

/**
 * ipcp_aead_known() - Is this a cipher that flows can use?
 * @cipher: enum ipcp_rekey_cipher, or any number
 *
 * Context: Any context.
 * Return: true if it is one of the AEAD ciphers.
 */
bool ipcp_aead_known(u32 cipher)
{
	return cipher == IPCP_REKEY_CIPHER_AES_128_GCM ||
	       cipher == IPCP_REKEY_CIPHER_AES_256_GCM ||
	       cipher == IPCP_REKEY_CIPHER_CHACHA20_POLY1305;
}

/**
 * ipcp_aead_init() - Get all that a key will need, but the key
 * @aead: to be initialised
 * @cipher: one of those ipcp_aead_known() knows
 *
 * Context: Process context, may sleep and load modules.
 * Return: 0, -ENOENT if the kernel has no such cipher, -ENOMEM.
 */
int ipcp_aead_init(struct ipcp_aead *aead, u16 cipher)
{
	struct crypto_sync_aead *tfm;
	int err;

	memset(aead, 0, sizeof(*aead));
	aead->cipher = cipher;
	if (cipher == IPCP_REKEY_CIPHER_CHACHA20_POLY1305)
		return 0;

	tfm = ipcp_alloc_sync_aead("gcm(aes)");
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	err = crypto_sync_aead_setauthsize(tfm, IPCP_TAG_LEN);
	if (err) {
		crypto_free_sync_aead(tfm);
		return err;
	}
	aead->tfm = tfm;
	return 0;
}

/**
 * ipcp_aead_setkey() - Give it its key
 * @aead: fresh from ipcp_aead_init(); nobody else uses it yet
 * @key: moved, that is wiped, also on failure
 *
 * Context: Process context.
 * Return: 0, or an error of the crypto API, for want of memory.
 */
int ipcp_aead_setkey(struct ipcp_aead *aead, struct ipcp_key *key)
{
	int err = 0;

	if (aead->cipher == IPCP_REKEY_CIPHER_CHACHA20_POLY1305)
		aead->key = *key;
	else
		err = crypto_sync_aead_setkey(aead->tfm, key->bytes,
					      aes_key_len(aead->cipher));
	ipcp_key_wipe(key);
	return err;
}

/**
 * ipcp_aead_free() - Wipe the key and give everything back
 * @aead: as ipcp_aead_init() made it
 *
 * The crypto API wipes a transform's key schedule when it frees it.
 *
 * Context: Process context.
 */
void ipcp_aead_free(struct ipcp_aead *aead)
{
	if (aead->cipher != IPCP_REKEY_CIPHER_CHACHA20_POLY1305)
		crypto_free_sync_aead(aead->tfm);
	memzero_explicit(aead, sizeof(*aead));
}

/* A list of one, as sg_init_one() makes it, which takes five times as long. */
static void one_piece(struct scatterlist *sg, void *buf, unsigned int len)
{
	if (IS_ENABLED(CONFIG_DEBUG_SG))
		sg_init_table(sg, 1);
	sg->page_link = SG_END;
	sg_set_buf(sg, buf, len);
}

static int gcm_crypt(const struct ipcp_aead *aead, struct scatterlist *src,
		     struct scatterlist *dst, unsigned int len, u64 counter,
		     bool seal)
{
	u8 room[IPCP_AEAD_REQUEST_LEN] CRYPTO_MINALIGN_ATTR __uninitialized;
	struct aead_request *req = ipcp_aead_request(room, aead->tfm);
	u8 iv[IPCP_NONCE_LEN] __uninitialized;

	if (!ipcp_aead_usable())
		return -EBUSY;
	ipcp_wire_nonce(iv, counter);
	aead_request_set_callback(req, 0, NULL, NULL);
	aead_request_set_ad(req, IPCP_HDR_LEN);
	aead_request_set_crypt(req, src, dst, len, iv);
	return seal ? crypto_aead_encrypt(req) : crypto_aead_decrypt(req);
}

/**
 * ipcp_aead_ready() - Can packets be sealed and opened here?
 *
 * Context: Task or softirq.
 * Return: true in a task. False in a softirq if it has interrupted who uses the
 * FPU, as it can on older kernels, until it is over.
 */
bool ipcp_aead_ready(void)
{
	return ipcp_aead_usable();
}

/**
 * ipcp_aead_seal() - Encrypt a packet in place and add its tag
 * @aead: key
 * @pkt: header of IPCP_HDR_LEN bytes, message, and room for a tag; in memory
 *	of the kernel's direct mapping
 * @len: length of the message in bytes
 * @counter: the packet's counter, never used with this key before
 *
 * Context: Task, or softirq if ipcp_aead_ready().
 * Return: 0; -EBUSY if the FPU is in use here, which a caller that keeps to
 * the context never sees.
 */
int ipcp_aead_seal(const struct ipcp_aead *aead, u8 *pkt, unsigned int len,
		   u64 counter)
{
	struct scatterlist sg __uninitialized;

	if (aead->cipher == IPCP_REKEY_CIPHER_CHACHA20_POLY1305) {
		chacha20poly1305_encrypt(pkt + IPCP_HDR_LEN, pkt + IPCP_HDR_LEN,
					 len, pkt, IPCP_HDR_LEN, counter,
					 aead->key.bytes);
		return 0;
	}
	one_piece(&sg, pkt, IPCP_HDR_LEN + len + IPCP_TAG_LEN);
	return gcm_crypt(aead, &sg, &sg, len, counter, true);
}

/**
 * ipcp_aead_open() - Check a packet's tag and decrypt it
 * @aead: key
 * @pkt: header of IPCP_HDR_LEN bytes, ciphertext and tag
 * @out: @pkt itself, or memory for as much that does not overlap it; the
 *	message is after IPCP_HDR_LEN bytes, which may be overwritten
 * @len: length of ciphertext and tag in bytes, at least IPCP_TAG_LEN
 * @counter: the packet's counter
 *
 * Both are in memory of the kernel's direct mapping.
 *
 * Context: Task, or softirq if ipcp_aead_ready().
 * Return: 0; -EBADMSG if it does not authenticate, the content is of no use
 * then; -EBUSY as ipcp_aead_seal().
 */
int ipcp_aead_open(const struct ipcp_aead *aead, u8 *pkt, u8 *out,
		   unsigned int len, u64 counter)
{
	struct scatterlist src __uninitialized, dst __uninitialized;

	if (aead->cipher == IPCP_REKEY_CIPHER_CHACHA20_POLY1305)
		return chacha20poly1305_decrypt(out + IPCP_HDR_LEN,
						pkt + IPCP_HDR_LEN, len, pkt,
						IPCP_HDR_LEN, counter,
						aead->key.bytes) ?
			0 : -EBADMSG;
	one_piece(&src, pkt, IPCP_HDR_LEN + len);
	if (pkt == out)
		return gcm_crypt(aead, &src, &src, len, counter, false);
	one_piece(&dst, out, IPCP_HDR_LEN + len);
	return gcm_crypt(aead, &src, &dst, len, counter, false);
}
