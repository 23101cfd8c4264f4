// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Ioctls of /dev/ipcp_rekey: allocate and accept flows, set options and query
 * information. chardev-name.c handles names, io.c batches of messages, and
 * io-provide.c batches of a provider's packets.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/sock.h>
#include <asm/ioctls.h>

#include "chardev.h"
#include "flow.h"
#include "keysched.h"
#include "listen.h"
#include "listener.h"
#include "registry.h"
#include "rekey.h"
#include "session.h"
#include "show.h"
#include "state.h"
#include "tx.h"
#include "wait.h"
#include "wire.h"

/* Convert a timeout in nanoseconds to jiffies; 0 selects the default. */
static int get_timeout(s64 ns, long deflt, long *timeo)
{
	if (ns < IPCP_TIMEOUT_NONE)
		return -EINVAL;
	if (ns == IPCP_TIMEOUT_NONE)
		*timeo = MAX_SCHEDULE_TIMEOUT;
	else if (ns == IPCP_TIMEOUT_DEFAULT)
		*timeo = deflt;
	else
		*timeo = min_t(u64, nsecs_to_jiffies64(ns) + 1,
			       MAX_JIFFY_OFFSET / 2);
	return 0;
}

static int check_qos(const struct ipcp_qos *qos)
{
	if (qos->reserved[0] || qos->reserved[1])
		return -EINVAL;
	/* Without retransmission there is no order and no zero loss. */
	if (qos->in_order || !qos->loss)
		return -EOPNOTSUPP;
	return 0;
}

/* Request a flow and make the file that flow. Called with f->lock held. */
static int begin_alloc(struct ipcp_file *f, const char *name,
		       const struct ipcp_alloc *arg, long timeo)
{
	struct ipcp_flow *flow;

	if (ipcp_file_used(f))
		return -EBUSY;
	flow = ipcp_session_ask(f->ipn, name, &arg->qos, timeo,
				&f->wait->consumer);
	if (IS_ERR(flow))
		return PTR_ERR(flow);
	ipcp_file_become_flow(f, flow);
	return 0;
}

static int ioc_alloc(struct file *file, void *argp)
{
	long timeo, deflt = msecs_to_jiffies(IPCP_ALLOC_TIMEOUT_MS);
	struct ipcp_file *f = file->private_data;
	struct ipcp_alloc *arg = argp;
	char *name;
	int err;

	if (arg->flags || arg->reserved)
		return -EINVAL;
	err = get_timeout(arg->timeout, deflt, &timeo) ?: check_qos(&arg->qos);
	if (err)
		return err;
	name = ipcp_chardev_name(arg->name, arg->name_len);
	if (IS_ERR(name))
		return PTR_ERR(name);
	err = mutex_lock_interruptible(&f->lock);
	if (!err) {
		err = begin_alloc(f, name, arg, timeo);
		mutex_unlock(&f->lock);
	}
	kfree(name);
	if (err)
		return err;

	if (file->f_flags & O_NONBLOCK)
		return -EINPROGRESS;
	/* As for connect(2): a signal ends the wait, not the allocation. */
	err = wait_event_interruptible(f->wait->wq,
				       !ipcp_flow_pending(f->flow));
	if (err)
		return -EINTR;
	return READ_ONCE(f->flow->state) == IPCP_REKEY_FLOW_STATE_ALLOCATED ?
	       0 : ipcp_io_not_allocated(f->flow);
}

/*
 * Create a file for a flow to accept, with the file operations and access mode
 * of the listener's file. No other task can access it yet.
 */
static struct file *new_flow_file(const struct file *listener, bool nonblock)
{
	const struct ipcp_file *l = listener->private_data;
	unsigned int flags = (listener->f_flags & O_ACCMODE) |
			     (nonblock ? O_NONBLOCK : 0);
	struct ipcp_file *f = ipcp_file_new(l->ipn, NULL);
	struct file *file;

	if (!f)
		return ERR_PTR(-ENOMEM);
	f->rcvtimeo = READ_ONCE(l->rcvtimeo);
	f->sndtimeo = READ_ONCE(l->sndtimeo);
	file = anon_inode_getfile("[ipcp_rekey]", listener->f_op, f, flags);
	if (IS_ERR(file)) {
		ipcp_file_free(f);
		return file;
	}
	file->f_mode |= FMODE_NOWAIT;
	file->f_mode &= ~(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE);
	return file;
}

