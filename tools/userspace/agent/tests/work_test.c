// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Limits on the work that a peer with a flow can cause. */

#include "world.h"

/*
 * Claim the flow for 10 seconds, whenever the kernel permits a claim, while the
 * peer keeps asking for a re-key. Return: the number of claims.
 */
static unsigned int claim_when_wanted(struct fake_flow *f)
{
	struct ipcp_nl_flow low = peer_of(f)->f;
	uint64_t until = clock_ms + 10000;
	unsigned int claims = 0;

	low.state = IPCP_REKEY_FLOW_STATE_ALLOCATED;
	low.due = IPCP_REKEY_DUE_WATERMARK;
	while (clock_ms < until) {
		engine_want(bob.e, &low);
		run_for(10);
		if (f->f.in_flight || !f->f.due || clock_ms < f->retry_at)
			continue;
		claim(f);
		claims++;
	}
	return claims;
}

/*
 * A peer that asks for re-keys and refuses them causes no more work than one
 * that only refuses.
 */
static void a_peer_that_wants_and_refuses_causes_little_work(void **state)
{
	struct fake_flow *f;
	unsigned int claims;

	(void)state;
	f = good_flow();
	reload_bob("peers = {\"carol.example\"}");
	claims = claim_when_wanted(f);
	assert_in_range(claims, 3, 10);
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, claims);
	assert_int_equal(alice.e->record.by[REKEY_FAILED].count, claims);
	/* a peer that accepts re-keys gets one each second at most */
	reload_bob("");
	f->retry_at = 0;
	claim(f);
	run_for(1000);
	check_same(f);
	f->f.epoch_age = WANTED_APART_MS - 1;
	assert_int_equal(claim_when_wanted(f), 0);
	f->f.epoch_age = WANTED_APART_MS;
	assert_true(claim_when_wanted(f) > 3);
	run_for(1000);
	check_same(f);
}

/*
 * A wanted re-key does not shorten the wait after a failure, even if the flow
 * was not due.
 */
static void a_wanted_rekey_waits_after_a_failure(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = good_flow();
	reload_bob("peers = {\"carol.example\"}");
	claim(f);
	run_for(500);
	assert_int_equal(f->f.due, 0);
	assert_int_equal(alice.e->record.nfailures, 1);
	rekey_wanted(alice.e, f->f.id);
	assert_int_equal(f->f.due, 0);
	run_for(HOLD_FIRST_MS);
	rekey_wanted(alice.e, f->f.id);
	assert_int_equal(f->f.due, IPCP_REKEY_DUE_REQUEST);
}

/* A peer that is always busy is treated like one that refuses. */
static void a_peer_that_is_always_busy_counts_as_refusing(void **state)
{
	struct fake_flow *f;
	unsigned int i;

	(void)state;
	f = good_flow();
	bob.busy = true;
	assert_in_range(claim_when_wanted(f), 6, 15);
	assert_true(alice.e->record.by[REKEY_BUSY].count >= BUSY_TRIES);
	assert_true(alice.e->record.by[REKEY_FAILED].count > 0);
	assert_int_equal(lines_with("trying again less and less often"), 1);
	bob.busy = false;
	run_for(HOLD_MAX_MS);
	claim(f);
	run_for(1000);
	check_same(f);
	assert_int_equal(alice.e->record.nfailures, 0);
	/* flows beyond the table count as busy too often */
	for (i = 1; i <= BUSY_FLOWS; i++)
		assert_int_equal(record_busy(&alice.e->record, i), 1);
	assert_true(record_busy(&alice.e->record, i) > BUSY_TRIES);
	record_forget(&alice.e->record, 7);
	assert_int_equal(record_busy(&alice.e->record, i), 1);
}

/*
 * A request under the keys may be repeated with another token, and hence
 * without the kept answer. A response is made only for an exchange that may
 * succeed.
 */
static void a_repeated_request_under_the_keys_gets_one_response(void **state)
{
	struct packet old;
	struct fake_flow *f;
	unsigned int i;
	int busy;

	(void)state;
	f = good_flow();
	for (busy = 0; busy < 2; busy++) {
		bob.busy = busy;
		bob.seeds = 0;
		claim(f);
		assert_int_equal(on_wire, 1);
		old = *wire[0];
		if (busy)
			lose_all_on_wire();
		run_for(200);
		for (i = 0; i < 1000; i++) {
			old.p[14] = i >> 8;
			old.p[15] = i;
			engine_sealed(bob.e, old.flow, old.p, old.len);
			lose_all_on_wire();
		}
		assert_int_equal(bob.seeds, !busy);
	}
	assert_int_equal(f->f.newest_epoch, 1);
	assert_int_equal(peer_of(f)->f.newest_epoch, 1);
}

/* A peer may cause one refusal and one success after the other. */
static void refusals_that_begin_and_end_often_take_few_log_lines(void **state)
{
	struct fake_flow *f;
	unsigned int i;

	(void)state;
	f = good_flow();
	forget_lines();
	for (i = 0; i < 20; i++) {
		reload_bob("peers = {\"carol.example\"}");
		claim(f);
		run_for(100);
		reload_bob("");
		claim(f);
		run_for(100);
		check_same(f);
	}
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, 20);
	assert_int_equal(lines_with(": re-key refused: "), 5);
	assert_int_equal(lines_with(": re-keyed again"), 5);
}

/* A peer with many flows may refuse the re-keys of all at once. */
static void failed_rekeys_of_many_flows_take_a_limited_number_of_log_lines(void **state)
{
	struct fake_flow *flows[LOG_MANY + 15];
	unsigned int i;

	(void)state;
	flows[0] = good_flow();
	for (i = 1; i < LOG_MANY + 15; i++) {
		flows[i] = alloc(BOB, 0);
		run_for(50);
	}
	reload_bob("peers = {\"carol.example\"}");
	forget_lines();
	for (i = 0; i < LOG_MANY + 15; i++)
		claim(flows[i]);
	run_for(1000);
	assert_int_equal(alice.e->record.by[REKEY_FAILED].count, LOG_MANY + 15);
	assert_int_equal(lines_with(": re-key to epoch 1 failed: "), LOG_MANY);

	reload_bob("");
	forget_lines();
	for (i = 0; i < LOG_MANY + 15; i++)
		claim(flows[i]);
	run_for(1000);
	for (i = 0; i < LOG_MANY + 15; i++)
		check_same(flows[i]);
	assert_int_equal(lines_with(": re-keyed, after 1 failures"), LOG_MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_peer_that_wants_and_refuses_causes_little_work),
		TEST(a_wanted_rekey_waits_after_a_failure),
		TEST(a_peer_that_is_always_busy_counts_as_refusing),
		TEST(a_repeated_request_under_the_keys_gets_one_response),
		TEST(refusals_that_begin_and_end_often_take_few_log_lines),
		TEST(failed_rekeys_of_many_flows_take_a_limited_number_of_log_lines),
	};

	return WORLD_MAIN("work", tests);
}
