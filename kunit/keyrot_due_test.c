// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* When a flow is due for a new seed, and why. */
#include "flow_util.h"
#include "test_util.h"
#include "tx.h"

#define NOT_DONE_TIME	msecs_to_jiffies(IPCP_NOT_DONE_MS)
#define WATERMARK	((u64)IPCP_REKEY_WATERMARK_LEAF)

static void sent_enough(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	atomic64_set(&ep->sent, WATERMARK << ep->ppl_shift);
}

static void sent_one_less(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	atomic64_set(&ep->sent, (WATERMARK << ep->ppl_shift) - 1);
}

static void sent_enough_of_short_leaves(struct ipcp_flow *flow,
					struct ipcp_epoch *ep)
{
	ep->ppl_shift = IPCP_PPL_SHIFT_MIN;
	sent_enough(flow, ep);
}

static void received_enough(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	ep->rx_end = ipcp_ctr_make(WATERMARK, 0) + 1;
}

static void received_one_less(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	ep->rx_end = ipcp_ctr_make(WATERMARK, 0);
}

static void failures(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	atomic64_set(&flow->auth_failures, 1LL << 32);
}

static void one_failure_less(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	atomic64_set(&flow->auth_failures, (1LL << 32) - 1);
}

static void never_done(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	clear_bit(IPCP_EP_CONFIRMED, &ep->flags);
	test_give_up(ep);
}

static void not_done_yet(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	clear_bit(IPCP_EP_CONFIRMED, &ep->flags);
}

static void done_long_ago(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	test_give_up(ep);
}

/* This side never sent in the epoch, so no confirmation is overdue. */
static void never_sent_in(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	never_done(flow, ep);
	clear_bit(IPCP_EP_SENDING, &ep->flags);
}

/* The time to confirm begins when this side starts to send in the epoch. */
static void sent_in_late(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	never_done(flow, ep);
	ep->promoted = jiffies;
}

static void too_old(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	flow->max_age = TEST_TIME;
	ep->parked -= TEST_TIME + 1;
}

static void not_too_old(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	flow->max_age = 2 * TEST_TIME;
	ep->parked -= TEST_TIME;
}

static void old_without_limit(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	ep->parked -= TEST_TIME + 1;
}

static void failures_of_an_old_epoch(struct ipcp_flow *flow,
				     struct ipcp_epoch *ep)
{
	failures(flow, ep);
	too_old(flow, ep);
}

static const struct due_case {
	const char *desc;
	void (*before)(struct ipcp_flow *flow, struct ipcp_epoch *ep);
	u32 due;
} dues[] = {
	{ "seven eighths sent", sent_enough, IPCP_REKEY_DUE_WATERMARK },
	{ "one packet less sent", sent_one_less, 0 },
	{ "seven eighths of short leaves sent", sent_enough_of_short_leaves,
	  IPCP_REKEY_DUE_WATERMARK },
	{ "seven eighths received", received_enough, IPCP_REKEY_DUE_WATERMARK },
	{ "one packet less received", received_one_less, 0 },
	{ "too many authentication failures", failures,
	  IPCP_REKEY_DUE_AUTH_FAILURES },
	{ "one authentication failure less", one_failure_less, 0 },
	{ "never confirmed", never_done, IPCP_REKEY_DUE_NOT_DONE },
	{ "not confirmed yet", not_done_yet, 0 },
	{ "confirmed long ago", done_long_ago, 0 },
	{ "never confirmed, but not sent in", never_sent_in, 0 },
	{ "not confirmed, but sent in late", sent_in_late, 0 },
	{ "older than the maximum age", too_old, IPCP_REKEY_DUE_AGE },
	{ "not older than the maximum age", not_too_old, 0 },
	{ "old, without a maximum age", old_without_limit, 0 },
	{ "two reasons", failures_of_an_old_epoch,
	  IPCP_REKEY_DUE_AUTH_FAILURES | IPCP_REKEY_DUE_AGE },
};

KUNIT_ARRAY_PARAM_DESC(due, dues, desc);

static void the_worker_sets_the_reason_why_a_seed_is_due(struct kunit *test)
{
	const struct due_case *c = test->param_value;

	for (enum test_role role = INITIATOR; role <= RESPONDER; role++) {
		struct ipcp_flow *flow = test_end(test, role, 0);

		c->before(flow, test_newest(flow));
		test_keyrot(flow);
		KUNIT_EXPECT_EQ(test, flow->rk.due, c->due);
	}
}

static void the_worker_runs_again_when_a_seed_may_be_due(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);
	struct ipcp_epoch *ep = test_newest(flow);

	flow->max_age = TEST_TIME;
	KUNIT_EXPECT_EQ(test, test_keyrot(flow), ep->parked + TEST_TIME + 1);
	clear_bit(IPCP_EP_CONFIRMED, &ep->flags);
	ep->confirm = ep->parked + TEST_TIME;
	KUNIT_EXPECT_EQ(test, test_keyrot(flow), ep->promoted + NOT_DONE_TIME);
}

/* On 32 bits, jiffies wrap while an epoch without a successor is kept. */
static void an_old_epoch_stays_old_when_jiffies_wrap(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);
	struct ipcp_epoch *ep = test_newest(flow);

	flow->max_age = MAX_JIFFY_OFFSET;
	clear_bit(IPCP_EP_CONFIRMED, &ep->flags);
	for (int i = 0; i < 12; i++) {
		/* the longest pause of the worker */
		ep->parked -= MAX_JIFFY_OFFSET / 2;
		ep->promoted -= MAX_JIFFY_OFFSET / 2;
		if (i > 1) {
			KUNIT_EXPECT_FALSE(test, ipcp_tx_ready(flow));
			KUNIT_EXPECT_TRUE(test, ipcp_epoch_confirm_overdue(ep));
		}
		test_keyrot(flow);
	}
}

static void due_reasons_add_up(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);

	ipcp_keyrot_due(flow, IPCP_REKEY_DUE_REQUEST);
	ipcp_keyrot_due(flow, IPCP_REKEY_DUE_REQUEST);
	ipcp_keyrot_due(flow, IPCP_REKEY_DUE_AGE);
	KUNIT_EXPECT_EQ(test, flow->rk.due,
			IPCP_REKEY_DUE_REQUEST | IPCP_REKEY_DUE_AGE);
}

static void a_flow_without_encryption_is_never_due(struct kunit *test)
{
	struct ipcp_flow *flow = test_flow(test);

	ipcp_keyrot_due(flow, IPCP_REKEY_DUE_REQUEST);
	KUNIT_EXPECT_EQ(test, flow->rk.due, 0);
}

static struct kunit_case due_test_cases[] = {
	KUNIT_CASE_PARAM(the_worker_sets_the_reason_why_a_seed_is_due,
			 due_gen_params),
	KUNIT_CASE(the_worker_runs_again_when_a_seed_may_be_due),
	KUNIT_CASE(an_old_epoch_stays_old_when_jiffies_wrap),
	KUNIT_CASE(due_reasons_add_up),
	KUNIT_CASE(a_flow_without_encryption_is_never_due),
	{}
};

static struct kunit_suite due_test_suite = {
	.name = "ipcp_keyrot_due",
	.test_cases = due_test_cases,
};

kunit_test_suite(due_test_suite);
