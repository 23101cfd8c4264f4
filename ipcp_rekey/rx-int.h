/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPCP_RX_INT_H
#define _IPCP_RX_INT_H

#include <linux/skbuff.h>

#include "flow.h"
#include "rx.h"

/**
 * struct ipcp_skb_cb - what is known of a received buffer
 * @leaf: key of its packets, with a reference; NULL if not found yet, or not
 *	needed more
 * @counter: counter of its first packet
 * @arrived: jiffies when it came
 * @pos: of a train, where the next packet to be read begins
 * @left: packets to be read, 1 if it is no train
 * @seg_len: of a train, length of each packet but the last; else 0
 * @epoch: their epoch
 * @type: enum ipcp_pdu_type; a train has DATA only
 * @decrypted: it is plaintext already
 *
 * A train keeps the headers in front of its messages; of any other buffer the
 * header is gone.
 */
struct ipcp_skb_cb {
	struct ipcp_leaf *leaf;
	u64 counter;
	unsigned long arrived;
	u32 pos;
	u16 left;
	u16 seg_len;
	u8 epoch;
	u8 type;
	bool decrypted;
};

static inline struct ipcp_skb_cb *ipcp_cb(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct ipcp_skb_cb) > sizeof(skb->cb));
	return (struct ipcp_skb_cb *)skb->cb;
}

static inline void ipcp_release_leaf(struct sk_buff *skb)
{
	ipcp_leaf_put(ipcp_cb(skb)->leaf);
	ipcp_cb(skb)->leaf = NULL;
}

/* Length of the packet that begins at @pos of a train. */
static inline unsigned int ipcp_seg_len(const struct sk_buff *skb,
					unsigned int pos, unsigned int seg_len)
{
	return min(seg_len, skb->len - pos);
}

void ipcp_rx_drop(struct ipcp_flow *flow, struct sk_buff *skb,
		  enum ipcp_drop reason);

enum ipcp_drop ipcp_find_leaf(struct ipcp_flow *flow, struct ipcp_skb_cb *cb);
enum ipcp_drop ipcp_look_again(struct ipcp_flow *flow, struct sk_buff *skb,
			       bool *derive);
enum ipcp_drop ipcp_derive_leaf(struct ipcp_flow *flow,
				const struct ipcp_skb_cb *cb);
enum ipcp_drop ipcp_decrypt_packet(struct ipcp_flow *flow, struct sk_buff *skb);
enum ipcp_drop ipcp_decrypt_seg(struct ipcp_flow *flow,
				struct ipcp_leaf *leaf, struct ipcp_cursor *c,
				unsigned int len, u8 *out);

#endif /* _IPCP_RX_INT_H */
