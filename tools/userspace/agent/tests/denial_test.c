// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Denials that end flows whose keys were lost. */

#include <errno.h>
#include <string.h>

#include "world.h"

#define MANY	(2 * FAILURES_MAX)

/* Begin the re-keys that are due, as the kernel lets the agent claim them. */
static void claim_due(struct fake_flow **flows, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (allocated(flows[i]) && !flows[i]->f.in_flight &&
		    clock_ms >= flows[i]->retry_at)
			claim(flows[i]);
}

/*
 * The flows of a copied machine end, however many there are: each has a time of
 * its first denial, and a hold of its own.
 */
static void many_flows_without_keys_all_end(void **state)
{
	struct fake_flow *flows[MANY];
	struct record *record;
	unsigned int i, tries;

	(void)state;
	start_good();
	for (i = 0; i < MANY; i++) {
		flows[i] = alloc(BOB, 0);
		run_for(50);
		assert_true(allocated(flows[i]));
		peer_of(flows[i])->f.recoverable = 0;	/* bob denies */
	}
	alice.no_keys = true;
	record = &alice.e->record;
	for (i = 0; i < 300; i++) {
		claim_due(flows, MANY);
		run_for(1000);
		assert_true(record->nfailures <= FAILURES_MAX);
		if (i == 0)
			assert_int_equal(record_times(record, 1), 1);
	}
	assert_int_equal(flows_at(&alice), 0);
	for (i = 0; i < MANY; i++) {
		assert_int_equal(flows[i]->error, EKEYEXPIRED);
		assert_int_equal(record_times(record, i + 1), 0);
	}
	/* 1 + 2 + ... + 32 s between the tries, so each flow ends at the 7th */
	tries = record->rekey_in_clear;
	assert_int_equal(tries, 7 * MANY);
}

/* Failures of flows that are gone do not stay, even if nobody tells of the end. */
static void failures_of_flows_that_are_gone_are_swept(void **state)
{
	struct record *record;
	uint32_t i;

	(void)state;
	start_good();
	record = &alice.e->record;
	for (i = 1; i <= 3; i++)
		record_failure(record, REKEY_FAILED, i, BOB, NULL, "x", 1);
	record_failure(record, ALLOC_FAILED, 0, BOB, NULL, "x", 1);
	for (i = 0; i < 2; i++) {
		engine_seen(alice.e, 2);
		engine_seen(alice.e, 77);
		engine_sweep(alice.e);
		assert_int_equal(record_times(record, 1), 0);
		assert_int_equal(record_times(record, 2), 1);
		assert_int_equal(record_times(record, 3), 0);
		assert_int_equal(record->nfailures, 2);
	}
	engine_sweep(alice.e);
	assert_int_equal(record_times(record, 2), 0);
	assert_int_equal(record->nfailures, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(many_flows_without_keys_all_end),
		TEST(failures_of_flows_that_are_gone_are_swept),
	};

	return WORLD_MAIN("denial", tests);
}
