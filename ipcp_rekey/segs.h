/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_SEGS_H
#define _IPCP_SEGS_H

#include <linux/skbuff.h>
#include <linux/uio.h>

/* Maximum number of packets in one buffer. */
#define IPCP_SEGS_MAX	64
/* Maximum bytes in one buffer: payload of the longest IPv4 datagram. */
#define IPCP_SEGS_BYTES	65507

/**
 * struct ipcp_cursor - position in a packet buffer
 * @skb: the buffer
 * @pos: position, in bytes from the start of the buffer
 * @area: the current contiguous memory, linear data or a fragment; may be NULL
 * @begin: position of the first byte of @area
 * @end: position after the last byte of @area
 * @frag: index of the next fragment
 * @checked: ipcp_cursor_check() has passed for @area
 */
struct ipcp_cursor {
	struct sk_buff *skb;
	unsigned int pos;
	u8 *area;
	unsigned int begin;
	unsigned int end;
	unsigned int frag;
	bool checked;
};

void ipcp_cursor_init(struct ipcp_cursor *c, struct sk_buff *skb,
		      unsigned int pos);
u8 *__ipcp_cursor_next(struct ipcp_cursor *c, unsigned int len);

/**
 * ipcp_cursor_next() - Return the next bytes and advance the cursor
 * @c: cursor
 * @len: number of bytes, at least one
 *
 * The fast path: most packets of a buffer are in the same fragment as the
 * previous one.
 *
 * Context: Any context.
 * Return: address of the bytes, or NULL if they are not contiguous. Then they
 * can be copied from position @c->pos - @len.
 */
static inline u8 *ipcp_cursor_next(struct ipcp_cursor *c, unsigned int len)
{
	unsigned int pos = c->pos;

	if (unlikely(pos + len > c->end || !c->area))
		return __ipcp_cursor_next(c, len);
	c->pos = pos + len;
	return c->area + (pos - c->begin);
}

/**
 * ipcp_cursor_check() - Check memory before copies from or to user space
 * @c: cursor, whose last bytes were contiguous
 * @to_user: direction of the copies
 *
 * The copy functions check the kernel's memory each time, which takes longer
 * than to copy a short message. After this call, _copy_from_iter() and
 * _copy_to_iter(), which do not check, are safe for all messages of a fragment.
 *
 * Context: Process context.
 */
static inline void ipcp_cursor_check(struct ipcp_cursor *c, bool to_user)
{
	if (likely(c->checked))
		return;
	check_object_size(c->area, c->end - c->begin, to_user);
	c->checked = true;
}

struct sk_buff *ipcp_segs_alloc(unsigned int headroom, unsigned int seg_len,
				unsigned int count, gfp_t gfp);
void ipcp_segs_set_gso(struct sk_buff *skb, unsigned int seg_len,
		       unsigned int count);

/* Return the number of packets in a received buffer. */
static inline unsigned int ipcp_segs_count(const struct sk_buff *skb)
{
	unsigned int seg_len = skb_shinfo(skb)->gso_size;

	return seg_len ? DIV_ROUND_UP(skb->len, seg_len) : 1;
}

#endif /* _IPCP_SEGS_H */
