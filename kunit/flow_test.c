// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* The states of a flow: valid transitions, and cleanup after each end. */
#include "flow_util.h"
#include "path_util.h"
#include "rekey.h"
#include "session.h"
#include "state.h"
#include "test_util.h"
#include "upcall.h"
#include "wait.h"

#define CIPHER	IPCP_REKEY_CIPHER_CHACHA20_POLY1305
#define STATE(name)	IPCP_REKEY_FLOW_STATE_##name

static void allocated(struct ipcp_flow *flow)
{
	ipcp_state_allocated(flow);
}

static void fail(struct ipcp_flow *flow)
{
	ipcp_state_fail(flow, EACCES, "no");
}

static void take_down(struct ipcp_flow *flow)
{
	ipcp_state_down(flow, ESHUTDOWN, "gone");
}

static void destroy(struct ipcp_flow *flow)
{
	ipcp_state_destroy(flow);
}

static void dealloc(struct ipcp_flow *flow)
{
	ipcp_state_close(flow);
}

static const struct change_case {
	const char *desc;
	void (*change)(struct ipcp_flow *flow);
	u8 from;
	u8 to;
	int error;
} changes[] = {
	{ "allocated from INIT", allocated, STATE(INIT), STATE(INIT) },
	{ "allocated from ALLOC_PENDING", allocated, STATE(ALLOC_PENDING),
	  STATE(ALLOCATED) },
	{ "allocated from ACCEPT_PENDING", allocated, STATE(ACCEPT_PENDING),
	  STATE(ALLOCATED) },
	{ "allocated again", allocated, STATE(ALLOCATED), STATE(ALLOCATED) },
	{ "allocated from DEALLOC_PENDING", allocated, STATE(DEALLOC_PENDING),
	  STATE(DEALLOC_PENDING) },
	{ "allocated from DEALLOCATED", allocated, STATE(DEALLOCATED),
	  STATE(DEALLOCATED) },

	{ "fails in INIT", fail, STATE(INIT), STATE(INIT) },
	{ "fails in ALLOC_PENDING", fail, STATE(ALLOC_PENDING),
	  STATE(DEALLOCATED), EACCES },
	{ "fails in ACCEPT_PENDING", fail, STATE(ACCEPT_PENDING),
	  STATE(DEALLOCATED), EACCES },
	{ "fails in ALLOCATED", fail, STATE(ALLOCATED), STATE(ALLOCATED) },

	{ "goes down in ALLOCATED", take_down, STATE(ALLOCATED),
	  STATE(ALLOCATED), ESHUTDOWN },

	{ "closed in INIT", dealloc, STATE(INIT), STATE(DEALLOCATED) },
	{ "closed in ALLOC_PENDING", dealloc, STATE(ALLOC_PENDING),
	  STATE(DEALLOCATED) },
	{ "closed in ACCEPT_PENDING", dealloc, STATE(ACCEPT_PENDING),
	  STATE(DEALLOCATED) },
	{ "closed in ALLOCATED", dealloc, STATE(ALLOCATED),
	  STATE(DEALLOC_PENDING) },

	{ "destroyed in INIT", destroy, STATE(INIT), STATE(DEALLOCATED) },
	{ "destroyed in ALLOC_PENDING", destroy, STATE(ALLOC_PENDING),
	  STATE(DEALLOCATED) },
	{ "destroyed in ALLOCATED", destroy, STATE(ALLOCATED),
	  STATE(DEALLOCATED) },
	{ "destroyed in DEALLOC_PENDING", destroy, STATE(DEALLOC_PENDING),
	  STATE(DEALLOCATED) },
};

KUNIT_ARRAY_PARAM_DESC(change, changes, desc);

static void a_state_changes_only_by_a_valid_transition(struct kunit *test)
{
	const struct change_case *c = test->param_value;
	struct ipcp_flow *flow = test_flow(test);

	flow->state = c->from;
	c->change(flow);
	KUNIT_EXPECT_EQ(test, flow->state, c->to);
	KUNIT_EXPECT_EQ(test, flow->error, c->error);
	/* a flow that ended cannot be found */
	KUNIT_EXPECT_EQ(test, test_bit(IPCP_FLOW_HASHED, &flow->bits),
			c->to != STATE(DEALLOCATED) ||
			c->from == STATE(DEALLOCATED));
}

