// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The count of messages of a flow that are in flight. The messages may outlive
 * the flow, and so does the count.
 */
#include <linux/slab.h>

#include "inflight.h"
#include "owner.h"
#include "rbflags.h"

/**
 * ipcp_inflight_new() - Allocate the count of messages in flight
 * @consumer: consumer to wake when there is room; a reference is taken
 *
 * Context: Process context, may sleep.
 * Return: count without messages, held by the flow until ipcp_inflight_end();
 * or NULL.
 */
struct ipcp_inflight *ipcp_inflight_new(struct ipcp_consumer *consumer)
{
	struct ipcp_inflight *out = kzalloc(sizeof(*out), IPCP_GFP_PAYER);

	if (!out)
		return NULL;
	atomic_set(&out->count, IPCP_INFLIGHT_FLOW);
	out->consumer = ipcp_consumer_get(consumer);
	return out;
}

/**
 * ipcp_inflight_sub() - Account for messages that left the stack
 * @out: count
 * @n: number of messages, or IPCP_INFLIGHT_FLOW
 *
 * Context: Under RCU, which keeps the count and its consumer.
 * Return: the remaining count, including the share of the flow.
 */
unsigned int ipcp_inflight_sub(struct ipcp_inflight *out, unsigned int n)
{
	unsigned int left = atomic_sub_return(n, &out->count);

	if (unlikely(!left)) {
		ipcp_consumer_put(out->consumer);
		kfree_rcu(out, rcu);
	}
	return left;
}

/**
 * ipcp_inflight_end() - Drop the flow's share of the count
 * @out: count; freed together with the last message
 *
 * Context: Any context.
 */
void ipcp_inflight_end(struct ipcp_inflight *out)
{
	rcu_read_lock();
	ipcp_inflight_sub(out, IPCP_INFLIGHT_FLOW);
	rcu_read_unlock();
}
