/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Flows for kernel code: encrypted message channels to a name, with automatic
 * rekeying. See Documentation/kernel-api.md, and samples/ipcp_flow_echo.c for
 * an example.
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
 * enum ipcp_kflow_state - state of a flow
 * @IPCP_KFLOW_UP: the flow is allocated, and messages may be sent
 * @IPCP_KFLOW_DOWN: the flow has ended, or the allocation failed; it can only
 *	be released. All messages that arrived before are delivered before
 *	@changed reports this state.
 * @IPCP_KFLOW_SILENT: the peer was not heard for the peer timeout; it may come
 *	back
 * @IPCP_KFLOW_KEYLESS: the last key is used up, or all keys were dropped;
 *	messages are held until the next seed
 */
enum ipcp_kflow_state {
	IPCP_KFLOW_UP		= BIT(0),
	IPCP_KFLOW_DOWN		= BIT(1),
	IPCP_KFLOW_SILENT	= BIT(2),
	IPCP_KFLOW_KEYLESS	= BIT(3),
};

/**
 * struct ipcp_kflow_ops - callbacks of a flow or a listener
 * @receive: called with a received message; the callback owns the buffer. The
 *	buffer's data is the message, and may be passed to ipcp_kflow_send() as
 *	it is; this copies the message only if the device that received it left
 *	less headroom or tailroom than sending needs.
 * @receive_paged: as @receive, for consumers that read the bytes of a buffer
 *	through pskb_may_pull() or skb_copy_bits() only; may be NULL. If set,
 *	called for longer messages that arrived in one buffer with others: the
 *	message is not copied, but refers to fragments of that buffer. Other
 *	messages share this memory, so the bytes must not be written.
 * @room: called when there is room again after a send has returned -EAGAIN; may
 *	be NULL
 * @changed: called when the state, IPCP_KFLOW_*, differs from the one reported
 *	last, or the longest message, ipcp_kflow_mtu(), has changed. The first
 *	state reported is IPCP_KFLOW_UP or IPCP_KFLOW_DOWN; may be NULL
 * @served: for a listener: called with 0 if the agent granted the name, else
 *	with a negative errno; @priv is the data of the listener; may be NULL
 * @accept: for a listener: called with a new flow, which has the data of the
 *	listener until ipcp_kflow_set_priv(). No other callback is called for
 *	the flow before this one returns. If it returns 0, the consumer has to
 *	release the flow later. If it returns a negative errno, the flow is
 *	released.
 *
 * @receive, @receive_paged, @room and @changed are called in a softirq, one at
 * a time for a flow, and may send. @served and @accept are called in process
 * context, one at a time for a listener. They may sleep, but must not end the
 * listener. No callback runs after the function that ends the flow or the
 * listener has returned.
 */
struct ipcp_kflow_ops {
	void (*receive)(struct ipcp_kflow *flow, struct sk_buff *skb);
	void (*receive_paged)(struct ipcp_kflow *flow, struct sk_buff *skb);
	void (*room)(struct ipcp_kflow *flow);
	void (*changed)(struct ipcp_kflow *flow, unsigned int state);
	void (*served)(void *priv, int err);
	int (*accept)(struct ipcp_kflow *flow);
};

/**
 * struct ipcp_kflow_info - information about a flow
 * @flow: information as a program gets it with IPCP_IOC_GET_INFO
 * @state: IPCP_KFLOW_*
 * @held: number of messages that wait for a key
 * @stalls: number of times that the flow ran out of keys
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
const char *ipcp_kflow_peer_name(const struct ipcp_kflow *flow);
unsigned int ipcp_kflow_mtu(const struct ipcp_kflow *flow);
void ipcp_kflow_info(struct ipcp_kflow *flow, struct ipcp_kflow_info *info);

#endif /* _NET_IPCP_FLOW_H */
