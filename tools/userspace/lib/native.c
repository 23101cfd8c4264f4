// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Flows for new programs: allocation, names, and the state of a flow. Messages
 * are in native-msg.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <ipcp_rekey.h>

#include "dev.h"

/* Convert a negative errno to a return value of -1 and errno. */
static int result(int ret)
{
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

/* Close a descriptor after a failure, even in a cancelled thread. */
static void close_failed(int fd)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	close(fd);
	pthread_setcancelstate(state, NULL);
}

/* True if all bytes from offset @from up to @to are zero. */
static bool is_zero(const void *data, size_t from, size_t to)
{
	const char *byte = data;

	while (from < to && !byte[from])
		from++;
	return from >= to;
}

static void give_reason(const struct ipcp_alloc_options *options,
			const char *text)
{
	if (options->reason)
		snprintf(options->reason, options->reason_size, "%s", text);
}

/*
 * Copy the options of a program built for an older or a newer library, and
 * clear the reason.
 */
static int get_options(struct ipcp_alloc_options *to,
		       const struct ipcp_alloc_options *from)
{
	const size_t first = offsetof(struct ipcp_alloc_options, reason_size) +
			     sizeof(from->reason_size);

	memset(to, 0, sizeof(*to));
	if (!from)
		return 0;
	if (from->size < first)
		return -EINVAL;
	memcpy(to, from, from->size < sizeof(*to) ? from->size : sizeof(*to));
	give_reason(to, "");
	if (!is_zero(from, sizeof(*to), from->size))
		return -E2BIG;
	if (to->flags & ~IPCP_NONBLOCK || (to->reason && !to->reason_size))
		return -EINVAL;
	return 0;
}

/* Request a flow on an open endpoint, and store the reason of a failure. */
static int request(int fd, const char *name,
		   const struct ipcp_alloc_options *options)
{
	int ret = ipcp_dev_alloc(fd, name, options->qos, options->timeout);
	struct ipcp_info info;

	if (ret == -EINPROGRESS && options->flags & IPCP_NONBLOCK)
		return 0;
	if (ret && !ipcp_dev_info(fd, &info))
		give_reason(options, info.reason);
	return ret;
}

/**
 * ipcp_alloc() - allocate a flow to a name
 * @name: name of the destination, 1 to 255 bytes
 * @options: timeout, quality and flags, or NULL for the defaults
 *
 * Waits until the flow is allocated. With IPCP_NONBLOCK the descriptor is
 * returned at once: poll it for POLLOUT, then call ipcp_alloc_result().
 *
 * Return: close-on-exec descriptor of the flow; or -1 with errno EACCES,
 * ECONNABORTED, ECONNREFUSED, EDQUOT, EHOSTUNREACH, EKEYREJECTED, ENOTCONN,
 * EOPNOTSUPP, EPROTO, ETIMEDOUT, EUSERS as Documentation/device.md explains
 * them; EINTR after a signal, which aborts the allocation; EINVAL or
 * ENAMETOOLONG for an invalid name; EINVAL or E2BIG for unknown options; or an
 * errno of open(2), where ENOENT means that the module is not loaded.
 */
int ipcp_alloc(const char *name, const struct ipcp_alloc_options *options)
{
	struct ipcp_alloc_options opts;
	int fd, err;

	err = get_options(&opts, options);
	if (err)
		return result(err);
	err = ipcp_dev_check_name(name);
	if (err)
		return result(err);
	fd = ipcp_dev_open(opts.flags & IPCP_NONBLOCK ? O_NONBLOCK : 0);
	if (fd < 0) {
		give_reason(&opts, ipcp_dev_words(IPCP_DEV_OPEN, fd));
		return result(fd);
	}
	err = request(fd, name, &opts);
	if (!err)
		return fd;
	close_failed(fd);
	return result(err);
}

/**
 * ipcp_alloc_result() - get the result of a non-blocking allocation
 * @fd: flow from ipcp_alloc() with IPCP_NONBLOCK
 *
 * Return: 0 if the flow was allocated; or -1 with errno EINPROGRESS while the
 * allocation continues, ENOTCONN if @fd is not a flow, or else the errno of the
 * failure as ipcp_alloc() sets it. ipcp_info() returns a text with the reason.
 */
int ipcp_alloc_result(int fd)
{
	struct ipcp_info info;
	int err = ipcp_dev_info(fd, &info);

	if (err)
		return result(err);
	switch (info.state) {
	case IPCP_STATE_INIT:
		return result(-ENOTCONN);
	case IPCP_STATE_ALLOC_PENDING:
		return result(-EINPROGRESS);
	case IPCP_STATE_ALLOCATED:
		return 0;
	default:
		return result(info.error ? -(int)info.error : -ECONNABORTED);
	}
}

