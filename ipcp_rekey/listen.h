/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_LISTEN_H
#define _IPCP_LISTEN_H

#include <linux/types.h>

struct ipcp_listener;
struct ipcp_net;
struct ipcp_consumer;

bool ipcp_name_valid(const char *name);
struct ipcp_listener *ipcp_listen_new(struct ipcp_net *ipn, char *name,
				      u32 backlog,
				      struct ipcp_consumer *consumer);
void ipcp_listen_end(struct ipcp_listener *l);

#endif /* _IPCP_LISTEN_H */
