// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* The registry: ids, lookups by id, and walks. */
#include <linux/completion.h>
#include <linux/kthread.h>

#include "flow_util.h"
#include "session.h"
#include "state.h"
#include "test_util.h"

static struct ipcp_flow *by_eid(u32 eid)
{
	struct ipcp_flow *flow;

	rcu_read_lock();
	flow = ipcp_registry_by_eid(test_net(), eid);
	rcu_read_unlock();
	return flow;
}

/* Return: the flow with this id, or NULL. No other task ends the flow. */
static struct ipcp_flow *by_id(u32 id)
{
	struct ipcp_flow *flow = ipcp_registry_get(test_net(), id);

	if (flow)
		ipcp_flow_put(flow);
	return flow;
}

static void a_flow_is_found_by_id_and_by_endpoint_id(struct kunit *test)
{
	u32 before = ipcp_registry_count(test_net());
	struct ipcp_flow *flow = test_flow(test);

	KUNIT_EXPECT_GT(test, flow->id, 0);
	KUNIT_EXPECT_NE(test, flow->eid, 0);
	KUNIT_EXPECT_PTR_EQ(test, by_id(flow->id), flow);
	KUNIT_EXPECT_PTR_EQ(test, by_eid(flow->eid), flow);
	KUNIT_EXPECT_EQ(test, ipcp_registry_count(test_net()), before + 1);
}

static void unknown_ids_find_no_flow(struct kunit *test)
{
	struct ipcp_flow *flow = test_flow(test);

	KUNIT_EXPECT_NULL(test, by_id(0));
	KUNIT_EXPECT_NULL(test, by_id(flow->id + 1));
	KUNIT_EXPECT_NULL(test, by_id(U32_MAX));
	KUNIT_EXPECT_NULL(test, by_eid(0));
	KUNIT_EXPECT_NULL(test, by_eid(~flow->eid));
}

static void ids_are_unique(struct kunit *test)
{
	struct ipcp_flow *flow[32];

	for (int i = 0; i < ARRAY_SIZE(flow); i++) {
		flow[i] = test_flow(test);
		for (int j = 0; j < i; j++) {
			KUNIT_EXPECT_NE(test, flow[i]->id, flow[j]->id);
			KUNIT_EXPECT_NE(test, flow[i]->eid, flow[j]->eid);
		}
	}
}

/* A freed id is not reused at once. */
static void ids_are_not_reused_soon(struct kunit *test)
{
	struct ipcp_flow *flow = test_flow(test);
	u32 id = flow->id;

	ipcp_state_destroy(flow);
	for (int i = 0; i < 8; i++)
		KUNIT_EXPECT_GT(test, test_flow(test)->id, id);
}

static void ids_wrap_and_skip_zero(struct kunit *test)
{
	struct ipcp_net *ipn = test_net();
	u32 next = ipn->next_id;

	ipn->next_id = INT_MAX;
	KUNIT_EXPECT_EQ(test, test_flow(test)->id, INT_MAX);
	KUNIT_EXPECT_GE(test, test_flow(test)->id, 1);
	ipn->next_id = next;
}

static void a_deleted_flow_is_not_found(struct kunit *test)
{
	struct ipcp_flow *flow = test_flow(test);
	u32 count = ipcp_registry_count(test_net());

	KUNIT_EXPECT_EQ(test, refcount_read(&flow->refs), 2);
	ipcp_registry_del(flow);
	KUNIT_EXPECT_NULL(test, by_id(flow->id));
	KUNIT_EXPECT_NULL(test, by_eid(flow->eid));
	KUNIT_EXPECT_EQ(test, ipcp_registry_count(test_net()), count - 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&flow->refs), 1);
	ipcp_registry_del(flow);	/* the second call does nothing */
	KUNIT_EXPECT_EQ(test, refcount_read(&flow->refs), 1);
}

