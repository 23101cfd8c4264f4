/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_SEGS_H
#define _IPCP_SEGS_H

#include <linux/skbuff.h>

/* Packets in a buffer of several, at most. */
#define IPCP_SEGS_MAX	64
/* Bytes in it: what is left of the longest IPv4 datagram. */
#define IPCP_SEGS_BYTES	65507

/**
 * struct ipcp_cursor - where one is in the bytes of a packet buffer
 * @skb: the buffer
 * @pos: bytes passed
 * @area: contiguous memory
 * @begin: position of its first byte
 * @end: position after its last byte
 * @frag: the fragment that comes after it
 */
struct ipcp_cursor {
	struct sk_buff *skb;
	unsigned int pos;
	u8 *area;
	unsigned int begin;
	unsigned int end;
	unsigned int frag;
};

void ipcp_cursor_init(struct ipcp_cursor *c, struct sk_buff *skb,
		      unsigned int pos);
u8 *__ipcp_cursor_next(struct ipcp_cursor *c, unsigned int len);

/**
 * ipcp_cursor_next() - Go on
 * @c: cursor
 * @len: by how many bytes, at least one
 *
 * Most packets of a buffer are in the same piece of memory as the one before.
 *
 * Context: Any context.
 * Return: where these bytes are, or NULL if they are not in one piece; they
 * can be copied then, from @c->pos - @len.
 */
static inline u8 *ipcp_cursor_next(struct ipcp_cursor *c, unsigned int len)
{
	unsigned int pos = c->pos;

	if (unlikely(pos + len > c->end || !c->area))
		return __ipcp_cursor_next(c, len);
	c->pos = pos + len;
	return c->area + (pos - c->begin);
}

struct sk_buff *ipcp_segs_alloc(unsigned int headroom, unsigned int seg_len,
				unsigned int count, gfp_t gfp);
void ipcp_segs_set_gso(struct sk_buff *skb, unsigned int seg_len,
		       unsigned int count);

/* How many packets a buffer that was received has. */
static inline unsigned int ipcp_segs_count(const struct sk_buff *skb)
{
	unsigned int seg_len = skb_shinfo(skb)->gso_size;

	return seg_len ? DIV_ROUND_UP(skb->len, seg_len) : 1;
}

#endif /* _IPCP_SEGS_H */
