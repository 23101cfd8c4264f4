/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_FAILURE_H
#define _IPCP_FAILURE_H

#include <linux/types.h>

/* The errnos that ipcp_failure_known() accepts, for error messages. */
#define IPCP_FAILURES \
	"EACCES, ECONNABORTED, ECONNREFUSED, EDQUOT, EHOSTUNREACH, " \
	"EKEYEXPIRED, EKEYREJECTED, ENETUNREACH, ENOMEM, ENOTCONN, " \
	"EOPNOTSUPP, EPROTO, ESHUTDOWN, ETIMEDOUT, EUSERS"

bool ipcp_failure_known(u32 error);
int ipcp_failure(int error);

#endif /* _IPCP_FAILURE_H */
