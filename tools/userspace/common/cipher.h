/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The ciphers: numbers, names, and how strong each is held to be. */
#ifndef IPCP_COMMON_CIPHER_H
#define IPCP_COMMON_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIPHER_LIST_LEN	128	/* room for cipher_list() */

/**
 * cipher_rank() - how strong a cipher is
 * @nid: its number
 *
 * Return: 1 is the weakest; 0 for none, -1 for what is unknown.
 */
int cipher_rank(uint32_t nid);

/**
 * cipher_known() - does the table have it
 * @nid: its number
 *
 * Return: false for none, too.
 */
bool cipher_known(uint32_t nid);

/**
 * cipher_offered() - does the kernel module have it
 * @nid: its number
 *
 * Return: false for none and for what is unknown, too.
 */
bool cipher_offered(uint32_t nid);

/**
 * cipher_of_rank() - the weakest cipher of the module that is strong enough
 * @rank: how strong, see cipher_rank()
 *
 * Return: its number, or 0.
 */
uint16_t cipher_of_rank(int rank);

/**
 * cipher_by_name() - look a cipher up
 * @name: name that enc.conf has
 *
 * Return: its number; 0 if it is unknown.
 */
uint16_t cipher_by_name(const char *name);

/**
 * cipher_name() - name of a cipher
 * @nid: its number
 *
 * Return: the name that enc.conf has; "none" for 0, "?" for what is unknown.
 */
const char *cipher_name(uint32_t nid);

/**
 * cipher_list() - the ciphers of the module in words
 * @buf: where to; "A, B or C", the weakest first
 *
 * Return: @buf.
 */
const char *cipher_list(char buf[CIPHER_LIST_LEN]);

#endif /* IPCP_COMMON_CIPHER_H */
