/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * The interface of /dev/ipcp_rekey for programs.
 *
 * An open file is an endpoint in the network namespace of the process that
 * opened it. The file becomes a flow with IPCP_IOC_ALLOC, or serves a name with
 * IPCP_IOC_LISTEN. IPCP_IOC_ACCEPT on a listening file returns a new file that
 * is a flow. read(2) and write(2) transfer one message per call, and poll(2)
 * works as usual.
 *
 * The argument of each ioctl starts with its size. A structure longer than the
 * kernel knows is accepted if the excess bytes are zero, or in
 * IPCP_IOC_GET_INFO, which reads only the size; else, and if it is longer than
 * a page, the error is E2BIG. Missing bytes of a shorter one are
 * taken as zero. A structure shorter than its first version, unknown flags, and
 * reserved fields that are not zero are rejected with EINVAL.
 */
#ifndef _UAPI_LINUX_IPCP_REKEY_H
#define _UAPI_LINUX_IPCP_REKEY_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IPCP_REKEY_DEVICE	"/dev/ipcp_rekey"
#define IPCP_REKEY_PORT		3435	/* UDP */

#define IPCP_NAME_LEN		255	/* longest name, without the NUL */
#define IPCP_REASON_LEN		128	/* with the NUL */

/* Ciphers, numbered as OpenSSL's NIDs. */
#define IPCP_CIPHER_NONE		0
#define IPCP_CIPHER_AES_128_GCM		895
#define IPCP_CIPHER_AES_256_GCM		901
#define IPCP_CIPHER_CHACHA20_POLY1305	1018

/* The flags word of a flow. */
#define IPCP_RB_RD		0x01	/* may read */
#define IPCP_RB_WR		0x02	/* may write */
#define IPCP_RB_FLOWDOWN	0x04	/* permanently down */
#define IPCP_RB_FLOWPEER	0x08	/* the peer is silent */
#define IPCP_RB_REKEY		0x10	/* a seed waits to be activated */

/**
 * struct ipcp_qos - quality of service that a program requests
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
#define IPCP_TIMEOUT_DEFAULT	0	/* alloc: 20 s, accept: no timeout */
#define IPCP_TIMEOUT_NONE	(-1)	/* no timeout */

/**
 * struct ipcp_alloc - IPCP_IOC_ALLOC: allocate a flow to a name
 * @size: sizeof(struct ipcp_alloc)
 * @flags: zero
 * @name: address of the name
 * @name_len: length of the name in bytes, 1 to IPCP_NAME_LEN
 * @reserved: zero
 * @timeout: nanoseconds, or IPCP_TIMEOUT_DEFAULT, IPCP_TIMEOUT_NONE
 * @qos: requested quality of service
 *
 * On a blocking file the call returns when the flow is allocated. On a
 * non-blocking file the call fails with EINPROGRESS. Then EPOLLOUT reports that
 * the flow is allocated, and EPOLLERR that the allocation failed.
 * IPCP_IOC_GET_INFO returns the reason.
 *
 * Errors: ENOTCONN no agent is running; EHOSTUNREACH the name is unknown, or no
 * host answered the agent in time; ECONNREFUSED the peer does not serve the
 * name; EKEYREJECTED the peer could not prove its name, or did not accept the
 * proof of this host; EACCES not allowed for this user; ETIMEDOUT; EINPROGRESS;
 * EBUSY the file is already in use; EOPNOTSUPP the QoS is not supported; EINTR;
 * EDQUOT this user has too many flows and names, too many requests that wait
 * for the agent, or too much memory in queues; EUSERS too many requests of all
 * users wait for the agent.
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
 * Several files may serve one name. A new flow goes to the file with room in
 * its backlog that listened last.
 *
 * On a blocking file the call returns when the agent has answered. After a
 * refusal the file is as before. On a non-blocking file the call fails with
 * EINPROGRESS. Then EPOLLOUT reports that the name is served, and EPOLLERR that
 * it was refused, after which the file can only be closed. IPCP_IOC_GET_INFO
 * returns the reason of a refusal in either case.
 *
 * Errors: ENOTCONN no agent is running; EACCES not allowed for this user;
 * EINPROGRESS; EBUSY the file is already in use; EINTR; EDQUOT, EUSERS as for
 * IPCP_IOC_ALLOC.
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
 * struct ipcp_accept - IPCP_IOC_ACCEPT: accept the next flow of a served name
 * @size: sizeof(struct ipcp_accept)
 * @flags: IPCP_ACCEPT_NONBLOCK
 * @timeout: nanoseconds, or IPCP_TIMEOUT_DEFAULT, IPCP_TIMEOUT_NONE
 * @qos: (output) quality of service that the peer requested
 * @authenticated: (output) 1 if the peer has proved @peer_name
 * @reserved: zero
 * @peer_name: (output) as in struct ipcp_info
 *
 * The first version of the structure ends with @qos.
 *
 * Returns a new file descriptor with the close-on-exec flag set.
 *
 * Errors: EAGAIN; ETIMEDOUT; EINTR; EINVAL not a listening file; EMFILE. After
 * an error the flow still waits to be accepted.
 */
