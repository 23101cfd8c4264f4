// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Buffers of several packets, in every memory layout that can arrive. */
#include <linux/mm.h>

#include "cb.h"
#include "flow_util.h"
#include "path_util.h"
#include "reader.h"
#include "segs_util.h"
#include "tx.h"

struct test_segs_ends test_segs_new_ends(struct kunit *test)
{
	struct test_segs_ends e = {};

	for (int i = 0; i < 2; i++) {
		test_pair(test, &e.from[i], &e.to[i]);
		e.from[i]->ppl_shift = TEST_SHORT;
		test_next(test, e.to[i]);
		test_settle(test, e.to[i]);
		test_next(test, e.from[i]);
		test_settle(test, e.from[i]);
	}
	return e;
}

/* Send a message with a number and zeros. Return: its packet. */
struct sk_buff *test_segs_say(struct kunit *test, struct test_segs_ends *e,
			      int flow, unsigned int len)
{
	struct sk_buff *skb = ipcp_tx_alloc(len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	memset(skb_put(skb, len), 0, len);
	*(u32 *)skb->data = e->said++;
	KUNIT_ASSERT_EQ(test, test_send(e->from[flow], skb), 0);
	skb = test_receive(test);
	KUNIT_ASSERT_EQ(test, skb_linearize(skb), 0);
	return skb;
}

/* Read the next message. Return: its number, or -1. */
s64 test_segs_hear(struct ipcp_flow *flow, unsigned int *len)
{
	struct ipcp_reader r;
	const u8 *msg;
	s64 no = -1;
	int got;

	ipcp_reader_init(&r, flow);
	got = ipcp_reader_next(&r, &msg);
	if (got >= (int)sizeof(u32))
		no = *(const u32 *)msg;
	ipcp_reader_end(&r);
	if (len)
		*len = max(got, 0);
	return no;
}

/* Memory layouts of a buffer */

/* Append bytes to a buffer as a fragment of their own. */
static void add_frag(struct kunit *test, struct sk_buff *skb, const void *data,
		     unsigned int len)
{
	struct page *page = alloc_page(GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, page);
	memcpy(page_address(page), data, len);
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, 0, len,
			PAGE_SIZE);
}

static void in_one_piece(struct kunit *test, struct sk_buff *skb,
			 const u8 *data, unsigned int len, unsigned int seg_len)
{
	skb_put_data(skb, data, len);
}

static void a_fragment_each(struct kunit *test, struct sk_buff *skb,
			    const u8 *data, unsigned int len,
			    unsigned int seg_len)
{
	for (unsigned int pos = 0; pos < len; pos += seg_len)
		add_frag(test, skb, data + pos, min(seg_len, len - pos));
}

/* Split most packets across two fragments. */
static void cut_anywhere(struct kunit *test, struct sk_buff *skb,
			 const u8 *data, unsigned int len, unsigned int seg_len)
{
	unsigned int first = seg_len / 2;

	skb_put_data(skb, data, first);
	for (unsigned int pos = first; pos < len; pos += seg_len)
		add_frag(test, skb, data + pos, min(seg_len, len - pos));
}

static void a_users_pages(struct kunit *test, struct sk_buff *skb,
			  const u8 *data, unsigned int len,
			  unsigned int seg_len)
{
	a_fragment_each(test, skb, data, len, seg_len);
	skb_shinfo(skb)->flags |= SKBFL_SHARED_FRAG;
}

static void put_page_action(void *page)
{
	put_page(page);
}

/* Share the fragments with another buffer, without a mark on either. */
static void pages_of_others_too(struct kunit *test, struct sk_buff *skb,
				const u8 *data, unsigned int len,
				unsigned int seg_len)
{
	int err;

	a_fragment_each(test, skb, data, len, seg_len);
	for (int i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		struct page *page = skb_frag_page(&skb_shinfo(skb)->frags[i]);

		get_page(page);
		err = kunit_add_action_or_reset(test, put_page_action, page);
		KUNIT_ASSERT_EQ(test, err, 0);
	}
}

static void a_list(struct kunit *test, struct sk_buff *skb, const u8 *data,
		   unsigned int len, unsigned int seg_len)
{
	struct sk_buff **next = &skb_shinfo(skb)->frag_list;

	skb_put_data(skb, data, seg_len);
	for (unsigned int pos = seg_len; pos < len; pos += seg_len) {
		unsigned int n = min(seg_len, len - pos);

		*next = alloc_skb(n, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, *next);
		skb_put_data(*next, data + pos, n);
		skb->len += n;
		skb->data_len += n;
		skb->truesize += (*next)->truesize;
		next = &(*next)->next;
	}
}

const struct test_shape test_shapes[] = {
	{ "in one piece", in_one_piece, false, true },
	{ "in one fragment each", a_fragment_each, false, true },
	{ "split across fragments", cut_anywhere, false, false },
	{ "in a user's pages", a_users_pages, false, false },
	{ "in pages shared with others", pages_of_others_too, false, false },
	{ "in a frag_list", a_list, false, false },
	{ "in one piece, cloned", in_one_piece, true, false },
	{ "in fragments, cloned", a_fragment_each, true, false },
};

/* Merge packets as a device or GRO does, and free them. */
struct sk_buff *test_segs_merge(struct kunit *test,
				const struct test_shape *shape,
				struct sk_buff **pkts, unsigned int count)
{
	unsigned int headers = -skb_network_offset(pkts[0]), len = 0;
	unsigned int seg_len = pkts[0]->len;
	struct sk_buff *skb = alloc_skb(headers + TEST_SEGS * seg_len, GFP_KERNEL);
	u8 *data = kunit_kmalloc(test, TEST_SEGS * seg_len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_ASSERT_NOT_NULL(test, data);
	skb_put_data(skb, skb_network_header(pkts[0]), headers);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, headers + skb_transport_offset(pkts[0]));
	skb->protocol = pkts[0]->protocol;
	__skb_pull(skb, headers);
	for (unsigned int i = 0; i < count; i++) {
		memcpy(data + len, pkts[i]->data, pkts[i]->len);
		len += pkts[i]->len;
		kfree_skb(pkts[i]);
	}
	shape->fill(test, skb, data, len, seg_len);
	ipcp_segs_set_gso(skb, seg_len, count);
	return skb;
}

/* Receive the buffer. Shared memory must not change. */
void test_segs_arrive(struct kunit *test, const struct test_shape *shape,
		      struct sk_buff *skb)
{
	struct sk_buff *other = NULL;
	unsigned int len = skb->len;
	u8 *before, *after;

	if (shape->whole) {
		test_deliver(skb);
		return;
	}
	before = kunit_kmalloc(test, len, GFP_KERNEL);
	after = kunit_kmalloc(test, len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, before);
	KUNIT_ASSERT_NOT_NULL(test, after);
	KUNIT_ASSERT_EQ(test, skb_copy_bits(skb, 0, before, len), 0);
	/* unless cloned, keep a reference to the buffer itself */
	other = shape->cloned ? skb_clone(skb, GFP_KERNEL) : skb_get(skb);
	KUNIT_ASSERT_NOT_NULL(test, other);
	test_deliver(skb);
	KUNIT_ASSERT_EQ(test, skb_copy_bits(other, 0, after, len), 0);
	KUNIT_EXPECT_MEMEQ(test, after, before, len);
	kfree_skb(other);
}