static void allocating_a_flow_that_is_not_pending_fails_with_estale(struct kunit *test)
{
	struct ipcp_flow *flow = test_pending(test, INITIATOR, CIPHER);
	struct test_waker *sleeper = test_sleep(test, flow->n_rb.flags.consumer);

	KUNIT_EXPECT_EQ(test, ipcp_state_allocated(flow), 0);
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 1);
	KUNIT_EXPECT_EQ(test, ipcp_state_allocated(flow), -ESTALE);
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 1);
}

static void the_first_error_of_a_flow_is_kept(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);
	struct test_waker *sleeper = test_sleep(test, flow->n_rb.flags.consumer);

	ipcp_state_down(flow, ESHUTDOWN, "first");
	KUNIT_EXPECT_TRUE(test, ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_FLOWDOWN);
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 1);
	ipcp_state_down(flow, ETIMEDOUT, "second");
	KUNIT_EXPECT_EQ(test, flow->error, ESHUTDOWN);
	KUNIT_EXPECT_STREQ(test, flow->reason, "first");
	KUNIT_EXPECT_EQ(test, sleeper->wakes, 1);
}

static void a_reason_is_truncated_and_may_be_missing(struct kunit *test)
{
	struct ipcp_flow *longer = test_end(test, INITIATOR, 0);
	struct ipcp_flow *none = test_end(test, INITIATOR, 0);
	char words[2 * IPCP_REASON_LEN] = {};

	memset(words, 'x', sizeof(words) - 1);
	ipcp_state_down(longer, ESHUTDOWN, words);
	KUNIT_EXPECT_EQ(test, strlen(longer->reason), IPCP_REASON_LEN - 1);
	ipcp_state_down(none, ESHUTDOWN, NULL);
	KUNIT_EXPECT_STREQ(test, none->reason, "");
}

static const struct timeout_case {
	const char *desc;
	u32 ms;
	u32 taken;
} timeouts[] = {
	{ "never", 0, 0 },
	{ "too short", 1, IPCP_PEER_TIMEOUT_MIN_MS },
	{ "shortest", IPCP_PEER_TIMEOUT_MIN_MS, IPCP_PEER_TIMEOUT_MIN_MS },
	{ "default", IPCP_PEER_TIMEOUT_MS, IPCP_PEER_TIMEOUT_MS },
	{ "too long", U32_MAX, INT_MAX },
};

KUNIT_ARRAY_PARAM_DESC(timeout, timeouts, desc);

static void a_peer_timeout_has_bounds(struct kunit *test)
{
	const struct timeout_case *c = test->param_value;
	struct ipcp_flow *flow = test_flow(test);

	ipcp_flow_set_timeout(flow, c->ms);
	KUNIT_EXPECT_EQ(test, flow->peer_timeout, msecs_to_jiffies(c->taken));
}

static void an_allocation_fails_with_etimedout_at_its_deadline(struct kunit *test)
{
	struct ipcp_flow *flow = test_pending(test, INITIATOR, CIPHER);
	struct test_waker *sleeper;

	test_work(flow);
	KUNIT_EXPECT_EQ(test, flow->state, STATE(ALLOC_PENDING));
	sleeper = test_sleep(test, flow->n_rb.flags.consumer);
	flow->deadline = jiffies;
	test_work(flow);
	KUNIT_EXPECT_EQ(test, flow->state, STATE(DEALLOCATED));
	KUNIT_EXPECT_EQ(test, flow->error, ETIMEDOUT);
	KUNIT_EXPECT_GE(test, sleeper->wakes, 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&flow->refs), 1);
}

static void a_responder_is_allocated_when_its_peer_is_heard(struct kunit *test)
{
	struct ipcp_flow *flow = test_pending(test, RESPONDER, CIPHER);

	KUNIT_ASSERT_EQ(test, test_park(test, flow, 1, 0, 1), 0);
	ipcp_registry_take_pending(flow);
	test_work(flow);
	KUNIT_EXPECT_EQ(test, flow->state, STATE(ACCEPT_PENDING));
	ipcp_keyrot_observe(flow, test_newest(flow), false);
	test_work(flow);
	KUNIT_EXPECT_EQ(test, flow->state, STATE(ALLOCATED));
}

/* The peer's CLOSE may arrive together with its first packet. */
static void a_close_before_the_allocation_is_handled_after_it(struct kunit *test)
{
	struct ipcp_flow *flow = test_pending(test, RESPONDER, CIPHER);

	KUNIT_ASSERT_EQ(test, test_park(test, flow, 1, 0, 1), 0);
	ipcp_registry_take_pending(flow);
	set_bit(IPCP_FLOW_CLOSE_CAME, &flow->bits);
	ipcp_keyrot_observe(flow, test_newest(flow), false);
	test_work(flow);
	KUNIT_EXPECT_EQ(test, flow->state, STATE(ALLOCATED));
	test_work(flow);
	KUNIT_EXPECT_TRUE(test, ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_FLOWDOWN);
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_FLOW_PEER_CLOSED, &flow->bits));
	KUNIT_EXPECT_EQ(test, flow->error, ESHUTDOWN);
}

