// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Where datagrams come in. A buffer has one packet, or several of one sender, maybe
 * of several flows: the stack has put them together, or never took them apart.
 *
 * If all are of one flow and leaf, and all decrypt where they are, the ring gets
 * that buffer. Else what is good goes to a buffer of the flow's own, which alone
 * is charged; one by one if there is no memory for it.
 */
#include <linux/skbuff.h>

#include "cb.h"
#include "decrypt.h"
#include "registry.h"
#include "rx.h"
#include "wire.h"

/* One of them, in a buffer of its own with all that is looked at. */
static void rx_alone(struct ipcp_net *ipn, const struct sk_buff *segs,
		     unsigned int pos, unsigned int len)
{
	int headers = -skb_network_offset(segs);
	struct sk_buff *skb = alloc_skb(headers + len, GFP_ATOMIC);

	if (!skb) {
		ipcp_rx_stray(ipn, IPCP_DROP_NOMEM, len);
		return;
	}
	skb_put_data(skb, skb_network_header(segs), headers);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, skb_transport_offset(segs) + headers);
	__skb_pull(skb, headers);
	skb->protocol = segs->protocol;
	skb->skb_iif = segs->skb_iif;
	skb_copy_bits(segs, pos, skb_put(skb, len), len);
	ipcp_rx_packet(ipn, skb);
}

/**
 * struct seg_run - packets of a buffer that are of one flow and leaf
 * @head: header of the first, as it was then
 * @hdr: the same, parsed
 * @pos: where it begins
 * @count: how many
 * @whole: each lies in one piece of memory
 * @end: after the highest counter that was accepted
 * @decrypted: they were, where they are, those that are good
 * @good: which are that, a bit each, once @decrypted
 */
struct seg_run {
	u8 head[IPCP_HDR_LEN];
	struct ipcp_hdr hdr;
	unsigned int pos;
	unsigned int count;
	bool whole;
	bool decrypted;
	u64 end;
	u64 good;
};

static_assert(IPCP_SEGS_MAX <= 64);	/* bits of seg_run.good */

/* Is this one more of them? It needs no parsing then. */
static bool joins_run(const struct seg_run *run, const u8 *pkt,
		      unsigned int len)
{
	return run->count && run->count < IPCP_SEGS_MAX &&
	       run->hdr.type == IPCP_PDU_DATA && len >= IPCP_OVERHEAD &&
	       ipcp_wire_alike(run->head, pkt) &&
	       ipcp_ctr_leaf(run->hdr.counter) ==
	       ipcp_ctr_leaf(ipcp_wire_counter(pkt));
}

/* Begin another with this packet, if it is well formed. Why to drop it else. */
static enum ipcp_drop begin_run(struct seg_run *run, unsigned int pos,
				const u8 *pkt, unsigned int len)
{
	enum ipcp_drop reason;

	/* The memory may change: what is parsed is what is kept. */
	memcpy(run->head, pkt, min(len, IPCP_HDR_LEN));
	reason = ipcp_wire_parse(run->head, len, &run->hdr);
	run->pos = pos;
	run->count = !reason;
	run->whole = true;
	run->decrypted = false;
	run->end = 0;
	return reason;
}

/* Decrypt all packets of a run where they are. True if all are good. */
static bool open_in_place(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
			  struct sk_buff *segs, struct seg_run *run)
{
	unsigned int seg_len = skb_shinfo(segs)->gso_size;
	struct ipcp_cursor c;

	run->decrypted = true;
	run->good = 0;
	ipcp_cursor_init(&c, segs, run->pos);
	for (unsigned int i = 0; i < run->count; i++) {
		unsigned int len = ipcp_seg_len(segs, c.pos, seg_len);
		enum ipcp_drop reason;

		reason = ipcp_decrypt_seg(flow, leaf, &c, len, NULL, &run->end);
		if (likely(!reason))
			run->good |= BIT_ULL(i);
		else
			ipcp_flow_dropped(flow, len, reason);
	}
	ipcp_decrypt_follow(flow, leaf, segs, run->end);
	return hweight64(run->good) == run->count;
}

/* Was packet @i of a run decrypted where it is, and is not good? It was counted. */
static bool is_bad(const struct seg_run *run, unsigned int i)
{
	return run->decrypted && !(run->good & BIT_ULL(i));
}

/*
 * Bring the next packet of a run, which is not bad, to @out: decrypt it, or copy
 * it if it was decrypted already. False if it is not good.
 */
static bool fetch_seg(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
		      struct seg_run *run, struct ipcp_cursor *c,
		      unsigned int len, u8 *out)
{
	enum ipcp_drop reason;

	if (run->decrypted) {
		memcpy(out, ipcp_cursor_next(c, len), len);
		return true;
	}
	reason = ipcp_decrypt_seg(flow, leaf, c, len, out, &run->end);
	if (reason)
		ipcp_flow_dropped(flow, len, reason);
	return !reason;
}

