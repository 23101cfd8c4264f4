/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The operations of the engine, by netlink to the module. */
#ifndef REKEYD_KERNEL_H
#define REKEYD_KERNEL_H

#include "engine.h"
#include "user-limits.h"

struct dns;
struct keylog;

/**
 * struct kernel - context of the operations of the engine
 * @nl: handle of the module
 * @dns: the resolver
 * @keylog: the key log; NULL for none
 * @wanted: last flow for which a re-key was requested, see kernel_look()
 * @limited: last flow whose limit was set, see kernel_look()
 * @granted: limit of lines about programs that serve or provide a name
 * @refused: limit of lines about programs that may not
 * @ended: limit of lines about names that are no longer served or provided
 */
struct kernel {
	struct ipcp_nl *nl;
	struct dns *dns;
	struct keylog *keylog;
	uint32_t wanted;
	uint32_t limited;
	struct user_limits granted;
	struct user_limits refused;
	struct log_limit ended;
};

extern const struct engine_ops kernel_ops;

#define NEWS_MAX	32

/* News since the last call, see kernel_events(). */
struct kernel_news {
	bool upcalls;
	bool due;
	bool copied;		/* the machine was copied */
	bool lost;		/* some events were lost */
	uint32_t due_flows[NEWS_MAX];
	unsigned int ndue;
	uint32_t asked_flows[NEWS_MAX];	/* flows with a known result */
	unsigned int nasked;
};

int kernel_events(struct kernel *k, struct kernel_news *news);

/**
 * kernel_upcalls() - take upcalls from the queue and process them
 *
 * Takes a limited number, so that a flood of messages does not delay timers.
 *
 * Return: 0 when the queue is empty, 1 if it may not be, -ENOMEM if there is no
 * memory now and no upcall is lost, or another negative errno after logging the
 * reason.
 */
int kernel_upcalls(struct kernel *k, struct engine *e,
		   const struct config *conf, const struct oap_env *oap);

/**
 * kernel_claim() - claim due flows and begin their exchanges
 * @limit: maximum number of flows to claim
 * @min_age: also claim flows whose newest epoch is at least this old; 0 for due
 *	flows only
 *
 * Return: the number of claimed flows, or a negative errno.
 */
int kernel_claim(struct kernel *k, struct engine *e, unsigned int limit,
		 uint64_t min_age);

/**
 * kernel_lost() - check whether this process is no longer the agent
 *
 * True after the module was unloaded, even if it was loaded again.
 */
bool kernel_lost(struct kernel *k);

/**
 * kernel_flows() - return the number of flows
 */
unsigned int kernel_flows(struct kernel *k);

/**
 * kernel_copies() - get the number of noticed copies of the machine
 */
int kernel_copies(struct kernel *k, unsigned int *copies);

/**
 * kernel_look() - look at all flows
 *
 * Requests a re-key of flows whose responder is here, if they need one, and
 * gives flows the limit that the configuration sets to the age of an epoch.
 * Handles some flows per call, all flows in turn.
 *
 * Return: 1 if there may be more flows, 0 if there are none, or a negative errno.
 */
int kernel_look(struct kernel *k, struct engine *e, const struct config *conf);
void kernel_want(struct kernel *k, struct engine *e, uint32_t flow);

#endif /* REKEYD_KERNEL_H */