static void closing_a_pending_initiator_with_keys_tells_the_peer(struct kunit *test)
{
	struct ipcp_flow *flow = test_pending(test, INITIATOR, CIPHER);

	KUNIT_ASSERT_EQ(test, test_park(test, flow, 1, 0, 1), 0);
	ipcp_registry_take_pending(flow);
	KUNIT_EXPECT_EQ(test, flow->state, STATE(ALLOC_PENDING));
	ipcp_state_close(flow);
	KUNIT_EXPECT_EQ(test, flow->state, STATE(DEALLOC_PENDING));
}

static void an_idle_flow_sends_keepalives_and_reports_a_silent_peer(struct kunit *test)
{
	struct ipcp_flow *flow, *peer;

	test_pair(test, &flow, &peer);
	flow->last_rx = jiffies;
	flow->last_tx = jiffies;
	test_work(flow);
	KUNIT_EXPECT_EQ(test, test_sent(flow), 0);

	/* a keepalive is sent after a quarter of the timeout */
	flow->last_tx = jiffies - flow->peer_timeout / 4;
	test_work(flow);
	KUNIT_EXPECT_EQ(test, test_sent(flow), 1);
	KUNIT_EXPECT_FALSE(test, ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_FLOWPEER);

	/* and after the whole timeout the peer counts as lost */
	flow->last_rx = jiffies - flow->peer_timeout;
	test_work(flow);
	KUNIT_EXPECT_TRUE(test, ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_FLOWPEER);
	KUNIT_EXPECT_FALSE(test, ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_FLOWDOWN);
}

struct hearer {
	struct wait_queue_entry entry;
	struct ipcp_flow *flow;
};

/* A packet arrives whose receiver has not seen the flag yet. */
static int hear(struct wait_queue_entry *entry, unsigned int mode, int flags,
		void *key)
{
	container_of(entry, struct hearer, entry)->flow->last_rx = jiffies;
	return 0;
}

static void a_peer_heard_at_the_timeout_is_not_silent(struct kunit *test)
{
	struct wait_queue_head *wq;
	struct hearer hearer = { };
	struct ipcp_flow *peer;

	test_pair(test, &hearer.flow, &peer);
	wq = &ipcp_wait_of(hearer.flow->n_rb.flags.consumer)->wq;
	init_waitqueue_func_entry(&hearer.entry, hear);
	hearer.flow->last_tx = jiffies;
	hearer.flow->last_rx = jiffies - hearer.flow->peer_timeout;
	add_wait_queue(wq, &hearer.entry);
	test_work(hearer.flow);
	remove_wait_queue(wq, &hearer.entry);
	KUNIT_EXPECT_TRUE(test, time_after(hearer.flow->last_rx,
					   jiffies - hearer.flow->peer_timeout / 2));
	KUNIT_EXPECT_FALSE(test, ipcp_rbflags(&hearer.flow->n_rb.flags) &
				 IPCP_RB_FLOWPEER);
}

static void move(struct ipcp_flow *flow)
{
	set_bit(IPCP_FLOW_ROAMED, &flow->bits);
	set_bit(IPCP_FLOW_MOVED, &flow->bits);
	test_work(flow);
}

/* A peer may send each packet from another address. */
static void moves_in_quick_succession_are_handled_as_one(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);
	u64 before = get_jiffies_64();

	move(flow);
	KUNIT_EXPECT_FALSE(test, test_bit(IPCP_FLOW_MOVED, &flow->bits));
	KUNIT_EXPECT_FALSE(test, test_bit(IPCP_FLOW_ROAMED, &flow->bits));
	KUNIT_EXPECT_GT(test, flow->move_at, before);
	flow->move_at = get_jiffies_64() + TEST_TIME;
	move(flow);
	KUNIT_EXPECT_TRUE(test, test_bit(IPCP_FLOW_MOVED, &flow->bits));
	flow->move_at = get_jiffies_64();
	test_work(flow);
	KUNIT_EXPECT_FALSE(test, test_bit(IPCP_FLOW_MOVED, &flow->bits));
	KUNIT_EXPECT_FALSE(test, test_bit(IPCP_FLOW_ROAMED, &flow->bits));
}

