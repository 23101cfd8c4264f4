// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Flows for the suites, created by the module's own functions. */
#include <linux/cred.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#include "control.h"
#include "deadline.h"
#include "flow_util.h"
#include "leaf.h"
#include "owner.h"
#include "question.h"
#include "rekey.h"
#include "session.h"
#include "state.h"
#include "test_util.h"
#include "tx.h"
#include "upcall.h"
#include "wait.h"
#include "wire.h"
#include "worker.h"

struct ipcp_net *test_net(void)
{
	return ipcp_net(&init_net);
}

static void no_agent(void *data)
{
	struct ipcp_net *ipn = data;

	WRITE_ONCE(ipn->agent, NULL);
	ipcp_upcall_purge(ipn);
}

/*
 * Give a namespace an agent until the end of the test. Its socket is a dummy
 * pointer that is never dereferenced. Return: 0 or -ENOMEM.
 */
int test_with_agent(struct kunit *test, struct ipcp_net *ipn)
{
	WRITE_ONCE(ipn->agent, (struct sock *)1);
	ipn->ctrl_turn = false;
	ipn->sealed_run = 0;
	return kunit_add_action_or_reset(test, no_agent, ipn);
}

/* Wait for all objects freed after a grace period, as module exit does. */
void test_drain(void)
{
	for (int i = 0; i < 2; i++) {
		rcu_barrier();
		flush_workqueue(ipcp_wq);
	}
	kvfree_rcu_barrier();
}

/* Call a function as a user with limits. Return: the result of @fn. */
int test_as_user(struct kunit *test, unsigned int uid, int (*fn)(void *arg), void *arg)
{
	struct cred *user = prepare_creds();
	const struct cred *before;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, user);
	user->euid = KUIDT_INIT(uid);
	cap_lower(user->cap_effective, CAP_SYS_RESOURCE);
	before = override_creds(user);
	err = fn(arg);
	revert_creds(before);
	put_cred(user);
	return err;
}

static void end_flow(void *data)
{
	struct ipcp_flow *flow = data;

	ipcp_state_destroy(flow);
	ipcp_flow_put(flow);
}

/* Return: a consumer with a reference for the test, or NULL. */
struct ipcp_consumer *test_consumer(void)
{
	struct ipcp_wait *wait = ipcp_wait_new();

	return wait ? &wait->consumer : NULL;
}

/* Create a flow in INIT that charges @payer and wakes @consumer. */
struct ipcp_flow *test_flow_of(struct kunit *test,
			       const struct ipcp_payer *payer,
			       struct ipcp_consumer *consumer)
{
	struct ipcp_qos qos = { .loss = 1 };
	struct ipcp_flow *flow;

	flow = ipcp_session_new(test_net(), "kunit", &qos, payer, consumer);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, flow);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, end_flow, flow), 0);
	disable_delayed_work_sync(&flow->work);

	flow->grace = TEST_TIME;
	flow->linger_time = TEST_TIME;
	flow->peer_timeout = TEST_TIME;
	flow->deadline = jiffies + TEST_TIME;
	flow->peer_eid = TEST_PEER_EID;
	flow->mtu = 1000;
	return flow;
}

static int set_payer(void *payer)
{
	return ipcp_payer_current(payer);
}

/* Create a flow in INIT that charges a user with limits, and wakes @consumer. */
struct ipcp_flow *test_flow_of_user(struct kunit *test, unsigned int uid,
				    struct ipcp_consumer *consumer)
{
	struct ipcp_payer payer;
	struct ipcp_flow *flow;

	KUNIT_EXPECT_EQ(test, test_as_user(test, uid, set_payer, &payer), 0);
	KUNIT_ASSERT_NOT_NULL(test, payer.user);
	flow = test_flow_of(test, &payer, consumer);
	ipcp_payer_clear(&payer);
	return flow;
}

