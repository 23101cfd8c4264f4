// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Path MTU discovery: what is decided, on paths of a table. */
#include "probe.h"
#include "test_util.h"
#include "wire.h"

#define LINK	1472
#define BASE	IPCP_BASE_LEN

/* Time is a number here, and begins shortly before it wraps. */

#define MS(ms)	msecs_to_jiffies(ms)

/**
 * struct walk - a path, and how one side fares on it
 * @p: state of the side
 * @carries: longest packet that the path carries; 0 in an outage
 * @now: jiffies
 * @sent: number of probes sent
 * @longest: longest of them
 * @last: the last of them
 */
struct walk {
	struct ipcp_probe p;
	u16 carries;
	unsigned long now;
	unsigned int sent;
	u16 longest;
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
	return w;
}

/* Do what is due now. What the path carries is answered at once. */
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
	} while (ipcp_probe_deadline(&w->p, w->now, &at) &&
		 time_after_eq(w->now, at));
}

/* Let time pass, with data of the size in use in each tick or without. */
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
	{ "one less", LINK, false, 1251, 1232, true },
	{ "little above the base", LINK, false, 1231, BASE, true },
	{ "exactly the base", LINK, false, BASE, BASE, true },
	{ "less than the base", LINK, false, BASE - 1, LINK, false },
	{ "an outage", LINK, false, 0, LINK, false },
	{ "IPv6 of the link's size", 1452, true, 1452, 1452, true },
	{ "IPv6, PPPoE", 1452, true, 1444, 1432, true },
	{ "1280 for IPv6", 1452, true, 1232, 1232, true },
	{ "IPv6, no candidate below the base", 1452, true, 1211, BASE, true },
	{ "a link between candidates", 1400, false, 1390, 1372, true },
	{ "a link of the base", BASE, false, 0, BASE, false },
	{ "a link below the base", 972, false, 0, 972, false },
};

KUNIT_ARRAY_PARAM_DESC(path, paths, desc);

static void finds_the_size_of_a_path(struct kunit *test)
{
	const struct path_case *c = test->param_value;
	struct walk *w = new_walk(test, c->link, c->v6, c->carries);

	walk(w, 10000, true);
	KUNIT_EXPECT_EQ(test, w->p.size, c->size);
	KUNIT_EXPECT_EQ(test, w->p.confirmed, c->confirmed);
	KUNIT_EXPECT_LE(test, w->longest, c->link);
	if (c->link <= BASE)
		KUNIT_EXPECT_EQ(test, w->sent, 0);
}

static void a_path_that_shrinks_is_noticed(struct kunit *test)
{
	const struct path_case *c = test->param_value;
	struct walk *w = new_walk(test, c->link, c->v6, c->link);

	walk(w, 5000, true);
	w->carries = c->carries;
	walk(w, 20000, true);
	KUNIT_EXPECT_EQ(test, w->p.size, c->size);
	KUNIT_EXPECT_EQ(test, w->p.confirmed, c->link > BASE);
}

static void an_outage_changes_nothing(struct kunit *test)
{
	const struct path_case *c = test->param_value;
	struct walk *w = new_walk(test, c->link, c->v6, c->carries);
	bool confirmed;
	u16 size;

	walk(w, 10000, true);
	size = w->p.size;
	confirmed = w->p.confirmed;
	w->carries = 0;
	walk(w, 60000, true);
	KUNIT_EXPECT_EQ(test, w->p.size, size);
	KUNIT_EXPECT_EQ(test, w->p.confirmed, confirmed);
	/* four series of five packets in a minute at most: 1.5 s and 3 s rest */
	KUNIT_EXPECT_LE(test, w->sent, 150);
}

/* An outage may end at any time, also between the probes of a check. */
static void an_outage_may_end_at_any_time(struct kunit *test)
{
	for (unsigned int ms = 0; ms < 5000; ms += 20) {
		struct walk *w = new_walk(test, LINK, false, LINK);

		walk(w, 100, true);
		w->carries = 0;
		walk(w, 20000 + ms, true);
		w->carries = LINK;
		walk(w, 6000, true);
		KUNIT_EXPECT_EQ_MSG(test, w->p.size, LINK, "after %u ms", ms);
		KUNIT_EXPECT_TRUE(test, w->p.confirmed);
	}
}

static void data_of_an_idle_flow_begins_a_check(struct kunit *test)
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

static void probes_every_10_s_once_confirmed(struct kunit *test)
{
	struct walk *w = new_walk(test, LINK, false, LINK);

	walk(w, 9900, true);
	KUNIT_EXPECT_EQ(test, w->sent, 1);
	walk(w, 10000, true);
	KUNIT_EXPECT_EQ(test, w->sent, 2);
	walk(w, 80000, true);
	KUNIT_EXPECT_EQ(test, w->sent, 10);
}

