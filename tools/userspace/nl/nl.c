// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The handle: send a request, process the answer, keep the kernel's error text.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>

#include "nl-int.h"

/* Convert the libnl error codes that a caller can act on. */
int nl_errno(int nlerr)
{
	switch (nlerr < 0 ? -nlerr : nlerr) {
	case NLE_SUCCESS:
		return 0;
	case NLE_INTR:
	case NLE_DUMP_INTR:
		return -EINTR;
	case NLE_AGAIN:
		return -EAGAIN;
	case NLE_NOMEM:
		return -ENOBUFS;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	case NLE_OBJ_NOTFOUND:
		return -ENOENT;
	case NLE_OPNOTSUPP:
		return -EOPNOTSUPP;
	case NLE_MSGSIZE:
	case NLE_MSG_OVERFLOW:
		return -EMSGSIZE;
	case NLE_BAD_SOCK:
		return -EBADF;
	default:
		return -EPROTO;
	}
}

static void set_option(struct nl_sock *sock, int option)
{
	int one = 1;

	setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, option, &one,
		   sizeof(one));
}

static int open_socket(struct ipcp_nl *nl)
{
	int err;

	nl->sock = nl_socket_alloc();
	nl->cb = nl_cb_alloc(NL_CB_DEFAULT);
	if (!nl->sock || !nl->cb)
		return -ENOMEM;
	err = genl_connect(nl->sock);
	if (err < 0)
		return nl_errno(err);
	nl_socket_set_buffer_size(nl->sock, 1 << 20, 1 << 18);
	set_option(nl->sock, NETLINK_EXT_ACK);
	set_option(nl->sock, NETLINK_CAP_ACK);
	nl->family = genl_ctrl_resolve(nl->sock, IPCP_REKEY_FAMILY_NAME);
	if (nl->family < 0)
		return nl_errno(nl->family);
	return 0;
}

int ipcp_nl_open(struct ipcp_nl **nlp)
{
	struct ipcp_nl *nl = calloc(1, sizeof(*nl));
	int err;

	*nlp = NULL;
	if (!nl)
		return -ENOMEM;
	err = open_socket(nl);
	if (err) {
		ipcp_nl_close(nl);
		return err;
	}
	*nlp = nl;
	return 0;
}

void ipcp_nl_close(struct ipcp_nl *nl)
{
	if (!nl)
		return;
	if (nl->kept)
		nlmsg_free(nl->kept);
	if (nl->events)
		nl_socket_free(nl->events);
	if (nl->sock)
		nl_socket_free(nl->sock);
	nl_cb_put(nl->cb);
	free(nl);
}

const char *ipcp_nl_reason(const struct ipcp_nl *nl)
{
	if (!nl->error)
		return "";
	return nl->reason[0] ? nl->reason : strerror(-nl->error);
}

static void keep_reason(struct ipcp_nl *nl, const struct nlmsghdr *hdr,
			int offset)
{
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];
	int len = (int)hdr->nlmsg_len - NLMSG_HDRLEN - offset;

	if (!(hdr->nlmsg_flags & NLM_F_ACK_TLVS) || len <= 0)
		return;
	if (nla_parse(tb, NLMSGERR_ATTR_MAX,
		      (struct nlattr *)((char *)nlmsg_data(hdr) + offset), len,
		      NULL) < 0)
		return;
	if (tb[NLMSGERR_ATTR_MSG])
		nl_get_str(nl->reason, sizeof(nl->reason),
			   tb[NLMSGERR_ATTR_MSG]);
}

/*
 * Skip answers that a failed call has left in the socket, for example after an
 * overflow. The sequence check of libnl would count such an answer as ours.
 */
static int on_seq(struct nl_msg *msg, void *arg)
{
	const struct nl_call *call = arg;

	return nlmsg_hdr(msg)->nlmsg_seq == call->seq ? NL_OK : NL_SKIP;
}

