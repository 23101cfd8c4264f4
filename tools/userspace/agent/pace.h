/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Pace the re-keys of flows by age: each flow between three quarters of the
 * interval and the whole interval, and never many flows at once, even if all of
 * them were allocated in the same second, on many hosts.
 */
#ifndef REKEYD_PACE_H
#define REKEYD_PACE_H

#include <stdint.h>

/**
 * struct pace - state of the pacing; initially zero
 * @last: time of the last call
 * @interval: re-key interval of the last call
 * @credit: flows that may be re-keyed now, times @interval
 * @share: fraction of the last quarter that the next flow waits, in 1/65536
 */
struct pace {
	uint64_t last;
	uint32_t interval;
	uint64_t credit;
	uint16_t share;
};

/**
 * pace_tick() - return how often to check for old flows
 * @interval: re-key interval
 *
 * All times are in milliseconds.
 */
uint64_t pace_tick(uint32_t interval);

/**
 * pace_take() - return how many flows may be re-keyed for their age now
 * @pace: state
 * @now: monotonic time
 * @interval: re-key interval
 * @flows: number of flows
 * @min_age: set to the minimum age
 */
unsigned int pace_take(struct pace *pace, uint64_t now, uint32_t interval,
		       unsigned int flows, uint64_t *min_age);

/**
 * pace_spent() - deduct re-keyed flows from the credit
 */
void pace_spent(struct pace *pace, unsigned int flows);

#endif /* REKEYD_PACE_H */
