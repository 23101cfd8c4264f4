/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Socket addresses as text, and provider numbers stored as an address. */
#ifndef IPCP_COMMON_ADDR_H
#define IPCP_COMMON_ADDR_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDR_HOST_LEN	(INET6_ADDRSTRLEN + 17)	/* %interface */
#define ADDR_TEXT_LEN	(ADDR_HOST_LEN + 8)	/* [], port */

/**
 * addr_text() - format a socket address
 * @addr: IPv4, IPv6, a provider, or AF_UNSPEC
 * @buf: the buffer
 *
 * Formats are "192.0.2.1:3435", "[2001:db8::1]:3435", "[fe80::1%eth0]:3435",
 * "provider 3", and "-" without an address.
 *
 * Return: @buf.
 */
const char *addr_text(const struct sockaddr_storage *addr,
		      char buf[ADDR_TEXT_LEN]);

/**
 * addr_host_text() - format a socket address without its port
 * @addr: IPv4, IPv6, or any other
 * @buf: the buffer
 *
 * Formats are "192.0.2.1", "2001:db8::1", "fe80::1%eth0", and "-" for any other
 * address.
 *
 * Return: @buf.
 */
const char *addr_host_text(const struct sockaddr_storage *addr,
			   char buf[ADDR_HOST_LEN]);

/**
 * addr_set_provider() - set an address to a provider
 * @addr: (output) address
 * @number: number of the provider, not 0
 */
void addr_set_provider(struct sockaddr_storage *addr, uint32_t number);

/**
 * addr_provider() - get the number of a provider
 * @addr: address
 *
 * Return: the number, 0 for any other address.
 */
uint32_t addr_provider(const struct sockaddr_storage *addr);

#endif /* IPCP_COMMON_ADDR_H */
