// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Check whether a message may be sent: the number of messages in flight is
 * below the limit, and the user of the flow has memory for another message.
 */
#include <linux/skbuff.h>

#include "cb.h"
#include "flow.h"
#include "inflight.h"
#include "tx.h"

/**
 * ipcp_tx_room() - Check that one more message may be sent
 * @flow: flow
 *
 * Context: Any context.
 * Return: false while IPCP_TX_QUEUE messages or more are in flight.
 */
bool ipcp_tx_room(const struct ipcp_flow *flow)
{
	return atomic_read(&flow->inflight->count) - IPCP_INFLIGHT_FLOW <
	       IPCP_TX_QUEUE;
}

/**
 * ipcp_tx_reserve() - Reserve the memory of a buffer's messages from the user
 * @flow: flow
 * @skb: buffer to send
 *
 * Memory reserved for a message that is not sent is kept for the next one.
 *
 * Context: Any context but hard interrupts.
 * Return: false if the user has no memory left. The worker of the flow wakes
 * senders when they may try again.
 */
bool ipcp_tx_reserve(struct ipcp_flow *flow, struct sk_buff *skb)
{
	const struct ipcp_skb_cb *cb = ipcp_cb(skb);
	struct ipcp_inflight *out = flow->inflight;
	bool done, kick;

	if (likely(ipcp_inflight_room(out, cb->left, cb->seg_len)))
		return true;
	done = ipcp_inflight_grow(out, cb->left, cb->seg_len, &kick);
	if (kick)
		ipcp_flow_kick(flow);
	return done;
}

/**
 * ipcp_tx_refused() - Check whether a message was refused for lack of memory
 * @flow: flow
 *
 * Context: Any context.
 * Return: true from a send that failed with -EDQUOT until the worker of the
 * flow wakes senders, which may then try again.
 */
bool ipcp_tx_refused(const struct ipcp_flow *flow)
{
	return READ_ONCE(flow->inflight->refused);
}
