/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The engine's world: the module, over netlink. */
#ifndef REKEYD_KERNEL_H
#define REKEYD_KERNEL_H

#include "engine.h"

struct dns;

/**
 * struct kernel - what the engine acts through, its ctx
 * @nl: the module
 * @dns: where names are
 * @wanted: the flow that a re-key was last asked for, see kernel_want_all()
 */
struct kernel {
	struct ipcp_nl *nl;
	struct dns *dns;
	uint32_t wanted;
};

extern const struct engine_ops kernel_ops;

/* What happened since the last look, see kernel_events(). */
struct kernel_news {
	bool upcalls;
	bool due;
	bool lost;		/* some events were lost */
	uint32_t due_flows[32];
	unsigned int ndue;
};

int kernel_events(struct kernel *k, struct kernel_news *news);

/**
 * kernel_upcalls() - take upcalls off the queue and have them done
 *
 * Not too many at once, so that a flood of messages does not hold up timers.
 *
 * Return: 0 when the queue is empty, 1 if it may not be, or a negative errno.
 */
int kernel_upcalls(struct kernel *k, struct engine *e,
		   const struct config *conf, const struct oap_env *oap);

/**
 * kernel_claim() - claim due flows and begin their exchanges
 * @limit: most
 * @min_age: also those whose newest epoch is that old; 0: only due ones
 *
 * Return: how many, or a negative errno.
 */
int kernel_claim(struct kernel *k, struct engine *e, unsigned int limit,
		 uint64_t min_age);

/**
 * kernel_flows() - how many there are
 */
unsigned int kernel_flows(struct kernel *k);

/**
 * kernel_want_all() - ask for a re-key of those flows that cannot begin one
 *
 * A few at a time, and all in turn.
 */
int kernel_want_all(struct kernel *k, struct engine *e);
void kernel_want(struct kernel *k, struct engine *e, uint32_t flow);

#endif /* REKEYD_KERNEL_H */