static void a_repetition_has_a_base_probe_beside_it(struct kunit *test)
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

/* Answers come a number of milliseconds after the probe. */
static void a_late_answer_counts(struct kunit *test)
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

/* The base is answered after the check: the size is withdrawn, but not at once. */
static void a_late_answer_of_the_base_counts(struct kunit *test)
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

static void a_size_given_up_too_early_comes_back(struct kunit *test)
{
	struct walk *w = new_walk(test, LINK, false, BASE);

	walk(w, 8000, true);
	KUNIT_ASSERT_EQ(test, w->p.size, BASE);
	ipcp_probe_echo(&w->p, 0, LINK, w->now);
	KUNIT_EXPECT_EQ(test, w->p.size, LINK);
}

static void a_search_takes_three_rounds(struct kunit *test)
{
	struct walk *w = new_walk(test, LINK, false, BASE);

	walk(w, 1490, true);
	KUNIT_EXPECT_EQ(test, w->sent, 5);
	walk(w, 20, true);
	KUNIT_EXPECT_EQ(test, w->p.size, BASE);
	KUNIT_EXPECT_EQ(test, w->sent, 6);
	/* six candidates below the link, each up to a jiffy late */
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
	int number;		/* relative to the next one */
	u16 size;
	bool counts;
} echoes[] = {
	{ "the probe", -1, LINK, true },
	{ "a number not sent yet", 0, LINK, false },
	{ "a number before the first", -2, LINK, false },
	{ "a number of long ago", -40, LINK, false },
	{ "another size", -1, LINK + 1, false },
	{ "the base", -1, BASE, false },
	{ "nothing", -1, 0, false },
};

KUNIT_ARRAY_PARAM_DESC(echo, echoes, desc);

static void only_an_answer_to_a_probe_counts(struct kunit *test)
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
	walk(w, 2000, false);	/* what has begun ends */
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

static void a_try_that_fails_changes_nothing(struct kunit *test)
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

static void roaming_begins_anew(struct kunit *test)
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

/* As far as half of the range of jiffies, which 32 bits turn round in days. */
static void a_check_is_due_however_late(struct kunit *test)
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

/* ICMP messages, ten a second, from anybody. */
static void a_hint_changes_nothing_but_the_time(struct kunit *test)
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

static void a_probe_that_is_not_sent_proves_nothing(struct kunit *test)
{
	struct walk *w = new_walk(test, LINK, false, BASE);

	walk(w, 1400, true);
	ipcp_probe_unsent(&w->p, w->now);
	walk(w, 2900, true);
	KUNIT_EXPECT_EQ(test, w->p.size, LINK);
	KUNIT_EXPECT_EQ(test, w->sent, 5);
}

static void answers_to_a_peer_are_limited(struct kunit *test)
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

static struct kunit_case probe_test_cases[] = {
	KUNIT_CASE_PARAM(finds_the_size_of_a_path, path_gen_params),
	KUNIT_CASE_PARAM(a_path_that_shrinks_is_noticed, path_gen_params),
	KUNIT_CASE_PARAM(an_outage_changes_nothing, path_gen_params),
	KUNIT_CASE(an_outage_may_end_at_any_time),
	KUNIT_CASE(data_of_an_idle_flow_begins_a_check),
	KUNIT_CASE(probes_every_10_s_once_confirmed),
	KUNIT_CASE(a_repetition_has_a_base_probe_beside_it),
	KUNIT_CASE(a_late_answer_counts),
	KUNIT_CASE(a_late_answer_of_the_base_counts),
	KUNIT_CASE(a_size_given_up_too_early_comes_back),
	KUNIT_CASE(a_search_takes_three_rounds),
	KUNIT_CASE(a_round_with_an_answer_ends_the_search),
	KUNIT_CASE_PARAM(only_an_answer_to_a_probe_counts, echo_gen_params),
	KUNIT_CASE_PARAM(a_larger_size_is_tried_at_the_raise_time,
			 path_gen_params),
	KUNIT_CASE(a_try_that_fails_changes_nothing),
	KUNIT_CASE(roaming_begins_anew),
	KUNIT_CASE(a_check_is_due_however_late),
	KUNIT_CASE(loopback_is_never_probed),
	KUNIT_CASE(a_hint_changes_nothing_but_the_time),
	KUNIT_CASE(a_probe_that_is_not_sent_proves_nothing),
	KUNIT_CASE(answers_to_a_peer_are_limited),
	{}
};

static struct kunit_suite probe_test_suite = {
	.name = "ipcp_probe",
	.test_cases = probe_test_cases,
};

kunit_test_suite(probe_test_suite);