struct ipcp_accept {
	__u32 size;
	__u32 flags;
	__aligned_s64 timeout;
	struct ipcp_qos qos;
	__u32 authenticated;
	__u32 reserved;
	char peer_name[IPCP_NAME_LEN + 1];
};

/* ipcp_info.state, as in the netlink family */
enum ipcp_state {
	IPCP_STATE_INIT,
	IPCP_STATE_ALLOC_PENDING,
	IPCP_STATE_ACCEPT_PENDING,
	IPCP_STATE_ALLOCATED,
	IPCP_STATE_DEALLOC_PENDING,
	IPCP_STATE_DEALLOCATED
};

/**
 * struct ipcp_info - IPCP_IOC_GET_INFO: get information about a flow
 * @size: size of the caller's buffer; (output) number of bytes filled in
 * @state: enum ipcp_state
 * @id: id of the flow in its network namespace, 0 if none
 * @cipher: IPCP_CIPHER_*
 * @rb_flags: the flags word, IPCP_RB_*
 * @mtu: longest message in bytes
 * @epoch: epoch that was activated last
 * @tx_epoch: epoch that this side sends in
 * @newest_epoch: newest epoch that can be received
 * @initiator: 1 on the side that allocated the flow
 * @tx_leaf: leaf key in use for sending, 0..8191
 * @rx_leaf: newest leaf key that packets were received with, 0..8191
 * @packets_per_leaf: packets per leaf key of the newest epoch
 * @peer_timeout: milliseconds
 * @tx_left: packets that can still be sent in the newest epoch
 * @rx_left: packets that the peer can still send in the newest epoch
 * @tx_packets: messages sent. This and the following counters wrap at 2^32 on
 *	32-bit kernels.
 * @tx_bytes: bytes of the messages sent
 * @rx_packets: messages read
 * @rx_bytes: bytes of the messages read
 * @drop_key: packets dropped for lack of a key (reasons epoch, late and ahead)
 * @drop_auth: packets dropped because they did not authenticate
 * @drop_replay: packets dropped as replays
 * @drop_full: packets dropped because the ring was full
 * @drop_other: packets dropped for other reasons
 * @rekeys: seeds installed after the first
 * @leaves: leaf keys used, in both directions
 * @recoveries: times that both ends had keys again after one had lost them
 * @recovery_age: milliseconds since the last recovery, 0 if there was none
 * @error: positive errno why the allocation failed or the flow is down
 * @queued: messages waiting to be read
 * @mtu_confirmed: 1 if the path is known to carry messages of @mtu bytes
 * @reason: @error in words, NUL-terminated. On a file that is not a flow,
 *	@error and @reason tell why the last name to be served was refused.
 * @name: name that was asked for or served, NUL-terminated
 * @peer_name: name that the peer has proved with a certificate, NUL-terminated;
 *	empty if it has proved none, as with "auth = none", or is on this host.
 *	Does not change once the flow is allocated.
 * @authenticated: 1 if the peer has proved @peer_name
 * @reserved2: zero
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
	__aligned_u64 recoveries;
	__aligned_u64 recovery_age;
	__u32 queued;
	__u32 mtu_confirmed;
	char reason[IPCP_REASON_LEN];
	char name[IPCP_NAME_LEN + 1];
	char peer_name[IPCP_NAME_LEN + 1];
	__u32 authenticated;
	__u32 reserved2;
};

/* ipcp_set.mask */
#define IPCP_SET_RCVTIMEO	0x01
#define IPCP_SET_SNDTIMEO	0x02
#define IPCP_SET_ACCESS		0x04
#define IPCP_SET_DOWN		0x08
#define IPCP_SET_PPL		0x10
#define IPCP_SET_TIMESTAMP	0x20

