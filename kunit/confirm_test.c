// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* CONFIRM: its flags, the times it is sent, and that both ends reach DONE. */
#include "control.h"
#include "flow_util.h"
#include "path_util.h"
#include "rx.h"
#include "test_util.h"
#include "tx.h"

#define SEEN	IPCP_CONFIRM_SEEN
#define SENDING	IPCP_CONFIRM_SENDING
#define DONE	IPCP_CONFIRM_DONE

#define MIN_TIME	msecs_to_jiffies(IPCP_CONFIRM_MIN_MS)

/* Make two ends in epoch 0, both with the seed of epoch 1 parked and taken. */
static void new_pair(struct kunit *test, struct ipcp_flow **initiator,
		     struct ipcp_flow **responder)
{
	test_pair(test, initiator, responder);
	test_next(test, *responder);
	test_next(test, *initiator);
	KUNIT_ASSERT_TRUE(test, ipcp_keyrot_activate(*responder));
	KUNIT_ASSERT_TRUE(test, ipcp_keyrot_activate(*initiator));
}

/* Return: the flags of the CONFIRM that was sent to this end. */
static u8 said_to(struct kunit *test, struct ipcp_flow *flow)
{
	unsigned int len = 1;
	struct ipcp_hdr hdr;
	u8 flags = 0xff;

	hdr = test_open_packet(test, flow, &flags, &len);
	KUNIT_EXPECT_EQ(test, hdr.type, IPCP_PDU_CONFIRM);
	KUNIT_EXPECT_EQ(test, hdr.epoch, flow->rk.newest);
	KUNIT_EXPECT_EQ(test, len, 1);
	return flags;
}

static const struct say_case {
	const char *desc;
	enum test_role role;
	bool observed;
	bool peer_sending;
	bool grace_over;
	bool asks;
	u8 flags;		/* all flags that hold */
} says[] = {
	{ "initiator, peer not heard", INITIATOR, 0, 0, 0, true, 0 },
	{ "initiator, grace over", INITIATOR, 0, 0, 1, true, SENDING },
	{ "initiator, heard the peer", INITIATOR, 1, 0, 0, true,
	  SEEN | SENDING },
	{ "initiator, heard the peer send", INITIATOR, 1, 1, 0, true,
	  SEEN | SENDING | DONE },
	{ "responder, peer not heard", RESPONDER, 0, 0, 0, false, 0 },
	{ "responder, grace over", RESPONDER, 0, 0, 1, false, 0 },
	{ "responder, heard the peer", RESPONDER, 1, 0, 0, true,
	  SEEN | SENDING },
	{ "responder, heard the peer send", RESPONDER, 1, 1, 0, true,
	  SEEN | SENDING | DONE },
};

KUNIT_ARRAY_PARAM_DESC(say, says, desc);

static struct ipcp_flow *prepare_say(struct kunit *test,
				     const struct say_case *c,
				     struct ipcp_flow **peer)
{
	struct ipcp_flow *initiator, *responder, *flow;

	new_pair(test, &initiator, &responder);
	flow = c->role == INITIATOR ? initiator : responder;
	*peer = c->role == INITIATOR ? responder : initiator;
	if (c->observed)
		ipcp_keyrot_observe(flow, test_newest(flow), c->peer_sending);
	if (c->grace_over)
		test_newest(flow)->parked -= flow->grace;
	ipcp_keyrot_promote(flow);
	return flow;
}

/*
 * If a question carried DONE, the peer could not tell that its own DONE is
 * still requested.
 */
static void a_question_has_all_flags_that_hold_but_never_done(struct kunit *test)
{
	const struct say_case *c = test->param_value;
	struct ipcp_flow *peer, *flow = prepare_say(test, c, &peer);
	struct ipcp_epoch *ep = test_newest(flow);

	ep->confirm = jiffies;
	test_ask(flow, ep);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), c->asks);
	if (c->asks)
		KUNIT_EXPECT_EQ(test, said_to(test, peer), c->flags & ~DONE);
}

