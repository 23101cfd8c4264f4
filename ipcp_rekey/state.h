/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_STATE_H
#define _IPCP_STATE_H

#include <linux/types.h>

struct ipcp_flow;

int ipcp_state_allocated(struct ipcp_flow *flow);
bool ipcp_state_late(struct ipcp_flow *flow);
bool ipcp_state_fail(struct ipcp_flow *flow, int error, const char *reason);
void ipcp_state_down(struct ipcp_flow *flow, int error, const char *reason);
void ipcp_state_close(struct ipcp_flow *flow);
void ipcp_state_finish(struct ipcp_flow *flow);
void ipcp_state_destroy(struct ipcp_flow *flow);

#endif /* _IPCP_STATE_H */
