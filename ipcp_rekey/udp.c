// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * UDP, the transport between hosts: sockets and receiving. Sending is in
 * udp-xmit.c.
 *
 * Each namespace has two kernel sockets, one for IPv4 and one for IPv6, and all
 * flows use the same port. Datagrams are taken off the socket's queue in
 * sk_data_ready(), in the softirq that queued them, and decrypted there. Unlike
 * with encap_rcv(), the stack does not segment GRO packets before that.
 */
#include <linux/skbuff.h>
#include <net/inet_common.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/udp.h>

#include "aead.h"
#include "compat/udp_tunnel.h"
#include "keys.h"
#include "notify.h"
#include "path.h"
#include "probe.h"
#include "registry.h"
#include "rx.h"
#include "udp.h"

#define IPCP_UDP_RCVBUF	(8 * 1024 * 1024)
#define IPCP_UDP_BUDGET	64	/* buffers received from a socket at a time */

static void receive_datagram(struct ipcp_net *ipn, struct sk_buff *skb)
{
	if (skb_checksum_complete(skb)) {
		ipcp_rx_stray(ipn, IPCP_DROP_CHECKSUM, skb->len);
		kfree_skb(skb);
		return;
	}
	/* The packet may be queued for long: drop what it does not need. */
	skb->dev = NULL;	/* UDP has used it as dev_scratch */
	skb_dst_drop(skb);
	skb_ext_reset(skb);
	nf_reset_ct(skb);
	ipcp_rx(ipn, skb);
}

/*
 * True if a socket has no datagrams. The stack calls data_ready() after it
 * queues a datagram, so none is missed. Check this before skb_recv_udp(), which
 * looks into both queues twice before it finds them empty.
 */
static bool queues_empty(struct sock *sk)
{
	return skb_queue_empty_lockless(&sk->sk_receive_queue) &&
	       skb_queue_empty_lockless(&udp_sk(sk)->reader_queue);
}

/* Receive up to a budget of buffers. Return true if there may be more. */
static bool receive_some(struct ipcp_net *ipn, struct sock *sk)
{
	struct sk_buff *skb;
	int err;

	for (int i = 0; i < IPCP_UDP_BUDGET; i++) {
		if (queues_empty(sk))
			return false;
		skb = skb_recv_udp(sk, MSG_DONTWAIT, &err);
		if (likely(skb))
			receive_datagram(ipn, skb);
	}
	return !queues_empty(sk);
}

/*
 * True if much is queued. The limit is well below that from which
 * __udp_enqueue_schedule_skb() takes its busylock.
 */
static bool much_waits(struct sock *sk)
{
	return atomic_read(&sk->sk_rmem_alloc) > READ_ONCE(sk->sk_rcvbuf) / 4;
}

static struct work_struct *rest_of(struct ipcp_net *ipn, const struct sock *sk)
{
	return sk->sk_family == AF_INET ? &ipn->rx4 : &ipn->rx6;
}

static int rx_bit(const struct sock *sk)
{
	return sk->sk_family == AF_INET ? IPCP_NET_RX4 : IPCP_NET_RX6;
}

/*
 * Try to become the only receiver of a socket, since two would reorder
 * datagrams. A task that fails leaves its datagrams to the receiver, which
 * looks at the queue again after it has cleared the bit.
 */
static bool may_receive(struct ipcp_net *ipn, const struct sock *sk)
{
	return !test_and_set_bit(rx_bit(sk), &ipn->receiving);
}

static bool receive_again(struct ipcp_net *ipn, struct sock *sk)
{
	clear_bit_unlock(rx_bit(sk), &ipn->receiving);
	/* Pairs with the barrier of test_and_set_bit() in may_receive(). */
	smp_mb__after_atomic();
	return !queues_empty(sk) && may_receive(ipn, sk);
}

/*
 * Receive datagrams. Leave them to a work item beyond the budget; if the
 * softirq has interrupted a user of the FPU, which is possible on older
 * kernels; and if much is queued, since the stack may then hold a lock that
 * other CPUs spin on.
 * Context: softirq, under RCU.
 */
static void data_ready(struct sock *sk)
{
	struct ipcp_net *ipn = rcu_dereference_sk_user_data(sk);

	if (!ipn || !may_receive(ipn, sk))
		return;
	if (unlikely(!ipcp_aead_ready()) || much_waits(sk) ||
	    receive_some(ipn, sk) || receive_again(ipn, sk))
		queue_work(ipcp_wq, rest_of(ipn, sk));
}

/* The work item. It inherits the bit of the receiver that queued it. */
static void receive_rest(struct ipcp_net *ipn, struct sock __rcu **psk)
{
	struct sock *sk;

	local_bh_disable();
	rcu_read_lock();
	sk = rcu_dereference(*psk);
	if (sk && (receive_some(ipn, sk) || receive_again(ipn, sk)))
		queue_work(ipcp_wq, rest_of(ipn, sk));
	rcu_read_unlock();
	local_bh_enable();
}

