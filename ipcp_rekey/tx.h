/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPCP_TX_H
#define _IPCP_TX_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/types.h>

struct ipcp_epoch;
struct ipcp_flow;
struct ipcp_wait;
struct sk_buff;

/* What a message needs in front of it, beside what the device wants. */
#define IPCP_TX_HEADROOM	60U

/* Messages of a flow that may be on their way through the stack. */
#define IPCP_TX_QUEUE	256

/* The flow's share of the count of its messages: more than there can be. */
#define IPCP_INFLIGHT_FLOW	((int)BIT(30))

/**
 * struct ipcp_inflight - messages of a flow that are on their way out
 * @count: how many, and IPCP_INFLIGHT_FLOW until the flow has ended
 * @wait: who is woken when there is room, with a reference
 * @rcu: freed a grace period after @count has become 0
 *
 * All that a message has of its flow: who has the message may keep it for longer
 * than the flow, and its namespace, live.
 */
struct ipcp_inflight {
	atomic_t count;
	struct ipcp_wait *wait;
	struct rcu_head rcu;
} ____cacheline_aligned_in_smp;

struct ipcp_inflight *ipcp_inflight_new(struct ipcp_wait *wait);
void ipcp_inflight_end(struct ipcp_inflight *out);

struct sk_buff *ipcp_tx_alloc(size_t len, gfp_t gfp);
bool ipcp_tx_room(const struct ipcp_flow *flow);
bool ipcp_tx_ready(struct ipcp_flow *flow);
int ipcp_tx_data(struct ipcp_flow *flow, struct sk_buff *skb);
int ipcp_tx_try(struct ipcp_flow *flow, struct sk_buff *skb);
int ipcp_tx_prepare(struct ipcp_flow *flow);
struct sk_buff *ipcp_tx_segs_alloc(unsigned int len, unsigned int last,
				   unsigned int count, gfp_t gfp);
int ipcp_tx_segs(struct ipcp_flow *flow, struct sk_buff *skb, unsigned int len,
		 unsigned int count);
int ipcp_tx_control(struct ipcp_flow *flow, struct ipcp_epoch *ep, u8 type,
		    const void *payload, size_t len);
int ipcp_tx_current(struct ipcp_flow *flow, u8 type, const void *payload,
		    size_t len);

#endif /* _IPCP_TX_H */
