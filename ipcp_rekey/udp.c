// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * UDP, the transport between hosts: receiving, and following the addresses of a
 * peer. udp-sock.c creates the sockets, and udp-xmit.c sends.
 *
 * Datagrams are taken off the socket's queue in sk_data_ready(), in the softirq
 * that queued them, and decrypted there. Unlike with encap_rcv(), the stack
 * does not segment GRO packets before that.
 */
#include <linux/skbuff.h>
#include <net/inet_common.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/udp.h>

#include "aead.h"
#include "cb.h"
#include "keys.h"
#include "path.h"
#include "rx.h"
#include "udp-int.h"
#include "udp.h"

#define IPCP_UDP_BUDGET	64	/* buffers received from a socket at a time */

static void receive_datagram(struct ipcp_udp_sock *us, struct sk_buff *skb)
{
	/* UDP has used @dev as dev_scratch. A wrong checksum reports @dev. */
	skb->dev = NULL;
	if (skb_checksum_complete(skb)) {
		ipcp_rx_stray(us->ipn, IPCP_DROP_CHECKSUM, skb->len);
		kfree_skb(skb);
		return;
	}
	/* The packet may be queued for long: release what it does not need. */
	skb_dst_drop(skb);
	skb_ext_reset(skb);
	nf_reset_ct(skb);
	ipcp_cb(skb)->slot = us->slot;
	ipcp_rx(us->ipn, skb);
}

/*
 * True if a socket has no datagrams. The stack calls data_ready() after
 * queueing a datagram, so none is missed. Check this before skb_recv_udp(),
 * which looks into both queues twice before it finds them empty.
 */
static bool queues_empty(struct sock *sk)
{
	return skb_queue_empty_lockless(&sk->sk_receive_queue) &&
	       skb_queue_empty_lockless(&udp_sk(sk)->reader_queue);
}

/* Receive up to a budget of buffers. Return true if there may be more. */
static bool receive_some(struct ipcp_udp_sock *us)
{
	struct sk_buff *skb;
	int err;

	for (int i = 0; i < IPCP_UDP_BUDGET; i++) {
		if (queues_empty(us->sk))
			return false;
		skb = skb_recv_udp(us->sk, MSG_DONTWAIT, &err);
		if (likely(skb))
			receive_datagram(us, skb);
	}
	return !queues_empty(us->sk);
}

/*
 * True if much is queued: about as much as makes __udp_enqueue_schedule_skb()
 * take its busylock.
 */
static bool much_waits(struct sock *sk)
{
	return atomic_read(&sk->sk_rmem_alloc) > READ_ONCE(sk->sk_rcvbuf) / 2;
}

/*
 * Try to become the only receiver of a socket, since two would reorder
 * datagrams. A task that fails leaves its datagrams to the receiver, which
 * looks at the queue again after it has cleared the bit.
 */
static bool may_receive(struct ipcp_udp_sock *us)
{
	return !test_and_set_bit(0, &us->receiving);
}

static bool receive_again(struct ipcp_udp_sock *us)
{
	clear_bit_unlock(0, &us->receiving);
	/* Pairs with the barrier of test_and_set_bit() in may_receive(). */
	smp_mb__after_atomic();
	return !queues_empty(us->sk) && may_receive(us);
}

/*
 * Receive datagrams. Leave datagrams to a work item beyond the budget; if the
 * softirq has interrupted a user of the FPU, which is possible on older
 * kernels; and if much is queued, since the stack may then hold a lock that
 * other CPUs spin on.
 * Context: softirq, under RCU.
 */
static void data_ready(struct sock *sk)
{
	struct ipcp_udp_sock *us = rcu_dereference_sk_user_data(sk);

	if (!us || !may_receive(us))
		return;
	if (unlikely(!ipcp_aead_ready()) || much_waits(sk) ||
	    receive_some(us) || receive_again(us))
		queue_work(ipcp_wq, &us->rest);
}

/* The work item, which inherits the bit of the receiver that queued it. */
static void receive_rest(struct work_struct *work)
{
	struct ipcp_udp_sock *us = container_of(work, struct ipcp_udp_sock, rest);

	local_bh_disable();
	rcu_read_lock();
	if (rcu_dereference_sk_user_data(us->sk) &&
	    (receive_some(us) || receive_again(us)))
		queue_work(ipcp_wq, &us->rest);
	rcu_read_unlock();
	local_bh_enable();
}

/**
 * ipcp_udp_prepare() - Initialise the work item of a socket
 * @us: socket that is not published yet
 */
void ipcp_udp_prepare(struct ipcp_udp_sock *us)
{
	INIT_WORK(&us->rest, receive_rest);
}

/**
 * ipcp_udp_attach() - Start to receive from a socket
 * @us: socket that is not bound yet
 *
 * Context: Process context.
 */
void ipcp_udp_attach(struct ipcp_udp_sock *us)
{
	struct sock *sk = us->sk;

	/* Set sk_user_data before data_ready() can be called. */
	rcu_assign_sk_user_data(sk, us);
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_data_ready = data_ready;
	write_unlock_bh(&sk->sk_callback_lock);
}

/**
 * ipcp_udp_source() - Read the addresses of a datagram
 * @skb: received datagram, whose IP header is still in front of the data
 * @ends: (output) addresses
 *
 * Context: Any context.
 */
