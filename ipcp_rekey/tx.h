/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_TX_H
#define _IPCP_TX_H

#include <linux/types.h>

#include "segs.h"
#include "wire.h"

struct ipcp_epoch;
struct ipcp_flow;
struct sk_buff;

/* Headroom of a message in bytes, in addition to that of the device. */
#define IPCP_TX_HEADROOM	60U

/* Maximum number of messages of a flow in flight in the stack. */
#define IPCP_TX_QUEUE	256

/* tx-buf.c */
struct sk_buff *ipcp_tx_alloc(size_t len, gfp_t gfp);
struct sk_buff *ipcp_tx_alloc_pooled(size_t len, gfp_t gfp);
void ipcp_tx_wrap(struct sk_buff *skb, u8 type, u8 dsfield);
unsigned int ipcp_tx_segs_max(unsigned int len);
struct sk_buff *ipcp_tx_segs_alloc(unsigned int len, unsigned int last,
				   unsigned int count, gfp_t gfp);
void ipcp_tx_segs_trim(struct sk_buff *skb, unsigned int count);

/* tx-room.c */
bool ipcp_tx_room(const struct ipcp_flow *flow);
bool ipcp_tx_reserve(struct ipcp_flow *flow, struct sk_buff *skb);
bool ipcp_tx_refused(const struct ipcp_flow *flow);

/* tx.c */
bool ipcp_tx_ready(struct ipcp_flow *flow);
int ipcp_tx_send(struct ipcp_flow *flow, struct sk_buff *skb);
int ipcp_tx_try(struct ipcp_flow *flow, struct sk_buff *skb);
int ipcp_tx_prepare(struct ipcp_flow *flow);
struct ipcp_epoch *ipcp_tx_epoch(struct ipcp_flow *flow);
int ipcp_tx_control(struct ipcp_flow *flow, struct ipcp_epoch *ep, u8 type,
		    const void *payload, size_t len);
int ipcp_tx_spare(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		  const void *payload, size_t len, size_t pad);
int ipcp_tx_current(struct ipcp_flow *flow, u8 type, const void *payload,
		    size_t len);

/*
 * True if a send failed for lack of a key: no counter was claimed, and the
 * caller still owns the buffer.
 */
static inline bool ipcp_tx_kept(int err)
{
	return err == -EINPROGRESS || err == -EKEYEXPIRED || err == -ENOKEY;
}

/* Return where to write the next message of a buffer, of @len bytes. */
static inline u8 *ipcp_tx_next(struct ipcp_cursor *c, unsigned int len)
{
	return ipcp_cursor_next(c, len + IPCP_OVERHEAD) + IPCP_HDR_LEN;
}

#endif /* _IPCP_TX_H */
