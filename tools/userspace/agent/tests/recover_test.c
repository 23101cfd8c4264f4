// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Lost keys: questions, denials, and machines that were copied or rolled back.
 */

#include <errno.h>
#include <string.h>

#include "world.h"

/* The peer has the keys: only its agent is away, and comes back. */
static void an_absent_agent_causes_no_exchange_in_the_clear(void **state)
{
	struct fake_flow *f;
	uint64_t until;

	(void)state;
	f = good_flow();
	claim(f);
	until = clock_ms + 12000;
	while (step(until))
		lose_all_on_wire();
	assert_true(f->f.in_flight);
	assert_int_equal(alice.questions, 1);
	assert_int_equal(alice.e->record.rekey_in_clear, 0);
	run_for(6000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

/*
 * The age of a request under the keys is not checked: a request that would be
 * too old in the clear is answered, with the same bytes, after half a minute.
 */
static void requests_under_the_keys_are_valid_at_any_age(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = good_flow();
	alice.answered = true;	/* data still arrive under the keys */
	loss = 100;
	claim(f);
	run_for(25000);		/* a request in the clear may be 22 s old */
	assert_true(f->f.in_flight);
	assert_int_equal(bob.e->record.by[REKEY_ANSWERED].count, 0);
	loss = 0;
	run_for(4900);
	assert_false(f->f.in_flight);
	assert_int_equal(f->f.newest_epoch, 1);
	assert_int_equal(f->f.exchange, 1);
	check_same(f);
	assert_int_equal(bob.e->record.by[REKEY_ANSWERED].count, 1);
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, 0);
	assert_int_equal(alice.e->record.rekey_in_clear, 0);
}

/*
 * Without the keys, a peer without a certificate cannot be told from a
 * stranger.
 */
static void lost_keys_end_a_flow_without_certificates(void **state)
{
	struct fake_flow *f;

	(void)state;
	start("auth = \"none\"", "auth = \"none\"");
	f = alloc(BOB, 0);
	run_for(1000);
	alice.no_keys = true;
	claim(f);
	assert_false(f->used);
	assert_int_equal(f->error, EKEYEXPIRED);
	assert_int_equal(on_wire, 0);
}

/* Without the keys of the flow, the certificates are sufficient. */
static void certificates_suffice_to_recover_lost_keys(void **state)
{
	struct fake_flow *f;
	int i;

	(void)state;
	f = good_flow();
	for (i = 1; i < 4; i++) {
		alice.no_keys = i & 1;
		bob.no_keys = i & 2;
		claim(f);
		run_for(i == 2 ? 10000 : 4000);
		assert_int_equal(f->f.newest_epoch, i);
		check_same(f);
	}
	assert_int_equal(alice.e->record.rekey_in_clear, 3);
	/* another identity is refused in the clear, too */
	creds("mallory.example", &ca, NULL, NULL);
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 3);
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, 1);
	assert_true(allocated(f));
}

static void keys_lost_by_an_unsigned_peer_are_not_recovered(void **state)
{
	struct fake_flow *f;

	(void)state;
	start("auth = \"none\"", "auth = \"none\"");
	f = alloc(BOB, 0);
	run_for(1000);
	bob.no_keys = true;
	claim(f);
	run_for(40000);
	assert_int_equal(f->f.newest_epoch, 0);
	assert_int_equal(bob.e->record.by[REKEY_ANSWERED].count, 0);
	assert_false(f->f.in_flight);
	assert_true(allocated(f));
	alice.no_keys = true;
	claim(f);
	assert_false(f->used);
	assert_int_equal(f->error, EKEYEXPIRED);
}

static void a_responder_without_keys_gets_fresh_keys(void **state)
{
	struct fake_flow *f, *g;
	int i;

	(void)state;
	f = good_flow();
	for (i = 1; i <= 2; i++) {
		alice.no_events = i == 2;
		g = lose_at_bob(f);
		engine_want(bob.e, &g->f);	/* again: no effect */
		run_for(1000);
		assert_int_equal(alice.e->nheld, 1);
		assert_false(f->f.in_flight);
		run_for(4000);
		assert_int_equal(f->f.newest_epoch, i);
		check_same(f);
		run_for(10000);
		assert_true(TAILQ_EMPTY(&bob.e->exchanges));
		assert_int_equal(alice.e->nheld, 0);
	}
	assert_int_equal(alice.e->record.rekey_in_clear, 2);
}