static void a_flow_without_peer_timeout_sends_no_keepalives(struct kunit *test)
{
	struct ipcp_flow *flow, *peer;

	test_pair(test, &flow, &peer);
	ipcp_flow_set_timeout(flow, 0);
	flow->last_rx = jiffies - TEST_TIME;
	flow->last_tx = jiffies - TEST_TIME;
	test_work(flow);
	KUNIT_EXPECT_EQ(test, test_sent(flow), 0);
	KUNIT_EXPECT_FALSE(test, ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_FLOWPEER);
}

/* Expect one upcall to the agent, and no other. */
static void expect_told(struct kunit *test, struct ipcp_flow *flow, u32 type)
{
	struct ipcp_upcall *up = ipcp_upcall_next(test_net());

	KUNIT_ASSERT_NOT_NULL(test, up);
	KUNIT_EXPECT_EQ(test, up->type, type);
	KUNIT_EXPECT_EQ(test, up->flow_id, flow->id);
	KUNIT_EXPECT_STREQ(test, up->name, flow->name);
	ipcp_upcall_free(up);
	KUNIT_EXPECT_NULL(test, ipcp_upcall_next(test_net()));
}

static void the_agent_is_told_of_cancelled_and_closed_flows(struct kunit *test)
{
	struct ipcp_flow *pending = test_pending(test, INITIATOR, CIPHER);
	struct ipcp_flow *late = test_pending(test, INITIATOR, CIPHER);
	struct ipcp_flow *open = test_end(test, INITIATOR, 0);

	KUNIT_ASSERT_EQ(test, test_with_agent(test, test_net()), 0);
	ipcp_state_close(pending);
	expect_told(test, pending, IPCP_REKEY_UPCALL_TYPE_CANCEL);
	ipcp_state_close(open);
	expect_told(test, open, IPCP_REKEY_UPCALL_TYPE_CLOSED);
	late->deadline = jiffies;
	test_work(late);
	expect_told(test, late, IPCP_REKEY_UPCALL_TYPE_CANCEL);
}

static void a_timeout_or_failure_after_the_answer_leaves_no_error(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);

	KUNIT_EXPECT_FALSE(test, ipcp_state_late(flow));
	KUNIT_EXPECT_FALSE(test, ipcp_state_fail(flow, ECONNREFUSED, "too late"));
	KUNIT_EXPECT_EQ(test, flow->state, IPCP_REKEY_FLOW_STATE_ALLOCATED);
	KUNIT_EXPECT_EQ(test, flow->error, 0);
	KUNIT_EXPECT_STREQ(test, flow->reason, "");
}

/* Expect the next CLOSE of a flow that waits for nothing else to end. */
static void expect_close(struct kunit *test, struct ipcp_flow *flow)
{
	struct sk_buff *skb;

	KUNIT_EXPECT_EQ(test, flow->state, STATE(DEALLOC_PENDING));
	test_work(flow);
	skb = test_receive(test);
	KUNIT_EXPECT_EQ(test, test_header(test, skb).type, IPCP_PDU_CLOSE);
	kfree_skb(skb);
}

static void close_is_sent_three_times_before_the_flow_ends(struct kunit *test)
{
	struct ipcp_flow *flow, *peer;

	test_pair(test, &flow, &peer);
	ipcp_state_close(flow);
	for (int i = 1; i <= 3; i++) {
		expect_close(test, flow);
		flow->close_at = jiffies + TEST_TIME;
		test_work(flow);	/* the worker runs for another reason */
		KUNIT_EXPECT_EQ(test, test_sent(flow), i);
		flow->close_at = jiffies;
	}
	test_work(flow);
	KUNIT_EXPECT_EQ(test, flow->state, STATE(DEALLOCATED));
	KUNIT_EXPECT_EQ(test, refcount_read(&flow->refs), 1);
}

/* The peer may have the keys, since possibly only its packets are lost. */
static void a_responder_that_times_out_sends_close_to_its_peer(struct kunit *test)
{
	struct ipcp_flow *flow = test_pending(test, RESPONDER, CIPHER);

	KUNIT_ASSERT_EQ(test, test_with_agent(test, test_net()), 0);
	KUNIT_ASSERT_EQ(test, test_park(test, flow, 1, 0, 1), 0);
	test_connect(flow, flow);
	flow->deadline = jiffies;
	test_work(flow);
	expect_told(test, flow, IPCP_REKEY_UPCALL_TYPE_CANCEL);
	KUNIT_EXPECT_EQ(test, flow->error, ETIMEDOUT);
	for (int i = 1; i <= IPCP_CLOSES; i++) {
		expect_close(test, flow);
		flow->close_at = jiffies;
	}
	test_work(flow);
	KUNIT_EXPECT_EQ(test, flow->state, STATE(DEALLOCATED));
	KUNIT_EXPECT_EQ(test, refcount_read(&flow->refs), 1);
}

