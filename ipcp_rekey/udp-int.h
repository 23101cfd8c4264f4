/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_UDP_INT_H
#define _IPCP_UDP_INT_H

#include <linux/cache.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <linux/udp.h>
#include <linux/workqueue.h>
#include <net/dst.h>
#include <net/lwtunnel.h>

#include "bind.h"
#include "net.h"

struct sock;

/**
 * struct ipcp_udp_sock - a UDP socket of a namespace
 * @sk: the socket, valid as long as this structure
 * @ipn: the namespace
 * @slot: index in ipcp_net.slots
 * @rest: receives the datagrams that data_ready() has left
 * @receiving: bit 0 is set while a softirq or @rest receives from the socket.
 *	Written for each datagram, so in a cache line that senders do not read.
 *	Locking: atomic
 *
 * Locking: constant, except as noted.
 */
struct ipcp_udp_sock {
	struct sock *sk;
	struct ipcp_net *ipn;
	u8 slot;
	struct work_struct rest;
	unsigned long receiving ____cacheline_aligned_in_smp;
};

/* Return the socket of a slot for an address family, or NULL. */
static inline struct ipcp_udp_sock *
ipcp_udp_sock(const struct ipcp_net *ipn, unsigned int slot, int family)
{
	const struct ipcp_net_slot *s = &ipn->slots[slot];

	return family == AF_INET ? rcu_dereference(s->sock4) :
				   rcu_dereference(s->sock6);
}

/*
 * Make room for the headers of IP and of a route's device. The IP output path
 * would do so with skb_expand_head(), which copies the buffer and frees the one
 * that is counted as in flight.
 */
static inline int ipcp_udp_make_room(struct sk_buff *skb,
				     const struct dst_entry *dst,
				     unsigned int ip_len)
{
	const struct net_device *dev = READ_ONCE(dst->dev);
	int more = sizeof(struct udphdr) + ip_len + LL_RESERVED_SPACE(dev) -
		   skb_headroom(skb);

	if (likely(more <= 0))
		return 0;
	return pskb_expand_head(skb, SKB_DATA_ALIGN(more), 0, GFP_ATOMIC);
}

/*
 * True if packets of a route may have the marker. A BPF program of the route may
 * reroute them, and looks up the new route in the namespace of skb->sk.
 */
static inline bool ipcp_udp_may_mark(const struct dst_entry *dst)
{
	return likely(!lwtunnel_xmit_redirect(dst->lwtstate));
}

/* udp-marker.c */
int ipcp_udp_by_worker(int (*fn)(void *arg), void *arg);

/* udp.c */
void ipcp_udp_prepare(struct ipcp_udp_sock *us);
void ipcp_udp_attach(struct ipcp_udp_sock *us);

#endif /* _IPCP_UDP_INT_H */
