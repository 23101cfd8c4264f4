/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPCP_CONFIRM_H
#define _IPCP_CONFIRM_H

#include <linux/types.h>

struct ipcp_epoch;
struct ipcp_flow;

void ipcp_confirm_ask(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		      unsigned long *next);
bool ipcp_confirm_rcv(struct ipcp_flow *flow, struct ipcp_epoch *ep, u8 flags);
void ipcp_confirm_keepalive(struct ipcp_flow *flow);

#endif /* _IPCP_CONFIRM_H */
