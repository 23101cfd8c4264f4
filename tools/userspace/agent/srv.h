/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Order the hosts of a service as RFC 2782 demands. */
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
 * srv_order() - sort records into the order in which to try them
 * @list: the records
 * @count: number of records
 * @dice: returns a random number below its argument
 */
void srv_order(struct srv *list, size_t count, uint32_t (*dice)(uint32_t below));

#endif /* REKEYD_SRV_H */
