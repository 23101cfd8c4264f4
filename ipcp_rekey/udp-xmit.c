// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Sending over UDP: look up the route, which is cached in the flow, add the
 * headers and pass the packet to the stack. There is no queue here.
 *
 * The tunnel helpers (udp_tunnel_xmit_skb()) are not used. They also scrub the
 * state of the inner packet, which packets that are built here do not have.
 */
#include <linux/inetdevice.h>
#include <linux/skbuff.h>
#include <net/addrconf.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/rtnetlink.h>
#include <net/sock.h>
#include <net/udp.h>

#include "cb.h"
#include "flow.h"
#include "net.h"
#include "probe.h"
#include "udp-int.h"
#include "udp.h"
#include "wire.h"

#define IPCP_UDP_MAX	65507	/* payload of the longest IPv4 datagram */
#define IPCP_UDP_NEST	2	/* tunnels in each other, with the outermost */

/*
 * Number of nested sends on this CPU of flows that have an interface: each but
 * the first is inside of the previous one, which leaves by the next interface.
 * Bottom halves are off meanwhile, so nothing else sends on this CPU. With
 * PREEMPT_RT another task of this CPU can, since only migration is off. Both
 * then count together, so that at worst a packet is refused.
 */
static DEFINE_PER_CPU(unsigned int, nested);

static u16 payload_mtu(unsigned int mtu, unsigned int ip_len)
{
	mtu -= min(mtu, ip_len + (unsigned int)sizeof(struct udphdr));
	return min_t(unsigned int, mtu, IPCP_UDP_MAX);
}

/*
 * Return the device of a route. The MTU of two devices says nothing about the
 * path: return -ENETUNREACH for the black hole, which the route has when its
 * device is being removed, and -ELOOP for the interface over the flow, @own.
 */
static const struct net_device *dev_of(const struct dst_entry *dst,
				       const struct net_device *own)
{
	const struct net_device *dev = READ_ONCE(dst->dev);

	if (unlikely(dev == blackhole_netdev))
		return ERR_PTR(-ENETUNREACH);
	return likely(dev != own) ? dev : ERR_PTR(-ELOOP);
}

/* Return the MTU of a route's device, or the route's own if that is less. */
static unsigned int configured_mtu(const struct dst_entry *dst,
				   const struct net_device *dev, u32 metric)
{
	unsigned int mtu = READ_ONCE(dev->mtu);

	if (metric)
		mtu = min(mtu, metric);
	return mtu - lwtunnel_headroom(dst->lwtstate, mtu);
}

static void fill_link(const struct dst_entry *dst,
		      const struct net_device *dev, u32 metric,
		      unsigned int ip_len, struct ipcp_probe_link *link)
{
	link->size = payload_mtu(configured_mtu(dst, dev, metric), ip_len);
	link->hint = payload_mtu(dst_mtu(dst), ip_len);
	link->v6 = ip_len == sizeof(struct ipv6hdr);
	link->loopback = dev->flags & IFF_LOOPBACK;
}

/*
 * Get the packet sizes of a route. A path MTU that the stack has learned from
 * ICMP is in rt->rt_pmtu, and in IPv6 in the metrics of a clone. It must not
 * limit what is sent, so read the configured metrics.
 */
static void link4(const struct rtable *rt, const struct net_device *dev,
		  struct ipcp_probe_link *link)
{
	fill_link(&rt->dst, dev, dst_metric_raw(&rt->dst, RTAX_MTU),
		  sizeof(struct iphdr), link);
}

static void link6(const struct dst_entry *dst, const struct net_device *dev,
		  struct ipcp_probe_link *link)
{
	const struct fib6_info *from;
	const struct inet6_dev *idev;
	u32 metric = 0;

	from = rcu_dereference(dst_rt6_info(dst)->from);
	if (from)
		metric = from->fib6_metrics->metrics[RTAX_MTU - 1];
	idev = __in6_dev_get(dev);
	if (!metric && idev)
		metric = READ_ONCE(idev->cnf.mtu6);	/* sysctl, or RA */
	fill_link(dst, dev, metric, sizeof(struct ipv6hdr), link);
	if (unlikely(!ipcp_udp_may_mark(dst)))
		link->size = min(link->size, link->hint);
}

/* Return the length of the longest packet in a buffer. */
static unsigned int packet_len(const struct sk_buff *skb)
{
	return skb_is_gso(skb) ? skb_shinfo(skb)->gso_size : skb->len;
}

