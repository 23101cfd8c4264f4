// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The machine was copied: the agent starts over, since the other copy has the
 * same exchanges, secrets and random numbers.
 */

#include <errno.h>
#include <string.h>

#include "world.h"

#define SEED_LEN	48

static uint8_t seeds[8][SEED_LEN];
static unsigned int nseeds;

void __real_RAND_seed(const void *buf, int num);
void __wrap_RAND_seed(const void *buf, int num);

void __wrap_RAND_seed(const void *buf, int num)
{
	assert_int_equal(num, SEED_LEN);
	assert_true(nseeds < 8);
	memcpy(seeds[nseeds++], buf, num);
	__real_RAND_seed(buf, num);
}

static void a_copy_reseeds_the_random_numbers(void **state)
{
	static const uint8_t none[SEED_LEN];

	(void)state;
	start_good();
	nseeds = 0;
	engine_copied(alice.e);
	engine_copied(alice.e);
	assert_int_equal(nseeds, 2);
	assert_memory_not_equal(seeds[0], none, SEED_LEN);
	assert_memory_not_equal(seeds[0], seeds[1], SEED_LEN);
}

static void a_copied_initiator_ends_all_exchanges(void **state)
{
	struct fake_flow *f, *other;

	(void)state;
	f = good_flow();
	claim(f);
	other = alloc(BOB, 0);
	lose_all_on_wire();
	assert_int_equal(alice.e->nexchanges, 2);
	engine_copied(alice.e);
	assert_true(TAILQ_EMPTY(&alice.e->exchanges));
	assert_int_equal(alice.e->nexchanges, 0);
	assert_false(f->f.in_flight);
	assert_false(other->used);
	assert_int_equal(other->error, ECONNREFUSED);
	assert_non_null(strstr(other->reason, "copied"));
	/* nothing of them goes on */
	run_for(5000);
	assert_int_equal(bob.e->record.by[REKEY_ANSWERED].count, 0);
	assert_int_equal(bob.e->record.by[ALLOC_ANSWERED].count, 1);
	alice.no_keys = true;
	claim(f);
	run_for(5000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

static void a_copied_responder_drops_requests_answers_and_cookies(void **state)
{
	uint8_t cookie[COOKIE_LEN];
	struct fake_flow *f;

	(void)state;
	f = good_flow();
	assert_false(TAILQ_EMPTY(&bob.e->answers));
	alice.no_keys = true;
	claim(f);
	run_for(500);
	assert_int_equal(bob.e->nheld, 1);
	assert_true(cookie_make(&bob.e->jar, clock_ms, &alice.addr, cookie));
	engine_copied(bob.e);
	assert_int_equal(bob.e->nheld, 0);
	assert_true(TAILQ_EMPTY(&bob.e->answers));
	assert_true(TAILQ_EMPTY(&bob.e->incomings));
	assert_false(cookie_ok(&bob.e->jar, clock_ms, &alice.addr, cookie));
	/* the peer replaces its request, which was seen before, after 10 s */
	run_for(20000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_copy_reseeds_the_random_numbers),
		TEST(a_copied_initiator_ends_all_exchanges),
		TEST(a_copied_responder_drops_requests_answers_and_cookies),
	};

	return WORLD_MAIN("copied", tests);
}
