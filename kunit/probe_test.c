// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Path MTU discovery: decisions of the state machine on simulated paths. */
#include "probe.h"
#include "test_util.h"
#include "wire.h"

#define LINK	1472
#define BASE	IPCP_BASE_LEN

/* Time is simulated. It starts shortly before jiffies wrap. */

#define MS(ms)	msecs_to_jiffies(ms)

/**
 * struct walk - a simulated path, and one side of a flow on it
 * @p: state of the side
 * @carries: longest packet that the path carries; 0 in an outage
 * @now: jiffies
 * @sent: number of probes sent
 * @longest: size of the longest probe
 * @least: smallest path MTU of the flow so far
 * @last: the last probe
 */
struct walk {
	struct ipcp_probe p;
	u16 carries;
	unsigned long now;
	unsigned int sent;
	u16 longest;
	u16 least;
	struct ipcp_probe_packet last;
};

static struct walk *new_walk(struct kunit *test, u16 link, bool v6, u16 carries)
{
	struct ipcp_probe_link l = { .size = link, .hint = link, .v6 = v6 };
	struct walk *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, w);
	w->now = 0UL - MS(2000);
	w->carries = carries;
	ipcp_probe_begin(&w->p, &l, w->now);
	w->least = w->p.size;
	return w;
}

/* Take all steps that are due. Probes that the path carries are answered. */
static void act(struct walk *w)
{
	struct ipcp_probe_packet out[2];
	unsigned long at;

	do {
		unsigned int n = ipcp_probe_step(&w->p, w->now, out);

		for (unsigned int i = 0; i < n; i++) {
			w->sent++;
			w->longest = max(w->longest, out[i].size);
			w->last = out[i];
			if (out[i].size <= w->carries)
				ipcp_probe_echo(&w->p, out[i].number,
						out[i].size, w->now);
		}
		w->least = min(w->least, w->p.size);
	} while (ipcp_probe_deadline(&w->p, w->now, &at) &&
		 time_after_eq(w->now, at));
}

/* Advance the time, with or without data of the current size in each jiffy. */
static void walk(struct walk *w, unsigned int ms, bool data)
{
	unsigned long end = w->now + MS(ms);

	for (; time_before(w->now, end); w->now++) {
		if (data)
			w->p.used = true;
		act(w);
	}
}

static const struct path_case {
	const char *desc;
	u16 link;
	bool v6;
	u16 carries;
	u16 size;
	bool confirmed;
} paths[] = {
	{ "of the link's size", LINK, false, LINK, LINK, true },
	{ "jumbo frames", 8972, false, 8972, 8972, true },
	{ "a jumbo link, an ordinary path", 8972, false, 1472, 1472, true },
	{ "PPPoE", LINK, false, 1464, 1452, true },
	{ "an IPv6 tunnel beneath", LINK, false, 1451, 1432, true },
	{ "WireGuard beneath", LINK, false, 1392, 1392, true },
	{ "1280 for IPv4", LINK, false, 1252, 1252, true },
	{ "a byte less than 1280 for IPv4", LINK, false, 1251, 1232, true },
	{ "slightly above the base", LINK, false, 1231, BASE, true },
	{ "exactly the base", LINK, false, BASE, BASE, true },
	{ "less than the base", LINK, false, BASE - 1, LINK, false },
	{ "an outage", LINK, false, 0, LINK, false },
	{ "IPv6 of the link's size", 1452, true, 1452, 1452, true },
	{ "IPv6, PPPoE", 1452, true, 1444, 1432, true },
	{ "1280 for IPv6", 1452, true, 1232, 1232, true },
	{ "IPv6, no candidate below the base", 1452, true, 1211, BASE, true },
	{ "a link between candidates", 1400, false, 1390, 1372, true },
	{ "a link of exactly the base", BASE, false, 0, BASE, false },
	{ "a link below the base", 972, false, 0, 972, false },
};

KUNIT_ARRAY_PARAM_DESC(path, paths, desc);

