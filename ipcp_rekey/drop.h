/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Reasons for dropping packets. This list is the only place that names them:
 * the enumeration, the names in trace events, and the check against the "drops"
 * attributes of the netlink specification are generated from it.
 */
#ifndef _IPCP_DROP_H
#define _IPCP_DROP_H

#include <linux/build_bug.h>
#include <linux/ipcp_rekey_netlink.h>

/* LAST() is applied to the last entry, for users whose FN() ends in a comma. */
#define IPCP_DROPS(FN, LAST)	\
	FN(SHORT)		\
	FN(VERSION)		\
	FN(TYPE)		\
	FN(CHECKSUM)		\
	FN(EID)			\
	FN(STATE)		\
	FN(EPOCH)		\
	FN(LATE)		\
	FN(REPLAY)		\
	FN(AHEAD)		\
	FN(AUTH)		\
	FN(RING_FULL)		\
	FN(MALFORMED)		\
	FN(CTRL_FULL)		\
	FN(NOMEM)		\
	FN(TX_ROUTE)		\
	FN(TX_NOKEY)		\
	LAST(CLOSED)

/*
 * Reason for dropping a packet, or IPCP_DROP_NONE. The values equal those of
 * the attributes IPCP_REKEY_A_DROPS_*, which the specification of the family
 * describes. IPCP_DROP_MAX is the size of arrays of counters.
 */
enum ipcp_drop {
	IPCP_DROP_NONE,
#define FN(name)	IPCP_DROP_##name = IPCP_REKEY_A_DROPS_##name,
	IPCP_DROPS(FN, FN)
#undef FN
	IPCP_DROP_MAX
};

static_assert((int)IPCP_DROP_MAX == (int)__IPCP_REKEY_A_DROPS_MAX);

#endif /* _IPCP_DROP_H */
