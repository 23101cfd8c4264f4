// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Re-keying: loss, restarts, and the checks of both sides. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

static void each_rekey_gives_both_ends_a_new_seed(void **state)
{
	struct fake_flow *f;
	uint8_t before[32];
	int i;

	(void)state;
	f = good_flow();
	for (i = 1; i <= 600; i++) {
		memcpy(before, f->seed, 32);
		claim(f);
		run_for(100);
		assert_int_equal(f->f.newest_epoch, i & 0xff);
		assert_memory_not_equal(before, f->seed, 32);
		check_same(f);
	}
}

static void rekeys_survive_loss_and_restarts_of_agents(void **state)
{
	struct fake_flow *f, *g;
	int i, done = 0;

	(void)state;
	f = good_flow();
	g = peer_of(f);
	chaos = true;
	loss = 40;
	for (i = 0; i < 200; i++) {
		dice_state = 77 + i;
		claim(f);
		while (f->f.in_flight && step(clock_ms + 60000)) {
			/* occasionally restart one of the agents */
			if (dice(100) == 0)
				restart(dice(2) ? &alice : &bob);
		}
		/*
		 * if the initiator has the epoch, the responder has it as well
		 */
		if (f->f.newest_epoch == f->claimed_epoch) {
			done++;
			assert_int_equal(g->f.newest_epoch,
					 f->f.newest_epoch);
			assert_memory_equal(g->seed, f->seed, 32);
		}
	}
	assert_true(done >= 150);
}

static void a_busy_responder_is_asked_again_soon(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = good_flow();
	bob.busy = true;
	claim(f);
	run_for(100);
	assert_false(f->f.in_flight);
	assert_true(engine_claim_at(alice.e) < clock_ms + BUSY_RETRY_MS);
	bob.busy = false;
	claim(f);
	run_for(100);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

/*
 * The responder has parked the seed, but its answer is lost and its agent
 * restarted.
 */
static void a_restarted_responder_replaces_its_parked_seed(void **state)
{
	struct fake_flow *f, *g;

	(void)state;
	f = good_flow();
	g = peer_of(f);
	claim(f);
	while (g->f.newest_epoch != 1)
		assert_true(step(clock_ms + 1000));
	restart(&bob);
	lose_all_on_wire();
	run_for(1000);
	assert_false(f->f.in_flight);
	assert_int_equal(f->f.newest_epoch, 0);
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

/*
 * A late copy of an old request is not answered: the responder keeps only the
 * answer to the newest one.
 */
static void a_late_copy_of_an_old_request_is_not_answered(void **state)
{
	struct fake_flow *f, *g;
	struct packet *old;

	(void)state;
	f = good_flow();
	g = peer_of(f);
	claim(f);
	assert_int_equal(on_wire, 1);
	old = malloc(sizeof(*old));
	*old = *wire[0];
	run_for(1000);
	claim(f);
	while (g->f.newest_epoch != 2)
		assert_true(step(clock_ms + 1000));
	lose_all_on_wire();
	old->at = clock_ms;
	wire[on_wire++] = old;
	run_for(5000);
	assert_int_equal(f->f.newest_epoch, 2);
	check_same(f);
	assert_int_equal(alice.e->record.by[REKEY_FAILED].count, 0);
}

/*
 * Answers under the keys are lost, and neither side hears the other. Another
 * exchange replaces the parked seed by a fresh seed in the clear.
 */
static void a_fresh_exchange_replaces_a_parked_seed(void **state)
{
	struct fake_flow *f;
	unsigned int i;

	(void)state;
	f = good_flow();
	alice.deaf = true;
	bob.deaf = true;
	claim(f);
	while (f->f.in_flight && step(clock_ms + 5000)) {
		for (i = 0; i < on_wire; i++)
			if (wire[i]->to == &alice && wire[i]->flow)
				wire[i]->flow = FLOWS;	/* not one of alice */
	}
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
	assert_int_equal(bob.e->record.by[REKEY_ANSWERED].count, 2);
	assert_int_equal(alice.e->record.by[REKEY_DONE].count, 1);
	assert_int_equal(alice.e->record.rekey_in_clear, 1);
	assert_int_equal(f->f.exchange, 2);
	assert_int_equal(peer_of(f)->f.exchange, 2);
}

/*
 * Chained seeds travel under the keys, fresh seeds in the clear. Either one
 * over the other carrier is refused.
 */
static void a_seed_over_the_wrong_carrier_is_refused(void **state)
{
	struct exchange *x;
	struct fake_flow *f;
	int in_clear;

	(void)state;
	f = good_flow();
	for (in_clear = 0; in_clear < 2; in_clear++) {
		alice.no_keys = !in_clear;	/* a fresh seed */
		claim(f);
		lose_all_on_wire();
		alice.no_keys = false;
		x = TAILQ_FIRST(&alice.e->exchanges);
		x->in_clear = in_clear;
		run_for(2000);
		assert_false(f->f.in_flight);
		assert_int_equal(f->f.newest_epoch, 0);
		assert_int_equal(peer_of(f)->f.newest_epoch, 0);
		assert_int_equal(alice.e->record.by[REKEY_FAILED].count,
				 in_clear + 1);
		assert_non_null(strstr(TAILQ_FIRST(&alice.e->record.failures)->text,
				       in_clear ? "a chained seed in the clear" :
						  "a fresh seed under the flow's keys"));
	}
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, 2);
}

static void an_unanswered_rekey_times_out_and_can_be_repeated(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = good_flow();
	alice.answered = true;	/* data arrive; only the agent is away */
	loss = 100;
	claim(f);
	run_for(29000);
	assert_true(f->f.in_flight);
	run_for(2000);
	assert_false(f->f.in_flight);
	assert_true(allocated(f));
	loss = 0;
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

/* Another name cannot take over; a new certificate of the same name can. */
static void only_the_same_name_may_rekey_a_flow(void **state)
{
	struct fake_flow *f;
	struct blob before, after;

	(void)state;
	f = good_flow();
	creds("mallory.example", &ca, NULL, NULL);
	claim(f);
	run_for(1000);
	assert_false(f->f.in_flight);
	assert_int_equal(f->f.newest_epoch, 0);
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, 1);
	creds(ALICE, &ca, "mallory.example", &ca);
	claim(f);
	run_for(1000);
	assert_false(f->f.in_flight);
	assert_int_equal(f->f.newest_epoch, 0);
	binding_blob_read(&before, f->f.blob, f->f.blob_len);
	creds(NULL, NULL, BOB, &ca);
	/*
	 * bob parked the exchange that alice refused; the next one replaces it
	 */
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
	binding_blob_read(&after, f->f.blob, f->f.blob_len);
	assert_memory_not_equal(before.peer.fingerprint,
				after.peer.fingerprint, OAP_FP_LEN);
}

/* A peer that was removed from the list of peers gets no more keys. */
static void a_peer_removed_from_the_list_cannot_rekey(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = good_flow();
	reload_bob("peers = {\"carol.example\", \"" ALICE "\"}");
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 1);
	reload_bob("peers = {\"carol.example\"}");
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 1);
	assert_non_null(strstr(TAILQ_FIRST(&alice.e->record.failures)->text,
			       "'" ALICE "' may not keep a flow to " BOB));
	reload_bob("");
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 2);
	check_same(f);
}

