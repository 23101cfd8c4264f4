// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Show a flow to its program, by IPCP_IOC_GET_INFO and IPCP_IOC_ACCEPT. */
#include <linux/string.h>

#include "flow.h"
#include "show.h"
#include "view.h"

static u64 other_drops(const struct ipcp_stats *s)
{
	u64 n = 0;

	for (int i = IPCP_DROP_NONE + 1; i < IPCP_DROP_MAX; i++)
		n += s->drops[i];
	return n - s->drops[IPCP_DROP_EPOCH] - s->drops[IPCP_DROP_LATE] -
	       s->drops[IPCP_DROP_AHEAD] - s->drops[IPCP_DROP_AUTH] -
	       s->drops[IPCP_DROP_REPLAY] - s->drops[IPCP_DROP_RING_FULL];
}

/**
 * ipcp_show_for_program() - Fill in the information about a program's flow
 * @flow: flow
 * @info: (output) information; the caller sets @info->size
 *
 * Context: Process context.
 */
void ipcp_show_for_program(struct ipcp_flow *flow, struct ipcp_info *info)
{
	struct ipcp_stats s;
	struct ipcp_key_view v;

	ipcp_view_keys(flow, &v);
	ipcp_stats_sum(flow->stats, &s);
	info->state = READ_ONCE(flow->state);
	info->id = flow->id;
	info->cipher = READ_ONCE(flow->cipher);
	info->rb_flags = ipcp_rbflags(&flow->n_rb.flags);
	info->mtu = READ_ONCE(flow->mtu);
	info->mtu_confirmed = READ_ONCE(flow->probe.confirmed);
	info->epoch = READ_ONCE(flow->rk.epoch);
	info->tx_epoch = v.tx;
	info->newest_epoch = v.newest;
	info->initiator = READ_ONCE(flow->rk.initiator);
	info->tx_leaf = v.tx_leaf;
	info->rx_leaf = v.rx_leaf;
	info->packets_per_leaf = v.ppl;
	info->peer_timeout = jiffies_to_msecs(READ_ONCE(flow->peer_timeout));
	info->tx_left = v.tx_left;
	info->rx_left = v.rx_left;
	info->tx_packets = s.tx_packets;
	info->tx_bytes = s.tx_bytes;
	info->rx_packets = s.rx_packets;
	info->rx_bytes = s.rx_bytes;
	info->drop_key = s.drops[IPCP_DROP_EPOCH] + s.drops[IPCP_DROP_LATE] +
			 s.drops[IPCP_DROP_AHEAD];
	info->drop_auth = s.drops[IPCP_DROP_AUTH];
	info->drop_replay = s.drops[IPCP_DROP_REPLAY];
	info->drop_full = s.drops[IPCP_DROP_RING_FULL];
	info->drop_other = other_drops(&s);
	info->rekeys = READ_ONCE(flow->rekeys);
	info->leaves = v.tx_leaves + v.rx_leaves;
	info->recoveries = READ_ONCE(flow->recoveries);
	info->recovery_age = ipcp_view_recovery_age(flow);
	info->queued = ipcp_rbuff_queued(&flow->n_rb);
	info->error = READ_ONCE(flow->error);
	if (info->error) {
		smp_rmb();	/* pairs with smp_wmb() in set_error() */
		strscpy(info->reason, flow->reason, sizeof(info->reason));
	}
	strscpy(info->name, flow->name, sizeof(info->name));
	ipcp_show_peer(flow, info->peer_name, &info->authenticated);
}

/**
 * ipcp_show_peer() - Fill in the name of the peer
 * @flow: flow
 * @name: (output) name that the peer has proved; empty if it has proved none
 * @authenticated: (output) 1 if the peer has proved a name, else 0
 *
 * Context: Any context.
 */
void ipcp_show_peer(const struct ipcp_flow *flow,
		    char name[IPCP_NAME_LEN + 1], u32 *authenticated)
{
	const char *proved = ipcp_flow_peer_name(flow);

	strscpy_pad(name, proved ?: "", IPCP_NAME_LEN + 1);
	*authenticated = !!proved;
}
