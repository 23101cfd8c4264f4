// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The entry point for received datagrams. A buffer holds one packet, or several
 * of one sender that the stack has merged (GRO) or never segmented. The packets
 * may belong to several flows.
 *
 * If all packets are of one flow and leaf, and all of them can be decrypted in
 * place, the buffer itself goes into the ring. Otherwise the valid packets are
 * decrypted into, or copied to, a new buffer, and only that memory is charged
 * to the flow's payer. If the new buffer cannot be allocated, each packet gets
 * a buffer of its own.
 */
#include <linux/skbuff.h>

#include "cb.h"
#include "decrypt.h"
#include "registry.h"
#include "rx.h"
#include "wire.h"

/* Receive one packet of a buffer in a copy, with its outer headers. */
static void rx_alone(struct ipcp_net *ipn, struct sk_buff *segs,
		     unsigned int pos, unsigned int len)
{
	int headers = -skb_network_offset(segs);
	u8 slot = ipcp_cb(segs)->slot;
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
	ipcp_cb(skb)->slot = slot;
	skb_copy_bits(segs, pos, skb_put(skb, len), len);
	ipcp_rx_packet(ipn, skb);
}

/**
 * struct seg_group - consecutive packets of a buffer, of one flow and leaf
 * @head: copy of the first packet's header
 * @hdr: parsed header of the first packet
 * @pos: position of the first packet in the buffer
 * @count: number of packets
 * @whole: each packet lies in contiguous memory
 * @end: highest counter that was accepted, plus one
 * @decrypted: the packets were decrypted in place
 * @good: bitmap of the valid packets; set if @decrypted
 */
struct seg_group {
	u8 head[IPCP_HDR_LEN];
	struct ipcp_hdr hdr;
	unsigned int pos;
	unsigned int count;
	bool whole;
	bool decrypted;
	u64 end;
	u64 good;
};

static_assert(IPCP_SEGS_MAX <= 64);	/* bits of seg_group.good */

/* True if a packet belongs to the group. Then it needs no parsing. */
static bool joins_group(const struct seg_group *group, const u8 *pkt,
			unsigned int len)
{
	return group->count && group->count < IPCP_SEGS_MAX &&
	       group->hdr.type == IPCP_PDU_DATA && len >= IPCP_OVERHEAD &&
	       ipcp_wire_alike(group->head, pkt) &&
	       ipcp_ctr_leaf(group->hdr.counter) ==
	       ipcp_ctr_leaf(ipcp_wire_counter(pkt));
}

/* Start a group with a packet, or return why to drop the packet. */
static enum ipcp_drop begin_group(struct seg_group *group, unsigned int pos,
				  const u8 *pkt, unsigned int len)
{
	enum ipcp_drop reason;

	/* Parse the copy, since others may change the buffer's memory. */
	memcpy(group->head, pkt, min(len, IPCP_HDR_LEN));
	reason = ipcp_wire_parse(group->head, len, &group->hdr);
	group->pos = pos;
	group->count = !reason;
	group->whole = true;
	group->decrypted = false;
	group->end = 0;
	return reason;
}

/* Decrypt all packets of a group in place. Return true if all are valid. */
static bool decrypt_in_place(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
			     struct sk_buff *segs, struct seg_group *group)
{
	struct ipcp_cursor c;

	group->decrypted = true;
	ipcp_cursor_init(&c, segs, group->pos);
	group->good = ipcp_decrypt_segs(flow, leaf, &c, skb_shinfo(segs)->gso_size,
					group->count, &group->end);
	ipcp_decrypt_follow(flow, leaf, segs, group->end);
	return hweight64(group->good) == group->count;
}

/* True if packet @i was decrypted in place, found invalid and counted. */
static bool is_bad(const struct seg_group *group, unsigned int i)
{
	return group->decrypted && !(group->good & BIT_ULL(i));
}

/*
 * Write the next packet of a group to @out: decrypt it, or copy it if it was
 * decrypted in place. The packet must not be bad. Return false if it is
 * invalid.
 */
static bool fetch_seg(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
		      struct seg_group *group, struct ipcp_cursor *c,
		      unsigned int len, u8 *out)
{
	enum ipcp_drop reason;

	if (group->decrypted) {
		memcpy(out, ipcp_cursor_next(c, len), len);
		return true;
	}
	reason = ipcp_decrypt_seg(flow, leaf, c, len, out, &group->end);
	if (reason)
		ipcp_flow_dropped(flow, len, reason);
	return !reason;
}

