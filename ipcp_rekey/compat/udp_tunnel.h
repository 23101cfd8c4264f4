/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Socket of a UDP tunnel: since 7.1 its release takes a struct sock. */
#ifndef _IPCP_COMPAT_UDP_TUNNEL_H
#define _IPCP_COMPAT_UDP_TUNNEL_H

#include <linux/version.h>
#include <net/udp_tunnel.h>

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