/* Create a flow in INIT that charges nobody. */
struct ipcp_flow *test_flow(struct kunit *test)
{
	struct ipcp_consumer *consumer = test_consumer();
	struct ipcp_payer nobody = {};
	struct ipcp_flow *flow;

	KUNIT_ASSERT_NOT_NULL(test, consumer);
	flow = test_flow_of(test, &nobody, consumer);
	ipcp_consumer_put(consumer);
	return flow;
}

/* End a flow before the end of the test. */
void test_end_flow(struct kunit *test, struct ipcp_flow *flow)
{
	kunit_release_action(test, end_flow, flow);
}

/* Run the worker now. */
void test_work(struct ipcp_flow *flow)
{
	struct work_struct *work = &flow->work.work;

	work->func(work);
}

static atomic_t kicks;

static void count_kick(struct work_struct *work)
{
	atomic_inc(&kicks);
}

/* Count the worker runs from now on, without running it. One flow only. */
void test_count_kicks(struct ipcp_flow *flow)
{
	flow->work.work.func = count_kick;
	atomic_set(&kicks, 0);
	enable_delayed_work(&flow->work);
}

/* Return: the number of counted runs since the last call. */
unsigned int test_kicks(struct ipcp_flow *flow)
{
	flush_delayed_work(&flow->work);
	return atomic_xchg(&kicks, 0);
}

/* Run the worker's key steps now. Return: the time of its next run. */
unsigned long test_keyrot(struct ipcp_flow *flow)
{
	unsigned long next = ipcp_deadline_never();

	ipcp_worker_keys(flow, &next);
	return next;
}

/* Ask for DONE if it is time. Return: the time of the next question. */
unsigned long test_ask(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	unsigned long next = ipcp_deadline_never();

	ipcp_control_ask(flow, ep, &next);
	return next;
}

/* Both roles, for cases that run once per role. */
const enum test_role test_roles[2] = { INITIATOR, RESPONDER };

void test_describe_role(const enum test_role *role, char *desc)
{
	strscpy(desc, *role == INITIATOR ? "initiator" : "responder",
		KUNIT_PARAM_DESC_SIZE);
}

/* Move the times of an epoch back, so that its confirmation is overdue. */
void test_give_up(struct ipcp_epoch *ep)
{
	ep->parked -= msecs_to_jiffies(IPCP_NOT_DONE_MS);
	ep->promoted -= msecs_to_jiffies(IPCP_NOT_DONE_MS);
}

static void make_pending(struct kunit *test, struct ipcp_flow *flow,
			 enum test_role role, u16 cipher)
{
	flow->state = role == INITIATOR ? IPCP_REKEY_FLOW_STATE_ALLOC_PENDING :
					  IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING;
	KUNIT_ASSERT_TRUE(test, ipcp_registry_set_rekey(flow, cipher, true));
}

/* Create a flow that waits for its first seed. */
struct ipcp_flow *test_pending(struct kunit *test, enum test_role role,
			       u16 cipher)
{
	struct ipcp_flow *flow = test_flow(test);

	make_pending(test, flow, role, cipher);
	return flow;
}

/* Allocate a flow in INIT, with both ends in its first epoch. */
void test_allocate(struct kunit *test, struct ipcp_flow *flow,
		   enum test_role role, u8 epoch)
{
	make_pending(test, flow, role, IPCP_REKEY_CIPHER_CHACHA20_POLY1305);
	KUNIT_ASSERT_EQ(test, test_park(test, flow, 1, epoch, 1), 0);
	test_settle(test, flow);
	KUNIT_ASSERT_EQ(test, ipcp_state_allocated(flow), 0);
}

/* Create an allocated flow with both ends in its first epoch. */
struct ipcp_flow *test_end(struct kunit *test, enum test_role role, u8 epoch)
{
	struct ipcp_flow *flow = test_flow(test);

	test_allocate(test, flow, role, epoch);
	return flow;
}

