// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Buffers of several packets (GSO). All packets have the same length, except
 * that the last may be shorter. They pass through the stack as one buffer,
 * which the device or the stack segments, so on the wire they are like other
 * packets. The receiving stack may merge them again, or may never have
 * segmented them.
 *
 * Each packet of a buffer built here is contiguous in memory, so it can be
 * sealed in one call. A received buffer may be fragmented anywhere, and its
 * memory may be shared.
 */
#include "segs.h"

/* Order of the largest chunk to allocate. */
#define IPCP_CHUNK_ORDER	3

/**
 * ipcp_cursor_init() - Initialise a cursor
 * @c: (output) cursor
 * @skb: buffer
 * @pos: start position in bytes
 *
 * Context: Any context.
 */
void ipcp_cursor_init(struct ipcp_cursor *c, struct sk_buff *skb,
		      unsigned int pos)
{
	c->skb = skb;
	c->pos = pos;
	c->area = skb->data;
	c->begin = 0;
	c->end = skb_headlen(skb);
	c->frag = 0;
	c->checked = false;
}

/**
 * __ipcp_cursor_next() - Advance a cursor to another fragment
 * @c: cursor
 * @len: number of bytes
 *
 * Context: Any context.
 * Return: as ipcp_cursor_next().
 */
u8 *__ipcp_cursor_next(struct ipcp_cursor *c, unsigned int len)
{
	const struct skb_shared_info *info = skb_shinfo(c->skb);
	unsigned int pos = c->pos;

	c->pos += len;
	while (pos >= c->end) {
		const skb_frag_t *frag = &info->frags[c->frag];

		if (c->frag >= info->nr_frags)
			return NULL;	/* the rest is in the frag_list */
		c->frag++;
		c->begin = c->end;
		c->end += skb_frag_size(frag);
		c->area = skb_frag_address_safe(frag);
		c->checked = false;
	}
	if (c->pos > c->end || !c->area)
		return NULL;
	return c->area + (pos - c->begin);
}

/*
 * Get a chunk for @count packets, or for fewer of them. Chunks larger than one
 * packet needs are opportunistic (__GFP_NORETRY), up to IPCP_CHUNK_ORDER; fall
 * back to the smallest order that holds one packet.
 */
static struct page *get_chunk(unsigned int seg_len, unsigned int count,
			      gfp_t gfp, int *order)
{
	int least = get_order(seg_len);
	struct page *page;

	gfp |= __GFP_COMP | __GFP_NOWARN;
	*order = clamp(IPCP_CHUNK_ORDER, least, get_order(seg_len * count));
	for (; *order > least; --*order) {
		page = alloc_pages(gfp | __GFP_NORETRY, *order);
		if (page)
			return page;
	}
	return alloc_pages(gfp, least);
}

/* Add memory for up to @count packets. Return how many fit. */
static unsigned int add_chunk(struct sk_buff *skb, unsigned int seg_len,
			      unsigned int count, gfp_t gfp)
{
	struct page *page;
	int order;

	page = get_chunk(seg_len, count, gfp, &order);
	if (!page)
		return 0;
	count = min_t(unsigned int, count, (PAGE_SIZE << order) / seg_len);
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, 0,
			seg_len * count, PAGE_SIZE << order);
	return count;
}

/**
 * ipcp_segs_alloc() - Allocate a buffer for several packets
 * @headroom: headroom in bytes
 * @seg_len: length of a packet in bytes
 * @count: number of packets
 * @gfp: allocation flags
 *
 * Context: As @gfp allows.
 * Return: a buffer of @count times @seg_len bytes, in which each packet is
 * contiguous, or NULL.
 */
struct sk_buff *ipcp_segs_alloc(unsigned int headroom, unsigned int seg_len,
				unsigned int count, gfp_t gfp)
{
	struct sk_buff *skb = alloc_skb(headroom, gfp);
	unsigned int got;

	if (!skb)
		return NULL;
	skb_reserve(skb, headroom);
	for (; count; count -= got) {
		got = skb_shinfo(skb)->nr_frags < MAX_SKB_FRAGS ?
			add_chunk(skb, seg_len, count, gfp) : 0;
		if (!got) {
			kfree_skb(skb);
			return NULL;
		}
	}
	return skb;
}

/**
 * ipcp_segs_set_gso() - Mark a buffer for UDP segmentation
 * @skb: packets, one after the other, without UDP and IP headers yet
 * @seg_len: length of each packet but the last
 * @count: number of packets, more than one
 *
 * Context: Any context.
 */
void ipcp_segs_set_gso(struct sk_buff *skb, unsigned int seg_len,
		       unsigned int count)
{
	skb_shinfo(skb)->gso_size = seg_len;
	skb_shinfo(skb)->gso_segs = count;
	skb_shinfo(skb)->gso_type = SKB_GSO_UDP_L4;
}
