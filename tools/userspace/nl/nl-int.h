/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Declarations shared by the files of the netlink library. */
#ifndef IPCP_NL_INT_H
#define IPCP_NL_INT_H

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "nl.h"

struct ipcp_nl {
	struct nl_sock *sock;
	struct nl_cb *cb;	/* of the answers on sock */
	struct nl_sock *events;
	int family;
	int error;		/* negative errno of the last call */
	struct nl_msg *kept;	/* payload of the last upcall */
	char reason[256];
};

/* Handle one message of a reply. A value other than 0 stops the delivery. */
typedef int (*nl_reply_fn)(struct nlattr **tb, struct nl_msg *msg, void *arg);

/*
 * A request and its answer. @size: room for attributes. The request is wiped
 * after sending.
 */
struct nl_call {
	struct ipcp_nl *nl;
	struct nl_msg *msg;
	size_t size;
	uint32_t seq;		/* of the request and of its answer */
	int maxattr;		/* of the reply's attribute set */
	nl_reply_fn reply;	/* NULL if there is only an ack */
	void *arg;
	int result;
	bool done;
};

#define ROOM_SMALL	128	/* bytes of a message with some numbers */

struct nl_dump {
	union {
		ipcp_nl_flow_cb flow;
		ipcp_nl_name_cb name;
		ipcp_nl_user_cb user;
		ipcp_nl_claim_cb claim;
	} cb;
	void *arg;
};

int nl_call_begin(struct nl_call *call, struct ipcp_nl *nl, int cmd, int flags,
		  size_t size);
int nl_call_end(struct nl_call *call);
int nl_call_finish(struct nl_call *call, int bad);
int nl_call_ask(struct nl_call *call, int bad, int maxattr, nl_reply_fn reply,
		void *arg);
int nl_errno(int nlerr);

void nl_get_str(char *dst, size_t room, struct nlattr *attr);
uint32_t nl_get_bin(uint8_t *dst, size_t room, struct nlattr *attr);
uint32_t nl_get_u32(struct nlattr *attr);
uint64_t nl_get_u64(struct nlattr *attr);
uint8_t nl_get_u8(struct nlattr *attr);

/* Types of the attributes that hold a peer's addresses. */
struct nl_peer_attrs {
	int addr;
	int local;
	int socket;
	int provider;
};

extern const struct nl_peer_attrs nl_upcall_peer;
extern const struct nl_peer_attrs nl_flow_peer;
extern const struct nl_peer_attrs nl_claimed_peer;

void nl_get_peer(struct ipcp_nl_peer *peer, struct nlattr **tb,
		 const struct nl_peer_attrs *attrs);
void nl_get_qos(struct ipcp_nl_qos *qos, struct nlattr *attr);
void nl_get_cred(struct ipcp_nl_cred *cred, struct nlattr *attr);
void nl_get_drops(struct ipcp_nl_drops *drops, struct nlattr *attr);
void nl_get_flow(struct ipcp_nl_flow *flow, struct nlattr **tb);
void nl_get_claim(struct ipcp_nl_claim *claim, struct nlattr **tb);

int nl_put_peer(struct nl_msg *msg, const struct nl_peer_attrs *attrs,
		const struct ipcp_nl_peer *peer);
int nl_put_seed(struct nl_msg *msg, const struct ipcp_nl_seed *seed);

#endif /* IPCP_NL_INT_H */