/*
 * True if packets can leave from an address of this host: a device has the
 * address, and the device is up. Otherwise routing chooses another address.
 */
static bool usable(const struct net_device *dev)
{
	return dev && netif_running(dev) && netif_carrier_ok(dev);
}

/* Look up a route, and keep it in @cache. */
static struct rtable *look_up4(struct ipcp_net *ipn, struct sock *sk,
			       const struct ipcp_ends *to,
			       struct dst_cache *cache, __be32 *saddr)
{
	__be32 local = to->local.in.s_addr;
	struct flowi4 fl = {
		.daddr = to->peer.sin.sin_addr.s_addr,
		.fl4_dport = to->peer.sin.sin_port,
		.fl4_sport = inet_sk(sk)->inet_sport,
		.flowi4_mark = READ_ONCE(ipn->mark),
		.flowi4_proto = IPPROTO_UDP,
	};
	struct rtable *rt;

	if (local && usable(__ip_dev_find(ipn->net, local, false)))
		fl.saddr = local;
	rt = ip_route_output_flow(ipn->net, &fl, sk);
	if (IS_ERR(rt))
		return rt;
	*saddr = fl.saddr;
	if (cache)
		dst_cache_set_ip4(cache, &rt->dst, fl.saddr);
	return rt;
}

static struct rtable *route4(struct ipcp_net *ipn, struct sock *sk,
			     const struct ipcp_ends *to,
			     struct dst_cache *cache, __be32 *saddr)
{
	struct rtable *rt = cache ? dst_cache_get_ip4(cache, saddr) : NULL;

	return rt ?: look_up4(ipn, sk, to, cache, saddr);
}

/*
 * Push the UDP header. The checksum is completed by the device or when the
 * buffer is segmented. The callers fill in the sum of the pseudo-header.
 */
static struct udphdr *push_udp(struct sk_buff *skb, __be16 sport, __be16 dport)
{
	struct udphdr *uh = __skb_push(skb, sizeof(*uh));

	skb_reset_transport_header(skb);
	uh->source = sport;
	uh->dest = dport;
	uh->len = htons(skb->len);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_transport_header(skb) - skb->head;
	skb->csum_offset = offsetof(struct udphdr, check);
	return uh;
}

/* Push the headers and send. Consumes the packet and the route. */
static void out4(struct ipcp_net *ipn, struct sock *sk, struct rtable *rt,
		 __be32 saddr, const struct sockaddr_in *to,
		 struct sk_buff *skb)
{
	__be32 daddr = to->sin_addr.s_addr;
	u8 dsfield = ipcp_cb(skb)->dsfield;
	struct udphdr *uh;
	struct iphdr *iph;

	uh = push_udp(skb, inet_sk(sk)->inet_sport, to->sin_port);
	uh->check = ~udp_v4_check(skb->len, saddr, daddr, 0);
	skb_dst_set(skb, &rt->dst);
	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));

	iph = __skb_push(skb, sizeof(*iph));
	skb_reset_network_header(skb);
	iph->version = 4;
	iph->ihl = sizeof(*iph) / 4;
	iph->tos = dsfield;
	iph->ttl = ip4_dst_hoplimit(&rt->dst);
	iph->protocol = IPPROTO_UDP;
	iph->saddr = saddr;
	iph->daddr = daddr;
	/*
	 * The packet is never fragmented, so no id is needed. Ignore
	 * ip_mtu_locked(), which an ICMP message can cause.
	 */
	iph->frag_off = htons(IP_DF);
	iph->id = 0;
	ip_local_out(ipn->net, sk, skb);	/* sets length and checksum */
}

static bool is_interface(const struct net_device *dev)
{
	return dev->rtnl_link_ops &&
	       !strcmp(dev->rtnl_link_ops->kind, IPCP_LINK_KIND);
}

/*
 * True if a packet would leave by one tunnel too many: nested sends need stack.
 * The devices of others, such as VXLAN, may be between two tunnels.
 */
static bool too_deep(const struct net_device *dev)
{
	unsigned int depth = this_cpu_read(nested);

	return depth >= IPCP_UDP_NEST &&
	       (depth > IPCP_UDP_NEST || is_interface(dev));
}

/*
 * Get the packet sizes of a route, unless the packet is known to fit. Return an
 * error of dev_of(), -ELOOP for one tunnel too many, or -EMSGSIZE if the packet
 * is too long.
 */
