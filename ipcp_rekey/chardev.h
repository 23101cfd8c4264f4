/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_CHARDEV_H
#define _IPCP_CHARDEV_H

#include <linux/fs.h>
#include <linux/mutex.h>

struct ipcp_batch;
struct ipcp_flow;
struct ipcp_listener;
struct ipcp_net;
struct ipcp_wait;

/**
 * struct ipcp_file - an open file
 * @ipn: network namespace; the file holds a reference to it
 * @wait: wait queue of the file. Locking: set before the file can be found.
 * @lock: serialises the setting of @flow and @listener
 * @flow: flow, or NULL. Locking: set once under @lock, may be read locklessly
 *	with ipcp_file_flow().
 * @listener: listener, or NULL. Locking: set once under @lock, may be read
 *	locklessly with ipcp_file_listener().
 * @rcvtimeo: maximum time that a read waits, in jiffies. Locking: none,
 *	accessed with READ_ONCE() and WRITE_ONCE().
 * @sndtimeo: maximum time that a write waits, in jiffies. Locking: as
 *	@rcvtimeo.
 * @refused: positive errno why the last name was refused, or 0. Locking: @lock.
 * @reason: @refused in words, or NULL. Locking: @lock.
 */
struct ipcp_file {
	struct ipcp_net *ipn;
	struct ipcp_wait *wait;
	struct mutex lock;	/* @flow, @listener, @refused, @reason */
	struct ipcp_flow *flow;
	struct ipcp_listener *listener;
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

int ipcp_chardev_init(void);
void ipcp_chardev_exit(void);
long ipcp_chardev_ioctl(struct file *file, unsigned int cmd, unsigned long uarg);

struct ipcp_file *ipcp_file_new(struct ipcp_net *ipn, struct ipcp_wait *wait);
void ipcp_file_free(struct ipcp_file *f);
void ipcp_file_become_flow(struct ipcp_file *f, struct ipcp_flow *flow);
void ipcp_file_become_listener(struct ipcp_file *f, struct ipcp_listener *l);

ssize_t ipcp_io_read(struct kiocb *iocb, struct iov_iter *to);
ssize_t ipcp_io_write(struct kiocb *iocb, struct iov_iter *from);
int ipcp_io_send(struct file *file, const struct ipcp_batch *batch);
int ipcp_io_recv(struct file *file, const struct ipcp_batch *batch);
int ipcp_io_next_len(struct ipcp_flow *flow);

int ipcp_io_not_allocated(const struct ipcp_flow *flow);
int ipcp_io_slept(long left, long *timeo);

#endif /* _IPCP_CHARDEV_H */
