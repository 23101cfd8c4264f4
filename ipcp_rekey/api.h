/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_API_H
#define _IPCP_API_H

#include <linux/skbuff.h>
#include <net/ipcp_flow.h>

struct ipcp_consumer;
struct ipcp_flow;
struct ipcp_net;
struct net_device;

/* Room in a buffer for @receive_paged to pull headers into, in bytes. */
#define IPCP_KFLOW_PULL		96U

/**
 * struct ipcp_kflow_cb - control block of a received message
 * @dsfield: traffic class of the outer packet
 *
 * Locking: none, the holder of the buffer owns it.
 */
struct ipcp_kflow_cb {
	u8 dsfield;
};

static inline struct ipcp_kflow_cb *ipcp_kflow_cb(struct sk_buff *skb)
{
	return (struct ipcp_kflow_cb *)skb->cb;
}

struct ipcp_kflow *ipcp_api_alloc(struct ipcp_net *ipn, const char *name,
				  const struct ipcp_kflow_ops *ops,
				  void *priv, bool pin);
struct ipcp_klisten *ipcp_api_listen(struct ipcp_net *ipn,
				     const char *name, u32 backlog,
				     const struct ipcp_kflow_ops *ops,
				     void *priv, bool pin);
struct ipcp_consumer *ipcp_api_spawn(struct ipcp_net *ipn,
				     const struct ipcp_kflow_ops *ops,
				     void *priv, bool pin);
void ipcp_api_accept(struct ipcp_flow *flow);
bool ipcp_api_room(const struct ipcp_kflow *flow);
bool ipcp_api_may_hold(const struct ipcp_kflow *flow);
bool ipcp_api_sends_now(const struct ipcp_kflow *flow);
bool ipcp_api_lasting_mtu(const struct ipcp_kflow *flow, unsigned int *mtu);
void ipcp_api_too_long(struct ipcp_kflow *flow);
void ipcp_api_set_dev(struct ipcp_kflow *flow, const struct net_device *dev);
bool ipcp_api_want_room(struct ipcp_kflow *flow);
int ipcp_api_send(struct ipcp_kflow *flow, struct sk_buff *skb,
		  u8 dsfield);
int ipcp_api_send_segs(struct ipcp_kflow *flow, struct sk_buff *skb,
		       u8 dsfield);

#endif /* _IPCP_API_H */
