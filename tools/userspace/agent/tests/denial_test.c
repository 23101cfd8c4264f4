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

/* The table of postponed re-keys has room again if nobody told of an end. */
static void postponements_of_flows_that_are_gone_are_swept(void **state)
{
	struct record *record;
	uint32_t i;

	(void)state;
	start_good();
	record = &alice.e->record;
	for (i = 1; i <= BUSY_FLOWS; i++)
		assert_int_equal(record_busy(record, i), 1);
	for (i = 0; i < 2; i++) {
		engine_seen(alice.e, 2);
		engine_sweep(alice.e);
	}
	assert_int_equal(record_busy(record, 1000), 1);
	assert_int_equal(record_busy(record, 2), 2);
	assert_int_equal(record_busy(record, 3), 1);
	engine_sweep(alice.e);
	assert_int_equal(record_busy(record, 2), 1);
}

/* A flow whose peer has lost the keys, and cannot get fresh ones. */
static struct fake_flow *unrecoverable_flow(void)
{
	struct fake_flow *f;

	start_good();
	reload_bob("recover = no");
	f = alloc(BOB, 0);
	run_for(1000);
	bob.no_keys = true;
	return f;
}

static void rekey_for(struct fake_flow *f, unsigned int seconds)
{
	while (seconds-- && allocated(f)) {
		claim_due(&f, 1);
		run_for(1000);
	}
}

/*
 * The peer has lost the keys, and recovers no flow. This side has the keys, and
 * met silence each time.
 */
static void a_flow_that_the_peer_cannot_recover_ends(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = unrecoverable_flow();
	rekey_for(f, 55);
	assert_true(allocated(f));
	assert_true(alice.e->record.by[REKEY_FAILED].count > 1);
	rekey_for(f, 120);
	assert_false(f->used);
	assert_int_equal(f->error, EKEYEXPIRED);
	assert_non_null(strstr(f->reason, "recover = no"));
	assert_true(alice.questions >= 2);
}

/* Another host that serves the name knows nothing of the flow's keys. */
static void another_host_cannot_call_a_flow_unrecoverable(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = unrecoverable_flow();
	creds(NULL, NULL, BOB, &ca);	/* of another key */
	rekey_for(f, 600);
	assert_true(allocated(f));
	assert_true(alice.e->record.by[REKEY_FAILED].count > 5);
}

/* An answer under the keys proves an outage: the denial before it is forgotten. */
static void an_answer_under_the_keys_makes_a_denial_forgotten(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = unrecoverable_flow();
	claim(f);
	run_for(10000);
	assert_int_equal(alice.e->record.by[REKEY_FAILED].count, 1);
	alice.answered = true;		/* only the peer's agent is away */
	claim(f);
	run_for(DENIED_APART_MS);
	assert_int_equal(alice.e->record.by[REKEY_TIMEOUT].count, 1);
	alice.answered = false;
	claim(f);
	run_for(10000);
	assert_int_equal(alice.e->record.by[REKEY_FAILED].count, 2);
	assert_true(allocated(f));
	rekey_for(f, 200);
	assert_false(f->used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(many_flows_without_keys_all_end),
		TEST(failures_of_flows_that_are_gone_are_swept),
		TEST(postponements_of_flows_that_are_gone_are_swept),
		TEST(a_flow_that_the_peer_cannot_recover_ends),
		TEST(another_host_cannot_call_a_flow_unrecoverable),
		TEST(an_answer_under_the_keys_makes_a_denial_forgotten),
	};

	return WORLD_MAIN("denial", tests);
}
