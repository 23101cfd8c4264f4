/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_KUNIT_PATH_UTIL_H
#define _IPCP_KUNIT_PATH_UTIL_H

#include <kunit/test.h>
#include <linux/skbuff.h>

#include "flow.h"
#include "wire.h"

/*
 * The path between two ends: packets of both go to a socket of the test. The
 * test delivers, drops or decrypts each packet. No packet arrives by itself.
 */
int test_path_open(struct kunit_suite *suite);
void test_path_close(struct kunit_suite *suite);
int test_path_clear(struct kunit *test);

void test_bind(struct ipcp_flow *flow, __be16 port, u32 local);
void test_connect(struct ipcp_flow *flow, struct ipcp_flow *peer);
__be16 test_bound_port(struct ipcp_flow *flow);
u32 test_bound_local(struct ipcp_flow *flow);
void test_pair(struct kunit *test, struct ipcp_flow **initiator,
	       struct ipcp_flow **responder);

struct sk_buff *test_receive(struct kunit *test);
struct sk_buff *test_receive_now(void);
void test_deliver(struct sk_buff *skb);
void test_carry(struct kunit *test);
s64 test_hear(struct ipcp_flow *flow);
struct ipcp_hdr test_header(struct kunit *test, const struct sk_buff *skb);
struct ipcp_hdr test_open_packet(struct kunit *test, struct ipcp_flow *at,
				 u8 *payload, unsigned int *len);

struct ipcp_flow *test_sender(struct kunit *test, unsigned int shift);
int test_send_data(struct kunit *test, struct ipcp_flow *flow, size_t len);
int test_send_control(struct ipcp_flow *flow);
u64 test_next_counter(struct kunit *test);

u64 test_sent(struct ipcp_flow *flow);
unsigned long test_drops(const struct ipcp_flow *flow, enum ipcp_drop reason);

#endif /* _IPCP_KUNIT_PATH_UTIL_H */
