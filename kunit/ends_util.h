/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_KUNIT_ENDS_UTIL_H
#define _IPCP_KUNIT_ENDS_UTIL_H

#include <kunit/test.h>
#include <linux/skbuff.h>

#include "flow.h"

/**
 * struct test_ends - two ends of a flow with short leaves
 * @from: end that sends the messages
 * @to: end that receives them
 * @said: number of messages sent
 */
struct test_ends {
	struct ipcp_flow *from;
	struct ipcp_flow *to;
	u32 said;
};

struct test_ends test_new_ends(struct kunit *test);
struct sk_buff *test_say(struct kunit *test, struct test_ends *e);
struct sk_buff *test_say_control(struct kunit *test, struct test_ends *e,
				 u8 type, size_t len);
void test_forge(struct sk_buff *skb, u64 counter);
void test_lose(struct kunit *test, struct test_ends *e, unsigned int n);
void test_let_in(struct test_ends *e, struct sk_buff *skb);
void test_arrive(struct kunit *test, struct test_ends *e, unsigned int n);
void test_expect_heard(struct kunit *test, struct test_ends *e, u32 from,
		       u32 to);

#endif /* _IPCP_KUNIT_ENDS_UTIL_H */
