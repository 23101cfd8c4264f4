// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The packets of an interface. A message from the flow becomes a packet that
 * NAPI passes to the stack. A packet from the stack is segmented if necessary
 * (large TCP packets: netdev-tcp.c) and sent as messages of the flow. If the
 * packet does not fit the path, its sender gets an ICMP error with the MTU.
 */
#include <linux/icmpv6.h>
#include <net/gso.h>
#include <net/icmp.h>
#include <net/inet_ecn.h>
#include <net/ip_tunnels.h>

#include "netdev-int.h"

#define IPCP_DEV_RXQ		1024	/* packets queued for NAPI */

/* --- receiving --- */

/**
 * struct inner - properties of the IP packet in a received message
 * @protocol: ETH_P_IP or ETH_P_IPV6, in network byte order
 * @dsfield: traffic class
 * @is_tcp: TCP follows the IP header directly, so GRO can pull the headers
 */
struct inner {
	__be16 protocol;
	u8 dsfield;
	bool is_tcp;
};

/* Parse a message, which may be in a page fragment. False if it is not IP. */
static bool look_at(const struct sk_buff *skb, struct inner *in)
{
	struct ipv6hdr head;
	const struct iphdr *ip4 = skb_header_pointer(skb, 0, sizeof(*ip4), &head);
	const struct ipv6hdr *ip6;

	if (!ip4)
		return false;
	if (ip4->version == 4) {
		in->protocol = htons(ETH_P_IP);
		in->dsfield = ipv4_get_dsfield(ip4);
		in->is_tcp = ip4->ihl == 5 && ip4->protocol == IPPROTO_TCP &&
			     !ip_is_fragment(ip4);
		return true;
	}
	ip6 = skb_header_pointer(skb, 0, sizeof(*ip6), &head);
	if (!ip6 || ip6->version != 6)
		return false;
	in->protocol = htons(ETH_P_IPV6);
	in->dsfield = ipv6_get_dsfield(ip6);
	in->is_tcp = ip6->nexthdr == IPPROTO_TCP;
	return true;
}

/* True if CE or ECT(1) outside may have to be copied to the header inside. */
static bool may_mark(const struct inner *in, u8 outer)
{
	return outer & INET_ECN_ECT_1 && (outer ^ in->dsfield) & INET_ECN_MASK;
}

/*
 * Make the headers of a packet linear, since classifiers and taps see the
 * packet before the stack does, and read linear bytes only. Leave the headers
 * to GRO if GRO pulls them: GRO merges packets by their fragments only if
 * nothing but headers is linear.
 */
static bool pull_headers(const struct net_device *dev, struct sk_buff *skb,
			 const struct inner *in, u8 outer)
{
	if (!skb_is_nonlinear(skb))
		return true;
	if (likely(in->is_tcp && !netif_elide_gro(dev)))
		return likely(!may_mark(in, outer)) || pskb_inet_may_pull(skb);
	return pskb_may_pull(skb, min(skb->len, IPCP_KFLOW_PULL));
}

/* Turn a message into a packet of the interface. False if it is not IP. */
static bool decapsulate_packet(struct net_device *dev, struct sk_buff *skb)
{
	u8 outer = ipcp_kflow_cb(skb)->dsfield;
	struct inner in;

	skb->dev = dev;
	if (!look_at(skb, &in))
		return false;
	skb_reset_mac_header(skb);
	/* pskb_inet_may_pull() and the ECN functions need both. */
	skb_reset_network_header(skb);
	skb->protocol = in.protocol;
	if (!pull_headers(dev, skb, &in, outer))
		return false;
	/* CE outside but not ECN-capable inside: drop (RFC 6040). */
	if (INET_ECN_decapsulate(skb, outer, in.dsfield) > 1)
		return false;
	/* The message was authenticated, so its checksums need no check. */
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->csum_level = ~0;
	return true;
}

/* Queue a packet for NAPI. False if the interface is down or the queue full. */
static bool queue_packet(struct ipcp_dev *d, struct sk_buff *skb)
{
	bool queued = false;

	if (skb_queue_len_lockless(&d->rxq) >= IPCP_DEV_RXQ)
		return false;
	spin_lock(&d->rxq.lock);
	/* Once this is false, link_stop() takes the lock and empties the queue. */
	if (netif_running(d->dev)) {
		__skb_queue_tail(&d->rxq, skb);
		queued = true;
	}
	spin_unlock(&d->rxq.lock);
	if (queued)
		napi_schedule(&d->napi);
	return queued;
}