/*
 * Under the keys of the flow a certificate must not have expired, but a clock
 * that was set back does not matter.
 */
static void under_the_keys_only_expiry_of_certificates_counts(void **state)
{
	const long days = 2 * 86400;	/* the certificates are valid for one */
	struct fake_flow *f;

	(void)state;
	f = good_flow();
	wall_off = -days;
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
	alice.no_keys = true;	/* in the clear the clock matters */
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 1);
	alice.no_keys = false;
	wall_off = days;
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 1);
	assert_int_equal(alice.e->record.by[REKEY_DONE].count, 1);
}

/* A flow cannot be re-keyed from its responder. */
static void a_responder_cannot_rekey_a_flow(void **state)
{
	struct fake_flow *f, *g;

	(void)state;
	f = good_flow();
	g = peer_of(f);
	claim(f);
	/* reflect alice's request as if bob had sent it */
	assert_true(on_wire > 0);
	wire[0]->to = &alice;
	wire[0]->flow = f->f.id;
	run_for(100);
	assert_int_equal(f->f.newest_epoch, g->f.newest_epoch);
	assert_int_equal(alice.e->record.by[REKEY_ANSWERED].count, 0);
}

/* A request cannot re-key another flow of the same peers. */
static void a_request_cannot_rekey_another_flow(void **state)
{
	struct fake_flow *f, *other;
	unsigned int i;

	(void)state;
	f = good_flow();
	other = alloc(BOB, 0);
	run_for(1000);
	claim(f);
	assert_true(on_wire > 0);
	for (i = 0; i < on_wire; i++)
		wire[i]->flow = peer_of(other)->f.id;
	run_for(100);
	assert_int_equal(peer_of(other)->f.newest_epoch, 0);
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, 1);
	check_same(other);
}

