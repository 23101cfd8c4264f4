/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_LISTENER_H
#define _IPCP_LISTENER_H

#include <linux/list.h>
#include <linux/types.h>

#include "flow.h"
#include "grant.h"

struct ipcp_net;

/**
 * struct ipcp_listener - a name that a consumer serves
 * @grant: name, and the agent's permission to serve it
 * @list: entry in the list of the namespace
 * @backlog: maximum number of flows in @pending and @waiting. Locking:
 *	constant.
 * @pending: flows that are not allocated yet
 * @waiting: flows that can be accepted. May be tested for emptiness locklessly.
 * @nflows: number of flows in both lists
 *
 * Locking: protected by net->lock, except as noted.
 */
struct ipcp_listener {
	struct ipcp_grant grant;
	struct list_head list;
	u32 backlog;
	struct list_head pending;
	struct list_head waiting;
	unsigned int nflows;
};

struct ipcp_listener *ipcp_listener_find(struct ipcp_net *ipn, const char *name);
struct ipcp_listener *ipcp_listener_find_again(struct ipcp_net *ipn, u64 request);
void ipcp_listener_remove(struct ipcp_listener *l, struct list_head *flows);
void ipcp_listener_add_flow(struct ipcp_listener *l, struct ipcp_flow *flow);
void ipcp_listener_flow_ready(struct ipcp_flow *flow);
void ipcp_listener_forget(struct ipcp_flow *flow);
struct ipcp_flow *ipcp_listener_accept(struct ipcp_listener *l);
bool ipcp_listener_waiting(struct ipcp_listener *l);

#endif /* _IPCP_LISTENER_H */