static void rx4_work(struct work_struct *work)
{
	struct ipcp_net *ipn = container_of(work, struct ipcp_net, rx4);

	receive_rest(ipn, &ipn->sock4);
}

static void rx6_work(struct work_struct *work)
{
	struct ipcp_net *ipn = container_of(work, struct ipcp_net, rx6);

	receive_rest(ipn, &ipn->sock6);
}

/**
 * ipcp_udp_net_init() - Initialise the UDP state of a namespace
 * @ipn: namespace
 */
void ipcp_udp_net_init(struct ipcp_net *ipn)
{
	INIT_WORK(&ipn->rx4, rx4_work);
	INIT_WORK(&ipn->rx6, rx6_work);
}

static struct socket *open_one(struct ipcp_net *ipn, sa_family_t family,
			       u16 port, u32 mark)
{
	struct udp_port_cfg cfg = {
		.family = family,
		.local_udp_port = htons(port),
		.use_udp_checksums = true,
		.use_udp6_tx_checksums = true,
		.use_udp6_rx_checksums = true,
		.ipv6_v6only = true,
	};
	int err, on = 1;
	struct socket *sock;
	struct sock *sk;

	if (family == AF_INET)
		cfg.local_ip.s_addr = htonl(INADDR_ANY);
	err = udp_sock_create(ipn->net, &cfg, &sock);
	if (err)
		return ERR_PTR(err);
	/* Receive GRO packets without segmenting them. */
	err = sock->ops->setsockopt(sock, SOL_UDP, UDP_GRO, KERNEL_SOCKPTR(&on),
				    sizeof(on));
	if (err) {
		ipcp_udp_sock_release(sock);
		return ERR_PTR(err);
	}

	sk = sock->sk;
	/* For IPv4. IPv6 looks at another socket (udp-marker.c). */
	ip_sock_set_mtu_discover(sk, IP_PMTUDISC_PROBE);
	sk->sk_mark = mark;
	sk->sk_rcvbuf = IPCP_UDP_RCVBUF;
#ifdef CONFIG_NET_RX_BUSY_POLL
	sk->sk_ll_usec = 0;	/* no busy polling: sk_data_ready() is called */
#endif
	/* Set sk_user_data before data_ready() can be called. */
	rcu_assign_sk_user_data(sk, ipn);
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_data_ready = data_ready;
	write_unlock_bh(&sk->sk_callback_lock);
	return sock;
}

/* Set the mark and drop all cached routes, which may depend on the mark. */
static void set_mark(struct ipcp_net *ipn, u32 mark)
{
	struct ipcp_flow *flow;
	unsigned long id = 0;

	if (ipn->mark == mark)
		return;
	WRITE_ONCE(ipn->mark, mark);
	for (; (flow = ipcp_registry_next(ipn, &id)); id++) {
		write_lock_bh(&flow->peer_lock);
		dst_cache_reset(&flow->dst);
		write_unlock_bh(&flow->peer_lock);
		ipcp_flow_put(flow);
	}
}

/**
 * ipcp_udp_open() - Open the sockets of a namespace
 * @ipn: namespace, its agent_lock held
 * @port: UDP port, 0 for the default
 * @mark: mark of outgoing packets
 * @extack: for the reason of a failure
 *
 * Open sockets of an earlier agent are kept if the port is the same.
 *
 * Context: Process context, may sleep.
 * Return: 0; -EBUSY if flows use another port; an error of creating or binding
 * a socket.
 */
int ipcp_udp_open(struct ipcp_net *ipn, u16 port, u32 mark,
		  struct netlink_ext_ack *extack)
{
	struct socket *sock4, *sock6;

	port = port ?: IPCP_REKEY_PORT;
	if (ipn->port == port) {
		set_mark(ipn, mark);
		return 0;
	}
	if (ipn->port && !xa_empty(&ipn->flows)) {
		NL_SET_ERR_MSG(extack, "flows of an earlier agent use another port");
		return -EBUSY;
	}
	ipcp_udp_close(ipn);