static int check4(const struct sk_buff *skb, const struct rtable *rt,
		  struct ipcp_probe_link *link)
{
	const struct net_device *dev = dev_of(&rt->dst, link->own);

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	if (unlikely(too_deep(dev)))
		return -ELOOP;
	if (likely(link->fits))
		return 0;
	link4(rt, dev, link);
	return packet_len(skb) <= link->size ? 0 : -EMSGSIZE;
}

static int xmit4(struct ipcp_net *ipn, struct sock *sk,
		 const struct ipcp_ends *to, struct dst_cache *cache,
		 struct ipcp_probe_link *link,
		 struct sk_buff *skb)
{
	struct rtable *rt;
	__be32 saddr;
	int err;

	rt = route4(ipn, sk, to, cache, &saddr);
	if (IS_ERR(rt))
		return PTR_ERR(rt);
	err = check4(skb, rt, link);
	if (!err)
		err = ipcp_udp_make_room(skb, &rt->dst, sizeof(struct iphdr));
	if (err) {
		ip_rt_put(rt);
		return err;
	}
	skb->mark = READ_ONCE(ipn->mark);
	out4(ipn, sk, rt, saddr, &to->peer.sin, skb);
	return 0;
}

/*
 * True if packets can leave from an IPv6 address: see usable(). An address that
 * is still being checked for duplicates is not usable.
 */
static bool usable6(struct net *net, const struct in6_addr *addr, int oif)
{
	struct net_device *dev;

	if (ipv6_addr_type(addr) & IPV6_ADDR_LINKLOCAL)
		dev = dev_get_by_index_rcu(net, oif);
	else
		dev = ipv6_dev_find(net, addr, NULL);
	return usable(dev) && ipv6_chk_addr(net, addr, dev, 1);
}

/* Look up a route, and keep it in @cache. */
static struct dst_entry *look_up6(struct ipcp_net *ipn, struct sock *sk,
				  const struct ipcp_ends *to,
				  struct dst_cache *cache,
				  struct in6_addr *saddr)
{
	const struct in6_addr *local = &to->local.in6;
	struct flowi6 fl = {
		.daddr = to->peer.sin6.sin6_addr,
		.fl6_dport = to->peer.sin6.sin6_port,
		.fl6_sport = inet_sk(sk)->inet_sport,
		.flowi6_mark = READ_ONCE(ipn->mark),
		.flowi6_oif = to->peer.sin6.sin6_scope_id,
		.flowi6_proto = IPPROTO_UDP,
	};
	struct dst_entry *dst;

	if (!ipv6_addr_any(local) && usable6(ipn->net, local, fl.flowi6_oif))
		fl.saddr = *local;
	dst = ip6_dst_lookup_flow(ipn->net, sk, &fl, NULL);
	if (IS_ERR(dst))
		return dst;
	*saddr = fl.saddr;
	if (cache)
		dst_cache_set_ip6(cache, dst, &fl.saddr);
	return dst;
}

static struct dst_entry *route6(struct ipcp_net *ipn, struct sock *sk,
				const struct ipcp_ends *to,
				struct dst_cache *cache, struct in6_addr *saddr)
{
	struct dst_entry *dst = cache ? dst_cache_get_ip6(cache, saddr) : NULL;

	return dst ?: look_up6(ipn, sk, to, cache, saddr);
}

/* Do for IPv6 what out4() does for IPv4. */
static void out6(struct ipcp_net *ipn, struct sock *sk, struct dst_entry *dst,
		 const struct in6_addr *saddr, const struct sockaddr_in6 *to,
		 struct sk_buff *skb)
{
	u8 dsfield = ipcp_cb(skb)->dsfield;
	struct ipv6hdr *iph;
	struct udphdr *uh;

	uh = push_udp(skb, inet_sk(sk)->inet_sport, to->sin6_port);
	uh->check = ~udp_v6_check(skb->len, saddr, &to->sin6_addr, 0);
	skb_dst_set(skb, dst);
	memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));

	iph = __skb_push(skb, sizeof(*iph));
	skb_reset_network_header(skb);
	ip6_flow_hdr(iph, dsfield, 0);
	iph->hop_limit = ip6_dst_hoplimit(dst);
	iph->nexthdr = IPPROTO_UDP;
	iph->saddr = *saddr;
	iph->daddr = to->sin6_addr;
	ipcp_udp_mark(skb);
	ip6_local_out(ipn->net, sk, skb);	/* sets the length */
}

