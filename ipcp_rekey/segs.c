// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Buffers of several packets, of one flow and of one length, but the last that may
 * be shorter, which cross the stack as one. A device that cannot segment
 * has the stack do it, so on the wire they are packets like all others; what
 * receives them may have put them together again, or never taken apart.
 *
 * Each packet of a buffer that we build lies in one piece of memory, so it is
 * sealed in one go. A buffer that comes in may be cut anywhere, and others may
 * have its memory, too.
 */
#include "segs.h"

/* The largest chunk of memory that is asked for. */
#define IPCP_CHUNK_ORDER	3

/**
 * ipcp_cursor_init() - Begin to walk through a buffer
 * @c: out
 * @skb: buffer
 * @pos: where to begin, in bytes
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
}

/**
 * __ipcp_cursor_next() - Go on to another piece of memory
 * @c: cursor
 * @len: by how many bytes
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
			return NULL;	/* a list of buffers */
		c->frag++;
		c->begin = c->end;
		c->end += skb_frag_size(frag);
		c->area = skb_frag_address_safe(frag);
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

/* Add memory for up to @count packets. Returns for how many. */
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
 * ipcp_segs_alloc() - Get a buffer for several packets
 * @headroom: bytes for headers in front of it
 * @seg_len: length of a packet in bytes
 * @count: how many
 * @gfp: how
 *
 * Context: As @gfp.
 * Return: a buffer as long as all packets together, each to be in one piece, or
 * NULL.
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
 * ipcp_segs_set_gso() - Have the stack segment a buffer, as UDP does
 * @skb: packets, one after the other, with no header yet
 * @seg_len: length of each but the last
 * @count: how many, more than one
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
