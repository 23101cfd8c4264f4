/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sending through a UDP tunnel: the last argument came with 6.17, and with
 * 7.x the release takes a struct sock.
 */
#ifndef _IPCP_COMPAT_UDP_TUNNEL_H
#define _IPCP_COMPAT_UDP_TUNNEL_H

#include <linux/version.h>
#include <net/udp_tunnel.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define IPCP_XMIT(fn, ...)	fn(__VA_ARGS__, 0)
#else
#define IPCP_XMIT(fn, ...)	fn(__VA_ARGS__)
#endif

static inline void ipcp_udp4_xmit(struct rtable *rt, struct sock *sk,
				  struct sk_buff *skb, __be32 saddr,
				  __be32 daddr, u8 tos, u8 ttl, __be16 df,
				  __be16 sport, __be16 dport)
{
	IPCP_XMIT(udp_tunnel_xmit_skb, rt, sk, skb, saddr, daddr, tos, ttl, df,
		  sport, dport, false, false);
}

static inline void ipcp_udp6_xmit(struct dst_entry *dst, struct sock *sk,
				  struct sk_buff *skb,
				  const struct in6_addr *saddr,
				  const struct in6_addr *daddr, u8 prio, u8 ttl,
				  __be16 sport, __be16 dport)
{
	IPCP_XMIT(udp_tunnel6_xmit_skb, dst, sk, skb, skb->dev, saddr, daddr,
		  prio, ttl, 0, sport, dport, false);
}

#undef IPCP_XMIT

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 1, 0)
static inline void ipcp_udp_sock_release(struct socket *sock)
{
	udp_tunnel_sock_release(sock->sk);
}
#else
static inline void ipcp_udp_sock_release(struct socket *sock)
{
	udp_tunnel_sock_release(sock);
}
#endif

#endif /* _IPCP_COMPAT_UDP_TUNNEL_H */
