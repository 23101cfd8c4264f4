// SPDX-License-Identifier: GPL-2.0
/*
 * The ring's far end: readers take messages out of it one by one, and the
 * flow's worker opens what is queued under keys that are to go.
 *
 * Several readers may take packets of one train; each holds the train and its
 * key until it has gone on to another.
 */
#include <linux/skbuff.h>
#include <linux/slab.h>

#include "rx-int.h"
#include "wire.h"

/* Is the key of this packet going? */
static bool must_decrypt(struct ipcp_flow *flow, struct sk_buff *skb)
{
	const struct ipcp_skb_cb *cb = ipcp_cb(skb);

	if (cb->decrypted)
		return false;
	return cb->epoch != READ_ONCE(flow->rk.newest) ||
	       (cb->leaf && READ_ONCE(cb->leaf->retired));
}

/*
 * Opens what is left of a train into memory of its own. A packet that is not
 * authentic gets a header of zeros. NULL if there is no memory.
 */
static struct sk_buff *decrypt_segs(struct ipcp_flow *flow, struct sk_buff *skb)
{
	struct ipcp_skb_cb *cb = ipcp_cb(skb);
	struct ipcp_cursor from, to;
	struct sk_buff *new;

	new = ipcp_segs_alloc(0, cb->seg_len, cb->left,
			      GFP_ATOMIC | __GFP_ACCOUNT);
	if (!new)
		return NULL;
	ipcp_cursor_init(&from, skb, cb->pos);
	ipcp_cursor_init(&to, new, 0);
	for (unsigned int i = 0; i < cb->left; i++) {
		unsigned int len = ipcp_seg_len(skb, from.pos, cb->seg_len);
		u8 *out = ipcp_cursor_next(&to, len);
		enum ipcp_drop reason;

		reason = ipcp_decrypt_seg(flow, cb->leaf, &from, len, out);
		memset(out, 0, IPCP_HDR_LEN);
		*out = !reason;
		if (reason)
			ipcp_flow_dropped(flow, len, reason);
	}
	pskb_trim(new, to.pos);
	*ipcp_cb(new) = *cb;
	ipcp_cb(new)->leaf = NULL;
	ipcp_cb(new)->pos = 0;
	ipcp_cb(new)->decrypted = true;
	return new;
}

/* A train is opened into a new buffer, which takes its place. */
static enum ipcp_drop decrypt_segs_in_ring(struct ipcp_flow *flow,
					   struct sk_buff *skb)
{
	struct sk_buff *new = decrypt_segs(flow, skb);
	struct ipcp_rbuff *rb = &flow->n_rb;

	if (!new)
		return IPCP_DROP_NOMEM;
	rb->bytes += new->truesize - skb->truesize;
	__skb_queue_after(&rb->queue, skb, new);
	__skb_unlink(skb, &rb->queue);
	ipcp_release_leaf(skb);
	consume_skb(skb);
	return IPCP_DROP_NONE;
}

/*
 * Opens what stays in the ring, under the ring's lock. *derive says that its
 * leaf has to be derived first. The buffer is another one afterwards, unless it
 * is to be dropped.
 */
static enum ipcp_drop decrypt_in_ring(struct ipcp_flow *flow,
				      struct sk_buff *skb, bool *derive)
{
	struct ipcp_rbuff *rb = &flow->n_rb;
	enum ipcp_drop reason;

	lockdep_assert_held(&rb->queue.lock);
	reason = ipcp_look_again(flow, skb, derive);
	if (reason || *derive)
		return reason;
	if (ipcp_cb(skb)->seg_len)
		return decrypt_segs_in_ring(flow, skb);
	/* What is shared is copied: it may change its size. */
	rb->bytes -= skb->truesize;
	reason = ipcp_decrypt_packet(flow, skb);
	rb->bytes += skb->truesize;
	ipcp_release_leaf(skb);
	return reason;
}

/* The first packet in the ring that has to be opened. */
static struct sk_buff *next_to_decrypt(struct ipcp_flow *flow)
{
	struct sk_buff *skb;

	skb_queue_walk(&flow->n_rb.queue, skb)
		if (must_decrypt(flow, skb))
			return skb;
	return NULL;
}

static struct sk_buff *first_packet(struct ipcp_flow *flow)
{
	return skb_peek(&flow->n_rb.queue);
}