/* Bob reports that the keys are lost while alice re-keys under them. */
static void a_peer_may_report_lost_keys_during_a_rekey(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = good_flow();
	bob.no_keys = true;
	claim(f);
	run_for(100);
	lose_at_bob(f);
	run_for(3500);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
	assert_int_equal(alice.e->record.rekey_in_clear, 1);
}

/* No other peer may report that bob has lost the keys. */
static void another_peer_cannot_report_lost_keys(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = good_flow();
	creds(NULL, NULL, "mallory.example", &ca);
	lose_at_bob(f);
	run_for(5000);
	assert_int_equal(alice.questions, 0);
	assert_int_equal(f->f.newest_epoch, 0);
	assert_true(allocated(f));
}

/*
 * A copy of a machine whose original is running: the flow of the copy ends at a
 * denial DENIED_APART_MS or more after the first.
 */
static void a_copied_responder_ends_its_flow_at_a_later_denial(void **state)
{
	struct fake_flow *f, *g;

	(void)state;
	f = good_flow();
	alice.answered = true;
	g = lose_at_bob(f);
	run_for(2000);
	assert_true(allocated(g));
	assert_true(TAILQ_EMPTY(&bob.e->exchanges));
	run_for(DENIED_APART_MS);
	assert_true(allocated(g));
	lose_at_bob(f);
	run_for(1000);
	assert_false(g->used);
	assert_int_equal(g->error, EKEYEXPIRED);
	assert_non_null(strstr(g->reason, "nobody lost them"));
	assert_true(allocated(f));
	assert_int_equal(f->f.newest_epoch, 0);
}

static void a_copied_initiator_ends_its_flow_at_a_later_denial(void **state)
{
	struct fake_flow *f, *g;
	int i;

	(void)state;
	f = good_flow();
	g = peer_of(f);
	bob.answered = true;
	alice.no_keys = true;
	for (i = 0; i < 2; i++) {
		claim(f);
		run_for(1000);
		assert_true(allocated(f));
		assert_false(f->f.in_flight);
	}
	run_for(DENIED_APART_MS);
	claim(f);
	run_for(1000);
	assert_false(f->used);
	assert_int_equal(f->error, EKEYEXPIRED);
	assert_true(g->used);
	assert_int_equal(g->f.newest_epoch, 0);
}

/* A machine that was rolled back continues from the numbers of its peer. */
static void a_rolled_back_initiator_adopts_the_numbers_of_its_peer(void **state)
{
	struct fake_flow *f, *g;

	(void)state;
	f = good_flow();
	g = peer_of(f);
	g->f.newest_epoch = 200;
	g->f.exchange = 5000;
	alice.no_keys = true;
	claim(f);
	run_for(4000);
	assert_int_equal(f->f.newest_epoch, 201);
	assert_int_equal(f->f.exchange, 5001);
	check_same(f);
	assert_int_equal(bob.questions, 1);
}

/* Rolled back by one: the next epoch number belongs to keys that bob uses. */
static void an_initiator_rolled_back_by_one_skips_the_epoch_in_use(void **state)
{
	struct fake_flow *f, *g;

	(void)state;
	f = good_flow();
	g = peer_of(f);
	claim(f);
	run_for(1000);
	g->f.tx_epoch = 1;
	f->f.newest_epoch = 0;
	alice.no_keys = true;
	claim(f);
	run_for(4000);
	assert_int_equal(f->f.newest_epoch, 2);
	check_same(f);
}

/*
 * An exchange number too far ahead is not adopted, since it would use up the
 * numbers. The flow cannot recover then, and ends at a later denial.
 */
static void numbers_of_the_peer_too_far_ahead_are_not_adopted(void **state)
{
	struct fake_flow *f, *g;

	(void)state;
	f = good_flow();
	g = peer_of(f);
	g->f.newest_epoch = 7;
	g->f.exchange = 100000;
	alice.no_keys = true;
	claim(f);
	run_for(1000);
	assert_false(f->f.in_flight);
	assert_int_equal(f->f.exchange, 1);
	assert_int_equal(f->retry_after, HOLD_FIRST_MS);
	claim(f);
	run_for(DENIED_APART_MS - 1000);
	assert_true(allocated(f));
	claim(f);
	run_for(1000);
	assert_false(f->used);
	assert_int_equal(f->error, EKEYEXPIRED);
	assert_non_null(strstr(f->reason, "exchange 100000"));
	assert_true(g->used);
}

