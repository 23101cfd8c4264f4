// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Asking the peer whether it has the keys: answers, and effects of silence. */
#include "control.h"
#include "deadline.h"
#include "flow_util.h"
#include "question.h"
#include "rekey.h"
#include "test_util.h"
#include "wire.h"

#define EXCHANGE	77	/* exchange that asks for a fresh seed */

static int ask(struct ipcp_flow *flow)
{
	struct netlink_ext_ack extack = {};

	return ipcp_question_begin(flow, EXCHANGE, &extack);
}

/* Make the next step due, and take it. Return: true if it sends a packet. */
static bool step(struct ipcp_flow *flow)
{
	unsigned long next = ipcp_deadline_never();

	flow->question.at = jiffies;
	return ipcp_question_step(flow, &next);
}

/* Act as if a packet of the peer had authenticated. */
static void hear(struct ipcp_epoch *ep)
{
	ep->rx_end++;
}

static bool permits(struct ipcp_flow *flow)
{
	bool yes;

	spin_lock_bh(&flow->lock);
	yes = ipcp_question_permits(flow);
	spin_unlock_bh(&flow->lock);
	return yes;
}

/* Create an end in its second epoch that has heard the peer in both. */
static struct ipcp_flow *new_end(struct kunit *test, enum test_role role)
{
	struct ipcp_flow *flow = test_end(test, role, 0);

	hear(test_newest(flow));
	test_next(test, flow);
	test_settle(test, flow);
	hear(test_newest(flow));
	return flow;
}

/* Create an end, as new_end(), with a peer that did not answer the question. */
static struct ipcp_flow *silent_end(struct kunit *test, enum test_role role)
{
	struct ipcp_flow *flow = new_end(test, role);

	test_silence(test, flow, EXCHANGE);
	return flow;
}

static void a_question_is_sent_three_times_before_silence(struct kunit *test)
{
	const unsigned long apart = msecs_to_jiffies(IPCP_QUESTION_STEP_MS);
	struct ipcp_flow *flow = new_end(test, RESPONDER);

	KUNIT_EXPECT_FALSE(test, step(flow));
	KUNIT_ASSERT_EQ(test, ask(flow), 0);
	KUNIT_EXPECT_EQ(test, flow->question.exchange, EXCHANGE);
	for (unsigned int i = 0; i < IPCP_QUESTION_PACKETS; i++) {
		unsigned long next = ipcp_deadline_never(), before = jiffies;

		KUNIT_EXPECT_EQ(test, flow->question.state,
				IPCP_REKEY_QUESTION_ASKED);
		KUNIT_EXPECT_TRUE(test, step(flow));
		KUNIT_EXPECT_TRUE(test, time_after_eq(flow->question.at, before + apart));
		flow->question.at = jiffies + TEST_TIME;
		KUNIT_EXPECT_FALSE(test, ipcp_question_step(flow, &next));
		KUNIT_EXPECT_EQ(test, next, flow->question.at);
	}
	KUNIT_EXPECT_FALSE(test, permits(flow));
	KUNIT_EXPECT_FALSE(test, step(flow));
	KUNIT_EXPECT_EQ(test, flow->question.state, IPCP_REKEY_QUESTION_SILENT);
	KUNIT_EXPECT_TRUE(test, permits(flow));
}

static void lose_keys(struct ipcp_flow *flow)
{
	ipcp_keyrot_drop(flow);
}

static void use_up(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep = test_newest(flow);

	atomic64_set(&ep->sent, ipcp_tx_limit(ep->ppl_shift) -
				IPCP_QUESTION_PACKETS + 1);
}

static void use_up_data(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep = test_newest(flow);

	atomic64_set(&ep->sent, ipcp_tx_limit(ep->ppl_shift) -
				IPCP_QUESTION_PACKETS);
}

static void ask_before(struct ipcp_flow *flow)
{
	ask(flow);
}

static void ask_for_another(struct ipcp_flow *flow)
{
	ask(flow);
	flow->question.exchange--;
}

static void ask_for_another_long_before(struct ipcp_flow *flow)
{
	ask_for_another(flow);
	flow->question.begun -= msecs_to_jiffies(IPCP_QUESTION_PAUSE_MS);
}

