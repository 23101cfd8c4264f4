/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Errors that <errno.h> does not define. Calls return negative values. */
#ifndef OUROBOROS_ERRNO_H
#define OUROBOROS_ERRNO_H

#include <errno.h>

#define ENOTALLOC	1000	/* the descriptor is not a flow */
#define EIPCPTYPE	1001	/* never returned, nor are 1003 and 1004 */
#define EIRMD		1002	/* no module or no agent */
#define EIPCP		1003
#define EIPCPSTATE	1004
#define EFLOWDOWN	1005	/* the flow is over */
#define EFLOWPEER	1006	/* the peer is silent */
#define ENAME		1007	/* no such name */
#define ECRYPT		1008	/* the agents did not agree on keys */
#define EAUTH		1009	/* a peer could not prove its identity */

#endif /* OUROBOROS_ERRNO_H */
