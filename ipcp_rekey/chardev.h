/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_CHARDEV_H
#define _IPCP_CHARDEV_H

#include <linux/fs.h>
#include <linux/mutex.h>

struct ipcp_batch;
struct ipcp_flow;
struct ipcp_info;
struct ipcp_listener;
struct ipcp_net;
struct ipcp_provider;
struct ipcp_wait;

/**
 * struct ipcp_file - an open file
 * @ipn: network namespace; the file holds a reference to it
 * @wait: wait queue of the file. Locking: set before the file can be found.
 * @lock: serialises the setting of @flow, @listener and @provider, and protects
 *	@refused and @reason
 * @flow: flow, or NULL. Locking: set once under @lock, may be read locklessly
 *	with ipcp_file_flow().
 * @listener: listener, or NULL. Locking: set once under @lock, may be read
 *	locklessly with ipcp_file_listener().
 * @provider: provider, or NULL. Locking: as @listener, with
 *	ipcp_file_provider().
 * @rcvtimeo: maximum time that a read waits, in jiffies. Locking: none,
 *	accessed with READ_ONCE() and WRITE_ONCE().
 * @sndtimeo: maximum time that a write waits, in jiffies. Locking: as
 *	@rcvtimeo.
 * @refused: positive errno of the last refusal of a name, or 0. Locking: @lock.
 * @reason: @refused in words, or NULL. Locking: @lock.
 */
struct ipcp_file {
	struct ipcp_net *ipn;
	struct ipcp_wait *wait;
	struct mutex lock;	/* see kernel-doc */
	struct ipcp_flow *flow;
	struct ipcp_listener *listener;
	struct ipcp_provider *provider;
	long rcvtimeo;
	long sndtimeo;
	int refused;
	char *reason;
};

/* The flow is fully set up before ->flow is set. */
static inline struct ipcp_flow *ipcp_file_flow(const struct ipcp_file *f)
{
	/* Pairs with smp_store_release() in ipcp_file_become_flow(). */
	return smp_load_acquire(&f->flow);
}

/* The listener is fully set up before ->listener is set. */
static inline struct ipcp_listener *ipcp_file_listener(const struct ipcp_file *f)
{
	/* Pairs with smp_store_release() in ipcp_file_become_listener(). */
	return smp_load_acquire(&f->listener);
}

/* The provider is fully set up before ->provider is set. */
static inline struct ipcp_provider *ipcp_file_provider(const struct ipcp_file *f)
{
	/* Pairs with smp_store_release() in ipcp_file_become_provider(). */
	return smp_load_acquire(&f->provider);
}

/* True if a file is a flow, listener or provider already. Locking: @f->lock. */
static inline bool ipcp_file_used(const struct ipcp_file *f)
{
	return f->flow || f->listener || f->provider;
}

/* Return the error of I/O on a file that is neither a flow nor a provider. */
static inline int ipcp_file_no_flow(const struct ipcp_file *f)
{
	return READ_ONCE(f->listener) ? -EINVAL : -ENOTCONN;
}

int ipcp_chardev_init(void);
void ipcp_chardev_exit(void);
long ipcp_chardev_ioctl(struct file *file, unsigned int cmd, unsigned long uarg);

struct ipcp_file *ipcp_file_new(struct ipcp_net *ipn, struct ipcp_wait *wait);
void ipcp_file_free(struct ipcp_file *f);
void ipcp_file_become_flow(struct ipcp_file *f, struct ipcp_flow *flow);
void ipcp_file_become_listener(struct ipcp_file *f, struct ipcp_listener *l);
void ipcp_file_become_provider(struct ipcp_file *f, struct ipcp_provider *p);

char *ipcp_chardev_name(u64 addr, u32 len);
int ipcp_chardev_listen(struct file *file, void *argp);
int ipcp_chardev_provide(struct file *file, void *argp);
void ipcp_chardev_show_name(struct ipcp_file *f, struct ipcp_info *info);

ssize_t ipcp_io_read(struct kiocb *iocb, struct iov_iter *to);
ssize_t ipcp_io_write(struct kiocb *iocb, struct iov_iter *from);
int ipcp_io_send(struct file *file, const struct ipcp_batch *batch);
int ipcp_io_recv(struct file *file, const struct ipcp_batch *batch);
int ipcp_io_next_len(struct ipcp_flow *flow);

ssize_t ipcp_provide_read(struct kiocb *iocb, struct iov_iter *to);
ssize_t ipcp_provide_write(struct kiocb *iocb, struct iov_iter *from);
int ipcp_provide_send(struct file *file, const struct ipcp_batch *batch);
int ipcp_provide_recv(struct file *file, const struct ipcp_batch *batch);

int ipcp_io_not_allocated(const struct ipcp_flow *flow);

#endif /* _IPCP_CHARDEV_H */
