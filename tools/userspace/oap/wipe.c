// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Wipe keys, and the stack and registers that operations on keys have used. */

#include <openssl/crypto.h>

#include "int.h"
#include "registers.h"

/* More stack than cryptographic functions use. */
#define DEAD_STACK	16384

/* This frame overlays the deeper frames that handled keys. Best effort. */
static void __attribute__((noinline)) wipe_stack(void)
{
	uint8_t dead[DEAD_STACK];

	OPENSSL_cleanse(dead, sizeof(dead));
}

/**
 * oap_wipe_traces() - wipe traces of operations on keys
 *
 * The owners of the buffers wipe them. But the assembler code of OpenSSL leaves
 * keys on the stack, and digest instructions of the processor leave state in
 * vector registers, which the kernel saves with the thread. Best effort.
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
