// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The signed data: versions, and flags of later releases. */

#include <errno.h>
#include <string.h>

#include "world.h"

static uint8_t version, flags;

size_t __real_binding_write(const struct binding *b, uint8_t *buf);
size_t __wrap_binding_write(const struct binding *b, uint8_t *buf);

/* Write the data as another release does. */
size_t __wrap_binding_write(const struct binding *b, uint8_t *buf)
{
	size_t len = __real_binding_write(b, buf);

	assert_int_equal(buf[3], 0);
	if (version)
		buf[0] = version;
	buf[3] = flags;
	return len;
}

/* Return the code of the first refusal to alice within a second. */
static int code_of_refusal(enum msg_type type)
{
	uint64_t until = clock_ms + 1000;
	unsigned int i;

	do {
		for (i = 0; i < on_wire; i++)
			if (wire[i]->to == &alice && wire[i]->p[1] == type)
				return wire[i]->p[32];
	} while (step(until));
	return -1;
}

static void unknown_flags_of_a_later_release_are_ignored(void **state)
{
	struct fake_flow *f;
	int i;

	(void)state;
	flags = 0x81;
	f = good_flow();
	assert_true(allocated(f));
	for (i = 1; i < 4; i++) {
		alice.no_keys = i & 1;
		bob.no_keys = i & 2;
		claim(f);
		run_for(i == 2 ? 10000 : 4000);
		assert_int_equal(f->f.newest_epoch, i);
		check_same(f);
	}
	/* denials have flags, too */
	bob.no_keys = false;
	peer_of(f)->f.recoverable = 0;
	alice.no_keys = true;
	claim(f);
	run_for(1000);
	assert_int_equal(lines_with("the peer refuses: not both ends"), 1);
}

static void another_version_is_refused_as_malformed(void **state)
{
	struct fake_flow *f;
	int old, fresh;

	(void)state;
	for (old = 1; old <= 3; old += 2) {
		start_good();
		version = old;
		f = alloc(BOB, 0);
		assert_int_equal(code_of_refusal(MSG_REFUSED), REFUSE_MALFORMED);
		run_for(1000);
		assert_false(f->used);
		assert_int_equal(f->error, EPROTO);
		assert_int_equal(flows_at(&bob), 0);
		stop();
		for (fresh = 0; fresh < 2; fresh++) {
			version = 0;
			f = good_flow();
			version = old;
			alice.no_keys = fresh;
			claim(f);
			assert_int_equal(code_of_refusal(MSG_REKEY_REFUSED),
					 REFUSE_MALFORMED);
			run_for(1000);
			assert_true(allocated(f));
			assert_int_equal(bob.seeds, 0);
			stop();
		}
	}
	start_good();
}

static int setup(void **state)
{
	version = 0;
	flags = 0;
	return world_setup(state);
}

#define WITH(f)	cmocka_unit_test_setup_teardown(f, setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(unknown_flags_of_a_later_release_are_ignored),
		WITH(another_version_is_refused_as_malformed),
	};

	return WORLD_MAIN("binding", tests);
}
