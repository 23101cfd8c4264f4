// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Texts for errors of the device, with advice what to do. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dev.h"

#define NO_ACCESS "no access to " IPCP_REKEY_DEVICE			\
		  "; as root: adduser USER ipcp-rekey, and log in again"
#define INTERRUPTED "interrupted by a signal; try again"

struct words {
	int err;
	const char *text;
};

static const struct words open_words[] = {
	{ ENOENT, "there is no " IPCP_REKEY_DEVICE
		  "; load the module: modprobe ipcp_rekey" },
	{ ENXIO, "the module is gone; load it: modprobe ipcp_rekey" },
	{ ENODEV, "the module is gone; load it: modprobe ipcp_rekey" },
	{ EACCES, NO_ACCESS },
	{ EPERM, NO_ACCESS },
	{ 0, NULL }
};

static const struct words alloc_words[] = {
	{ ENOTCONN, "no agent runs in this network namespace; start ipcp-rekeyd" },
	{ EHOSTUNREACH, "the name is unknown here or no agent answered; check the "
			"name in the agent's configuration, and the network" },
	{ ENETUNREACH, "no route to the peer; check the network" },
	{ ECONNREFUSED, "the peer does not serve this name, or has too many "
			"flows or requests; start the server there, or try "
			"again later" },
	{ EKEYREJECTED, "the peer could not prove its name, or did not believe "
			"ours; check certificates and CA at both ends" },
	{ EPROTO, "the agents did not understand each other, or found no common "
		  "key exchange or cipher; check their versions, and enc.conf "
		  "at both ends" },
	{ ECONNABORTED, "the agent gave up without a reason; look at its log" },
	{ EINPROGRESS, "the flow is not allocated yet; poll it" },
	{ EACCES, "the agent's policy does not allow this user the name" },
	{ EPERM, "the agent's policy does not allow this user the name" },
	{ ETIMEDOUT, "no answer in time; check that the peer's agent runs, and "
		     "the network" },
	{ EBUSY, "this endpoint is already in use; open another" },
	{ EOPNOTSUPP, "flows neither keep order nor retransmit; ask "
		      "for a quality without them" },
	{ EUSERS, "the agent's queue of requests is full; try again later" },
	{ EDQUOT, "this user has too many flows, names or requests; close "
		  "some, or raise the limits (ipcp_rekey(4))" },
	{ EINTR, INTERRUPTED },
	{ 0, NULL }
};

static const struct words listen_words[] = {
	{ ENOTCONN, "no agent runs in this network namespace; start ipcp-rekeyd" },
	{ EACCES, "the agent's policy does not let this user serve the name" },
	{ EPERM, "the agent's policy does not let this user serve the name" },
	{ EBUSY, "this endpoint is already in use; open another" },
	{ ETIMEDOUT, "the agent did not answer; look at its log" },
	{ EUSERS, "the agent's queue of requests is full; try again later" },
	{ EDQUOT, "this user has too many flows, names or requests; close "
		  "some, or raise the limits (ipcp_rekey(4))" },
	{ EINTR, INTERRUPTED },
	{ 0, NULL }
};

static const struct words accept_words[] = {
	{ ETIMEDOUT, "no peer requested a flow in time; wait longer, or check that "
		     "peers reach this host" },
	{ EINVAL, "this endpoint does not serve a name; serve one first" },
	{ EMFILE, "too many open files; raise the limit (ulimit -n)" },
	{ ENOTCONN, "the agent is gone; start ipcp-rekeyd" },
	{ EINTR, INTERRUPTED },
	{ 0, NULL }
};

static const struct words flow_words[] = {
	{ ENOTCONN, "this is not a flow; allocate or accept one first" },
	{ ESHUTDOWN, "the flow is down; close it, and allocate a new one" },
	{ EPIPE, "the peer is silent; check that it runs, and the network" },
	{ EKEYEXPIRED, "the keys are used up or too old, and no new seed came; "
		       "check that both agents run" },
	{ EMSGSIZE, "the message is longer than the flow can carry; send shorter "
		    "ones" },
	{ EPERM, "the flow is not open for this direction; change its access" },
	{ EDQUOT, "this user has too much memory in queues; read messages, "
		  "close some flows, or raise the limit (ipcp_rekey(4))" },
	{ ETIMEDOUT, "nothing happened in time; wait longer, or check that the "
		     "peer runs" },
	{ EINTR, INTERRUPTED },
	{ 0, NULL }
};

/* The table of texts for each operation. */
static const struct words *const tables[] = {
	[IPCP_DEV_OPEN] = open_words,
	[IPCP_DEV_ALLOC] = alloc_words,
	[IPCP_DEV_LISTEN] = listen_words,
	[IPCP_DEV_ACCEPT] = accept_words,
	[IPCP_DEV_READ] = flow_words,
	[IPCP_DEV_WRITE] = flow_words,
	[IPCP_DEV_REKEY] = flow_words,
	[IPCP_DEV_INFO] = flow_words,
	[IPCP_DEV_SET] = flow_words,
};

/**
 * ipcp_dev_words() - describe an error of an operation
 * @op: the operation that failed
 * @err: errno, of either sign
 *
 * Return: a description that says what to do, or strerror().
 */
const char *ipcp_dev_words(enum ipcp_dev_op op, int err)
{
	const struct words *w;

	if (err < 0)
		err = -err;
	if (err == ENAMETOOLONG)
		return "a name has at most 255 bytes; use a shorter one";
	if ((op == IPCP_DEV_ALLOC || op == IPCP_DEV_LISTEN) && err == EINVAL)
		return "invalid name, size, flag or number; a name has 1 to 255 bytes without spaces";
	if ((size_t)op < sizeof(tables) / sizeof(tables[0]))
		for (w = tables[op]; w->text; w++)
			if (w->err == err)
				return w->text;
	return strerror(err);
}

/*
 * Get the reason that the kernel or the agent has set on the endpoint, if any.
 */
static bool reason_of(int fd, struct ipcp_info *info)
{
	return fd >= 0 && !ipcp_dev_info(fd, info) && info->reason[0];
}

/**
 * ipcp_dev_explain() - describe a failure in one line for the user
 * @fd: endpoint, to query the reason of the agent; or -1
 * @op: the operation that failed
 * @err: errno, of either sign
 * @name: name that was requested or served, or NULL
 * @buf: the line, without a newline
 * @len: size of @buf
 */
void ipcp_dev_explain(int fd, enum ipcp_dev_op op, int err, const char *name,
		      char *buf, size_t len)
{
	static const char *const verbs[] = {
		[IPCP_DEV_OPEN] = "cannot open the device",
		[IPCP_DEV_ALLOC] = "no flow",
		[IPCP_DEV_LISTEN] = "cannot serve the name",
		[IPCP_DEV_ACCEPT] = "cannot accept a flow",
		[IPCP_DEV_READ] = "cannot read",
		[IPCP_DEV_WRITE] = "cannot write",
		[IPCP_DEV_REKEY] = "cannot take the new seed",
		[IPCP_DEV_INFO] = "cannot ask about the flow",
		[IPCP_DEV_SET] = "cannot change the flow",
	};
	struct ipcp_info info;
	bool more = op != IPCP_DEV_OPEN && reason_of(fd, &info);

	snprintf(buf, len, "%s%s%s%s: %s%s%s%s", verbs[op],
		 name ? " '" : "", name ? name : "", name ? "'" : "",
		 ipcp_dev_words(op, err),
		 more ? " (" : "", more ? info.reason : "", more ? ")" : "");
}