static void a_walk_sees_all_flows_in_order(struct kunit *test)
{
	struct ipcp_flow *flow[5], *seen;
	unsigned long id;
	int i = 0;

	for (int j = 0; j < ARRAY_SIZE(flow); j++)
		flow[j] = test_flow(test);
	id = flow[0]->id;
	for (; (seen = ipcp_registry_next(test_net(), &id)); id++) {
		if (i < ARRAY_SIZE(flow))
			KUNIT_EXPECT_PTR_EQ(test, seen, flow[i]);
		i++;
		ipcp_flow_put(seen);
	}
	KUNIT_EXPECT_EQ(test, i, ARRAY_SIZE(flow));
}

static struct ipcp_flow *make_flow(struct ipcp_consumer *consumer)
{
	static const struct ipcp_qos qos = { .loss = 1 };
	static const struct ipcp_payer nobody;

	return ipcp_session_new(test_net(), "kunit", &qos, &nobody, consumer);
}

struct coming {
	struct ipcp_consumer *consumer;
	unsigned int failed;
	struct completion done;
};

static int come_and_go(void *data)
{
	struct coming *c = data;

	for (int i = 0; i < 1000; i++) {
		struct ipcp_flow *flow = make_flow(c->consumer);

		if (IS_ERR(flow)) {
			c->failed++;
			continue;
		}
		ipcp_state_destroy(flow);
		ipcp_flow_put(flow);
		cond_resched();
	}
	kthread_complete_and_exit(&c->done, 0);
}

/* Return: how many of the flows a walk sees, in the order of their ids. */
static unsigned int walk(struct ipcp_flow *const *flow, unsigned int n)
{
	unsigned long id = 0, last = 0;
	struct ipcp_flow *seen;
	unsigned int found = 0;

	for (; (seen = ipcp_registry_next(test_net(), &id)); id++) {
		for (unsigned int i = 0; i < n; i++)
			found += seen == flow[i] && seen->id > last;
		last = seen->id;
		ipcp_flow_put(seen);
	}
	return found;
}

static void a_walk_sees_lasting_flows_while_others_come_and_go(struct kunit *test)
{
	struct coming *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	struct ipcp_flow *flow[5];
	struct task_struct *task;
	bool done;

	KUNIT_ASSERT_NOT_NULL(test, c);
	for (int i = 0; i < ARRAY_SIZE(flow); i++)
		flow[i] = test_flow(test);
	c->consumer = test_consumer();
	KUNIT_ASSERT_NOT_NULL(test, c->consumer);
	init_completion(&c->done);
	task = kthread_run(come_and_go, c, "come-and-go");
	if (IS_ERR(task))
		complete(&c->done);
	KUNIT_EXPECT_FALSE(test, IS_ERR(task));
	do {
		done = try_wait_for_completion(&c->done);
		KUNIT_EXPECT_EQ(test, walk(flow, ARRAY_SIZE(flow)),
				ARRAY_SIZE(flow));
		cond_resched();
	} while (!done);
	KUNIT_EXPECT_EQ(test, c->failed, 0);
	ipcp_consumer_put(c->consumer);
}

static struct kunit_case registry_test_cases[] = {
	KUNIT_CASE(a_flow_is_found_by_id_and_by_endpoint_id),
	KUNIT_CASE(unknown_ids_find_no_flow),
	KUNIT_CASE(ids_are_unique),
	KUNIT_CASE(ids_are_not_reused_soon),
	KUNIT_CASE(ids_wrap_and_skip_zero),
	KUNIT_CASE(a_deleted_flow_is_not_found),
	KUNIT_CASE(a_walk_sees_all_flows_in_order),
	KUNIT_CASE(a_walk_sees_lasting_flows_while_others_come_and_go),
	{}
};

static struct kunit_suite registry_test_suite = {
	.name = "ipcp_registry",
	.test_cases = registry_test_cases,
};

kunit_test_suite(registry_test_suite);
