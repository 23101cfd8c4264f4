/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_NETDEV_H
#define _IPCP_NETDEV_H

int ipcp_netdev_init(void);
void ipcp_netdev_exit(void);

#endif /* _IPCP_NETDEV_H */
