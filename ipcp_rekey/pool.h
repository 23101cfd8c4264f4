/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_POOL_H
#define _IPCP_POOL_H

struct sk_buff;

int ipcp_pool_init(void);
void ipcp_pool_exit(void);
struct sk_buff *ipcp_pool_alloc(unsigned int size);

#endif /* _IPCP_POOL_H */
