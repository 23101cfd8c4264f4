/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Programs and /dev/ipcp_rekey.
 *
 * An open file is an endpoint in the network namespace of who opened it. It
 * becomes a flow with IPCP_IOC_ALLOC, or serves a name with IPCP_IOC_LISTEN;
 * IPCP_IOC_ACCEPT on the latter returns a new file that is a flow. A flow is
 * read and written one message a call, and polled.
 *
 * Every structure begins with its size. A longer one than the kernel knows is
 * taken if the rest is zero; what a shorter one leaves out counts as zero.
 * Unknown flags and reserved fields that are not zero are EINVAL.
 */
#ifndef _UAPI_LINUX_IPCP_REKEY_H
#define _UAPI_LINUX_IPCP_REKEY_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IPCP_REKEY_DEVICE	"/dev/ipcp_rekey"
#define IPCP_REKEY_PORT		3435	/* UDP */

#define IPCP_NAME_LEN		255	/* longest name, without a zero */
#define IPCP_REASON_LEN		128	/* with the zero */

/* The flags word of a flow. */
#define IPCP_RB_RD		0x01	/* may read */
#define IPCP_RB_WR		0x02	/* may write */
#define IPCP_RB_FLOWDOWN	0x04	/* down for good */
#define IPCP_RB_FLOWPEER	0x08	/* the peer is silent */
#define IPCP_RB_REKEY		0x10	/* a seed waits to be taken */

/**
 * struct ipcp_qos - what a program asks of a flow
 * @bandwidth: bits per second, 0 for any
 * @delay: milliseconds
 * @loss: 1 if loss is acceptable; 0 is refused with EOPNOTSUPP
 * @ber: 1 if bit errors are acceptable
 * @max_gap: milliseconds
 * @timeout: peer timeout in milliseconds; 0 for the default, 120000
 * @availability: class of nines
 * @in_order: must be 0; anything else is refused with EOPNOTSUPP
 * @reserved: zero
 */
struct ipcp_qos {
	__aligned_u64 bandwidth;
	__u32 delay;
	__u32 loss;
	__u32 ber;
	__u32 max_gap;
	__u32 timeout;
	__u8 availability;
	__u8 in_order;
	__u8 reserved[2];
};

/* ipcp_alloc.timeout, ipcp_accept.timeout */
#define IPCP_TIMEOUT_DEFAULT	0	/* alloc: 20 s, accept: for ever */
#define IPCP_TIMEOUT_NONE	(-1)	/* for ever */

/**
 * struct ipcp_alloc - IPCP_IOC_ALLOC: ask for a flow to a name
 * @size: sizeof(struct ipcp_alloc)
 * @flags: zero
 * @name: address of the name
 * @name_len: length of the name in bytes, 1 to IPCP_NAME_LEN
 * @reserved: zero
 * @timeout: nanoseconds, or IPCP_TIMEOUT_DEFAULT, IPCP_TIMEOUT_NONE
 * @qos: what is asked of the flow
 *
 * On a blocking file the call returns when the flow is allocated. On a
 * non-blocking one it fails with EINPROGRESS, EPOLLOUT says when the flow is
 * allocated and EPOLLERR that it failed; IPCP_IOC_GET_INFO tells why.
 *
 * Errors: ENOTCONN no agent runs; EHOSTUNREACH the name is unknown or nobody
 * answered; ECONNREFUSED the peer does not serve the name; EKEYREJECTED the
 * peer could not prove its name, or did not believe ours; EACCES not allowed
 * to this user; ETIMEDOUT; EINPROGRESS; EBUSY the file is in use already;
 * EOPNOTSUPP the QoS cannot be had; EINTR; EUSERS too many flows.
 */
struct ipcp_alloc {
	__u32 size;
	__u32 flags;
	__aligned_u64 name;
	__u32 name_len;
	__u32 reserved;
	__aligned_s64 timeout;
	struct ipcp_qos qos;
};

/**
 * struct ipcp_listen - IPCP_IOC_LISTEN: serve a name
 * @size: sizeof(struct ipcp_listen)
 * @flags: zero
 * @name: address of the name
 * @name_len: length of the name in bytes
 * @backlog: flows that may wait to be accepted, 1 to 1024; 0 for 64
 *
 * Several files may serve one name; a new flow goes to the one that listened
 * last and has room.
 */
