// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Seal and open single packets, synchronously and in the caller's context.
 *
 * AES-GCM uses the crypto API, which has the vectorised implementations.
 * ChaCha20-Poly1305 uses the library. Both are synchronous, so the buffers and
 * keys of a packet need not outlive the call.
 *
 * The library holds the key in general registers, saves one of them on the
 * stack, and does not wipe that copy. The stack is wiped after each packet,
 * since nothing else is sure to overwrite the copy: in a softirq the frame
 * stays until another call chain reaches as deep. AES-GCM keeps keys in vector
 * registers only, where the processor has AES instructions.
 */
#include <crypto/chacha20poly1305.h>
#include <linux/scatterlist.h>
#include <uapi/linux/ipcp_rekey_netlink.h>

#include "aead.h"
#include "compat/sync_aead.h"
#include "hkdf.h"
#include "wire.h"

static unsigned int aes_key_len(u16 cipher)
{
	return cipher == IPCP_REKEY_CIPHER_AES_128_GCM ? 16 : 32;
}

/**
 * ipcp_aead_known() - Test whether flows can use a cipher
 * @cipher: enum ipcp_rekey_cipher, or any other number
 *
 * Context: Any context.
 * Return: true if @cipher is one of the supported AEAD ciphers.
 */
bool ipcp_aead_known(u32 cipher)
{
	return cipher == IPCP_REKEY_CIPHER_AES_128_GCM ||
	       cipher == IPCP_REKEY_CIPHER_AES_256_GCM ||
	       cipher == IPCP_REKEY_CIPHER_CHACHA20_POLY1305;
}

/**
 * ipcp_aead_init() - Allocate the resources of a key
 * @aead: AEAD to initialise; it has no key yet
 * @cipher: cipher for which ipcp_aead_known() is true
 *
 * Context: Process context, may sleep and load modules.
 * Return: 0; -ENOENT or -EINVAL if the kernel has no usable implementation of
 * the cipher; -ELIBBAD if the implementation failed its self-test; -ENOMEM.
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
 * ipcp_aead_setkey() - Set the key
 * @aead: AEAD initialised by ipcp_aead_init() and not in use yet
 * @key: key; consumed and wiped, also on failure
 *
 * Context: Process context.
 * Return: 0, or an error of the crypto API if memory is short.
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
 * ipcp_aead_free() - Wipe the key and free all resources
 * @aead: AEAD initialised by ipcp_aead_init()
 *
 * The crypto API wipes the key schedule of a transform when it frees it.
 *
 * Context: Process context.
 */
void ipcp_aead_free(struct ipcp_aead *aead)
{
	if (aead->cipher != IPCP_REKEY_CIPHER_CHACHA20_POLY1305)
		crypto_free_sync_aead(aead->tfm);
	memzero_explicit(aead, sizeof(*aead));
}

/* Equivalent to sg_init_one(), which takes five times as long. */
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
	u8 iv[IPCP_NONCE_LEN] __uninitialized;
	struct aead_request *req;
	int err;

	if (!ipcp_aead_usable(aead->tfm))
		return -EBUSY;
	req = ipcp_aead_request(room, aead->tfm);
	if (!req)
		return -ENOMEM;
	ipcp_wire_nonce(iv, counter);
	aead_request_set_callback(req, 0, NULL, NULL);
	aead_request_set_ad(req, IPCP_HDR_LEN);
	aead_request_set_crypt(req, src, dst, len, iv);
	err = seal ? crypto_aead_encrypt(req) : crypto_aead_decrypt(req);
	ipcp_aead_request_end(req, room);
	return err;
}

/**
 * ipcp_aead_ready() - Test whether packets can be sealed and decrypted here
 *
 * Context: Task or softirq.
 * Return: true in a task. False in a softirq that has interrupted a user of the
 * FPU, which is possible on older kernels only.
 */
bool ipcp_aead_ready(void)
{
	return ipcp_aead_all_usable();
}

/**
 * ipcp_aead_seal() - Encrypt a packet in place and append its tag
 * @aead: key
 * @pkt: header of IPCP_HDR_LEN bytes, message, and room for the tag; in the
 *	kernel's direct mapping
 * @len: length of the message in bytes
 * @counter: counter of the packet, never used with this key before
 *
 * Context: Task, or softirq if ipcp_aead_ready().
 * Return: 0; -EBUSY if the FPU is in use, which does not happen in the contexts
 * above; -ENOMEM, with the slow code of older kernels only.
 */
int ipcp_aead_seal(const struct ipcp_aead *aead, u8 *pkt, unsigned int len,
		   u64 counter)
{
	struct scatterlist sg __uninitialized;

	if (aead->cipher == IPCP_REKEY_CIPHER_CHACHA20_POLY1305) {
		chacha20poly1305_encrypt(pkt + IPCP_HDR_LEN, pkt + IPCP_HDR_LEN,
					 len, pkt, IPCP_HDR_LEN, counter,
					 aead->key.bytes);
		ipcp_stack_wipe();
		return 0;
	}
	one_piece(&sg, pkt, IPCP_HDR_LEN + len + IPCP_TAG_LEN);
	return gcm_crypt(aead, &sg, &sg, len, counter, true);
}

/**
 * ipcp_aead_open() - Verify the tag of a packet and decrypt it
 * @aead: key
 * @pkt: header of IPCP_HDR_LEN bytes, ciphertext and tag
 * @out: @pkt itself, or a buffer of the same size that does not overlap it. The
 *	message is written at offset IPCP_HDR_LEN; the bytes before it may be
 *	overwritten.
 * @len: length of ciphertext and tag in bytes, at least IPCP_TAG_LEN
 * @counter: counter of the packet
 *
 * Both buffers are in the kernel's direct mapping.
 *
 * Context: Task, or softirq if ipcp_aead_ready().
 * Return: 0; -EBADMSG if the packet does not authenticate, in which case the
 * contents of @out are undefined; -EBUSY or -ENOMEM as for ipcp_aead_seal().
 */
int ipcp_aead_open(const struct ipcp_aead *aead, u8 *pkt, u8 *out,
		   unsigned int len, u64 counter)
{
	struct scatterlist src __uninitialized, dst __uninitialized;
	bool good;

	if (aead->cipher == IPCP_REKEY_CIPHER_CHACHA20_POLY1305) {
		good = chacha20poly1305_decrypt(out + IPCP_HDR_LEN,
						pkt + IPCP_HDR_LEN, len, pkt,
						IPCP_HDR_LEN, counter,
						aead->key.bytes);
		ipcp_stack_wipe();
		return good ? 0 : -EBADMSG;
	}
	one_piece(&src, pkt, IPCP_HDR_LEN + len);
	if (pkt == out)
		return gcm_crypt(aead, &src, &src, len, counter, false);
	one_piece(&dst, out, IPCP_HDR_LEN + len);
	return gcm_crypt(aead, &src, &dst, len, counter, false);
}