void ipcp_udp_source(const struct sk_buff *skb, struct ipcp_ends *ends)
{
	struct ipcp_endpoint *from = &ends->peer;

	memset(ends, 0, sizeof(*ends));
	if (skb->protocol == htons(ETH_P_IP)) {
		from->sin.sin_family = AF_INET;
		from->sin.sin_port = udp_hdr(skb)->source;
		from->sin.sin_addr.s_addr = ip_hdr(skb)->saddr;
		ends->local.in.s_addr = ip_hdr(skb)->daddr;
		return;
	}
	from->sin6.sin6_family = AF_INET6;
	from->sin6.sin6_port = udp_hdr(skb)->source;
	from->sin6.sin6_addr = ipv6_hdr(skb)->saddr;
	from->sin6.sin6_scope_id =
		ipv6_iface_scope_id(&from->sin6.sin6_addr, skb->skb_iif);
	ends->local.in6 = ipv6_hdr(skb)->daddr;
}

static bool endpoint_equal(const struct ipcp_endpoint *a,
			   const struct ipcp_endpoint *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->sin.sin_port == b->sin.sin_port &&
		       a->sin.sin_addr.s_addr == b->sin.sin_addr.s_addr;
	return a->sin6.sin6_port == b->sin6.sin6_port &&
	       a->sin6.sin6_scope_id == b->sin6.sin6_scope_id &&
	       ipv6_addr_equal(&a->sin6.sin6_addr, &b->sin6.sin6_addr);
}

/* True if a datagram has the addresses that packets are sent with. */
static bool came_this_way(const struct ipcp_ends *ends,
			  const struct sk_buff *skb)
{
	const struct sockaddr_in6 *sin6 = &ends->peer.sin6;
	const struct sockaddr_in *sin = &ends->peer.sin;
	const struct ipv6hdr *iph;

	if (skb->protocol == htons(ETH_P_IP))
		return sin->sin_family == AF_INET &&
		       sin->sin_port == udp_hdr(skb)->source &&
		       sin->sin_addr.s_addr == ip_hdr(skb)->saddr &&
		       ends->local.in.s_addr == ip_hdr(skb)->daddr;

	iph = ipv6_hdr(skb);
	return sin6->sin6_family == AF_INET6 &&
	       sin6->sin6_port == udp_hdr(skb)->source &&
	       sin6->sin6_scope_id ==
		       ipv6_iface_scope_id(&iph->saddr, skb->skb_iif) &&
	       ipv6_addr_equal(&sin6->sin6_addr, &iph->saddr) &&
	       ipv6_addr_equal(&ends->local.in6, &iph->daddr);
}

/* Ends of a path that have another address. */
enum {
	IPCP_MOVED_PEER		= BIT(0),
	IPCP_MOVED_LOCAL	= BIT(1),
};

/* Return IPCP_MOVED_*. A local address that becomes known is no move. */
static unsigned int what_moved(const struct ipcp_ends *old,
			       const struct ipcp_ends *new)
{
	static const union ipcp_addr unknown;
	unsigned int moved = 0;

	if (!endpoint_equal(&old->peer, &new->peer))
		moved |= IPCP_MOVED_PEER;
	if (memcmp(&old->local, &unknown, sizeof(unknown)) &&
	    memcmp(&old->local, &new->local, sizeof(new->local)))
		moved |= IPCP_MOVED_LOCAL;
	return moved;
}

/*
 * Set the flow's addresses to those of a received packet, unless a newer packet
 * was received meanwhile. Return IPCP_MOVED_*.
 */
static unsigned int follow(struct ipcp_flow *flow, const struct sk_buff *skb,
			   const struct ipcp_epoch *ep, u64 counter)
{
	struct ipcp_bind *bind, *old;
	unsigned int moved = 0;
	struct ipcp_ends ends;

	ipcp_udp_source(skb, &ends);
	bind = ipcp_bind_new(&ends, GFP_ATOMIC | __GFP_NOWARN);
	if (!bind)
		return 0;	/* the next packet tries again */
	spin_lock_bh(&flow->peer_lock);
	old = rcu_dereference_protected(flow->bind,
					lockdep_is_held(&flow->peer_lock));
	if (READ_ONCE(ep->rx_end) == counter + 1 &&
	    !(old && came_this_way(&old->ends, skb))) {
		moved = old ? what_moved(&old->ends, &ends) : 0;
		rcu_assign_pointer(flow->bind, bind);
		swap(bind, old);
	}
	spin_unlock_bh(&flow->peer_lock);
	ipcp_bind_free_rcu(bind);
	return moved;
}

/**
 * ipcp_udp_received() - Update the addresses of a flow from a packet
 * @flow: flow
 * @skb: packet that authenticated
 * @ep: epoch of the packet, the newest that the peer was seen in
 * @counter: counter of the packet, the highest yet
 *
 * Context: Under RCU, with bottom halves off.
 */
void ipcp_udp_received(struct ipcp_flow *flow, const struct sk_buff *skb,
		       const struct ipcp_epoch *ep, u64 counter)
{
	const struct ipcp_bind *bind = rcu_dereference(flow->bind);
	unsigned int moved;

	if (likely(bind && came_this_way(&bind->ends, skb)))
		return;
	moved = follow(flow, skb, ep, counter);
	if (!moved)
		return;
	/* The worker does the rest later: a peer may move with each packet. */
	if (moved & IPCP_MOVED_PEER)
		set_bit(IPCP_FLOW_ROAMED, &flow->bits);
	if (!test_and_set_bit(IPCP_FLOW_MOVED, &flow->bits))
		ipcp_flow_kick(flow);
}

const struct ipcp_path_ops ipcp_udp_path = {
	.xmit = ipcp_udp_xmit,
	.received = ipcp_udp_received,
	.look = ipcp_udp_look,
};
