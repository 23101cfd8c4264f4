/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_KUNIT_SEGS_UTIL_H
#define _IPCP_KUNIT_SEGS_UTIL_H

#include <kunit/test.h>
#include <linux/skbuff.h>

#include "flow.h"

#define TEST_SEGS	6		/* packets per buffer */

/**
 * struct test_segs_ends - two flows between the same hosts, with short leaves
 * @from: ends that send the messages
 * @to: ends that receive them
 * @said: number of messages sent
 */
struct test_segs_ends {
	struct ipcp_flow *from[2];
	struct ipcp_flow *to[2];
	u32 said;
};

struct test_segs_ends test_segs_new_ends(struct kunit *test);
struct sk_buff *test_segs_say(struct kunit *test, struct test_segs_ends *e,
			      int flow, unsigned int len);
s64 test_segs_hear(struct ipcp_flow *flow, unsigned int *len);

/**
 * struct test_shape - a layout of the memory of a buffer
 * @desc: name of the case
 * @fill: put packets into an empty buffer
 * @cloned: the buffer has a clone
 * @whole: the ring keeps the buffer
 */
struct test_shape {
	const char *desc;
	void (*fill)(struct kunit *test, struct sk_buff *skb, const u8 *data,
		     unsigned int len, unsigned int seg_len);
	bool cloned;
	bool whole;
};

/* The first shape is in one piece, the last in cloned fragments. */
extern const struct test_shape test_shapes[8];

struct sk_buff *test_segs_merge(struct kunit *test,
				const struct test_shape *shape,
				struct sk_buff **pkts, unsigned int count);
void test_segs_arrive(struct kunit *test, const struct test_shape *shape,
		      struct sk_buff *skb);

#endif /* _IPCP_KUNIT_SEGS_UTIL_H */
