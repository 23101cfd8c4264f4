/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_LOCAL_H
#define _IPCP_LOCAL_H

#include "flow.h"

/*
 * Chosen so that a ring has room for the maximum number of messages in flight:
 * the buffer of a message of this length takes 8 KiB including overhead.
 */
#define IPCP_LOCAL_MTU		7424

int ipcp_local_join(struct ipcp_flow *flow);

#endif /* _IPCP_LOCAL_H */
