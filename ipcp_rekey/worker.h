/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_WORKER_H
#define _IPCP_WORKER_H

#include <linux/types.h>

struct ipcp_flow;
struct work_struct;

void ipcp_worker(struct work_struct *work);
bool ipcp_worker_tend(struct ipcp_flow *flow, unsigned long *next);
void ipcp_worker_keys(struct ipcp_flow *flow, unsigned long *next);

#endif /* _IPCP_WORKER_H */