static void an_answer_has_all_flags_that_hold(struct kunit *test)
{
	const struct say_case *c = test->param_value;
	struct ipcp_flow *peer, *flow = prepare_say(test, c, &peer);

	ipcp_control_confirm(flow, test_newest(flow), 0);
	KUNIT_EXPECT_EQ(test, said_to(test, peer), c->flags);
}

static void questions_are_sent_when_due_with_exponential_backoff(struct kunit *test)
{
	const unsigned long min = msecs_to_jiffies(IPCP_CONFIRM_MIN_MS);
	const unsigned long max = msecs_to_jiffies(IPCP_CONFIRM_MAX_MS);
	struct ipcp_flow *initiator, *responder;
	unsigned long wait = min, before;
	struct ipcp_epoch *ep;

	new_pair(test, &initiator, &responder);
	ep = test_newest(initiator);
	for (int i = 1; i <= 10; i++) {
		ep->confirm = jiffies + TEST_TIME;
		KUNIT_EXPECT_EQ(test, test_ask(initiator, ep),
				ep->confirm);
		KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), i - 1);

		before = jiffies;
		ep->confirm = before;
		KUNIT_EXPECT_EQ(test, ep->backoff, wait);
		KUNIT_EXPECT_EQ(test, test_ask(initiator, ep),
				ep->confirm);
		KUNIT_EXPECT_TRUE(test, time_in_range(ep->confirm, before + wait,
						      jiffies + wait));
		KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), i);
		wait = min(2 * wait, max);
	}
	KUNIT_EXPECT_EQ(test, wait, max);
}

static void the_worker_asks_until_the_epoch_is_confirmed(struct kunit *test)
{
	struct ipcp_flow *initiator, *responder;
	struct ipcp_epoch *ep;

	new_pair(test, &initiator, &responder);
	ep = test_newest(initiator);
	ep->confirm = jiffies;
	KUNIT_EXPECT_EQ(test, test_keyrot(initiator), ep->confirm);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), 1);

	ipcp_keyrot_observe(initiator, ep, true);
	ipcp_control_confirm(initiator, ep, SEEN | SENDING | DONE);
	ep->confirm = jiffies;
	test_keyrot(initiator);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), 1);
}

static void the_worker_stops_asking_when_a_new_seed_is_due(struct kunit *test)
{
	struct ipcp_flow *initiator, *responder;
	struct ipcp_epoch *ep;

	new_pair(test, &initiator, &responder);
	ep = test_newest(initiator);
	ipcp_keyrot_observe(initiator, ep, false);
	test_give_up(ep);
	KUNIT_EXPECT_TRUE(test, time_after(test_keyrot(initiator),
					   jiffies + TEST_TIME / 2));
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), 0);
	KUNIT_EXPECT_TRUE(test, initiator->rk.due & IPCP_REKEY_DUE_NOT_DONE);

	/* a question of the peer is answered */
	ipcp_control_confirm(initiator, ep, SEEN);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), 1);
}

static void a_confirm_with_done_is_not_answered(struct kunit *test)
{
	struct ipcp_flow *initiator, *responder;
	struct ipcp_epoch *ep;

	new_pair(test, &initiator, &responder);
	ep = test_newest(initiator);
	ipcp_keyrot_observe(initiator, ep, true);
	ipcp_control_confirm(initiator, ep, SEEN | SENDING | DONE);
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_EP_CONFIRMED, &ep->flags));
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), 0);
}

/* The peer cannot have seen packets that were never sent. */
static void done_is_ignored_until_this_side_sends_in_the_epoch(struct kunit *test)
{
	struct ipcp_flow *initiator, *responder;
	struct ipcp_epoch *ep;

	new_pair(test, &initiator, &responder);
	ep = test_newest(initiator);
	ipcp_control_confirm(initiator, ep, DONE);
	KUNIT_EXPECT_FALSE(test, test_bit(IPCP_EP_CONFIRMED, &ep->flags));
}

