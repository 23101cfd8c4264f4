/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The order in which the hosts of a service are tried: RFC 2782. */
#ifndef REKEYD_SRV_H
#define REKEYD_SRV_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct srv - one SRV record
 * @priority: smaller ones first
 * @weight: its share among those of its priority
 * @port: of the service
 * @host: where it is
 */
struct srv {
	uint16_t priority;
	uint16_t weight;
	uint16_t port;
	char host[256];
};

/**
 * srv_order() - put records into the order in which to try them
 * @list: records
 * @count: of them
 * @dice: a random number below its argument
 */
void srv_order(struct srv *list, size_t count, uint32_t (*dice)(uint32_t below));

#endif /* REKEYD_SRV_H */
