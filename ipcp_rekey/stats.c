// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Per-CPU statistics. They are summed when they are read. Each counter is one
 * word, so a read never tears.
 */
#include <linux/string.h>
#include <net/netlink.h>

#include "stats.h"

/**
 * ipcp_stats_sum() - Sum a flow's statistics over all CPUs
 * @stats: per-CPU statistics
 * @sum: (output) sum
 *
 * Context: Any context.
 */
void ipcp_stats_sum(const struct ipcp_stats __percpu *stats,
		    struct ipcp_stats *sum)
{
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct ipcp_stats *s = per_cpu_ptr(stats, cpu);

		sum->tx_packets += READ_ONCE(s->tx_packets);
		sum->tx_bytes += READ_ONCE(s->tx_bytes);
		sum->rx_packets += READ_ONCE(s->rx_packets);
		sum->rx_bytes += READ_ONCE(s->rx_bytes);
		for (int i = 0; i < IPCP_DROP_MAX; i++)
			sum->drops[i] += READ_ONCE(s->drops[i]);
	}
}

/**
 * ipcp_drops_sum() - Sum a namespace's drops over all CPUs
 * @drops: per-CPU drops
 * @sum: (output) sum
 *
 * Context: Any context.
 */
void ipcp_drops_sum(const struct ipcp_drops __percpu *drops,
		    struct ipcp_drops *sum)
{
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu)
		for (int i = 0; i < IPCP_DROP_MAX; i++)
			sum->drops[i] +=
				READ_ONCE(per_cpu_ptr(drops, cpu)->drops[i]);
}

/**
 * ipcp_drops_put() - Write drops by reason into a netlink message
 * @skb: message
 * @attr: type of the nest that holds them
 * @drops: IPCP_DROP_MAX counters
 *
 * Context: Any context.
 * Return: 0 or -EMSGSIZE.
 */
int ipcp_drops_put(struct sk_buff *skb, int attr, const unsigned long *drops)
{
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest)
		return -EMSGSIZE;
	for (int i = IPCP_DROP_NONE + 1; i < IPCP_DROP_MAX; i++)
		if (nla_put_u64_64bit(skb, i, drops[i], 0))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}
