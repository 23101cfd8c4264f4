/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_BIND_H
#define _IPCP_BIND_H

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/types.h>
#include <net/dst_cache.h>

struct ipcp_flow;

/**
 * struct ipcp_endpoint - address of a peer
 * @sa: either family, or AF_UNSPEC
 * @sin: IPv4
 * @sin6: IPv6
 */
struct ipcp_endpoint {
	union {
		struct sockaddr sa;
		struct sockaddr_in sin;
		struct sockaddr_in6 sin6;
	};
};

/**
 * union ipcp_addr - address of this host
 * @in: IPv4
 * @in6: IPv6; a link-local address has the interface of the peer's address
 */
union ipcp_addr {
	struct in_addr in;
	struct in6_addr in6;
};

/**
 * struct ipcp_ends - the two addresses of a path, or its provider
 * @provider: number of the provider, whose packets have no addresses; 0 for UDP
 * @peer: address of the peer
 * @local: address of this host that the peer sends to, of the family of @peer;
 *	zero if none is known, and routing chooses
 */
struct ipcp_ends {
	u32 provider;
	struct ipcp_endpoint peer;
	union ipcp_addr local;
};

/**
 * struct ipcp_bind - addresses and route of the packets of a flow
 * @ends: addresses. Locking: constant
 * @dst: cached route between @ends. Locking: its own
 * @rcu: frees the bind a grace period after it was replaced
 * @looked: jiffies when @size was looked up. Locking: none, any sender
 * @size: longest packet that the link takes, 0 before the first lookup.
 *	Locking: as @looked. A sender that sees a new @looked with an old @size
 *	may send a packet that is too long.
 */
struct ipcp_bind {
	struct ipcp_ends ends;
	struct dst_cache dst;
	struct rcu_head rcu;

	/* Written by senders, at most once per jiffy. */
	unsigned long looked ____cacheline_aligned_in_smp;
	unsigned int size;
};

struct ipcp_bind *ipcp_bind_new(const struct ipcp_ends *ends, gfp_t gfp);
void ipcp_bind_free(struct ipcp_bind *bind);
void ipcp_bind_free_rcu(struct ipcp_bind *bind);
int ipcp_bind_set(struct ipcp_flow *flow, const struct ipcp_ends *ends);
void ipcp_bind_get(struct ipcp_flow *flow, struct ipcp_ends *ends);

#endif /* _IPCP_BIND_H */