/* Drops the packet that comes first, if it is still the one without a key. */
static void drop_same(struct ipcp_flow *flow,
		      struct sk_buff *(*first)(struct ipcp_flow *flow),
		      const struct ipcp_skb_cb *cb, enum ipcp_drop reason)
{
	struct ipcp_rbuff *rb = &flow->n_rb;
	struct sk_buff *skb;

	spin_lock_bh(&rb->queue.lock);
	skb = first(flow);
	if (skb && !ipcp_cb(skb)->leaf && !ipcp_cb(skb)->decrypted &&
	    ipcp_cb(skb)->counter == cb->counter && ipcp_cb(skb)->epoch == cb->epoch)
		__ipcp_rbuff_unlink(rb, skb, ipcp_cb(skb)->left);
	else
		skb = NULL;
	spin_unlock_bh(&rb->queue.lock);
	if (skb)
		ipcp_rx_drop(flow, skb, reason);
}

/**
 * ipcp_rx_decrypt_queued() - Open what waits in the ring under keys that go
 * @flow: flow
 *
 * Opens in place what is queued of all epochs but the newest, and of leaves
 * that were left behind.
 *
 * Context: The flow's worker.
 */
void ipcp_rx_decrypt_queued(struct ipcp_flow *flow)
{
	struct ipcp_rbuff *rb = &flow->n_rb;

	/* Each round opens, drops or derives for one packet. */
	for (int i = 0; i < 2 * IPCP_RB_PACKETS; i++) {
		enum ipcp_drop reason;
		struct ipcp_skb_cb want;
		struct sk_buff *skb;
		bool derive;

		spin_lock_bh(&rb->queue.lock);
		skb = next_to_decrypt(flow);
		if (!skb) {
			spin_unlock_bh(&rb->queue.lock);
			return;
		}
		want = *ipcp_cb(skb);
		reason = decrypt_in_ring(flow, skb, &derive);
		if (reason)
			__ipcp_rbuff_unlink(rb, skb, ipcp_cb(skb)->left);
		spin_unlock_bh(&rb->queue.lock);

		if (reason)
			ipcp_rx_drop(flow, skb, reason);
		if (!derive)
			continue;
		reason = ipcp_derive_leaf(flow, &want);
		if (reason)
			drop_same(flow, next_to_decrypt, &want, reason);
		cond_resched();
	}
	/* More came all the time: the other work is not to wait for it. */
	set_bit(IPCP_FLOW_OPEN_CLOSED, &flow->bits);
	ipcp_flow_kick(flow);
}

/**
 * ipcp_rx_derive_first() - See that the packet in front has its key
 * @flow: flow
 *
 * It is dropped if there can be none.
 *
 * Context: Process context, may sleep.
 */
void ipcp_rx_derive_first(struct ipcp_flow *flow)
{
	struct ipcp_rbuff *rb = &flow->n_rb;
	struct ipcp_skb_cb want;
	enum ipcp_drop reason;
	struct sk_buff *skb;
	bool keyless;

	spin_lock_bh(&rb->queue.lock);
	skb = first_packet(flow);
	keyless = skb && !ipcp_cb(skb)->leaf && !ipcp_cb(skb)->decrypted;
	if (keyless)
		want = *ipcp_cb(skb);
	spin_unlock_bh(&rb->queue.lock);
	if (!keyless)
		return;
	reason = ipcp_derive_leaf(flow, &want);
	if (reason)
		drop_same(flow, first_packet, &want, reason);
}

/**
 * ipcp_rx_probe() - Open what came last, to see whether the peer is there
 * @flow: flow that nobody reads
 *
 * Context: The flow's worker.
 */
void ipcp_rx_probe(struct ipcp_flow *flow)
{
	struct ipcp_rbuff *rb = &flow->n_rb;
	enum ipcp_drop reason;

	do {
		struct sk_buff *skb;
		bool derive;

		reason = IPCP_DROP_NONE;
		spin_lock_bh(&rb->queue.lock);
		skb = skb_peek_tail(&rb->queue);
		if (skb && !ipcp_cb(skb)->decrypted)
			reason = decrypt_in_ring(flow, skb, &derive);
		if (reason)
			__ipcp_rbuff_unlink(rb, skb, ipcp_cb(skb)->left);
		spin_unlock_bh(&rb->queue.lock);
		if (reason)
			ipcp_rx_drop(flow, skb, reason);
		cond_resched();
	} while (reason);	/* the ring gets shorter */
}

