/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* How things are, as JSON: Documentation/agent-status.md says what is in it. */
#ifndef REKEYD_STATUS_H
#define REKEYD_STATUS_H

#include <jansson.h>

#include "engine.h"
#include "../nl/nl.h"

#define STATUS_DUE_MAX	256	/* flows that are listed; all are counted */

/**
 * status_engine() - what the engine knows: exchanges by outcome, those under
 *                   way, those that failed
 *
 * Return: an object, or NULL without memory.
 */
json_t *status_engine(const struct engine *e);

/**
 * struct status_flows - a dump that is being looked through; all zero at first
 * @due: those that are due, once a list
 * @now: filled in by status_flow()
 */
struct status_flows {
	unsigned int total;
	unsigned int initiator;
	unsigned int ndue;
	unsigned int in_flight;
	uint64_t oldest_epoch;
	json_t *due;
};

/**
 * status_flow() - one flow of a dump, as ipcp_nl_flow_cb
 */
int status_flow(const struct ipcp_nl_flow *flow, void *arg);

/**
 * status_flows() - what was seen of all flows; @flows is done for then
 */
json_t *status_flows(struct status_flows *flows);

#endif /* REKEYD_STATUS_H */