/* Open an endpoint and request a name, to serve or to provide. */
static int ask_for_name(const char *name, unsigned int flags,
			int (*ask)(int fd, const char *name, unsigned int arg),
			unsigned int arg)
{
	int fd, err;

	err = flags & ~IPCP_NONBLOCK ? -EINVAL : ipcp_dev_check_name(name);
	if (err)
		return result(err);
	fd = ipcp_dev_open(0);
	if (fd < 0)
		return result(fd);
	err = ask(fd, name, arg);
	if (!err && flags & IPCP_NONBLOCK)
		err = ipcp_dev_nonblock(fd, true);
	if (!err)
		return fd;
	close_failed(fd);
	return result(err);
}

/**
 * ipcp_listen() - serve a name
 * @name: name to serve, 1 to 255 bytes
 * @backlog: flows that may wait to be accepted, 1 to 1024; 0 for 64
 * @flags: IPCP_NONBLOCK to make ipcp_accept() non-blocking, or 0
 *
 * Waits for the agent's answer regardless of @flags. Close the descriptor to
 * stop serving the name.
 *
 * Return: close-on-exec descriptor for ipcp_accept(), to be polled for POLLIN;
 * or -1 with errno EACCES, EDQUOT, ENOTCONN, EUSERS as Documentation/device.md
 * explains them; EINTR; EINVAL or ENAMETOOLONG for an invalid argument; or an
 * errno of open(2), where ENOENT means that the module is not loaded.
 */
int ipcp_listen(const char *name, unsigned int backlog, unsigned int flags)
{
	return ask_for_name(name, flags, ipcp_dev_listen, backlog);
}

/**
 * ipcp_provide() - carry the packets of the flows to a name
 * @name: name to provide, 1 to 255 bytes
 * @mtu: longest packet in bytes, 1200 to 65507
 * @flags: IPCP_NONBLOCK to make reads non-blocking, or 0
 *
 * Waits for the agent's answer regardless of @flags. read(2) returns the next
 * packet to carry to the provider of the name on the peer's host; write(2)
 * takes a packet that arrived from there. Close the descriptor to stop
 * providing the name, which takes its flows down.
 *
 * Return: close-on-exec descriptor; or -1 with errno as ipcp_listen().
 */
int ipcp_provide(const char *name, unsigned int mtu, unsigned int flags)
{
	return ask_for_name(name, flags, ipcp_dev_provide, mtu);
}

/*
 * Clear the members that the kernel fills in: an older kernel may not know all
 * of them.
 */
static void clear_peer(struct ipcp_accept *options)
{
	const size_t peer = offsetof(struct ipcp_accept, peer_name);

	memset(&options->qos, 0, sizeof(options->qos));
	if (options->size >= peer + sizeof(options->peer_name)) {
		options->authenticated = 0;
		memset(options->peer_name, 0, sizeof(options->peer_name));
	}
}

/**
 * ipcp_accept() - accept the next flow of a served name
 * @fd: descriptor from ipcp_listen()
 * @options: in: size, flags (IPCP_NONBLOCK or 0) and timeout in nanoseconds;
 *	out: quality, name and authentication of the peer. NULL to wait without
 *	a time limit and get none of these.
 *
 * Return: close-on-exec descriptor of the flow; or -1 with errno EAGAIN if @fd
 * is non-blocking and no flow waits, ETIMEDOUT, EINTR, EMFILE, ENFILE, ENOMEM;
 * EINVAL if @fd does not serve a name; EINVAL or E2BIG for unknown options.
 * After a failure the flow stays in the queue.
 */
int ipcp_accept(int fd, struct ipcp_accept *options)
{
	struct ipcp_accept defaults = { .size = sizeof(defaults) };

	if (!options)
		options = &defaults;
	if (options->size < offsetof(struct ipcp_accept, authenticated))
		return result(-EINVAL);
	clear_peer(options);
	return ioctl(fd, IPCP_IOC_ACCEPT, options);
}

/**
 * ipcp_info() - query the state of a flow, or of a served name
 * @fd: a flow, or a descriptor from ipcp_listen()
 * @info: the result. The program sets its size first. Members that an older
 *	kernel does not know are zero.
 *
 * Return: 0; or -1 with errno EINVAL if the size is not set, or EBADF, ENOTTY.
 */
