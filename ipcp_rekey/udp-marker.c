// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * A socket for skb->sk of IPv6 packets.
 *
 * IPv4 uses the device's MTU instead of path MTUs from ICMP if the sending
 * socket, which is passed to ip_local_out(), is in IP_PMTUDISC_PROBE. IPv6
 * looks at skb->sk (ip6_skb_dst_mtu()), except while another device transmits,
 * as for a tunnel whose packets are themselves carried by a flow. Packets of a
 * route with a BPF program get no socket, so path MTUs from ICMP limit them, too.
 *
 * skb->sk is not the sending socket: a message may wait in a foreign queue for
 * longer than the namespace and its sockets live, and a reference for each
 * message would make all senders write to one cache line. So one socket of the
 * module stands for all. It belongs to the initial namespace, and is never bound
 * or connected:
 *
 * - skb_orphan() needs a destructor beside skb->sk. Messages have one, and pin
 *   the module and thereby the socket. Control packets take a reference to the
 *   socket.
 * - fq and XPS treat packets of an unconnected socket (TCP_CLOSE, no cached
 *   route) by their hash, like packets without a socket.
 * - xt_owner and nft_meta read the socket's namespace, and find no file and so
 *   no owner, as with any socket of the kernel.
 * - Programs of control groups run only if skb->sk is the sending socket.
 * - A work item creates the socket, so it belongs to the root control group.
 *   Rules that match the group of skb->sk see the root group.
 * - Packets keep the socket across a veth pair until an IP stack receives them.
 * - IPVS charges what it tunnels to the socket, which only counts.
 * - The stack may report events of a packet, as timestamps, to skb->sk. Reports
 *   would keep the packet and its route, and nobody reads them, so the socket has
 *   no room for any.
 */
#include <linux/net.h>
#include <net/ipv6.h>
#include <net/sock.h>

#include "flow.h"
#include "udp-int.h"
#include "udp.h"

static struct socket *marker __read_mostly;

/**
 * struct call - a function that a work item calls
 * @work: work item
 * @fn: function
 * @arg: argument of @fn
 * @err: (output) return value of @fn
 */
struct call {
	struct work_struct work;
	int (*fn)(void *arg);
	void *arg;
	int err;
};

static void call_work(struct work_struct *work)
{
	struct call *c = container_of(work, struct call, work);

	c->err = c->fn(c->arg);
}

/**
 * ipcp_udp_by_worker() - Create sockets that belong to the root control group
 * @fn: function that creates the sockets
 * @arg: argument of @fn
 *
 * Context: Process context, sleeps until @fn has returned.
 * Return: the return value of @fn.
 */
int ipcp_udp_by_worker(int (*fn)(void *arg), void *arg)
{
	struct call c = { .fn = fn, .arg = arg };

	INIT_WORK_ONSTACK(&c.work, call_work);
	queue_work(ipcp_wq, &c.work);
	flush_work(&c.work);
	destroy_work_on_stack(&c.work);
	return c.err;
}

static int make_marker(void *arg)
{
	int err, probe = IPV6_PMTUDISC_PROBE;
	struct socket *sock;

	err = sock_create_kern(&init_net, AF_INET6, SOCK_DGRAM, IPPROTO_UDP,
			       &sock);
	if (err == -EAFNOSUPPORT || err == -EPFNOSUPPORT)
		return 0;
	if (err)
		return err;
	err = sock->ops->setsockopt(sock, SOL_IPV6, IPV6_MTU_DISCOVER,
				    KERNEL_SOCKPTR(&probe), sizeof(probe));
	if (err) {
		sock_release(sock);
		return err;
	}
	WRITE_ONCE(sock->sk->sk_rcvbuf, 0);
	marker = sock;
	return 0;
}

/**
 * ipcp_udp_marker_init() - Open the socket
 *
 * Context: Module init.
 * Return: 0, also without IPv6; or a negative errno.
 */
int ipcp_udp_marker_init(void)
{
	return ipcp_udp_by_worker(make_marker, NULL);
}

/**
 * ipcp_udp_marker_exit() - Close the socket
 *
 * Context: Module exit, when no message is in flight any more.
 */
void ipcp_udp_marker_exit(void)
{
	if (marker)
		sock_release(marker);
}

/**
 * ipcp_udp_mark() - Let IPv6 ignore path MTUs from ICMP
 * @skb: packet to send
 *
 * Context: Any context.
 */
void ipcp_udp_mark(struct sk_buff *skb)
{
	if (unlikely(!marker || !ipcp_udp_may_mark(skb_dst(skb))))
		return;
	if (skb->destructor)
		skb->sk = marker->sk;
	else if (!skb_set_owner_sk_safe(skb, marker->sk))
		WARN_ON_ONCE(1);	/* the module holds the socket */
}