static void make_unrecoverable(struct ipcp_flow *flow)
{
	flow->rk.recoverable = false;
}

static void make_pending(struct ipcp_flow *flow)
{
	flow->state = IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING;
}

static const struct asking_case {
	const char *desc;
	void (*before)(struct ipcp_flow *flow);
	int err;
} askings[] = {
	{ "no keys", lose_keys, -ENOKEY },
	{ "too few packets left", use_up, -ENOKEY },
	{ "just enough packets left", use_up_data, 0 },
	{ "asked for this exchange", ask_before, 0 },
	{ "asked for another exchange", ask_for_another, -EBUSY },
	{ "asked for another, long ago", ask_for_another_long_before, 0 },
	{ "without certificates", make_unrecoverable, -EOPNOTSUPP },
	{ "not allocated", make_pending, -EAGAIN },
};

KUNIT_ARRAY_PARAM_DESC(asking, askings, desc);

static void a_question_begins_or_fails_with_its_reason(struct kunit *test)
{
	const struct asking_case *c = test->param_value;
	struct ipcp_flow *flow = new_end(test, RESPONDER);

	c->before(flow);
	KUNIT_EXPECT_EQ(test, ask(flow), c->err);
}

static void in_newest(struct kunit *test, struct ipcp_flow *flow)
{
	hear(test_newest(flow));
}

static void in_older(struct kunit *test, struct ipcp_flow *flow)
{
	hear(test_epoch(flow, 0));
}

static void in_next(struct kunit *test, struct ipcp_flow *flow)
{
	test_next(test, flow);
}

static void nowhere(struct kunit *test, struct ipcp_flow *flow)
{
}

static const struct answer_case {
	const char *desc;
	void (*hear)(struct kunit *test, struct ipcp_flow *flow);
	bool answered;
} answers[] = {
	{ "in the newest epoch", in_newest, true },
	{ "in an older epoch", in_older, true },
	{ "in no epoch", nowhere, false },
};

KUNIT_ARRAY_PARAM_DESC(answer, answers, desc);

static void any_newer_packet_answers(struct kunit *test)
{
	const struct answer_case *c = test->param_value;
	struct ipcp_flow *flow = new_end(test, RESPONDER);

	KUNIT_ASSERT_EQ(test, ask(flow), 0);
	step(flow);
	c->hear(test, flow);
	step(flow);
	KUNIT_EXPECT_EQ(test, flow->question.state,
			c->answered ? IPCP_REKEY_QUESTION_ANSWERED :
				      IPCP_REKEY_QUESTION_ASKED);
	KUNIT_EXPECT_FALSE(test, permits(flow));
}

static void become_old(struct kunit *test, struct ipcp_flow *flow)
{
	flow->question.at = jiffies;
}

/* So long ago that jiffies have wrapped: 25 days with 32 bits at 1000 Hz. */
static void become_very_old(struct kunit *test, struct ipcp_flow *flow)
{
	flow->question.begun -= LONG_MAX + TEST_TIME;
	flow->question.at -= LONG_MAX + TEST_TIME;
}

static const struct permit_case {
	const char *desc;
	void (*then)(struct kunit *test, struct ipcp_flow *flow);
	bool permits;
} permit_cases[] = {
	{ "nothing happens", nowhere, true },
	{ "the peer is heard in the newest epoch", in_newest, false },
	{ "the peer is heard in an older epoch", in_older, false },
	{ "a seed is parked", in_next, false },
	{ "the permission expires", become_old, false },
	{ "the permission expired long ago", become_very_old, false },
};

KUNIT_ARRAY_PARAM_DESC(permit, permit_cases, desc);

static void silence_permits_a_fresh_seed_until_the_state_changes(struct kunit *test)
{
	const struct permit_case *c = test->param_value;
	struct ipcp_flow *flow = silent_end(test, RESPONDER);

	c->then(test, flow);
	KUNIT_EXPECT_EQ(test, permits(flow), c->permits);
}

