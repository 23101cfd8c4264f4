/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_INFLIGHT_H
#define _IPCP_INFLIGHT_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/rcupdate.h>

struct ipcp_consumer;

/* The flow's share of the count; exceeds any number of messages. */
#define IPCP_INFLIGHT_FLOW	((int)BIT(30))

/**
 * struct ipcp_inflight - messages of a flow that are in flight
 * @count: number of messages, plus IPCP_INFLIGHT_FLOW until the flow has ended.
 *	Locking: atomic.
 * @consumer: consumer to wake when there is room, with a reference. Locking:
 *	set once.
 * @rcu: frees the structure a grace period after @count has become 0
 *
 * A message in flight may be held for longer than its flow and the namespace
 * live, so it points to this structure only. The pointer shares a word with the
 * number of messages in the buffer, hence the alignment.
 */
struct ipcp_inflight {
	atomic_t count;
	struct ipcp_consumer *consumer;
	struct rcu_head rcu;
} __aligned(64);

struct ipcp_inflight *ipcp_inflight_new(struct ipcp_consumer *consumer);
void ipcp_inflight_end(struct ipcp_inflight *out);
unsigned int ipcp_inflight_sub(struct ipcp_inflight *out, unsigned int n);

#endif /* _IPCP_INFLIGHT_H */
