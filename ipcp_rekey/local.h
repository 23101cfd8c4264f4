/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_LOCAL_H
#define _IPCP_LOCAL_H

#include "flow.h"

/*
 * As many messages as may be on their way fit into a ring: one of this length has
 * a buffer of 8 KiB, with all that is around it.
 */
#define IPCP_LOCAL_MTU		7424

int ipcp_local_join(struct ipcp_flow *flow);

#endif /* _IPCP_LOCAL_H */
