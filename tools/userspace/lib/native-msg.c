// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Messages of flows for new programs, one or many per call. */
#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <ipcp_rekey.h>

/* Transfer a batch, or the part that the kernel takes, as sendmmsg(2) does. */
static int transfer(int fd, unsigned long request, const struct ipcp_msg *msgs,
		    unsigned int count, unsigned int flags)
{
	struct ipcp_batch batch = {
		.size = sizeof(batch),
		.flags = flags,
		.msgs = (uintptr_t)msgs,
		.count = count < IPCP_BATCH_MAX ? count : IPCP_BATCH_MAX,
	};

	return ioctl(fd, request, &batch);
}

/**
 * ipcp_send() - send one message
 * @fd: a flow
 * @buf: the message
 * @len: its length in bytes; 0 sends an empty message
 * @flags: IPCP_DONTWAIT or 0
 *
 * Waits for buffer space and keys unless IPCP_DONTWAIT or O_NONBLOCK is set.
 * Sends the whole message or nothing.
 *
 * Return: @len; or -1 with errno EAGAIN, EDQUOT, EINTR, EKEYEXPIRED, EMSGSIZE,
 * ENOMEM, ENOTCONN, EPERM, ESHUTDOWN, ETIMEDOUT or a routing error, as
 * Documentation/device.md explains them; EINVAL for an unknown flag.
 */
ssize_t ipcp_send(int fd, const void *buf, size_t len, unsigned int flags)
{
	struct ipcp_msg msg;

	if (!flags)
		return write(fd, buf, len);
	if (len > UINT32_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	IPCP_MSG_SET(&msg, buf, len);
	return transfer(fd, IPCP_IOC_SEND, &msg, 1, flags) < 0 ? -1 :
								 (ssize_t)len;
}

/**
 * ipcp_recv() - receive one message
 * @fd: a flow
 * @buf: buffer for the message
 * @len: size of @buf in bytes; the rest of a longer message is discarded
 * @flags: IPCP_DONTWAIT, IPCP_PEEK to leave the message in the queue, IPCP_TRUNC
 *	to return the length of the whole message
 * @truncated: set to 1 if the message did not fit, else to 0; or NULL
 *
 * Waits for a message unless IPCP_DONTWAIT or O_NONBLOCK is set.
 *
 * Return: number of bytes in @buf, 0 for an empty message; with IPCP_TRUNC, the
 * length of the whole message, which may exceed @len; or -1 with errno EAGAIN,
 * EINTR, ENOMEM, ENOTCONN, EPERM, EPIPE (the peer is silent), ESHUTDOWN (the
 * flow is over) or ETIMEDOUT, as Documentation/device.md explains them; EINVAL
 * for an unknown flag. A failure leaves @truncated unchanged.
 */
ssize_t ipcp_recv(int fd, void *buf, size_t len, unsigned int flags,
		  int *truncated)
{
	struct ipcp_msg msg;

	IPCP_MSG_SET(&msg, buf, len < UINT32_MAX ? len : UINT32_MAX);
	if (transfer(fd, IPCP_IOC_RECV, &msg, 1, flags) < 0)
		return -1;
	if (truncated)
		*truncated = !!(msg.flags & IPCP_MSG_TRUNC);
	return msg.len;
}

/**
 * ipcp_send_many() - send many messages
 * @fd: a flow
 * @msgs: the messages, each set with IPCP_MSG_SET()
 * @count: number of messages; one call takes at most IPCP_BATCH_MAX of them
 * @flags: IPCP_DONTWAIT or 0
 *
 * Waits for the first message only. Consecutive messages of equal length are
 * the most efficient to send; the last one may be shorter.
 *
 * Return: number of messages sent, at least 1, counted from the start of
 * @msgs; or -1 with errno as ipcp_send(), or EINVAL if @count is 0.
 */
int ipcp_send_many(int fd, const struct ipcp_msg *msgs, unsigned int count,
		   unsigned int flags)
{
	return transfer(fd, IPCP_IOC_SEND, msgs, count, flags);
}

/**
 * ipcp_recv_many() - receive many messages
 * @fd: a flow
 * @msgs: in: the buffers, each set with IPCP_MSG_SET(); out: the length of each
 *	message in bytes, and IPCP_MSG_TRUNC in the flags of a message that did
 *	not fit
 * @count: number of buffers; one call fills at most IPCP_BATCH_MAX of them
 * @flags: IPCP_DONTWAIT or 0
 *
 * Waits for the first message only. Set the buffers again before the next
 * call.
 *
 * Return: number of messages received, at least 1, stored from the start of
 * @msgs; or -1 with errno as ipcp_recv(), or EINVAL if @count is 0.
 */
int ipcp_recv_many(int fd, struct ipcp_msg *msgs, unsigned int count,
		   unsigned int flags)
{
	return transfer(fd, IPCP_IOC_RECV, msgs, count, flags);
}