/**
 * ipcp_reader_init() - Begin to read
 * @r: out
 * @flow: flow
 * @gfp: how to allocate what reading takes
 */
void ipcp_reader_init(struct ipcp_reader *r, struct ipcp_flow *flow, gfp_t gfp)
{
	memset(r, 0, sizeof(*r));
	r->flow = flow;
	r->gfp = gfp;
}

/*
 * Frees what was read. With bottom halves off its descriptor goes to this
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
 * ipcp_reader_end() - Let go of what was read, and count it
 * @r: reader
 *
 * Context: Process context.
 */
void ipcp_reader_end(struct ipcp_reader *r)
{
	this_cpu_add(r->flow->stats->rx_packets, r->packets);
	this_cpu_add(r->flow->stats->rx_bytes, r->bytes);
	free_read(r->message);
	free_read(r->train);
	ipcp_leaf_put(r->leaf);
	kfree(r->scratch);
}

/* What is in front of the ring. */
enum found {
	FOUND_NOTHING,
	FOUND_MESSAGE,	/* r->message, in a buffer of its own */
	FOUND_PACKET,	/* the next one of r->train */
	FOUND_BAD,	/* r->message, to be dropped */
	FOUND_KEYLESS,	/* its leaf is to be derived first */
	FOUND_LONG,	/* r->scratch is to be longer first */
};

/* Holds a train and its key; @r has what it held before then. */
static void hold_segs(struct ipcp_reader *r, struct sk_buff *skb,
		      struct sk_buff **before, struct ipcp_leaf **leaf)
{
	*before = r->train;
	*leaf = r->leaf;
	r->train = skb_get(skb);
	r->leaf = ipcp_cb(skb)->leaf;
	if (r->leaf)
		refcount_inc(&r->leaf->refs);
	ipcp_cursor_init(&r->cursor, skb, ipcp_cb(skb)->pos);
}

/* The next packet of the train that is held is ours. */
static void take_packet(struct ipcp_reader *r)
{
	struct ipcp_skb_cb *cb = ipcp_cb(r->train);
	struct ipcp_rbuff *rb = &r->flow->n_rb;

	if (unlikely(r->cursor.pos != cb->pos))	/* another reader's came between */
		ipcp_cursor_init(&r->cursor, r->train, cb->pos);
	cb->pos += ipcp_seg_len(r->train, cb->pos, cb->seg_len);
	if (--cb->left) {
		__ipcp_rbuff_taken(rb, 1);
		return;
	}
	__ipcp_rbuff_unlink(rb, r->train, 1);
	ipcp_release_leaf(r->train);
	consume_skb(r->train);	/* the ring's, ours stays */
}

/* Looks at what is in front, under the ring's lock, and what to do with it. */
static enum found classify_head(struct ipcp_reader *r, struct sk_buff *skb,
				enum ipcp_drop *reason)
{
	struct ipcp_skb_cb *cb = ipcp_cb(skb);
	bool derive = false;

	if (!cb->decrypted)
		*reason = ipcp_look_again(r->flow, skb, &derive);
	if (unlikely(*reason))
		return FOUND_BAD;
	if (unlikely(derive))
		return FOUND_KEYLESS;
	if (!cb->seg_len)
		return FOUND_MESSAGE;
	return cb->decrypted || cb->seg_len <= r->room ? FOUND_PACKET :
							 FOUND_LONG;
}

/* With bottom halves off. */
static enum found take_head(struct ipcp_reader *r, struct ipcp_skb_cb *want,
			    enum ipcp_drop *reason)
{
	struct ipcp_rbuff *rb = &r->flow->n_rb;
	enum found found = FOUND_NOTHING;
	struct sk_buff *before = NULL;
	struct ipcp_leaf *leaf = NULL;
	struct sk_buff *skb;

