/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_INFLIGHT_H
#define _IPCP_INFLIGHT_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

struct ipcp_consumer;
struct ipcp_user;

/* The flow's share of the count; exceeds any number of messages. */
#define IPCP_INFLIGHT_FLOW	((int)BIT(30))

/* Memory is reserved for a multiple of this number of messages. */
#define IPCP_INFLIGHT_STEP	16

/**
 * struct ipcp_inflight - messages of a flow that are in flight
 * @count: number of messages, plus IPCP_INFLIGHT_FLOW until the flow has ended.
 *	Locking: atomic.
 * @lock: protects @quota to @refused. No other lock is taken inside.
 * @consumer: consumer to wake when there is room, with a reference. Locking:
 *	set once.
 * @quota: number of messages whose memory is reserved from @user. Locking:
 *	written under @lock, may be read locklessly
 * @seg_len: longest packet that this memory suffices for. Locking: as @quota
 * @reserved: bytes of this memory. Locking: @lock
 * @refused: jiffies of the first reservation that @user was refused since the
 *	flow's worker woke senders last, or 0. Locking: as @quota, but cleared
 *	locklessly by the worker
 * @user: user who pays, with a reference, or NULL for no limit. Locking: set
 *	once.
 * @rcu: frees the structure a grace period after @count has become 0
 *
 * A message in flight may outlive its flow and the namespace, so the message
 * points to this structure only. The pointer shares a word with the number of
 * messages in the buffer, hence the alignment.
 */
struct ipcp_inflight {
	atomic_t count;
	spinlock_t lock;	/* see kernel-doc */
	struct ipcp_consumer *consumer;
	unsigned int quota;
	unsigned int seg_len;
	unsigned long reserved;
	unsigned long refused;
	struct ipcp_user *user;
	struct rcu_head rcu;
} __aligned(64);

struct ipcp_inflight *ipcp_inflight_new(struct ipcp_consumer *consumer,
					struct ipcp_user *user);
bool ipcp_inflight_grow(struct ipcp_inflight *out, unsigned int count,
			unsigned int seg_len, bool *kick);
void ipcp_inflight_trim(struct ipcp_inflight *out);
void ipcp_inflight_end(struct ipcp_inflight *out);
unsigned int ipcp_inflight_sub(struct ipcp_inflight *out, unsigned int n);

/*
 * True if the memory of @count more messages is reserved, each in a packet of
 * at most @seg_len bytes. Several senders may be granted the same room, so a flow
 * may exceed it by one buffer for each task that sends. Nothing is written. If
 * false, ipcp_inflight_grow() may reserve more.
 */
static inline bool ipcp_inflight_room(const struct ipcp_inflight *out,
				      unsigned int count, unsigned int seg_len)
{
	count += atomic_read(&out->count) - IPCP_INFLIGHT_FLOW;
	return count <= READ_ONCE(out->quota) &&
	       seg_len <= READ_ONCE(out->seg_len);
}

/* True if memory of a user is reserved, for ipcp_inflight_trim() to release. */
static inline bool ipcp_inflight_reserved(const struct ipcp_inflight *out)
{
	return out->user && READ_ONCE(out->quota);
}

#endif /* _IPCP_INFLIGHT_H */