/**
 * ipcp_netdev_receive() - Receive a message of the flow as a packet
 * @flow: flow of an interface
 * @skb: message; consumed
 *
 * Context: Softirq; not called concurrently for one flow. While the interface
 * changes its flow, both flows may call this function at the same time.
 */
void ipcp_netdev_receive(struct ipcp_kflow *flow, struct sk_buff *skb)
{
	struct net_device *dev = ipcp_kflow_priv(flow);
	struct ipcp_dev *d = netdev_priv(dev);
	unsigned int len = skb->len;

	if (!decapsulate_packet(dev, skb)) {
		DEV_STATS_INC(dev, rx_errors);
		DEV_STATS_INC(dev, rx_frame_errors);
		kfree_skb(skb);
	} else if (!queue_packet(d, skb)) {
		DEV_STATS_INC(dev, rx_dropped);
		kfree_skb(skb);
	} else {
		dev_sw_netstats_rx_add(dev, len);
	}
}

static void take_received(struct ipcp_dev *d)
{
	spin_lock(&d->rxq.lock);
	skb_queue_splice_tail_init(&d->rxq, &d->polled);
	spin_unlock(&d->rxq.lock);
}

/**
 * ipcp_netdev_poll() - Pass received packets to the stack
 * @napi: ipcp_dev.napi
 * @budget: maximum number of packets
 *
 * Context: NAPI.
 * Return: the number of packets.
 */
int ipcp_netdev_poll(struct napi_struct *napi, int budget)
{
	struct ipcp_dev *d = container_of(napi, struct ipcp_dev, napi);
	struct sk_buff *skb;
	int done;

	for (done = 0; done < budget; done++) {
		if (skb_queue_empty(&d->polled))
			take_received(d);
		skb = __skb_dequeue(&d->polled);
		if (!skb)
			break;
		napi_gro_receive(napi, skb);
	}
	if (done < budget)
		napi_complete_done(napi, done);
	return done;
}

/* --- sending --- */

static bool too_long(const struct sk_buff *skb, unsigned int mtu)
{
	return skb_is_gso(skb) ? !skb_gso_validate_network_len(skb, mtu) :
				 skb->len > mtu;
}

/*
 * Report the path MTU to the sender, and let the work item lower the device
 * MTU. A temporary MTU is not reported: the packet is lost, and sent again when
 * the path MTU is known.
 */
static void answer_too_big(struct ipcp_dev *d, const struct ipcp_kflow *flow,
			   struct sk_buff *skb)
{
	unsigned int mtu;

	if (!ipcp_api_lasting_mtu(flow, &mtu) || !too_long(skb, mtu))
		return;
	if (mtu < READ_ONCE(d->dev->mtu))
		ipcp_netdev_tend_soon(d);
	skb_dst_update_pmtu_no_confirm(skb, mtu);
	if (skb->protocol == htons(ETH_P_IP))
		icmp_ndo_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED,
			      htonl(mtu));
	else
		icmpv6_ndo_send(skb, ICMPV6_PKT_TOOBIG, 0, mtu);
}

/*
 * Send a packet, or a list of segments, of which there may be more than can be
 * held without a key.
 */
static void send_all(struct net_device *dev, struct ipcp_kflow *flow,
		     struct sk_buff *skb)
{
	unsigned int packets = 0, bytes = 0;
	struct sk_buff *next;

	skb_list_walk_safe(skb, skb, next) {
		u8 ds = ip_tunnel_ecn_encap(0, ip_hdr(skb), skb);
		unsigned int len = skb->len;

		skb_mark_not_on_list(skb);
		if (unlikely(!ipcp_api_may_hold(flow))) {
			kfree_skb(skb);
			DEV_STATS_INC(dev, tx_dropped);
			continue;
		}
		if (ipcp_api_send(flow, skb, ds)) {
			DEV_STATS_INC(dev, tx_dropped);
			continue;
		}
		packets++;
		bytes += len;
	}
	dev_sw_netstats_tx_add(dev, packets, bytes);
}

