/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * kernel_bind(): since 6.19 it takes a struct sockaddr_unsized.
 * sk_ll_usec: only kernels with busy polling have this field.
 */
#ifndef _IPCP_COMPAT_SOCKET_H
#define _IPCP_COMPAT_SOCKET_H

#include <linux/net.h>
#include <linux/socket.h>
#include <linux/version.h>
#include <net/sock.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
static inline int ipcp_kernel_bind(struct socket *sock,
				   struct sockaddr_storage *addr, int len)
{
	return kernel_bind(sock, (struct sockaddr_unsized *)addr, len);
}
#else
static inline int ipcp_kernel_bind(struct socket *sock,
				   struct sockaddr_storage *addr, int len)
{
	return kernel_bind(sock, (struct sockaddr *)addr, len);
}
#endif

/* Turn off busy polling, so that sk_data_ready() is called for each datagram. */
static inline void ipcp_sock_no_busy_poll(struct sock *sk)
{
#ifdef CONFIG_NET_RX_BUSY_POLL
	sk->sk_ll_usec = 0;
#endif
}

#endif /* _IPCP_COMPAT_SOCKET_H */