/*
 * Do for IPv6 what check4() does for IPv4. Inside the transmit of another
 * device, path MTUs from ICMP limit what IPv6 sends.
 */
static int check6(const struct sk_buff *skb, const struct dst_entry *dst,
		  struct ipcp_probe_link *link)
{
	unsigned int len = packet_len(skb);
	const struct net_device *dev = dev_of(dst, link->own);

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	if (unlikely(too_deep(dev)))
		return -ELOOP;
	if (likely(link->fits))
		return 0;
	link6(dst, dev, link);
	if (len > link->size ||
	    unlikely(dev_recursion_level() && len > link->hint))
		return -EMSGSIZE;
	return 0;
}

static int xmit6(struct ipcp_net *ipn, struct sock *sk,
		 const struct ipcp_ends *to, struct dst_cache *cache,
		 struct ipcp_probe_link *link,
		 struct sk_buff *skb)
{
	struct dst_entry *dst;
	struct in6_addr saddr;
	int err;

	dst = route6(ipn, sk, to, cache, &saddr);
	if (IS_ERR(dst))
		return PTR_ERR(dst);
	err = check6(skb, dst, link);
	if (!err)
		err = ipcp_udp_make_room(skb, dst, sizeof(struct ipv6hdr));
	if (err) {
		dst_release(dst);
		return err;
	}
	skb->mark = READ_ONCE(ipn->mark);
	out6(ipn, sk, dst, &saddr, &to->peer.sin6, skb);
	return 0;
}

/*
 * Send a packet to an address, and store the packet sizes of the route in
 * @link, unless the packet is known to fit. Consume the packet, unless an error
 * is returned. Context: under RCU, with bottom halves off.
 */
static int xmit_family(struct ipcp_net *ipn, u8 slot, const struct ipcp_ends *to,
		       struct dst_cache *cache, struct ipcp_probe_link *link,
		       struct sk_buff *skb)
{
	struct ipcp_udp_sock *us = ipcp_udp_sock(ipn, slot, to->peer.sa.sa_family);

	if (unlikely(!us))
		return -ENETUNREACH;
	if (to->peer.sa.sa_family == AF_INET)
		return xmit4(ipn, us->sk, to, cache, link, skb);
	return xmit6(ipn, us->sk, to, cache, link, skb);
}

/*
 * True if a packet is known to fit. The packet sizes of a route are looked up
 * once per jiffy: if the link or the configured MTU has become smaller, packets
 * may be too long until that jiffy ends.
 */
static bool known_to_fit(const struct ipcp_bind *bind, const struct sk_buff *skb)
{
	unsigned long age = jiffies - READ_ONCE(bind->looked);

	return !age && !dev_recursion_level() &&
	       packet_len(skb) <= READ_ONCE(bind->size);
}

/* True if a flow does not know these packet sizes. */
static bool is_news(const struct ipcp_flow *flow,
		    const struct ipcp_probe_link *link)
{
	return ipcp_probe_key(link) != READ_ONCE(flow->probe.key) ||
	       link->hint != READ_ONCE(flow->probe.hint);
}

static void note_link(struct ipcp_flow *flow, struct ipcp_bind *bind,
		      const struct ipcp_probe_link *link)
{
	unsigned long now = jiffies;

	if (READ_ONCE(bind->size) != link->size)
		WRITE_ONCE(bind->size, link->size);
	if (READ_ONCE(bind->looked) != now)
		WRITE_ONCE(bind->looked, now);
	if (unlikely(is_news(flow, link)))
		ipcp_probe_link(flow, link);
}

/*
 * Send a packet of a flow, and note the packet sizes of its route. Consume the
 * packet, unless an error is returned.
 */
static int xmit_bound(struct ipcp_flow *flow, struct ipcp_bind *bind,
		      struct sk_buff *skb)
{
	struct ipcp_probe_link link = {
		.own = READ_ONCE(flow->dev),
		.fits = known_to_fit(bind, skb),
	};
	int err;

	if (link.own)
		this_cpu_inc(nested);
	err = xmit_family(flow->net, flow->slot, &bind->ends, &bind->dst, &link, skb);
	if (link.own)
		this_cpu_dec(nested);
	if (unlikely(!link.fits))
		note_link(flow, bind, &link);
	return err;
}