static void a_fresh_seed_must_be_of_the_exchange_that_asked(struct kunit *test)
{
	struct ipcp_flow *flow = silent_end(test, RESPONDER);
	struct ipcp_delivery d = {
		.epoch = flow->rk.newest + 1, .chain = IPCP_CHAIN_FRESH,
		.exchange = EXCHANGE + 1,
	};

	KUNIT_EXPECT_EQ(test, test_park_as(test, flow, 77, &d), -ESTALE);
	d.exchange = EXCHANGE;
	KUNIT_EXPECT_EQ(test, test_park_as(test, flow, 77, &d), 0);
	d.exchange = EXCHANGE + 1;
	d.epoch = flow->rk.newest;	/* replacing the first seed */
	KUNIT_EXPECT_EQ(test, test_park_as(test, flow, 78, &d), -ESTALE);
}

/* A recent result holds for another exchange, too. */
static void recent_silence_holds_for_other_exchanges(struct kunit *test)
{
	struct ipcp_flow *flow = silent_end(test, RESPONDER);

	flow->question.exchange = EXCHANGE - 1;
	KUNIT_EXPECT_EQ(test, ask(flow), 0);
	KUNIT_EXPECT_EQ(test, flow->question.state, IPCP_REKEY_QUESTION_SILENT);
	KUNIT_EXPECT_EQ(test, flow->question.exchange, EXCHANGE);
	KUNIT_EXPECT_TRUE(test, permits(flow));
	/* once the peer is heard, no fresh seed is permitted */
	hear(test_newest(flow));
	KUNIT_EXPECT_EQ(test, ask(flow), 0);
	KUNIT_EXPECT_EQ(test, flow->question.state,
			IPCP_REKEY_QUESTION_ANSWERED);
	/* and not permanently */
	flow->question.begun -= msecs_to_jiffies(IPCP_QUESTION_PAUSE_MS);
	KUNIT_EXPECT_EQ(test, ask(flow), 0);
	KUNIT_EXPECT_EQ(test, flow->question.state, IPCP_REKEY_QUESTION_ASKED);
	step(flow);
	become_very_old(test, flow);
	KUNIT_EXPECT_EQ(test, ask(flow), 0);
	KUNIT_EXPECT_EQ(test, flow->question.sent, 0);
}

static int claim_fresh(struct ipcp_flow *flow)
{
	struct ipcp_claim claim;
	int n;

	n = ipcp_registry_claim_fresh(test_net(), flow->id, NULL, &claim);
	if (n > 0)
		ipcp_flow_put(flow);
	return n;
}

static void one_silence_permits_one_claim(struct kunit *test)
{
	struct ipcp_flow *flow = new_end(test, INITIATOR);

	KUNIT_EXPECT_EQ(test, claim_fresh(flow), -EPERM);
	KUNIT_ASSERT_EQ(test, ask(flow), 0);
	KUNIT_EXPECT_EQ(test, claim_fresh(flow), -EPERM);
	for (unsigned int i = 0; i <= IPCP_QUESTION_PACKETS; i++)
		step(flow);
	KUNIT_EXPECT_EQ(test, claim_fresh(flow), 1);
	KUNIT_ASSERT_EQ(test, ipcp_registry_clear_in_flight(flow, flow->rk.claim,
							    0), 0);
	KUNIT_EXPECT_EQ(test, claim_fresh(flow), -EPERM);
}

static void a_claim_without_keys_needs_no_question(struct kunit *test)
{
	struct ipcp_flow *flow = new_end(test, INITIATOR);

	ipcp_keyrot_drop(flow);
	KUNIT_EXPECT_EQ(test, claim_fresh(flow), 1);
}

static void a_claim_with_exhausted_keys_needs_no_question(struct kunit *test)
{
	struct ipcp_flow *flow = new_end(test, INITIATOR);

	use_up(flow);
	KUNIT_EXPECT_EQ(test, claim_fresh(flow), 1);
}

/* An end restored from an old state continues the numbers of its peer. */
static const struct raise_case {
	const char *desc;
	struct ipcp_numbers peer;
	u8 epoch;
	u32 exchange;
} raises[] = {
	{ "both are ahead", { 200, 5000 }, 201, 5001 },
	{ "only the epoch is ahead", { 9, 1 }, 10, 3 },
	{ "the epoch wraps", { 255, IPCP_EXCHANGE_STEP }, 0,
	  IPCP_EXCHANGE_STEP + 1 },
};

