// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * All keys of a flow are dropped while seeds are parked. A seed parked before
 * is dropped with the other keys. A seed parked later can be taken.
 */
#include <linux/kthread.h>

#include "flow_util.h"
#include "keyrot.h"

#define TURNS	TEST_RACES(1000)	/* number of times the keys are dropped */
#define NAMES	8		/* more than there are epoch slots */

/**
 * struct parker - a task that parks one seed after the other
 * @flow: responder's flow
 * @generation: generation of each seed, indexed by exchange modulo NAMES
 * @halves: number of times that a seed was there in part
 * @err: last error other than -ESTALE, which means that a drop came first
 */
struct parker {
	struct ipcp_flow *flow;
	u32 generation[NAMES];
	unsigned int halves;
	int err;
};

/* Describe the next seed, and mark the newest epoch as confirmed. */
static void next_delivery(struct parker *p, struct ipcp_delivery *d)
{
	struct ipcp_flow *flow = p->flow;
	struct ipcp_epoch *newest;

	spin_lock_bh(&flow->lock);
	newest = ipcp_epoch_newest(flow);
	if (newest)
		set_bit(IPCP_EP_CONFIRMED, &newest->flags);
	d->epoch = flow->rk.newest + 1;
	d->exchange = flow->rk.exchange + 1;
	d->chain = flow->rk.chain_id;
	d->generation = flow->rk.drops;
	spin_unlock_bh(&flow->lock);
	WRITE_ONCE(p->generation[d->exchange % NAMES], d->generation);
}

/*
 * True if no epoch is from before the last drop, and a newer one can be taken.
 */
static bool is_whole(struct parker *p)
{
	struct ipcp_flow *flow = p->flow;
	bool pending, flagged, found;
	unsigned int old = 0;

	spin_lock_bh(&flow->lock);
	for (int i = 0; i < IPCP_EPOCH_SLOTS; i++) {
		struct ipcp_epoch *ep;

		ep = rcu_dereference_protected(flow->slots[i],
					       lockdep_is_held(&flow->lock));
		if (ep && READ_ONCE(p->generation[ep->exchange % NAMES]) !=
			  flow->rk.drops)
			old++;
	}
	pending = flow->rk.has_pending;
	flagged = ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_REKEY;
	found = ipcp_epoch_newest(flow);
	spin_unlock_bh(&flow->lock);
	return !old && flagged == pending && found == pending;
}

static int park_for_ever(void *arg)
{
	struct parker *p = arg;

	for (unsigned int i = 2; !kthread_should_stop(); i++) {
		struct ipcp_delivery d = {};
		int err;

		next_delivery(p, &d);
		test_seed(&d.seed, i);
		cond_resched();		/* the keys may be dropped here */
		err = ipcp_keyrot_park(p->flow, &d, NULL);
		if (err && err != -ESTALE)
			WRITE_ONCE(p->err, err);
		if (!is_whole(p))
			WRITE_ONCE(p->halves, p->halves + 1);
		schedule();
	}
	return 0;
}

static void stop_parking(void *task)
{
	kthread_stop(task);
}

/* Return: the newest epoch with a reference, or NULL. */
static struct ipcp_epoch *get_newest(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep;

	rcu_read_lock();
	ep = ipcp_epoch_get(ipcp_epoch_newest(flow));
	rcu_read_unlock();
	return ep;
}

/*
 * Wait until there is an epoch, which stays until the keys are dropped here. A
 * seed that was parked may be dropped already when the other task counts it.
 */
static bool wait_for_seed(struct parker *p)
{
	struct ipcp_epoch *ep;

	while (!(ep = get_newest(p->flow))) {
		if (READ_ONCE(p->err))
			return false;
		schedule();
	}
	ipcp_epoch_put(ep);
	return true;
}

static void no_seed_is_parked_halfway_while_keys_are_dropped(struct kunit *test)
{
	struct parker p = { .flow = test_end(test, RESPONDER, 0) };
	struct ipcp_epoch **gone;
	struct task_struct *task;

	gone = kunit_kcalloc(test, TURNS, sizeof(*gone), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, gone);
	ipcp_keyrot_drop(p.flow);
	task = kthread_run(park_for_ever, &p, "ipcp_parker");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, stop_parking,
							task), 0);
	for (int i = 0; i < TURNS && wait_for_seed(&p); i++) {
		for (int turns = 0; turns < i % 8; turns++)
			schedule();
		gone[i] = get_newest(p.flow);
		ipcp_keyrot_drop(p.flow);
		KUNIT_EXPECT_TRUE(test, is_whole(&p));
	}
	kunit_release_action(test, stop_parking, task);
	KUNIT_EXPECT_EQ(test, p.err, 0);
	KUNIT_EXPECT_EQ(test, p.halves, 0);
	ipcp_keyrot_drop(p.flow);

	/* each leaf key holds a reference to its epoch */
	test_drain();
	for (int i = 0; i < TURNS; i++) {
		KUNIT_EXPECT_NOT_NULL(test, gone[i]);
		if (!gone[i])
			continue;
		KUNIT_EXPECT_EQ(test, refcount_read(&gone[i]->refs), 1);
		ipcp_epoch_put(gone[i]);
	}
	KUNIT_EXPECT_EQ(test, test_park(test, p.flow, 0, p.flow->rk.newest + 1,
					p.flow->rk.exchange + 1), 0);
	test_settle(test, p.flow);
	KUNIT_EXPECT_PTR_EQ(test, test_tx(p.flow), test_newest(p.flow));
}

static struct kunit_case drop_park_test_cases[] = {
	KUNIT_CASE(no_seed_is_parked_halfway_while_keys_are_dropped),
	{}
};

static struct kunit_suite drop_park_test_suite = {
	.name = "ipcp_drop_park",
	.test_cases = drop_park_test_cases,
};

kunit_test_suite(drop_park_test_suite);