/**
 * ipcp_udp_xmit() - Send a sealed packet to a flow's peer
 * @flow: flow
 * @skb: packet, starting with its header; consumed
 *
 * Context: Under RCU, with bottom halves off.
 * Return: 0; -EMSGSIZE if the packet does not fit the path; -ELOOP if it would
 * leave by the interface over its flow, or by a third tunnel; -ENETUNREACH
 * without a socket of the address family, or if the device of the route is being
 * removed; -EDESTADDRREQ without an address; -ENOMEM; a routing error.
 */
int ipcp_udp_xmit(struct ipcp_flow *flow, struct sk_buff *skb)
{
	struct ipcp_bind *bind = rcu_dereference(flow->bind);
	int err = -EDESTADDRREQ;

	if (likely(bind))
		err = xmit_bound(flow, bind, skb);
	if (unlikely(err))
		ipcp_flow_drop_all(flow, skb, err == -ENOMEM ? IPCP_DROP_NOMEM :
							       IPCP_DROP_TX_ROUTE);
	return err;
}

/**
 * ipcp_udp_xmit_to() - Send a packet that belongs to no flow
 * @ipn: namespace
 * @slot: socket to send from
 * @to: addresses
 * @skb: packet, starting with its header; consumed
 *
 * Context: Process context or softirq.
 * Return: as ipcp_udp_xmit().
 */
int ipcp_udp_xmit_to(struct ipcp_net *ipn, u8 slot, const struct ipcp_ends *to,
		     struct sk_buff *skb)
{
	struct ipcp_probe_link link = {};
	int err;

	local_bh_disable();
	rcu_read_lock();
	err = xmit_family(ipn, slot, to, NULL, &link, skb);
	rcu_read_unlock();
	local_bh_enable();
	if (err)
		kfree_skb(skb);
	return err;
}

static int path_link(struct ipcp_net *ipn, u8 slot, const struct ipcp_ends *to,
		     struct ipcp_probe_link *link)
{
	struct ipcp_udp_sock *us = ipcp_udp_sock(ipn, slot, to->peer.sa.sa_family);
	const struct net_device *dev;
	struct in6_addr saddr6;
	struct dst_entry *dst;
	struct rtable *rt;
	__be32 saddr;

	if (!us)
		return -ENETUNREACH;
	if (to->peer.sa.sa_family == AF_INET) {
		rt = route4(ipn, us->sk, to, NULL, &saddr);
		if (IS_ERR(rt))
			return PTR_ERR(rt);
		dev = dev_of(&rt->dst, link->own);
		if (!IS_ERR(dev))
			link4(rt, dev, link);
		ip_rt_put(rt);
		return PTR_ERR_OR_ZERO(dev);
	}
	dst = route6(ipn, us->sk, to, NULL, &saddr6);
	if (IS_ERR(dst))
		return PTR_ERR(dst);
	dev = dev_of(dst, link->own);
	if (!IS_ERR(dev))
		link6(dst, dev, link);
	dst_release(dst);
	return PTR_ERR_OR_ZERO(dev);
}

/**
 * ipcp_udp_link() - Get the packet sizes of the route to an address
 * @ipn: namespace
 * @slot: socket to send from
 * @to: addresses
 * @link: (output) the link; the caller sets @own
 *
 * Context: Process context.
 * Return: 0; -EMSGSIZE if no message fits; -ENETUNREACH as ipcp_udp_xmit();
 * -ELOOP if the route leads through the interface @own of the link; a routing
 * error.
 */
int ipcp_udp_link(struct ipcp_net *ipn, u8 slot, const struct ipcp_ends *to,
		  struct ipcp_probe_link *link)
{
	int err;

	local_bh_disable();
	rcu_read_lock();
	err = path_link(ipn, slot, to, link);
	rcu_read_unlock();
	local_bh_enable();
	if (!err && link->size <= IPCP_OVERHEAD)
		return -EMSGSIZE;
	return err;
}

/**
 * ipcp_udp_look() - Look up the packet sizes of a flow's route again
 * @flow: flow
 *
 * Context: Process context.
 */
void ipcp_udp_look(struct ipcp_flow *flow)
{
	struct ipcp_probe_link link = { .own = READ_ONCE(flow->dev) };
	struct ipcp_ends ends;

	ipcp_bind_get(flow, &ends);
	if (ends.peer.sa.sa_family &&
	    !ipcp_udp_link(flow->net, READ_ONCE(flow->slot), &ends, &link) &&
	    is_news(flow, &link))
		ipcp_probe_link(flow, &link);
}
