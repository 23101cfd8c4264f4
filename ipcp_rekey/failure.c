// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The errnos that a program may get because an agent, or the module, says so.
 *
 * Others mean something to whoever passes them on: EIOCBQUEUED and ERESTARTSYS
 * to the kernel, which stops or restarts a call, EAGAIN and EINTR to those who
 * wait and would wait for ever.
 */
#include <linux/bug.h>
#include <linux/errno.h>

#include "failure.h"

/**
 * ipcp_failure_known() - May a program get this errno for a flow or a name?
 * @error: what is to be a positive errno
 *
 * Context: Any context.
 * Return: true if so.
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
 * ipcp_failure() - The errno that a program gets
 * @error: why a flow or a name failed, a positive errno
 *
 * All that becomes such an errno comes through here.
 *
 * Context: Any context.
 * Return: @error, or EPROTO if that is not for programs.
 */
int ipcp_failure(int error)
{
	return WARN_ON_ONCE(!ipcp_failure_known(error)) ? EPROTO : error;
}
