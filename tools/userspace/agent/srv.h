/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Choose and order the hosts of a service as RFC 2782 demands. */
#ifndef REKEYD_SRV_H
#define REKEYD_SRV_H

#include <stddef.h>
#include <stdint.h>

/* Prefix of the name in an SRV query. */
#define SRV_SERVICE	"_ipcp-rekey._udp."

/**
 * struct srv - one SRV record
 * @priority: smaller values come first
 * @weight: share among the records of the same priority
 * @port: port of the service
 * @host: name of the host
 */
struct srv {
	uint16_t priority;
	uint16_t weight;
	uint16_t port;
	char host[256];
};

/**
 * srv_room() - find room for another record
 * @list: the records
 * @count: number of records; increased if there is room for more
 * @max: the largest number
 * @priority: priority of the new record
 *
 * A full list loses a record of its highest priority value if the new one has a
 * lower value.
 *
 * Return: where to write the record; NULL to leave it out.
 */
struct srv *srv_room(struct srv *list, size_t *count, size_t max,
		     uint16_t priority);

/**
 * srv_order() - sort records into the order in which to try them
 * @list: the records
 * @count: number of records
 * @dice: returns a random number below its argument
 */
void srv_order(struct srv *list, size_t count, uint32_t (*dice)(uint32_t below));

#endif /* REKEYD_SRV_H */