static void a_peer_that_closed_gets_one_close(struct kunit *test)
{
	struct ipcp_flow *flow, *peer;
	struct ipcp_epoch *ep;

	test_pair(test, &flow, &peer);
	ep = test_hold(test, test_tx(flow));
	set_bit(IPCP_FLOW_CLOSE_SEEN, &flow->bits);
	ipcp_state_close(flow);
	test_work(flow);
	KUNIT_EXPECT_EQ(test, flow->state, STATE(DEALLOCATED));
	KUNIT_EXPECT_EQ(test, atomic64_read(&ep->sent), 1);
}

static void a_flow_without_keys_ends_without_a_close_packet(struct kunit *test)
{
	struct ipcp_flow *flow = test_end(test, INITIATOR, 0);

	ipcp_keyrot_drop(flow);
	ipcp_state_close(flow);
	test_work(flow);
	KUNIT_EXPECT_EQ(test, flow->state, STATE(DEALLOCATED));
}

static void a_user_at_the_flow_limit_is_refused_with_edquot(struct kunit *test)
{
	static const struct ipcp_qos qos = { .loss = 1 };
	struct ipcp_user *user = kunit_kzalloc(test, sizeof(*user), GFP_KERNEL);
	struct ipcp_payer payer = { .user = user };
	struct ipcp_consumer *consumer = test_consumer();
	struct ipcp_flow *flow;

	KUNIT_ASSERT_NOT_NULL(test, user);
	KUNIT_ASSERT_NOT_NULL(test, consumer);
	refcount_set(&user->refs, 1);
	atomic_set(&user->objects, IPCP_USER_FLOWS);
	flow = ipcp_session_new(test_net(), "kunit", &qos, &payer, consumer);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(flow), -EDQUOT);
	KUNIT_EXPECT_EQ(test, atomic_read(&user->objects), IPCP_USER_FLOWS);
	KUNIT_EXPECT_EQ(test, refcount_read(&user->refs), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&consumer->refs), 1);
	ipcp_consumer_put(consumer);
}

static struct kunit_case flow_test_cases[] = {
	KUNIT_CASE_PARAM(a_state_changes_only_by_a_valid_transition,
			 change_gen_params),
	KUNIT_CASE(allocating_a_flow_that_is_not_pending_fails_with_estale),
	KUNIT_CASE(the_first_error_of_a_flow_is_kept),
	KUNIT_CASE(a_reason_is_truncated_and_may_be_missing),
	KUNIT_CASE_PARAM(a_peer_timeout_has_bounds, timeout_gen_params),
	KUNIT_CASE(an_allocation_fails_with_etimedout_at_its_deadline),
	KUNIT_CASE(a_responder_is_allocated_when_its_peer_is_heard),
	KUNIT_CASE(a_close_before_the_allocation_is_handled_after_it),
	KUNIT_CASE(closing_a_pending_initiator_with_keys_tells_the_peer),
	KUNIT_CASE(an_idle_flow_sends_keepalives_and_reports_a_silent_peer),
	KUNIT_CASE(a_peer_heard_at_the_timeout_is_not_silent),
	KUNIT_CASE(moves_in_quick_succession_are_handled_as_one),
	KUNIT_CASE(a_flow_without_peer_timeout_sends_no_keepalives),
	KUNIT_CASE(the_agent_is_told_of_cancelled_and_closed_flows),
	KUNIT_CASE(a_timeout_or_failure_after_the_answer_leaves_no_error),
	KUNIT_CASE(close_is_sent_three_times_before_the_flow_ends),
	KUNIT_CASE(a_responder_that_times_out_sends_close_to_its_peer),
	KUNIT_CASE(a_peer_that_closed_gets_one_close),
	KUNIT_CASE(a_flow_without_keys_ends_without_a_close_packet),
	KUNIT_CASE(a_user_at_the_flow_limit_is_refused_with_edquot),
	{}
};

static struct kunit_suite flow_test_suite = {
	.name = "ipcp_flow",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = flow_test_cases,
};

kunit_test_suite(flow_test_suite);