/* Make a seed that depends on its number. */
void test_seed(struct ipcp_seed *seed, unsigned int no)
{
	for (unsigned int i = 0; i < sizeof(*seed); i++)
		seed->bytes[i] = i;
	seed->bytes[0] += no;
	seed->bytes[1] += no >> 8;
}

/* Return: the name of the chain that the seed of an epoch is mixed with. */
u64 test_chain(struct ipcp_flow *flow, u8 epoch)
{
	u64 chain = IPCP_CHAIN_FRESH;

	spin_lock_bh(&flow->lock);
	if (ipcp_epoch_newest(flow))
		chain = flow->rk.newest == epoch ? flow->rk.before_id :
						   flow->rk.chain_id;
	spin_unlock_bh(&flow->lock);
	return chain;
}

/* Park a seed as @d says. The seed in @d is wiped in any case. */
int test_park_as(struct kunit *test, struct ipcp_flow *flow, unsigned int seed,
		 struct ipcp_delivery *d)
{
	struct netlink_ext_ack extack = {};
	int err;

	test_seed(&d->seed, seed);
	err = ipcp_registry_store_pending(flow, d, &extack);
	KUNIT_EXPECT_TRUE(test, wiped(&d->seed, sizeof(d->seed)));
	if (err && err != -ENOMEM)
		KUNIT_EXPECT_NOT_NULL_MSG(test, extack._msg, "no reason");
	return err;
}

/* Park a seed of the right chain and generation. */
int test_park(struct kunit *test, struct ipcp_flow *flow, unsigned int seed,
	      u8 epoch, u32 exchange)
{
	struct ipcp_delivery d = {
		.epoch = epoch,
		.exchange = exchange,
		.chain = test_chain(flow, epoch),
		.generation = flow->rk.drops,
	};

	return test_park_as(test, flow, seed, &d);
}

/* Ask the peer whether it has the keys for @exchange, and get no answer. */
void test_silence(struct kunit *test, struct ipcp_flow *flow, u32 exchange)
{
	struct netlink_ext_ack extack = {};
	unsigned long next = ipcp_deadline_never();

	KUNIT_ASSERT_EQ(test, ipcp_question_begin(flow, exchange, &extack), 0);
	for (unsigned int i = 0; i <= IPCP_QUESTION_PACKETS; i++) {
		flow->question.at = jiffies;
		ipcp_question_step(flow, &next);
	}
	KUNIT_ASSERT_EQ(test, flow->question.state, IPCP_REKEY_QUESTION_SILENT);
}

/* Claim the flow as an agent does. Return: the exchange number. */
u32 test_claim(struct kunit *test, struct ipcp_flow *flow)
{
	struct ipcp_claim claim;
	int n;

	n = ipcp_registry_snapshot_rekey_due(test_net(), flow->id, 0, &claim, 1);
	KUNIT_ASSERT_EQ(test, n, 1);
	ipcp_flow_put(claim.flow);
	return claim.exchange;
}

/* Park the seed of the next epoch, as the agent of this end does. */
void test_next(struct kunit *test, struct ipcp_flow *flow)
{
	u32 exchange = flow->rk.initiator ? test_claim(test, flow) :
					    flow->rk.exchange + 1;

	KUNIT_ASSERT_EQ(test, test_park(test, flow, flow->rk.nseeds + 1,
					flow->rk.newest + 1, exchange), 0);
}

/* Take the newest epoch, hear the peer in it, and be heard by the peer. */
void test_settle(struct kunit *test, struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep = test_newest(flow);

	KUNIT_ASSERT_NOT_NULL(test, ep);
	KUNIT_ASSERT_TRUE(test, ipcp_registry_take_pending(flow));
	ipcp_keyrot_observe(flow, ep, true);
	ipcp_control_confirm(flow, ep, IPCP_CONFIRM_SEEN |
			     IPCP_CONFIRM_SENDING | IPCP_CONFIRM_DONE);
	KUNIT_ASSERT_TRUE(test, test_bit(IPCP_EP_CONFIRMED, &ep->flags));
}

