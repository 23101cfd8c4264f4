// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* The replay window, relative to its constants. */
#include "keysched.h"
#include "replay.h"
#include "test_util.h"

#define BITS	IPCP_REPLAY_BITS
#define WINDOW	IPCP_REPLAY_WINDOW
#define LAST	((1U << IPCP_LEAF_SHIFT) - 1)
#define NONE	IPCP_DROP_NONE
#define LATE	IPCP_DROP_LATE
#define AGAIN	IPCP_DROP_REPLAY

/* Packets in order, with their expected result. */
struct packet {
	u32 seq;
	enum ipcp_drop drop;
};

static const struct replay_case {
	const char *desc;
	struct packet packet[8];
	unsigned int packets;
} replay_cases[] = {
	{ "first packet once", { { 0, NONE }, { 0, AGAIN }, { 0, AGAIN } }, 3 },
	{ "in order", { { 0, NONE }, { 1, NONE }, { 2, NONE }, { 1, AGAIN },
			{ 0, AGAIN } }, 5 },
	{ "not from the start", { { 9, NONE }, { 9, AGAIN }, { 8, NONE },
				  { 0, NONE }, { 8, AGAIN } }, 5 },
	{ "backwards", { { 3, NONE }, { 2, NONE }, { 1, NONE }, { 0, NONE },
			 { 3, AGAIN } }, 5 },
	{ "oldest of the window", { { WINDOW - 1, NONE }, { 0, NONE },
				    { 0, AGAIN } }, 3 },
	{ "older than the window", { { WINDOW, NONE }, { 0, LATE }, { 1, NONE },
				     { 1, AGAIN }, { WINDOW, AGAIN } }, 5 },
	{ "falls out of the window", { { 0, NONE }, { WINDOW - 1, NONE },
				       { 0, AGAIN }, { WINDOW, NONE },
				       { 0, LATE } }, 5 },
	{ "a word apart", { { 0, NONE }, { BITS_PER_LONG, NONE },
			    { BITS_PER_LONG - 1, NONE }, { 0, AGAIN },
			    { BITS_PER_LONG, AGAIN } }, 5 },
	{ "the bitmap wraps", { { 5, NONE }, { BITS + 5, NONE }, { 5, LATE },
				{ BITS + 4, NONE }, { BITS + 5, AGAIN } }, 5 },
	{ "old bits cleared", { { 5, NONE }, { 6, NONE }, { BITS + 6, NONE },
				{ BITS + 5, NONE }, { BITS + 5, AGAIN },
				{ BITS + 6, AGAIN } }, 6 },
	{ "jump of one bitmap", { { 7, NONE }, { BITS + 7, NONE },
				  { BITS + 7, AGAIN }, { BITS, NONE } }, 4 },
	{ "no stale word", { { 2 * BITS_PER_LONG - 1, NONE }, { 2 * BITS, NONE },
			     { BITS + 2 * BITS_PER_LONG - 1, NONE } }, 3 },
	{ "jump of many bitmaps", { { 7, NONE }, { 99 * BITS + 7, NONE },
				    { 98 * BITS + 7, LATE },
				    { 99 * BITS + 8 - WINDOW, NONE },
				    { 99 * BITS + 7 - WINDOW, LATE } }, 5 },
	{ "last of a leaf", { { LAST, NONE }, { LAST, AGAIN },
			      { LAST - WINDOW + 1, NONE },
			      { LAST - WINDOW, LATE }, { 0, LATE } }, 5 },
	{ "from first to last", { { 0, NONE }, { LAST - 1, NONE }, { 0, LATE },
				  { LAST, NONE }, { LAST - 1, AGAIN } }, 5 },
};

KUNIT_ARRAY_PARAM_DESC(replay, replay_cases, desc);

static struct ipcp_replay *new_window(struct kunit *test)
{
	struct ipcp_replay *r = kunit_kmalloc(test, sizeof(*r), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, r);
	memset(r, 0xa5, sizeof(*r));
	ipcp_replay_init(r);
	return r;
}

/* Check and commit. The check has the same result, and changes nothing. */
static enum ipcp_drop receive(struct kunit *test, struct ipcp_replay *r, u32 seq)
{
	enum ipcp_drop check = ipcp_replay_check(r, seq);
	enum ipcp_drop again = ipcp_replay_check(r, seq);
	enum ipcp_drop commit = ipcp_replay_commit(r, seq);

	KUNIT_EXPECT_EQ(test, check, commit);
	KUNIT_EXPECT_EQ(test, again, commit);
	return commit;
}

