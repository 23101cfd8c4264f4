// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The second socket: multicast groups "agent" and "events". */

#include <errno.h>
#include <string.h>

#include <linux/genetlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>

#include "nl-int.h"

static int join(struct ipcp_nl *nl, const char *name)
{
	int grp = genl_ctrl_resolve_grp(nl->sock, IPCP_REKEY_FAMILY_NAME, name);
	int err;

	if (grp < 0)
		return nl_errno(grp);
	err = nl_socket_add_membership(nl->events, grp);
	return err < 0 ? nl_errno(err) : 0;
}

static int open_events(struct ipcp_nl *nl)
{
	int err;

	if (nl->events)
		return 0;
	nl->events = nl_socket_alloc();
	if (!nl->events)
		return -ENOMEM;
	nl_socket_disable_seq_check(nl->events);
	err = genl_connect(nl->events);
	if (err < 0)
		return nl_errno(err);
	nl_socket_set_buffer_size(nl->events, 1 << 20, 0);
	return nl_errno(nl_socket_set_nonblocking(nl->events));
}

int ipcp_nl_subscribe(struct ipcp_nl *nl, unsigned int groups)
{
	int err = open_events(nl);

	if (!err && (groups & IPCP_NL_GRP_AGENT))
		err = join(nl, IPCP_REKEY_MCGRP_AGENT);
	if (!err && (groups & IPCP_NL_GRP_EVENTS))
		err = join(nl, IPCP_REKEY_MCGRP_EVENTS);
	if (err && nl->events) {
		nl_socket_free(nl->events);
		nl->events = NULL;
	}
	nl->error = err;
	nl->reason[0] = '\0';
	return err;
}

int ipcp_nl_event_fd(const struct ipcp_nl *nl)
{
	return nl->events ? nl_socket_get_fd(nl->events) : -1;
}

struct event_arg {
	ipcp_nl_event_cb cb;
	void *arg;
};

static int on_event(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[IPCP_REKEY_A_FLOW_MAX + 1];
	struct genlmsghdr *hdr = genlmsg_hdr(nlmsg_hdr(msg));
	struct event_arg *a = arg;
	struct ipcp_nl_event event;

	memset(&event, 0, sizeof(event));
	switch (hdr->cmd) {
	case IPCP_REKEY_CMD_UPCALL_NTF:
		event.upcall = true;
		break;
	case IPCP_REKEY_CMD_FLOW_NTF:
		if (genlmsg_parse(nlmsg_hdr(msg), 0, tb, IPCP_REKEY_A_FLOW_MAX,
				  NULL) < 0)
			return NL_SKIP;
		nl_get_flow(&event.flow, tb);
		event.event = nl_get_u32(tb[IPCP_REKEY_A_FLOW_EVENT]);
		break;
	default:
		return NL_SKIP;
	}
	a->cb(&event, a->arg);
	return NL_OK;
}

int ipcp_nl_events(struct ipcp_nl *nl, ipcp_nl_event_cb cb, void *arg)
{
	struct event_arg a = { cb, arg };
	int err;

	if (!nl->events)
		return -EBADF;
	nl_socket_modify_cb(nl->events, NL_CB_VALID, NL_CB_CUSTOM, on_event, &a);
	do {
		err = nl_recvmsgs_default(nl->events);
	} while (err >= 0 || err == -NLE_INTR);
	return err == -NLE_AGAIN ? 0 : nl_errno(err);
}
