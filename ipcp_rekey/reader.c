// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Reading from the ring, one message at a time. The ring holds plaintext only.
 * Several readers may read from one buffer. Each of them holds a reference to
 * the buffer until it reads from another. A reader that wants all messages of a
 * buffer takes the buffer off the ring.
 */
#include <linux/skbuff.h>

#include "cb.h"
#include "flow.h"
#include "reader.h"
#include "wire.h"

/**
 * ipcp_reader_init() - Start to read
 * @r: (output) reader
 * @flow: flow
 */
void ipcp_reader_init(struct ipcp_reader *r, struct ipcp_flow *flow)
{
	memset(r, 0, sizeof(*r));
	r->flow = flow;
}

/*
 * Free a buffer that was read. With bottom halves off, napi_consume_skb() puts
 * the sk_buff into the per-CPU cache, where the next received packet takes it
 * from.
 */
static void free_read(struct sk_buff *skb)
{
	if (!skb)
		return;
	local_bh_disable();
	napi_consume_skb(skb, 1);
	local_bh_enable();
}

/*
 * Put a buffer that was taken off the ring, but not read to its end, back to
 * the front. Several readers may do so in any order. Consumes the buffer. If
 * the flow has ended meanwhile, the ring is closed, and the buffer is dropped.
 */
static void put_back(struct ipcp_flow *flow, struct sk_buff *skb)
{
	struct ipcp_rbuff *rb = &flow->n_rb;
	bool closed;

	spin_lock_bh(&rb->queue.lock);
	closed = rb->closed;
	if (likely(!closed))
		__ipcp_rbuff_link(rb, skb, ipcp_cb(skb)->left);
	spin_unlock_bh(&rb->queue.lock);
	if (unlikely(closed))
		ipcp_flow_drop_all(flow, skb, IPCP_DROP_CLOSED);
	else
		ipcp_rbflags_wake(&rb->flags, EPOLLIN | EPOLLRDNORM);
}

/* True if the reader took a buffer off the ring and has not read all of it. */
static bool has_rest(const struct ipcp_reader *r)
{
	return r->whole && ipcp_cb(r->segs)->left;
}

/**
 * ipcp_reader_end() - Free the buffers that were read, and update the
 * statistics
 * @r: reader
 *
 * Context: Process context.
 */
void ipcp_reader_end(struct ipcp_reader *r)
{
	this_cpu_add(r->flow->stats->rx_packets, r->packets);
	this_cpu_add(r->flow->stats->rx_bytes, r->bytes);
	free_read(r->message);
	if (unlikely(has_rest(r)))
		put_back(r->flow, r->segs);
	else
		free_read(r->segs);
}

/* Start to read from a buffer. Return the previous one, to be freed. */
static struct sk_buff *hold_segs(struct ipcp_reader *r, struct sk_buff *skb)
{
	struct sk_buff *before = r->segs;

	r->segs = skb_get(skb);
	r->whole = false;
	ipcp_cursor_init(&r->cursor, skb, ipcp_cb(skb)->pos);
	return before;
}

/*
 * Take the next message of the current buffer, which either belongs to the
 * reader, or is in the ring, which is then locked. Return the length of the
 * message.
 */
static int next_seg(struct ipcp_reader *r, const u8 **msg)
{
	struct ipcp_skb_cb *cb = ipcp_cb(r->segs);
	unsigned int len = ipcp_seg_len(r->segs, cb->pos, cb->seg_len);

	if (unlikely(r->cursor.pos != cb->pos))	/* another reader has read */
		ipcp_cursor_init(&r->cursor, r->segs, cb->pos);
	*msg = ipcp_cursor_next(&r->cursor, len) + IPCP_HDR_LEN;
	cb->pos += len;
	cb->left--;
	return len - IPCP_OVERHEAD;
}

/* Take the next message of a buffer in the ring, or all of the buffer. */
static int take_seg(struct ipcp_reader *r, const u8 **msg)
{
	struct ipcp_rbuff *rb = &r->flow->n_rb;
	unsigned int left = ipcp_cb(r->segs)->left;

	if (left == 1 || left <= r->want) {
		__ipcp_rbuff_unlink(rb, r->segs, left);
		consume_skb(r->segs);	/* the ring's reference */
		r->whole = true;
	} else {
		__ipcp_rbuff_taken(rb, 1);
	}
	return next_seg(r, msg);
}

/* Take the next message of the ring. Return its length, or -EAGAIN. */
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

/* Return the next message, as take_message(), but leave it in the ring. */
static int peek_message(struct ipcp_reader *r, const u8 **msg)
{
	struct sk_buff *skb = skb_peek(&r->flow->n_rb.queue);
	unsigned int len;

	lockdep_assert_held(&r->flow->n_rb.queue.lock);
	if (!skb)
		return -EAGAIN;
	if (ipcp_cb(skb)->seg_len) {
		len = ipcp_seg_len(skb, ipcp_cb(skb)->pos, ipcp_cb(skb)->seg_len);
		hold_segs(r, skb);
		*msg = ipcp_cursor_next(&r->cursor, len) + IPCP_HDR_LEN;
		return len - IPCP_OVERHEAD;
	}
	r->message = skb_get(skb);
	*msg = skb->data;
	return skb->len;
}

/* Lock the ring and take its next message. Return as take_message(). */
static int lock_and_take(struct ipcp_reader *r, const u8 **msg)
{
	struct ipcp_rbuff *rb = &r->flow->n_rb;
	struct sk_buff *before = NULL;
	int len;

	free_read(r->message);
	r->message = NULL;
	spin_lock_bh(&rb->queue.lock);
	len = unlikely(r->peek) ? peek_message(r, msg) :
				  take_message(r, msg, &before);
	spin_unlock_bh(&rb->queue.lock);
	free_read(before);
	return len;
}

/**
 * ipcp_reader_time() - Return when the last message arrived
 * @r: reader, whose last ipcp_reader_next() succeeded
 *
 * Context: Process context.
 * Return: nanoseconds since 1970, or 0 if the flow did not note the time.
 */
s64 ipcp_reader_time(const struct ipcp_reader *r)
{
	return ktime_to_ns((r->message ?: r->segs)->tstamp);
}

/**
 * ipcp_reader_next() - Take the next message
 * @r: reader; with @r->peek set, this must be the only call
 * @msg: (output) the message, valid until the next call
 *
 * Context: Process context.
 * Return: length of the message; -EAGAIN if the ring is empty.
 */
int ipcp_reader_next(struct ipcp_reader *r, const u8 **msg)
{
	int len;

	len = has_rest(r) ? next_seg(r, msg) : lock_and_take(r, msg);
	if (unlikely(len < 0 || r->peek))
		return len;
	if (r->want)
		r->want--;
	r->packets++;
	r->bytes += len;
	return len;
}
