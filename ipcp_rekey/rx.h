/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPCP_RX_H
#define _IPCP_RX_H

#include <linux/types.h>

#include "segs.h"

struct ipcp_flow;
struct ipcp_leaf;
struct ipcp_net;
struct sk_buff;

/**
 * struct ipcp_reader - who reads messages of a flow
 * @flow: flow
 * @message: the message that was read last, if it is in a buffer of its own
 * @train: the train that was read from last, held
 * @leaf: key of its packets, held; NULL if they are plaintext
 * @cursor: where its next packet is
 * @scratch: where a packet of a train is opened
 * @room: length of @scratch in bytes
 * @gfp: how @scratch is allocated
 * @packets: messages read
 * @bytes: bytes of them
 */
struct ipcp_reader {
	struct ipcp_flow *flow;
	struct sk_buff *message;
	struct sk_buff *train;
	struct ipcp_leaf *leaf;
	struct ipcp_cursor cursor;
	u8 *scratch;
	unsigned int room;
	gfp_t gfp;
	unsigned long packets;
	unsigned long bytes;
};

void ipcp_rx(struct ipcp_net *ipn, struct sk_buff *skb);
void ipcp_rx_control(struct ipcp_flow *flow);
void ipcp_rx_purge(struct ipcp_flow *flow);

void ipcp_rx_decrypt_queued(struct ipcp_flow *flow);
void ipcp_rx_probe(struct ipcp_flow *flow);
void ipcp_rx_derive_first(struct ipcp_flow *flow);

void ipcp_reader_init(struct ipcp_reader *r, struct ipcp_flow *flow, gfp_t gfp);
int ipcp_reader_next(struct ipcp_reader *r, const u8 **msg);
void ipcp_reader_end(struct ipcp_reader *r);

#endif /* _IPCP_RX_H */