int ipcp_info(int fd, struct ipcp_info *info)
{
	__u32 size = info ? info->size : 0;

	if (size < sizeof(info->size))
		return result(-EINVAL);
	memset(info, 0, size);
	info->size = size;
	return ioctl(fd, IPCP_IOC_GET_INFO, info);
}

/**
 * ipcp_peer_name() - get the name that the peer of a flow has proved
 * @fd: an allocated flow
 * @buf: receives the name, NUL-terminated
 * @len: size of @buf in bytes; IPCP_NAME_LEN + 1 is enough
 *
 * Return: length of the name in bytes, 0 if the peer has proved none; or -1
 * with errno EAGAIN if the flow is not allocated yet, ENOTCONN if @fd is not a
 * flow, ENAMETOOLONG if the name does not fit, EINVAL if @buf is NULL or @len
 * is 0.
 */
ssize_t ipcp_peer_name(int fd, char *buf, size_t len)
{
	struct ipcp_info info;
	size_t used;
	int err;

	if (!buf || !len)
		return result(-EINVAL);
	err = ipcp_dev_info(fd, &info);
	if (err)
		return result(err);
	if (info.state == IPCP_STATE_INIT)
		return result(-ENOTCONN);
	if (info.state == IPCP_STATE_ALLOC_PENDING)
		return result(-EAGAIN);
	if (!info.authenticated)
		info.peer_name[0] = '\0';
	used = strnlen(info.peer_name, IPCP_NAME_LEN);
	if (used >= len)
		return result(-ENAMETOOLONG);
	memcpy(buf, info.peer_name, used);
	buf[used] = '\0';
	return used;
}

/**
 * ipcp_set() - change the time limits, access or packets per leaf key of a flow
 * @fd: a flow
 * @set: what to change. The program sets its size and mask first. Time limits
 *	are in nanoseconds.
 *
 * Return: 0; or -1 with errno EINVAL or E2BIG for a value that is unknown,
 * ENOTCONN if @fd is not a flow, EAGAIN for IPCP_SET_DOWN on a flow that is not
 * allocated yet.
 */
int ipcp_set(int fd, const struct ipcp_set *set)
{
	return ioctl(fd, IPCP_IOC_SET, set);
}

/**
 * ipcp_rekey() - install a pending seed, which POLLPRI announces
 * @fd: a flow
 *
 * Calls that send or receive install a pending seed, too. Only programs that do
 * neither for a long time need this call.
 *
 * Return: 0, also if no seed is pending; or -1 with errno ENOTCONN if @fd is
 * not a flow.
 */
int ipcp_rekey(int fd)
{
	return result(ipcp_dev_rekey(fd));
}

/**
 * ipcp_down() - take a flow down permanently, on both sides
 * @fd: a flow
 *
 * Wakes waiting calls. Messages received before can still be read. The
 * descriptor stays open.
 *
 * Return: 0; or -1 with errno EAGAIN if the flow is not allocated yet (use
 * close(2) instead); ENOTCONN if @fd is not a flow.
 */
int ipcp_down(int fd)
{
	const struct ipcp_set down = { .mask = IPCP_SET_DOWN, .down = 1 };

	return result(ipcp_dev_set(fd, &down));
}

/* True if the error of a call came from open(2) of the device. */
static bool is_of_open(enum ipcp_call call, int err)
{
	int saved = errno;
	bool is;

	if (call > IPCP_CALL_LISTEN)
		return false;
	switch (err) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return true;
	case EACCES:
	case EPERM:
		/* otherwise open() succeeded, and the agent refused */
		is = faccessat(AT_FDCWD, IPCP_REKEY_DEVICE, R_OK | W_OK,
			       AT_EACCESS);
		errno = saved;
		return is;
	default:
		return false;
	}
}

/**
 * ipcp_strerror() - describe an error of a call
 * @call: the call that failed
 * @err: the errno that the call has set
 *
 * Return: a description that says what to do, or that of strerror(3).
 */
const char *ipcp_strerror(enum ipcp_call call, int err)
{
	static const enum ipcp_dev_op ops[] = {
		[IPCP_CALL_ALLOC] = IPCP_DEV_ALLOC,
		[IPCP_CALL_LISTEN] = IPCP_DEV_LISTEN,
		[IPCP_CALL_ACCEPT] = IPCP_DEV_ACCEPT,
		[IPCP_CALL_FLOW] = IPCP_DEV_READ,
	};

	if ((size_t)call >= sizeof(ops) / sizeof(ops[0]))
		return strerror(err);
	if (is_of_open(call, err))
		return ipcp_dev_words(IPCP_DEV_OPEN, err);
	return ipcp_dev_words(ops[call], err);
}