struct ipcp_listen {
	__u32 size;
	__u32 flags;
	__aligned_u64 name;
	__u32 name_len;
	__u32 backlog;
};

#define IPCP_ACCEPT_NONBLOCK	0x1	/* the new file is O_NONBLOCK */

/**
 * struct ipcp_accept - IPCP_IOC_ACCEPT: the next flow of a served name
 * @size: sizeof(struct ipcp_accept)
 * @flags: IPCP_ACCEPT_NONBLOCK
 * @timeout: nanoseconds, or IPCP_TIMEOUT_DEFAULT, IPCP_TIMEOUT_NONE
 * @qos: out, what the peer asked of the flow
 *
 * Returns a new file descriptor, close-on-exec.
 * Errors: EAGAIN, ETIMEDOUT, EINTR, EINVAL not a listening file, EMFILE; the
 * flow waits on.
 */
struct ipcp_accept {
	__u32 size;
	__u32 flags;
	__aligned_s64 timeout;
	struct ipcp_qos qos;
};

/* ipcp_info.state, as in the netlink family */
enum ipcp_state {
	IPCP_STATE_INIT,
	IPCP_STATE_ALLOC_PENDING,
	IPCP_STATE_ACCEPT_PENDING,
	IPCP_STATE_ALLOCATED,
	IPCP_STATE_DEALLOC_PENDING,
	IPCP_STATE_DEALLOCATED,
};

/**
 * struct ipcp_info - IPCP_IOC_GET_INFO
 * @size: in, room at the caller's; out, bytes filled
 * @state: enum ipcp_state
 * @id: number of the flow in its network namespace, 0 if none
 * @cipher: 895 aes-128-gcm, 901 aes-256-gcm, 1018 chacha20-poly1305, 0 none
 * @rb_flags: the flags word, IPCP_RB_*
 * @mtu: longest message in bytes
 * @epoch: epoch that was taken last
 * @tx_epoch: epoch that this side sends in
 * @newest_epoch: newest epoch that can be received
 * @initiator: 1 at the side that allocated
 * @tx_leaf: leaf key in use for sending, 0..8191
 * @rx_leaf: leaf key last received with, 0..8191
 * @packets_per_leaf: packets per leaf key of the newest epoch
 * @peer_timeout: milliseconds
 * @tx_left: packets that may still be sent in the newest epoch
 * @rx_left: packets that the peer may still send in it
 * @tx_packets: messages sent
 * @tx_bytes: bytes of them
 * @rx_packets: messages read
 * @rx_bytes: bytes of them
 * @drop_key: packets dropped for a reason of key or epoch (epoch, late, ahead)
 * @drop_auth: packets that did not authenticate
 * @drop_replay: packets seen before
 * @drop_full: packets dropped because the ring was full
 * @drop_other: packets dropped for another reason
 * @rekeys: seeds installed after the first
 * @leaves: leaf keys used, both directions
 * @error: positive errno of a failed allocation or of why the flow is down
 * @queued: messages waiting to be read
 * @reserved: zero
 * @reason: the same in words, zero terminated
 * @name: name that was asked for or served, zero terminated
 */
struct ipcp_info {
	__u32 size;
	__u32 state;
	__u32 id;
	__u32 cipher;
	__u32 rb_flags;
	__u32 mtu;
	__u8 epoch;
	__u8 tx_epoch;
	__u8 newest_epoch;
	__u8 initiator;
	__u32 tx_leaf;
	__u32 rx_leaf;
	__u32 packets_per_leaf;
	__u32 peer_timeout;
	__u32 error;
	__aligned_u64 tx_left;
	__aligned_u64 rx_left;
	__aligned_u64 tx_packets;
	__aligned_u64 tx_bytes;
	__aligned_u64 rx_packets;
	__aligned_u64 rx_bytes;
	__aligned_u64 drop_key;
	__aligned_u64 drop_auth;
	__aligned_u64 drop_replay;
	__aligned_u64 drop_full;
	__aligned_u64 drop_other;
	__aligned_u64 rekeys;
	__aligned_u64 leaves;
	__u32 queued;
	__u32 reserved;
	char reason[IPCP_REASON_LEN];
	char name[IPCP_NAME_LEN + 1];
};

