/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPCP_RBFLAGS_H
#define _IPCP_RBFLAGS_H

#include <linux/atomic.h>
#include <linux/poll.h>
#include <linux/refcount.h>
#include <linux/wait.h>
#include <uapi/linux/ipcp_rekey.h>

/* What may have become true when a flag or the state of a flow changed. */
#define IPCP_WAKE_ALL	(EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | \
			 EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)

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
 * struct ipcp_rbflags - the flags word of a ring
 * @word: IPCP_RB_*, changed by ipcp_rbflags_change() alone
 * @wait: where users of the ring sleep, with a reference
 */
struct ipcp_rbflags {
	atomic_t word;
	struct ipcp_wait *wait;
};

void ipcp_rbflags_init(struct ipcp_rbflags *flags, struct ipcp_wait *wait);
int ipcp_rbflags_change(struct ipcp_rbflags *flags, int set, int clear);

static inline int ipcp_rbflags(const struct ipcp_rbflags *flags)
{
	return atomic_read(&flags->word);
}

static inline void ipcp_rbflags_wake(struct ipcp_rbflags *flags,
				     __poll_t events)
{
	ipcp_wait_wake(flags->wait, events);
}

#endif /* _IPCP_RBFLAGS_H */