static void a_due_responder_makes_the_initiator_claim(void **state)
{
	struct fake_flow *f, *g;
	struct ipcp_nl_flow low;

	(void)state;
	f = good_flow();
	g = peer_of(f);
	g->f.state = IPCP_REKEY_FLOW_STATE_ALLOCATED;
	low = g->f;
	engine_want(bob.e, &low);
	assert_int_equal(on_wire, 0);
	low.due = IPCP_REKEY_DUE_WATERMARK;
	engine_want(bob.e, &low);
	run_for(100);
	assert_int_equal(f->f.due, IPCP_REKEY_DUE_REQUEST);
	assert_true(engine_claim_at(alice.e) <= clock_ms);
}

static void a_truncated_blob_fails_the_rekey_only(void **state)
{
	struct fake_flow *f;
	struct blob blob;
	unsigned int i;

	(void)state;
	f = good_flow();
	for (i = 0; i < f->f.blob_len; i++)
		assert_false(binding_blob_read(&blob, f->f.blob, i));
	f->f.blob_len = 3;
	claim(f);
	assert_false(f->f.in_flight);
	assert_true(allocated(f));
}

static void messages_of_many_frames_survive_loss_and_reordering(void **state)
{
	struct fake_flow *f;
	char path[256];

	(void)state;
	if (OPENSSL_VERSION_NUMBER < 0x30500000L)
		skip();
	snprintf(path, sizeof(path), "%s/alice/client/" BOB, top);
	make_creds(path, ALICE, "ML-DSA-65", &ca);
	test_file(path, "enc.conf", "kex = X448MLKEM1024\n");
	snprintf(path, sizeof(path), "%s/bob/server/" BOB, top);
	make_creds(path, BOB, "ML-DSA-65", &ca);
	start("", "");
	chaos = true;
	loss = 10;
	f = alloc(BOB, 0);
	run_for(15000);
	assert_true(allocated(f));
	check_same(f);
	claim(f);
	run_for(15000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

/* A flow that cannot be re-keyed is tried less and less often. */
static void failed_rekeys_are_retried_less_and_less_often(void **state)
{
	static const uint32_t want[] = {
		1000, 2000, 4000, 8000, 16000, 32000, 64000, 120000, 120000,
	};
	struct fake_flow *f;
	size_t i;

	(void)state;
	f = good_flow();
	creds("mallory.example", &ca, NULL, NULL);
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		claim(f);
		run_for(1000);
		assert_false(f->f.in_flight);
		assert_int_equal(f->retry_after, want[i]);
		assert_int_equal(alice.e->record.nfailures, 1);
		assert_int_equal(bob.e->record.nfailures, 1);
	}
	creds(ALICE, &ca, NULL, NULL);
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 1);
	assert_int_equal(alice.e->record.nfailures, 0);
	assert_int_equal(bob.e->record.nfailures, 0);
	/* the delays start again */
	creds("mallory.example", &ca, NULL, NULL);
	claim(f);
	run_for(1000);
	assert_int_equal(f->retry_after, 1000);
}

/* Re-key for an hour, as the kernel does: again after each retry_after. */
static unsigned int try_for_an_hour(struct fake_flow *f)
{
	uint64_t until = clock_ms + 3600 * 1000;
	unsigned int tries = 0;

	forget_lines();
	while (clock_ms < until) {
		claim(f);
		do
			run_for(100);
		while (f->f.in_flight);
		assert_true(f->used);
		run_for(f->retry_after);
		tries++;
	}
	return tries;
}

/* Re-key, and check that each side that logged failures logs their end. */
static void goes_well_again(struct fake_flow *f, unsigned int failures,
			    unsigned int told_bob)
{
	char text[64];

	forget_lines();
	claim(f);
	run_for(1000);
	check_same(f);
	snprintf(text, sizeof(text), "re-keyed, after %u failures", failures);
	assert_int_equal(lines_with(text), 1);
	assert_int_equal(lines_with("re-keyed again"), told_bob);
	assert_int_equal(lines_with(""), 1 + told_bob);
	/* a further re-key logs nothing */
	claim(f);
	run_for(1000);
	assert_int_equal(lines_with(""), 1 + told_bob);
}