static int on_error(struct sockaddr_nl *who, struct nlmsgerr *e, void *arg)
{
	struct nlmsghdr *hdr = (struct nlmsghdr *)((char *)e - NLMSG_HDRLEN);
	struct nl_call *call = arg;
	int offset = sizeof(*e);

	(void)who;
	if (!(hdr->nlmsg_flags & NLM_F_CAPPED))
		offset += NLMSG_ALIGN(e->msg.nlmsg_len) - NLMSG_HDRLEN;
	keep_reason(call->nl, hdr, offset);
	call->result = e->error;
	call->done = true;
	return NL_STOP;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
	struct nl_call *call = arg;

	(void)msg;
	call->done = true;
	return NL_STOP;
}

/* Read the error, if any, at the end of a dump. */
static int on_finish(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *hdr = nlmsg_hdr(msg);
	struct nl_call *call = arg;
	int err = 0;

	if (nlmsg_datalen(hdr) >= (int)sizeof(err))
		memcpy(&err, nlmsg_data(hdr), sizeof(err));
	if (err < 0 && !call->result) {
		keep_reason(call->nl, hdr, sizeof(err));
		call->result = err;
	}
	call->done = true;
	return NL_STOP;
}

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct nl_call *call = arg;
	struct nlattr *tb[call->maxattr + 1];

	if (!call->reply || call->result)
		return NL_OK;
	if (genlmsg_parse(nlmsg_hdr(msg), 0, tb, call->maxattr, NULL) < 0)
		call->result = -EPROTO;
	else
		call->result = call->reply(tb, msg, call->arg);
	return NL_OK;
}

/* Begin a request. The caller then adds attributes to call->msg. */
int nl_call_begin(struct nl_call *call, struct ipcp_nl *nl, int cmd, int flags,
		  size_t size)
{
	memset(call, 0, sizeof(*call));
	call->nl = nl;
	nl->error = 0;
	nl->reason[0] = '\0';
	if (nl->kept) {
		nlmsg_free(nl->kept);
		nl->kept = NULL;
	}
	call->size = NLMSG_HDRLEN + GENL_HDRLEN + size + 64;
	call->msg = nlmsg_alloc_size(call->size);
	if (!call->msg || !genlmsg_put(call->msg, NL_AUTO_PORT, NL_AUTO_SEQ,
				       nl->family, 0, flags, cmd,
				       IPCP_REKEY_FAMILY_VERSION)) {
		nlmsg_free(call->msg);
		nl->error = -ENOMEM;
		return -ENOMEM;
	}
	return 0;
}

/*
 * Receive the answer. The kernel has carried out the request, and without memory
 * what the answer gives to the caller is lost, so allocate nothing here. Only
 * libnl allocates a buffer for the answer. For a lost claim of a re-key see
 * IPCP_REKEY_CLAIM_TIMEOUT.
 */
static int receive(struct nl_call *call)
{
	struct nl_cb *cb = call->nl->cb;
	int err = 0;

	nl_cb_set(cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, on_seq, call);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, call);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, call);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, call);
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, call);
	while (!call->done) {
		err = nl_recvmsgs(call->nl->sock, cb);
		if (err == -NLE_INTR || (call->done && err != -NLE_DUMP_INTR))
			err = 0;
		if (err < 0)
			break;
	}
	return nl_errno(err);
}

/* Send the request, wipe it, and wait for the complete answer. */
int nl_call_end(struct nl_call *call)
{
	struct ipcp_nl *nl = call->nl;
	int err = nl_send_auto(nl->sock, call->msg);

	call->seq = nlmsg_hdr(call->msg)->nlmsg_seq;
	explicit_bzero(nlmsg_hdr(call->msg), call->size);
	nlmsg_free(call->msg);
	call->msg = NULL;
	if (err < 0)
		nl->error = nl_errno(err);
	else
		nl->error = receive(call);
	if (!nl->error)
		nl->error = call->result;
	return nl->error;
}
