/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_CB_H
#define _IPCP_CB_H

#include <linux/skbuff.h>

#include "keysched.h"

/**
 * struct ipcp_skb_cb - what is known of a buffer of packets
 * @counter: received: counter of its packet
 * @pos: received, several: where the next message to be read begins
 * @left: messages to be read, or to be sent
 * @seg_len: length of each packet but the last; received: 0 if there is one only
 * @epoch: received: its epoch
 * @type: enum ipcp_pdu_type; several have DATA only
 * @dsfield: traffic class of the packet that it came in, or is to go in
 * @exchange: of a control packet that decrypted, exchange of its epoch
 *
 * A buffer that was received and has several packets keeps header and tag around
 * each message; of one they are gone. A buffer to be sent has room for them.
 */
struct ipcp_skb_cb {
	u64 counter;
	u32 pos;
	u16 left;
	u32 seg_len;
	u8 epoch;
	u8 type;
	u8 dsfield;
	u32 exchange;
};

static inline struct ipcp_skb_cb *ipcp_cb(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct ipcp_skb_cb) > sizeof(skb->cb));
	return (struct ipcp_skb_cb *)skb->cb;
}

/* The leaf that a packet says it is of, with the epoch, as a number. */
static inline u32 ipcp_leaf_id(u8 epoch, u64 counter)
{
	return (u32)epoch << 16 | ipcp_ctr_leaf(counter);
}

static inline u32 ipcp_cb_leaf_id(struct sk_buff *skb)
{
	return ipcp_leaf_id(ipcp_cb(skb)->epoch, ipcp_cb(skb)->counter);
}

/* Length of the packet that begins at @pos of a buffer of several. */
static inline unsigned int ipcp_seg_len(const struct sk_buff *skb,
					unsigned int pos, unsigned int seg_len)
{
	return min(seg_len, skb->len - pos);
}

#endif /* _IPCP_CB_H */
