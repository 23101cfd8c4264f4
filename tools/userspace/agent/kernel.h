/* SPDX-License-Identifier: GPL-2.0 */
/* The engine's world: the module, over netlink. */
#ifndef REKEYD_KERNEL_H
#define REKEYD_KERNEL_H

#include "engine.h"

extern const struct engine_ops kernel_ops;	/* ctx: struct ipcp_nl * */

/* What happened since the last look, see kernel_events(). */
struct kernel_news {
	bool upcalls;
	bool due;
	bool lost;		/* some events were lost */
	uint32_t due_flows[32];
	unsigned int ndue;
};

int kernel_events(struct ipcp_nl *nl, struct kernel_news *news);

/**
 * kernel_upcalls() - take upcalls off the queue and have them done
 *
 * Not too many at once, so that a flood of messages does not hold up timers.
 *
 * Return: 0 when the queue is empty, 1 if it may not be, or a negative errno.
 */
int kernel_upcalls(struct ipcp_nl *nl, struct engine *e,
		   const struct config *conf, const struct oap_env *oap);

/**
 * kernel_claim() - claim due flows and begin their exchanges
 *
 * Return: how many, or a negative errno.
 */
int kernel_claim(struct ipcp_nl *nl, struct engine *e, uint64_t min_age);

/* Asks for a re-key of those flows that cannot begin one themselves. */
int kernel_want_all(struct ipcp_nl *nl, struct engine *e);
void kernel_want(struct ipcp_nl *nl, struct engine *e, uint32_t flow);

#endif /* REKEYD_KERNEL_H */
