// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The worker runs again when work is due, and not before. A time that has
 * passed is handled once, and never makes the worker run again at once.
 */
#include "flow_util.h"
#include "path_util.h"
#include "state.h"
#include "test_util.h"
#include "worker.h"

#define CIPHER		IPCP_REKEY_CIPHER_CHACHA20_POLY1305
#define NOT_DONE_TIME	msecs_to_jiffies(IPCP_NOT_DONE_MS)
#define MAX_RUNS	60	/* worker runs in ten minutes of silence */

/* Move the times of a flow and its epochs into the past by @time. */
static void pass(struct ipcp_flow *flow, unsigned long time)
{
	flow->deadline -= time;
	flow->close_at -= time;
	flow->last_tx -= time;
	flow->last_rx -= time;
	for (int i = 0; i < IPCP_EPOCH_SLOTS; i++) {
		struct ipcp_epoch *ep;

		ep = rcu_dereference_protected(flow->slots[i], true);
		if (!ep)
			continue;
		ep->parked -= time;
		ep->promoted -= time;
		ep->linger -= time;
		ep->confirm -= time;
		ep->answered -= time;
	}
}

/* Set the default times of a flow. */
static void usual_times(struct ipcp_flow *flow)
{
	flow->grace = msecs_to_jiffies(IPCP_GRACE_MS);
	flow->linger_time = msecs_to_jiffies(IPCP_LINGER_MS);
	flow->peer_timeout = msecs_to_jiffies(IPCP_PEER_TIMEOUT_MS);
}

/* Count the worker runs in @time, each at the time that the last run set. */
static unsigned int runs(struct ipcp_flow *flow, unsigned long time)
{
	unsigned int n = 0;
	unsigned long next;

	while (n <= MAX_RUNS && ipcp_worker_tend(flow, &next)) {
		unsigned long wait = time_after(next, jiffies) ? next - jiffies : 0;

		n++;
		if (wait >= time)
			break;
		time -= wait;
		pass(flow, wait);
	}
	return n;
}

static void nothing(struct kunit *test, struct ipcp_flow *flow)
{
}

static void parked(struct kunit *test, struct ipcp_flow *flow)
{
	test_next(test, flow);
}

static void taken(struct kunit *test, struct ipcp_flow *flow)
{
	parked(test, flow);
	KUNIT_ASSERT_TRUE(test, ipcp_keyrot_activate(flow));
}

static void promoted(struct kunit *test, struct ipcp_flow *flow)
{
	taken(test, flow);
	ipcp_keyrot_observe(flow, test_newest(flow), false);
	KUNIT_ASSERT_PTR_EQ(test, test_tx(flow), test_newest(flow));
}

static void peer_sends(struct kunit *test, struct ipcp_flow *flow)
{
	promoted(test, flow);
	ipcp_keyrot_observe(flow, test_newest(flow), true);
}

static void settled(struct kunit *test, struct ipcp_flow *flow)
{
	parked(test, flow);
	test_settle(test, flow);
}

static void short_lived(struct kunit *test, struct ipcp_flow *flow)
{
	flow->max_age = 30 * HZ;
}

static void closed(struct kunit *test, struct ipcp_flow *flow)
{
	ipcp_state_close(flow);
}

static void went_down(struct kunit *test, struct ipcp_flow *flow)
{
	peer_sends(test, flow);
	ipcp_state_down(flow, ESHUTDOWN, NULL);
}

static void lost_keys(struct kunit *test, struct ipcp_flow *flow)
{
	ipcp_keyrot_drop(flow);
}

static void never_silent(struct kunit *test, struct ipcp_flow *flow)
{
	promoted(test, flow);
	ipcp_flow_set_timeout(flow, 0);
}

static const struct vanish_case {
	const char *desc;
	void (*before)(struct kunit *test, struct ipcp_flow *flow);
} vanishes[] = {
	{ "between re-keys", nothing },
	{ "after the seed was parked", parked },
	{ "after the seed was taken", taken },
	{ "after the promotion", promoted },
	{ "before the peer says DONE", peer_sends },
	{ "after the peer said DONE", settled },
	{ "with a maximum age of the epoch", short_lived },
	{ "after the program closed the flow", closed },
	{ "after the flow went down", went_down },
	{ "after the keys were lost", lost_keys },
	{ "without a peer timeout", never_silent },
};

KUNIT_ARRAY_PARAM_DESC(vanish, vanishes, desc);

static void a_vanished_peer_costs_few_worker_runs(struct kunit *test)
{
	const struct vanish_case *c = test->param_value;
	struct ipcp_flow *end[2];

	test_pair(test, &end[INITIATOR], &end[RESPONDER]);
	for (enum test_role role = INITIATOR; role <= RESPONDER; role++) {
		usual_times(end[role]);
		c->before(test, end[role]);
		KUNIT_EXPECT_LE_MSG(test, runs(end[role], 600 * HZ), MAX_RUNS,
				    "role %d", role);
	}
}

