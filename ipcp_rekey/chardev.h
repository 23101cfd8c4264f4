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
 * @ipn: its namespace, which it pins
 * @wait: where its users sleep
 * @lock: serialises what makes it a flow or a listener
 * @flow: set once; NULL while it is not a flow
 * @listener: set once; NULL while it serves no name
 * @rcvtimeo: longest wait of a read in jiffies
 * @sndtimeo: longest wait of a write
 */
struct ipcp_file {
	struct ipcp_net *ipn;
	struct ipcp_wait *wait;
	struct mutex lock;	/* protects the becoming of the next two */
	struct ipcp_flow *flow;
	struct ipcp_listener *listener;
	long rcvtimeo;
	long sndtimeo;
};

/* The flow is complete before its file has it. */
static inline struct ipcp_flow *ipcp_file_flow(const struct ipcp_file *f)
{
	/* Paired with ipcp_file_become_flow(). */
	return smp_load_acquire(&f->flow);
}

/* The listener is complete before its file has it. */
static inline struct ipcp_listener *ipcp_file_listener(const struct ipcp_file *f)
{
	/* Paired with ipcp_file_become_listener(). */
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

int ipcp_io_not_allocated(const struct ipcp_flow *flow);
int ipcp_io_slept(long left, long *timeo);

#endif /* _IPCP_CHARDEV_H */
