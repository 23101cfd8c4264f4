/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * When flows are re-keyed for their age: each between three quarters of the
 * interval and the whole of it, and never many at once, though they may all
 * have been allocated in the same second, on many hosts.
 */
#ifndef REKEYD_PACE_H
#define REKEYD_PACE_H

#include <stdint.h>

/**
 * struct pace - all zero at first
 * @last: when it was asked
 * @credit: flows that may be re-keyed now, in thousandths
 * @share: what part of the last quarter the next one waits, of 65536
 */
struct pace {
	uint64_t last;
	uint64_t credit;
	uint16_t share;
};

/**
 * pace_tick() - how often to look for flows that are old enough
 * @interval: re-key interval
 *
 * All times are in milliseconds.
 */
uint64_t pace_tick(uint32_t interval);

/**
 * pace_take() - how many flows may be re-keyed for their age now
 * @pace: state
 * @now: monotonic time
 * @interval: re-key interval
 * @flows: how many there are
 * @min_age: age from which on; out
 */
unsigned int pace_take(struct pace *pace, uint64_t now, uint32_t interval,
		       unsigned int flows, uint64_t *min_age);

/**
 * pace_spent() - so many were
 */
void pace_spent(struct pace *pace, unsigned int flows);

#endif /* REKEYD_PACE_H */