/* A peer that was never heard costs few worker runs, too. */
static void a_pending_flow_costs_few_worker_runs(struct kunit *test)
{
	for (enum test_role role = INITIATOR; role <= RESPONDER; role++) {
		struct ipcp_flow *flow = test_pending(test, role, CIPHER);

		usual_times(flow);
		flow->deadline = jiffies + msecs_to_jiffies(IPCP_ALLOC_TIMEOUT_MS);
		KUNIT_ASSERT_EQ(test, test_park(test, flow, 1, 0, 1), 0);
		KUNIT_ASSERT_TRUE(test, ipcp_keyrot_activate(flow));
		KUNIT_EXPECT_LE(test, runs(flow, 600 * HZ), MAX_RUNS);
		KUNIT_EXPECT_EQ(test, flow->state,
				IPCP_REKEY_FLOW_STATE_DEALLOCATED);
	}
}

/* Each of these moves one of the worker's times into the past. */
static void grace_over(struct kunit *test, struct ipcp_flow *flow)
{
	parked(test, flow);
	test_newest(flow)->parked -= flow->grace;
}

static void time_to_ask(struct kunit *test, struct ipcp_flow *flow)
{
	promoted(test, flow);
	test_newest(flow)->confirm = jiffies;
}

static void overdue(struct kunit *test, struct ipcp_flow *flow)
{
	promoted(test, flow);
	pass(flow, NOT_DONE_TIME + 1);
}

static void long_overdue(struct kunit *test, struct ipcp_flow *flow)
{
	promoted(test, flow);
	pass(flow, 10 * NOT_DONE_TIME);
}

static void too_old(struct kunit *test, struct ipcp_flow *flow)
{
	flow->max_age = NOT_DONE_TIME;
	test_newest(flow)->parked -= flow->max_age + 1;
}

static void linger_over(struct kunit *test, struct ipcp_flow *flow)
{
	settled(test, flow);
	test_newest(flow)->linger = jiffies;
}

static void idle(struct kunit *test, struct ipcp_flow *flow)
{
	flow->last_tx = jiffies - flow->peer_timeout / 4;
}

static void silent(struct kunit *test, struct ipcp_flow *flow)
{
	flow->last_rx = jiffies - flow->peer_timeout;
}

static void silent_for_long(struct kunit *test, struct ipcp_flow *flow)
{
	flow->last_rx = jiffies - 10 * flow->peer_timeout;
}

static void closing(struct kunit *test, struct ipcp_flow *flow)
{
	unsigned long next;

	ipcp_state_close(flow);
	KUNIT_ASSERT_TRUE(test, ipcp_worker_tend(flow, &next));
	flow->close_at = jiffies;
}

static const struct passed_case {
	const char *desc;
	void (*before)(struct kunit *test, struct ipcp_flow *flow);
} passed[] = {
	{ "the grace time", grace_over },
	{ "the time to ask for DONE", time_to_ask },
	{ "the time to wait for DONE", overdue },
	{ "ten times the time to wait for DONE", long_overdue },
	{ "the maximum age of the epoch", too_old },
	{ "the linger time", linger_over },
	{ "the time to send a keepalive", idle },
	{ "the peer timeout", silent },
	{ "ten times the peer timeout", silent_for_long },
	{ "the time to send CLOSE again", closing },
};

KUNIT_ARRAY_PARAM_DESC(passed, passed, desc);

static void a_time_that_has_passed_is_handled_once(struct kunit *test)
{
	const struct passed_case *c = test->param_value;
	struct ipcp_flow *end[2];

	test_pair(test, &end[INITIATOR], &end[RESPONDER]);
	for (enum test_role role = INITIATOR; role <= RESPONDER; role++) {
		unsigned long next, before;

		c->before(test, end[role]);
		for (int i = 0; i < 2; i++) {
			before = jiffies;
			KUNIT_ASSERT_TRUE(test, ipcp_worker_tend(end[role], &next));
			KUNIT_EXPECT_TRUE_MSG(test, time_after(next, before),
					      "role %d, run %d: %ld jiffies",
					      role, i, (long)(next - before));
		}
	}
}

static struct kunit_case deadline_test_cases[] = {
	KUNIT_CASE_PARAM(a_vanished_peer_costs_few_worker_runs,
			 vanish_gen_params),
	KUNIT_CASE(a_pending_flow_costs_few_worker_runs),
	KUNIT_CASE_PARAM(a_time_that_has_passed_is_handled_once,
			 passed_gen_params),
	{}
};

static struct kunit_suite deadline_test_suite = {
	.name = "ipcp_deadline",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = deadline_test_cases,
};

kunit_test_suite(deadline_test_suite);
