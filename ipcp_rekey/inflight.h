/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_INFLIGHT_H
#define _IPCP_INFLIGHT_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/rcupdate.h>

struct ipcp_consumer;

/* The flow's share of the count of its messages: more than there can be. */
#define IPCP_INFLIGHT_FLOW	((int)BIT(30))

/**
 * struct ipcp_inflight - messages of a flow that are on their way out
 * @count: how many, and IPCP_INFLIGHT_FLOW until the flow has ended
 * @consumer: who is woken when there is room, with a reference
 * @rcu: freed a grace period after @count has become 0
 *
 * All that a message has of its flow, in a word with how many of them a buffer has,
 * hence the alignment: who has the message may keep it for longer
 * than the flow, and its namespace, live.
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