	sock4 = open_one(ipn, AF_INET, port, mark);
	if (IS_ERR(sock4)) {
		NL_SET_ERR_MSG(extack, "cannot bind the UDP port");
		return PTR_ERR(sock4);
	}
	sock6 = open_one(ipn, AF_INET6, port, mark);
	if (IS_ERR(sock6) && PTR_ERR(sock6) != -EAFNOSUPPORT &&
	    PTR_ERR(sock6) != -EPFNOSUPPORT) {
		ipcp_udp_sock_release(sock4);
		NL_SET_ERR_MSG(extack, "cannot bind the UDP port for IPv6");
		return PTR_ERR(sock6);
	}
	ipn->port = port;
	WRITE_ONCE(ipn->mark, mark);
	rcu_assign_pointer(ipn->sock4, sock4->sk);
	rcu_assign_pointer(ipn->sock6, IS_ERR(sock6) ? NULL : sock6->sk);
	/* Receive datagrams that came before data_ready() was set. */
	if (may_receive(ipn, sock4->sk))
		queue_work(ipcp_wq, &ipn->rx4);
	if (!IS_ERR(sock6) && may_receive(ipn, sock6->sk))
		queue_work(ipcp_wq, &ipn->rx6);
	return 0;
}

static void close_one(struct ipcp_net *ipn, struct sock __rcu **psk)
{
	struct sock *sk = rcu_replace_pointer(*psk, NULL, true);

	if (!sk)
		return;
	rcu_assign_sk_user_data(sk, NULL);
	synchronize_net();	/* wait for senders and data_ready() */
	cancel_work_sync(rest_of(ipn, sk));
	clear_bit(rx_bit(sk), &ipn->receiving);
	ipcp_udp_sock_release(sk->sk_socket);
}

/**
 * ipcp_udp_close() - Close the sockets of a namespace
 * @ipn: namespace, its agent_lock held
 *
 * Context: Process context, sleeps.
 */
void ipcp_udp_close(struct ipcp_net *ipn)
{
	close_one(ipn, &ipn->sock4);
	close_one(ipn, &ipn->sock6);
	ipn->port = 0;
}

/**
 * ipcp_udp_source() - Read the source address of a datagram
 * @skb: received datagram, whose IP header is still in front of the data
 * @from: (output) address
 *
 * Context: Any context.
 */
void ipcp_udp_source(const struct sk_buff *skb, struct ipcp_endpoint *from)
{
	memset(from, 0, sizeof(*from));
	if (skb->protocol == htons(ETH_P_IP)) {
		from->sin.sin_family = AF_INET;
		from->sin.sin_port = udp_hdr(skb)->source;
		from->sin.sin_addr.s_addr = ip_hdr(skb)->saddr;
		return;
	}
	from->sin6.sin6_family = AF_INET6;
	from->sin6.sin6_port = udp_hdr(skb)->source;
	from->sin6.sin6_addr = ipv6_hdr(skb)->saddr;
	from->sin6.sin6_scope_id =
		ipv6_iface_scope_id(&from->sin6.sin6_addr, skb->skb_iif);
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

/*
 * True if a datagram came from an endpoint. This is endpoint_equal() without
 * copying the source address, and without the lock. If the peer's address
 * changes concurrently and the result is false, the caller checks again under
 * the lock. If the result is wrongly true, the next packet from the new address
 * is noticed.
 */
static bool is_from(const struct ipcp_endpoint *ep, const struct sk_buff *skb)
{
	const struct sockaddr_in6 *sin6 = &ep->sin6;
	const struct in6_addr *saddr;

	if (skb->protocol == htons(ETH_P_IP))
		return READ_ONCE(ep->sa.sa_family) == AF_INET &&
		       READ_ONCE(ep->sin.sin_port) == udp_hdr(skb)->source &&
		       READ_ONCE(ep->sin.sin_addr.s_addr) == ip_hdr(skb)->saddr;

	saddr = &ipv6_hdr(skb)->saddr;
	return READ_ONCE(sin6->sin6_family) == AF_INET6 &&
	       READ_ONCE(sin6->sin6_port) == udp_hdr(skb)->source &&
	       READ_ONCE(sin6->sin6_scope_id) ==
		       ipv6_iface_scope_id(saddr, skb->skb_iif) &&
	       ipv6_addr_equal(&sin6->sin6_addr, saddr);
}

/**
 * ipcp_udp_received() - Update the peer's address from a packet
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
	struct ipcp_endpoint from;
	bool moved;

	if (likely(is_from(&flow->peer, skb)))
		return;

	ipcp_udp_source(skb, &from);
	write_lock_bh(&flow->peer_lock);
	/* Unless a newer packet was received meanwhile. */
	moved = READ_ONCE(ep->rx_end) == counter + 1 &&
		!endpoint_equal(&flow->peer, &from);
	if (moved) {
		flow->peer = from;
		dst_cache_reset(&flow->dst);
	}
	write_unlock_bh(&flow->peer_lock);
	if (!moved)
		return;
	ipcp_probe_roamed(flow);
	ipcp_notify(flow, IPCP_REKEY_EVENT_ROAMED, READ_ONCE(flow->rk.epoch), 0);
}

const struct ipcp_path_ops ipcp_udp_path = {
	.xmit = ipcp_udp_xmit,
	.received = ipcp_udp_received,
};
