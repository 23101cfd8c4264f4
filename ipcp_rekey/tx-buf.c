// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Buffers to send: one or more packets, each of which is a header, a message
 * and a tag. All packets have the same length, except that the last may be
 * shorter. The control block (cb.h) holds their number and length.
 */
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/udp.h>

#include "cb.h"
#include "pool.h"
#include "segs.h"
#include "tx.h"
#include "wire.h"

#define IPCP_HEADROOM \
	(LL_MAX_HEADER + sizeof(struct ipv6hdr) + sizeof(struct udphdr) + \
	 IPCP_HDR_LEN)

static_assert(sizeof(struct ipv6hdr) + sizeof(struct udphdr) + IPCP_HDR_LEN ==
	      IPCP_TX_HEADROOM);

/* Return: the room that a message of @len bytes needs. */
static size_t room_for(size_t len)
{
	return IPCP_HEADROOM + len + IPCP_TAG_LEN;
}

/**
 * ipcp_tx_alloc() - Allocate a buffer for a message
 * @len: length of the message in bytes
 * @gfp: allocation flags
 *
 * Context: As @gfp allows.
 * Return: an empty buffer with room for the message, its headers and its tag,
 * or NULL.
 */
struct sk_buff *ipcp_tx_alloc(size_t len, gfp_t gfp)
{
	struct sk_buff *skb;

	skb = alloc_skb(room_for(len), gfp);
	if (skb)
		skb_reserve(skb, IPCP_HEADROOM);
	return skb;
}

/**
 * ipcp_tx_alloc_pooled() - Allocate a buffer for a message of a program
 * @len: length of the message in bytes
 * @gfp: allocation flags, if the pool has no buffer
 *
 * Takes fewer instructions than ipcp_tx_alloc(), but each buffer holds a part of
 * the pool of a processor: not for buffers that the stack may hold for long.
 *
 * Context: As @gfp allows, but not in hard interrupts.
 * Return: an empty buffer with room for the message, its headers and its tag,
 * or NULL.
 */
struct sk_buff *ipcp_tx_alloc_pooled(size_t len, gfp_t gfp)
{
	struct sk_buff *skb;

	skb = ipcp_pool_alloc(room_for(len));
	if (unlikely(!skb))
		return ipcp_tx_alloc(len, gfp);
	skb_reserve(skb, IPCP_HEADROOM);
	return skb;
}

/**
 * ipcp_tx_wrap() - Add room for header and tag, and fill in the control block
 * @skb: buffer from ipcp_tx_alloc() with the message
 * @type: enum ipcp_pdu_type
 * @dsfield: traffic class of the packet
 *
 * Context: Any context.
 */
void ipcp_tx_wrap(struct sk_buff *skb, u8 type, u8 dsfield)
{
	__skb_push(skb, IPCP_HDR_LEN);
	__skb_put(skb, IPCP_TAG_LEN);
	*ipcp_cb(skb) = (struct ipcp_skb_cb) {
		.left = 1,
		.seg_len = skb->len,
		.type = type,
		.dsfield = dsfield,
	};
}

/**
 * ipcp_tx_segs_max() - Return how many messages fit one buffer
 * @len: length of each message but the last, which may be shorter
 *
 * Context: Any context.
 * Return: at most IPCP_SEGS_MAX. With 0 or 1, one buffer for several messages
 * is of no use.
 */
unsigned int ipcp_tx_segs_max(unsigned int len)
{
	return min(IPCP_SEGS_MAX, IPCP_SEGS_BYTES / (len + IPCP_OVERHEAD));
}

/**
 * ipcp_tx_segs_alloc() - Allocate a buffer for several messages
 * @len: length of each message but the last, in bytes
 * @last: length of the last message, at most @len
 * @count: number of messages, 1 to ipcp_tx_segs_max()
 * @gfp: allocation flags
 *
 * The caller writes each message to the address that ipcp_tx_next() returns.
 *
 * Context: As @gfp allows.
 * Return: the buffer, or NULL.
 */
struct sk_buff *ipcp_tx_segs_alloc(unsigned int len, unsigned int last,
				   unsigned int count, gfp_t gfp)
{
	unsigned int seg_len = len + IPCP_OVERHEAD;
	struct sk_buff *skb;

	skb = ipcp_segs_alloc(IPCP_HEADROOM, seg_len, count, gfp);
	if (!skb)
		return NULL;
	/* Trimming fragments does not allocate memory, so it cannot fail. */
	pskb_trim(skb, skb->len - (len - last));
	*ipcp_cb(skb) = (struct ipcp_skb_cb) {
		.left = count,
		.seg_len = seg_len,
		.type = IPCP_PDU_DATA,
	};
	return skb;
}

/**
 * ipcp_tx_segs_trim() - Keep the first messages of a buffer only
 * @skb: buffer from ipcp_tx_segs_alloc()
 * @count: number of messages to keep, fewer than the buffer has
 *
 * Context: Any context.
 */
void ipcp_tx_segs_trim(struct sk_buff *skb, unsigned int count)
{
	pskb_trim(skb, count * ipcp_cb(skb)->seg_len);
	ipcp_cb(skb)->left = count;
}
