// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The count of a flow's messages that are on their way out, which they outlive
 * the flow with.
 */
#include <linux/slab.h>

#include "inflight.h"
#include "rbflags.h"

/**
 * ipcp_inflight_new() - Begin to count messages on their way
 * @consumer: who is woken when there is room; a reference is taken
 *
 * Context: Process context, may sleep.
 * Return: the count, without messages, the flow's until ipcp_inflight_end(); or
 * NULL.
 */
struct ipcp_inflight *ipcp_inflight_new(struct ipcp_consumer *consumer)
{
	struct ipcp_inflight *out = kzalloc(sizeof(*out), GFP_KERNEL_ACCOUNT);

	if (!out)
		return NULL;
	atomic_set(&out->count, IPCP_INFLIGHT_FLOW);
	out->consumer = ipcp_consumer_get(consumer);
	return out;
}

/**
 * ipcp_inflight_sub() - Messages are not on their way any more
 * @out: count
 * @n: how many
 *
 * Context: Under RCU, which keeps the count and its waiters.
 * Return: what is left of the count, the flow's share included.
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
 * ipcp_inflight_end() - The flow sends no more, and does not look any more
 * @out: count; freed when the last message is
 *
 * Context: Any context.
 */
void ipcp_inflight_end(struct ipcp_inflight *out)
{
	rcu_read_lock();
	ipcp_inflight_sub(out, IPCP_INFLIGHT_FLOW);
	rcu_read_unlock();
}
