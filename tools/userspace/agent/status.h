/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * The status of the agent as JSON, described in Documentation/agent-status.md.
 */
#ifndef REKEYD_STATUS_H
#define REKEYD_STATUS_H

#include <jansson.h>

#include "engine.h"
#include "../nl/nl.h"

#define STATUS_DUE_MAX	256	/* listed flows; all are counted */

/**
 * status_engine() - status of the engine: exchanges by outcome, exchanges in
 * progress, failures
 *
 * Return: an object, or NULL if there is no memory.
 */
json_t *status_engine(const struct engine *e);

/**
 * struct status_flows - state of a dump of the flows; initially zero
 * @due: array of due flows, at most STATUS_DUE_MAX
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
 * status_flow() - add one flow of a dump, as ipcp_nl_flow_cb
 */
int status_flow(const struct ipcp_nl_flow *flow, void *arg);

/**
 * status_flows() - return the result of the dump; consumes @flows
 */
json_t *status_flows(struct status_flows *flows);

#endif /* REKEYD_STATUS_H */
