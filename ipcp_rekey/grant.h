/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_GRANT_H
#define _IPCP_GRANT_H

#include <linux/list.h>
#include <linux/types.h>
#include <uapi/linux/ipcp_rekey.h>

#include "owner.h"

struct ipcp_consumer;
struct ipcp_net;

/**
 * struct ipcp_grant - a name that a consumer wants to serve or to provide, and
 * the agent's answer
 * @list: entry in the list of the namespace. Locking: net->lock.
 * @ipn: network namespace. Locking: constant.
 * @name: name. Locking: constant.
 * @owner: task that asked. Locking: constant.
 * @payer: user and control group that is charged. Locking: constant.
 * @type: IPCP_REKEY_UPCALL_TYPE_LISTEN or _PROVIDE. Locking: constant.
 * @request: number of the request to the agent. Locking: constant.
 * @answered: true once the agent granted or refused the name. Locking: set once
 *	under net->lock, may be read locklessly with ipcp_grant_answered().
 * @error: 0 if the name was granted, otherwise a positive errno. Locking: set
 *	once under net->lock before @answered, may be read locklessly after it.
 * @reason: @error in words. Locking: as @error.
 * @consumer: consumer to wake for the answer, with a reference. Locking:
 *	constant.
 */
struct ipcp_grant {
	struct list_head list;
	struct ipcp_net *ipn;
	char *name;
	struct ipcp_owner owner;
	struct ipcp_payer payer;
	u32 type;
	u64 request;
	bool answered;
	int error;
	char reason[IPCP_REASON_LEN];
	struct ipcp_consumer *consumer;
};

int ipcp_grant_init(struct ipcp_grant *g, struct ipcp_net *ipn, u32 type,
		    char *name, struct ipcp_consumer *consumer);
int ipcp_grant_ask(struct ipcp_grant *g, void (*asked)(struct ipcp_grant *g));
void ipcp_grant_end(struct ipcp_grant *g, u32 type);
void ipcp_grant_clear(struct ipcp_grant *g);

int ipcp_grant_answer(struct ipcp_net *ipn, u64 request, int error,
		      const char *reason);
void ipcp_grant_lapse(struct ipcp_net *ipn);
bool ipcp_grant_answered(const struct ipcp_grant *g);
int ipcp_grant_refusal(const struct ipcp_grant *g);

#endif /* _IPCP_GRANT_H */
