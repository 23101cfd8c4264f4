/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Netlink policies that the generated code uses and that 6.12 does not have.
 * The build includes this file ahead of the generated code.
 */
#ifndef _IPCP_COMPAT_NETLINK_H
#define _IPCP_COMPAT_NETLINK_H

#include <net/netlink.h>

#ifndef NLA_POLICY_MAX_LEN
#define NLA_POLICY_MAX_LEN(_len)	{ .type = NLA_BINARY, .len = (_len) }
#endif

#endif /* _IPCP_COMPAT_NETLINK_H */
