// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Receiving several packets in one buffer: whatever the layout of its memory,
 * all good packets are read in order, and shared memory is not written.
 */
#include <linux/mm.h>
#include <linux/unaligned.h>

#include "cb.h"
#include "control.h"
#include "flow_util.h"
#include "path_util.h"
#include "reader.h"
#include "rx.h"
#include "test_util.h"
#include "tx.h"

#define PACKETS	6		/* per buffer */
#define SHORT	IPCP_PPL_SHIFT_MIN
#define LEAF	BIT(SHORT)	/* packets per leaf */

/* Two flows between the same hosts; messages go from @from to @to. */
struct ends {
	struct ipcp_flow *from[2];
	struct ipcp_flow *to[2];
	u32 said;
};

static struct ends new_ends(struct kunit *test)
{
	struct ends e = {};

	for (int i = 0; i < 2; i++) {
		test_pair(test, &e.from[i], &e.to[i]);
		e.from[i]->ppl_shift = SHORT;
		test_next(test, e.to[i]);
		test_settle(test, e.to[i]);
		test_next(test, e.from[i]);
		test_settle(test, e.from[i]);
	}
	return e;
}

/* Send a message with a number and zeros. Return: its packet. */
static struct sk_buff *say(struct kunit *test, struct ends *e, int flow,
			   unsigned int len)
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
static s64 hear(struct ipcp_flow *flow, unsigned int *len)
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

/* Add bytes to a buffer as a fragment of their own. */
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

static const struct shape {
	const char *desc;
	void (*fill)(struct kunit *test, struct sk_buff *skb, const u8 *data,
		     unsigned int len, unsigned int seg_len);
	bool cloned;
	bool whole;	/* the ring keeps the buffer */
} shapes[] = {
	{ "in one piece", in_one_piece, false, true },
	{ "in a fragment each", a_fragment_each, false, true },
	{ "cut anywhere", cut_anywhere, false, false },
	{ "in a user's pages", a_users_pages, false, false },
	{ "in pages that others have, too", pages_of_others_too, false, false },
	{ "in a list", a_list, false, false },
	{ "in one piece that is cloned", in_one_piece, true, false },
	{ "in fragments that are cloned", a_fragment_each, true, false },
};

KUNIT_ARRAY_PARAM_DESC(shape, shapes, desc);

/* Merge packets as a device or GRO does, and free them. */
static struct sk_buff *together(struct kunit *test, const struct shape *shape,
				struct sk_buff **pkts, unsigned int count)
{
	unsigned int headers = -skb_network_offset(pkts[0]), len = 0;
	unsigned int seg_len = pkts[0]->len;
	struct sk_buff *skb = alloc_skb(headers + PACKETS * seg_len, GFP_KERNEL);
	u8 *data = kunit_kmalloc(test, PACKETS * seg_len, GFP_KERNEL);

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
static void arrive(struct kunit *test, const struct shape *shape,
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
	/* not a clone, but the buffer itself */
	other = shape->cloned ? skb_clone(skb, GFP_KERNEL) : skb_get(skb);
	KUNIT_ASSERT_NOT_NULL(test, other);
	test_deliver(skb);
	KUNIT_ASSERT_EQ(test, skb_copy_bits(other, 0, after, len), 0);
	KUNIT_EXPECT_MEMEQ(test, after, before, len);
	kfree_skb(other);
}

static void packets_of_one_leaf_are_read_from_where_they_are(struct kunit *test)
{
	const struct shape *shape = test->param_value;
	struct ends e = new_ends(test);
	struct sk_buff_head *queue = &e.to[0]->n_rb.queue;
	struct sk_buff *pkts[PACKETS], *skb;
	unsigned int len;

	for (int i = 0; i < PACKETS; i++)
		pkts[i] = say(test, &e, 0, i == PACKETS - 1 ? 40 : 100);
	skb = together(test, shape, pkts, PACKETS);
	arrive(test, shape, skb);
	KUNIT_EXPECT_EQ(test, skb_queue_len(queue), 1);
	KUNIT_EXPECT_EQ(test, skb_peek(queue) == skb, shape->whole);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&e.to[0]->n_rb), PACKETS);
	for (int i = 0; i < PACKETS; i++) {
		KUNIT_EXPECT_EQ(test, hear(e.to[0], &len), i);
		KUNIT_EXPECT_EQ(test, len, i == PACKETS - 1 ? 40 : 100);
	}
	KUNIT_EXPECT_EQ(test, hear(e.to[0], NULL), -1);
	KUNIT_EXPECT_EQ(test, e.to[0]->n_rb.bytes, 0);
}