/* Make a new file the accepted flow. The flow brings its wait queue along. */
static void give_flow(struct file *file, struct ipcp_flow *flow)
{
	struct ipcp_file *f = file->private_data;

	ipcp_owner_current(&flow->owner);
	f->wait = ipcp_wait_of(ipcp_consumer_get(flow->n_rb.flags.consumer));
	f->flow = flow;
}

static bool accept_wakes(struct ipcp_listener *l)
{
	return ipcp_listener_waiting(l) || ipcp_grant_refusal(&l->grant);
}

/* Wait for a flow to accept. */
static struct ipcp_flow *next_flow(struct file *file, struct ipcp_listener *l,
				   long timeo)
{
	struct ipcp_file *f = file->private_data;
	struct ipcp_flow *flow;
	int err;

	while (!(flow = ipcp_listener_accept(l))) {
		err = ipcp_grant_refusal(&l->grant);
		if (err)
			return ERR_PTR(-err);
		if (file->f_flags & O_NONBLOCK)
			return ERR_PTR(-EAGAIN);
		err = ipcp_wait_slept(wait_event_interruptible_timeout(f->wait->wq,
								       accept_wakes(l),
								       timeo),
				      &timeo);
		if (err)
			return ERR_PTR(err);
	}
	return flow;
}

static int ioc_accept(struct file *file, void *argp)
{
	struct ipcp_file *f = file->private_data;
	struct ipcp_listener *l = ipcp_file_listener(f);
	struct ipcp_accept *arg = argp;
	struct ipcp_flow *flow;
	struct file *new;
	long timeo;
	int err, fd;

	if (!l || arg->flags & ~IPCP_ACCEPT_NONBLOCK || arg->reserved)
		return -EINVAL;
	err = get_timeout(arg->timeout, MAX_SCHEDULE_TIMEOUT, &timeo);
	if (err)
		return err;
	/*
	 * Do everything that can fail first, so that no flow is accepted and
	 * lost.
	 */
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	new = new_flow_file(file, arg->flags & IPCP_ACCEPT_NONBLOCK);
	if (IS_ERR(new)) {
		err = PTR_ERR(new);
		goto err_fd;
	}
	flow = next_flow(file, l, timeo);
	if (IS_ERR(flow)) {
		err = PTR_ERR(flow);
		goto err_file;
	}
	arg->qos = flow->qos;
	ipcp_show_peer(flow, arg->peer_name, &arg->authenticated);
	give_flow(new, flow);
	fd_install(fd, new);
	return fd;

err_file:
	fput(new);
err_fd:
	put_unused_fd(fd);
	return err;
}

static int ioc_rekey(struct file *file, void *argp)
{
	struct ipcp_flow *flow = ipcp_file_flow(file->private_data);

	if (!flow)
		return -ENOTCONN;
	return ipcp_registry_take_pending(flow) ? 0 : -ENODATA;
}

static int ioc_get_info(struct file *file, void *argp)
{
	struct ipcp_file *f = file->private_data;
	struct ipcp_flow *flow = ipcp_file_flow(f);
	struct ipcp_info *info = argp;
	u32 size = info->size;

	memset(info, 0, sizeof(*info));
	info->size = min_t(u32, size, sizeof(*info));
	if (flow)
		ipcp_show_for_program(flow, info);
	else
		ipcp_chardev_show_name(f, info);
	return 0;
}

static int set_access(struct ipcp_flow *flow, u32 access)
{
	const u32 all = IPCP_RB_RD | IPCP_RB_WR;

	if (access & ~all)
		return -EINVAL;
	ipcp_rbflags_change(&flow->n_rb.flags, access, all & ~access);
	return 0;
}

/* Options that can be set before a file is a flow. */
#define IPCP_SET_EARLY	(IPCP_SET_RCVTIMEO | IPCP_SET_SNDTIMEO)

