// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The errnos that an agent, or this module, may report to a program.
 *
 * Other errnos have a meaning for code that passes them on: a read or write
 * that returns EIOCBQUEUED hits a BUG_ON(), a call that returns ERESTARTSYS is
 * restarted, and a caller would wait again, forever, after EAGAIN or EINTR.
 */
#include <linux/bug.h>
#include <linux/errno.h>

#include "failure.h"

/**
 * ipcp_failure_known() - Test whether an errno may be reported to a program
 * @error: number to be used as a positive errno
 *
 * Context: Any context.
 * Return: true if the failure of a flow or a name may be reported as @error.
 */
bool ipcp_failure_known(u32 error)
{
	switch (error) {
	case EACCES:
	case ECONNABORTED:
	case ECONNREFUSED:
	case EDQUOT:
	case EHOSTUNREACH:
	case EKEYEXPIRED:
	case EKEYREJECTED:
	case ENETUNREACH:
	case ENOMEM:
	case ENOTCONN:
	case EOPNOTSUPP:
	case EPROTO:
	case ESHUTDOWN:
	case ETIMEDOUT:
	case EUSERS:
		return true;
	default:
		return false;
	}
}

/**
 * ipcp_failure() - Sanitise an errno that is reported to a program
 * @error: positive errno of a failed flow or name
 *
 * Every errno of a flow or a name passes through this function.
 *
 * Context: Any context.
 * Return: @error, or EPROTO if @error must not be reported to programs.
 */
int ipcp_failure(int error)
{
	return WARN_ON_ONCE(!ipcp_failure_known(error)) ? EPROTO : error;
}
