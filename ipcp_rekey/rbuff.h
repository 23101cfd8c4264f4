/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_RBUFF_H
#define _IPCP_RBUFF_H

#include <linux/cache.h>
#include <linux/skbuff.h>

#include "drop.h"
#include "rbflags.h"
#include "users.h"

struct ipcp_consumer;

/* Limits of a ring: the number of messages and the memory they take. */
#define IPCP_RB_PACKETS		1024
#define IPCP_RB_BYTES		(4 * 1024 * 1024)

/**
 * struct ipcp_rbuff - a bounded queue of messages, and its flags word
 * @queue: buffers in order of arrival; its lock protects the ring
 * @packets: unread messages in all buffers. Locking: written under queue.lock,
 *	read locklessly
 * @bytes: memory that the buffers take. Locking: queue.lock
 * @quota: bytes reserved from @user, plus the IPCP_QUEUE_FREE that the flow has
 *	reserved. Locking: written under queue.lock, may be read locklessly
 * @grown: @quota has grown, so the flow's worker has to trim it later. Locking:
 *	written under queue.lock, may be read locklessly by a task that has
 *	written to the ring
 * @closed: nothing can be added any more. Locking: queue.lock
 * @flags: flags word and the consumer to wake. Locking: atomic
 * @user: user whose limit applies, or NULL for no limit; does not change
 */
struct ipcp_rbuff {
	/* Written for each message, by the receiver and by readers. */
	struct sk_buff_head queue ____cacheline_aligned_in_smp;
	unsigned int packets;
	unsigned int bytes;
	unsigned int quota;
	bool grown;
	bool closed;

	/* Read for each message, by writers, too. */
	struct ipcp_rbflags flags ____cacheline_aligned_in_smp;
	struct ipcp_user *user;
};

void ipcp_rbuff_init(struct ipcp_rbuff *rb, struct ipcp_consumer *consumer);
enum ipcp_drop ipcp_rbuff_write(struct ipcp_rbuff *rb, struct sk_buff *skb,
				unsigned int count);
enum ipcp_drop ipcp_rbuff_write_most(struct ipcp_rbuff *rb, struct sk_buff *skb,
				     unsigned int count);
void __ipcp_rbuff_taken(struct ipcp_rbuff *rb, unsigned int count);
void __ipcp_rbuff_link(struct ipcp_rbuff *rb, struct sk_buff *skb,
		       unsigned int count);
void __ipcp_rbuff_unlink(struct ipcp_rbuff *rb, struct sk_buff *skb,
			 unsigned int count);
bool ipcp_rbuff_take_grown(struct ipcp_rbuff *rb);
void ipcp_rbuff_trim(struct ipcp_rbuff *rb);

static inline bool ipcp_rbuff_empty(const struct ipcp_rbuff *rb)
{
	return skb_queue_empty_lockless(&rb->queue);
}

/* True if memory is reserved from a user, for ipcp_rbuff_trim() to release. */
static inline bool ipcp_rbuff_reserved(const struct ipcp_rbuff *rb)
{
	return rb->user && READ_ONCE(rb->quota) > IPCP_QUEUE_FREE;
}

static inline unsigned int ipcp_rbuff_queued(const struct ipcp_rbuff *rb)
{
	return READ_ONCE(rb->packets);
}

#endif /* _IPCP_RBUFF_H */