/* Contents of the packets */

static void forged(struct sk_buff **pkts)
{
	pkts[2]->data[IPCP_HDR_LEN] ^= 1;
}

static void all_forged(struct sk_buff **pkts)
{
	for (int i = 0; i < PACKETS; i++)
		pkts[i]->data[IPCP_HDR_LEN] ^= 1;
}

static void repeated(struct sk_buff **pkts)
{
	memcpy(pkts[3]->data, pkts[1]->data, pkts[3]->len);
}

static void no_version(struct sk_buff **pkts)
{
	pkts[4]->data[0] = 0;
}

static void no_epoch(struct sk_buff **pkts)
{
	pkts[0]->data[1] += IPCP_EPOCH_SLOTS;
}

static void cut_off(struct sk_buff **pkts)
{
	skb_trim(pkts[PACKETS - 1], IPCP_OVERHEAD - 1);
}

static const struct content {
	const char *desc;
	void (*change)(struct sk_buff **pkts);
	unsigned int lost;	/* one bit per packet */
	enum ipcp_drop reason;
	bool stray;		/* belongs to no flow */
} contents[] = {
	{ "one is forged", forged, BIT(2), IPCP_DROP_AUTH },
	{ "all are", all_forged, BIT(PACKETS) - 1, IPCP_DROP_AUTH },
	{ "one is repeated", repeated, BIT(3), IPCP_DROP_REPLAY },
	{ "one has no version", no_version, BIT(4), IPCP_DROP_VERSION, true },
	{ "one is of no epoch", no_epoch, BIT(0), IPCP_DROP_EPOCH },
	{ "the last is cut off", cut_off, BIT(PACKETS - 1), IPCP_DROP_SHORT,
	  true },
};

static unsigned long dropped(struct ends *e, const struct content *c)
{
	struct ipcp_drops sum;

	if (!c->stray)
		return test_drops(e->to[0], c->reason);
	ipcp_drops_sum(test_net()->drops, &sum);
	return sum.drops[c->reason];
}

static void expect_rest(struct kunit *test, const struct content *c,
			const struct shape *shape)
{
	unsigned int lost = hweight32(c->lost);
	struct ends e = new_ends(test);
	unsigned long before = dropped(&e, c);
	struct sk_buff *pkts[PACKETS];

	for (int i = 0; i < PACKETS; i++)
		pkts[i] = say(test, &e, 0, 100);
	c->change(pkts);
	arrive(test, shape, together(test, shape, pkts, PACKETS));
	for (int i = 0; i < PACKETS; i++)
		if (!(c->lost & BIT(i)))
			KUNIT_EXPECT_EQ_MSG(test, hear(e.to[0], NULL), i, "%s",
					    c->desc);
	KUNIT_EXPECT_EQ(test, hear(e.to[0], NULL), -1);
	KUNIT_EXPECT_EQ_MSG(test, dropped(&e, c) - before, lost, "%s", c->desc);
	KUNIT_EXPECT_EQ(test, e.to[0]->n_rb.bytes, 0);
}

static void what_is_good_of_several_is_read(struct kunit *test)
{
	for (int i = 0; i < ARRAY_SIZE(contents); i++)
		expect_rest(test, &contents[i], test->param_value);
}

static void packets_of_flows_in_turns_are_each_flows_own(struct kunit *test)
{
	const struct shape *shape = test->param_value;
	struct ends e = new_ends(test);
	struct sk_buff *pkts[PACKETS];

	for (int i = 0; i < PACKETS; i++)
		pkts[i] = say(test, &e, i & 1, 100);
	arrive(test, shape, together(test, shape, pkts, PACKETS));
	for (int i = 0; i < PACKETS; i++)
		KUNIT_EXPECT_EQ(test, hear(e.to[i & 1], NULL), i);
	for (int i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, hear(e.to[i], NULL), -1);
}

