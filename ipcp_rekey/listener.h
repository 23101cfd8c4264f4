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
 * @list: in the namespace's list
 * @ipn: namespace
 * @name: name
 * @owner: who opened it
 * @payer: who pays for its flows
 * @backlog: flows that may be pending or waiting
 * @request: number of the request to the agent
 * @answered: the agent said whether it is granted
 * @error: 0 if it was granted, else a positive errno
 * @reason: the same in words
 * @pending: flows that the peer has not confirmed yet
 * @waiting: flows to be accepted
 * @nflows: flows in both lists
 * @consumer: who is told of the answer, and of flows to accept; with a reference
 *
 * All but what never changes is under the namespace's mutex.
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
bool ipcp_listener_remove(struct ipcp_listener *l, struct list_head *flows);
void ipcp_listener_add_flow(struct ipcp_listener *l, struct ipcp_flow *flow);
void ipcp_listener_flow_ready(struct ipcp_flow *flow);
void ipcp_listener_forget(struct ipcp_flow *flow);
struct ipcp_flow *ipcp_listener_accept(struct ipcp_listener *l);
bool ipcp_listener_answered(const struct ipcp_listener *l);
bool ipcp_listener_waiting(struct ipcp_listener *l);

#endif /* _IPCP_LISTENER_H */
