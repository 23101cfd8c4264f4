// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * What readers take out of the ring, one message after the other. All in it is
 * plaintext. Several readers may take messages of one buffer; each holds the
 * buffer until it has gone on to another.
 */
#include <linux/skbuff.h>

#include "cb.h"
#include "flow.h"
#include "reader.h"
#include "wire.h"

/**
 * ipcp_reader_init() - Begin to read
 * @r: out
 * @flow: flow
 */
void ipcp_reader_init(struct ipcp_reader *r, struct ipcp_flow *flow)
{
	memset(r, 0, sizeof(*r));
	r->flow = flow;
}

/*
 * Free what was read. With bottom halves off the descriptor goes to this
 * processor's own, where the next packet gets one without the allocator.
 */
static void free_read(struct sk_buff *skb)
{
	if (!skb)
		return;
	local_bh_disable();
	napi_consume_skb(skb, 1);
	local_bh_enable();
}

/**
 * ipcp_reader_end() - Free what was read, and count it
 * @r: reader
 *
 * Context: Process context.
 */
void ipcp_reader_end(struct ipcp_reader *r)
{
	this_cpu_add(r->flow->stats->rx_packets, r->packets);
	this_cpu_add(r->flow->stats->rx_bytes, r->bytes);
	free_read(r->message);
	free_read(r->segs);
}

/* Read from this buffer; returns the one that was read from before. */
static struct sk_buff *hold_segs(struct ipcp_reader *r, struct sk_buff *skb)
{
	struct sk_buff *before = r->segs;

	r->segs = skb_get(skb);
	ipcp_cursor_init(&r->cursor, skb, ipcp_cb(skb)->pos);
	return before;
}

/* Take the next message of the buffer that is held. Returns its length. */
static int take_seg(struct ipcp_reader *r, const u8 **msg)
{
	struct ipcp_skb_cb *cb = ipcp_cb(r->segs);
	struct ipcp_rbuff *rb = &r->flow->n_rb;
	unsigned int len = ipcp_seg_len(r->segs, cb->pos, cb->seg_len);

	if (unlikely(r->cursor.pos != cb->pos))	/* another reader was here */
		ipcp_cursor_init(&r->cursor, r->segs, cb->pos);
	*msg = ipcp_cursor_next(&r->cursor, len) + IPCP_HDR_LEN;
	cb->pos += len;
	if (--cb->left) {
		__ipcp_rbuff_taken(rb, 1);
	} else {
		__ipcp_rbuff_unlink(rb, r->segs, 1);
		consume_skb(r->segs);	/* the ring's reference */
	}
	return len - IPCP_OVERHEAD;
}

/* Take the next message of the ring. Returns its length, or -EAGAIN. */
static int take_message(struct ipcp_reader *r, const u8 **msg,
			struct sk_buff **before)
{
	struct ipcp_rbuff *rb = &r->flow->n_rb;
	struct sk_buff *skb = skb_peek(&rb->queue);

	lockdep_assert_held(&rb->queue.lock);
	if (!skb)
		return -EAGAIN;
	if (ipcp_cb(skb)->seg_len) {
		if (r->segs != skb)
			*before = hold_segs(r, skb);
		return take_seg(r, msg);
	}
	__ipcp_rbuff_unlink(rb, skb, 1);
	r->message = skb;
	*msg = skb->data;
	return skb->len;
}

/**
 * ipcp_reader_next() - Take the next message
 * @r: reader
 * @msg: out, the message until the next call
 *
 * Context: Process context.
 * Return: length of the message; -EAGAIN if the ring is empty.
 */
int ipcp_reader_next(struct ipcp_reader *r, const u8 **msg)
{
	struct ipcp_rbuff *rb = &r->flow->n_rb;
	struct sk_buff *before = NULL;
	int len;

	free_read(r->message);
	r->message = NULL;
	spin_lock_bh(&rb->queue.lock);
	len = take_message(r, msg, &before);
	spin_unlock_bh(&rb->queue.lock);
	free_read(before);
	if (unlikely(len < 0))
		return len;
	r->packets++;
	r->bytes += len;
	return len;
}
