// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Flags, time limits and state of a flow. */
#include <stdarg.h>
#include <string.h>

#include <ouroboros/dev.h>

#include "flows.h"

#define KNOWN	(FLOWFACCMODE | FLOWFDOWN | FLOWFNONBLOCK | FLOWFRNOPART | \
		 FLOWFWNOPART)

/* Locking: requires flow->lock. */
static int set_flags(struct flow *flow, int fd, uint32_t flags)
{
	static const uint32_t access[] = {
		[FLOWFRDONLY] = IPCP_RB_RD,
		[FLOWFWRONLY] = IPCP_RB_WR,
		[FLOWFRDWR] = IPCP_RB_RD | IPCP_RB_WR,
	};
	struct ipcp_set set = { 0 };
	uint32_t was = __atomic_load_n(&flow->flags, __ATOMIC_RELAXED);
	int err;

	if (flags & ~KNOWN || (flags & FLOWFACCMODE) == FLOWFINVALID)
		return -EINVAL;
	if ((flags ^ was) & FLOWFACCMODE) {
		set.mask |= IPCP_SET_ACCESS;
		set.access = access[flags & FLOWFACCMODE];
	}
	if (flags & FLOWFDOWN) {
		set.mask |= IPCP_SET_DOWN;
		set.down = 1;
	}
	err = set.mask ? ipcp_dev_set(fd, &set) : 0;
	if (err)
		return flow_errno(IPCP_DEV_SET, err);
	__atomic_store_n(&flow->flags, flags, __ATOMIC_RELAXED);
	if (flags & FLOWFRNOPART)
		rests_drop(flow);
	return 0;
}

/* Set one of the two time limits, first in the kernel, then in the table. */
static int set_limit(int fd, uint32_t mask, const struct timespec *timeo,
		     bool *limited, struct timespec *kept)
{
	int64_t ns = flow_limit(timeo);
	struct ipcp_set set = { .mask = mask, .rcvtimeo = ns, .sndtimeo = ns };
	int err = ipcp_dev_set(fd, &set);

	if (err)
		return flow_errno(IPCP_DEV_SET, err);
	if (timeo)
		*kept = *timeo;
	__atomic_store_n(limited, !!timeo, __ATOMIC_RELAXED);
	return 0;
}

static int get_limit(bool limited, const struct timespec *kept,
		     struct timespec *to)
{
	if (!to)
		return -EINVAL;
	if (!limited)
		return -EPERM;
	*to = *kept;
	return 0;
}

/* Get the number of messages waiting to be read, or waiting to be sent. */
static int get_queue(int fd, bool sending, size_t *to)
{
	struct ipcp_info info;
	int err;

	if (!to)
		return -EINVAL;
	err = ipcp_dev_info(fd, &info);
	if (err)
		return flow_errno(IPCP_DEV_INFO, err);
	/* written messages are already in the network stack */
	*to = sending ? 0 : info.queued;
	return 0;
}

static int get_qos(const struct flow *flow, qosspec_t *to)
{
	if (!to)
		return -EINVAL;
	*to = flow->qos;
	return 0;
}

static int get_flags(const struct flow *flow, uint32_t *to)
{
	if (!to)
		return -EINVAL;
	*to = __atomic_load_n(&flow->flags, __ATOMIC_RELAXED);
	return 0;
}

static int peer_name(int fd, char *buf, size_t len)
{
	struct ipcp_info info;
	size_t used;
	int err = ipcp_dev_info(fd, &info);

	if (err)
		return flow_errno(IPCP_DEV_INFO, err);
	if (!info.authenticated)
		info.peer_name[0] = '\0';
	used = strnlen(info.peer_name, IPCP_NAME_LEN);
	if (used >= len)
		return -ENAMETOOLONG;
	memcpy(buf, info.peer_name, used);
	buf[used] = '\0';
	return used;
}

/**
 * flow_peer_name() - get the name that the peer of a flow has proved
 * @fd: the flow
 * @buf: receives the name, terminated; 256 bytes are enough for any
 * @len: size of @buf
 *
 * Return: length of the name; 0 if the peer has proved none, as with "auth =
 * none", and for a flow on this host; -ENAMETOOLONG if it does not fit; -EBADF,
 * -ENOTALLOC if @fd is not a flow.
 */
int flow_peer_name(int fd, char *buf, size_t len)
{
	struct flow *flow;
	int ret;

	if (!buf || !len)
		return -EINVAL;
	flow = flows_get(fd, &ret);
	if (!flow)
		return ret;
	ret = peer_name(fd, buf, len);
	flows_put(flow);
	return ret;
}

static int control(struct flow *flow, int fd, int cmd, va_list ap)
{
	switch (cmd) {
	case FLOWSRCVTIMEO:
		return set_limit(fd, IPCP_SET_RCVTIMEO,
				 va_arg(ap, const struct timespec *),
				 &flow->rcv_limited, &flow->rcvtimeo);
	case FLOWGRCVTIMEO:
		return get_limit(flow->rcv_limited, &flow->rcvtimeo,
				 va_arg(ap, struct timespec *));
	case FLOWSSNDTIMEO:
		return set_limit(fd, IPCP_SET_SNDTIMEO,
				 va_arg(ap, const struct timespec *),
				 &flow->snd_limited, &flow->sndtimeo);
	case FLOWGSNDTIMEO:
		return get_limit(flow->snd_limited, &flow->sndtimeo,
				 va_arg(ap, struct timespec *));
	case FLOWGQOSSPEC:
		return get_qos(flow, va_arg(ap, qosspec_t *));
	case FLOWSFLAGS:
		return set_flags(flow, fd, va_arg(ap, uint32_t));
	case FLOWGFLAGS:
		return get_flags(flow, va_arg(ap, uint32_t *));
	case FLOWGRXQLEN:
	case FLOWGTXQLEN:
		return get_queue(fd, cmd == FLOWGTXQLEN, va_arg(ap, size_t *));
	case FRCTSFLAGS:
	case FRCTGFLAGS:
		return -EPERM;
	default:
		return -ENOTSUP;
	}
}

int fccntl(int fd, int cmd, ...)
{
	struct flow *flow;
	va_list ap;
	int ret;

	flow = flows_get(fd, &ret);
	if (!flow)
		return ret;
	pthread_mutex_lock(&flow->lock);
	va_start(ap, cmd);
	ret = control(flow, fd, cmd, ap);
	va_end(ap);
	pthread_mutex_unlock(&flow->lock);
	flows_put(flow);
	return ret;
}
