/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_NETLINK_H
#define _IPCP_NETLINK_H

int ipcp_netlink_init(void);
void ipcp_netlink_exit(void);

#endif /* _IPCP_NETLINK_H */