static void flows_that_send_in_turns_are_charged_for_their_own(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct sk_buff *pkts[PACKETS], *alone;

	for (int i = 0; i < PACKETS; i++)
		pkts[i] = say(test, &e, i & 1, 100);
	arrive(test, shapes, together(test, shapes, pkts, PACKETS));
	/* each flow is charged for its own packet with headers */
	alone = alloc_skb(200, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, alone);
	for (int i = 0; i < 2; i++)
		KUNIT_EXPECT_LE(test, e.to[i]->n_rb.bytes,
				PACKETS / 2 * alone->truesize);
	kfree_skb(alone);
}

/* Forged packets are not charged, whatever they were merged with. */
static void only_what_is_good_of_several_is_charged(struct kunit *test)
{
	const struct shape *shape = test->param_value;
	struct ends e = new_ends(test);
	struct sk_buff *pkts[PACKETS];

	for (int i = 0; i < PACKETS; i++) {
		pkts[i] = say(test, &e, 0, 4000);
		if (i)
			pkts[i]->data[IPCP_HDR_LEN] ^= 1;
	}
	arrive(test, shape, together(test, shape, pkts, PACKETS));
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&e.to[0]->n_rb), 1);
	KUNIT_EXPECT_LE(test, e.to[0]->n_rb.bytes, SKB_TRUESIZE(0) + 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, hear(e.to[0], NULL), 0);
}

static void packets_of_two_leaves_are_read_in_order(struct kunit *test)
{
	const struct shape *shape = test->param_value;
	struct ends e = new_ends(test);
	struct sk_buff *pkts[PACKETS];

	for (unsigned int i = 0; i < LEAF - 2; i++)
		kfree_skb(say(test, &e, 0, 100));
	for (int i = 0; i < PACKETS; i++)
		pkts[i] = say(test, &e, 0, 100);
	arrive(test, shape, together(test, shape, pkts, PACKETS));
	/* the second leaf was not derived yet */
	ipcp_rx_drain(e.to[0]);
	for (int i = 0; i < PACKETS; i++)
		KUNIT_EXPECT_EQ(test, hear(e.to[0], NULL), LEAF - 2 + i);
	KUNIT_EXPECT_EQ(test, hear(e.to[0], NULL), -1);
}

/* Send a SEALED packet of the length of the others, so that they can merge. */
static struct sk_buff *say_sealed(struct kunit *test, struct ends *e,
				  unsigned int len)
{
	static const u8 payload[200];

	KUNIT_ASSERT_EQ(test, ipcp_tx_current(e->from[0], IPCP_PDU_SEALED,
					      payload, len), 0);
	return test_receive(test);
}

static void control_among_them_goes_its_own_way(struct kunit *test)
{
	const struct shape *shape = test->param_value;
	struct ends e = new_ends(test);
	struct sk_buff *pkts[PACKETS];
	u32 no = 0;

	for (int i = 0; i < PACKETS; i++)
		pkts[i] = i == 2 ? say_sealed(test, &e, 100) :
				   say(test, &e, 0, 100);
	arrive(test, shape, together(test, shape, pkts, PACKETS));
	KUNIT_EXPECT_EQ(test, skb_queue_len(&e.to[0]->ctl), 1);
	while (no < PACKETS - 1) {
		KUNIT_ASSERT_EQ(test, hear(e.to[0], NULL), no);
		no++;
	}
	KUNIT_EXPECT_EQ(test, hear(e.to[0], NULL), -1);
}

static int scarce_order = INT_MAX;	/* no allocation of this order or more works */
static unsigned long tried_orders;

struct page *test_alloc_pages(gfp_t gfp, unsigned int order);

/* Called by segs.c; see scarce_pages.h. */
struct page *test_alloc_pages(gfp_t gfp, unsigned int order)
{
	__set_bit(order, &tried_orders);
	return order < scarce_order ? alloc_pages(gfp, order) : NULL;
}