/* The farthest exchange number that is adopted. */
static void the_farthest_numbers_of_the_peer_are_adopted(void **state)
{
	struct fake_flow *f, *g;

	(void)state;
	f = good_flow();
	g = peer_of(f);
	g->f.newest_epoch = 7;
	g->f.exchange = 1 + 65536;
	alice.no_keys = true;
	claim(f);
	run_for(4000);
	assert_int_equal(f->f.exchange, 1 + 65536 + 1);
	check_same(f);
}

/*
 * Silence may be an outage. After the outage, a peer that takes no fresh seed
 * does not end the flow, and neither does another host of the same name.
 */
static void a_denial_after_an_outage_does_not_end_the_flow(void **state)
{
	struct fake_flow *f;
	uint64_t until;
	int other;

	(void)state;
	for (other = 0; other < 2; other++) {
		start_good();
		if (!other)
			reload_bob("recover = no");
		f = alloc(BOB, 0);
		run_for(1000);
		alice.deaf = true;
		claim(f);
		until = clock_ms + 6000;
		while (step(until))
			lose_all_on_wire();
		if (other) {
			creds(NULL, NULL, BOB, &ca);	/* of another key */
			peer_of(f)->used = false;
		}
		run_for(5000);
		assert_int_equal(alice.e->record.rekey_in_clear, 1);
		assert_int_equal(alice.e->record.by[REKEY_FAILED].count, 1);
		assert_true(allocated(f));
		stop();
	}
	start_good();
}

/* A request that would be too old is replaced, with another claim. */
static void a_fresh_request_that_is_too_old_is_replaced(void **state)
{
	struct fake_flow *f;
	uint64_t until;

	(void)state;
	f = good_flow();
	alice.no_keys = true;
	claim(f);
	until = clock_ms + 25000;
	while (step(until))
		lose_all_on_wire();
	run_for(4500);
	assert_int_equal(f->f.newest_epoch, 1);
	assert_true(f->f.exchange > 1);
	check_same(f);
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, 0);
}

/*
 * If the kernel permits no fresh exchange in place of the current one, the
 * re-key has failed, and the flow is left alone as after any failure.
 */
static void a_refused_fresh_claim_counts_as_a_failed_rekey(void **state)
{
	struct fake_flow *f;
	unsigned int i;

	(void)state;
	f = good_flow();
	loss = 100;
	for (i = 0; i < 3; i++) {
		alice.no_keys = true;
		claim(f);
		run_for(1000);
		alice.no_keys = false;	/* as after a re-key in between */
		run_for(15000);
		assert_false(f->f.in_flight);
		assert_int_equal(f->retry_after, HOLD_FIRST_MS << i);
		assert_int_equal(alice.e->record.by[REKEY_FAILED].count, i + 1);
		assert_true(TAILQ_EMPTY(&alice.e->exchanges));
	}
	assert_int_equal(lines_with("failed: said the registry"), 1);
}

/* Failures without a flow, which strangers can cause, delay no flow. */
static void failures_without_a_flow_delay_no_flow(void **state)
{
	struct record record = { 0 };
	unsigned int i;

	(void)state;
	record_init(&record);
	record_failure(&record, REKEY_FAILED, 7, BOB, NULL, "of a flow", 1);
	assert_false(record_denied(&record, 7, 1));
	for (i = 0; i < 2 * FAILURES_MAX; i++)
		record_failure(&record, ALLOC_FAILED, 0, BOB, NULL, "x", i);
	assert_int_equal(record_hold(1), HOLD_FIRST_MS);
	assert_true(record_denied(&record, 7, 1 + DENIED_APART_MS));
	record_free(&record);
}

/*
 * Numbers are adopted once per re-key: if the peer is further ahead again,
 * the re-key fails.
 */