/*
 * Answer a question just after an answer, however slow the machine is. Return:
 * the number of packets that were sent.
 */
static unsigned int answer_again(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	unsigned long now;
	s64 before;

	do {
		before = atomic64_read(&ep->sent);
		now = jiffies;
		ep->answered = now;
		ipcp_control_confirm(flow, ep, 0);
	} while (time_after_eq(jiffies, now + MIN_TIME));
	return atomic64_read(&ep->sent) - before;
}

static void repeated_answers_are_rate_limited_unless_flags_changed(struct kunit *test)
{
	struct ipcp_flow *initiator, *responder;
	struct ipcp_epoch *ep;
	s64 sent;

	new_pair(test, &initiator, &responder);
	ep = test_newest(responder);
	ipcp_control_confirm(responder, ep, 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), 1);
	KUNIT_EXPECT_EQ(test, answer_again(responder, ep), 0);

	sent = atomic64_read(&ep->sent);
	ipcp_keyrot_observe(responder, ep, false);	/* changes the flags */
	ep->answered = jiffies;
	ipcp_control_confirm(responder, ep, 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), sent + 1);
	KUNIT_EXPECT_EQ(test, answer_again(responder, ep), 0);
}

/* On 32 bits, jiffies wrap while a flow has one epoch. */
static void an_answer_is_repeated_however_old_the_last_one_is(struct kunit *test)
{
	const unsigned long ages[] = {
		MIN_TIME, LONG_MAX, LONG_MAX + 2UL, ULONG_MAX - TEST_TIME,
	};
	struct ipcp_flow *initiator, *responder;
	struct ipcp_epoch *ep;

	new_pair(test, &initiator, &responder);
	ep = test_newest(responder);
	ipcp_control_confirm(responder, ep, 0);
	for (int i = 0; i < ARRAY_SIZE(ages); i++) {
		ep->answered = jiffies - ages[i];
		ipcp_control_confirm(responder, ep, 0);
		KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), i + 2);
	}
}

/* The sending keys of the older epoch are wiped. */
static void a_question_in_an_older_epoch_is_answered_in_the_newer(struct kunit *test)
{
	struct ipcp_flow *initiator, *responder;
	struct ipcp_epoch *old, *ep;

	new_pair(test, &initiator, &responder);
	ep = test_newest(initiator);
	old = test_epoch(initiator, ep->no - 1);
	ipcp_keyrot_observe(initiator, ep, true);
	KUNIT_ASSERT_PTR_EQ(test, test_tx(initiator), ep);
	ipcp_control_confirm(initiator, old, SEEN | SENDING);
	KUNIT_EXPECT_EQ(test, atomic64_read(&old->sent), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), 1);
	KUNIT_EXPECT_EQ(test, said_to(test, responder), SEEN | SENDING | DONE);
}

/* A CONFIRM with an unknown flag is malformed: none of its flags counts. */
static void a_confirm_with_unknown_flags_is_dropped(struct kunit *test)
{
	struct ipcp_flow *initiator, *responder;
	struct ipcp_epoch *ep;
	unsigned long dropped = 0;

	new_pair(test, &initiator, &responder);
	ep = test_newest(initiator);
	ipcp_keyrot_observe(initiator, ep, false);
	for (unsigned int unknown = 8; unknown < 256; unknown <<= 1) {
		u8 flags = SEEN | SENDING | DONE | unknown;

		KUNIT_ASSERT_EQ(test, ipcp_tx_control(responder, test_newest(responder),
						      IPCP_PDU_CONFIRM, &flags, 1), 0);
		test_carry(test);
		ipcp_control_work(initiator);
		KUNIT_EXPECT_EQ(test, test_drops(initiator, IPCP_DROP_MALFORMED),
				++dropped);
	}
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_EP_SENDING, &ep->flags));
	KUNIT_EXPECT_FALSE(test, test_bit(IPCP_EP_PEER_SENDING, &ep->flags));
	KUNIT_EXPECT_FALSE(test, test_bit(IPCP_EP_CONFIRMED, &ep->flags));
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), 0);
}

