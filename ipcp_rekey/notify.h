/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_NOTIFY_H
#define _IPCP_NOTIFY_H

#include <linux/types.h>

struct genl_family;
struct ipcp_flow;
struct ipcp_net;

void ipcp_notify_init(const struct genl_family *family);
void ipcp_notify_exit(void);
void ipcp_notify(struct ipcp_flow *flow, u32 event, u8 epoch, u32 exchange);
void ipcp_notify_copied(struct ipcp_net *ipn);
bool ipcp_notify_agent(struct ipcp_net *ipn);

#endif /* _IPCP_NOTIFY_H */
