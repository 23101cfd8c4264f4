/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPCP_RBUFF_H
#define _IPCP_RBUFF_H

#include <linux/atomic.h>
#include <linux/refcount.h>
#include <linux/skbuff.h>
#include <linux/wait.h>
#include <uapi/linux/ipcp_rekey.h>

struct ipcp_user;

/* The ring is bounded in packets, for the replay window, and in memory. */
#define IPCP_RB_PACKETS		1024
#define IPCP_RB_BYTES		(4 * 1024 * 1024)

/**
 * struct ipcp_wait - where a file's users sleep
 * @refs: the file's reference, and two for each flow that wakes them: its ring's
 *	and its count's of messages on their way
 * @wq: readers, writers, pollers, who waits for an allocation or to accept
 * @rcu: freed a grace period after the last reference
 *
 * It outlives the file, the flow and its messages, so each may wake at any time.
 */
struct ipcp_wait {
	refcount_t refs;
	wait_queue_head_t wq;
	struct rcu_head rcu;
};

struct ipcp_wait *ipcp_wait_new(void);
void ipcp_wait_put(struct ipcp_wait *wait);
void ipcp_wait_wake(struct ipcp_wait *wait, __poll_t events);

static inline struct ipcp_wait *ipcp_wait_get(struct ipcp_wait *wait)
{
	refcount_inc(&wait->refs);
	return wait;
}

/**
 * struct ipcp_rbuff - a bounded queue of packets, and the flags word
 * @queue: buffers in order of arrival; its lock is the ring's
 * @packets: packets in all of them, to be read
 * @bytes: memory they take, under the lock
 * @quota: memory they may take without asking @user, under the lock
 * @flags: IPCP_RB_*, changed by ipcp_rbuff_change() alone
 * @wait: who waits for packets, room, or a flag
 * @user: whose limit it counts against, NULL for nobody's
 */
struct ipcp_rbuff {
	struct sk_buff_head queue;
	unsigned int packets;
	unsigned int bytes;
	unsigned int quota;
	atomic_t flags;
	struct ipcp_wait *wait;
	struct ipcp_user *user;
};

void ipcp_rbuff_init(struct ipcp_rbuff *rb, struct ipcp_wait *wait);
bool ipcp_rbuff_write(struct ipcp_rbuff *rb, struct sk_buff *skb,
		      unsigned int count);
void __ipcp_rbuff_taken(struct ipcp_rbuff *rb, unsigned int count);
void __ipcp_rbuff_unlink(struct ipcp_rbuff *rb, struct sk_buff *skb,
			 unsigned int count);
int ipcp_rbuff_change(struct ipcp_rbuff *rb, int set, int clear);
void ipcp_rbuff_wake(struct ipcp_rbuff *rb, __poll_t events);

static inline int ipcp_rbuff_flags(const struct ipcp_rbuff *rb)
{
	return atomic_read(&rb->flags);
}

static inline bool ipcp_rbuff_empty(const struct ipcp_rbuff *rb)
{
	return skb_queue_empty_lockless(&rb->queue);
}

static inline unsigned int ipcp_rbuff_queued(const struct ipcp_rbuff *rb)
{
	return READ_ONCE(rb->packets);
}

#endif /* _IPCP_RBUFF_H */