static void the_size_of_a_path_is_found(struct kunit *test)
{
	const struct path_case *c = test->param_value;
	struct walk *w = new_walk(test, c->link, c->v6, c->carries);

	walk(w, 5000, true);
	KUNIT_EXPECT_EQ(test, w->p.size, c->size);
	KUNIT_EXPECT_EQ(test, w->p.confirmed, c->confirmed);
	KUNIT_EXPECT_LE(test, w->longest, c->link);
	if (c->link <= BASE)
		KUNIT_EXPECT_EQ(test, w->sent, 0);
}

static void a_shrunken_path_is_detected(struct kunit *test)
{
	const struct path_case *c = test->param_value;
	struct walk *w = new_walk(test, c->link, c->v6, c->link);

	walk(w, 5000, true);
	w->carries = c->carries;
	walk(w, 15000, true);
	KUNIT_EXPECT_EQ(test, w->p.size, c->size);
	KUNIT_EXPECT_EQ(test, w->p.confirmed, c->link > BASE);
}

static void an_outage_does_not_change_the_size(struct kunit *test)
{
	const struct path_case *c = test->param_value;
	struct walk *w = new_walk(test, c->link, c->v6, c->carries);
	bool confirmed;
	u16 size;

	walk(w, 10000, true);
	size = w->p.size;
	confirmed = w->p.confirmed;
	w->carries = 0;
	w->least = size;
	walk(w, 60000, true);
	KUNIT_EXPECT_EQ(test, w->p.size, size);
	KUNIT_EXPECT_EQ(test, w->least, size);
	KUNIT_EXPECT_EQ(test, w->p.confirmed, confirmed);
	/* a check sends five probes in 1.5 s, and the next follows after 3 s */
	KUNIT_EXPECT_LE(test, w->sent, 150);
}

/* The outage may end between the probes of a check, too. */
static void the_size_holds_whenever_an_outage_ends(struct kunit *test)
{
	for (unsigned int ms = 0; ms < 5000; ms += 20) {
		struct walk *w = new_walk(test, LINK, false, LINK);

		walk(w, 100, true);
		w->carries = 0;
		walk(w, 20000 + ms, true);
		w->carries = LINK;
		walk(w, 6000, true);
		KUNIT_EXPECT_EQ_MSG(test, w->least, LINK, "after %u ms", ms);
		KUNIT_EXPECT_EQ(test, w->p.size, LINK);
		KUNIT_EXPECT_TRUE(test, w->p.confirmed);
	}
}

static void data_on_an_idle_flow_starts_a_check(struct kunit *test)
{
	struct walk *w = new_walk(test, LINK, false, LINK);

	walk(w, 60000, false);
	KUNIT_EXPECT_EQ(test, w->sent, 0);
	w->p.used = true;
	act(w);
	KUNIT_EXPECT_EQ(test, w->sent, 1);
	KUNIT_EXPECT_EQ(test, w->last.size, LINK);
	walk(w, 3600000, false);
	KUNIT_EXPECT_EQ(test, w->sent, 1);
	KUNIT_EXPECT_TRUE(test, w->p.confirmed);
}

static void a_confirmed_size_is_probed_every_10_seconds(struct kunit *test)
{
	struct walk *w = new_walk(test, LINK, false, LINK);

	walk(w, 9900, true);
	KUNIT_EXPECT_EQ(test, w->sent, 1);
	walk(w, 10000, true);
	KUNIT_EXPECT_EQ(test, w->sent, 2);
	walk(w, 80000, true);
	KUNIT_EXPECT_EQ(test, w->sent, 10);
}

static void a_repeated_probe_is_sent_with_a_base_probe(struct kunit *test)
{
	struct walk *w = new_walk(test, LINK, false, 0);
	struct ipcp_probe_packet out[2];

	w->p.used = true;
	KUNIT_EXPECT_EQ(test, ipcp_probe_step(&w->p, w->now, out), 1);
	KUNIT_EXPECT_EQ(test, out[0].size, LINK);
	for (int i = 0; i < 2; i++) {
		w->now += MS(500) - 1;
		KUNIT_EXPECT_EQ(test, ipcp_probe_step(&w->p, w->now, out), 0);
		w->now++;
		KUNIT_EXPECT_EQ(test, ipcp_probe_step(&w->p, w->now, out), 2);
		KUNIT_EXPECT_EQ(test, out[0].size, BASE);
		KUNIT_EXPECT_EQ(test, out[1].size, LINK);
	}
	w->now += MS(500);
	KUNIT_EXPECT_EQ(test, ipcp_probe_step(&w->p, w->now, out), 0);
	KUNIT_EXPECT_EQ(test, w->p.phase, IPCP_PROBE_REST);
}