/* True for an IPv4 or IPv6 packet, whose header is linear then. */
static bool is_ip(struct sk_buff *skb)
{
	/* a packet that is neither has the protocol 0 */
	return skb->protocol && pskb_inet_may_pull(skb) &&
	       ip_tunnel_parse_protocol(skb) == skb->protocol;
}

/* Return NULL if a packet can be sent, else the error counter to increment. */
static atomic_long_t *check_packet(struct ipcp_dev *d, struct ipcp_kflow *flow,
				   struct sk_buff *skb)
{
	struct net_device *dev = d->dev;

	if (!flow || !(ipcp_kflow_state(flow) & IPCP_KFLOW_UP))
		return &dev->stats.__tx_carrier_errors;
	if (!is_ip(skb))
		return &dev->stats.__tx_errors;
	if (likely(!too_long(skb, ipcp_kflow_mtu(flow))))
		return NULL;
	ipcp_api_too_long(flow);
	answer_too_big(d, flow, skb);
	return &dev->stats.__tx_errors;
}

/*
 * Send the segments of a large TCP packet in as few buffers as possible. Return
 * false if the segments from number @done on have to be sent one by one.
 */
static bool send_large(struct net_device *dev, struct ipcp_kflow *flow,
		       struct sk_buff *skb, unsigned int *done)
{
	u8 ds = ip_tunnel_ecn_encap(0, ip_hdr(skb), skb);
	struct ipcp_tcp_cut cut;
	struct sk_buff *segs;
	unsigned int count;
	int sent;

	*done = 0;
	if (!ipcp_tcp_cut_init(&cut, skb))
		return false;
	for (; *done < cut.count; *done += sent) {
		segs = ipcp_api_sends_now(flow) ?
			ipcp_tcp_cut_some(&cut, *done, &count) : NULL;
		sent = segs ? ipcp_api_send_segs(flow, segs, ds) : 0;
		if (unlikely(!sent))
			return false;
		if (unlikely(sent < 0)) {
			DEV_STATS_ADD(dev, tx_dropped, cut.count - *done);
			return true;
		}
		dev_sw_netstats_tx_add(dev, sent,
				       ipcp_tcp_cut_len(&cut, *done, sent));
	}
	return true;
}

/* Send a GSO packet. */
static void send_gso(struct net_device *dev, struct ipcp_kflow *flow,
		     struct sk_buff *skb)
{
	struct sk_buff *segs, *next;
	unsigned int done;

	if (likely(send_large(dev, flow, skb, &done))) {
		consume_skb(skb);
		return;
	}
	segs = skb_gso_segment(skb, 0);
	if (IS_ERR_OR_NULL(segs)) {
		DEV_STATS_INC(dev, tx_dropped);
		kfree_skb(skb);
		return;
	}
	consume_skb(skb);
	for (; done; done--, segs = next) {
		next = segs->next;
		skb_mark_not_on_list(segs);
		consume_skb(segs);
	}
	send_all(dev, flow, segs);
}

/* Return true if there is no room. The queue is stopped until link_room() wakes it. */
static bool is_stopped(struct net_device *dev, struct ipcp_kflow *flow)
{
	if (likely(ipcp_api_room(flow)))
		return false;
	netif_stop_queue(dev);
	if (ipcp_api_want_room(flow))
		return true;
	/* Another sender may have seen the stopped queue and left packets. */
	netif_wake_queue(dev);
	return false;
}

/**
 * ipcp_netdev_xmit() - Send a packet
 * @skb: packet; consumed unless NETDEV_TX_BUSY is returned
 * @dev: interface
 *
 * Context: ndo_start_xmit without a queue lock (dev->lltx).
 * Return: NETDEV_TX_OK, or NETDEV_TX_BUSY if the queue was stopped.
 */
netdev_tx_t ipcp_netdev_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct ipcp_dev *d = netdev_priv(dev);
	struct ipcp_kflow *flow = rcu_dereference_bh(d->flow);
	atomic_long_t *why = check_packet(d, flow, skb);

	if (unlikely(why)) {
		atomic_long_inc(why);
		kfree_skb(skb);
		return NETDEV_TX_OK;
	}
	if (unlikely(is_stopped(dev, flow)))
		return NETDEV_TX_BUSY;
	if (skb_is_gso(skb))
		send_gso(dev, flow, skb);
	else
		send_all(dev, flow, skb);
	return NETDEV_TX_OK;
}