static void end_scarcity(void *unused)
{
	scarce_order = INT_MAX;
}

static const struct scarcity {
	const char *desc;
	int order;
	unsigned long tried;
	unsigned int buffers;
} scarcities[] = {
	{ "8 pages", 3, BIT(3) | BIT(2) | BIT(1), 1 },
	{ "4 pages", 2, BIT(3) | BIT(2) | BIT(1), 1 },
	{ "2 pages", 1, BIT(3) | BIT(2) | BIT(1) | BIT(0), 1 },
	{ "any pages", 0, BIT(3) | BIT(2) | BIT(1) | BIT(0), PACKETS },
};

KUNIT_ARRAY_PARAM_DESC(scarcity, scarcities, desc);

/* Memory is fragmented. The packets are copied, since others have them, too. */
static void no_packet_is_lost_for_want_of(struct kunit *test)
{
	const struct shape *shape = &shapes[ARRAY_SIZE(shapes) - 1];
	const struct scarcity *c = test->param_value;
	struct ends e = new_ends(test);
	struct sk_buff *pkts[PACKETS], *skb;

	KUNIT_ASSERT_TRUE(test, shape->cloned);
	for (int i = 0; i < PACKETS; i++)
		pkts[i] = say(test, &e, 0, 3900);
	skb = together(test, shape, pkts, PACKETS);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, end_scarcity, NULL), 0);
	scarce_order = c->order;
	tried_orders = 0;
	arrive(test, shape, skb);
	end_scarcity(NULL);
	KUNIT_EXPECT_EQ(test, tried_orders, c->tried);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&e.to[0]->n_rb.queue), c->buffers);
	for (int i = 0; i < PACKETS; i++)
		KUNIT_EXPECT_EQ(test, hear(e.to[0], NULL), i);
	KUNIT_EXPECT_EQ(test, test_drops(e.to[0], IPCP_DROP_NOMEM), 0);
}

static void several_readers_share_a_buffer(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct ipcp_reader readers[2];
	struct sk_buff *pkts[PACKETS];
	const u8 *msg;

	for (int i = 0; i < PACKETS; i++)
		pkts[i] = say(test, &e, 0, 100);
	arrive(test, shapes, together(test, shapes, pkts, PACKETS));
	for (int i = 0; i < 2; i++)
		ipcp_reader_init(&readers[i], e.to[0]);
	for (int i = 0; i < PACKETS; i++) {
		KUNIT_ASSERT_EQ(test, ipcp_reader_next(&readers[i & 1], &msg),
				100);
		KUNIT_EXPECT_EQ(test, *(const u32 *)msg, i);
	}
	for (int i = 0; i < 2; i++)
		ipcp_reader_end(&readers[i]);
	KUNIT_EXPECT_TRUE(test, ipcp_rbuff_empty(&e.to[0]->n_rb));
}

/* Begin to read a buffer of PACKETS messages as a whole. */
static void take_two_of_all(struct kunit *test, struct ends *e, struct ipcp_reader *r)
{
	struct sk_buff *pkts[PACKETS];
	const u8 *msg;

	for (int i = 0; i < PACKETS; i++)
		pkts[i] = say(test, e, 0, 100);
	arrive(test, shapes, together(test, shapes, pkts, PACKETS));
	ipcp_reader_init(r, e->to[0]);
	r->want = PACKETS;
	for (int i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, ipcp_reader_next(r, &msg), 100);
		KUNIT_EXPECT_EQ(test, *(const u32 *)msg, i);
		KUNIT_EXPECT_TRUE(test, ipcp_rbuff_empty(&e->to[0]->n_rb));
	}
}

static void a_buffer_taken_as_a_whole_is_put_back(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct ipcp_reader r;

	take_two_of_all(test, &e, &r);
	ipcp_reader_end(&r);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&e.to[0]->n_rb), PACKETS - 2);
	for (int i = 2; i < PACKETS; i++)
		KUNIT_EXPECT_EQ(test, hear(e.to[0], NULL), i);
	KUNIT_EXPECT_EQ(test, e.to[0]->n_rb.bytes, 0);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&e.to[0]->n_rb), 0);
}

