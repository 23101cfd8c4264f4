/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_NETNS_H
#define _IPCP_NETNS_H

#include <linux/types.h>

struct ipcp_net;
struct sock;

void ipcp_netns_set_agent(struct ipcp_net *ipn, struct sock *sk, u32 portid);
void ipcp_netns_copied(void);
void ipcp_netns_sleep(void);
void ipcp_netns_wake(void);

int ipcp_netns_init(void);
void ipcp_netns_exit(void);

#endif /* _IPCP_NETNS_H */
