/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_LISTENER_H
#define _IPCP_LISTENER_H

#include <linux/list.h>
#include <linux/types.h>

#include "flow.h"

struct ipcp_net;

/**
 * struct ipcp_listener - a name that a consumer serves
 * @list: entry in the list of the namespace
 * @ipn: network namespace. Locking: constant.
 * @name: name. Locking: constant.
 * @owner: task that serves the name. Locking: constant.
 * @payer: user and control group that its flows are charged to. Locking:
 *	constant.
 * @backlog: maximum number of flows in @pending and @waiting. Locking:
 *	constant.
 * @request: number of the request to the agent. Locking: constant.
 * @answered: true once the agent granted or refused the name. Locking: set once
 *	under net->lock, may be read locklessly with ipcp_listener_answered().
 * @error: 0 if the name was granted, otherwise a positive errno. Locking: set
 *	once under net->lock before @answered, may be read locklessly after it.
 * @reason: @error in words. Locking: as @error.
 * @pending: flows that are not allocated yet
 * @waiting: flows that can be accepted. May be tested for emptiness locklessly.
 * @nflows: number of flows in both lists
 * @consumer: consumer to wake for the answer and for flows to accept, with a
 *	reference. Locking: constant.
 *
 * Locking: protected by net->lock, except as noted.
 */
struct ipcp_listener {
	struct list_head list;
	struct ipcp_net *ipn;
	char *name;
	struct ipcp_owner owner;
	struct ipcp_payer payer;
	u32 backlog;
	u64 request;
	bool answered;
	int error;
	char reason[IPCP_REASON_LEN];
	struct list_head pending;
	struct list_head waiting;
	unsigned int nflows;
	struct ipcp_consumer *consumer;
};

int ipcp_listener_answer(struct ipcp_net *ipn, u64 request, int error,
			 const char *reason);
void ipcp_listener_lapse(struct ipcp_net *ipn);

struct ipcp_listener *ipcp_listener_find(struct ipcp_net *ipn, const char *name);
struct ipcp_listener *ipcp_listener_find_again(struct ipcp_net *ipn, u64 request);
bool ipcp_listener_remove(struct ipcp_listener *l, struct list_head *flows);
void ipcp_listener_add_flow(struct ipcp_listener *l, struct ipcp_flow *flow);
void ipcp_listener_flow_ready(struct ipcp_flow *flow);
void ipcp_listener_forget(struct ipcp_flow *flow);
struct ipcp_flow *ipcp_listener_accept(struct ipcp_listener *l);
bool ipcp_listener_answered(const struct ipcp_listener *l);
int ipcp_listener_refusal(const struct ipcp_listener *l);
bool ipcp_listener_waiting(struct ipcp_listener *l);

#endif /* _IPCP_LISTENER_H */
