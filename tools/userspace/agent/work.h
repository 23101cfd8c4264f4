/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * The work of the agent, and its schedule: upcalls, claims, looks at all flows.
 */
#ifndef REKEYD_WORK_H
#define REKEYD_WORK_H

#include "kernel.h"
#include "pace.h"

/**
 * struct work - state; initially zero except for the first four members
 * @kernel: the module
 * @engine: the engine
 * @conf: the configuration
 * @oap: the certificates
 * @pace: pacing of re-keys by age
 * @next_claim: time of the next claim, unless an extra claim comes earlier
 * @next_look: time of the next work_look()
 * @next_upcalls: time of the next read of the queue without an event
 * @hungry: true if more flows are due than may be re-keyed at once
 * @no_memory: true if the module had no memory for the last upcall
 * @refused: true if the configuration of the last reload is unusable
 */
struct work {
	struct kernel *kernel;
	struct engine *engine;
	const struct config *conf;
	const struct oap_env *oap;
	struct pace pace;
	uint64_t next_claim;
	uint64_t next_look;
	uint64_t next_upcalls;
	bool hungry;
	bool no_memory;
	bool refused;
};

/*
 * The functions return 0 or, after logging why the agent has to exit, a
 * negative errno.
 */

/**
 * work_upcalls() - read the queue of upcalls
 */
int work_upcalls(struct work *w);

/**
 * work_claim() - claim due flows, as many as may be re-keyed now
 */
int work_claim(struct work *w);

/**
 * work_look() - ask for re-keys of flows whose responder is here, apply the
 * configuration to all flows, and check the module
 */
int work_look(struct work *w);

/**
 * work_turn() - do the work that is due
 * @next: set to the time of the next call, in monotonic milliseconds
 */
int work_turn(struct work *w, uint64_t *next);

#endif /* REKEYD_WORK_H */