static int check_set(const struct ipcp_set *arg)
{
	const u32 known = IPCP_SET_RCVTIMEO | IPCP_SET_SNDTIMEO |
			  IPCP_SET_ACCESS | IPCP_SET_DOWN | IPCP_SET_PPL |
			  IPCP_SET_TIMESTAMP;

	if (arg->mask & ~known)
		return -EINVAL;
	/* A reserved field in the first version of the structure. */
	if (arg->timestamp > 1 ||
	    (arg->timestamp && !(arg->mask & IPCP_SET_TIMESTAMP)))
		return -EINVAL;
	if (arg->mask & IPCP_SET_DOWN && arg->down != 1)
		return -EINVAL;
	if (arg->mask & IPCP_SET_PPL && !ipcp_ppl_valid(arg->packets_per_leaf))
		return -EINVAL;
	return 0;
}

static int ioc_set(struct file *file, void *argp)
{
	struct ipcp_file *f = file->private_data;
	struct ipcp_flow *flow = ipcp_file_flow(f);
	const struct ipcp_set *arg = argp;
	long rcv = 0, snd = 0;
	int err;

	if (!flow && (!arg->mask || arg->mask & ~IPCP_SET_EARLY))
		return -ENOTCONN;
	err = check_set(arg);
	if (!err && arg->mask & IPCP_SET_RCVTIMEO)
		err = get_timeout(arg->rcvtimeo, MAX_SCHEDULE_TIMEOUT, &rcv);
	if (!err && arg->mask & IPCP_SET_SNDTIMEO)
		err = get_timeout(arg->sndtimeo, MAX_SCHEDULE_TIMEOUT, &snd);
	if (!err && arg->mask & IPCP_SET_DOWN && ipcp_flow_pending(flow))
		err = -EAGAIN;	/* no peer to inform yet */
	if (!err && arg->mask & IPCP_SET_ACCESS)
		err = set_access(flow, arg->access);
	if (err)
		return err;

	if (arg->mask & IPCP_SET_RCVTIMEO)
		WRITE_ONCE(f->rcvtimeo, rcv);
	if (arg->mask & IPCP_SET_SNDTIMEO)
		WRITE_ONCE(f->sndtimeo, snd);
	if (arg->mask & IPCP_SET_PPL)
		WRITE_ONCE(flow->ppl_shift, ilog2(arg->packets_per_leaf));
	if (arg->mask & IPCP_SET_TIMESTAMP)
		assign_bit(IPCP_FLOW_TIMESTAMP, &flow->bits, arg->timestamp);
	if (arg->mask & IPCP_SET_DOWN) {
		/* Go down before sending CLOSE: the peer may answer at once. */
		ipcp_state_down(flow, ESHUTDOWN, "taken down by the program");
		ipcp_tx_current(flow, IPCP_PDU_CLOSE, NULL, 0);
	}
	return 0;
}

static int check_batch(const struct ipcp_file *f, const struct ipcp_batch *arg,
		       u32 known)
{
	if (!ipcp_file_flow(f) && !ipcp_file_provider(f))
		return ipcp_file_no_flow(f);
	if (arg->flags & ~known || arg->reserved || !arg->count ||
	    arg->count > IPCP_BATCH_MAX)
		return -EINVAL;
	if (arg->flags & IPCP_BATCH_PEEK && arg->count > 1)
		return -EINVAL;
	return 0;
}

/* Fail as write(2) and read(2) do on a file opened for the other direction. */
static int ioc_send(struct file *file, void *argp)
{
	const struct ipcp_batch *arg = argp;
	int err;

	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	err = check_batch(file->private_data, arg, IPCP_BATCH_DONTWAIT) ?:
	      (arg->times ? -EINVAL : 0);
	if (err)
		return err;
	return ipcp_file_flow(file->private_data) ? ipcp_io_send(file, arg) :
						    ipcp_provide_send(file, arg);
}

static int ioc_recv(struct file *file, void *argp)
{
	int err;

	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	err = check_batch(file->private_data, argp, IPCP_BATCH_DONTWAIT |
			  IPCP_BATCH_PEEK | IPCP_BATCH_TRUNC);
	if (err)
		return err;
	return ipcp_file_flow(file->private_data) ? ipcp_io_recv(file, argp) :
						    ipcp_provide_recv(file, argp);
}