/* Delays in milliseconds, within the check of 1500 ms and after it. */
static void a_late_answer_confirms_the_size(struct kunit *test)
{
	static const unsigned int delays[] = { 100, 600, 1100, 1400, 1700, 3000 };

	for (int i = 0; i < ARRAY_SIZE(delays); i++) {
		struct walk *w = new_walk(test, LINK, false, 0);

		walk(w, 1, true);
		walk(w, delays[i], true);
		ipcp_probe_echo(&w->p, 0, LINK, w->now);
		KUNIT_EXPECT_EQ(test, w->p.size, LINK);
		KUNIT_EXPECT_TRUE(test, w->p.confirmed);
		KUNIT_EXPECT_EQ(test, w->p.phase, IPCP_PROBE_REST);
	}
}

/* The answer arrives after the check. The size is withdrawn 500 ms later. */
static void a_late_answer_to_a_base_probe_withdraws_the_size(struct kunit *test)
{
	struct walk *w = new_walk(test, LINK, false, 0);

	walk(w, 1600, true);
	KUNIT_ASSERT_EQ(test, w->p.phase, IPCP_PROBE_REST);
	ipcp_probe_echo(&w->p, 1, BASE, w->now);
	walk(w, 400, true);
	KUNIT_EXPECT_EQ(test, w->p.size, LINK);
	walk(w, 200, true);
	KUNIT_EXPECT_EQ(test, w->p.size, BASE);
}

static void a_late_answer_restores_a_withdrawn_size(struct kunit *test)
{
	struct walk *w = new_walk(test, LINK, false, BASE);

	walk(w, 8000, true);
	KUNIT_ASSERT_EQ(test, w->p.size, BASE);
	ipcp_probe_echo(&w->p, 0, LINK, w->now);
	KUNIT_EXPECT_EQ(test, w->p.size, LINK);
}

static void a_search_without_an_answer_takes_three_rounds(struct kunit *test)
{
	struct walk *w = new_walk(test, LINK, false, BASE);

	walk(w, 1490, true);
	KUNIT_EXPECT_EQ(test, w->sent, 5);
	walk(w, 20, true);
	KUNIT_EXPECT_EQ(test, w->p.size, BASE);
	KUNIT_EXPECT_EQ(test, w->sent, 6);
	/* six candidates below the link, each up to one jiffy late */
	walk(w, 6 * 150 + 30, true);
	KUNIT_EXPECT_EQ(test, w->sent, 5 + 7);
	walk(w, 10000, true);
	KUNIT_EXPECT_EQ(test, w->sent, 5 + 3 * 6);
}

static void a_round_with_an_answer_ends_the_search(struct kunit *test)
{
	struct walk *w = new_walk(test, LINK, false, 1400);

	walk(w, 5000, true);
	KUNIT_EXPECT_EQ(test, w->sent, 5 + 6);
	KUNIT_EXPECT_EQ(test, w->p.size, 1392);
}

static const struct echo_case {
	const char *desc;
	int number;		/* relative to the next number */
	u16 size;
	bool counts;
} echoes[] = {
	{ "the probe that was sent", -1, LINK, true },
	{ "a number not sent yet", 0, LINK, false },
	{ "a number before the first", -2, LINK, false },
	{ "an old number", -40, LINK, false },
	{ "another size", -1, LINK + 1, false },
	{ "the base", -1, BASE, false },
	{ "size 0", -1, 0, false },
};

KUNIT_ARRAY_PARAM_DESC(echo, echoes, desc);