KUNIT_ARRAY_PARAM_DESC(raise, raises, desc);

static void a_claim_without_keys_continues_the_numbers_of_the_peer(struct kunit *test)
{
	const struct raise_case *c = test->param_value;
	struct ipcp_flow *flow = new_end(test, INITIATOR);
	struct ipcp_claim claim;

	KUNIT_EXPECT_EQ(test, ipcp_registry_claim_fresh(test_net(), flow->id,
							&c->peer, &claim), -EPERM);
	ipcp_keyrot_drop(flow);
	KUNIT_ASSERT_EQ(test, ipcp_registry_claim_fresh(test_net(), flow->id,
							&c->peer, &claim), 1);
	KUNIT_EXPECT_EQ(test, claim.epoch, c->epoch);
	KUNIT_EXPECT_EQ(test, claim.exchange, c->exchange);
	KUNIT_EXPECT_EQ(test, claim.chain, IPCP_CHAIN_FRESH);
	ipcp_flow_put(flow);
}

static const struct number_case {
	const char *desc;
	u32 ahead;
	unsigned int seconds;	/* since the last exchange */
	int err;
} numbers[] = {
	{ "the next", 1, 0, 0 },
	{ "the same", 0, 0, -EALREADY },
	{ "behind", -1, 0, -ESTALE },
	{ "the last number of the step", IPCP_EXCHANGE_STEP, 0, 0 },
	{ "one above the step", IPCP_EXCHANGE_STEP + 1, 0, -ERANGE },
	{ "more, within the time passed", IPCP_EXCHANGE_STEP + 32, 1, 0 },
	{ "too many for the time passed", IPCP_EXCHANGE_STEP + 33, 1, -ERANGE },
};

KUNIT_ARRAY_PARAM_DESC(number, numbers, desc);

static void a_responder_asks_only_for_acceptable_exchange_numbers(struct kunit *test)
{
	const struct number_case *c = test->param_value;
	struct ipcp_flow *flow = new_end(test, RESPONDER);
	struct netlink_ext_ack extack = {};

	flow->rk.exchanged = jiffies - c->seconds * HZ;
	KUNIT_EXPECT_EQ(test, ipcp_registry_ask(flow, flow->rk.exchange + c->ahead,
						&extack), c->err);
	KUNIT_EXPECT_EQ(test, flow->question.state,
			c->err ? IPCP_REKEY_QUESTION_NONE :
				 IPCP_REKEY_QUESTION_ASKED);
}

static void a_fresh_epoch_is_a_recovery_once_the_peer_uses_it(struct kunit *test)
{
	struct ipcp_flow *flow = silent_end(test, RESPONDER);
	struct ipcp_delivery d = {
		.epoch = flow->rk.newest + 1, .chain = IPCP_CHAIN_FRESH,
		.exchange = EXCHANGE,
	};

	KUNIT_EXPECT_EQ(test, test_park_as(test, flow, 77, &d), 0);
	KUNIT_EXPECT_EQ(test, flow->recoveries, 0);
	ipcp_keyrot_observe(flow, test_newest(flow), true);
	KUNIT_EXPECT_EQ(test, flow->recoveries, 1);
	/* the next epoch is an ordinary one */
	ipcp_control_confirm(flow, test_newest(flow), IPCP_CONFIRM_SEEN |
			     IPCP_CONFIRM_SENDING | IPCP_CONFIRM_DONE);
	test_next(test, flow);
	test_settle(test, flow);
	KUNIT_EXPECT_EQ(test, flow->recoveries, 1);
}

/* Claim the initiator's flow for a fresh seed, after silence of the peer. */
static struct ipcp_delivery claim_after_silence(struct kunit *test,
						struct ipcp_flow *flow)
{
	struct ipcp_claim claim;

