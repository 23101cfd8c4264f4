/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_WAIT_H
#define _IPCP_WAIT_H

#include <linux/wait.h>

#include "rbflags.h"

struct ipcp_flow;

/* Events of readers and writers. A change of a flag wakes both. */
#define IPCP_WAIT_READ	(EPOLLIN | EPOLLRDNORM)
#define IPCP_WAIT_WRITE	(EPOLLOUT | EPOLLWRNORM)

/**
 * struct ipcp_wait - wait queue of a file, which is the consumer of its flow
 * @consumer: consumer; must be the first member, since the structure is freed
 *	with it
 * @wq: readers, writers, pollers, and tasks that wait for an allocation, for
 *	the agent's answer or for a flow to accept. Locking: its own lock
 *
 * The file holds a reference for its whole life.
 */
struct ipcp_wait {
	struct ipcp_consumer consumer;
	wait_queue_head_t wq;
};

extern const struct ipcp_consumer_ops ipcp_wait_ops;

struct ipcp_wait *ipcp_wait_new(void);
void ipcp_wait_wake(struct ipcp_consumer *consumer, __poll_t events);
long ipcp_wait_until(struct ipcp_wait *wait, __poll_t events,
		     bool (*ready)(const struct ipcp_flow *flow),
		     const struct ipcp_flow *flow, long timeo);
int ipcp_wait_slept(long left, long *timeo);

static inline struct ipcp_wait *ipcp_wait_of(struct ipcp_consumer *consumer)
{
	return container_of(consumer, struct ipcp_wait, consumer);
}

#endif /* _IPCP_WAIT_H */