static void each_packet_passes_once(struct kunit *test)
{
	const struct replay_case *c = test->param_value;
	struct ipcp_replay *r = new_window(test);
	unsigned int i;

	for (i = 0; i < c->packets; i++)
		KUNIT_EXPECT_EQ_MSG(test, receive(test, r, c->packet[i].seq),
				    c->packet[i].drop, "packet %u, number %u",
				    i, c->packet[i].seq);
}

static const u32 starts[] = {
	0, 1, BITS_PER_LONG - 1, BITS_PER_LONG, WINDOW - 1, WINDOW, BITS - 1,
	BITS, BITS + 1, 3 * BITS + 17, LAST - BITS, LAST - WINDOW + 1,
};

static void describe_start(const u32 *start, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "from %u", *start);
}

KUNIT_ARRAY_PARAM(start, starts, describe_start);

/* Every packet of a reversed window is new, and a repetition afterwards. */
static void a_whole_window_may_be_reordered(struct kunit *test)
{
	const u32 start = *(const u32 *)test->param_value;
	struct ipcp_replay *r = new_window(test);
	u32 i;

	for (i = WINDOW; i-- > 0;)
		KUNIT_ASSERT_EQ(test, receive(test, r, start + i), NONE);
	for (i = 0; i < WINDOW; i++)
		KUNIT_ASSERT_EQ(test, receive(test, r, start + i), AGAIN);
	if (start)
		KUNIT_EXPECT_EQ(test, receive(test, r, start - 1), LATE);
}

/* The simplest model: a byte for each packet of a leaf. */
struct model {
	u32 next;
	u8 seen[1U << IPCP_LEAF_SHIFT];
};

static enum ipcp_drop model_receive(struct model *m, u32 seq)
{
	if (seq + WINDOW < m->next)
		return LATE;
	if (m->seen[seq])
		return AGAIN;
	m->seen[seq] = 1;
	m->next = max(m->next, seq + 1);
	return NONE;
}

/* Return: a reproducible number at most half of @range from @next. */
static u32 pick(u32 *state, u32 next, u32 range)
{
	s64 seq;

	*state = *state * 1664525 + 1013904223;
	seq = (s64)next + (*state >> 8) % range - range / 2;
	return clamp_t(s64, seq, 0, LAST);
}

static const u32 ranges[] = { 8, 300, BITS, 2 * BITS, 4 * BITS, 16 * BITS };

static void describe_range(const u32 *range, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "numbers %u apart", *range);
}

KUNIT_ARRAY_PARAM(range, ranges, describe_range);

#define RUNS	100000

/* Run a leaf from the first packet to the last, with every fourth repeated. */
static u32 agrees_on_a_leaf(struct kunit *test, struct model *m, u32 *state,
			    u32 range, unsigned int count[IPCP_DROP_MAX])
{
	struct ipcp_replay *r = new_window(test);
	u32 sent[64] = {};
	u32 i;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < RUNS && m->next <= LAST; i++) {
		u32 seq = pick(state, m->next, range);
		enum ipcp_drop expected;

		if (i % 4 == 3)
			seq = sent[seq % ARRAY_SIZE(sent)];
		sent[i % ARRAY_SIZE(sent)] = seq;
		expected = model_receive(m, seq);
		KUNIT_EXPECT_EQ(test, receive(test, r, seq), expected);
		count[expected]++;
	}
	kunit_kfree(test, r);
	return i;
}

static void the_window_agrees_with_a_model(struct kunit *test)
{
	const u32 range = *(const u32 *)test->param_value;
	struct model *m = kvzalloc(sizeof(*m), GFP_KERNEL);
	unsigned int count[IPCP_DROP_MAX] = {};
	u32 i, state = 1;

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (i = 0; i < RUNS;)
		i += agrees_on_a_leaf(test, m, &state, range, count);
	kvfree(m);

	/* the numbers must cover all results */
	KUNIT_EXPECT_GT(test, count[NONE], RUNS / 10);
	KUNIT_EXPECT_GT(test, count[AGAIN], RUNS / 200);
	if (range > 2 * WINDOW)
		KUNIT_EXPECT_GT(test, count[LATE], RUNS / 100);
}

static struct kunit_case replay_test_cases[] = {
	KUNIT_CASE_PARAM(each_packet_passes_once, replay_gen_params),
	KUNIT_CASE_PARAM(a_whole_window_may_be_reordered, start_gen_params),
	KUNIT_CASE_PARAM(the_window_agrees_with_a_model, range_gen_params),
	{}
};

static struct kunit_suite replay_test_suite = {
	.name = "ipcp_replay",
	.test_cases = replay_test_cases,
};

kunit_test_suite(replay_test_suite);
