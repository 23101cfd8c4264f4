/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Flows for new programs: C wrappers for the calls of /dev/ipcp_rekey. See
 * ipcp_rekey_native(3). Programs written for Ouroboros use <ouroboros/dev.h>
 * instead.
 *
 * Descriptors are kernel file descriptors: use poll(2) and close(2) as usual.
 * On failure a call returns -1 and sets errno. Structures not defined here are
 * documented in <linux/ipcp_rekey.h>.
 *
 * How the interface grows: each structure begins with its size, which the
 * program sets to sizeof. New members are appended; zero in a new member
 * selects the behavior from before the member existed. The library and the
 * kernel therefore serve programs with older, shorter structures, and fail with
 * E2BIG if a program sets a member that is unknown to them. New flags use bits
 * that fail with EINVAL in older releases. New functions get a version node of their own in
 * the library.
 */
#ifndef IPCP_REKEY_H
#define IPCP_REKEY_H

#include <sys/types.h>

#include <linux/ipcp_rekey.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Flag of ipcp_alloc(), ipcp_listen(), ipcp_accept(): set O_NONBLOCK. */
#define IPCP_NONBLOCK	IPCP_ACCEPT_NONBLOCK

/* Flag of ipcp_send(), ipcp_recv() and the batched calls: do not wait. */
#define IPCP_DONTWAIT	IPCP_BATCH_DONTWAIT

/*
 * Flags of ipcp_recv(): IPCP_PEEK leaves the message in the queue, IPCP_TRUNC
 * makes the call return the length of the whole message.
 */
#define IPCP_PEEK	IPCP_BATCH_PEEK
#define IPCP_TRUNC	IPCP_BATCH_TRUNC

/* Convert milliseconds to the nanoseconds of a timeout. */
#define IPCP_MSEC(n)	((__s64)(n) * 1000000)

/*
 * Fill in one element of a batch: a message to send, or a buffer to receive
 * into. Evaluates @msg more than once.
 */
#define IPCP_MSG_SET(msg, buf, length)			\
	((msg)->base = (__u64)(unsigned long)(buf),	\
	 (msg)->len = (length),				\
	 (msg)->flags = 0)

/**
 * struct ipcp_alloc_options - how to allocate a flow
 * @size: sizeof(struct ipcp_alloc_options)
 * @flags: IPCP_NONBLOCK or 0
 * @timeout: nanoseconds, or IPCP_TIMEOUT_DEFAULT (20 seconds), or
 *	IPCP_TIMEOUT_NONE
 * @qos: requested quality of service, or NULL for plain messages
 * @reason: buffer for a text with the reason of a failure, or NULL. The text is
 *	NUL-terminated, and empty if nothing is known beyond errno.
 * @reason_size: size of @reason in bytes; IPCP_REASON_LEN is enough
 */
struct ipcp_alloc_options {
	__u32 size;
	__u32 flags;
	__s64 timeout;
	const struct ipcp_qos *qos;
	char *reason;
	size_t reason_size;
};

/* The call that failed, for ipcp_strerror(). */
enum ipcp_call {
	IPCP_CALL_ALLOC,	/* ipcp_alloc(), ipcp_alloc_result() */
	IPCP_CALL_LISTEN,	/* ipcp_listen(), ipcp_provide() */
	IPCP_CALL_ACCEPT,	/* ipcp_accept() */
	IPCP_CALL_FLOW		/* all calls on a flow */
};

/* All of these since version IPCP_REKEY_3. */
int ipcp_alloc(const char *name, const struct ipcp_alloc_options *options);
int ipcp_alloc_result(int fd);
int ipcp_listen(const char *name, unsigned int backlog, unsigned int flags);
int ipcp_accept(int fd, struct ipcp_accept *options);
int ipcp_provide(const char *name, unsigned int mtu, unsigned int flags);

ssize_t ipcp_send(int fd, const void *buf, size_t len, unsigned int flags);
ssize_t ipcp_recv(int fd, void *buf, size_t len, unsigned int flags,
		  int *truncated);
int ipcp_send_many(int fd, const struct ipcp_msg *msgs, unsigned int count,
		   unsigned int flags);
int ipcp_recv_many(int fd, struct ipcp_msg *msgs, unsigned int count,
		   unsigned int flags);

int ipcp_info(int fd, struct ipcp_info *info);
ssize_t ipcp_peer_name(int fd, char *buf, size_t len);
int ipcp_set(int fd, const struct ipcp_set *set);
int ipcp_rekey(int fd);
int ipcp_down(int fd);

const char *ipcp_strerror(enum ipcp_call call, int err);

#ifdef __cplusplus
}
#endif

#endif /* IPCP_REKEY_H */
