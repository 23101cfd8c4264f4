// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Freshness and replays of requests. */

#include <stdlib.h>
#include <string.h>

#include "pair.h"

/* The time window */

struct at {
	const char *name;
	int64_t ms;		/* lead of the server's clock */
	bool no_clock;
	enum oap_code code;
};

static const struct at times[] = {
	{ "at once: accepted", 0, false, OAP_OK },
	{ "20 s and the slack old: accepted", 20100, false, OAP_OK },
	{ "more than 20 s and the slack old: refused", 20101, false, OAP_CLOCK },
	{ "an hour old: refused", 3600000, false, OAP_CLOCK },
	{ "the slack in the future: accepted", -100, false, OAP_OK },
	{ "more than the slack in the future: refused", -101, false, OAP_CLOCK },
	{ "an hour in the future: refused", -3600000, false, OAP_CLOCK },
	{ "an hour old, no clock needed: accepted", 3600000, true, OAP_OK },
	{ "an hour in the future, no clock needed: accepted", -3600000, true,
	  OAP_OK },
};

static void test_time(void **state)
{
	const struct at *c = *state;
	struct pair p;

	credentials("ED25519", &test_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	p.sp.no_clock = c->no_clock;
	request_ok(&p);
	now_ns += c->ms * 1000000;
	assert_int_equal(process(&p), c->code);
	assert_true(!c->code == !!p.rsp);
	now_ns -= c->ms * 1000000;
	close_pair(&p);
}

/* Extreme timestamps do not overflow. */
static void a_time_of_0_or_of_the_far_future_is_refused(void **state)
{
	struct pair p;
	uint8_t *msg;
	size_t len;

	(void)state;
	open_pair(&p, OAP_AUTH_NONE);
	request_ok(&p);
	msg = copy_of(p.req, &len);
	memset(msg + 16, 0, 8);
	assert_int_equal(process_bytes(&p, msg, len), OAP_CLOCK);
	memset(msg + 16, 0xff, 8);
	assert_int_equal(process_bytes(&p, msg, len), OAP_CLOCK);
	free(msg);
	close_pair(&p);
}

static void a_larger_slack_does_not_revive_an_expired_request(void **state)
{
	struct pair p;

	(void)state;
	credentials("ED25519", &test_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	now_ns += 21 * SEC;
	assert_int_equal(process(&p), OAP_CLOCK);
	/* the cache would have forgotten an accepted request by this time */
	oap_env_set(p.srv, 10000, false);
	assert_int_equal(process(&p), OAP_CLOCK);
	drop_runs(&p);
	request_ok(&p);
	now_ns += 29 * SEC;
	assert_int_equal(process(&p), OAP_OK);
	drop_runs(&p);
	/* the larger slack applies at once to a request that was not too old */
	oap_env_set(p.srv, 100, false);
	request_ok(&p);
	now_ns += 20 * SEC;
	oap_env_set(p.srv, 10000, false);
	now_ns += 5 * SEC;
	assert_int_equal(process(&p), OAP_OK);
	close_pair(&p);
}

/* The cache expires entries by a clock that is never set back. */
static void setting_the_clock_back_does_not_revive_a_request(void **state)
{
	struct pair p;

	(void)state;
	credentials("ED25519", &test_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	/* entries expire at once */
	oap_replay_keep(p.srv->known, 0);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	now_ns += 3600 * SEC;
	assert_int_equal(process(&p), OAP_CLOCK);
	now_ns -= 3600 * SEC;
	assert_int_equal(process(&p), OAP_CLOCK);
	drop_runs(&p);
	now_ns += SEC;
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	close_pair(&p);
}

/* Replays */

static void again(enum oap_auth auth, bool no_clock)
{
	struct pair p;

	open_pair(&p, auth);
	p.sp.no_clock = no_clock;
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	assert_int_equal(process(&p), OAP_REPLAY);
	drop_runs(&p);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	close_pair(&p);
}

static void an_unsigned_request_is_accepted_once(void **state)
{
	(void)state;
	again(OAP_AUTH_NONE, false);
}

static void a_signed_request_is_accepted_once(void **state)
{
	(void)state;
	credentials("EC", &test_ca);
	again(OAP_AUTH_REQUIRED, false);
	again(OAP_AUTH_REQUIRED, true);
}

/* A peer without a key cannot use up the id of an authentic request. */
static void a_forged_request_does_not_block_the_real_one(void **state)
{
	struct pair p;
	uint8_t *msg;
	size_t len;

	(void)state;
	credentials("ED25519", &test_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	request_ok(&p);
	msg = copy_of(p.req, &len);
	msg[len - 1] ^= 1;
	assert_int_equal(process_bytes(&p, msg, len), OAP_BAD_SIGNATURE);
	free(msg);
	/* not even if authentication is not required */
	p.sp.auth = OAP_AUTH_NONE;
	assert_int_equal(process(&p), OAP_OK);
	p.sp.auth = OAP_AUTH_REQUIRED;
	assert_int_equal(process(&p), OAP_OK);
	close_pair(&p);
}

/* The cache */

#define MINUTE	(60 * SEC)

static enum oap_code add(struct oap_replay *r, unsigned int n)
{
	uint8_t id[OAP_ID_LEN] = { n & 0xff, n >> 8 & 0xff, n >> 16 };
	struct oap_err err;

	return oap_replay_add(r, id, NULL, 0, &err);
}

static enum oap_code add_of(struct oap_replay *r, const char *sender,
			    unsigned int n)
{
	uint8_t id[OAP_ID_LEN] = { n & 0xff, n >> 8 & 0xff, n >> 16 };
	struct oap_err err;

	return oap_replay_add(r, id, sender, 0, &err);
}

static enum oap_code add_at(struct oap_replay *r, const char *sender,
			    unsigned int n, uint64_t time)
{
	uint8_t id[OAP_ID_LEN] = { n & 0xff, n >> 8 & 0xff, n >> 16 };
	struct oap_err err;

	return oap_replay_add(r, id, sender, time, &err);
}

static void a_sender_cannot_exceed_its_share_of_the_cache(void **state)
{
	struct oap_replay *r = oap_replay_new(65536, MINUTE, false);
	unsigned int i;

	(void)state;
	for (i = 0; i < 4096; i++)
		assert_int_equal(add_of(r, "mallory", i), OAP_OK);
	for (; i < 10000; i++)
		assert_int_equal(add_of(r, "mallory", i), OAP_FULL);
	assert_int_equal(add_of(r, "mallory", 7), OAP_REPLAY);
	for (; i < 14096; i++)
		assert_int_equal(add_of(r, "alice", i), OAP_OK);
	assert_int_equal(add_of(r, "alice", i), OAP_FULL);
	oap_replay_free(r);
}

static void expired_entries_do_not_count_against_a_share(void **state)
{
	struct oap_replay *r = oap_replay_new(65536, 0, false);
	unsigned int i;

	(void)state;
	for (i = 0; i < 10000; i++)
		assert_int_equal(add_of(r, "alice", i), OAP_OK);
	oap_replay_free(r);
}

static void a_full_cache_of_authentic_requests_refuses_another(void **state)
{
	struct oap_replay *r = oap_replay_new(3, MINUTE, false);
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++)
		assert_int_equal(add(r, i), OAP_OK);
	assert_int_equal(add(r, 3), OAP_FULL);
	for (i = 0; i < 3; i++)
		assert_int_equal(add(r, i), OAP_REPLAY);
	oap_replay_free(r);
}

static void a_full_cache_of_unauthenticated_requests_evicts_the_oldest(void **state)
{
	struct oap_replay *r = oap_replay_new(3, MINUTE, true);
	unsigned int i;

	(void)state;
	for (i = 0; i < 100000; i++) {
		assert_int_equal(add(r, i), OAP_OK);
		assert_int_equal(add(r, i), OAP_REPLAY);
	}
	assert_int_equal(add(r, 99997), OAP_REPLAY);
	assert_int_equal(add(r, 99996), OAP_OK);
	oap_replay_free(r);
}

static void expired_entries_are_dropped(void **state)
{
	struct oap_replay *r = oap_replay_new(3, 0, false);
	unsigned int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		assert_int_equal(add(r, 7), OAP_OK);
	oap_replay_free(r);
}

/* A dropped entry may be any request of the sender up to the entry's time. */
static void a_sender_cannot_go_back_behind_its_dropped_entries(void **state)
{
	struct oap_replay *r = oap_replay_new(65536, 0, false);
	char other[] = "bob 0";
	unsigned int i, free = 0;

	(void)state;
	for (i = 0; i < 100; i++) {
		assert_int_equal(add_at(r, "alice", 1, 1000 + i), OAP_OK);
		assert_int_equal(add_at(r, "alice", 1, 1000 + i), OAP_CLOCK);
		assert_int_equal(add_at(r, "alice", 2, 1000 + i), OAP_CLOCK);
		assert_int_equal(add_at(r, "alice", 2, 1), OAP_CLOCK);
		/* time 0: the request needs no clock */
		assert_int_equal(add_at(r, "alice", 4, 0), OAP_OK);
	}
	/* other senders are not affected, but for a few with the same hash */
	for (; other[4] <= '9'; other[4]++)
		free += add_at(r, other, 3, 1) == OAP_OK;
	assert_in_range(free, 7, 10);
	oap_replay_free(r);
	/* requests may overtake each other until the first entry is dropped */
	r = oap_replay_new(65536, MINUTE, false);
	for (i = 100; i; i--)
		assert_int_equal(add_at(r, "alice", i, i), OAP_OK);
	oap_replay_free(r);
}

/* A request may have arrived at the edge of the window in use at that time. */
static void a_shorter_lifetime_applies_to_later_entries_only(void **state)
{
	struct oap_replay *r = oap_replay_new(3, MINUTE, false);
	unsigned int i;

	(void)state;
	assert_int_equal(add(r, 1), OAP_OK);
	oap_replay_keep(r, 0);
	assert_int_equal(add(r, 1), OAP_REPLAY);
	oap_replay_free(r);

	r = oap_replay_new(3, 0, false);
	oap_replay_keep(r, MINUTE);
	oap_replay_keep(r, 0);
	for (i = 0; i < 1000; i++)
		assert_int_equal(add(r, 7), OAP_OK);
	oap_replay_free(r);
}

static void a_large_cache_remembers_all_ids(void **state)
{
	struct oap_replay *r = oap_replay_new(65536, MINUTE, false);
	unsigned int i;

	(void)state;
	for (i = 0; i < 65536; i++)
		assert_int_equal(add(r, i), OAP_OK);
	for (i = 0; i < 65536; i++)
		assert_int_equal(add(r, i), OAP_REPLAY);
	assert_int_equal(add(r, 65536), OAP_FULL);
	oap_replay_free(r);
}

static void a_server_with_a_full_cache_refuses_with_oap_full(void **state)
{
	struct pair p;

	(void)state;
	credentials("ED25519", &test_ca);
	open_pair(&p, OAP_AUTH_REQUIRED);
	oap_env_close(p.srv);
	p.srv = open_env("srv", 2);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	drop_runs(&p);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_OK);
	drop_runs(&p);
	request_ok(&p);
	assert_int_equal(process(&p), OAP_FULL);
	close_pair(&p);
}

static struct suite suite;

int main(void)
{
	size_t i;

	for (i = 0; i < COUNT(times); i++)
		suite_add(&suite, test_time, &times[i], "a request, %s",
			  times[i].name);
	SUITE_ADD(&suite, a_larger_slack_does_not_revive_an_expired_request);
	SUITE_ADD(&suite, setting_the_clock_back_does_not_revive_a_request);
	SUITE_ADD(&suite, a_time_of_0_or_of_the_far_future_is_refused);
	SUITE_ADD(&suite, an_unsigned_request_is_accepted_once);
	SUITE_ADD(&suite, a_signed_request_is_accepted_once);
	SUITE_ADD(&suite, a_forged_request_does_not_block_the_real_one);
	SUITE_ADD(&suite, a_full_cache_of_authentic_requests_refuses_another);
	SUITE_ADD(&suite, a_full_cache_of_unauthenticated_requests_evicts_the_oldest);
	SUITE_ADD(&suite, expired_entries_are_dropped);
	SUITE_ADD(&suite, a_sender_cannot_go_back_behind_its_dropped_entries);
	SUITE_ADD(&suite, a_shorter_lifetime_applies_to_later_entries_only);
	SUITE_ADD(&suite, a_large_cache_remembers_all_ids);
	SUITE_ADD(&suite, a_sender_cannot_exceed_its_share_of_the_cache);
	SUITE_ADD(&suite, expired_entries_do_not_count_against_a_share);
	SUITE_ADD(&suite, a_server_with_a_full_cache_refuses_with_oap_full);
	return suite_run(&suite, "oap: time and repetition");
}
