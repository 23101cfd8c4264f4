/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_RBFLAGS_H
#define _IPCP_RBFLAGS_H

#include <linux/atomic.h>
#include <linux/poll.h>
#include <linux/refcount.h>
#include <uapi/linux/ipcp_rekey.h>

struct ipcp_consumer;

/*
 * Events that may have become true when a flag changed. EPOLLRDHUP is left to
 * ipcp_rbflags_change(). So are EPOLLHUP and EPOLLERR, which every poll() waits
 * for: they would repeat an edge-triggered EPOLLRDHUP.
 */
#define IPCP_WAKE_FLAGS	(EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | \
			 EPOLLPRI)

/* Events that may have become true when the state changed. */
#define IPCP_WAKE_ALL	(IPCP_WAKE_FLAGS | EPOLLHUP | EPOLLERR)

/**
 * struct ipcp_consumer_ops - operations of the user of a flow or a name
 * @wake: called when the ring, a flag or the state changed, so that @events
 *	(EPOLL*) may be true now. For a server: called when the agent answered
 *	or a flow can be accepted. Called in any context, also with interrupts
 *	off and after the consumer has released the flow. Must not sleep and
 *	takes no lock but its own
 * @spawn: create the consumer of an incoming flow for the name that @server
 *	serves, with one reference for the caller. Called in process context,
 *	may sleep; @server may have stopped serving meanwhile. Returns NULL if
 *	out of memory
 */
struct ipcp_consumer_ops {
	void (*wake)(struct ipcp_consumer *consumer, __poll_t events);
	struct ipcp_consumer *(*spawn)(struct ipcp_consumer *server);
};

/**
 * struct ipcp_consumer - the user of a flow or a name
 * @ops: operations of the consumer
 * @refs: references, held by the user, by its listener, by the ring of each
 *	flow and by the count of messages in flight of each flow
 * @rcu: frees the consumer a grace period after the last reference is dropped
 *
 * This is the first member of the user's own structure, which is freed with it.
 * The consumer outlives the file, the flow and its messages, so each of them
 * can wake it at any time.
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
 * @word: IPCP_RB_*. Locking: atomic; changed by ipcp_rbflags_change() only
 * @consumer: consumer to wake, with a reference; does not change
 */
struct ipcp_rbflags {
	atomic_t word;
	struct ipcp_consumer *consumer;
};

void ipcp_rbflags_init(struct ipcp_rbflags *flags,
		       struct ipcp_consumer *consumer);
int ipcp_rbflags_change(struct ipcp_rbflags *flags, int set, int clear);

/*
 * Pairs with the change of the word: a reader that sees FLOWDOWN here finds all
 * messages in the ring that were queued before FLOWDOWN was set.
 */
static inline int ipcp_rbflags(const struct ipcp_rbflags *flags)
{
	return atomic_read_acquire(&flags->word);
}

static inline void ipcp_rbflags_wake(struct ipcp_rbflags *flags,
				     __poll_t events)
{
	ipcp_consumer_wake(flags->consumer, events);
}

#endif /* _IPCP_RBFLAGS_H */
