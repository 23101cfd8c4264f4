// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* The question whether the peer has the keys: its answers, and what silence permits. */
#include "control.h"
#include "deadline.h"
#include "flow_util.h"
#include "question.h"
#include "rekey.h"
#include "test_util.h"
#include "wire.h"

#define EXCHANGE	77	/* that asks for a fresh seed */

static int ask(struct ipcp_flow *flow)
{
	struct netlink_ext_ack extack = {};

	return ipcp_question_begin(flow, EXCHANGE, &extack);
}

/* Let the time of the next step come, and do it. Return: whether to send. */
static bool step(struct ipcp_flow *flow)
{
	unsigned long next = ipcp_deadline_never();

	flow->question.at = jiffies;
	return ipcp_question_step(flow, &next);
}

/* A packet of the peer authenticates. */
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

/* An end in its second epoch that has heard the peer in both. */
static struct ipcp_flow *new_end(struct kunit *test, enum test_role role)
{
	struct ipcp_flow *flow = test_end(test, role, 0);

	hear(test_newest(flow));
	test_next(test, flow);
	test_settle(test, flow);
	hear(test_newest(flow));
	return flow;
}

/* The same, whose peer was asked and said nothing. */
static struct ipcp_flow *silent_end(struct kunit *test, enum test_role role)
{
	struct ipcp_flow *flow = new_end(test, role);

	test_silence(test, flow, EXCHANGE);
	return flow;
}

static void it_is_asked_three_times_before_it_is_silence(struct kunit *test)
{
	struct ipcp_flow *flow = new_end(test, RESPONDER);

	KUNIT_EXPECT_FALSE(test, step(flow));
	KUNIT_ASSERT_EQ(test, ask(flow), 0);
	KUNIT_EXPECT_EQ(test, flow->question.exchange, EXCHANGE);
	for (unsigned int i = 0; i < IPCP_QUESTION_PACKETS; i++) {
		unsigned long next = ipcp_deadline_never();

		KUNIT_EXPECT_EQ(test, flow->question.state,
				IPCP_REKEY_QUESTION_ASKED);
		KUNIT_EXPECT_TRUE(test, step(flow));
		/* not before its time */
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
	{ "as many as it takes", use_up_data, 0 },
	{ "asked already", ask_before, 0 },
	{ "asked for another exchange", ask_for_another, -EBUSY },
	{ "long asked for another", ask_for_another_long_before, 0 },
	{ "without certificates", make_unrecoverable, -EOPNOTSUPP },
	{ "not allocated", make_pending, -EAGAIN },
};

KUNIT_ARRAY_PARAM_DESC(asking, askings, desc);

static void it_is_asked_if_it_can_be_answered(struct kunit *test)
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
	{ "nowhere", nowhere, false },
};

KUNIT_ARRAY_PARAM_DESC(answer, answers, desc);

static void any_packet_that_is_newer_answers(struct kunit *test)
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

/* So long ago that jiffies have wrapped: 25 days, where they have 32 bits. */
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
	{ "its time passes", become_old, false },
	{ "its time passes long ago", become_very_old, false },
};

KUNIT_ARRAY_PARAM_DESC(permit, permit_cases, desc);

static void silence_permits_a_fresh_seed_until(struct kunit *test)
{
	const struct permit_case *c = test->param_value;
	struct ipcp_flow *flow = silent_end(test, RESPONDER);

	c->then(test, flow);
	KUNIT_EXPECT_EQ(test, permits(flow), c->permits);
}

static void a_fresh_seed_is_taken_for_the_exchange_that_asked(struct kunit *test)
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
	d.epoch = flow->rk.newest;	/* in place of the first */
	KUNIT_EXPECT_EQ(test, test_park_as(test, flow, 78, &d), -ESTALE);
}

/* The result of a moment ago is the result for another exchange, too. */
static void silence_is_shared_for_a_while(struct kunit *test)
{
	struct ipcp_flow *flow = silent_end(test, RESPONDER);

	flow->question.exchange = EXCHANGE - 1;
	KUNIT_EXPECT_EQ(test, ask(flow), 0);
	KUNIT_EXPECT_EQ(test, flow->question.state, IPCP_REKEY_QUESTION_SILENT);
	KUNIT_EXPECT_EQ(test, flow->question.exchange, EXCHANGE);
	KUNIT_EXPECT_TRUE(test, permits(flow));
	/* but not once the peer was heard */
	hear(test_newest(flow));
	KUNIT_EXPECT_EQ(test, ask(flow), 0);
	KUNIT_EXPECT_EQ(test, flow->question.state,
			IPCP_REKEY_QUESTION_ANSWERED);
	/* and not for ever */
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

static void without_keys_nobody_has_to_be_asked(struct kunit *test)
{
	struct ipcp_flow *flow = new_end(test, INITIATOR);

	ipcp_keyrot_drop(flow);
	KUNIT_EXPECT_EQ(test, claim_fresh(flow), 1);
}

static void with_keys_used_up_nobody_can_be_asked(struct kunit *test)
{
	struct ipcp_flow *flow = new_end(test, INITIATOR);

	use_up(flow);
	KUNIT_EXPECT_EQ(test, claim_fresh(flow), 1);
}

/* An end that was set back goes on from the numbers of its peer. */
static const struct raise_case {
	const char *desc;
	struct ipcp_numbers peer;
	u8 epoch;
	u32 exchange;
} raises[] = {
	{ "ahead", { 200, 5000 }, 201, 5001 },
	{ "only the epoch", { 9, 1 }, 10, 3 },
	{ "past the end", { 255, IPCP_EXCHANGE_STEP }, 0,
	  IPCP_EXCHANGE_STEP + 1 },
};

KUNIT_ARRAY_PARAM_DESC(raise, raises, desc);

static void a_claim_without_keys_goes_on_from(struct kunit *test)
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
	{ "the last of the step", IPCP_EXCHANGE_STEP, 0, 0 },
	{ "one too many", IPCP_EXCHANGE_STEP + 1, 0, -ERANGE },
	{ "as many more in time", IPCP_EXCHANGE_STEP + 32, 1, 0 },
	{ "too many for the time", IPCP_EXCHANGE_STEP + 33, 1, -ERANGE },
};

