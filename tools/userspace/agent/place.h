/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The address of the agent of a name, as configured. */
#ifndef REKEYD_PLACE_H
#define REKEYD_PLACE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/**
 * struct place - an address of an agent
 * @addr: address and port
 * @zone: name of the interface of a link-local address, else empty. The
 *	interface may be removed and created again with another index
 */
struct place {
	struct sockaddr_storage addr;
	char zone[IF_NAMESIZE];
};

/**
 * place_read() - parse an address of the configuration
 * @text: "192.0.2.1", "2001:db8::1" or "fe80::1%eth0"
 *
 * Return: NULL, or the expected form.
 */
const char *place_read(struct place *place, const char *text, uint16_t port);

void place_set_port(struct place *place, uint16_t port);

/**
 * place_find() - get the address to send to
 * @addr: set on success
 *
 * Return: false if the interface does not exist now.
 */
bool place_find(const struct place *place, struct sockaddr_storage *addr);

#endif /* REKEYD_PLACE_H */
