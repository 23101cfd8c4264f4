/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Flows for kernel code: encrypted channels of messages to a name, that re-key
 * themselves. Documentation/kernel-api.md says more, samples/ipcp_flow_echo.c
 * shows it.
 */
#ifndef _NET_IPCP_FLOW_H
#define _NET_IPCP_FLOW_H

#include <linux/bits.h>
#include <linux/gfp_types.h>
#include <linux/types.h>
#include <uapi/linux/ipcp_rekey.h>

struct ipcp_kflow;
struct ipcp_klisten;
struct net;
struct sk_buff;
struct sk_buff_head;

/**
 * enum ipcp_kflow_state - what is the matter with a flow
 * @IPCP_KFLOW_UP: it is there, and messages may be sent
 * @IPCP_KFLOW_DOWN: it is over, or the allocation failed; it can only be
 *	released. What had come before was received before this is told.
 * @IPCP_KFLOW_SILENT: the peer was not heard for the peer timeout; that may pass
 * @IPCP_KFLOW_KEYLESS: the last key is used up, or all keys were dropped, and
 *	no seed came: messages are held until the next one
 */
enum ipcp_kflow_state {
	IPCP_KFLOW_UP		= BIT(0),
	IPCP_KFLOW_DOWN		= BIT(1),
	IPCP_KFLOW_SILENT	= BIT(2),
	IPCP_KFLOW_KEYLESS	= BIT(3),
};

/**
 * struct ipcp_kflow_ops - what a flow calls its consumer for
 * @receive: a message came; the buffer is the consumer's. Its data is the
 *	message, with the room that ipcp_kflow_send() wants around it, so it may
 *	be sent on as it is.
 * @room: there is room again after a send was -EAGAIN; may be NULL
 * @changed: the state, IPCP_KFLOW_*, is another than was told last; the first
 *	that is told is IPCP_KFLOW_UP or IPCP_KFLOW_DOWN; may be NULL
 * @served: of a listener: 0 if the agent granted the name, or a negative errno;
 *	@priv is the listener's; may be NULL
 * @accept: of a listener: a new flow, whose consumer's data is the listener's
 *	until ipcp_kflow_set_priv(). Nothing else is called for it before this
 *	returned. It is the consumer's to release, unless this returns an errno.
 *
 * @receive, @room and @changed are called in a softirq, one at a time for a
 * flow, and may send. @served and @accept are called in process context, one at
 * a time for a listener; they may sleep, but not end the listener. None is
 * called any more when the function that ends the flow or listener returned.
 */
struct ipcp_kflow_ops {
	void (*receive)(struct ipcp_kflow *flow, struct sk_buff *skb);
	void (*room)(struct ipcp_kflow *flow);
	void (*changed)(struct ipcp_kflow *flow, unsigned int state);
	void (*served)(void *priv, int err);
	int (*accept)(struct ipcp_kflow *flow);
};

/**
 * struct ipcp_kflow_info - what there is to know of a flow
 * @flow: as a program is told of its flow
 * @state: IPCP_KFLOW_*
 * @held: messages that wait for a key
 * @stalls: how often it went without a key
 */
struct ipcp_kflow_info {
	struct ipcp_info flow;
	unsigned int state;
	unsigned int held;
	u64 stalls;
};

struct ipcp_kflow *ipcp_kflow_alloc(struct net *net, const char *name,
				    const struct ipcp_kflow_ops *ops,
				    void *priv);
void ipcp_kflow_release(struct ipcp_kflow *flow);

struct ipcp_klisten *ipcp_kflow_listen(struct net *net, const char *name,
				       u32 backlog,
				       const struct ipcp_kflow_ops *ops,
				       void *priv);
void ipcp_kflow_unlisten(struct ipcp_klisten *listener);

void *ipcp_kflow_priv(const struct ipcp_kflow *flow);
void ipcp_kflow_set_priv(struct ipcp_kflow *flow, void *priv);

struct sk_buff *ipcp_kflow_buffer(unsigned int len, gfp_t gfp);
int ipcp_kflow_send(struct ipcp_kflow *flow, struct sk_buff *skb);
int ipcp_kflow_send_list(struct ipcp_kflow *flow, struct sk_buff_head *list);

unsigned int ipcp_kflow_state(const struct ipcp_kflow *flow);
unsigned int ipcp_kflow_mtu(const struct ipcp_kflow *flow);
void ipcp_kflow_info(struct ipcp_kflow *flow, struct ipcp_kflow_info *info);

#endif /* _NET_IPCP_FLOW_H */
