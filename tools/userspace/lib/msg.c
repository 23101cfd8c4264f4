// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Messages. If a message does not fit into the buffer of a read, the next read
 * returns the rest of the message; if the message fits exactly, the next read
 * returns 0. The kernel truncates messages that do not fit, so a read passes a
 * second buffer with room for the longest message behind the buffer of the
 * program.
 */
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <ouroboros/dev.h>

#include "flows.h"

/* Start the time limit of a read. */
static void start_limit(struct flow *flow, struct limit *limit)
{
	pthread_mutex_lock(&flow->lock);
	limit_start(limit, flow->rcv_limited ? &flow->rcvtimeo : NULL);
	pthread_mutex_unlock(&flow->lock);
}

static bool is_late(const struct limit *limit)
{
	struct timespec left;

	return limit_left(limit, &left) && !left.tv_sec && !left.tv_nsec;
}

/*
 * Return the next non-empty message. An empty message is only a sign of life
 * from the peer. The kernel enforces the time limit; the check here keeps empty
 * messages from extending the limit forever.
 */
static ssize_t next_message(struct flow *flow, int fd, const struct iovec *iov,
			    bool nowait)
{
	struct limit limit = { .none = true };
	ssize_t n;

	if (__atomic_load_n(&flow->rcv_limited, __ATOMIC_RELAXED))
		start_limit(flow, &limit);
	do {
		n = preadv2(fd, iov, 2, -1, nowait ? RWF_NOWAIT : 0);
		if (!n && is_late(&limit))
			return -ETIMEDOUT;
	} while (!n);
	return n < 0 ? flow_errno(IPCP_DEV_READ, -errno) : n;
}

struct room {
	struct flow *flow;
	struct rest *rest;
};

static void end_room(void *arg)
{
	struct room *room = arg;

	if (room->rest)
		rests_put_room(room->flow, room->rest);
}

/* Return the part that fits, and keep the rest even if it is empty. */
static ssize_t read_part(struct flow *flow, int fd, void *buf, size_t count,
			 bool nowait)
{
	struct room room = { .flow = flow, .rest = rests_get_room(flow) };
	ssize_t n;

	if (!room.rest)
		return -ENOMEM;
	pthread_cleanup_push(end_room, &room);
	n = next_message(flow, fd, (struct iovec []) {
				{ buf, count }, { room.rest->data, MESSAGE_MAX }
			 }, nowait);
	if (n >= 0 && (size_t)n >= count) {
		room.rest->off = 0;
		room.rest->len = n - count;
		rests_add(flow, room.rest);
		room.rest = NULL;
		n = count;
	}
	pthread_cleanup_pop(1);
	return n;
}

/* Return a whole message. A message that does not fit is lost. */
static ssize_t read_whole(struct flow *flow, int fd, void *buf, size_t count,
			  bool nowait)
{
	char more;
	ssize_t n = next_message(flow, fd, (struct iovec []) {
					{ buf, count }, { &more, 1 }
				 }, nowait);

	return n > 0 && (size_t)n > count ? -EMSGSIZE : n;
}

ssize_t flow_read(int fd, void *buf, size_t count)
{
	uint32_t flags;
	struct flow *flow;
	ssize_t ret = 0;
	int err;

	if (!buf && count)
		return -EINVAL;
	flow = flows_get(fd, &err);
	if (!flow)
		return err;
	flags = __atomic_load_n(&flow->flags, __ATOMIC_RELAXED);
	pthread_cleanup_push(flows_put, flow);
	if (!rests_read(flow, buf, count, &ret))
		ret = (flags & FLOWFRNOPART ? read_whole : read_part)
		      (flow, fd, buf, count, flags & FLOWFRNOBLOCK);
	pthread_cleanup_pop(1);
	return ret;
}

/*
 * Write without waiting, as a batch: a write with RWF_NOWAIT sends no empty
 * message, and fails with EAGAIN if memory cannot be had without waiting, while
 * poll() reports that the flow is writable.
 */
static ssize_t write_nowait(int fd, const void *buf, size_t count)
{
	struct ipcp_msg msg = {
		.base = (uintptr_t)buf,
		.len = count < UINT32_MAX ? count : UINT32_MAX,	/* too long */
	};
	struct ipcp_batch batch = {
		.size = sizeof(batch),
		.flags = IPCP_BATCH_DONTWAIT,
		.msgs = (uintptr_t)&msg,
		.count = 1,
	};

	return ioctl(fd, IPCP_IOC_SEND, &batch) < 0 ? -1 : (ssize_t)count;
}

ssize_t flow_write(int fd, const void *buf, size_t count)
{
	struct flow *flow;
	ssize_t ret;
	int err;

	if (!buf && count)
		return -EINVAL;
	flow = flows_get(fd, &err);
	if (!flow)
		return err;
	pthread_cleanup_push(flows_put, flow);
	if (__atomic_load_n(&flow->flags, __ATOMIC_RELAXED) & FLOWFWNOBLOCK)
		ret = write_nowait(fd, buf, count);
	else
		ret = write(fd, buf, count);
	if (ret < 0)
		ret = flow_errno(IPCP_DEV_WRITE, -errno);
	pthread_cleanup_pop(1);
	return ret;
}