	test_silence(test, flow, EXCHANGE);
	KUNIT_ASSERT_EQ(test, ipcp_registry_claim_fresh(test_net(), flow->id,
							NULL, &claim), 1);
	ipcp_flow_put(flow);
	return (struct ipcp_delivery){
		.epoch = claim.epoch, .exchange = claim.exchange,
		.chain = IPCP_CHAIN_FRESH,
	};
}

static void ask_again_then_hear(struct kunit *test, struct ipcp_flow *flow)
{
	flow->question.begun -= msecs_to_jiffies(IPCP_QUESTION_PAUSE_MS);
	KUNIT_EXPECT_EQ(test, ask(flow), 0);
	hear(test_newest(flow));
}

static void hear_then_ask_again(struct kunit *test, struct ipcp_flow *flow)
{
	hear(test_newest(flow));
	flow->question.begun -= msecs_to_jiffies(IPCP_QUESTION_PAUSE_MS);
	KUNIT_EXPECT_EQ(test, ask(flow), 0);
}

static const struct late_case {
	const char *desc;
	void (*then)(struct kunit *test, struct ipcp_flow *flow);
	int err;
} lates[] = {
	{ "nothing happens", nowhere, 0 },
	{ "the peer is heard", in_newest, -ESTALE },
	{ "the peer is asked again, then heard", ask_again_then_hear, -ESTALE },
	{ "the peer is heard, then asked again", hear_then_ask_again, -ESTALE },
};

KUNIT_ARRAY_PARAM_DESC(late, lates, desc);

static void a_fresh_claim_lapses_when_the_peer_is_heard(struct kunit *test)
{
	const struct late_case *c = test->param_value;
	struct ipcp_flow *flow = new_end(test, INITIATOR);
	struct ipcp_delivery d = claim_after_silence(test, flow);

	c->then(test, flow);
	KUNIT_EXPECT_EQ(test, test_park_as(test, flow, 77, &d), c->err);
}

static void park_fresh(struct kunit *test, struct ipcp_flow *flow, u32 exchange)
{
	struct ipcp_delivery d = {
		.epoch = flow->rk.newest + 1, .chain = IPCP_CHAIN_FRESH,
		.exchange = exchange,
	};

	test_silence(test, flow, exchange);
	KUNIT_ASSERT_EQ(test, test_park_as(test, flow, exchange, &d), 0);
}

/*
 * The initiator has given up the exchange of the newest epoch, and sends in the
 * epoch below: the only new epoch with keys at both ends.
 */
static void a_responder_follows_the_peer_below_its_newest_epoch(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, RESPONDER, 0);
	struct ipcp_epoch *fresh;

	park_fresh(test, flow, EXCHANGE);
	fresh = test_newest(flow);
	flow->question.begun -= msecs_to_jiffies(IPCP_QUESTION_PAUSE_MS);
	park_fresh(test, flow, EXCHANGE + 1);
	KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), test_epoch(flow, 0));

	ipcp_keyrot_observe(flow, fresh, true);

	KUNIT_EXPECT_PTR_EQ(test, test_tx(flow), fresh);
	test_keyrot(flow);
	KUNIT_EXPECT_NULL(test, test_epoch(flow, 0));
	KUNIT_EXPECT_NOT_NULL(test, test_epoch(flow, 2));
	/* the next exchange replaces the epoch that the peer lacks */
	KUNIT_EXPECT_EQ(test, test_park(test, flow, 99, 2, EXCHANGE + 2), 0);
	test_settle(test, flow);
	KUNIT_EXPECT_EQ(test, test_tx(flow)->exchange, EXCHANGE + 2);
}

static void a_claim_refuses_numbers_too_far_ahead(struct kunit *test)
{
	const struct ipcp_numbers far = { 1, IPCP_EXCHANGE_STEP + 3 };
	struct ipcp_flow *flow = new_end(test, INITIATOR);
	struct ipcp_claim claim;

	ipcp_keyrot_drop(flow);
	KUNIT_EXPECT_EQ(test, ipcp_registry_claim_fresh(test_net(), flow->id,
							&far, &claim), -ERANGE);
	KUNIT_EXPECT_EQ(test, claim_fresh(flow), 1);
}

