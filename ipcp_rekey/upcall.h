/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_UPCALL_H
#define _IPCP_UPCALL_H

#include "drop.h"
#include "flow.h"

enum ipcp_upcall_limits {
	IPCP_CTRL_BYTES		= 4 << 20,	/* of queued CTRL messages */
	IPCP_SEALED_BYTES	= 4 << 20,	/* of queued SEALED messages */
	IPCP_SEALED_SHARE	= 16,	/* a flow may use 1/16 of the rest */
	IPCP_SEALED_RUN		= 8,	/* SEALED messages in a row */
	/* other upcalls: more than a running agent leaves queued */
	IPCP_UPCALL_COUNT	= 4096,
	IPCP_UPCALL_SHARE	= 4,	/* a user may use 1/4 of the rest */
};

/**
 * struct ipcp_upcall - a request, message or notification for the agent
 * @list: entry in its queue. Locking: ipcp_net.upcall_lock
 * @id: number of a request that is answered with upcall-done, else 0
 * @type: enum ipcp_rekey_upcall_type
 * @flow: for ALLOC: the flow, with a reference
 * @sealed_of: for SEALED: the flow, with a reference
 * @user: for requests and notifications: user whose share the upcall uses, with
 *	a reference, or NULL for no limit
 * @counted: counted in the share of @user. Locking: ipcp_net.upcall_lock
 * @flow_id: id of the flow, or 0
 * @name: for LISTEN, PROVIDE and notifications: name
 * @owner: for LISTEN and PROVIDE: process that asks
 * @from: for CTRL: source of the message; its addresses are filled in when the
 *	agent takes the message. For ALLOC: the provider of the name, likewise
 * @slot: for CTRL: socket that received the message
 * @epoch: for SEALED: epoch that the message came in
 * @skb: for CTRL and SEALED: the message
 *
 * Locking: All members but @list and @counted belong to the task that took the
 * upcall off the queue, and do not change while the upcall is queued.
 */
struct ipcp_upcall {
	struct list_head list;
	u64 id;
	u32 type;
	struct ipcp_flow *flow;
	struct ipcp_flow *sealed_of;
	struct ipcp_user *user;
	bool counted;
	u32 flow_id;
	char *name;
	struct ipcp_owner owner;
	struct ipcp_ends from;
	u8 slot;
	u8 epoch;
	struct sk_buff *skb;
};

void ipcp_upcall_net_init(struct ipcp_net *ipn);
void ipcp_upcall_net_exit(struct ipcp_net *ipn);
void ipcp_upcall_purge(struct ipcp_net *ipn);

enum ipcp_drop ipcp_upcall_ctrl(struct ipcp_net *ipn, struct sk_buff *skb,
				u32 provider);
enum ipcp_drop ipcp_upcall_sealed(struct ipcp_flow *flow, u8 epoch,
				  struct sk_buff **skb);
int ipcp_upcall_alloc(struct ipcp_flow *flow);
struct ipcp_upcall *ipcp_upcall_ask_new(u32 type, const char *name,
					const struct ipcp_owner *owner,
					struct ipcp_user *user);
int ipcp_upcall_ask(struct ipcp_net *ipn, struct ipcp_upcall *up, u64 *id);
void ipcp_upcall_withdraw(struct ipcp_net *ipn, u64 id);
void ipcp_upcall_tell(struct ipcp_net *ipn, u32 type, u32 flow_id,
		      const char *name, struct ipcp_user *user);

void ipcp_upcall_forget(struct ipcp_flow *flow);

struct ipcp_upcall *ipcp_upcall_next(struct ipcp_net *ipn);
void ipcp_upcall_requeue(struct ipcp_net *ipn, struct ipcp_upcall *up);
void ipcp_upcall_free(struct ipcp_upcall *up);

#endif /* _IPCP_UPCALL_H */