/* Each side logs a line when the refusals begin, and one when they end. */
static void a_series_of_refusals_is_logged_at_its_start_and_end(void **state)
{
	struct fake_flow *f;
	unsigned int tries;

	(void)state;
	f = good_flow();
	reload_bob("peers = {\"carol.example\"}");
	tries = try_for_an_hour(f);
	assert_in_range(tries, 30, 40);
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, tries);
	assert_int_equal(lines_with("re-key to epoch 1 failed"), 1);
	assert_int_equal(lines_with("trying again less and less often"), 1);
	assert_int_equal(lines_with("re-key refused"), 1);
	assert_int_equal(lines_with(""), 2);
	reload_bob("");
	goes_well_again(f, tries, 1);
}

/* The peer's agent is away while data flow. Bob hears and logs nothing. */
static void an_absent_peer_agent_is_logged_once(void **state)
{
	struct fake_flow *f;
	unsigned int tries;

	(void)state;
	f = good_flow();
	alice.answered = true;
	loss = 100;
	tries = try_for_an_hour(f);
	assert_in_range(tries, 20, 40);
	assert_int_equal(lines_with("failed: no answer in time"), 1);
	assert_int_equal(lines_with(""), 1);
	loss = 0;
	goes_well_again(f, tries, 0);
}

/* The peer's host is down: no answer under the keys, nor in the clear. */
static void an_hour_without_the_peer_host_takes_two_log_lines(void **state)
{
	struct fake_flow *f;
	unsigned int tries;

	(void)state;
	f = good_flow();
	loss = 100;
	tries = try_for_an_hour(f);
	assert_in_range(tries, 20, 40);
	assert_int_equal(alice.e->record.by[REKEY_TIMEOUT].count, tries);
	assert_int_equal(alice.e->record.by[REKEY_FAILED].count, 0);
	assert_int_equal(alice.e->record.rekey_in_clear, tries);
	assert_int_equal(TAILQ_FIRST(&alice.e->record.failures)->times, tries);
	assert_int_equal(f->retry_after, HOLD_MAX_MS);
	assert_int_equal(lines_with("failed: no answer in time"), 1);
	assert_int_equal(lines_with("does not answer under the keys"), 1);
	assert_int_equal(lines_with(""), 2);
	loss = 0;
	goes_well_again(f, tries, 0);
}

/* Refusals in the clear, of a peer with a certificate that is not listed. */
static void refusals_in_the_clear_are_logged_once_per_side(void **state)
{
	struct fake_flow *f;
	unsigned int tries;

	(void)state;
	f = good_flow();
	reload_bob("peers = {\"carol.example\"}");
	alice.no_keys = true;
	tries = try_for_an_hour(f);
	assert_in_range(tries, 30, 40);
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, tries);
	assert_int_equal(lines_with("trying again less and less often"), 1);
	assert_int_equal(lines_with("re-key refused"), 1);
	assert_int_equal(lines_with(""), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(failed_rekeys_are_retried_less_and_less_often),
		TEST(a_series_of_refusals_is_logged_at_its_start_and_end),
		TEST(an_absent_peer_agent_is_logged_once),
		TEST(an_hour_without_the_peer_host_takes_two_log_lines),
		TEST(refusals_in_the_clear_are_logged_once_per_side),
		TEST(each_rekey_gives_both_ends_a_new_seed),
		TEST(rekeys_survive_loss_and_restarts_of_agents),
		TEST(a_busy_responder_is_asked_again_soon),
		TEST(a_restarted_responder_replaces_its_parked_seed),
		TEST(a_late_copy_of_an_old_request_is_not_answered),
		TEST(a_fresh_exchange_replaces_a_parked_seed),
		TEST(a_seed_over_the_wrong_carrier_is_refused),
		TEST(an_unanswered_rekey_times_out_and_can_be_repeated),
		TEST(only_the_same_name_may_rekey_a_flow),
		TEST(a_peer_removed_from_the_list_cannot_rekey),
		TEST(under_the_keys_only_expiry_of_certificates_counts),
		TEST(a_responder_cannot_rekey_a_flow),
		TEST(a_request_cannot_rekey_another_flow),
		TEST(a_due_responder_makes_the_initiator_claim),
		TEST(a_truncated_blob_fails_the_rekey_only),
		TEST(messages_of_many_frames_survive_loss_and_reordering),
	};

	return WORLD_MAIN("rekey", tests);
}