static void only_the_answer_to_a_sent_probe_confirms_the_size(struct kunit *test)
{
	const struct echo_case *c = test->param_value;
	struct walk *w = new_walk(test, LINK, false, 0);

	w->p.number = 0xffff;
	walk(w, 1, true);
	ipcp_probe_echo(&w->p, w->p.number + c->number, c->size, w->now);
	KUNIT_EXPECT_EQ(test, w->p.confirmed, c->counts);
}

static void a_larger_size_is_tried_at_the_raise_time(struct kunit *test)
{
	const struct path_case *c = test->param_value;
	struct walk *w = new_walk(test, c->link, c->v6, c->carries);
	unsigned int sent;

	walk(w, 10000, true);
	w->p.used = false;
	walk(w, 2000, false);	/* let the current check end */
	w->carries = c->link;
	sent = w->sent;
	walk(w, IPCP_PROBE_RAISE_MS, false);
	KUNIT_EXPECT_EQ(test, w->sent, sent);
	KUNIT_EXPECT_EQ(test, w->p.size, c->size);
	w->p.used = true;
	walk(w, 2000, true);
	KUNIT_EXPECT_EQ(test, w->p.size, c->link);
	KUNIT_EXPECT_EQ(test, w->p.confirmed, c->link > BASE);
}

static void a_failed_raise_does_not_change_the_size(struct kunit *test)
{
	struct walk *w = new_walk(test, LINK, false, 1400);
	unsigned long tried;

	walk(w, 10000, true);
	walk(w, IPCP_PROBE_RAISE_MS + 2000, true);
	KUNIT_EXPECT_EQ(test, w->longest, LINK);
	KUNIT_EXPECT_EQ(test, w->p.size, 1392);
	KUNIT_EXPECT_TRUE(test, w->p.confirmed);
	tried = w->p.raise_at;
	walk(w, 20000, true);
	KUNIT_EXPECT_EQ(test, w->p.raise_at, tried);
	KUNIT_EXPECT_EQ(test, w->last.size, 1392);
}

static void roaming_restarts_the_discovery(struct kunit *test)
{
	struct walk *w = new_walk(test, LINK, false, 1400);
	u16 number;

	walk(w, 5000, true);
	number = w->last.number;
	ipcp_probe_anew(&w->p, w->now);
	KUNIT_EXPECT_EQ(test, w->p.size, LINK);
	KUNIT_EXPECT_FALSE(test, w->p.confirmed);
	ipcp_probe_echo(&w->p, 0, LINK, w->now);
	ipcp_probe_echo(&w->p, number, w->last.size, w->now);
	KUNIT_EXPECT_FALSE(test, w->p.confirmed);
	w->carries = LINK;
	walk(w, 1, true);
	KUNIT_EXPECT_TRUE(test, w->p.confirmed);
	KUNIT_EXPECT_EQ(test, w->last.number, (u16)(number + 1));
}

/* 32-bit jiffies take 25 days for half their range, at 1000 Hz. */
static void a_check_is_due_after_half_the_range_of_jiffies(struct kunit *test)
{
	struct walk *w = new_walk(test, LINK, false, 1400);

	walk(w, 10000, true);
	w->carries = 1300;
	w->now += LONG_MAX + MS(20000UL);
	walk(w, 10000, true);
	KUNIT_EXPECT_EQ(test, w->p.size, 1252);
}

static void loopback_is_never_probed(struct kunit *test)
{
	struct ipcp_probe_link l = { .size = 65507, .loopback = true };
	struct walk *w = new_walk(test, LINK, false, 0);

	ipcp_probe_begin(&w->p, &l, w->now);
	walk(w, 60000, true);
	KUNIT_EXPECT_EQ(test, w->sent, 0);
	KUNIT_EXPECT_EQ(test, w->p.size, 65507);
}

