/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_CONTROL_H
#define _IPCP_CONTROL_H

#include <linux/types.h>

struct ipcp_epoch;
struct ipcp_flow;

void ipcp_control_ask(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		      unsigned long *next);
void ipcp_control_confirm(struct ipcp_flow *flow, struct ipcp_epoch *ep, u8 flags);
void ipcp_control_question(struct ipcp_flow *flow, unsigned long *next);
int ipcp_control_close(struct ipcp_flow *flow);
void ipcp_control_keepalive(struct ipcp_flow *flow);
void ipcp_control_work(struct ipcp_flow *flow);

#endif /* _IPCP_CONTROL_H */
