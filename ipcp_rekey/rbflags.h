/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_RBFLAGS_H
#define _IPCP_RBFLAGS_H

#include <linux/atomic.h>
#include <linux/poll.h>
#include <linux/refcount.h>
#include <uapi/linux/ipcp_rekey.h>

struct ipcp_consumer;

/* What may have become true when a flag or the state of a flow changed. */
#define IPCP_WAKE_ALL	(EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | \
			 EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)

/**
 * struct ipcp_consumer_ops - what uses a flow, or serves a name
 * @wake: the ring, a flag or the state changed, so that @events (EPOLL*) may be
 *	true now; for a server: the agent answered, or a flow can be accepted.
 *	Called in any context, also with interrupts off and after the consumer has
 *	released the flow: does not sleep, takes no lock but its own
 * @spawn: make the consumer of a flow that comes in for the name that @server
 *	serves, with one reference for the caller. Process context, under ipn->lock,
 *	may sleep. Returns NULL without memory
 */
struct ipcp_consumer_ops {
	void (*wake)(struct ipcp_consumer *consumer, __poll_t events);
	struct ipcp_consumer *(*spawn)(struct ipcp_consumer *server);
};

/**
 * struct ipcp_consumer - who uses a flow, or serves a name
 * @ops: what the consumer does
 * @refs: the user's own; its listener's; and two for each flow, its ring's and
 *	its count's of messages on their way
 * @rcu: freed a grace period after the last reference
 *
 * The first member of what the user has of its flow, which is freed with it. So it
 * outlives the file, the flow and its messages, and each may wake at any time.
 */
struct ipcp_consumer {
	const struct ipcp_consumer_ops *ops;
	refcount_t refs;
	struct rcu_head rcu;
};

static inline void ipcp_consumer_init(struct ipcp_consumer *consumer,
				      const struct ipcp_consumer_ops *ops)
{
	consumer->ops = ops;
	refcount_set(&consumer->refs, 1);
}

static inline struct ipcp_consumer *
ipcp_consumer_get(struct ipcp_consumer *consumer)
{
	refcount_inc(&consumer->refs);
	return consumer;
}

void ipcp_consumer_put(struct ipcp_consumer *consumer);
void ipcp_consumer_wake(struct ipcp_consumer *consumer, __poll_t events);

/**
 * struct ipcp_rbflags - the flags word of a ring
 * @word: IPCP_RB_*, changed by ipcp_rbflags_change() alone
 * @consumer: who is woken for it, with a reference
 */
struct ipcp_rbflags {
	atomic_t word;
	struct ipcp_consumer *consumer;
};

void ipcp_rbflags_init(struct ipcp_rbflags *flags,
		       struct ipcp_consumer *consumer);
int ipcp_rbflags_change(struct ipcp_rbflags *flags, int set, int clear);

static inline int ipcp_rbflags(const struct ipcp_rbflags *flags)
{
	return atomic_read(&flags->word);
}

static inline void ipcp_rbflags_wake(struct ipcp_rbflags *flags,
				     __poll_t events)
{
	ipcp_consumer_wake(flags->consumer, events);
}

#endif /* _IPCP_RBFLAGS_H */