/* Deliver the next packet of a run in a buffer of its own. */
static void own_packet(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
		       struct seg_run *run, struct ipcp_cursor *c,
		       unsigned int len)
{
	struct sk_buff *skb = alloc_skb(len, GFP_ATOMIC | __GFP_ACCOUNT);

	if (!skb) {
		ipcp_cursor_next(c, len);
		ipcp_flow_dropped(flow, len, IPCP_DROP_NOMEM);
		return;
	}
	if (!fetch_seg(flow, leaf, run, c, len, skb_put(skb, len))) {
		kfree_skb(skb);
		return;
	}
	__skb_pull(skb, IPCP_HDR_LEN);
	__skb_trim(skb, len - IPCP_OVERHEAD);
	*ipcp_cb(skb) = (struct ipcp_skb_cb) {
		.left = 1,
		.type = IPCP_PDU_DATA,
		.dsfield = ipcp_rx_dsfield(c->skb),
	};
	ipcp_rx_data(flow, skb);
}

static void own_packets(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
			struct sk_buff *segs, struct seg_run *run)
{
	unsigned int seg_len = skb_shinfo(segs)->gso_size;
	struct ipcp_cursor c;

	ipcp_cursor_init(&c, segs, run->pos);
	for (unsigned int i = 0; i < run->count; i++) {
		unsigned int len = ipcp_seg_len(segs, c.pos, seg_len);

		if (is_bad(run, i))
			ipcp_cursor_next(&c, len);
		else
			own_packet(flow, leaf, run, &c, len);
	}
	if (!run->decrypted)
		ipcp_decrypt_follow(flow, leaf, segs, run->end);
}

/* Bring what is good of a run to @own, which has room for all. How many that is. */
static unsigned int fetch_segs(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
			       struct sk_buff *segs, struct seg_run *run,
			       struct sk_buff *own)
{
	unsigned int seg_len = skb_shinfo(segs)->gso_size, count = 0;
	struct ipcp_cursor from, to;

	ipcp_cursor_init(&from, segs, run->pos);
	ipcp_cursor_init(&to, own, 0);
	for (unsigned int i = 0; i < run->count; i++) {
		unsigned int len = ipcp_seg_len(segs, from.pos, seg_len);
		struct ipcp_cursor next = to;

		if (is_bad(run, i)) {
			ipcp_cursor_next(&from, len);
			continue;
		}
		if (!fetch_seg(flow, leaf, run, &from, len,
			       ipcp_cursor_next(&next, len)))
			continue;
		to = next;
		count++;
	}
	/* No room is needed to cut fragments off. */
	pskb_trim(own, to.pos);
	if (!run->decrypted)
		ipcp_decrypt_follow(flow, leaf, segs, run->end);
	return count;
}

/* Deliver what is good of a run in @own, which has room for all of it. */
static void own_segs(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
		     struct sk_buff *segs, struct seg_run *run,
		     struct sk_buff *own)
{
	unsigned int count = fetch_segs(flow, leaf, segs, run, own);
	struct sk_buff *tight = NULL;

	if (!count) {
		kfree_skb(own);
		return;
	}
	/* All of the memory is charged, so no more than is needed, if there is any. */
	if (count <= run->count / 2 && skb_is_nonlinear(own))
		tight = skb_copy(own, GFP_ATOMIC | __GFP_ACCOUNT | __GFP_NOWARN);
	if (tight) {
		consume_skb(own);
		own = tight;
	}
	*ipcp_cb(own) = (struct ipcp_skb_cb) {
		.left = count,
		.seg_len = skb_shinfo(segs)->gso_size,
		.type = IPCP_PDU_DATA,
		.dsfield = ipcp_rx_dsfield(segs),
	};
	ipcp_rx_data(flow, own);
}

/* Deliver what is good of a run in memory of the flow's own. */
static void rx_own(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
		   struct sk_buff *segs, struct seg_run *run)
{
	struct mem_cgroup *before = ipcp_pay(&flow->payer);
	struct sk_buff *own;

	own = ipcp_segs_alloc(0, skb_shinfo(segs)->gso_size, run->count,
			      GFP_ATOMIC | __GFP_ACCOUNT);
	if (own)
		own_segs(flow, leaf, segs, run, own);
	else
		own_packets(flow, leaf, segs, run);
	ipcp_pay_end(before);
}

/*
 * Decrypt and deliver the packets of a run, whose leaf is held. Consumes the
 * buffer if it goes into the ring, and returns true then.
 */
static bool rx_open_run(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
			struct sk_buff *segs, struct seg_run *run, bool all)
{
	bool in_place = all && run->whole && ipcp_decrypt_in_place(segs);