KUNIT_ARRAY_PARAM_DESC(number, numbers, desc);

static void a_responder_asks_for_numbers_that_it_takes(struct kunit *test)
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

static void a_fresh_epoch_is_a_recovery_when_the_peer_is_in_it(struct kunit *test)
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
	/* the next is an ordinary one */
	KUNIT_ASSERT_TRUE(test, ipcp_control_confirm(flow, test_newest(flow),
						     IPCP_CONFIRM_SEEN |
						     IPCP_CONFIRM_SENDING |
						     IPCP_CONFIRM_DONE));
	test_next(test, flow);
	test_settle(test, flow);
	KUNIT_EXPECT_EQ(test, flow->recoveries, 1);
}

/* Claim the initiator's flow after silence, for a fresh seed. */
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
	{ "it is asked again, and heard", ask_again_then_hear, -ESTALE },
	{ "it is heard, and asked again", hear_then_ask_again, -ESTALE },
};

KUNIT_ARRAY_PARAM_DESC(late, lates, desc);

static void a_fresh_claim_is_for_a_silent_peer(struct kunit *test)
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
 * The initiator gave up the exchange of the newest epoch, and sends in the one
 * below: both ends have keys there, and nowhere else.
 */
static void a_responder_follows_below_what_it_parked(struct kunit *test)
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
	/* and the next exchange replaces what the peer does not have */
	KUNIT_EXPECT_EQ(test, test_park(test, flow, 99, 2, EXCHANGE + 2), 0);
	test_settle(test, flow);
	KUNIT_EXPECT_EQ(test, test_tx(flow)->exchange, EXCHANGE + 2);
}

static void a_claim_does_not_use_up_the_numbers(struct kunit *test)
{
	const struct ipcp_numbers far = { 1, IPCP_EXCHANGE_STEP + 3 };
	struct ipcp_flow *flow = new_end(test, INITIATOR);
	struct ipcp_claim claim;

	ipcp_keyrot_drop(flow);
	KUNIT_EXPECT_EQ(test, ipcp_registry_claim_fresh(test_net(), flow->id,
							&far, &claim), -ERANGE);
	KUNIT_EXPECT_EQ(test, claim_fresh(flow), 1);
}

/* The packets of the question may be the last. */
static void a_question_does_not_end_the_need_for_it(struct kunit *test)
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

static void what_was_not_sent_was_not_asked(struct kunit *test)
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

static void without_certificates_no_fresh_seed_follows(struct kunit *test)
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

static void the_next_agent_asks_for_itself(struct kunit *test)
{
	struct ipcp_flow *flow = silent_end(test, RESPONDER);

	ipcp_registry_lapse(test_net());
	KUNIT_EXPECT_FALSE(test, permits(flow));
}

static struct kunit_case question_test_cases[] = {
	KUNIT_CASE(it_is_asked_three_times_before_it_is_silence),
	KUNIT_CASE_PARAM(it_is_asked_if_it_can_be_answered, asking_gen_params),
	KUNIT_CASE_PARAM(any_packet_that_is_newer_answers, answer_gen_params),
	KUNIT_CASE_PARAM(silence_permits_a_fresh_seed_until, permit_gen_params),
	KUNIT_CASE(a_fresh_seed_is_taken_for_the_exchange_that_asked),
	KUNIT_CASE(silence_is_shared_for_a_while),
	KUNIT_CASE(one_silence_permits_one_claim),
	KUNIT_CASE(without_keys_nobody_has_to_be_asked),
	KUNIT_CASE(with_keys_used_up_nobody_can_be_asked),
	KUNIT_CASE_PARAM(a_claim_without_keys_goes_on_from, raise_gen_params),
	KUNIT_CASE_PARAM(a_responder_asks_for_numbers_that_it_takes,
			 number_gen_params),
	KUNIT_CASE_PARAM(a_fresh_claim_is_for_a_silent_peer, late_gen_params),
	KUNIT_CASE(a_responder_follows_below_what_it_parked),
	KUNIT_CASE(a_claim_does_not_use_up_the_numbers),
	KUNIT_CASE(a_question_does_not_end_the_need_for_it),
	KUNIT_CASE(what_was_not_sent_was_not_asked),
	KUNIT_CASE(without_certificates_no_fresh_seed_follows),
	KUNIT_CASE(the_next_agent_asks_for_itself),
	KUNIT_CASE(a_fresh_epoch_is_a_recovery_when_the_peer_is_in_it),
	{}
};

static struct kunit_suite question_test_suite = {
	.name = "ipcp_question",
	.test_cases = question_test_cases,
};

kunit_test_suite(question_test_suite);