	*reason = IPCP_DROP_NONE;
	spin_lock(&rb->queue.lock);
	skb = skb_peek(&rb->queue);
	if (skb) {
		found = classify_head(r, skb, reason);
		*want = *ipcp_cb(skb);
	}
	if (found == FOUND_MESSAGE || found == FOUND_BAD) {
		__ipcp_rbuff_unlink(rb, skb, ipcp_cb(skb)->left);
		r->message = skb;
	} else if (found == FOUND_PACKET) {
		if (r->train != skb)
			hold_segs(r, skb, &before, &leaf);
		take_packet(r);
	}
	spin_unlock(&rb->queue.lock);
	consume_skb(before);
	ipcp_leaf_put(leaf);
	return found;
}

/* Opens a message in its buffer. Length of it, or -EBADMSG and it is dropped. */
static int decrypt_message(struct ipcp_reader *r, const u8 **msg)
{
	enum ipcp_drop reason = IPCP_DROP_NONE;
	struct sk_buff *skb = r->message;

	if (!ipcp_cb(skb)->decrypted)
		reason = ipcp_decrypt_packet(r->flow, skb);
	if (unlikely(reason)) {
		ipcp_rx_drop(r->flow, skb, reason);
		r->message = NULL;
		return -EBADMSG;
	}
	ipcp_release_leaf(skb);
	*msg = skb->data;
	return skb->len;
}

/* The same for the next packet of a train. */
static int decrypt_head(struct ipcp_reader *r, const struct ipcp_skb_cb *cb,
			const u8 **msg)
{
	unsigned int len = ipcp_seg_len(r->train, r->cursor.pos, cb->seg_len);
	enum ipcp_drop reason;
	const u8 *pkt;

	if (unlikely(cb->decrypted)) {
		pkt = ipcp_cursor_next(&r->cursor, len);
		if (!*pkt)
			return -EBADMSG;	/* counted when it was opened */
	} else {
		reason = ipcp_decrypt_seg(r->flow, r->leaf, &r->cursor, len,
					  r->scratch);
		if (unlikely(reason)) {
			ipcp_flow_dropped(r->flow, len, reason);
			return -EBADMSG;
		}
		pkt = r->scratch;
	}
	*msg = pkt + IPCP_HDR_LEN;
	return len - IPCP_OVERHEAD;
}

static int make_scratch(struct ipcp_reader *r, unsigned int len)
{
	kfree(r->scratch);
	r->scratch = kmalloc(len, r->gfp | __GFP_ACCOUNT);
	r->room = r->scratch ? len : 0;
	return r->scratch ? 0 : -ENOMEM;
}

/* Does what was found to be needed first. -ENOMEM if that cannot be. */
static int make_way(struct ipcp_reader *r, enum found found,
		    const struct ipcp_skb_cb *want, enum ipcp_drop reason)
{
	switch (found) {
	case FOUND_BAD:
		ipcp_rx_drop(r->flow, r->message, reason);
		r->message = NULL;
		return 0;
	case FOUND_KEYLESS:
		reason = ipcp_derive_leaf(r->flow, want);
		if (reason)
			drop_same(r->flow, first_packet, want, reason);
		return 0;
	case FOUND_LONG:
		return make_scratch(r, want->seg_len);
	default:
		return 0;	/* was not authentic, and is dropped */
	}
}

/**
 * ipcp_reader_next() - Take the next message that authenticates
 * @r: reader
 * @msg: out, where it is until the next call
 *
 * Context: Process context, may sleep to derive a key.
 * Return: length of the message; -EAGAIN the ring is empty, or a ring full was
 * dropped since; -ENOMEM, and nothing is lost.
 */
int ipcp_reader_next(struct ipcp_reader *r, const u8 **msg)
{
	free_read(r->message);
	r->message = NULL;
	for (int i = 0; i < 2 * IPCP_RB_PACKETS; i++) {
		struct ipcp_skb_cb want;
		enum ipcp_drop reason;
		int len = -EBADMSG;
		enum found found;

		/* Once for all the locks on the way of a packet. */
		local_bh_disable();
		found = take_head(r, &want, &reason);
		if (found == FOUND_PACKET)
			len = decrypt_head(r, &want, msg);
		else if (found == FOUND_MESSAGE)
			len = decrypt_message(r, msg);
		local_bh_enable();
		if (likely(len >= 0)) {
			r->packets++;
			r->bytes += len;
			return len;
		}
		if (found == FOUND_NOTHING)
			return -EAGAIN;
		if (make_way(r, found, &want, reason))
			return -ENOMEM;
		cond_resched();
	}
	return -EAGAIN;
}
