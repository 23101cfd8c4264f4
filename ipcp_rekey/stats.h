/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_STATS_H
#define _IPCP_STATS_H

#include <linux/percpu.h>

#include "drop.h"

struct sk_buff;

/**
 * struct ipcp_stats - statistics of a flow on one CPU
 * @tx_packets: messages passed to the stack
 * @tx_bytes: bytes of those messages
 * @rx_packets: messages read by the consumer
 * @rx_bytes: bytes of those messages
 * @drops: dropped packets by enum ipcp_drop
 *
 * Locking: None. Written with this_cpu operations, read locklessly.
 */
struct ipcp_stats {
	unsigned long tx_packets;
	unsigned long tx_bytes;
	unsigned long rx_packets;
	unsigned long rx_bytes;
	unsigned long drops[IPCP_DROP_MAX];
};

/**
 * struct ipcp_drops - drops on one CPU of packets that belong to no flow
 * @drops: dropped packets by enum ipcp_drop
 *
 * Locking: As struct ipcp_stats.
 */
struct ipcp_drops {
	unsigned long drops[IPCP_DROP_MAX];
};

void ipcp_stats_sum(const struct ipcp_stats __percpu *stats,
		    struct ipcp_stats *sum);
void ipcp_drops_sum(const struct ipcp_drops __percpu *drops,
		    struct ipcp_drops *sum);
int ipcp_drops_put(struct sk_buff *skb, int attr, const unsigned long *drops);

#endif /* _IPCP_STATS_H */