static void numbers_of_the_peer_are_adopted_only_once(void **state)
{
	struct fake_flow *f, *g;

	(void)state;
	f = good_flow();
	g = peer_of(f);
	alice.no_keys = true;
	g->f.newest_epoch = 100;
	g->f.exchange = 1000;
	claim(f);
	while (f->f.exchange < 1000)
		assert_true(step(clock_ms + 1000));
	g->f.newest_epoch = 200;
	g->f.exchange = 2000;
	run_for(1000);
	assert_false(f->f.in_flight);
	assert_int_equal(f->retry_after, HOLD_FIRST_MS);
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, 2);
}

/*
 * The peer no longer has the flow. A side with keys has asked under them, and
 * ends the flow; a side without keys waits for another denial.
 */
static void no_such_flow_ends_the_flow_of_a_side_with_keys(void **state)
{
	struct fake_flow *f, *g;
	int no_keys;

	(void)state;
	for (no_keys = 0; no_keys < 2; no_keys++) {
		f = good_flow();
		g = peer_of(f);
		g->used = false;
		alice.deaf = true;
		alice.no_keys = no_keys;
		claim(f);
		run_for(8000);
		assert_int_equal(f->used, no_keys);
		if (!no_keys)
			assert_int_equal(f->error, ESHUTDOWN);
		else
			assert_true(alice.e->record.nfailures);
		stop();
	}
	start_good();
}

/* A denial signed by another peer is ignored. */
static void a_denial_signed_by_another_peer_is_ignored(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = good_flow();
	bob.answered = true;
	alice.no_keys = true;
	creds(NULL, NULL, "mallory.example", &ca);
	claim(f);
	run_for(5000);
	assert_true(f->f.in_flight);
	assert_true(allocated(f));
}

/*
 * A flow is recoverable at a side if both sides have certificates and the
 * configuration of that side permits recovery.
 */
static void flows_are_recoverable_with_certificates_if_configured(void **state)
{
	static const struct {
		const char *alice, *bob;
		const char *alice_cn, *bob_cn;
		bool at_alice, at_bob;
	} cases[] = {
		{ "", "", ALICE, BOB, true, true },
		{ "recover = no", "", ALICE, BOB, false, true },
		{ "", "recover = no", ALICE, BOB, true, false },
		{ "auth = \"none\"", "auth = \"none\"", NULL, NULL, false, false },
	};
	struct fake_flow *f;
	size_t i;

	(void)state;
	for (i = sizeof(cases) / sizeof(cases[0]); i--;) {
		creds(cases[i].alice_cn, &ca, cases[i].bob_cn, &ca);
		start(cases[i].alice, cases[i].bob);
		f = alloc(BOB, 0);
		run_for(1000);
		assert_int_equal(f->f.recoverable, cases[i].at_alice);
		assert_int_equal(peer_of(f)->f.recoverable, cases[i].at_bob);
		stop();
	}
	start_good();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_absent_agent_causes_no_exchange_in_the_clear),
		TEST(requests_under_the_keys_are_valid_at_any_age),
		TEST(lost_keys_end_a_flow_without_certificates),
		TEST(certificates_suffice_to_recover_lost_keys),
		TEST(keys_lost_by_an_unsigned_peer_are_not_recovered),
		TEST(a_responder_without_keys_gets_fresh_keys),
		TEST(a_peer_may_report_lost_keys_during_a_rekey),
		TEST(another_peer_cannot_report_lost_keys),
		TEST(a_copied_responder_ends_its_flow_at_a_later_denial),
		TEST(a_copied_initiator_ends_its_flow_at_a_later_denial),
		TEST(a_rolled_back_initiator_adopts_the_numbers_of_its_peer),
		TEST(an_initiator_rolled_back_by_one_skips_the_epoch_in_use),
		TEST(numbers_of_the_peer_too_far_ahead_are_not_adopted),
		TEST(the_farthest_numbers_of_the_peer_are_adopted),
		TEST(a_denial_after_an_outage_does_not_end_the_flow),
		TEST(a_fresh_request_that_is_too_old_is_replaced),
		TEST(a_refused_fresh_claim_counts_as_a_failed_rekey),
		TEST(failures_without_a_flow_delay_no_flow),
		TEST(numbers_of_the_peer_are_adopted_only_once),
		TEST(no_such_flow_ends_the_flow_of_a_side_with_keys),
		TEST(a_denial_signed_by_another_peer_is_ignored),
		TEST(flows_are_recoverable_with_certificates_if_configured),
	};

	return WORLD_MAIN("recover", tests);
}
