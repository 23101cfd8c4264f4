/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Why a packet was dropped. The list is the one place that has the reasons:
 * the enumeration, the names in trace events and the check against the "drops"
 * attributes of the netlink specification are all made from it.
 */
#ifndef _IPCP_DROP_H
#define _IPCP_DROP_H

#include <linux/build_bug.h>
#include <linux/ipcp_rekey_netlink.h>

/* LAST is for the last one: where FN ends in a comma, it does not. */
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
 * Why a packet was dropped; IPCP_DROP_NONE if it was not. The values are those
 * of the attributes IPCP_REKEY_A_DROPS_*: the specification of the family says
 * what each means. IPCP_DROP_MAX is for arrays of counters.
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