/* Another reader waits, as the ring was empty while the buffer was away. */
static void what_is_put_back_wakes_who_waits_to_read(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct test_waker *waker;
	struct ipcp_reader r;

	take_two_of_all(test, &e, &r);
	waker = test_sleep(test, e.to[0]->n_rb.flags.consumer);
	ipcp_reader_end(&r);
	KUNIT_EXPECT_EQ(test, waker->wakes, 1);
	KUNIT_EXPECT_EQ(test, waker->events, EPOLLIN | EPOLLRDNORM);
	KUNIT_EXPECT_EQ(test, hear(e.to[0], NULL), 2);
	KUNIT_EXPECT_EQ(test, waker->wakes, 1);
}

static void what_is_put_back_is_read_by_who_read_before(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct ipcp_reader one, all;
	struct sk_buff *pkts[PACKETS];
	const u8 *msg;

	for (int i = 0; i < PACKETS; i++)
		pkts[i] = say(test, &e, 0, 100);
	arrive(test, shapes, together(test, shapes, pkts, PACKETS));
	ipcp_reader_init(&one, e.to[0]);
	ipcp_reader_init(&all, e.to[0]);
	all.want = PACKETS;
	KUNIT_EXPECT_EQ(test, ipcp_reader_next(&one, &msg), 100);
	KUNIT_EXPECT_EQ(test, ipcp_reader_next(&all, &msg), 100);
	KUNIT_EXPECT_EQ(test, ipcp_reader_next(&one, &msg), -EAGAIN);
	ipcp_reader_end(&all);
	for (int i = 2; i < PACKETS; i++) {
		KUNIT_ASSERT_EQ(test, ipcp_reader_next(&one, &msg), 100);
		KUNIT_EXPECT_EQ(test, *(const u32 *)msg, i);
	}
	ipcp_reader_end(&one);
	KUNIT_EXPECT_EQ(test, e.to[0]->n_rb.bytes, 0);
}

static void nothing_is_put_back_into_a_closed_ring(struct kunit *test)
{
	struct ends e = new_ends(test);
	struct ipcp_reader r;

	take_two_of_all(test, &e, &r);
	ipcp_rx_purge(e.to[0]);
	ipcp_reader_end(&r);
	KUNIT_EXPECT_TRUE(test, ipcp_rbuff_empty(&e.to[0]->n_rb));
	KUNIT_EXPECT_EQ(test, test_drops(e.to[0], IPCP_DROP_CLOSED), PACKETS - 2);
}

static struct kunit_case rx_segs_test_cases[] = {
	KUNIT_CASE_PARAM(packets_of_one_leaf_are_read_from_where_they_are,
			 shape_gen_params),
	KUNIT_CASE_PARAM(what_is_good_of_several_is_read, shape_gen_params),
	KUNIT_CASE_PARAM(packets_of_flows_in_turns_are_each_flows_own,
			 shape_gen_params),
	KUNIT_CASE(flows_that_send_in_turns_are_charged_for_their_own),
	KUNIT_CASE_PARAM(only_what_is_good_of_several_is_charged,
			 shape_gen_params),
	KUNIT_CASE_PARAM(packets_of_two_leaves_are_read_in_order,
			 shape_gen_params),
	KUNIT_CASE_PARAM(control_among_them_goes_its_own_way, shape_gen_params),
	KUNIT_CASE_PARAM(no_packet_is_lost_for_want_of, scarcity_gen_params),
	KUNIT_CASE(several_readers_share_a_buffer),
	KUNIT_CASE(a_buffer_taken_as_a_whole_is_put_back),
	KUNIT_CASE(what_is_put_back_wakes_who_waits_to_read),
	KUNIT_CASE(what_is_put_back_is_read_by_who_read_before),
	KUNIT_CASE(nothing_is_put_back_into_a_closed_ring),
	{}
};

static struct kunit_suite rx_segs_test_suite = {
	.name = "ipcp_rx_segs",
	.suite_init = test_path_open,
	.suite_exit = test_path_close,
	.init = test_path_clear,
	.test_cases = rx_segs_test_cases,
};

kunit_test_suite(rx_segs_test_suite);