/* Return: the epoch with this number, or NULL if it is in no slot. */
struct ipcp_epoch *test_epoch(struct ipcp_flow *flow, u8 no)
{
	struct ipcp_epoch *ep;

	rcu_read_lock();
	ep = ipcp_epoch_find(flow, no);
	rcu_read_unlock();
	return ep;
}

struct ipcp_epoch *test_newest(struct ipcp_flow *flow)
{
	return test_epoch(flow, flow->rk.newest);
}

/* Return: the epoch in which the flow sends. */
struct ipcp_epoch *test_tx(struct ipcp_flow *flow)
{
	return rcu_dereference_protected(flow->tx, true);
}

static void put_epoch(void *ep)
{
	ipcp_epoch_put(ep);
}

/* Hold an epoch until the end of the test. */
struct ipcp_epoch *test_hold(struct kunit *test, struct ipcp_epoch *ep)
{
	KUNIT_ASSERT_NOT_NULL(test, ep);
	refcount_inc(&ep->refs);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_epoch, ep), 0);
	return ep;
}

struct ipcp_leaf *test_leaf(struct ipcp_leaf __rcu **pp)
{
	return rcu_dereference_protected(*pp, true);
}

/* Send the first packet of a leaf, or receive an authentic one. */
bool test_use(struct ipcp_epoch *ep, unsigned int dir, struct ipcp_leaf *leaf)
{
	bool used = true;

	local_bh_disable();
	rcu_read_lock();
	if (dir == ipcp_tx_dir(&ep->flow->rk))
		ipcp_leaf_used(ep, leaf);
	else
		used = ipcp_leaf_received(ep, leaf, ipcp_ctr_make(leaf->no, 0));
	rcu_read_unlock();
	local_bh_enable();
	return used;
}

/* Move to counter @n as if all packets before it had been sent. */
void test_go_to(struct kunit *test, struct ipcp_flow *flow, u64 n)
{
	unsigned int dir = ipcp_tx_dir(&flow->rk);
	struct ipcp_epoch *ep = test_tx(flow);
	struct ipcp_leaves *lv = &ep->leaves[dir];

	while (test_leaf(&lv->cur)->no < n >> ep->ppl_shift) {
		KUNIT_ASSERT_EQ(test, ipcp_leaf_prepare(ep, dir), 0);
		test_use(ep, dir, test_leaf(&lv->next));
		cond_resched();
	}
	atomic64_set(&ep->sent, n);
}

/* Send a message from ipcp_tx_alloc(). Return: 0 or a negative errno. */
int test_send(struct ipcp_flow *flow, struct sk_buff *skb)
{
	ipcp_tx_wrap(skb, IPCP_PDU_DATA, 0);
	return min(ipcp_tx_send(flow, skb), 0);
}

static int wake_up_test(struct wait_queue_entry *entry, unsigned int mode,
			int flags, void *key)
{
	struct test_waker *waker = container_of(entry, struct test_waker, entry);

	waker->wakes++;
	waker->events = key_to_poll(key);
	return 0;
}

static void end_sleep(void *data)
{
	struct test_waker *waker = data;

	remove_wait_queue(waker->wq, &waker->entry);
}

/* Count the wakeups of a consumer's sleepers. */
struct test_waker *test_sleep(struct kunit *test, struct ipcp_consumer *consumer)
{
	struct test_waker *waker = kunit_kzalloc(test, sizeof(*waker),
						 GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, waker);
	init_waitqueue_func_entry(&waker->entry, wake_up_test);
	waker->wq = &ipcp_wait_of(consumer)->wq;
	add_wait_queue(waker->wq, &waker->entry);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, end_sleep, waker), 0);
	return waker;
}
