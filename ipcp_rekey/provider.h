/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_PROVIDER_H
#define _IPCP_PROVIDER_H

#include <linux/types.h>

#include "grant.h"
#include "rbuff.h"

struct ipcp_consumer;
struct ipcp_flow;
struct ipcp_net;
struct ipcp_probe_link;
struct sk_buff;

/* Longest packet of a provider: payload of the longest IPv4 datagram. */
#define IPCP_PROVIDER_MTU	65507

/**
 * struct ipcp_provider - a process that moves the packets of flows to a name
 * @grant: name, and the agent's permission to provide it
 * @id: number in the namespace. Locking: constant.
 * @mtu: longest packet in bytes that the process takes. Locking: constant.
 * @n_1_rb: ring of packets towards the process, with locks of its own
 *
 * The file of the process owns a provider. Others look it up by number under
 * RCU: a provider is freed a grace period after its removal from the table.
 */
struct ipcp_provider {
	struct ipcp_grant grant;
	u32 id;
	u32 mtu;
	struct ipcp_rbuff n_1_rb;
};

extern const struct ipcp_path_ops ipcp_provider_path;

struct ipcp_provider *ipcp_provider_new(struct ipcp_net *ipn, char *name,
					u32 mtu, struct ipcp_consumer *consumer);
void ipcp_provider_end(struct ipcp_provider *p);

u32 ipcp_provider_of(struct ipcp_net *ipn, const char *name);
bool ipcp_provider_provides(struct ipcp_net *ipn, u32 id, const char *name);
int ipcp_provider_link(struct ipcp_net *ipn, u32 id, struct ipcp_probe_link *link);
int ipcp_provider_xmit_to(struct ipcp_net *ipn, u32 id, struct sk_buff *skb);

struct sk_buff *ipcp_provider_next(struct ipcp_provider *p, unsigned int *pos,
				   unsigned int *len);
void ipcp_provider_rx(struct ipcp_provider *p, struct sk_buff *skb);

#endif /* _IPCP_PROVIDER_H */
