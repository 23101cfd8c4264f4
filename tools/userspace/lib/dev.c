// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* System calls of the device. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dev.h"

/* Default quality: messages may get lost. */
static const struct ipcp_qos qos_raw = {
	.loss = 1,
	.ber = 1,
};

static int call(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

/**
 * ipcp_dev_check_name() - check the length of a name before calling the kernel
 * @name: name of a destination, or to serve; may be NULL
 *
 * Return: 0, -EINVAL or -ENAMETOOLONG.
 */
int ipcp_dev_check_name(const char *name)
{
	size_t len = name ? strlen(name) : 0;

	if (!len)
		return -EINVAL;
	return len > IPCP_NAME_LEN ? -ENAMETOOLONG : 0;
}

/**
 * ipcp_dev_open() - open an endpoint in the caller's network namespace
 * @flags: O_NONBLOCK or 0
 *
 * Return: a close-on-exec file descriptor, or a negative errno.
 */
int ipcp_dev_open(int flags)
{
	int fd = open(IPCP_REKEY_DEVICE, O_RDWR | O_CLOEXEC | flags);

	return fd < 0 ? -errno : fd;
}

/**
 * ipcp_dev_alloc() - allocate a flow to a name
 * @fd: endpoint from ipcp_dev_open()
 * @name: name of the destination
 * @qos: requested quality of the flow, or NULL for plain messages
 * @timeout: nanoseconds, IPCP_TIMEOUT_DEFAULT or IPCP_TIMEOUT_NONE
 *
 * Return: 0, or a negative errno. -EINPROGRESS on a non-blocking descriptor:
 * poll it for EPOLLOUT.
 */
int ipcp_dev_alloc(int fd, const char *name, const struct ipcp_qos *qos,
		   int64_t timeout)
{
	struct ipcp_alloc arg = {
		.size = sizeof(arg),
		.name = (uintptr_t)name,
		.name_len = strlen(name),
		.timeout = timeout,
		.qos = qos ? *qos : qos_raw,
	};
	int ret = ipcp_dev_check_name(name);

	return ret ? ret : call(fd, IPCP_IOC_ALLOC, &arg);
}

/**
 * ipcp_dev_listen() - serve a name
 * @fd: endpoint from ipcp_dev_open()
 * @name: name to serve
 * @backlog: maximum number of flows waiting to be accepted, or 0 for the
 *	default
 *
 * Return: 0, or a negative errno.
 */
int ipcp_dev_listen(int fd, const char *name, unsigned int backlog)
{
	struct ipcp_listen arg = {
		.size = sizeof(arg),
		.name = (uintptr_t)name,
		.name_len = strlen(name),
		.backlog = backlog,
	};
	int ret = ipcp_dev_check_name(name);

	return ret ? ret : call(fd, IPCP_IOC_LISTEN, &arg);
}

/**
 * ipcp_dev_provide() - move the packets of flows to a name
 * @fd: endpoint from ipcp_dev_open()
 * @name: name to provide
 * @mtu: longest packet in bytes
 *
 * Return: 0, or a negative errno.
 */
int ipcp_dev_provide(int fd, const char *name, unsigned int mtu)
{
	struct ipcp_provide arg = {
		.size = sizeof(arg),
		.name = (uintptr_t)name,
		.name_len = strlen(name),
		.mtu = mtu,
	};
	int ret = ipcp_dev_check_name(name);

	return ret ? ret : call(fd, IPCP_IOC_PROVIDE, &arg);
}

/**
 * ipcp_dev_accept() - accept the next flow of a served name
 * @fd: listening endpoint
 * @flags: IPCP_ACCEPT_NONBLOCK or 0
 * @timeout: nanoseconds, IPCP_TIMEOUT_DEFAULT or IPCP_TIMEOUT_NONE
 * @qos: quality requested by the peer, or NULL
 *
 * Return: the file descriptor of the flow, or a negative errno.
 */
int ipcp_dev_accept(int fd, unsigned int flags, int64_t timeout,
		    struct ipcp_qos *qos)
{
	struct ipcp_accept arg = {
		.size = sizeof(arg),
		.flags = flags,
		.timeout = timeout,
	};
	int ret = call(fd, IPCP_IOC_ACCEPT, &arg);

	if (ret >= 0 && qos)
		*qos = arg.qos;
	return ret;
}

/**
 * ipcp_dev_rekey() - install a pending seed, which EPOLLPRI announces
 * @fd: a flow
 *
 * Return: 0, also if no seed is pending, or a negative errno.
 */
int ipcp_dev_rekey(int fd)
{
	int ret = call(fd, IPCP_IOC_REKEY, NULL);

	/* a read or write in another thread has installed the seed */
	return ret == -ENODATA ? 0 : ret;
}

/**
 * ipcp_dev_info() - query the state of a flow
 * @fd: a flow
 * @info: the result; members unknown to an older kernel are zero
 *
 * Return: 0, or a negative errno.
 */
int ipcp_dev_info(int fd, struct ipcp_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return call(fd, IPCP_IOC_GET_INFO, info);
}

/**
 * ipcp_dev_set() - change the settings of a flow
 * @fd: a flow
 * @set: the settings; its size is filled in here
 *
 * Return: 0, or a negative errno.
 */
int ipcp_dev_set(int fd, const struct ipcp_set *set)
{
	struct ipcp_set arg = *set;

	arg.size = sizeof(arg);
	return call(fd, IPCP_IOC_SET, &arg);
}

/**
 * ipcp_dev_nonblock() - set or clear the non-blocking mode of a descriptor
 * @fd: any descriptor
 * @on: true for non-blocking
 *
 * Return: 0, or a negative errno.
 */
int ipcp_dev_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}
