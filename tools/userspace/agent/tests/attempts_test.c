// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Failed attempts in a row to recover lost keys: what is logged, and when the next
 * attempt begins.
 */

#include "world.h"

/* Each of several failed attempts in a row would log the same line. */
static void a_side_without_keys_logs_its_question_once(void **state)
{
	struct fake_flow *f, *g;
	unsigned int i;

	(void)state;
	f = good_flow();
	loss = 100;
	for (i = 1; i <= 3; i++) {
		g = lose_at_bob(f);
		run_for(60000);
		assert_int_equal(record_times(&bob.e->record, g->f.id), i);
	}
	assert_int_equal(lines_with("the keys are lost: asking the peer"), 1);
}

static void a_side_that_was_set_back_logs_the_numbers_once(void **state)
{
	struct fake_flow *f, *g;
	uint32_t i;

	(void)state;
	f = good_flow();
	g = peer_of(f);
	alice.no_keys = true;
	for (i = 1; i <= 3; i++) {
		g->f.exchange = 2000 * i;
		claim(f);
		while (f->f.exchange < 2000 * i)
			assert_true(step(clock_ms + 1000));
		g->f.exchange += 1000;
		run_for(1000);
		assert_int_equal(record_times(&alice.e->record, f->f.id), i);
	}
	assert_int_equal(lines_with("the peer is further"), 1);
}

static void a_side_with_keys_logs_the_loss_of_its_peer_once(void **state)
{
	struct fake_flow *f, *g;
	unsigned int i;

	(void)state;
	f = good_flow();
	g = peer_of(f);
	alice.no_keys = true;
	for (i = 1; i <= 3; i++) {
		claim(f);
		while (!bob.e->nheld)
			assert_true(step(clock_ms + 1000));
		/* bob's kernel refuses the seed */
		g->f.generation++;
		run_for(5000);
		assert_int_equal(record_times(&bob.e->record, g->f.id), i);
	}
	assert_int_equal(lines_with("the peer has lost the keys: fresh ones"), 1);
}

/*
 * Another attempt follows a request for a re-key. Scans of all flows, which see
 * the request, too, wait as long as after any failure.
 */
static void a_request_for_a_rekey_ends_the_wait_of_a_side_without_keys(void **state)
{
	struct fake_flow *f, *g;

	(void)state;
	f = good_flow();
	loss = 100;
	g = lose_at_bob(f);
	run_for(bob.conf->rekey_timeout + 100);
	assert_true(TAILQ_EMPTY(&bob.e->exchanges));
	engine_due(bob.e, &g->f);
	assert_true(TAILQ_EMPTY(&bob.e->exchanges));
	g->f.due |= IPCP_REKEY_DUE_REQUEST;
	engine_want(bob.e, &g->f);
	assert_true(TAILQ_EMPTY(&bob.e->exchanges));
	engine_due(bob.e, &g->f);
	assert_false(TAILQ_EMPTY(&bob.e->exchanges));
	run_for(bob.conf->rekey_timeout + 100);
	assert_int_equal(record_times(&bob.e->record, g->f.id), 2);
	engine_want(bob.e, &g->f);
	assert_true(TAILQ_EMPTY(&bob.e->exchanges));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_side_without_keys_logs_its_question_once),
		TEST(a_side_that_was_set_back_logs_the_numbers_once),
		TEST(a_side_with_keys_logs_the_loss_of_its_peer_once),
		TEST(a_request_for_a_rekey_ends_the_wait_of_a_side_without_keys),
	};

	return WORLD_MAIN("attempts", tests);
}