	if (!in_place || !open_in_place(flow, leaf, segs, run)) {
		if (!in_place || run->good)
			rx_own(flow, leaf, segs, run);
		return false;
	}
	*ipcp_cb(segs) = (struct ipcp_skb_cb) {
		.left = run->count,
		.seg_len = skb_shinfo(segs)->gso_size,
		.type = IPCP_PDU_DATA,
		.dsfield = ipcp_rx_dsfield(segs),
	};
	ipcp_rx_data(flow, segs);
	return true;
}

/* Each packet of a run alone: it is one, or their leaf is not held. */
static void rx_each(struct ipcp_net *ipn, struct sk_buff *segs,
		    const struct seg_run *run)
{
	unsigned int seg_len = skb_shinfo(segs)->gso_size;
	unsigned int pos = run->pos;

	for (unsigned int i = 0; i < run->count; i++) {
		unsigned int len = ipcp_seg_len(segs, pos, seg_len);

		rx_alone(ipn, segs, pos, len);
		pos += len;
	}
}

/* Drop the packets of a run, of which no flow knows. */
static void rx_none(struct ipcp_net *ipn, const struct sk_buff *segs,
		    const struct seg_run *run)
{
	unsigned int seg_len = skb_shinfo(segs)->gso_size;
	unsigned int pos = run->pos;

	for (unsigned int i = 0; i < run->count; i++) {
		unsigned int len = ipcp_seg_len(segs, pos, seg_len);

		ipcp_rx_stray(ipn, IPCP_DROP_EID, len);
		pos += len;
	}
}

/* A run is complete, and @all of the buffer. True if it consumed the buffer. */
static bool rx_run(struct ipcp_net *ipn, struct sk_buff *segs,
		   struct seg_run *run, bool all)
{
	struct ipcp_leaf *leaf;
	struct ipcp_flow *flow;

	if (run->count < 2) {
		rx_each(ipn, segs, run);
		return false;
	}
	/* DATA, since there are several. */
	flow = ipcp_registry_by_eid(ipn, run->hdr.eid);
	if (!flow) {
		rx_none(ipn, segs, run);
		return false;
	}
	if (!ipcp_rx_allowed(flow) ||
	    ipcp_rx_find_leaf(flow, run->hdr.epoch, run->hdr.counter, &leaf) ||
	    ipcp_waiting_has(&flow->waiting, ipcp_leaf_id(run->hdr.epoch,
							  run->hdr.counter))) {
		rx_each(ipn, segs, run);
		return false;
	}
	return rx_open_run(flow, leaf, segs, run, all);
}

/* The next packet of a buffer: where it is, or a copy of its header. */
static const u8 *next_packet(struct ipcp_cursor *c, unsigned int len,
			     u8 copy[IPCP_HDR_LEN])
{
	const u8 *pkt = ipcp_cursor_next(c, len);

	if (likely(pkt))
		return pkt;
	skb_copy_bits(c->skb, c->pos - len, copy, min(len, IPCP_HDR_LEN));
	return copy;
}

/* Several packets of at least IPCP_OVERHEAD bytes but the last. Tests probe it. */
static noinline void rx_segs(struct ipcp_net *ipn, struct sk_buff *skb)
{
	unsigned int seg_len = skb_shinfo(skb)->gso_size;
	struct seg_run run = { };
	struct ipcp_cursor c;

	ipcp_cursor_init(&c, skb, 0);
	while (c.pos < skb->len) {
		unsigned int pos = c.pos, len = ipcp_seg_len(skb, pos, seg_len);
		u8 copy[IPCP_HDR_LEN] __uninitialized;
		const u8 *pkt = next_packet(&c, len, copy);
		enum ipcp_drop reason;

		if (unlikely(!joins_run(&run, pkt, len))) {
			rx_run(ipn, skb, &run, false);
			reason = begin_run(&run, pos, pkt, len);
			if (reason)
				ipcp_rx_stray(ipn, reason, len);
		} else {
			run.count++;
		}
		run.whole &= pkt != copy;
	}
	if (!rx_run(ipn, skb, &run, run.count == ipcp_segs_count(skb)))
		consume_skb(skb);
}

/**
 * ipcp_rx() - A datagram came in, or several of one sender in one buffer
 * @ipn: namespace
 * @skb: its data begins with our header; consumed
 *
 * Context: Under RCU, with bottom halves off.
 */
void ipcp_rx(struct ipcp_net *ipn, struct sk_buff *skb)
{
	if (!skb_is_gso(skb) || skb->len <= skb_shinfo(skb)->gso_size) {
		ipcp_rx_packet(ipn, skb);
	} else if (skb_shinfo(skb)->gso_size < IPCP_OVERHEAD) {
		ipcp_rx_stray(ipn, IPCP_DROP_SHORT, skb->len);
		kfree_skb(skb);
	} else {
		rx_segs(ipn, skb);
	}
}