/* ipcp_set.mask */
#define IPCP_SET_RCVTIMEO	0x01
#define IPCP_SET_SNDTIMEO	0x02
#define IPCP_SET_ACCESS		0x04
#define IPCP_SET_DOWN		0x08
#define IPCP_SET_PPL		0x10

/**
 * struct ipcp_set - IPCP_IOC_SET: change a flow
 * @size: sizeof(struct ipcp_set)
 * @mask: which fields count, IPCP_SET_*
 * @rcvtimeo: longest wait of a read in nanoseconds, for ever if it is 0 or
 *	IPCP_TIMEOUT_NONE
 * @sndtimeo: the same of a write
 * @access: IPCP_RB_RD, IPCP_RB_WR or both
 * @down: 1 takes the flow down for good, for both sides; EAGAIN if it is not
 *	allocated yet
 * @packets_per_leaf: a power of two, 64 to 1048576, from the next epoch on
 * @reserved: zero
 */
struct ipcp_set {
	__u32 size;
	__u32 mask;
	__aligned_s64 rcvtimeo;
	__aligned_s64 sndtimeo;
	__u32 access;
	__u32 down;
	__u32 packets_per_leaf;
	__u32 reserved;
};

#define IPCP_MSG_TRUNC		0x1	/* out: the message was longer */

/**
 * struct ipcp_msg - a message of a batch
 * @base: address of it, or of room for it
 * @len: its length in bytes, or the room; out of RECV, bytes that are there
 * @flags: in, zero; out of RECV, IPCP_MSG_TRUNC
 */
struct ipcp_msg {
	__aligned_u64 base;
	__u32 len;
	__u32 flags;
};

#define IPCP_BATCH_MAX		1024	/* messages */
#define IPCP_BATCH_DONTWAIT	0x1	/* as O_NONBLOCK, for this call */

/**
 * struct ipcp_batch - IPCP_IOC_SEND, IPCP_IOC_RECV: many messages in a call
 * @size: sizeof(struct ipcp_batch)
 * @flags: IPCP_BATCH_DONTWAIT
 * @msgs: address of an array of struct ipcp_msg
 * @count: how many, 1 to IPCP_BATCH_MAX
 * @reserved: zero
 *
 * Returns how many messages were sent or received, the first ones of the
 * array, at least one: after that it does not wait, and an error shows at the
 * next call. If the address of a message to be received is bad, that message is
 * lost. Messages of one length that follow each other are sent at the least
 * cost; the last of them may be shorter.
 *
 * Errors: those of write and read.
 */
struct ipcp_batch {
	__u32 size;
	__u32 flags;
	__aligned_u64 msgs;
	__u32 count;
	__u32 reserved;
};

#define IPCP_IOC_TYPE		0xE7

#define IPCP_IOC_ALLOC		_IO(IPCP_IOC_TYPE, 0x01) /* struct ipcp_alloc */
#define IPCP_IOC_LISTEN		_IO(IPCP_IOC_TYPE, 0x02) /* struct ipcp_listen */
#define IPCP_IOC_ACCEPT		_IO(IPCP_IOC_TYPE, 0x03) /* struct ipcp_accept */
#define IPCP_IOC_REKEY		_IO(IPCP_IOC_TYPE, 0x04) /* no argument */
#define IPCP_IOC_GET_INFO	_IO(IPCP_IOC_TYPE, 0x05) /* struct ipcp_info */
#define IPCP_IOC_SET		_IO(IPCP_IOC_TYPE, 0x06) /* struct ipcp_set */
#define IPCP_IOC_SEND		_IO(IPCP_IOC_TYPE, 0x07) /* struct ipcp_batch */
#define IPCP_IOC_RECV		_IO(IPCP_IOC_TYPE, 0x08) /* struct ipcp_batch */

#endif /* _UAPI_LINUX_IPCP_REKEY_H */