/* Ten ICMP messages a second arrive, possibly forged. */
static void an_icmp_hint_only_brings_the_next_check_forward(struct kunit *test)
{
	struct walk *w = new_walk(test, LINK, false, LINK);

	walk(w, 2000, true);
	KUNIT_EXPECT_EQ(test, w->sent, 1);
	for (int i = 0; i < 100; i++) {
		ipcp_probe_hint(&w->p, i % 2 ? 500 : 524, w->now);
		walk(w, 100, false);
		KUNIT_EXPECT_EQ(test, w->p.size, LINK);
	}
	KUNIT_EXPECT_GT(test, w->sent, 2);
	KUNIT_EXPECT_LE(test, w->sent, 1 + 20);
}

static void an_unsent_probe_does_not_withdraw_the_size(struct kunit *test)
{
	struct walk *w = new_walk(test, LINK, false, BASE);

	walk(w, 1400, true);
	ipcp_probe_unsent(&w->p, w->now);
	walk(w, 2900, true);
	KUNIT_EXPECT_EQ(test, w->p.size, LINK);
	KUNIT_EXPECT_EQ(test, w->sent, 5);
}

static void answers_to_a_peer_are_rate_limited(struct kunit *test)
{
	struct walk *w = new_walk(test, LINK, false, 0);
	unsigned int n = 0;

	for (int i = 0; i < 10 * HZ; i++) {
		for (int j = 0; j < 100; j++)
			n += ipcp_probe_may_answer(&w->p, w->now);
		w->now++;
	}
	KUNIT_EXPECT_EQ(test, n, 10 * IPCP_PROBE_ANSWERS);
}

/* On 32 bits, jiffies wrap while the peer does not probe. */
static void a_peer_is_answered_however_old_the_last_answer_is(struct kunit *test)
{
	static const unsigned long ages[] = { HZ, LONG_MAX, LONG_MAX + 2UL, ULONG_MAX };
	struct walk *w = new_walk(test, LINK, false, 0);

	for (int i = 0; i < ARRAY_SIZE(ages); i++) {
		while (ipcp_probe_may_answer(&w->p, w->now))
			continue;
		w->now += ages[i];
		KUNIT_EXPECT_TRUE(test, ipcp_probe_may_answer(&w->p, w->now));
	}
}

static struct kunit_case probe_test_cases[] = {
	KUNIT_CASE_PARAM(the_size_of_a_path_is_found, path_gen_params),
	KUNIT_CASE_PARAM(a_shrunken_path_is_detected, path_gen_params),
	KUNIT_CASE_PARAM(an_outage_does_not_change_the_size, path_gen_params),
	KUNIT_CASE(the_size_holds_whenever_an_outage_ends),
	KUNIT_CASE(data_on_an_idle_flow_starts_a_check),
	KUNIT_CASE(a_confirmed_size_is_probed_every_10_seconds),
	KUNIT_CASE(a_repeated_probe_is_sent_with_a_base_probe),
	KUNIT_CASE(a_late_answer_confirms_the_size),
	KUNIT_CASE(a_late_answer_to_a_base_probe_withdraws_the_size),
	KUNIT_CASE(a_late_answer_restores_a_withdrawn_size),
	KUNIT_CASE(a_search_without_an_answer_takes_three_rounds),
	KUNIT_CASE(a_round_with_an_answer_ends_the_search),
	KUNIT_CASE_PARAM(only_the_answer_to_a_sent_probe_confirms_the_size,
			 echo_gen_params),
	KUNIT_CASE_PARAM(a_larger_size_is_tried_at_the_raise_time,
			 path_gen_params),
	KUNIT_CASE(a_failed_raise_does_not_change_the_size),
	KUNIT_CASE(roaming_restarts_the_discovery),
	KUNIT_CASE(a_check_is_due_after_half_the_range_of_jiffies),
	KUNIT_CASE(loopback_is_never_probed),
	KUNIT_CASE(an_icmp_hint_only_brings_the_next_check_forward),
	KUNIT_CASE(an_unsent_probe_does_not_withdraw_the_size),
	KUNIT_CASE(answers_to_a_peer_are_rate_limited),
	KUNIT_CASE(a_peer_is_answered_however_old_the_last_answer_is),
	{}
};

static struct kunit_suite probe_test_suite = {
	.name = "ipcp_probe",
	.test_cases = probe_test_cases,
};

kunit_test_suite(probe_test_suite);
