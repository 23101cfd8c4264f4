/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_KUNIT_FLOW_UTIL_H
#define _IPCP_KUNIT_FLOW_UTIL_H

#include <kunit/test.h>
#include <linux/wait.h>

#include "flow.h"
#include "keyrot.h"
#include "registry.h"

/*
 * Flows with a disabled worker: only calls of the test do something, and time
 * passes only when the test moves the timestamps of a flow or an epoch.
 * Timeouts are one hour, so that none expires on a slow machine.
 */
#define TEST_TIME	(3600UL * HZ)
#define TEST_PEER_EID	0x0e1d0e1d

/* For tests that go through many leaves. */
#define TEST_SHORT	IPCP_PPL_SHIFT_MIN
#define TEST_LEAF	BIT(TEST_SHORT)	/* packets per leaf */

/*
 * Number of times that a test runs a race. KASAN and KCSAN make each of them up
 * to ten times as long, and a test case may take five minutes.
 */
#define TEST_RACES(n) \
	((n) / (IS_ENABLED(CONFIG_KASAN) || IS_ENABLED(CONFIG_KCSAN) ? 5 : 1))

/* The role of an end, which is a flow with keys. */
enum test_role {
	INITIATOR,
	RESPONDER,
};

extern const enum test_role test_roles[2];
void test_describe_role(const enum test_role *role, char *desc);

struct ipcp_net *test_net(void);
int test_with_agent(struct kunit *test, struct ipcp_net *ipn);
void test_drain(void);
int test_as_user(struct kunit *test, unsigned int uid, int (*fn)(void *arg), void *arg);

struct ipcp_flow *test_flow(struct kunit *test);
struct ipcp_flow *test_flow_of(struct kunit *test,
			       const struct ipcp_payer *payer,
			       struct ipcp_consumer *consumer);
struct ipcp_flow *test_flow_of_user(struct kunit *test, unsigned int uid,
				    struct ipcp_consumer *consumer);
void test_end_flow(struct kunit *test, struct ipcp_flow *flow);
void test_work(struct ipcp_flow *flow);
unsigned long test_keyrot(struct ipcp_flow *flow);
unsigned long test_ask(struct ipcp_flow *flow, struct ipcp_epoch *ep);
void test_give_up(struct ipcp_epoch *ep);
struct ipcp_flow *test_pending(struct kunit *test, enum test_role role,
			       u16 cipher);
void test_allocate(struct kunit *test, struct ipcp_flow *flow,
		   enum test_role role, u8 epoch);
struct ipcp_flow *test_end(struct kunit *test, enum test_role role, u8 epoch);

void test_seed(struct ipcp_seed *seed, unsigned int no);
u64 test_chain(struct ipcp_flow *flow, u8 epoch);
int test_park_as(struct kunit *test, struct ipcp_flow *flow, unsigned int seed,
		 struct ipcp_delivery *d);
int test_park(struct kunit *test, struct ipcp_flow *flow, unsigned int seed,
	      u8 epoch, u32 exchange);
void test_silence(struct kunit *test, struct ipcp_flow *flow, u32 exchange);
u32 test_claim(struct kunit *test, struct ipcp_flow *flow);
void test_next(struct kunit *test, struct ipcp_flow *flow);
void test_settle(struct kunit *test, struct ipcp_flow *flow);

struct ipcp_epoch *test_epoch(struct ipcp_flow *flow, u8 no);
struct ipcp_epoch *test_newest(struct ipcp_flow *flow);
struct ipcp_epoch *test_tx(struct ipcp_flow *flow);
struct ipcp_epoch *test_hold(struct kunit *test, struct ipcp_epoch *ep);
struct ipcp_leaf *test_leaf(struct ipcp_leaf __rcu **pp);
bool test_use(struct ipcp_epoch *ep, unsigned int dir, struct ipcp_leaf *leaf);
void test_go_to(struct kunit *test, struct ipcp_flow *flow, u64 n);

/**
 * struct test_waker - counter of the wakeups of a sleeping or polling task
 * @entry: entry in the wait queue
 * @wq: the wait queue
 * @wakes: number of wakeups
 * @events: events of the last wakeup
 */
struct test_waker {
	struct wait_queue_entry entry;
	struct wait_queue_head *wq;
	unsigned int wakes;
	__poll_t events;
};

void test_count_kicks(struct ipcp_flow *flow);
unsigned int test_kicks(struct ipcp_flow *flow);

int test_send(struct ipcp_flow *flow, struct sk_buff *skb);

struct ipcp_consumer *test_consumer(void);
struct test_waker *test_sleep(struct kunit *test, struct ipcp_consumer *consumer);

#endif /* _IPCP_KUNIT_FLOW_UTIL_H */
