// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Nothing of a key stays behind: where it was, and where work on it went. */

#include <openssl/crypto.h>

#include "int.h"
#include "registers.h"

/* Deeper than the cryptography goes. */
#define DEAD_STACK	16384

/* Where the frames of those who worked were, this one is. */
static void __attribute__((noinline)) wipe_stack(void)
{
	uint8_t dead[DEAD_STACK];

	OPENSSL_cleanse(dead, sizeof(dead));
}

/**
 * oap_wipe_traces() - wipe what work on keys has left on the way
 *
 * Buffers are wiped where they are. But what OpenSSL's assembler code keeps of keys
 * on the stack nobody wipes; nor a digest that the processor's instructions for it
 * leave in vector registers, which the kernel stores with the thread. Best effort.
 */
void oap_wipe_traces(void)
{
	wipe_stack();
	oap_registers_wipe();
}

/**
 * oap_wipe_key() - wipe a key
 * @key: the key
 */
void oap_wipe_key(struct oap_key *key)
{
	OPENSSL_cleanse(key->b, sizeof(key->b));
}

void oap_seed_wipe(uint8_t *seed)
{
	OPENSSL_cleanse(seed, OAP_KEY_LEN);
	oap_wipe_traces();
}
