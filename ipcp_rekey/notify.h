/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPCP_NOTIFY_H
#define _IPCP_NOTIFY_H

#include <linux/types.h>

struct ipcp_flow;

void ipcp_notify(struct ipcp_flow *flow, u32 event, u8 epoch, u32 exchange);

#endif /* _IPCP_NOTIFY_H */
