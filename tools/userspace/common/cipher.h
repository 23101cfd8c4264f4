/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Ciphers: numbers, names and strength. */
#ifndef IPCP_COMMON_CIPHER_H
#define IPCP_COMMON_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIPHER_LIST_LEN	128	/* buffer of cipher_list() */

/**
 * cipher_rank() - get the strength of a cipher
 * @nid: number of the cipher
 *
 * Return: 1 for the weakest; 0 for none, -1 for an unknown cipher.
 */
int cipher_rank(uint32_t nid);

/**
 * cipher_known() - check whether the table has a cipher
 * @nid: number of the cipher
 *
 * Return: false also for none.
 */
bool cipher_known(uint32_t nid);

/**
 * cipher_offered() - check whether the kernel module supports a cipher
 * @nid: number of the cipher
 *
 * Return: false also for none and for an unknown cipher.
 */
bool cipher_offered(uint32_t nid);

/**
 * cipher_of_rank() - find the weakest supported cipher of at least a given
 * strength
 * @rank: the strength, see cipher_rank()
 *
 * Return: the number of the cipher, or 0.
 */
uint16_t cipher_of_rank(int rank);

/**
 * cipher_by_name() - look up a cipher
 * @name: name as in enc.conf
 *
 * Return: the number of the cipher; 0 if it is unknown.
 */
uint16_t cipher_by_name(const char *name);

/**
 * cipher_name() - get the name of a cipher
 * @nid: number of the cipher
 *
 * Return: the name as in enc.conf; "none" for 0, "?" for an unknown cipher.
 */
const char *cipher_name(uint32_t nid);

/**
 * cipher_list() - list the supported ciphers
 * @buf: the buffer; receives "A, B or C", the weakest first
 *
 * Return: @buf.
 */
const char *cipher_list(char buf[CIPHER_LIST_LEN]);

#endif /* IPCP_COMMON_CIPHER_H */
