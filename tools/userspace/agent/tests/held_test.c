// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Requests in the clear, held while the kernel asks the peer for the keys. */

#include <stdio.h>
#include <string.h>

#include "held.h"
#include "world.h"

/* Begin a fresh exchange in the clear, as a thief of the certificate can. */
static void claim_as_thief(struct fake_flow *f)
{
	alice.no_keys = true;
	claim(f);
	alice.no_keys = false;
}

/* A certificate alone cannot take over a flow whose peer has the keys. */
static void a_certificate_alone_does_not_take_over_a_flow(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = good_flow();
	claim_as_thief(f);
	run_for(1000);
	assert_int_equal(bob.questions, 1);
	assert_false(f->f.in_flight);
	assert_int_equal(f->f.newest_epoch, 0);
	assert_int_equal(peer_of(f)->f.newest_epoch, 0);
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, 1);
	assert_int_equal(bob.e->nheld, 0);
	assert_non_null(strstr(TAILQ_FIRST(&alice.e->record.failures)->text,
			       "nobody lost them"));
	assert_true(allocated(f));
	/* the owner can still re-key the flow */
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

/*
 * A fresh request waits until the question ends, however often the peer repeats
 * the request, with or without an event about the end.
 */
static void a_fresh_request_waits_for_the_end_of_the_question(void **state)
{
	struct fake_flow *f;
	int i;

	(void)state;
	f = good_flow();
	for (i = 1; i <= 2; i++) {
		bob.no_events = i == 2;
		alice.no_keys = true;
		claim(f);
		run_for(2900);
		assert_int_equal(bob.e->nheld, 1);
		assert_int_equal(bob.questions, i);
		assert_int_equal(peer_of(f)->f.newest_epoch, i - 1);
		run_for(bob.no_events ? 1000 : 200);
		assert_int_equal(bob.e->nheld, 0);
		assert_int_equal(f->f.newest_epoch, i);
		assert_int_equal(bob.e->record.by[REKEY_ANSWERED].count, i);
		check_same(f);
	}
}

/* A flow whose initiator sends a second request while its peer is asked. */
static struct fake_flow *ask_twice(void)
{
	struct fake_flow *f = good_flow();

	alice.no_keys = true;
	claim(f);
	run_for(1000);
	restart(&alice);
	claim(f);
	return f;
}

/* Another exchange of the flow is refused for now while the peer is asked. */
static void another_exchange_is_refused_while_the_peer_is_asked(void **state)
{
	(void)state;
	ask_twice();
	run_for(1000);
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, 1);
	assert_true(engine_claim_at(alice.e) < UINT64_MAX);
	assert_int_equal(bob.e->nheld, 1);
}

/* The bytes of a request in the clear are processed once, but answered again. */
static void a_lost_refusal_is_repeated(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = ask_twice();
	while (!bob.e->record.by[REKEY_REFUSED].count)
		assert_true(step(clock_ms + 1000));
	lose_all_on_wire();
	run_for(1000);
	assert_false(f->f.in_flight);
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, 1);
}

/* A held request is dropped with its flow, and with the agent's settings. */
static void held_requests_are_dropped_with_the_flow_or_settings(void **state)
{
	struct fake_flow *f;
	int i;

	(void)state;
	f = good_flow();
	for (i = 0; i < 2; i++) {
		alice.no_keys = true;
		claim(f);
		run_for(1000);
		assert_int_equal(bob.e->nheld, 1);
		if (i)
			engine_cancel(bob.e, peer_of(f)->f.id);
		else
			engine_drop_runs(bob.e, "a test");
		assert_int_equal(bob.e->nheld, 0);
		restart(&alice);
		run_for(5000);
	}
	assert_int_equal(peer_of(f)->f.newest_epoch, 0);
}

/* A flow has one held request at most, whatever its peer sends. */
static void a_flow_holds_one_request_at_most(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = good_flow();
	alice.no_keys = true;
	claim(f);
	run_for(500);
	restart(&alice);
	f->next_exchange--;	/* the same exchange, another request */
	claim(f);
	run_for(500);
	assert_int_equal(bob.e->nheld, 1);
	assert_int_equal(bob.questions, 2);
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, 1);
}

static enum refusal hold(const char *who, uint32_t flow)
{
	struct request r = { .e = bob.e, .kind = REQUEST_REKEY, .flow = flow };

	strcpy(r.blob.peer.name, who);
	return held_add(bob.e, &r, NULL) ? 0 : r.refusal;
}

/* One peer cannot keep the flows of others from getting fresh keys. */
static void one_peer_cannot_take_all_places_of_held_requests(void **state)
{
	uint32_t flow;
	char who[16];
	int i, j;

	(void)state;
	start_good();
	for (flow = 1; flow <= HELD_FREE; flow++)
		assert_int_equal(hold("mallory", flow), 0);
	assert_int_equal(hold("mallory", flow), REFUSE_BUSY);
	assert_int_equal(hold("carol", 7), REFUSE_BUSY);	/* 7 has one */
	for (i = 0; i < (HELD_MAX - HELD_FREE) / HELD_EACH; i++) {
		snprintf(who, sizeof(who), "peer %d", i);
		for (j = 0; j < HELD_EACH; j++)
			assert_int_equal(hold(who, flow++), 0);
		assert_int_equal(hold(who, flow), REFUSE_BUSY);
	}
	assert_int_equal(bob.e->nheld, HELD_MAX);
	assert_int_equal(hold("carol", flow), REFUSE_BUSY);
	held_gone(bob.e, 7);
	assert_int_equal(hold("mallory", 7), REFUSE_BUSY);
	assert_int_equal(hold("carol", 7), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_certificate_alone_does_not_take_over_a_flow),
		TEST(a_fresh_request_waits_for_the_end_of_the_question),
		TEST(another_exchange_is_refused_while_the_peer_is_asked),
		TEST(a_lost_refusal_is_repeated),
		TEST(held_requests_are_dropped_with_the_flow_or_settings),
		TEST(a_flow_holds_one_request_at_most),
		TEST(one_peer_cannot_take_all_places_of_held_requests),
	};

	return WORLD_MAIN("held", tests);
}