/* FIONREAD is a standard ioctl, so its argument is a plain int. */
static int ioc_fionread(struct file *file, int __user *len)
{
	struct ipcp_file *f = file->private_data;
	struct ipcp_flow *flow = ipcp_file_flow(f);

	if (!flow)
		return ipcp_file_no_flow(f);
	return put_user(ipcp_io_next_len(flow), len);
}

/**
 * struct ioc - an ioctl
 * @fn: handler
 * @size: size of the argument, or 0 without one
 * @min: size of the first version of the argument
 * @out: true if the argument is copied back on success
 */
struct ioc {
	int (*fn)(struct file *file, void *argp);
	size_t size;
	size_t min;
	bool out;
};

#define IOC(name, fn_, type, last, out_)				\
	[_IOC_NR(IPCP_IOC_##name)] = {					\
		.fn = fn_,						\
		.size = sizeof(struct type),				\
		.min = offsetofend(struct type, last),			\
		.out = out_,						\
	}

static const struct ioc iocs[] = {
	IOC(ALLOC, ioc_alloc, ipcp_alloc, qos, false),
	IOC(LISTEN, ipcp_chardev_listen, ipcp_listen, backlog, false),
	IOC(ACCEPT, ioc_accept, ipcp_accept, qos, true),
	[_IOC_NR(IPCP_IOC_REKEY)] = { .fn = ioc_rekey },
	IOC(GET_INFO, ioc_get_info, ipcp_info, size, true),
	IOC(SET, ioc_set, ipcp_set, timestamp, false),
	IOC(SEND, ioc_send, ipcp_batch, reserved, false),
	IOC(RECV, ioc_recv, ipcp_batch, reserved, false),
	IOC(PROVIDE, ipcp_chardev_provide, ipcp_provide, mtu, false),
};

union ioc_arg {
	struct ipcp_alloc alloc;
	struct ipcp_listen listen;
	struct ipcp_accept accept;
	struct ipcp_info info;
	struct ipcp_set set;
	struct ipcp_batch batch;
	struct ipcp_provide provide;
};

static int copy_back(void __user *uarg, const void *arg, u32 usize, size_t size)
{
	return copy_to_user(uarg, arg, min_t(size_t, usize, size)) ? -EFAULT : 0;
}

/**
 * ipcp_chardev_ioctl() - Handle an ioctl
 * @file: file
 * @cmd: IPCP_IOC_*
 * @uarg: user address of the argument
 *
 * Context: Process context of the program, may sleep.
 * Return: 0, a file descriptor, a count, or a negative errno.
 */
long ipcp_chardev_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	void __user *up = (void __user *)uarg;
	const struct ioc *ioc;
	union ioc_arg arg;
	u32 usize;
	int err;

	if (cmd == FIONREAD)
		return ioc_fionread(file, (int __user *)uarg);
	if (_IOC_TYPE(cmd) != IPCP_IOC_TYPE || _IOC_SIZE(cmd) ||
	    _IOC_DIR(cmd) || _IOC_NR(cmd) >= ARRAY_SIZE(iocs) ||
	    !iocs[_IOC_NR(cmd)].fn)
		return -ENOTTY;
	ioc = &iocs[_IOC_NR(cmd)];
	if (!ioc->size)
		return ioc->fn(file, NULL);

	if (get_user(usize, (u32 __user *)up))
		return -EFAULT;
	if (usize < ioc->min)
		return -EINVAL;
	if (usize > PAGE_SIZE)
		return -E2BIG;
	if (ioc->fn == ioc_get_info) {
		arg.info.size = usize;	/* the only input */
	} else {
		err = copy_struct_from_user(&arg, ioc->size, up, usize);
		if (err)
			return err;
		/*
		 * Check first that the argument is writable, since a new
		 * descriptor cannot be revoked.
		 */
		if (ioc->out && copy_back(up, &arg, usize, ioc->size))
			return -EFAULT;
	}
	err = ioc->fn(file, &arg);
	if (err >= 0 && ioc->out && copy_back(up, &arg, usize, ioc->size))
		return -EFAULT;
	return err;
}
