/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_WAIT_H
#define _IPCP_WAIT_H

#include <linux/wait.h>

#include "rbflags.h"

/**
 * struct ipcp_wait - where a program sleeps, as the consumer of its flow
 * @consumer: first, since the memory is freed with it
 * @wq: readers, writers, pollers, waits for an allocation or for a flow to accept
 *
 * The file has one for its whole life, and a reference to it.
 */
struct ipcp_wait {
	struct ipcp_consumer consumer;
	wait_queue_head_t wq;
};

extern const struct ipcp_consumer_ops ipcp_wait_ops;

struct ipcp_wait *ipcp_wait_new(void);
void ipcp_wait_wake(struct ipcp_consumer *consumer, __poll_t events);

static inline struct ipcp_wait *ipcp_wait_of(struct ipcp_consumer *consumer)
{
	return container_of(consumer, struct ipcp_wait, consumer);
}

#endif /* _IPCP_WAIT_H */