/* Deliver the next packet of a group in a buffer of its own. */
static void own_packet(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
		       struct seg_group *group, struct ipcp_cursor *c,
		       unsigned int len)
{
	struct sk_buff *skb = alloc_skb(len, GFP_ATOMIC | __GFP_ACCOUNT);

	if (!skb) {
		ipcp_cursor_next(c, len);
		ipcp_flow_dropped(flow, len, IPCP_DROP_NOMEM);
		return;
	}
	if (!fetch_seg(flow, leaf, group, c, len, skb_put(skb, len))) {
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
			struct sk_buff *segs, struct seg_group *group)
{
	unsigned int seg_len = skb_shinfo(segs)->gso_size;
	struct ipcp_cursor c;

	ipcp_cursor_init(&c, segs, group->pos);
	for (unsigned int i = 0; i < group->count; i++) {
		unsigned int len = ipcp_seg_len(segs, c.pos, seg_len);

		if (is_bad(group, i))
			ipcp_cursor_next(&c, len);
		else
			own_packet(flow, leaf, group, &c, len);
	}
	if (!group->decrypted)
		ipcp_decrypt_follow(flow, leaf, segs, group->end);
}

/*
 * Write the valid packets of a group to @own, which has room for all of the
 * group. Return their number.
 */
static unsigned int fetch_segs(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
			       struct sk_buff *segs, struct seg_group *group,
			       struct sk_buff *own)
{
	unsigned int seg_len = skb_shinfo(segs)->gso_size, count = 0;
	struct ipcp_cursor from, to;

	ipcp_cursor_init(&from, segs, group->pos);
	ipcp_cursor_init(&to, own, 0);
	for (unsigned int i = 0; i < group->count; i++) {
		unsigned int len = ipcp_seg_len(segs, from.pos, seg_len);
		struct ipcp_cursor next = to;

		if (is_bad(group, i)) {
			ipcp_cursor_next(&from, len);
			continue;
		}
		if (!fetch_seg(flow, leaf, group, &from, len,
			       ipcp_cursor_next(&next, len)))
			continue;
		to = next;
		count++;
	}
	/* Trimming fragments does not allocate memory, so it cannot fail. */
	pskb_trim(own, to.pos);
	if (!group->decrypted)
		ipcp_decrypt_follow(flow, leaf, segs, group->end);
	return count;
}

/* Deliver the valid packets of a group in @own, which has room for all. */
static void own_segs(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
		     struct sk_buff *segs, struct seg_group *group,
		     struct sk_buff *own)
{
	unsigned int count = fetch_segs(flow, leaf, segs, group, own);
	struct sk_buff *tight = NULL;

	if (!count) {
		kfree_skb(own);
		return;
	}
	/* The whole buffer is charged: use a smaller one if half is unused. */
	if (count <= group->count / 2 && skb_is_nonlinear(own))
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

/* Deliver the valid packets of a group in memory charged to the payer. */
static void rx_own(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
		   struct sk_buff *segs, struct seg_group *group)
{
	struct mem_cgroup *before = ipcp_pay(&flow->payer);
	struct sk_buff *own;

	own = ipcp_segs_alloc(0, skb_shinfo(segs)->gso_size, group->count,
			      GFP_ATOMIC | __GFP_ACCOUNT);
	if (own)
		own_segs(flow, leaf, segs, group, own);
	else
		own_packets(flow, leaf, segs, group);
	ipcp_pay_end(before);
}

/*
 * Decrypt and deliver the packets of a group whose leaf was found. Return true
 * if the buffer itself went into the ring, which consumes it.
 */
static bool rx_decrypt_group(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
			     struct sk_buff *segs, struct seg_group *group, bool all)
{
	bool in_place = all && group->whole && ipcp_decrypt_in_place(segs);

	if (!in_place || !decrypt_in_place(flow, leaf, segs, group)) {
		if (!in_place || group->good)
			rx_own(flow, leaf, segs, group);
		return false;
	}
	*ipcp_cb(segs) = (struct ipcp_skb_cb) {
		.left = group->count,
		.seg_len = skb_shinfo(segs)->gso_size,
		.type = IPCP_PDU_DATA,
		.dsfield = ipcp_rx_dsfield(segs),
	};
	ipcp_rx_data(flow, segs);
	return true;
}

/* Receive the packets of a group one by one. */
static void rx_each(struct ipcp_net *ipn, struct sk_buff *segs,
		    const struct seg_group *group)
{
	unsigned int seg_len = skb_shinfo(segs)->gso_size;
	unsigned int pos = group->pos;

	for (unsigned int i = 0; i < group->count; i++) {
		unsigned int len = ipcp_seg_len(segs, pos, seg_len);

		rx_alone(ipn, segs, pos, len);
		pos += len;
	}
}

/* Drop the packets of a group that belongs to no flow. */
static void rx_none(struct ipcp_net *ipn, const struct sk_buff *segs,
		    const struct seg_group *group)
{
	unsigned int seg_len = skb_shinfo(segs)->gso_size;
	unsigned int pos = group->pos;

	for (unsigned int i = 0; i < group->count; i++) {
		unsigned int len = ipcp_seg_len(segs, pos, seg_len);

		ipcp_rx_stray(ipn, IPCP_DROP_EID, len);
		pos += len;
	}
}

/*
 * Receive a complete group. @all is true if the group is the whole buffer.
 * Return true if the buffer was consumed.
 */
static bool rx_group(struct ipcp_net *ipn, struct sk_buff *segs,
		     struct seg_group *group, bool all)
{
	struct ipcp_leaf *leaf;
	struct ipcp_flow *flow;

	if (group->count < 2) {
		rx_each(ipn, segs, group);
		return false;
	}
	/* Only DATA packets form groups of several. */
	flow = ipcp_registry_by_eid(ipn, group->hdr.eid);
	if (!flow) {
		rx_none(ipn, segs, group);
		return false;
	}
	if (!ipcp_rx_allowed(flow) ||
	    ipcp_rx_find_leaf(flow, group->hdr.epoch, group->hdr.counter,
			      &leaf) ||
	    ipcp_waiting_has(&flow->waiting,
			     ipcp_leaf_id(group->hdr.epoch,
					  group->hdr.counter))) {
		rx_each(ipn, segs, group);
		return false;
	}
	return rx_decrypt_group(flow, leaf, segs, group, all);
}

/* Return the next packet of a buffer, or a copy of its header if fragmented. */
static const u8 *next_packet(struct ipcp_cursor *c, unsigned int len,
			     u8 copy[IPCP_HDR_LEN])
{
	const u8 *pkt = ipcp_cursor_next(c, len);

	if (likely(pkt))
		return pkt;
	skb_copy_bits(c->skb, c->pos - len, copy, min(len, IPCP_HDR_LEN));
	return copy;
}

/*
 * Receive a buffer of several packets, each but the last of at least
 * IPCP_OVERHEAD bytes. Not inlined, since tests put a probe on it.
 */
static noinline void rx_segs(struct ipcp_net *ipn, struct sk_buff *skb)
{
	unsigned int seg_len = skb_shinfo(skb)->gso_size;
	struct seg_group group = { };
	struct ipcp_cursor c;

	ipcp_cursor_init(&c, skb, 0);
	while (c.pos < skb->len) {
		unsigned int pos = c.pos, len = ipcp_seg_len(skb, pos, seg_len);
		u8 copy[IPCP_HDR_LEN] __uninitialized;
		const u8 *pkt = next_packet(&c, len, copy);
		enum ipcp_drop reason;

		if (unlikely(!joins_group(&group, pkt, len))) {
			rx_group(ipn, skb, &group, false);
			reason = begin_group(&group, pos, pkt, len);
			if (reason)
				ipcp_rx_stray(ipn, reason, len);
		} else {
			group.count++;
		}
		group.whole &= pkt != copy;
	}
	if (!rx_group(ipn, skb, &group, group.count == ipcp_segs_count(skb)))
		consume_skb(skb);
}

/**
 * ipcp_rx() - Receive a buffer of one datagram, or of several of one sender
 * @ipn: namespace
 * @skb: buffer, whose data starts with a packet header; consumed
 *
 * A datagram that the stack has reassembled, or never fragmented, may have a
 * segment size, too, but is one packet.
 *
 * Context: Under RCU, with bottom halves off.
 */
void ipcp_rx(struct ipcp_net *ipn, struct sk_buff *skb)
{
	if (!skb_is_gso(skb) || skb->len <= skb_shinfo(skb)->gso_size ||
	    !(skb_shinfo(skb)->gso_type & SKB_GSO_UDP_L4)) {
		ipcp_rx_packet(ipn, skb);
	} else if (skb_shinfo(skb)->gso_size < IPCP_OVERHEAD) {
		ipcp_rx_stray(ipn, IPCP_DROP_SHORT, skb->len);
		kfree_skb(skb);
	} else {
		rx_segs(ipn, skb);
	}
}