/* The packets of the question may be the last of the epoch. */
static void a_claim_heeds_a_question_that_used_the_last_packets(struct kunit *test)
{
	struct ipcp_flow *flow = new_end(test, INITIATOR);

	use_up_data(flow);
	KUNIT_ASSERT_EQ(test, ask(flow), 0);
	use_up(flow);
	KUNIT_EXPECT_EQ(test, claim_fresh(flow), -EPERM);
	hear(test_newest(flow));
	step(flow);
	KUNIT_EXPECT_EQ(test, claim_fresh(flow), -EPERM);
}

static void a_question_that_could_not_be_sent_is_no_silence(struct kunit *test)
{
	struct ipcp_flow *flow = new_end(test, RESPONDER);

	KUNIT_ASSERT_EQ(test, ask(flow), 0);
	KUNIT_EXPECT_TRUE(test, step(flow));
	ipcp_question_unsent(flow);
	for (unsigned int i = 0; i < IPCP_QUESTION_PACKETS; i++)
		step(flow);
	KUNIT_EXPECT_EQ(test, flow->question.state,
			IPCP_REKEY_QUESTION_ANSWERED);
	KUNIT_EXPECT_FALSE(test, permits(flow));
}

static void a_flow_without_certificates_gets_no_fresh_seed(struct kunit *test)
{
	struct ipcp_flow *flow = new_end(test, INITIATOR);
	struct ipcp_delivery d = { .chain = IPCP_CHAIN_FRESH };

	flow->rk.recoverable = false;
	ipcp_keyrot_drop(flow);
	KUNIT_EXPECT_EQ(test, claim_fresh(flow), -EOPNOTSUPP);
	d.exchange = test_claim(test, flow);
	d.epoch = flow->rk.newest + 1;
	d.generation = flow->rk.drops;
	KUNIT_EXPECT_EQ(test, test_park_as(test, flow, 77, &d), -ESTALE);
}

static void silence_lapses_with_the_agent(struct kunit *test)
{
	struct ipcp_flow *flow = silent_end(test, RESPONDER);

	ipcp_registry_lapse(test_net());
	KUNIT_EXPECT_FALSE(test, permits(flow));
}

static struct kunit_case question_test_cases[] = {
	KUNIT_CASE(a_question_is_sent_three_times_before_silence),
	KUNIT_CASE_PARAM(a_question_begins_or_fails_with_its_reason,
			 asking_gen_params),
	KUNIT_CASE_PARAM(any_newer_packet_answers, answer_gen_params),
	KUNIT_CASE_PARAM(silence_permits_a_fresh_seed_until_the_state_changes,
			 permit_gen_params),
	KUNIT_CASE(a_fresh_seed_must_be_of_the_exchange_that_asked),
	KUNIT_CASE(recent_silence_holds_for_other_exchanges),
	KUNIT_CASE(one_silence_permits_one_claim),
	KUNIT_CASE(a_claim_without_keys_needs_no_question),
	KUNIT_CASE(a_claim_with_exhausted_keys_needs_no_question),
	KUNIT_CASE_PARAM(a_claim_without_keys_continues_the_numbers_of_the_peer,
			 raise_gen_params),
	KUNIT_CASE_PARAM(a_responder_asks_only_for_acceptable_exchange_numbers,
			 number_gen_params),
	KUNIT_CASE_PARAM(a_fresh_claim_lapses_when_the_peer_is_heard,
			 late_gen_params),
	KUNIT_CASE(a_responder_follows_the_peer_below_its_newest_epoch),
	KUNIT_CASE(a_claim_refuses_numbers_too_far_ahead),
	KUNIT_CASE(a_claim_heeds_a_question_that_used_the_last_packets),
	KUNIT_CASE(a_question_that_could_not_be_sent_is_no_silence),
	KUNIT_CASE(a_flow_without_certificates_gets_no_fresh_seed),
	KUNIT_CASE(silence_lapses_with_the_agent),
	KUNIT_CASE(a_fresh_epoch_is_a_recovery_once_the_peer_uses_it),
	{}
};

static struct kunit_suite question_test_suite = {
	.name = "ipcp_question",
	.test_cases = question_test_cases,
};

kunit_test_suite(question_test_suite);
