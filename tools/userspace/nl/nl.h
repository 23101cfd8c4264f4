/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Client library of the generic netlink family "ipcp_rekey".
 *
 * A handle has one socket for requests and, after ipcp_nl_subscribe(), a second
 * one for events. Calls block only while the kernel processes them. Every call
 * returns 0 or a negative errno; ipcp_nl_reason() returns the kernel's error
 * text until the next call.
 *
 * A handle is not thread safe.
 *
 * Link with libipcp-nl.a and `pkg-config --libs libnl-genl-3.0`.
 */
#ifndef IPCP_NL_H
#define IPCP_NL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <linux/ipcp_rekey_netlink.h>

struct ipcp_nl;

/* True if the message had the attribute IPCP_REKEY_A_FLOW_... */
#define IPCP_NL_HAS(flow, attr) \
	(!!((flow)->has & (UINT64_C(1) << IPCP_REKEY_A_FLOW_##attr)))

/**
 * struct ipcp_nl_qos - quality requested by a program
 */
struct ipcp_nl_qos {
	uint64_t bandwidth;
	uint32_t delay;
	uint32_t availability;
	uint32_t loss;
	uint32_t ber;
	uint32_t in_order;
	uint32_t max_gap;
	uint32_t timeout;
};

#define IPCP_NL_GROUPS_MAX	64

/**
 * struct ipcp_nl_cred - credentials of a program
 * @ngroups: number of valid entries in @groups
 * @exe_dev: device of the program file at the time of the call, as in st_dev
 * @exe_ino: inode of the program file, as in st_ino; 0 if there is none
 */
struct ipcp_nl_cred {
	uint32_t uid;
	uint32_t gid;
	uint32_t pid;
	uint32_t ngroups;
	uint32_t groups[IPCP_NL_GROUPS_MAX];
	uint64_t exe_dev;
	uint64_t exe_ino;
	char comm[64];
};

/**
 * struct ipcp_nl_drops - dropped packets by reason
 * @by: indexed by IPCP_REKEY_A_DROPS_SHORT and so on
 */
struct ipcp_nl_drops {
	uint64_t by[IPCP_REKEY_A_DROPS_MAX + 1];
};

/**
 * ipcp_nl_drop_name() - get the name of a drop reason, as in the specification
 * @attr: IPCP_REKEY_A_DROPS_SHORT and so on
 *
 * Return: the name, or NULL past the end.
 */
const char *ipcp_nl_drop_name(unsigned int attr);

struct ipcp_nl_stats {
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t rekeys;
	uint64_t tx_leaves;
	uint64_t rx_leaves;
	uint64_t linger_cut;
	uint64_t recoveries;
	uint64_t recovery_age;		/* ms */
	struct ipcp_nl_drops drops;
};

/**
 * struct ipcp_nl_peer - a peer, and the local address used for it
 * @addr: the peer's address, or a provider as set by addr_set_provider(); the
 *	family is 0 if there is none
 * @local: address of this host, 4 or 16 bytes according to the family of @addr;
 *	zero to let routing choose
 * @socket: number of the socket in this namespace
 */
struct ipcp_nl_peer {
	struct sockaddr_storage addr;
	uint8_t local[16];
	uint32_t socket;
};

/**
 * struct ipcp_nl_flow - one flow of a dump, see the specification
 * @has: attributes that were present, see IPCP_NL_HAS()
 *
 * Missing attributes are zero or empty. @peer.addr.ss_family is 0 if there is no
 * peer yet.
 */
struct ipcp_nl_flow {
	uint64_t has;
	uint32_t id;
	char name[IPCP_REKEY_NAME_MAX + 1];
	uint32_t state;
	uint32_t eid;
	uint32_t peer_eid;
	struct ipcp_nl_peer peer;
	uint32_t cipher;
	uint32_t initiator;
	uint32_t direct;
	uint32_t encrypted;
	struct ipcp_nl_qos qos;
	struct ipcp_nl_cred cred;
	uint32_t n_1_pid;
	uint8_t epoch;
	uint8_t newest_epoch;
	uint8_t tx_epoch;
	uint32_t exchange;
	uint32_t in_flight;
	uint32_t has_pending;
	uint32_t done;
	uint32_t due;
	uint64_t epoch_age;
	uint32_t tx_leaf;
	uint32_t rx_leaf;
	uint64_t tx_left;
	uint64_t rx_left;
	uint32_t rb_flags;
	uint32_t mtu;
	uint32_t mtu_confirmed;
	uint32_t packets_per_leaf;
	uint32_t peer_timeout;
	uint32_t grace;
	uint32_t linger;
	uint32_t max_epoch_age;
	uint32_t blob_len;
	uint8_t blob[IPCP_REKEY_BLOB_MAX];
	struct ipcp_nl_stats stats;
	uint32_t queued;
	uint32_t generation;
	uint32_t recoverable;
	uint32_t question;
	uint32_t question_exchange;
	char peer_name[IPCP_REKEY_NAME_MAX + 1];	/* proved by the peer */
	uint32_t authenticated;
	uint32_t error;
	char reason[IPCP_REKEY_REASON_MAX + 1];
};

struct ipcp_nl_info {
	char version[64];
	uint32_t ciphers[8];
	uint32_t nciphers;
	uint32_t has_agent;
	uint32_t flows;
	uint32_t copies;		/* noticed copies of the machine */
};

/**
 * struct ipcp_nl_upcall - a request or notification from the kernel to the
 * agent
 * @id: id to pass to ipcp_nl_upcall_done()
 * @type: enum ipcp_rekey_upcall_type
 * @payload: valid until the next call on the handle
 */
struct ipcp_nl_upcall {
	uint64_t id;
	uint32_t type;
	uint32_t flow_id;
	uint32_t eid;
	uint32_t timeout;
	uint32_t generation;
	uint8_t epoch;
	char name[IPCP_REKEY_NAME_MAX + 1];
	struct ipcp_nl_cred cred;
	struct ipcp_nl_qos qos;
	struct ipcp_nl_peer peer;
	const uint8_t *payload;
	size_t payload_len;
};

/**
 * struct ipcp_nl_params - parameters for flow-allocate and flow-set
 * @set: IPCP_NL_P_* of the valid members
 */
struct ipcp_nl_params {
	uint32_t set;
#define IPCP_NL_P_PACKETS_PER_LEAF	0x01
#define IPCP_NL_P_PEER_TIMEOUT		0x02
#define IPCP_NL_P_GRACE			0x04
#define IPCP_NL_P_LINGER		0x08
#define IPCP_NL_P_MAX_EPOCH_AGE		0x10
#define IPCP_NL_P_BLOB			0x20
#define IPCP_NL_P_RECOVERABLE		0x40	/* flow-allocate only */
#define IPCP_NL_P_PEER_NAME		0x80	/* flow-allocate: proved name */
	uint32_t packets_per_leaf;
	uint32_t peer_timeout;
	uint32_t grace;
	uint32_t linger;
	uint32_t max_epoch_age;
	uint32_t blob_len;
	const uint8_t *blob;
	const char *peer_name;
};

/**
 * struct ipcp_nl_seed - a seed, and its parameters from the exchange
 * @seed: IPCP_REKEY_SEED_LEN bytes, owned and wiped by the caller
 * @exchange: number of the exchange, 0 for the first seed
 * @epoch: epoch of the seed
 * @chain: id of the chain to mix the seed with; zeros for a fresh seed
 * @generation: generation of the flow's keys when the exchange began
 */
struct ipcp_nl_seed {
	const uint8_t *seed;
	uint32_t exchange;
	uint8_t epoch;
	uint8_t chain[IPCP_REKEY_CHAIN_ID_LEN];
	uint32_t generation;
};

/**
 * struct ipcp_nl_made - a new flow at the responder
 * @id: number of the flow
 * @eid: endpoint id of the flow
 * @generation: generation of its keys, for ipcp_nl_flow_allocate()
 */
struct ipcp_nl_made {
	uint32_t id;
	uint32_t eid;
	uint32_t generation;
};

/**
 * struct ipcp_nl_numbers - the newest epoch and exchange number of a flow
 */
struct ipcp_nl_numbers {
	uint8_t epoch;
	uint32_t exchange;
};

/**
 * struct ipcp_nl_claim - one claimed flow
 */
struct ipcp_nl_claim {
	uint32_t id;
	char name[IPCP_REKEY_NAME_MAX + 1];
	uint32_t eid;
	uint32_t peer_eid;
	struct ipcp_nl_peer peer;
	uint8_t epoch;
	uint8_t chain[IPCP_REKEY_CHAIN_ID_LEN];
	uint32_t generation;
	uint32_t exchange;
	uint32_t cipher;
	uint32_t n_pid;
	uint32_t n_1_pid;
	uint32_t due;
	uint32_t blob_len;
	uint8_t blob[IPCP_REKEY_BLOB_MAX];
};

/**
 * struct ipcp_nl_name - a name that a program serves or provides
 * @provider: number of the provider; 0 if the name is served
 */
struct ipcp_nl_name {
	char name[IPCP_REKEY_NAME_MAX + 1];
	struct ipcp_nl_cred cred;
	uint32_t granted;
	uint32_t backlog;
	uint32_t waiting;
	uint32_t provider;
};

/**
 * struct ipcp_nl_user - resources of a user, in all namespaces together
 * @uid: the user, in the user namespace of the reader
 * @max_flows: limit on the sum of @flows and @listeners
 * @upcalls: requests and notifications that wait for an agent
 * @bytes: memory reserved for queues
 */
struct ipcp_nl_user {
	uint32_t uid;
	uint32_t flows;
	uint32_t listeners;
	uint32_t max_flows;
	uint32_t upcalls;
	uint64_t bytes;
	uint64_t max_bytes;
};

/**
 * struct ipcp_nl_event - an event
 * @upcall: true if the event only announces that the upcall queue is not empty;
 *	the other members are then empty
 * @event: enum ipcp_rekey_event
 * @flow: attributes of the flow, as far as the event has them
 */
struct ipcp_nl_event {
	bool upcall;
	uint32_t event;
	struct ipcp_nl_flow flow;
};

/*
 * Callbacks of dumps and claims. A value other than 0 stops the delivery and
 * becomes the return value of the call. Callbacks must not use the same handle.
 */
typedef int (*ipcp_nl_flow_cb)(const struct ipcp_nl_flow *flow, void *arg);
typedef int (*ipcp_nl_name_cb)(const struct ipcp_nl_name *name, void *arg);
typedef int (*ipcp_nl_user_cb)(const struct ipcp_nl_user *user, void *arg);
typedef int (*ipcp_nl_claim_cb)(const struct ipcp_nl_claim *claim, void *arg);

/*
 * Callback of events. May use the handle, since events arrive on the other
 * socket.
 */
typedef void (*ipcp_nl_event_cb)(const struct ipcp_nl_event *event, void *arg);

/* Handle: nl.c */

/**
 * ipcp_nl_open() - open a handle
 * @nl: the handle; NULL on failure
 *
 * Return: 0; -ENOENT if the module is not loaded.
 */
int ipcp_nl_open(struct ipcp_nl **nl);

/**
 * ipcp_nl_close() - close both sockets; @nl may be NULL
 */
void ipcp_nl_close(struct ipcp_nl *nl);

/**
 * ipcp_nl_reason() - get the kernel's error text for the last failure
 *
 * Return: the text, or strerror() of the errno if the kernel sent none; ""
 * after a success. Valid until the next call.
 */
const char *ipcp_nl_reason(const struct ipcp_nl *nl);

/* Calls, one for each command: calls.c */

int ipcp_nl_info_get(struct ipcp_nl *nl, struct ipcp_nl_info *info);

/**
 * ipcp_nl_agent_set() - become the agent
 * @port: 0 for the default
 * @mark: 0 for none
 * @source_ports: number of source ports for allocated flows; 0 for one per
 *	processor, 1 for @port only
 *
 * The role ends when the handle is closed or the process exits.
 */
int ipcp_nl_agent_set(struct ipcp_nl *nl, uint16_t port, uint32_t mark,
		      uint32_t source_ports);

/**
 * ipcp_nl_upcall_get() - take the next upcall from the queue of the kernel
 *
 * Return: 0; -EAGAIN if there is none.
 */
int ipcp_nl_upcall_get(struct ipcp_nl *nl, struct ipcp_nl_upcall *upcall);

/**
 * ipcp_nl_upcall_done() - answer a LISTEN upcall
 * @error: positive errno, or 0 to grant the name
 * @reason: text, truncated to IPCP_REKEY_REASON_MAX bytes; NULL for none
 */
int ipcp_nl_upcall_done(struct ipcp_nl *nl, uint64_t id, uint32_t error,
			const char *reason);

int ipcp_nl_flow_get(struct ipcp_nl *nl, uint32_t id,
		     struct ipcp_nl_flow *flow);

/**
 * ipcp_nl_flow_find() - get the flow with an endpoint id on this side
 */
int ipcp_nl_flow_find(struct ipcp_nl *nl, uint32_t eid,
		      struct ipcp_nl_flow *flow);

/**
 * ipcp_nl_flow_dump() - dump every flow of the network namespace
 *
 * A flow that exists during the whole dump is in the dump once.
 *
 * Return: 0, or a negative errno.
 */
int ipcp_nl_flow_dump(struct ipcp_nl *nl, ipcp_nl_flow_cb cb, void *arg);

int ipcp_nl_name_dump(struct ipcp_nl *nl, ipcp_nl_name_cb cb, void *arg);
int ipcp_nl_user_dump(struct ipcp_nl *nl, ipcp_nl_user_cb cb, void *arg);

/**
 * ipcp_nl_flow_new() - create a flow at the responder
 * @qos: NULL for none
 * @made: set on success
 */
int ipcp_nl_flow_new(struct ipcp_nl *nl, const char *name,
		     const struct ipcp_nl_peer *peer, uint32_t peer_eid,
		     const struct ipcp_nl_qos *qos, struct ipcp_nl_made *made);

/**
 * ipcp_nl_flow_direct() - connect a pending flow to a program on this host
 *
 * Return: -ENOENT if no program on this host serves the name of the flow.
 */
int ipcp_nl_flow_direct(struct ipcp_nl *nl, uint32_t id);

/**
 * ipcp_nl_flow_allocate() - set the peer and the first seed of a pending flow
 * @seed: NULL for a flow without encryption (cipher none)
 * @params: NULL for the kernel's defaults
 */
int ipcp_nl_flow_allocate(struct ipcp_nl *nl, uint32_t id,
			  const struct ipcp_nl_peer *peer,
			  uint32_t peer_eid, uint32_t cipher,
			  const struct ipcp_nl_seed *seed,
			  const struct ipcp_nl_params *params);

int ipcp_nl_flow_set(struct ipcp_nl *nl, uint32_t id,
		     const struct ipcp_nl_params *params);

/**
 * ipcp_nl_flow_del() - fail a pending allocation, or take a flow down
 * @error: positive errno
 * @reason: text, truncated to IPCP_REKEY_REASON_MAX bytes; NULL for none
 */
int ipcp_nl_flow_del(struct ipcp_nl *nl, uint32_t id, uint32_t error,
		     const char *reason);

/**
 * ipcp_nl_rekey_claim() - claim flows that are due
 * @max: maximum number of flows, 1 to IPCP_REKEY_CLAIM_MAX
 * @min_age: also claim flows whose newest epoch is at least this old, in
 *	milliseconds; 0 for due flows only
 * @id: claim only this flow, due or not; 0 for any
 *
 * An answer may contain fewer flows than are due. Only an answer without flows
 * means that none is left.
 */
int ipcp_nl_rekey_claim(struct ipcp_nl *nl, uint32_t max, uint64_t min_age,
			uint32_t id, ipcp_nl_claim_cb cb, void *arg);

/**
 * ipcp_nl_rekey_claim_fresh() - claim a flow whose peer may have lost its keys
 * @id: number of the flow
 * @peer: newest numbers of the peer to continue from, for a flow without keys;
 *	or NULL
 * @claim: set on success; its seed is not mixed with a chain
 *
 * Return: 0; -EAGAIN if the flow cannot be claimed now; -EPERM if the flow has
 * keys, and the peer has not been asked with ipcp_nl_rekey_ask(), or has
 * answered.
 */
int ipcp_nl_rekey_claim_fresh(struct ipcp_nl *nl, uint32_t id,
			      const struct ipcp_nl_numbers *peer,
			      struct ipcp_nl_claim *claim);

/**
 * ipcp_nl_rekey_clear() - end a claim without a seed
 * @retry_after: milliseconds until the flow may be claimed again; 0 for
 *	immediately
 */
int ipcp_nl_rekey_clear(struct ipcp_nl *nl, uint32_t id, uint32_t exchange,
			uint32_t retry_after);

/**
 * ipcp_nl_rekey_ask() - make the kernel ask the peer whether it has the keys
 * @exchange: number of the exchange for which a fresh seed is wanted
 *
 * An event, answered or silent, follows; @question of the flow has the result.
 *
 * Return: 0; -ENOKEY if this side has no keys, so that no question is needed;
 * -EBUSY while the kernel asks the peer for another exchange; -EAGAIN if the
 * flow is not allocated; -EOPNOTSUPP if it is not recoverable.
 */
int ipcp_nl_rekey_ask(struct ipcp_nl *nl, uint32_t id, uint32_t exchange);

int ipcp_nl_seed_set(struct ipcp_nl *nl, uint32_t id,
		     const struct ipcp_nl_seed *seed);

/**
 * ipcp_nl_rekey_request() - make a flow due
 * @id: the flow; 0 for all
 */
int ipcp_nl_rekey_request(struct ipcp_nl *nl, uint32_t id);

int ipcp_nl_ctrl_send(struct ipcp_nl *nl, const struct ipcp_nl_peer *peer,
		      const void *payload, size_t len);
int ipcp_nl_sealed_send(struct ipcp_nl *nl, uint32_t id, const void *payload,
			size_t len);
int ipcp_nl_stats_get(struct ipcp_nl *nl, struct ipcp_nl_drops *drops);

/* Events: events.c */

#define IPCP_NL_GRP_AGENT	0x1	/* upcalls are waiting */
#define IPCP_NL_GRP_EVENTS	0x2	/* events of flows */

/**
 * ipcp_nl_subscribe() - open the event socket and join groups
 * @groups: IPCP_NL_GRP_*
 */
int ipcp_nl_subscribe(struct ipcp_nl *nl, unsigned int groups);

/**
 * ipcp_nl_event_fd() - the event socket, for an event loop
 *
 * Return: a non-blocking fd that polls readable; -1 before subscribe.
 */
int ipcp_nl_event_fd(const struct ipcp_nl *nl);

/**
 * ipcp_nl_events() - deliver pending events, without blocking
 *
 * Return: 0 when none is left; -ENOBUFS if events were lost: fetch upcalls,
 * dump flows, and call again.
 */
int ipcp_nl_events(struct ipcp_nl *nl, ipcp_nl_event_cb cb, void *arg);

/* Names of enum values, "?" for an unknown value: parse.c */
const char *ipcp_nl_state_name(uint32_t state);
const char *ipcp_nl_event_name(uint32_t event);

/**
 * ipcp_nl_due_names() - format a set of IPCP_REKEY_DUE_*
 * @buf: receives "request,age" or ""
 *
 * Return: @buf.
 */
char *ipcp_nl_due_names(uint32_t due, char *buf, size_t len);

#endif /* IPCP_NL_H */
