/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_AEAD_H
#define _IPCP_AEAD_H

#include <linux/types.h>

#include "keysched.h"

struct crypto_sync_aead;

/**
 * struct ipcp_aead - a leaf key that is ready for use
 * @cipher: enum ipcp_rekey_cipher
 * @tfm: AES-GCM transform with its key set
 * @key: ChaCha20-Poly1305 key; secret
 *
 * Locking: none. Nothing changes after the key is set, so any number of CPUs
 * may use the key concurrently.
 */
struct ipcp_aead {
	u16 cipher;
	union {
		struct crypto_sync_aead *tfm;
		struct ipcp_key key;
	};
};

int ipcp_aead_init(struct ipcp_aead *aead, u16 cipher);
int ipcp_aead_setkey(struct ipcp_aead *aead, struct ipcp_key *key);
void ipcp_aead_free(struct ipcp_aead *aead);

bool ipcp_aead_ready(void);
int ipcp_aead_seal(const struct ipcp_aead *aead, u8 *pkt, unsigned int len,
		   u64 counter);
int ipcp_aead_open(const struct ipcp_aead *aead, u8 *pkt, u8 *out,
		   unsigned int len, u64 counter);

bool ipcp_aead_known(u32 cipher);

#endif /* _IPCP_AEAD_H */
