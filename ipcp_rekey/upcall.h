/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_UPCALL_H
#define _IPCP_UPCALL_H

#include "drop.h"
#include "flow.h"

/* Bytes of messages that may wait for the agent. */
#define IPCP_UPCALL_BYTES	(4 * 1024 * 1024)
/* All else that may: more than an agent that lives ever lets wait. */
#define IPCP_UPCALL_COUNT	4096

/**
 * struct ipcp_upcall - something for the agent
 * @list: in the queue
 * @id: number, of a request that is answered with upcall-done
 * @type: enum ipcp_rekey_upcall_type
 * @flow: for ALLOC: the flow, with a reference
 * @flow_id: number of the flow, if there is one
 * @name: for LISTEN and UNLISTEN, and those that tell of a flow
 * @owner: for LISTEN: who asks
 * @from: for CTRL: where the message came from
 * @epoch: for SEALED: epoch that it came in
 * @skb: for CTRL and SEALED: the message
 */
struct ipcp_upcall {
	struct list_head list;
	u64 id;
	u32 type;
	struct ipcp_flow *flow;
	u32 flow_id;
	char *name;
	struct ipcp_owner owner;
	struct ipcp_endpoint from;
	u8 epoch;
	struct sk_buff *skb;
};

void ipcp_upcall_net_init(struct ipcp_net *ipn);
void ipcp_upcall_net_exit(struct ipcp_net *ipn);
void ipcp_upcall_purge(struct ipcp_net *ipn);

enum ipcp_drop ipcp_upcall_ctrl(struct ipcp_net *ipn, struct sk_buff *skb);
enum ipcp_drop ipcp_upcall_sealed(struct ipcp_flow *flow, u8 epoch,
				  struct sk_buff **skb);
int ipcp_upcall_alloc(struct ipcp_flow *flow);
int ipcp_upcall_listen(struct ipcp_net *ipn, const char *name, u64 *id);
void ipcp_upcall_tell(struct ipcp_net *ipn, u32 type, u32 flow_id,
		      const char *name);

struct ipcp_upcall *ipcp_upcall_next(struct ipcp_net *ipn);
void ipcp_upcall_requeue(struct ipcp_net *ipn, struct ipcp_upcall *up);
void ipcp_upcall_free(struct ipcp_upcall *up);

#endif /* _IPCP_UPCALL_H */