/**
 * struct ipcp_set - IPCP_IOC_SET: change a flow
 * @size: sizeof(struct ipcp_set)
 * @mask: fields to set, IPCP_SET_*
 * @rcvtimeo: read timeout in nanoseconds; 0 or IPCP_TIMEOUT_NONE for no timeout
 * @sndtimeo: write timeout, as @rcvtimeo
 * @access: IPCP_RB_RD, IPCP_RB_WR or both
 * @down: 1 to take the flow down permanently, on both sides; EAGAIN if the flow
 *	is not allocated yet
 * @packets_per_leaf: a power of two, 64 to 1048576; used from the next epoch on
 * @timestamp: 1 to note the time of each message that arrives from now on, see
 *	struct ipcp_batch; 0 to stop noting it
 *
 * The timeouts can be set on any file, the other fields only on a flow. A flow
 * that is accepted inherits the timeouts of the file that serves the name.
 */
struct ipcp_set {
	__u32 size;
	__u32 mask;
	__aligned_s64 rcvtimeo;
	__aligned_s64 sndtimeo;
	__u32 access;
	__u32 down;
	__u32 packets_per_leaf;
	__u32 timestamp;
};

#define IPCP_MSG_TRUNC		0x1	/* output: the message was truncated */

/**
 * struct ipcp_msg - one message of a batch
 * @base: address of the buffer
 * @len: length of the message in bytes; for IPCP_IOC_RECV, size of the buffer,
 *	(output) number of bytes received
 * @flags: zero; for IPCP_IOC_RECV, (output) IPCP_MSG_TRUNC
 */
struct ipcp_msg {
	__aligned_u64 base;
	__u32 len;
	__u32 flags;
};

#define IPCP_BATCH_MAX		1024	/* messages */
#define IPCP_BATCH_DONTWAIT	0x1	/* as O_NONBLOCK, for this call */
#define IPCP_BATCH_PEEK		0x2	/* leave the message in the queue */
#define IPCP_BATCH_TRUNC	0x4	/* return the real length of messages */

/**
 * struct ipcp_batch - IPCP_IOC_SEND, IPCP_IOC_RECV: send or receive messages
 * @size: sizeof(struct ipcp_batch)
 * @flags: IPCP_BATCH_*; for IPCP_IOC_SEND, IPCP_BATCH_DONTWAIT only
 * @msgs: address of an array of struct ipcp_msg
 * @count: number of messages, 1 to IPCP_BATCH_MAX; 1 with IPCP_BATCH_PEEK
 * @reserved: zero
 * @times: address of an array of @count __s64, or 0; for IPCP_IOC_SEND, 0. The
 *	array is filled with the times at which the messages arrived, in
 *	nanoseconds since 1970 (CLOCK_REALTIME), 0 for a message whose time was
 *	not noted. Messages that arrived together have the same time. See
 *	IPCP_SET_TIMESTAMP.
 *
 * The first version of the structure ends with @reserved.
 *
 * With IPCP_BATCH_PEEK the message stays in the queue. With IPCP_BATCH_TRUNC
 * ipcp_msg.len of a truncated message is the length of the whole message.
 *
 * Returns the number of messages sent or received, which are the first of the
 * array. The call waits for the first message only. A later error ends the
 * batch, and the next call returns the error if it persists. If a
 * received message cannot be copied to the buffer at @base, the message is
 * lost.
 *
 * Consecutive messages of the same length are sent most efficiently. The last
 * of them may be shorter.
 *
 * Errors: as write(2) and read(2).
 */
struct ipcp_batch {
	__u32 size;
	__u32 flags;
	__aligned_u64 msgs;
	__u32 count;
	__u32 reserved;
	__aligned_u64 times;
};

/**
 * struct ipcp_provide - IPCP_IOC_PROVIDE: move the packets of flows to a name
 * @size: sizeof(struct ipcp_provide)
 * @flags: zero
 * @name: address of the name
 * @name_len: length of the name in bytes
 * @mtu: longest packet in bytes that can be brought to the other host, 1200 to
 *	65507
 *
 * The file becomes a provider. Each read returns a packet of a flow to the
 * name, or of the agents. The provider brings the packet to a provider of the
 * name on the host of the peer, which writes the packet. IPCP_IOC_SEND and
 * IPCP_IOC_RECV write and read many packets. Packets of flows are sealed.
 * Packets may be lost, reordered or late.
 *
 * Closing the file takes the flows of the provider down.
 *
 * The call waits for the agent as IPCP_IOC_LISTEN does.
 *
 * Errors: as IPCP_IOC_LISTEN.
 */
struct ipcp_provide {
	__u32 size;
	__u32 flags;
	__aligned_u64 name;
	__u32 name_len;
	__u32 mtu;
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
#define IPCP_IOC_PROVIDE	_IO(IPCP_IOC_TYPE, 0x09) /* struct ipcp_provide */
/* FIONREAD (int): length of the next message to read, 0 if there is none */

#endif /* _UAPI_LINUX_IPCP_REKEY_H */
