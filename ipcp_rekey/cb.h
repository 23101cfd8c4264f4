/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_CB_H
#define _IPCP_CB_H

#include <linux/skbuff.h>

#include "keysched.h"

/**
 * struct ipcp_skb_cb - control block of a buffer with one or several packets
 * @counter: received: counter of its packet
 * @pos: received, several packets: offset of the packet to read next
 * @left: number of messages still to read or to send
 * @seg_len: length of each packet but the last; received: 0 if there is only
 *	one
 * @epoch: received: epoch of the packets
 * @type: enum ipcp_pdu_type; always DATA for several packets
 * @spare: control packet to send that must not use the reserve of the epoch
 * @dsfield: traffic class of the packet that arrived, or is to be sent
 * @slot: cleartext message of an agent: socket that it came to
 * @exchange: control packet that was decrypted: exchange of its epoch
 *
 * A received buffer with several packets keeps header and tag around each
 * message; they are removed from a single packet. A buffer to be sent has room
 * for them.
 *
 * Locking: owned by the holder of the buffer; protected by the lock of the
 * queue while the buffer is queued.
 */
struct ipcp_skb_cb {
	u64 counter;
	u32 pos;
	u16 left;
	u32 seg_len;
	u8 epoch;
	u8 type;
	u8 dsfield;
	u8 slot;
	bool spare;
	u32 exchange;
};

static inline struct ipcp_skb_cb *ipcp_cb(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct ipcp_skb_cb) > sizeof(skb->cb));
	return (struct ipcp_skb_cb *)skb->cb;
}

/* Combine the epoch and the leaf that a packet claims to belong to. */
static inline u32 ipcp_leaf_id(u8 epoch, u64 counter)
{
	return (u32)epoch << 16 | ipcp_ctr_leaf(counter);
}

static inline u32 ipcp_cb_leaf_id(struct sk_buff *skb)
{
	return ipcp_leaf_id(ipcp_cb(skb)->epoch, ipcp_cb(skb)->counter);
}

/* Return the length of the packet at @pos of a buffer with several packets. */
static inline unsigned int ipcp_seg_len(const struct sk_buff *skb,
					unsigned int pos, unsigned int seg_len)
{
	return min(seg_len, skb->len - pos);
}

#endif /* _IPCP_CB_H */
