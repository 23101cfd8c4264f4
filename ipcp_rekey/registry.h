/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_REGISTRY_H
#define _IPCP_REGISTRY_H

#include "net.h"

struct ipcp_flow;
struct pid_namespace;

int ipcp_registry_add(struct ipcp_flow *flow);
void ipcp_registry_del(struct ipcp_flow *flow);
struct ipcp_flow *ipcp_registry_get(struct ipcp_net *ipn, u32 id);
struct ipcp_flow *ipcp_registry_get_by_eid(struct ipcp_net *ipn, u32 eid);
struct ipcp_flow *ipcp_registry_next(struct ipcp_net *ipn, unsigned long *id);
u32 ipcp_registry_count(struct ipcp_net *ipn);
struct ipcp_flow *ipcp_registry_by_eid(struct ipcp_net *ipn, u32 eid);

/* Re-key functions of Ouroboros's registry; the others are in rekey.h. */
int ipcp_registry_get_epoch(struct ipcp_flow *flow);
bool ipcp_registry_rekey_pending(struct ipcp_flow *flow);
pid_t ipcp_registry_get_n_1_pid(const struct ipcp_flow *flow,
				struct pid_namespace *pids);
bool ipcp_registry_is_direct(const struct ipcp_flow *flow);

int ipcp_registry_net_init(struct ipcp_net *ipn);
void ipcp_registry_net_exit(struct ipcp_net *ipn);

#endif /* _IPCP_REGISTRY_H */