static void a_keepalive_has_all_flags_that_hold(struct kunit *test)
{
	struct ipcp_flow *initiator, *responder;

	test_pair(test, &initiator, &responder);
	ipcp_control_keepalive(initiator);
	KUNIT_EXPECT_EQ(test, said_to(test, responder), SEEN | SENDING | DONE);

	ipcp_keyrot_drop(responder);
	ipcp_control_keepalive(responder);	/* no key to send with */
	KUNIT_EXPECT_EQ(test, test_sent(responder), 0);
}

static bool done(struct ipcp_flow *flow)
{
	return test_bit(IPCP_EP_CONFIRMED, &test_newest(flow)->flags);
}

/* Run the worker at a time when it may send a question and another answer. */
static void later(struct ipcp_flow *flow)
{
	test_newest(flow)->confirm = jiffies;
	test_newest(flow)->answered -= TEST_TIME;
	ipcp_control_work(flow);
	test_keyrot(flow);
}

/* Deliver the packets sent since the last call; drop those in mask @lost. */
static void carry(struct kunit *test, struct ipcp_flow *const end[2],
		  unsigned int *carried, unsigned long lost)
{
	while (*carried < atomic64_read(&test_newest(end[0])->sent) +
			  atomic64_read(&test_newest(end[1])->sent)) {
		struct sk_buff *skb = test_receive(test);

		if (lost >> (*carried)++ & 1)
			kfree_skb(skb);
		else
			test_deliver(skb);
	}
}

/* Any of the first packets of an epoch may be lost: try every mask. */
static void both_ends_reach_done_whichever_packets_are_lost(struct kunit *test)
{
	struct ipcp_flow *end[2];

	test_pair(test, &end[0], &end[1]);
	for (unsigned long lost = 0; lost < BIT(7); lost++) {
		unsigned int carried = 0;
		int rounds;

		for (int i = 0; i < 2; i++) {
			test_next(test, end[i]);
			KUNIT_ASSERT_TRUE(test, ipcp_keyrot_activate(end[i]));
		}
		for (rounds = 0; rounds < 20; rounds++) {
			if (done(end[0]) && done(end[1]))
				break;
			for (int i = 0; i < 2; i++) {
				later(end[i]);
				carry(test, end, &carried, lost);
			}
		}
		KUNIT_ASSERT_LT_MSG(test, rounds, 20, "lost: %lx", lost);
	}
}

static struct kunit_case confirm_test_cases[] = {
	KUNIT_CASE_PARAM(a_question_has_all_flags_that_hold_but_never_done,
			 say_gen_params),
	KUNIT_CASE_PARAM(an_answer_has_all_flags_that_hold, say_gen_params),
	KUNIT_CASE(questions_are_sent_when_due_with_exponential_backoff),
	KUNIT_CASE(the_worker_asks_until_the_epoch_is_confirmed),
	KUNIT_CASE(the_worker_stops_asking_when_a_new_seed_is_due),
	KUNIT_CASE(a_confirm_with_done_is_not_answered),
	KUNIT_CASE(done_is_ignored_until_this_side_sends_in_the_epoch),
	KUNIT_CASE(repeated_answers_are_rate_limited_unless_flags_changed),
	KUNIT_CASE(an_answer_is_repeated_however_old_the_last_one_is),
	KUNIT_CASE(a_question_in_an_older_epoch_is_answered_in_the_newer),
	KUNIT_CASE(a_confirm_with_unknown_flags_is_dropped),
	KUNIT_CASE(a_keepalive_has_all_flags_that_hold),
	KUNIT_CASE(both_ends_reach_done_whichever_packets_are_lost),
	{}
};

static struct kunit_suite confirm_test_suite = {
	.name = "ipcp_confirm",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = confirm_test_cases,
};

kunit_test_suite(confirm_test_suite);
