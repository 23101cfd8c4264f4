/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The work of the agent, and when it is due: upcalls, claims, looks at all flows. */
#ifndef REKEYD_WORK_H
#define REKEYD_WORK_H

#include "kernel.h"
#include "pace.h"

/**
 * struct work - state; initially zero but for the first four members
 * @kernel: the module
 * @engine: the engine
 * @conf: the configuration
 * @oap: the certificates
 * @pace: of the re-keys for age
 * @next_claim: when flows are claimed, if nothing asks for that earlier
 * @next_look: when work_look() is due
 * @next_upcalls: when the queue is read without an event
 * @hungry: more flows are due than are allowed
 * @no_memory: the module had no memory for the last upcall
 * @refused: the configuration of the last reload cannot be used
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
 * The functions return 0 or, after logging why the agent has to end, a negative
 * errno.
 */

/**
 * work_upcalls() - read the queue of upcalls
 */
int work_upcalls(struct work *w);

/**
 * work_claim() - claim flows that are due, as many as may be re-keyed now
 */
int work_claim(struct work *w);

/**
 * work_look() - look for flows that cannot begin a re-key, and for the module
 */
int work_look(struct work *w);

/**
 * work_turn() - do the work that is due
 * @next: set to when to call again, in monotonic milliseconds
 */
int work_turn(struct work *w, uint64_t *next);

#endif /* REKEYD_WORK_H */
